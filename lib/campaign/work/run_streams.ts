/**
 * An event stream reports the end of a run without polling, and one stream request replaces many reads. An event only triggers a read: verdicts come
 * from the run itself.
 *
 * @module
 */
import { Reader } from "../../run/events.ts";
import { streamRefusal } from "../../service/stream.ts";
import { isTerminalType } from "../../run/result.ts";
import type { Session } from "../../run/session.ts";
import type { RequestPace } from "../plan/resolve.ts";

const AGAIN_MS = 60_000;

export class RunStreams {
  readonly #session: Session;
  readonly #pace: RequestPace;
  readonly #closed = new AbortController();
  readonly #live = new Map<string, AbortController>();
  readonly #notBefore = new Map<string, number>();
  readonly #ended = new Set<string>();
  #wake: (() => void) | undefined;
  #absent = false;

  constructor(session: Session, pace: RequestPace) {
    this.#session = session;
    this.#pace = pace;
  }

  isLive(runId: string): boolean {
    return this.#live.has(runId);
  }

  takeEnded(): string[] {
    const ended = [...this.#ended];
    this.#ended.clear();
    return ended;
  }

  keep(runIds: readonly string[]): void {
    const wanted = new Set(runIds);
    for (const [runId, controller] of this.#live) if (!wanted.has(runId)) controller.abort();
    for (const runId of wanted) {
      const isWaiting = (this.#notBefore.get(runId) ?? -Infinity) > this.#session.clock.now();
      if (!this.#absent && !this.#live.has(runId) && !isWaiting) void this.#watch(runId);
    }
  }

  async sleep(ms: number): Promise<void> {
    const { clock, signal } = this.#session;
    if (this.#ended.size > 0) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    const signals = [woken.signal, ...signal === undefined ? [] : [signal]];
    await clock.sleep(ms, { signal: AbortSignal.any(signals) }).catch(() => {});
    this.#wake = undefined;
    signal?.throwIfAborted();
  }

  wake(): void {
    this.#wake?.();
  }

  close(): void {
    this.#closed.abort();
    for (const controller of this.#live.values()) controller.abort();
  }

  async #watch(runId: string): Promise<void> {
    const { client, clock } = this.#session;
    const reader = new Reader(client, runId);
    if (clock.now() < reader.streamsFrom) {
      this.#absent = true;
      return;
    }
    const controller = new AbortController();
    this.#live.set(runId, controller);
    const signal = AbortSignal.any([controller.signal, this.#closed.signal]);
    try {
      const stream = await this.#pace.request((call) =>
        reader.open(undefined, { ...call, signal, maxAttempts: 1 }, clock.now())
      );
      signal.addEventListener("abort", () => stream.close(), { once: true });
      for (let step = await stream.next(); step.kind === "messages" && !signal.aborted; step = await stream.next()) {
        const isEnd = step.messages.some((item) => item.type === "event" && isTerminalType(item.event.type));
        if (isEnd) this.#tellEnd(runId);
      }
      stream.close();
    } catch (error) {
      if (streamRefusal(error, false) === "absent") this.#absent = true;
    } finally {
      this.#live.delete(runId);
      this.#notBefore.set(runId, clock.now() + AGAIN_MS);
    }
  }

  #tellEnd(runId: string): void {
    this.#ended.add(runId);
    this.#wake?.();
  }
}

import type { Clock } from "../clock.ts";
import type { NoticeFacts } from "../notice.ts";
import { type Failure, failureDelay } from "./retry.ts";

interface PacerOptions {
  clock: Clock;
  deadline: number;
  startedAt: number;
  signal: AbortSignal | undefined;
  /** With `quietly`, a wait is counted but not logged again. */
  notify: (notice: NoticeFacts, quietly?: boolean) => void;
  requests: () => number;
  random: () => number;
}

/** Source: design, "Quiet is visible". */
const HEARTBEAT_MS = 60_000;
const FORGET_MS = 600_000;

export class Pacer {
  readonly #options: PacerOptions;
  #spokeAt: number;
  #trouble = { what: "", until: -Infinity };
  status = "starting";

  constructor(options: PacerOptions) {
    this.#options = options;
    this.#spokeAt = options.clock.now();
  }

  get leftMs(): number {
    return this.#options.deadline - this.#options.clock.now();
  }

  spoke(): void {
    this.#spokeAt = this.#options.clock.now();
  }

  /**
   * @param cut Ends the wait when it aborts.
   * @returns Whether there is time left before the deadline.
   */
  async pause(ms: number, cut?: AbortSignal): Promise<boolean> {
    const { clock, deadline, signal } = this.#options;
    const signals = [signal, cut].filter((each) => each !== undefined);
    const until = Math.min(clock.now() + ms, deadline);
    for (let restMs = until - clock.now(); restMs > 0 && !cut?.aborted; restMs = until - clock.now()) {
      const silentMs = clock.now() - this.#spokeAt;
      if (silentMs + Math.min(restMs, HEARTBEAT_MS) > HEARTBEAT_MS) this.#heartbeat();
      await clock.sleep(Math.min(restMs, HEARTBEAT_MS), {
        signal: cut === undefined ? signal : AbortSignal.any(signals),
      }).catch((error) => {
        if (!cut?.aborted || signal?.aborted) throw error;
      });
    }
    return this.leftMs > 0;
  }

  /**
   * If a busy service sends a delay with each answer, only the first notice is logged, and heartbeats show that the job is still waiting.
   * @returns Whether there is time left before the deadline.
   */
  async waitAfter(what: string, failure: Failure, attempt: number): Promise<boolean> {
    const { clock, notify, random } = this.#options;
    const delayMs = Math.min(failureDelay(failure, attempt, random), Math.max(this.leftMs, 0));
    const { cause, detail, namedMs } = failure;
    // Each wait for the start limit is logged, because each of these waits delays a start. Polling simply continues.
    const lasting = namedMs !== null && cause !== "start_limit";
    const trouble = `${what}: ${detail}`;
    const isRepeated = lasting && this.#isKnown(trouble);
    if (lasting) this.#trouble = { what: trouble, until: clock.now() + delayMs + FORGET_MS };
    const untilMs = clock.wallTime() + delayMs;
    const named = namedMs !== null && namedMs <= delayMs;
    notify({ kind: "wait", what, cause, detail, attempt, delayMs, fromService: named, untilMs }, isRepeated);
    if (!isRepeated) this.spoke();
    return await this.pause(delayMs);
  }

  #isKnown(trouble: string): boolean {
    return this.#trouble.what === trouble && this.#options.clock.now() < this.#trouble.until;
  }

  #heartbeat(): void {
    const { clock, startedAt, notify, requests } = this.#options;
    notify({ kind: "heartbeat", status: this.status, elapsedMs: clock.now() - startedAt, requests: requests() });
    this.spoke();
  }
}

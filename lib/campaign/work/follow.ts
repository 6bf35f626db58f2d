import { isTerminal } from "../../service/contract.ts";
import { MogplexError } from "../../errors.ts";
import { laterFailure } from "../../service/retry.ts";
import { DEFAULT_MEAN_RUN_MS } from "../pace/next_starts.ts";
import { pollPlan } from "../pace/poll_plan.ts";
import { isAtRest, reachesThreshold } from "../view/progress.ts";
import { lookAtRun } from "./look.ts";
import type { OpenRun } from "./store.ts";
import { RunStreams } from "./run_streams.ts";
import { cancelsAreNew, obeyDecisions, worstOf } from "./settle.ts";
import { startSome } from "./start_item.ts";
import { previewStarts } from "./wave.ts";
import { readPullRequests, type Rest, serviceNow, takeStops, type Work } from "./work.ts";

export async function followToRest(work: Work): Promise<void> {
  await new Follower(work).run();
}

/** The wall time, on which windows and quotas depend, may jump during a sleep. */
const LONGEST_SLEEP_MS = 60_000;
const OBEY_AGAIN_MS = 60_000;
const ELSEWHERE_MS = 60_000;
const STOPS_MS = 10_000;
const FRESH_MS = 5_000;
/** Minimum time between two reads of a run whose stream is open. A proxy may delay the messages of the stream. */
const STREAM_MS = 5 * 60_000;
/** Waits between reads after a stream has reported the end of a run. The service may write the verdict later. */
const SOON_MS: readonly number[] = [500, 1_000, 2_000, 4_000, 8_000];

/** Whether a run is waiting for a person. The stream of such a run reports its end each time it is opened, so only a read can show an answer. */
function isWaiting({ start }: OpenRun): boolean {
  return start.status === "awaiting_input";
}

class Follower {
  readonly #work: Work;
  readonly #pacer;
  readonly #seenAt = new Map<string, number>();
  #rest: Rest | undefined;
  #obeyAt = -Infinity;
  #elsewhereAt: number;
  #failures = 0;
  #error: MogplexError | undefined;
  readonly #streams: RunStreams;
  readonly #soon = new Map<string, { at: number; count: number }>();

  constructor(work: Work) {
    this.#work = work;
    this.#pacer = work.session.pacer();
    this.#pacer.status = "running";
    this.#streams = new RunStreams(work.session, work.pace);
    this.#elsewhereAt = work.session.clock.now() + ELSEWHERE_MS;
  }

  async run(): Promise<void> {
    const { session: { clock, deadline }, store } = this.#work;
    const ending = new AbortController();
    this.#watchStops(ending.signal).catch(() => {});
    try {
      await takeStops(this.#work);
      while (!isAtRest(store.memory) && clock.now() < deadline) {
        await this.#followToRest();
        if (isAtRest(store.memory)) await this.#lookAtWaiting();
      }
      if (cancelsAreNew(this.#work)) await this.#obey();
      const { failures, unreadResults } = this.#work;
      const all = [...failures, ...unreadResults.values(), ...this.#error === undefined ? [] : [this.#error]];
      if (all.length > 0) throw worstOf(all);
    } finally {
      ending.abort();
      this.#streams.close();
    }
  }

  async #followToRest(): Promise<void> {
    const { session: { clock, deadline }, store } = this.#work;
    while (!isAtRest(store.memory) && clock.now() < deadline) {
      // Open starts are also given up whenever the journal is opened, but one process may keep the journal open for days.
      store.giveUpOpenStarts(clock.wallTime());
      if (isAtRest(store.memory)) return;
      await this.#lookElsewhere();
      await this.#pullRequests();
      await this.#obey();
      await this.#start();
      await this.#merge();
      if (isAtRest(this.#work.store.memory)) return;
      const next = this.#nextLook();
      const at = Math.min(
        ...[next?.atMs ?? Infinity, this.#startAt(), this.#obeyDueAt()],
        ...[clock.now() + LONGEST_SLEEP_MS, deadline],
      );
      if (at > clock.now()) await this.#streams.sleep(at - clock.now());
      if (next !== null && next.atMs <= clock.now()) await this.#look(next.open);
      // A run that has just finished may have a pull request, and a pull request may allow another start.
      if (isAtRest(this.#work.store.memory)) await this.#pullRequests();
    }
  }

  /** A person may have answered or cancelled these runs since the last read. */
  async #lookAtWaiting(): Promise<void> {
    const { session: { clock, deadline }, store } = this.#work;
    let isNew = false;
    for (const open of store.openRuns().filter(isWaiting)) {
      const seenAt = this.#seenAt.get(open.start.runId ?? "") ?? -Infinity;
      if (clock.now() < deadline && clock.now() - seenAt >= FRESH_MS && await this.#look(open)) isNew = true;
    }
    if (isNew) await this.#pullRequests();
  }

  async #watchStops(signal: AbortSignal): Promise<void> {
    const { clock } = this.#work.session;
    for (;;) {
      await clock.sleep(STOPS_MS, { signal, background: true });
      if (!await takeStops(this.#work)) continue;
      this.#rest = undefined;
      this.#streams.wake();
    }
  }

  async #lookElsewhere(): Promise<void> {
    const { session: { clock }, store } = this.#work;
    if (!store.isShared || clock.now() < this.#elsewhereAt) return;
    await store.checkUnmoved();
    this.#elsewhereAt = clock.now() + ELSEWHERE_MS;
  }

  #startAt(): number {
    if (this.#rest === undefined) return -Infinity;
    const { nextMs } = this.#rest;
    const { session } = this.#work;
    return nextMs === null ? Infinity : session.clock.now() + Math.max(nextMs - serviceNow(session), 0);
  }

  async #pullRequests(): Promise<void> {
    for (const item of await readPullRequests(this.#work)) {
      this.#rest = undefined;
      await this.#work.changed(item);
    }
  }

  async #merge(): Promise<void> {
    for (const item of await this.#work.merge()) {
      this.#rest = undefined;
      await this.#work.changed(item);
    }
  }

  #obeyDueAt(): number {
    return cancelsAreNew(this.#work) ? -Infinity : this.#obeyAt;
  }

  async #obey(): Promise<void> {
    const { session: { clock, ...session }, failures } = this.#work;
    if (this.#obeyDueAt() > clock.now()) return;
    const rest = await obeyDecisions(this.#work);
    this.#obeyAt = failures.length > 0
      ? clock.now() + OBEY_AGAIN_MS
      : rest === null
      ? Infinity
      : clock.now() + Math.max((rest.nextMs ?? 0) - serviceNow({ clock, ...session }), OBEY_AGAIN_MS);
  }

  async #start(): Promise<void> {
    const { clock } = this.#work.session;
    if (this.#startAt() > clock.now()) return;
    await this.#lookBeforeStart();
    const rest = await this.#tolerate("start runs", () => startSome(this.#work));
    if (rest === undefined) return;
    this.#rest = rest;
    await this.#work.waits(rest);
  }

  /**
   * Reads the active runs before a start if their failures would stop the campaign. Otherwise, the first finished run would allow a start, although
   * other runs have already failed.
   */
  async #lookBeforeStart(): Promise<void> {
    const { session: { clock }, store } = this.#work;
    const runs = store.openRuns();
    if (!reachesThreshold(store.memory, runs.length) || previewStarts(store, clock.wallTime()).length === 0) return;
    for (const open of runs) {
      const runId = open.start.runId ?? "";
      const ageMs = clock.now() - (this.#seenAt.get(runId) ?? -Infinity);
      const isFresh = ageMs < FRESH_MS || this.#isStreamed(open);
      if (!isFresh || this.#soon.has(runId)) await this.#look(open);
    }
  }

  #nextLook(): { atMs: number; open: OpenRun } | null {
    const { session, store, pace } = this.#work;
    const nowMs = session.clock.now();
    const ageOf = (at: string | null) => Math.max(serviceNow(session) - Date.parse(at ?? ""), 0) || 0;
    const runs = new Map(store.openRuns().map((open) => [open.start.runId ?? "", open]));
    this.#streams.keep([...runs].filter(([, open]) => !isWaiting(open)).map(([id]) => id));
    for (const id of this.#streams.takeEnded()) this.#soon.set(id, { at: nowMs, count: 0 });
    for (const id of this.#soon.keys()) if (!runs.has(id)) this.#soon.delete(id);
    const [soon] = [...this.#soon].map(([id, { at }]) => ({ id, atMs: at })).sort((a, b) => a.atMs - b.atMs);
    const poll = pollPlan({
      nowMs,
      runs: [...runs].filter(([id, open]) => !this.#isStreamed(open) && !this.#soon.has(id)).map(([id, { start }]) => ({
        id,
        status: this.#statusOf(id, start.status),
        startedMs: nowMs - ageOf(start.createdAt ?? start.slotAt),
        lastSeenMs: this.#seenAt.get(id) ?? null,
      })),
      meanRunMs: store.meanRunMs ?? DEFAULT_MEAN_RUN_MS,
      requestsMs: pace.lastMinute,
    });
    const next = soon === undefined || poll !== null && poll.atMs < soon.atMs ? poll : soon;
    const open = next === null ? undefined : runs.get(next.id);
    return next === null || open === undefined ? null : { atMs: next.atMs, open };
  }

  /**
   * Returns the status by which the next read of a run is scheduled. An open run with a final status was either found by the key of its start and not
   * read yet, or its events cannot be read. In the latter case, the next read is not urgent.
   */
  #statusOf(runId: string, status: string | null): string | null {
    if (status === null || !isTerminal(status)) return status;
    return this.#seenAt.has(runId) ? "awaiting_input" : null;
  }

  #isStreamed(open: OpenRun): boolean {
    const runId = open.start.runId ?? "";
    const seenAt = this.#seenAt.get(runId);
    return !isWaiting(open) && this.#streams.isLive(runId) && seenAt !== undefined &&
      this.#work.session.clock.now() - seenAt < STREAM_MS;
  }

  async #look(open: OpenRun): Promise<boolean> {
    const runId = open.start.runId ?? "";
    const changed = await this.#tolerate(`read run "${runId}"`, () => lookAtRun(this.#work, open));
    const now = this.#work.session.clock.now();
    this.#seenAt.set(runId, now);
    const { count = 0 } = this.#soon.get(runId) ?? {};
    // The stream may have reported another change, such as the start of the run, so the run may still be active.
    const goesOn = this.#work.store.openRuns().some((each) => each.start.runId === runId && !isWaiting(each));
    const waitMs = this.#soon.has(runId) && goesOn ? SOON_MS[count] : undefined;
    if (waitMs === undefined) this.#soon.delete(runId);
    else this.#soon.set(runId, { at: now + waitMs, count: count + 1 });
    if (!changed) return false;
    this.#rest = undefined;
    await this.#work.changed(open.item.item.id);
    return true;
  }

  async #tolerate<T>(what: string, step: () => Promise<T>): Promise<T | undefined> {
    const { session } = this.#work;
    try {
      const value = await step();
      this.#failures = 0;
      this.#error = undefined;
      return value;
    } catch (error) {
      session.signal?.throwIfAborted();
      const failure = laterFailure(error);
      if (failure === undefined || !(error instanceof MogplexError)) throw error;
      this.#error = error;
      if (!await this.#pacer.waitAfter(what, failure, ++this.#failures)) throw error;
      return undefined;
    }
  }
}

/**
 * One open stream, and waiting for it without ever falling silent or missing the deadline.
 *
 * @module
 */
import type { RunEventStream, StreamItem } from "../../api/stream.ts";
import type { Clock } from "../../clock.ts";
import type { StreamStep } from "../../http/stream.ts";
import type { Pacer } from "../../retry/pacer.ts";

/** Step of a stream of a run. */
export type LinkStep = StreamStep<StreamItem>;

/** How finely the wait for a stream is cut, in milliseconds: heartbeats are that much early at most. */
const SLICE_MS = 20_000;
/** Silence after which the run is looked at: the service sends no heartbeats. Source: design, "Following a run". */
const SILENCE_MS = 120_000;
/** What is added to it at random, as a fraction: jobs that began together are not to look together. */
const SILENCE_SPREAD = 0.25;
/** Growth of that while nothing comes; most looks of a quiet run would show nothing. */
const SILENCE_GROWTH = 1.5;
const MAX_SILENCE_MS = 300_000;
/** A connection that has lasted so long is replaced without counting as another failure. */
const LASTING_MS = 60_000;

/** How a pause ended: whether the deadline has not come, or with what error. */
type Tick = { inTime: boolean } | { error: unknown };

/** Paces the waiting for all streams of one follower. */
export class Ticker {
  readonly #pacer: Pacer;
  #ticking = false;
  /** A pause that ended while nobody waited. */
  #missed: Tick | undefined;
  #hear: ((tick: Tick) => void) | undefined;

  /** @param pacer Keeps deadline and heartbeat. */
  constructor(pacer: Pacer) {
    this.#pacer = pacer;
  }

  /**
   * Waits for something else.
   *
   * @returns Null when the deadline came first.
   */
  async race<T>(work: Promise<T>): Promise<T | null> {
    const done = work.then((value) => ({ value }));
    for (;;) {
      const first = await Promise.race([done, this.#tick()]);
      this.#hear = undefined;
      if ("value" in first) return first.value;
      if ("error" in first) throw first.error;
      if (!first.inTime) return null;
    }
  }

  /**
   * The end of the pause. It goes on in the background when the work is done first; the next wait takes it over. Each wait has a promise
   * of its own: a race would leave its result, with all messages, at a promise that outlives it.
   */
  #tick(): Promise<Tick> {
    const missed = this.#missed;
    this.#missed = undefined;
    if (missed !== undefined) return Promise.resolve(missed);
    const heard = new Promise<Tick>((resolve) => this.#hear = resolve);
    if (!this.#ticking) {
      this.#ticking = true;
      this.#pacer.pause(SLICE_MS).then((inTime) => this.#ended({ inTime }), (error) => this.#ended({ error }));
    }
    return heard;
  }

  #ended(tick: Tick): void {
    this.#ticking = false;
    const hear = this.#hear;
    this.#hear = undefined;
    if (hear === undefined) this.#missed = tick;
    else hear(tick);
  }
}

/** One open stream. */
export class StreamLink {
  readonly #stream: RunEventStream;
  readonly #clock: Clock;
  readonly #openedAt: number;
  readonly #shortestMs: number;
  #silenceMs: number;
  #heardAt: number;
  #reading: Promise<LinkStep> | undefined;
  /** Whether it began with the newest events, and none has come so far. */
  fromScratch: boolean;

  /**
   * @param fromScratch Whether it was opened without the id of an event.
   * @param random Jitter: a number from 0 up to 1.
   */
  constructor(stream: RunEventStream, clock: Clock, fromScratch: boolean, random: number) {
    this.#stream = stream;
    this.#clock = clock;
    this.#shortestMs = this.#silenceMs = Math.round(SILENCE_MS * (1 + SILENCE_SPREAD * random));
    this.#openedAt = clock.now();
    this.#heardAt = this.#openedAt;
    this.fromScratch = fromScratch;
  }

  /** Whether it has lasted for long. */
  get lasted(): boolean {
    return this.#clock.now() - this.#openedAt >= LASTING_MS;
  }

  /** Waits for messages, at most so many milliseconds. */
  within(limitMs: number): Promise<LinkStep> {
    return this.#stream.next(limitMs);
  }

  /** Waits for messages, `silent` after a while. @returns Null when the deadline came first. */
  async next(ticker: Ticker): Promise<LinkStep | null> {
    for (;;) {
      const left = this.#heardAt + this.#silenceMs - this.#clock.now();
      this.#reading ??= this.#stream.next(Math.max(left, 0));
      const step = await ticker.race(this.#reading);
      if (step === null) return null;
      this.#reading = undefined;
      // A comment is a sign of life of the connection, not of the service's listener.
      if (step.kind === "messages" && step.messages.length === 0) continue;
      this.#heardAt = this.#clock.now();
      this.#silenceMs = step.kind === "silent"
        ? Math.min(Math.round(this.#silenceMs * SILENCE_GROWTH), MAX_SILENCE_MS)
        : this.#shortestMs;
      return step;
    }
  }

  /** Ends it. */
  close(): void {
    this.#stream.close();
  }
}

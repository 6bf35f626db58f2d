/**
 * Waits for an open stream, with heartbeats and within the deadline.
 *
 * @module
 */
import type { RunEventStream, StreamItem } from "../../api/stream.ts";
import type { Clock } from "../../clock.ts";
import type { StreamStep } from "../../http/stream.ts";
import type { Pacer } from "../../retry/pacer.ts";

/** Outcome of one wait for the stream of a run. */
export type LinkStep = StreamStep<StreamItem>;

/** Length of one slice of a wait, in milliseconds: heartbeats come early by at most this. */
const SLICE_MS = 20_000;
/** Silence after which we read the run, in milliseconds: the service sends no heartbeats. Source: design, "Following a run". */
const SILENCE_MS = 120_000;
/** Random extra silence, as a fraction: jobs that started together should not all read at once. */
const SILENCE_SPREAD = 0.25;
/** Factor of the silence after each read that found the stream still silent, and its longest value in milliseconds. */
const SILENCE_GROWTH = 1.5;
const MAX_SILENCE_MS = 300_000;
/** A stream that lasted at least this long, in milliseconds, does not add to the count of failures when it ends. */
const LASTING_MS = 60_000;

/** How a pause ended: whether the deadline is still to come, or with which error. */
type Tick = { inTime: boolean } | { error: unknown };

/** Adds heartbeats and the deadline to waits, for all streams of one follower. */
export class Ticker {
  readonly #pacer: Pacer;
  #ticking = false;
  /** A pause that ended while no caller waited. */
  #missed: Tick | undefined;
  #hear: ((tick: Tick) => void) | undefined;

  constructor(pacer: Pacer) {
    this.#pacer = pacer;
  }

  /**
   * Waits for `work`, and sends heartbeats meanwhile.
   *
   * @returns The value of `work`; null if the deadline came first.
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
   * Waits for the end of the pause. The pause goes on in the background if the work is done first, and the next wait continues it. Each
   * wait has a promise of its own: a promise that outlives its races keeps the result of each race, with all its messages.
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
  /** Whether it was opened without an id, and no event has come so far. */
  fromScratch: boolean;

  /**
   * @param fromScratch Whether it was opened without the id of an event.
   * @param random Number from 0 up to 1, for jitter.
   */
  constructor(stream: RunEventStream, clock: Clock, fromScratch: boolean, random: number) {
    this.#stream = stream;
    this.#clock = clock;
    this.#shortestMs = this.#silenceMs = Math.round(SILENCE_MS * (1 + SILENCE_SPREAD * random));
    this.#openedAt = clock.now();
    this.#heardAt = this.#openedAt;
    this.fromScratch = fromScratch;
  }

  /** Whether it has been open for at least a minute. */
  get lasted(): boolean {
    return this.#clock.now() - this.#openedAt >= LASTING_MS;
  }

  /** Waits for messages, at most `limitMs` milliseconds and without heartbeats. */
  within(limitMs: number): Promise<LinkStep> {
    return this.#stream.next(limitMs);
  }

  /** Waits for messages; gives `silent` after two minutes or more without any. @returns Null if the deadline came first. */
  async next(ticker: Ticker): Promise<LinkStep | null> {
    for (;;) {
      const silenceLeftMs = this.#heardAt + this.#silenceMs - this.#clock.now();
      this.#reading ??= this.#stream.next(Math.max(silenceLeftMs, 0));
      const step = await ticker.race(this.#reading);
      if (step === null) return null;
      this.#reading = undefined;
      // A comment shows that the connection is alive, but not that the service still watches the run.
      if (step.kind === "messages" && step.messages.length === 0) continue;
      this.#heardAt = this.#clock.now();
      this.#silenceMs = step.kind === "silent"
        ? Math.min(Math.round(this.#silenceMs * SILENCE_GROWTH), MAX_SILENCE_MS)
        : this.#shortestMs;
      return step;
    }
  }

  /** Ends the stream and its connection. */
  close(): void {
    this.#stream.close();
  }
}

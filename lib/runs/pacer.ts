/**
 * Waiting within a deadline, without ever falling silent for long.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { OnNotice } from "../notice.ts";
import type { Setback } from "./setback.ts";
import { setbackDelay } from "./setback.ts";

/** Options of {@linkcode Pacer}. */
export interface PacerOptions {
  /** Time. */
  clock: Clock;
  /** Point on the clock after which nothing is waited for. */
  deadline: number;
  /** Point on the clock from which elapsed time is counted. */
  startedAt: number;
  /** Ends every wait. */
  signal: AbortSignal | undefined;
  /** Hears of waits and heartbeats. */
  notify: OnNotice;
  /** Requests sent so far. */
  requests: () => number;
  /** Jitter of our own delays: numbers from 0 up to 1. */
  random: () => number;
}

/** Longest silence, in milliseconds. Source: design, "Quiet is visible". */
const SILENCE_MS = 60_000;
const BACKOFF_MS = 1_000;

/** Keeps the deadline and the heartbeat of one job. */
export class Pacer {
  readonly #options: PacerOptions;
  #spokeAt: number;
  /** What heartbeats call the status. */
  status = "starting";

  /** @param options See {@linkcode PacerOptions}. */
  constructor(options: PacerOptions) {
    this.#options = options;
    this.#spokeAt = options.clock.now();
  }

  /** Milliseconds until the deadline; not positive once it has passed. */
  get left(): number {
    return this.#options.deadline - this.#options.clock.now();
  }

  /** Something was said to the reader, so that no heartbeat is needed for a while. */
  spoke(): void {
    this.#spokeAt = this.#options.clock.now();
  }

  /**
   * Waits, at most until the deadline. Before a wait that would make the silence too long a heartbeat is told.
   *
   * @returns Whether the deadline has not come yet.
   * @throws `signal.reason` if the signal aborts.
   */
  async pause(ms: number): Promise<boolean> {
    const { clock, deadline, signal } = this.#options;
    const until = Math.min(clock.now() + ms, deadline);
    for (let left = until - clock.now(); left > 0; left = until - clock.now()) {
      const silentFor = clock.now() - this.#spokeAt;
      if (silentFor + Math.min(left, SILENCE_MS) > SILENCE_MS) this.#heartbeat();
      await clock.sleep(Math.min(left, SILENCE_MS), { signal });
    }
    return this.left > 0;
  }

  /**
   * Tells of a setback and waits as long as it takes.
   *
   * @param what What is attempted, as in error messages.
   * @param attempt Attempts so far that failed in a row, at least 1.
   * @param baseMs Longest own delay after the first of them.
   * @returns Whether the deadline has not come yet.
   */
  async setBack(what: string, setback: Setback, attempt: number, baseMs = BACKOFF_MS): Promise<boolean> {
    const { clock, notify, random } = this.#options;
    const delayMs = setbackDelay(setback, attempt, baseMs, random);
    const { cause, detail, namedMs } = setback;
    const untilMs = clock.wallTime() + delayMs;
    notify({ kind: "wait", what, cause, detail, attempt, delayMs, named: namedMs !== null, untilMs });
    this.spoke();
    return await this.pause(delayMs);
  }

  #heartbeat(): void {
    const { clock, startedAt, notify, requests } = this.#options;
    notify({ kind: "heartbeat", status: this.status, elapsedMs: clock.now() - startedAt, requests: requests() });
    this.spoke();
  }
}

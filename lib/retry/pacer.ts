/**
 * Waiting within a deadline, without ever falling silent for long.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Notice } from "../notice.ts";
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
  /** Hears of waits and heartbeats. `quietly`: it is counted, but the reader is not told once more. */
  notify: (notice: Notice, quietly?: boolean) => void;
  /** Requests sent so far. */
  requests: () => number;
  /** Jitter of our own delays: numbers from 0 up to 1. */
  random: () => number;
}

/** Longest silence, in milliseconds. Source: design, "Quiet is visible". */
const SILENCE_MS = 60_000;
const BACKOFF_MS = 1_000;
/** Calm after which a busy service is news again, in milliseconds. */
const FORGET_MS = 600_000;

/** Keeps the deadline and the heartbeat of one job. */
export class Pacer {
  readonly #options: PacerOptions;
  #spokeAt: number;
  /** The lasting trouble that the reader has been told of, and when it is over if nothing more is met. */
  #told = { what: "", until: -Infinity };
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
   * Tells of a setback and waits as long as it takes, at most until the deadline. A service that is busy and says for how long
   * is told of once: while that goes on, further waits show in the heartbeats alone.
   *
   * @param what What is attempted, as in error messages.
   * @param attempt Attempts so far that failed in a row, at least 1.
   * @param baseMs Longest own delay after the first of them.
   * @returns Whether the deadline has not come yet.
   */
  async setBack(what: string, setback: Setback, attempt: number, baseMs = BACKOFF_MS): Promise<boolean> {
    const { clock, notify, random } = this.#options;
    const delayMs = Math.min(setbackDelay(setback, attempt, baseMs, random), Math.max(this.left, 0));
    const { cause, detail, namedMs } = setback;
    // What a start waits for differs each time; a rhythm goes on by itself.
    const lasting = namedMs !== null && cause !== "start_limit";
    const known = lasting && this.#knows(`${what}: ${detail}`, clock.now() + delayMs);
    const untilMs = clock.wallTime() + delayMs;
    const named = namedMs !== null && namedMs <= delayMs;
    notify({ kind: "wait", what, cause, detail, attempt, delayMs, named, untilMs }, known);
    if (!known) this.spoke();
    return await this.pause(delayMs);
  }

  /** Whether the reader knows of a lasting trouble; from now on so it is. */
  #knows(what: string, until: number): boolean {
    const told = this.#told;
    const known = told.what === what && this.#options.clock.now() < told.until;
    this.#told = { what, until: until + FORGET_MS };
    return known;
  }

  #heartbeat(): void {
    const { clock, startedAt, notify, requests } = this.#options;
    notify({ kind: "heartbeat", status: this.status, elapsedMs: clock.now() - startedAt, requests: requests() });
    this.spoke();
  }
}

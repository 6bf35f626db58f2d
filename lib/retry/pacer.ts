/**
 * Waits within a deadline, with a heartbeat so that the log is never silent for long.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Notice } from "../notice.ts";
import { type Setback, setbackDelay } from "./setback.ts";

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
  /** Hears of waits and heartbeats. `quietly`: it is counted, but not logged again. */
  notify: (notice: Notice, quietly?: boolean) => void;
  /** Requests sent so far. */
  requests: () => number;
  /** Jitter of our own delays: numbers from 0 up to 1. */
  random: () => number;
}

// All in milliseconds.
/** Longest time without a line in the log. Source: design, "Quiet is visible". */
const HEARTBEAT_MS = 60_000;
/** Longest own delay after the first failed attempt. */
const BACKOFF_MS = 1_000;
/** Calm after which the same trouble is told again. */
const FORGET_MS = 600_000;

/** Keeps deadline and heartbeat of one job. */
export class Pacer {
  readonly #options: PacerOptions;
  #spokeAt: number;
  /** The lasting trouble that the log already shows, and the point on the clock at which it counts as over. */
  #trouble = { what: "", until: -Infinity };
  /** Status that heartbeats show. */
  status = "starting";

  /** @param options See {@linkcode PacerOptions}. */
  constructor(options: PacerOptions) {
    this.#options = options;
    this.#spokeAt = options.clock.now();
  }

  /** Milliseconds until the deadline; 0 or less once it has passed. */
  get leftMs(): number {
    return this.#options.deadline - this.#options.clock.now();
  }

  /** Notes that a line was logged, so that no heartbeat is needed for a while. */
  spoke(): void {
    this.#spokeAt = this.#options.clock.now();
  }

  /**
   * Waits, at most until the deadline. A heartbeat comes before a wait that would leave the log silent for too long.
   *
   * @returns Whether the deadline has not come yet.
   * @throws `signal.reason` if the signal aborts.
   */
  async pause(ms: number): Promise<boolean> {
    const { clock, deadline, signal } = this.#options;
    const until = Math.min(clock.now() + ms, deadline);
    for (let restMs = until - clock.now(); restMs > 0; restMs = until - clock.now()) {
      const silentMs = clock.now() - this.#spokeAt;
      if (silentMs + Math.min(restMs, HEARTBEAT_MS) > HEARTBEAT_MS) this.#heartbeat();
      await clock.sleep(Math.min(restMs, HEARTBEAT_MS), { signal });
    }
    return this.leftMs > 0;
  }

  /**
   * Announces a setback and waits as long as it takes, at most until the deadline. A busy service that says for how long is
   * announced once: while that goes on, further waits show in the heartbeats alone.
   *
   * @param what What is attempted, as in error messages.
   * @param attempt Attempts so far that failed in a row, at least 1.
   * @param baseMs Longest own delay after the first of them.
   * @returns Whether the deadline has not come yet.
   */
  async setBack(what: string, setback: Setback, attempt: number, baseMs = BACKOFF_MS): Promise<boolean> {
    const { clock, notify, random } = this.#options;
    const delayMs = Math.min(setbackDelay(setback, attempt, baseMs, random), Math.max(this.leftMs, 0));
    const { cause, detail, namedMs } = setback;
    // A start waits for another slot each time, which is news; a rhythm goes on by itself.
    const lasting = namedMs !== null && cause !== "start_limit";
    const trouble = `${what}: ${detail}`;
    const known = lasting && this.#isKnown(trouble);
    if (lasting) this.#trouble = { what: trouble, until: clock.now() + delayMs + FORGET_MS };
    const untilMs = clock.wallTime() + delayMs;
    const named = namedMs !== null && namedMs <= delayMs;
    notify({ kind: "wait", what, cause, detail, attempt, delayMs, named, untilMs }, known);
    if (!known) this.spoke();
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

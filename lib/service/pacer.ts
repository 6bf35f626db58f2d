/**
 * Waits within a deadline, with heartbeats so that the log is never silent for more than a minute.
 * @module
 */
import type { Clock } from "../clock.ts";
import type { NoticeFacts } from "../notice.ts";
import { type Failure, failureDelay } from "./retry.ts";

interface PacerOptions {
  clock: Clock;
  /** End of every wait on the clock, in milliseconds. */
  deadline: number;
  /** Start of the elapsed time in heartbeats, on the clock. */
  startedAt: number;
  signal: AbortSignal | undefined;
  /** Called for waits and heartbeats. `quietly`: count the wait, but do not log it again. */
  notify: (notice: NoticeFacts, quietly?: boolean) => void;
  requests: () => number;
  /** From 0 up to 1, for jitter. */
  random: () => number;
}

/** Longest time without a line in the log, in milliseconds. Source: design, "Quiet is visible". */
const HEARTBEAT_MS = 60_000;
/** Time after which the same trouble is logged again. */
const FORGET_MS = 600_000;

export class Pacer {
  readonly #options: PacerOptions;
  #spokeAt: number;
  /** The lasting trouble in the log, and the time until which it is not logged again. */
  #trouble = { what: "", until: -Infinity };
  /** Status in heartbeats. Set it whenever it changes. */
  status = "starting";

  constructor(options: PacerOptions) {
    this.#options = options;
    this.#spokeAt = options.clock.now();
  }

  /** Milliseconds until the deadline; 0 or less once it has passed. */
  get leftMs(): number {
    return this.#options.deadline - this.#options.clock.now();
  }

  /** Call this after logging a line, to postpone the next heartbeat. */
  spoke(): void {
    this.#spokeAt = this.#options.clock.now();
  }

  /**
   * Waits, at most until the deadline. Sends a heartbeat before a wait that would leave the log silent for too long.
   * @param ms Milliseconds.
   * @param cut Ends the wait when it fires.
   * @returns Whether there is time left before the deadline.
   * @throws `signal.reason` if the signal aborts.
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
   * Sends a notice about a failure and waits, at most until the deadline. If a busy service keeps naming a delay, only the first notice is logged,
   * and heartbeats show that the job still waits.
   * @param what The attempt, after "Cannot".
   * @param attempt Number of failed attempts in a row, at least 1.
   * @returns Whether there is time left before the deadline.
   * @throws `signal.reason` if the signal aborts.
   */
  async waitAfter(what: string, failure: Failure, attempt: number): Promise<boolean> {
    const { clock, notify, random } = this.#options;
    const delayMs = Math.min(failureDelay(failure, attempt, random), Math.max(this.leftMs, 0));
    const { cause, detail, namedMs } = failure;
    // Log each wait of a start: it is for another permitted start each time. Polling simply continues.
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

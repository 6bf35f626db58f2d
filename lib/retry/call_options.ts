/**
 * Limits of a single call of the client.
 *
 * @module
 */

/** How long and how often one call may try. All durations in milliseconds. */
export interface CallOptions {
  /** Ends the call, which then rejects with `signal.reason`. @default {undefined} */
  signal?: AbortSignal | undefined;
  /**
   * Point on the client's clock (`clock.now()`) until which the call may wait and try again. If the next wait would pass it, the
   * call throws the last error at once. The first attempt is always made and gets at least 2 s (less if `requestTimeoutMs` is
   * less), so that a last read at a deadline is possible. It is no date: `Date.now()` plus something is refused.
   * @default now + 120 000 ms
   */
  deadline?: number | undefined;
  /**
   * Whether an attempt may pass the deadline, within its own limit. The deadline then only limits waits. @default {false}
   */
  overrun?: boolean | undefined;
  /** Most attempts, the first one included; 1 never retries. @default {Infinity} (limited by the deadline) */
  maxAttempts?: number | undefined;
  /** Number of the first attempt for `onRequest`, where the caller repeats calls itself. @default {1} */
  attempt?: number | undefined;
  /** Longest time of one attempt, headers and body together. @default {30_000} */
  requestTimeoutMs?: number | undefined;
}

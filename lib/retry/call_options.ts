/**
 * How long and how often a call may try.
 *
 * @module
 */

/** How long and how often one call may try. */
export interface CallOptions {
  /** Ends the call; it then rejects with `signal.reason`. @default {undefined} */
  signal?: AbortSignal | undefined;
  /**
   * Point on the client's clock (`clock.now()`) until which the call may wait and try again. What does not fit is not waited
   * for: the last error is thrown at once. The first attempt is always made, and has at least 2 s (less when
   * `requestTimeoutMs` says so), so that a last look at a deadline is possible. @default now + 120 000 ms
   */
  deadline?: number | undefined;
  /**
   * Whether an attempt keeps its own limit when the deadline is nearer, so that the deadline bounds the waiting alone. @default {false}
   */
  overrun?: boolean | undefined;
  /** Attempts in all, the first included; 1 turns retrying off. @default {Infinity} (the deadline bounds it) */
  maxAttempts?: number | undefined;
  /** Limit of one attempt in milliseconds, headers and body together. @default {30_000} */
  requestTimeoutMs?: number | undefined;
}

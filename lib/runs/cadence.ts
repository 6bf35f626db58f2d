/**
 * How long to wait before the next look at a run: a pure step from one state to the next.
 *
 * The budget is 60 requests in 60 s per token, shared with jobs that nobody can see. Whatever else should move the rhythm
 * (streams, growing and shrinking by what the limiter answers) is one more {@linkcode CadenceEvent}.
 *
 * @module
 */

/** Where the rhythm is. */
export interface CadenceState {
  /** Jobs that use the token at the same time, at least 1. */
  readonly tokenShare: number;
  /** Delays that come before the ladder, soonest first, in milliseconds. */
  readonly burst: readonly number[];
  /** Present step of the ladder, in milliseconds. */
  readonly intervalMs: number;
}

/** What a look met. */
export type CadenceEvent =
  /** Something new: an event, another status. */
  | { readonly kind: "news" }
  /** Nothing new. */
  | { readonly kind: "quiet" }
  /** An event that comes just before the end of a run; its status does not say so yet. */
  | { readonly kind: "ending" }
  /** The token's limit was met; the service named its own delay, or none. */
  | { readonly kind: "refused" };

/** Delay before the first looks: a run that exists may have ended, one that just began may fail to start. */
const YOUNG_MS: readonly number[] = [1_000, 2_000, 3_000];
/** Looks after an event that ends a run. Source: design, "Following a run": the event comes before the row's status. */
const ENDING_MS: readonly number[] = [300, 600, 1_200, 2_400, 5_000];
/** Interval while things happen. Source: contract, section 11: 3 to 5 s. */
const ACTIVE_MS = 4_000;
/** Interval from which it grows slowly: a run of ten quiet minutes stays below 72 requests, its end is seen soon. */
const CALM_MS = 10_000;
/** Longest interval. Source: contract, section 11: 15 s when idle. */
const IDLE_MS = 15_000;
const FAST_GROWTH = 1.3;
const SLOW_GROWTH = 1.015;
/** Shortest lasting interval of one job: 80 % of 60 requests in 60 s. Source: API reference, "Rate limits". */
const FAIR_MS = 60_000 / 48;

/**
 * The rhythm of a follower that has not looked yet.
 *
 * @param tokenShare Jobs that use the token at the same time, at least 1.
 */
export function startCadence(tokenShare: number): CadenceState {
  return { tokenShare, burst: YOUNG_MS, intervalMs: ACTIVE_MS };
}

function grown(intervalMs: number): number {
  const next = intervalMs < CALM_MS ? Math.min(intervalMs * FAST_GROWTH, CALM_MS) : intervalMs * SLOW_GROWTH;
  return Math.round(Math.min(next, IDLE_MS));
}

function moved(state: CadenceState, event: CadenceEvent): CadenceState {
  switch (event.kind) {
    case "news":
      return { ...state, intervalMs: ACTIVE_MS };
    case "ending":
      return { ...state, burst: ENDING_MS, intervalMs: ACTIVE_MS };
    case "refused":
      return { ...state, burst: [], intervalMs: IDLE_MS };
    case "quiet":
      return state;
  }
}

/**
 * The next delay, and the state after it.
 *
 * @param state Where the rhythm is.
 * @param event What the last look met.
 * @returns The delay in milliseconds, without regard to any deadline.
 */
export function nextDelay(state: CadenceState, event: CadenceEvent): { state: CadenceState; delayMs: number } {
  const after = moved(state, event);
  const [first, ...rest] = after.burst;
  if (first !== undefined) return { state: { ...after, burst: rest }, delayMs: first * after.tokenShare };
  // A ladder that is multiplied by the share would leave most of the budget unused: only its floor has to be.
  const delayMs = Math.max(after.intervalMs, FAIR_MS * after.tokenShare);
  return { state: { ...after, intervalMs: grown(after.intervalMs) }, delayMs };
}

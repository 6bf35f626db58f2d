/**
 * How long to wait before the next look at a run: a pure step from one state to the next.
 *
 * The budget is 60 requests in 60 s per token, shared with jobs that nobody can see. All that a job ever learns of the others
 * is a refusal, and that costs it 60 s without sight. So the rhythm starts where five jobs fit, a refusal multiplies the
 * interval, and what was learnt is unlearnt slowly, by a little more of the budget for each calm stretch. The figures are those
 * that `bench/fleet` bears out.
 *
 * @module
 */

/** Where the rhythm is. */
export interface CadenceState {
  /** Jobs that use the token at the same time, as far as somebody has said, at least 1. */
  readonly tokenShare: number;
  /** Delays that come before the ladder, soonest first, in milliseconds. */
  readonly burst: readonly number[];
  /** Whether the burst is that of a run which is about to end: no share holds it back. */
  readonly ending: boolean;
  /** When the first look came; undefined before. */
  readonly sinceMs: number | undefined;
  /** When something new was seen last. */
  readonly newsAtMs: number;
  /** Looks that showed something new. */
  readonly news: number;
  /** When the newest looks were let through, oldest first, at most {@linkcode FEW_LOOKS} + 1 of them. */
  readonly looks: readonly number[];
  /** Interval that the limiter has taught, in milliseconds; 0 while it has taught nothing. */
  readonly floorMs: number;
  /** Refusals so far. */
  readonly refusals: number;
  /** Point from which the present calm stretch is counted. */
  readonly calmSinceMs: number;
}

/** What a look met. */
export type CadenceEvent =
  /** Something new: an event, another status. */
  | { readonly kind: "news" }
  /** Nothing new. */
  | { readonly kind: "quiet" }
  /** An event that comes just before the end of a run; its status does not say so yet. */
  | { readonly kind: "ending" }
  /** The token's limit was met; `namedMs` is the delay that the service named, null when it named none. */
  | { readonly kind: "refused"; readonly namedMs: number | null }
  /** The service is busy and named a delay. */
  | { readonly kind: "busy"; readonly namedMs: number };

/** When a look was, and what the next one has to respect. */
export interface Moment {
  /** Point on a clock, in milliseconds. */
  readonly atMs: number;
  /** Milliseconds until the deadline; no delay is longer. */
  readonly leftMs: number;
  /** Number from 0 up to 1, for jitter. */
  readonly random: number;
}

/** Delay before the first looks: a run that exists may have ended, one that just began may fail to start. */
const YOUNG_MS: readonly number[] = [1_000, 2_000, 3_000];
/** Looks after an event that ends a run. Source: design, "Following a run": the event comes before the row's status. */
const ENDING_MS: readonly number[] = [300, 600, 1_200, 2_400, 5_000];
/** How long a run counts as young, in milliseconds: its sandbox boots, so that it can hardly end. */
const YOUTH_MS = 60_000;
/** Interval after the first looks at a young run: together they are no more than eleven in the first minute. */
const YOUTH_INTERVAL_MS = 6_800;
/** Interval while things happen: five jobs that know nothing of each other stay below 60 requests a minute. */
const ACTIVE_MS = 5_500;
/** Silence after which a run counts as idle, in milliseconds. */
const IDLE_AFTER_MS = 120_000;
/** The same for a run that hardly ever speaks: as it does with a service that tells nothing of the agent's work. */
const TACITURN_IDLE_AFTER_MS = 20_000;
/** Looks that showed something new, at most, of such a run. Source: contract 4.2: boot and preparation show in two to five. */
const TACITURN_NEWS = 5;
/** Interval of an idle run: ten quiet minutes take at most 72 requests. */
const IDLE_MS = 10_200;
/** Half the width of the jitter, as a fraction. */
const JITTER = 0.06;

/** Window of the service's limiter, in milliseconds. Source: API reference, "Rate limits". */
const WINDOW_MS = 60_000;
/** Shortest lasting interval of one job: 90 % of the budget, since starts, ends and other commands need some of it. */
const FAIR_MS = WINDOW_MS / 54;
/** Looks of our own in a full window at most which the others are many: 60 requests, hardly one of them ours. */
const FEW_LOOKS = 3;
/** Interval after the first refusal. */
const FIRST_FLOOR_MS = 16_000;
/** The same when hardly a look was let through in the minute before it. */
const CROWDED_FLOOR_MS = 25_000;
/** What the interval is multiplied by at the second refusal, and at each later one. */
const SECOND_FACTOR = 2.2;
const LATER_FACTOR = 3;
/** The same when no look at all was let through in the minute before: waiting as asked was not enough. */
const BLIND_FACTOR = 4.5;
/** Longest interval that the limiter can teach: a hundred jobs need 100 s each, and unequal luck some more. */
const MAX_FLOOR_MS = 200_000;
/** How far jobs that were refused together are spread when they come back: this much of the interval, at most twice the wait. */
const SPREAD = 0.5;
/** What a calm stretch gives back, in requests a minute. */
const EASE_PER_MINUTE = 0.15;
/** Length of a calm stretch after one refusal; each further one makes it this many times longer, up to a limit. */
const CALM_MS = 60_000;
const CALM_GROWTH = 4;
const MAX_CALM_MS = 600_000;

/**
 * The rhythm of a follower that has not looked yet.
 *
 * @param tokenShare Jobs that use the token at the same time, at least 1.
 */
export function startCadence(tokenShare: number): CadenceState {
  return {
    tokenShare,
    burst: YOUNG_MS,
    ending: false,
    sinceMs: undefined,
    newsAtMs: 0,
    news: 0,
    looks: [],
    floorMs: 0,
    refusals: 0,
    calmSinceMs: 0,
  };
}

/** Shortest delay that a share of the token's budget permits, in milliseconds; 0 for a token of its own. */
export function shareMs(tokenShare: number): number {
  return tokenShare > 1 ? FAIR_MS * tokenShare : 0;
}

/** Gives a little of the budget back for each calm stretch that has passed: additive increase. */
function eased(state: CadenceState, atMs: number): CadenceState {
  let { floorMs, calmSinceMs } = state;
  const stretchMs = Math.min(CALM_MS * CALM_GROWTH ** (state.refusals - 1), MAX_CALM_MS);
  for (; floorMs > 0 && atMs - calmSinceMs >= stretchMs; calmSinceMs += stretchMs) {
    const perMinute = 60_000 / floorMs + EASE_PER_MINUTE;
    floorMs = 60_000 / perMinute;
  }
  return { ...state, floorMs, calmSinceMs };
}

/** The interval after a refusal: multiplicative decrease. */
function floorAfter({ floorMs, refusals, looks }: CadenceState, atMs: number): number {
  const own = looks.filter((look) => look > atMs - WINDOW_MS).length;
  if (refusals === 0) return own > FEW_LOOKS ? FIRST_FLOOR_MS : CROWDED_FLOOR_MS;
  const factor = own === 0 ? BLIND_FACTOR : refusals === 1 ? SECOND_FACTOR : LATER_FACTOR;
  return Math.min(floorMs * factor, MAX_FLOOR_MS);
}

function refused(state: CadenceState, namedMs: number | null, atMs: number): CadenceState {
  return {
    ...state,
    burst: [],
    ending: false,
    floorMs: floorAfter(state, atMs),
    refusals: state.refusals + 1,
    calmSinceMs: atMs + (namedMs ?? 0),
  };
}

function seen(state: CadenceState, kind: "news" | "quiet" | "ending", atMs: number): CadenceState {
  const { sinceMs = atMs, newsAtMs, news } = state;
  return {
    ...state,
    sinceMs,
    ...(kind === "quiet" ? { newsAtMs: Math.max(newsAtMs, sinceMs) } : { newsAtMs: atMs, news: news + 1 }),
    looks: [...state.looks, atMs].slice(-FEW_LOOKS - 1),
    ...(kind === "ending" && { burst: ENDING_MS, ending: true }),
  };
}

/** The interval that the run itself asks for. */
function ladder({ sinceMs, newsAtMs, news, refusals }: CadenceState, atMs: number): number {
  if (refusals === 0 && sinceMs !== undefined && atMs - sinceMs < YOUTH_MS) return YOUTH_INTERVAL_MS;
  const idleAfter = news > TACITURN_NEWS ? IDLE_AFTER_MS : TACITURN_IDLE_AFTER_MS;
  return atMs - newsAtMs < idleAfter ? ACTIVE_MS : IDLE_MS;
}

function delayOf(state: CadenceState, event: CadenceEvent, { atMs, random }: Moment): [CadenceState, number] {
  const jitter = 1 - JITTER + 2 * JITTER * random;
  const lowestMs = shareMs(state.tokenShare);
  const interval = Math.max(ladder(state, atMs), state.floorMs, lowestMs / (1 - JITTER));
  if (event.kind === "refused" || event.kind === "busy") {
    // What the service named is kept in full; only what comes on top of it is ours, and differs from job to job.
    if (event.namedMs === null) return [state, interval * jitter];
    return [state, event.namedMs + Math.min(interval * SPREAD, 2 * event.namedMs) * random];
  }
  const [first, ...burst] = state.burst;
  if (first === undefined) return [state, interval * jitter];
  const next = { ...state, burst, ending: state.ending && burst.length > 0 };
  return [next, state.ending ? first : Math.max(first * jitter, lowestMs)];
}

/**
 * The next delay, and the state after it.
 *
 * @param state Where the rhythm is.
 * @param event What the last look met.
 * @param moment When that was.
 * @returns The delay in milliseconds, 0 or more, not beyond the deadline.
 */
export function nextDelay(
  state: CadenceState,
  event: CadenceEvent,
  moment: Moment,
): { state: CadenceState; delayMs: number } {
  const { atMs, leftMs } = moment;
  const calm = eased(state, atMs);
  let after = calm;
  if (event.kind === "refused") after = refused(calm, event.namedMs, atMs);
  else if (event.kind !== "busy") after = seen(calm, event.kind, atMs);
  const [next, delayMs] = delayOf(after, event, moment);
  return { state: next, delayMs: Math.max(0, Math.min(Math.round(delayMs), leftMs)) };
}

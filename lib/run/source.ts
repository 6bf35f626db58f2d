import { type Clock, OVER } from "../clock.ts";
import { MogplexError } from "../errors.ts";
import type { CallOptions } from "../service/client.ts";
import type { Pacer } from "../service/pacer.ts";
import { type Failure, isUnreached, retry } from "../service/retry.ts";
import type { TokenMemory } from "../service/memory.ts";
import type { Connected } from "./session.ts";

export interface Subject<N> {
  readonly what: string;
  read(call: CallOptions): Promise<N>;
  /** Makes the service repair the record of a run whose worker died. {@linkcode Subject.read} does not. */
  readRecord?(call: CallOptions): Promise<N>;
}

export interface Source<N> {
  /**
   * @param last Outcome of the last read, which determines the wait; absent in the first call.
   * @returns `null` if the deadline passed first.
   */
  next(last?: CadenceEvent): Promise<N | null>;
  close(): void;
}

export interface SourceOptions<S> {
  clock: Clock;
  subject: S;
  pacer: Pacer;
  memory: TokenMemory;
  deadline: number;
  signal: AbortSignal;
  tokenShare: number;
  random: () => number;
}

const SILENCE_MS = 120_000;

export class PollingSource<N> implements Source<N> {
  readonly #options: SourceOptions<Subject<N>>;
  #cadence: CadenceState;
  #heardAt: number;
  #leave: (() => void) | undefined;

  constructor(options: SourceOptions<Subject<N>>) {
    this.#options = options;
    this.#heardAt = options.clock.now();
    this.#cadence = startCadence(options.tokenShare);
  }

  async #turn(): Promise<boolean> {
    const { pacer, memory: { pace }, clock, tokenShare } = this.#options;
    this.#leave ??= pace.join();
    const waitMs = pace.turn(clock.now(), tokenShare);
    return waitMs === 0 || await pacer.pause(waitMs);
  }

  async next(last?: CadenceEvent): Promise<N | null> {
    const { subject, pacer, clock, signal } = this.#options;
    if (last?.kind !== "quiet") this.#heardAt = clock.now();
    if (last !== undefined && !await pacer.pause(this.#delayAfter(last))) return null;
    if (!await this.#turn()) return null;
    const isSilent = subject.readRecord !== undefined && clock.now() - this.#heardAt >= SILENCE_MS;
    if (isSilent) this.#heardAt = clock.now();
    return await lookUntilSeen(this.#options, {
      what: subject.what,
      signal,
      read: (call) => isSilent && subject.readRecord ? subject.readRecord(call) : subject.read(call),
      delayAfter: ({ cause, namedMs }) => {
        if (cause === "rate_limit") return this.#delayAfterRefusal(namedMs);
        return namedMs === null ? undefined : this.#delayAfter({ kind: "busy", namedMs });
      },
    });
  }

  close(): void {
    this.#leave?.();
  }

  /** A refusal applies to all followers of the process, so all of them slow down together. */
  #delayAfterRefusal(namedMs: number | null): number {
    const { memory: { pace }, clock, tokenShare } = this.#options;
    pace.refused(clock.now(), namedMs);
    return pace.followers > 1 ? pace.turn(clock.now(), tokenShare) : this.#delayAfter({ kind: "refused", namedMs });
  }

  #delayAfter(event: CadenceEvent): number {
    const { clock, random, deadline } = this.#options;
    const atMs = clock.now();
    const { state, delayMs } = nextDelay(this.#cadence, event, { atMs, leftMs: deadline - atMs, random: random() });
    this.#cadence = state;
    return delayMs;
  }
}

interface LookOptions<N> {
  what: string;
  signal: AbortSignal;
  read(call: CallOptions): Promise<N>;
  delayAfter?(failure: Failure): number | undefined;
}

export async function lookUntilSeen<N>(
  { pacer, memory, deadline, clock }: Pick<SourceOptions<unknown>, "pacer" | "memory" | "deadline" | "clock">,
  { what, signal, read, delayAfter }: LookOptions<N>,
): Promise<N | null> {
  let isLate = false;
  try {
    return await retry<N>({
      memory,
      signal,
      // Each attempt sends one request, because this loop, not the client, determines the wait after a failure.
      attempt: (attempt) => read({ deadline, maxAttempts: 1, signal, attempt }),
      async wait(failure, count) {
        if (isUnreached(memory, clock.now())) return false;
        isLate = !await pacer.waitAfter(what, { ...failure, delayMs: delayAfter?.(failure) ?? failure.delayMs }, count);
        return !isLate;
      },
    });
  } catch (error) {
    if (isLate) return null;
    throw error;
  }
}

const LAST_LOOK_MS = 5_000;

export function singleAttempt(clock: Clock, limitMs: number, signal: AbortSignal | undefined): CallOptions {
  return { deadline: clock.now() + limitMs, requestTimeoutMs: limitMs, maxAttempts: 1, signal };
}

export async function lookAtDeadline<N>(subject: Subject<N>, { clock, memory, signal }: Connected): Promise<N> {
  const call = singleAttempt(clock, LAST_LOOK_MS, signal);
  return await retry<N>({
    memory,
    signal,
    attempt: () => subject.read(call),
    wait: ({ cause }) => Promise.resolve(cause === "unauthorized"),
  });
}

export async function recordAtDeadline<N>(subject: Subject<N>, { clock, signal }: Connected): Promise<N | undefined> {
  try {
    return await subject.readRecord?.(singleAttempt(clock, LAST_LOOK_MS, signal));
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof MogplexError)) throw error;
    return undefined;
  }
}

export interface LinkedAbort {
  readonly signal: AbortSignal;
  close(): void;
}

export function linkAbort(signal: AbortSignal | undefined): LinkedAbort {
  const closed = new AbortController();
  return {
    signal: signal === undefined ? closed.signal : AbortSignal.any([signal, closed.signal]),
    close: () => closed.abort(OVER),
  };
}

// Decides the delay before the next poll. The functions below are pure: they turn one state into the next.
//
// A token may send 60 requests in 60 s, and other jobs may use the same token. The only sign of other jobs is a refusal (429), after which nothing
// can be read for up to 60 s. The interval between polls therefore adapts to refusals:
// - The normal interval leaves room for five jobs within the limit.
// - Each refusal makes the interval longer.
// - Each period without a refusal makes it a little shorter again.
//
// The figures come from the simulation in `bench/fleet`.

export interface CadenceState {
  readonly tokenShare: number;
  readonly burst: readonly number[];
  /** Whether `burst` holds the delays after the run's last event. If so, `tokenShare` does not lengthen them. */
  readonly ending: boolean;
  readonly sinceMs: number | undefined;
  readonly newsAtMs: number;
  readonly news: number;
  readonly looks: readonly number[];
  readonly floorMs: number;
  readonly refusals: number;
  readonly calmSinceMs: number;
}

export type CadenceEvent =
  | { readonly kind: "news" }
  | { readonly kind: "quiet" }
  | { readonly kind: "ending" }
  /** The service refused the poll because the token exceeded its limit. `namedMs` is the delay in `Retry-After`; `null` if there is none. */
  | { readonly kind: "refused"; readonly namedMs: number | null }
  | { readonly kind: "busy"; readonly namedMs: number };

interface Moment {
  readonly atMs: number;
  readonly leftMs: number;
  readonly random: number;
}

/** The first delays are short, because an existing run may have finished already, and a new run may fail to start. */
const FIRST_DELAYS_MS: readonly number[] = [1_000, 2_000, 3_000];

/** Delays between reads after the last event of a run, which can come before the status changes. Source: design, "Following a run". */
export const ENDING_MS: readonly number[] = [300, 600, 1_200, 2_400, 5_000];

/** In this time after the first poll, a run rarely ends, because its sandbox is still booting. */
const STARTUP_MS = 60_000;

/** A young run is polled at most eleven times in the first minute. */
const STARTUP_INTERVAL_MS = 6_800;

/** Five independent jobs together stay below 60 requests a minute. */
const ACTIVE_MS = 5_500;

const IDLE_AFTER_MS = 120_000;

/** This limit applies to runs with few events. Some services report nothing while the agent is running. */
const SPARSE_IDLE_AFTER_MS = 20_000;

/**
 * While a run boots and prepares, two to five polls return news. A run with more news is not treated as a run with few events. Source: contract 4.2.
 */
const SPARSE_NEWS = 5;

/** An idle run takes at most 72 requests in ten minutes. */
const IDLE_MS = 10_200;

const JITTER = 0.06;

/** Source: API reference, "Rate limits". */
const WINDOW_MS = 60_000;

/** 54 requests in the window are 90 % of the limit, which leaves room for starts and other commands. */
const FAIR_MS = WINDOW_MS / 54;

/** If this job sent at most this many polls in an exhausted window, other jobs sent most of the requests. */
const FEW_LOOKS = 3;

const FIRST_FLOOR_MS = 16_000;

const CROWDED_FLOOR_MS = 25_000;

const SECOND_FACTOR = 2.2;

const LATER_FACTOR = 3;

/** This factor applies if no poll was answered in the minute before a refusal, although the job waited as long as requested. */
const BLIND_FACTOR = 4.5;

/** If a hundred jobs share a token, each of them needs an interval of at least 100 s, and their polls are not spread evenly. */
const MAX_FLOOR_MS = 200_000;

/**
 * Random extra delay, as a fraction of the interval, but at most twice the delay that the service named. It spreads out jobs that were refused
 * together.
 */
const SPREAD = 0.5;

const EASE_PER_MINUTE = 0.15;

const CALM_MS = 60_000;

const CALM_GROWTH = 4;

const MAX_CALM_MS = 600_000;

export function startCadence(tokenShare: number): CadenceState {
  return {
    tokenShare,
    burst: FIRST_DELAYS_MS,
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

export function nextDelay(
  state: CadenceState,
  event: CadenceEvent,
  moment: Moment,
): { state: CadenceState; delayMs: number } {
  const { atMs, leftMs } = moment;
  const calm = afterCalm(state, atMs);
  let after = calm;
  if (event.kind === "refused") after = afterRefusal(calm, event.namedMs, atMs);
  else if (event.kind !== "busy") after = afterPoll(calm, event.kind, atMs);
  const [next, delayMs] = delayOf(after, event, moment);
  return { state: next, delayMs: Math.max(0, Math.min(Math.round(delayMs), leftMs)) };
}

function afterCalm(state: CadenceState, atMs: number): CadenceState {
  let { floorMs, calmSinceMs } = state;
  const stretchMs = Math.min(CALM_MS * CALM_GROWTH ** (state.refusals - 1), MAX_CALM_MS);
  for (; floorMs > 0 && atMs - calmSinceMs >= stretchMs; calmSinceMs += stretchMs) {
    const perMinute = 60_000 / floorMs + EASE_PER_MINUTE;
    floorMs = 60_000 / perMinute;
  }
  return { ...state, floorMs, calmSinceMs };
}

function afterRefusal(state: CadenceState, namedMs: number | null, atMs: number): CadenceState {
  return {
    ...state,
    burst: [],
    ending: false,
    floorMs: floorAfter(state, atMs),
    refusals: state.refusals + 1,
    calmSinceMs: atMs + (namedMs ?? 0),
  };
}

function floorAfter({ floorMs, refusals, looks }: CadenceState, atMs: number): number {
  const recentLooks = looks.filter((look) => look > atMs - WINDOW_MS).length;
  if (refusals === 0) return recentLooks > FEW_LOOKS ? FIRST_FLOOR_MS : CROWDED_FLOOR_MS;
  const factor = recentLooks === 0 ? BLIND_FACTOR : refusals === 1 ? SECOND_FACTOR : LATER_FACTOR;
  return Math.min(floorMs * factor, MAX_FLOOR_MS);
}

function afterPoll(state: CadenceState, kind: "news" | "quiet" | "ending", atMs: number): CadenceState {
  const { sinceMs = atMs, newsAtMs, news } = state;
  return {
    ...state,
    sinceMs,
    ...(kind === "quiet" ? { newsAtMs: Math.max(newsAtMs, sinceMs) } : { newsAtMs: atMs, news: news + 1 }),
    looks: [...state.looks, atMs].slice(-FEW_LOOKS - 1),
    ...(kind === "ending" && { burst: ENDING_MS, ending: true }),
  };
}

function delayOf(state: CadenceState, event: CadenceEvent, { atMs, random }: Moment): [CadenceState, number] {
  const jitter = 1 - JITTER + 2 * JITTER * random;
  const lowestMs = shareMs(state.tokenShare);
  const interval = Math.max(baseInterval(state, atMs), state.floorMs, lowestMs / (1 - JITTER));
  if (event.kind === "refused" || event.kind === "busy") {
    if (event.namedMs === null) return [state, interval * jitter];
    return [state, event.namedMs + Math.min(interval * SPREAD, 2 * event.namedMs) * random];
  }
  const [first, ...burst] = state.burst;
  if (first === undefined) return [state, interval * jitter];
  const next = { ...state, burst, ending: state.ending && burst.length > 0 };
  return [next, state.ending ? first : Math.max(first * jitter, lowestMs)];
}

function baseInterval({ sinceMs, newsAtMs, news, refusals }: CadenceState, atMs: number): number {
  if (refusals === 0 && sinceMs !== undefined && atMs - sinceMs < STARTUP_MS) return STARTUP_INTERVAL_MS;
  const idleAfter = news > SPARSE_NEWS ? IDLE_AFTER_MS : SPARSE_IDLE_AFTER_MS;
  return atMs - newsAtMs < idleAfter ? ACTIVE_MS : IDLE_MS;
}

function shareMs(tokenShare: number): number {
  return tokenShare > 1 ? FAIR_MS * tokenShare : 0;
}

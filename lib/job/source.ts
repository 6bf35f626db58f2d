/**
 * Where a follower learns what is new. Polling is one way; a stream is another one behind the same interface.
 *
 * @module
 */
import type { CallOptions } from "../api/client.ts";
import type { Clock } from "../clock.ts";
import { type CadenceEvent, type CadenceState, nextDelay, startCadence } from "./cadence.ts";
import type { Pacer } from "../retry/pacer.ts";
import type { News, Reader } from "../runs/events/reader.ts";
import { isUnauthorized, MAX_UNAUTHORIZED, type Setback, setbackOf } from "../retry/setback.ts";

/** What can be looked at again and again, until it has ended. */
export interface Looker<T> {
  /** A look, as in error messages: `read events of run …`. */
  readonly what: string;
  /** Whether token and origin have worked in this process. */
  readonly proven: boolean;
  /** Looks now. @throws what the client throws. */
  read(call: CallOptions): Promise<T>;
}

/** A way to learn what is new about one run. */
export interface RunSource<T = News> {
  /**
   * Waits for the next news in its own rhythm, through every setback that may pass.
   *
   * @param last What the last news meant; absent at the first call, which does not wait.
   * @returns Null when the deadline came first.
   * @throws what lasts: see `setbackOf`; `signal.reason` if the signal aborts.
   */
  next(last?: CadenceEvent): Promise<T | null>;
  /** Ends what is under way. */
  close(): void;
}

/** Options of every {@linkcode RunSource}. */
export interface SourceOptions<R = Reader> {
  /** Time. */
  clock: Clock;
  /** Looks. */
  reader: R;
  /** Waits, and announces why. */
  pacer: Pacer;
  /** Point on the clock until which requests may last. */
  deadline: number;
  /** Ends everything. */
  signal: AbortSignal | undefined;
  /** Jobs that use the token at the same time. */
  tokenShare: number;
  /** Jitter of our own delays: numbers from 0 up to 1. */
  random: () => number;
}

/** Ends what is under way in a source. */
export interface Leash {
  /** Aborts when the caller's signal does, and when the source is closed. */
  readonly signal: AbortSignal;
  /** Ends it. */
  close(): void;
}

/** Ties a source to the caller's signal. */
export function leash(signal: AbortSignal | undefined): Leash {
  const closed = new AbortController();
  return {
    signal: signal === undefined ? closed.signal : AbortSignal.any([signal, closed.signal]),
    close: () => closed.abort(new Error("Cannot go on: the follower was closed")),
  };
}

/**
 * Looks until it works, through every setback that may pass.
 *
 * @param signal Ends it.
 * @param what What is attempted, as in error messages.
 * @param look One attempt.
 * @param onSetback Hears of each failed one, and may decide the delay after it, in milliseconds.
 * @returns Null when the deadline came first.
 * @throws what lasts: see `setbackOf`.
 */
export async function lookUntilSeen<T>(
  { reader, pacer, deadline }: SourceOptions<Pick<Looker<T>, "proven">>,
  signal: AbortSignal,
  what: string,
  look: (call: CallOptions) => Promise<T>,
  onSetback?: (setback: Setback) => number | undefined,
): Promise<T | null> {
  let unauthorized = 0;
  for (let attempt = 1;; attempt++) {
    try {
      // One attempt at a time: how long to wait after a failed one is the source's business.
      return await look({ deadline, maxAttempts: 1, signal });
    } catch (error) {
      signal.throwIfAborted();
      const setback = setbackOf(error, reader.proven);
      if (setback === undefined || isUnauthorized(error) && ++unauthorized > MAX_UNAUTHORIZED) throw error;
      const delayMs = onSetback?.(setback);
      if (!await pacer.setBack(what, { ...setback, delayMs }, attempt)) return null;
    }
  }
}

/** Limit of the last look at the deadline, in milliseconds. */
const LAST_LOOK_MS = 5_000;

/** Limits of a single attempt that is made now, whatever the deadline. */
export function singleAttempt(clock: Clock, limitMs: number, signal: AbortSignal | undefined): CallOptions {
  return { deadline: clock.now() + limitMs, requestTimeoutMs: limitMs, maxAttempts: 1, signal };
}

/**
 * Looks at the deadline; a token that has worked keeps its further chances, at once since there is no time to wait.
 *
 * @throws what the last look threw.
 */
export async function lookAtDeadline<T>(
  reader: Looker<T>,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<T> {
  const call = singleAttempt(clock, LAST_LOOK_MS, signal);
  for (let unauthorized = 0;;) {
    try {
      return await reader.read(call);
    } catch (error) {
      if (!isUnauthorized(error) || !reader.proven || ++unauthorized > MAX_UNAUTHORIZED) throw error;
    }
  }
}

/** One request a tick: `GET /runs/{id}/events`, say, gives status and events. */
export class PollingSource<T = News> implements RunSource<T> {
  readonly #options: SourceOptions<Looker<T>>;
  readonly #leash: Leash;
  #cadence: CadenceState;

  /** @param options See {@linkcode SourceOptions}. */
  constructor(options: SourceOptions<Looker<T>>) {
    this.#options = options;
    this.#leash = leash(options.signal);
    this.#cadence = startCadence(options.tokenShare);
  }

  async next(last?: CadenceEvent): Promise<T | null> {
    const { reader, pacer } = this.#options;
    if (last !== undefined && !await pacer.pause(this.#delayAfter(last))) return null;
    const look = (call: CallOptions) => reader.read(call);
    return await lookUntilSeen(this.#options, this.#leash.signal, reader.what, look, ({ cause, namedMs }) => {
      if (cause === "rate_limit") return this.#delayAfter({ kind: "refused", namedMs });
      return namedMs === null ? undefined : this.#delayAfter({ kind: "busy", namedMs });
    });
  }

  close(): void {
    this.#leash.close();
  }

  #delayAfter(event: CadenceEvent): number {
    const { clock, random, deadline } = this.#options;
    const atMs = clock.now();
    const { state, delayMs } = nextDelay(this.#cadence, event, { atMs, leftMs: deadline - atMs, random: random() });
    this.#cadence = state;
    return delayMs;
  }
}

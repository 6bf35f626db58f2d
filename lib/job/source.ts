/**
 * Where a follower learns what is new. Polling is one way; a stream is another one behind the same interface.
 *
 * @module
 */
import type { CallOptions } from "../api/client.ts";
import type { Clock } from "../clock.ts";
import { MogplexError } from "../errors.ts";
import type { Pacer } from "../retry/pacer.ts";
import { retry } from "../retry/retry.ts";
import type { Setback } from "../retry/setback.ts";
import type { TokenMemory } from "../retry/token_memory.ts";
import { type CadenceEvent, type CadenceState, nextDelay, startCadence } from "./cadence.ts";
import type { Session } from "./session.ts";

/** Something that can be looked at again and again, until it has ended. */
export interface Subject<N> {
  /** A look, as in error messages: `read events of run …`. */
  readonly what: string;
  /** Looks now. @throws what the client throws. */
  read(call: CallOptions): Promise<N>;
  /**
   * Looks at the record itself, where {@linkcode Subject.read} shows it without the repairs that the service makes when it is read: the
   * end of a run whose worker died. Used after a long silence and at the deadline. @throws what the client throws.
   */
  readRecord?(call: CallOptions): Promise<N>;
}

/** A way to learn what is new. */
export interface Source<N> {
  /**
   * Waits for the next news in its own rhythm, through every setback that may pass.
   *
   * @param last What the last news meant; absent at the first call, which does not wait.
   * @returns Null when the deadline came first.
   * @throws what lasts: see `setbackOf`; `signal.reason` if the signal aborts.
   */
  next(last?: CadenceEvent): Promise<N | null>;
  /** Ends what is under way. */
  close(): void;
}

/** Options of every {@linkcode Source}. `S` is what it looks at. */
export interface SourceOptions<S> {
  /** Time. */
  clock: Clock;
  /** What it looks at. */
  subject: S;
  /** Waits, and announces why. */
  pacer: Pacer;
  /** What is known of the token. */
  memory: TokenMemory;
  /** Point on the clock until which requests may last. */
  deadline: number;
  /** Ends everything. */
  signal: AbortSignal | undefined;
  /** Jobs that use the token at the same time. */
  tokenShare: number;
  /** Jitter of our own delays: numbers from 0 up to 1. */
  random: () => number;
}

/** The caller's signal, and a way to end what is under way in a source. */
export interface Leash {
  /** Aborts when the caller's signal does, and when the source is closed. */
  readonly signal: AbortSignal;
  /** Aborts it. */
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

/** One kind of look. */
export interface LookOptions<N> {
  /** What is attempted, as in error messages. */
  what: string;
  /** Ends it. */
  signal: AbortSignal;
  /** One attempt. */
  read(call: CallOptions): Promise<N>;
  /** Decides the delay after a setback, in milliseconds. @default as the service asks, else our own */
  delayAfter?(setback: Setback): number | undefined;
}

/**
 * Looks until it works, through every setback that may pass.
 *
 * @returns Null when the deadline came first.
 * @throws what lasts: see `setbackOf`.
 */
export async function lookUntilSeen<N>(
  { pacer, memory, deadline }: Pick<SourceOptions<unknown>, "pacer" | "memory" | "deadline">,
  { what, signal, read, delayAfter }: LookOptions<N>,
): Promise<N | null> {
  const end = await retry<N>({
    memory,
    signal,
    // One request an attempt: this loop decides how long to wait after a failed one.
    attempt: () => read({ deadline, maxAttempts: 1, signal }),
    wait: (setback, count) => pacer.setBack(what, { ...setback, delayMs: delayAfter?.(setback) }, count),
  });
  if (end.ok) return end.value;
  if (end.setback === undefined) throw end.error;
  return null;
}

/** Limit of the last look at the deadline, in milliseconds. */
const LAST_LOOK_MS = 5_000;

/** Limits of a single attempt that is made now, whatever the deadline. */
export function singleAttempt(clock: Clock, limitMs: number, signal: AbortSignal | undefined): CallOptions {
  return { deadline: clock.now() + limitMs, requestTimeoutMs: limitMs, maxAttempts: 1, signal };
}

/**
 * Looks at the deadline. A token that has worked keeps its further chances after a 401, without a wait since there is no time.
 *
 * @throws what the last look threw.
 */
export async function lookAtDeadline<N>(subject: Subject<N>, { clock, memory, signal }: Session): Promise<N> {
  const call = singleAttempt(clock, LAST_LOOK_MS, signal);
  const end = await retry<N>({
    memory,
    signal,
    attempt: () => subject.read(call),
    wait: ({ cause }) => Promise.resolve(cause === "unauthorized"),
  });
  if (!end.ok) throw end.error;
  return end.value;
}

/**
 * Looks at the record itself at the deadline.
 *
 * @returns Undefined when the subject has no such look, or when it does not work: the verdict is the other look's then.
 */
export async function recordAtDeadline<N>(subject: Subject<N>, { clock, signal }: Session): Promise<N | undefined> {
  try {
    return await subject.readRecord?.(singleAttempt(clock, LAST_LOOK_MS, signal));
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof MogplexError)) throw error;
    return undefined;
  }
}

/** Silence after which a look at the record takes the place of the usual one, in milliseconds. */
const SILENCE_MS = 120_000;

/** One request a tick: `GET /runs/{id}/events`, say, gives status and events. */
export class PollingSource<N> implements Source<N> {
  readonly #options: SourceOptions<Subject<N>>;
  readonly #leash: Leash;
  #cadence: CadenceState;
  /** Point on the clock of the last news, or of the last look at the record. */
  #heardAt: number;

  constructor(options: SourceOptions<Subject<N>>) {
    this.#options = options;
    this.#heardAt = options.clock.now();
    this.#leash = leash(options.signal);
    this.#cadence = startCadence(options.tokenShare);
  }

  async next(last?: CadenceEvent): Promise<N | null> {
    const { subject, pacer, clock } = this.#options;
    if (last?.kind !== "quiet") this.#heardAt = clock.now();
    if (last !== undefined && !await pacer.pause(this.#delayAfter(last))) return null;
    const isSilent = subject.readRecord !== undefined && clock.now() - this.#heardAt >= SILENCE_MS;
    if (isSilent) this.#heardAt = clock.now();
    return await lookUntilSeen(this.#options, {
      what: subject.what,
      signal: this.#leash.signal,
      read: (call) => isSilent && subject.readRecord ? subject.readRecord(call) : subject.read(call),
      delayAfter: ({ cause, namedMs }) => {
        if (cause === "rate_limit") return this.#delayAfter({ kind: "refused", namedMs });
        return namedMs === null ? undefined : this.#delayAfter({ kind: "busy", namedMs });
      },
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

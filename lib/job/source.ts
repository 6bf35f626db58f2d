/**
 * Sources of news for a follower: the interface, and polling. The event stream of runs is another implementation.
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
import type { Connected } from "./session.ts";

/** Something that can be read again and again. `N` is what a read returns. */
export interface Subject<N> {
  /** What a read attempts, after "Cannot": `read events of run "…"`. */
  readonly what: string;
  /** Reads it now. @throws what the client throws. */
  read(call: CallOptions): Promise<N>;
  /**
   * Reads the record itself. The service then repairs the record of a run whose worker died; {@linkcode Subject.read} shows it unrepaired.
   * Used after a long silence and at the deadline.
   *
   * @throws what the client throws.
   */
  readRecord?(call: CallOptions): Promise<N>;
}

/** Waits for news. `N` is what a read returns. */
export interface Source<N> {
  /**
   * Waits for the next news, and retries as long as that can help.
   *
   * @param last Outcome of the last read, which decides the wait; absent at the first call, which does not wait.
   * @returns The news; null if the deadline came first.
   * @throws an error that a retry cannot mend (see `setbackOf`); `signal.reason` if the signal aborts.
   */
  next(last?: CadenceEvent): Promise<N | null>;
  /** Ends waits and requests. May be called more than once. */
  close(): void;
}

/** Options of every {@linkcode Source}. `S` is what it reads. */
export interface SourceOptions<S> {
  /** Time. */
  clock: Clock;
  /** What it reads. */
  subject: S;
  /** Waits within the deadline, and sends notices about it. */
  pacer: Pacer;
  /** What the process has learned about the token. */
  memory: TokenMemory;
  /** Point on the clock until which requests may take, in milliseconds. */
  deadline: number;
  /** Ends waits and requests. */
  signal: AbortSignal | undefined;
  /** Jobs that use the token at the same time, at least 1. */
  tokenShare: number;
  /** Random numbers from 0 up to 1, for jitter. */
  random: () => number;
}

/** A signal that ends with the caller's, or by {@linkcode Leash.close}. */
export interface Leash {
  /** Aborts when the caller's signal does, or when the leash is closed. */
  readonly signal: AbortSignal;
  /** Aborts {@linkcode Leash.signal}. */
  close(): void;
}

/** Makes a leash from the caller's signal. */
export function leash(signal: AbortSignal | undefined): Leash {
  const closed = new AbortController();
  return {
    signal: signal === undefined ? closed.signal : AbortSignal.any([signal, closed.signal]),
    close: () => closed.abort(new Error("Cannot go on: the follower was closed")),
  };
}

/** Options of {@linkcode lookUntilSeen}. */
export interface LookOptions<N> {
  /** What is attempted, after "Cannot". */
  what: string;
  /** Ends waits and requests. */
  signal: AbortSignal;
  /** One attempt. Must pass `call` to the client. */
  read(call: CallOptions): Promise<N>;
  /** Delay after a setback, in milliseconds; undefined for the usual one. @default the delay that the service names, else a backoff */
  delayAfter?(setback: Setback): number | undefined;
}

/**
 * Reads until it works, and retries as long as that can help.
 *
 * @returns What was read; null if the deadline came first.
 * @throws an error that a retry cannot mend (see `setbackOf`); `signal.reason` if the signal aborts.
 */
export async function lookUntilSeen<N>(
  { pacer, memory, deadline }: Pick<SourceOptions<unknown>, "pacer" | "memory" | "deadline">,
  { what, signal, read, delayAfter }: LookOptions<N>,
): Promise<N | null> {
  const end = await retry<N>({
    memory,
    signal,
    // One request an attempt: this loop, not the client, decides the wait after a failure.
    attempt: (attempt) => read({ deadline, maxAttempts: 1, signal, attempt }),
    wait: (setback, count) =>
      pacer.setBack(what, { ...setback, delayMs: delayAfter?.(setback) ?? setback.delayMs }, count),
  });
  if (end.ok) return end.value;
  if (end.setback === undefined) throw end.error;
  return null;
}

/** Time limit of the last read at the deadline, in milliseconds. */
const LAST_LOOK_MS = 5_000;

/** Limits of a single attempt that starts now and may pass the deadline by `limitMs`. */
export function singleAttempt(clock: Clock, limitMs: number, signal: AbortSignal | undefined): CallOptions {
  return { deadline: clock.now() + limitMs, requestTimeoutMs: limitMs, maxAttempts: 1, signal };
}

/**
 * Reads a last time at the deadline. After a 401 with a token that has worked before, it tries again at once, as there is no time
 * to wait.
 *
 * @throws what the last attempt threw.
 */
export async function lookAtDeadline<N>(subject: Subject<N>, { clock, memory, signal }: Connected): Promise<N> {
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
 * Reads the record itself at the deadline.
 *
 * @returns Undefined if the subject has no record of its own, or if it cannot be read: the last news then decide.
 */
export async function recordAtDeadline<N>(subject: Subject<N>, { clock, signal }: Connected): Promise<N | undefined> {
  try {
    return await subject.readRecord?.(singleAttempt(clock, LAST_LOOK_MS, signal));
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof MogplexError)) throw error;
    return undefined;
  }
}

/** Silence after which the record is read in place of the news, in milliseconds. */
const SILENCE_MS = 120_000;

/** Polls: one request at a time, with delays from `cadence.ts`. */
export class PollingSource<N> implements Source<N> {
  readonly #options: SourceOptions<Subject<N>>;
  readonly #leash: Leash;
  #cadence: CadenceState;
  /** Point on the clock of the last news, or of the last look at the record. */
  #heardAt: number;
  #leave: (() => void) | undefined;

  constructor(options: SourceOptions<Subject<N>>) {
    this.#options = options;
    this.#heardAt = options.clock.now();
    this.#leash = leash(options.signal);
    this.#cadence = startCadence(options.tokenShare);
  }

  /** Waits for a turn among the followers of this process. @returns Whether there is time left before the deadline. */
  async #turn(): Promise<boolean> {
    const { pacer, memory: { pace }, clock, tokenShare } = this.#options;
    this.#leave ??= pace.join();
    const waitMs = pace.turn(clock.now(), tokenShare);
    return waitMs === 0 || await pacer.pause(waitMs);
  }

  async next(last?: CadenceEvent): Promise<N | null> {
    const { subject, pacer, clock } = this.#options;
    if (last?.kind !== "quiet") this.#heardAt = clock.now();
    if (last !== undefined && !await pacer.pause(this.#delayAfter(last))) return null;
    if (!await this.#turn()) return null;
    const isSilent = subject.readRecord !== undefined && clock.now() - this.#heardAt >= SILENCE_MS;
    if (isSilent) this.#heardAt = clock.now();
    return await lookUntilSeen(this.#options, {
      what: subject.what,
      signal: this.#leash.signal,
      read: (call) => isSilent && subject.readRecord ? subject.readRecord(call) : subject.read(call),
      delayAfter: ({ cause, namedMs }) => {
        if (cause === "rate_limit") return this.#delayAfterRefusal(namedMs);
        return namedMs === null ? undefined : this.#delayAfter({ kind: "busy", namedMs });
      },
    });
  }

  close(): void {
    this.#leash.close();
    this.#leave?.();
  }

  /** A refusal of one follower counts for all: each waits for its turn, and none of them slows down alone. */
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

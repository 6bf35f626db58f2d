/**
 * The only retry loop: calls of the client, starts, reads of a run and the note on a merge request all use it.
 * @module
 */
import type { Clock } from "../clock.ts";
import {
  ApiError,
  BodyTooLargeError,
  MogplexError,
  NetworkError,
  RateLimitedError,
  StartUnknownError,
  UnauthorizedError,
  UnavailableError,
  UsageError,
} from "../errors.ts";
import { callHook } from "../hook.ts";
import { withMessage } from "../text/notice_text.ts";
import type { OnNotice, WaitCause } from "../notice.ts";
import { isLimitOfUser, limitWords } from "./contract.ts";
import type { TokenMemory } from "./memory.ts";

/**
 * Tries until an attempt works, a retry cannot fix the error, or `wait` returns false.
 * @throws what the last attempt threw; `signal.reason` if the signal aborts; what `onFailure` and `wait` throw.
 */
export async function retry<T>(options: RetryOptions<T>): Promise<T> {
  const { memory, signal, judge = (error) => failureOf(error, { worked: memory.worked }) } = options;
  let unauthorized = 0;

  function meaningOf(error: unknown): Failure | undefined {
    unauthorized = isUnauthorized(error) ? unauthorized + 1 : 0;
    if (!isUnauthorized(error)) return judge(error);
    // If a function provides the token, the function gets one chance to return a newer token.
    if (memory.renews && !memory.worked && !memory.workedBefore && unauthorized === 1) {
      const failure = failureOf(error, { worked: true });
      return failure && { ...failure, delayMs: 0 };
    }
    if (memory.worked || !memory.workedBefore) return unauthorized > MAX_UNAUTHORIZED ? undefined : judge(error);
    const failure = firstUnauthorized(error, unauthorized);
    // Only one request waits this long. After it gives up, other requests of this process fail at once.
    memory.workedBefore = failure !== undefined;
    return failure;
  }

  for (let count = 1;; count++) {
    signal?.throwIfAborted();
    try {
      const value = await options.attempt(count);
      memory.worked = memory.answered = true;
      return value;
    } catch (error) {
      signal?.throwIfAborted();
      const failure = meaningOf(error);
      learnFrom(error, memory);
      await options.onFailure?.(error, failure);
      if (failure === undefined || !await options.wait(withAdvice(failure, memory), count)) throw error;
    }
  }
}

/**
 * Maximum number of retries in a row after a 401 with a token that has worked.
 * Source: contract, trap 4: the service also answers 401 when its database fails.
 */
const MAX_UNAUTHORIZED = 2;

/**
 * Waits after an initial 401, if an earlier process shows that the token has worked, in milliseconds: about a minute, and within the time of one
 * request.
 */
const FIRST_UNAUTHORIZED_MS: readonly number[] = [10_000, 15_000, 30_000];

/**
 * The meaning of a 401 with a token that has only worked in an earlier process.
 * @param count Number of such answers in a row, from 1.
 * @returns Undefined after enough tries.
 */
function firstUnauthorized(error: MogplexError, count: number): Failure | undefined {
  const delayMs = FIRST_UNAUTHORIZED_MS[count - 1];
  const failure = failureOf(error, { worked: true });
  if (delayMs === undefined || failure === undefined) return undefined;
  const detail = count > 1
    ? failure.detail
    : `${failure.detail}; the token worked before, and a failure of the service can look the same`;
  return { ...failure, detail, delayMs };
}

/** An error code of the API proves that the service accepted the token. A later 401 may then be temporary. */
function learnFrom(error: unknown, memory: TokenMemory): void {
  memory.worked ||= error instanceof ApiError && error.code !== null;
  memory.answered ||= error instanceof ApiError || error instanceof BodyTooLargeError || isUnauthorized(error);
}

/** Whether the time limit for the first answer has passed without any answer. */
export function isUnreached({ answered, answerBy }: TokenMemory, nowMs: number): boolean {
  return !answered && nowMs >= answerBy;
}

/** Adds the advice to the detail of a failure, once per process. */
function withAdvice(failure: Failure, memory: TokenMemory): Failure {
  if (!failure.advice || memory.advised) return failure;
  memory.advised = true;
  return { ...failure, detail: `${failure.detail}; ${failure.advice}` };
}

interface RetryOptions<T> {
  /** What the process has learned about the token. The loop records here that the service accepted it. */
  memory: TokenMemory;
  /** Ends the loop, before the next attempt or after a failed one. It does not end a running attempt. */
  signal?: AbortSignal | undefined;
  /** @param count Number of the attempt, from 1. */
  attempt(count: number): Promise<T>;
  /** The failure that an error means; undefined if a retry cannot fix it. @default {@linkcode failureOf} */
  judge?: ((error: unknown) => Failure | undefined) | undefined;
  /** Called after each failed attempt; `failure` is undefined if a retry cannot fix the error. If it throws, the loop ends. */
  onFailure?: ((error: unknown, failure: Failure | undefined) => void | Promise<void>) | undefined;
  /** @param count Number of failed attempts. @returns Whether to make another one. */
  wait(failure: Failure, count: number): Promise<boolean>;
}

// The meaning of a failed attempt: whether a retry can help, why and how long to wait, and whether the service may have carried out the failed
// request. Only this code decides that.

/** A failed attempt that is worth a retry. */
export interface Failure {
  cause: WaitCause;
  /** A few words for the log, from our own messages, never from a body. */
  detail: string;
  /** What the reader can do about it. @default no advice */
  advice?: string | null | undefined;
  /** Delay from `Retry-After`, in milliseconds; null without one. */
  namedMs: number | null;
  /** Whether the service certainly did nothing. If false, a request that changes something may have worked. */
  refused: boolean;
  /** The caller's delay, in milliseconds; at least the named one. @default the named one, otherwise a backoff */
  delayMs?: number | undefined;
  /** Longest backoff after the first failed attempt, in milliseconds. @default {1_000} */
  baseMs?: number | undefined;
}

/** Input of {@linkcode failureOf} besides the error. */
interface Circumstances {
  /** Whether the service has accepted this token in this process. */
  worked: boolean;
  /** Whether the service counts the attempt against the start limit, so that a 429 can mean that limit. @default {false} */
  starts?: boolean | undefined;
}

/**
 * Decides whether a retry can help after an error.
 * @returns Undefined for an error that a retry cannot fix.
 */
export function failureOf(error: unknown, circumstances: Circumstances): Failure | undefined {
  if (!(error instanceof MogplexError)) return undefined;
  if (error instanceof StartUnknownError) {
    const { attempted, why, advice } = error;
    return failureOf(error.cause, circumstances) ??
      { cause: "network", detail: attempted === null ? error.message : why, advice, namedMs: null, refused: false };
  }
  const cause = causeOf(error, circumstances);
  if (cause === undefined) return undefined;
  return {
    cause,
    detail: detailOf(error),
    advice: error instanceof NetworkError ? error.advice : null,
    namedMs: error instanceof ApiError ? namedDelay(error) : null,
    refused: !isAmbiguous(error),
  };
}

/**
 * Decides whether a later attempt can help after the client has given up. The client has already given a refused token its second chance.
 * @returns Undefined for an error that time does not fix.
 */
export function laterFailure(error: unknown): Failure | undefined {
  return isUnauthorized(error) ? undefined : failureOf(error, { worked: true });
}

// Source: API reference, "Rate limits": the request limit always names this delay, the start limit names the real one.
const REQUEST_LIMIT_DELAY_MS = 60_000;

/** The named delay; null for zero, which would retry without a pause. */
function namedDelay(error: ApiError): number | null {
  return error.retryAfterMs !== null && error.retryAfterMs > 0 ? error.retryAfterMs : null;
}

/** Why the attempt failed. The attempt itself is left out, because the log line already has it. */
function detailOf(error: MogplexError): string {
  if (error instanceof ApiError) {
    const limit = error instanceof RateLimitedError ? limitWords(error.why) : null;
    const status = `HTTP ${error.status}${error.code === null ? "" : ` ${error.code}`}`;
    if (limit === null) return status;
    const sharers = isLimitOfUser(limit) ? "tokens of the user" : "commands with this token";
    return `${status}, the limit of ${limit} for all ${sharers}`;
  }
  return error.why;
}

/** HTTP status of an error or of its cause; null without an answer. */
export function statusOf(error: unknown): number | null {
  if (error instanceof StartUnknownError) return statusOf(error.cause);
  return error instanceof ApiError ? error.status : null;
}

export function isUnauthorized(error: unknown): error is MogplexError {
  return error instanceof UnauthorizedError || error instanceof MogplexError && error.exit === "unauthorized";
}

/**
 * The reason to wait after an answer that did not come from the API; undefined if a retry cannot help. 501 and 505 mean that the server never
 * supports the request. For other statuses below 500, the address is wrong if the token has never worked; if it has, a proxy is failing.
 */
function unavailableCause(status: number, worked: boolean): WaitCause | undefined {
  if (status === 501 || status === 505) return undefined;
  if (status >= 500 || status === 408 || status === 425) return "unavailable";
  return worked || status >= 200 && status < 300 ? "invalid_answer" : undefined;
}

function causeOf(error: MogplexError, { worked, starts = false }: Circumstances): WaitCause | undefined {
  if (error instanceof RateLimitedError) {
    const slots = starts && ![null, REQUEST_LIMIT_DELAY_MS].includes(error.retryAfterMs);
    return slots ? "start_limit" : "rate_limit";
  }
  if (error instanceof UnavailableError) return unavailableCause(error.status, worked);
  if (error instanceof NetworkError) return "network";
  return isUnauthorized(error) && worked ? "unauthorized" : undefined;
}

/** Error codes and messages of Node 20, Bun 1.4 and Deno 2.9 for a refused connection or an unknown host. */
const NEVER_CONNECTED =
  /\b(?:ECONNREFUSED|ConnectionRefused|ENOTFOUND|EAI_AGAIN)\b|connection refused \(os error|dns error: failed to lookup/i;

/** Whether the connection failed, so that no request was sent. False for an unknown error, because the request may have been sent. */
function neverConnected(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > MAX_CAUSES) return false;
  const { code, errors } = error as { code?: unknown; errors?: unknown };
  // The runtime tries each address of a host and collects the errors.
  if (Array.isArray(errors) && errors.length > 0) return errors.every((each) => neverConnected(each, depth + 1));
  if (typeof code === "string" && NEVER_CONNECTED.test(code)) return true;
  return error.cause === undefined ? NEVER_CONNECTED.test(error.message) : neverConnected(error.cause, depth + 1);
}

const MAX_CAUSES = 8;

/** Whether the service may have carried out a request that failed with this error. */
export function isAmbiguous(error: MogplexError): boolean {
  if (error instanceof NetworkError) return !neverConnected(error);
  if (error instanceof BodyTooLargeError) return true;
  if (!(error instanceof UnavailableError)) return false;
  const { status } = error;
  // 503 comes from the limiter or the host, before anything was written. Source: API reference, "Rate limits".
  return status === 408 || status >= 200 && status < 300 || status >= 500 && ![501, 503, 505].includes(status);
}

/** Longest backoff after the first failed attempt, in milliseconds. */
const BACKOFF_MS = 1_000;

/**
 * The delay before the next attempt, in milliseconds: the caller's, otherwise the named one in full, otherwise a backoff.
 * @param attempt Number of failed attempts in a row, at least 1.
 * @param random Returns numbers from 0 up to 1.
 */
export function failureDelay(failure: Failure, attempt: number, random: () => number): number {
  const { delayMs, namedMs, baseMs = BACKOFF_MS } = failure;
  return delayMs ?? namedMs ?? backoffMs(attempt, baseMs, random());
}

/** Longest delay, in milliseconds. */
const MAX_BACKOFF_MS = 30_000;

/**
 * Delay after a failed attempt, in whole milliseconds. It doubles with each attempt, and its upper half is random, so that jobs that failed together
 * do not all retry at once.
 * @param attempt Number of the attempt that failed, from 1.
 * @param baseMs Longest delay after the first attempt, in milliseconds.
 * @param random Number from 0 up to 1.
 */
function backoffMs(attempt: number, baseMs: number, random: number): number {
  const full = Math.min(baseMs * 2 ** (attempt - 1), MAX_BACKOFF_MS);
  return Math.round(full / 2 + random * full / 2);
}

/** How long and how often one call may try. All durations in milliseconds. */
export interface CallOptions {
  /** Ends the call, which then rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /**
   * Point on the client's clock (`clock.now()`) until which the call may wait and try again. If the next wait would pass it, the
   * call throws the last error at once. The first attempt is always made and gets at least 2 s (less if `requestTimeoutMs` is
   * less), so that a last read at a deadline is possible. It is not a date: `Date.now()` plus something is refused.
   * @default now + 120,000 ms
   */
  deadline?: number | undefined;
  /**
   * Whether an attempt may pass the deadline, within its own limit. The deadline then only limits waits. @default {false}
   */
  overrun?: boolean | undefined;
  /** Maximum number of attempts, including the first; with 1, there is no retry. @default {Infinity} (limited by the deadline) */
  maxAttempts?: number | undefined;
  /** Number of the first attempt for `onRequest`, where the caller repeats calls itself. @default {1} */
  attempt?: number | undefined;
  /** Longest time of one attempt, headers and body together. @default {30_000} */
  requestTimeoutMs?: number | undefined;
}

// Calls of the client: each retries within its own limits.

export interface CallWorld {
  clock: Clock;
  /** Called before every wait. */
  onNotice: OnNotice | undefined;
  /** From 0 up to 1, for jitter. */
  random: () => number;
  memory: TokenMemory;
}

// All in milliseconds.
/** Longest time of one attempt, headers and body together. */
const REQUEST_MS = 30_000;
/** Longest time of a call without a deadline. */
const CALL_MS = 120_000;
/** Farthest deadline: no job is longer than 30 days. */
const MAX_CALL_MS = 31 * 86_400_000;
/** Shortest limit of a first attempt, so that a last read at a deadline is possible. */
const FIRST_ATTEMPT_MS = 2_000;

export class CallLimits {
  readonly #world: CallWorld;
  readonly #what: string;
  readonly #options: CallOptions;
  /** Time limit for waits and retries of the call, on the clock. */
  readonly deadline: number;

  /**
   * @param what The attempted action, as it follows "Cannot" in a message: `read run "…"`.
   * @throws {UsageError} if the deadline is not a time on the clock: a date would never pass.
   */
  constructor(world: CallWorld, what: string, options: CallOptions = {}) {
    this.#world = world;
    this.#what = what;
    this.#options = options;
    const now = world.clock.now();
    this.deadline = options.deadline ?? now + CALL_MS;
    if (this.deadline - now <= MAX_CALL_MS) return;
    const why = "'deadline' must be a time on the client's clock, not a Unix time";
    const advice = "pass clock.now() plus milliseconds, or performance.now() plus milliseconds if you set no clock";
    throw new UsageError({ attempted: what, why, value: String(this.deadline), advice });
  }

  /** @param count Number of the attempt in this call, from 1. */
  ofAttempt(count: number): { limitMs: number; signal: AbortSignal | undefined; attempt: number } {
    const { requestTimeoutMs = REQUEST_MS, overrun = false, signal, attempt: first = 1 } = this.#options;
    const attempt = count + first - 1;
    const leftMs = Math.max(this.deadline - this.#world.clock.now(), attempt === 1 ? FIRST_ATTEMPT_MS : 0);
    return { limitMs: overrun ? requestTimeoutMs : Math.min(requestTimeoutMs, leftMs), signal, attempt };
  }

  /** Waits for the next attempt. @returns False if that would pass the deadline, or the last attempt was made. */
  async wait(failure: Failure, count: number): Promise<boolean> {
    const { clock, onNotice, random, memory } = this.#world;
    const { maxAttempts = Infinity, signal } = this.#options;
    const delayMs = failureDelay(failure, count, random);
    const nextAt = clock.now() + delayMs;
    if (count >= maxAttempts || nextAt >= this.deadline || isUnreached(memory, nextAt)) return false;
    const { cause, detail, namedMs } = failure;
    const untilMs = clock.wallTime() + delayMs;
    const named = namedMs !== null;
    const wait = {
      kind: "wait",
      what: this.#what,
      cause,
      detail,
      attempt: count,
      delayMs,
      fromService: named,
      untilMs,
    } as const;
    callHook(onNotice, withMessage(wait));
    await clock.sleep(delayMs, { signal });
    return true;
  }
}

export interface StandAloneCall {
  /** The attempted action, as it follows "Cannot" in a message: `read run "…"`. */
  what: string;
  options: CallOptions | undefined;
  /** The meaning of a failed attempt; undefined if a retry cannot fix it. @default {@linkcode failureOf} */
  judge?: ((error: unknown) => Failure | undefined) | undefined;
  /** Longest backoff after the first failed attempt, in milliseconds. @default {1_000} */
  baseMs?: number | undefined;
  /** Whether this call gives up after an error, although other calls would retry. @default never */
  lasts?: ((error: unknown) => boolean) | undefined;
  /** Called after each failed attempt. If it throws, the call ends with that error. */
  onFailure?: ((error: MogplexError) => Promise<void>) | undefined;
}

/**
 * Tries until an attempt works, fails permanently, or the next wait would pass the deadline. With `maxAttempts: 1` it is a single attempt, whose
 * failure the caller judges.
 * @throws {UsageError} if the deadline is not a time on the clock.
 * @throws what the last attempt threw; `signal.reason` if the signal aborts.
 */
export async function callWithin<T>(
  world: CallWorld,
  { what, options = {}, judge, baseMs, lasts, onFailure }: StandAloneCall,
  attempt: (limits: ReturnType<CallLimits["ofAttempt"]>) => Promise<T>,
): Promise<T> {
  const { memory } = world;
  const { signal } = options;
  const limits = new CallLimits(world, what, options);
  if (options.maxAttempts === 1) {
    signal?.throwIfAborted();
    try {
      const value = await attempt(limits.ofAttempt(1));
      memory.worked = memory.answered = true;
      return value;
    } catch (error) {
      signal?.throwIfAborted();
      learnFrom(error, memory);
      await onFailure?.(error as MogplexError);
      throw error;
    }
  }
  return await retry<T>({
    memory,
    signal,
    judge(error) {
      if (lasts?.(error)) return undefined;
      if (judge !== undefined) return judge(error);
      const failure = failureOf(error, { worked: memory.worked });
      return failure && { ...failure, baseMs };
    },
    onFailure: (error) => onFailure?.(error as MogplexError),
    attempt: (count) => attempt(limits.ofAttempt(count)),
    wait: (failure, count) => limits.wait(failure, count),
  });
}

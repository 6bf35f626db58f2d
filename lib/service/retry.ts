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

export async function retry<T>(options: RetryOptions<T>): Promise<T> {
  const { memory, signal, judge = (error) => failureOf(error, { worked: memory.worked }) } = options;
  let unauthorized = 0;

  function meaningOf(error: unknown): Failure | undefined {
    unauthorized = isUnauthorized(error) ? unauthorized + 1 : 0;
    if (!isUnauthorized(error)) return judge(error);
    // A function that provides the token gets one chance to return a newer token.
    if (memory.renews && !memory.worked && !memory.workedBefore && unauthorized === 1) {
      const failure = failureOf(error, { worked: true });
      return failure && { ...failure, delayMs: 0 };
    }
    if (memory.worked || !memory.workedBefore) return unauthorized > MAX_UNAUTHORIZED ? undefined : judge(error);
    const failure = firstUnauthorized(error, unauthorized);
    // After one request has given up, other requests of this process fail at once.
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
 * Delays after a 401 for a token that has worked in an earlier process, but not yet in this process. The delays add up to about a minute, which is
 * less than the time limit of one call.
 */
const FIRST_UNAUTHORIZED_MS: readonly number[] = [10_000, 15_000, 30_000];

function firstUnauthorized(error: MogplexError, count: number): Failure | undefined {
  const delayMs = FIRST_UNAUTHORIZED_MS[count - 1];
  const failure = failureOf(error, { worked: true });
  if (delayMs === undefined || failure === undefined) return undefined;
  const detail = count > 1
    ? failure.detail
    : `${failure.detail}; the token worked before, so this may be a failure of the service`;
  return { ...failure, detail, delayMs };
}

/** An answer with an error code of the API proves that the service accepted the token. After that, a 401 may be temporary. */
function learnFrom(error: unknown, memory: TokenMemory): void {
  memory.worked ||= error instanceof ApiError && error.code !== null;
  memory.answered ||= error instanceof ApiError || error instanceof BodyTooLargeError || isUnauthorized(error);
}

export function isUnreached({ answered, answerBy }: TokenMemory, nowMs: number): boolean {
  return !answered && nowMs >= answerBy;
}

function withAdvice(failure: Failure, memory: TokenMemory): Failure {
  if (!failure.advice || memory.advised) return failure;
  memory.advised = true;
  return { ...failure, detail: `${failure.detail}; ${failure.advice}` };
}

interface RetryOptions<T> {
  memory: TokenMemory;
  signal?: AbortSignal | undefined;
  attempt(count: number): Promise<T>;
  judge?: ((error: unknown) => Failure | undefined) | undefined;
  onFailure?: ((error: unknown, failure: Failure | undefined) => void | Promise<void>) | undefined;
  wait(failure: Failure, count: number): Promise<boolean>;
}

export interface Failure {
  cause: WaitCause;
  /** A few words for the log. They come from the toolkit, never from a response body. */
  detail: string;
  advice?: string | null | undefined;
  namedMs: number | null;
  /** Whether it is certain that the service did nothing. If `false`, a request that changes something may have succeeded. */
  refused: boolean;
  delayMs?: number | undefined;
  baseMs?: number | undefined;
}

interface Circumstances {
  worked: boolean;
  starts?: boolean | undefined;
}

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

export function laterFailure(error: unknown): Failure | undefined {
  return isUnauthorized(error) ? undefined : failureOf(error, { worked: true });
}

// Source: API reference, "Rate limits": `Retry-After` is always 60 s for the request limit, and the actual delay for the start limit.
const REQUEST_LIMIT_DELAY_MS = 60_000;

/** A delay of zero would mean a retry without a pause. */
function namedDelay(error: ApiError): number | null {
  return error.retryAfterMs !== null && error.retryAfterMs > 0 ? error.retryAfterMs : null;
}

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

export function statusOf(error: unknown): number | null {
  if (error instanceof StartUnknownError) return statusOf(error.cause);
  return error instanceof ApiError ? error.status : null;
}

export function isUnauthorized(error: unknown): error is MogplexError {
  return error instanceof UnauthorizedError || error instanceof MogplexError && error.exit === "unauthorized";
}

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

function neverConnected(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > MAX_CAUSES) return false;
  const { code, errors } = error as { code?: unknown; errors?: unknown };
  // The runtime tries each address of a host and collects the errors.
  if (Array.isArray(errors) && errors.length > 0) return errors.every((each) => neverConnected(each, depth + 1));
  if (typeof code === "string" && NEVER_CONNECTED.test(code)) return true;
  return error.cause === undefined ? NEVER_CONNECTED.test(error.message) : neverConnected(error.cause, depth + 1);
}

const MAX_CAUSES = 8;

export function isAmbiguous(error: MogplexError): boolean {
  if (error instanceof NetworkError) return !neverConnected(error);
  if (error instanceof BodyTooLargeError) return true;
  if (!(error instanceof UnavailableError)) return false;
  const { status } = error;
  // 503 comes from the limiter or the host, before anything is written. Source: API reference, "Rate limits".
  return status === 408 || status >= 200 && status < 300 || status >= 500 && ![501, 503, 505].includes(status);
}

const BACKOFF_MS = 1_000;

export function failureDelay(failure: Failure, attempt: number, random: () => number): number {
  const { delayMs, namedMs, baseMs = BACKOFF_MS } = failure;
  return delayMs ?? namedMs ?? backoffMs(attempt, baseMs, random());
}

const MAX_BACKOFF_MS = 30_000;

function backoffMs(attempt: number, baseMs: number, random: number): number {
  const full = Math.min(baseMs * 2 ** (attempt - 1), MAX_BACKOFF_MS);
  return Math.round(full / 2 + random * full / 2);
}

export interface CallOptions {
  /** Ends the call, which then rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /**
   * Time on the client's clock (`clock.now()`) until which the call may wait and retry. If the next wait would pass this time, the call throws the
   * last error at once. The first attempt is always made and gets at least 2 s (or `requestTimeoutMs` if that is shorter), so that a last read at a
   * deadline is possible. A date, such as `Date.now()` plus a duration, is refused.
   * @default now + 120,000 ms
   */
  deadline?: number | undefined;
  /** Whether an attempt may pass the deadline, within its own limit. If so, the deadline limits only waits. @default {false} */
  overrun?: boolean | undefined;
  /** Maximum number of attempts, including the first; with 1, there is no retry. @default {Infinity} (limited by the deadline) */
  maxAttempts?: number | undefined;
  attempt?: number | undefined;
  requestTimeoutMs?: number | undefined;
}

export interface CallWorld {
  clock: Clock;
  onNotice: OnNotice | undefined;
  random: () => number;
  memory: TokenMemory;
}

const REQUEST_MS = 30_000;
const CALL_MS = 120_000;
/** Maximum time until a deadline. A job takes at most 30 days. */
const MAX_CALL_MS = 31 * 86_400_000;
/** Minimum time limit of the first attempt, so that a last read at a deadline is possible. */
const FIRST_ATTEMPT_MS = 2_000;

export class CallLimits {
  readonly #world: CallWorld;
  readonly #what: string;
  readonly #options: CallOptions;
  readonly deadline: number;

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

  ofAttempt(count: number): { limitMs: number; signal: AbortSignal | undefined; attempt: number } {
    const { requestTimeoutMs = REQUEST_MS, overrun = false, signal, attempt: first = 1 } = this.#options;
    const attempt = count + first - 1;
    const leftMs = Math.max(this.deadline - this.#world.clock.now(), attempt === 1 ? FIRST_ATTEMPT_MS : 0);
    return { limitMs: overrun ? requestTimeoutMs : Math.min(requestTimeoutMs, leftMs), signal, attempt };
  }

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
  what: string;
  options: CallOptions | undefined;
  judge?: ((error: unknown) => Failure | undefined) | undefined;
  baseMs?: number | undefined;
  lasts?: ((error: unknown) => boolean) | undefined;
  onFailure?: ((error: MogplexError) => Promise<void>) | undefined;
}

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

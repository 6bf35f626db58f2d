/**
 * What a failed attempt means: whether another one can help, why it has to wait, for how long, and whether the failed one may have been
 * carried out. The only table of this kind; every loop of attempts asks it.
 *
 * @module
 */
import {
  ApiError,
  BodyTooLargeError,
  MogplexError,
  NetworkError,
  RateLimitedError,
  StartUnknownError,
  UnauthorizedError,
  UnavailableError,
} from "../errors.ts";
import type { WaitCause } from "../notice.ts";
import { backoffMs } from "./backoff.ts";

/** A failed attempt after which another one makes sense. */
export interface Setback {
  /** Why. */
  cause: WaitCause;
  /** A few words for the log, made of our own messages, which never quote a body. */
  detail: string;
  /** What the reader can do about it. @default nothing is known to help */
  advice?: string | null | undefined;
  /** Delay that the service named, in milliseconds; null when it named none. */
  namedMs: number | null;
  /** Whether the service is known to have done nothing. Otherwise a request that changes something may have worked. */
  refused: boolean;
  /** The whole delay in milliseconds, where a rhythm decides it: at least the named one. @default the named one, else our own */
  delayMs?: number | undefined;
}

/** What decides on an error beside the error itself. */
export interface Circumstances {
  /** Whether the service has accepted this token in this process. */
  worked: boolean;
  /** Whether the attempt takes one of the slots for starts, so that a 429 can be the limit of these. @default {false} */
  starts?: boolean | undefined;
}

/** Further attempts after a 401 of a token that has worked. Source: contract, trap 4: trouble of the service's database looks like 401. */
export const MAX_UNAUTHORIZED = 2;

// Source: API reference, "Rate limits": the limit of requests always names this delay, the limit of starts the true one.
const REQUEST_LIMIT_DELAY_MS = 60_000;

/** A named delay of zero would be a tight loop. */
function namedDelay(error: ApiError): number | null {
  return error.retryAfterMs !== null && error.retryAfterMs > 0 ? error.retryAfterMs : null;
}

/** What happened, without what was attempted: the log line says that already. */
function detailOf(error: MogplexError): string {
  if (error instanceof ApiError) return `HTTP ${error.status}${error.code === null ? "" : ` ${error.code}`}`;
  return error.why;
}

/** HTTP status that an error carries, itself or as its cause; null when no answer came. */
export function statusOf(error: unknown): number | null {
  if (error instanceof StartUnknownError) return statusOf(error.cause);
  return error instanceof ApiError ? error.status : null;
}

/** Whether the service refused the token. */
export function isUnauthorized(error: unknown): error is MogplexError {
  return error instanceof UnauthorizedError || error instanceof MogplexError && error.exit === "unauthorized";
}

/**
 * What an answer with this status means when it is not the API's refusal of the request.
 *
 * 501 and 505 say that the server cannot do it at all. Other statuses below 500 come from something that is not the API: a wrong address
 * while nothing has ever worked, a proxy in trouble afterwards.
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

/**
 * Tells a setback from an error that lasts.
 *
 * @param error What an attempt threw.
 * @returns Undefined for an error that another attempt does not mend.
 */
export function setbackOf(error: unknown, circumstances: Circumstances): Setback | undefined {
  if (!(error instanceof MogplexError)) return undefined;
  if (error instanceof StartUnknownError) {
    const { attempted, why, advice } = error;
    return setbackOf(error.cause, circumstances) ??
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

/** Whether a request that ended with this error may have been carried out all the same. */
export function isAmbiguous(error: MogplexError): boolean {
  if (error instanceof NetworkError || error instanceof BodyTooLargeError) return true;
  if (!(error instanceof UnavailableError)) return false;
  const { status } = error;
  // 503 comes from the limiter or the host, before anything was written. Source: API reference, "Rate limits".
  return status === 408 || status >= 200 && status < 300 || status >= 500 && ![501, 503, 505].includes(status);
}

/**
 * The delay before the next attempt: that of the rhythm, else the named one in full, else our own, which grows and is spread at random.
 *
 * @param setback What the attempt met.
 * @param attempt Attempts so far that failed in a row, at least 1.
 * @param baseMs Longest own delay after the first of them, in milliseconds.
 * @param random Gives numbers from 0 up to 1.
 */
export function setbackDelay(setback: Setback, attempt: number, baseMs: number, random: () => number): number {
  return setback.delayMs ?? setback.namedMs ?? backoffMs(attempt, baseMs, random());
}

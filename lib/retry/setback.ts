/**
 * What a failed attempt means: whether a retry can help, why and how long to wait, and whether the service may have carried out the
 * failed request. This is the only place that decides so.
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

/** A failed attempt after which a retry makes sense. */
export interface Setback {
  /** Why to wait. */
  cause: WaitCause;
  /** A few words for the log, from our own messages, never from a body. */
  detail: string;
  /** What the reader can do about it. @default {undefined} (no advice is known) */
  advice?: string | null | undefined;
  /** Delay that the service named in `Retry-After`, in milliseconds; null without one. */
  namedMs: number | null;
  /** Whether the service certainly did nothing. If not, a request that changes something may have worked. */
  refused: boolean;
  /** Delay that the caller decided, in milliseconds; must be at least the named one. @default the named one, else a backoff */
  delayMs?: number | undefined;
}

/** Circumstances that {@linkcode setbackOf} needs beside the error. */
export interface Circumstances {
  /** Whether the service has accepted this token in this process. */
  worked: boolean;
  /** Whether the service counts the attempt against the limit of starts, so that a 429 can mean that limit. @default {false} */
  starts?: boolean | undefined;
}

/** Most retries after a 401 with a token that has worked. Source: contract, trap 4: a failing database of the service looks like 401. */
export const MAX_UNAUTHORIZED = 2;

/**
 * Waits after a 401 that comes first, where an earlier process shows that the token has worked, in milliseconds: about a minute, and within
 * the time of one request.
 */
const FIRST_UNAUTHORIZED_MS: readonly number[] = [10_000, 15_000, 30_000];

/**
 * What a 401 means with a token that only an earlier process has seen to work.
 *
 * @param count Number of such answers in a row, from 1.
 * @returns Undefined when it was tried often enough.
 */
export function firstUnauthorized(error: MogplexError, count: number): Setback | undefined {
  const delayMs = FIRST_UNAUTHORIZED_MS[count - 1];
  const setback = setbackOf(error, { worked: true });
  return delayMs === undefined || setback === undefined ? undefined : { ...setback, delayMs };
}

// Source: API reference, "Rate limits": the limit of requests always names this delay, the limit of starts names the real one.
const REQUEST_LIMIT_DELAY_MS = 60_000;

/** The named delay; null for zero, which would retry without a pause. */
function namedDelay(error: ApiError): number | null {
  return error.retryAfterMs !== null && error.retryAfterMs > 0 ? error.retryAfterMs : null;
}

/** Why the attempt failed. What was attempted is left out, since the log line says it already. */
function detailOf(error: MogplexError): string {
  if (error instanceof ApiError) return `HTTP ${error.status}${error.code === null ? "" : ` ${error.code}`}`;
  return error.why;
}

/** HTTP status of an error or of its cause; null if there was no answer. */
export function statusOf(error: unknown): number | null {
  if (error instanceof StartUnknownError) return statusOf(error.cause);
  return error instanceof ApiError ? error.status : null;
}

/** Whether the service refused the token. */
export function isUnauthorized(error: unknown): error is MogplexError {
  return error instanceof UnauthorizedError || error instanceof MogplexError && error.exit === "unauthorized";
}

/**
 * The cause for an answer that is not the API's refusal of the request; undefined if a retry cannot help.
 *
 * 501 and 505 say that the server can never do it. Other statuses below 500 do not come from the API: the address is wrong if the
 * token has never worked, and a proxy is in trouble if it has.
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
 * Decides whether a retry can help after an error.
 *
 * @param error What an attempt threw.
 * @returns Undefined for an error that a retry cannot mend.
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

/**
 * Decides whether another attempt, some time later, can help after a request that the client has given up. The client has given a refused
 * token its second chance.
 *
 * @returns Undefined for an error that time does not mend.
 */
export function laterSetback(error: unknown): Setback | undefined {
  return isUnauthorized(error) ? undefined : setbackOf(error, { worked: true });
}

/** Codes and words of Node 20, Bun 1.4 and Deno 2.9 for a connection that was refused, and a name that is not known. */
const NEVER_CONNECTED =
  /\b(?:ECONNREFUSED|ConnectionRefused|ENOTFOUND|EAI_AGAIN)\b|connection refused \(os error|dns error: failed to lookup/i;

/**
 * Whether no connection came about, so that no request was sent. What is not known to say so may have been sent.
 */
function neverConnected(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > MAX_CAUSES) return false;
  const { code, errors } = error as { code?: unknown; errors?: unknown };
  // Each address of a host is tried.
  if (Array.isArray(errors) && errors.length > 0) return errors.every((each) => neverConnected(each, depth + 1));
  if (typeof code === "string" && NEVER_CONNECTED.test(code)) return true;
  return error.cause === undefined ? NEVER_CONNECTED.test(error.message) : neverConnected(error.cause, depth + 1);
}

/** Most causes that are looked at. */
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

/**
 * The delay before the next attempt, in milliseconds: the caller's if it decided one, else the named one in full, else a backoff.
 *
 * @param attempt Number of failed attempts in a row, at least 1.
 * @param baseMs Longest backoff after the first of them, in milliseconds.
 * @param random Gives numbers from 0 up to 1.
 */
export function setbackDelay(setback: Setback, attempt: number, baseMs: number, random: () => number): number {
  return setback.delayMs ?? setback.namedMs ?? backoffMs(attempt, baseMs, random());
}

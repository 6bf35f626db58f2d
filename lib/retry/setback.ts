/**
 * What a failed attempt means to somebody who can wait: whether trying again can help, why it has to wait, and for how long.
 *
 * @module
 */
import { isAmbiguous } from "../api/errors.ts";
import {
  ApiError,
  MogplexError,
  NetworkError,
  RateLimitedError,
  StartUnknownError,
  UnauthorizedError,
  UnavailableError,
} from "../errors.ts";
import { backoffMs } from "./backoff.ts";
import type { WaitCause } from "../notice.ts";

/** A failed attempt after which trying again makes sense. */
export interface Setback {
  /** Why. */
  cause: WaitCause;
  /** Few words for the log; made of our own messages, which never carry a body. */
  detail: string;
  /** Delay that the service named, in milliseconds; null when it named none. */
  namedMs: number | null;
  /**
   * Whether the service is known to have done nothing: its limiter refused the request. Otherwise a request that changes
   * something may have worked.
   */
  refused: boolean;
  /** The whole delay, where a rhythm decides it: at least the named one. @default the named one, else our own */
  delayMs?: number | undefined;
}

/** Chances of a token that has worked. Source: contract, trap 4: trouble of the service's database looks like 401. */
export const MAX_UNAUTHORIZED = 2;

/** A named delay of zero would be a tight loop. */
function named(error: ApiError): number | null {
  return error.retryAfterMs !== null && error.retryAfterMs > 0 ? error.retryAfterMs : null;
}

/** What happened, without what was attempted: the log line says that already. */
function detailOf(error: MogplexError): string {
  if (error instanceof ApiError) return `HTTP ${error.status}${error.code === null ? "" : ` ${error.code}`}`;
  return error.message.replace(/^Cannot [^:]+: /, "");
}

/** HTTP status that an error tells of, or that its cause tells of; null when no answer came. */
export function statusOf(error: unknown): number | null {
  if (error instanceof StartUnknownError) return statusOf(error.cause);
  return error instanceof ApiError ? error.status : null;
}

function unavailable(error: UnavailableError, proven: boolean): Setback | undefined {
  const { status } = error;
  // Not an answer of the API: while nothing has ever worked, the address is wrong rather than a proxy in trouble.
  const odd = status < 500 && status !== 408 && status !== 425 || status === 501 || status === 505;
  if (odd && !(status >= 200 && status < 300) && !proven) return undefined;
  return {
    cause: status >= 500 ? "unavailable" : "invalid_answer",
    detail: detailOf(error),
    namedMs: named(error),
    refused: !isAmbiguous(error),
  };
}

/**
 * Tells a setback from an error that lasts.
 *
 * @param error What an attempt threw.
 * @param proven Whether this token and this origin have worked before in this process: a 401 may then be trouble of the
 * service's database, and a page that is not the API's that of a proxy.
 * @returns Undefined for an error that trying again does not mend.
 */
export function setbackOf(error: unknown, proven: boolean): Setback | undefined {
  if (error instanceof StartUnknownError) {
    return setbackOf(error.cause, proven) ??
      { cause: "network", detail: detailOf(error), namedMs: null, refused: false };
  }
  if (error instanceof RateLimitedError) {
    return { cause: "rate_limit", detail: detailOf(error), namedMs: named(error), refused: true };
  }
  if (error instanceof UnavailableError) return unavailable(error, proven);
  if (error instanceof NetworkError) {
    return { cause: "network", detail: detailOf(error), namedMs: null, refused: false };
  }
  if (isUnauthorized(error) && proven) {
    return { cause: "unauthorized", detail: detailOf(error), namedMs: null, refused: true };
  }
  return undefined;
}

/** Whether the service refused the token. */
export function isUnauthorized(error: unknown): error is MogplexError {
  return error instanceof UnauthorizedError || error instanceof MogplexError && error.exit === "unauthorized";
}

/**
 * The delay before the next attempt: that of the rhythm, else the named one in full, else our own, which grows and is spread
 * at random.
 *
 * @param setback What the attempt met.
 * @param attempt Attempts so far that failed in a row, at least 1.
 * @param baseMs Longest own delay after the first of them.
 * @param random Gives numbers from 0 up to 1.
 */
export function setbackDelay(setback: Setback, attempt: number, baseMs: number, random: () => number): number {
  return setback.delayMs ?? setback.namedMs ?? backoffMs(attempt, baseMs, random());
}

/**
 * The errors that callers meet. A class exists where somebody acts on it; each one knows its exit code.
 *
 * @module
 */
import { EXIT, type ExitName } from "./exit_codes.ts";

/** Options of {@linkcode MogplexError}. */
export interface MogplexErrorOptions {
  /** What caused it. @default {undefined} */
  cause?: unknown;
}

/** Base of every error that the toolkit throws on purpose. */
export class MogplexError extends Error {
  /** Name of the class. */
  override name = "MogplexError";
  /** Which row of the table of exit codes applies to toolkit verbs. */
  readonly exit: ExitName;

  /**
   * Makes the error.
   *
   * @param message What was attempted, why it did not work, the present value, what to do.
   * @param exit Row of the table of exit codes.
   */
  constructor(message: string, exit: ExitName, options: MogplexErrorOptions = {}) {
    super(message, options);
    this.exit = exit;
  }

  /** Exit code of toolkit verbs. */
  get exitCode(): number {
    return EXIT[this.exit];
  }
}

/** Something that the caller gave is wrong, found before anything was sent. Exit code 2. */
export class UsageError extends MogplexError {
  /** Name of the class. */
  override name = "UsageError";
  /**
   * Makes the error.
   *
   * @param message See {@linkcode MogplexError}.
   */
  constructor(message: string, options: MogplexErrorOptions = {}) {
    super(message, "usage", options);
  }
}

/** No token, an empty or malformed one (found locally), or one that the service refuses. Exit code 64. */
export class UnauthorizedError extends MogplexError {
  /** Name of the class. */
  override name = "UnauthorizedError";
  /**
   * Makes the error.
   *
   * @param message See {@linkcode MogplexError}.
   */
  constructor(message: string, options: MogplexErrorOptions = {}) {
    super(message, "unauthorized", options);
  }
}

/** Facts of an HTTP answer that an error speaks of. */
export interface AnswerFacts {
  /** HTTP status. */
  status: number;
  /** The envelope's error code, or null when the body was not the envelope. */
  code: string | null;
  /** Value of the first `x-*-id` header: what the host's support asks for. Null when there was none. */
  requestId: string | null;
  /** `Retry-After` in milliseconds from the answer on; null when there was none. */
  retryAfterMs: number | null;
}

/** The service answered with an error. The class of its own errors is chosen by status, refined by code. */
export class ApiError extends MogplexError implements AnswerFacts {
  /** Name of the class. */
  override name = "ApiError";
  readonly status: number;
  readonly code: string | null;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;

  /**
   * Makes the error.
   *
   * @param facts What the answer said.
   */
  constructor(message: string, exit: ExitName, facts: AnswerFacts, options: MogplexErrorOptions = {}) {
    super(message, exit, options);
    this.status = facts.status;
    this.code = facts.code;
    this.requestId = facts.requestId;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** 404 with the service's own envelope: no such run, repository, automation. Exit code 2. */
export class NotFoundError extends ApiError {
  /** Name of the class. */
  override name = "NotFoundError";
}

/** 409: the idempotency key protects another request, or the run is in another state. Exit code 2. */
export class ConflictError extends ApiError {
  /** Name of the class. */
  override name = "ConflictError";
}

/** 403: the token lacks a scope, or may only trigger automations. Exit code 65. */
export class ForbiddenError extends ApiError {
  /** Name of the class. */
  override name = "ForbiddenError";
}

/** 429 for longer than the caller allowed to wait. Exit code 75. */
export class RateLimitedError extends ApiError {
  /** Name of the class. */
  override name = "RateLimitedError";
}

/** 5xx, or an answer that is not the API's (HTML, redirect, empty, truncated), after all retries. Exit code 69. */
export class UnavailableError extends ApiError {
  /** Name of the class. */
  override name = "UnavailableError";
}

/** `fetch` itself failed, or an attempt took too long, after all retries. Exit code 69. */
export class NetworkError extends MogplexError {
  /** Name of the class. */
  override name = "NetworkError";
  /**
   * Makes the error.
   *
   * @param message See {@linkcode MogplexError}.
   */
  constructor(message: string, options: MogplexErrorOptions = {}) {
    super(message, "unavailable", options);
  }
}

/** The body of an answer is larger than the limit. Asking for less may work. Exit code 69. */
export class BodyTooLargeError extends MogplexError {
  /** Name of the class. */
  override name = "BodyTooLargeError";
  /**
   * Makes the error.
   *
   * @param message See {@linkcode MogplexError}.
   */
  constructor(message: string, options: MogplexErrorOptions = {}) {
    super(message, "unavailable", options);
  }
}

/** It is unknown whether the run was started: repeat the start with {@linkcode StartUnknownError.idempotencyKey}. Exit code 69. */
export class StartUnknownError extends MogplexError {
  /** Name of the class. */
  override name = "StartUnknownError";
  /** Key that finds the run, if there is one. */
  readonly idempotencyKey: string;
  /**
   * Makes the error.
   *
   * @param idempotencyKey Key of the start.
   */
  constructor(message: string, idempotencyKey: string, options: MogplexErrorOptions = {}) {
    super(message, "unavailable", options);
    this.idempotencyKey = idempotencyKey;
  }
}

/** The caller's deadline passed while the run went on. Exit code 124. */
export class DeadlineError extends MogplexError {
  /** Name of the class. */
  override name = "DeadlineError";
  /**
   * Makes the error.
   *
   * @param message See {@linkcode MogplexError}.
   */
  constructor(message: string, options: MogplexErrorOptions = {}) {
    super(message, "deadline", options);
  }
}

/** A signal that ends the process. */
export type InterruptSignal = "SIGINT" | "SIGTERM";

/** The process was told to stop. Exit code 130 or 143. */
export class InterruptedError extends MogplexError {
  /** Name of the class. */
  override name = "InterruptedError";
  /** The signal. */
  readonly signal: InterruptSignal;
  /**
   * Makes the error.
   *
   * @param signal The signal that came.
   */
  constructor(signal: InterruptSignal) {
    super(`Cannot go on: ${signal} received`, signal === "SIGINT" ? "sigint" : "sigterm");
    this.signal = signal;
  }
}

/**
 * The exit code of toolkit verbs for whatever was thrown: the error's own, or 70 for everything that is no
 * {@linkcode MogplexError}.
 */
export function exitCodeFor(error: unknown): number {
  return error instanceof MogplexError ? error.exitCode : EXIT.internal;
}

/** The exit code of drop-in verbs, as the `mogplex` command documents them. Source: CLI reference, "Exit codes". */
export function dropInExitCode(error: unknown): number {
  if (error instanceof ApiError && error.exit === "unavailable" && error.status === 503) return EXIT.unavailable;
  if (!(error instanceof MogplexError)) return EXIT.failed;
  // Only what we found ourselves is "bad arguments" there; a 400 or 404 of the service is a generic failure.
  if (error instanceof UsageError) return EXIT.usage;
  const same: readonly ExitName[] = ["unauthorized", "forbidden", "rateLimited", "sigint", "sigterm"];
  return same.includes(error.exit) ? error.exitCode : EXIT.failed;
}

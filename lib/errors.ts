/**
 * The errors that callers meet. There is a class where a caller acts on it; each one knows its exit code.
 *
 * @module
 */
import { type ErrorParts, errorSentence } from "./error_sentence.ts";
import { EXIT, type ExitName } from "./exit_codes.ts";

/** Options of {@linkcode MogplexError}. */
export interface MogplexErrorOptions {
  /** What caused it. @default {undefined} */
  cause?: unknown;
}

export type { ErrorParts };

/** Base of every error that the toolkit throws on purpose. */
export class MogplexError extends Error {
  override name = "MogplexError";
  /** Which row of the table of exit codes applies to toolkit verbs. */
  readonly exit: ExitName;
  /** What was attempted, after "Cannot"; null when the message says something else. */
  readonly attempted: string | null;
  /** Why it did not work; the whole message when it does not come in parts. */
  readonly why: string;
  /** The value at fault, quoted; null when there is none. */
  readonly value: string | null;
  /** What the reader can do; null when nothing is known to help. */
  readonly advice: string | null;

  /**
   * @param problem What went wrong, in parts; or the whole message, for what is not a failed attempt.
   * @param exit Row of the table of exit codes.
   */
  constructor(problem: ErrorParts | string, exit: ExitName, options: MogplexErrorOptions = {}) {
    super(typeof problem === "string" ? problem : errorSentence(problem), options);
    const { attempted, why, value, advice }: Partial<ErrorParts> = typeof problem === "string" ? {} : problem;
    this.exit = exit;
    this.attempted = attempted ?? null;
    this.why = why ?? this.message;
    this.value = value ?? null;
    this.advice = advice ?? null;
  }

  /** The message in lines that can be printed one by one. There is one, unless the error lists mistakes. */
  get lines(): readonly string[] {
    return [this.message];
  }

  /** Exit code of toolkit verbs. */
  get exitCode(): number {
    return EXIT[this.exit];
  }
}

/** Something that the caller gave is wrong; nothing was started. Exit code 2. */
export class UsageError extends MogplexError {
  override name = "UsageError";
  /** @param problem See {@linkcode MogplexError}. */
  constructor(problem: ErrorParts | string, options: MogplexErrorOptions = {}) {
    super(problem, "usage", options);
  }
}

/** No token, an empty or malformed one (found locally), or one that the service refuses. Exit code 64. */
export class UnauthorizedError extends MogplexError {
  override name = "UnauthorizedError";
  /** @param problem See {@linkcode MogplexError}. */
  constructor(problem: ErrorParts | string, options: MogplexErrorOptions = {}) {
    super(problem, "unauthorized", options);
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
  override name = "ApiError";
  readonly status: number;
  readonly code: string | null;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;

  /**
   * @param problem See {@linkcode MogplexError}.
   * @param facts What the answer said.
   */
  constructor(
    problem: ErrorParts | string,
    exit: ExitName,
    facts: AnswerFacts,
    options: MogplexErrorOptions = {},
  ) {
    super(problem, exit, options);
    this.status = facts.status;
    this.code = facts.code;
    this.requestId = facts.requestId;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** 404 with the service's own envelope: no such run, repository, automation. Exit code 2. */
export class NotFoundError extends ApiError {
  override name = "NotFoundError";
}

/** 409: the idempotency key was used for another request, or the run is in another state. Exit code 2. */
export class ConflictError extends ApiError {
  override name = "ConflictError";
}

/** 403: the token lacks a scope, or may only trigger automations. Exit code 65. */
export class ForbiddenError extends ApiError {
  override name = "ForbiddenError";
}

/** 429 for longer than the caller allowed to wait. Exit code 75. */
export class RateLimitedError extends ApiError {
  override name = "RateLimitedError";
}

/** 5xx, or an answer that is not the API's (HTML, redirect, empty, truncated), after all retries. Exit code 69. */
export class UnavailableError extends ApiError {
  override name = "UnavailableError";
}

/** `fetch` itself failed, or an attempt took too long, after all retries. Exit code 69. */
export class NetworkError extends MogplexError {
  override name = "NetworkError";
  /** @param problem See {@linkcode MogplexError}. */
  constructor(problem: ErrorParts | string, options: MogplexErrorOptions = {}) {
    super(problem, "unavailable", options);
  }
}

/** The body of an answer is larger than the limit. Asking for less may work. Exit code 69. */
export class BodyTooLargeError extends MogplexError {
  override name = "BodyTooLargeError";
  /** @param problem See {@linkcode MogplexError}. */
  constructor(problem: ErrorParts | string, options: MogplexErrorOptions = {}) {
    super(problem, "unavailable", options);
  }
}

/** It is unknown whether the run was started: repeat the start with {@linkcode StartUnknownError.idempotencyKey}. Exit code 69. */
export class StartUnknownError extends MogplexError {
  override name = "StartUnknownError";
  /** Key that finds the run, if there is one. */
  readonly idempotencyKey: string;
  /**
   * @param problem See {@linkcode MogplexError}.
   * @param idempotencyKey Key of the start.
   */
  constructor(problem: ErrorParts | string, idempotencyKey: string, options: MogplexErrorOptions = {}) {
    super(problem, "unavailable", options);
    this.idempotencyKey = idempotencyKey;
  }
}

/** The caller's deadline passed while the run went on. Exit code 124. */
export class DeadlineError extends MogplexError {
  override name = "DeadlineError";
  /** @param problem See {@linkcode MogplexError}. */
  constructor(problem: ErrorParts | string, options: MogplexErrorOptions = {}) {
    super(problem, "deadline", options);
  }
}

/** A signal that ends the process. */
export type InterruptSignal = "SIGINT" | "SIGTERM";

/** A signal stopped the process. Exit code 130 or 143. */
export class InterruptedError extends MogplexError {
  override name = "InterruptedError";
  /** The signal. */
  readonly signal: InterruptSignal;
  constructor(signal: InterruptSignal) {
    super({ attempted: "wait any longer", why: `${signal} received` }, signal === "SIGINT" ? "sigint" : "sigterm");
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

import { type ErrorParts, errorSentence, type KnownRun, messageOf, type ResultSoFar } from "./error_sentence.ts";
import { EXIT, type ExitName } from "./exit_codes.ts";
import { VERSION } from "./version.ts";

/** Options for {@linkcode MogplexError}. */
export interface MogplexErrorOptions {
  /** What caused the error. */
  cause?: unknown;
  /** See {@linkcode MogplexError.code}. @default the name of the exit code, in upper case */
  code?: string | null | undefined;
  /** See {@linkcode MogplexError.serviceCode}. @default {null} */
  serviceCode?: string | null | undefined;
}

export type { ErrorParts, ResultSoFar };

// Two copies of the package can be in one process, such as an installed copy and one in a bundled plug-in. They recognize each other's errors by a
// brand.

interface Brand {
  version: string;
  kinds: readonly string[];
}

const BRAND = /* @__PURE__ */ Symbol.for("@mogplex/ci.error");

function brandOf(value: unknown): Brand | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return (value as { [BRAND]?: Brand })[BRAND];
}

/** The part that the versions of compatible copies share: the major number or, before 1.0.0, the major and minor numbers. */
function compatiblePart(version: string): string {
  return /^0\.\d+|^\d+/.exec(version)?.[0] ?? version;
}

function isCompatible({ version }: Brand): boolean {
  return compatiblePart(version) === compatiblePart(VERSION);
}

function kindsOf(own: typeof MogplexError): string[] {
  const kinds: string[] = [];
  for (let each = own; typeof each === "function"; each = Object.getPrototypeOf(each)) {
    if (Object.hasOwn(each, "kind")) kinds.push(each.kind);
  }
  return kinds;
}

export function otherVersion(thrown: unknown): string | undefined {
  const brand = brandOf(thrown);
  if (brand === undefined || isCompatible(brand)) return undefined;
  return `this error comes from @mogplex/ci ${brand.version}, and the caller uses ${VERSION}: install only one version`;
}

/**
 * Base class of every error that the toolkit throws on purpose. `instanceof` also recognizes errors from another copy of a compatible version
 * of the package.
 */
export class MogplexError extends Error {
  /** Name of the class. @internal */
  static readonly kind: string = "MogplexError";
  /** Name of the error's class. */
  override name: string;
  /** Name of the error's exit code: a key of {@linkcode EXIT}. */
  readonly exit: ExitName;
  /** What was attempted: the words after "Cannot" in the message. `null` if the message has another form. */
  readonly attempted: string | null;
  /** Why the attempt failed. If the message has no parts, this is the whole message. */
  readonly why: string;
  /** The invalid value, quoted; `null` if no value is at fault. */
  readonly value: string | null;
  /** What the reader can do; `null` if there is no advice. */
  readonly advice: string | null;
  /**
   * A machine-readable code. If the service answered, this is the service's code, or `null` if the answer had none. Otherwise, it is the toolkit's
   * own code, such as `USAGE`, `NETWORK`, `START_UNKNOWN`, `DEADLINE`, `NO_SANDBOX`, `STILL_RUNNING`, `HOOK_FAILED` or `REPORT_NOT_WRITTEN`.
   */
  readonly code: string | null;
  /** The service's code, such as `FORBIDDEN`; `null` if the answer had none, or if there was no answer. */
  readonly serviceCode: string | null;
  /** Private, so that printing an error does not print the service's text. */
  #run: KnownRun = { runId: null, idempotencyKey: null, result: null };

  constructor(problem: ErrorParts | string, exit: ExitName, options: MogplexErrorOptions = {}) {
    super(typeof problem === "string" ? problem : errorSentence(problem), options);
    this.name = new.target.kind;
    Object.defineProperty(this, BRAND, { value: { version: VERSION, kinds: kindsOf(new.target) } satisfies Brand });
    const { attempted, why, value, advice }: Partial<ErrorParts> = typeof problem === "string" ? {} : problem;
    this.exit = exit;
    this.attempted = attempted ?? null;
    this.why = why ?? this.message;
    this.value = value ?? null;
    this.advice = advice ?? null;
    const { code = exit.replace(/[A-Z]/g, "_$&").toUpperCase() } = options;
    this.code = code;
    this.serviceCode = options.serviceCode ?? null;
  }

  /** Whether a value is an error of this class, from this copy of the package or from a compatible one. @internal */
  static override [Symbol.hasInstance]<C extends abstract new (...given: never) => unknown>(
    this: C,
    value: unknown,
  ): value is InstanceType<C> {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    const brand = brandOf(value);
    return brand !== undefined && isCompatible(brand) && Object.hasOwn(this, "kind") &&
      brand.kinds.includes((this as unknown as typeof MogplexError).kind);
  }

  /** Whether the same call can succeed later: true for the exit codes 69 and 75. */
  get isRetryable(): boolean {
    return this.exit === "unavailable" || this.exit === "rateLimited";
  }

  /** Delay before the next attempt, as requested by the service, in milliseconds; `null` if the service requested none. */
  get retryAfterMs(): number | null {
    return null;
  }

  /** Id of the request, for the service's support team; `null` if there was no answer, or if the answer had no id. */
  get requestId(): string | null {
    return null;
  }

  /** UUID of the run that the call started, found or followed; `null` if there is no such run, or if its id is unknown. */
  get runId(): string | null {
    return this.#run.runId;
  }

  /**
   * Idempotency key of the start. Starting again with this key finds the run, if there is one. `null` if the call was not about a start, or if no run
   * can have been started because nothing was sent or the service refused the request.
   */
  get idempotencyKey(): string | null {
    return this.#run.idempotencyKey;
  }

  /**
   * The `RunResult` or `AutomationResult` of the call, as far as it was known when the error occurred. `null` if the call was not about a run. The
   * result contains texts from the service. Printing the error does not print them.
   */
  get result(): ResultSoFar | null {
    return this.#run.result;
  }

  /**
   * Adds facts about the run, and returns the error.
   *
   * @internal
   */
  static tellRun<E extends MogplexError>(error: E, facts: Partial<KnownRun>): E {
    // An error from another copy of the package keeps its own facts.
    if (#run in error) error.#run = { ...error.#run, ...facts };
    return error;
  }

  /** Returns the fields of the error for logs. `JSON.stringify` calls this method. Secrets in the texts of the result are masked. */
  toJSON(): Record<string, unknown> {
    const { name, message, code, exitCode, attempted, why, value, advice, isRetryable, retryAfterMs, requestId } = this;
    const { runId, idempotencyKey, result, cause } = this;
    return {
      ...{ name, message, code, exitCode, attempted, why, value, advice, isRetryable, retryAfterMs, requestId },
      ...{ runId, idempotencyKey, result },
      cause: cause === undefined ? null : cause instanceof MogplexError ? cause.toJSON() : messageOf(cause),
    };
  }

  /** The lines of the message. There is only one line, unless the error lists several mistakes. */
  get lines(): readonly string[] {
    return [this.message];
  }

  /** The error's exit code: a value of {@linkcode EXIT}. */
  get exitCode(): number {
    return EXIT[this.exit];
  }
}

/** The caller passed something invalid; nothing was started. Exit code 2. */
export class UsageError extends MogplexError {
  /** @internal */
  static override readonly kind: string = "UsageError";
  constructor(problem: ErrorParts | string, options: MogplexErrorOptions = {}) {
    super(problem, "usage", options);
  }
}

/** There is no token, the token is empty or malformed (detected locally), or the service refuses it. Exit code 64. */
export class UnauthorizedError extends MogplexError {
  /** @internal */
  static override readonly kind: string = "UnauthorizedError";
  constructor(problem: ErrorParts | string, options: MogplexErrorOptions = {}) {
    super(problem, "unauthorized", options);
  }
}

/** Facts about the HTTP answer that caused an error. */
export interface AnswerFacts {
  /** HTTP status. */
  status: number;
  /** The error code in the answer; `null` if the body is not in the service's error format. */
  code: string | null;
  /** Value of the first `x-*-id` header, for the host's support team; `null` if there was none. */
  requestId: string | null;
  /** Delay from the `Retry-After` header, in milliseconds after the answer; `null` if there was no such header. */
  retryAfterMs: number | null;
  /** Headers that help to identify the server that answered, by lower-case name, with secrets masked. @default {} */
  headers?: Readonly<Record<string, string>> | undefined;
}

/** The service answered with an error. For the service's own errors, the status determines the class, and the code gives the details. */
export class ApiError extends MogplexError {
  /** @internal */
  static override readonly kind: string = "ApiError";
  /** HTTP status. */
  readonly status: number;
  readonly #facts: AnswerFacts;

  constructor(
    problem: ErrorParts | string,
    exit: ExitName,
    facts: AnswerFacts,
    options: MogplexErrorOptions = {},
  ) {
    super(problem, exit, { ...options, code: facts.code, serviceCode: facts.code });
    this.status = facts.status;
    this.#facts = facts;
  }

  /** Id of the request, for the host's support team: the first `x-*-id` header of the answer. `null` if there was none. */
  override get requestId(): string | null {
    return this.#facts.requestId;
  }

  /** Delay from the `Retry-After` header, in milliseconds after the answer; `null` if there was no such header. */
  override get retryAfterMs(): number | null {
    return this.#facts.retryAfterMs;
  }

  /** Headers that help to identify the server that answered, by lower-case name, with secrets masked. */
  get headers(): Readonly<Record<string, string>> {
    return this.#facts.headers ?? {};
  }

  /** Returns the fields of {@linkcode MogplexError.toJSON}, the status and the headers. */
  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), status: this.status, headers: this.headers };
  }
}

/** 404 in the service's own format: no such run, repository or automation. Exit code 2. */
export class NotFoundError extends ApiError {
  /** @internal */
  static override readonly kind: string = "NotFoundError";
}

/**
 * 409: the idempotency key was used for another request, or the run or automation is in a state that does not permit the call. Exit code 2.
 */
export class ConflictError extends ApiError {
  /** @internal */
  static override readonly kind: string = "ConflictError";
}

/** 403: the request is not permitted, for example because the token lacks a scope or can only trigger automations. Exit code 65. */
export class ForbiddenError extends ApiError {
  /** @internal */
  static override readonly kind: string = "ForbiddenError";
}

/** The service kept answering 429 for longer than the caller was willing to wait. Exit code 75. */
export class RateLimitedError extends ApiError {
  /** @internal */
  static override readonly kind: string = "RateLimitedError";
}

/** 5xx, or a response that is not from the API (HTML, redirect, empty, truncated), after all retries. Exit code 69. */
export class UnavailableError extends ApiError {
  /** @internal */
  static override readonly kind: string = "UnavailableError";
}

/** `fetch` itself failed, or an attempt took too long, after all retries. Exit code 69. */
export class NetworkError extends MogplexError {
  /** @internal */
  static override readonly kind: string = "NetworkError";
  constructor(problem: ErrorParts | string, options: MogplexErrorOptions = {}) {
    super(problem, "unavailable", { code: "NETWORK", ...options });
  }
}

/** The body of an answer is larger than the limit. A request for less data can succeed. Exit code 69. */
export class BodyTooLargeError extends MogplexError {
  /** @internal */
  static override readonly kind: string = "BodyTooLargeError";
  constructor(problem: ErrorParts | string, options: MogplexErrorOptions = {}) {
    super(problem, "unavailable", { code: "BODY_TOO_LARGE", ...options });
  }
}

/** It is unknown whether the run was started. Repeat the start with {@linkcode StartUnknownError.idempotencyKey}. Exit code 69. */
export class StartUnknownError extends MogplexError {
  /** @internal */
  static override readonly kind: string = "StartUnknownError";
  constructor(problem: ErrorParts | string, idempotencyKey: string, options: MogplexErrorOptions = {}) {
    super(problem, "unavailable", { code: "START_UNKNOWN", ...options });
    MogplexError.tellRun(this, { idempotencyKey });
  }

  /** Key that finds the run, if there is one. */
  override get idempotencyKey(): string {
    return super.idempotencyKey ?? "";
  }
}

/** The run did not finish before the caller's deadline. Exit code 124. */
export class DeadlineError extends MogplexError {
  /** @internal */
  static override readonly kind: string = "DeadlineError";
  constructor(problem: ErrorParts | string, options: MogplexErrorOptions = {}) {
    super(problem, "deadline", options);
  }
}

/**
 * The caller's `signal` aborted after a start was sent, or while an existing run was followed. A run exists, or might exist. `cause` is
 * `signal.reason`. The exit code depends on the reason. It is 124 for a `TimeoutError`, the error's own exit code for an error of the toolkit, and
 * 130 otherwise. Awaiting a handle after leaving its last loop also throws this error.
 */
export class AbortedError extends MogplexError {
  /** @internal */
  static override readonly kind: string = "AbortedError";
  constructor(problem: ErrorParts | string, reason: unknown) {
    const exit = exitNameOf(reason);
    super(problem, exit === "internal" ? "sigint" : exit, { cause: reason, code: "ABORTED" });
  }
}

/** A signal that ends the process. */
export type InterruptSignal = "SIGHUP" | "SIGINT" | "SIGTERM";

const EXIT_OF_SIGNAL = { SIGHUP: "sighup", SIGINT: "sigint", SIGTERM: "sigterm" } as const;

/** A signal stopped the process. Exit code 129, 130 or 143. */
export class InterruptedError extends MogplexError {
  /** @internal */
  static override readonly kind: string = "InterruptedError";
  /** The signal. */
  readonly signal: "SIGHUP" | "SIGINT" | "SIGTERM";
  constructor(signal: InterruptSignal, message: string = `Stopped by ${signal}`) {
    super(message, EXIT_OF_SIGNAL[signal]);
    this.signal = signal;
  }
}

export function exitNameOf(thrown: unknown): ExitName {
  if (thrown instanceof MogplexError) return thrown.exit;
  if (otherVersion(thrown) !== undefined) return "usage";
  const name = (thrown as { name?: unknown } | null | undefined)?.name;
  return name === "TimeoutError" ? "deadline" : name === "AbortError" ? "sigint" : "internal";
}

/**
 * Returns the exit code for any thrown value. An error of the toolkit has its own exit code. The output of the error's `toJSON()` gives the same
 * code, so you can store that output in a queue or send it to another worker. A `TimeoutError` gives 124, and an `AbortError` gives 130: these are
 * the default reasons of an aborted `AbortSignal`. An error from an incompatible version of this package gives 2. Everything else gives 70.
 */
export function exitCodeFor(error: unknown): number {
  return codeInJson(error) ?? EXIT[exitNameOf(error)];
}

function codeInJson(value: unknown): number | undefined {
  if (typeof value !== "object" || value === null || value instanceof Error) return undefined;
  const { name, message, exitCode } = value as { name?: unknown; message?: unknown; exitCode?: unknown };
  const isCode = Object.values<unknown>(EXIT).includes(exitCode);
  return isCode && typeof name === "string" && typeof message === "string" ? exitCode as number : undefined;
}

/** Exit code of the drop-in verbs, as documented for the `mogplex` command. Source: CLI reference, "Exit codes". */
export function dropInExitCode(error: unknown): number {
  if (error instanceof ApiError && error.exit === "unavailable" && error.status === 503) return EXIT.unavailable;
  if (!(error instanceof MogplexError)) return EXIT.failed;
  // For the `mogplex` command, only mistakes found locally are "bad arguments". A 400 or 404 from the service is a generic failure.
  if (error instanceof UsageError) return EXIT.usage;
  const same: readonly ExitName[] = ["unauthorized", "forbidden", "rateLimited", "sighup", "sigint", "sigterm"];
  return same.includes(error.exit) ? error.exitCode : EXIT.failed;
}

/**
 * Verdicts as errors: what {@linkcode run} throws when a run did not end in success.
 *
 * @module
 */
import { MogplexError } from "../errors.ts";
import type { ExitName } from "../exit_codes.ts";
import type { RunResult } from "../report/result.ts";

/** Base of the verdicts that are thrown. */
export class RunVerdictError extends MogplexError {
  /** Name of the class. */
  override name = "RunVerdictError";
  /** Everything that is known of the run. */
  readonly result: RunResult;

  /**
   * Makes the error.
   *
   * @param result The run.
   */
  constructor(message: string, exit: ExitName, result: RunResult) {
    super(message, exit);
    this.result = result;
  }
}

/** The run ended `failed`. Exit code 1. */
export class RunFailedError extends RunVerdictError {
  /** Name of the class. */
  override name = "RunFailedError";
  /**
   * Makes the error.
   *
   * @param result The run.
   */
  constructor(result: RunResult) {
    super(`Run "${result.runId}" failed; see 'result.reason'`, "failed", result);
  }
}

/** The run ended `cancelled`. Exit code 3. */
export class RunCancelledError extends RunVerdictError {
  /** Name of the class. */
  override name = "RunCancelledError";
  /**
   * Makes the error.
   *
   * @param result The run.
   */
  constructor(result: RunResult) {
    super(`Run "${result.runId}" was cancelled`, "cancelled", result);
  }
}

/** The run waits for a person; nothing in the API makes it go on. Exit code 4. */
export class AwaitingInputError extends RunVerdictError {
  /** Name of the class. */
  override name = "AwaitingInputError";
  /**
   * Makes the error.
   *
   * @param result The run.
   */
  constructor(result: RunResult) {
    super(`Run "${result.runId}" waits for a person: answer it in the app, or cancel it`, "awaitingInput", result);
  }
}

/**
 * The errors that {@linkcode run} throws when a run did not end in success.
 *
 * @module
 */
import { tellRun } from "../error_sentence.ts";
import { MogplexError } from "../errors.ts";
import type { ExitName } from "../exit_codes.ts";
import { guardResult } from "../result/guard.ts";
import type { RunResult } from "../result/run_result.ts";
import { createRedactor } from "../text/redact.ts";

/** Base of the errors for a verdict that is not a success. */
export class RunVerdictError extends MogplexError {
  override name = "RunVerdictError";
  readonly #result: RunResult;

  /**
   * @param message The whole message.
   * @param exit Row of the table of exit codes.
   * @param result The result of the run. From now on, printing it masks secrets.
   */
  constructor(message: string, exit: ExitName, result: RunResult) {
    super(message, exit, { code: `RUN_${exit.replace(/[A-Z]/g, "_$&").toUpperCase()}` });
    this.#result = guardResult(result, createRedactor());
    tellRun(this, { runId: result.runId, idempotencyKey: result.idempotencyKey });
  }

  /** The result of the run. */
  override get result(): RunResult {
    return this.#result;
  }
}

/** The run ended `failed`. Exit code 1. */
export class RunFailedError extends RunVerdictError {
  override name = "RunFailedError";
  constructor(result: RunResult) {
    super(`Run "${result.runId}" failed; see 'result.reason'`, "failed", result);
  }
}

/** The run ended `cancelled`. Exit code 3. */
export class RunCancelledError extends RunVerdictError {
  override name = "RunCancelledError";
  constructor(result: RunResult) {
    super(`Run "${result.runId}" was cancelled`, "cancelled", result);
  }
}

/** The run waits for a person, who has to answer in the app: the API has no call for it. Exit code 4. */
export class AwaitingInputError extends RunVerdictError {
  override name = "AwaitingInputError";
  constructor(result: RunResult) {
    super(`Run "${result.runId}" waits for a person: answer it in the app, or cancel it`, "awaitingInput", result);
  }
}

/** The error for a verdict that is not a success; undefined for a success, and for an outcome that is not a verdict of the service. */
export function verdictErrorOf(result: RunResult): RunVerdictError | undefined {
  if (result.outcome === "failed") return new RunFailedError(result);
  if (result.outcome === "cancelled") return new RunCancelledError(result);
  return result.outcome === "awaiting_input" ? new AwaitingInputError(result) : undefined;
}

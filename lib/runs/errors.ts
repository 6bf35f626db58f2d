/**
 * Verdicts as errors: what {@linkcode run} and {@linkcode runAutomation} throw when a run did not end in success.
 *
 * @module
 */
import { MogplexError } from "../errors.ts";
import type { ExitName } from "../exit_codes.ts";
import type { AutomationResult } from "../result/automation_result.ts";
import type { RunResult } from "../result/run_result.ts";

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

/** The run of an automation ended `failed` (exit code 1) or `cancelled` (exit code 3). */
export class AutomationVerdictError extends MogplexError {
  /** Name of the class. */
  override name = "AutomationVerdictError";
  /** Everything that is known of the run. */
  readonly result: AutomationResult;

  /**
   * Makes the error.
   *
   * @param outcome How it ended.
   * @param result The run.
   */
  constructor(outcome: "failed" | "cancelled", result: AutomationResult) {
    const words = outcome === "failed" ? "failed; see 'result.reason'" : "was cancelled";
    super(`Automation run "${result.runId}" ${words}`, outcome);
    this.result = result;
  }
}

/**
 * A trigger was accepted and started nothing, since too many runs of automations are active. Exit code 75: trying again later
 * can work, as after a 429, and the key is still free.
 */
export class AutomationSuppressedError extends MogplexError {
  /** Name of the class. */
  override name = "AutomationSuppressedError";
  /** UUID of the automation. */
  readonly automationId: string;
  /** The service's word: `REPO_PENDING_LIMIT` (25 for a repository), `INSTALLATION_PENDING_LIMIT` (100), or another. */
  readonly reason: string | null;

  /**
   * Makes the error.
   *
   * @param automationId UUID of the automation.
   * @param reason The service's word.
   */
  constructor(automationId: string, reason: string | null) {
    super(
      `Cannot trigger automation "${automationId}": the service accepted it and started nothing, as too many runs are ` +
        `active: ${JSON.stringify(reason)}; try again when some have ended`,
      "rateLimited",
    );
    this.automationId = automationId;
    this.reason = reason;
  }
}

/**
 * The errors of {@linkcode runAutomation} and {@linkcode triggerAutomation} that other calls do not throw.
 *
 * @module
 */
import { tellRun } from "../error_sentence.ts";
import { MogplexError } from "../errors.ts";
import type { AutomationResult } from "../result/automation_result.ts";
import { guardResult } from "../result/guard.ts";
import { createRedactor } from "../text/redact.ts";

/** The run of an automation ended `failed` (exit code 1) or `cancelled` (exit code 3). */
export class AutomationVerdictError extends MogplexError {
  override name = "AutomationVerdictError";
  readonly #result: AutomationResult;

  /**
   * @param outcome How the run ended.
   * @param result The result of the run. From now on, printing it masks secrets.
   */
  constructor(outcome: "failed" | "cancelled", result: AutomationResult) {
    const end = outcome === "failed" ? "failed; see 'result.reason'" : "was cancelled";
    super(`Automation run "${result.runId}" ${end}`, outcome, { code: `RUN_${outcome.toUpperCase()}` });
    this.#result = guardResult(result, createRedactor());
    tellRun(this, { runId: result.runId, idempotencyKey: result.idempotencyKey });
  }

  /** The result of the run. */
  override get result(): AutomationResult {
    return this.#result;
  }
}

/**
 * The service accepted a trigger but started nothing, since too many runs of automations are active. Exit code 75: as after a 429,
 * a later trigger can work. The key is still free.
 */
export class AutomationSuppressedError extends MogplexError {
  override name = "AutomationSuppressedError";
  /** UUID of the automation. */
  readonly automationId: string;
  /** The service's reason: `REPO_PENDING_LIMIT` (25 for a repository), `INSTALLATION_PENDING_LIMIT` (100), or another. */
  readonly reason: string | null;

  /**
   * @param automationId UUID of the automation.
   * @param reason The service's reason; null if it sent none.
   */
  constructor(automationId: string, reason: string | null) {
    super({
      attempted: `trigger automation "${automationId}"`,
      why: `the service accepted it and started nothing, as too many runs are active: ${JSON.stringify(reason)}`,
      advice: "try again when some have ended",
    }, "rateLimited");
    this.automationId = automationId;
    this.reason = reason;
  }
}

/** The error for a verdict that is not a success; undefined for a success, and for an outcome that is not a verdict of the service. */
export function verdictErrorOf(result: AutomationResult): AutomationVerdictError | undefined {
  const { outcome } = result;
  return outcome === "failed" || outcome === "cancelled" ? new AutomationVerdictError(outcome, result) : undefined;
}

import { EXIT } from "../../../lib/exit_codes.ts";
import type { AutomationOutcome, AutomationResult, Outcome, RunResult } from "../../../lib/run/result.ts";
import { sampleAutomationResult, sampleResult } from "./sample.ts";

const CODES: Record<Outcome, number> = {
  success: EXIT.success,
  failed: EXIT.failed,
  cancelled: EXIT.cancelled,
  awaiting_input: EXIT.awaitingInput,
  deadline: EXIT.deadline,
  interrupted: EXIT.sigterm,
  started: EXIT.success,
  error: EXIT.unavailable,
};

/** A result of every outcome, with the exit code that belongs to it. */
export const EVERY_OUTCOME: readonly RunResult[] = (Object.keys(CODES) as Outcome[])
  .map((outcome) => sampleResult({ outcome, exitCode: CODES[outcome], reason: outcome === "success" ? null : "why" }));

const AUTOMATION_CODES: Record<AutomationOutcome, number> = {
  success: EXIT.success,
  failed: EXIT.failed,
  cancelled: EXIT.cancelled,
  deadline: EXIT.deadline,
  suppressed: EXIT.rateLimited,
  interrupted: EXIT.sigterm,
  error: EXIT.unavailable,
};

/** A result of every outcome of an automation run, with the exit code that belongs to it. */
export const EVERY_AUTOMATION_OUTCOME: readonly AutomationResult[] = (
  Object.keys(AUTOMATION_CODES) as AutomationOutcome[]
).map((outcome) => {
  const reason = outcome === "success" ? null : "why";
  return sampleAutomationResult({ outcome, exitCode: AUTOMATION_CODES[outcome], reason });
});

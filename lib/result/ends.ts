/**
 * Which statuses end a run or an automation run, and the exit code that belongs to each end.
 *
 * @module
 */
import type { ExitName } from "../exit_codes.ts";
import type { RunStatus } from "../model.ts";
import type { AutomationOutcome } from "./automation_result.ts";
import type { Outcome } from "./run_result.ts";

/** How a run ends. `awaiting_input` is an end as well: only a person can make it go on. */
export type EndOutcome = Extract<Outcome, "success" | "failed" | "cancelled" | "awaiting_input">;

/** How the run of an automation ends. */
export type AutomationEnd = Extract<AutomationOutcome, "success" | "failed" | "cancelled">;

/** Exit code of toolkit verbs for each end of a run, by name. */
export const END_EXIT: Readonly<Record<EndOutcome, ExitName>> = {
  success: "success",
  failed: "failed",
  cancelled: "cancelled",
  awaiting_input: "awaitingInput",
};

/** Exit code for each end of an automation run, by name. */
export const AUTOMATION_EXIT: Readonly<Record<AutomationEnd, ExitName>> = {
  success: END_EXIT.success,
  failed: END_EXIT.failed,
  cancelled: END_EXIT.cancelled,
};

/** The end that a run's status means; undefined while the run goes on, and for an unknown status. */
export function endOfRun(status: RunStatus): EndOutcome | undefined {
  return Object.hasOwn(END_EXIT, status) ? status as EndOutcome : undefined;
}

/** Whether a run with this status no longer goes on by itself. */
export function hasEnded(status: RunStatus): boolean {
  return endOfRun(status) !== undefined;
}

/** The end that an automation run's status means; undefined while it goes on, and for an unknown status. */
export function endOfAutomationRun(status: string): AutomationEnd | undefined {
  return Object.hasOwn(AUTOMATION_EXIT, status) ? status as AutomationEnd : undefined;
}

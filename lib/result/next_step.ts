/**
 * What a reader can do when a run has ended without success.
 *
 * @module
 */
import { lookup } from "../lookup.ts";
import type { AnyResult } from "./any_result.ts";

const AGENT = "Read what the agent said and did last, make the task more precise, then start again.";

// By outcome, `failure_code` and phase. Source: API reference, "List run events", `failed`.
const STEPS: Readonly<Record<string, string>> = {
  cancelled: "Somebody stopped it. Start again if that was not meant.",
  deadline: "Give the job more time.",
  model_access_denied: "Choose an agent whose model the account may use.",
  rate_limited: "The account has used up its model's limit: start again later.",
  queue: "The sandbox did not start: start again, or look at the limit of sandboxes.",
  prepare: "Check the access to the repository and its branches, then start again.",
  deliver: "Check what the Git host refuses (protected branches, rights of Mogplex's app), then start again.",
};

/** What to do now; null when it succeeded, or when the reason says it. */
export function nextStep(result: AnyResult): string | null {
  const { outcome, kind } = result;
  if (outcome !== "failed") return lookup(STEPS, outcome) ?? null;
  if (kind === "automation-run") return "Look at the run in the app, then trigger the automation again.";
  const { failureCode, phases } = result;
  return lookup(STEPS, failureCode ?? "") ?? lookup(STEPS, phases.at(-1)?.name ?? "") ?? AGENT;
}

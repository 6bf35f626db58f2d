/**
 * What a reader can do when a run has ended without success.
 *
 * @module
 */
import { lookup } from "../lookup.ts";
import type { AnyResult } from "./any_result.ts";

// By `failure_code`. Source: API reference, "List run events", `failed`.
const BY_CODE: Readonly<Record<string, string>> = {
  model_access_denied: "Choose an agent whose model the account may use, or connect one in the settings of Mogplex.",
  rate_limited: "The provider of the model limits the account: wait some minutes, then start again.",
};

const AGENT = "Read what the agent said and did last, make the task more precise, then start again.";
const AUTOMATION = "Look at the run in the app, then trigger the automation again.";
const BY_PHASE: Readonly<Record<string, string>> = {
  queue: "The sandbox did not start. Start again; if it stays so, look at Mogplex's sandboxes (limit, plan).",
  prepare: "The sandbox could not be prepared: check access to the repository and its branches, then start again.",
  agent: AGENT,
  deliver:
    "Check what the Git host refuses (protected branches, rights of Mogplex's app, files that are not committed), " +
    "then start again: the work was not delivered.",
};

const BY_OUTCOME: Readonly<Record<string, string>> = {
  cancelled: "Somebody stopped it. Start again if that was not meant.",
  deadline: "Give the job more time.",
};

/** What to do now; null when it succeeded, or when the reason says it. */
export function nextStep(result: AnyResult): string | null {
  const { outcome } = result;
  if (outcome !== "failed") return lookup(BY_OUTCOME, outcome) ?? null;
  if (result.kind === "automation-run") return AUTOMATION;
  const { failureCode, phases } = result;
  return lookup(BY_CODE, failureCode ?? "") ?? lookup(BY_PHASE, phases.at(-1)?.name ?? "") ?? AGENT;
}

/**
 * What runs of automations were triggered with. It is kept beside them, since callers print what the client returns.
 *
 * @module
 */
import type { AutomationRun } from "../model.ts";
import type { AutomationRunRecord } from "./contract/schemas.ts";

/** What a run of an automation was triggered with, as far as its record shows it. */
export type TriggerFacts = Required<Pick<AutomationRunRecord, "repo" | "metadata">>;

const facts = new WeakMap<AutomationRun, TriggerFacts>();

/** A record as callers get it. */
export function withoutFacts({ repo = null, metadata = null, ...run }: AutomationRunRecord): AutomationRun {
  facts.set(run, { repo, metadata });
  return run;
}

/** What a run that the client returned was triggered with. */
export function triggerFactsOf(run: AutomationRun): TriggerFacts {
  return facts.get(run) ?? { repo: null, metadata: null };
}

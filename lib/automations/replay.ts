/**
 * Checks that the run which a repeated key found belongs to this trigger: the service does not check that itself.
 *
 * @module
 */
import { TOO_DEEP } from "../api/contract/envelope.ts";
import { type TriggerFacts, triggerFactsOf } from "../api/trigger_memory.ts";
import { ConflictError } from "../errors.ts";
import { isObject } from "../lookup.ts";
import type { AutomationRun, TriggerResult } from "../model.ts";
import type { TriggerPlan } from "./plan.ts";

/** Names in the metadata that the service sets itself, even if the input has them. Source: recorded exchanges, `automation-runs/*`. */
const WRITTEN: readonly string[] = [
  "source",
  "source_type",
  "dispatch_source",
  "default_branch",
  "flow_id",
  "flow_version_id",
  "repo_id",
  "repo_full_name",
  "installation_id",
];
/** Names that later revisions may set themselves, or remove from an input. Source: contract, section 12. */
const RESERVED =
  /^(?:flow_|repo_|sandbox_|source|dispatch_|trigger|input)|^(?:working_branch|installation_id|team_id|default_branch|webhook|slack|schedule)$/;

/** Whether a recorded value equals the one that was sent. Parts that are cut off in the record count as equal. */
function isSame(sent: unknown, recorded: unknown): boolean {
  if (recorded === TOO_DEEP || Object.is(sent, recorded)) return true;
  if (Array.isArray(sent)) {
    return Array.isArray(recorded) && sent.length === recorded.length &&
      sent.every((value, index) => isSame(value, recorded[index]));
  }
  if (!isObject(sent) || !isObject(recorded)) return false;
  const names = Object.keys(sent);
  return names.length === Object.keys(recorded).length &&
    names.every((name) => Object.hasOwn(recorded, name) && isSame(sent[name], recorded[name]));
}

/** Whether a record shows another input than the one that was sent; false if it does not show the input. */
function hasOtherInput(input: Record<string, unknown>, { metadata }: TriggerFacts, outcome: string): boolean {
  if (metadata === null) return false;
  // Later revisions compare inputs themselves, and may have added names that were not sent.
  if (outcome === "replayed") {
    const { input: recorded } = metadata;
    return isObject(recorded) &&
      Object.entries(input).some(([name, value]) => Object.hasOwn(recorded, name) && !isSame(value, recorded[name]));
  }
  const changed = Object.entries(input).some(([name, value]) => {
    if (WRITTEN.includes(name)) return false;
    return Object.hasOwn(metadata, name) ? !isSame(value, metadata[name]) : !RESERVED.test(name);
  });
  return changed || Object.keys(metadata).some((name) => !Object.hasOwn(input, name) && !RESERVED.test(name));
}

/**
 * Checks that a run which a key found belongs to this trigger. The input is compared only if the caller gave the key: a derived key
 * depends on the input.
 *
 * @param idempotencyKey Key that was sent.
 * @throws {ConflictError} when the run works on another repository, or was triggered with another input.
 */
export function checkReplay(
  { automationId, request, key }: TriggerPlan,
  { outcome }: TriggerResult,
  run: AutomationRun,
  idempotencyKey: string,
): void {
  const facts = triggerFactsOf(run);
  const repoId = facts.repo?.id ?? facts.metadata?.repo_id;
  const otherRepo = typeof repoId === "string" && repoId.toLowerCase() !== request.repoId;
  const otherInput = key.scope === "given" && hasOtherInput(request.input ?? {}, facts, outcome);
  if (!otherRepo && !otherInput) return;
  const what = otherRepo ? "of another repository" : "that was triggered with another input";
  throw new ConflictError(
    {
      attempted: `trigger automation "${automationId}"`,
      why: `the idempotency key ${JSON.stringify(idempotencyKey)} belongs to run "${run.id}" ${what}`,
      advice: "a key cannot be used again, so give another idempotency key",
    },
    "usage",
    { status: 202, code: null, requestId: null, retryAfterMs: null },
  );
}

/**
 * `campaign approve`: opens a closed gate. Sends nothing: the next wave obeys.
 *
 * @module
 */
import type { Context, Verb } from "../verb.ts";
import { decide } from "./campaign_job.ts";
import { DECISION, LOCAL_CODES, NOTE_TEXT, OF_DECISIONS, PLACE } from "./flags.ts";

function approve(context: Context): Promise<number> {
  return decide(context, "campaign approve", { kind: "approve", note: context.option(NOTE_TEXT) ?? null });
}

export const campaignApproveVerb: Verb = {
  name: "campaign approve",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Open the gate of the canary, or go on after too many failures",
  group: "toolkit",
  flags: [PLACE, NOTE_TEXT, DECISION],
  codes: LOCAL_CODES,
  meanings: OF_DECISIONS,
  examples: ['mogplex-ci campaign approve campaign.yml --note "three look right"'],
  run: approve,
};

/**
 * `campaign approve`: opens a closed gate. Sends nothing: the next wave applies it.
 * @module
 */
import type { Context, Verb } from "../verb.ts";
import { decide, readReason } from "./campaign_job.ts";
import { DECISION, LOCAL_CODES, OF_DECISIONS, WHERE } from "./flags.ts";

export const campaignApproveVerb: Verb = {
  name: "campaign approve",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Open a closed gate: after the canary, or after too many failures",
  group: "toolkit",
  flags: [WHERE, DECISION],
  codes: LOCAL_CODES,
  meanings: OF_DECISIONS,
  examples: ['mogplex-ci campaign approve campaign.yml --reason "all three look right"'],
  run: approve,
};

function approve(context: Context): Promise<number> {
  return decide(context, "campaign approve", { kind: "approve", ...readReason(context) });
}

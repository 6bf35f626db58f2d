/**
 * `campaign resume`: lets a stopped campaign continue. Sends nothing: the next wave applies it.
 * @module
 */
import type { Context, Verb } from "../verb.ts";
import { decide, readReason } from "./campaign_job.ts";
import { DECISION, LOCAL_CODES, OF_DECISIONS, WHERE } from "./flags.ts";

export const campaignResumeVerb: Verb = {
  name: "campaign resume",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Let a stopped campaign continue",
  group: "toolkit",
  flags: [WHERE, DECISION],
  codes: LOCAL_CODES,
  meanings: OF_DECISIONS,
  examples: ["mogplex-ci campaign resume campaign.yml"],
  run: resume,
};

function resume(context: Context): Promise<number> {
  return decide(context, "campaign resume", { kind: "resume", ...readReason(context) });
}

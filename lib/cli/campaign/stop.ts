/**
 * `campaign stop`: prevents further starts. Sends a request only with `--cancel`, if a start has no answer; otherwise the next wave applies it, or
 * the process that works on the directory.
 * @module
 */
import type { Context, Meanings, Verb } from "../verb.ts";
import { decide, readReason } from "./campaign_job.ts";
import { CANCEL, DECISION, OF_SETTLING, SETTLE_CODES, WHERE } from "./flags.ts";

const OF_STOPPING: Meanings = {
  ...OF_SETTLING,
  success: "the decision is recorded: nothing more is started",
  rateLimited:
    "the process that uses the directory has not confirmed it within 30 s; or the quota of starts is used up, and the next wave asks for the answers",
};

export const campaignStopVerb: Verb = {
  name: "campaign stop",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Start nothing more; runs continue to their end",
  group: "toolkit",
  flags: [WHERE, CANCEL, DECISION],
  codes: SETTLE_CODES,
  meanings: OF_STOPPING,
  examples: ["mogplex-ci campaign stop campaign.yml"],
  run: stop,
};

function stop(context: Context): Promise<number> {
  return decide(context, "campaign stop", { kind: "stop", cancel: context.flags.has(CANCEL), ...readReason(context) });
}

/**
 * `campaign retry`: lets items start again. Sends a request only if a start has no answer; otherwise the next wave applies it.
 * @module
 */
import type { Context, Verb, VerbFlag } from "../verb.ts";
import { decide, readReason, readSelection } from "./campaign_job.ts";
import { ALLOW_OUTSIDE, DECISION, OF_SETTLING, SELECTION, SETTLE_CODES, WHERE } from "./flags.ts";

const ADOPT: VerbFlag = { name: "adopt-changes", help: "Start them with the task now in the file" };

export const campaignRetryVerb: Verb = {
  name: "campaign retry",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Allow another attempt for items that have finished",
  group: "toolkit",
  flags: [WHERE, SELECTION, [ADOPT, ALLOW_OUTSIDE], DECISION],
  codes: SETTLE_CODES,
  meanings: OF_SETTLING,
  examples: [
    "mogplex-ci campaign retry campaign.yml --failed",
    "mogplex-ci campaign retry campaign.yml --only 'acme/web*'",
  ],
  run: retry,
};

function retry(context: Context): Promise<number> {
  const adopt = context.flags.has(ADOPT);
  return decide(context, "campaign retry", {
    kind: "retry",
    select: readSelection(context),
    adopt,
    ...readReason(context),
  });
}

/**
 * `campaign skip`: decides about items. Sends a request only if a start has no answer; otherwise the next wave applies it.
 * @module
 */
import { UsageError } from "../../errors.ts";
import type { Context, Verb } from "../verb.ts";
import { decide, readReason, readSelection } from "./campaign_job.ts";
import { CANCEL, DECISION, OF_SETTLING, SELECTION, SETTLE_CODES, WHERE } from "./flags.ts";

export const campaignSkipVerb: Verb = {
  name: "campaign skip",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Give up items: they will not start again; --reason is required",
  group: "toolkit",
  flags: [WHERE, SELECTION, CANCEL, DECISION],
  codes: SETTLE_CODES,
  meanings: OF_SETTLING,
  examples: ["mogplex-ci campaign skip campaign.yml --only acme/web --reason 'by hand'"],
  run: skip,
};

async function skip(context: Context): Promise<number> {
  const { reason } = readReason(context);
  if (reason === undefined) {
    const advice = "give --reason TEXT, which the reports show";
    throw new UsageError({ attempted: "skip items", why: "the reason is missing", advice });
  }
  const cancel = context.flags.has(CANCEL);
  const code = await decide(context, "campaign skip", { kind: "skip", select: readSelection(context), reason, cancel });
  context.writer.note(
    "this is for this round only; to keep a repository out of later rounds, list it in the file of `exclude-file`",
  );
  return code;
}

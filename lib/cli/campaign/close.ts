/**
 * `campaign close`: closes pull requests with a comment, and gives their items up. Nothing is deleted.
 * @module
 */
import { UsageError } from "../../errors.ts";
import type { Context, Verb } from "../verb.ts";
import { readReason, readSelection } from "./campaign_job.ts";
import { CHANGE_CODES, changePulls, OF_CHANGES, YES } from "./change_job.ts";
import { DECISION, FORGE, SELECTION, WHERE } from "./flags.ts";

export const campaignCloseVerb: Verb = {
  name: "campaign close",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Close pull requests with a comment, and give up their items; --reason is required",
  group: "toolkit",
  flags: [WHERE, SELECTION, [YES], DECISION, FORGE],
  codes: CHANGE_CODES,
  meanings: OF_CHANGES,
  examples: ["mogplex-ci campaign close campaign.yml --only acme/web --reason 'not wanted'"],
  run: close,
};

// deno-lint-ignore require-await
async function close(context: Context): Promise<number> {
  const { reason } = readReason(context);
  if (reason === undefined) {
    const advice = "give --reason TEXT, which the comment and the reports show";
    throw new UsageError({ attempted: "close pull requests", why: "the reason is missing", advice });
  }
  return changePulls(context, { kind: "close", select: readSelection(context), reason });
}

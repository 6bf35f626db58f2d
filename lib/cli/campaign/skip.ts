/**
 * `campaign skip`: decides about items. Sends a request only if a start has no answer; otherwise the next wave applies it.
 * @module
 */
import { UsageError } from "../../errors.ts";
import { anyText } from "../options.ts";
import type { Context, Option, Verb } from "../verb.ts";
import { decide, readSelection } from "./campaign_job.ts";
import { CANCEL, DECISION, OF_SETTLING, SELECTION, SETTLE_CODES, WHERE } from "./flags.ts";

const REASON: Option<string> = {
  name: "reason",
  value: "TEXT",
  help: "Why, for the journal (required)",
  parse: anyText,
};

export const campaignSkipVerb: Verb = {
  name: "campaign skip",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Give items up: they are not started any more",
  group: "toolkit",
  flags: [WHERE, SELECTION, CANCEL, REASON, DECISION],
  codes: SETTLE_CODES,
  meanings: OF_SETTLING,
  examples: ["mogplex-ci campaign skip campaign.yml --only acme/web --reason 'by hand'"],
  run: skip,
};

async function skip(context: Context): Promise<number> {
  const reason = context.option(REASON)?.trim() ?? "";
  if (reason === "") {
    const advice = "give --reason TEXT: it stands in the reports";
    throw new UsageError({ attempted: "skip items", why: "the reason is missing", advice });
  }
  const cancel = context.flags.has(CANCEL);
  const code = await decide(context, "campaign skip", { kind: "skip", select: readSelection(context), reason, cancel });
  context.writer.note(
    "this holds for this round alone; to keep a repository out of later ones, too, list it in the file that `exclude-file` names",
  );
  return code;
}

/**
 * `campaign skip`: decides about items. Sends nothing: the next wave obeys.
 *
 * @module
 */
import { UsageError } from "../../../errors.ts";
import { decide, DECISION, readSelection, SELECTION } from "../../campaign/decide.ts";
import { anyText } from "../../options/values.ts";
import { PLACE } from "../../campaign/flags.ts";
import type { Option, Verb, VerbContext } from "../../verb.ts";
import { LOCAL_CODES, OF_DECISIONS } from "./codes.ts";

const REASON: Option<string> = {
  name: "reason",
  value: "TEXT",
  help: "Why, for the journal (required)",
  parse: anyText,
};

function skip(context: VerbContext): Promise<number> {
  const reason = context.option(REASON)?.trim() ?? "";
  if (reason === "") {
    const advice = "give --reason TEXT: it stands in the reports";
    throw new UsageError({ attempted: "skip items", why: "the reason is missing", advice });
  }
  return decide(context, "campaign skip", { kind: "skip", select: readSelection(context), reason });
}

export const campaignSkipVerb: Verb = {
  name: "campaign skip",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Decide that items are not started any more",
  group: "toolkit",
  flags: [PLACE, SELECTION, REASON, DECISION],
  codes: LOCAL_CODES,
  meanings: OF_DECISIONS,
  examples: ["mogplex-ci campaign skip campaign.yml --only 'acme/web' --reason 'done by hand'"],
  run: skip,
};

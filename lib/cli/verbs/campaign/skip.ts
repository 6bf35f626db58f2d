/**
 * `campaign skip`: decides about items. Sends nothing: the next wave obeys.
 *
 * @module
 */
import { UsageError } from "../../../errors.ts";
import { decide, readSelection } from "../../campaign/decide.ts";
import { DECISION, FORGE, PLACE, SELECTION } from "../../campaign/flags.ts";
import { REASON } from "../../campaign/own_flags.ts";
import type { Verb, VerbContext } from "../../verb.ts";
import { LOCAL_CODES, OF_DECISIONS } from "./codes.ts";

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
  flags: [PLACE, FORGE, SELECTION, REASON, DECISION],
  codes: LOCAL_CODES,
  meanings: OF_DECISIONS,
  examples: ["mogplex-ci campaign skip campaign.yml --only acme/web --reason 'by hand'"],
  run: skip,
};

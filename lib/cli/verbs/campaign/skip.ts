/**
 * `campaign skip`: decides about items. Sends something only where a start has no answer; else the next wave obeys.
 *
 * @module
 */
import { DECISION, FORGE, PLACE, SELECTION } from "../../campaign/flags.ts";
import { skip } from "../../campaign/verbs/skip.ts";
import { CANCEL, REASON } from "../../campaign/own_flags.ts";
import type { Verb } from "../../verb.ts";
import { OF_SETTLING, SETTLE_CODES } from "./codes.ts";

export const campaignSkipVerb: Verb = {
  name: "campaign skip",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Decide that items are not started any more",
  group: "toolkit",
  flags: [PLACE, FORGE, SELECTION, CANCEL, REASON, DECISION],
  codes: SETTLE_CODES,
  meanings: OF_SETTLING,
  examples: ["mogplex-ci campaign skip campaign.yml --only acme/web --reason 'by hand'"],
  run: skip,
};

/**
 * `campaign skip`: decides about items. Sends nothing: the next wave obeys.
 *
 * @module
 */
import { DECISION, FORGE, PLACE, SELECTION } from "../../campaign/flags.ts";
import { skip } from "../../campaign/verbs/skip.ts";
import { REASON } from "../../campaign/own_flags.ts";
import type { Verb } from "../../verb.ts";
import { LOCAL_CODES, OF_DECISIONS } from "./codes.ts";

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

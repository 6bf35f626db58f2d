/**
 * `campaign stop`: starts nothing more. Sends nothing: the next wave obeys.
 *
 * @module
 */
import { DECISION, PLACE } from "../../campaign/flags.ts";
import { stop } from "../../campaign/verbs/stop.ts";
import { CANCEL } from "../../campaign/own_flags.ts";
import type { Verb } from "../../verb.ts";
import { LOCAL_CODES, OF_DECISIONS } from "./codes.ts";

export const campaignStopVerb: Verb = {
  name: "campaign stop",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Start nothing more; runs go on to their end",
  group: "toolkit",
  flags: [PLACE, CANCEL, DECISION],
  codes: LOCAL_CODES,
  meanings: OF_DECISIONS,
  examples: ["mogplex-ci campaign stop campaign.yml"],
  run: stop,
};

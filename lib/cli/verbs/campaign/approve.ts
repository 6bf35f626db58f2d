/**
 * `campaign approve`: opens a closed gate. Sends nothing: the next wave obeys.
 *
 * @module
 */
import { DECISION, PLACE } from "../../campaign/flags.ts";
import { approve } from "../../campaign/verbs/approve.ts";
import { NOTE_TEXT } from "../../campaign/own_flags.ts";
import type { Verb } from "../../verb.ts";
import { LOCAL_CODES, OF_DECISIONS } from "./codes.ts";

export const campaignApproveVerb: Verb = {
  name: "campaign approve",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Open the gate of the canary, or go on after too many failures",
  group: "toolkit",
  flags: [PLACE, NOTE_TEXT, DECISION],
  codes: LOCAL_CODES,
  meanings: OF_DECISIONS,
  examples: ['mogplex-ci campaign approve campaign.yml --note "three look right"'],
  run: approve,
};

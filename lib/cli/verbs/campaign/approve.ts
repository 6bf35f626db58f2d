/**
 * `campaign approve`: opens a closed gate. Sends nothing: the next wave obeys.
 *
 * @module
 */
import { decide } from "../../campaign/decide.ts";
import { DECISION, PLACE } from "../../campaign/flags.ts";
import { NOTE_TEXT } from "../../campaign/own_flags.ts";
import type { Verb, VerbContext } from "../../verb.ts";
import { LOCAL_CODES, OF_DECISIONS } from "./codes.ts";

function approve(context: VerbContext): Promise<number> {
  return decide(context, "campaign approve", { kind: "approve", note: context.option(NOTE_TEXT) ?? null });
}

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

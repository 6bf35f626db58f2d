/**
 * `campaign approve`: opens a closed gate. Sends nothing: the next wave applies it.
 * @module
 */
import { anyText } from "../options.ts";
import type { Context, Option, Verb } from "../verb.ts";
import { decide } from "./campaign_job.ts";
import { DECISION, LOCAL_CODES, OF_DECISIONS, WHERE } from "./flags.ts";

const NOTE_TEXT: Option<string> = {
  name: "note",
  value: "TEXT",
  help: "Why, for the journal",
  parse: anyText,
};

export const campaignApproveVerb: Verb = {
  name: "campaign approve",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Open the gate of the canary, or go on after too many failures",
  group: "toolkit",
  flags: [WHERE, NOTE_TEXT, DECISION],
  codes: LOCAL_CODES,
  meanings: OF_DECISIONS,
  examples: ['mogplex-ci campaign approve campaign.yml --note "three look right"'],
  run: approve,
};

function approve(context: Context): Promise<number> {
  return decide(context, "campaign approve", { kind: "approve", note: context.option(NOTE_TEXT) ?? null });
}

/**
 * `campaign check`: reads a campaign file and everything that it names, and prints every mistake. Sends nothing.
 *
 * @module
 */
import { ALLOW_OUTSIDE, WEBHOOK_VARIABLE } from "../../campaign/flags.ts";
import { check } from "../../campaign/verbs/check.ts";
import type { Verb, VerbFlag } from "../../verb.ts";

/** Not one object a line: the answer is one object. */
const JSON_OBJECT: VerbFlag = { name: "json", help: "Print one JSON object: ok, mistakes" };

export const campaignCheckVerb: Verb = {
  name: "campaign check",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Check a campaign file and the files that it names, offline",
  group: "toolkit",
  flags: [ALLOW_OUTSIDE, WEBHOOK_VARIABLE, JSON_OBJECT],
  codes: ["success", "usage", "internal"],
  meanings: { success: "the file has no mistakes", usage: "the file has mistakes, or the arguments are wrong" },
  examples: ["mogplex-ci campaign check campaign.yml"],
  run: check,
};

/**
 * `campaign resume`: lets a stopped campaign go on. Sends nothing: the next wave obeys.
 *
 * @module
 */
import { DECISION, PLACE } from "../../campaign/flags.ts";
import { resume } from "../../campaign/verbs/resume.ts";
import type { Verb } from "../../verb.ts";
import { LOCAL_CODES, OF_DECISIONS } from "./codes.ts";

export const campaignResumeVerb: Verb = {
  name: "campaign resume",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Let a stopped campaign go on",
  group: "toolkit",
  flags: [PLACE, DECISION],
  codes: LOCAL_CODES,
  meanings: OF_DECISIONS,
  examples: ["mogplex-ci campaign resume campaign.yml"],
  run: resume,
};

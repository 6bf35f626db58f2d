/**
 * `campaign resume`: lets a stopped campaign go on. Sends nothing: the next wave obeys.
 *
 * @module
 */
import { decide } from "../../campaign/decide.ts";
import { DECISION, PLACE } from "../../campaign/flags.ts";
import type { Verb, VerbContext } from "../../verb.ts";
import { LOCAL_CODES, OF_DECISIONS } from "./codes.ts";

function resume(context: VerbContext): Promise<number> {
  return decide(context, "campaign resume", { kind: "resume" });
}

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

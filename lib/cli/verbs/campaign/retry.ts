/**
 * `campaign retry`: lets items be started again. Sends something only where a start has no answer; else the next wave obeys.
 *
 * @module
 */
import { decide, readSelection } from "../../campaign/decide.ts";
import { DECISION, FORGE, PLACE, SELECTION } from "../../campaign/flags.ts";
import { ADOPT } from "../../campaign/own_flags.ts";
import type { Verb, VerbContext } from "../../verb.ts";
import { OF_SETTLING, SETTLE_CODES } from "./codes.ts";

export function retry(context: VerbContext): Promise<number> {
  const adopt = context.flags.has(ADOPT.name);
  return decide(context, "campaign retry", { kind: "retry", select: readSelection(context), adopt });
}

export const campaignRetryVerb: Verb = {
  name: "campaign retry",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Allow another attempt for items that ended",
  group: "toolkit",
  flags: [PLACE, FORGE, SELECTION, ADOPT, DECISION],
  codes: SETTLE_CODES,
  meanings: OF_SETTLING,
  examples: [
    "mogplex-ci campaign retry campaign.yml --failed",
    "mogplex-ci campaign retry campaign.yml --only 'acme/web*'",
  ],
  run: retry,
};

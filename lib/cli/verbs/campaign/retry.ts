/**
 * `campaign retry`: lets items be started again. Sends nothing: the next wave obeys.
 *
 * @module
 */
import { decide, readSelection } from "../../campaign/decide.ts";
import { DECISION, FORGE, PLACE, SELECTION } from "../../campaign/flags.ts";
import { ADOPT } from "../../campaign/own_flags.ts";
import type { Verb, VerbContext } from "../../verb.ts";
import { LOCAL_CODES, OF_DECISIONS } from "./codes.ts";

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
  codes: LOCAL_CODES,
  meanings: OF_DECISIONS,
  examples: [
    "mogplex-ci campaign retry campaign.yml --failed",
    "mogplex-ci campaign retry campaign.yml --only 'acme/web*'",
  ],
  run: retry,
};

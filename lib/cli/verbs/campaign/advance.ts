/**
 * `campaign advance`: one wave. Collects what has ended, starts what the quotas allow, records, reports, and leaves.
 *
 * @module
 */
import { BY, DRY_RUN, EXIT_STATUS, FORGE, MEAN_RUN, PLACE, SKIP_INVALID } from "../../campaign/flags.ts";
import { advance } from "../../campaign/verbs/advance.ts";
import { APPROVE } from "../../campaign/own_flags.ts";
import { JSON_LINES, NOTE, OTEL_FILE } from "../../options/table.ts";
import type { Verb } from "../../verb.ts";
import { OF_WAVES, WAVE_CODES } from "./codes.ts";

export const campaignAdvanceVerb: Verb = {
  name: "campaign advance",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Make one wave: collect, start what the limits allow, report, leave",
  group: "toolkit",
  flags: [
    PLACE,
    [APPROVE, BY],
    [SKIP_INVALID, MEAN_RUN],
    FORGE,
    [EXIT_STATUS, DRY_RUN],
    NOTE,
    OTEL_FILE,
    JSON_LINES,
  ],
  codes: WAVE_CODES,
  meanings: OF_WAVES,
  examples: ["mogplex-ci campaign advance campaign.yml"],
  run: advance,
};

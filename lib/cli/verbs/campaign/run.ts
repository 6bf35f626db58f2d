/**
 * `campaign run`: waves in this process, until the campaign is done, or until `--timeout`.
 *
 * @module
 */
import { DRY_RUN, FORGE, MEAN_RUN, PLACE, SKIP_INVALID } from "../../campaign/flags.ts";
import { run } from "../../campaign/verbs/run.ts";
import { RUN_TIMEOUT } from "../../campaign/own_flags.ts";
import { JSON_LINES, NOTE, ON_INTERRUPT_OPTION, OTEL_FILE } from "../../options/table.ts";
import type { Verb } from "../../verb.ts";
import { OF_RUN, WAVE_CODES } from "./codes.ts";

export const campaignRunVerb: Verb = {
  name: "campaign run",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Follow a campaign until it is done, with a live table or a line for each change",
  group: "toolkit",
  flags: [
    PLACE,
    [RUN_TIMEOUT, ON_INTERRUPT_OPTION],
    [SKIP_INVALID, MEAN_RUN],
    FORGE,
    DRY_RUN,
    NOTE,
    OTEL_FILE,
    JSON_LINES,
  ],
  codes: WAVE_CODES,
  meanings: OF_RUN,
  examples: ["mogplex-ci campaign run campaign.yml --timeout 5h"],
  run,
};

/**
 * `campaign pipeline`: writes the pipeline of a CI system that makes the waves of a campaign. Sends nothing.
 *
 * @module
 */
import { ALLOW_OUTSIDE, DIR, HOME, JSON_OBJECT, MEAN_RUN } from "../../campaign/flags.ts";
import { pipeline } from "../../campaign/verbs/pipeline.ts";
import { EVERY, FORMAT, FROM_JOB, IMAGE, OUTPUT, PROGRAM_FLAG, REHEARSAL, TAG } from "../../campaign/pipeline_flags.ts";
import type { Verb } from "../../verb.ts";

export const campaignPipelineVerb: Verb = {
  name: "campaign pipeline",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Write the pipeline of a CI system that makes the waves; no request",
  group: "toolkit",
  flags: [
    // The jobs name no variable: the file has one with a usual name.
    [DIR, HOME, ALLOW_OUTSIDE],
    [FORMAT, OUTPUT],
    [IMAGE, TAG, PROGRAM_FLAG, FROM_JOB],
    [EVERY, MEAN_RUN, REHEARSAL],
    JSON_OBJECT,
  ],
  codes: ["success", "usage", "unavailable", "internal"],
  meanings: {
    success: "it was written",
    usage: "nothing was planned; a mistake in file or arguments; something that the CI system cannot do",
    unavailable: "the directory cannot be read",
  },
  examples: ["mogplex-ci campaign pipeline campaign.yml --format gitlab --output waves.yml"],
  run: pipeline,
};

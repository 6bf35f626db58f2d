import { JSON_LINES, NOTE, ON_INTERRUPT, SHOW_TASK } from "../options.ts";
import type { Context, Meanings, Option, Verb } from "../verb.ts";
import { printPreview } from "./advance.ts";
import { campaignVerb, endWithCampaign, readPlace } from "./campaign_job.ts";
import { DRY_RUN, duration, FORGE, MEAN_RUN, OF_WAVES, PLACE, RUN_HISTORY, SKIP_INVALID, WAVE_CODES } from "./flags.ts";

/** In milliseconds. */
const RUN_TIMEOUT: Option<number> = {
  name: "timeout",
  value: "TIME",
  help:
    "Maximum time that the command runs (30 days). Active runs then continue, and the next wave continues the campaign",
  heading: "Following",
  parse: duration,
};

const OF_RUN: Meanings = {
  ...OF_WAVES,
  success: "all runs have ended without failures",
  failed:
    "all runs have ended, but items failed or are unknown; or the campaign stopped after too many failures; or a start has had no answer for two hours",
  awaitingInput: "the campaign was stopped, a gate is closed, or items need an answer",
  rateLimited: "--timeout passed before all runs had ended; or another process is running in its directory",
};

export const campaignRunVerb: Verb = campaignVerb("run", {
  summary: "Follow a campaign until its runs have ended, with a table or a line per change",
  flags: [
    PLACE,
    [RUN_TIMEOUT, ON_INTERRUPT],
    [SKIP_INVALID, MEAN_RUN],
    FORGE,
    DRY_RUN,
    [NOTE, SHOW_TASK, RUN_HISTORY],
    JSON_LINES,
  ],
  codes: WAVE_CODES,
  meanings: OF_RUN,
  examples: ["mogplex-ci campaign run campaign.yml --timeout 5h"],
  run,
});

async function run(context: Context): Promise<number> {
  const { flags, option } = context;
  const place = readPlace(context, "campaign run");
  if (flags.has(DRY_RUN)) return await printPreview(context, place);
  return await endWithCampaign(context, place, {
    once: false,
    exitStatus: true,
    options: {
      skipInvalid: flags.has(SKIP_INVALID),
      meanRunMs: option(MEAN_RUN),
      timeoutMs: option(RUN_TIMEOUT),
    },
    onInterrupt: option(ON_INTERRUPT),
  });
}

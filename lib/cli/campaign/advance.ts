import { previewWave } from "../../campaign/work/wave.ts";
import { EXIT } from "../../exit_codes.ts";
import { formatCount } from "../../text/duration.ts";
import { own } from "../../text/safe_line.ts";
import { JSON_LINES, NOTE, SHOW_TASK } from "../options.ts";
import type { Context, Verb, VerbFlag } from "../verb.ts";
import { maskToken } from "../context.ts";
import { type CampaignPlace, campaignVerb, endWithCampaign, readPlace } from "./campaign_job.ts";
import {
  DRY_RUN,
  FORGE,
  JSON_OBJECT,
  MEAN_RUN,
  OF_WAVES,
  PLACE,
  RUN_HISTORY,
  SKIP_INVALID,
  WAVE_CODES,
} from "./flags.ts";

const PLAN_FIRST: VerbFlag = {
  name: "plan",
  help:
    "Plan first if there is no plan. Use this only by hand: if the directory or branch were lost, a scheduled job would start the campaign again",
};

const EXIT_STATUS: VerbFlag = {
  name: "exit-status",
  help: `Exit with ${EXIT.rateLimited} while the campaign is not done, ${EXIT.awaitingInput} if it needs attention`,
};

export const campaignAdvanceVerb: Verb = campaignVerb("advance", {
  summary: "Run one wave: collect results, start what the limits allow, report, and exit",
  flags: [
    PLACE,
    [PLAN_FIRST, SKIP_INVALID, MEAN_RUN],
    FORGE,
    [EXIT_STATUS, DRY_RUN],
    [NOTE, SHOW_TASK, RUN_HISTORY],
    JSON_LINES,
  ],
  codes: WAVE_CODES,
  meanings: OF_WAVES,
  examples: ["mogplex-ci campaign advance campaign.yml"],
  run: advance,
});

async function advance(context: Context): Promise<number> {
  const { flags, option } = context;
  const place = readPlace(context, "campaign advance");
  if (flags.has(DRY_RUN)) return await printPreview(context, place);
  return await endWithCampaign(context, place, {
    once: true,
    exitStatus: flags.has(EXIT_STATUS),
    plans: flags.has(PLAN_FIRST),
    options: {
      skipInvalid: flags.has(SKIP_INVALID),
      meanRunMs: option(MEAN_RUN),
    },
  });
}

export async function printPreview(context: Context, place: CampaignPlace): Promise<number> {
  const { flags, writer } = context;
  maskToken(context);
  const { reads, cancels, starts, view } = await previewWave(place.path, place.options, place.internals);
  if (flags.has(JSON_OBJECT)) {
    writer.json(writer.clean({ dryRun: true, reads, cancels, starts, state: view.state, waitingFor: view.waitingFor }));
    return EXIT.success;
  }
  const list = (head: string, names: readonly string[]) => [
    writer.untrusted(names.length > 0 ? `${head}:` : head),
    ...names.map((name) => own`  ${writer.untrusted(name)}`),
  ];
  writer.out(
    writer.untrusted(`campaign ${view.campaign} is ${view.state}; nothing was sent or written`),
    ...list(`the next wave reads ${formatCount(reads.length, "run")}`, reads),
    ...cancels.length > 0 ? list(`it cancels ${formatCount(cancels.length, "run")}`, cancels) : [],
    ...list(`it starts at most ${formatCount(starts.length, "item")}`, starts),
  );
  return EXIT.success;
}

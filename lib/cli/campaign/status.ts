import { exitCodeNow, readCampaignWith } from "../../campaign/campaign.ts";
import { internalsWith } from "../../campaign/open_campaign.ts";
import { pullRequestsOf } from "../../campaign/pulls.ts";
import type { CampaignView } from "../../campaign/view/view.ts";
import { InterruptedError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { interruptible } from "../../run/interrupts.ts";
import type { Context, Verb, VerbFlag } from "../verb.ts";
import { maskToken } from "../context.ts";
import { campaignCommand } from "../../campaign/report/words.ts";
import { printChanges } from "./live_campaign.ts";
import { type CampaignPlace, campaignVerb, printStatus, readPlace } from "./campaign_job.ts";
import { FORGE, JSON_OBJECT, PLACE, waveCodesWithout } from "./flags.ts";

const ALL_ROWS: VerbFlag = { name: "all", help: "Print a row for every item" };

const WATCH: VerbFlag = {
  name: "watch",
  help: "Keep printing a line for each change until the campaign is done or needs attention",
};

const STATUS_EXIT: VerbFlag = {
  name: "exit-status",
  help:
    `Exit with the campaign's code (0, 1), ${EXIT.awaitingInput} if it needs attention, ${EXIT.rateLimited} while it is not done`,
};

export const campaignStatusVerb: Verb = campaignVerb("status", {
  summary: "Print the state of a campaign and what needs attention",
  flags: [PLACE, FORGE, [ALL_ROWS, WATCH, STATUS_EXIT], JSON_OBJECT],
  codes: waveCodesWithout("unauthorized", "forbidden"),
  meanings: {
    success: "the state was printed",
    failed:
      "with --exit-status: all runs have ended, but items failed or are unknown; the campaign stopped after too many failures; or a start has had no answer for two hours",
    usage: "there is no plan; a mistake in the file or the arguments; a modified lock or journal",
    awaitingInput: "with --exit-status: the campaign was stopped, a gate is closed, or items need an answer",
    unavailable: "the directory cannot be read",
    rateLimited: "with --exit-status: the campaign is not done yet",
  },
  examples: ["mogplex-ci campaign status campaign.yml", "mogplex-ci campaign status campaign.yml --json"],
  run: status,
});

async function status(context: Context): Promise<number> {
  const { flags } = context;
  const place = readPlace(context, "campaign status");
  maskToken(context);
  if (flags.has(WATCH)) {
    let last: CampaignView;
    try {
      last = await watch(context, place);
    } catch (error) {
      // An interruption is the usual way to stop watching, so it is not an error.
      if (error instanceof InterruptedError) return error.exitCode;
      throw error;
    }
    return flags.has(STATUS_EXIT) ? exitCodeNow(last) : EXIT.success;
  }
  const view = await readCampaignWith(place.path, place.options, place.internals);
  print(context, place, view);
  return flags.has(STATUS_EXIT) ? exitCodeNow(view) : EXIT.success;
}

const WATCH_MS = 5_000;

function print(context: Context, place: CampaignPlace, view: CampaignView): void {
  const { flags, writer } = context;
  if (flags.has(JSON_OBJECT)) return writer.json(writer.clean(view));
  printStatus(context, place, view, { all: flags.has(ALL_ROWS) });
}

/** A campaign that waits for a user's decision does not need to be watched, unless a process is working on it. */
function isAtRest({ state, exitCode, writer }: CampaignView): boolean {
  return writer === null && (["gated", "stopped"].includes(state) || exitCode !== EXIT.success);
}

function contentOf(
  { at: _at, endsAt: _end, quota: _quota, nextWaveAt: _next, about: _about, ...view }: CampaignView,
): string {
  return JSON.stringify(view);
}

async function watch(context: Context, place: CampaignPlace): Promise<CampaignView> {
  const { io, clock, platform, writer } = context;
  return await interruptible({ io, clock, inJob: platform.isCi }, async ({ signal }) => {
    let last: CampaignView | undefined;
    const json = context.flags.has(JSON_OBJECT);
    // All rounds share one reader, because a reader does not repeat a recent read.
    const pulls = pullRequestsOf({ ...place.options, signal });
    const internals = internalsWith(place.internals, { pulls });
    for (;;) {
      const view = await readCampaignWith(place.path, place.options, internals);
      if (last === undefined || json && contentOf(view) !== contentOf(last)) print(context, place, view);
      else if (!json) printChanges(context, last, view);
      const isFirst = last === undefined;
      last = view;
      if (view.state !== "done" && !isAtRest(view)) {
        await clock.sleep(WATCH_MS, { signal });
        continue;
      }
      const text = view.state === "done" ? undefined : "stopped watching: the campaign is waiting for a decision";
      const command = campaignCommand(place.command, "status");
      if (isFirst || json) { if (text !== undefined) writer.note(text); }
      else writer.note(`${text ?? "the campaign is done"}; to see what to do:`, command);
      return view;
    }
  });
}

/**
 * `campaign status`: what a campaign looks like, and what needs a person. Read-only, and without a request.
 *
 * @module
 */
import { readCampaignWith } from "../../../campaign/campaign.ts";
import type { CampaignView } from "../../../campaign/view.ts";
import { EXIT } from "../../../exit_codes.ts";
import { printStatus } from "../../campaign/campaign_verb_job.ts";
import { JSON_OBJECT, PLACE } from "../../campaign/flags.ts";
import { type CampaignPlace, maskToken, readPlace } from "../../campaign/place.ts";
import { isInteractive } from "../../log/interactive.ts";
import { interruptible } from "../../../job/interrupt.ts";
import { preferSmallHeap } from "../../../runtime.ts";
import type { Verb, VerbContext, VerbFlag } from "../../verb.ts";

const ALL: VerbFlag = { name: "all", help: "Print a row for every item" };
const WATCH: VerbFlag = {
  name: "watch",
  help: "Print again whenever something has changed, until the campaign is done",
};
const STATUS_EXIT: VerbFlag = {
  name: "exit-status",
  help: "End with the code of the campaign: 0, 1, 4, or 75 while it goes on",
};

/** How often `--watch` reads the directory, in milliseconds. */
const WATCH_MS = 5_000;
const CLEAR = "\x1b[2J\x1b[H";

function print(context: VerbContext, place: CampaignPlace, view: CampaignView): void {
  const { flags, writer } = context;
  if (flags.has("json")) return writer.json(writer.clean(view));
  printStatus(context, place, view, { all: flags.has(ALL.name) });
}

function codeOf({ exitCode, state }: CampaignView): number {
  const isOver = state === "done" || exitCode !== EXIT.success;
  return isOver ? exitCode : EXIT.rateLimited;
}

/** What of a view is no function of the time alone. */
function contentOf({ at: _at, endsAt: _end, quota: _quota, nextWaveAt: _next, ...view }: CampaignView): string {
  return JSON.stringify(view);
}

async function watch(context: VerbContext, place: CampaignPlace): Promise<CampaignView> {
  const { io, clock } = context;
  return await interruptible({ io, clock }, async ({ signal }) => {
    let shown = "";
    for (;;) {
      const view = await readCampaignWith(place.path, place.options, place.internals);
      const content = contentOf(view);
      if (content !== shown) {
        if (shown !== "" && isInteractive(context) && !context.flags.has("json")) io.write("stdout", CLEAR);
        print(context, place, view);
        shown = content;
      }
      if (view.state === "done") return view;
      await clock.sleep(WATCH_MS, { signal });
    }
  });
}

async function status(context: VerbContext): Promise<number> {
  const { flags } = context;
  const place = readPlace(context, "campaign status");
  await preferSmallHeap();
  maskToken(context);
  if (flags.has(WATCH.name)) {
    const last = await watch(context, place);
    return flags.has(STATUS_EXIT.name) ? codeOf(last) : EXIT.success;
  }
  const view = await readCampaignWith(place.path, place.options, place.internals);
  print(context, place, view);
  return flags.has(STATUS_EXIT.name) ? codeOf(view) : EXIT.success;
}

export const campaignStatusVerb: Verb = {
  name: "campaign status",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Print what a campaign looks like and what needs a person; no request",
  group: "toolkit",
  flags: [PLACE, [ALL, WATCH, STATUS_EXIT], JSON_OBJECT],
  codes: ["success", "failed", "usage", "awaitingInput", "internal", "rateLimited", "sigint", "sigterm"],
  meanings: {
    success: "it was printed",
    failed: "with --exit-status: done with failures or unknowns, or stopped after too many failures",
    usage: "nothing was planned; a mistake in file or arguments; a lock or journal that was changed",
    awaitingInput: "with --exit-status: only items are left that wait for a person",
    rateLimited: "with --exit-status: it goes on",
  },
  examples: ["mogplex-ci campaign status campaign.yml", "mogplex-ci campaign status campaign.yml --json"],
  run: status,
};

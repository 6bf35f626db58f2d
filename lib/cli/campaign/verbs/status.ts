/**
 * `campaign status`: what a campaign looks like, and what needs a person. Read-only; with a token of a forge it
 * reads the pull requests.
 *
 * @module
 */
import { internalsWith } from "../../../campaign/open_campaign.ts";
import { readCampaignWith } from "../../../campaign/jobs.ts";
import { pullRequestsOf } from "../../../campaign/pulls/pull_requests.ts";
import type { CampaignView } from "../../../campaign/view.ts";
import { InterruptedError } from "../../../errors.ts";
import { EXIT } from "../../../exit_codes.ts";
import { printStatus } from "../campaign_verb_job.ts";
import { type CampaignPlace, maskToken, readPlace } from "../place.ts";
import { isInteractive } from "../../log/interactive.ts";
import { interruptible } from "../../../job/interrupt.ts";
import { ALL_ROWS, STATUS_EXIT, WATCH } from "../own_flags.ts";
import type { VerbContext } from "../../verb.ts";

/** How often `--watch` reads the directory, in milliseconds. */
const WATCH_MS = 5_000;
const CLEAR = "\x1b[2J\x1b[H";

function print(context: VerbContext, place: CampaignPlace, view: CampaignView): void {
  const { flags, writer } = context;
  if (flags.has("json")) return writer.json(writer.clean(view));
  printStatus(context, place, view, { all: flags.has(ALL_ROWS.name) });
}

function codeOf({ exitCode, state }: CampaignView): number {
  const isOver = state === "done" || exitCode !== EXIT.success;
  return isOver ? exitCode : EXIT.rateLimited;
}

/** Whether only a person can make it go on, and nobody is at work on it: there is nothing to watch. */
function isAtRest({ state, exitCode, atWork }: CampaignView): boolean {
  return atWork === null && (["gated", "stopped"].includes(state) || exitCode !== EXIT.success);
}

/** What of a view is no function of the time alone. */
function contentOf(
  { at: _at, endsAt: _end, quota: _quota, nextWaveAt: _next, about: _about, ...view }: CampaignView,
): string {
  return JSON.stringify(view);
}

async function watch(context: VerbContext, place: CampaignPlace): Promise<CampaignView> {
  const { io, clock } = context;
  return await interruptible({ io, clock }, async ({ signal }) => {
    let shown = "";
    // One reader for all of them: it does not read again what it has read a moment ago.
    const pulls = pullRequestsOf({ ...place.options, signal });
    const internals = internalsWith(place.internals, { pulls });
    for (;;) {
      const view = await readCampaignWith(place.path, place.options, internals);
      const content = contentOf(view);
      if (content !== shown) {
        if (shown !== "" && isInteractive(context) && !context.flags.has("json")) io.write("stdout", CLEAR);
        print(context, place, view);
        shown = content;
      }
      if (view.state === "done") return view;
      if (isAtRest(view)) {
        context.writer.note("no longer watched: the campaign goes on only when somebody decides");
        return view;
      }
      await clock.sleep(WATCH_MS, { signal });
    }
  });
}

/** Does the work of `campaign status`. @returns The exit code. */
export async function status(context: VerbContext): Promise<number> {
  const { flags } = context;
  const place = readPlace(context, "campaign status");
  maskToken(context);
  if (flags.has(WATCH.name)) {
    let last: CampaignView;
    try {
      last = await watch(context, place);
    } catch (error) {
      // The usual end of watching, and no error to tell.
      if (error instanceof InterruptedError) return error.exitCode;
      throw error;
    }
    return flags.has(STATUS_EXIT.name) ? codeOf(last) : EXIT.success;
  }
  const view = await readCampaignWith(place.path, place.options, place.internals);
  print(context, place, view);
  return flags.has(STATUS_EXIT.name) ? codeOf(view) : EXIT.success;
}

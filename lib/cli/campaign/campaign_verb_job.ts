/**
 * A wave of a campaign, or a campaign to its end, on the command line: log or live table, reports, exit code.
 *
 * @module
 */
import { internalsWith } from "../../campaign/open_campaign.ts";
import type { RunCampaignOptions } from "../../campaign/campaign_options.ts";
import { campaignJob, type CampaignJobInternals } from "../../campaign/jobs.ts";
import type { CampaignItem } from "../../campaign/campaign_items.ts";
import { CampaignGoesOnError } from "../../campaign/campaign_result.ts";
import type { CampaignView } from "../../campaign/view.ts";
import { InterruptedError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { interruptible } from "../../job/interrupt.ts";
import { preferSmallHeap, terminalSize } from "../../runtime.ts";
import { explain } from "../explain.ts";
import { isInteractive } from "../log/interactive.ts";
import { noticeText } from "../log/notices.ts";
import { planNote } from "../job/note.ts";
import type { VerbContext } from "../verb.ts";
import { LiveCampaign } from "./live_campaign.ts";
import type { CampaignPlace } from "./place.ts";
import { publishCampaign } from "./publish.ts";
import { statusText } from "./status.ts";

/** What a verb adds. */
export interface CampaignWork {
  /** Whether to make one wave only. */
  once: boolean;
  /** Whether a campaign that goes on ends the command with 75. */
  exitStatus: boolean;
  options: Omit<RunCampaignOptions, "directory" | "allowOutside">;
  onInterrupt?: CampaignJobInternals["onInterrupt"];
  /** See {@linkcode CampaignJobInternals.plans}. */
  plans?: boolean;
}

/** Shortest time between two reports while the campaign goes on, in milliseconds. */
const REPORT_MS = 60_000;
/** Width of a log that is no terminal, in cells. */
const LOG_WIDTH = 120;

/** Prints the whole campaign: what a reader needs to know at the end. */
export function printStatus(
  context: VerbContext,
  { command }: Pick<CampaignPlace, "command">,
  view: CampaignView,
  { all = false, problem = null }: { all?: boolean; problem?: string | null } = {},
): void {
  const { writer, platform } = context;
  const size = isInteractive(context) ? terminalSize() : undefined;
  writer.out(...statusText(view, {
    width: size?.columns ?? LOG_WIDTH,
    colour: writer.coloured,
    redact: writer.redact,
    escapeLine: (line) => platform.escapeLine(line),
    command,
    problem,
    all,
  }));
}

/** A line of `--json`. The end is printed when everything else is done. */
function jsonLine(context: VerbContext, item: CampaignItem): void {
  if (item.type !== "end") context.writer.json(context.writer.clean(item));
}

/** Does the work. @returns The exit code. @throws {MogplexError} when the campaign could not be opened. */
export async function endWithCampaign(
  context: VerbContext,
  place: CampaignPlace,
  { once, exitStatus, options, onInterrupt, plans = false }: CampaignWork,
): Promise<number> {
  const { io, flags, writer, clock, platform } = context;
  const note = planNote(context);
  const extra = await context.extras?.open(context);
  // A campaign may have 10 000 items, and the container of a CI job little memory.
  preferSmallHeap();
  const json = flags.has("json");
  const interactive = !json && isInteractive(context);
  const live = json
    ? undefined
    : new LiveCampaign({ writer, platform, clock, interactive, times: !platform.stampsLines(io.env) });
  let reportedAt = -Infinity;
  const known = new Set<string>();
  const onView = (view: (brief?: boolean) => CampaignView) => {
    const isDue = !once && clock.now() - reportedAt >= REPORT_MS;
    if (live === undefined && !isDue) return;
    const now = view(!isDue && !interactive);
    live?.update(now);
    if (!isDue) return;
    reportedAt = clock.now();
    void publishCampaign(context, place, now, { problem: null, isEnd: false, note, known });
  };
  const process = {
    onSignal: io.onSignal,
    isTerminal: io.isTerminal,
    exitNow(code: number) {
      live?.leave();
      io.exitNow(code);
    },
  };
  try {
    const { result, error } = await interruptible({ io: process, clock }, (interrupts) => {
      const more: RunCampaignOptions = {
        ...place.options,
        ...options,
        onNotice(notice) {
          extra?.onNotice(notice);
          if (notice.kind !== "heartbeat") writer.note(noticeText(notice));
        },
        onItem(item) {
          extra?.onItem(item);
          if (json) jsonLine(context, item);
        },
      };
      const hooks = extra && { onSession: extra.onSession, onRequest: extra.onRequest, onWave: extra.onWave };
      const internals = internalsWith(place.internals, {
        interrupts,
        onInterrupt,
        plans,
        onView,
        ...hooks,
      });
      return campaignJob(place.path, more, internals, once);
    }).finally(() => live?.close());
    const goesOn = error instanceof CampaignGoesOnError;
    const isInterrupted = error instanceof InterruptedError;
    const problem = error instanceof Error && !goesOn && !isInterrupted ? error.message : null;
    if (result.view !== null) {
      await publishCampaign(context, place, result.view, { problem, isEnd: true, note, known });
      if (json) writer.json({ type: "campaign", ...writer.clean(result.view) });
      else printStatus(context, place, result.view, { problem });
    }
    if (problem !== null) explain(error, writer);
    else if (isInterrupted) writer.error(result.reason ?? error.message);
    else if (goesOn && !once) {
      writer.note(`the campaign is not done: ${[error.why, error.advice ?? []].flat().join("; ")}`);
    }
    const exitCode = goesOn && once && !exitStatus ? EXIT.success : result.exitCode;
    const { campaign = null, round = null, state = null } = result.view ?? {};
    await extra?.ended({ kind: "campaign", exitCode, campaign, round, state, error });
    return exitCode;
  } finally {
    writer.unfence();
  }
}

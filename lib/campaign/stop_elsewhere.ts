/**
 * While another process uses the directory, this process changes neither the lock nor the journal: it writes a request, and the other process records
 * the stop.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import { MogplexError } from "../errors.ts";
import { type DurableFiles, processDurableFiles } from "../files/disk.ts";
import { systemProcesses } from "../files/processes.ts";
import { formatCount } from "../text/duration.ts";
import type { CampaignOptions } from "./campaign_options.ts";
import type { StopRequest } from "./journal/record.ts";
import { removeStop, stopWaits, writeStop } from "./journal/stop_request.ts";
import { DirectoryBusyError, writerAtWork } from "./journal/writer.ts";
import {
  type CampaignInternals,
  type CampaignSource,
  internalsWith,
  plannedStore,
  viewOf,
  withCampaign,
} from "./open_campaign.ts";
import type { CampaignView } from "./view/view.ts";
import { previewStarts } from "./work/wave.ts";

/** How long the other process may take to confirm. It checks for requests every 10 seconds. */
const CONFIRM_MS = 30_000;
const LOOK_MS = 1_000;

interface Look {
  directory: string;
  writer: string | null;
  view: CampaignView;
  starts: string[];
  requests: ReadonlySet<string>;
}

interface StopAnswer {
  items: string[];
  text: string;
  view: CampaignView;
  isElsewhere: true;
  error?: MogplexError;
}

/** @param decide Records the stop in this process, once no other process is using the directory. */
export async function stopElsewhere<T>(
  source: CampaignSource,
  stop: Omit<StopRequest, "id">,
  options: CampaignOptions,
  internals: CampaignInternals,
  decide: () => Promise<T>,
): Promise<T | StopAnswer> {
  const { clock = systemClock, signal } = options;
  const files = internals.files ?? processDurableFiles();
  const processes = internals.processes ?? systemProcesses();
  const look = () => lookAt(source, options, internals);
  const { directory, writer, view: before } = await look();
  const who = writer ?? "another process";
  let request = writeStop(directory, files, stop);
  for (const deadline = clock.now() + CONFIRM_MS; clock.now() < deadline;) {
    await clock.sleep(LOOK_MS, { signal });
    const hasEnded = isFree(directory, files, { processes, clock });
    if (!stopWaits(directory, files, request)) {
      const { view, requests } = await look();
      const isRecorded = requests.has(request.id);
      // If the other process was a command that only records a decision, it has recorded the stop without cancelling runs.
      const isLeft = stop.cancel && hasEnded && (view.pendingCancels ?? 0) > 0;
      if (isRecorded && !isLeft) {
        return { items: [], text: confirmedText(who, stop, { before, after: view }), view, isElsewhere: true };
      }
      if (!isRecorded) {
        request = writeStop(directory, files, stop);
        continue;
      }
    } else if (!hasEnded) continue;
    removeStop(directory, files, request);
    try {
      return await decide();
    } catch (error) {
      if (!(error instanceof DirectoryBusyError)) throw error;
      request = writeStop(directory, files, stop);
    }
  }
  const { view, starts, requests } = await look();
  if (requests.has(request.id)) {
    return { items: [], text: confirmedText(who, stop, { before, after: view }), view, isElsewhere: true };
  }
  const what = starts.length === 0 ? "a start that is being sent may still arrive" : "these items may still start";
  const why = `${who} did not read the request within ${CONFIRM_MS / 1_000} s`;
  const advice = "the process will stop before its next start; if it has ended, the next command records the stop";
  return {
    items: starts,
    text: `not yet confirmed: ${why}; until it does, ${what}`,
    view,
    isElsewhere: true,
    error: new MogplexError({ attempted: "confirm the stop", why, advice }, "rateLimited"),
  };
}

async function lookAt(source: CampaignSource, options: CampaignOptions, internals: CampaignInternals): Promise<Look> {
  const reading = internalsWith(internals, { purpose: "place" } as const);
  return await withCampaign(source, options, reading, "read", async (opened) => {
    const store = plannedStore(opened, "stop the campaign");
    return {
      directory: opened.directory,
      writer: await opened.home.writer(),
      view: viewOf(opened, store),
      starts: previewStarts(store, opened.clock.wallTime()),
      requests: store.memory.stopRequests,
    };
  });
}

function isFree(
  directory: string,
  files: DurableFiles,
  world: Pick<Parameters<typeof writerAtWork>[1], "processes" | "clock">,
) {
  try {
    return writerAtWork(directory, { files, ...world }) === null;
  } catch {
    return false;
  }
}

function confirmedText(
  who: string,
  { cancel }: Pick<StopRequest, "cancel">,
  { before, after: { counts } }: { before: CampaignView; after: CampaignView },
): string {
  // Nothing starts after the stop, but a start that was sent before the stop might still be unanswered.
  const count = counts.running + counts["needs-input"] + counts.starting;
  const cancelled = cancel ? counts.cancelled - before.counts.cancelled : 0;
  const runs = formatCount(count, "run");
  const end = cancel
    ? `${cancelled > 0 ? count : runs} ${count === 1 ? "is" : "are"} being cancelled`
    : `${formatCount(count, "active run")} ${count === 1 ? "continues" : "continue"}`;
  const ends = [
    ...cancelled > 0 ? [`${formatCount(cancelled, "run")} ${cancelled === 1 ? "was" : "were"} cancelled`] : [],
    ...count > 0 ? [end] : cancelled > 0 ? [] : ["nothing is running"],
  ];
  return `${who} has stopped starting runs; ${ends.join(", ")}`;
}

/**
 * Handles of campaigns: `mogplex.campaigns.run()`.
 *
 * @module
 */
import { checkRunCampaign } from "../campaign/campaign.ts";
import type { CampaignItem } from "../campaign/campaign_items.ts";
import type { RunCampaignOptions } from "../campaign/campaign_options.ts";
import type { CampaignResult } from "../campaign/campaign_result.ts";
import { campaignJob, viewOrThrow } from "../campaign/jobs.ts";
import type { CampaignView } from "../campaign/view.ts";
import type { JobEnd } from "../job/job.ts";
import type { EndOutcome } from "../result/ends.ts";
import type { Connect, VerbOptions } from "./connect.ts";
import { type Handle, handleOf, signalIn } from "./handle.ts";
import { relay } from "./job_work.ts";

/** The last item of a campaign's handle. */
export interface CampaignEnd {
  /** Tells it from other items. */
  type: "end";
  /** Our verdict; `started` when the campaign goes on without us. */
  outcome: EndOutcome | "started" | "interrupted" | "error";
  /** Exit code that belongs to it: 75 when the campaign goes on. */
  exitCode: number;
  /** What the campaign looks like. */
  result: CampaignView;
}

/** An item of a campaign's handle. */
export type CampaignHandleItem = Exclude<CampaignItem, { type: "end" }> | CampaignEnd;

/** A campaign that is followed. `started` tells what it looks like at first, and `cancel()` cancels the runs that are at work. */
export type CampaignHandle = Handle<CampaignHandleItem, CampaignView, CampaignView>;

/** Follows a campaign to its end. */
export function campaignHandle(
  connect: Connect,
  path: string,
  options: VerbOptions<RunCampaignOptions>,
): CampaignHandle {
  const stop = new AbortController();
  const handle = handleOf<CampaignHandleItem, CampaignView, CampaignView, JobEnd<CampaignResult>>({
    signal: signalIn(options),
    async begin({ signal, onItem, onStarted }) {
      checkRunCampaign(options);
      const all: RunCampaignOptions = {
        ...await connect(),
        ...options,
        signal,
        onItem: relay(options.onItem, onItem),
      };
      let told = false;
      const onView = (view: () => CampaignView) => {
        if (!told) onStarted(view());
        told = true;
      };
      const interrupts = { signal: stop.signal, terminal: false };
      const end = await campaignJob(path, all, { onView, interrupts, onInterrupt: "cancel" }, false);
      if (!told && end.result.view !== null) onStarted(end.result.view);
      // The campaign was stopped because `cancel()` was called: that is no error.
      return stop.signal.aborted && end.error === stop.signal.reason ? { ...end, error: undefined } : end;
    },
    settle: viewOrThrow,
    last({ result: { view, outcome, exitCode }, error }) {
      const goesOn = error === undefined || outcome === "started";
      return view !== null && goesOn ? { type: "end", outcome, exitCode, result: view } : undefined;
    },
    async cancel() {
      stop.abort(new DOMException("The campaign was cancelled", "AbortError"));
      await handle.then(() => {}, () => {});
    },
  });
  return handle;
}

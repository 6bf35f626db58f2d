/**
 * What the next wave would do, without a request and without a change: for `--dry-run`.
 *
 * @module
 */
import { makeView } from "../make_view.ts";
import type { CampaignOptions } from "../campaign_options.ts";
import { type CampaignInternals, plannedStore, withCampaign } from "../open_campaign.ts";
import { nextStarts } from "../pace/next_starts.ts";
import { closedBy, gateDue, isToCancel, paceInput, startableItems, toSettle } from "../progress.ts";
import type { CampaignView } from "../view.ts";

/** What the next wave would do. */
export interface Preview {
  /** Names of the items whose runs it would read. */
  reads: string[];
  /** Names of the items whose runs it would cancel, also those of open starts, as somebody decided so. */
  cancels: string[];
  /** Names of the items that it would start at most. Sandboxes of others, and what the reads show, can change that. */
  starts: string[];
  /** What the campaign looks like. */
  view: CampaignView;
}

/**
 * Computes what the next wave would do.
 *
 * @param path Path of the campaign file.
 * @throws as {@linkcode readCampaign} does.
 */
export async function previewWave(
  path: string,
  options: CampaignOptions,
  internals: CampaignInternals,
): Promise<Preview> {
  return await withCampaign(path, options, internals, "read", (opened) => {
    const store = plannedStore(opened, "preview the next wave");
    const { memory } = store;
    const nowMs = opened.clock.wallTime();
    const items = startableItems(memory);
    const open = store.openRuns();
    const closed = gateDue(memory) === undefined ? closedBy(memory) : "gate";
    const { sandboxes } = memory;
    const { starts } = nextStarts(
      paceInput(memory, { nowMs, sandboxes, running: open.length, waiting: items.length, closed }),
    );
    const settles = toSettle(memory);
    const cancels = [...open.map(({ item }) => item), ...settles].filter((item) => isToCancel(memory, item));
    const kept = settles.filter((item) => !isToCancel(memory, item));
    return Promise.resolve({
      reads: open.filter(({ item }) => !isToCancel(memory, item)).map(({ item }) => item.item.id),
      cancels: cancels.map(({ item }) => item.id),
      starts: [...kept, ...items.slice(0, starts)].map(({ item }) => item.id),
      view: makeView(memory, { nowMs, meanRunMs: store.meanRunMs }),
    });
  });
}

import { systemClock } from "../../clock.ts";
import { detectPlatform } from "../../ci/detect.ts";
import { UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import type { MergeMethod } from "../../forge/model.ts";
import { environmentVariable } from "../../runtime.ts";
import { notificationContextOf } from "../campaign.ts";
import type { CampaignOptions } from "../campaign_options.ts";
import { isName, type Selection, selectItems, viewForCause } from "../decide.ts";
import { sendNotification } from "../notify/notify.ts";
import {
  type CampaignInternals,
  type CampaignSource,
  internalsWith,
  plannedStore,
  viewOf,
  withCampaign,
} from "../open_campaign.ts";
import type { ItemMemory } from "../journal/memory.ts";
import type { CampaignView } from "../view/view.ts";
import { ATTEMPTED, checkMergeTokens, mergeTexts, openMergePlaces } from "./places.ts";
import { MAX_WAITING, type MergeLine, type MergeOrders, mergeRound } from "./round.ts";

export interface MergeSettings {
  cause?: string | undefined;
  only?: readonly string[] | undefined;
  atMost?: number | undefined;
  /** @default the campaign file's method, otherwise one that the repository allows */
  method?: MergeMethod | undefined;
  /** Whether to update branches that must be up to date before a merge. An update can dismiss approvals. @default {false} */
  update?: boolean | undefined;
  requireUpToDate?: boolean | undefined;
  /** Whether to delete the item's own branch after the merge. @default {false} */
  deleteBranch?: boolean | undefined;
  withoutReview?: boolean | undefined;
  withoutChecks?: boolean | undefined;
  ownApproval?: boolean | undefined;
  dryRun?: boolean | undefined;
}

export interface MergeOptions extends CampaignOptions, MergeSettings, Pick<Selection, "shortIds"> {
  by: string;
  /** Whether a person is using a terminal. Exceptions then do not require names of items. @default {false} */
  isAttended?: boolean | undefined;
}

export interface MergeResult {
  lines: readonly MergeLine[];
  mergedBefore: number;
  view: CampaignView;
  exitCode: number;
  error: Error | undefined;
}

export async function mergeCampaign(
  source: CampaignSource,
  options: MergeOptions,
  internals: CampaignInternals = {},
): Promise<MergeResult> {
  const { dryRun = false, stuckAfterMs, clock = systemClock } = options;
  checkSettings(options);
  const places = internals.places ?? openMergePlaces(options, "person", internals.random);
  const reading = internalsWith(internals, { purpose: "place" } as const);
  return await withCampaign(source, options, reading, dryRun ? "read" : "write", async (opened) => {
    const store = plannedStore(opened, ATTEMPTED);
    const { memory } = store;
    const view = () => viewOf(opened, store, { stuckAfterMs });
    const { cause, only = [], shortIds, onNotice } = options;
    const before = cause === undefined
      ? view()
      : await viewForCause(view, store, cause, options, ATTEMPTED, internals.random);
    const selecting = { opened, store, attempted: ATTEMPTED, view: before, onNotice };
    const idsOf = (items: readonly ItemMemory[]) => new Set(items.map(({ item }) => item.id));
    // Merges concern items that succeeded, so a glob also selects these items.
    const selection = cause === undefined && only.length === 0
      ? null
      : selectItems(selecting, { cause, only, shortIds }, []);
    const chosen = selection && idsOf(selection.items);
    const items = selection?.items ?? [...memory.items.values()];
    checkMergeTokens(items, places, "person");
    const orders = ordersOf(options, memory.lock.merge?.method ?? null, chosen, idsOf(selection?.named ?? []));
    const report = await mergeRound({
      store,
      clock,
      places,
      signal: options.signal,
      takesStops: true,
      ...mergeTexts(opened.mask, options.onNotice),
      gateClosed: () => sendNotification(opened, notificationContextOf(source, opened, options, internals)),
    }, { ...orders, by: opened.mask(options.by) });
    const { lines, mergedBefore, isRefused, isStopped, error } = report;
    const exitCode = dryRun && error === undefined
      ? EXIT.success
      : isRefused || isStopped
      ? EXIT.failed
      : error?.exitCode ?? EXIT.success;
    return { lines, mergedBefore, view: view(), exitCode, error };
  });
}

function refuse(why: string, advice: string): UsageError {
  return new UsageError({ attempted: ATTEMPTED, why, advice });
}

function checkSettings({ withoutReview, withoutChecks, ownApproval, only = [], isAttended, env }: MergeOptions): void {
  if (withoutReview && withoutChecks) {
    throw refuse(
      "the changes would have neither a review nor checks",
      "omit --without-review or --without-checks",
    );
  }
  if (ownApproval && detectPlatform(env ?? environmentVariable).isCi) {
    throw refuse("--own-approval is not allowed in CI jobs", "run the command on your own machine");
  }
  const exception = withoutReview ? "--without-review" : withoutChecks ? "--without-checks" : undefined;
  if (exception === undefined || isAttended || only.length > 0 && only.every(isName)) return;
  throw refuse(
    `outside a terminal, ${exception} needs the names of the items`,
    "use --only NAME for each item, without * and ?",
  );
}

function ordersOf(
  settings: MergeSettings,
  fileMethod: MergeMethod | null,
  chosen: ReadonlySet<string> | null,
  named: ReadonlySet<string>,
): Omit<MergeOrders, "by"> {
  const { atMost, method, update = false, requireUpToDate = false, deleteBranch = false, dryRun = false } = settings;
  const { withoutReview = false, withoutChecks = false, ownApproval = false } = settings;
  return {
    chosen,
    policyFor: ({ item }) => ({
      ...{
        afterMs: 0,
        method: method ?? fileMethod,
        update,
        requireUpToDate,
        withoutReview,
        withoutChecks,
        ownApproval,
      },
      isNamed: named.has(item.id),
    }),
    atMost: atMost ?? null,
    counted: new Set(),
    pause: null,
    waitingLimit: Math.min(MAX_WAITING, atMost ?? MAX_WAITING),
    deleteBranch,
    isDryRun: dryRun,
    isRead: false,
    isWave: false,
  };
}

/**
 * What people decide about a campaign: retry, approve, stop, resume, skip. Each decision is a record of the journal, and sends nothing.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { lookup } from "../lookup.ts";
import { formatCount } from "../result/duration.ts";
import { approveAll, closedGates } from "./work/approve.ts";
import { globProblem, matchesGlob } from "./file/glob.ts";
import { hasRun, type ItemMemory } from "./journal/memory.ts";
import { makeView } from "./make_view.ts";
import type { CampaignOptions } from "./campaign_options.ts";
import { type CampaignInternals, plannedStore, reopen, withCampaign } from "./open_campaign.ts";
import { adoptTask } from "./plan/make_lock.ts";
import { itemNames } from "./report/words.ts";
import { hasVerdict, type ItemState } from "./verdicts.ts";
import type { FollowUp } from "./journal/record.ts";
import type { CampaignView, Stuck } from "./view.ts";
import { pullRequestsOf } from "./pulls/pull_requests.ts";
import type { Store } from "./work/store.ts";

/** Which items a decision is about. Those that fit every given choice. */
export interface Selection {
  /** Items whose verdict is `failed` or `overdue`. @default {false} */
  failed?: boolean | undefined;
  /** The word of a cause, as `status` shows it. @default {undefined} */
  cause?: string | undefined;
  /** Globs of names of repositories or items. @default {[]} */
  only?: readonly string[] | undefined;
}

/** What somebody decides. */
export type Decision =
  /** Allows another attempt. `adopt`: with the task that the file has now. */
  | { kind: "retry"; select: Selection; adopt: boolean }
  /** Opens closed gates. */
  | { kind: "approve"; note: string | null }
  /** Starts nothing more. `cancel`: the next wave cancels what runs. */
  | { kind: "stop"; cancel: boolean }
  /** Lets it go on. */
  | { kind: "resume" }
  /** Decides that items are not started any more. */
  | { kind: "skip"; select: Selection; reason: string };

/** What a decision changed. */
export interface Decided {
  /** Names of the items that it is about; empty for decisions about the whole. */
  items: string[];
  /** One sentence for people. */
  text: string;
  /** What the campaign looks like afterwards. */
  view: CampaignView;
}

const LISTS = "`campaign status --all` lists the items";
/** Verdicts of items with which nothing is left to do. */
const WELL: readonly ItemState[] = ["succeeded", "unchanged"];
/** Verdicts that `--failed` means. */
const FAILED: readonly ItemState[] = ["failed", "overdue"];

/** What a follow-up mends, by what a pull request waits for. */
const FOLLOW_UPS: Readonly<Partial<Record<Stuck, FollowUp>>> = {
  "conflict": "conflict",
  "red-checks": "checks",
  "changes-requested": "review",
};

/** What started again means for items of a cause: a follow-up on the branch of the pull request, or the task (undefined). */
function followUpOf(view: CampaignView, cause: string | undefined): FollowUp | undefined {
  const stuck = view.causes.find(({ word }) => word === cause)?.stuck ?? null;
  return stuck === null ? undefined : lookup(FOLLOW_UPS, stuck);
}

/** Whether a glob is the name of one repository or item. */
function isName(glob: string): boolean {
  return !/[*?]/.test(glob);
}

/**
 * Items that fit a selection. What has ended well is meant only by its whole name: nobody wants a second pull request of everything that a
 * glob fits.
 *
 * @throws {UsageError} when there is nothing to select by, or no item fits.
 */
function selected(
  store: Store,
  attempted: string,
  { failed, cause, only = [] }: Selection,
  { causes, items: shown }: CampaignView,
): ItemMemory[] {
  if (!failed && cause === undefined && only.length === 0) {
    throw new UsageError({ attempted, why: "no item is named", advice: "give --failed, --cause WORD or --only GLOB" });
  }
  const names = itemNames(shown);
  const group = causes.find(({ word }) => word === cause);
  if (cause !== undefined && group === undefined) {
    const known = causes.map(({ word }) => word).join(", ");
    const advice = known === "" ? "no item has a cause now" : `there are ${known}`;
    throw new UsageError({ attempted, why: "there is no such cause", value: JSON.stringify(cause), advice });
  }
  const named = new Set(group?.items);
  const fits = (glob: string, { item, state }: ItemMemory) =>
    [item.repository, item.id, names.get(item.id) ?? item.id].some((name) => matchesGlob(glob, name)) &&
    (!WELL.includes(state) || isName(glob));
  const items = [...store.memory.items.values()].filter((each) =>
    (!failed || FAILED.includes(each.state)) && (group === undefined || named.has(each.item.id)) &&
    (only.length === 0 || only.some((glob) => fits(glob, each)))
  );
  if (items.length > 0) return items;
  const value = only.length > 0 ? only.map((glob) => JSON.stringify(glob)).join(", ") : undefined;
  const advice = only.map((glob) => glob.includes("/") ? undefined : globProblem(glob)).find((each) =>
    each !== undefined
  );
  throw new UsageError({ attempted, why: "no item fits", value, advice: advice ?? LISTS });
}

/** Items that can be started again: what is at work must end first, and what the plan found invalid needs another plan. */
function retriable(items: readonly ItemMemory[], attempted: string): ItemMemory[] {
  const found = items.filter((item) => hasVerdict(item.state) && !hasRun(item) && item.item.excluded?.as !== "invalid");
  if (found.length > 0) return found;
  if (items.some(({ item }) => item.excluded?.as === "invalid")) {
    const why = "the plan could not use these repositories";
    throw new UsageError({ attempted, why, advice: "correct the file, and plan again" });
  }
  const advice = "they will be started, or their runs will end, by themselves";
  throw new UsageError({ attempted, why: "none of these items has ended", advice });
}

/** Proves that items can have a follow-up. @throws {UsageError} when the branch of one is not known, or another task is asked for. */
function checkFollowUp(items: readonly ItemMemory[], attempted: string, adopt: boolean): void {
  if (adopt) {
    const why = "a follow-up has a task of its own, and --adopt-changes is about that of the file";
    throw new UsageError({ attempted, why, advice: "leave --adopt-changes out" });
  }
  const without = items.find(({ branch }) => branch === null);
  if (without === undefined) return;
  const why = `the branch of ${without.item.repository} is not known, and a follow-up works on it`;
  throw new UsageError({ attempted, why, advice: "name the others by --only, and mend this one by hand" });
}

/** Options of {@linkcode decideCampaign}. */
export interface DecideOptions extends CampaignOptions {
  /** Who decides, for the journal: at most 200 characters. */
  by: string;
  /** Whether nothing is written. @default {false} */
  dryRun?: boolean | undefined;
}

/**
 * Records a decision.
 *
 * @param path Path of the campaign file.
 * @throws {UsageError} when nothing was planned, no item fits, or the decision makes no sense now.
 * @throws {MogplexError} with exit code 75 when another process is at work in the directory.
 */
export async function decideCampaign(
  path: string,
  decision: Decision,
  options: DecideOptions,
  internals: CampaignInternals = {},
): Promise<Decided> {
  const { dryRun = false } = options;
  return await withCampaign(path, options, internals, dryRun ? "read" : "write", async (opened) => {
    const attempted = `${decision.kind} campaign`;
    const by = opened.mask(options.by);
    let store = plannedStore(opened, attempted);
    const nowMs = opened.clock.wallTime();
    const { stuckAfterMs } = options;
    const view = () => makeView(store.memory, { nowMs, meanRunMs: store.meanRunMs, stuckAfterMs });
    let before = view();
    const cause = "select" in decision ? decision.select.cause : undefined;
    if (cause !== undefined && before.causes.every(({ word }) => word !== cause)) {
      // The word may come from a screen that has read the forge later than the last wave.
      await pullRequestsOf(options)?.refresh(store.memory, (body) => dryRun ? store.imagine(body) : store.record(body));
      before = view();
    }
    const done = (items: readonly ItemMemory[], text: string): Decided => ({
      items: items.map(({ item }) => item.id),
      text: dryRun ? `nothing was recorded; it would say: ${text}` : text,
      view: view(),
    });
    switch (decision.kind) {
      case "retry": {
        const { select, adopt } = decision;
        const followUp = followUpOf(before, select.cause);
        const items = retriable(selected(store, attempted, select, before), attempted);
        if (followUp !== undefined) checkFollowUp(items, attempted, adopt);
        const ids = items.map(({ item }) => item.id);
        if (!dryRun && adopt) {
          const lock = await adoptTask(store.memory.lock, opened.file, opened.fileHash, new Set(ids));
          await store.record({ type: "retry", items: ids, by, adopt });
          await opened.home.writeLock(lock);
          store = await reopen(opened) ?? store;
        } else if (!dryRun) await store.record({ type: "retry", items: ids, by, adopt, followUp });
        return done(
          items,
          `${formatCount(items.length, "item")} will be started again by the next wave${
            followUp !== undefined ? ", on the branch of the pull request" : adopt ? ", with the task of the file" : ""
          }`,
        );
      }
      case "approve": {
        const closed = closedGates(store);
        if (closed.length === 0) {
          const advice = "nothing has to be approved; a manual canary closes its gate when its items have ended";
          throw new UsageError({ attempted, why: "no gate is closed", advice });
        }
        if (!dryRun) await approveAll(store, by, decision.note === null ? null : opened.mask(decision.note));
        return done([], `opened the gate of the ${closed.join(" and the ")}`);
      }
      case "stop": {
        if (store.memory.stopped !== null && (store.memory.stopped.cancel || !decision.cancel)) {
          const why = `it was stopped by ${store.memory.stopped.by} at ${store.memory.stopped.at}`;
          throw new UsageError({ attempted, why, advice: "`campaign resume` lets it go on" });
        }
        if (!dryRun) await store.record({ type: "stopped", by, cancel: decision.cancel });
        const count = store.openRuns().length;
        const runs = formatCount(count, "run");
        const goOn = `${runs} ${count === 1 ? "goes on to its" : "go on to their"} end`;
        const what = count === 0 ? "nothing runs" : decision.cancel ? `the next wave cancels ${runs}` : goOn;
        return done([], `nothing more is started; ${what}`);
      }
      case "resume": {
        if (store.memory.stopped === null) {
          const advice = "`campaign approve` opens a gate, also after too many failures";
          throw new UsageError({ attempted, why: "nobody stopped it", advice });
        }
        if (!dryRun) await store.record({ type: "resumed", by });
        return done([], "the next wave starts runs again");
      }
      case "skip": {
        const { select, reason } = decision;
        const items = selected(store, attempted, select, before).filter(({ state, skipped, pull }) =>
          // A pull request that nobody can read is counted as open, until somebody decides about it.
          state !== "skipped" && skipped === null && (!WELL.includes(state) || pull?.state === "unreadable")
        );
        if (items.length === 0) {
          const why = "these items have ended well, or are skipped already";
          throw new UsageError({ attempted, why, advice: LISTS });
        }
        const ids = items.map(({ item }) => item.id);
        if (!dryRun) await store.record({ type: "skipped", items: ids, by, reason: opened.mask(reason) });
        return done(items, `${formatCount(items.length, "item")} will not be started any more`);
      }
    }
  });
}

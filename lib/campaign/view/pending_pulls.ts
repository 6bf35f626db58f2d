/**
 * Only this module decides whether a campaign is `merging` or `done`.
 *
 * @module
 */
import { instantMs } from "../../run/result.ts";
import { matchesGlob } from "../file/rules.ts";
import { type CampaignMemory, type ItemMemory, nameOf } from "../journal/memory.ts";
import { OPEN_MERGES } from "../journal/merge_memory.ts";
import { followUpBranch, isLocal } from "../pulls.ts";
import { stageOf } from "./merge_stage.ts";
import type { PendingPulls, PendingReason, PullRequestView } from "./view.ts";

/** Checks may start this long after the last change of a pull request. */
const CHECKS_BEGIN_MS = 3_600_000;

type PullMemory = Pick<CampaignMemory, "lock" | "items" | "stopped">;

export function pendingPulls(memory: PullMemory, nowMs: number): Omit<PendingPulls, "hold"> | null {
  const { lock: { merge }, items } = memory;
  const repairs = new Set(followUpsDue(memory).filter(({ reason }) => reason === null).map(({ item }) => item.item.id));
  const seen = new Set<string>();
  const groups = new Map<PendingReason, string[]>(PENDING_REASONS.map((reason) => [reason, []]));
  for (const item of items.values()) {
    const { pullRequest: url, item: { id } } = item;
    // Two items can have the same pull request.
    if (url === null || seen.has(url)) continue;
    const reason = repairs.has(id) ? "repair" : pendingReason(memory, item, url, nowMs);
    if (reason === null) continue;
    seen.add(url);
    groups.get(reason)?.push(id);
  }
  if (seen.size === 0) return null;
  return {
    merges: merge !== null,
    groups: [...groups].filter(([, ids]) => ids.length > 0).map(([reason, ids]) => ({ reason, items: ids })),
  };
}

/** In the order in which sentences list the reasons: first what a wave does, then what takes time, then what people must do. */
const PENDING_REASONS: readonly PendingReason[] = [
  "wave",
  "repair",
  "queue",
  "checks",
  "target",
  "review",
  "changes",
  "failed-checks",
  "conflict",
  "blocked",
  "unread",
];

function pendingReason(memory: PullMemory, item: ItemMemory, url: string, nowMs: number): PendingReason | null {
  const { lock: { merge: rules, onFailedChecks } } = memory;
  const { state, skipped, pull, merge, writes } = item;
  // A local Mogplex has no forge, so its pull requests are never read.
  if (pull === null && isLocal(url)) return null;
  if (Object.values(writes).some((write) => write.state === "open") || isSetupDue(memory, item)) return "wave";
  if (pull?.state === "closed") return null;
  if (pull?.state === "merged") return rules !== null && merge?.target === "waiting" ? "target" : null;
  if (rules !== null && merge !== null && OPEN_MERGES.includes(merge.state)) return "queue";
  if (skipped !== null || state === "skipped") return null;
  if (rules !== null) return mergeReason(item, nowMs, rules);
  if (onFailedChecks === null || state !== "succeeded") return null;
  if (pull === null || pull.state === "unreadable") return "unread";
  const isRepairable = followUpBranch(item).reason === null && hasFollowUp(item, onFailedChecks.attempts);
  return isRepairable && awaitsChecks(pull, nowMs) ? "checks" : null;
}

function mergeReason(
  { item, renamed, state: verdict, pull, merge }: ItemMemory,
  nowMs: number,
  rules: NonNullable<CampaignMemory["lock"]["merge"]>,
): PendingReason {
  if (pull === null || pull.state === "unreadable") return "unread";
  const stage = stageOf({ verdict, pullRequestState: pull }, merge)?.stage;
  switch (stage) {
    case "ready":
      return "wave";
    case "review":
    case "checks":
      return stage;
    default: {
      if (pull.draft || pull.foreign !== undefined && pull.foreign !== null) return "blocked";
      if (pull.conflict === true) return "conflict";
      if (pull.checks === "red") return "failed-checks";
      if (pull.checks === null) return "unread";
      if (pull.review === "changes-requested") return "changes";
      if (awaitsChecks(pull, nowMs)) return "checks";
      const isWithout = pull.checks !== "none" ||
        rules.withoutChecks.some((glob) => matchesGlob(glob, nameOf({ item, renamed })));
      const isCurrent = pull.behind !== true || rules.update;
      const isLeft = merge !== null && ["out", "refused"].includes(merge.state) && merge.head === pull.commit;
      if (!isWithout || !isCurrent || isLeft) return "blocked";
      return pull.review === "approved" ? "wave" : "review";
    }
  }
}

function awaitsChecks({ checks, createdAt, updatedAt }: PullRequestView, nowMs: number): boolean {
  const lastMs = Math.max(instantMs(createdAt) ?? -Infinity, instantMs(updatedAt) ?? -Infinity);
  return checks === null || checks === "pending" || checks === "none" && nowMs - lastMs < CHECKS_BEGIN_MS;
}

export function isSetupDue({ lock, stopped }: PullMemory, item: ItemMemory): boolean {
  const { state, pull, pullRequest, writes: { setup } } = item;
  if (lock.pullRequests === null || stopped !== null) return false;
  if (state === "skipped" || pullRequest === null || pull?.state !== "open" || pull.foreign !== null) return false;
  return setup === undefined || setup.state === "withdrawn" || setup.state !== "open" && setup.url !== pullRequest;
}

function redItems(items: CampaignMemory["items"]): ItemMemory[] {
  return [...items.values()].filter(({ state, pull, followUp, writes }) =>
    state === "succeeded" && pull?.state === "open" && pull.checks === "red" && followUp === null &&
    // A pull request that is being closed needs no fix.
    writes.close?.state !== "open"
  );
}

export function followUpsDue({ lock, items }: Pick<CampaignMemory, "lock" | "items">) {
  const rule = lock.onFailedChecks;
  if (rule === null) return [];
  return redItems(items).map((item) => ({ item, reason: followUpBranch(item).reason })).filter(({ item, reason }) =>
    reason !== null || hasFollowUp(item, rule.attempts)
  );
}

function hasFollowUp({ starts }: ItemMemory, attempts: number): boolean {
  return starts.filter((start) => start.followUp === "checks").length < attempts;
}

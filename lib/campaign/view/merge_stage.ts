/**
 * The stages are based on the last known state of the pull requests. Only `merge/judge.ts`, which reads more data, decides whether a pull request can
 * be merged.
 *
 * @module
 */
import { groupBy } from "../../lookup.ts";
import { type MergeMemory, OPEN_MERGES } from "../journal/merge_memory.ts";
import { ownerOf } from "../pulls.ts";
import type { CampaignItem, MergeGroup, MergeStage, PullRequestView } from "./view.ts";

const MERGE_STAGES: readonly MergeStage[] = ["merged", "queued", "ready", "review", "checks", "blocked"];

export function stageOf(
  { verdict, pullRequestState: pull }: Pick<CampaignItem, "verdict" | "pullRequestState">,
  merge: MergeMemory | null,
): CampaignItem["merge"] {
  if (pull === null || pull.state === "closed" || verdict === "skipped") return undefined;
  if (pull.state === "merged") return { stage: "merged", reason: null };
  if (merge !== null && OPEN_MERGES.includes(merge.state)) return { stage: "queued", reason: null };
  const obstacle = obstacleOf(pull, merge);
  if (obstacle !== null) return { stage: "blocked", reason: obstacle };
  if (pull.checks === "pending") return { stage: "checks", reason: null };
  if (pull.review !== "approved") return { stage: "review", reason: null };
  return pull.checks === "none" ? { stage: "blocked", reason: "it has no checks" } : { stage: "ready", reason: null };
}

function obstacleOf(pull: PullRequestView, merge: MergeMemory | null): string | null {
  if (pull.state === "unreadable") return "the forge does not show it";
  if (pull.foreign !== undefined && pull.foreign !== null) return pull.foreign;
  if (pull.draft) return "it is a draft";
  if (pull.conflict === true) return "it conflicts with the target branch";
  if (pull.checks === "red") return "its checks are red";
  if (pull.checks === null) return "its checks could not be read";
  if (pull.review === "changes-requested") return "a review requests changes";
  if (pull.behind === true) return "it is behind the target branch";
  const isLeft = merge !== null && (merge.state === "refused" || merge.state === "out") && merge.head === pull.commit;
  return isLeft ? merge.reason : null;
}

export function groupByStage(items: readonly CampaignItem[]): MergeGroup[] {
  return MERGE_STAGES.flatMap((stage): MergeGroup[] => {
    const stageItems = items.filter(({ merge }) => merge?.stage === stage);
    if (stageItems.length === 0) return [];
    return [{
      stage,
      owners: [...groupBy(stageItems, ownerOf)].map(([owner, ownerItems]) => ({
        owner,
        items: ownerItems.map(({ id }) => id),
        since: oldestOf(ownerItems),
      })).sort((a, b) => b.items.length - a.items.length),
    }];
  });
}

function oldestOf(items: readonly CampaignItem[]): string | null {
  const times = items.flatMap(({ pullRequestState }) => pullRequestState?.createdAt ?? []);
  return times.reduce<string | null>((oldest, time) => oldest === null || time < oldest ? time : oldest, null);
}

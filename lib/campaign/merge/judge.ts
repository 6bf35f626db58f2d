import type { ApprovalVerdict } from "../../forge/approvals.ts";
import type { MergeReading } from "../../forge/merging.ts";
import { type ChecksState, MERGE_METHODS, type MergeMethod } from "../../forge/model.ts";
import { instantMs, roundSpanText } from "../../run/result.ts";
import { branchKey } from "../../service/validate.ts";
import { formatCount } from "../../text/duration.ts";
import type { ItemMemory } from "../journal/memory.ts";
import type { MergeMemory } from "../journal/merge_memory.ts";
import type { MergeException } from "../journal/record.ts";
import { hasRun, isOpenStart } from "../journal/memory.ts";
import { foreignReason } from "../pulls.ts";

/** These rules apply in addition to the forge's rules. */
export interface MergePolicy {
  /** Minimum time between the last required approval and the merge. */
  readonly afterMs: number;
  readonly method: MergeMethod | null;
  /** Whether to update branches that must be up to date before a merge. */
  readonly update: boolean;
  readonly requireUpToDate: boolean;
  readonly withoutReview: boolean;
  readonly withoutChecks: boolean;
  readonly ownApproval: boolean;
  /** Whether the user named this item. A named item can be merged into a target branch other than the planned branch. */
  readonly isNamed: boolean;
}

export interface MergeQuestion {
  readonly item: ItemMemory;
  readonly reading: MergeReading;
  readonly verdict: ApprovalVerdict;
  readonly targetChecks: ChecksState | null;
  readonly policy: MergePolicy;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

export type MergeJudgement =
  | {
    readonly kind: "merge";
    readonly head: string;
    readonly method: MergeMethod;
    readonly exceptions: readonly MergeException[];
    readonly reason: string;
  }
  | { readonly kind: "update"; readonly head: string; readonly reason: string }
  | { readonly kind: "review" | "checks" | "blocked" | "merged" | "closed"; readonly reason: string };

type Obstacle = Exclude<MergeJudgement, { kind: "merge" | "update" }>;

/** Checks may begin late. A repository is treated as having no CI only if the commit and the pull request are older than this. */
const WITHOUT_CHECKS_MS = 3_600_000;

export function judgeMerge(question: MergeQuestion): MergeJudgement {
  const { reading: { facts, mergeCommit, mergedHead } } = question;
  if (facts.state === "merged") {
    const commit = mergedHead ?? mergeCommit;
    return {
      kind: "merged",
      reason: commit === null ? "merged by somebody else" : `merged by somebody else at ${commit}`,
    };
  }
  if (facts.state === "closed") return { kind: "closed", reason: "closed without a merge" };
  const obstacle = obstacleOf(question);
  if (obstacle !== null) return { kind: "blocked", reason: obstacle };
  const { commit: head } = facts;
  if (head === null) return { kind: "blocked", reason: "the forge does not show the newest commit" };
  const exceptions: MergeException[] = [];
  const waits = checksOf(question, exceptions) ?? reviewOf(question, exceptions);
  if (waits !== null) return waits;
  return behindOf(question, head) ?? rulesOf(question, head, exceptions);
}

export function knownObstacle({ pull }: Pick<ItemMemory, "pull">): Obstacle | null {
  if (pull?.state !== "open") return null;
  if (pull.draft) return { kind: "blocked", reason: "it is a draft" };
  if (pull.conflict === true) return { kind: "blocked", reason: "it conflicts with the target branch" };
  if (pull.checks === "red") return { kind: "blocked", reason: "its checks are red" };
  if (pull.checks === "pending") return { kind: "checks", reason: "its checks have not finished" };
  if (pull.review === "changes-requested") return { kind: "blocked", reason: "a review requests changes" };
  const isMissing = pull.review === "requested" || pull.review === "not-requested";
  return isMissing ? { kind: "review", reason: "the newest commit has no valid approval" } : null;
}

export function queueObstacle(question: MergeQuestion, merge: Pick<MergeMemory, "head" | "base">): string | null {
  const { reading: { facts, base }, policy, verdict } = question;
  const obstacle = itemObstacle({ ...question, policy: { ...policy, isNamed: true } });
  if (obstacle !== null) return obstacle;
  if (base !== merge.base) return `retargeted: the target branch is now ${JSON.stringify(base)}`;
  if (facts.commit !== merge.head) return "the commits have changed since they were checked";
  if (verdict.state === "approved" || policy.withoutReview && verdict.state === "missing") return null;
  return verdict.reason;
}

function itemObstacle({ item, reading, policy }: MergeQuestion): string | null {
  const { facts, base, repositoryId } = reading;
  if (item.skipped !== null) return `it was skipped by ${item.skipped.by}: ${item.skipped.reason}`;
  if (hasRun(item) || isOpenStart(item)) return "a run is working on it";
  if (item.followUp !== null) return "a follow-up will work on it";
  const foreign = foreignReason(item, facts);
  if (foreign !== null) return foreign;
  const recordedId = item.pull?.repositoryId ?? null;
  if (recordedId !== null && recordedId !== repositoryId) {
    return "the repository has changed since the pull request was found";
  }
  if (policy.isNamed || branchKey(base) === branchKey(item.item.baseBranch)) return null;
  return `retargeted: the target branch is ${JSON.stringify(base)}, and the planned target is ${
    JSON.stringify(item.item.baseBranch)
  }; name the item with --only to merge it`;
}

function obstacleOf(question: MergeQuestion): string | null {
  const { reading: { facts, isStacked }, verdict } = question;
  const obstacle = itemObstacle(question);
  if (obstacle !== null) return obstacle;
  if (isStacked) return "it is part of a stack, so a merge would also merge the pull requests below it";
  if (facts.draft) return "it is a draft";
  if (facts.conflict === true) return "it conflicts with the target branch";
  return verdict.state === "changes-requested" ? verdict.reason : null;
}

function checksOf(question: MergeQuestion, exceptions: MergeException[]): MergeJudgement | null {
  const { reading: { facts: { checks, conflict } }, policy } = question;
  if (checks === "red") return { kind: "blocked", reason: "its checks are red" };
  if (checks === "pending") return { kind: "checks", reason: "its checks have not finished" };
  if (checks === null) return { kind: "blocked", reason: "its checks could not be read" };
  if (checks === "none") {
    const problem = policy.withoutChecks ? ciProblem(question) : "it has no checks";
    if (problem !== null) return { kind: "blocked", reason: problem };
    exceptions.push("checks");
  }
  return conflict === null
    ? {
      kind: "checks",
      reason: "the forge does not know yet whether the pull request conflicts with its target branch",
    }
    : null;
}

function ciProblem(
  { reading: { facts: { createdAt }, isCheckRequired, headCommittedAt }, targetChecks, nowMs }: MergeQuestion,
): string | null {
  if (isCheckRequired !== false) {
    return isCheckRequired === null
      ? "it has no checks, and the forge does not show whether the target branch requires any"
      : "it has no checks, and the target branch requires at least one";
  }
  const committedMs = instantMs(headCommittedAt);
  if (committedMs === null) return "it has no checks, and the forge does not show how old the newest commit is";
  if (nowMs - committedMs < WITHOUT_CHECKS_MS) {
    return "it has no checks, and the newest commit is less than an hour old";
  }
  // A commit may be much older than its push, and CI may run only for pull requests.
  const createdMs = instantMs(createdAt);
  if (createdMs === null || nowMs - createdMs < WITHOUT_CHECKS_MS) {
    return "it has no checks, and was opened less than an hour ago";
  }
  if (targetChecks === "none") return null;
  return targetChecks === null
    ? "it has no checks, and the target branch's checks could not be read"
    : "it has no checks, but the target branch has some";
}

function reviewOf(
  { reading, verdict, policy, nowMs }: MergeQuestion,
  exceptions: MergeException[],
): MergeJudgement | null {
  const { state, lastAt, reason } = verdict;
  if (state !== "approved") {
    if (!policy.withoutReview || state !== "missing") return { kind: "review", reason };
    const problem = unreviewedProblem(reading);
    if (problem !== null) return { kind: "review", reason: problem };
    exceptions.push("review");
    return null;
  }
  if (policy.ownApproval) exceptions.push("own-approval");
  if (policy.afterMs === 0) return null;
  const lastMs = instantMs(lastAt);
  if (lastMs === null) {
    return {
      kind: "blocked",
      reason: "the forge does not show when the pull request was approved, and merge.after needs that time",
    };
  }
  const leftMs = lastMs + policy.afterMs - nowMs;
  return leftMs > 0
    ? { kind: "review", reason: `approved, and people can object for another ${roundSpanText(leftMs)}` }
    : null;
}

/**
 * Files that decide what CI runs, who must approve, or what is merged. `.azure-pipelines` and `ci` are only the usual folders: Azure Pipelines and
 * GitLab's `include: local` accept any path. Sources: the documentation of each CI system, for the path of its file; GitHub and GitLab, "Code
 * owners"; GitHub, "Metadata syntax" (`action.yml` of actions in the same repository); Kubernetes, "OWNERS files"; Mergify, Kodiak, Bulldozer and
 * policy-bot, for their own files; Zuul, "Project Configuration"; Apache, ".asf.yaml features" (branch protection); Renovate, "Configuration Options"
 * (automerge); git.sr.ht, "Build manifests"; Bazel CI, its README.
 */
const RULE_FILES: readonly RegExp[] = [
  /^\.(?:github|gitlab|gitea|forgejo|circleci|buildkite|teamcity|woodpecker|ci|tekton|semaphore|palantir|azure-pipelines|builds|bazelci)\//i,
  /^\.?zuul\.(?:yaml$|d\/)/i,
  /^\.(?:travis|drone|woodpecker|cirrus|gitlab-ci|policy|bulldozer|mergify|appveyor|prow|build|asf)[^/]*\.ya?ml$/i,
  /^(?:azure-pipelines|bitbucket-pipelines|appveyor|cloudbuild|buildspec|codefresh|wercker)[^/]*\.ya?ml$/i,
  /^\.?kodiak\.toml$/i,
  /^(?:(?:renovate|\.renovaterc)\.json5?|\.renovaterc)$/i,
  /(?:^|\/)jenkinsfile[^/]*$/i,
  /(?:^|\/)(?:codeowners|owners|owners_aliases)$/i,
  /(?:^|\/)[^/]*\.gitlab-ci\.ya?ml$/i,
  /(?:^|\/)action\.ya?ml$/i,
  /(?:^|\/)ci\/(?:.*\/)?[^/]*\.ya?ml$/i,
];

function unreviewedProblem({ review: { required }, changedFiles }: MergeReading): string | null {
  if (required !== null && required > 0) return `the target branch requires ${formatCount(required, "approval")}`;
  if (changedFiles === null) return "not all changed files could be read, and changes to CI files need a review";
  const file = changedFiles.find((path) => RULE_FILES.some((form) => form.test(path)));
  return file === undefined ? null : `it changes ${JSON.stringify(file)}, which needs a review`;
}

function behindOf(question: MergeQuestion, head: string): MergeJudgement | null {
  const { item, reading, verdict, policy } = question;
  const { facts, isOutdated } = reading;
  const isBehind = facts.isBehind || policy.requireUpToDate && isOutdated !== false;
  if (!isBehind) return null;
  if (!facts.isBehind && isOutdated === null) {
    return {
      kind: "blocked",
      reason: "the forge does not show whether the pull request is up to date with its target branch",
    };
  }
  if (!policy.update) {
    return {
      kind: "blocked",
      reason: "it is behind the target branch; --update updates the pull request's branch, which can dismiss approvals",
    };
  }
  if (item.update?.head === head) return { kind: "checks", reason: "its branch is being updated" };
  const ends = verdict.have === 0 ? "" : `; the update dismisses ${formatCount(verdict.have, "approval")}`;
  return { kind: "update", head, reason: `it is behind the target branch${ends}` };
}

function rulesOf(
  { reading, verdict, policy }: MergeQuestion,
  head: string,
  exceptions: readonly MergeException[],
): MergeJudgement {
  const { blocked, bypass, methods } = reading;
  if (blocked !== null) return { kind: "blocked", reason: blocked };
  if (bypass !== null) return { kind: "blocked", reason: bypass };
  const method = policy.method ?? MERGE_METHODS.find((each) => methods?.includes(each) ?? true) ?? "merge";
  if (methods !== null && !methods.includes(method)) {
    const others = methods.join(" or ") || "no method";
    return { kind: "blocked", reason: `the repository does not allow the method ${method}; it allows ${others}` };
  }
  return { kind: "merge", head, method, exceptions, reason: reasonOf(verdict, exceptions) };
}

function reasonOf({ reason }: ApprovalVerdict, exceptions: readonly MergeException[]): string {
  const without = [
    ...exceptions.includes("review") ? ["without a review"] : [],
    ...exceptions.includes("checks") ? ["without checks, because the repository has none"] : ["green"],
  ];
  return [...without, ...exceptions.includes("review") ? [] : [reason]].join("; ");
}

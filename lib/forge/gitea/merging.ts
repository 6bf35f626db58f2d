/**
 * The API also applies the target's rules to administrators, unless a merge requests a bypass (`force_merge`). This program never requests a bypass.
 * Source: Gitea 1.24.6, `services/pull/check.go`, `CheckPullMergeable`.
 *
 * @module
 */
import * as z from "zod/mini";
import { MogplexError } from "../../errors.ts";
import type { Opinion, ReviewReading } from "../approvals.ts";
import { type ForgeClient, isHidden } from "../client.ts";
import type { ForgeMerging, MergeReading } from "../merging.ts";
import type { ChecksState, MergeMethod, PullRequestAddress, Unread } from "../model.ts";
import {
  askGitea,
  type Branch,
  checksOf,
  commitsOf,
  opinionsOf,
  readingOf,
  type Review,
  statusesOf,
  toUser,
  UNKNOWN_FORMAT,
} from "./pulls.ts";
import { timelineOf } from "./comments.ts";
import { GiteaThreads } from "./threads.ts";

export const GITEA_MERGING: ForgeMerging = { read, checks };

/** Maximum number of users whose permissions are read. Anyone can write reviews, and each user costs several requests. */
const MAX_USERS = 20;
const PAGE = 50;

// Source: Gitea, API reference, `BranchProtection`, `ChangedFile`.
const protectionSchema = z.lazy(() => z.object({ block_on_outdated_branch: z.nullish(z.boolean()) }));
const fileSchema = z.lazy(() => z.object({ filename: z.string(), previous_filename: z.nullish(z.string()) }));

async function read(client: ForgeClient, address: PullRequestAddress): Promise<MergeReading | Unread> {
  const [answer] = await askGitea(client, [address]);
  if (answer === undefined) return UNKNOWN_FORMAT;
  const { outcome, pull, target, reviews } = answer;
  if (!outcome.ok) return outcome;
  if (pull === undefined) return UNKNOWN_FORMAT;
  const { facts } = outcome;
  const isOpen = facts.state === "open";
  const { base, head } = pull;
  const commits = answer.commits === undefined ? await commitsOf(client, address) : answer.commits;
  const opinions = reviews === undefined ? null : await withRights(client, address, head.sha, opinionsFrom(reviews));
  const history = isOpen && opinions?.some((each) => mayCount(each, head.sha) && each.word === "approved")
    ? await historyOf(client, address)
    : undefined;
  const isOutdated = base.sha === "" || !pull.merge_base ? null : pull.merge_base !== base.sha;
  return {
    facts: { ...facts, isBehind: isOpen && isOutdated === true && await blocksOutdated(client, address, target) },
    repositoryId: String(base.repo_id),
    base: base.label,
    baseCommit: target?.commit?.id ?? null,
    review: {
      ...readingOf(pull, target, opinions),
      writers: commits?.writers ?? null,
      ...history,
    },
    isCheckRequired: target === undefined
      ? null
      : target.enable_status_check === true && (target.status_check_contexts ?? []).length > 0,
    bypass: null,
    blocked: isOpen && target?.user_can_merge === false
      ? "the token's user is not allowed to merge into the target branch"
      : null,
    methods: methodsOf(base.repo),
    isStacked: false,
    mergeCommit: facts.state === "merged" ? pull.merge_commit_sha ?? null : null,
    mergedHead: facts.state === "merged" ? facts.commit : null,
    isOutdated: isOpen ? isOutdated : null,
    headCommittedAt: commits?.dates.get(head.sha) ?? null,
    changedFiles: await filesOf(client, address, facts.files),
  };
}

/**
 * A new review request withdraws an approval, but not a request for changes, because other users can request the review. Gitea marks such a request
 * for changes as unofficial.
 */
function opinionsFrom(reviews: readonly Review[]): Opinion[] {
  const requested = new Set(reviews.flatMap(({ state, user }) => state === "REQUEST_REVIEW" && user ? [user.id] : []));
  const approvals = opinionsOf(reviews).filter(({ word }) => word === "approved");
  const wishes = opinionsOf(reviews.filter(({ state }) => state !== "REQUEST_REVIEW"))
    .filter(({ word }) => word === "changes-requested")
    .map((wish) => ({ ...wish, mayPush: wish.mayPush === true || requested.has(wish.by.id) }));
  return [...approvals, ...wishes];
}

function mayCount({ word, commit, mayPush }: Opinion, head: string): boolean {
  return mayPush === true && (word !== "approved" || commit === head);
}

/**
 * Without the scope for issues, only the authors and committers of the commits are known. Source: Gitea 1.24.6, models/issues/comment.go,
 * `CommentTypePullRequestPush`, `CommentTypeChangeTargetBranch`.
 */
async function historyOf(
  client: ForgeClient,
  { repository, number }: PullRequestAddress,
): Promise<Pick<ReviewReading, "pushers" | "retargetedAt"> | undefined> {
  try {
    const { list, isWhole } = await timelineOf(client, `/repos/${repository}`, { kind: "pull", number });
    const users = list.flatMap(({ type, user }) => type === "pull_push" && user ? [toUser(user)] : []);
    const change = list.findLast(({ type }) => type === "change_target_branch");
    return { pushers: isWhole ? users : null, retargetedAt: change?.created_at ?? null };
  } catch (error) {
    if (isHidden(error)) return undefined;
    throw error;
  }
}

/** Permissions are read only for opinions that may count. */
async function withRights(
  client: ForgeClient,
  { origin, repository }: PullRequestAddress,
  head: string,
  opinions: readonly Opinion[],
): Promise<Opinion[] | null> {
  const threads = new GiteaThreads(client, { origin, repository });
  if (opinions.filter((each) => mayCount(each, head)).length > MAX_USERS) return null;
  const result: Opinion[] = [];
  for (const opinion of opinions) {
    const right = mayCount(opinion, head) ? await threads.mayPush(opinion.by) : opinion.mayPush;
    result.push({ ...opinion, mayPush: right instanceof MogplexError ? null : right });
  }
  return result;
}

async function blocksOutdated(
  client: ForgeClient,
  { repository, url }: PullRequestAddress,
  target: Branch | undefined,
): Promise<boolean> {
  const rule = target?.effective_branch_protection_name;
  if (!rule) return false;
  const path = `/repos/${repository}/branch_protections/${encodeURIComponent(rule)}`;
  const protection = await client.getShown(`read the protection of the target of ${url}`, path, protectionSchema);
  return protection?.block_on_outdated_branch === true;
}

interface MergeSettings {
  allow_merge_commits?: boolean | null | undefined;
  allow_squash_merge?: boolean | null | undefined;
  allow_rebase?: boolean | null | undefined;
}

function methodsOf(repository: MergeSettings | null | undefined): MergeMethod[] | null {
  if (!repository) return null;
  const allowed: readonly [MergeMethod, boolean | null | undefined][] = [
    ["merge", repository.allow_merge_commits],
    ["squash", repository.allow_squash_merge],
    ["rebase", repository.allow_rebase],
  ];
  if (allowed.every(([, isAllowed]) => typeof isAllowed !== "boolean")) return null;
  return allowed.filter(([, isAllowed]) => isAllowed === true).map(([method]) => method);
}

async function filesOf(
  client: ForgeClient,
  { repository, number, url }: PullRequestAddress,
  count: number | null,
): Promise<string[] | null> {
  if (count === null || count > PAGE) return null;
  const path = `/repos/${repository}/pulls/${number}/files?limit=${PAGE}`;
  const files = await client.getShown(`read the changed files of ${url}`, path, z.nullable(z.array(fileSchema)));
  if (files === undefined || (files ?? []).length !== count) return null;
  return (files ?? []).flatMap(({ filename, previous_filename: earlier }) =>
    earlier ? [filename, earlier] : [filename]
  );
}

async function checks(
  client: ForgeClient,
  address: PullRequestAddress,
  commit: string,
): Promise<ChecksState | null> {
  return checksOf(await statusesOf(client, address, commit), undefined);
}

/**
 * The API applies the project's rules to all users. Source: GitLab, "Merge requests API", "Merge a merge request".
 *
 * @module
 */
import * as z from "zod/mini";
import type { Opinion } from "../approvals.ts";
import { type ForgeClient, isHidden, MERGE_CHECK_WAITS_MS } from "../client.ts";
import type { ForgeMerging, MergeReading } from "../merging.ts";
import { type ChecksState, isUnread, type MergeMethod, type PullRequestAddress, type Unread } from "../model.ts";
import { orNull } from "../threads.ts";
import { isPusher, memberSchema } from "./findings.ts";
import { askGitlab, checksOf, newestVersion, part, pipelineSchema, UNKNOWN_FORMAT } from "./pulls.ts";

export const GITLAB_MERGING: ForgeMerging = { read, checks };

const MAX_USERS = 20;
const PAGE = 100;
const UNCHECKED: readonly (string | null | undefined)[] = ["unchecked", "checking", "preparing", "approvals_syncing"];

// Source: GitLab, "Projects API", "Branches API", "Users API", "Merge requests API".
const projectSchema = z.lazy(() => {
  const flag = z.nullish(z.boolean());
  const text = z.nullish(z.string());
  return z.object({
    id: z.int(),
    ...{ merge_method: text, squash_option: text },
    ...{ only_allow_merge_if_pipeline_succeeds: flag, merge_trains_enabled: flag },
  });
});
const branchSchema = z.lazy(() => z.object({ commit: z.nullish(z.object({ id: z.string() })) }));
const accountSchema = z.lazy(() => z.object({ id: z.int(), bot: z.nullish(z.boolean()) }));
const diffSchema = z.lazy(() => z.object({ old_path: z.string(), new_path: z.string() }));

async function read(client: ForgeClient, address: PullRequestAddress): Promise<MergeReading | Unread> {
  let answer = await askGitlab(client, address, "?include_diverged_commits_count=true");
  for (const waitMs of MERGE_CHECK_WAITS_MS) {
    const { request } = answer;
    if (request?.state !== "opened" || !UNCHECKED.includes(request.detailed_merge_status)) break;
    await client.wait(waitMs);
    answer = await askGitlab(client, address, "?include_diverged_commits_count=true");
  }
  const { outcome, request, review } = answer;
  if (!outcome.ok) return outcome;
  const base = request?.target_branch;
  if (request === undefined || !base) return UNKNOWN_FORMAT;
  const { facts } = outcome;
  const isOpen = facts.state === "open";
  const path = `/projects/${encodeURIComponent(address.repository)}`;
  const project = await client.getPullRequest(`read project ${address.repository}`, path, projectSchema);
  if (isUnread(project)) return project;
  const what = `read branch "${base}"`;
  const target = await client.getShown(what, `${path}/repository/branches/${encodeURIComponent(base)}`, branchSchema);
  const version = isOpen ? await newestVersion(client, address) : undefined;
  const count = request.diverged_commits_count;
  return {
    facts: { ...facts, hasQueue: project.merge_trains_enabled === true },
    repositoryId: String(project.id),
    base,
    baseCommit: target?.commit?.id ?? null,
    review: {
      ...(review ?? { head: facts.commit, required: null, author: null, writers: null }),
      opinions: review?.opinions ? await withRights(client, path, review.opinions) : null,
    },
    isCheckRequired: project.only_allow_merge_if_pipeline_succeeds ?? null,
    bypass: null,
    blocked: isOpen ? blockedBy(request.detailed_merge_status, request.user?.can_merge) : null,
    methods: methodsOf(project),
    isStacked: false,
    mergeCommit: facts.state === "merged" ? request.merge_commit_sha ?? request.squash_commit_sha ?? null : null,
    mergedHead: facts.state === "merged" ? facts.commit : null,
    isOutdated: isOpen && typeof count === "number" ? count > 0 : null,
    // Use the time of the push, because users can choose the date of a commit.
    headCommittedAt: version?.head_commit_sha === facts.commit ? version?.created_at ?? null : null,
    changedFiles: isOpen ? await filesOf(client, address, request.changes_count) : null,
  };
}

async function withRights(
  client: ForgeClient,
  project: string,
  opinions: readonly Opinion[],
): Promise<Opinion[] | null> {
  if (new Set(opinions.map(({ by }) => by.id)).size > MAX_USERS) return null;
  const result: Opinion[] = [];
  for (const opinion of opinions) {
    const { id, name, isBot } = opinion.by;
    const what = `read the permissions of ${name}`;
    // Lists of users do not show whether a user is a bot.
    const account = await client.getShown(what, `/users/${id}`, accountSchema);
    const by = { ...opinion.by, isBot: account?.id === id ? account.bot ?? isBot : isBot };
    const right = await mayPush(client, what, `${project}/members/all/${id}`, id);
    // A hidden account might belong to a bot, whose approval is ignored.
    const isUnsure = opinion.word === "approved" && account === undefined && right === true;
    result.push({ ...opinion, by, mayPush: isUnsure ? null : right });
  }
  return result;
}

async function mayPush(client: ForgeClient, what: string, path: string, id: number): Promise<boolean | null> {
  try {
    return isPusher(await orNull(client.get(what, path, memberSchema)), id);
  } catch (error) {
    if (isHidden(error)) return null;
    throw error;
  }
}

/** Source: GitLab, "Merge requests API", "Merge status". */
const REASONS: ReadonlyMap<string, string> = new Map([
  ["not_approved", "the approval rules require an approval that is missing"],
  ["requested_changes", "a reviewer has requested changes"],
  ["discussions_not_resolved", "not all threads are resolved"],
  ["merge_request_blocked", "another merge request blocks it"],
  ["ci_must_pass", "its pipeline must succeed"],
  ["ci_still_running", "its pipeline is still running"],
  ["status_checks_must_pass", "an external status check has not passed"],
  ["security_policy_violations", "it violates a security policy"],
]);

/** Conflicts, drafts and outdated branches are reported as facts instead. */
function blockedBy(status: string | null | undefined, canMerge: boolean | null | undefined): string | null {
  if (canMerge === false) return "the token's user is not allowed to merge this merge request";
  if (UNCHECKED.includes(status)) return "GitLab is still checking whether the merge request can be merged";
  // Versions before 15.6 do not have this status.
  if (!status || ["mergeable", "conflict", "draft_status", "need_rebase", "not_open"].includes(status)) return null;
  return REASONS.get(status) ?? `GitLab shows ${JSON.stringify(status.slice(0, 60))}`;
}

/** GitLab uses the merge method of the project. Only squashing is optional. */
function methodsOf(
  { merge_method: method, squash_option: squash }: z.output<typeof projectSchema>,
): MergeMethod[] | null {
  if (!method || !squash) return null;
  const plain: MergeMethod = method === "ff" ? "rebase" : "merge";
  if (squash === "always") return ["squash"];
  return squash === "never" ? [plain] : [plain, "squash"];
}

async function filesOf(
  client: ForgeClient,
  address: PullRequestAddress,
  count: string | null | undefined,
): Promise<string[] | null> {
  if (!/^\d+$/.test(count ?? "") || Number(count) > PAGE) return null;
  const query = new URLSearchParams({ per_page: String(PAGE) });
  const diffs = await part(client, address, "diffs", z.array(diffSchema), query);
  if (diffs === undefined || diffs.length !== Number(count)) return null;
  return diffs.flatMap(({ old_path: from, new_path: to }) => from === to ? [to] : [to, from]);
}

async function checks(
  client: ForgeClient,
  address: PullRequestAddress,
  commit: string,
): Promise<ChecksState | null> {
  const project = `/projects/${encodeURIComponent(address.repository)}`;
  const query = new URLSearchParams({ sha: commit, order_by: "id", sort: "desc", per_page: "1" });
  const what = `read the pipelines of commit ${commit.slice(0, 12)}`;
  const pipelines = await client.getShown(what, `${project}/pipelines?${query}`, z.array(pipelineSchema));
  if (pipelines === undefined) return null;
  return await checksOf(client, address, { head_pipeline: pipelines[0] ?? null, sha: commit });
}

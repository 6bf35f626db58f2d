/**
 * Merge requests of GitLab, by its REST API: one to three requests for each.
 *
 * @module
 */
import * as z from "zod/mini";
import { MogplexError } from "../../errors.ts";
import { type AddressForm, isSamePlace, readAddress } from "../address.ts";
import type { ForgeClient } from "../client.ts";
import {
  type ChecksState,
  endTimes,
  type PullRequestAddress,
  type PullRequestFacts,
  type PullRequestOutcome,
  type ReviewState,
} from "../model.ts";

export const GITLAB_ADDRESS: AddressForm = {
  name: "gitlab",
  // Source: GitLab, "Routing": `/-/` since 12; older versions have none. Groups may be nested.
  path: /^\/((?:[\w.][\w.-]*\/){1,20}[\w.][\w.-]*)(?:\/-)?\/merge_requests\/([1-9]\d{0,8})\/?$/,
  part: "-/merge_requests",
};

type MergeRequest = z.output<typeof mergeRequestSchema>;

const user = z.lazy(() => z.object({ username: z.string() }));
const mergeRequestSchema = z.lazy(() => {
  const users = z.nullish(z.array(user));
  return z.object({
    iid: z.int(),
    web_url: z.string(),
    state: z.string(),
    draft: z.nullish(z.boolean()),
    work_in_progress: z.nullish(z.boolean()),
    created_at: z.string(),
    updated_at: z.string(),
    ...{ merged_at: z.nullish(z.string()), closed_at: z.nullish(z.string()) },
    source_branch: z.string(),
    source_project_id: z.nullish(z.int()),
    target_project_id: z.nullish(z.int()),
    sha: z.nullish(z.string()),
    changes_count: z.nullish(z.string()),
    merge_status: z.nullish(z.string()),
    detailed_merge_status: z.nullish(z.string()),
    has_conflicts: z.nullish(z.boolean()),
    head_pipeline: z.nullish(z.object({ status: z.string() })),
    assignees: users,
    reviewers: users,
  });
});
const approvalsSchema = z.lazy(() =>
  z.object({
    approvals_required: z.nullish(z.int()),
    approvals_left: z.nullish(z.int()),
    approved_by: z.array(z.object({ user })),
  })
);
const reviewersSchema = z.lazy(() => z.array(z.object({ user, state: z.string() })));
const branchSchema = z.lazy(() => z.object({ protected: z.boolean(), default: z.nullish(z.boolean()) }));
const statusChecksSchema = z.lazy(() => z.array(z.object({ status: z.string() })));
const listSchema = z.lazy(() =>
  z.array(z.object({
    web_url: z.string(),
    created_at: z.string(),
    source_project_id: z.nullish(z.int()),
    target_project_id: z.nullish(z.int()),
  }))
);

/**
 * If this token cannot see the merge request, that is its outcome; every other error concerns all of them.
 * @throws what the client throws.
 */
export async function readGitlab(client: ForgeClient, address: PullRequestAddress): Promise<PullRequestOutcome> {
  const request = await client.getPullRequest(
    `read merge request ${address.url}`,
    pathOf(address),
    mergeRequestSchema,
  );
  if (typeof request === "string") return { ok: false, reason: request };
  return await factsOf(client, address, request);
}

export function pathOf({ repository, number }: PullRequestAddress): string {
  return `/projects/${encodeURIComponent(repository)}/merge_requests/${number}`;
}

const STATES = new Map<string, PullRequestFacts["state"]>([
  ["opened", "open"],
  // During the merge.
  ["locked", "open"],
  ["closed", "closed"],
  ["merged", "merged"],
]);

/** Users of project and group access tokens, and GitLab's own reviewer. Source: GitLab, "Project access tokens", "Bot users for projects". */
const BOT = /^(?:project|group)_\d+_bot(?:_[\w-]*)?\d*$|^GitLabDuo$/;
const isBot = ({ username }: { username: string }) => BOT.test(username);

async function factsOf(
  client: ForgeClient,
  address: PullRequestAddress,
  request: MergeRequest,
): Promise<PullRequestOutcome> {
  const state = STATES.get(request.state);
  const times = [request.created_at, request.updated_at].map((text) => Date.parse(text));
  if (state === undefined || times.some((ms) => Number.isNaN(ms))) {
    return { ok: false, reason: "the answer has not the form that GitLab documents" };
  }
  const place = readAddress([GITLAB_ADDRESS], request.web_url);
  if (!isSamePlace(address, place)) return { ok: false, reason: "the answer is about another merge request" };
  const isOpen = state === "open";
  const checks = isOpen ? await allChecksOf(client, place, request) : checksOf(request);
  const review = isOpen ? await reviewOf(client, place, request) : null;
  const missing = isOpen
    ? [...(checks === null ? ["its pipeline"] : []), ...(review === null ? ["its review"] : [])]
    : [];
  return {
    ok: true,
    facts: {
      url: place.url,
      state,
      draft: request.draft ?? request.work_in_progress ?? false,
      checks,
      review,
      conflict: isOpen ? conflictOf(request) : null,
      owner: request.assignees?.[0]?.username ?? request.reviewers?.find((user) => !isBot(user))?.username ?? null,
      branch: request.source_branch,
      isForeign: request.source_project_id !== request.target_project_id,
      // Only a follow-up needs it, and only for one of these causes.
      isGuarded: checks === "red" || review === "changes-requested" || isOpen && conflictOf(request) === true
        ? await guardOf(client, place, request)
        : null,
      commit: request.sha ?? null,
      isBehind: request.detailed_merge_status === "need_rebase",
      hasQueue: false,
      // `1000+` if there are more than GitLab shows. GitLab does not count lines here.
      files: /^\d{1,9}/.test(request.changes_count ?? "") ? parseInt(request.changes_count ?? "", 10) : null,
      additions: null,
      deletions: null,
      createdAt: request.created_at,
      updatedAt: request.updated_at,
      ...endTimes(state, request.merged_at, request.closed_at),
      problem: missing.length === 0 ? null : `GitLab does not show ${missing.join(" and ")} to this token`,
    },
  };
}

/** The checks together with external ones that must pass. Source: GitLab, "External status checks API", "List status checks for a merge request". */
async function allChecksOf(
  client: ForgeClient,
  address: PullRequestAddress,
  request: MergeRequest,
): Promise<ChecksState | null> {
  const checks = checksOf(request);
  if (checks === "red" || request.detailed_merge_status !== "status_checks_must_pass") return checks;
  const external = await part(client, address, "status_checks", statusChecksSchema);
  // They are known not to have passed, even if they are not shown.
  return external?.some(({ status }) => status === "failed") ? "red" : "pending";
}

/** Source: GitLab, "Pipelines API", status of a pipeline. */
const PIPELINES = new Map<string, ChecksState>([
  ["success", "green"],
  ["failed", "red"],
  ["canceled", "red"],
  ["canceling", "red"],
  ["skipped", "none"],
  ["created", "pending"],
  ["waiting_for_resource", "pending"],
  ["waiting_for_callback", "pending"],
  ["preparing", "pending"],
  ["pending", "pending"],
  ["running", "pending"],
  ["manual", "pending"],
  ["scheduled", "pending"],
]);

/** Null if it is not shown: GitLab leaves out `head_pipeline` for a token that is not allowed to read pipelines. */
function checksOf({ head_pipeline: pipeline }: MergeRequest): ChecksState | null {
  if (pipeline === undefined) return null;
  return pipeline === null ? "none" : PIPELINES.get(pipeline.status) ?? null;
}

/** Undefined if this token cannot see it, or this GitLab does not have it. */
async function part<T extends z.core.$ZodType>(
  client: ForgeClient,
  address: PullRequestAddress,
  name: string,
  schema: T,
): Promise<z.output<T> | undefined> {
  return await client.getShown(
    `read the ${name} of merge request ${address.url}`,
    `${pathOf(address)}/${name}`,
    schema,
  );
}

/** The review of an open merge request. Source: GitLab, "Merge request approvals API"; "Merge requests API", reviewers. */
async function reviewOf(
  client: ForgeClient,
  address: PullRequestAddress,
  request: MergeRequest,
): Promise<ReviewState | null> {
  if (request.detailed_merge_status === "requested_changes") return "changes-requested";
  const wasAsked = (request.reviewers ?? []).some((user) => !isBot(user));
  const hasReviewers = (request.reviewers ?? []).length > 0;
  const reviewers = hasReviewers ? await part(client, address, "reviewers", reviewersSchema) : [];
  if (reviewers?.some(({ state }) => state === "requested_changes")) return "changes-requested";
  const approvals = await part(client, address, "approvals", approvalsSchema);
  const approved = approvals === undefined
    ? reviewers?.some(({ user, state }) => state === "approved" && !isBot(user)) ?? false
    : approvals.approved_by.some(({ user }) => !isBot(user));
  const isEnough = (approvals?.approvals_required ?? 0) > 0 && approvals?.approvals_left === 0;
  if (isEnough || approved && (approvals?.approvals_left ?? 0) === 0) return "approved";
  // An approval that is not enough shows that a reviewer has looked at it.
  if (wasAsked || approved) return "requested";
  return approvals === undefined ? null : "not-requested";
}

/** Until GitLab has checked, `has_conflicts` is false. Source: GitLab, "Merge requests API", `has_conflicts` and `merge_status`. */
function conflictOf(request: MergeRequest): boolean | null {
  const { has_conflicts: conflicts, merge_status: status = "", detailed_merge_status: detail = "" } = request;
  if (conflicts === true || detail === "conflict") return true;
  const isOpen = ["unchecked", "checking", "preparing", "cannot_be_merged_recheck"];
  return isOpen.includes(status ?? "") || isOpen.includes(detail ?? "") || typeof conflicts !== "boolean"
    ? null
    : false;
}

/** Whether the branch is the default one, or protected; null if that is not shown. Source: GitLab, "Branches API". */
async function guardOf(
  client: ForgeClient,
  { repository, url }: PullRequestAddress,
  { source_branch: branch }: MergeRequest,
): Promise<boolean | null> {
  try {
    const row = await client.get(
      `read the branch of merge request ${url}`,
      `/projects/${encodeURIComponent(repository)}/repository/branches/${encodeURIComponent(branch)}`,
      branchSchema,
    );
    return row.protected || row.default === true;
  } catch (error) {
    // The rest of the merge request is known anyway. Only a follow-up is not possible without this.
    if (error instanceof MogplexError) return null;
    throw error;
  }
}

/**
 * Finds the newest merge request from a branch of the project itself: anyone can use the same branch name in a fork.
 * @param since Ignores older merge requests; milliseconds since 1970.
 * @returns Its address; null if the branch has no merge request; undefined if the project is not shown.
 * @throws what the client throws.
 */
export async function findGitlab(
  client: ForgeClient,
  { repository, branch, since }: { repository: string; branch: string; since: number },
): Promise<string | null | undefined> {
  const query = new URLSearchParams({ source_branch: branch, state: "all", order_by: "created_at", sort: "desc" });
  const requests = await client.getShown(
    `find the merge request of branch "${branch}" of ${repository}`,
    `/projects/${encodeURIComponent(repository)}/merge_requests?${query}&per_page=10`,
    listSchema,
  );
  if (requests === undefined) return undefined;
  const match = requests.find(({ source_project_id: source, target_project_id: target, created_at: created }) =>
    typeof source === "number" && source === target && Date.parse(created) >= since
  );
  return match?.web_url ?? null;
}

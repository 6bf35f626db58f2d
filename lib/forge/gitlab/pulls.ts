import * as z from "zod/mini";
import { MogplexError } from "../../errors.ts";
import { isObject } from "../../lookup.ts";
import { isSamePlace, readAddress } from "../address.ts";
import type { Opinion, ReviewReading } from "../approvals.ts";
import { type Check, checksState, isOwnCheck } from "../checks.ts";
import { type ForgeClient, isHidden, unknownFormat } from "../client.ts";
import type { ForgeUser } from "../findings.ts";
import type { WantedBranch } from "../forge.ts";
import {
  type ChecksState,
  endTimes,
  idText,
  isUnread,
  problemOf,
  type PullRequestAddress,
  type PullRequestFacts,
  type PullRequestOutcome,
  type ReviewState,
  type Unread,
  unread,
} from "../model.ts";
import { readList } from "../pages.ts";
import { reviewStateOf } from "../review_state.ts";
import { GITLAB_ADDRESS } from "./address.ts";

type MergeRequest = z.output<typeof mergeRequestSchema>;

const user = z.lazy(() => z.object({ id: z.int(), username: z.string() }));
export const pipelineSchema = z.lazy(() =>
  z.object({
    id: z.int(),
    project_id: z.nullish(z.int()),
    ref: z.nullish(z.string()),
    sha: z.nullish(z.string()),
    status: z.string(),
    source: z.nullish(z.string()),
  })
);
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
    target_branch: z.nullish(z.string()),
    diverged_commits_count: z.nullish(z.int()),
    merge_commit_sha: z.nullish(z.string()),
    squash_commit_sha: z.nullish(z.string()),
    user: z.nullish(z.object({ can_merge: z.nullish(z.boolean()) })),
    merge_status: z.nullish(z.string()),
    detailed_merge_status: z.nullish(z.string()),
    has_conflicts: z.nullish(z.boolean()),
    head_pipeline: z.nullish(pipelineSchema),
    author: z.nullish(user),
    assignees: users,
    reviewers: users,
  });
});
const approvalsSchema = z.lazy(() =>
  z.object({
    approvals_required: z.nullish(z.int()),
    approvals_left: z.nullish(z.int()),
    approved_by: z.array(z.object({ user, approved_at: z.nullish(z.string()) })),
  })
);
const reviewersSchema = z.lazy(() => z.array(z.object({ user, state: z.string() })));
const versionSchema = z.lazy(() => z.object({ id: z.int(), head_commit_sha: z.string(), created_at: z.string() }));
const noteSchema = z.lazy(() =>
  z.object({
    body: z.string(),
    author: user,
    system: z.boolean(),
    imported: z.nullish(z.boolean()),
    created_at: z.string(),
  })
);
const statusSchema = z.lazy(() =>
  z.object({
    name: z.string(),
    status: z.string(),
    allow_failure: z.nullish(z.boolean()),
    pipeline_id: z.nullish(z.int()),
  })
);
const writersSchema = z.lazy(() => {
  const writer = z.object({ id: z.string(), username: z.string(), bot: z.nullish(z.boolean()) });
  const page = z.object({ pageInfo: z.object({ hasNextPage: z.boolean() }) });
  return z.object({
    data: z.object({
      project: z.object({
        mergeRequest: z.object({
          commits: z.extend(page, { nodes: z.array(z.object({ author: z.nullish(writer) })) }),
          committers: z.extend(page, { nodes: z.array(writer) }),
        }),
      }),
    }),
  });
});
const commitSchema = z.lazy(() => z.object({ parent_ids: z.array(z.string()) }));
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

export async function readGitlab(client: ForgeClient, address: PullRequestAddress): Promise<PullRequestOutcome> {
  const request = await requestAt(client, address);
  if (isUnread(request)) return request;
  return (await answerOf(client, address, request, (read) => client.getPart(read))).outcome;
}

interface RequestAnswer {
  readonly outcome: PullRequestOutcome;
  readonly request?: MergeRequest;
  readonly review?: ReviewReading | undefined;
}

export async function askGitlab(client: ForgeClient, address: PullRequestAddress, query = ""): Promise<RequestAnswer> {
  const request = await requestAt(client, address, query);
  if (isUnread(request)) return refuse(request);
  return await answerOf(client, address, request, async (read) => ({ ok: true, value: await read() }));
}

function requestAt(client: ForgeClient, address: PullRequestAddress, query = ""): Promise<MergeRequest | Unread> {
  return client.getPullRequest(`read merge request ${address.url}`, pathOf(address) + query, mergeRequestSchema);
}

const refuse = (outcome: Unread): RequestAnswer => ({ outcome });

export function pathOf({ repository, number }: PullRequestAddress): string {
  return `/projects/${encodeURIComponent(repository)}/merge_requests/${number}`;
}

const STATES = new Map<string, PullRequestFacts["state"]>([
  ["opened", "open"],
  ["locked", "open"],
  ["closed", "closed"],
  ["merged", "merged"],
]);

/** Users of project and group access tokens, service accounts, and GitLab's own users. Source: GitLab, "Internal users", "Service accounts". */
const BOT = /^(?:(?:project|group)_\d+_bot|service_account_)|^GitLabDuo$|-bot$/;
const isBot = ({ username }: { username: string }) => BOT.test(username);

/** @param bot Whether the user is a bot. Most responses do not contain this information, so bots are recognized by their names. */
export const toUser = (
  { id, username, bot }: { id: number; username: string; bot?: boolean | null | undefined },
): ForgeUser => ({ id, name: username, isBot: bot ?? (BOT.test(username) ? true : null) });

async function answerOf(
  client: ForgeClient,
  address: PullRequestAddress,
  request: MergeRequest,
  getPart: ForgeClient["getPart"],
): Promise<RequestAnswer> {
  const state = STATES.get(request.state);
  const times = [request.created_at, request.updated_at].map((text) => Date.parse(text));
  if (state === undefined || times.some((ms) => Number.isNaN(ms))) {
    return refuse(UNKNOWN_FORMAT);
  }
  const place = readAddress([GITLAB_ADDRESS], request.web_url);
  if (!isSamePlace(address, place)) return refuse(unread("the response is about another merge request"));
  const isOpen = state === "open";
  const checks = isOpen ? await allChecksOf(client, place, request) : pipelineState(request);
  const reading = isOpen ? await getPart(() => readReview(client, place, request)) : undefined;
  const read = reading?.ok === true ? reading.value : undefined;
  const review = read === undefined ? null : reviewOf(request, read);
  const problem = isOpen ? problemOf(["GitLab", "pipeline"], { checks, review }, reading) : null;
  const facts: PullRequestFacts = {
    url: place.url,
    repositoryId: idText(request.target_project_id),
    state,
    draft: request.draft ?? request.work_in_progress ?? false,
    checks,
    review,
    conflict: isOpen ? conflictOf(request) : null,
    owner: request.assignees?.[0]?.username ?? request.reviewers?.find((user) => !isBot(user))?.username ?? null,
    branch: request.source_branch,
    isForeign: request.source_project_id !== request.target_project_id,
    // Only a follow-up run that fixes one of these problems needs this value.
    isGuarded: checks === "red" || review === "changes-requested" || isOpen && conflictOf(request) === true
      ? await guardOf(client, place, request)
      : null,
    commit: request.sha ?? null,
    isBehind: request.detailed_merge_status === "need_rebase",
    hasQueue: false,
    // The value can be `1000+`. GitLab does not show the number of changed lines here.
    files: /^\d{1,9}/.test(request.changes_count ?? "") ? parseInt(request.changes_count ?? "", 10) : null,
    additions: null,
    deletions: null,
    createdAt: request.created_at,
    updatedAt: request.updated_at,
    ...endTimes(state, request.merged_at, request.closed_at),
    problem,
  };
  return { outcome: { ok: true, facts }, request, review: read?.reading };
}

export const UNKNOWN_FORMAT = unknownFormat("GitLab");

/** Includes the external checks that must pass. Source: GitLab, "External status checks API", "List status checks for a merge request". */
async function allChecksOf(
  client: ForgeClient,
  address: PullRequestAddress,
  request: MergeRequest,
): Promise<ChecksState | null> {
  const checks = await checksOf(client, address, request);
  if (checks === "red" || request.detailed_merge_status !== "status_checks_must_pass") return checks;
  const external = await part(client, address, "status_checks", statusChecksSchema);
  // At least one external check has not passed, even if the checks are not shown.
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

/** `null` if the pipeline is not shown: GitLab leaves out `head_pipeline` if the token is not allowed to read pipelines. */
function pipelineState({ head_pipeline: pipeline }: Pick<MergeRequest, "head_pipeline">): ChecksState | null {
  if (pipeline === undefined) return null;
  return pipeline === null ? "none" : PIPELINES.get(pipeline.status) ?? null;
}

type PipelinePart = Pick<MergeRequest, "head_pipeline" | "sha">;

/** Whether a pipeline tests a merged result or a merge train. If so, GitLab created the pipeline's commit by merging the branch and its target. */
function isOfMerge({ head_pipeline: pipeline, sha }: PipelinePart): boolean {
  return pipeline?.sha !== sha && /^refs\/merge-requests\/\d+\/(?:merge|train)$/.test(pipeline?.ref ?? "");
}

function isStale(request: PipelinePart): boolean {
  const { head_pipeline: pipeline, sha } = request;
  return !!pipeline?.sha && !!sha && pipeline.sha !== sha && !isOfMerge(request);
}

/**
 * Whether the merge that a pipeline tests contains the current commit of the branch; `null` if GitLab does not show this. After a push without a
 * pipeline (`[skip ci]`), `head_pipeline` is still the pipeline of an earlier commit. Source: GitLab, app/models/merge_request.rb,
 * `diff_head_pipeline`.
 */
async function mergesHead(
  client: ForgeClient,
  { repository, url }: PullRequestAddress,
  { head_pipeline: pipeline, sha }: PipelinePart,
): Promise<boolean | null> {
  const project = pipeline?.project_id ?? encodeURIComponent(repository);
  const path = `/projects/${project}/repository/commits/${pipeline?.sha}`;
  const commit = await client.getShown(`read the merged result of ${url}`, path, commitSchema);
  return commit === undefined || !sha ? null : commit.parent_ids.includes(sha);
}

/**
 * Ignores our own checks in the pipeline: a job of the gate, or a commit status. If there is no other pipeline, GitLab creates an `external` pipeline
 * for the status. Source: GitLab, "Commits API", "List the statuses of a commit"; "Pipelines API", sources.
 */
export async function checksOf(
  client: ForgeClient,
  address: PullRequestAddress,
  request: PipelinePart,
): Promise<ChecksState | null> {
  const state = await pipelineChecks(client, address, request);
  if (state !== "green" && state !== "none" || !isOfMerge(request)) return state;
  const isCurrent = await mergesHead(client, address, request);
  return isCurrent === null ? null : isCurrent ? state : "pending";
}

async function pipelineChecks(
  client: ForgeClient,
  { repository, url }: PullRequestAddress,
  request: PipelinePart,
): Promise<ChecksState | null> {
  const { head_pipeline: pipeline } = request;
  const whole = isStale(request) ? "pending" : pipelineState(request);
  const sha = pipeline?.sha ?? request.sha;
  if (
    !pipeline || !sha || isStale(request) || whole === "none" || whole === "green" && pipeline.source !== "external"
  ) return whole;
  const query = new URLSearchParams({ pipeline_id: String(pipeline.id), per_page: String(PAGE) });
  const rows = await client.getShown(
    `read the commit statuses of ${url}`,
    `/projects/${pipeline.project_id ?? encodeURIComponent(repository)}/repository/commits/${sha}/statuses?${query}`,
    z.array(statusSchema),
  );
  // Older versions return the statuses of all pipelines of the commit.
  const ofPipeline = rows?.filter(({ pipeline_id: id }) => typeof id !== "number" || id === pipeline.id) ?? [];
  const isAll = (rows?.length ?? PAGE) < PAGE;
  return isAll && ofPipeline.some(({ name }) => isOwnCheck(name)) ? checksState(ofPipeline.map(toCheck)) : whole;
}

const PAGE = 100;

function toCheck({ name, status, allow_failure: isOptional }: z.output<typeof statusSchema>): Check {
  if (isOptional === true && ["failed", "canceled", "skipped", "manual"].includes(status)) {
    return { name, state: "green" };
  }
  // A job that was skipped because of one of our jobs has not run.
  const state = status === "skipped" ? "pending" : PIPELINES.get(status) ?? null;
  return { name, state: state === "none" ? "pending" : state };
}

export async function part<T extends z.core.$ZodType>(
  client: ForgeClient,
  address: PullRequestAddress,
  name: string,
  schema: T,
  query?: URLSearchParams,
): Promise<z.output<T> | undefined> {
  return await client.getShown(
    `read the ${name} of merge request ${address.url}`,
    `${pathOf(address)}/${name}${query === undefined ? "" : `?${query}`}`,
    schema,
  );
}

function reviewOf(
  { detailed_merge_status: status, reviewers }: MergeRequest,
  { reading, isEnough }: Awaited<ReturnType<typeof readReview>>,
): ReviewState | null {
  if (status === "requested_changes") return "changes-requested";
  const state = reviewStateOf(reading, (reviewers ?? []).some((user) => !isBot(user)));
  return state === "approved" && !isEnough ? "requested" : state;
}

/**
 * The permissions of approvers are not read, because GitLab lets only members with a suitable role approve. `isEnough` is false only if GitLab shows
 * that approvals are missing. Source: GitLab, "Merge request approvals API"; "Merge requests API", reviewers.
 */
async function readReview(
  client: ForgeClient,
  address: PullRequestAddress,
  request: MergeRequest,
): Promise<{ reading: ReviewReading; isEnough: boolean }> {
  const hasReviewers = (request.reviewers ?? []).length > 0;
  const reviewers = hasReviewers ? await part(client, address, "reviewers", reviewersSchema) : [];
  const approvals = await part(client, address, "approvals", approvalsSchema);
  const people = approvals?.approved_by.filter(({ user }) => !isBot(user)) ?? [];
  const wishes = (reviewers ?? []).filter(({ state }) => state === "requested_changes").map(({ user }): Opinion => ({
    ...{ by: toUser(user), word: "changes-requested", mayPush: true },
    ...{ commit: null, at: null },
  }));
  const notes = people.length === 0 ? undefined : await systemNotes(client, address);
  const dated = people.length === 0 ? [] : await withCommits(client, address, request, people, notes?.list ?? []);
  const isOfHead = dated.some(({ commit }) => commit === request.sha);
  return {
    reading: {
      head: request.sha ?? null,
      // GitLab Free has no approval rules, so no approvals are required.
      required: approvals === undefined ? null : approvals.approvals_required ?? 0,
      opinions: wishes.length === 0 && (approvals === undefined || reviewers === undefined)
        ? null
        : [...dated, ...wishes],
      author: request.author ? toUser(request.author) : null,
      writers: isOfHead ? await writersOf(client, address) : [],
      ...notes !== undefined && { pushers: notes.isWhole ? pushersIn(notes.list) : null },
    },
    isEnough: (approvals?.approvals_left ?? 0) === 0,
  };
}

type Approval = z.output<typeof approvalsSchema>["approved_by"][number];

const EARLIER = "an earlier commit";

/** Minimum time between a version and its approval. The times may be rounded. */
const VERSION_MS = 1_000;

/**
 * GitLab does not show the commit of an approval, so the time of the newest version determines the commit. Source: GitLab, "Merge requests API",
 * "List merge request diff versions".
 */
async function withCommits(
  client: ForgeClient,
  address: PullRequestAddress,
  { sha }: MergeRequest,
  approvals: readonly Approval[],
  notes: readonly SystemNote[],
): Promise<Opinion[]> {
  const newest = await newestVersion(client, address);
  return approvals.map(({ user, approved_at: approvedAt }) => {
    const note = notes.find(({ author, body }) => author.id === user.id && body === "approved this merge request");
    const at = approvedAt ?? note?.created_at ?? null;
    const sinceMs = newest === undefined || at === null ? NaN : Date.parse(at) - Date.parse(newest.created_at);
    const isKnown = newest?.head_commit_sha === sha && !Number.isNaN(sinceMs);
    const commit = !isKnown ? null : sinceMs >= VERSION_MS ? sha ?? null : EARLIER;
    return { by: toUser(user), word: "approved", commit, at, mayPush: true };
  });
}

export async function newestVersion(client: ForgeClient, address: PullRequestAddress) {
  const versions = await part(client, address, "versions", z.array(versionSchema)) ?? [];
  return versions.toSorted((a, b) => b.id - a.id)[0];
}

type SystemNote = z.output<typeof noteSchema>;

/** Notes by GitLab itself, newest first; `undefined` if the notes are not shown. Their text is in English, regardless of the user's language. */
async function systemNotes(client: ForgeClient, address: PullRequestAddress) {
  const what = `read the notes of merge request ${address.url}`;
  try {
    const { list, isWhole } = await readList(
      client,
      what,
      `${pathOf(address)}/notes?sort=desc&order_by=created_at`,
      noteSchema,
    );
    return { list: list.filter(({ system, imported }) => system && imported !== true), isWhole };
  } catch (error) {
    if (isHidden(error)) return undefined;
    throw error;
  }
}

/** Users who pushed after the merge request was opened. Source: GitLab, app/services/system_notes/commit_service.rb, `add_commits`. */
function pushersIn(notes: readonly SystemNote[]): ForgeUser[] {
  return notes.filter(({ body }) => /^added \d+ commits?(?:\n|$)/.test(body)).map(({ author }) => toUser(author));
}

/** Source: GitLab, "GraphQL API resources", `MergeRequest`. */
async function writersOf(
  client: ForgeClient,
  { repository, number, url }: PullRequestAddress,
): Promise<ForgeUser[] | null> {
  const user = "id username bot";
  const query = `query($p: ID!, $i: String!) { project(fullPath: $p) { mergeRequest(iid: $i) {
  commits(first: ${PAGE}) { nodes { author { ${user} } } pageInfo { hasNextPage } }
  committers(first: ${PAGE}) { nodes { ${user} } pageInfo { hasNextPage } }
} } }`;
  const { value } = await client.call({
    what: `read who wrote merge request ${url}`,
    path: "/../graphql",
    body: { query, variables: { p: repository, i: String(number) } },
    read: (value) => isObject(value) ? { value } : undefined,
  }).catch((error) => {
    if (isHidden(error)) return { value: null };
    throw error;
  });
  // An older version that lacks one of the fields returns errors.
  const request = z.safeParse(writersSchema, value).data?.data.project.mergeRequest;
  if (request === undefined || request.commits.pageInfo.hasNextPage || request.committers.pageInfo.hasNextPage) {
    return null;
  }
  const writers = [...request.commits.nodes.flatMap(({ author }) => author ?? []), ...request.committers.nodes];
  return writers.flatMap(({ id, username, bot }) => {
    const number = Number(/^gid:\/\/gitlab\/User\/(\d+)$/.exec(id)?.[1] ?? "0");
    return number > 0 ? [toUser({ id: number, username, bot })] : [];
  });
}

/** `has_conflicts` is false until GitLab has checked for conflicts. Source: GitLab, "Merge requests API", `has_conflicts` and `merge_status`. */
function conflictOf(request: MergeRequest): boolean | null {
  const { has_conflicts: conflicts, merge_status: status = "", detailed_merge_status: detail = "" } = request;
  if (conflicts === true || detail === "conflict") return true;
  const isOpen = ["unchecked", "checking", "preparing", "cannot_be_merged_recheck"];
  return isOpen.includes(status ?? "") || isOpen.includes(detail ?? "") || typeof conflicts !== "boolean"
    ? null
    : false;
}

/** Source: GitLab, "Branches API". */
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
    if (error instanceof MogplexError) return null;
    throw error;
  }
}

/** Check the project of the branch, because anyone can use the same branch name in a fork. */
export async function findGitlab(
  client: ForgeClient,
  { repository, branch, since }: WantedBranch,
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

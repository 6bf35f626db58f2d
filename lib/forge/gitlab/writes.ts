/**
 * Source: GitLab, "Merge requests API", "Merge trains API", "Projects API", "Branches API", and lib/api/merge_requests.rb.
 *
 * @module
 */
import * as z from "zod/mini";
import { ApiError, MogplexError } from "../../errors.ts";
import { isObject } from "../../lookup.ts";
import type { ForgeClient } from "../client.ts";
import { deleteBranchAt } from "../delete_branch.ts";
import type { ForgeUser } from "../findings.ts";
import type { PullRequestAddress } from "../model.ts";
import { wordsOfRefusal } from "../refusal.ts";
import type { ForgeWrites, MergeOrder, MergeOutcome, MergeProgress, PullRequestMarks, Refused } from "../writes.ts";
import { pathOf } from "./pulls.ts";

const userSchema = z.lazy(() => z.object({ id: z.int(), username: z.string(), bot: z.nullish(z.boolean()) }));
const requestSchema = z.lazy(() =>
  z.object({
    state: z.string(),
    sha: z.nullish(z.string()),
    merge_commit_sha: z.nullish(z.string()),
    squash_commit_sha: z.nullish(z.string()),
    detailed_merge_status: z.nullish(z.string()),
    merge_when_pipeline_succeeds: z.nullish(z.boolean()),
    merge_error: z.nullish(z.string()),
    rebase_in_progress: z.nullish(z.boolean()),
    author: z.nullish(userSchema),
    reviewers: z.nullish(z.array(userSchema)),
    labels: z.nullish(z.array(z.string())),
  })
);
type MergeRequest = z.output<typeof requestSchema>;
const projectSchema = z.lazy(() => z.object({ merge_trains_enabled: z.nullish(z.boolean()) }));
const versionSchema = z.lazy(() => z.object({ version: z.string() }));
const carSchema = z.lazy(() => z.object({ status: z.string() }));

const MERGE_NEED = 'the "api" scope and permission to merge into the target branch, usually the Maintainer role';

function projectOf({ repository }: Pick<PullRequestAddress, "repository">): string {
  return `/projects/${encodeURIComponent(repository)}`;
}

function trainOf({ repository, number }: PullRequestAddress): string {
  return `${projectOf({ repository })}/merge_trains/merge_requests/${number}`;
}

async function read(client: ForgeClient, address: PullRequestAddress, query = ""): Promise<MergeRequest> {
  return await client.get(`read merge request ${address.url}`, `${pathOf(address)}${query}`, requestSchema);
}

/** GitLab is still checking. Source: GitLab, "Merge requests API", `detailed_merge_status`. */
const CHECKING: readonly string[] = ["checking", "unchecked", "preparing", "approvals_syncing"];

function mergedBy({ merge_commit_sha: merge, squash_commit_sha: squash, sha }: MergeRequest): MergeOutcome {
  // A fast-forward creates no commit.
  return { kind: "merged", commit: merge ?? squash ?? sha ?? null };
}

/** `none`: the project has no merge train. `hidden`: GitLab does not show whether the project has a merge train. */
type Train = "none" | "auto-merge" | "route" | "hidden";

/** Before GitLab 19.1, a merge bypassed the train even with `auto_merge`. Source: GitLab, merge request 237922. */
async function trainOfProject(client: ForgeClient, address: PullRequestAddress): Promise<Train> {
  const what = `read the merge trains of ${address.repository}`;
  const project = await client.get(what, projectOf(address), projectSchema);
  if (project.merge_trains_enabled === false) return "none";
  if (project.merge_trains_enabled !== true) {
    // Without Premium, no project has this setting, and the route returns 403, or 404 in the Community Edition.
    const path = `${projectOf(address)}/merge_trains?per_page=1`;
    return await client.getShown(what, path, z.unknown()) === undefined ? "none" : "hidden";
  }
  const version = await client.ofHost.getShown("read the version of GitLab", "/version", versionSchema);
  const [major = 0, minor = 0] = (version?.version ?? "").split(".").map(Number);
  return major > 19 || major === 19 && minor >= 1 ? "auto-merge" : "route";
}

type Refusal = "moved" | "not-mergeable" | "not-allowed" | Refused;

function refusalOf(status: number, body: unknown): Refusal | undefined {
  switch (status) {
    case 401:
      return "not-allowed";
    case 405:
      return "not-mergeable";
    case 409:
      return "moved";
    case 400:
    case 406:
    case 422:
      return { refused: wordsOfRefusal(body) };
    default:
      return undefined;
  }
}

/** GitLab returns 401 if the token's user is not allowed to merge. If the token itself is invalid, the request in this function throws the error. */
async function outcomeOf(client: ForgeClient, address: PullRequestAddress, refusal: Refusal): Promise<MergeOutcome> {
  if (refusal === "moved") return { kind: "moved" };
  if (typeof refusal === "object") return { kind: "refused", reason: refusal.refused };
  const { detailed_merge_status: status } = await read(client, address);
  if (refusal === "not-mergeable") {
    const reason = `GitLab shows the merge status ${status ?? "not mergeable"}`;
    return { kind: CHECKING.includes(status ?? "") ? "later" : "refused", reason };
  }
  const why = `the token's user is not allowed to merge this merge request: this requires ${MERGE_NEED}`;
  throw new MogplexError({ attempted: `merge merge request ${address.url}`, why }, "forbidden");
}

async function merge(client: ForgeClient, order: MergeOrder): Promise<MergeOutcome> {
  const { address, commit, method, title, body } = order;
  const train = await trainOfProject(client, address);
  if (train === "hidden") {
    return { kind: "refused", reason: "GitLab does not show whether the project has a merge train" };
  }
  const squash = method === "squash";
  const message = [title, body].filter((text) => text !== "").join("\n\n");
  const isRoute = train === "route";
  const answer = await client.call<MergeOutcome | { refusal: Refusal }>({
    what: `merge merge request ${address.url}`,
    path: isRoute ? trainOf(address) : `${pathOf(address)}/merge`,
    method: isRoute ? "POST" : "PUT",
    write: "once",
    body: isRoute ? { sha: commit, squash } : {
      sha: commit,
      squash,
      ...train === "auto-merge" && { auto_merge: true },
      ...method !== "rebase" && { [squash ? "squash_commit_message" : "merge_commit_message"]: message },
    },
    read(value) {
      if (isRoute) return Array.isArray(value) || typeof value === "object" ? { kind: "queued" } : undefined;
      const { data } = z.safeParse(requestSchema, value);
      if (data === undefined) return undefined;
      if (data.state === "merged") return mergedBy(data);
      return train === "auto-merge" ? { kind: "queued" } : { kind: "pending", handle: "" };
    },
    refusal(status, value) {
      const refusal = refusalOf(status, value);
      return refusal && { refusal };
    },
  });
  return "refusal" in answer ? await outcomeOf(client, address, answer.refusal) : answer;
}

async function progress(client: ForgeClient, address: PullRequestAddress): Promise<MergeProgress> {
  const request = await read(client, address);
  const { state, merge_when_pipeline_succeeds: waits, merge_error: error } = request;
  if (state === "merged") return mergedBy(request);
  if (state === "locked") return { kind: "pending", handle: "" };
  if (state !== "opened") return { kind: "out", reason: "it was closed without being merged" };
  const car = await client.getShown(`read the train of merge request ${address.url}`, trainOf(address), carSchema);
  if (["idle", "fresh", "stale", "merging"].includes(car?.status ?? "") || waits === true) return { kind: "queued" };
  const reason = error ? wordsOfRefusal({ message: error }) : "it is open, but not in a merge train";
  return { kind: "out", reason };
}

async function leaveQueue(client: ForgeClient, address: PullRequestAddress): Promise<boolean> {
  return await client.call<boolean>({
    what: `remove merge request ${address.url} from the merge train`,
    path: `${pathOf(address)}/cancel_merge_when_pipeline_succeeds`,
    method: "POST",
    write: "repeatable",
    // A 201 response can also contain an object with the status `error`. No merge was scheduled in that case.
    read: (value) => !isObject(value) || value.status !== "error",
    // 405 and 406: no merge is scheduled, or the merge request is closed.
    refusal: (status) => status === 405 || status === 406 ? false : undefined,
  });
}

const REBASE_LOOK_MS = 2_000;
const REBASE_LOOKS = 60;

/** GitLab cannot bind a rebase to a commit, so the head is read right before the rebase. */
async function update(
  client: ForgeClient,
  address: PullRequestAddress,
  commit: string,
): Promise<"updated" | "moved" | Refused> {
  if ((await read(client, address)).sha !== commit) return "moved";
  const answer = await client.call<true | Refused>({
    what: `rebase merge request ${address.url}`,
    path: `${pathOf(address)}/rebase`,
    method: "PUT",
    write: "once",
    read: () => true,
    refusal(status, body) {
      const refused = wordsOfRefusal(body);
      const isProtected = status === 403 && /force push|source branch/i.test(refused);
      return isProtected || status === 409 ? { refused } : undefined;
    },
  });
  if (answer !== true) return answer;
  for (let looks = 0; looks < REBASE_LOOKS; looks++) {
    await client.wait(REBASE_LOOK_MS);
    const request = await read(client, address, "?include_rebase_in_progress=true");
    if (request.rebase_in_progress === true) continue;
    return request.merge_error ? { refused: wordsOfRefusal({ message: request.merge_error }) } : "updated";
  }
  return { refused: "the rebase did not finish within two minutes" };
}

async function change(
  client: ForgeClient,
  address: PullRequestAddress,
  verb: string,
  body: Record<string, unknown>,
): Promise<MergeRequest> {
  return await client.call({
    what: `${verb} merge request ${address.url}`,
    path: pathOf(address),
    method: "PUT",
    write: "repeatable",
    body,
    read: (value) => z.safeParse(requestSchema, value).data,
  });
}

async function requestReview(
  client: ForgeClient,
  address: PullRequestAddress,
  { users, teams }: { users: readonly string[]; teams: readonly string[] },
): Promise<"requested" | Refused> {
  if (teams.length > 0) return { refused: "GitLab requests reviews only from people, not from groups" };
  const ids: number[] = [];
  for (const name of users) {
    const path = `/users?username=${encodeURIComponent(name)}`;
    const [user] = await client.ofHost.get(`read user "${name}"`, path, z.array(userSchema));
    if (user === undefined) return { refused: `GitLab has no user "${name}"` };
    ids.push(user.id);
  }
  // The list replaces all reviewers.
  const present = (await read(client, address)).reviewers ?? [];
  const reviewers = [...new Set([...present.map(({ id }) => id), ...ids])];
  const now = await change(client, address, "request reviews of", { reviewer_ids: reviewers });
  const missing = users.filter((_, index) => !(now.reviewers ?? []).some(({ id }) => id === ids[index]));
  if (missing.length === 0) return "requested";
  return {
    refused: `GitLab did not accept ${missing.join(", ")}: without Premium, a merge request can have only one reviewer`,
  };
}

async function marks(client: ForgeClient, address: PullRequestAddress): Promise<PullRequestMarks> {
  const { state, author, reviewers, labels } = await read(client, address);
  return {
    state: state === "merged" || state === "closed" ? state : "open",
    author: author?.username ?? null,
    users: (reviewers ?? []).map(({ username }) => username),
    teams: [],
    labels: labels ?? [],
  };
}

/** For a job token, this route returns 401 even if GitLab accepts the token elsewhere. */
async function me(client: ForgeClient): Promise<ForgeUser | null> {
  try {
    const { id, username, bot } = await client.ofHost.get("read the user of the token", "/user", userSchema);
    return { id, name: username, isBot: bot ?? null };
  } catch (error) {
    if (error instanceof ApiError && [401, 403, 404].includes(error.status)) return null;
    throw error;
  }
}

const API = 'the "api" scope and the Developer role';

export const GITLAB_WRITES: ForgeWrites = {
  needs: { merge: MERGE_NEED, update: API, ask: API, label: API, close: API, deleteBranch: API },
  codeOwners: { paths: ["CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"], rules: "sections" },
  merge,
  progress,
  leaveQueue,
  update,
  requestReview,
  marks,
  async addLabels(client, address, labels) {
    await change(client, address, "label", { add_labels: labels });
  },
  async close(client, address) {
    await change(client, address, "close", { state_event: "close" });
  },
  async deleteBranch(client, { repository }, branch, commit) {
    const path = `${projectOf({ repository })}/repository/branches/${encodeURIComponent(branch)}`;
    return await deleteBranchAt(client, { name: `branch "${branch}" of ${repository}`, path, commit });
  },
  me,
};

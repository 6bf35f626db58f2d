/**
 * Source: GitHub, REST reference, "Pull requests", "Review requests", "Labels" and "Git references"; https://github.com/github/rest-api-description ;
 * GraphQL reference, mutations `enqueuePullRequest` and `dequeuePullRequest`.
 *
 * @module
 */
import * as z from "zod/mini";
import { isObject } from "../../lookup.ts";
import { encodePath } from "../../text/escape.ts";
import type { ForgeClient } from "../client.ts";
import type { ForgeUser } from "../findings.ts";
import type { PullRequestAddress } from "../model.ts";
import { wordsOfRefusal } from "../refusal.ts";
import { orNull } from "../threads.ts";
import type {
  ForgeWrites,
  MergeOrder,
  MergeOutcome,
  MergeProgress,
  PullRequestMarks,
  Refused,
  Reviewers,
} from "../writes.ts";
import { restOf } from "./address.ts";
import { isLimit } from "./pulls.ts";

const asyncSchema = z.lazy(() =>
  z.object({
    status: z.enum(["pending", "merged", "enqueued", "failed"]),
    details: z.object({ message: z.string(), uuid: z.optional(z.string()), sha: z.optional(z.string()) }),
  })
);
const mergedSchema = z.lazy(() => z.object({ merged: z.literal(true), sha: z.string() }));
const pullSchema = z.lazy(() =>
  z.object({
    state: z.string(),
    merged: z.boolean(),
    draft: z.nullish(z.boolean()),
    merge_commit_sha: z.nullish(z.string()),
    user: z.nullish(z.object({ login: z.string() })),
    requested_reviewers: z.nullish(z.array(z.object({ login: z.string() }))),
    requested_teams: z.nullish(z.array(z.object({ slug: z.string() }))),
    labels: z.nullish(z.array(z.object({ name: z.string() }))),
  })
);
const refSchema = z.lazy(() => z.object({ object: z.object({ sha: z.string() }) }));

function pathOf({ api }: ForgeClient, { repository, number }: PullRequestAddress, part = ""): string {
  return `${restOf(api)}/repos/${repository}/pulls/${number}${part}`;
}

function outcomeIn(body: unknown): MergeOutcome | undefined {
  const { data } = z.safeParse(asyncSchema, body);
  if (data === undefined) return undefined;
  const { status, details: { uuid, sha } } = data;
  if (status === "merged") return { kind: "merged", commit: sha ?? null };
  if (status === "enqueued") return { kind: "queued" };
  if (status === "failed") return refusal(body);
  return uuid === undefined ? undefined : { kind: "pending", handle: uuid };
}

const detailsOf = (body: unknown) => isObject(body) && isObject(body.details) ? body.details : body;

function refusal(body: unknown): MergeOutcome {
  const reason = wordsOfRefusal(detailsOf(body));
  if (/head (?:branch|sha|ref)\b.*(?:modified|match|changed)/i.test(reason)) return { kind: "moved" };
  if (/base branch was modified|already in progress/i.test(reason)) return { kind: "later", reason };
  return { kind: "refused", reason };
}

async function mergeLater(client: ForgeClient, order: MergeOrder): Promise<MergeOutcome | undefined> {
  const { address, commit, hasQueue } = order;
  const { value } = await client.call<{ value: MergeOutcome | undefined }>({
    what: `merge pull request ${address.url}`,
    path: pathOf(client, address, "/merge-async"),
    method: "PUT",
    write: "once",
    // `default` would bypass a queue if the token is allowed to do so.
    body: { sha: commit, merge_action: hasQueue ? "merge_queue" : "direct_merge", ...hasQueue ? {} : methodOf(order) },
    read(body) {
      const value = outcomeIn(body);
      return value && { value };
    },
    refusal(status, body) {
      if (status === 404) return { value: undefined };
      if (status === 409) {
        const outcome = outcomeIn(body);
        return { value: outcome?.kind === "pending" ? { ...outcome, kind: "foreign" } : refusal(body) };
      }
      return status === 400 || status === 422 ? { value: refusal(body) } : undefined;
    },
  });
  return value;
}

/** A merge queue determines the method itself. A rebase creates no commit with its own message. */
function methodOf({ method, title, body }: MergeOrder): Record<string, string> {
  return { merge_method: method, ...method !== "rebase" && { commit_title: title, commit_message: body } };
}

async function mergeNow(client: ForgeClient, order: MergeOrder): Promise<MergeOutcome> {
  const { address, commit } = order;
  return await client.call<MergeOutcome>({
    what: `merge pull request ${address.url}`,
    path: pathOf(client, address, "/merge"),
    method: "PUT",
    write: "once",
    body: { sha: commit, ...methodOf(order) },
    read(body) {
      const { data } = z.safeParse(mergedSchema, body);
      return data && { kind: "merged", commit: data.sha };
    },
    refusal(status, body) {
      if (status === 409) return { kind: "moved" };
      return status === 405 || status === 422 ? refusal(body) : undefined;
    },
  });
}

async function graph(
  client: ForgeClient,
  what: string,
  query: string,
  variables: Record<string, unknown>,
  write?: "once" | "repeatable",
): Promise<{ data: Record<string, unknown>; error: string | null }> {
  return await client.call({
    what,
    path: "/graphql",
    body: { query, variables },
    isLimit,
    write,
    read(body) {
      if (!isObject(body) || !isObject(body.data) && !Array.isArray(body.errors)) return undefined;
      const { data, errors } = body;
      const message = Array.isArray(errors) ? errors.map((each) => isObject(each) ? each.message : each) : [];
      return {
        data: isObject(data) ? data : {},
        error: message.length === 0 ? null : wordsOfRefusal({ message }),
      };
    },
  });
}

async function queuePlace(client: ForgeClient, { repository, number, url }: PullRequestAddress) {
  const [o, n] = repository.split("/");
  const query = `query($o: String!, $n: String!, $i: Int!) { repository(owner: $o, name: $n) {
  pullRequest(number: $i) { id mergeQueueEntry { state } }
} }`;
  const { data } = await graph(client, `read the queue of pull request ${url}`, query, { o, n, i: number });
  const pull = isObject(data.repository) ? data.repository.pullRequest : undefined;
  if (!isObject(pull) || typeof pull.id !== "string") return null;
  return { id: pull.id, isQueued: isObject(pull.mergeQueueEntry) };
}

async function enqueue(client: ForgeClient, { address, commit }: MergeOrder): Promise<MergeOutcome> {
  const place = await queuePlace(client, address);
  if (place === null) return { kind: "refused", reason: "GitHub does not show the merge queue to this token" };
  if (place.isQueued) return { kind: "queued" };
  const mutation = `mutation($id: ID!, $commit: GitObjectID!) {
  enqueuePullRequest(input: { pullRequestId: $id, expectedHeadOid: $commit }) { mergeQueueEntry { state } }
}`;
  const what = `add pull request ${address.url} to the merge queue`;
  const { error } = await graph(client, what, mutation, { id: place.id, commit }, "once");
  return error === null ? { kind: "queued" } : refusal({ message: error });
}

async function merge(client: ForgeClient, order: MergeOrder): Promise<MergeOutcome> {
  const isCloud = restOf(client.api) === "";
  return (isCloud ? await mergeLater(client, order) : undefined) ??
    await (order.hasQueue ? enqueue : mergeNow)(client, order);
}

async function progress(
  client: ForgeClient,
  address: PullRequestAddress,
  handle: string | null,
): Promise<MergeProgress> {
  if (handle !== null) {
    const { value } = await client.call<{ value: MergeOutcome | undefined }>({
      what: `read the merge state of pull request ${address.url}`,
      path: pathOf(client, address, `/merge-async/${encodeURIComponent(handle)}`),
      read(body) {
        const value = outcomeIn(body);
        return value && { value };
      },
      // GitHub forgets a result after 24 hours.
      refusal: (status) => status === 404 ? { value: undefined } : undefined,
    });
    if (value !== undefined) return value;
  }
  const pull = await client.get(`read pull request ${address.url}`, pathOf(client, address), pullSchema);
  if (pull.merged) return { kind: "merged", commit: pull.merge_commit_sha ?? null };
  if (pull.state !== "open") return { kind: "out", reason: "it was closed without being merged" };
  const place = await queuePlace(client, address);
  return place?.isQueued === true
    ? { kind: "queued" }
    : { kind: "out", reason: "it is open, but not in a merge queue" };
}

async function leaveQueue(client: ForgeClient, address: PullRequestAddress): Promise<boolean> {
  const place = await queuePlace(client, address);
  if (place?.isQueued !== true) return false;
  const mutation = "mutation($id: ID!) { dequeuePullRequest(input: { id: $id }) { clientMutationId } }";
  const what = `remove pull request ${address.url} from the merge queue`;
  await graph(client, what, mutation, { id: place.id }, "repeatable");
  return (await queuePlace(client, address))?.isQueued !== true;
}

async function update(
  client: ForgeClient,
  address: PullRequestAddress,
  commit: string,
): Promise<"updated" | "moved" | Refused> {
  return await client.call<"updated" | "moved" | Refused>({
    what: `update the branch of pull request ${address.url}`,
    path: pathOf(client, address, "/update-branch"),
    method: "PUT",
    write: "once",
    body: { expected_head_sha: commit },
    read: () => "updated",
    refusal(status, body) {
      if (status !== 422) return undefined;
      const refused = wordsOfRefusal(body);
      return /expected head sha/i.test(refused) ? "moved" : { refused };
    },
  });
}

async function requestReview(
  client: ForgeClient,
  address: PullRequestAddress,
  { users, teams }: Reviewers,
): Promise<"requested" | Refused> {
  return await client.call<"requested" | Refused>({
    what: `request reviews of pull request ${address.url}`,
    path: pathOf(client, address, "/requested_reviewers"),
    write: "repeatable",
    // Only teams of the repository's organization can be requested, so the name of the organization is left out.
    body: { reviewers: users, team_reviewers: teams.map((team) => team.replace(/^.*\//, "")) },
    read: () => "requested",
    refusal: (status, body) => status === 422 ? { refused: wordsOfRefusal(body) } : undefined,
  });
}

async function marks(client: ForgeClient, address: PullRequestAddress): Promise<PullRequestMarks> {
  const pull = await client.get(`read pull request ${address.url}`, pathOf(client, address), pullSchema);
  const [owner = ""] = address.repository.split("/");
  return {
    state: pull.merged ? "merged" : pull.state === "open" ? "open" : "closed",
    author: pull.user?.login ?? null,
    users: (pull.requested_reviewers ?? []).map(({ login }) => login),
    teams: (pull.requested_teams ?? []).map(({ slug }) => `${owner}/${slug}`),
    labels: (pull.labels ?? []).map(({ name }) => name),
  };
}

async function deleteBranch(
  client: ForgeClient,
  { repository }: PullRequestAddress,
  branch: string,
  commit: string,
): Promise<"deleted" | "moved" | "gone"> {
  const name = encodePath(branch);
  const base = `${restOf(client.api)}/repos/${repository}/git`;
  const what = `read branch "${branch}" of ${repository}`;
  const ref = await orNull(client.get(what, `${base}/ref/heads/${name}`, refSchema));
  if (ref === null) return "gone";
  if (ref.object.sha !== commit) return "moved";
  return await client.call<"deleted" | "gone">({
    what: `delete branch "${branch}" of ${repository}`,
    path: `${base}/refs/heads/${name}`,
    method: "DELETE",
    write: "once",
    read: () => "deleted",
    refusal: (status, body) => status === 422 && /does not exist/i.test(wordsOfRefusal(body)) ? "gone" : undefined,
  });
}

/** GraphQL also shows the user of a job's token. */
async function me(client: ForgeClient): Promise<ForgeUser | null> {
  const { data } = await graph(
    client.ofHost,
    "read the user of the token",
    "query { viewer { login databaseId } }",
    {},
  );
  const { viewer } = data;
  if (!isObject(viewer) || typeof viewer.login !== "string" || typeof viewer.databaseId !== "number") return null;
  return { id: viewer.databaseId, name: viewer.login, isBot: viewer.login.endsWith("[bot]") };
}

export const GITHUB_WRITES: ForgeWrites = {
  needs: {
    merge: 'the permission "contents: write"',
    update: 'the permissions "contents: write" and "pull-requests: write"',
    ask: 'the permission "pull-requests: write"',
    label: 'the permission "pull-requests: write"',
    close: 'the permission "pull-requests: write"',
    deleteBranch: 'the permission "contents: write"',
  },
  // Source: GitHub, "Triggering a workflow from a workflow".
  jobUser: "github-actions[bot]",
  codeOwners: { paths: [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"], rules: "last" },
  merge,
  progress,
  leaveQueue,
  update,
  requestReview,
  marks,
  async addLabels(client, { repository, number, url }, labels) {
    const path = `${restOf(client.api)}/repos/${repository}/issues/${number}/labels`;
    await client.send(`label pull request ${url}`, path, { body: { labels }, write: "repeatable" });
  },
  async close(client, address) {
    const how = { method: "PATCH", body: { state: "closed" }, write: "repeatable" } as const;
    await client.send(`close pull request ${address.url}`, pathOf(client, address), how);
  },
  deleteBranch,
  me,
};

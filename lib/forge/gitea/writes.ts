/**
 * A merge is bound to a commit and performed immediately, because a scheduled merge is not bound to a commit. Source: Gitea, API reference,
 * https://docs.gitea.com/api/1.24 , and Gitea 1.24.6, routers/api/v1/repo/pull.go.
 *
 * @module
 */
import * as z from "zod/mini";
import { MogplexError } from "../../errors.ts";
import { encodePath } from "../../text/escape.ts";
import type { ForgeClient } from "../client.ts";
import { deleteBranchAt } from "../delete_branch.ts";
import type { ForgeUser } from "../findings.ts";
import { isUnread, type PullRequestAddress } from "../model.ts";
import { wordsOfRefusal } from "../refusal.ts";
import type {
  ForgeWrites,
  LandedQuestion,
  MergeOrder,
  MergeOutcome,
  MergeProgress,
  PullRequestMarks,
  Refused,
} from "../writes.ts";
import { listOf } from "./comments.ts";
import { wholeList } from "../pages.ts";

const userSchema = z.lazy(() => z.object({ id: z.int(), login: z.string() }));
const pullSchema = z.lazy(() =>
  z.object({
    state: z.string(),
    merged: z.boolean(),
    merge_commit_sha: z.nullish(z.string()),
    head: z.object({ sha: z.string() }),
    user: z.nullish(userSchema),
    requested_reviewers: z.nullish(z.array(userSchema)),
    requested_reviewers_teams: z.nullish(z.array(z.object({ name: z.string() }))),
    labels: z.nullish(z.array(z.object({ name: z.string() }))),
  })
);
const comparisonSchema = z.lazy(() =>
  z.object({
    total_commits: z.int(),
    commits: z.nullish(z.array(z.object({
      sha: z.string(),
      commit: z.object({ message: z.string() }),
      parents: z.nullish(z.array(z.object({ sha: z.string() }))),
    }))),
  })
);
const labelSchema = z.lazy(() => z.object({ id: z.int(), name: z.string() }));

function pathOf({ repository, number }: PullRequestAddress, part = ""): string {
  return `/repos/${repository}/pulls/${number}${part}`;
}

async function read(client: ForgeClient, address: PullRequestAddress) {
  return await client.get(`read pull request ${address.url}`, pathOf(address), pullSchema);
}

async function merge(
  client: ForgeClient,
  { address, commit, method, title, body }: MergeOrder,
): Promise<MergeOutcome> {
  const outcome = await client.call<MergeOutcome | { kind: "gone" }>({
    what: `merge pull request ${address.url}`,
    path: pathOf(address, "/merge"),
    write: "once",
    body: {
      Do: method,
      head_commit_id: commit,
      ...method !== "rebase" && { MergeTitleField: title, MergeMessageField: body },
    },
    // The response is empty, so the commit is read below.
    read: () => ({ kind: "merged", commit: null }),
    refusal(status, answer) {
      const reason = wordsOfRefusal(answer);
      if (status === 405) return { kind: /try again later/i.test(reason) ? "later" : "refused", reason };
      // All other messages mean a conflict.
      if (status === 409) return /head out of date/i.test(reason) ? { kind: "moved" } : { kind: "refused", reason };
      if (status === 404) return { kind: "gone" };
      return status === 422 || status === 423 ? { kind: "refused", reason } : undefined;
    },
  });
  if (outcome.kind === "merged") return await withCommit(client, address, outcome);
  return outcome.kind === "gone" ? { kind: "refused", reason: await whyGone(client, address) } : outcome;
}

/** If Gitea returned 404 for our merge, a merge that Gitea shows now is not our merge. */
async function whyGone(client: ForgeClient, address: PullRequestAddress): Promise<string> {
  const pull = await client.getPullRequest(`read pull request ${address.url}`, pathOf(address), pullSchema);
  if (isUnread(pull)) return pull.reason;
  if (pull.merged) return "someone else merged it";
  return pull.state === "open"
    ? "Gitea reports the pull request as missing, although it is open"
    : "it was closed without being merged";
}

async function withCommit(
  client: ForgeClient,
  address: PullRequestAddress,
  merged: MergeOutcome,
): Promise<MergeOutcome> {
  try {
    const now = await progress(client, address);
    return now.kind === "merged" ? now : merged;
  } catch (error) {
    if (error instanceof MogplexError) return merged;
    throw error;
  }
}

async function progress(client: ForgeClient, address: PullRequestAddress): Promise<MergeProgress> {
  const { merged, state, merge_commit_sha: commit } = await read(client, address);
  if (merged) return { kind: "merged", commit: commit ?? null };
  return { kind: "out", reason: state === "open" ? "it is open" : "it was closed without being merged" };
}

/**
 * Gitea first pushes a merge to the target, and then marks the pull request as merged. If the connection ends in between, the pull request is not
 * marked, and each further merge returns 500. Source: Gitea 1.24.6, services/pull/merge.go, `Merge`; observed in the lab.
 */
async function landed(
  client: ForgeClient,
  { address: { repository, url }, since, until, commit, method, title, body, others }: LandedQuestion,
): Promise<string | null | undefined> {
  const what = `read what the target of ${url} contains`;
  const comparison = await client.getShown(what, `/repos/${repository}/compare/${since}...${until}`, comparisonSchema);
  const commits = comparison?.commits ?? [];
  if (comparison === undefined || comparison.total_commits > commits.length) return undefined;
  if (commits.length === 0) return null;
  // Nothing on the target distinguishes one rebase from another.
  if (method === "rebase") return undefined;
  const match = commits.filter(({ sha }) => !others.includes(sha)).find(({ parents, commit: { message } }) =>
    method === "merge"
      ? (parents ?? []).some(({ sha }) => sha === commit)
      : message.startsWith(`${title}\n`) && message.includes(body)
  );
  return match?.sha ?? null;
}

/** Gitea cannot bind the update to a commit, so the head is read right before the update. */
async function update(
  client: ForgeClient,
  address: PullRequestAddress,
  commit: string,
): Promise<"updated" | "moved" | Refused> {
  if ((await read(client, address)).head.sha !== commit) return "moved";
  return await client.call<"updated" | Refused>({
    what: `update the branch of pull request ${address.url}`,
    path: pathOf(address, "/update?style=merge"),
    method: "POST",
    write: "once",
    read: () => "updated",
    refusal: (status, body) => status === 409 || status === 422 ? { refused: wordsOfRefusal(body) } : undefined,
  });
}

async function requestReview(
  client: ForgeClient,
  address: PullRequestAddress,
  { users, teams }: { users: readonly string[]; teams: readonly string[] },
): Promise<"requested" | Refused> {
  return await client.call<"requested" | Refused>({
    what: `request reviews of pull request ${address.url}`,
    path: pathOf(address, "/requested_reviewers"),
    write: "repeatable",
    body: { reviewers: users, team_reviewers: teams.map((team) => team.replace(/^.*\//, "")) },
    read: () => "requested",
    // 404: the user or the team does not exist.
    refusal: (status, body) => status === 404 || status === 422 ? { refused: wordsOfRefusal(body) } : undefined,
  });
}

async function marks(client: ForgeClient, address: PullRequestAddress): Promise<PullRequestMarks> {
  const pull = await read(client, address);
  const [owner = ""] = address.repository.split("/");
  return {
    state: pull.merged ? "merged" : pull.state === "open" ? "open" : "closed",
    author: pull.user?.login ?? null,
    users: (pull.requested_reviewers ?? []).map(({ login }) => login),
    teams: (pull.requested_reviewers_teams ?? []).map(({ name }) => `${owner}/${name}`),
    labels: (pull.labels ?? []).map(({ name }) => name),
  };
}

/** Gitea ignores the names of labels that do not exist. The other forges create these labels. */
async function addLabels(
  client: ForgeClient,
  address: PullRequestAddress,
  labels: readonly string[],
): Promise<void> {
  const { repository, number, url } = address;
  const what = `read the labels of ${repository}`;
  const repositoryLabels = await wholeList(what, listOf(client, what, `/repos/${repository}/labels`, labelSchema));
  const [owner = ""] = repository.split("/");
  // The owner may be a user, who has no labels.
  const shared = await client.getShown(what, `/orgs/${owner}/labels?limit=50`, z.array(labelSchema)) ?? [];
  const ids: number[] = [];
  for (const name of labels) {
    const label = [...repositoryLabels, ...shared].find((each) => each.name === name) ?? await client.call({
      what: `create label "${name}" in ${repository}`,
      path: `/repos/${repository}/labels`,
      body: { name, color: "#ededed" },
      write: "once",
      read: (value) => z.safeParse(labelSchema, value).data,
    });
    ids.push(label.id);
  }
  const path = `/repos/${repository}/issues/${number}/labels`;
  await client.send(`label pull request ${url}`, path, { body: { labels: ids }, write: "repeatable" });
}

async function me(client: ForgeClient): Promise<ForgeUser | null> {
  const user = await client.ofHost.getShown("read the user of the token", "/user", userSchema);
  return user === undefined ? null : { id: user.id, name: user.login, isBot: null };
}

const REPOSITORY = 'the "write:repository" scope and permission to push';
const ISSUE = 'the "write:issue" and "write:repository" scopes';

export const GITEA_WRITES: ForgeWrites = {
  needs: {
    merge: REPOSITORY,
    update: REPOSITORY,
    ask: REPOSITORY,
    label: ISSUE,
    close: REPOSITORY,
    deleteBranch: REPOSITORY,
  },
  // Source: Gitea 1.24.6, models/user/user_system.go, `ActionsUserName`.
  jobUser: "gitea-actions",
  codeOwners: {
    // Source: Gitea 1.24.6, services/issue/pull.go, `codeOwnerFiles`. Forgejo also reads its own folder.
    paths: ["CODEOWNERS", "docs/CODEOWNERS", ".gitea/CODEOWNERS", ".forgejo/CODEOWNERS"],
    rules: "all",
  },
  merge,
  progress,
  landed,
  leaveQueue: () => Promise.resolve(false),
  update,
  requestReview,
  marks,
  addLabels,
  async close(client, address) {
    const how = { method: "PATCH", body: { state: "closed" }, write: "repeatable" } as const;
    await client.send(`close pull request ${address.url}`, pathOf(address), how);
  },
  async deleteBranch(client, { repository }, branch, commit) {
    const path = `/repos/${repository}/branches/${encodePath(branch)}`;
    return await deleteBranchAt(client, { name: `branch "${branch}" of ${repository}`, path, commit });
  },
  me,
};

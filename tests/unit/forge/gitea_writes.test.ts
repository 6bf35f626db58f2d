/**
 * Answers as Gitea 1.24.6 gives them: its API reference, and routers/api/v1/repo/pull.go for the words of its refusals. The lab asks a real server for
 * the same: `npm run lab -- gitea-writes`.
 */
import { expect, test } from "bun:test";
import type { MergeOutcome } from "../../../lib/forge/writes.ts";
import { COMMIT, ORDER, OTHER, type Prepared, writesWorld } from "./writes_world.ts";

const PULL = "/api/v1/repos/acme/web/pulls/7";
const SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e";
const pull = (more: Record<string, unknown> = {}): Prepared => [200, {
  ...{ state: "open", user: { id: 1, login: "bot" }, merged: false, merge_commit_sha: null, head: { sha: COMMIT } },
  ...{ requested_reviewers: null, labels: [], ...more },
}];
const requests = (sent: unknown[][]) => sent.map(([each]) => each);

test("PullRequestWriter.merge() merges at Gitea at once, pinned to the judged head", async () => {
  const { writer, sent } = writesWorld("gitea", [
    [200],
    pull({ state: "closed", merged: true, merge_commit_sha: SHA }),
  ]);
  expect(await writer.merge(ORDER)).toEqual({ kind: "merged", commit: SHA });
  expect(sent).toEqual([
    [`POST ${PULL}/merge`, {
      Do: "squash",
      head_commit_id: COMMIT,
      MergeTitleField: "Replace moment",
      MergeMessageField: "By a campaign.",
    }],
    [`GET ${PULL}`],
  ]);
});

test.each<[Prepared, MergeOutcome]>([
  [[405, { message: "Please try again later" }], { kind: "later", reason: "Please try again later" }],
  [[405, { message: "Work in progress PRs cannot be merged" }], {
    kind: "refused",
    reason: "Work in progress PRs cannot be merged",
  }],
  [[405, undefined], { kind: "refused", reason: "no reason given" }],
  [[409, { message: "head out of date" }], { kind: "moved" }],
  [[409, { message: "merge failed because of conflict" }], {
    kind: "refused",
    reason: "merge failed because of conflict",
  }],
  [[423, { message: "Repo is archived" }], { kind: "refused", reason: "Repo is archived" }],
])("PullRequestWriter.merge() understands Gitea's answer %j", async (answer, outcome) => {
  const { writer } = writesWorld("gitea", [answer]);
  expect(await writer.merge(ORDER)).toEqual(outcome);
});

const GONE: Prepared = [404, { message: "The target couldn't be found." }];

const QUESTION = { since: "1".repeat(40), until: "2".repeat(40), others: ["9".repeat(40)] };
const compared = (...commits: unknown[]): Prepared => [200, { total_commits: commits.length, commits }];
const row = (message: string, more: Record<string, unknown> = {}) => ({
  ...{ sha: SHA, commit: { message }, parents: [{ sha: QUESTION.since }] },
  ...more,
});
const OURS = "Replace moment\n\nBy a campaign.\n\nCo-authored-by: agent <agent@example.com>\n";

test.each<[string, "merge" | "squash" | "rebase", Prepared, string | null | undefined]>([
  ["a squash with our title and body", "squash", compared(row("Other\n"), row(OURS)), SHA],
  ["only commits with other words", "squash", compared(row("Replace moment\n\nBy kim.\n")), null],
  ["only a squash of another item", "squash", compared(row(OURS, { sha: QUESTION.others[0] })), null],
  ["a merge of the commit", "merge", compared(row("Any", { parents: [{ sha: OTHER }, { sha: COMMIT }] })), SHA],
  ["no merge of the commit", "merge", compared(row(OURS)), null],
  ["nothing", "rebase", compared(), null],
  ["something, of which a rebase may be a part", "rebase", compared(row("Any")), undefined],
  ["more than is listed", "squash", [200, { total_commits: 2, commits: [row(OURS)] }], undefined],
  ["what is hidden", "squash", [404, {}], undefined],
])("PullRequestWriter.landed() finds on a target of Gitea %s", async (_name, method, answer, commit) => {
  const { writer, sent } = writesWorld("gitea", [answer]);
  expect(await writer.landed({ ...ORDER, ...QUESTION, method })).toBe(commit as string);
  expect(requests(sent)).toEqual([`GET /api/v1/repos/acme/web/compare/${QUESTION.since}...${QUESTION.until}`]);
});

test.each<[string, Prepared, string]>([
  ["a closed one", pull({ state: "closed" }), "it was closed without being merged"],
  ["one that somebody else has merged", pull({ merged: true, merge_commit_sha: SHA }), "someone else merged it"],
  ["an open one", pull(), "Gitea reports the pull request as missing, although it is open"],
  ["a deleted one", GONE, "not found on Gitea: it was deleted, or this token cannot see it"],
  ["one that the token may not see any more", [403, { message: "no" }], "this token has no read access"],
])(
  "PullRequestWriter.merge() reads a pull request of Gitea after a 404, and never merges %s",
  async (_, now, reason) => {
    const { writer, sent } = writesWorld("gitea", [GONE, now]);
    expect(await writer.merge(ORDER)).toEqual({ kind: "refused", reason });
    expect(requests(sent)).toEqual([`POST ${PULL}/merge`, `GET ${PULL}`]);
  },
);

test("PullRequestWriter.merge() sends the merge to the new name of a repository of Gitea, once", async () => {
  const moved: Prepared = [307, undefined, { location: `${PULL.replace("web", "site")}/merge` }];
  const { writer, sent } = writesWorld("gitea", [moved, [200], pull({ merged: true, merge_commit_sha: SHA })]);
  expect(await writer.merge(ORDER)).toEqual({ kind: "merged", commit: SHA });
  expect(requests(sent)).toEqual([`POST ${PULL}/merge`, `POST ${PULL.replace("web", "site")}/merge`, `GET ${PULL}`]);
});

test.each<[number]>([[403], [404], [401]])(
  "PullRequestWriter.merge() has merged at Gitea also when the commit cannot be read afterwards: %d",
  async (status) => {
    const { writer } = writesWorld("gitea", [[200], [status, { message: "no" }]]);
    expect(await writer.merge(ORDER)).toEqual({ kind: "merged", commit: null });
  },
);

test.each<[Prepared, unknown]>([
  [pull({ state: "closed", merged: true, merge_commit_sha: SHA }), { kind: "merged", commit: SHA }],
  [pull(), { kind: "out", reason: "it is open" }],
  [pull({ state: "closed" }), { kind: "out", reason: "it was closed without being merged" }],
])("PullRequestWriter.progress() reads a pull request of Gitea: %j", async (answer, outcome) => {
  const { writer } = writesWorld("gitea", [answer]);
  expect(await writer.progress(null)).toEqual(outcome as MergeOutcome);
});

test.each<[Prepared[], unknown]>([
  [[pull(), [200]], "updated"],
  [[pull({ head: { sha: OTHER } })], "moved"],
  [[pull(), [409, { message: "merge failed because of conflict" }]], { refused: "merge failed because of conflict" }],
  [[pull(), [422, { message: "pull request is closed" }]], { refused: "pull request is closed" }],
])("PullRequestWriter.update() updates a branch of Gitea from the judged head only: %j", async (answers, outcome) => {
  const { writer, sent } = writesWorld("gitea", answers);
  expect(await writer.update(COMMIT)).toEqual(outcome as "moved");
  expect(requests(sent)).toEqual([`GET ${PULL}`, `POST ${PULL}/update?style=merge`].slice(0, answers.length));
});

test.each<[Prepared, unknown]>([
  [[201, []], "requested"],
  [[422, { message: "poster of pr can't be reviewer" }], { refused: "poster of pr can't be reviewer" }],
  [[404, { message: "user does not exist [uid: 0, name: ann]" }], {
    refused: "user does not exist [uid: 0, name: ann]",
  }],
])("PullRequestWriter.requestReview() requests people and teams of Gitea: %j", async (answer, outcome) => {
  const { writer, sent } = writesWorld("gitea", [answer]);
  expect(await writer.requestReview({ users: ["ann"], teams: ["acme/docs"] })).toEqual(outcome as "requested");
  expect(sent).toEqual([[`POST ${PULL}/requested_reviewers`, { reviewers: ["ann"], team_reviewers: ["docs"] }]]);
});

test("PullRequestWriter.addLabels() creates a label that Gitea does not have, and sends the numbers of all", async () => {
  const { writer, sent } = writesWorld("gitea", [
    [200, [{ id: 3, name: "agent" }]],
    [200, []],
    [200, [{ id: 8, name: "docs" }]],
    [201, { id: 9, name: "slow" }],
    [200, []],
  ]);
  await writer.addLabels(["agent", "docs", "slow"]);
  expect(sent).toEqual([
    ["GET /api/v1/repos/acme/web/labels?limit=50&page=1"],
    ["GET /api/v1/repos/acme/web/labels?limit=50&page=2"],
    ["GET /api/v1/orgs/acme/labels?limit=50"],
    ["POST /api/v1/repos/acme/web/labels", { name: "slow", color: "#ededed" }],
    ["POST /api/v1/repos/acme/web/issues/7/labels", { labels: [3, 8, 9] }],
  ]);
});

test("PullRequestWriter closes and reads the marks of a pull request of Gitea", async () => {
  const requested_reviewers = [{ id: 5, login: "ann" }];
  const { writer, sent } = writesWorld("gitea", [
    [201, {}],
    pull({ requested_reviewers, requested_reviewers_teams: [{ name: "docs" }], labels: [{ name: "agent" }] }),
  ]);
  await writer.close();
  expect(await writer.marks()).toEqual({
    state: "open",
    author: "bot",
    users: ["ann"],
    teams: ["acme/docs"],
    labels: ["agent"],
  });
  expect(sent).toEqual([[`PATCH ${PULL}`, { state: "closed" }], [`GET ${PULL}`]]);
});

const branch = (more: Record<string, unknown> = {}): Prepared => [200, {
  ...{ protected: false, commit: { id: COMMIT }, ...more },
}];

test.each<[Prepared[], unknown]>([
  [[branch(), [204]], "deleted"],
  [[branch({ commit: { id: OTHER } })], "moved"],
  [[branch({ protected: true })], { refused: "the branch is protected" }],
  [[[404, { message: "branch does not exist" }]], "gone"],
])(
  "PullRequestWriter.deleteBranch() deletes a branch of Gitea only at the merged commit: %j",
  async (answers, outcome) => {
    const { writer, sent } = writesWorld("gitea", answers);
    expect(await writer.deleteBranch("mogplex/a", COMMIT)).toEqual(outcome as "deleted");
    const path = "/api/v1/repos/acme/web/branches/mogplex/a";
    expect(requests(sent)).toEqual([`GET ${path}`, `DELETE ${path}`].slice(0, answers.length));
  },
);

test("PullRequestWriter.leaveQueue() sends nothing to Gitea, which has no queue", async () => {
  const { writer, sent } = writesWorld("gitea", []);
  expect(await writer.leaveQueue()).toBe(false);
  expect(sent).toEqual([]);
});

test("PullRequestWriter.startsWorkflows() is false when the token is that of a job of Gitea", async () => {
  const { writer } = writesWorld("gitea", [[200, { id: 5, login: "ann" }], [403, { message: "no" }]]);
  expect([await writer.me(), await writer.me()]).toEqual([{ id: 5, name: "ann", isBot: null }, null]);
  expect(writer.startsWorkflows({ id: -2, name: "gitea-actions", isBot: null })).toBe(false);
});

/**
 * Answers as GitHub documents them: its description of the REST API (npm `@octokit/openapi` 23.0.2, `pulls/merge-async`, `pulls/merge`,
 * `pulls/update-branch`, `pulls/request-reviewers`, `git/delete-ref`) and its GraphQL reference, `enqueuePullRequest`, `dequeuePullRequest`.
 */
import { expect, test } from "bun:test";
import type { MergeOutcome } from "../../../lib/forge/writes.ts";
import { COMMIT, ORDER, OTHER, type Prepared, writesWorld } from "./writes_world.ts";

const PULL = "/repos/acme/web/pulls/7";
const SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e";
const UUID = "630b9d5e-3f2a-4f7e-8b0c-2d5f9a8c1e42";
const pending = {
  status: "pending",
  details: {
    message: "Merge request enqueued.",
    uuid: UUID,
    merge_method: "squash",
    merge_action: "direct_merge",
    expected_head_sha: COMMIT,
  },
};
const merged = { status: "merged", details: { message: "Pull request is already merged.", sha: SHA } };
const enqueued = { status: "enqueued", details: { message: "Pull request is already in the merge queue." } };
const failed = (message: string) => ({ status: "failed", details: { message } });
const pull = (more: Record<string, unknown> = {}) => ({
  ...{ state: "open", user: { id: 1, login: "bot" }, merged: false, draft: false, merge_commit_sha: null },
  ...{ requested_reviewers: [], requested_teams: [], labels: [], ...more },
});
const queue = (isQueued: boolean) => ({
  data: { repository: { pullRequest: { id: "PR_1", mergeQueueEntry: isQueued ? { state: "QUEUED" } : null } } },
});

test.each<[Prepared, MergeOutcome]>([
  [[202, pending], { kind: "pending", handle: UUID }],
  [[200, merged], { kind: "merged", commit: SHA }],
  [[200, enqueued], { kind: "queued" }],
  [[409, pending], { kind: "foreign", handle: UUID }],
  [[400, failed("Pull request is closed.")], { kind: "refused", reason: "Pull request is closed" }],
  [[422, { message: "Validation Failed" }], { kind: "refused", reason: "Validation Failed" }],
  [[409, { message: "Head branch was modified. Review and try the merge again." }], { kind: "moved" }],
])("PullRequestWriter.merge() understands GitHub's asynchronous merge when it answers %j", async (answer, outcome) => {
  const { writer, sent } = writesWorld("github", [answer]);
  expect(await writer.merge(ORDER)).toEqual(outcome);
  expect(sent).toEqual([[`PUT ${PULL}/merge-async`, {
    sha: COMMIT,
    merge_action: "direct_merge",
    merge_method: "squash",
    commit_title: "Replace moment",
    commit_message: "By a campaign.",
  }]]);
});

test("PullRequestWriter.merge() names GitHub's queue and no method when the target has a queue", async () => {
  const { writer, sent } = writesWorld("github", [[200, enqueued]]);
  expect(await writer.merge({ ...ORDER, hasQueue: true })).toEqual({ kind: "queued" });
  expect(sent).toEqual([[`PUT ${PULL}/merge-async`, { sha: COMMIT, merge_action: "merge_queue" }]]);
});

test("PullRequestWriter.merge() sends no title when GitHub rebases", async () => {
  const { writer, sent } = writesWorld("github", [[202, pending]]);
  await writer.merge({ ...ORDER, method: "rebase" });
  expect(sent).toEqual([[`PUT ${PULL}/merge-async`, {
    sha: COMMIT,
    merge_action: "direct_merge",
    merge_method: "rebase",
  }]]);
});

test.each<[Prepared, MergeOutcome]>([
  [[200, { sha: SHA, merged: true, message: "Pull Request successfully merged" }], { kind: "merged", commit: SHA }],
  [[405, { message: "Pull Request is not mergeable" }], { kind: "refused", reason: "Pull Request is not mergeable" }],
  [[405, { message: "Base branch was modified. Review and try the merge again." }], {
    kind: "later",
    reason: "Base branch was modified. Review and try the merge again",
  }],
  [[409, { message: "Head branch was modified. Review and try the merge again." }], { kind: "moved" }],
  [[422, { message: "Validation Failed", errors: [] }], { kind: "refused", reason: "Validation Failed" }],
])("PullRequestWriter.merge() takes GitHub's older route after a 404, and understands %j", async (answer, outcome) => {
  const { writer, sent } = writesWorld("github", [[404, { message: "Not Found" }], answer]);
  expect(await writer.merge(ORDER)).toEqual(outcome);
  expect(sent[1]).toEqual([`PUT ${PULL}/merge`, {
    sha: COMMIT,
    merge_method: "squash",
    commit_title: "Replace moment",
    commit_message: "By a campaign.",
  }]);
});

test("PullRequestWriter.merge() is refused at GitHub and GitLab if the pull request is not shown any more", async () => {
  const gone: Prepared = [404, { message: "Not Found" }];
  const projects: Prepared = [200, { merge_trains_enabled: false }];
  for (const [at, answers] of [["github", [gone, gone]], ["gitlab", [projects, gone]], ["gitlab", [gone]]] as const) {
    const { writer, sent } = writesWorld(at, answers as readonly Prepared[]);
    const { kind, reason } = await writer.merge(ORDER) as { kind: string; reason?: string };
    expect([kind, sent.length]).toEqual(["refused", answers.length]);
    expect(reason).toMatch(/^not found on Git(?:Hub|Lab), or the token in variable GIT\w+_TOKEN has no access/);
  }
});

test("PullRequestWriter.merge() takes the older route at once when GitHub is self-hosted", async () => {
  const { writer, sent } = writesWorld("ghes", [[200, { sha: SHA, merged: true, message: "" }]]);
  expect(await writer.merge(ORDER)).toEqual({ kind: "merged", commit: SHA });
  expect(sent.map(([request]) => request)).toEqual(["PUT /api/v3/repos/acme/web/pulls/7/merge"]);
});

test.each<[unknown, MergeOutcome]>([
  [{ data: { enqueuePullRequest: { mergeQueueEntry: { state: "QUEUED" } } } }, { kind: "queued" }],
  [
    { data: { enqueuePullRequest: null }, errors: [{ type: "UNPROCESSABLE", message: "Pull request is in draft" }] },
    { kind: "refused", reason: "Pull request is in draft" },
  ],
  [
    { data: null, errors: [{ message: "Head sha does not match the expected head sha" }] },
    { kind: "moved" },
  ],
])(
  "PullRequestWriter.merge() uses the queue of a self-hosted GitHub, pinned, when it answers %j",
  async (answer, outcome) => {
    const { writer, sent } = writesWorld("ghes", [[200, queue(false)], [200, answer]]);
    expect(await writer.merge({ ...ORDER, hasQueue: true })).toEqual(outcome);
    const { query, variables } = sent[1]?.[1] as { query: string; variables: unknown };
    expect([sent[1]?.[0], variables]).toEqual(["POST /api/graphql", { id: "PR_1", commit: COMMIT }]);
    expect(query).toContain("enqueuePullRequest(input: { pullRequestId: $id, expectedHeadOid: $commit })");
  },
);

test.each<[Prepared]>([["lost"], [[500, { message: "Server Error" }]], [[502]], [[503]], [[200, {}]]])(
  "PullRequestWriter.merge() sends nothing again when the answer is lost: %j",
  async (answer) => {
    const { writer, sent } = writesWorld("github", [answer]);
    expect((await writer.merge(ORDER)).kind).toBe("lost");
    expect(sent.length).toBe(1);
  },
);

test("PullRequestWriter.merge() waits for a secondary limit, as long as GitHub names", async () => {
  const limit: Prepared = [403, { message: "You have exceeded a secondary rate limit." }, { "retry-after": "240" }];
  const { writer, times } = writesWorld("github", [limit, [202, pending]]);
  expect(await writer.merge(ORDER)).toEqual({ kind: "pending", handle: UUID });
  expect(times).toEqual([0, 240_000]);
});

test("PullRequestWriter names the right and the command when the token has no right, and sends nothing else", async () => {
  const { writer, sent } = writesWorld("github", [[403, { message: "Resource not accessible by integration" }]]);
  await expect(writer.merge(ORDER)).rejects.toMatchObject({
    exit: "forbidden",
    message: expect.stringContaining(
      'the token in variable GITHUB_TOKEN cannot do this: `campaign merge` needs the permission "contents: write" on GitHub',
    ),
  });
  expect(sent.length).toBe(1);
});

test("PullRequestWriter ends with the error of a refused token when GitHub answers 401", async () => {
  const { writer, sent } = writesWorld("github", [[401, { message: "Bad credentials" }]]);
  await expect(writer.merge(ORDER)).rejects.toMatchObject({ exit: "unauthorized" });
  expect(sent.length).toBe(1);
});

test("PullRequestWriter sends writes to one host a second apart, whichever pull request they are for", async () => {
  const { writer, times } = writesWorld("github", [[200, {}], [200, {}], [200, {}]]);
  await Promise.all([writer.close(), writer.addLabels(["agent"]), writer.close()]);
  expect(times).toEqual([0, 1_000, 2_000]);
});

test.each<[Prepared, unknown]>([
  [[200, pending], { kind: "pending", handle: UUID }],
  [[200, merged], { kind: "merged", commit: SHA }],
  [[200, enqueued], { kind: "queued" }],
  [[200, failed("2 of 3 required status checks are expected.")], {
    kind: "refused",
    reason: "2 of 3 required status checks are expected",
  }],
])("PullRequestWriter.progress() understands a result of GitHub's asynchronous merge: %j", async (answer, outcome) => {
  const { writer, sent } = writesWorld("github", [answer]);
  expect(await writer.progress(UUID)).toEqual(outcome as MergeOutcome);
  expect(sent).toEqual([[`GET ${PULL}/merge-async/${UUID}`]]);
});

test("PullRequestWriter.progress() reads the pull request when GitHub has forgotten the result", async () => {
  const answer = pull({ state: "closed", merged: true, merge_commit_sha: SHA });
  const { writer, sent } = writesWorld("github", [[404, { message: "Not Found" }], [200, answer]]);
  expect(await writer.progress(UUID)).toEqual({ kind: "merged", commit: SHA });
  expect(sent.map(([request]) => request)).toEqual([`GET ${PULL}/merge-async/${UUID}`, `GET ${PULL}`]);
});

test("PullRequestWriter.progress() calls a pull request out when it left GitHub's queue, or was closed", async () => {
  const open = writesWorld("github", [[200, pull()], [200, queue(true)], [200, pull()], [200, queue(false)]]);
  expect(await open.writer.progress(null)).toEqual({ kind: "queued" });
  expect(await open.writer.progress(null)).toEqual({ kind: "out", reason: "it is open, but not in a merge queue" });
  const closed = writesWorld("github", [[200, pull({ state: "closed" })]]);
  expect(await closed.writer.progress(null)).toEqual({ kind: "out", reason: "it was closed without being merged" });
});

test("PullRequestWriter.leaveQueue() takes a pull request out of GitHub's queue, and checks that", async () => {
  const dequeued = { data: { dequeuePullRequest: { clientMutationId: null } } };
  const { writer, sent } = writesWorld("github", [[200, queue(true)], [200, dequeued], [200, queue(false)]]);
  expect(await writer.leaveQueue()).toBe(true);
  expect((sent[1]?.[1] as { query: string }).query).toContain("dequeuePullRequest(input: { id: $id })");
  const outside = writesWorld("github", [[200, queue(false)]]);
  expect(await outside.writer.leaveQueue()).toBe(false);
  expect(outside.sent.length).toBe(1);
});

test.each<[Prepared, unknown]>([
  [[202, { message: "Updating pull request branch.", url: "https://github.com/acme/web/pulls/7" }], "updated"],
  [[422, { message: "expected head sha didn’t match current head ref." }], "moved"],
  ["lost", { lost: expect.any(String) }],
  [[502], { lost: expect.any(String) }],
  [[422, { message: "merge conflict between base and head" }], { refused: "merge conflict between base and head" }],
])("PullRequestWriter.update() updates a branch of GitHub from the judged head only: %j", async (answer, outcome) => {
  const { writer, sent } = writesWorld("github", [answer]);
  expect(await writer.update(COMMIT)).toEqual(outcome as "updated");
  expect(sent).toEqual([[`PUT ${PULL}/update-branch`, { expected_head_sha: COMMIT }]]);
});

test("PullRequestWriter.requestReview() requests people and teams of GitHub", async () => {
  const { writer, sent } = writesWorld("github", [
    [201, pull()],
    [422, { message: "Reviews may only be requested from collaborators." }],
  ]);
  const reviewers = { users: ["ann"], teams: ["acme/web", "docs"] };
  expect(await writer.requestReview(reviewers)).toBe("requested");
  expect(await writer.requestReview(reviewers)).toEqual({
    refused: "Reviews may only be requested from collaborators",
  });
  expect(sent[0]).toEqual([`POST ${PULL}/requested_reviewers`, {
    reviewers: ["ann"],
    team_reviewers: ["web", "docs"],
  }]);
});

test("PullRequestWriter labels, closes and reads the marks of a pull request of GitHub", async () => {
  const marks = { requested_reviewers: [{ login: "ann" }], requested_teams: [{ slug: "web" }] };
  const { writer, sent } = writesWorld("github", [[200, []], [200, {}], [
    200,
    pull({ ...marks, labels: [{ name: "agent" }] }),
  ]]);
  await writer.addLabels(["agent", "docs"]);
  await writer.close();
  expect(await writer.marks()).toEqual({
    state: "open",
    author: "bot",
    users: ["ann"],
    teams: ["acme/web"],
    labels: ["agent"],
  });
  expect(sent).toEqual([
    ["POST /repos/acme/web/issues/7/labels", { labels: ["agent", "docs"] }],
    [`PATCH ${PULL}`, { state: "closed" }],
    [`GET ${PULL}`],
  ]);
});

test.each<[Prepared[], string]>([
  [[[200, { object: { sha: COMMIT } }], [204]], "deleted"],
  [[[200, { object: { sha: OTHER } }]], "moved"],
  [[[404, { message: "Not Found" }]], "gone"],
  [[[200, { object: { sha: COMMIT } }], [422, { message: "Reference does not exist" }]], "gone"],
])(
  "PullRequestWriter.deleteBranch() deletes a branch of GitHub only at the merged commit: %j",
  async (answers, outcome) => {
    const { writer, sent } = writesWorld("github", answers);
    expect(await writer.deleteBranch("mogplex/a b", COMMIT)).toBe(outcome as "deleted");
    expect(sent).toEqual([
      ["GET /repos/acme/web/git/ref/heads/mogplex/a%20b"],
      ["DELETE /repos/acme/web/git/refs/heads/mogplex/a%20b"],
    ].slice(0, answers.length));
  },
);

test("PullRequestWriter.startsWorkflows() is false when the token is that of a GitHub job", async () => {
  const viewer = (login: string, databaseId: number) => [200, { data: { viewer: { login, databaseId } } }] as Prepared;
  const { writer } = writesWorld("github", [viewer("github-actions[bot]", 41_898_282), viewer("ann", 7), [200, {
    data: { viewer: null },
  }]]);
  const users = [await writer.me(), await writer.me(), await writer.me()];
  expect(users).toEqual([
    { id: 41_898_282, name: "github-actions[bot]", isBot: true },
    { id: 7, name: "ann", isBot: false },
    null,
  ]);
  expect(users.map((user) => writer.startsWorkflows(user))).toEqual([false, true, null]);
});

const MARKER = "<!-- mogplex:0123456789012345678901234567890123456789 -->";
const comment = (body: string, id = 9) => ({ id, body, user: { id: 7, type: "User" } });

test("PullRequestWriter.comment() posts nothing when our comment with the marker is there", async () => {
  const { writer, sent } = writesWorld("github", [[200, [comment(`${MARKER}\n\nBye.`)]], [200, { id: 7 }]]);
  await writer.comment(MARKER, "Bye.");
  expect(sent.map(([request]) => request)).toEqual([
    "GET /repos/acme/web/issues/7/comments?per_page=100&page=1",
    "GET /user",
  ]);
});

test("PullRequestWriter.comment() looks for the comment, and never posts it again, when the answer is lost", async () => {
  const there: Prepared = [200, [comment(`${MARKER}\n\nBye.`)]];
  const late = writesWorld("github", [[200, []], "lost", [200, []], there, [200, { id: 7 }]]);
  await late.writer.comment(MARKER, "Bye.");
  const posts = (sent: unknown[][]) => sent.filter(([request]) => String(request).startsWith("POST"));
  expect(posts(late.sent)).toEqual([["POST /repos/acme/web/issues/7/comments", { body: `${MARKER}\n\nBye.` }]]);
  const never = writesWorld("github", [[200, []], "lost", [200, []], [200, []], [200, []]]);
  await expect(never.writer.comment(MARKER, "Bye.")).rejects.toThrow("Cannot create the comment on pull request #7");
  expect(posts(never.sent).length).toBe(1);
});

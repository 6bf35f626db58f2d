/**
 * Answers as GitLab documents them ("Merge requests API", "Merge trains API", "Branches API", "Users API"), and with the statuses of its
 * lib/api/merge_requests.rb: 401 for a user who may not merge, 405 for what is not mergeable, 409 for another head, 422 for a failed merge.
 */
import { expect, test } from "bun:test";
import type { MergeOutcome } from "../../../lib/forge/writes.ts";
import { COMMIT, ORDER, OTHER, type Prepared, writesWorld } from "./writes_world.ts";

const PROJECT = "/api/v4/projects/acme%2Fweb";
const REQUEST = `${PROJECT}/merge_requests/7`;
const SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e";
const request = (more: Record<string, unknown> = {}): Prepared => [200, {
  ...{
    state: "opened",
    author: { id: 1, username: "bot" },
    sha: COMMIT,
    merge_commit_sha: null,
    squash_commit_sha: null,
    merge_error: null,
  },
  ...{ detailed_merge_status: "mergeable", merge_when_pipeline_succeeds: false, reviewers: [], labels: [], ...more },
}];
const NO_TRAINS: Prepared = [200, { merge_trains_enabled: false }];
const requests = (sent: unknown[][]) => sent.map(([each]) => each);

test("PullRequestWriter.merge() merges at GitLab, pinned to the judged head", async () => {
  const { writer, sent } = writesWorld("gitlab", [NO_TRAINS, request({ state: "merged", squash_commit_sha: SHA })]);
  expect(await writer.merge(ORDER)).toEqual({ kind: "merged", commit: SHA });
  expect(sent).toEqual([
    [`GET ${PROJECT}`],
    [`PUT ${REQUEST}/merge`, {
      sha: COMMIT,
      squash: true,
      squash_commit_message: "Replace moment\n\nBy a campaign.",
    }],
  ]);
});

test("PullRequestWriter.merge() names GitLab's merge commit when it does not squash", async () => {
  const { writer, sent } = writesWorld("gitlab", [NO_TRAINS, request({ state: "merged", merge_commit_sha: SHA })]);
  expect(await writer.merge({ ...ORDER, method: "merge", body: "" })).toEqual({ kind: "merged", commit: SHA });
  expect(sent[1]?.[1]).toEqual({ sha: COMMIT, squash: false, merge_commit_message: "Replace moment" });
});

test.each<[Prepared[], MergeOutcome]>([
  [[request({ state: "locked" })], { kind: "pending", handle: "" }],
  [[[409, { message: "SHA does not match HEAD of source branch: 1" }]], { kind: "moved" }],
  [[[405, { message: "405 Method Not Allowed" }], request({ detailed_merge_status: "checking" })], {
    kind: "later",
    reason: "GitLab shows the merge status checking",
  }],
  [[[405, { message: "405 Method Not Allowed" }], request({ detailed_merge_status: "discussions_not_resolved" })], {
    kind: "refused",
    reason: "GitLab shows the merge status discussions_not_resolved",
  }],
  [[[422, { message: "Branch cannot be merged" }]], { kind: "refused", reason: "Branch cannot be merged" }],
  [[[406, { message: { merge: ["Branch cannot be", "merged"] } }]], {
    kind: "refused",
    reason: "Branch cannot be; merged",
  }],
  [[[400, { error: "sha must be provided when merging" }]], {
    kind: "refused",
    reason: "sha must be provided when merging",
  }],
])("PullRequestWriter.merge() understands GitLab's answers %j", async (answers, outcome) => {
  const { writer } = writesWorld("gitlab", [NO_TRAINS, ...answers]);
  expect(await writer.merge(ORDER)).toEqual(outcome);
});

test("PullRequestWriter.merge() ends with the missing right when GitLab answers 401 to the merge alone", async () => {
  const unauthorized: Prepared = [401, { message: "401 Unauthorized" }];
  const { writer } = writesWorld("gitlab", [NO_TRAINS, unauthorized, request()]);
  await expect(writer.merge(ORDER)).rejects.toMatchObject({
    exit: "forbidden",
    why: expect.stringContaining("the token's user is not allowed to merge this merge request"),
  });
  const revoked = writesWorld("gitlab", [NO_TRAINS, unauthorized, unauthorized]);
  await expect(revoked.writer.merge(ORDER)).rejects.toMatchObject({ exit: "unauthorized" });
});

test("PullRequestWriter.merge() enters the train by auto_merge when GitLab is 19.1 or newer", async () => {
  for (const version of ["19.1.0-ee", "20.0.2-ee"]) {
    const { writer, sent } = writesWorld("gitlab", [
      [200, { merge_trains_enabled: true }],
      [200, { version }],
      request({ merge_when_pipeline_succeeds: true }),
    ]);
    expect(await writer.merge(ORDER)).toEqual({ kind: "queued" });
    expect(sent[2]).toEqual([`PUT ${REQUEST}/merge`, {
      sha: COMMIT,
      squash: true,
      auto_merge: true,
      squash_commit_message: "Replace moment\n\nBy a campaign.",
    }]);
  }
});

test.each<[Prepared, MergeOutcome]>([
  [[201, [{ id: 1, status: "idle" }]], { kind: "queued" }],
  [[202, {}], { kind: "queued" }],
  [[409, { message: "SHA does not match HEAD of source branch" }], { kind: "moved" }],
  [[400, { message: "Failed to merge" }], { kind: "refused", reason: "Failed to merge" }],
])(
  "PullRequestWriter.merge() enters the train by its own route when GitLab is older than 19.1, or hides its version: %j",
  async (answer, outcome) => {
    for (const version of [[200, { version: "19.0.3-ee" }], [403, { message: "403 Forbidden" }]] as Prepared[]) {
      const { writer, sent } = writesWorld("gitlab", [[200, { merge_trains_enabled: true }], version, answer]);
      expect(await writer.merge(ORDER)).toEqual(outcome);
      expect(sent[2]).toEqual([`POST ${PROJECT}/merge_trains/merge_requests/7`, { sha: COMMIT, squash: true }]);
    }
  },
);

test("PullRequestWriter.merge() merges a project without Premium, and refuses one whose trains are hidden", async () => {
  const trains = `GET ${PROJECT}/merge_trains?per_page=1`;
  for (const status of [403, 404]) {
    const free = writesWorld("gitlab", [
      [200, { id: 1 }],
      [status, { message: "no" }],
      request({ state: "merged", squash_commit_sha: SHA }),
    ]);
    expect(await free.writer.merge(ORDER)).toEqual({ kind: "merged", commit: SHA });
    expect(requests(free.sent)).toEqual([`GET ${PROJECT}`, trains, `PUT ${REQUEST}/merge`]);
  }
  const hidden = writesWorld("gitlab", [[200, { id: 1 }], [200, []]]);
  const reason = "GitLab does not show whether the project has a merge train";
  expect(await hidden.writer.merge(ORDER)).toEqual({ kind: "refused", reason });
  expect(requests(hidden.sent)).toEqual([`GET ${PROJECT}`, trains]);
});

test.each<[Prepared[], unknown]>([
  [[request({ state: "merged", merge_commit_sha: SHA })], { kind: "merged", commit: SHA }],
  // A fast-forward makes no commit.
  [[request({ state: "merged" })], { kind: "merged", commit: COMMIT }],
  [[request({ state: "locked" })], { kind: "pending", handle: "" }],
  [[request({ state: "closed" })], { kind: "out", reason: "it was closed without being merged" }],
  [[request(), [200, { status: "fresh" }]], { kind: "queued" }],
  [[request(), [200, { status: "merged" }]], { kind: "out", reason: "it is open, but not in a merge train" }],
  [[request({ merge_error: "Merge failed: a hook declined." }), [403, { message: "403 Forbidden" }]], {
    kind: "out",
    reason: "Merge failed: a hook declined",
  }],
  [[request({ merge_when_pipeline_succeeds: true }), [404, { message: "404 Not found" }]], { kind: "queued" }],
])("PullRequestWriter.progress() reads a merge request of GitLab and its train: %j", async (answers, outcome) => {
  const { writer } = writesWorld("gitlab", answers);
  expect(await writer.progress(null)).toEqual(outcome as MergeOutcome);
});

test("PullRequestWriter.leaveQueue() cancels GitLab's plan to merge", async () => {
  const { writer, sent } = writesWorld("gitlab", [
    [201, { status: "success" }],
    [201, { status: "error", message: "Can't cancel the automatic merge", http_status: 406 }],
    [406, { message: "406 Not Acceptable" }],
  ]);
  const left = [await writer.leaveQueue(), await writer.leaveQueue(), await writer.leaveQueue()];
  expect(left).toEqual([true, false, false]);
  expect(sent[0]).toEqual([`POST ${REQUEST}/cancel_merge_when_pipeline_succeeds`]);
});

test("PullRequestWriter.update() rebases at GitLab, and waits until that has finished", async () => {
  const { writer, sent, times } = writesWorld("gitlab", [
    request(),
    [202, { rebase_in_progress: true }],
    request({ rebase_in_progress: true }),
    request({ rebase_in_progress: false, sha: OTHER }),
  ]);
  expect(await writer.update(COMMIT)).toBe("updated");
  const look = `GET ${REQUEST}?include_rebase_in_progress=true`;
  expect(requests(sent)).toEqual([`GET ${REQUEST}`, `PUT ${REQUEST}/rebase`, look, look]);
  expect(times).toEqual([0, 0, 2_000, 4_000]);
});

test.each<[Prepared[], unknown]>([
  [[request({ sha: OTHER })], "moved"],
  [[request(), [202, {}], request({ merge_error: "Rebase failed: conflict" })], { refused: "Rebase failed: conflict" }],
  [[request(), [403, { message: "403 Forbidden - Source branch is protected from force push" }]], {
    refused: "403 Forbidden - Source branch is protected from force push",
  }],
  [[request(), [409, { message: "Failed to enqueue the rebase operation" }]], {
    refused: "Failed to enqueue the rebase operation",
  }],
])("PullRequestWriter.update() reports why GitLab has not rebased: %j", async (answers, outcome) => {
  const { writer } = writesWorld("gitlab", answers);
  expect(await writer.update(COMMIT)).toEqual(outcome as "moved");
});

const ann = { id: 5, username: "ann" };
const kim = { id: 6, username: "kim" };

test("PullRequestWriter.requestReview() keeps the reviewers whom a merge request of GitLab has", async () => {
  const { writer, sent } = writesWorld("gitlab", [
    [200, [ann]],
    request({ reviewers: [kim] }),
    request({ reviewers: [kim, ann] }),
  ]);
  expect(await writer.requestReview({ users: ["ann"], teams: [] })).toBe("requested");
  expect(sent).toEqual([
    ["GET /api/v4/users?username=ann"],
    [`GET ${REQUEST}`],
    [`PUT ${REQUEST}`, { reviewer_ids: [6, 5] }],
  ]);
});

test.each<[Prepared[], string[], unknown]>([
  [[[200, []]], [], { refused: 'GitLab has no user "ann"' }],
  [[], ["web"], { refused: "GitLab requests reviews only from people, not from groups" }],
  [[[200, [ann]], request({ reviewers: [kim] }), request({ reviewers: [kim] })], [], {
    refused: "GitLab did not accept ann: without Premium, a merge request can have only one reviewer",
  }],
])("PullRequestWriter.requestReview() reports whom GitLab does not accept: %j", async (answers, teams, outcome) => {
  const { writer } = writesWorld("gitlab", answers);
  expect(await writer.requestReview({ users: ["ann"], teams })).toEqual(outcome as "requested");
});

test("PullRequestWriter labels, closes and reads the marks of a merge request of GitLab", async () => {
  const { writer, sent } = writesWorld("gitlab", [
    request(),
    request(),
    request({ reviewers: [ann], labels: ["agent"] }),
  ]);
  await writer.addLabels(["agent", "docs"]);
  await writer.close();
  expect(await writer.marks()).toEqual({ state: "open", author: "bot", users: ["ann"], teams: [], labels: ["agent"] });
  expect(sent).toEqual([
    [`PUT ${REQUEST}`, { add_labels: ["agent", "docs"] }],
    [`PUT ${REQUEST}`, { state_event: "close" }],
    [`GET ${REQUEST}`],
  ]);
});

const branch = (more: Record<string, unknown> = {}): Prepared => [200, {
  ...{ protected: false, default: false, commit: { id: COMMIT }, ...more },
}];

test.each<[Prepared[], unknown]>([
  [[branch(), [204]], "deleted"],
  [[branch(), [404, { message: "404 Branch Not Found" }]], "gone"],
  [[branch({ commit: { id: OTHER } })], "moved"],
  [[branch({ protected: true })], { refused: "the branch is protected" }],
  [[branch({ default: true })], { refused: "it is the default branch" }],
  [[[404, { message: "404 Branch Not Found" }]], "gone"],
])(
  "PullRequestWriter.deleteBranch() deletes a branch of GitLab only at the merged commit: %j",
  async (answers, outcome) => {
    const { writer, sent } = writesWorld("gitlab", answers);
    expect(await writer.deleteBranch("mogplex/a", COMMIT)).toEqual(outcome as "deleted");
    const path = `${PROJECT}/repository/branches/mogplex%2Fa`;
    expect(requests(sent)).toEqual([`GET ${path}`, `DELETE ${path}`].slice(0, answers.length));
  },
);

test("PullRequestWriter.me() reads the user of a token of GitLab, and null for one of a job", async () => {
  const { writer } = writesWorld("gitlab", [[200, { ...ann, bot: false }], [401, { message: "401 Unauthorized" }]]);
  const users = [await writer.me(), await writer.me()];
  expect(users).toEqual([{ id: 5, name: "ann", isBot: false }, null]);
  expect(writer.startsWorkflows(null)).toBe(true);
});

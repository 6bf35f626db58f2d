import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { judgeApprovals } from "../../../lib/forge/approvals.ts";
import { ForgeClient, NO_READ_ACCESS, notFound } from "../../../lib/forge/client.ts";
import { parsePullRequest } from "../../../lib/forge/all.ts";
import { GITLAB } from "../../../lib/forge/gitlab.ts";
import type { MergeReading } from "../../../lib/forge/merging.ts";
import { isUnread, type PullRequestAddress } from "../../../lib/forge/model.ts";
import { githubForge, HEAD } from "./github_forge.ts";
import { aRequest, gitlabForge, type Request } from "./gitlab_forge.ts";
import { fetchOf, GITLAB_TOKEN } from "./world.ts";

// The shapes are from GitLab's API reference: "Projects API" (a single project), "Branches API", "Project members API" (`members/all`), "Users API" (a
// single user), "Merge requests API" (diffs), "Pipelines API", "Commits API" (`parent_ids`: the target, then the branch; app/services/merge_requests/
// merge_to_ref_service.rb).

const ADDRESS = parsePullRequest("https://gitlab.com/acme/web/-/merge_requests/7") as PullRequestAddress;
const BASE = "b".repeat(40);
/** The merge that GitLab makes for a pipeline of the merged result. */
const MERGED = "d".repeat(40);
const PROJECT = {
  id: 42,
  merge_method: "merge",
  squash_option: "default_off",
  only_allow_merge_if_pipeline_succeeds: true,
};
const MEMBER = "/projects/acme%2Fweb/members/all/7";

function worldOf(request: Request | number, others: Record<string, unknown> = {}) {
  const gitlab = gitlabForge();
  const clock = virtualClock();
  gitlab.requests.set("acme/web!7", request);
  const usual = {
    "/projects/acme%2Fweb": PROJECT,
    "/projects/acme%2Fweb/repository/branches/main": { commit: { id: BASE } },
    [MEMBER]: { id: 7, state: "active", access_level: 30 },
    "/users/7": { id: 7, bot: false },
  };
  for (const [path, answer] of Object.entries({ ...usual, ...others })) gitlab.others.set(path, answer);
  const world = { clock, fetch: fetchOf(githubForge(), gitlab), random: () => 0.5 };
  const token = { token: GITLAB_TOKEN, place: "variable GITLAB_TOKEN" };
  return { gitlab, clock, client: new ForgeClient(world, GITLAB, GITLAB.api("https://gitlab.com"), token) };
}

const FILES = { diffs: [{ old_path: "a", new_path: "a" }, { old_path: "b", new_path: "c" }] };
const open = (more: Record<string, unknown> = {}, rest: Partial<Request> = {}) =>
  aRequest({ target_branch: "main", diverged_commits_count: 0, user: { can_merge: true }, ...more }, {
    ...FILES,
    ...rest,
  });

async function read(request: Request, others: Record<string, unknown> = {}): Promise<MergeReading> {
  const reading = await GITLAB.merging?.read(worldOf(request, others).client, ADDRESS);
  if (reading === undefined || isUnread(reading)) throw new Error(reading?.reason);
  return reading;
}

const judge = ({ review }: MergeReading) => judgeApprovals(review, { requesters: [], token: null, notPeople: [] });

test("GITLAB.merging.read() reads everything that decides a merge", async () => {
  const { facts, review, ...rest } = await read(open());
  expect([facts.checks, facts.review, facts.commit, facts.hasQueue]).toEqual(["green", "approved", HEAD, false]);
  expect(review).toEqual({
    head: HEAD,
    required: 1,
    opinions: [{
      by: { id: 7, name: "kim", isBot: false },
      word: "approved",
      commit: HEAD,
      at: "2026-03-01T10:30:00.000Z",
      mayPush: true,
    }],
    author: { id: 91, name: "agent", isBot: null },
    writers: [{ id: 91, name: "agent", isBot: false }, { id: 91, name: "agent", isBot: false }],
    pushers: [],
  });
  expect(rest).toEqual({
    repositoryId: "42",
    base: "main",
    baseCommit: BASE,
    isCheckRequired: true,
    bypass: null,
    blocked: null,
    methods: ["merge", "squash"],
    isStacked: false,
    mergeCommit: null,
    mergedHead: null,
    isOutdated: false,
    headCommittedAt: "2026-03-01T10:20:00.000Z",
    changedFiles: ["a", "c", "b"],
  });
});

test.each<[string, Record<string, unknown>, string, string]>([
  ["lost the role", { [MEMBER]: { id: 7, state: "active", access_level: 20 } }, "missing", "kim cannot push"],
  ["left", { [MEMBER]: 404 }, "missing", "kim cannot push"],
  ["is blocked", { [MEMBER]: { id: 7, state: "blocked", access_level: 40 } }, "missing", "kim cannot push"],
  ["is a program", { "/users/7": { id: 7, bot: true } }, "missing", "kim is a bot"],
  ["has an account that is hidden", { "/users/7": 403 }, "unknown", "the forge does not show whether kim"],
  ["has a role that is hidden", { [MEMBER]: 403 }, "unknown", "the forge does not show whether kim can push"],
])("GITLAB.merging.read() takes no approval of a user who %s", async (_name, others, state, reason) => {
  const verdict = judge(await read(open(), others));
  expect([verdict.state as string, verdict.reason]).toEqual([state, expect.stringContaining(reason)]);
});

const KIM = { id: 7, username: "kim" };
const pushNote = (more: Record<string, unknown> = {}) => ({
  body: "added 1 commit\n\n<ul><li>c0ffee00 - Change it</li></ul>\n\n[Compare with previous version](/acme/web)",
  ...{ author: KIM, system: true, created_at: "2026-03-01T10:20:00Z" },
  ...more,
});

test.each<[string, Record<string, unknown>[], string, string]>([
  ["that the approver has pushed", [pushNote()], "missing", "kim pushed some of the commits"],
  ["that somebody else has pushed", [pushNote({ author: { id: 8, username: "lee" } })], "approved", "1 of 1"],
  ["words of a person about a push", [pushNote({ system: false })], "approved", "1 of 1"],
  ["an imported note about a push", [pushNote({ imported: true })], "approved", "1 of 1"],
  ["more notes than it can list", Array(100).fill(pushNote({ system: false })), "unknown", "whether kim pushed some"],
])("GITLAB.merging.read() reads in the notes %s", async (_name, notes, state, reason) => {
  const verdict = judge(await read(open({}, { notes })));
  expect([verdict.state as string, verdict.reason]).toEqual([state, expect.stringContaining(reason)]);
});

test("GITLAB.merging.read() is blocked by a reviewer who requests changes, as long as the role lasts", async () => {
  const request = open({ reviewers: [{ id: 8, username: "lee" }] }, {
    reviewers: [{ user: { id: 8, username: "lee" }, state: "requested_changes" }],
  });
  const member = "/projects/acme%2Fweb/members/all/8";
  const lee = { id: 8, state: "active", access_level: 30 };
  expect(judge(await read(request, { [member]: lee })).state).toBe("changes-requested");
  expect(judge(await read(request)).state).toBe("approved");
});

test.each<[string, Request, Record<string, unknown>, Partial<MergeReading>]>([
  ["threads that are open", open({ detailed_merge_status: "discussions_not_resolved" }), {}, {
    blocked: "not all threads are resolved",
  }],
  ["a word that is new", open({ detailed_merge_status: "moon_phase" }), {}, { blocked: 'GitLab shows "moon_phase"' }],
  ["a conflict", open({ detailed_merge_status: "conflict" }), {}, { blocked: null }],
  ["an older GitLab", open({ detailed_merge_status: undefined }), {}, { blocked: null }],
  ["a token whose user may not merge", open({ user: { can_merge: false } }), {}, {
    blocked: "the token's user is not allowed to merge this merge request",
  }],
  [
    "a pipeline of an earlier commit",
    open({ head_pipeline: { id: 1, project_id: 42, sha: BASE, ref: "fix", status: "success", source: "push" } }),
    {},
    { facts: expect.objectContaining({ checks: "pending" }) },
  ],
  ...([
    ["a pipeline of the merged result", { parent_ids: [BASE, HEAD] }, "green"],
    ["a pipeline of the merged result of an earlier commit", { parent_ids: [BASE, "e".repeat(40)] }, "pending"],
    ["a pipeline of a merged result that is hidden", 404, null],
  ] as const).map(([name, merge, checks]): [string, Request, Record<string, unknown>, Partial<MergeReading>] => [
    name,
    open({
      head_pipeline: {
        ...{ id: 1, project_id: 42, sha: MERGED, status: "success" },
        ...{ ref: "refs/merge-requests/7/merge", source: "merge_request_event" },
      },
    }),
    { [`/projects/42/repository/commits/${MERGED}`]: merge },
    { facts: expect.objectContaining({ checks }) },
  ]),
  ["one that is outdated", open({ diverged_commits_count: 3 }), {}, { isOutdated: true }],
  ["a target that is hidden", open(), { "/projects/acme%2Fweb/repository/branches/main": 404 }, { baseCommit: null }],
  ["more files than it shows", open({ changes_count: "1000+" }), {}, { changedFiles: null }],
  ["fewer files than it counts", open({ changes_count: "3" }), {}, { changedFiles: null }],
  ["a project that rebases, and always squashes", open(), {
    "/projects/acme%2Fweb": { ...PROJECT, merge_method: "ff", squash_option: "always" },
  }, { methods: ["squash"] }],
  ["a project that rebases, and never squashes", open(), {
    "/projects/acme%2Fweb": { ...PROJECT, merge_method: "ff", squash_option: "never" },
  }, { methods: ["rebase"] }],
  ["settings that are hidden", open(), { "/projects/acme%2Fweb": { id: 42 } }, {
    methods: null,
    isCheckRequired: null,
  }],
  ["one that was merged", open({ state: "merged", merge_commit_sha: null, squash_commit_sha: BASE }), {}, {
    blocked: null,
    mergeCommit: BASE,
    mergedHead: HEAD,
    isOutdated: null,
  }],
])("GITLAB.merging.read() reads %s", async (_name, request, others, expected) => {
  expect(await read(request, others)).toMatchObject(expected);
});

test("GITLAB.merging.read() reads that the target has a train", async () => {
  const others = { "/projects/acme%2Fweb": { ...PROJECT, merge_trains_enabled: true } };
  expect((await read(open(), others)).facts.hasQueue).toBe(true);
});

test("GITLAB.merging.read() waits until GitLab knows whether it can be merged, for six seconds", async () => {
  const { client, clock } = worldOf(open({ detailed_merge_status: "checking" }));
  const reading = await GITLAB.merging?.read(client, ADDRESS);
  expect([clock.now(), (reading as MergeReading).blocked]).toEqual([
    6_000,
    "GitLab is still checking whether the merge request can be merged",
  ]);
});

test("GITLAB.merging.read() returns why it is not shown", async () => {
  const reason = async (request: Request | number, others = {}) =>
    await GITLAB.merging?.read(worldOf(request, others).client, ADDRESS);
  expect(await reason(403)).toEqual(NO_READ_ACCESS);
  expect(await reason(open(), { "/projects/acme%2Fweb": 404 })).toEqual(notFound("GitLab"));
});

test("GITLAB.merging.checks() reads the newest pipeline of a commit, without our own statuses", async () => {
  const path = `/projects/acme%2Fweb/pipelines?sha=${HEAD}&order_by=id&sort=desc&per_page=1`;
  const state = async (answer: unknown, statuses: Record<string, unknown>[] = []) =>
    await GITLAB.merging?.checks(worldOf(open({}, { statuses }), { [path]: answer }).client, ADDRESS, HEAD);
  const pipeline = { id: 1, project_id: 42, sha: HEAD };
  expect(await state([{ ...pipeline, status: "failed" }], [{ name: "unit", status: "failed" }])).toBe("red");
  expect(
    await state([{ ...pipeline, status: "success", source: "external" }], [{ name: "mogplex", status: "success" }]),
  )
    .toBe("none");
  expect(await state([])).toBe("none");
  expect(await state(403)).toBeNull();
});

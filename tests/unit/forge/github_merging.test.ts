import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { judgeApprovals } from "../../../lib/forge/approvals.ts";
import { ForgeClient, NO_READ_ACCESS, notFound } from "../../../lib/forge/client.ts";
import { GITHUB } from "../../../lib/forge/github.ts";
import type { MergeReading } from "../../../lib/forge/merging.ts";
import { parsePullRequest } from "../../../lib/forge/all.ts";
import { isUnread, type PullRequestAddress } from "../../../lib/forge/model.ts";
import { aNode, githubForge, HEAD, json, type Node, rollup } from "./github_forge.ts";
import { fetchOf, GITHUB_TOKEN } from "./world.ts";
import { gitlabForge } from "./gitlab_forge.ts";

// The shapes are from GitHub's REST reference: "Get rules for a branch", "Get branch protection", "Compare two commits", "Get a pull request" (`stack`:
// "Stacked pull requests APIs and webhooks"); GraphQL reference, `PullRequest`.

const ADDRESS = parsePullRequest("https://github.com/acme/web/pull/7") as PullRequestAddress;
const BASE = "b".repeat(40);
const RULES = "/repos/acme/web/rules/branches/main?per_page=100";
const PULL = "/repos/acme/web/pulls/7";
const PROTECTION = "/repos/acme/web/branches/main/protection";
const ACTIVITY = "/repos/acme/web/activity?ref=refs%2Fheads%2Fmogplex%2Freplace-moment&per_page=100";
const APPROVED_CAVEAT = "the forge does not show how many approvals the target requires";
const COMPARE = `/repos/acme/web/compare/main...${HEAD}?per_page=1`;

/** What {@linkcode aNode} has besides for a merge. */
const OPEN: Node = {
  viewerCanMergeAsAdmin: false,
  isInMergeQueue: false,
  baseRefName: "main",
  mergeCommit: null,
  baseRef: { target: { oid: BASE }, refUpdateRule: null },
  baseRepository: {
    ...{ defaultBranchRef: { name: "main" }, databaseId: 42 },
    ...{ mergeCommitAllowed: true, squashMergeAllowed: true, rebaseMergeAllowed: false },
  },
  files: { totalCount: 1, nodes: [{ path: "src/a.ts", changeType: "MODIFIED" }] },
};

function worldOf(node: Node | null, rest: Record<string, unknown> = {}) {
  const github = githubForge();
  const clock = virtualClock();
  github.pulls.set("acme/web#7", node);
  for (const [path, answer] of Object.entries({ [RULES]: [], [PULL]: {}, [COMPARE]: { behind_by: 0 }, ...rest })) {
    github.rest.set(path, answer);
  }
  const world = { clock, fetch: fetchOf(github, gitlabForge()), random: () => 0.5 };
  const token = { token: GITHUB_TOKEN, place: "variable GITHUB_TOKEN" };
  const client = new ForgeClient(world, GITHUB, GITHUB.api("https://github.com"), token);
  return { github, clock, client };
}

async function read(more: Node = {}, rest: Record<string, unknown> = {}): Promise<MergeReading> {
  const { client } = worldOf(aNode({ ...OPEN, ...more }), rest);
  const reading = await GITHUB.merging?.read(client, ADDRESS);
  if (reading === undefined || isUnread(reading)) throw new Error(reading?.reason);
  return reading;
}

test("GITHUB.merging.read() reads everything that decides a merge", async () => {
  const { facts, review, ...rest } = await read();
  expect([facts.checks, facts.review, facts.commit]).toEqual(["green", "approved", HEAD]);
  expect([review.required, review.head, review.opinions?.length, review.writers?.length]).toEqual([null, HEAD, 1, 1]);
  expect(rest).toEqual({
    repositoryId: "42",
    base: "main",
    baseCommit: BASE,
    isCheckRequired: false,
    bypass: null,
    blocked: null,
    methods: ["merge", "squash"],
    isStacked: false,
    mergeCommit: null,
    mergedHead: null,
    isOutdated: false,
    headCommittedAt: null,
    changedFiles: ["src/a.ts"],
  });
});

test("GITHUB.merging.read() reads co-authors, who wrote it as well", async () => {
  const user = { __typename: "User", login: "kim", databaseId: 7 };
  const coauthors = { nodes: [{ commit: { authors: { nodes: [{ user: null }, { user }] } } }] };
  const { review } = await read({ coauthors });
  expect(review.writers?.map(({ name }) => name)).toEqual(["agent", "kim"]);
});

test("GITHUB.merging.read() does not know who wrote it if not all commits and co-authors are shown, so no approval counts", async () => {
  const author = { user: { __typename: "User", login: "agent", databaseId: 91 } };
  const commits = (totalCount: number) => ({
    writers: { totalCount, nodes: Array(100).fill({ commit: { author, committer: author } }) },
  });
  const coauthors = (authors: Node | null) => ({ coauthors: { nodes: [{ commit: { authors } }] } });
  const judge = async (more: Node) => {
    const { review } = await read(more);
    const { state, reason } = judgeApprovals(review, { requesters: [], token: null, notPeople: [] });
    return [
      review.writers === null,
      state as string,
      reason.includes("does not show whether kim wrote some of the commits"),
    ];
  };
  const [shown, hidden] = [[false, "approved", false], [true, "unknown", true]];
  expect(await judge(commits(100))).toEqual(shown);
  expect(await judge(commits(101))).toEqual(hidden);
  expect(await judge(coauthors({ totalCount: 20, nodes: Array(20).fill(author) }))).toEqual(shown);
  expect(await judge(coauthors({ totalCount: 21, nodes: Array(20).fill(author) }))).toEqual(hidden);
  expect(await judge(coauthors({ totalCount: 1, nodes: [null] }))).toEqual(hidden);
  expect(await judge(coauthors(null))).toEqual(hidden);
  expect(await judge({ coauthors: null })).toEqual(hidden);
});

test("GITHUB.merging.read() reads who has pushed to the branch since it was created, whatever its commits say", async () => {
  const activity = (type: string, login = "agent[bot]", id = 91) => ({
    activity_type: type,
    actor: { id, login, type: login.endsWith("[bot]") ? "Bot" : "User" },
  });
  const judge = async (rows: unknown) => {
    const { review } = await read({}, { [ACTIVITY]: rows });
    const { state, reason } = judgeApprovals(review, { requesters: [], token: null, notPeople: [] });
    return [state as string, reason.split("; ")[1] ?? ""];
  };
  const kim = activity("push", "kim", 7);
  expect(await judge([activity("push"), activity("branch_creation"), kim])).toEqual(["approved", APPROVED_CAVEAT]);
  expect(await judge([kim, activity("branch_creation")])).toEqual(["missing", "kim pushed some of the commits"]);
  expect(await judge([activity("push"), activity("branch_creation", "kim", 7)])).toEqual([
    "missing",
    "kim pushed some of the commits",
  ]);
  expect(await judge(Array(100).fill(activity("push")))).toEqual([
    "unknown",
    "the forge does not show whether kim pushed some of the commits",
  ]);
  // A deleted account, and a token without the right to the list.
  expect((await judge([{ activity_type: "push", actor: null }]))[0]).toBe("approved");
  expect((await judge(403))[0]).toBe("approved");
});

test("GITHUB.merging.read() reads who has pushed to the branch of a fork in the fork, never in the target's branch of the same name", async () => {
  const activityOf = (repository: string) => `/repos/${repository}/activity?ref=refs%2Fheads%2Fmain&per_page=100`;
  const push = (login: string, id: number) => ({ activity_type: "push", actor: { id, login, type: "User" } });
  const judge = async (fork: Node | null, rows: unknown) => {
    const node = { isCrossRepository: true, headRefName: "main", headRepository: fork };
    // kim, who has approved, has pushed to the target.
    const { review } = await read(node, { [activityOf("acme/web")]: [push("kim", 7)], [activityOf("ann/web")]: rows });
    const { state, reason } = judgeApprovals(review, { requesters: [], token: null, notPeople: [] });
    return [state as string, reason.split("; ")[1] ?? ""];
  };
  const fork = { nameWithOwner: "ann/web" };
  const hidden = ["unknown", "the forge does not show whether kim pushed some of the commits"];
  expect(await judge(fork, [push("ann", 9)])).toEqual(["approved", APPROVED_CAVEAT]);
  expect(await judge(fork, [push("ann", 9), push("kim", 7)])).toEqual(["missing", "kim pushed some of the commits"]);
  // A private fork, which this token cannot see; one that was deleted.
  expect(await judge(fork, 404)).toEqual(hidden);
  expect(await judge(null, [push("ann", 9)])).toEqual(hidden);
});

test("GITHUB.merging.read() reads when it got another target, and counts no earlier approval", async () => {
  // kim has approved at 10:30.
  const judge = async (...times: string[]) => {
    const { review } = await read({ timelineItems: { nodes: times.map((createdAt) => ({ createdAt })) } });
    return judgeApprovals(review, { requesters: [], token: null, notPeople: [] }).state as string;
  };
  expect([await judge(), await judge("2026-03-01T10:29:00Z"), await judge("2026-03-01T10:31:00Z")]).toEqual([
    "approved",
    "approved",
    "missing",
  ]);
});

const classic = (more: Node) => ({ baseRef: { target: { oid: BASE }, refUpdateRule: { pattern: "main", ...more } } });
const rule = (type: string, parameters: Node = {}) => ({ [RULES]: [{ type, parameters }] });

test.each<[string, Node, Record<string, unknown>, number | null]>([
  ["no rule", { reviewDecision: null }, {}, 0],
  ["a classic rule", classic({ requiredApprovingReviewCount: 2 }), {}, 2],
  ["a ruleset", {}, rule("pull_request", { required_approving_review_count: 3 }), 3],
  [
    "both",
    classic({ requiredApprovingReviewCount: 2 }),
    rule("pull_request", { required_approving_review_count: 1 }),
    2,
  ],
  ["a rule that is not shown", {}, {}, null],
  ["rulesets that are hidden", { reviewDecision: null }, { [RULES]: 403 }, null],
  ["rules that fill a page", { reviewDecision: null }, { [RULES]: Array(100).fill({ type: "deletion" }) }, null],
])("GITHUB.merging.read() reads the number of approvals of %s", async (_name, more, rest, required) => {
  expect((await read(more, rest)).review.required).toBe(required);
});

const check = (name: string, conclusion: string, isRequired: boolean | null = false) => ({
  ...{ __typename: "CheckRun", name, status: "COMPLETED" },
  ...{ conclusion, isRequired },
});
const checksRule = rule("required_status_checks", { required_status_checks: [{ context: "unit" }] });

test.each<[string, Node, Record<string, unknown>, Partial<MergeReading>]>([
  ["a draft that GitHub calls blocked", { mergeStateStatus: "BLOCKED" }, {}, {
    blocked: "the rules of the target branch block the merge",
  }],
  ["a state that GitHub does not show", { mergeStateStatus: null }, {}, {
    blocked: "GitHub does not show whether the pull request can be merged",
  }],
  ["hooks", { mergeStateStatus: "HAS_HOOKS" }, {}, { blocked: null }],
  ["one that is behind", { mergeStateStatus: "BEHIND" }, { [COMPARE]: { behind_by: 2 } }, {
    blocked: null,
    isOutdated: true,
  }],
  ["a comparison that is hidden", {}, { [COMPARE]: 403 }, { isOutdated: null }],
  ["one in the queue", { mergeStateStatus: "BLOCKED", isInMergeQueue: true }, {}, { blocked: null }],
  ["a review that is required", { reviewDecision: "REVIEW_REQUIRED" }, {}, {
    blocked: "the rules of the target branch require a review that is missing",
  }],
  [
    "a red check that is not required",
    { mergeStateStatus: "UNSTABLE", ...rollup("FAILURE", check("lint", "FAILURE")) },
    {},
    {
      blocked: null,
      isCheckRequired: false,
    },
  ],
  [
    "a red check of which it is not shown",
    { mergeStateStatus: "UNSTABLE", ...rollup("FAILURE", check("lint", "FAILURE", null)) },
    {},
    { blocked: "a check has not passed, and GitHub does not show whether it is required" },
  ],
  ["a required check that is red", rollup("FAILURE", check("unit", "FAILURE", true)), {}, {
    blocked: 'the required check "unit" has not passed',
    isCheckRequired: true,
  }],
  ["a check that a ruleset requires, and that is red", rollup("FAILURE", check("unit", "FAILURE", null)), checksRule, {
    blocked: 'the required check "unit" has not passed',
  }],
  [
    "our gate as a required check that waits",
    rollup("PENDING", { __typename: "StatusContext", context: "mogplex/gate", state: "PENDING", isRequired: true }),
    {},
    { blocked: 'the required check "mogplex/gate" has not passed' },
  ],
  ["a required check that has not begun", {}, checksRule, { blocked: 'the required check "unit" is missing' }],
  ["a required check that is green", rollup("SUCCESS", check("unit", "SUCCESS", null)), checksRule, { blocked: null }],
  ["a workflow that is required", {}, rule("workflows"), { isCheckRequired: true }],
  ["checks of hidden rulesets", {}, { [RULES]: 404 }, { isCheckRequired: null, methods: null }],
  ["a queue that only a ruleset shows", { isMergeQueueEnabled: undefined }, rule("merge_queue"), {
    facts: expect.objectContaining({ hasQueue: true }),
  }],
  [
    "checks of another commit than the newest, as of more than 250 commits",
    { commits: { nodes: [{ commit: { oid: BASE, statusCheckRollup: { state: "SUCCESS" } } }] } },
    {},
    { facts: expect.objectContaining({ checks: null }) },
  ],
  ["no queue", {}, {}, { facts: expect.objectContaining({ hasQueue: false }) }],
  ["a branch of which it is not shown whose it is", { isCrossRepository: undefined }, {}, {
    facts: expect.objectContaining({ isForeign: true }),
  }],
  ["a linear history", {}, rule("required_linear_history"), { methods: ["squash"] }],
  ["methods of a ruleset", {}, rule("pull_request", { allowed_merge_methods: ["merge"] }), { methods: ["merge"] }],
  ["one of a stack", {}, { [PULL]: { stack: { number: 5, size: 2 } } }, { isStacked: true }],
  ["a renamed file", { files: { totalCount: 1, nodes: [{ path: "b", changeType: "RENAMED" }] } }, {}, {
    changedFiles: null,
  }],
  ["more files than it shows", { files: { totalCount: 101, nodes: [{ path: "b", changeType: "ADDED" }] } }, {}, {
    changedFiles: null,
  }],
  ["one that was merged", { state: "MERGED", mergeCommit: { oid: BASE }, mergeStateStatus: "UNKNOWN" }, {}, {
    blocked: null,
    mergeCommit: BASE,
    mergedHead: HEAD,
  }],
])("GITHUB.merging.read() reads %s", async (_name, more, rest, expected) => {
  expect(await read(more, rest)).toMatchObject(expected);
});

const ADMIN = { viewerCanMergeAsAdmin: true };
const UNREAD = "this token can bypass the rules, and not all of them could be read";

test.each<[string, Node, Record<string, unknown>, string | null]>([
  ["without rules", {}, {}, null],
  ["with rules that are checked here", {}, {
    [RULES]: [{ type: "deletion" }, { type: "pull_request", parameters: {} }],
  }, null],
  ["with rulesets that are hidden", {}, { [RULES]: 403 }, UNREAD],
  ["with a protection that is hidden", classic({}), { [PROTECTION]: 403 }, UNREAD],
  [
    "with a protection that is checked here",
    classic({}),
    { [PROTECTION]: { required_signatures: { enabled: false } } },
    null,
  ],
  [
    "with a protection whose queue is not shown",
    { ...classic({}), isMergeQueueEnabled: undefined },
    { [PROTECTION]: {} },
    'this token can bypass the rule "merge_queue", which cannot be checked here',
  ],
  [
    "with code owners",
    classic({}),
    { [PROTECTION]: { required_pull_request_reviews: { require_code_owner_reviews: true } } },
    'this token can bypass the rule "require_code_owner_reviews", which cannot be checked here',
  ],
  [
    "with code owners of a ruleset",
    {},
    rule("pull_request", { require_code_owner_review: true }),
    'this token can bypass the rule "require_code_owner_review", which cannot be checked here',
  ],
  [
    "with a rule that is new",
    {},
    rule("moon_phase"),
    'this token can bypass the rule "moon_phase", which cannot be checked here',
  ],
  ["with fewer rules than fill a page", {}, { [RULES]: Array(99).fill({ type: "deletion" }) }, null],
  ["with rules that fill a page", {}, { [RULES]: Array(100).fill({ type: "deletion" }) }, UNREAD],
  ["where it is not shown whether it may", { viewerCanMergeAsAdmin: null }, { [RULES]: 403 }, UNREAD],
])(
  "GITHUB.merging.read() says whether an administrator's token may bypass rules %s",
  async (_name, more, rest, bypass) => {
    expect((await read({ ...ADMIN, ...more }, rest)).bypass).toBe(bypass);
  },
);

test("GITHUB.merging.read() waits until GitHub knows whether it can be merged, for six seconds", async () => {
  const { client, clock } = worldOf(aNode({ ...OPEN, mergeable: "UNKNOWN", mergeStateStatus: "UNKNOWN" }));
  const reading = await GITHUB.merging?.read(client, ADDRESS);
  expect([clock.now(), (reading as MergeReading).blocked]).toEqual([
    6_000,
    "GitHub is still checking whether the pull request can be merged",
  ]);
});

test("GITHUB.merging.read() returns why it is not shown", async () => {
  expect(await GITHUB.merging?.read(worldOf(null).client, ADDRESS)).toEqual(NO_READ_ACCESS);
  const { client } = worldOf(aNode(OPEN), { [PULL]: 404 });
  expect(await GITHUB.merging?.read(client, ADDRESS)).toEqual(notFound("GitHub"));
});

test("GITHUB.merging.checks() reads the checks of a commit without our own", async () => {
  const { client, github } = worldOf(aNode(OPEN));
  const [commit] =
    (rollup("SUCCESS", { context: "mogplex", state: "SUCCESS" }).commits as { nodes: [{ commit: Node }] }).nodes;
  github.commits.set(BASE, commit.commit);
  github.commits.set(HEAD, { statusCheckRollup: null });
  const checks = async (oid: string) => await GITHUB.merging?.checks(client, ADDRESS, oid);
  expect([await checks(BASE), await checks(HEAD), await checks("c".repeat(40))]).toEqual(["none", "none", null]);
  github.faults.push(
    json(200, { data: { p0: { object: {} } }, errors: [{ type: "FORBIDDEN", path: ["p0", "object"] }] }),
  );
  expect(await checks(BASE)).toBeNull();
});

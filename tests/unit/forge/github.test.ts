import { expect, test } from "bun:test";
import fc from "fast-check";
import { aNode, aReview, githubForge, html, json, type Node, reviews, rollup } from "./github_forge.ts";
import { forgeWorld, GITHUB_TOKEN } from "./world.ts";
import { propertyRuns } from "../../property_runs.ts";

const url = (name: string, number = 7) => `https://github.com/acme/${name}/pull/${number}`;

async function readOne(node: Node | null, errors: { type: string; path: (string | number)[] }[] = []) {
  const { forges, github } = forgeWorld();
  github.pulls.set("acme/web#7", node);
  github.errors.set("acme/web#7", errors);
  const { facts, refused, failed } = await forges.read([url("web")]);
  return { facts: facts.get(url("web")), refused: refused.get(url("web")), failed: failed.get(url("web")) };
}

const NO_REVIEW = { reviewDecision: null, ...reviews() };
const BOT = { __typename: "Bot", login: "copilot", databaseId: 8 };
const OLDER = { commit: { oid: "0".repeat(40) } };

test("Forges reads what GitHub says of a pull request in words of its own", async () => {
  const { facts } = await readOne(aNode({ assignees: { nodes: [{ login: "kim" }] } }));
  expect(facts).toEqual({
    url: url("web"),
    repositoryId: "4711",
    state: "open",
    draft: false,
    checks: "green",
    review: "approved",
    conflict: false,
    owner: "kim",
    branch: "mogplex/replace-moment",
    isForeign: false,
    isGuarded: false,
    commit: "c0ffee".padEnd(40, "0"),
    isBehind: false,
    files: 2,
    additions: 12,
    deletions: 3,
    hasQueue: false,
    createdAt: "2026-03-01T10:00:00Z",
    updatedAt: "2026-03-01T11:00:00Z",
    mergedAt: null,
    closedAt: null,
    problem: null,
  });
});

test.each<[Node, Record<string, unknown>]>([
  [{ isCrossRepository: true }, { isForeign: true }],
  [{ headRef: { refUpdateRule: { pattern: "release/*" } } }, { isGuarded: true }],
  [{ headRefName: "main" }, { isGuarded: true }],
  [{ headRef: null, baseRepository: null }, { isGuarded: false }],
  [{ mergeStateStatus: "BEHIND" }, { isBehind: true }],
  [{ isMergeQueueEnabled: true }, { hasQueue: true }],
  [{ headRefOid: null }, { commit: null }],
  // GitHub closes what it merges: both times are there.
  [{ state: "MERGED", mergedAt: "2026-03-02T09:00:00Z", closedAt: "2026-03-02T09:00:00Z" }, {
    state: "merged",
    mergedAt: "2026-03-02T09:00:00Z",
    closedAt: null,
  }],
  [{ state: "CLOSED", closedAt: "2026-03-02T09:00:00Z" }, {
    state: "closed",
    mergedAt: null,
    closedAt: "2026-03-02T09:00:00Z",
  }],
  [rollup("FAILURE"), { checks: "red" }],
  [rollup("ERROR"), { checks: "red" }],
  [rollup("EXPECTED"), { checks: "pending" }],
  [rollup("PENDING"), { checks: "pending" }],
  [rollup(null), { checks: "none", problem: null }],
  [rollup("SOMETHING_NEW"), { checks: null }],
  [{ mergeable: "CONFLICTING" }, { conflict: true }],
  [{ mergeable: "UNKNOWN" }, { conflict: null }],
  [{ reviewDecision: "CHANGES_REQUESTED" }, { review: "changes-requested" }],
  [NO_REVIEW, { review: "not-requested" }],
  [{ ...NO_REVIEW, ...reviews(aReview({ state: "CHANGES_REQUESTED" })) }, { review: "changes-requested" }],
  [{ ...NO_REVIEW, ...reviews(aReview({ state: "CHANGES_REQUESTED", ...OLDER })) }, { review: "changes-requested" }],
  [{ reviewDecision: null }, { review: "approved" }],
  [{ ...NO_REVIEW, reviewDecision: "REVIEW_REQUIRED" }, { review: "not-requested" }],
  [{ reviewDecision: "REVIEW_REQUIRED" }, { review: "requested" }],
  [reviews(aReview({ state: "DISMISSED" })), { review: "not-requested" }],
  // GitHub's own decision stays after a push, and may come from a program alone.
  [reviews(aReview(OLDER)), { review: "requested" }],
  [{ headRefOid: "f".repeat(40) }, { review: "requested" }],
  ...[null, "REVIEW_REQUIRED", "APPROVED"].map((reviewDecision): [Node, Record<string, unknown>] => [
    { reviewDecision, ...reviews(aReview({ author: BOT })) },
    { review: "not-requested" },
  ]),
  [reviews(aReview({ author: null })), { review: "not-requested" }],
  [{ author: { __typename: "User", login: "kim", databaseId: 7 } }, { review: "requested" }],
  [{
    writers: { totalCount: 1, nodes: [{ commit: { author: null, committer: { user: { databaseId: 7 } } } }] },
  }, {
    review: "requested",
  }],
  [{ baseRef: { refUpdateRule: { requiredApprovingReviewCount: 2 } } }, { review: "requested" }],
  [reviews(aReview(), null), { review: null, problem: "GitHub does not show the review to this token" }],
  [{ latestOpinionatedReviews: { totalCount: 101, nodes: [aReview()] } }, { review: null }],
  [{ ...NO_REVIEW, ...reviews(aReview({ state: "CHANGES_REQUESTED", author: BOT })) }, { review: "not-requested" }],
  [{ ...reviews(aReview({ state: "CHANGES_REQUESTED", author: BOT })), reviewDecision: "CHANGES_REQUESTED" }, {
    review: "changes-requested",
  }],
  [{ ...NO_REVIEW, reviewRequests: { totalCount: 1, nodes: [{ requestedReviewer: { __typename: "Bot" } }] } }, {
    review: "not-requested",
    owner: null,
  }],
  [
    {
      ...NO_REVIEW,
      reviewRequests: {
        totalCount: 2,
        nodes: [{ requestedReviewer: { __typename: "Bot" } }, {
          requestedReviewer: { __typename: "User", login: "kim" },
        }],
      },
    },
    { review: "requested", owner: "kim" },
  ],
  [{
    ...NO_REVIEW,
    reviewRequests: { totalCount: 1, nodes: [{ requestedReviewer: { combinedSlug: "acme/web-team" } }] },
  }, {
    review: "requested",
    owner: "acme/web-team",
  }],
])("Forges reads %j of GitHub as %j", async (more, expected) => {
  expect((await readOne(aNode(more))).facts).toMatchObject(expected);
});

const run = (name: string, conclusion: string | null) => ({
  __typename: "CheckRun",
  name,
  conclusion,
  status: "COMPLETED",
});
const status = (context: string, state: string) => ({ __typename: "StatusContext", context, state });

test.each<[string, Node, string | null]>([
  ["a status of ours alone", rollup("SUCCESS", status("mogplex", "SUCCESS")), "none"],
  [
    "a gate that waits, and a green check",
    rollup("PENDING", status("mogplex/gate", "PENDING"), run("unit", "SUCCESS")),
    "green",
  ],
  ["the gate's job, which is red", rollup("FAILURE", run("Review / mogplex/gate", "FAILURE")), "none"],
  ["our status, and a red check", rollup("FAILURE", status("mogplex", "SUCCESS"), run("unit", "TIMED_OUT")), "red"],
  [
    "our status, and a check that runs",
    rollup("PENDING", status("mogplex", "SUCCESS"), { name: "unit", status: "IN_PROGRESS" }),
    "pending",
  ],
  [
    "our status, and a word that we do not know",
    rollup("PENDING", status("mogplex", "SUCCESS"), run("unit", "NEW")),
    null,
  ],
  [
    "a check with a name like ours",
    rollup("FAILURE", run("mogplex-tests", "FAILURE"), run("CI / mogplex", "FAILURE")),
    "red",
  ],
])("Forges leaves out our own checks of GitHub: %s", async (_name, more, checks) => {
  expect((await readOne(aNode(more))).facts).toMatchObject({ checks, state: "open" });
});

test("Forges believes GitHub's own word for more checks than it shows", async () => {
  const contexts = { totalCount: 101, nodes: [status("mogplex/gate", "FAILURE")] };
  const more = { commits: { nodes: [{ commit: { statusCheckRollup: { state: "FAILURE", contexts } } }] } };
  expect((await readOne(aNode(more))).facts?.checks).toBe("red");
});

test("Forges calls unknown what a token may not see, and never absent", async () => {
  const path = ["commits", "nodes", 0, "commit", "statusCheckRollup"];
  const hidden = await readOne(aNode(), [{ type: "FORBIDDEN", path }]);
  expect(hidden.facts).toMatchObject({ state: "open", checks: null, review: "approved" });
  expect(hidden.facts?.problem).toContain("the checks");
  const review = await readOne(aNode(NO_REVIEW), [{ type: "FORBIDDEN", path: ["reviewRequests"] }]);
  expect(review.facts).toMatchObject({ review: null, checks: "green" });
  // A team that may not be named was asked all the same.
  const asked = aNode({ ...NO_REVIEW, reviewRequests: { totalCount: 1, nodes: [{ requestedReviewer: {} }] } });
  const team = await readOne(asked, [{ type: "FORBIDDEN", path: ["reviewRequests", "nodes", 0, "requestedReviewer"] }]);
  expect(team.facts).toMatchObject({ review: "requested", owner: null, problem: null });
});

test("Forges asks GitHub for 50 pull requests at a time, and tells which one of 100 it may not see", async () => {
  const { forges, github } = forgeWorld();
  const urls = Array.from({ length: 100 }, (_, index) => url(`p${index}`));
  for (let index = 0; index < 100; index++) github.pulls.set(`acme/p${index}#7`, index === 42 ? null : aNode());
  github.pulls.delete("acme/p77#7");
  const { facts, refused, failed, unasked } = await forges.read(urls);
  expect([facts.size, failed.size, unasked.size, github.received.length, forges.requests]).toEqual([98, 0, 0, 2, 2]);
  expect([...refused]).toEqual([
    [url("p42"), "this token has no read access"],
    [url("p77"), "not found on GitHub: it was deleted, or this token cannot see it"],
  ]);
});

test("Forges needs three points of GitHub's hour for 50 pull requests, which has 1000 for the token of a job", async () => {
  const { forges, github } = forgeWorld();
  github.pulls.set("acme/web#7", aNode());
  await forges.read([url("web")]);
  // Source: GitHub, "Rate limits and query limits for the GraphQL API": a point for 100 lists. None of these is in a list of many.
  const lists = github.received[0]?.query.match(/\w+\((?:first|last): \d+/g);
  expect(lists).toEqual([
    "assignees(first: 1",
    "reviewRequests(first: 20",
    "latestOpinionatedReviews(first: 100",
    "commits(last: 100",
    "commits(last: 1",
    "contexts(first: 100",
  ]);
});

test("Forges follows a repository that has another name now, and gives its new address", async () => {
  const { forges, github } = forgeWorld();
  github.pulls.set("acme/site#7", aNode());
  github.renamed.set("acme/web", "acme/site");
  expect((await forges.read([url("web")])).facts.get(url("web"))?.url).toBe(url("site"));
});

test("Forges sends the names of repositories as variables, never as a part of the query", async () => {
  const { forges, github } = forgeWorld();
  github.pulls.set("acme/web#7", aNode());
  await forges.read([url("web")]);
  expect(github.received[0]?.query).not.toContain("acme");
  expect(github.received[0]?.variables).toEqual({ o0: "acme", n0: "web", i0: 7 });
  expect(github.received[0]?.url).toBe("https://api.github.com/graphql");
  expect(github.received[0]?.authorization).toBe(`Bearer ${GITHUB_TOKEN}`);
});

test("Forges finds the API of a GitHub Enterprise host that was named, and of ghe.com", async () => {
  for (
    const [host, api] of [["git.example.com", "git.example.com/api"], ["acme.ghe.com", "api.acme.ghe.com"]] as const
  ) {
    const asked: string[] = [];
    const github = githubForge(host === "acme.ghe.com" ? "api.acme.ghe.com" : host);
    const world = forgeWorld({ github, hosts: [`${host}=GHE_TOKEN`], env: { GHE_TOKEN: "ghe-token" } });
    await world.forges.read([`https://${host}/acme/web/pull/7`]);
    asked.push(...github.received.map((request) => request.url));
    expect(asked).toEqual([`https://${api}/graphql`]);
  }
});

test.each<[string, () => Response, number]>([
  [
    "a used up hour",
    () =>
      json(200, { data: null, errors: [{ type: "RATE_LIMITED", message: "API rate limit exceeded" }] }, {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": String(Math.floor(Date.parse("2026-01-01T00:00:30Z") / 1_000)),
        "date": "Thu, 01 Jan 2026 00:00:00 GMT",
      }),
    30_000,
  ],
  [
    "a secondary limit",
    () => json(403, { message: "You have exceeded a secondary rate limit" }, { "retry-after": "20" }),
    20_000,
  ],
  [
    "a secondary limit without a time",
    () => json(403, { message: "You have exceeded a secondary rate limit." }),
    60_000,
  ],
])("Forges waits as long as GitHub asks after %s", async (_name, answer, waitMs) => {
  const { forges, github, clock } = forgeWorld();
  github.pulls.set("acme/web#7", aNode());
  github.faults.push(answer());
  const before = clock.now();
  expect((await forges.read([url("web")])).facts.size).toBe(1);
  expect(clock.now() - before).toBe(waitMs);
});

test("Forges tells a limit that lasts too long, and asks no further", async () => {
  const { forges, github, clock } = forgeWorld();
  github.faults.push(json(403, { message: "secondary rate limit" }, { "retry-after": "3600" }));
  const before = clock.now();
  const { failed } = await forges.read(Array.from({ length: 120 }, (_, index) => url(`p${index}`)));
  expect([failed.size, github.received.length, clock.now() - before]).toEqual([120, 1, 0]);
  expect(failed.get(url("p0"))).toContain("the rate limit of GitHub lasts longer");
});

test.each<[string, () => Response | "reset"]>([
  ["a page in place of JSON", () => html()],
  ["a gateway's error", () => html(502)],
  ["a lost connection", () => "reset"],
  ["JSON that is no answer", () => json(200, { message: "Not Found" })],
  ["no data at all", () => json(200, { data: null, errors: [{ message: "Something went wrong" }] })],
])("Forges tries again after %s, and tells it when it lasts", async (_name, fault) => {
  const { forges, github } = forgeWorld();
  github.pulls.set("acme/web#7", aNode());
  github.faults.push(fault());
  expect((await forges.read([url("web")])).facts.size).toBe(1);
  github.faults.push(...Array.from({ length: 50 }, fault));
  const { facts, failed } = await forges.read([url("web")]);
  expect([facts.size, failed.size]).toEqual([0, 1]);
});

test("Forges tells a token that GitHub refuses by the name of its variable", async () => {
  const { forges, github } = forgeWorld();
  github.faults.push(json(401, { message: `Bad credentials ${GITHUB_TOKEN}` }));
  const { failed } = await forges.read([url("web"), url("api")]);
  expect([...failed.keys()]).toEqual([url("web"), url("api")]);
  expect(failed.get(url("web"))).toContain("variable GITHUB_TOKEN");
  expect(failed.get(url("web"))).not.toContain(GITHUB_TOKEN);
});

test("Forges refuses an answer about another pull request", async () => {
  for (const other of ["https://github.com/acme/web/pull/8", "https://evil.example/acme/web/pull/7", "javascript:1"]) {
    expect((await readOne(aNode({ url: other }))).refused).toContain("another pull request");
  }
});

test("Forges judges every answer for its own pull request, whatever one of them holds", async () => {
  const junk = fc.oneof(fc.constant(null), fc.string(), fc.integer(), fc.constant([]), fc.constant({}));
  const keys = Object.keys(aNode());
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...keys), junk, async (key, value) => {
      const { forges, github } = forgeWorld();
      github.pulls.set("acme/web#7", aNode({ [key]: value }));
      github.pulls.set("acme/api#7", aNode());
      const { facts, refused, failed } = await forges.read([url("web"), url("api")]);
      expect([facts.has(url("api")), facts.size + refused.size, failed.size]).toEqual([true, 2, 0]);
    }),
    { numRuns: propertyRuns(100) },
  );
});

test("Forges.find finds the pull request of a branch, says when the branch has no pull request, and says nothing after a failure", async () => {
  const { forges, github } = forgeWorld();
  github.pulls.set("acme/web#7", aNode());
  const place = {
    forge: "github",
    host: "github.com",
    repository: "acme/web",
    branch: "mogplex/replace-moment",
    since: 0,
  } as const;
  expect(await forges.find(place)).toBe(url("web"));
  expect(await forges.find({ ...place, branch: "other" })).toBeNull();
  expect(await forges.find({ ...place, since: Date.parse("2026-03-02T00:00:00Z") })).toBeNull();
  // Anybody can give a branch of a fork the same name.
  github.pulls.set("acme/web#7", aNode({ isCrossRepository: true }));
  expect(await forges.find(place)).toBeNull();
  github.faults.push(json(401, {}));
  expect(await forges.find(place)).toBeUndefined();
});

test("Forges concludes only from NOT_FOUND and FORBIDDEN that a pull request is not shown", async () => {
  // Source of the message: GitHub's answers, gayanvoice/top-github-users issue 107.
  for (const type of ["", "INTERNAL", "RESOURCE_LIMITS_EXCEEDED", "TIMEOUT"]) {
    const path = ["commits", "nodes", 0, "commit", "statusCheckRollup"];
    const part = await readOne(aNode(), [{ type, path }]);
    expect([part.facts, part.refused, part.failed]).toEqual([
      undefined,
      undefined,
      expect.stringContaining("is incomplete"),
    ]);
    const whole = await readOne(aNode(), [{ type, path: [] }]);
    expect([whole.refused, whole.failed]).toEqual([undefined, expect.stringContaining("is incomplete")]);
  }
  expect((await readOne(aNode(), [{ type: "NOT_FOUND", path: [] }])).refused).toContain("not found on GitHub");
});

test("Forges names the single sign-on that a token is not authorized for", async () => {
  // Source of the answer: fwouts/prmonitor issue 1042.
  const { forges, github } = forgeWorld();
  const message = "Resource protected by organization SAML enforcement.";
  github.faults.push(json(200, {
    data: { p0: { pullRequest: null } },
    errors: [{ type: "FORBIDDEN", path: ["p0", "pullRequest"], extensions: { saml_failure: true }, message }],
  }));
  expect((await forges.read([url("web")])).refused.get(url("web"))).toContain("SAML single sign-on");
  github.faults.push(json(403, { message }, { "x-github-sso": "required; url=https://github.com/orgs/acme/sso?x=y" }));
  const { failed } = await forges.read([url("web")]);
  expect(failed.get(url("web"))).toContain("SAML single sign-on");
});

test("Forges waits after the abuse limit of an older GitHub Enterprise Server", async () => {
  const { forges, github, clock } = forgeWorld();
  github.pulls.set("acme/web#7", aNode());
  const message = "You have triggered an abuse detection mechanism. Please wait a few minutes before you try again.";
  github.faults.push(json(403, { message }));
  const before = clock.now();
  expect((await forges.read([url("web")])).facts.size).toBe(1);
  expect(clock.now() - before).toBe(60_000);
});

test("Forges tells a proxy's page from a refusal of the forge, and what to do", async () => {
  const { forges, github } = forgeWorld();
  github.faults.push(...Array.from({ length: 50 }, () => html(403)));
  const { failed, refused } = await forges.read([url("web")]);
  expect([refused.size, failed.get(url("web"))]).toEqual([0, expect.stringContaining("list the host in NO_PROXY")]);
});

/** A GitHub that answers as many pull requests as it can in its ten seconds. */
function slowGithub(most: number, alone: ReadonlySet<string> = new Set()) {
  const world = forgeWorld();
  const answer = world.github.fetch;
  const sizes: number[] = [];
  world.github.fetch = async (address, init) => {
    const { variables } = JSON.parse(String(init.body)) as { variables: Record<string, unknown> };
    const names = Object.keys(variables).filter((key) => key.startsWith("n")).map((key) => String(variables[key]));
    sizes.push(names.length);
    return names.length > most || names.some((name) => alone.has(name)) ? html(502) : await answer(address, init);
  };
  return { ...world, sizes };
}

test("Forges halves a query that is too large for GitHub, down to one, and remembers the size", async () => {
  const { forges, github, sizes } = slowGithub(13);
  const urls = Array.from({ length: 50 }, (_, index) => url(`p${index}`));
  for (let index = 0; index < 50; index++) github.pulls.set(`acme/p${index}#7`, aNode());
  expect((await forges.read(urls)).facts.size).toBe(50);
  expect(sizes).toEqual([50, 25, 12, 12, 12, 12, 2]);
  sizes.length = 0;
  expect((await forges.read(urls)).facts.size).toBe(50);
  expect(sizes[0]).toBe(12);
});

test("Forges reads all but the one pull request that GitHub cannot show in time", async () => {
  const { forges, github } = slowGithub(50, new Set(["p7"]));
  const urls = Array.from({ length: 20 }, (_, index) => url(`p${index}`));
  for (let index = 0; index < 20; index++) github.pulls.set(`acme/p${index}#7`, aNode());
  const { facts, failed } = await forges.read(urls);
  expect([facts.size, [...failed.keys()]]).toEqual([19, [url("p7")]]);
});

test("Forges gives up on a GitHub that is out of reach, and does not ask for each pull request", async () => {
  const { forges, github, sizes, notices } = slowGithub(0);
  const urls = Array.from({ length: 50 }, (_, index) => url(`p${index}`));
  for (let index = 0; index < 50; index++) github.pulls.set(`acme/p${index}#7`, aNode());
  const { failed } = await forges.read(urls);
  expect([failed.size, sizes.slice(0, 6)]).toEqual([50, [50, 25, 12, 6, 3, 1]]);
  expect(sizes.length).toBeLessThan(40);
  // The request is sent for all of them, even if it has shrunk to one.
  expect(notices.length).toBeGreaterThan(2);
  for (const { message } of notices) {
    expect(message).toStartWith("Cannot read pull requests at github.com yet (HTTP 502");
  }
});

test("Forges asks again for what GitHub left out of a large answer, in smaller ones", async () => {
  const { forges, github } = forgeWorld();
  const urls = Array.from({ length: 8 }, (_, index) => url(`p${index}`));
  for (let index = 0; index < 8; index++) github.pulls.set(`acme/p${index}#7`, aNode());
  const answer = github.fetch;
  github.fetch = async (address, init) => {
    const { variables } = JSON.parse(String(init.body)) as { variables: Record<string, unknown> };
    const large = Object.keys(variables).length > 3 * 2;
    for (let index = 0; index < 8; index++) {
      github.errors.set(`acme/p${index}#7`, large && index > 4 ? [{ type: "", path: [] }] : []);
    }
    return await answer(address, init);
  };
  const { facts, failed } = await forges.read(urls);
  expect([facts.size, failed.size, github.received.length]).toEqual([8, 0, 5]);
});

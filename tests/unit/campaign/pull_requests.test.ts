import { expect, test } from "bun:test";
import { PullRequests, pullRequestText } from "../../../lib/campaign/pulls.ts";
import type { CampaignItem } from "../../../lib/campaign/view/view.ts";
import { SCENARIO_TEXTS } from "../../../lib/emulator/agents/scenario.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { aNode, type GithubForge, githubForge, json, type Node, rollup } from "../forge/github_forge.ts";
import { ended, foldJournal, intent, lockItem, lockOf, recordsOf, started, uuidOf } from "./journal/sample.ts";
import { type CampaignWorld, campaignWorld, type CampaignWorldOptions, failureOf, project } from "./world.ts";

const MINUTE = 60_000;
/** Every run opens pull request 7 of its repository. */
const SCENARIO = (SCENARIO_TEXTS.success ?? "").replace('"${pull}"', '"https://github.com/${repo}/pull/7"');

/** A campaign whose pull requests are on a GitHub. @param nodes What GitHub says of the pull request of each repository, by its number. */
function worldOf(
  nodes: (Node | null)[],
  options: Partial<CampaignWorldOptions> = {},
): CampaignWorld & { github: GithubForge } {
  const github = githubForge();
  const set = (number: number, node: Node | null) => github.pulls.set(`${project(number)}#7`, node);
  nodes.forEach((node, index) => set(index + 1, node));
  const file = { branch: "mogplex/replace-moment", ...options.file };
  const world = campaignWorld({ count: nodes.length, scenarios: SCENARIO, github, ...options, file });
  return Object.assign(world, { github });
}

const states = (view: { items: readonly { pullRequestState: { state: string } | null }[] }) =>
  view.items.map(({ pullRequestState }) => pullRequestState?.state ?? null);

test("advanceCampaign() reads pull requests, and records only what has changed", async () => {
  const world = worldOf([
    aNode({ reviewRequests: { totalCount: 1, nodes: [{ requestedReviewer: { login: "kim" } }] } }),
    aNode({ state: "MERGED" }),
  ]);
  const { view } = await world.waves(["done"]);
  expect(states(view)).toEqual(["open", "merged"]);
  expect(view.items[0]?.pullRequestState).toMatchObject({
    checks: "green",
    review: "approved",
    owner: "kim",
    reason: null,
  });
  const recorded = async () => (await world.records()).filter(({ type }) => type === "pull-request").length;
  expect(await recorded()).toBe(2);
  const before = world.github.received.length;
  await world.clock.sleep(15 * MINUTE);
  // After the end no request goes to the service, and what is merged is not read again.
  const requests = world.requests.length;
  await world.advance();
  expect([await recorded(), world.requests.length - requests]).toEqual([2, 0]);
  expect(world.github.received.slice(before).map(({ variables }) => variables.n0)).toEqual(["project-0001"]);
  world.github.pulls.set(`${project(1)}#7`, aNode(rollup("FAILURE")));
  await world.clock.sleep(15 * MINUTE);
  expect((await world.advance()).view.items[0]?.stuck).toBe("failed-checks");
  expect(await recorded()).toBe(3);
});

test("readCampaign() shows what the forge says now, and writes nothing", async () => {
  const world = worldOf([aNode()]);
  await world.waves(["done"]);
  world.github.pulls.set(`${project(1)}#7`, aNode({ mergeable: "CONFLICTING" }));
  await world.clock.sleep(10 * MINUTE);
  const count = (await world.records()).length;
  const view = await world.read();
  expect(view.items[0]).toMatchObject({ stuck: "conflict", pullRequestState: { conflict: true } });
  expect(view.causes).toMatchObject([{
    word: "conflict",
    stuck: "conflict",
    owners: ["acme"],
    items: [view.items[0]?.id],
  }]);
  expect((await world.records()).length).toBe(count);
});

test("advanceCampaign() without a token reads no pull request, and says that it was not read", async () => {
  const world = campaignWorld({ count: 1, scenarios: SCENARIO });
  const { view } = await world.waves(["done"]);
  expect([view.items[0]?.pullRequest, view.items[0]?.pullRequestState, view.items[0]?.stuck]).toEqual([
    `https://github.com/${project(1)}/pull/7`,
    null,
    null,
  ]);
});

/** The run leaves two changed files, which the service commits. */
const COMMITTED = SCENARIO.replace("auto_committed_files: []", "auto_committed_files: [src/a.ts, src/b.ts]");

test("advanceCampaign() counts the files that the events of a run name, without a request more", async () => {
  const [plain, committed] = [SCENARIO, COMMITTED].map((scenarios) => campaignWorld({ count: 1, scenarios }));
  const views = await Promise.all([plain, committed].map((world) => world?.waves(["done"])));
  expect(views.map((end) => end?.view.items[0]?.files)).toEqual([undefined, 2]);
  expect(committed?.requests.length).toBe(plain?.requests.length ?? NaN);
});

test("advanceCampaign() keeps what the forge says of files and lines beside what the events say", async () => {
  const node = aNode({ changedFiles: 5, additions: 40, deletions: 7 });
  const { view } = await worldOf([node, null], { scenarios: COMMITTED }).waves(["done"]);
  expect(view.items.map(({ files, pullRequestState: pull }) => [files, pull?.files, pull?.additions])).toEqual([
    [2, 5, 40],
    [2, null, null],
  ]);
});

test("advanceCampaign() reports a pull request that it may not see, and one that it could not read", async () => {
  const world = worldOf([aNode(), null]);
  const { view } = await world.waves(["done"]);
  expect(states(view)).toEqual(["open", "unreadable"]);
  expect(view.items[1]).toMatchObject({
    stuck: "unreadable",
    pullRequestState: { checks: null, reason: "this token has no read access" },
  });
  expect(world.notices.filter((notice) => notice.includes("has no read access"))).toHaveLength(1);
  world.github.faults.push(json(403, { message: "secondary rate limit" }, { "retry-after": "3600" }));
  await world.clock.sleep(15 * MINUTE);
  // What was known stays known.
  expect(states((await world.advance()).view)).toEqual(["open", "unreadable"]);
  expect(world.notices.at(-1)).toContain(
    "2 pull requests could not be read this time: the rate limit of GitHub lasts longer than this program can wait",
  );
});

test("advanceCampaign() settles an item that is unknown by the pull request of its branch", async () => {
  // Nothing in the events says what came of it, except for the files.
  const hidden = COMMITTED.replace(/pull_request_url: .*/, 'pull_request_url: "javascript:alert(1)"');
  const world = worldOf([
    aNode({ headRefName: "fix-1", createdAt: "2099-01-01T00:00:00Z" }),
    aNode({ headRefName: "other" }),
  ], {
    scenarios: hidden,
    file: {
      branch: "fix-{{ ticket }}",
      success: { require: "pull-request" },
      repositories: [1, 2].map((number) => ({
        repo: project(number),
        variables: { ticket: String(number) },
      })),
    },
  });
  const { view } = await world.waves(["done"]);
  expect(view.items.map(({ verdict, pullRequest, files }) => [verdict, pullRequest, files])).toEqual([
    ["succeeded", `https://github.com/${project(1)}/pull/7`, 2],
    ["unknown", null, 2],
  ]);
});

test("advanceCampaign() keeps its end, whatever address a forge names for a pull request", async () => {
  const world = worldOf([aNode({ url: `https://github.com/acme/${"x".repeat(3_000)}/pull/7` })]);
  const { view } = await world.waves(["done"]);
  expect([view.exitCode, states(view), view.items[0]?.pullRequestState?.reason]).toEqual([
    0,
    ["unreadable"],
    "the response is about another pull request",
  ]);
});

test("advanceCampaign() looks for no further branch when the forge does not answer", async () => {
  const hidden = SCENARIO.replace(/pull_request_url: .*/, 'pull_request_url: "javascript:alert(1)"');
  const world = worldOf([aNode(), aNode(), aNode(), aNode()], {
    scenarios: hidden,
    file: { branch: "fix", success: { require: "pull-request" } },
  });
  const asked = new Set<unknown>();
  world.github.fetch = (_url, init) => {
    asked.add(JSON.parse(String(init.body)).variables.n);
    return new Promise((_, reject) => init.signal?.addEventListener("abort", () => reject(new Error("aborted"))));
  };
  const { view } = await world.waves(["done", "waiting"]);
  expect([view.counts.unknown, asked.size]).toEqual([4, 1]);
});

test("PullRequests.refresh() looks for branches for five minutes at most, while the forge answers slowly", async () => {
  const items = Array.from({ length: 15 }, (_, index) => lockItem(index).id);
  const bodies = items.flatMap((item, index) => [
    intent(item, 1),
    started(item, 1, uuidOf(index), { branch: "agent/x" } as never),
    ended(item, 1, "unknown", { runId: uuidOf(index), status: "success" } as never),
  ]);
  const memory = foldJournal(lockOf(items.length), await recordsOf(bodies));
  const clock = virtualClock();
  const asked: string[] = [];
  const forges = {
    only: { forge: "github", host: "github.com" },
    async find({ repository }: { repository: string }) {
      asked.push(repository);
      await clock.sleep(29_000);
      return null;
    },
  };
  await new PullRequests(forges as never, clock, () => {}).refresh(memory, () => {});
  expect([asked.length, clock.now()]).toEqual([11, 11 * 29_000]);
});

const LIMITED = { file: { limits: { "open-pull-requests": 2 } } };

test("limits.open-pull-requests lets no more runs start than may open a pull request", async () => {
  const world = worldOf([aNode(), aNode(), aNode(), aNode()], LIMITED);
  const first = await world.advance();
  expect([first.view.counts.running, first.view.waitingFor]).toEqual([2, "pull-requests"]);
  await world.clock.sleep(15 * MINUTE);
  const second = await world.advance();
  expect([second.view.counts.succeeded, second.view.counts.waiting, second.view.waitingFor]).toEqual([
    2,
    2,
    "pull-requests",
  ]);
  expect(second.view.nextWaveAt).not.toBeNull();
  world.github.pulls.set(`${project(1)}#7`, aNode({ state: "MERGED" }));
  await world.clock.sleep(15 * MINUTE);
  expect((await world.advance()).view.counts).toMatchObject({ running: 1, waiting: 1 });
});

test("limits.open-pull-requests starts nothing but follow-ups once that many are open", async () => {
  const world = worldOf([aNode(rollup("FAILURE")), aNode()], {
    file: { limits: { "open-pull-requests": 1 }, "on-failed-checks": { prompt: "Fix it" } },
  });
  await world.advance();
  await world.clock.sleep(15 * MINUTE);
  const { view } = await world.advance();
  expect(world.starts.map(({ body }) => JSON.parse(body).prompt)).toEqual(["Replace moment in project-0001", "Fix it"]);
  expect(view.items.map(({ verdict, starts }) => [verdict, starts])).toEqual([["running", 2], ["waiting", 0]]);
});

test("limits.open-pull-requests starts nothing while one of the pull requests cannot be read", async () => {
  const world = worldOf([null, aNode({ state: "MERGED" }), aNode(), aNode()], LIMITED);
  await world.advance();
  await world.clock.sleep(15 * MINUTE);
  const { view } = await world.advance();
  expect([view.counts.succeeded, view.counts.waiting, view.waitingFor]).toEqual([2, 2, "pull-requests"]);
  // A person who knows better says so.
  await world.decide({ kind: "skip", select: { only: [project(1)] }, reason: "gone" });
  expect((await world.advance()).view.counts).toMatchObject({ skipped: 1, running: 2 });
});

test("limits.open-pull-requests starts nothing when the forge is out of reach, although the journal knows the pull requests", async () => {
  const world = worldOf([aNode({ state: "CLOSED" }), aNode(), aNode()], LIMITED);
  world.github.faults.push(...Array.from({ length: 200 }, () => new Response("<html>", { status: 502 })));
  await world.advance();
  await world.clock.sleep(15 * MINUTE);
  const { view } = await world.advance();
  expect([view.counts.waiting, view.waitingFor]).toEqual([1, "pull-requests"]);
  world.github.faults.length = 0;
  await world.clock.sleep(15 * MINUTE);
  expect((await world.advance()).view.counts.running).toBe(1);
});

test.each([["limits.open-pull-requests", LIMITED.file], ["on-failed-checks", {
  "on-failed-checks": { prompt: "Fix it" },
}]])(
  "%s without a token of a forge is refused before anything is sent",
  async (key, file) => {
    const world = campaignWorld({ file });
    const real = { url: "https://mogplex.example.com" };
    for (const act of [() => world.plan(real), () => world.advance(real), () => world.run(real)]) {
      expect(await failureOf(act)).toStartWith(`2 Cannot apply the key ${key}: no forge token is set`);
    }
    expect(world.requests).toEqual([]);
  },
);

test("keys about pull requests have no effect against a local Mogplex, and plan and each wave say so", async () => {
  const keys = { limits: { "open-pull-requests": 1 }, "on-failed-checks": { prompt: "Fix it" } };
  const world = campaignWorld({
    file: { ...keys, "pull-requests": { labels: ["agent"] }, merge: { when: "approved" } },
  });
  await world.plan();
  expect(world.notices.filter((text) => text.startsWith("merge has no effect because a local Mogplex")).length).toBe(1);
  const note =
    "limits.open-pull-requests, on-failed-checks, pull-requests have no effect because a local Mogplex has " +
    "no forge; against a real forge, this command would exit with code 2 without a token in GITHUB_TOKEN";
  expect(world.notices.filter((text) => text.startsWith(note)).length).toBe(1);
  const { view, code } = await world.run();
  expect([view.state, view.counts.succeeded, code]).toEqual(["done", 3, 0]);
  expect(world.notices.filter((text) => text.startsWith(note)).length).toBe(2);
});

test("on-failed-checks starts a run on the same branch, as often as it says and no more", async () => {
  const world = worldOf([aNode(rollup("FAILURE"))], {
    file: { "on-failed-checks": { prompt: "Fix the checks of {{ repository.name }}", attempts: 2 } },
  });
  for (let wave = 0; wave < 12; wave++) {
    await world.advance();
    await world.clock.sleep(15 * MINUTE);
  }
  const { view } = await world.advance();
  const bodies = world.starts.map(({ body }) => JSON.parse(body));
  const [first] = bodies;
  const branch = view.items[0]?.branch;
  expect(bodies.slice(1).map(({ prompt, createBranch, workingBranch }) => [prompt, createBranch, workingBranch]))
    .toEqual(
      Array.from({ length: 2 }, () => ["Fix the checks of project-0001", false, branch]),
    );
  expect([first.createBranch, new Set(world.starts.map(({ key }) => key)).size]).toEqual([true, 3]);
  expect(view.items[0]).toMatchObject({ verdict: "succeeded", starts: 3, attempts: 1, stuck: "failed-checks" });
  const intents = (await world.records()).flatMap((record) =>
    record.type === "intent" ? [[record.kind, record.start]] : []
  );
  expect(intents).toEqual([["task", 1], ["follow-up", 2], ["follow-up", 3]]);
  // Read again from the disk, the journal says the same.
  expect((await world.read()).items).toEqual(view.items);
});

test("with on-failed-checks alone, a campaign is merging until no run can be needed to fix checks", async () => {
  for (const [checks, state] of [["PENDING", "merging"], ["SUCCESS", "done"]] as const) {
    const world = worldOf([aNode(rollup(checks))], { file: { "on-failed-checks": { prompt: "Fix it" } } });
    await world.waves(["merging", "done"]);
    const view = await world.read();
    expect([view.state, view.exitCode]).toEqual([state, 0]);
  }
});

test("with on-failed-checks alone, a campaign waits an hour for the first checks of a pull request", async () => {
  const world = worldOf([aNode(rollup(null))], { file: { "on-failed-checks": { prompt: "Fix it" } } });
  const createdAt = new Date(world.clock.wallTime()).toISOString();
  world.github.pulls.set(`${project(1)}#7`, aNode({ ...rollup(null), createdAt, updatedAt: createdAt }));
  expect((await world.waves(["merging", "done"])).view.pending?.groups.map(({ reason }) => reason)).toEqual(["checks"]);
  await world.clock.sleep(60 * MINUTE);
  expect((await world.advance()).view.state).toBe("done");
});

test("a follow-up that has no answer is sent again under its key, and one that fails leaves the item as it was", async () => {
  const world = worldOf([aNode(rollup("FAILURE"))], {
    file: { "on-failed-checks": { prompt: "Fix it" } },
  });
  await world.advance();
  await world.clock.sleep(15 * MINUTE);
  world.before = (request) => request === "POST /runs" ? Promise.reject(new TypeError("fetch failed")) : undefined;
  await world.advance();
  world.before = undefined;
  await world.clock.sleep(15 * MINUTE);
  await world.advance();
  const keys = new Set(world.starts.slice(1).map(({ key }) => key));
  expect([keys.size, world.starts.length > 2]).toEqual([1, true]);
  world.setRun(project(1), { status: "failed", error: "npm test exited with 1" });
  expect((await world.advance()).view.items[0]).toMatchObject({
    verdict: "succeeded",
    attempts: 1,
    reason: "the follow-up ended with verdict failed: npm test exited with 1",
  });
});

test("an item that was skipped while its follow-up ran stays skipped when that has ended", async () => {
  const world = worldOf([aNode(rollup("FAILURE"))], { file: { "on-failed-checks": { prompt: "Fix it" } } });
  await world.advance();
  await world.clock.sleep(15 * MINUTE);
  expect((await world.advance()).view.counts.running).toBe(1);
  await world.decide({ kind: "skip", select: { only: [project(1)] }, reason: "not wanted" });
  await world.clock.sleep(15 * MINUTE);
  const { view, code } = await world.advance();
  expect([view.state, view.counts.skipped, view.counts.succeeded, code]).toEqual(["done", 1, 0, 0]);
  expect((await world.read()).counts).toEqual(view.counts);
});

/** A check that failed, as GitHub shows it. */
const failedCheck = (title: string): Node => {
  const check = {
    __typename: "CheckRun",
    name: "unit",
    conclusion: "FAILURE",
    detailsUrl: "https://ci.example/1",
    title,
  };
  return { commits: { nodes: [{ commit: { statusCheckRollup: { contexts: { nodes: [check] } } } }] } };
};

test("a follow-up gets what the forge shows, and is sent again with the same words, whatever it shows by then", async () => {
  const world = worldOf([aNode(rollup("FAILURE"))], { file: { "on-failed-checks": { prompt: "Fix it" } } });
  world.github.findings.set(`${project(1)}#7`, failedCheck("2 failed\nexpected 1"));
  await world.advance();
  await world.clock.sleep(15 * MINUTE);
  world.before = (request) => request === "POST /runs" ? Promise.reject(new TypeError("fetch failed")) : undefined;
  await world.advance();
  world.before = undefined;
  world.github.findings.set(`${project(1)}#7`, failedCheck("3 failed"));
  await world.clock.sleep(15 * MINUTE);
  await world.advance();
  const prompts = new Set(world.starts.slice(1).map(({ body }) => JSON.parse(body).prompt));
  expect(prompts.size).toBe(1);
  const [prompt] = prompts;
  expect(prompt).toStartWith("Fix it\n\n---\n\nWhat follows is quoted from the forge.");
  expect(prompt).toEndWith("Failed check:\n> unit\n> https://ci.example/1\n> 2 failed\n> expected 1");
  // Read again from the disk, the journal says the same.
  const { view } = await world.advance();
  expect((await world.read()).items).toEqual(view.items);
});

test("a follow-up does not start because the gate waits or its job is red", async () => {
  const gate = { __typename: "CheckRun", name: "mogplex/gate", status: "COMPLETED", conclusion: "FAILURE" };
  const waits = { __typename: "StatusContext", context: "mogplex/gate", state: "PENDING" };
  const world = worldOf([aNode(rollup("FAILURE", gate)), aNode(rollup("FAILURE", gate, waits))], {
    file: { "on-failed-checks": { prompt: "Fix it" } },
  });
  await world.advance();
  for (let look = 0; look < 3; look++) {
    await world.clock.sleep(15 * MINUTE);
    await world.advance();
  }
  const { view } = await world.advance();
  expect(view.items.map(({ pullRequestState }) => pullRequestState?.checks)).toEqual(["none", "none"]);
  expect(world.starts.length).toBe(2);
});

test("a follow-up starts without a quote when the forge does not answer, and that is told", async () => {
  const world = worldOf([aNode(rollup("FAILURE"))], { file: { "on-failed-checks": { prompt: "Fix it" } } });
  await world.advance();
  await world.clock.sleep(15 * MINUTE);
  const { fetch } = world.github;
  world.github.fetch = (url, init) =>
    /annotations\(/.test(String(init.body)) ? Promise.resolve(json(502, {})) : fetch(url, init);
  await world.advance();
  expect(JSON.parse(world.starts.at(-1)?.body ?? "{}").prompt).toBe("Fix it");
  expect(world.notices.filter((notice) => notice.includes("the checks of https://github.com/"))).toHaveLength(1);
});

test("decideCampaign() lets a run resolve conflicts, in the pull requests with conflicts and in no others", async () => {
  const world = worldOf([aNode({ mergeable: "CONFLICTING" }), aNode()]);
  await world.waves(["done"]);
  await expect(world.decide({ kind: "retry", select: { cause: "conflict" }, adopt: true })).rejects.toThrow(
    "a follow-up has its own task",
  );
  const { items, text } = await world.decide({ kind: "retry", select: { cause: "conflict" }, adopt: false });
  expect([items, text]).toEqual([
    [`${project(1)}@main`],
    "1 item will be started again, ahead of the items that are waiting, on the branch of the pull request",
  ]);
  await world.advance();
  const { prompt, createBranch } = JSON.parse(world.starts.at(-1)?.body ?? "{}");
  expect([prompt, createBranch, world.starts.length]).toEqual([
    expect.stringContaining("conflicts with its base branch main"),
    false,
    3,
  ]);
});

test("runCampaign() reads the pull requests before it ends, and fixes red checks without another call", async () => {
  const world = worldOf([aNode(rollup("FAILURE")), aNode()], { file: { "on-failed-checks": { prompt: "Fix it" } } });
  const { code, view } = await world.run();
  expect([code, view.items.map(({ starts }) => starts), states(view)]).toEqual([0, [2, 1], ["open", "open"]]);
});

test("advanceCampaign() reports a foreign host, and does not advise to send it a token", async () => {
  const scenarios = SCENARIO.replace("https://github.com/", "https://forge.evil.example/");
  const world = worldOf([aNode()], { scenarios });
  await world.waves(["done"]);
  const notes = world.notices.filter((notice) => notice.includes("are not read"));
  expect(notes).toHaveLength(1);
  expect(notes[0]).not.toMatch(/forge-host \S*evil/);
});

const RED = rollup("FAILURE");

/** What the event of the run names as its branch. */
const eventBranch = (name: string) => SCENARIO.replaceAll("${branch}", name).replaceAll("${agentBranch}", name);

const NO_FOLLOW_UP: readonly [what: string, node: Node, options: Partial<CampaignWorldOptions>, reason: RegExp][] = [
  [
    "of the base branch",
    aNode({ ...RED, headRefName: "main" }),
    {},
    /its branch is "main", but the run works on/,
  ],
  ["of another branch", aNode({ ...RED, headRefName: "other" }), {}, /its branch is "other"/],
  ["of a fork", aNode({ ...RED, isCrossRepository: true }), {}, /its branch is not in this repository/],
  [
    "of a protected branch",
    aNode({ ...RED, headRef: { refUpdateRule: { pattern: "*" } } }),
    {},
    /its branch is protected/,
  ],
  [
    "of the default branch",
    aNode({ ...RED, baseRepository: { defaultBranchRef: { name: "mogplex/replace-moment" } } }),
    {},
    /or is the default branch/,
  ],
  [
    "of the base branch in another spelling",
    aNode({ ...RED, headRefName: "Release" }),
    { file: { branch: "Release", repositories: [{ repo: project(1), "base-branch": "release" }] } },
    /its branch is the base branch/,
  ],
  [
    "that an event names in another repository",
    aNode(RED),
    { scenarios: SCENARIO.replace("${repo}/pull/7", "acme/project-0009/pull/7") },
    /it is in another repository, acme\/project-0009/,
  ],
];

for (const [what, node, options, reason] of NO_FOLLOW_UP) {
  test(`no follow-up is made on the branch of a pull request ${what}, and the reason is given`, async () => {
    const { file, ...more } = options;
    const world = worldOf([node], { ...more, file: { "on-failed-checks": { prompt: "Fix it" }, ...file } });
    world.github.pulls.set("acme/project-0009#7", node);
    for (let wave = 0; wave < 6; wave++) {
      await world.advance();
      await world.clock.sleep(15 * MINUTE);
    }
    expect([world.starts.length, (await world.read()).items[0]?.verdict]).toEqual([1, "succeeded"]);
    expect(world.notices.filter((notice) => /no follow-up is started/.test(notice))[0]).toMatch(reason);
    const retry = world.decide({ kind: "retry", select: { cause: "failed-checks" }, adopt: false });
    await expect(retry).rejects.toThrow(reason);
    expect(world.starts.length).toBe(1);
  });
}

for (const branch of ["mogplex/replace-moment", undefined]) {
  test(`a follow-up works on the branch that ${branch === undefined ? "the answer named" : "was asked for"}, whatever an event says`, async () => {
    const world = worldOf([aNode(RED)], {
      scenarios: eventBranch("main"),
      file: { "on-failed-checks": { prompt: "Fix it" }, branch },
    });
    await world.advance();
    const { store } = world.emulator.world;
    const named = [...store.runs.values()][0]?.working_branch ?? "";
    world.github.pulls.set(`${project(1)}#7`, aNode({ ...RED, headRefName: named }));
    await world.clock.sleep(15 * MINUTE);
    await world.advance();
    const { workingBranch, createBranch } = JSON.parse(world.starts[1]?.body ?? "{}");
    expect([workingBranch, createBranch, named]).toEqual([
      branch ?? named,
      false,
      branch ?? expect.stringMatching(/^mogplex\//),
    ]);
  });
}

test("a follow-up that was decided is given up when its branch is not confirmed any more", async () => {
  const world = worldOf([aNode({ mergeable: "CONFLICTING" })]);
  await world.waves(["done"]);
  await world.decide({ kind: "retry", select: { cause: "conflict" }, adopt: false });
  world.github.pulls.set(`${project(1)}#7`, aNode({ mergeable: "CONFLICTING", headRefName: "main" }));
  await world.clock.sleep(15 * MINUTE);
  const { view } = await world.advance();
  expect([world.starts.length, view.items[0]?.verdict]).toEqual([1, "succeeded"]);
  expect(view.items[0]?.reason).toMatch(/^no follow-up was started: its pull request does not belong to its run/);
});

const REQUIRED = { success: { require: "pull-request" } };
const namedBy = (address: string) => SCENARIO.replace("https://github.com/${repo}/pull/7", address);

test("an item is unknown as long as its forge has not confirmed the address in an event", async () => {
  const world = worldOf([null, aNode({ createdAt: "2099-01-01T00:00:00Z" })], { file: REQUIRED });
  const { view, code } = await world.waves(["done"]);
  expect([view.items.map(({ verdict }) => verdict), code]).toEqual([["unknown", "succeeded"], 1]);
  expect(view.items[0]?.reason).toContain("its forge has not confirmed the pull request");
});

test("an item stays unknown after its forge said 404, whatever address an event names", async () => {
  const world = worldOf([aNode({ headRefName: "somebody-else", createdAt: "2099-01-01T00:00:00Z" })], {
    scenarios: eventBranch("somebody-else"),
    file: REQUIRED,
  });
  expect((await world.waves(["done"])).view.items[0]?.verdict).toBe("unknown");
});

const ADDRESSES: readonly [address: string, verdict: string, reason: RegExp | null][] = [
  ["https://github.com/${repo}/pull/7", "succeeded", null],
  ["https://gitlab.com/${repo}/-/merge_requests/7", "succeeded", null],
  ["https://GitHub.com/ACME/project-0001/pull/7/", "succeeded", null],
  ["http://localhost/${repo}/pull/7", "succeeded", null],
  ["https://github.com/acme/project-0002/pull/7", "unknown", /which is in another repository/],
  [
    "https://forge.evil.example/${repo}/pull/7",
    "unknown",
    /which is on an unknown host: if you run that forge, add it with --forge-host/,
  ],
  ["https://github.com/${repo}/issues/7", "unknown", /not the address of a pull request/],
  ["https://github.com/${repo}/pull/7?x=1", "unknown", /not the address of a pull request/],
];

for (const [address, verdict, reason] of ADDRESSES) {
  test(`without a token of a forge the address ${address} makes an item ${verdict}`, async () => {
    const world = campaignWorld({ count: 1, scenarios: namedBy(address), file: REQUIRED });
    const { view } = await world.waves(["done"]);
    const [item] = view.items;
    expect([item?.verdict, item?.unchecked]).toEqual([
      verdict as "unknown",
      verdict === "succeeded" ? true : undefined,
    ]);
    if (reason === null) expect(pullRequestText(item as CampaignItem)).toBeNull();
    else expect(item?.reason).toMatch(reason);
  });
}

const NEW = "new-owner/renamed";
/** Renames or transfers the repository of project 1, which keeps its id, while its run works. */
async function renamedWorld(address: string, options: CampaignWorldOptions = {}) {
  const world = campaignWorld({ count: 1, scenarios: namedBy(address), file: REQUIRED, ...options });
  await world.advance();
  world.emulator.control("setRepo", { id: project(1), set: { full_name: NEW } });
  await world.clock.sleep(15 * MINUTE);
  return world;
}

test("a repository that was renamed while its run worked keeps its item, whose pull request has the new name", async () => {
  const world = await renamedWorld(`https://github.com/${NEW}/pull/7`);
  const before = world.requests.length;
  const { view, code } = await world.advance();
  const { repository, renamed, verdict, reason, pullRequest } = view.items[0] as CampaignItem;
  expect([code, repository, renamed, verdict, reason, pullRequest]).toEqual([
    0,
    project(1),
    NEW,
    "succeeded",
    `its repository is now called ${NEW}`,
    `https://github.com/${NEW}/pull/7`,
  ]);
  expect(world.requests.slice(before).filter((request) => request.includes("/repos?")).length).toBe(1);
});

test("only the name that the service has now for a repository's id is valid for its pull request", async () => {
  const other = await renamedWorld("https://github.com/acme/other/pull/7");
  const { view } = await other.advance();
  expect([view.items[0]?.verdict, view.items[0]?.renamed, view.items[0]?.reason]).toEqual([
    "unknown",
    NEW,
    expect.stringContaining("which is in another repository"),
  ]);
});

test("the look at a run whose repository has no answer for its name is made again", async () => {
  const world = await renamedWorld(`https://github.com/${NEW}/pull/7`);
  world.before = (request) => request.includes("/repos?") ? new Response("busy", { status: 503 }) : undefined;
  expect((await world.advance()).view.items[0]?.verdict).toBe("running");
  world.before = undefined;
  expect((await world.advance()).view.items[0]?.verdict).toBe("succeeded");
});

test("with a token of the forge an item of a renamed repository is settled by its new name, and gets its follow-up", async () => {
  const github = githubForge();
  const node = aNode({ ...rollup("FAILURE"), createdAt: "2099-01-01T00:00:00Z" });
  const world = await renamedWorld(`https://github.com/${NEW}/pull/7`, {
    github,
    file: { ...REQUIRED, branch: "mogplex/replace-moment", "on-failed-checks": { prompt: "Fix it" } },
  });
  github.pulls.set(`${NEW}#7`, node);
  for (let wave = 0; wave < 4; wave++) {
    await world.advance();
    await world.clock.sleep(15 * MINUTE);
  }
  const item = (await world.read()).items[0] as CampaignItem;
  expect([item.renamed, item.pullRequest, world.starts.length]).toEqual([NEW, `https://github.com/${NEW}/pull/7`, 2]);
});

test("a pull request whose repository was renamed after its run is the item's again in the next wave", async () => {
  const world = worldOf([aNode(), aNode()], { file: { limits: { parallel: 1 } } });
  await world.advance();
  await world.clock.sleep(15 * MINUTE);
  await world.advance();
  world.github.renamed.set(project(1), NEW);
  world.github.pulls.set(`${NEW}#7`, aNode());
  world.emulator.control("setRepo", { id: project(1), set: { full_name: NEW } });
  await world.clock.sleep(5 * MINUTE);
  await world.advance();
  await world.clock.sleep(5 * MINUTE);
  const { view } = await world.advance();
  const item = view.items[0] as CampaignItem;
  expect([item.pullRequest, item.renamed, item.pullRequestState?.foreign]).toEqual([
    `https://github.com/${NEW}/pull/7`,
    NEW,
    null,
  ]);
});

test("the pull requests of the emulator have the form of a forge", async () => {
  const world = campaignWorld({ count: 1, file: REQUIRED });
  const { view, code } = await world.waves(["done"]);
  expect([view.items[0]?.pullRequest, code]).toEqual([`http://localhost/${project(1)}/pull/1`, 0]);
});

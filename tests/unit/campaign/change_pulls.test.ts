import { expect, test } from "bun:test";
import {
  type Changed,
  type ChangeOptions,
  type ChangePlan,
  changePullRequests,
  errorOfChange,
  type PullChange,
  whyConfirm,
} from "../../../lib/campaign/change_pulls.ts";
import { SCENARIO_TEXTS } from "../../../lib/emulator/agents/scenario.ts";
import { aNode, json, type Node, rollup } from "../forge/github_forge.ts";
import { GITHUB_TOKEN } from "../forge/world.ts";
import { processesOf } from "./journal/rooms.ts";
import { type CampaignWorld, campaignWorld, failureOf, FILE, project } from "./world.ts";
import { AUTHOR, type PullState, type WritingForge, writingForge } from "./writing_forge.ts";

const SCENARIO = (SCENARIO_TEXTS.success ?? "").replace('"${pull}"', '"https://github.com/${repo}/pull/7"');
const UNASKED = { reviewDecision: null, latestOpinionatedReviews: { nodes: [] } };

interface World extends CampaignWorld {
  forge: WritingForge;
  pulls: PullState[];
  change(change: PullChange, options?: Partial<ChangeOptions>): Promise<Changed>;
  /** The same, with what was read a moment ago. */
  changeNow(change: PullChange, options?: Partial<ChangeOptions>): Promise<Changed>;
}

/** A campaign that is done, with a pull request for each repository for which nobody was asked. */
async function worldOf(count = 2, file: Record<string, unknown> = {}, node: Node = aNode(UNASKED)): Promise<World> {
  const forge = writingForge();
  const pulls = Array.from({ length: count }, (_, index) => forge.add(project(index + 1), structuredClone(node)));
  const world = campaignWorld({
    ...{ count, scenarios: SCENARIO, github: forge },
    file: { branch: "mogplex/replace-moment", ...file },
  });
  await world.waves(["done"]);
  return Object.assign(world, {
    forge,
    pulls,
    async change(change: PullChange, options: Partial<ChangeOptions> = {}): Promise<Changed> {
      // What was read a moment ago is not read again.
      await world.clock.sleep(10 * 60_000);
      return await this.changeNow(change, options);
    },
    async changeNow(change: PullChange, options: Partial<ChangeOptions> = {}) {
      return await changePullRequests(FILE, change, {
        ...{ by: "kim", directory: "d", clock: world.clock, forge: {}, url: "http://localhost", token: world.token },
        env: (name) => name === "GITHUB_TOKEN" ? GITHUB_TOKEN : undefined,
        fetch: (async (url: string, init: RequestInit) => await forge.fetch(url, init)) as typeof globalThis.fetch,
        ...options,
      }, { io: world.io, files: world.files, processes: processesOf() });
    },
  });
}

const all = { only: ["acme/*"] };
const ask = (more: Partial<Extract<PullChange, { kind: "ask" }>> = {}): PullChange => ({
  ...{ kind: "ask", select: all, reviewers: ["ann", "team:web"], atMost: 20, ...more },
});
const close = (select: PullChange["select"] = all): PullChange => ({ kind: "close", select, reason: "not wanted" });
const url = (number: number) => `https://github.com/${project(number)}/pull/7`;
const recordsOf = async (world: World, ...types: string[]) =>
  (await world.records()).filter(({ type }) => types.includes(type));
const brief = ({ results }: Changed) => results.map(({ act, state, reason }) => [act, state, reason]);

test("changePullRequests() requests reviews of pull requests for which nobody was asked, and records it before and after", async () => {
  const world = await worldOf();
  const plans: ChangePlan[] = [];
  const changed = await world.change(ask(), { onPlan: (plan) => void plans.push(plan) });
  expect(world.pulls.map(({ reviewers, teams }) => [reviewers, teams])).toEqual([[["ann"], ["web"]], [["ann"], [
    "web",
  ]]]);
  expect(plans).toEqual([{
    changes: [1, 2].map((number) => ({
      ...{ item: `${project(number)}@main`, url: url(number), whom: ["ann", "team:web"], people: null },
    })),
    left: [],
  }]);
  expect(brief(changed)).toEqual([["ask", "done", null], ["ask", "done", null]]);
  expect(await recordsOf(world, "write-intent", "write")).toMatchObject([
    {
      type: "write-intent",
      item: `${project(1)}@main`,
      act: "ask",
      url: url(1),
      by: "kim",
      users: ["ann"],
      teams: ["web"],
    },
    { type: "write-intent", item: `${project(2)}@main`, act: "ask" },
    { type: "write", item: `${project(1)}@main`, act: "ask", as: "done", reason: null },
    { type: "write", item: `${project(2)}@main`, act: "ask", as: "done", reason: null },
  ]);
});

test("changePullRequests() changes nothing in a dry run", async () => {
  const world = await worldOf();
  const count = (await world.records()).length;
  for (const change of [ask(), close()]) {
    const { plan, results } = await world.change(change, { dryRun: true });
    expect([plan.changes.length, results]).toEqual([2, []]);
  }
  expect([world.forge.writes, (await world.records()).length]).toEqual([[], count]);
});

test("changePullRequests() changes nothing when the caller does not agree with the list", async () => {
  const world = await worldOf();
  const onPlan = () => {
    throw new Error("no");
  };
  await expect(world.change(close(), { onPlan })).rejects.toThrow("no");
  expect([world.forge.writes, await recordsOf(world, "write-intent")]).toEqual([[], []]);
});

test.each<[string, PullChange, RegExp]>([
  ["nothing is selected", close({}), /^2 .*no items are selected; use --failed, --cause WORD or --only GLOB$/],
  ["nothing fits", close({ only: ["nobody/*"] }), /^2 .*no item matches/],
  ["a name fits nothing", close({ only: ["acme/*", "acme/x"] }), /^2 .*no item matches: "acme\/x"; /],
  [
    "no reviewer is known",
    ask({ reviewers: [] }),
    /^2 .*neither the plan nor the command names a reviewer; use --reviewer/,
  ],
])("changePullRequests() refuses when %s", async (_what, change, message) => {
  const world = await worldOf(1);
  expect(await failureOf(() => world.change(change))).toMatch(message);
  expect(world.forge.writes).toEqual([]);
});

test("changePullRequests() refuses without a token of a forge", async () => {
  const world = await worldOf(1);
  expect(await failureOf(() => world.change(close(), { env: () => undefined }))).toMatch(
    /^2 Cannot close pull requests: no forge token is set; set GITHUB_TOKEN/,
  );
});

test("changePullRequests() leaves out pull requests that wait for something else, and says why", async () => {
  const world = await worldOf(3);
  world.forge.pulls.set(`${project(1)}#7`, aNode({ ...UNASKED, isCrossRepository: true }));
  world.forge.pulls.set(`${project(2)}#7`, aNode());
  const { plan } = await world.change(ask());
  expect([plan.changes.map(({ item }) => item), plan.left.map(({ reason }) => reason)]).toEqual([
    [`${project(3)}@main`],
    [
      "its pull request does not belong to its run: its branch is not in this repository",
      "it is not waiting for a reviewer",
    ],
  ]);
  expect(world.pulls[0]?.reviewers).toEqual([]);
});

test("changePullRequests() requests no more reviews in 24 hours than it may, with earlier ones", async () => {
  const world = await worldOf(4);
  expect((await world.change(ask({ atMost: 2 }))).plan.changes.length).toBe(2);
  // The forge still shows nobody.
  const second = await world.change(ask({ atMost: 3, select: { only: [project(3), project(4)] } }));
  expect([second.plan.changes.length, second.plan.left]).toEqual([1, [{
    item: `${project(4)}@main`,
    reason: "--at-most allows 3 requests in 24 hours",
  }]]);
  await world.clock.sleep(86_400_000);
  expect((await world.change(ask({ atMost: 3, select: { only: [project(4)] } }))).plan.changes.length).toBe(1);
});

test("changePullRequests() asks the others when the forge does not accept one of them, and never the author", async () => {
  const world = await worldOf(1);
  const { results } = await world.change(ask({ reviewers: ["nobody", AUTHOR.toUpperCase(), "ann"] }));
  expect([results[0]?.state, world.pulls[0]?.reviewers]).toEqual(["done", ["ann"]]);
  const refused = await worldOf(1);
  const changed = await refused.change(ask({ reviewers: ["nobody"] }));
  expect(brief(changed)).toEqual([["ask", "refused", "Reviews may only be requested from collaborators"]]);
  expect(errorOfChange("request reviews", changed.results)).toMatchObject({ exitCode: 1 });
});

test("changePullRequests() closes with a comment, and skips the items", async () => {
  const world = await worldOf();
  const { view } = await world.change(close());
  expect(world.pulls.map(({ state, comments }) => [state, comments])).toEqual([1, 2].map(() => [
    "closed",
    [expect.stringMatching(
      /^<!-- mogplex:[0-9a-f]{40} -->\n\nThe campaign `replace-moment` is closing this pull request:\n\n> not wanted$/,
    )],
  ]));
  expect(view.items.map(({ verdict, pullRequestState: pull }) => [verdict, pull?.state])).toEqual([
    ["skipped", "closed"],
    ["skipped", "closed"],
  ]);
  expect(await recordsOf(world, "skipped")).toMatchObject([1, 2].map((number) => ({
    ...{ items: [`${project(number)}@main`], by: "kim", reason: "not wanted" },
  })));
});

test("a pull request that somebody opens again stays open, until a person asks to close it again", async () => {
  const world = await worldOf(1, { "on-failed-checks": { prompt: "Fix the checks." } });
  await world.change(close());
  Object.assign(world.pulls[0] ?? {}, { state: "open" });
  world.forge.pulls.set(`${project(1)}#7`, aNode(rollup("FAILURE")));
  const [starts, writes] = [world.starts.length, world.forge.writes.length];
  for (let waves = 0; waves < 3; waves++) {
    await world.clock.sleep(3_600_000);
    await world.advance();
  }
  expect([world.pulls[0]?.state, world.starts.length, world.forge.writes.length]).toEqual(["open", starts, writes]);
  expect(brief(await world.change(close()))).toEqual([["close", "done", null]]);
  expect([world.pulls[0]?.state, world.pulls[0]?.comments.length]).toEqual(["closed", 2]);
});

test("changePullRequests() refuses to close while a run works there", async () => {
  const world = await worldOf(1);
  await world.decide({ kind: "retry", select: { only: [project(1)] }, adopt: false });
  await world.advance();
  expect(await failureOf(() => world.change(close()))).toMatch(
    /^2 Cannot close pull requests: a run of acme\/project-0001@main may still be using the pull request's branch; wait until it has finished/,
  );
  expect(world.forge.writes).toEqual([]);
});

test("changePullRequests() closes nothing that somebody else has closed or merged", async () => {
  const world = await worldOf(2);
  Object.assign(world.pulls[0] ?? {}, { state: "closed", merged: true });
  world.forge.pulls.set(`${project(2)}#7`, aNode({ state: "CLOSED" }));
  const changed = await world.change(close());
  expect([brief(changed), changed.plan.left.map(({ reason }) => reason)]).toEqual([
    [["close", "refused", "it is merged"]],
    ["its pull request is closed"],
  ]);
  expect(world.forge.writes).toEqual([]);
});

test("changePullRequests() sees what it has done when an answer is lost", async () => {
  for (const faults of [["lost"], [null, "lost"]] as const) {
    const world = await worldOf(1);
    world.forge.writeFaults.push(...faults);
    expect(brief(await world.change(close()))).toEqual([["close", "done", null]]);
    expect([world.pulls[0]?.comments.length, world.pulls[0]?.state]).toEqual([1, "closed"]);
  }
});

test("changePullRequests() leaves to the next command what it could not read back, and comments once", async () => {
  const world = await worldOf(2);
  Object.assign(world.forge, { hidesComments: true, writeFaults: ["lost"] });
  const first = await world.change(close({ only: [project(1)] }));
  expect(brief(first)).toEqual([["close", "open", expect.stringContaining("Cannot create the comment")]]);
  expect(errorOfChange("close pull requests", first.results)?.exitCode).toBe(69);
  expect([world.pulls[0]?.state, world.pulls[0]?.comments.length]).toEqual(["open", 1]);
  world.forge.hidesComments = false;
  // Any later command finishes it.
  const second = await world.change(ask({ select: { only: [project(2)] } }));
  expect(brief(second)).toEqual([["close", "done", null], ["ask", "done", null]]);
  expect([world.pulls[0]?.comments.length, world.pulls[0]?.state]).toEqual([1, "closed"]);
  expect((await world.read()).items[0]?.verdict).toBe("skipped");
});

test("changePullRequests() asks for nothing a second time while its answer is not known", async () => {
  const world = await worldOf(1);
  Object.assign(world.forge, { hidesComments: true, writeFaults: ["lost"] });
  await world.change(close());
  world.forge.writeFaults.push("lost");
  expect(brief(await world.change(close()))).toEqual([[
    "close",
    "open",
    expect.stringContaining("create the comment"),
  ]]);
  world.forge.hidesComments = false;
  expect(brief(await world.change(close()))).toEqual([["close", "done", null]]);
  expect((await recordsOf(world, "write-intent")).length).toBe(1);
});

test("a wave finishes what a command that was stopped had announced, and sends nothing of the rest", async () => {
  const world = await worldOf(3);
  const ending = new AbortController();
  world.forge.beforeWrite = () => ending.abort(new Error("stopped"));
  await expect(world.change(close(), { signal: ending.signal })).rejects.toThrow("stopped");
  world.forge.beforeWrite = undefined;
  expect((await recordsOf(world, "write")).length).toBe(2);
  await world.clock.sleep(3_600_000);
  await world.advance();
  expect(world.pulls.map(({ state, comments }) => [state, comments.length])).toEqual([
    ["closed", 1],
    ["open", 0],
    ["open", 0],
  ]);
});

test("changePullRequests() stops at a missing right, names it, and takes back what it has not sent", async () => {
  const world = await worldOf(3);
  world.forge.writeFaults.push(json(403, { message: "Resource not accessible by personal access token" }));
  expect(await failureOf(() => world.change(ask()))).toMatch(
    /^65 .*`campaign ask` needs the permission "pull-requests: write" on GitHub/,
  );
  expect(world.forge.writes.length).toBe(1);
  const records = await recordsOf(world, "write");
  expect(records.map((record) => "as" in record ? record.as : "")).toEqual(["withdrawn", "withdrawn", "withdrawn"]);
  // Nothing is left over for the next command.
  expect((await world.change(ask())).results.length).toBe(3);
});

test("changePullRequests() comments once when it has no right to close at first", async () => {
  const world = await worldOf(1);
  world.forge.writeFaults.push(null, json(403, { message: "Resource not accessible" }));
  expect(await failureOf(() => world.change(close()))).toMatch(/^65 /);
  expect(brief(await world.change(close()))).toEqual([["close", "done", null]]);
  expect([world.pulls[0]?.comments.length, world.pulls[0]?.state]).toEqual([1, "closed"]);
});

test("changePullRequests() ends with 75 while another command works on the campaign", async () => {
  const world = await worldOf(1);
  const failures: string[] = [];
  world.forge.beforeWrite = async () => {
    world.forge.beforeWrite = undefined;
    failures.push(await failureOf(() => world.changeNow(ask())));
  };
  await world.change(close());
  expect(failures).toEqual([expect.stringMatching(/^75 /)]);
});

test("changePullRequests() announces at most ten changes before it sends them", async () => {
  const world = await worldOf(12);
  const announced: number[] = [];
  world.forge.beforeWrite = async () => void announced.push((await recordsOf(world, "write-intent")).length);
  await world.change(ask({ reviewers: ["ann"] }));
  expect(announced).toEqual([...Array.from({ length: 10 }, () => 10), 12, 12]);
});

test("a wave starts no follow-up on a pull request that is being closed", async () => {
  const world = await worldOf(1, { "on-failed-checks": { prompt: "Fix the checks." } });
  Object.assign(world.forge, { hidesComments: true, writeFaults: ["lost"] });
  await world.change(close());
  // The answer is still not known when the checks turn red.
  world.forge.pulls.set(`${project(1)}#7`, aNode(rollup("FAILURE")));
  const starts = world.starts.length;
  await world.clock.sleep(3_600_000);
  world.forge.writeFaults.push("lost");
  await world.advance();
  expect(world.starts.length).toBe(starts);
});

const RULES = { "pull-requests": { reviewers: ["ann", "team:web"], labels: ["agent"] } };

test("a wave gives each pull request its reviewers and labels once, and leaves alone what people change later", async () => {
  const world = await worldOf(1, RULES);
  expect(world.pulls[0]).toMatchObject({ reviewers: ["ann"], teams: ["web"], labels: ["agent"] });
  expect(await recordsOf(world, "write-intent", "write")).toMatchObject([
    { type: "write-intent", act: "setup", by: "pull-requests", users: ["ann"], teams: ["web"], labels: ["agent"] },
    { type: "write", act: "setup", as: "done" },
  ]);
  Object.assign(world.pulls[0] ?? {}, { reviewers: [], labels: ["mine"] });
  const writes = world.forge.writes.length;
  await world.clock.sleep(3_600_000);
  await world.advance();
  expect([world.forge.writes.length, world.pulls[0]?.labels]).toEqual([writes, ["mine"]]);
});

test("one call of run sets up every pull request, also those that are found a moment after the first", async () => {
  const forge = writingForge();
  for (let number = 1; number <= 6; number++) forge.add(project(number), aNode());
  const file = { branch: "mogplex/replace-moment", ...RULES };
  const world = campaignWorld({ count: 6, scenarios: SCENARIO, github: forge, file });
  expect((await world.run()).code).toBe(0);
  expect([...forge.state.values()].map(({ labels }) => labels)).toEqual(Array.from({ length: 6 }, () => ["agent"]));
  expect((await world.records()).filter(({ type }) => type === "write-intent").length).toBe(6);
});

test("whyConfirm() asks for a person's word for more than 20, and where people have worked or may have", () => {
  const changes = (count: number, people: string[] | null = []) =>
    Array.from({ length: count }, (_, index) => ({ item: `${index}`, url: url(1), whom: [], people }));
  const why = (list: ReturnType<typeof changes>) => whyConfirm({ changes: list, left: [] });
  expect([why(changes(20)), why(changes(21)), why([...changes(3), ...changes(2, ["ann"])]), why(changes(1, null))])
    .toEqual([
      null,
      "21 pull requests would be changed, more than 20",
      "people may have worked on 2 of them",
      "people may have worked on 1 of them",
    ]);
});

test("a wave adds only what a pull request does not have", async () => {
  const forge = writingForge();
  Object.assign(forge.add(project(1), aNode()), { reviewers: ["Ann"], labels: ["agent"] });
  const file = { branch: "mogplex/replace-moment", ...RULES };
  const world = campaignWorld({ count: 1, scenarios: SCENARIO, github: forge, file });
  await world.waves(["done"]);
  expect(forge.writes).toEqual([[`POST /repos/${project(1)}/pulls/7/requested_reviewers`, {
    reviewers: [],
    team_reviewers: ["web"],
  }]]);
});

test("a wave continues, and reports it, when the token has no right to set up pull requests", async () => {
  const forge = writingForge();
  forge.add(project(1), aNode());
  forge.writeFaults.push(json(403, { message: "Resource not accessible by integration" }));
  const file = { branch: "mogplex/replace-moment", ...RULES };
  const world = campaignWorld({ count: 1, scenarios: SCENARIO, github: forge, file });
  const { code } = await world.waves(["done"]);
  expect(code).toBe(0);
  expect(world.notices).toContainEqual(
    expect.stringContaining('`campaign advance` needs the permission "pull-requests: write" on GitHub'),
  );
  await world.clock.sleep(3_600_000);
  await world.advance();
  expect(forge.state.get(`${project(1)}#7`)).toMatchObject({ reviewers: ["ann"], labels: ["agent"] });
});

test("a wave refuses a file with reviewers when no forge token is set", async () => {
  const world = campaignWorld({ count: 1, scenarios: SCENARIO, file: RULES });
  expect(await failureOf(() => world.advance({ url: "https://mogplex.example.com" }))).toMatch(
    /^2 Cannot apply the key pull-requests: no forge token is set/,
  );
});

import { expect, test } from "bun:test";
import type { CampaignPlan } from "../../../lib/campaign/campaign_options.ts";
import { type CampaignWorld, campaignWorld, failureOf, project, REVISIONS, verdicts } from "./world.ts";

const MINUTE = 60_000;

function repoOf(world: CampaignWorld, name: string): string {
  const found = [...world.emulator.world.store.repos.values()].find((repo) => repo.full_name === name);
  return found?.id ?? "";
}

/** Renames repositories, changes their branches, or hides them. */
function setRepo(world: CampaignWorld, name: string, set: Record<string, unknown>): void {
  world.emulator.control("setRepo", { id: repoOf(world, name), set });
}

test("planCampaign() writes a lock with each request frozen, and starts nothing", async () => {
  const world = campaignWorld({ count: 3, file: { canary: { size: 1 } } });
  const { view, changes, lookup, limitedBy, forecasts } = await world.plan();
  expect([view.state, view.items.length, changes.added.length, world.starts.length]).toEqual(["planned", 3, 3, 0]);
  expect(lookup.requests).toBe(world.requests.length);
  expect(limitedBy).toBe("nothing");
  expect(forecasts.map(({ everyMs }) => everyMs / MINUTE)).toEqual([0, 10, 15, 20, 60]);
  const lock = await world.lock();
  expect(lock?.items.map(({ id, baseBranch, root, canary }) => ({ id, baseBranch, root, canary }))).toEqual([
    { id: `${project(1)}@main`, baseBranch: "main", root: null, canary: true },
    { id: `${project(2)}@main`, baseBranch: "main", root: null, canary: false },
    { id: `${project(3)}@main`, baseBranch: "main", root: null, canary: false },
  ]);
  expect(new Set(lock?.items.map(({ requestHash }) => requestHash)).size).toBe(3);
  expect(await world.records()).toEqual([
    expect.objectContaining({ type: "planned", by: "unknown", lock: lock?.hash }),
  ]);
});

test("planCampaign() with dryRun writes nothing, not even a directory", async () => {
  const world = campaignWorld();
  const { view } = await world.plan({ dryRun: true });
  expect([view.items.length, world.files.paths()]).toEqual([3, []]);
});

const BAD: readonly [what: string, repositories: unknown[], lines: string[]][] = [
  ["an unknown name", [project(1), "acme/projekt-0002"], [
    `campaign.yml:1:125: "acme/projekt-0002": the service lists no repository with this name; did you mean "acme/project-0002"?`,
  ]],
  ["an unknown id", ["00000000-0000-4000-8000-00000000000f"], [
    `"00000000-0000-4000-8000-00000000000f": the service lists no repository with this id; ` +
    "if it is hidden, set base-branch and root in the file",
  ]],
  ["a query that finds nothing", [{ query: "nobody/" }], ["no repository's name begins with it"]],
];

for (const [what, repositories, lines] of BAD) {
  test(`planCampaign() refuses ${what}, and writes no lock`, async () => {
    const world = campaignWorld({ file: { repositories } });
    const failure = await failureOf(() => world.plan());
    expect(failure).toStartWith("2 Cannot plan the campaign: one repository cannot be used");
    for (const line of lines) expect(failure).toContain(line);
    expect([await world.lock(), world.files.paths()]).toEqual([undefined, []]);
    const { code, problem } = await world.advance();
    expect([code, world.starts.length]).toEqual([2, 0]);
    expect(problem).toContain("cannot be used");
  });
}

test("planCampaign() refuses a hidden repository by name, and takes it by id with branch and root", async () => {
  const world = campaignWorld({ file: { repositories: [project(1)] } });
  setRepo(world, project(1), { hidden: true });
  expect(await failureOf(() => world.plan())).toContain(
    "for a hidden repository, give its id with base-branch and root",
  );
  const repo = repoOf(world, project(1));
  world.write({ repositories: [{ repo, "base-branch": "main", root: "" }] });
  const first = await failureOf(() => world.plan());
  world.write({ repositories: [{ repo, "base-branch": "main", root: "." }] });
  expect([first === "none" || first.includes("root"), (await world.plan()).view.items[0]?.repository]).toEqual([
    true,
    repo,
  ]);
  expect((await world.run()).code).toBe(0);
});

test("planCampaign() refuses one repository by name and by id, and tells where the first one is", async () => {
  const world = campaignWorld();
  world.write({ repositories: [project(1), repoOf(world, project(1))] });
  expect(await failureOf(() => world.plan())).toMatch(
    /it duplicates another item in campaign\.yml:1; remove one of them/,
  );
});

test("planCampaign() with skipInvalid keeps what cannot be used as invalid items, which end the campaign with 1", async () => {
  const world = campaignWorld({ file: { repositories: [project(1), "acme/nope"] } });
  const { view } = await world.plan({ skipInvalid: true });
  expect(verdicts(view)).toEqual({ [project(1)]: "waiting", "acme/nope": "invalid" });
  const end = await world.run();
  expect([end.code, world.starts.length]).toEqual([1, 1]);
  // A person decides about it, and the next plan does not stumble over that.
  await world.decide({ kind: "skip", select: { only: ["acme/nope"] }, reason: "gone" });
  expect((await world.advance()).code).toBe(0);
  world.write({ repositories: [project(1), project(2)] });
  expect((await world.plan()).changes).toMatchObject({ added: [`${project(2)}@main`] });
  expect((await world.run()).code).toBe(0);
});

for (const [revision, switches] of Object.entries(REVISIONS)) {
  test(`planCampaign() reads lists of exactly 200 in full, on the ${revision} revision`, async () => {
    for (const count of [199, 200, 201, 450]) {
      const world = campaignWorld({ count, revision: switches });
      expect((await world.plan()).view.items.length).toBe(count);
    }
  });
}

test("planCampaign() refuses a list that the service does not return in full", async () => {
  const world = campaignWorld({ count: 3, file: { repositories: [{ query: "same/name" }] } });
  // 201 repositories of one and the same name cannot be told apart by longer prefixes.
  const { store } = world.emulator.world;
  const [like] = [...store.repos.values()];
  if (like === undefined) throw new Error("no repository");
  for (let index = 0; index < 201; index++) {
    const id = crypto.randomUUID();
    store.repos.set(id, { ...like, id, key: id, full_name: "same/name" });
  }
  expect(await failureOf(() => world.plan())).toMatch(/^2 .*longer prefixes do not shorten the list/);
  expect(await world.lock()).toBeUndefined();
});

test("a plan that is made again before anything was started is made anew", async () => {
  const world = campaignWorld({ count: 3, file: { repositories: [project(1), project(2)] } });
  await world.plan();
  world.write({ repositories: [project(2), project(3)], prompt: "Another task" });
  const { changes, view } = await world.plan();
  expect([changes.added, changes.skipped]).toEqual([[`${project(3)}@main`], [`${project(1)}@main`]]);
  expect(Object.keys(verdicts(view))).toEqual([project(2), project(3)]);
  expect((await world.lock())?.tasks[0]?.prompt).toBe("Another task");
  expect((await world.run()).code).toBe(0);
});

test("a plan that is made anew keeps the items about which a person has decided", async () => {
  const world = campaignWorld({ count: 3, file: { repositories: [project(1), project(2)] } });
  await world.plan();
  await world.decide({ kind: "skip", select: { only: [project(1)] }, reason: "archived" });
  world.write({ repositories: [project(2), project(3)], prompt: "Another task" });
  const { view } = await world.plan();
  expect(verdicts(view)).toEqual({ [project(1)]: "skipped", [project(2)]: "waiting", [project(3)]: "waiting" });
  expect(verdicts((await world.run()).view)).toEqual({
    [project(1)]: "skipped",
    [project(2)]: "succeeded",
    [project(3)]: "succeeded",
  });
});

test("a plan that is made again leaves locked items byte for byte, adds new ones, and skips those that left", async () => {
  const world = campaignWorld({
    count: 5,
    file: { repositories: [1, 2, 3, 4].map(project), limits: { parallel: 1 } },
    runDuration: () => 20 * MINUTE,
  });
  await world.advance();
  const line = (name: string) =>
    world.files.text("d/lock.json")?.split("\n").find((each) => each.includes(`"${name}@`));
  const before = [1, 2].map(project).map(line);
  world.write({ repositories: [2, 3, 5].map(project), limits: { parallel: 1 } });
  const { changes } = await world.plan();
  expect(changes).toEqual({
    added: [`${project(5)}@main`],
    skipped: [`${project(4)}@main`],
    kept: [`${project(1)}@main`],
    notes: [],
  });
  expect([1, 2].map(project).map(line)).toEqual(before);
  const { view, code } = await world.run();
  expect([code, verdicts(view)]).toEqual([0, {
    [project(1)]: "succeeded",
    [project(2)]: "succeeded",
    [project(3)]: "succeeded",
    [project(4)]: "skipped",
    [project(5)]: "succeeded",
  }]);
  // One that comes back is started after all.
  world.write({ repositories: [2, 3, 4, 5].map(project), limits: { parallel: 1 } });
  expect((await world.plan()).changes.added).toEqual([`${project(4)}@main`]);
  expect((await world.run()).view.counts.succeeded).toBe(5);
});

test("a plan that is made again keeps name and branch of a repository that was renamed, or has another default", async () => {
  const world = campaignWorld({ count: 3, file: { limits: { parallel: 1 } } });
  await world.advance();
  setRepo(world, project(2), { full_name: "acme/renamed" });
  setRepo(world, project(3), { default_branch: "trunk" });
  const { changes } = await world.plan();
  expect(changes).toEqual({
    added: [],
    skipped: [],
    kept: [],
    notes: [
      `${project(2)} is now called acme/renamed; its item keeps the old name`,
      `${project(3)} now defaults to trunk; its item keeps main`,
    ],
  });
  expect((await world.run()).code).toBe(0);
  expect(world.starts.map(({ body }) => JSON.parse(body).baseBranch)).toEqual(["main", "main", "main"]);
});

test("a changed default branch or root between two waves makes no conflict of a start that is sent again", async () => {
  const world = campaignWorld({ count: 1 });
  world.emulator.control("fault", { kind: "reset0", route: "POST /runs", processed: true, times: 6 });
  expect((await world.advance()).view.counts.starting).toBe(1);
  setRepo(world, project(1), { default_branch: "trunk", root_directory: "apps" });
  const { code, view } = await world.run();
  expect([code, verdicts(view), world.runs().length]).toEqual([0, { [project(1)]: "succeeded" }, 1]);
});

/** Adds a row with the name of a repository, and another root. */
function addSpace({ emulator: { world: { store } } }: CampaignWorld, name: string, root: string | null): string {
  const row = { ...store.anyRepo(name), id: crypto.randomUUID(), root_directory: root };
  store.repos.set(row.id, row);
  return row.id;
}

test("a plan that is made again adds no second item for a repository that has sub-projects now", async () => {
  const world = campaignWorld({ count: 2, file: { repositories: [project(1), { query: "acme/" }] } });
  await world.plan();
  await world.advance();
  const before = (await world.lock())?.items;
  for (const root of ["packages/ui", "docs"]) addSpace(world, project(1), root);
  for (let plan = 0; plan < 4; plan++) {
    const { changes } = await world.plan();
    expect([changes.added, changes.skipped, changes.kept]).toEqual([[], [], []]);
    expect((await world.lock())?.items).toEqual(before);
  }
  await world.run();
  expect(world.starts.length).toBe(2);
});

test("a plan that is made again keeps an item whose row belongs to a sub-project", async () => {
  const world = campaignWorld({ count: 1, file: { repositories: [project(1)] } });
  const [row] = [...world.emulator.world.store.repos.values()];
  if (row === undefined) throw new Error("no repository");
  row.root_directory = "packages/ui";
  await world.advance();
  // The repository itself is added to the service.
  addSpace(world, project(1), null);
  addSpace(world, project(1), "docs");
  const { changes } = await world.plan();
  expect([changes.added, changes.skipped, changes.kept]).toEqual([[], [], []]);
  expect((await world.lock())?.items.map(({ id, repositoryId }) => [id, repositoryId])).toEqual([
    [`${project(1)}@main:packages/ui`, row.id],
  ]);
});

test("a plan that is made again keeps an item with a given root when that becomes a sub-project", async () => {
  const world = campaignWorld({ count: 1, file: { repositories: [{ repo: project(1), root: "docs" }] } });
  await world.advance();
  const before = (await world.lock())?.items;
  addSpace(world, project(1), "docs");
  const { changes } = await world.plan();
  expect([changes.added, changes.skipped, changes.kept, (await world.lock())?.items]).toEqual([[], [], [], before]);
});

test("a campaign over the profile that is like the service works on the whole repository once", async () => {
  const world = campaignWorld({ count: 2, like: "service" });
  expect(world.emulator.world.store.repos.size).toBe(3);
  expect((await world.plan()).changes.added.length).toBe(2);
  const { view } = await world.run();
  expect([view.counts.succeeded, world.starts.length]).toEqual([2, 2]);
});

test("a plan reports a changed task, which holds only for another round, or for items retried with adopted changes", async () => {
  const world = campaignWorld({ count: 2, scenarios: "play: agent-failure" });
  await world.run();
  const prompts = () => world.starts.map(({ body }) => JSON.parse(body).prompt as string);
  world.write({ prompt: "A better task for {{ repository.name }}" });
  world.notices.length = 0;
  await world.advance();
  expect(world.notices.join("\n")).toContain("has changed since the plan");
  const { changes } = await world.plan();
  expect(changes.notes.join("\n")).toMatch(/the task in the file has changed.*another name or round.*--adopt-changes/);
  await world.decide({ kind: "retry", select: { only: [project(1)] }, adopt: false });
  await world.run();
  expect(prompts().at(-1)).toBe("Replace moment in project-0001");
  await world.decide({ kind: "retry", select: { only: [project(2)] }, adopt: true });
  await world.run();
  expect(prompts().at(-1)).toBe("A better task for project-0002");
  // A new item has the task that the campaign began with.
  expect((await world.lock())?.tasks.length).toBe(2);
});

test("a plan reports changed limits, which hold from then on", async () => {
  const world = campaignWorld({ count: 1, scenarios: "play: agent-failure" });
  expect((await world.run()).code).toBe(1);
  world.write({ limits: { attempts: 3 } });
  expect((await world.run()).view.items[0]?.attempts).toBe(1);
  expect((await world.plan()).changes.notes).toEqual(["the new `limits` settings apply from now on"]);
  expect((await world.run()).view.items[0]?.attempts).toBe(3);
});

test("a dry run of a plan for a campaign that has begun counts what has ended", async () => {
  const world = campaignWorld({ count: 3 });
  await world.run();
  world.write({ repositories: [{ query: "acme/" }], limits: { parallel: 2 } });
  const { view, forecasts } = await world.plan({ dryRun: true });
  expect([view.state, view.counts.succeeded, forecasts[0]?.waves]).toEqual(["done", 3, 0]);
});

test("a lock of another origin of the service is refused", async () => {
  const world = campaignWorld();
  await world.plan();
  const { code, problem } = await world.advance({ url: "http://localhost:9999" });
  expect([code, world.starts.length]).toEqual([2, 0]);
  expect(problem).toContain("it was planned for the service at http://localhost, but this is http://localhost:9999");
  expect(await failureOf(() => world.plan({ url: "http://localhost:9999" }))).toBe("none");
});

test("a plan of a campaign that has begun is refused at another origin of the service", async () => {
  const world = campaignWorld();
  await world.run();
  world.write({ limits: { parallel: 1 } });
  expect(await failureOf(() => world.plan({ url: "http://localhost:9999" }))).toMatch(
    /^2 .*was planned for the service at/,
  );
});

test("a plan needs a token that works, and a service that answers", async () => {
  const world = campaignWorld();
  world.emulator.control("setToken", { token: world.token, set: { revokedAt: "2026-09-01T00:00:00Z" } });
  expect(await failureOf(() => world.plan())).toStartWith("64 ");
  world.emulator.control("setToken", { token: world.token, set: { revokedAt: null } });
  world.emulator.control("fault", { kind: "reset0", times: 1_000 });
  expect(await failureOf(() => world.plan())).toStartWith("69 ");
  expect(await world.lock()).toBeUndefined();
});

test("an excluded repository is not an item, and a file that excludes all of its repositories is a mistake", async () => {
  const world = campaignWorld({ count: 3, file: { exclude: ["acme/*2"] } });
  expect(Object.keys(verdicts((await world.plan()).view))).toEqual([project(1), project(3)]);
  world.write({ exclude: ["acme/*"] });
  expect(await failureOf(() => world.plan())).toMatch(/^2 .*excludes all of its repositories/);
});

test("planCampaign() counts the time that sandboxes stay in use after their runs, until a run has finished", async () => {
  const world = campaignWorld({ count: 40 });
  const hours = ({ forecasts, assumedLinger }: CampaignPlan) =>
    [forecasts[0]?.endsAt, assumedLinger?.endsAt].map((at) =>
      at == null ? null : Math.round((Date.parse(at) - world.clock.wallTime()) / 3_600_000)
    );
  // 40 runs of 20 minutes in 3 sandboxes, each in use for 10 or 35 minutes more.
  expect(hours(await world.plan())).toEqual([7, 12]);
  const { assumedLinger } = await world.plan({ meanRunMs: 10 * 60_000 });
  expect(assumedLinger).toMatchObject({ leastMs: 600_000, mostMs: 2_100_000 });
  // README: about 4 runs an hour.
  expect(hours(await world.plan({ meanRunMs: 10 * 60_000 }))[1]).toBe(40 / 4);
  await world.run();
  expect((await world.plan()).assumedLinger).toBeNull();
  const local = campaignWorld({ count: 40, env: { MOGPLEX_DEV_START_LIMITS: "off" } });
  expect((await local.plan()).assumedLinger).toBeNull();
});

test("a plan tells the limit that decides the end", async () => {
  const world = campaignWorld({ count: 400 });
  const { limitedBy, endsAtWithout, view } = await world.plan({ meanRunMs: 10 * 60_000 });
  expect([limitedBy, endsAtWithout[0]?.limit]).toEqual(["day", "day"]);
  const days = (Date.parse(view.endsAt ?? "") - world.clock.wallTime()) / 86_400_000;
  expect(days).toBeGreaterThan(2);
  expect(days).toBeLessThan(3);
});

const ODD: readonly [what: string, entry: Record<string, unknown>, message: RegExp][] = [
  ["a root directory with characters that nobody sees", { root: "a\u200bb" }, /root/],
  ["a root directory of 2000 characters", { root: "a/".repeat(1_000) }, /root/],
  ["a base branch of 300 characters", { "base-branch": "b".repeat(300) }, /base.branch/],
  ["a base branch that the service refuses", { "base-branch": "a b" }, /base.branch/],
];

for (const [what, entry, message] of ODD) {
  test(`planCampaign() refuses ${what}, by name and by id`, async () => {
    const world = campaignWorld({ count: 1 });
    for (const repo of [project(1), repoOf(world, project(1))]) {
      world.write({ repositories: [{ repo, root: ".", "base-branch": "main", ...entry }] });
      expect(await failureOf(() => world.plan())).toMatch(new RegExp(`^2 .*${message.source}`, "s"));
      expect(await world.lock()).toBeUndefined();
    }
    setRepo(world, project(1), { hidden: true });
    expect(await failureOf(() => world.plan())).toMatch(new RegExp(`^2 .*${message.source}`, "s"));
  });
}

test("planCampaign() refuses a task that becomes too long, or a branch name that becomes invalid, with the item's values", async () => {
  const long = campaignWorld({
    count: 1,
    file: { prompt: "{{ text }}".repeat(60), variables: { text: "x".repeat(1_990) } },
  });
  expect(await failureOf(() => long.plan())).toStartWith("2 ");
  const branch = campaignWorld({ count: 1, file: { branch: "codemod/{{ text }}", variables: { text: "a b" } } });
  expect(await failureOf(() => branch.plan())).toStartWith("2 ");
});

test("planCampaign() refuses a branch that is the base branch of a repository, which only the service knows", async () => {
  const world = campaignWorld({ count: 2, file: { branch: "main" } });
  expect(await failureOf(() => world.plan())).toMatch(
    /^2 Cannot plan the campaign: branch becomes "main", which is the base branch of acme\/project-0001; choose another/,
  );
  expect(await world.lock()).toBeUndefined();
});

/** Variables of a job of GitHub Actions. Source: GitHub, "Variables reference". */
const JOB = {
  GITHUB_ACTIONS: "true",
  GITHUB_SERVER_URL: "https://github.com",
  GITHUB_ACTOR: "ann",
  GITHUB_ACTOR_ID: "17",
};

test("planCampaign() and a retry record who asked, with the user's id at the forge where the job shows it", async () => {
  const world = campaignWorld({ count: 1, env: JOB, scenarios: "play: agent-failure" });
  await world.plan();
  await world.waves(["done"]);
  await world.decide({ kind: "retry", select: { failed: true }, adopt: false }, { by: "ann" });
  const user = { host: "github.com", name: "ann", id: 17 };
  const records = (await world.records()).filter(({ type }) => type === "planned" || type === "retry");
  expect(records).toEqual([
    expect.objectContaining({ type: "planned", by: "ann", user }),
    expect.objectContaining({ type: "retry", by: "ann", user }),
  ]);
});

/** Names of the items in the canary, and of all started items. */
async function canaryOf(world: CampaignWorld): Promise<{ canary: string[]; started: string[] }> {
  const { items } = await world.read();
  const names = (items: readonly { repository: string }[]) => items.map(({ repository }) => repository);
  return {
    canary: names(items.filter(({ canary }) => canary)),
    started: names(items.filter(({ starts }) => starts > 0)),
  };
}

const MANUAL = { canary: { size: 3, gate: "manual" } };

test("a canary that is added after the first start holds the other items back until it is approved", async () => {
  const world = campaignWorld({ count: 6, file: { limits: { parallel: 1 } } });
  await world.run({ timeoutMs: MINUTE });
  const [first] = (await canaryOf(world)).started;
  world.write({ limits: { parallel: 1 }, ...MANUAL });
  const dry = await world.plan({ dryRun: true });
  const { canaryGate, changes } = await world.plan();
  expect([canaryGate, changes.notes, dry.canaryGate]).toEqual([
    "manual",
    ["the new `canary` settings apply from now on"],
    "manual",
  ]);
  const { view, code } = await world.run();
  const { canary, started } = await canaryOf(world);
  expect([code, view.stateReason, canary[0], canary.length]).toEqual([4, "3 canary items succeeded", String(first), 3]);
  expect(started).toEqual(canary);
  await world.decide({ kind: "approve" });
  expect((await world.run()).view.counts.succeeded).toBe(6);
});

test("a canary that is added treats started items as its own, and is judged at once when they have ended", async () => {
  const world = campaignWorld({ count: 6 });
  await world.advance();
  world.clock.advance(30 * MINUTE);
  const { started } = await canaryOf(world);
  expect(started.length).toBe(3);
  world.write(MANUAL);
  expect((await world.plan()).canaryGate).toBe("manual");
  expect((await world.run()).view.stateReason).toBe("3 canary items succeeded");
  expect(await canaryOf(world)).toEqual({ canary: started, started });
});

for (const gate of ["automatic", "manual"]) {
  test(`a canary that is enlarged after it has begun holds the other items back: ${gate}`, async () => {
    const world = campaignWorld({ count: 6, file: { canary: { size: 1, gate } }, scenarios: "play: agent-failure" });
    await world.run({ timeoutMs: MINUTE });
    world.write({ canary: { size: 3, gate } });
    await world.plan();
    const { view } = await world.run();
    expect([view.state, view.counts.failed, view.stateReason?.split(":")[0]]).toEqual([
      "gated",
      3,
      "3 of 3 canary items did not succeed",
    ]);
  });
}

for (const [before, name] of [[false, "closed"], [true, "approved"]] as const) {
  test(`a canary that is enlarged needs an approval for all of its items when its gate was ${name}`, async () => {
    const world = campaignWorld({ count: 8, file: { canary: { size: 1, gate: "manual" }, limits: { parallel: 1 } } });
    expect((await world.run()).view.stateReason).toBe("the canary item succeeded");
    if (before) await world.decide({ kind: "approve" });
    world.write({ ...MANUAL, limits: { parallel: 1 } });
    const dry = await world.plan({ dryRun: true });
    const { changes, canaryGate } = await world.plan();
    const notes = ["the new `canary` settings apply from now on"];
    if (before) notes.push("the canary has new items, so its earlier approval no longer applies");
    expect([changes.notes, canaryGate, dry.canaryGate]).toEqual([notes, "manual", "manual"]);
    expect((await world.run()).view.stateReason).toBe("3 canary items succeeded");
    expect((await canaryOf(world)).started.length).toBe(3);
    const decisions = (await world.read()).about?.decisions?.map(({ what }) => what);
    expect(decisions?.includes("Added items to the canary")).toBe(true);
    await world.decide({ kind: "approve" });
    expect((await world.run()).view.counts.succeeded).toBe(8);
  });
}

test("a canary that is enlarged leaves out skipped items, and one that is made smaller keeps its approval", async () => {
  const world = campaignWorld({ count: 6, file: { canary: { size: 1, gate: "manual" } } });
  await world.run();
  await world.decide({ kind: "skip", select: { only: [project(2)] }, reason: "no" });
  world.write(MANUAL);
  await world.plan();
  await world.run();
  expect((await canaryOf(world)).canary).toEqual([project(1), project(3), project(4)]);
  await world.decide({ kind: "approve" });
  world.write({ canary: { size: 2, gate: "manual" } });
  expect((await world.plan()).changes.notes).toEqual(["the new `canary` settings apply from now on"]);
  expect((await world.run()).view.counts).toMatchObject({ succeeded: 5, skipped: 1 });
});

test("a canary that is removed holds nothing back", async () => {
  const world = campaignWorld({ count: 4, file: { canary: { size: 1, gate: "manual" } } });
  await world.run();
  world.write({});
  await world.plan();
  expect((await world.run()).view.counts.succeeded).toBe(4);
  expect((await canaryOf(world)).canary).toEqual([]);
});

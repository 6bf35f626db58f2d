import { expect, test } from "bun:test";
import { type CampaignWorld, campaignWorld, project, REVISIONS, verdicts } from "../world.ts";

const WAYS = ["advance", "run"] as const;

test.each(WAYS)(
  "another user's token before the first run stops the campaign, and no item is lost: %s",
  async (way) => {
    const world = campaignWorld({ count: 8 });
    await world.plan();
    const right = world.token;
    world.token = world.otherToken();
    for (let call = 0; call < 3; call++) {
      const { code, problem, view } = await world[way]();
      expect([code, view.counts.invalid, view.counts.failed]).toEqual([2, 0, 0]);
      expect(problem).toMatch(
        /^Cannot start acme\/project-0001: this token cannot access the repository, nor any of the 5 others/,
      );
      expect(problem).toMatch(/does not belong to the user who planned.*use that user's token/);
    }
    expect(world.runs()).toEqual([]);
    expect((await world.read()).lastError).toContain("this token cannot access the repository");
    world.token = right;
    const { code, view } = await world.run();
    expect([code, view.counts.succeeded, world.runs().length]).toEqual([0, 8, 8]);
  },
);

test.each(WAYS)("an owner who takes all access away in the middle loses no item: %s", async (way) => {
  const world = campaignWorld({ count: 7 });
  await world.advance();
  const repos = [...world.emulator.world.store.repos.values()];
  const users = repos.map(({ userId: id }) => id);
  const give = (to: (index: number) => string) =>
    repos.forEach(({ id }, index) => world.emulator.control("setRepo", { id, set: { userId: to(index) } }));
  give(() => "somebody else");
  await world.clock.sleep(40 * 60_000);
  const { code, problem, view } = await world[way]();
  expect([code, view.counts.invalid]).toEqual([2, 0]);
  expect(problem).toMatch(/that user has lost access; use that user's token, or restore the access/);
  give((index) => users[index] ?? "");
  expect((await world.run()).view.counts).toMatchObject({ succeeded: 7, invalid: 0 });
});

test("repositories that are gone are invalid one by one while the token reaches others", async () => {
  const world = campaignWorld({ count: 6 });
  await world.plan();
  const repos = [...world.emulator.world.store.repos.values()];
  for (const { id } of repos.slice(0, 5)) world.emulator.control("removeRepo", { id });
  const { code, view } = await world.run();
  expect([code, view.counts.invalid]).toEqual([1, 5]);
  expect(verdicts(view)[project(6)]).toBe("succeeded");
});

test("the only repository of a campaign that is gone before its first run keeps its item", async () => {
  const world = campaignWorld({ count: 1, scenarios: "play: agent-failure" });
  await world.plan();
  const [repo] = [...world.emulator.world.store.repos.values()];
  world.emulator.control("setRepo", { id: repo?.id, set: { userId: "somebody else" } });
  const first = await world.run();
  expect([first.code, first.view.counts.invalid]).toEqual([2, 0]);
  expect(first.problem).toContain("cannot access the repository: it does not belong");
});

/** Removes a repository from the service, by name. */
function remove({ emulator }: CampaignWorld, name: string): void {
  emulator.control("removeRepo", { id: name });
}

const STUCK = "play: stuck-streaming";
const MINUTE_MS = 60_000;

test.each(WAYS)(
  "a repository that is removed while its run works is invalid, and the rest goes on: %s",
  async (way) => {
    const world = campaignWorld({ count: 5, file: { limits: { "run-timeout": "2h" } } });
    await world.advance();
    remove(world, project(2));
    await world.clock.sleep(40 * MINUTE_MS);
    const first = await world[way]();
    expect([first.code === 2, first.problem]).toEqual([false, null]);
    const { code, view } = await world.run();
    expect([code, view.state, view.counts.succeeded, view.counts.invalid]).toEqual([1, "done", 4, 1]);
    expect(verdicts(view)[project(2)]).toBe("invalid");
    expect(view.items[1]?.reason).toMatch(
      /^the service no longer has run "[^"]+", and no longer lists the run's repository, so the repository was removed$/,
    );
    expect(world.starts.length).toBe(5);
  },
);

test("lookAtRun() asks another run of the journal before it doubts the token, and cancels nothing by that", async () => {
  const world = campaignWorld({ count: 4, scenarios: STUCK });
  await world.advance();
  remove(world, project(1));
  world.requests.length = 0;
  const { code, view, problem } = await world.advance();
  expect([code, problem, verdicts(view)[project(1)]]).toEqual([75, null, "invalid"]);
  expect(world.requests.filter((request) => request.includes("/cancel"))).toEqual([]);
  // Its name is free for another repository.
  expect(world.starts.length).toBe(4);
});

test("lookAtRun() goes by the list of repositories when the journal has one run", async () => {
  const world = campaignWorld({ count: 2, scenarios: STUCK, file: { canary: { size: 1, gate: "manual" } } });
  await world.advance();
  remove(world, project(1));
  const { problem, view } = await world.advance();
  expect([problem, verdicts(view)[project(1)]]).toEqual([null, "invalid"]);
});

test("lookAtRun() ends an item whose run is gone although its repository is listed", async () => {
  const world = campaignWorld({ count: 1, scenarios: STUCK });
  await world.advance();
  world.emulator.world.store.runs.clear();
  const { code, view } = await world.advance();
  expect([code, verdicts(view)[project(1)], view.items[0]?.reason]).toEqual([
    1,
    "invalid",
    expect.stringMatching(/^the service no longer has run "[^"]+", although it still lists the run's repository$/),
  ]);
});

test("a run that waits for a person is invalid when its repository is removed", async () => {
  const world = campaignWorld({ count: 2, scenarios: "play: awaiting-input", revision: REVISIONS.later });
  await world.run();
  remove(world, project(1));
  const { problem, view } = await world.advance();
  expect([problem, Object.values(verdicts(view))]).toEqual([null, ["invalid", "needs-input"]]);
});

test.each(["skip", "stop"] as const)("%s --cancel goes on when the repository of one run is removed", async (kind) => {
  const world = campaignWorld({ count: 3, scenarios: STUCK });
  await world.advance();
  remove(world, project(1));
  await world.decide(
    kind === "stop" ? { kind, cancel: true } : {
      kind,
      select: { only: ["acme/*"] },
      reason: "enough",
      cancel: true,
    },
  );
  const { problem, view } = await world.advance();
  expect([problem, view.counts.running]).toEqual([null, 0]);
  expect(world.runs()).toEqual([`${project(2)} cancelled`, `${project(3)} cancelled`]);
});

test("proveUser() is content with any run of the journal, and with any repository when no run is left", async () => {
  const world = campaignWorld({ count: 4, file: { canary: { size: 2, gate: "manual" } } });
  await world.run();
  remove(world, project(2));
  await world.decide({ kind: "approve" });
  expect((await world.advance()).problem).toBe(null);
  const other = campaignWorld({ count: 4, file: { canary: { size: 1, gate: "manual" } } });
  await other.run();
  remove(other, project(1));
  await other.decide({ kind: "approve" });
  const { code, problem, view } = await other.run();
  expect([code, problem, view.counts.succeeded]).toEqual([0, null, 4]);
});

test.each(WAYS)(
  "the token is doubted only when nothing at all is found, and skip gets the item out: %s",
  async (way) => {
    const world = campaignWorld({ count: 1, scenarios: STUCK });
    await world.advance();
    remove(world, project(1));
    for (let wave = 0; wave < 2; wave++) {
      const { code, problem, view } = await world[way]();
      expect([code, verdicts(view)[project(1)]]).toEqual([2, "running"]);
      expect(problem).toMatch(
        /finds none of the campaign's runs and repositories, .*skip its item with `campaign skip`/,
      );
    }
    world.requests.length = 0;
    await world.decide({ kind: "skip", select: { only: [project(1)] }, reason: "it was removed" });
    const { code, view } = await world[way]();
    expect([code, view.state, verdicts(view)[project(1)], world.requests]).toEqual([0, "done", "skipped", []]);
    // What stopped the waves before this one is over.
    expect([view.lastError, (await world.read()).lastError]).toEqual([null, null]);
  },
);

test("an item that was skipped before its run was missed is given up by the next wave, when it is all that is left", async () => {
  const world = campaignWorld({ count: 2, file: { limits: { parallel: 2 } }, scenarios: STUCK });
  await world.advance();
  remove(world, project(1));
  remove(world, project(2));
  await world.decide({ kind: "skip", select: { only: [project(1)] }, reason: "it was removed" });
  expect((await world.advance()).code).toBe(2);
  await world.decide({ kind: "skip", select: { only: [project(2)] }, reason: "it was removed" });
  const { code, view } = await world.advance();
  expect([code, view.state, view.counts.skipped]).toEqual([0, "done", 2]);
});

test("skip of an item whose run no wave has missed leaves the run to its end", async () => {
  const world = campaignWorld({ count: 2, scenarios: STUCK });
  await world.advance();
  await world.decide({ kind: "skip", select: { only: [project(1)] }, reason: "by hand" });
  world.token = world.otherToken();
  expect((await world.advance()).code).toBe(2);
  world.token = [...world.emulator.world.store.tokens.keys()][0] ?? "";
  world.setRun(project(1), { status: "success" });
  expect(verdicts((await world.advance()).view)[project(1)]).toBe("succeeded");
});

import { expect, test } from "bun:test";
import { campaignWorld, project, verdicts } from "../world.ts";

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
        /^Cannot start acme\/project-0001: this token does not reach the repository, and none of 5 others/,
      );
      expect(problem).toMatch(/belongs to another user than the one who planned.*use a token of that user/);
    }
    expect(world.runs()).toEqual([]);
    expect((await world.read()).trouble).toContain("this token does not reach the repository");
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
  expect(problem).toMatch(/that user has lost access; use a token of that user, or give the access back/);
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
  expect(first.problem).toContain("does not reach the repository: it belongs");
});

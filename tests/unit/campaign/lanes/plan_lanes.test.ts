import { expect, test } from "bun:test";
import { failureOf } from "../world.ts";
import { LANES, lanesWorld } from "./lanes_world.ts";

/** Ids of the items of each lane's lock that are to be started, by lane. */
function locked(world: ReturnType<typeof lanesWorld>): Record<string, string[]> {
  return Object.fromEntries(["a", "b"].map((lane) => {
    const lock = JSON.parse(world.files.text(`d/lanes/${lane}/lock.json`) ?? "");
    expect(lock.lane).toBe(lane);
    const items = lock.items.filter(({ excluded }: { excluded: unknown }) => excluded === null);
    return [lane, items.map(({ id }: { id: string }) => id)];
  }));
}

test("planCampaign() divides queries and names by the globs, ids by who lists them, and gives a hidden one to the first lane", async () => {
  const hidden = "99999999-0000-4000-8000-000000000001";
  const world = lanesWorld([2, 2], {
    file: {
      repositories: [
        "teamb/r1",
        // The second user's own row of acme/r2.
        { repo: "20000000-0000-4000-8000-000000000002" },
        { repo: hidden, "base-branch": "main", root: "." },
        { query: "acme/", exclude: ["acme/r2"] },
        { query: "teamb/" },
      ],
    },
  });
  const plan = await world.planAll();
  const expected = {
    a: [`${hidden}@main`, "acme/r1@main"],
    b: ["teamb/r1@main", "acme/r2@main", "teamb/r2@main"],
  };
  expect(locked(world)).toEqual(expected);
  expect(plan.lanes?.each.map(({ name, items }) => [name, items])).toEqual([["a", 2], ["b", 3]]);
  expect(plan.view.items.length).toBe(5);
  expect(world.starts.length).toBe(0);
  // Planned again, and by another machine, it is the same.
  await world.planAll();
  expect(locked(world)).toEqual(expected);
});

test("planCampaign() says what lanes bring: two users are done in about half of the time of one", async () => {
  const world = lanesWorld([60, 60]);
  const { lanes, forecasts, view } = await world.planAll();
  const from = Date.parse(view.at);
  const [both, one] = [forecasts[0]?.endsAt, lanes?.withOne].map((time) => Date.parse(time ?? "") - from);
  expect((one ?? 0) / (both ?? 1)).toBeGreaterThan(1.7);
  expect((one ?? 0) / (both ?? 1)).toBeLessThan(2.3);
});

test("an item that was started stays in its lane whatever the globs say later, and others move", async () => {
  const world = lanesWorld([5, 1], { sandboxLimit: 3 });
  await world.wave();
  const started = Object.keys(world.users()).filter((name) => name.startsWith("acme/"));
  expect(started.length).toBe(3);
  const [a, b] = LANES;
  world.write({
    repositories: [{ query: "acme/" }, { query: "teamb/" }],
    lanes: [a, { ...b, repositories: ["teamb/*", "acme/*"] }],
  });
  await world.planAll();
  const { a: first = [], b: second = [] } = locked(world);
  expect(first).toEqual(started.map((name) => `${name}@main`));
  expect([...first, ...second].length).toBe(6);
  const { view } = await world.wavesToEnd();
  expect(view.counts).toMatchObject({ succeeded: 6, skipped: 0 });
  for (const users of Object.values(world.users())) expect(users.length).toBe(1);
});

test("planCampaign() refuses what no lane finds, the same item in two lanes, and one lane alone; and writes nothing then", async () => {
  const world = lanesWorld([1, 1], { file: { repositories: ["acme/r1", { query: "nope/" }] } });
  expect(await failureOf(() => world.planAll())).toMatch(/^2 .*"nope\/": no repository's name begins with it/s);
  world.write({ lanes: LANES, repositories: ["acme/r1", { repo: "20000000-0000-4000-8000-000000000001" }] });
  expect(await failureOf(() => world.planAll())).toMatch(/^2 .*lanes a and b both have the item "acme\/r1@main"/);
  world.write({ lanes: LANES, repositories: ["acme/r1", "teamb/gone"] });
  expect(await failureOf(() => world.planAll())).toMatch(/^2 Cannot plan lane "b" of the campaign: .*"teamb\/gone"/s);
  expect(await failureOf(() => world.planAll({ lane: "a" }))).toMatch(/^2 Cannot plan lane "a" alone/);
  expect(world.files.paths().filter((path) => path.endsWith("lock.json"))).toEqual([]);
});

test("a lock that was put into the directory of another lane is refused", async () => {
  const world = lanesWorld([1, 1]);
  await world.planAll();
  world.files.put("d/lanes/b/lock.json", world.files.text("d/lanes/a/lock.json") ?? "");
  expect(await failureOf(() => world.read())).toMatch(/^2 .*it is of lane "a", and lane "b" belongs there/);
});

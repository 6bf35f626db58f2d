import { expect, test } from "bun:test";
import { type CampaignWorld, campaignWorld, failureOf, project } from "../world.ts";

const MINUTE = 60_000;
const ids = async (world: CampaignWorld) => (await world.lock())?.items.map(({ id }) => id);
const entry = (repo: string, branch: string, root?: string) => ({ repo, "base-branch": branch, ...(root && { root }) });

const TWICE: readonly [what: string, repositories: unknown[]][] = [
  ["a base branch with and without refs/heads/", [entry(project(1), "main"), entry(project(1), "refs/heads/main")]],
  ["a name in upper and lower case", [project(1), project(1).toUpperCase()]],
  ["roots in two spellings", [entry(project(1), "main", "web"), entry(project(1), "main", "/web/")]],
];

for (const [what, repositories] of TWICE) {
  test(`planCampaign() refuses one item that is there twice: ${what}`, async () => {
    const world = campaignWorld({ file: { repositories } });
    expect(await failureOf(() => world.plan())).toMatch(/^2 .*(?:appears twice|the same item as another one)/s);
    expect(await world.lock()).toBeUndefined();
  });
}

test("planCampaign() refuses two rows of the service that are one repository in another spelling", async () => {
  const world = campaignWorld({ count: 2, file: { repositories: [{ query: "acme/" }] } });
  const second = [...world.emulator.world.store.repos.values()][1];
  if (second === undefined) throw new Error("no repository");
  second.full_name = project(1).replace("project", "Project");
  expect(await failureOf(() => world.plan())).toMatch(
    /^2 .*several repositories have this name/s,
  );
});

test("planCampaign() locks a branch in its normal form, also the default branch that the service names", async () => {
  const world = campaignWorld({
    count: 2,
    file: { repositories: [entry(project(1), "refs/heads/release"), project(2)] },
  });
  const second = [...world.emulator.world.store.repos.values()][1];
  if (second === undefined) throw new Error("no repository");
  second.default_branch = "refs/heads/trunk";
  await world.plan();
  expect(await ids(world)).toEqual([`${project(1)}@release`, `${project(2)}@trunk`]);
});

test("planCampaign() adds no second item for another spelling, and rewrites no item that is locked", async () => {
  const world = campaignWorld({
    count: 1,
    file: { repositories: [entry(project(1), "main")] },
    runDuration: () => 30 * MINUTE,
  });
  await world.plan();
  const { items } = await world.lock() ?? {};
  await world.advance();
  for (const branch of ["main", "refs/heads/main"]) {
    world.write({ repositories: [entry(project(1), branch)] });
    const { changes } = await world.plan();
    expect([changes.added, changes.skipped, changes.kept, changes.notes]).toEqual([[], [], [], []]);
    expect((await world.lock())?.items).toEqual(items);
  }
  await world.run();
  expect(world.starts.length).toBe(1);
});

const ODD: readonly [what: string, entry: unknown][] = [
  ["..", "acme/.."],
  ["a name with ..", "acme/x..y"],
  [".. in the middle", "acme/../victim"],
  ["a leading dash of an owner", "-x/web"],
  ["a leading dash of a repository", "acme/-rf"],
  ["a base branch with a leading dash", entry(project(1), "-main")],
  ["a base branch with ..", entry(project(1), "main..x")],
  ["a branch that is the base branch in another spelling", null],
];

for (const [what, odd] of ODD) {
  test(`planCampaign() refuses odd names: ${what}`, async () => {
    const repositories = odd === null ? [entry(project(1), "main")] : [odd];
    const branch = odd === null ? { branch: "refs/heads/main" } : {};
    const world = campaignWorld({ file: { repositories, ...branch } });
    expect(await failureOf(() => world.plan())).toStartWith("2 ");
    expect(world.requests).toEqual([]);
  });
}

for (const name of ["acme/../victim", "acme/-rf", "-acme/web", "acme/x..y", "acme/.."]) {
  test(`planCampaign() refuses an odd name that the service lists: ${name}`, async () => {
    const world = campaignWorld({ count: 1, file: { repositories: [{ query: name.slice(0, 3) }] } });
    const [first] = [...world.emulator.world.store.repos.values()];
    if (first === undefined) throw new Error("no repository");
    first.full_name = name;
    expect(await failureOf(() => world.plan())).toMatch(
      /^2 .*(?:a name that no repository can have|must be the beginning)/s,
    );
  });
}

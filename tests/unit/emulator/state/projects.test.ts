import { expect, test } from "bun:test";
import { builtInFixture } from "../../../../lib/emulator/state/fixture.ts";
import { projectNames, type Projects, withProjects } from "../../../../lib/emulator/state/world.ts";
import { arrange } from "../arrange.ts";

/** The repositories of projects alone. */
function projectRepos(...all: Projects[]) {
  return withProjects(builtInFixture([]), all).repos;
}

test("withProjects() gives the same names and ids each time, and no id twice", () => {
  const all = projectRepos({ owner: "acme", count: 300 }, { owner: "teamb", count: 300 });
  expect(all).toEqual(projectRepos({ owner: "acme", count: 300 }, { owner: "teamb", count: 300 }));
  expect(new Set(all.map(({ id }) => id)).size).toBe(600);
  expect(all[0]).toMatchObject({ full_name: "acme/project-0001", default_branch: "main", user: "ci", hidden: false });
  // A project has the same id however many there are beside it.
  expect(projectRepos({ owner: "acme", count: 1 })[0]?.id).toBe(all[0]?.id ?? "");
});

test("projectNames() pads numbers so that the order of names is the order of numbers", () => {
  expect(projectNames({ owner: "a", count: 2 })).toEqual(["a/project-0001", "a/project-0002"]);
  const many = projectNames({ owner: "a", count: 10_000 });
  expect([many[0], many.at(-1)]).toEqual(["a/project-00001", "a/project-10000"]);
  expect([...many].sort()).toEqual(many);
});

test("withProjects() keeps a repository that exists, and refuses what cannot be a project", () => {
  const fixture = builtInFixture(["acme/project-0002"]);
  const { repos } = withProjects(fixture, [{ owner: "acme", count: 3 }, { owner: "b", count: 1 }]);
  expect(repos.map(({ full_name }) => full_name)).toEqual([
    "acme/project-0002",
    "acme/project-0001",
    "acme/project-0003",
    "b/project-0001",
  ]);
  expect(repos[0]).toEqual(fixture.repos[0] as typeof repos[0]);
  const owners = ["a/b", "", "..", "a b"];
  for (const owner of owners) expect(() => projectRepos({ owner, count: 1 })).toThrow("Cannot make repositories");
  for (const count of [0, -1, 1.5, 100_001]) {
    expect(() => projectRepos({ owner: "a", count })).toThrow("from 1 to 100000");
  }
});

test("createEmulator() lists ten thousand projects as the service does: at most 200, by prefix", async () => {
  const { call } = arrange({ projects: [{ owner: "many", count: 10_000 }] });
  const names = async (query: string) =>
    (await call("GET", `/repos?limit=200&q=${query}`)).json.data.repos.map((repo: { full_name: string }) =>
      repo.full_name
    );
  expect(await names("many/")).toHaveLength(200);
  expect(await names("many/project-0012")).toEqual(
    Array.from({ length: 10 }, (_, digit) => `many/project-0012${digit}`),
  );
  expect(await names("many/project-10000")).toEqual(["many/project-10000"]);
});

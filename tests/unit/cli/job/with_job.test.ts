import { expect, test } from "bun:test";
import { REPO, world } from "../world.ts";

test("run --follow shows the task nowhere when --show-task or its variable says so", async () => {
  const ways: [args: string[], env: Record<string, string>][] = [
    [["--show-task=false"], {}],
    [[], { MOGPLEX_SHOW_TASK: "false" }],
  ];
  for (const [args, env] of ways) {
    const { code, stdout, stderr, io } = await world().cli(
      ["run", "--follow", "A task of mine", "--repo", REPO, ...args],
      { env: { CI: "true", MOGPLEX_CI_JOB: "nightly", ...env } },
    );
    expect(code).toBe(0);
    expect(JSON.parse(io.files.get("mogplex-ci/result.json") ?? "")).toMatchObject({ task: null });
    const all = [
      stdout,
      stderr,
      ...[...io.files].filter(([path]) => !path.endsWith("run.json")).map(([, text]) => text),
    ];
    expect(all.join("\n")).not.toContain("A task of mine");
  }
});

test("run --follow names a repository as the caller did, and does not ask for its name again", async () => {
  const { cli, requests } = world();
  const args = ["run", "--follow", "Fix it", "--repo", "acme/api"];
  const { code, stdout, io } = await cli(args, { env: { CI: "true", MOGPLEX_CI_JOB: "nightly" } });
  const start = stdout.split("\n").slice(0, 4).map((line) => line.replace(/^branch .*/, "branch"));
  expect([code, ...start.slice(1)]).toEqual([0, "agent codex", "branch", "repository acme/api"]);
  expect(stdout).not.toMatch(/^[\d:]{8} {2}repository/m);
  expect(JSON.parse(io.files.get("mogplex-ci/result.json") ?? "").repository).toBe("acme/api");
  expect(requests.filter((request) => /\/repos\b/.test(`${request}`)).length).toBe(1);
});

test("run --follow starts nothing when the branch is to be created and not to be created", async () => {
  const { cli, requests } = world();
  const args = ["run", "--follow", "Fix it", "--repo", REPO, "--create-branch", "--no-create-branch"];
  const { code, stderr } = await cli(args, {});
  expect([code, requests]).toEqual([2, []]);
  expect(stderr).toContain("--create-branch and --no-create-branch cannot be used together");
});

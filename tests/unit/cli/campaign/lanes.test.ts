import { expect, test } from "bun:test";
import { parse } from "yaml";
import { readFileSync } from "node:fs";
import { type CliWorld, cliWorld } from "./world.ts";

const FILE = {
  repositories: [{ query: "acme/" }, { query: "teamb/" }],
  lanes: [
    { name: "a", "token-variable": "KEY_A" },
    { name: "b", "token-variable": "KEY_B", repositories: ["teamb/*"] },
  ],
};

/** Two users, of whom the second has its repositories below `teamb`. */
function twoUsers(file: Record<string, unknown> = {}): { world: CliWorld; env: Record<string, string> } {
  const world = cliWorld({ count: 2, file: { ...FILE, ...file } });
  const second = String(world.emulator.control("addToken", { user: "other" })?.token);
  const { store } = world.emulator.world;
  const userId = store.userId("other");
  for (const repo of [...store.repos.values()]) {
    const id = repo.id.replace(/^.{8}/, "99999999");
    store.repos.set(id, { ...repo, id, userId, full_name: repo.full_name.replace("acme/", "teamb/") });
  }
  const env = { KEY_A: world.token, KEY_B: second, MOGPLEX_API_KEY: "", MOGPLEX_DEV: "1" };
  return { world, env: { ...env, MOGPLEX_URL: "http://localhost" } };
}

test("`campaign plan` says which lane has what and what lanes bring, and `advance` works on all of them or on one", async () => {
  const { world, env } = twoUsers();
  const plan = await world.campaign("plan", [], { env });
  expect(plan.code).toBe(0);
  expect(plan.stdout).toMatch(
    /Lanes, each with one process that stays:\n {2}lane a .* 2 items\n {2}lane b .* 2 items\n {2}one user for all {8}/,
  );
  expect(plan.stdout).toContain("Wrote DIR/lanes/*/lock.json; nothing was started");
  const one = await world.campaign("advance", ["--lane", "b"], { env: { ...env, KEY_A: "" } });
  expect([one.code, world.runs().length]).toEqual([0, 2]);
  expect(one.stdout).toContain("teamb/");
  expect(one.stdout).not.toContain("acme/");
  expect(JSON.parse(world.report("lanes/b/campaign.json")).lanes.length).toBe(1);
  expect(world.report("campaign.json")).toBe("");
  const none = await world.campaign("advance", [], { env: { ...env, KEY_A: "" } });
  expect([none.code, none.stderr]).toEqual([64, expect.stringContaining("KEY_A (lane a)")]);
  const all = await world.campaign("advance", [], { env });
  expect([all.code, world.runs().length]).toEqual([0, 4]);
  const { items, lanes, counts } = JSON.parse(world.report("campaign.json"));
  expect(items.map(({ lane }: { lane: string }) => lane)).toEqual(["a", "a", "b", "b"]);
  expect([lanes.length, Object.keys(counts).length]).toEqual([2, Object.keys(lanes[0].counts).length]);
  expect(world.report("campaign.csv").split("\r\n")[0]).toEndWith('"lane"');
  expect(world.report("campaign.md")).toContain("### Lanes");
  for (const name of ["lanes", "with a path/../x", "B"]) {
    const wrong = await world.campaign("status", ["--lane", name], { env });
    expect([name, wrong.code]).toEqual([name, 2]);
  }
});

test("`campaign run` follows both lanes with a line for each change, and `status` has a column and commands for lanes", async () => {
  const { world, env } = twoUsers({ canary: { size: 1, gate: "manual" } });
  const run = await world.campaign("run", [], { env });
  expect(run.code).toBe(75);
  expect(run.stdout).toMatch(/succeeded +acme\//);
  expect(run.stdout).toMatch(/succeeded +teamb\//);
  const status = await world.campaign("status", [], { env: {} });
  expect(status.code).toBe(0);
  expect(status.stdout).toMatch(/ITEM .* LANE\n/);
  expect(status.stdout).toContain("lane a: gate closed");
  expect(status.stdout).toContain("campaign approve campaign.yml --dir DIR --lane b");
  expect((await world.campaign("approve", ["--lane", "b"], { env: {} })).stdout).toContain("lane b: opened the gate");
  const rest = await world.campaign("approve", [], { env: {} });
  expect(rest.stdout).toContain("lane a: opened the gate");
  const last = await world.campaign("run", ["--json"], { env });
  expect(last.code).toBe(0);
  const lines = last.stdout.trim().split("\n").map((line) => JSON.parse(line));
  expect(lines.at(-1)).toMatchObject({ type: "campaign", state: "done", counts: { succeeded: 4 } });
  expect(new Set(lines.filter(({ type }) => type === "item").map(({ lane }) => lane))).toEqual(new Set(["a", "b"]));
});

test("tokens of lanes appear in no output, report, lock or journal", async () => {
  const { world, env } = twoUsers();
  const reason = `see ${env.KEY_A} and ${env.KEY_B}`;
  expect((await world.campaign("plan", [], { env })).code).toBe(0);
  const skip = await world.campaign("skip", [
    "--only",
    "acme/project-0001",
    "--reason",
    reason,
    "--by",
    env.KEY_B ?? "",
  ], { env });
  expect(skip.code).toBe(0);
  const seen: string[] = [];
  for (const args of [["advance"], ["run", "--json"], ["status", "--all"], ["report"]]) {
    const [verb = "", ...rest] = args;
    const called = await world.campaign(verb, rest, { env });
    expect([verb, called.code]).toEqual([verb, 0]);
    seen.push(called.stdout, called.stderr);
  }
  seen.push(...world.files.values());
  for (const lane of ["a", "b"]) {
    const path = `${world.directory}/lanes/${lane}/journal/000001.ndjson`;
    seen.push(readFileSync(path, "utf8"));
  }
  const tokens = [env.KEY_A ?? "", env.KEY_B ?? ""];
  expect(seen.filter((text) => tokens.some((token) => text.includes(token)))).toEqual([]);
});

test("`campaign pipeline` makes one pipeline for all lanes, which hands on their directories and knows their tokens", async () => {
  const { world, env } = twoUsers();
  world.files.set("ci/mogplex.mjs", "#!/usr/bin/env node\n");
  expect((await world.campaign("plan", [], { env })).code).toBe(0);
  const text = async (...args: string[]) => {
    const { code, stdout, stderr } = await world.campaign("pipeline", args, { env: {} });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout;
  };
  const gitlab = await text("--format", "gitlab");
  expect(gitlab).toContain("resource_group: mogplex-a-b\n");
  expect(gitlab).toContain("/lanes/a/lock.json");
  expect(parse(gitlab)[".mogplex-wave"].artifacts.paths[0]).toEndWith("/lanes/");
  const github = parse(await text("--format", "github"));
  const wave = github.jobs.wave.steps.find(({ id }: { id?: string }) => id === "wave");
  expect(Object.keys(wave.env)).toEqual(expect.arrayContaining(["KEY_A", "KEY_B"]));
  expect(Object.keys(wave.env)).not.toContain("MOGPLEX_API_KEY");
  expect(parse(await text("--format", "buildkite")).steps[0].secrets).toEqual(["KEY_A", "KEY_B"]);
  const image = ["--image", "registry.example/mogplex:1", "--program", "command:mogplex-ci"];
  expect(await text("--format", "kubernetes", ...image)).toContain("key: api-key-b }");
});

import { appendFileSync } from "node:fs";
import { expect, test } from "bun:test";
import { project, REVISIONS } from "../../campaign/world.ts";
import { cliWorld } from "./world.ts";

const MINUTE = 60_000;

test("campaign status prints the screen without a request and without a token, and ends with 0", async () => {
  const world = cliWorld({ count: 60, scenarios: "play: agent-failure" });
  await world.campaign("run");
  const requests = world.requests.length;
  const { code, stdout, stderr } = await world.campaign("status", [], { env: { MOGPLEX_API_KEY: "" } });
  expect([code, stderr, world.requests.length]).toEqual([0, "", requests]);
  expect(stdout).toContain("Campaign replace-moment is done: 0 of 60 items succeeded, 60 did not succeed\n");
  expect(stdout).toContain("  … 50 more failed (--all shows them)\n");
  expect((await world.campaign("status", ["--all"])).stdout).not.toContain("--all shows them");
});

const EXITS = [
  ["done and good", "play: success", {}, 0],
  ["done with failures", "play: agent-failure", {}, 1],
  ["only needs-input left", "play: awaiting-input", {}, 4],
  ["stopped by the threshold", "play: agent-failure", { limits: { "stop-after-failures": 1, parallel: 1 } }, 1],
  ["gated", "play: success", { canary: { size: 1, gate: "manual" } }, 4],
] as const;

for (const [what, scenarios, file, expected] of EXITS) {
  test(`campaign status --exit-status ends with ${expected}: ${what}`, async () => {
    const world = cliWorld({ count: 3, scenarios, file, revision: REVISIONS.later });
    await world.campaign("run");
    expect((await world.campaign("status")).code).toBe(0);
    expect((await world.campaign("status", ["--exit-status"])).code).toBe(expected);
    // Nothing more happens by itself, so watching ends as well.
    const watched = await world.campaign("status", ["--watch", "--exit-status"]);
    expect(watched.code).toBe(expected);
    expect(watched.stderr.includes("stopped watching: ")).toBe(!what.startsWith("done"));
  });
}

test("campaign status --json is one object with the fields of the schema", async () => {
  const world = cliWorld({ count: 2, runDuration: () => 20 * MINUTE });
  await world.campaign("advance", ["--plan"]);
  const { stdout } = await world.campaign("status", ["--json"]);
  const view = JSON.parse(stdout);
  expect(stdout.split("\n").length).toBe(2);
  expect(Object.keys(view)).toEqual(Object.keys(JSON.parse(world.report("campaign.json"))));
  expect(Object.keys(view.items[0])).toEqual(
    expect.arrayContaining([
      "repository",
      "baseBranch",
      "root",
      "verdict",
      "reason",
      "starts",
      "attempts",
      "runId",
      "branch",
    ]),
  );
});

test("campaign status --watch prints the status once, then a line for each change, until the campaign is done", async () => {
  const world = cliWorld({ count: 2, runDuration: () => 5 * MINUTE });
  await world.campaign("advance", ["--plan"]);
  const work = world.clock.sleep(10 * MINUTE).then(() => world.campaign("advance"));
  const { stdout: before } = await world.campaign("status");
  const { code, stdout, stderr } = await world.campaign("status", ["--watch", "--exit-status"]);
  await work;
  expect([code, stdout.startsWith(before)]).toEqual([0, true]);
  expect(stdout.slice(before.length).replace(/^[\d:]{8} {2}/gm, "")).toBe(
    [1, 2].map((number) => `succeeded    ${project(number)}  http://localhost/${project(number)}/pull/1  (5 min)\n`)
      .join("") + "campaign replace-moment is done: all 2 items succeeded\n",
  );
  expect(stderr).toContain("the campaign is done; to see what to do:\n");
});

test("campaign status --watch --json prints the whole view at each change", async () => {
  const world = cliWorld({ count: 1, runDuration: () => 5 * MINUTE });
  await world.campaign("advance", ["--plan"]);
  const work = world.clock.sleep(10 * MINUTE).then(() => world.campaign("advance"));
  const { stdout } = await world.campaign("status", ["--watch", "--json"]);
  await work;
  const states = stdout.trim().split("\n").map((line) => JSON.parse(line).state);
  expect([states.at(0), states.at(-1)]).toEqual(["running", "done"]);
});

test("campaign status --watch prints nothing when records have changed nothing that it shows", async () => {
  const watched = async (between: readonly string[]) => {
    const world = cliWorld({ count: 1, runDuration: () => 5 * MINUTE });
    await world.campaign("advance");
    const work = world.clock.sleep(2 * MINUTE).then(async () => {
      for (const verb of between) await world.campaign(verb);
    })
      .then(() => world.clock.sleep(10 * MINUTE)).then(() => world.campaign("advance"));
    const { stdout } = await world.campaign("status", ["--watch"]);
    await work;
    return [...stdout.matchAll(/^[Cc]ampaign replace-moment is (\w+):/gm)].map(([, state]) => state);
  };
  expect(await watched(["stop", "resume"])).toEqual(await watched([]));
});

test("campaign status --watch ends with 4 when the campaign is stopped and its last run has ended", async () => {
  const world = cliWorld({ count: 4, runDuration: () => 5 * MINUTE });
  await world.campaign("advance", ["--plan"]);
  await world.campaign("stop");
  const work = world.clock.sleep(10 * MINUTE).then(() => world.campaign("advance"));
  const { code, stdout } = await world.campaign("status", ["--watch", "--exit-status"]);
  await work;
  expect([code, /^Campaign replace-moment was stopped by /m.test(stdout)]).toEqual([4, true]);
  expect(stdout).toContain("campaign replace-moment was stopped by kim");
});

test("campaign status --watch ends with 130 at a signal", async () => {
  const world = cliWorld({ count: 1, runDuration: () => 20 * MINUTE });
  await world.campaign("advance", ["--plan"]);
  const { code, stderr } = await world.campaign("status", ["--watch"], {
    before: (io) => void world.clock.sleep(MINUTE).then(() => io.signal("SIGINT")),
  });
  expect(code).toBe(130);
  expect(stderr).not.toContain("error:");
});

test("campaign status ends with 2 for a changed journal, and for a directory without a plan", async () => {
  const world = cliWorld();
  expect((await world.campaign("status")).stderr).toBe(
    'error: Cannot read the campaign: there is no plan in "DIR"; ' +
      "if it was planned elsewhere, specify that place with --dir, --home, MOGPLEX_CAMPAIGN_HOME, or the key home in the campaign file; for a new campaign, run `mogplex-ci campaign plan campaign.yml --dir DIR`\n",
  );
  await world.campaign("advance", ["--plan"]);
  appendFileSync(`${world.directory}/journal/000001.ndjson`, '{"schema":1,"check":"0"}\n{}\n');
  const { code, stderr } = await world.campaign("status");
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/^error: Cannot read journal because the line was changed.*restore lock\.json/),
  ]);
});

test("commands that the screen prints work when they are pasted", async () => {
  const world = cliWorld({ count: 6, scenarios: "play: agent-failure", file: { canary: { size: 2 } } });
  await world.campaign("plan");
  /** Runs every command of the screen once, without what it would do. */
  async function tryAll() {
    const { stdout } = await world.campaign("status");
    const lines = stdout.split("\n").map((line) => line.trim()).filter((line) => line.startsWith("mogplex-ci "));
    const codes = [];
    for (const line of lines) {
      const args = line.replaceAll("DIR", world.directory).split(" ").slice(1);
      const reads = args[0] === "campaign" && args[1] !== "status";
      codes.push([line, (await world.cli([...args, ...reads ? ["--dry-run"] : []])).code]);
    }
    return codes;
  }
  const planned = await tryAll();
  await world.campaign("run");
  const gated = await tryAll();
  await world.campaign("approve");
  await world.campaign("run");
  const done = await tryAll();
  expect([planned.length, gated.length, done.length].every((count) => count > 0)).toBe(true);
  // `report` ends with the verdict of its run.
  const codeOf = (line: unknown) => String(line).startsWith("mogplex-ci report ") ? 1 : 0;
  expect([...planned, ...gated, ...done].filter(([line, code]) => code !== codeOf(line))).toEqual([]);
});

test("the directory and the other flags are in every command that the screen prints", async () => {
  const world = cliWorld({ count: 2, scenarios: "play: agent-failure" });
  await world.campaign("run", ["--allow-outside"]);
  const { stdout } = await world.campaign("status", ["--allow-outside"]);
  const commands = stdout.split("\n").filter((line) => line.includes("mogplex-ci campaign "));
  expect(commands.length).toBeGreaterThan(1);
  const needsFiles = (line: string) => !/ campaign (?:approve|resume|retry|skip|stop) /.test(line);
  expect(commands.filter((line) => !line.includes("campaign.yml --dir DIR"))).toEqual([]);
  expect(commands.filter((line) => line.includes("--allow-outside") !== needsFiles(line))).toEqual([]);
  expect(commands.filter(needsFiles).length).not.toBe(0);
  expect(commands.filter(needsFiles).length).toBeLessThan(commands.length);
});

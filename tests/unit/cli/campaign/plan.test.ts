import { existsSync } from "node:fs";
import { expect, test } from "bun:test";
import { project } from "../../campaign/world.ts";
import { cliWorld } from "./world.ts";

test("campaign plan prints the items, the arithmetic and what decides it, writes the lock and starts nothing", async () => {
  const world = cliWorld({ count: 400 });
  const { code, stdout, stderr } = await world.campaign("plan");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const lines = stdout.split("\n");
  expect(lines[0]).toBe("Campaign replace-moment: 400 items");
  expect(lines[1]).toMatch(/^Read with \d+ requests in /);
  expect(stdout).toContain(`Added 400 items:\n  ${project(1)}@main\n`);
  expect(stdout).toContain("  and 390 more (--all shows them)\n");
  expect(stdout).toContain(
    "Earliest end, if a run takes 20 min (a guess; set it with --mean-run):\n" +
      "                      end                                 runner time\n  one long process    2026-09-03 ",
  );
  for (const every of ["10 min", "15 min", "20 min", "hour"]) {
    expect(stdout).toMatch(new RegExp(`  waves every ${every} +2026-09-\\d\\d .*  \\d+ h \\d+ min, \\d+ waves\n`));
  }
  expect(stdout).toMatch(
    /The end depends on: the limit of 3 sandboxes\n {2}without the limit of 3 sandboxes: 2026-09-/,
  );
  expect(stdout).toMatch(
    /\nA sandbox stays in use for 10 min to 35 min after its run. These times assume 10 min.\nWith 35 min, one long process ends at 2026-09-/,
  );
  expect(stdout).toContain("Starts used by this campaign: 0 of 10 a minute, 0 of 30 an hour, 0 of 150 a day\n");
  expect(lines.filter((line) => /^ +(end|one|waves) /.test(line) && line.length > 80)).toEqual([]);
  expect(stdout).toEndWith("Wrote DIR/lock.json; nothing was started\n");
  expect(existsSync(`${world.directory}/lock.json`)).toBe(true);
  expect(world.requests.some((request) => request.startsWith("POST"))).toBe(false);
  expect((await world.campaign("plan", ["--all"])).stdout).not.toContain("more (--all");
});

test("campaign plan names the canary and its gate, until the gate is open", async () => {
  const world = cliWorld({ count: 4, file: { canary: { size: 2, gate: "manual" } } });
  const { stdout } = await world.campaign("plan");
  expect(stdout).toContain(
    `The canary starts first (2 items):\n  ${project(1)}@main\n  ${project(2)}@main\n` +
      "Then the campaign waits until somebody runs `campaign approve`\n",
  );
  const wait = "These times do not include the wait for approval after the canary.\n";
  expect(stdout).toContain(wait);
  await world.campaign("run");
  await world.campaign("approve");
  const again = (await world.campaign("plan")).stdout;
  expect([again.includes("canary"), again.includes("Earliest end")]).toEqual([false, true]);
  const automatic = await cliWorld({ count: 2, file: { canary: { size: 1 } } }).campaign("plan");
  expect(automatic.stdout).toContain(
    "The others start if the whole canary succeeds; otherwise, the campaign waits until somebody runs `campaign approve`\n",
  );
  expect(automatic.stdout).not.toContain(wait);
});

test("campaign plan shows that starts are not limited", async () => {
  const world = cliWorld({ count: 1, startLimits: false });
  const { stdout } = await world.campaign("plan", [], { env: { MOGPLEX_DEV: "1", MOGPLEX_DEV_START_LIMITS: "off" } });
  expect(stdout).toContain("\nStarts: not limited\n");
  expect(stdout).toContain("\nThese times assume that a sandbox is free as soon as its run has finished.\n");
});

test("campaign plan --dry-run writes nothing, and --json is one object", async () => {
  const world = cliWorld({ count: 2 });
  const { code, stdout } = await world.campaign("plan", ["--dry-run", "--json"]);
  const { dryRun, view, changes, limitedBy, forecasts, lookup, meanRunMs } = JSON.parse(stdout);
  expect([code, stdout.split("\n").length, dryRun, view.state, changes.added.length]).toEqual([
    0,
    2,
    true,
    "planned",
    2,
  ]);
  expect([limitedBy, forecasts.length, lookup.requests, meanRunMs]).toEqual(["nothing", 5, 1, 1_200_000]);
  expect(existsSync(world.directory)).toBe(false);
  expect((await world.campaign("plan", ["--dry-run"])).stdout).toContain("2 items; nothing was written\n");
});

test("campaign plan --mean-run is what the forecast goes by until runs have ended", async () => {
  const world = cliWorld({ count: 3 });
  const { stdout } = await world.campaign("plan", ["--mean-run", "1h30m"]);
  expect(stdout).toContain("Earliest end, if a run takes 1 h 30 min (as set by --mean-run):");
  await world.campaign("run");
  expect((await world.campaign("plan")).stdout).not.toContain("1 h 30 min");
});

test("campaign plan refuses repositories that cannot be used, each on a line with its place, and writes no lock", async () => {
  const world = cliWorld({ file: { repositories: [project(1), "acme/projekt-0002", "acme/nope"] } });
  const { code, stdout, stderr } = await world.campaign("plan");
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  const lines = stderr.trimEnd().split("\n");
  expect(lines.length).toBe(3);
  expect(lines[0]).toBe(
    "error: Cannot plan the campaign: 2 repositories cannot be used; fix the file, or keep them as invalid items with --skip-invalid:",
  );
  expect(lines[1]).toMatch(
    /^error: campaign\.yml:1:\d+: "acme\/projekt-0002": .* did you mean "acme\/project-0002"\?$/,
  );
  expect(lines[2]).toMatch(/^error: campaign\.yml:1:\d+: "acme\/nope": the service lists no repository with this name/);
  expect(existsSync(`${world.directory}/lock.json`)).toBe(false);

  const skipped = await world.campaign("plan", ["--skip-invalid"]);
  expect([skipped.code, skipped.stdout.includes("2 items cannot be used:\n  acme/projekt-0002: the service")]).toEqual([
    0,
    true,
  ]);
  expect(skipped.stdout).toStartWith("Campaign replace-moment: 3 items (2 invalid)\n");
});

test("campaign plan, again, prints the difference", async () => {
  const world = cliWorld({ count: 4, file: { repositories: [1, 2, 3].map(project), limits: { parallel: 1 } } });
  await world.campaign("advance", ["--plan"]);
  world.write({ repositories: [2, 4].map(project), prompt: "Another task", limits: { parallel: 2 } });
  const { code, stdout } = await world.campaign("plan");
  expect(code).toBe(0);
  expect(stdout).toContain(`Added 1 item:\n  ${project(4)}@main\n`);
  expect(stdout).toContain(`Skipped, no longer in the list: 1 item:\n  ${project(3)}@main\n`);
  expect(stdout).toContain(
    `No longer in the list, but already started, so they continue: 1 item:\n  ${project(1)}@main\n`,
  );
  expect(stdout).toContain("Note: the new `limits` settings apply from now on\n");
  expect(stdout).toContain("Note: the task in the file has changed, but the campaign keeps the planned task");
  expect(stdout).toContain("Starts used by this campaign: 1 of 10 a minute");
});

test("campaign plan reads a list of standard input", async () => {
  const world = cliWorld({ count: 3, file: { repositories: [{ file: "-" }] } });
  const { code, stdout } = await world.campaign("plan", [], {
    stdin: `${project(1)}\n${project(3)}  # the last one\n`,
  });
  expect([code, stdout.split("\n")[0]]).toEqual([0, "Campaign replace-moment: 2 items"]);
  expect((await world.campaign("advance")).code).toBe(0);
});

const CODES: readonly [
  what: string,
  set: Record<string, unknown> | undefined,
  env: Record<string, string>,
  code: number,
][] = [
  ["no token", undefined, { MOGPLEX_API_KEY: "" }, 64],
  ["a token that was revoked", { revokedAt: "2026-09-01T00:00:00Z" }, {}, 64],
];

for (const [what, set, env, expected] of CODES) {
  test(`campaign plan ends with ${expected}: ${what}`, async () => {
    const world = cliWorld();
    if (set !== undefined) world.emulator.control("setToken", { token: world.token, set });
    const { code, stderr } = await world.campaign("plan", [], { env });
    expect([code, stderr.startsWith("error: ")]).toEqual([expected, true]);
  });
}

test("campaign plan ends with 69 while the service is out of reach", async () => {
  const world = cliWorld();
  world.emulator.control("fault", { kind: "reset0", times: 1_000 });
  expect((await world.campaign("plan")).code).toBe(69);
});

const BAD: readonly [args: string[], message: RegExp][] = [
  [["--mean-run", "soon"], /--mean-run.*it must be a duration such as .*"soon"/],
  [["--mean-run", "0"], /--mean-run/],
  [["--home", "git:origin#x"], /home.*neither a CI job.*"git:origin#x"/],
  [["--home", "s3://bucket"], /the kind of home is unknown: "s3:\/\/bucket"; use dir, git:ADDRESS#BRANCH/],
  [["--home", "git:/srv/x.git"], /it contains no branch/],
  [["--home", "git:/srv/x.git#-x"], /the branch cannot be used: it starts with "-"/],
  [["--home", "git:ext::sh -c id#x"], /the address of a Git repository/],
  [["--timeout", "1h"], /--timeout/],
  [["other.yml"], /unexpected argument: "other\.yml"/],
];

for (const [args, message] of BAD) {
  test(`campaign plan refuses ${args.join(" ")}`, async () => {
    const world = cliWorld();
    const { code, stderr } = await world.campaign("plan", args);
    expect([code, world.requests]).toEqual([2, []]);
    expect(stderr).toMatch(message);
  });
}

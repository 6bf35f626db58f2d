import { existsSync, readFileSync, rmSync } from "node:fs";
import { expect, test } from "bun:test";
import { campaignFile, project, REVISIONS } from "../../campaign/world.ts";
import { cliWorld, FILE } from "./world.ts";

const MINUTE = 60_000;

test("campaign advance makes one wave and ends with 0 while it goes on, with --exit-status 75, and says what comes next", async () => {
  const world = cliWorld({ count: 4, runDuration: () => 20 * MINUTE });
  const first = await world.campaign("advance", ["--plan"]);
  expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: "" });
  expect(first.stdout).toContain("Campaign replace-moment is running: 3 runs active; the next start waits for a free");
  expect(first.stdout).toContain("next wave     2026-09-01 00:15 UTC (in 15 min), number 2\n");
  expect(first.stdout).toContain(`mogplex-ci campaign advance ${FILE} --dir DIR\n`);
  expect((await world.campaign("advance", ["--exit-status"])).code).toBe(75);
  await world.clock.sleep(30 * MINUTE);
  await world.campaign("advance");
  await world.clock.sleep(30 * MINUTE);
  const last = await world.campaign("advance", ["--exit-status"]);
  expect([last.code, last.stdout.includes("is done: all 4 items succeeded")]).toEqual([0, true]);
  expect(world.runs().length).toBe(4);
});

test("campaign advance writes every report and the outputs of the CI system after each wave", async () => {
  const world = cliWorld({ count: 2, runDuration: () => 20 * MINUTE });
  const env = { GITHUB_ACTIONS: "true", GITHUB_OUTPUT: "output", GITHUB_STEP_SUMMARY: "summary" };
  const { stdout } = await world.campaign("advance", ["--plan"], { env });
  for (const name of ["ci/campaign.csv", "campaign.md", "campaign.html", "ci/junit.xml", "ci/metrics.txt"]) {
    expect([name, world.report(name).length > 50]).toEqual([name, true]);
  }
  expect(JSON.parse(world.report("campaign.json"))).toMatchObject({ schema: 1, state: "running", waves: 1 });
  expect(world.report("ci/outputs.env")).toContain("MOGPLEX_CAMPAIGN_STATE=running\n");
  expect(world.report("ci/outputs.env")).toContain("MOGPLEX_CAMPAIGN_NEXT_WAVE_AT=2026-09-01T00:15:00.000Z\n");
  expect(world.files.get("output")).toMatch(/^campaign_state<<(\S+)\nrunning\n\1\n/);
  expect(world.files.get("summary")).toContain("Campaign `replace-moment` is running");
  expect(stdout).not.toContain("::error");
});

test("campaign advance ends with 1 for failures, and says it as an annotation", async () => {
  const world = cliWorld({ count: 1, scenarios: "play: agent-failure" });
  await world.campaign("advance", ["--plan"]);
  await world.clock.sleep(MINUTE);
  const { code, stdout } = await world.campaign("advance", [], { env: { GITHUB_ACTIONS: "true" } });
  expect([code, stdout.includes("::error title=Mogplex campaign replace-moment is done::")]).toEqual([1, true]);
  expect(stdout).toMatch(/retry campaign\.yml --dir DIR --cause agent-run-exited-code-\w+\n/);
});

test("campaign advance --json prints a line for each change, and the campaign at the end", async () => {
  const world = cliWorld({ count: 2 });
  const { code, stdout, stderr } = await world.campaign("advance", ["--plan", "--json"]);
  const items = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  expect({ code, stderr, types: items.map(({ type }) => type) }).toEqual({
    code: 0,
    stderr: "",
    types: ["wave", "item", "item", "waiting", "campaign"],
  });
  expect(items[1]).toMatchObject({ before: "waiting", item: { repository: project(1), verdict: "running" } });
  expect(items.at(-1)).toMatchObject({
    schema: 1,
    state: "running",
    items: [{ verdict: "running" }, { verdict: "running" }],
  });
});

test("campaign advance --dry-run sends and writes nothing", async () => {
  const world = cliWorld({ count: 5 });
  expect(await world.campaign("advance", ["--dry-run"])).toMatchObject({
    code: 2,
    stderr: 'error: Cannot preview the next wave: there is no plan in "DIR"; ' +
      `if it was planned elsewhere, specify that place with --dir, --home, MOGPLEX_CAMPAIGN_HOME, or the key home in the campaign file; for a new campaign, run \`mogplex-ci campaign plan ${FILE} --dir DIR\`\n`,
  });
  expect(existsSync(world.directory)).toBe(false);
  await world.campaign("plan");
  const requests = world.requests.length;
  expect(await world.campaign("advance", ["--dry-run"])).toMatchObject({
    code: 0,
    stdout: `campaign replace-moment is planned; nothing was sent or written
the next wave reads 0 runs
it starts at most 3 items:
  ${project(1)}@main
  ${project(2)}@main
  ${project(3)}@main
`,
  });
  const journal = () => readFileSync(`${world.directory}/journal/000001.ndjson`, "utf8");
  const before = journal();
  const { stdout } = await world.campaign("advance", ["--dry-run", "--json"]);
  expect(JSON.parse(stdout)).toEqual({
    dryRun: true,
    reads: [],
    cancels: [],
    starts: [1, 2, 3].map((number) => `${project(number)}@main`),
    state: "planned",
    waitingFor: null,
  });
  expect([world.requests.length, journal()]).toEqual([requests, before]);
});

test("campaign advance starts nothing when its directory has no plan, or was lost with a stop in it", async () => {
  const world = cliWorld({ count: 2 });
  const refusal = {
    code: 2,
    stdout: "",
    stderr: 'error: Cannot continue the campaign: there is no plan in "DIR"; ' +
      "if it was planned elsewhere, specify that place with --dir, --home, MOGPLEX_CAMPAIGN_HOME, or the key home in the " +
      `campaign file; for a new campaign, run \`mogplex-ci campaign plan ${FILE} --dir DIR\`\n`,
  };
  expect(await world.campaign("advance")).toMatchObject(refusal);
  await world.campaign("plan");
  await world.campaign("stop");
  rmSync(world.directory, { recursive: true });
  const requests = world.requests.length;
  expect(await world.campaign("advance")).toMatchObject(refusal);
  expect(await world.campaign("advance", ["--json"])).toMatchObject({ code: 2, stdout: "" });
  expect([world.requests.length, world.runs()]).toEqual([requests, []]);
});

test("campaign advance --plan plans first when there is no plan, and ends with 2 when that is not possible", async () => {
  const world = cliWorld({ file: { repositories: [project(1), "acme/nope"] } });
  const { code, stderr } = await world.campaign("advance", ["--plan"]);
  expect([code, stderr.split("\n").length]).toEqual([2, 3]);
  expect(stderr).toContain('"acme/nope": the service lists no repository with this name');
  expect((await world.campaign("advance", ["--plan", "--skip-invalid"])).code).toBe(0);
});

test("campaign advance after the end makes no request and needs no token", async () => {
  const world = cliWorld({ count: 1 });
  await world.campaign("run");
  const requests = world.requests.length;
  const { code, stdout, stderr } = await world.campaign("advance", ["--exit-status"], { env: { MOGPLEX_API_KEY: "" } });
  expect([code, stderr, world.requests.length]).toEqual([0, "", requests]);
  expect(stdout).toContain("is done: its item succeeded");
});

test("campaign advance ends with 4 when only runs are left that wait for an answer", async () => {
  const world = cliWorld({ count: 1, scenarios: "play: awaiting-input", revision: REVISIONS.later });
  await world.campaign("advance", ["--plan"]);
  await world.clock.sleep(MINUTE);
  const { code, stdout } = await world.campaign("advance");
  expect(code).toBe(4);
  expect(stdout).toMatch(
    /needs-input \(1\): .*\n.*Answer the agent in the app. Until then, the run occupies one of the 3 sandboxes/s,
  );
});

test("campaign advance with another user's token ends with 2, and the reports say so", async () => {
  const world = cliWorld({ count: 1, runDuration: () => 20 * MINUTE });
  await world.campaign("advance", ["--plan"]);
  const { token } = world.emulator.control("addToken", { user: "other" });
  const { code, stderr, stdout } = await world.campaign("advance", [], { env: { MOGPLEX_API_KEY: String(token) } });
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error: Cannot read run ".*" of the campaign: .* does not belong to the user/);
  // The error line is the last one, and the only one with the reason.
  expect(stdout).toMatch(/\n1 running\n$/);
  expect(world.report("campaign.md")).toContain("does not belong to the user");
  // A later reader of the status sees it as well.
  expect((await world.campaign("status")).stdout).toContain("stopped by an error: Cannot read run");
});

test("campaign advance tells all mistakes of a file, and sends nothing", async () => {
  const world = cliWorld();
  world.files.set(FILE, campaignFile({ limits: { parallel: 9, attempts: 0 }, canary: { size: 0 } }));
  const { code, stderr } = await world.campaign("advance");
  expect([code, world.requests, stderr.trimEnd().split("\n").length >= 3]).toEqual([2, [], true]);
  expect(stderr).toMatch(/campaign\.yml:1:\d+.*parallel/);
});

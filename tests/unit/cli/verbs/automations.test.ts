import { expect, test } from "bun:test";
import { REPORT_FORMATS } from "../../../../lib/report/write.ts";
import { READ_ONLY_TOKEN, REPO, world } from "../world.ts";
import { AUTOMATION, DRAFT, JOB, lines, named, TRIGGER } from "./automation_texts.ts";
import { parseScenario } from "../../emulator/scenarios.ts";

const NOBODY = "00000000-0000-4000-8000-00000000dead";
const FOLLOW = [...TRIGGER, "--follow"];

test("automations trigger prints the result: a run, one that waits, one that was found, none", async () => {
  const running = world();
  const first = await running.cli(TRIGGER, { env: JOB });
  expect({ code: first.code, stderr: first.stderr, stdout: named(running, first.stdout) }).toEqual({
    code: 0,
    stderr: "",
    stdout: `triggered automation ${AUTOMATION}: run <job> (running)\nkey ${AUTOMATION}/${REPO}/ci1-<hash>\n`,
  });
  const again = await running.cli(TRIGGER, { env: JOB });
  expect({ code: again.code, stdout: named(running, again.stdout) }).toEqual({
    code: 0,
    stdout:
      `already triggered automation ${AUTOMATION}: run <job> (running)\nthe key was already used: nothing was started\n` +
      `key ${AUTOMATION}/${REPO}/ci1-<hash>\n`,
  });
  const waiting = world("automation-slot");
  const queued = await waiting.cli(TRIGGER, { env: JOB });
  expect({ code: queued.code, stdout: named(waiting, queued.stdout), stderr: named(waiting, queued.stderr) }).toEqual({
    code: 124,
    stdout:
      `queued automation ${AUTOMATION}: run <job> (pending), waiting for a slot (INSTALLATION_CONCURRENCY_LIMIT); ` +
      `nothing is running yet\nkey ${AUTOMATION}/${REPO}/ci1-<hash>\n`,
    stderr:
      'error: Cannot confirm that automation run "<job>" is running: its status is "pending"; do not trigger the automation again: to find the run, ' +
      `repeat the command with --follow --idempotency-key "${AUTOMATION}/${REPO}/ci1-<hash>"\n`,
  });
  const full = await world("automation-suppressed").cli(TRIGGER, { env: JOB });
  expect(full).toMatchObject({
    code: 75,
    stdout: "",
    stderr:
      `error: Cannot trigger automation "${AUTOMATION}": the service accepted the request but started nothing, because too many runs are ` +
      'active: "REPO_PENDING_LIMIT"; try again when some runs have finished\n',
  });
});

test("automations trigger --json prints one object with chosen fields, also when nothing was started", async () => {
  const running = world();
  const { code, stdout, stderr } = await running.cli([...TRIGGER, "--json"], { env: JOB });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(lines(named(running, stdout))).toEqual([{
    automationId: AUTOMATION,
    runId: "<job>",
    status: "running",
    replayed: false,
    reason: null,
    idempotencyKey: `${AUTOMATION}/${REPO}/ci1-<hash>`,
    exitCode: 0,
  }]);
  const full = await world("automation-suppressed").cli([...TRIGGER, "--json"], { env: JOB });
  expect(lines(full.stdout)).toEqual([{
    automationId: AUTOMATION,
    runId: null,
    status: "suppressed",
    replayed: false,
    reason: "REPO_PENDING_LIMIT",
    exitCode: 75,
  }]);
});

test("automations trigger ends with the end of a run that a given key finds", async () => {
  const ends = [["success", 0], ["agent-failure", 1], ["automation-cancelled", 3]] as const;
  for (const [scenario, expected] of ends) {
    const { cli, clock } = world(scenario);
    const given = [...TRIGGER, "--idempotency-key", "weekly"];
    await cli(given);
    clock.advance(60_000);
    const { code, stdout, stderr } = await cli(given);
    expect({ scenario, code }).toEqual({ scenario, code: expected });
    expect(stdout).toContain("the key was already used: nothing was started\nkey " + `${AUTOMATION}/${REPO}/weekly\n`);
    expect(stderr.includes("use another key to start a new run")).toBe(expected !== 0);
  }
});

test("automations trigger --follow prints statuses and verdict, and ends with it", async () => {
  const there = world("automation-slot");
  const { code, stdout, stderr } = await there.cli(FOLLOW, { env: JOB });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(named(there, stdout)).toBe(
    [
      `queued automation ${AUTOMATION}: run <job> (pending), waiting for a slot (INSTALLATION_CONCURRENCY_LIMIT); nothing is running yet`,
      "00:00:32  status    running",
      "",
      "verdict       success (exit code 0)",
      "repository    acme/api",
      `automation    ${AUTOMATION}`,
      "run           <job> (success)",
      "started       by this command",
      "run time      20 s",
      "time          <time>",
      `reports       mogplex-ci/: ${Object.values(REPORT_FORMATS).map(({ file }) => file).join(" ")}`,
      "",
    ].join("\n"),
  );
});

test("automations trigger --follow writes the reports, outputs and annotations of run --follow", async () => {
  const there = world("agent-failure");
  const github = { GITHUB_ACTIONS: "true", GITHUB_OUTPUT: "out.txt", GITHUB_STEP_SUMMARY: "sum.md" };
  const { code, stdout, io } = await there.cli(FOLLOW, { env: { ...JOB, ...github } });
  expect(code).toBe(1);
  const [id = ""] = there.emulator.world.store.automationRuns.keys();
  const result = JSON.parse(io.files.get("mogplex-ci/result.json") ?? "");
  expect(result).toMatchObject({
    schemaVersion: 1,
    kind: "automation-run",
    automationId: AUTOMATION,
    runId: id,
    repoId: REPO,
    outcome: "failed",
    exitCode: 1,
    reason: "Agent run exited with code 1.",
    error: null,
  });
  expect(io.files.get("mogplex-ci/outputs.env")).toContain(`MOGPLEX_RUN_ID=${id}\n`);
  expect(io.files.get("mogplex-ci/summary.md")).toContain("automation run");
  expect(io.files.get("mogplex-ci/junit.xml")).toContain("Agent run exited with code 1.");
  expect(io.files.get("mogplex-ci/events.ndjson")).toBe("");
  const outputs = io.files.get("out.txt") ?? "";
  for (const name of ["run_id", "status", "outcome", "branch", "pull_request_url", "replayed"]) {
    expect(outputs).toMatch(new RegExp(`^${name}(?:=|<<)`, "m"));
  }
  expect(io.files.get("sum.md")).toContain("Agent run exited with code 1.");
  expect(stdout).toMatch(/^::error title=[^:]*::/m);
  expect(io.files.has("mogplex-ci/run.json")).toBe(false);
});

test("automations trigger --follow writes reports of its kind when it is refused before anything is sent", async () => {
  const { cli, requests } = world();
  const { code, io } = await cli(FOLLOW, { env: { MOGPLEX_CI_JOB: "nightly", MOGPLEX_API_KEY: "" } });
  expect([code, requests]).toEqual([64, []]);
  expect(JSON.parse(io.files.get("mogplex-ci/result.json") ?? "")).toMatchObject({
    kind: "automation-run",
    automationId: AUTOMATION,
    runId: null,
    outcome: "error",
    exitCode: 64,
    error: { attempted: "read token", why: expect.stringContaining("MOGPLEX_API_KEY is empty") },
  });
});

/** Scenario, exit code, a line of the verdict. */
const ENDS: [scenario: string, code: number, words: string][] = [
  ["success", 0, "verdict       success (exit code 0)"],
  ["agent-failure", 1, "reason        Agent run exited with code 1."],
  ["automation-cancelled", 3, "verdict       cancelled (exit code 3)"],
  ["automation-suppressed", 75, "verdict       nothing was started (exit code 75)"],
  ["automation-stuck", 124, "verdict       did not finish in time (exit code 124)"],
];

test.each(ENDS)("automations trigger --follow ends %s with %d", async (scenario, expected, words) => {
  const { cli } = world(scenario);
  const { code, stdout, stderr } = await cli([...FOLLOW, "--timeout", "60"], { env: JOB });
  expect(code).toBe(expected);
  expect(stdout).toContain(`${words}\n`);
  expect(stderr.includes("error: ")).toBe(expected > 3);
});

test("automations trigger --follow shows when it waits for an answer, and for a way in", async () => {
  const resumed = await world("automation-resumed").cli(FOLLOW, { env: JOB });
  expect(resumed.stdout).toContain("00:00:12  waits     for an answer in the app (1)\n");
  expect(resumed.stdout).toContain("00:01:17  continues\n");
  const scenario = parseScenario(
    "automation: { suppress: INSTALLATION_PENDING_LIMIT, times: 2, steps: [{ status: success }] }",
    "s.yaml",
  );
  const { code, stderr } = await world("", { scenarios: [scenario] }).cli(FOLLOW, { env: JOB });
  expect(code).toBe(0);
  expect(stderr).toContain("yet (suppressed: INSTALLATION_PENDING_LIMIT, attempt 1): trying again in");
});

test("automations trigger --follow --json prints NDJSON only, the verdict last, and no resume token", async () => {
  const there = world("automation-resumed");
  const { code, stdout } = await there.cli([...FOLLOW, "--json"], { env: JOB });
  expect(code).toBe(0);
  const shown = lines(named(there, stdout));
  expect(shown[0]).toMatchObject({
    type: "trigger",
    automationId: AUTOMATION,
    runId: "<job>",
    status: "running",
    replayed: false,
  });
  expect(shown.slice(1)).toEqual([
    { type: "status", status: "running" },
    { type: "waiting", count: 1 },
    { type: "waiting", count: 0 },
    { type: "status", status: "success" },
    expect.objectContaining({
      type: "result",
      runId: "<job>",
      outcome: "success",
      exitCode: 0,
      repository: "acme/api",
    }),
  ]);
  const [job] = there.emulator.world.store.automationRuns.values();
  expect(job?.waits[0]?.resume_token).toMatch(/^resume_/);
  expect(stdout).not.toContain("resume_");
});

test("automations trigger --follow attaches when the job is retried, and starts afresh after a failure", async () => {
  const { cli, emulator, clock } = world();
  const gitlab = {
    GITLAB_CI: "true",
    CI_SERVER_URL: "https://gitlab.example",
    CI_PROJECT_ID: "42",
    CI_PIPELINE_ID: "7",
    CI_JOB_NAME: "nightly",
  };
  await cli(TRIGGER, { env: { ...gitlab, CI_JOB_ID: "1" } });
  const retried = await cli(FOLLOW, { env: { ...gitlab, CI_JOB_ID: "2" } });
  expect(retried.stdout).toContain("started       earlier; this command attached to it\n");
  expect([retried.code, emulator.world.store.automationRuns.size]).toEqual([0, 1]);
  const failing = world("agent-failure");
  await failing.cli(TRIGGER, { env: { ...gitlab, CI_JOB_ID: "1" } });
  failing.clock.advance(60_000);
  clock.advance(1);
  const afresh = await failing.cli([...FOLLOW, "--json"], { env: { ...gitlab, CI_JOB_ID: "2" } });
  expect(afresh.stderr).toContain("with this key has ended (failed): starting a new run");
  expect([afresh.code, failing.emulator.world.store.automationRuns.size]).toEqual([1, 2]);
});

test("the verbs about automations end with 2 and send nothing when something is wrong here", async () => {
  const { cli, requests } = world();
  const files = { "list.json": "[]", "text.json": "hello", "nul.json": '{"a":"\\u0000"}' };
  const wrong: [args: string[], env?: Record<string, string>][] = [
    [["automations"]],
    [["automations", "run", AUTOMATION]],
    [["automations", "list", "--limit", "0"]],
    [["automations", "list", "--limit", "5", "--all"]],
    [["automations", "list", "nightly"]],
    [["automations", "get"]],
    [["automations", "get", "nightly"]],
    [["automations", "trigger", "--repo", REPO]],
    [["automations", "trigger", AUTOMATION]],
    [["automations", "trigger", AUTOMATION, "--repo", "acme"]],
    [["automations", "trigger", "../repos", "--repo", REPO]],
    [[...TRIGGER, "--input", "depth"]],
    [[...TRIGGER, "--input", "=x"]],
    [[...TRIGGER, "--input", ":=1"]],
    [[...TRIGGER, "--input", "a=1", "--input", "a=2"]],
    [[...TRIGGER, "--input-file", "missing.json"]],
    [[...TRIGGER, "--input-file", "list.json"]],
    [[...TRIGGER, "--input-file", "text.json"]],
    [[...TRIGGER, "--input-file", "nul.json"]],
    [[...TRIGGER, "--on-timeout", "cancel"]],
    [[...TRIGGER, "--on-interrupt", "detach"]],
    [[...FOLLOW, "--on-timeout", "explode"]],
    [[...FOLLOW, "--timeout", "0"]],
    [[...FOLLOW, "--key-scope", "galaxy"]],
    [[...FOLLOW, "--idempotency-key", "k", "--key-part", "p"]],
    [[...FOLLOW, "--idempotency-key", "k".repeat(164)]],
    [TRIGGER, { MOGPLEX_URL: "http://example.com" }],
  ];
  for (const [args, env] of wrong) {
    const { code, stdout, stderr } = await cli(args, { files, ...(env && { env }) });
    expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" });
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
  }
  expect(requests).toEqual([]);
});

test("the verbs about automations end with the code of what went wrong", async () => {
  const { cli, emulator } = world();
  for (const args of [["automations", "list"], ["automations", "get", AUTOMATION], TRIGGER, FOLLOW]) {
    const short = args[1] === "trigger" ? [...args, "--timeout", "30"] : args;
    expect((await cli(args, { env: { MOGPLEX_API_KEY: "" } })).code).toBe(64);
    for (const [kind, expected] of [["429", 75], ["503", 69], ["html502", 69], ["login", 64]] as const) {
      emulator.control("fault", { kind, retryAfter: 3600, times: 99 });
      const { code, stderr } = await cli(short);
      expect({ args, kind, code }).toEqual({ args, kind, code: expected });
      expect(stderr).toContain("error: Cannot ");
      emulator.control("clearFaults");
    }
  }
  expect((await cli(TRIGGER, { env: { MOGPLEX_API_KEY: READ_ONLY_TOKEN } })).code).toBe(65);
  expect((await cli(["automations", "list"], { env: { MOGPLEX_API_KEY: READ_ONLY_TOKEN } })).code).toBe(0);
  expect((await cli(["automations", "get", NOBODY])).code).toBe(2);
  const draft = await cli(["automations", "trigger", DRAFT, "--repo", REPO]);
  expect([draft.code, draft.stderr]).toEqual([
    2,
    expect.stringContaining("Publish the automation before triggering it"),
  ]);
});

test("automations trigger --follow ends with the signal's code and says what became of the run", async () => {
  for (const [later, words] of [[false, "cannot cancel automation runs"], [true, "was cancelled"]] as const) {
    const { cli, clock } = world("automation-stuck", { revision: { automationRunCancel: later } });
    const { code, stdout, stderr } = await cli(FOLLOW, {
      env: JOB,
      before: (io) => void clock.sleep(30_000).then(() => io.signal("SIGTERM")),
    });
    expect(code).toBe(143);
    // The block says it, and a stop is no error of the job.
    expect(stderr).not.toContain("Stopped by SIGTERM");
    expect(stdout).toContain("reason        Stopped by SIGTERM; the automation run ");
    expect(stdout).toContain(words);
  }
});

test("automations trigger --follow tells a long error once: the block has what went wrong, its line all of it", async () => {
  const { stdout, stderr } = await world("automation-suppressed").cli(FOLLOW, { env: JOB });
  expect(stdout).toMatch(/^reason {8}Cannot trigger automation .*: "REPO_PENDING_LIMIT"$/m);
  expect(stderr).toContain('active: "REPO_PENDING_LIMIT"; try again when some runs have finished\n');
});

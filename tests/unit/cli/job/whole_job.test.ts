import { expect, test } from "bun:test";
import { REPORT_FORMATS } from "../../../../lib/report/write.ts";
import { type StateSeal, stateSeal } from "../../../../lib/run/state.ts";
import { stateText } from "../../run/memory_files.ts";
import { runGithubLog } from "../../hostile/parsers/github_runner.ts";
import { READ_ONLY_TOKEN, REPO, TOKEN, world } from "../world.ts";

const RUN = ["run", "--follow", "Fix it", "--repo", REPO, "--create-branch"];
const JOB = { CI: "true", MOGPLEX_CI_JOB: "nightly" };

/** Environments with a terminal and no person behind it. */
const TERMINALS = {
  act: { GITHUB_ACTIONS: "true", ACT: "true", TERM: "xterm", ...JOB },
  buildkite: { BUILDKITE: "true", TERM: "xterm-256color", ...JOB },
  gitlab: { GITLAB_CI: "true", TERM: "xterm", ...JOB },
  dumb: { TERM: "dumb" },
};

function last(stdout: string): unknown {
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
}

test("run --follow prints events and verdict on stdout and ends with 0 when the run succeeds", async () => {
  const { cli } = world();
  const { code, stdout, stderr } = await cli(RUN, { env: JOB });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const shown = stdout.replace(/external\/\S+/g, "external/<hash>").replace(/ci1-[0-9a-f]{40}/, "ci1-<hash>")
    .replace(/^time .*/m, "time          <time>");
  expect(shown).toBe(
    [
      "started run <run> (pending)",
      "agent codex",
      "branch mogplex/external/<hash> (base main, created)",
      "repository acme/api",
      "00:00:00  started   External Mogplex run accepted",
      "00:00:09  started   Harness run started: codex",
      "00:00:11  log       Synchronized mogplex/external/<hash>",
      "00:00:12  status    Harness run streaming",
      "00:00:32  log       Pull request ready",
      "00:00:33  finished  Harness run finished",
      "",
      "verdict       success (exit code 0)",
      "pull request  https://mogplex.com/acme/api/pull/1",
      "repository    acme/api",
      "task          Fix it",
      "run           <run> (success)",
      "started       by this command",
      "branch        mogplex/external/<hash>",
      "time          <time>",
      `reports       mogplex-ci/: ${Object.values(REPORT_FORMATS).map(({ file }) => file).join(" ")}`,
      "",
    ].join("\n").replace("https://mogplex.com", /pull request +(\S+)\/acme/.exec(stdout)?.[1] ?? ""),
  );
});

test("run --follow --json prints the start, the events and the verdict, and nothing else", async () => {
  const { cli } = world("agent-failure");
  const { code, stdout, stderr, io } = await cli([...RUN, "--json"], { env: { GITHUB_ACTIONS: "true", ...JOB } });
  const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines[0]).toMatchObject({ type: "run", runId: "<run>", status: "pending", replayed: false });
  expect(lines.slice(1, -1).map((line) => line.type)).toEqual([
    "started",
    "started",
    "log",
    "status_changed",
    "failed",
  ]);
  const result = JSON.parse(io.files.get("mogplex-ci/result.json") ?? "");
  expect(result).toMatchObject({ repository: "acme/api", task: "Fix it", branch: {}, pullRequest: {}, exitCode: 1 });
  expect(lines.at(-1)).toEqual({ type: "result", ...result, runId: "<run>" });
  expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
});

test("run --follow publishes the id before it follows, and all outputs at the end", async () => {
  const { cli, emulator } = world();
  const env = { GITHUB_ACTIONS: "true", GITHUB_OUTPUT: "/out", GITHUB_STEP_SUMMARY: "/summary", ...JOB };
  const names: string[][] = [];
  const { io } = await cli(RUN, {
    env,
    before(world) {
      const { appendFile } = world;
      world.appendFile = (path, text) => {
        if (path === "/out") names.push([...text.matchAll(/^(\w+)<</gm)].map((match) => match[1] ?? ""));
        appendFile(path, text);
      };
    },
  });
  expect(names).toEqual([["run_id"], ["run_id", "status", "outcome", "branch", "pull_request_url", "replayed"]]);
  expect(io.files.get("/summary")).toContain("## ✅ `acme/api`: `Fix it` → [PR #1](");
  const runId = [...emulator.world.store.runs.keys()][0];
  expect(io.files.get("mogplex-ci/outputs.env")).toStartWith(`MOGPLEX_RUN_ID=${runId}\n`);
});

test("run --follow says on GitLab to retry the job, if a retry finds the run, and elsewhere which command follows it", async () => {
  const resumeOf = async (env: Record<string, string>, more: string[] = []) => {
    const { stdout } = await world("awaiting-input").cli([...RUN, ...more], { env: { ...JOB, ...env } });
    return /^resume +(.+)$/m.exec(stdout)?.[1];
  };
  const gitlab = {
    GITLAB_CI: "true",
    CI_SERVER_URL: "https://gitlab.example",
    CI_PROJECT_ID: "1",
    CI_PIPELINE_ID: "3",
  };
  expect(await resumeOf(gitlab)).toBe("retry this job");
  expect(await resumeOf(gitlab, ["--key-scope", "random"])).toMatch(/ follow /);
  expect(await resumeOf({ GITHUB_ACTIONS: "true" })).toMatch(/ follow /);
});

test("run --follow ends with the code of the verdict", async () => {
  const ends = [["agent-failure", 1], ["cancelled-during-boot", 3], ["awaiting-input", 4], ["stuck-pending", 124]];
  for (const [scenario, expected] of ends as [string, number][]) {
    const { cli } = world(scenario);
    const { code, stdout } = await cli([...RUN, "--timeout", "60"], { env: JOB });
    expect({ scenario, code }).toEqual({ scenario, code: expected });
    expect(stdout).toContain(`(exit code ${expected})\n`);
  }
});

test("run --follow ends with 2 and sends nothing when something is wrong here", async () => {
  const { cli, requests } = world();
  const wrong: [args: string[], env?: Record<string, string>][] = [
    [["run", "--follow", "x"]],
    [["run", "--follow", "--repo", REPO]],
    [["run", "--follow", "x", "--repo", "web"]],
    [[...RUN, "--prompt-file", "task.md"]],
    [["run", "--follow", "--repo", REPO], { MOGPLEX_PROMPT: "one", MOGPLEX_PROMPT_FILE: "task.md" }],
    [["run", "--follow", "--repo", REPO, "--prompt-file", "missing.md"]],
    [[...RUN, "--branch", "a b"]],
    [[...RUN, "--timeout", "0"]],
    [[...RUN, "--on-timeout", "explode"]],
    [RUN, { MOGPLEX_LOG: "loud" }],
    [[...RUN, "--key-scope", "galaxy"]],
    [[...RUN, "--idempotency-key", "k", "--key-part", "p"]],
    [[...RUN, "--report", "pdf"]],
    [[...RUN, "--report", "json=/read-only/result.json"]],
    [[...RUN, "--state", "/read-only/run.json"]],
    [RUN, { MOGPLEX_URL: "http://example.com" }],
  ];
  for (const [args, env] of wrong) {
    const readOnly = (path: string) => path.startsWith("/read-only");
    const { code, stdout, stderr } = await cli(args, { readOnly, ...(env && { env }) });
    expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" });
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
  }
  expect(requests).toEqual([]);
});

test("run --follow ends with the code of what went wrong when there is no verdict", async () => {
  const faults: [kind: string, code: number, mayExist: boolean][] = [
    ["429", 75, false],
    ["503", 69, false],
    ["html502", 69, true],
    ["login", 64, false],
  ];
  for (const [kind, expected, mayExist] of faults) {
    const { cli, emulator } = world();
    emulator.control("fault", { kind, route: "POST /runs", retryAfter: 3600, times: 99 });
    const { code, stdout, stderr, io } = await cli([...RUN, "--timeout", "30"], { env: JOB });
    expect({ kind, code }).toEqual({ kind, code: expected });
    expect(stdout).toStartWith(`\nverdict       ${mayExist ? "unknown" : "not started"} (exit code ${expected})\n`);
    expect([kind, /^key /m.test(stdout)]).toEqual([kind, mayExist]);
    expect(stderr).toContain("error: Cannot ");
    const headline = mayExist ? "The result of the Mogplex run is unknown" : "The Mogplex run was not started";
    expect(io.files.get("mogplex-ci/summary.md")).toContain(`${headline} (exit code ${expected}).`);
    expect(JSON.parse(io.files.get("mogplex-ci/result.json") ?? "")).toMatchObject({
      outcome: "error",
      runId: null,
      mayExist,
    });
  }
  const { cli } = world();
  expect((await cli(RUN, { env: { ...JOB, MOGPLEX_API_KEY: READ_ONLY_TOKEN } })).code).toBe(65);
  expect((await cli(RUN, { env: { ...JOB, MOGPLEX_API_KEY: "" } })).code).toBe(64);
});

test("run --follow says that a run may have been started when a refusal came after an attempt without an answer", async () => {
  for (const [kind, code] of [["429", 69], ["login", 64]] as const) {
    const { cli, emulator } = world();
    emulator.control("fault", { kind: "500", route: "POST /runs", times: 1 });
    emulator.control("fault", { kind, route: "POST /runs", retryAfter: 3600, times: 99 });
    const { stdout, io } = await cli([...RUN, "--timeout", "60"], { env: JOB });
    expect([kind, stdout]).toEqual([kind, expect.stringContaining(`verdict       unknown (exit code ${code})\n`)]);
    expect(stdout).toMatch(/^key /m);
    expect(JSON.parse(io.files.get("mogplex-ci/result.json") ?? "")).toMatchObject({ mayExist: true });
  }
});

test("run --follow ends with 2 when the key was used for another request", async () => {
  const { cli } = world();
  await cli([...RUN, "--idempotency-key", "mine"]);
  const { code, stderr } = await cli([...RUN, "--idempotency-key", "mine", "--mode", "SAFE"]);
  expect(code).toBe(2);
  expect(stderr).toContain("use another idempotency key, because each request needs its own");
});

test("run --follow names the flag when a job starts a second run with another task", async () => {
  const { cli } = world();
  await cli(RUN, { env: JOB });
  const second = ["run", "--follow", "Write the changelog", "--repo", REPO, "--create-branch"];
  const { code, stderr } = await cli(second, { env: JOB });
  expect({ code, stderr: stderr.replace(/ci1-[0-9a-f]{40}/, "ci1-<hash>") }).toEqual({
    code: 2,
    stderr:
      "error: Cannot start run: this job has already started a run with another task or other options (HTTP 409 " +
      'IDEMPOTENCY_CONFLICT, key "ci1-<hash>"); to start a second run in this job, or one run for each job of a matrix, add --key-part NAME\n',
  });
  expect((await cli([...second, "--key-part", "changelog"], { env: JOB })).code).toBe(0);
});

test("run --follow attaches to the live run when the job is tried again", async () => {
  const { cli } = world("stuck-streaming");
  await cli([...RUN, "--timeout", "30"], { env: JOB });
  const { stdout, code } = await cli([...RUN, "--timeout", "30"], { env: JOB });
  expect(stdout).toStartWith("attached to run <run> (streaming)\n");
  expect(stdout).toContain("\nresume        mogplex-ci follow <run>\n");
  expect(code).toBe(124);
});

test("run --follow cancels its run when SIGTERM comes, and leaves it alone when told so", async () => {
  for (const [what, status] of [["auto", "cancelled"], ["detach", "streaming"]] as const) {
    const { cli, clock, emulator } = world("stuck-streaming");
    const { code, stdout, io } = await cli([...RUN, "--on-interrupt", what], {
      env: JOB,
      before: (io) => void clock.sleep(20_000).then(() => io.signal("SIGTERM")),
    });
    expect(code).toBe(143);
    expect(stdout).toContain("\nverdict       interrupted (exit code 143)\n");
    expect([...emulator.world.store.runs.values()].map((run) => run.status)).toEqual([status]);
    const state = JSON.parse(io.files.get("mogplex-ci/run.json") ?? "") as { left: string };
    expect(state.left).toBe(what === "auto" ? "ended" : "detached");
  }
});

test("run --follow cancels the run at its deadline when told so", async () => {
  const { cli, emulator } = world("stuck-streaming");
  const { code, stdout } = await cli([...RUN, "--timeout", "30", "--on-timeout", "cancel"], { env: JOB });
  expect({ code, verdict: /^verdict .*$/m.exec(stdout)?.[0] }).toEqual({
    code: 124,
    verdict: "verdict       did not finish in time (exit code 124)",
  });
  expect(stdout).toContain("\nwhat to do    To wait longer, raise --timeout\n");
  expect([...emulator.world.store.runs.values()].map((run) => run.status)).toEqual(["cancelled"]);
});

test("run --detach ends with 0 once the run is started, which goes on and can be followed by a later job", async () => {
  const { cli, emulator } = world("success");
  const { code, stdout, io } = await cli(["run", "--detach", ...RUN.slice(2)], { env: JOB });
  expect({ code, verdict: /^verdict .*$/m.exec(stdout)?.[0] }).toEqual({
    code: 0,
    verdict: "verdict       started, not followed (exit code 0)",
  });
  const [run] = [...emulator.world.store.runs.values()];
  expect(run?.status).toBe("pending");
  expect(JSON.parse(io.files.get("mogplex-ci/run.json") ?? "")).toMatchObject({ left: "detached" });
  expect(io.files.get("mogplex-ci/outputs.env")).toContain(`MOGPLEX_RUN_ID=${run?.id}\n`);
  expect((await cli(["follow", run?.id ?? ""])).code).toBe(0);
  expect((await cli(["run", "--detach", ...RUN.slice(1)], { env: JOB })).code).toBe(2);
});

test("run --detach ends with the verdict of a run that its key finds ended", async () => {
  const ends = [["success", 0], ["agent-failure", 1], ["awaiting-input", 4]] as const;
  for (const [scenario, expected] of ends) {
    const { cli, requests } = world(scenario);
    const args = ["Fix it", "--repo", REPO, "--create-branch", "--idempotency-key", "nightly"];
    expect((await cli(["run", "--follow", ...args], { env: JOB })).code).toBe(expected);
    requests.length = 0;
    const { code, io } = await cli(["run", "--detach", ...args], { env: JOB });
    expect([scenario, code]).toEqual([scenario, expected]);
    expect(JSON.parse(io.files.get("mogplex-ci/result.json") ?? "")).toMatchObject({ replayed: true, exitCode: code });
    expect(requests.filter((each) => each.startsWith("POST"))).toEqual(["POST /runs"]);
  }
});

test("run --follow takes its settings from the environment, and flags win", async () => {
  const { cli, emulator } = world("");
  const env = {
    ...JOB,
    MOGPLEX_REPO_ID: REPO,
    MOGPLEX_PROMPT_FILE: "task.md",
    MOGPLEX_HARNESS: "claude-code",
    MOGPLEX_MODE: "SAFE",
    MOGPLEX_BASE_BRANCH: "develop",
    MOGPLEX_WORKING_BRANCH: "from-variable",
    MOGPLEX_CREATE_BRANCH: "true",
    MOGPLEX_ROOT: "apps/web",
    MOGPLEX_TIMEOUT: "5",
    MOGPLEX_OUT: "reports",
    MOGPLEX_REPORT: "json, markdown=notes/summary.md",
  };
  const files = { "task.md": "From a file\n" };
  const { code, io } = await cli(["run", "--follow", "--branch", "from-flag"], { env, files });
  expect(code).toBe(124);
  expect([...io.files.keys()].sort()).toEqual([
    "notes/summary.md",
    "reports/result.json",
    "reports/run.json",
    "task.md",
  ]);
  expect([...emulator.world.store.runs.values()].map((run) => ({ ...run }))).toMatchObject([{
    prompt: "From a file",
    harness: "claude-code",
    base_branch: "develop",
    working_branch: "from-flag",
  }]);
});

test("follow attaches by argument or variable, and never cancels what it does not own", async () => {
  const { cli, start, clock, emulator } = world("stuck-streaming");
  const runId = await start();
  const { code } = await cli(["follow"], {
    env: { MOGPLEX_RUN_ID: runId },
    before: (io) => void clock.sleep(20_000).then(() => io.signal("SIGINT")),
  });
  expect(code).toBe(130);
  expect(emulator.world.store.runs.get(runId)?.status).toBe("streaming");
  expect((await cli(["follow"])).stderr).toBe(
    "error: Cannot follow: the run id is missing; give an argument or MOGPLEX_RUN_ID\n",
  );
  expect((await cli(["follow", crypto.randomUUID()])).code).toBe(2);
});

test("report writes the reports of a run and ends with its verdict, 124 before its end", async () => {
  const { cli, start, clock } = world("agent-failure");
  const runId = await start();
  const early = await cli(["report", runId, "--json"]);
  expect(early.code).toBe(124);
  expect(last(early.stdout)).toMatchObject({
    type: "result",
    runId: "<run>",
    status: "pending",
    outcome: "deadline",
    exitCode: 124,
    error: {
      attempted: null,
      why: 'Run "<run>" has not finished: its status is "pending"',
      value: null,
      advice: null,
    },
  });
  clock.advance(120_000);
  const { code, stdout, io } = await cli(["report", runId, "--report", "ndjson=all.ndjson"]);
  expect({ code, stderr: [...io.files.keys()] }).toEqual({ code: 1, stderr: ["all.ndjson"] });
  expect(stdout).toStartWith("Last lines of the log:\n  00:00:00  started   External Mogplex run accepted\n");
  expect(stdout).toContain(
    "failed    Harness run failed\n\nverdict       failed: the agent failed (exit code 1)\npull request  none reported\n" +
      "repository    acme/api\nreason        Agent run exited with code 1.\nwhat to do    Read the last lines of the log, ",
  );
  expect(io.files.get("all.ndjson")?.trimEnd().split("\n").length).toBe(5);
});

/** The state of a job whose process died while it followed its run. */
function resealed(detached: string, seal: StateSeal): string {
  const { proof: _, left: __, ...state } = JSON.parse(detached);
  return stateText({ ...state, parting: "following" }, seal);
}

test("cleanup cancels the run of a job that was cancelled, and nothing else", async () => {
  const { cli, emulator } = world("stuck-streaming");
  const env = { ...JOB, GITHUB_ACTIONS: "true", GITHUB_RUN_ATTEMPT: "1" };
  const { io } = await cli([...RUN, "--timeout", "30"], { env });
  const path = "mogplex-ci/run.json";
  const detached = io.files.get(path) ?? "";
  const following = resealed(detached, await stateSeal(TOKEN));
  const clean = (state: string, status: string, ...args: string[]) =>
    cli(["cleanup", ...args], { files: { [path]: state }, env: { ...env, MOGPLEX_JOB_STATUS: status } });
  const statuses = () => [...emulator.world.store.runs.values()].map((run) => run.status);
  expect((await clean(detached, "cancelled")).stdout).toBe("nothing to clean up: the run was left running\n");
  expect((await clean(following, "failure")).stdout).toBe(
    `nothing to clean up: the job failed but was not cancelled, so its run continues\n`,
  );
  const unknown = await clean(following, "");
  expect([unknown.code, unknown.stdout]).toEqual([
    0,
    'run "<run>" is still running: it is unknown how the job ended. To cancel the run, set MOGPLEX_JOB_STATUS to cancelled when the job ' +
    "is cancelled, or run cleanup --always\n",
  ]);
  expect(statuses()).toEqual(["streaming"]);
  const { code, stdout } = await clean(following, "cancelled");
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: `cleaned up: run "<run>" was cancelled (the job was cancelled)\n`,
  });
  expect(statuses()).toEqual(["cancelled"]);
});

test("cleanup ends with 0 when the service is down, and with 64 when there is no token", async () => {
  const { cli, emulator } = world("stuck-streaming");
  const { io } = await cli([...RUN, "--timeout", "30"], { env: JOB });
  const files = { "mogplex-ci/run.json": io.files.get("mogplex-ci/run.json") ?? "" };
  emulator.control("fault", { kind: "500", route: "POST /runs/*/cancel", times: 99 });
  const down = await cli(["cleanup", "--always"], { env: JOB, files });
  expect(down.code).toBe(0);
  expect(down.stderr).toContain("error: Cannot clean up: ");
  expect((await cli(["cleanup", "--always"], { env: { ...JOB, MOGPLEX_API_KEY: "" }, files })).code).toBe(64);
});

test("no token is in what run --follow prints or writes, whatever the events say", async () => {
  const { cli, start, emulator } = world("");
  const runId = await start();
  const secret = "a-value-of-another-secret";
  const text = `${TOKEN} ${btoa(`x${TOKEN}`)} ${encodeURIComponent(TOKEN)} ${secret} \x1b]0;${TOKEN}\x07`;
  emulator.control("appendEvents", { runId, events: [{ type: "log", message: text, payload: { [TOKEN]: text } }] });
  emulator.control("setRun", { runId, run: { status: "failed", error: text } });
  for (const args of [["--log", "full"], ["--log", "json"], ["--json"], []]) {
    const env = { NPM_TOKEN: secret, GITHUB_ACTIONS: "true", GITHUB_OUTPUT: "/out", GITHUB_STEP_SUMMARY: "/summary" };
    const { stdout, stderr, io, code } = await cli(["follow", runId, ...args], { env });
    expect(code).toBe(1);
    for (const output of [stdout, stderr, ...io.files.values()]) {
      expect(output).not.toContain(TOKEN);
      expect(output).not.toContain(secret);
    }
  }
});

// act and Buildkite's agent run each step in a pseudo-terminal. Source: nektos/act, pkg/container/host_environment.go, `openPty`;
// buildkite/agent, process/process.go, `PTY`.
for (const [name, env] of Object.entries(TERMINALS)) {
  test(`run --follow draws nothing on a terminal without a person, and repeats the error on stderr: ${name}`, async () => {
    const { cli } = world("agent-failure");
    const { code, stdout } = await cli(RUN, { env: { ...env, NO_COLOR: "1" }, terminal: true });
    expect(code).toBe(1);
    // GitLab's sections contain this sequence, on a terminal or not.
    expect(stdout.replaceAll("\x1b[0K", "")).not.toContain("\x1b");
    const refused = await cli(RUN, { env: { ...env, MOGPLEX_API_KEY: READ_ONLY_TOKEN }, terminal: true });
    expect(refused.stderr).toStartWith("error: Cannot ");
  });
}

test("run --follow closes the fence of GitHub's log, and begins each command at the start of a line, on a terminal", async () => {
  const { cli } = world("agent-failure");
  const { stdout } = await cli(RUN, { env: { ...TERMINALS.act, NO_COLOR: "1" }, terminal: true });
  const { stopped, obeyed } = runGithubLog(stdout);
  expect(stopped).toBe(false);
  expect(obeyed.filter((command) => command.startsWith("group ")).length).toBeGreaterThan(1);
  expect(obeyed.at(-1)).toStartWith("error ");
});

test("run --follow cancels its run in a CI job that has a terminal", async () => {
  const { cli, clock, emulator } = world("stuck-streaming");
  const { code } = await cli(RUN, {
    env: { BUILDKITE: "true", BUILDKITE_BUILD_ID: "7" },
    terminal: true,
    before: (io) => void clock.sleep(20_000).then(() => io.signal("SIGTERM")),
  });
  expect(code).toBe(143);
  expect([...emulator.world.store.runs.values()].map((run) => run.status)).toEqual(["cancelled"]);
});

test("run --follow ends with 2 and sends nothing when a report would replace the state file", async () => {
  const { cli, requests } = world();
  const { code, stderr } = await cli([...RUN, "--report", "json=./mogplex-ci//run.json"]);
  expect({ code, stderr, requests }).toEqual({
    code: 2,
    stderr:
      'error: Cannot write report "json" because the job\'s state file has the same path: "./mogplex-ci//run.json"\n',
    requests: [],
  });
});

test("run --follow ends with 2 and sends nothing when the file to resume from is not there", async () => {
  const { cli, requests } = world();
  const { code, stderr } = await cli([...RUN, "--resume", "nofile.json"]);
  expect({ code, stderr, requests }).toEqual({
    code: 2,
    stderr: 'error: Cannot resume because there is no state file: "nofile.json"\n',
    requests: [],
  });
});

test("run --follow --resume with a key of the caller says that a state file of another key counts for nothing", async () => {
  const { cli, emulator } = world();
  const env = { GITLAB_CI: "true", CI_PIPELINE_ID: "7", CI_JOB_NAME: "agent" };
  const { io } = await cli([...RUN, "--idempotency-key", "a"], { env });
  const files = { "kept.json": io.files.get("mogplex-ci/run.json") ?? "" };
  for (const [key, isTold] of [["a", false], ["b", true]] as const) {
    const { code, stderr } = await cli([...RUN, "--idempotency-key", key, "--resume", "kept.json"], { env, files });
    expect([code, stderr.includes("the state file belongs to another key")]).toEqual([0, isTold]);
  }
  expect([...emulator.world.store.runs.values()].map((run) => run.idempotency_key)).toEqual(["a", "b"]);
});

test("an argument or --prompt-file wins over the variables with a task, and two of one kind are refused", async () => {
  const { cli, emulator } = world();
  const prompts = () => [...emulator.world.store.runs.values()].map((run) => run.prompt);
  const files = { "task.md": "of the file", "other.md": "of the other file" };
  const variables = { MOGPLEX_PROMPT: "of the variable", MOGPLEX_PROMPT_FILE: "other.md" };
  const none = RUN.filter((word) => word !== "Fix it");
  expect((await cli(RUN, { files, env: variables })).code).toBe(0);
  expect((await cli([...none, "--prompt-file", "task.md"], { files, env: variables })).code).toBe(0);
  expect((await cli([...none, "-"], { stdin: "of the pipe", env: variables })).code).toBe(0);
  expect((await cli(none, { files, env: { MOGPLEX_PROMPT_FILE: "other.md" } })).code).toBe(0);
  expect(prompts()).toEqual(["Fix it", "of the file", "of the pipe", "of the other file"]);
  expect((await cli([...RUN, "--prompt-file", "task.md"], { files })).stderr).toBe(
    "error: Cannot choose prompt: both the argument and --prompt-file are set; use only one of them\n",
  );
  expect((await cli(none, { files, env: variables })).stderr).toBe(
    "error: Cannot choose prompt: both MOGPLEX_PROMPT and MOGPLEX_PROMPT_FILE are set; use only one of them\n",
  );
});

test("a file that Deno is not allowed to read is said to be one, with the way to permit it", async () => {
  const { cli } = world();
  const { code, stderr } = await cli(["run", "--follow", "--repo", REPO, "--prompt-file", "/tmp/x"], {
    before(io) {
      io.readFile = () => {
        throw Object.assign(new Error("Requires read access"), { name: "NotCapable" });
      };
    },
  });
  expect([code, stderr]).toEqual([
    2,
    'error: Cannot read prompt: Deno is not allowed to read file "/tmp/x"; start Deno with --allow-read for that file; ' +
    "permissions --prompt-file FILE prints all flags\n",
  ]);
});

test("--report takes several reports separated by commas, as its variable does", async () => {
  const { cli } = world();
  const { io } = await cli([...RUN, "--report", "json, markdown=a.md", "--report", "dotenv"], { env: JOB });
  expect([...io.files.keys()].sort()).toEqual([
    "a.md",
    "mogplex-ci/outputs.env",
    "mogplex-ci/result.json",
    "mogplex-ci/run.json",
  ]);
});

test("a run that the service does not know is neither looked at again nor cancelled", async () => {
  const { cli } = world();
  for (const verb of ["follow", "report"]) {
    const { code, stdout, io } = await cli([verb, crypto.randomUUID()], { env: { CI: "true" } });
    expect(code).toBe(2);
    expect(stdout).not.toMatch(/^(?:resume|cancel) /m);
    expect(JSON.parse(io.files.get("mogplex-ci/result.json") ?? "").resume).toBeNull();
  }
});

test("a long error is printed once: its line has all of it, the block above only what went wrong", async () => {
  const { cli } = world();
  const refused = { env: { ...JOB, MOGPLEX_API_KEY: READ_ONLY_TOKEN } };
  const log = await cli(RUN, refused);
  const message = /^error: (.+)\n$/m.exec(log.stderr)?.[1] ?? "";
  expect(log.stdout).toContain(`\nreason        ${message.split("; ")[0]}\n`);
  expect(message).toContain("; create a token with this scope");
  // Where the block alone is shown, it has everything.
  const terminal = await cli(RUN, { env: { MOGPLEX_API_KEY: READ_ONLY_TOKEN, NO_COLOR: "1" }, terminal: true });
  const [reason, advice = ""] = message.split("; ");
  const sentence = `${advice.charAt(0).toUpperCase()}${advice.slice(1)}`;
  expect(terminal.stdout.replace(/\n {14}/g, " ")).toContain(
    `\nreason        ${reason}\nwhat to do    ${sentence}\n`,
  );
  expect(terminal.stderr).toBe("");
});

test("a refused token is named by the variable or the file that it came from", async () => {
  const wrong = "mog_unknownToken00000000000000000001";
  const cases: [env: Record<string, string>, place: string][] = [
    [{ MOGPLEX_API_KEY: wrong }, "variable MOGPLEX_API_KEY"],
    [{ MOGPLEX_API_KEY: "", MOGPLEX_TOKEN_VARIABLE: "AGENT_TOKEN", AGENT_TOKEN: wrong }, "variable AGENT_TOKEN"],
    [{ MOGPLEX_API_KEY: "", MOGPLEX_API_KEY_FILE: "/run/token" }, "the MOGPLEX_API_KEY_FILE file"],
    [{ GITLAB_CI: "true", MOGPLEX_API_KEY: wrong }, "variable MOGPLEX_API_KEY"],
    [{ GITHUB_ACTIONS: "true", MOGPLEX_API_KEY: wrong }, "the secret for variable MOGPLEX_API_KEY"],
  ];
  for (const [env, place] of cases) {
    const { cli } = world();
    const { code, stderr } = await cli(RUN, { env: { ...JOB, ...env }, files: { "/run/token": wrong } });
    expect(code).toBe(64);
    expect(stderr).toContain(`create a token under Settings > Mogplex Keys and store it in ${place}\n`);
  }
});

test("report of a run that is still going says so and how to follow it, without an error outside --json", async () => {
  const { cli, start } = world("stuck-streaming");
  const runId = await start();
  const { code, stdout, stderr, io } = await cli(["report", runId], { env: { CI: "true" } });
  expect([code, stderr]).toEqual([124, ""]);
  expect(stdout).toMatch(/^verdict {7}still running \(exit code 124\)$/m);
  expect(stdout).toMatch(/^reason {8}Run "<run>" has not finished: its status is "pending"$/m);
  expect(stdout).toMatch(/^what to do {4}Follow the run to get its verdict\.$/m);
  expect(stdout).toMatch(/^resume {8}mogplex-ci follow <run>$/m);
  expect(stdout).not.toContain("--timeout");
  expect(io.files.get("mogplex-ci/summary.md")).toContain("Mogplex run is still running (exit code 124)");
  expect(io.files.get("mogplex-ci/run.html")).not.toContain("in time");
  const json = await cli(["report", runId, "--json"], { env: { CI: "true" } });
  expect(json.stderr).toContain('error: Run "<run>" has not finished: its status is ');
});

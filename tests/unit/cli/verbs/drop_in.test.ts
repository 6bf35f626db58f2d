import { expect, test } from "bun:test";
import { platformVariables } from "../../../../lib/ci/detect.ts";
import { READ_ONLY_TOKEN, REPO, TOKEN, world } from "../world.ts";

test("run prints the documented lines when a run is started and when the key matches it", async () => {
  const { cli } = world();
  const args = ["run", "Fix flaky tests", "--repo", REPO, "--create-branch", "--idempotency-key", "k1"];
  const first = await cli(args);
  const branch = /external\/\S+/.exec(first.stdout)?.[0];
  const expected = [
    `repo    ${REPO}`,
    "harness codex",
    `branch  mogplex/${branch} (base main, created)`,
    "tail events: mogplex-ci runs events <run> --follow",
    "",
  ].join("\n");
  expect({ ...first, io: null }).toEqual({
    code: 0,
    stdout: `started run <run> (pending)\n${expected}`,
    stderr: "",
    io: null,
  });
  expect({ ...(await cli(args)), io: null }).toEqual({
    code: 0,
    stdout: `matched existing run <run> (pending)\n${expected}`,
    stderr: "",
    io: null,
  });
});

test("run prints the documented error when --repo is missing, and says that the variable does not count", async () => {
  const { cli, requests } = world();
  const documented = "error: run: --repo <id> is required (find IDs via `mogplex repos list`)";
  expect(await cli(["run", "x"])).toMatchObject({ code: 2, stdout: "", stderr: `${documented}\n` });
  const { code, stdout, stderr } = await cli(["run", "x"], { env: { MOGPLEX_REPO_ID: REPO } });
  expect({ code, stdout, stderr }).toEqual({
    code: 2,
    stdout: "",
    stderr: `${documented}; MOGPLEX_REPO_ID is used only with --follow or --detach\n`,
  });
  const watched = await cli(["run", "x"], { terminal: true, env: { MOGPLEX_REPO_ID: REPO } });
  expect(watched.stderr).toStartWith(`note: to list the names: mogplex-ci repos list\n${documented}; `);
  expect(requests).toEqual([]);
});

test("run sends a new random UUID as key when none is given", async () => {
  const { cli, emulator } = world("");
  const args = ["run", "x", "--repo", REPO, "--json"];
  const ids = [await cli(args), await cli(args)].map(({ stdout }) => (JSON.parse(stdout) as { replayed: boolean }));
  expect(ids.map((run) => run.replayed)).toEqual([false, false]);
  const keys = [...emulator.world.store.runs.values()].map((run) => run.idempotency_key);
  for (const key of keys) expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/);
});

test("run reads the prompt from standard input when it is -", async () => {
  const { cli, emulator } = world("");
  expect((await cli(["run", "-", "--repo", REPO], { stdin: "From a pipe\n" })).code).toBe(0);
  expect([...emulator.world.store.runs.values()].map((run) => run.prompt)).toEqual(["From a pipe"]);
});

test("run refuses a flag of --follow when it does not follow", async () => {
  const { cli } = world();
  const { code, stderr } = await cli(["run", "x", "--repo", REPO, "--report", "json"]);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: "error: Cannot run: --report works only with --follow or --detach\n",
  });
});

test("runs get prints the documented lines", async () => {
  const { cli, start } = world();
  const runId = await start();
  const { code, stdout, stderr } = await cli(["runs", "get", runId]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.replace(/external\/\S+/, "external/<hash>").replace(/(created|updated) 2026-09-01T.*/g, "$1 <time>"))
    .toBe(
      [
        "run     <run>",
        "status  pending",
        "harness codex",
        `repo    ${REPO}`,
        "branch  mogplex/external/<hash> (base main, created)",
        "sandbox -",
        "events  /api/v1/mogplex/runs/<run>/events",
        "cancel  /api/v1/mogplex/runs/<run>/cancel",
        "created <time>",
        "updated <time>",
        "",
      ].join("\n"),
    );
});

test("runs get shows the name of the repository on a terminal when this machine started the run, and its id elsewhere", async () => {
  const { cli, emulator } = world();
  const env = { HOME: "/h/me" };
  const { io } = await cli(["run", "x", "--repo", "acme/api"], { env });
  const [runId = ""] = emulator.world.store.runs.keys();
  const repoOf = async (more: object) => {
    const { stdout } = await cli(["runs", "get", runId], { env, files: Object.fromEntries(io.files), ...more });
    return /^repo {4}(.*)$/m.exec(stdout)?.[1];
  };
  expect([await repoOf({ terminal: true }), await repoOf({}), await repoOf({ terminal: true, files: {} })])
    .toEqual(["acme/api", REPO, REPO]);
});

test("a command of the documented set without a token advises for a shell and for CI", async () => {
  const { cli } = world();
  const { code, stderr } = await cli(["repos", "list"], { before: (io) => io.env = () => undefined });
  expect([code, stderr]).toEqual([
    64,
    "error: Cannot read token: variable MOGPLEX_API_KEY is not set; create a token under Settings > Mogplex Keys and set it: " +
    "export MOGPLEX_API_KEY=… (in CI, store it as a secret)\n",
  ]);
});

test("a start with a harness that the service refuses names harnesses that it supports", async () => {
  const { cli } = world();
  const { code, stdout } = await cli(["run", "--follow", "x", "--repo", "acme/api", "--harness", "codx"]);
  expect([code, /^what to do {4}(.*)$/m.exec(stdout)?.[1]]).toEqual([
    2,
    "Use a harness that the service supports, such as codex or claude-code",
  ]);
});

test("runs get --json prints the run flat, on one line", async () => {
  const { cli, start } = world();
  const { stdout } = await cli(["runs", "get", await start(), "--json"]);
  expect(stdout.split("\n").length).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ runId: "<run>", status: "pending", repoId: REPO });
});

test("runs events --follow prints each event once and ends with 0 whatever the status", async () => {
  for (const [scenario, status] of [["success", "success"], ["agent-failure", "failed"]] as const) {
    const { cli, start } = world(scenario);
    const { code, stdout, stderr } = await cli(["runs", "events", await start(), "--follow"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.trimEnd().split("\n");
    expect(new Set(lines).size).toBe(lines.length);
    expect(lines[0]).toMatch(/^2026-09-01T00:00:00\S* {2}started {2}External Mogplex run accepted$/);
    expect(lines.at(-1)).toBe(`--- run <run> ${status} ---`);
  }
});

test("runs events --follow --json ends with a line of id and status", async () => {
  const { cli, start } = world();
  const { stdout } = await cli(["runs", "events", await start(), "--follow", "--json"]);
  const lines = stdout.trimEnd().split("\n");
  expect(lines.at(-1)).toBe(`{"runId":"<run>","status":"success"}`);
  expect(lines.slice(0, -1).map((line) => (JSON.parse(line) as { type: string }).type)).toEqual([
    "started",
    "started",
    "log",
    "status_changed",
    "log",
    "finished",
  ]);
});

test("runs events --follow prints the documented error and ends with 1 when the time is over", async () => {
  const { cli, start, clock } = world("stuck-streaming");
  const runId = await start();
  const began = clock.now();
  const { code, stderr } = await cli(["runs", "events", runId, "--follow", "--timeout", "600"]);
  expect(code).toBe(1);
  expect(stderr.split("\n").at(-2)).toBe("error: --follow timed out after 600s waiting for terminal status");
  expect(clock.now() - began).toBe(600_000);
});

test("runs events --follow waits as long as the service requested when it fits, and ends at once when it does not", async () => {
  const { cli, start, emulator, clock } = world();
  const runId = await start();
  emulator.control("fault", { kind: "429", route: "GET /runs/*/events", retryAfter: 60 });
  const fits = await cli(["runs", "events", runId, "--follow", "--timeout", "100"]);
  expect(fits.code).toBe(0);
  // What follows the minute is our own spread, so that jobs which were refused together do not come back together.
  expect(fits.stderr).toMatch(/trying again in 1 min( \d+ s)?, as the service requested/);
  const began = clock.now();
  for (const [kind, expected] of [["429", 75], ["503", 69]] as const) {
    emulator.control("fault", { kind, route: "GET /runs/*/events", retryAfter: 60 });
    expect((await cli(["runs", "events", runId, "--follow", "--timeout", "50"])).code).toBe(expected);
  }
  expect(clock.now()).toBe(began);
});

test("runs events --follow --exit-status ends with the toolkit's codes", async () => {
  const ends = [["success", 0], ["agent-failure", 1], ["cancelled-during-boot", 3], ["stuck-pending", 124]] as const;
  for (const [scenario, expected] of ends) {
    const { cli, start } = world(scenario);
    const args = ["runs", "events", await start(), "--follow", "--timeout", "60", "--exit-status"];
    expect((await cli(args)).code).toBe(expected);
  }
});

test("runs events --follow ends with 1, or 4 with --exit-status, when the run is waiting for an answer", async () => {
  const { cli, start } = world("awaiting-input");
  const runId = await start();
  const plain = await cli(["runs", "events", runId, "--follow"]);
  expect({ code: plain.code, stderr: plain.stderr }).toEqual({
    code: 1,
    stderr: "error: run <run> needs an answer and will not finish on its own\n",
  });
  expect(plain.stdout).toEndWith("--- run <run> awaiting_input ---\n");
  expect((await cli(["runs", "events", runId, "--follow", "--exit-status"])).code).toBe(4);
});

test("runs cancel prints the documented lines", async () => {
  const { cli, start } = world();
  const { code, stdout, stderr } = await cli(["runs", "cancel", await start()]);
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: "cancellation requested for run <run>\nstatus: cancelled\n",
    stderr: "",
  });
});

test("runs cancel prints only that a run had ended before", async () => {
  const { cli, start } = world();
  const runId = await start();
  await cli(["runs", "events", runId, "--follow"]);
  const { code, stdout, stderr } = await cli(["runs", "cancel", runId]);
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: "run <run> had already ended, so nothing changed\nstatus: success\n",
    stderr: "",
  });
});

test("repos list prints a table, or one object a line", async () => {
  const { cli } = world();
  const table = await cli(["repos", "list", "--query", "acme/w"]);
  expect(table.stdout).toBe("e0000000-0000-4000-8000-000000000002  acme/web  develop\n");
  const lines = await cli(["repos", "list", "--json", "--limit", "2"]);
  expect(lines.stdout.trimEnd().split("\n").map((line) => (JSON.parse(line) as { full_name: string }).full_name))
    .toEqual(["acme/api", "acme/blank-default"]);
});

test("repos list and sandboxes list ask for 200, and say when there may be more", async () => {
  const { cli, emulator } = world();
  emulator.control("bulk", { what: "repos", user: "alice", count: 250 });
  emulator.control("bulk", { what: "sandboxes", user: "alice", count: 250 });
  const all = await cli(["repos", "list"]);
  expect(all.stdout.trimEnd().split("\n").length).toBe(200);
  expect(all.stderr).toContain(
    "only the first 200 repositories are shown, and there may be more; the service lists at most 200",
  );
  const few = await cli(["repos", "list", "--limit", "5"]);
  expect(few.stdout.trimEnd().split("\n").length).toBe(5);
  expect(few.stderr).toContain("only the first 5 repositories are shown, and there may be more; use a higher --limit");
  const sandboxes = await cli(["sandboxes", "list", "--json"]);
  expect(sandboxes.stdout.trimEnd().split("\n").length).toBe(200);
  expect(sandboxes.stderr).toContain("only the first 200 sandboxes are shown, and there may be more");
  expect((await cli(["repos", "list", "--query", "acme/api"])).stderr).toBe("");
});

test("sandboxes list takes a repository and a status", async () => {
  const { cli } = world();
  const { stdout } = await cli(["sandboxes", "list", "--repo", REPO, "--status", "running"]);
  expect(stdout).toBe(
    "5a000000-0000-4000-8000-000000000001  running  main  https://preview.example.test/api  2026-02-01T09:00:00+00:00\n",
  );
});

test("sandboxes stop points to the web UI and sends nothing", async () => {
  const { cli, requests } = world();
  const { code, stdout } = await cli(["sandboxes", "stop", "../x"]);
  expect({ code, stdout, requests }).toEqual({
    code: 0,
    stdout:
      "a sandbox cannot be stopped through the API yet; stop it in the web UI: https://mogplex.com/sandboxes/..%2Fx\n",
    requests: [],
  });
});

test("one-shot verbs wait at most ten seconds for a busy service", async () => {
  const { cli, start, emulator, clock } = world();
  const runId = await start();
  const began = clock.now();
  const busy = [["429", 75], ["503", 69], ["500", 1], ["html502", 1]] as const;
  for (const [kind, expected] of busy) {
    emulator.control("fault", { kind, route: "GET /runs/*", retryAfter: 60, times: 99 });
    expect((await cli(["runs", "get", runId])).code).toBe(expected);
    expect(clock.now() - began).toBeLessThanOrEqual(busy.length * 10_000);
    emulator.control("clearFaults");
  }
  emulator.control("fault", { kind: "503", route: "GET /runs/*", retryAfter: 5 });
  expect((await cli(["runs", "get", runId])).code).toBe(0);
});

test("drop-in verbs end with the documented codes", async () => {
  const { cli } = world();
  const unknown = crypto.randomUUID();
  const calls: [code: number, args: string[], token?: string][] = [
    [0, ["repos", "list"]],
    [1, ["runs", "get", unknown]],
    [1, ["runs", "cancel", unknown]],
    [2, ["runs", "get", "not-a-uuid"]],
    [2, ["runs", "get"]],
    [2, ["run", "x", "--repo", "not-a-uuid"]],
    [2, ["run", "x", "--repo", REPO, "--harness", "nobody"]],
    [2, ["repos", "list", "--limit", "0"]],
    [2, ["runs", "events", unknown, "--follow", "--timeout", "soon"]],
    [64, ["repos", "list"], ""],
    [64, ["repos", "list"], "mog_unknown"],
    [65, ["run", "x", "--repo", REPO], READ_ONLY_TOKEN],
  ];
  for (const [code, args, token = TOKEN] of calls) {
    const called = await cli(args, { env: { MOGPLEX_API_KEY: token } });
    expect({ args, code: called.code }).toEqual({ args, code });
    expect(called.stderr.startsWith("error: ")).toBe(code !== 0);
  }
});

test("drop-in verbs read the documented variables only, and write no file", async () => {
  const { cli, start } = world();
  const runId = await start();
  // Which CI system it is decides how untrusted text is escaped, and nothing else.
  const environment = [...platformVariables(), "NODE_ENV", "MOGPLEX_CI_JOB"];
  const verbs = [["run", "x", "--repo", REPO], ["runs", "get", runId], ["runs", "events", runId, "--follow"]];
  for (const args of [...verbs, ["runs", "cancel", runId], ["repos", "list"], ["sandboxes", "list"]]) {
    const { io } = await cli(args, { env: { GITHUB_OUTPUT: "/out", GITHUB_ACTIONS: "true" } });
    const own = [...io.read].filter((name) => !environment.includes(name)).sort();
    expect(own).toEqual(["MOGPLEX_API_KEY", "MOGPLEX_DEV", "MOGPLEX_URL"]);
    expect([...io.files.keys()]).toEqual([]);
  }
});

test("a custom origin is announced on stderr", async () => {
  const { cli } = world();
  const { stderr } = await cli(["repos", "list"], { env: { MOGPLEX_URL: "https://staging.mogplex.com" } });
  expect(stderr).toBe("note: sending requests and the token to https://staging.mogplex.com\n");
});

test("runs events makes hostile text inert, in text and in JSON", async () => {
  const { cli, start, emulator } = world("");
  const runId = await start();
  const message = `\x1b[31m::add-mask::x\x1b[0m\r\n##[error]forged ${TOKEN} \u202egnp.exe`;
  emulator.control("appendEvents", { runId, events: [{ type: "log", message, toolName: "::warning::t" }] });
  for (const env of [{ GITHUB_ACTIONS: "true" }, { GITLAB_CI: "true" }, {}] as Record<string, string>[]) {
    const text = await cli(["runs", "events", runId], { env });
    expect(text.stdout.trimEnd().split("\n").length).toBe(2);
    const json = await cli(["runs", "events", runId, "--json"], { env });
    for (const output of [text.stdout, json.stdout]) {
      expect(output).not.toContain(TOKEN);
      if (env.GITHUB_ACTIONS) expect(output).not.toContain("##[");
      expect(output).not.toMatch(/^\s*::/m);
      // deno-lint-ignore no-control-regex
      expect(output).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028]/);
    }
    const event = JSON.parse(json.stdout.trimEnd().split("\n")[1] ?? "") as { message: string };
    expect(event.message).toBe(message.replace(TOKEN, "[redacted]"));
  }
});

test("run takes a good answer that comes later than the ten seconds for a busy service", async () => {
  const { cli, emulator } = world();
  emulator.control("fault", { kind: "slow", route: "POST /runs", delayMs: 12_000 });
  const { code, stdout } = await cli(["run", "x", "--repo", REPO]);
  expect({ code, first: stdout.split("\n")[0] }).toEqual({ code: 0, first: "started run <run> (pending)" });
});

test("run says on a terminal where the agent pushes when the answer names the base as working branch", async () => {
  const { cli } = world();
  const RUN = ["run", "x", "--repo", REPO];
  const noteOf = async (args: string[], terminal = true) => (await cli([...RUN, ...args], { terminal })).stderr;
  expect(await noteOf([])).toBe(
    "note: the agent does not push to main: the service picks a branch (run --follow shows its name)\n",
  );
  expect(await noteOf(["--branch", "main"])).toBe(
    "note: the agent pushes directly to main; run --follow without --branch gives the agent its own branch\n",
  );
  for (const args of [["--create-branch"], ["--branch", "other"]]) {
    expect([args, await noteOf(args)]).toEqual([args, ""]);
  }
  // Formats do not move: in a pipe there is no line.
  expect(await noteOf([], false)).toBe("");
});

test("runs events --follow says at a signal what stopped it, and that the run goes on", async () => {
  const { cli, start, clock } = world("");
  const { code, stderr } = await cli(["runs", "events", await start(), "--follow"], {
    before: (io) => void clock.sleep(30_000).then(() => io.signal("SIGTERM")),
  });
  expect([code, stderr]).toEqual([
    143,
    "error: Stopped by SIGTERM; the run continues, and the same command prints its events again\n",
  ]);
});

test("runs get, events and cancel refuse what is not an id, and do not announce requests", async () => {
  const { cli, requests } = world();
  for (const verb of ["get", "events", "cancel"]) {
    const { code, stderr } = await cli(["runs", verb, "nope"], { env: { MOGPLEX_URL: "https://staging.mogplex.com" } });
    expect([code, stderr]).toEqual([
      2,
      'error: Cannot use run id because it must be a full id, or at least its first 8 digits: "nope"; "runs recent" shows the ids\n',
    ]);
  }
  expect(requests).toEqual([]);
});

import { expect, test } from "bun:test";
import type { RunResult } from "../../../../lib/run/result.ts";
import { parseScenario } from "../../emulator/scenarios.ts";
import { REPO, world } from "../world.ts";
import { answers, LOCAL as DEV, SCHEMA } from "./result_answers.ts";

const FILES = { "schema.json": SCHEMA };
const JOB = { CI: "true", MOGPLEX_CI_JOB: "nightly" };
const LOCAL = { ...DEV, ...JOB };
const GITHUB = {
  GITHUB_ACTIONS: "true",
  GITHUB_OUTPUT: "/out",
  GITHUB_SERVER_URL: "https://github.example",
  GITHUB_REPOSITORY: "acme/tools",
};
const RUN = [
  "run",
  "--follow",
  "Review it",
  "--repo",
  REPO,
  "--result",
  ".mogplex/result-{id}.json",
  "--schema",
  "schema.json",
];

const GOOD = '{ json: { ok: true, version: "1.2.3", findings: [] } }';

function resultIn(io: { files: Map<string, string> }): RunResult {
  return JSON.parse(io.files.get("mogplex-ci/result.json") ?? "null");
}

test("run --result returns the checked value, its copy and its outputs when the file is good", async () => {
  const { cli, emulator } = answers(GOOD);
  const { code, stdout, io } = await cli(RUN, { env: LOCAL, files: FILES });
  expect(code).toBe(0);
  const { value, resultFile, outcome } = resultIn(io);
  expect({ outcome, value }).toEqual({ outcome: "success", value: { ok: true, version: "1.2.3", findings: [] } });
  expect(resultFile as unknown).toEqual({
    path: expect.stringMatching(/^\.mogplex\/result-[0-9a-f]{8}\.json$/),
    branch: expect.stringContaining("mogplex/external/"),
    commit: expect.stringMatching(/^[0-9a-f]{40}$/),
    blob: expect.stringMatching(/^[0-9a-f]{40}$/),
    cause: null,
    mistakes: [],
    outputs: { ok: true, version: "1.2.3" },
  });
  expect(JSON.parse(io.files.get("mogplex-ci/value.json") ?? "")).toEqual(value);
  expect(stdout).toContain(
    `result file   ${resultFile?.path} (on the branch)\nvalue         mogplex-ci/value.json\n`,
  );
  for (const file of ["summary.md", "run.html"]) {
    expect(io.files.get(`mogplex-ci/${file}`)).toMatch(/(?:"|&quot;)version(?:"|&quot;): (?:"|&quot;)1\.2\.3/);
  }
  const [run] = [...emulator.world.store.runs.values()];
  expect(run?.prompt).toContain(`as JSON to the file "${resultFile?.path}"`);
  expect(run?.prompt.split("\n").at(-1)).toBe(SCHEMA);
});

test("run --result sets outputs on every CI system that has some, and leaves out those that are not safe", async () => {
  const unsafe = '{ json: { ok: false, version: "1 2; rm -rf /" } }';
  const note = (name: string, why = "it contains spaces, quotes or special characters") =>
    `note: ${name} is left out: ${why}; read mogplex-ci/value.json\n`;
  const github = await answers(unsafe).cli(RUN, {
    env: { ...LOCAL, ...GITHUB },
    files: FILES,
  });
  const text = github.io.files.get("/out") ?? "";
  expect([...text.matchAll(/^(result_\w+)<<.*\n(.*)$/gm)].map(([, name, value]) => `${name}=${value}`)).toEqual([
    "result_path=mogplex-ci/value.json",
    "result_ok=false",
  ]);
  expect(github.stderr).toContain(note("output result_version"));
  const long = await answers(`{ json: { ok: false, version: "${"1".repeat(1_025)}" } }`).cli(RUN, {
    env: { ...LOCAL, ...GITHUB },
    files: FILES,
  });
  expect(long.stderr).toContain(note("output result_version", "it is too long"));
  const gitlab = await answers(unsafe).cli(RUN, { env: { ...LOCAL, GITLAB_CI: "true" }, files: FILES });
  expect(gitlab.io.files.get("mogplex-ci/outputs.env")?.match(/^MOGPLEX_RESULT.*$/gm)).toEqual([
    "MOGPLEX_RESULT_PATH=mogplex-ci/value.json",
    "MOGPLEX_RESULT_OK=false",
  ]);
  expect(gitlab.stderr).toContain(note("variable MOGPLEX_RESULT_VERSION"));
  const teamcity = await answers(GOOD).cli(RUN, { env: { ...LOCAL, TEAMCITY_VERSION: "2025" }, files: FILES });
  expect(teamcity.stdout.match(/env\.MOGPLEX_RESULT_\w+' value='[^']*'/g)).toEqual([
    "env.MOGPLEX_RESULT_PATH' value='mogplex-ci/value.json'",
    "env.MOGPLEX_RESULT_OK' value='true'",
    "env.MOGPLEX_RESULT_VERSION' value='1.2.3'",
  ]);
});

test("run --result leaves out outputs that would make the dotenv file too long", async () => {
  const properties = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`v${index}`, { type: "string" }]));
  const value = JSON.stringify(Object.fromEntries(Object.keys(properties).map((name) => [name, "x".repeat(900)])));
  const { io } = await answers(`{ text: '${value}' }`).cli(RUN, {
    env: LOCAL,
    files: { "schema.json": JSON.stringify({ properties }) },
  });
  const env = io.files.get("mogplex-ci/outputs.env") ?? "";
  expect(env.match(/^MOGPLEX_RESULT_V\d/gm)).toEqual([
    "MOGPLEX_RESULT_V0",
    "MOGPLEX_RESULT_V1",
    "MOGPLEX_RESULT_V2",
    "MOGPLEX_RESULT_V3",
  ]);
  expect(env.length).toBeLessThanOrEqual(4_000);
});

/** What a run commits, the exit code, the cause and what the reason has. */
const BAD: [result: string, code: number, cause: string, reason: string][] = [
  ["", 1, "result-missing", "the branch does not contain it"],
  ["{ path: other.json, json: { ok: true } }", 1, "result-missing", "the branch does not contain it"],
  ["{ text: 'Here it is: {}' }", 1, "result-not-json", "line 1, column 1: expected a JSON value"],
  ['{ text: \'{"ok": true, "ok": false}\' }', 1, "result-not-json", "line 1, column 14: a key appears twice"],
  [
    "{ text: '{\"ok\": 1e999}' }",
    1,
    "result-not-json",
    "line 1, column 8: a number is too large or has too many digits",
  ],
  [
    '{ text: \'{"__proto__": {"ok": true}, "ok": true}\' }',
    1,
    "result-invalid",
    '"/__proto__" is not allowed (schema)',
  ],
  ['{ json: { ok: "yes" } }', 1, "result-invalid", '"/ok" must be of type boolean, but is of type string (type)'],
  ["{ json: {} }", 1, "result-invalid", 'the whole value lacks the property "ok" (required)'],
  ["{ link: README.md }", 1, "result-invalid", "it is a symbolic link"],
  ["{ submodule: true }", 1, "result-invalid", "it is a submodule"],
  ["{ size: 60000000 }", 1, "result-invalid", "it is larger than 1 MB"],
  [
    '{ text: "version https://git-lfs.github.com/spec/v1\\noid sha256:0\\nsize 1\\n" }',
    1,
    "result-invalid",
    "it is a Git LFS pointer",
  ],
  [
    "{ json: { ok: true, version: ghp_abcdefghijklmnopqrstuvwxyz0123456789 } }",
    1,
    "result-invalid",
    '"/version" contains a secret',
  ],
];

test.each(BAD)("run --result ends without a value when the run commits %s", async (committed, code, cause, reason) => {
  const { cli, emulator } = answers(committed);
  const called = await cli(RUN, { env: LOCAL, files: { ...FILES, "mogplex-ci/value.json": "{}" } });
  const { value, resultFile, reason: text, status } = resultIn(called.io);
  expect([called.code, value, resultFile?.cause as string, status]).toEqual([code, null, cause, "success"]);
  expect(text).toContain(reason);
  const where = cause === "result-missing" ? "missing" : "on the branch";
  expect(called.stdout).toContain(`result file   ${resultFile?.path} (${where})\n`);
  expect(called.io.files.get("mogplex-ci/value.json")).toBeUndefined();
  const everything = [called.stdout, called.stderr, ...called.io.files.values()].join("\n");
  expect(everything).not.toContain("ghp_abc");
  expect(called.io.files.get("mogplex-ci/outputs.env")).not.toContain("MOGPLEX_RESULT");
  expect(emulator.world.store.runs.size).toBe(1);
});

test("run --result speaks of no branch when the run changed nothing", async () => {
  const scenario = `match: { attempt: [1] }
steps:
  - { after: 5, sandbox: up }
  - { after: 5, event: { payload: { stage: git_delivery, changed: false } } }
  - { after: 1, status: success }
`;
  const { cli } = world("", { scenarios: [parseScenario(scenario, "nothing.yaml")] });
  const { code, stdout, io } = await cli(RUN, { env: LOCAL, files: FILES });
  const { resultFile } = resultIn(io);
  expect([code, resultFile?.cause as unknown, resultFile?.branch]).toEqual([1, "result-missing", null]);
  expect(stdout).toContain(`result file   ${resultFile?.path} (missing)\n`);
  expect(io.files.get("mogplex-ci/summary.md")).toContain(`\`${resultFile?.path}\`: missing\n`);
  expect(stdout).toContain(
    "what to do    Read what the agent did. To ask it again, start a new run or allow result retries.",
  );
});

test("run --result starts nothing when the file exists where the run would begin", async () => {
  const { cli, emulator } = answers(GOOD);
  const run = [...RUN, "--result", "README.md"];
  const { code, stderr } = await cli(run, { env: LOCAL, files: FILES });
  expect({ code, runs: emulator.world.store.runs.size }).toEqual({ code: 2, runs: 0 });
  expect(stderr).toContain(
    'error: Cannot start run because the result file already exists on the default branch: "README.md"; delete it, or add {id} to its name\n',
  );
});

test("run --result starts nothing when a flag or the schema is wrong", async () => {
  const { cli, requests } = answers(GOOD);
  const cases: [args: string[], files: Record<string, string>, message: string][] = [
    [["--result", "a.json"], FILES, "Cannot use --result: it needs --schema; see docs/results.md in the toolkit"],
    [["--schema", "schema.json"], FILES, "Cannot use --schema: it needs --result; see docs/results.md in the toolkit"],
    [
      ["--result-retries", "1"],
      FILES,
      "Cannot use --result-retries: it needs --result; see docs/results.md in the toolkit",
    ],
    [
      ["--result", "../a", "--schema", "schema.json"],
      FILES,
      "Cannot use the path of the result because it must be relative to the root",
    ],
    [["--result", "a.json", "--schema", "none.json"], {}, 'file "none.json" does not exist'],
    [
      ["--result", "a.json", "--schema", "s.yaml"],
      { "s.yaml": "type: object\nrequird: []\n" },
      'because the keyword "requird" is unknown: "s.yaml:2:10"; did you mean "required"?',
    ],
    [
      ["--result", "a.json", "--schema", "schema.json", "--result-retries", "3"],
      FILES,
      "it must be a whole number from 0 to 2",
    ],
  ];
  for (const [args, files, message] of cases) {
    const { code, stderr } = await cli(["run", "--follow", "Review it", "--repo", REPO, ...args], {
      env: LOCAL,
      files,
    });
    expect({ args, code }).toEqual({ args, code: 2 });
    expect(stderr).toContain(message);
  }
  expect(requests).toEqual([]);
});

test("run --result-retries asks for the file alone on the same branch, with a key of its own, until it is good", async () => {
  const { cli, emulator } = answers('{ json: { ok: "yes" } }', GOOD);
  const key = ["--idempotency-key", "nightly-7", "--result-retries", "2"];
  const { code, stderr, io } = await cli([...RUN, ...key], { env: LOCAL, files: FILES });
  const [first, second, ...more] = [...emulator.world.store.runs.values()];
  expect({ code, more }).toEqual({ code: 0, more: [] });
  expect([first, second].map((run) => run?.idempotency_key)).toEqual(["nightly-7", "nightly-7.result.1"]);
  expect(resultIn(io)).toMatchObject({
    runId: second?.id,
    task: "Review it",
    value: { ok: true },
    resultFile: { cause: null, branch: first?.working_branch },
  });
  expect([second?.working_branch, second?.create_branch]).toEqual([first?.working_branch, false] as unknown[] as never);
  expect(second?.prompt).toContain('\n- "/ok" must be of type boolean, but is of type string (type)\n');
  expect(second?.prompt).not.toContain("yes");
  expect(stderr).toContain("; requesting the file again in a follow-up run");
});

test("run --result-retries ends with the last cause, and takes a file that a follow-up has left alone for missing", async () => {
  const { cli, emulator } = answers('{ json: { ok: "yes" } }');
  const { code, io } = await cli([...RUN, "--result-retries", "2"], { env: LOCAL, files: FILES });
  expect({ code, runs: emulator.world.store.runs.size }).toEqual({ code: 1, runs: 3 });
  expect(resultIn(io)).toMatchObject({ outcome: "failed", resultFile: { cause: "result-missing" } });
  expect(resultIn(io).reason).toContain("the run has not changed it");
  const prompts = [...emulator.world.store.runs.values()].map(({ prompt }) => prompt);
  expect(prompts.slice(1).map((prompt) => prompt.match(/^- .*/gm))).toEqual([
    ['- "/ok" must be of type boolean, but is of type string (type)'],
    ['- "/ok" must be of type boolean, but is of type string (type)', "- the run has not changed it"],
  ]);
});

test("run --result-retries keeps the pull request of the first run, and what is wrong with its file, when the follow-up fails", async () => {
  const { cli, emulator } = answers('{ json: { ok: "yes" } }', "fail");
  const { code, io, stdout } = await cli([...RUN, "--result-retries", "1"], { env: LOCAL, files: FILES });
  const [first, second] = [...emulator.world.store.runs.values()];
  expect(code).toBe(1);
  expect(resultIn(io)).toMatchObject({
    runId: second?.id,
    outcome: "failed",
    pullRequest: { url: expect.stringMatching(/pull\/1$/) },
    branch: { pushed: first?.working_branch },
    resultFile: { cause: "result-invalid" },
  });
  expect(stdout).toMatch(/^pull request {2}http/m);
});

test("run --result reads the file again when the job is repeated, and starts no second run", async () => {
  const job = { ...LOCAL, MOGPLEX_CI_JOB: "nightly" };
  const { cli, emulator } = answers('{ json: { ok: "yes" } }', GOOD);
  const first = await cli(RUN, { env: job, files: FILES });
  const again = await cli(RUN, { env: job, files: FILES });
  expect([first.code, again.code, emulator.world.store.runs.size]).toEqual([1, 1, 1]);
  expect(resultIn(again.io)).toMatchObject({ replayed: true, resultFile: { cause: "result-invalid" } });
});

test("run --result finds the run of an earlier attempt although the file is on the base by now, when the state file is there", async () => {
  const { cli, emulator } = answers(GOOD);
  const run = [...RUN, "--result", "answer.json"];
  const first = await cli(run, { env: LOCAL, files: FILES });
  const state = first.io.files.get("mogplex-ci/run.json") ?? "";
  emulator.control("commitFile", { repo: "acme/api", branch: "main", path: "answer.json", text: "{}" });
  const again = await cli(run, { env: LOCAL, files: { ...FILES, "mogplex-ci/run.json": state } });
  expect([first.code, again.code, emulator.world.store.runs.size]).toEqual([0, 0, 1]);
  const without = await cli(run, { env: LOCAL, files: FILES });
  expect([without.code, emulator.world.store.runs.size]).toEqual([2, 1]);
});

test("run --result refuses an edited schema or another path under the key of a run", async () => {
  const { cli, emulator } = answers(GOOD);
  const first = await cli(RUN, { env: LOCAL, files: FILES });
  const schema = await cli(RUN, { env: LOCAL, files: { "schema.json": '{"type":"object"}' } });
  const path = await cli([...RUN, "--result", "other.json"], { env: LOCAL, files: FILES });
  expect([first.code, schema.code, path.code, emulator.world.store.runs.size]).toEqual([0, 2, 2, 1]);
  expect(schema.stderr).toContain("this job has already started a run with another task or other options");
});

test("follow and report check the file of run --detach by its state file, or by the same two flags", async () => {
  const { cli } = answers(GOOD);
  const started = await cli(["run", "--detach", ...RUN.slice(2)], { env: LOCAL, files: FILES });
  expect([started.code, resultIn(started.io).value]).toEqual([0, null]);
  const { runId } = resultIn(started.io);
  const state = { "mogplex-ci/run.json": started.io.files.get("mogplex-ci/run.json") ?? "" };
  const later = { ...LOCAL, MOGPLEX_CI_JOB: "later" };
  const followed = await cli(["follow", runId ?? ""], { env: later, files: state });
  expect([followed.code, resultIn(followed.io).value]).toEqual([0, { ok: true, version: "1.2.3", findings: [] }]);
  const again = { "mogplex-ci/run.json": followed.io.files.get("mogplex-ci/run.json") ?? "" };
  const reported = await cli(["report", runId ?? ""], { env: later, files: again });
  expect([reported.code, resultIn(reported.io).value]).toEqual([0, { ok: true, version: "1.2.3", findings: [] }]);
  const path = resultIn(followed.io).resultFile?.path ?? "";
  const byFlags = await cli(["report", runId ?? "", "--result", path, "--schema", "schema.json"], {
    env: later,
    files: FILES,
  });
  expect([byFlags.code, resultIn(byFlags.io).resultFile?.cause]).toEqual([0, null]);
  const without = await cli(["report", runId ?? ""], { env: later });
  expect([without.code, resultIn(without.io).resultFile]).toEqual([0, null]);
  const open = await cli(["report", runId ?? "", ...RUN.slice(5)], { env: later, files: FILES });
  expect([open.code, open.stderr]).toEqual([
    2,
    expect.stringContaining("only the state file of the job that started the run shows what {id} stands for"),
  ]);
});

test("follow and report refuse a state file with a result that was not written with their token, and take the flags", async () => {
  const { cli } = answers(GOOD);
  const started = await cli(["run", "--detach", ...RUN.slice(2)], { env: LOCAL, files: FILES });
  const { runId } = resultIn(started.io);
  const text = started.io.files.get("mogplex-ci/run.json") ?? "";
  const [path = ""] = text.match(/\.mogplex\/result-[0-9a-f]{8}\.json/) ?? [];
  const files = { ...FILES, "mogplex-ci/run.json": text.replaceAll(path, ".mogplex/other.json") };
  for (const verb of ["follow", "report"]) {
    const refused = await cli([verb, runId ?? ""], { env: LOCAL, files });
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringContaining(
        "Cannot check the result file because the state file was not written by a job with this token, or was changed later: " +
          '"mogplex-ci/run.json"; use the token that started the run, or give --result and --schema',
      ),
    ]);
    const byFlags = await cli([verb, runId ?? "", "--result", path, "--schema", "schema.json"], { env: LOCAL, files });
    expect([byFlags.code, resultIn(byFlags.io).resultFile?.cause]).toEqual([0, null]);
  }
});

test("run --result does not read the file of a run that has failed", async () => {
  const { cli } = world("agent-failure");
  const { code, io } = await cli(RUN, { env: LOCAL, files: FILES });
  expect([code, resultIn(io).resultFile]).toEqual([1, null]);
});

test("run --result reads the file from the server that has the pull request", async () => {
  const { cli, emulator, requests } = answers(GOOD);
  const { fetch } = emulator;
  const rows = emulator.world.store.repos;
  const { full_name: name = "" } = [...rows.values()].find(({ id }) => id === REPO) ?? {};
  // The forge has the files of the emulator.
  emulator.fetch = (url, init) => fetch(String(url).replace("https://api.github.com", "http://127.0.0.1/api/v3"), init);
  emulator.world.origin = "https://github.com";
  const env = { ...LOCAL, GITHUB_TOKEN: "ghp_0123456789abcdefghijklmnopqrstuvwxyz" };
  expect((await cli(RUN, { env, files: FILES })).code).toBe(0);
  const starts = requests.findIndex((each) => each.startsWith("POST"));
  const [before, after] = [requests.slice(0, starts), requests.slice(starts)].map((some) =>
    some.filter((each) => each.includes(`/repos/${name}/git/trees/`)).map((each) => each.includes("/api/v3"))
  );
  expect([before?.every(Boolean), after?.some(Boolean), after?.length]).toEqual([true, false, expect.any(Number)]);
  expect(after?.length).toBeGreaterThan(1);
});

test("run --result-retries asks no second time for the same file when the job is repeated", async () => {
  const { cli, emulator } = answers('{ json: { ok: "yes" } }', "{ json: {} }");
  const retried = [...RUN, "--result-retries", "1"];
  const first = await cli(retried, { env: LOCAL, files: FILES });
  const again = await cli(retried, { env: LOCAL, files: FILES });
  expect([first.code, again.code, emulator.world.store.runs.size]).toEqual([1, 1, 2]);
  expect(resultIn(again.io).resultFile).toMatchObject({ cause: "result-invalid" });
  expect(again.stderr).toContain("an earlier attempt of this job has already requested the file");
});

import { expect, test } from "bun:test";
import { readHistory } from "../../../../lib/report/history.ts";
import { runGithubLog } from "../../hostile/parsers/github_runner.ts";
import { READ_ONLY_TOKEN, TOKEN, world } from "../world.ts";
import type { FakeIo } from "../fake_io.ts";
import { answers, LOCAL, SCHEMA } from "../job/result_answers.ts";
import { postStep, step } from "./action_job.ts";

const cancels = (requests: readonly string[]) => requests.filter((each) => each.endsWith("/cancel")).length;
const starts = (requests: readonly string[]) => requests.filter((each) => each === "POST /runs").length;

test("a step that succeeds sets outputs, writes a summary, and leaves nothing to its post step", async () => {
  const at = world();
  const main = await step({}, { at });
  expect(main.outputs).toEqual({
    run_id: [...at.emulator.world.store.runs.keys()][0] ?? "",
    status: "success",
    outcome: "success",
    branch: expect.stringMatching(/^mogplex\//),
    pull_request_url: expect.stringMatching(/^http/),
    replayed: "false",
    exit_code: "0",
  });
  expect(main.code).toBe(0);
  expect(main.log).toMatch(
    /^verdict +\S*success \(exit code 0\)\S*\n(?:.*\n)?pull request +http\S+\n(?:.*\n)*?task +Fix the flaky tests$/m,
  );
  expect(main.summary).toMatch(/^## ✅ `acme\/api`: `Fix the flaky tests` → \[PR #\d+\]\(<http/m);
  expect(main.state).toEqual({
    state: expect.stringMatching(/^\/runner\/temp\/mogplex-ci-[\w-]+\/run\.json$/),
    ended: "0",
  });
  const post = await postStep(main, {}, { at });
  expect({ code: post.code, log: post.log, summary: post.summary }).toEqual({
    code: 0,
    log: "nothing to clean up: the run has ended, or none was started\n",
    summary: "",
  });
  expect(cancels(at.requests)).toBe(0);
});

test("a step ends with the code of the verdict, which the log, an annotation and an output show", async () => {
  const ends: [scenario: string, code: number, outcome: string][] = [
    ["agent-failure", 1, "failed"],
    ["stuck-streaming", 124, "deadline"],
  ];
  for (const [scenario, code, outcome] of ends) {
    const main = await step({ timeout: "90" }, { at: world(scenario) });
    expect(main).toMatchObject({ code, outputs: { outcome, exit_code: String(code) }, state: { ended: String(code) } });
    expect(main.log).toContain(`(exit code ${code})`);
    const { obeyed, stopped } = runGithubLog(main.log);
    expect(obeyed.filter((each) => /^(error|warning) .*exit code/.test(each))).toHaveLength(1);
    expect(stopped).toBe(false);
  }
});

test("a step says what is wrong with the token in words of inputs, and shows it nowhere", async () => {
  const cases: [token: string, env: Record<string, string>, code: number, words: RegExp][] = [
    [
      "",
      {},
      64,
      /^reason {8}Cannot read token: input token is empty\nwhat to do {4}Store the token in .* \(pull requests from forks get no secrets\)$/m,
    ],
    [
      "mog_unknownToken000000000000000000001",
      {},
      64,
      /^reason {8}Cannot .*unknown, expired or revoked .*\nwhat to do .* store it in the secret for input token$/m,
    ],
    [READ_ONLY_TOKEN, {}, 65, /^reason {8}Cannot start run/m],
    ['"quoted"', {}, 64, /in quotation marks/],
    ["", { MOGPLEX_API_KEY: TOKEN }, 0, /^verdict +\S*success /m],
  ];
  for (const [token, env, code, words] of cases) {
    const main = await step({ token }, { env });
    expect([token, main.code]).toEqual([token, code]);
    expect(main.log).toMatch(words);
    expect(main.log).not.toMatch(/^error: /m);
    expect(main.outputs.exit_code).toBe(String(code));
    if (code !== 0) expect(main.log).toMatch(new RegExp(`^::error title=[^\\n]*exit code ${code}`, "m"));
    const files = [...main.io.files.values()].join("\n");
    if (token.length > 10) {
      for (const text of [main.log, files]) expect(text).not.toContain(token.replaceAll('"', ""));
    }
    expect(main.log + files).not.toContain(TOKEN);
  }
});

test("a step names its inputs where a start lacks something", async () => {
  const cases: [inputs: Record<string, string>, words: string][] = [
    [
      { prompt: "" },
      "Cannot start run: a prompt is missing\nwhat to do    Give input prompt or prompt-file, or variable MOGPLEX_PROMPT",
    ],
    [
      { repo: "" },
      "Cannot start run: the repository is missing\nwhat to do    Give input repo or variable MOGPLEX_REPO_ID",
    ],
    [
      { "prompt-file": "task.md" },
      "Cannot choose prompt: both prompt and prompt-file (inputs, or variables",
    ],
  ];
  for (const [inputs, words] of cases) {
    const { code, log } = await step(inputs, { files: { "task.md": "Fix it" } });
    expect([code, log]).toEqual([2, expect.stringContaining(`\nreason        ${words}`)]);
    expect(log).not.toMatch(/ --[a-z]|mogplex-ci /);
  }
});

test("a step with follow: false ends once the run is started, and the run goes on", async () => {
  const at = world("stuck-streaming");
  const main = await step({ follow: "false" }, { at });
  expect(main).toMatchObject({ code: 0, outputs: { outcome: "started", exit_code: "0" } });
  const post = await postStep(main, { follow: "false", "job-status": "cancelled" }, { at });
  expect([post.code, post.log]).toEqual([0, "nothing to clean up: the run was left running\n"]);
  expect(cancels(at.requests)).toBe(0);
});

test("a step with run-id follows that run to its verdict, and starts none", async () => {
  for (const [scenario, code] of [["success", 0], ["agent-failure", 1]] as const) {
    const at = world(scenario);
    const { outputs } = await step({ follow: "false" }, { at });
    const followed = await step({ "prompt": "", "run-id": outputs.run_id ?? "" }, { at });
    expect(followed).toMatchObject({ code, outputs: { run_id: outputs.run_id, exit_code: String(code) } });
    expect(starts(at.requests)).toBe(1);
  }
});

test("a cancelled step with run-id leaves the run to the job that started it, unless the workflow wants otherwise", async () => {
  for (const [wanted, cancelled] of [["", 0], ["cancel", 1]] as const) {
    const at = world("stuck-streaming");
    const { outputs } = await step({ follow: "false" }, { at });
    const inputs = { "prompt": "", "run-id": outputs.run_id ?? "", "on-interrupt": wanted };
    const before = (io: { signal(name: "SIGINT"): void }) =>
      void at.clock.sleep(20_000).then(() => io.signal("SIGINT"));
    const main = await step(inputs, { at, before });
    expect(main.code).toBe(130);
    const post = await postStep(main, { ...inputs, "job-status": "cancelled" }, { at });
    expect([post.code, cancels(at.requests)]).toEqual([0, cancelled]);
  }
});

test("a step attaches to its run on a re-run, and says how to go on", async () => {
  const at = world("stuck-streaming");
  const first = await step({ timeout: "30" }, { at });
  expect(first.log).toMatch(/^resume +run this job again$/m);
  const again = await step({ timeout: "30" }, { at, env: { GITHUB_RUN_ATTEMPT: "2" } });
  expect(again.outputs).toMatchObject({ run_id: first.outputs.run_id, replayed: "true", exit_code: "124" });
  const other = await step({ timeout: "30", "key-scope": "job" }, { at, env: { GITHUB_RUN_ATTEMPT: "3" } });
  expect(other.outputs.replayed).toBe("false");
  expect(other.log).toMatch(/^resume +set the input run-id of the action to [0-9a-f-]{36}$/m);
});

test("a second step with another task fails, and names the input key-part, which lets it start", async () => {
  const at = world();
  await step({ prompt: "Fix it" }, { at });
  const second = await step({ prompt: "Write the changelog" }, { at });
  expect(second.code).toBe(2);
  expect(second.log).toContain(
    "; to start a second run in this job, or one run for each job of a matrix, set the input key-part",
  );
  expect((await step({ "prompt": "Write the changelog", "key-part": "b" }, { at })).code).toBe(0);
});

test("nodes of a matrix have runs of their own, and keep them on a re-run", async () => {
  const at = world("stuck-streaming");
  const node = (matrix: string, attempt = "1") =>
    step({ matrix, timeout: "20" }, { at, env: { GITHUB_RUN_ATTEMPT: attempt } }).then(({ outputs }) => outputs.run_id);
  const [one, two, none] = [await node('{"os":"a"}'), await node('{\n  "os": "b"\n}'), await node("null")];
  expect(new Set([one, two, none]).size).toBe(3);
  expect(await node('{ "os": "a" }', "2")).toBe(one as string);
  // An old runner that does not evaluate the default says nothing of a node.
  expect(await node("", "2")).toBe(none as string);
});

test("a step that gets a signal cancels its run, and its post step does not do that again", async () => {
  const at = world("stuck-streaming");
  const main = await step({}, {
    at,
    before: (io) => void at.clock.sleep(60_000).then(() => io.signal("SIGINT")),
  });
  expect(main).toMatchObject({ code: 130, outputs: { outcome: "interrupted", status: "cancelled", exit_code: "130" } });
  const post = await postStep(main, { "job-status": "cancelled" }, { at });
  expect([post.code, post.log]).toEqual([0, "nothing to clean up: the run has ended, or none was started\n"]);
  expect([starts(at.requests), cancels(at.requests)]).toEqual([1, 1]);
});

/** A step whose process was killed while it followed: its marks and files as they were then. */
async function killed(at: ReturnType<typeof world>, inputs: Record<string, string> = {}) {
  let files = new Map<string, string>();
  const main = await step({ timeout: "60", ...inputs }, {
    at,
    before: (io) => void at.clock.sleep(30_000).then(() => files = new Map(io.files)),
  });
  const { ended: _, ...state } = main.state;
  return { ...main, state, io: { ...main.io, files } };
}

/** A step whose process was killed while the answer to its start was on the way. */
async function killedAtStart(at: ReturnType<typeof world>, inputs: Record<string, string> = {}) {
  let [files, io] = [new Map<string, string>(), undefined as FakeIo | undefined];
  const main = await step({ timeout: "60", ...inputs }, {
    at,
    before: (given) => io = given,
    fetch(url, init) {
      if (init.method === "POST" && url.endsWith("/runs")) files = new Map(io?.files);
      return at.emulator.fetch(url, init);
    },
  });
  const { ended: _, ...state } = main.state;
  return { ...main, state, io: { ...main.io, files } };
}

test("the post step names the task of a step that was killed while it started, unless tasks are hidden", async () => {
  for (const [inputs, isShown] of [[{}, true], [{ "show-task": "false" }, false]] as const) {
    const at = world("stuck-streaming");
    const post = await postStep(await killedAtStart(at, inputs), { ...inputs, "job-status": "cancelled" }, { at });
    expect([post.summary.includes("cancelled the run"), post.summary.includes("Fix the flaky tests")]).toEqual([
      true,
      isShown,
    ]);
  }
});

test("the post step keeps the task in the reports of a step that could not cancel its run", async () => {
  const at = world("stuck-streaming");
  const main = await step({ timeout: "60" }, {
    at,
    before: (io) => void at.clock.sleep(30_000).then(() => io.signal("SIGINT")),
    fetch: (url, init) => url.endsWith("/cancel") ? new Response("", { status: 500 }) : at.emulator.fetch(url, init),
  });
  expect(main.code).toBe(130);
  const { ended: _, ...state } = main.state;
  const post = await postStep({ ...main, state }, { "job-status": "cancelled" }, { at });
  expect(post.summary).toContain("Fix the flaky tests");
  expect(post.log).toContain("cleaned up: ");
});

const LEFT: [status: string, log: RegExp, cancelled: number][] = [
  ["cancelled", /^cleaned up: run "[\w-]+" was cancelled \(the job was cancelled\)$/m, 1],
  // Only a kill leaves a step without an end in a job that continues.
  ["success", /^cleaned up: run "[\w-]+" was cancelled \(the job was cancelled\)$/m, 1],
  ["", /^cleaned up: /m, 1],
  ["failure", /^nothing to clean up: the job failed but was not cancelled, so its run continues$/m, 0],
];

for (const [status, log, cancelled] of LEFT) {
  test(`the post step of a killed step ${cancelled ? "cancels the run" : "leaves the run"} when the job is "${status}"`, async () => {
    const at = world("stuck-streaming");
    const main = await killed(at);
    const post = await postStep(main, { "job-status": status }, { at });
    expect(post.code).toBe(0);
    expect(post.log).toMatch(log);
    expect(cancels(at.requests)).toBe(cancelled);
    if (cancelled > 0) expect(post.summary).toContain("The job was stopped, so the post step cancelled the run\n");
    expect(Object.keys(post.state)).toEqual([]);
  });
}

test("the page that a post step writes has no command, and names the button that starts the task again, unless that finds the same run", async () => {
  const pageOf = async (inputs: Record<string, string>) => {
    const at = world("stuck-streaming");
    const post = await postStep(await killed(at, inputs), { ...inputs, "job-status": "cancelled" }, { at });
    return post.io.files.get("mogplex-ci/run.html") ?? "";
  };
  const page = await pageOf({});
  expect(page).toContain("If you still need the run, run this job again.");
  expect(page).not.toContain("mogplex-ci run ");
  expect(await pageOf({ "idempotency-key": "weekly" })).toContain("Start the run again if you still need it.");
});

test("the post step leaves the run when the workflow wants that", async () => {
  const at = world("stuck-streaming");
  const inputs = { "on-interrupt": "detach" };
  const main = await killed(at, inputs);
  const post = await postStep(main, { ...inputs, "job-status": "cancelled" }, { at });
  expect([post.code, post.log]).toEqual([0, "nothing to clean up: the run continues when its job is stopped\n"]);
});

test("the post step of a step that has left no mark starts nothing and asks nothing", async () => {
  for (const status of ["success", "failure", "cancelled"]) {
    const at = world();
    const post = await step({ "job-status": status }, { at }, "post");
    expect({ code: post.code, log: post.log, requests: at.requests }).toEqual({
      code: 0,
      log: "nothing to clean up: the step had not started\n",
      requests: [],
    });
  }
});

test("the post step fails for a token or a setting that is wrong, and for nothing else", async () => {
  const cases: [inputs: Record<string, string>, fault: string | undefined, code: number, words: RegExp][] = [
    [{ token: "" }, undefined, 64, /^error: Cannot read token/m],
    [
      { token: "mog_otherToken00000000000000000000001" },
      undefined,
      0,
      /^nothing to clean up: no run of this job was found$/m,
    ],
    [{ out: "/etc\0x" }, undefined, 0, /cleaned up/],
    [{}, "500", 0, /^error: Cannot clean up: /m],
  ];
  for (const [inputs, fault, code, words] of cases) {
    const at = world("stuck-streaming");
    const main = await killed(at);
    if (fault !== undefined) at.emulator.control("fault", { kind: fault, times: 1_000 });
    const post = await postStep(main, { ...inputs, "job-status": "cancelled" }, { at });
    expect([inputs, post.code]).toEqual([inputs, code]);
    expect(post.log).toMatch(words);
  }
});

test("a step says so when the files of the runner cannot be written, and starts nothing", async () => {
  const at = world();
  const { code, log } = await step({}, { at, readOnly: (path) => path === "/runner/state" });
  expect([code, at.requests]).toEqual([2, []]);
  expect(log).toMatch(/^error: Cannot store the state for the post step in GITHUB_STATE: EACCES/m);
  const output = await step({}, { readOnly: (path) => path === "/runner/output" });
  expect(output.code).toBe(0);
  expect(output.log).toMatch(/^error: Cannot write .*github-outputs/m);
});

test("a step on Gitea, Forgejo or without RUNNER_TEMP works as well", async () => {
  for (const name of ["GITEA_ACTIONS", "FORGEJO_ACTIONS", "RUNNER_TEMP"]) {
    const { code, state } = await step({}, { env: { [name]: name === "RUNNER_TEMP" ? "" : "true" } });
    expect([name, code, state.ended]).toEqual([name, 0, "0"]);
  }
});

test("a step with show-task: false shows the task nowhere", async () => {
  const { code, log, summary, io } = await step({ "show-task": "false" });
  const reports = [...io.files].filter(([path]) => !path.endsWith("run.json")).map(([, text]) => text);
  expect([code, summary.includes("## ✅ `acme/api` → [PR #")]).toEqual([0, true]);
  expect([log, ...reports].join("\n")).not.toContain("Fix the flaky tests");
});

test("a step adds its run to the file of input history, among its reports", async () => {
  const { io } = await step({ history: "mogplex-ci/runs.ndjson" });
  const { records } = readHistory(io.files.get("mogplex-ci/runs.ndjson") ?? "");
  expect(records).toMatchObject([{ kind: "run", repository: "acme/api", outcome: "success" }]);
});

test("a step takes the repository by its name", async () => {
  const at = world();
  const { code, summary } = await step({ repo: "acme/api" }, { at });
  expect([code, starts(at.requests), summary.includes("| Repository | `acme/api` |")]).toEqual([0, 1, true]);
});

test("a step with a result sets its outputs: the path of a copy, and the scalars that the schema names", async () => {
  const at = answers('{ json: { ok: true, version: "1.2.3", findings: ["a b"] } }');
  const inputs = { "result": ".mogplex/result-{id}.json", "schema": "schema.json" };
  const main = await step(inputs, { at, env: LOCAL, files: { "schema.json": SCHEMA } });
  expect([main.code, main.outputs]).toEqual([0, {
    ...main.outputs,
    result_path: "mogplex-ci/value.json",
    result_ok: "true",
    result_version: "1.2.3",
  }]);
  expect(JSON.parse(main.io.files.get("mogplex-ci/value.json") ?? "")).toMatchObject({ findings: ["a b"] });
  const bad = await step(inputs, { at: answers("{ text: no }"), env: LOCAL, files: { "schema.json": SCHEMA } });
  expect([bad.code, Object.keys(bad.outputs).filter((name) => /^result_(?!path)/.test(name))]).toEqual([1, []]);
  expect(bad.log).toContain("result-not-json");
});

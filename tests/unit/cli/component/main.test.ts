import { expect, test } from "bun:test";
import { parse } from "yaml";
import { main } from "../../../../lib/cli/component/main.ts";
import {
  checkInputs,
  checkPromptFile,
  DASHBOARD_PATTERNS,
  INPUT_VARIABLES,
  inputsFirst,
  limitNotice,
} from "../../../../lib/cli/component/inputs.ts";
import { JOB_PATTERNS } from "../../../../lib/cli/component/job_patterns.ts";
import { UsageError } from "../../../../lib/errors.ts";
import { readHistory } from "../../../../lib/report/history.ts";
import { textOf } from "../../architecture/imports.ts";
import { fakeIo } from "../fake_io.ts";
import { GITLAB_TOKEN, gitlabProject, PROJECT } from "../verbs/gitlab_project.ts";
import { REPO, TOKEN, type World, world } from "../world.ts";
import { answers, LOCAL, SCHEMA } from "../job/result_answers.ts";

const reader = (values: Record<string, string>) => inputsFirst((name) => values[name]);
const wait = (values: Record<string, string>) => reader(values)("MOGPLEX_TIMEOUT");

test("inputsFirst() gives an input before the variable that it stands for, and the variable when the input is empty", () => {
  const env = reader({
    MOGPLEX_INPUT_HARNESS: "codex",
    MOGPLEX_HARNESS: "claude-code",
    MOGPLEX_INPUT_MODE: "",
    MOGPLEX_MODE: "SAFE",
  });
  expect(["MOGPLEX_HARNESS", "MOGPLEX_MODE", "MOGPLEX_ROOT", "OTHER"].map(env)).toEqual([
    "codex",
    "SAFE",
    undefined,
    undefined,
  ]);
});

test("inputsFirst() hides the project's task when the component was given one in another way", () => {
  const file = reader({ MOGPLEX_INPUT_PROMPT_FILE: "task.md", MOGPLEX_PROMPT: "of the project" });
  expect([file("MOGPLEX_PROMPT"), file("MOGPLEX_PROMPT_FILE")]).toEqual([undefined, "task.md"]);
  const prompt = reader({ MOGPLEX_INPUT_PROMPT: "given", MOGPLEX_PROMPT_FILE: "task.md" });
  expect([prompt("MOGPLEX_PROMPT"), prompt("MOGPLEX_PROMPT_FILE")]).toEqual(["given", undefined]);
});

test("inputsFirst() gives the project's path where neither input nor variable names a repository, but not to respond", () => {
  const named = (values: Record<string, string>) =>
    reader({ CI_PROJECT_PATH: "acme/web", ...values })("MOGPLEX_REPO_ID");
  const both = { MOGPLEX_INPUT_REPO_ID: "acme/api", MOGPLEX_REPO_ID: "acme/docs" };
  expect([named(both), named({ ...both, MOGPLEX_INPUT_REPO_ID: "" })]).toEqual(["acme/api", "acme/docs"]);
  expect([named({}), named({ MOGPLEX_REPO_ID: " " })]).toEqual(["acme/web", "acme/web"]);
  // It asks GitLab: anyone who has the trigger token can pass variables.
  expect(named({ MOGPLEX_INPUT_RESPOND_NAME: "mogplex" })).toBeUndefined();
});

test("the component works in the repository of its project when nothing but the token is set", async () => {
  const bare = { MOGPLEX_REPO_ID: "", CI_PROJECT_PATH: "acme/api", MOGPLEX_PROMPT: "Fix it" };
  const { code, files } = await jobOf(["run"], bare, "success");
  expect([code, JSON.parse(files.get("mogplex-ci/result.json") ?? "").repository]).toEqual([0, "acme/api"]);
});

test("inputsFirst() leaves variables of others alone, whatever inputs are called", () => {
  expect(reader({ MOGPLEX_INPUT_CI_JOB_ID: "1", CI_JOB_ID: "2" })("CI_JOB_ID")).toBe("2");
});

test("inputsFirst() waits for two minutes less than the script may take, and half of a very short one", () => {
  const minutes = (text: string) => wait({ MOGPLEX_INPUT_TIMEOUT_MINUTES: text, MOGPLEX_INPUT_TIMEOUT: "0" });
  expect(["60", "10", "4", "3", "1"].map(minutes)).toEqual(["3480", "480", "120", "90", "30"]);
});

test("inputsFirst() never waits longer than GitLab's limit of the job leaves after after_script", () => {
  const limits = (job: string) => wait({ MOGPLEX_INPUT_TIMEOUT_MINUTES: "60", CI_JOB_TIMEOUT: job });
  // 70 minutes as by default; a runner with a maximum of 20; one of 2; none that is known.
  expect(["4200", "1200", "120", ""].map(limits)).toEqual(["3480", "840", "30", "3480"]);
});

test("limitNotice() warns when GitLab drops the job before timeout-minutes and the cleanup are over", () => {
  const notice = (minutes: string, job: string) =>
    limitNotice((name) => ({ MOGPLEX_INPUT_TIMEOUT_MINUTES: minutes, CI_JOB_TIMEOUT: job })[name]);
  const quiet = [["60", "4200"], ["60", "3840"], ["60", ""], ["", "1200"], ["soon", "1200"]] as const;
  expect(quiet.map(([minutes, job]) => notice(minutes, job))).toEqual(quiet.map(() => undefined));
  const advice = "Set input job-timeout to 70 minutes, or choose a runner that allows longer jobs";
  expect([notice("60", "3839"), notice("60", "1800"), notice("60", "120")]).toEqual([
    `input timeout-minutes is 60, but GitLab stops this job after 63 minutes. Cleanup and reports leave 59 min for the script. ${advice}`,
    `input timeout-minutes is 60, but GitLab stops this job after 30 minutes. Cleanup and reports leave 26 min for the script. ${advice}`,
    `input timeout-minutes is 60, but GitLab stops this job after 2 minutes. Cleanup and reports leave 1 min for the script. ${advice}`,
  ]);
});

test.each(["run", "follow", "respond-false", "cleanup", "permissions"])(
  "%s of the component warns of a job-timeout that is too short only at the start of the job",
  async (verb) => {
    const limits = { MOGPLEX_INPUT_TIMEOUT_MINUTES: "60", CI_JOB_TIMEOUT: "1800" };
    const { stdout } = await jobOf([verb], { MOGPLEX_PROMPT: "Fix it", ...limits }, "success");
    const isWarned = stdout.startsWith(
      "note: input timeout-minutes is 60, but GitLab stops this job after 30 minutes.",
    );
    expect([verb, isWarned]).toEqual([verb, !["cleanup", "permissions"].includes(verb)]);
  },
);

test("inputsFirst() takes the wait that fits, and refuses one that does not, with the limit in the message", () => {
  const values = { MOGPLEX_INPUT_TIMEOUT_MINUTES: "10", MOGPLEX_INPUT_TIMEOUT: "480" };
  expect(wait(values)).toBe("480");
  expect(() => wait({ ...values, MOGPLEX_INPUT_TIMEOUT: "481" })).toThrow(
    /^Cannot wait 481 seconds .* wait at most 480 seconds, or allow more time/,
  );
  expect(() => wait({ ...values, MOGPLEX_INPUT_TIMEOUT_MINUTES: "soon" })).toThrow(UsageError);
});

test.each(["run", "follow", "respond", "dashboard"])(
  "checkInputs() has the patterns of the template of %s",
  (component) => {
    const [header] = textOf(`components/${component}/template.yml`).split("\n---\n");
    const shared = header?.includes("# include inputs") ? parse(textOf("components/shared/inputs.yml")) : {};
    const inputs: Record<string, { regex?: string }> = { ...shared, ...parse(header ?? "").spec.inputs };
    const patterns = component === "dashboard" ? DASHBOARD_PATTERNS : JOB_PATTERNS;
    const refusals = Object.keys(inputs).flatMap((name) => {
      const variable = `MOGPLEX_INPUT_${name.toUpperCase().replaceAll("-", "_")}`;
      try {
        checkInputs((read) => read === variable ? "../*.a\n../b" : undefined, patterns);
        return [];
      } catch (error) {
        return [`${name}: ${/must match (.*); unset/.exec(String(error))?.[1]?.replaceAll("\\/", "/")}`];
      }
    });
    const checked = ["out", "token-variable", "note-token-variable", "history"];
    const expected = checked.flatMap((name) =>
      inputs[name]?.regex === undefined ? [] : `${name}: ${inputs[name].regex}`
    );
    expect(refusals.sort()).toEqual(expected.sort());
  },
);

test("checkInputs() refuses what no template could have passed on, and does not show it", () => {
  const check = (values: Record<string, string>) => () => checkInputs((name) => values[name], JOB_PATTERNS);
  expect(check({ MOGPLEX_INPUT_OUT: "mogplex-ci", MOGPLEX_INPUT_TOKEN_VARIABLE: "MY_TOKEN" })).not.toThrow();
  expect(check({ MOGPLEX_INPUT_OUT: "" })).not.toThrow();
  for (const out of ["..", "a/b", "/tmp", "a b", "-rf", "a\n", "$HOME", "a".repeat(65)]) {
    expect(check({ MOGPLEX_INPUT_OUT: out })).toThrow(UsageError);
  }
  for (const name of ["MOGPLEX_INPUT_TOKEN_VARIABLE", "MOGPLEX_INPUT_NOTE_TOKEN_VARIABLE"]) {
    expect(check({ [name]: TOKEN })).toThrow(new RegExp(`must match .* unset ${name}`));
    expect(check({ [name]: TOKEN })).not.toThrow(TOKEN);
  }
  for (const path of ["mogplex-ci/runs.ndjson", "runs.ndjson", "a/b_c/D-1.ndjson"]) {
    expect(check({ MOGPLEX_INPUT_HISTORY: path })).not.toThrow();
  }
  for (const path of ["../a", "/tmp/a", "a/../b", ".git/config", "a//b", "a b", "$HOME/a", "a/"]) {
    expect(check({ MOGPLEX_INPUT_HISTORY: path })).toThrow(/must match .* unset MOGPLEX_INPUT_HISTORY /);
  }
  // An empty input makes room for the variable that it stands for.
  expect(check({ MOGPLEX_INPUT_OUT: "", MOGPLEX_OUT: "../elsewhere" })).toThrow(/must match .* unset MOGPLEX_OUT /);
  expect(check({ MOGPLEX_INPUT_OUT: "reports", MOGPLEX_OUT: "../elsewhere" })).not.toThrow();
});

test("the component reads, writes and sends nothing when a variable from outside takes the place of an input", async () => {
  const io = fakeIo({ env: { MOGPLEX_API_KEY: TOKEN, MOGPLEX_INPUT_OUT: "../elsewhere" } });
  const sent: string[] = [];
  const fetch = (url: string) => Promise.reject(sent.push(url));
  for (const verb of ["permissions", "run", "follow", "cleanup"]) expect(await main([verb], io, { fetch })).toBe(2);
  expect([sent, [...io.files.keys()]]).toEqual([[], []]);
});

test("checkPromptFile() takes paths of the project only", () => {
  const check = (path: string) => () =>
    checkPromptFile((name) => ({ MOGPLEX_PROMPT_FILE: path, CI_PROJECT_DIR: "/builds/a" })[name]);
  for (const path of ["", "task.md", "a/b.md", "/builds/a/task.md"]) expect(check(path)).not.toThrow();
  for (const path of ["../task.md", "a/../../b", "/etc/passwd", "/builds/ab/task.md"]) {
    expect(check(path)).toThrow(UsageError);
  }
});

test("main() of the component names its verbs when it is given another", async () => {
  for (const args of [[], ["runs", "get"], ["toString"], ["run", "--follow"]]) {
    const io = fakeIo({ env: {} });
    expect(await main(args, io)).toBe(2);
    expect(io.text.stdout).toContain("give one of run, follow, respond-false, respond-true, cleanup, permissions");
  }
});

test("permissions of the component lists every variable that carries an input, and no more of the network than the service", async () => {
  const io = fakeIo({ env: { GITLAB_CI: "true", MOGPLEX_INPUT_OUT: "reports" } });
  expect(await main(["permissions"], io)).toBe(0);
  const lists = Object.fromEntries(
    io.text.stdout.trim().split(" ").map((flag) => flag.replace("--allow-", "").split("=")) as [string, string][],
  );
  expect(lists.net).toBe("mogplex.com");
  expect(lists.write?.split(",").sort()).toEqual([".mogplex-ci", "reports"]);
  const variables = lists.env?.split(",") ?? [];
  for (const name of [...INPUT_VARIABLES, "CI_JOB_TIMEOUT", "CI_PROJECT_DIR", "CI_PROJECT_PATH", "CI_JOB_STATUS"]) {
    expect(variables).toContain(name);
  }
});

test("inputsFirst() leaves nothing to the scope, which has a default, when a key is given", () => {
  const scope = { MOGPLEX_INPUT_KEY_SCOPE: "pipeline", MOGPLEX_INPUT_KEY_PART: "x" };
  const names = ["MOGPLEX_KEY_SCOPE", "MOGPLEX_KEY_PART"];
  expect(names.map(reader(scope))).toEqual(["pipeline", "x"]);
  expect(names.map(reader({ ...scope, MOGPLEX_INPUT_IDEMPOTENCY_KEY: "mine" }))).toEqual([undefined, undefined]);
});

const IN_JOB = { GITLAB_CI: "true", MOGPLEX_API_KEY: TOKEN, MOGPLEX_REPO_ID: REPO };

/** What a job of the component prints when it is started in the world of the tests. */
async function jobOf(
  args: string[],
  env: Record<string, string>,
  scenario: string | World = "stuck-streaming",
  given: Record<string, string> = {},
) {
  const { emulator, clock, start } = typeof scenario === "string" ? world(scenario) : scenario;
  const io = fakeIo({ env: { ...IN_JOB, ...env }, files: given });
  const code = await main(args, io, { clock, fetch: emulator.fetch });
  return { code, stdout: io.text.stdout, stderr: io.text.stderr, files: io.files, emulator, start };
}

test("the component's first errors name its inputs, and no flag or command that it does not have", async () => {
  const prompt = { MOGPLEX_PROMPT: "Fix it" };
  const cases: [args: string[], env: Record<string, string>, message: string][] = [
    [
      ["run"],
      {},
      "Cannot start run: a prompt is missing\nwhat to do    Give input prompt or prompt-file, or variable MOGPLEX_PROMPT",
    ],
    [
      ["run"],
      { ...prompt, MOGPLEX_REPO_ID: "" },
      "Cannot start run: the repository is missing\nwhat to do    Give input repo-id or variable",
    ],
    [
      ["run"],
      { ...prompt, MOGPLEX_PROMPT_FILE: "a.md" },
      "Cannot choose prompt: both prompt and prompt-file",
    ],
    [
      ["run"],
      { ...prompt, MOGPLEX_REPO_ID: "00000000-0000-4000-8000-000000000000" },
      "Cannot start run: the token cannot access",
    ],
    [["run"], { ...prompt, MOGPLEX_REPO_ID: "web" }, "Cannot use repository because it must be owner/name or an id"],
    [
      ["follow"],
      {},
      "Cannot follow: the run id is missing\nwhat to do    Give input run-id, or variable MOGPLEX_RUN_ID",
    ],
  ];
  for (const [args, env, message] of cases) {
    const { code, stdout } = await jobOf(args, env);
    expect({ code, stdout }).toMatchObject({ code: 2, stdout: expect.stringContaining(`\nreason        ${message}`) });
    expect(stdout).not.toMatch(/ --[a-z]|mogplex-ci |<run-id>/);
  }
});

test("the component names a command that its users have when the token cannot access the repository", async () => {
  const { code, stdout } = await jobOf(["run"], { MOGPLEX_PROMPT: "Fix it", MOGPLEX_REPO_ID: "nobody/nothing" });
  expect(code).toBe(2);
  expect(stdout).toContain(
    "`node ../mogplex-ci/dist/mogplex.mjs repos list`, with a built clone of this project, shows the names that the token can access",
  );
  const setting =
    "et the variable MOGPLEX_REPO_ID or the input repo-id, such as acme-gh/$CI_PROJECT_NAME (default: the path of the project)";
  expect(stdout).toContain(`what to do    S${setting}; `);
  const near = await jobOf(["run"], {
    MOGPLEX_PROMPT: "Fix it",
    MOGPLEX_REPO_ID: "",
    CI_PROJECT_PATH: "group/sub/api",
  });
  expect(near.stdout).toContain(`what to do    Did you mean "acme/api"? If so, s${setting}`);
});

test("a second task in a job of the component fails, and the error names its input, not the flag", async () => {
  const { emulator, clock } = world("success");
  for (const prompt of ["one", "another"]) {
    const job = { CI_SERVER_URL: "https://gitlab.example", CI_PROJECT_ID: "1", CI_PIPELINE_ID: "3", CI_JOB_NAME: "a" };
    const io = fakeIo({ env: { ...IN_JOB, ...job, CI_JOB_ID: "5", MOGPLEX_PROMPT: prompt } });
    const code = await main(["run"], io, { clock, fetch: emulator.fetch });
    expect([prompt, code]).toEqual([prompt, prompt === "one" ? 0 : 2]);
    if (code === 2) {
      expect(io.text.stdout).toMatch(
        /^what to do {4}To start a second run in this job, or one run for each job of a matrix, set the input key-part$/m,
      );
    }
    expect(io.text.stdout + io.text.stderr).not.toMatch(/--idempotency-key|--key-part/);
  }
});

test("the component prints its error once, in the verdict, in one stream", async () => {
  const { code, stdout, stderr } = await jobOf(["run"], { MOGPLEX_PROMPT: "Fix it", MOGPLEX_TIMEOUT: "5" });
  expect({ code, stderr }).toEqual({ code: 124, stderr: "" });
  expect(stdout).toMatch(
    /^note: [^]*^verdict +\S*did not finish in time[^]*^reason {8}Run [^\n]* was still pending [^\n]*\n/m,
  );
});

test("permissions of the component keeps stdout for Deno's flags, and its errors on stderr", async () => {
  const io = fakeIo({ env: { GITLAB_CI: "true", MOGPLEX_URL: "ftp://x" } });
  expect(await main(["permissions"], io)).toBe(2);
  expect([io.text.stdout, io.text.stderr]).toEqual(["", expect.stringMatching(/^error: Cannot use MOGPLEX_URL/)]);
});

test("the component's verdict says how its job goes on: retried, by the component follow, in the app", async () => {
  const started = { MOGPLEX_PROMPT: "Fix it", MOGPLEX_TIMEOUT: "5" };
  const cases: [args: string[], env: Record<string, string>, resume: RegExp][] = [
    [["run"], {}, /^resume {8}retry this job$/m],
    [
      ["run"],
      { MOGPLEX_INPUT_KEY_SCOPE: "job" },
      /^resume {8}set the input run-id of the component follow to [0-9a-f-]{36}$/m,
    ],
    [
      ["run"],
      { MOGPLEX_INPUT_FOLLOW: "false" },
      /^resume {8}set the input run-id of the component follow to [0-9a-f-]{36}$/m,
    ],
  ];
  for (const [args, env, resume] of cases) {
    const { stdout, files } = await jobOf(args, { ...started, ...env });
    expect(stdout).toMatch(resume);
    expect(stdout).toMatch(/^cancel {8}in the app$/m);
    expect(stdout).not.toMatch(/--[a-z]/);
    for (const text of [stdout, ...files.values()]) expect(text).not.toMatch(/mogplex-ci (?:follow|runs)/);
  }
});

const AT_GITLAB = {
  ...{ CI_SERVER_URL: "https://gitlab.example", CI_API_V4_URL: "https://gitlab.example/api/v4" },
  ...{ CI_PROJECT_ID: String(PROJECT), CI_PIPELINE_ID: "3", CI_JOB_NAME: "agent", CI_JOB_ID: "5" },
};

test("the component works on the branch of a merge request that input after names, with a task or with input fix", async () => {
  const cases = [
    [{ MOGPLEX_INPUT_PROMPT: "also the docs" }, "also the docs"],
    [{ MOGPLEX_INPUT_FIX: "conflict" }, "This branch's merge request conflicts with its base branch main."],
  ] as const;
  for (const [inputs, prompt] of cases) {
    const { emulator, clock } = world();
    const gitlab = gitlabProject(() => new Date(clock.wallTime()).toISOString());
    gitlab.threads.set("merge_requests/7", { ...gitlab.threads.get("merge_requests/7"), has_conflicts: true });
    const io = fakeIo({ env: { ...IN_JOB, ...AT_GITLAB, GITLAB_TOKEN, MOGPLEX_INPUT_AFTER: "7", ...inputs } });
    const fetch = (url: string, init: RequestInit) =>
      url.startsWith(gitlab.api) ? gitlab.fetch(url, init) : emulator.fetch(url, init);
    expect([await main(["run"], io, { clock, fetch }), io.text.stderr]).toEqual([0, ""]);
    expect([...emulator.world.store.runs.values()]).toMatchObject([
      { prompt: expect.stringContaining(prompt), working_branch: "feature", create_branch: false },
    ]);
  }
});

test("permissions of the component opens GitLab for input after, also where there is no note", async () => {
  const io = fakeIo({ env: { ...IN_JOB, ...AT_GITLAB, MOGPLEX_INPUT_NOTE: "off", MOGPLEX_INPUT_AFTER: "7" } });
  expect(await main(["permissions"], io)).toBe(0);
  expect(io.text.stdout).toContain("--allow-net=mogplex.com,gitlab.example ");
});

const WITH_RESULT = {
  ...LOCAL,
  MOGPLEX_INPUT_PROMPT: "Review it",
  MOGPLEX_INPUT_RESULT: ".mogplex/result-{id}.json",
  MOGPLEX_INPUT_SCHEMA: "schema.json",
  MOGPLEX_INPUT_RESULT_RETRIES: "",
};

test("the run component passes the checked result on: a copy as an artifact, and variables for later jobs", async () => {
  const at = answers('{ json: { ok: true, version: "1.2.3" } }');
  const { code, files, stderr } = await jobOf(["run"], WITH_RESULT, at, { "schema.json": SCHEMA });
  expect([code, stderr]).toEqual([0, ""]);
  expect(JSON.parse(files.get("mogplex-ci/value.json") ?? "")).toEqual({ ok: true, version: "1.2.3" });
  expect((files.get("mogplex-ci/outputs.env") ?? "").split("\n").filter((line) => line.includes("RESULT"))).toEqual([
    "MOGPLEX_RESULT_PATH=mogplex-ci/value.json",
    "MOGPLEX_RESULT_OK=true",
    "MOGPLEX_RESULT_VERSION=1.2.3",
  ]);
});

test("the run component ends with 1 when the result is bad, and passes no value on", async () => {
  const at = answers('{ json: { ok: "yes" } }');
  const { code, files } = await jobOf(["run"], WITH_RESULT, at, { "schema.json": SCHEMA });
  expect([code, files.get("mogplex-ci/value.json")]).toEqual([1, undefined]);
  expect(files.get("mogplex-ci/outputs.env")).not.toContain("MOGPLEX_RESULT_OK");
});

test("the follow component checks the result of a run that another job has started", async () => {
  const at = answers("{ path: answer.json, json: { ok: true } }");
  const runId = await at.start();
  const env = { ...WITH_RESULT, MOGPLEX_INPUT_RUN_ID: runId, MOGPLEX_INPUT_RESULT: "answer.json" };
  const { code, files } = await jobOf(["follow"], env, at, { "schema.json": SCHEMA });
  expect([code, JSON.parse(files.get("mogplex-ci/value.json") ?? "null")]).toEqual([0, { ok: true }]);
});

test("the run component adds its run to the file of input history, among its reports, and needs permission for that file", async () => {
  const env = { ...LOCAL, MOGPLEX_INPUT_PROMPT: "Fix it", MOGPLEX_INPUT_HISTORY: "mogplex-ci/runs.ndjson" };
  const { code, files } = await jobOf(
    ["run"],
    { ...env, CI_JOB_NAME: "mogplex-run", CI_PIPELINE_ID: "3" },
    "agent-failure",
  );
  const { records, skipped } = readHistory(files.get("mogplex-ci/runs.ndjson") ?? "");
  expect([code, skipped, records]).toMatchObject([1, [], [{ kind: "run", repoId: REPO, outcome: "failed" }]]);
  const without = await jobOf(["run"], { ...env, MOGPLEX_INPUT_HISTORY: "" }, "success");
  expect([...without.files.keys()].filter((path) => path.endsWith(".ndjson"))).toEqual(["mogplex-ci/events.ndjson"]);
  const elsewhere = await jobOf(["permissions"], { ...env, MOGPLEX_INPUT_HISTORY: "history/runs.ndjson" }, "success");
  expect(elsewhere.stdout).toMatch(/--allow-write=\S*\bhistory\/runs\.ndjson\b/);
});

test("the component may run Git, and reach the forges, when it wants a result", async () => {
  const flags = async (env: Record<string, string>) => {
    const { stdout } = await jobOf(["permissions"], env, "success");
    const lists = [...stdout.matchAll(/--allow-(\w+)=(\S+)/g)].map((
      [, name = "", list = ""],
    ) => [name, list.split(",")]);
    return Object.fromEntries(lists) as Record<string, string[]>;
  };
  const gitlab = {
    CI_SERVER_URL: "https://gitlab.example.com",
    CI_API_V4_URL: "https://gitlab.example.com/api/v4",
    CI_PROJECT_URL: "https://gitlab.example.com/acme/tools",
  };
  const [without, wants] = [await flags({}), await flags({ ...WITH_RESULT, ...gitlab })];
  expect([without.run, wants.run]).toEqual([undefined, ["git"]]);
  expect(wants.net).toEqual(["127.0.0.1:8787", "gitlab.example.com", "api.github.com"]);
  expect(wants.write).toContain("/tmp");
  expect(["CI_JOB_TOKEN", "PATH", "GITHUB_TOKEN", "NODE_V8_COVERAGE"].filter((name) => !wants.env?.includes(name)))
    .toEqual([]);
});

test("the component respond checks token and forge in a pipeline started by hand, and names what is missing", async () => {
  const job = async (arrange: (gitlab: ReturnType<typeof gitlabProject>) => void, env: Record<string, string> = {}) => {
    const { emulator, clock } = world();
    const gitlab = gitlabProject(() => new Date(clock.wallTime()).toISOString());
    arrange(gitlab);
    const io = fakeIo({
      env: {
        ...{ MOGPLEX_API_KEY: TOKEN, GITLAB_TOKEN, GITLAB_CI: "true", CI_PIPELINE_SOURCE: "web" },
        ...{ CI_SERVER_URL: "https://gitlab.example", CI_API_V4_URL: gitlab.api, CI_PROJECT_ID: String(PROJECT) },
        ...env,
      },
    });
    const fetch = (url: string, init: RequestInit) =>
      url.startsWith("https://gitlab.example/") ? gitlab.fetch(url, init) : emulator.fetch(url, init);
    const code = await main(["respond-true"], io, { clock, fetch });
    const writes = gitlab.requests.filter((each) => !each.startsWith("GET "));
    return { code, writes, lines: io.text.stdout.trimEnd().split("\n") };
  };
  const good = await job(() => {});
  expect([good.code, good.writes]).toEqual([0, []]);
  expect(good.lines.slice(0, 4)).toEqual([
    "ok       token      it can start runs",
    "ok       forge      GitLab, acme/api, as project_42_bot_a1",
    "ok       rights     the token can see who can push",
    "ok       notes      the token can write notes",
  ]);
  expect(good.lines.at(-1)).toMatch(/^looked for mentions since /);
  const cases: readonly (readonly [Parameters<typeof job>[0], Record<string, string>, number, string])[] = [
    [() => {}, { MOGPLEX_API_KEY: "" }, 64, "MOGPLEX_API_KEY is empty"],
    [() => {}, { MOGPLEX_API_KEY: "mog_revoked0000000000000000" }, 64, "failed   token"],
    [() => {}, { GITLAB_TOKEN: "" }, 64, "failed   forge      Cannot access the forge: variable GITLAB_TOKEN is empty"],
    [(gitlab) => gitlab.scopes = ["read_api"], {}, 69, "failed   notes      the token lacks a permission"],
  ];
  for (const [arrange, env, expected, words] of cases) {
    const { code, writes, lines } = await job(arrange, env);
    const line = lines.find((each) => each.includes(words));
    expect([words, code, writes, line === undefined ? lines : "found"]).toEqual([words, expected, [], "found"]);
    expect(lines.join("\n")).not.toContain("looked for mentions");
  }
  // Any other pipeline answers its event, without a check.
  expect((await job(() => {}, { CI_PIPELINE_SOURCE: "schedule" })).lines).toHaveLength(1);
});

test("the component respond takes the stricter of an input and its variable for the limit and for the users", async () => {
  const cases: readonly (readonly [env: Record<string, string>, code: number, runs: number])[] = [
    [{ MOGPLEX_RESPOND_LIMIT: "0/day" }, 0, 0],
    [{ MOGPLEX_INPUT_RESPOND_LIMIT: "20/day", MOGPLEX_RESPOND_LIMIT: "0/day" }, 0, 0],
    [{ MOGPLEX_INPUT_RESPOND_LIMIT: "20/day" }, 0, 1],
    [{ MOGPLEX_INPUT_RESPOND_LIMIT: "20/day", MOGPLEX_RESPOND_LIMIT: "off" }, 2, 0],
    [{ MOGPLEX_INPUT_RESPOND_ALLOW_USERS: "kim,lee", MOGPLEX_RESPOND_ALLOW_USERS: "lee" }, 0, 0],
    [{ MOGPLEX_INPUT_RESPOND_ALLOW_USERS: "kim,lee", MOGPLEX_RESPOND_ALLOW_USERS: "" }, 2, 0],
    [{ MOGPLEX_INPUT_RESPOND_ALLOW_USERS: "kim,lee", MOGPLEX_RESPOND_ALLOW_USERS: "kim" }, 0, 1],
  ];
  for (const [inputs, code, runs] of cases) {
    const { emulator, clock } = world();
    const gitlab = gitlabProject(() => new Date(clock.wallTime()).toISOString());
    const { id } = gitlab.say("merge_requests/7", "kim", "@mogplex go");
    const payload = {
      object_kind: "note",
      project: { id: PROJECT },
      object_attributes: { id },
      merge_request: { iid: 7 },
    };
    const io = fakeIo({
      files: { "/builds/payload": JSON.stringify(payload) },
      env: {
        ...{ MOGPLEX_API_KEY: TOKEN, MOGPLEX_REPO_ID: REPO, GITLAB_TOKEN, GITLAB_CI: "true" },
        ...{ CI_PIPELINE_SOURCE: "trigger", CI_SERVER_URL: "https://gitlab.example", CI_API_V4_URL: gitlab.api },
        ...{ CI_PROJECT_ID: String(PROJECT), CI_PIPELINE_ID: "3", CI_JOB_NAME: "mogplex-respond", CI_JOB_ID: "5" },
        ...{ TRIGGER_PAYLOAD: "/builds/payload", MOGPLEX_INPUT_RESPOND_NAME: "mogplex", ...inputs },
      },
    });
    const fetch = (url: string, init: RequestInit) =>
      url.startsWith("https://gitlab.example/") ? gitlab.fetch(url, init) : emulator.fetch(url, init);
    const ended = await main(["respond-false"], io, { clock, fetch });
    expect([inputs, ended, emulator.world.store.runs.size]).toEqual([inputs, code, runs]);
  }
});

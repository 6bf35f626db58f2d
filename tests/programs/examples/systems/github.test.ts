import { beforeAll, expect, test } from "bun:test";
import { REPO, type Service, sharedService } from "../../processes/world/service.ts";
import { CANCEL, START } from "../../processes/world/recorder.ts";
import { codesOf, newRun, optionsOf, RECIPES, workflowRun } from "./github_recipes.ts";
import { readMatrix, runGithubJob, runGithubWorkflow } from "./models/github_steps.ts";
import { parse } from "yaml";
import { WORKFLOW } from "../../shell/documented.ts";
import { MISSING } from "../../shell/shell.ts";
import { type Machine, onMachine, readExample, signalled, signalledAll } from "./machine.ts";

let service: Service;

beforeAll(async () => {
  service = await sharedService();
});

/** A concurrent test with its own machine. */
function together(what: string, body: (machine: Machine) => Promise<void>): void {
  test.concurrent(what, () => onMachine(service, body));
}

/** The same with the programs that the documented steps use. */
const documented: typeof together = MISSING.length === 0 ? together : (what) => test.skip(what, () => {});

/** Requests about a run; a name of a repository is looked up before. */
const FOLLOWED = /^GET .*\/runs\//;

const sent = ({ recorder }: Machine, pattern: RegExp) => recorder.of(pattern).length;
/** Statuses of the answers to requests, undefined for a lost one. */
const statuses = ({ recorder }: Machine, pattern: RegExp) => recorder.of(pattern).map(({ status }) => status);
const runIdOf = (stdout = "") => /run (\S+) \(/.exec(stdout)?.[1] ?? "";

/** Recipes whose steps are those of `weekly-cleanup.yml`, so that what holds for a stopped or repeated job of that recipe holds for theirs. */
const WITH_THE_SAME_STEPS = ["task-with-comment", "fix-failing-ci", "codemod-matrix"].map((name) =>
  `github-actions/${name}.yml`
);

/** Steps before the agent. */
const BEFORE = ["Check out", "Check the program"];

test("recipes that differ in their task have the same steps", () => {
  const stepsOf = (file: string) => {
    // Their limit, what they ask for and the name of the artifact are their own.
    const text = readExample(file).replace(/--timeout \d+/, "--timeout 1800").replace(
      /name: mogplex-ci-.*/,
      "name: reports",
    );
    const { steps } = Object.values<{ steps: { env?: Record<string, string> }[] }>(parse(text).jobs)[0] ??
      { steps: [] };
    return steps.map(({ env, ...step }) => {
      const variables = Object.entries(env ?? {}).filter(([name]) => /API_KEY$|JOB_STATUS$/.test(name));
      return { ...step, env: Object.fromEntries(variables) };
    });
  };
  const expected = stepsOf("github-actions/weekly-cleanup.yml");
  expect(expected).toHaveLength(5);
  for (const file of WITH_THE_SAME_STEPS) expect([file, stepsOf(file)]).toEqual([file, expected]);
});

for (const file of Object.keys(RECIPES)) {
  together(`${file} is green, with outputs and a summary, when the run succeeds`, async (machine) => {
    // Nothing is set but the secret: the repository is that of the job.
    const given = { ...optionsOf(file, "success"), vars: { MOGPLEX_REPO_ID: "" } };
    const end = await runGithubJob(machine.recipe(file, "success"), machine, given);
    expect(end.status).toBe("success");
    expect(machine.recorder.of(START).map(({ body }) => JSON.parse(body).repoId)).toEqual([REPO]);
    expect(end.ran.slice(0, 4)).toEqual([...BEFORE, "Run the agent", expect.any(String)]);
    expect(end.summary).toContain("success");
    expect(codesOf(machine)).toEqual([0, 0, 0]);
    expect(machine.done.at(-1)?.stdout).toContain("nothing to clean up");
    expect([sent(machine, START), sent(machine, CANCEL)]).toEqual([1, 0]);
  });

  together(`${file} is red when the run fails`, async (machine) => {
    const end = await runGithubJob(machine.recipe(file, "agent-failure"), machine, optionsOf(file, "agent-failure"));
    expect(end.status).toBe("failure");
    expect(codesOf(machine)).toEqual([0, 1, 0]);
    expect(end.summary).toContain("Agent run exited with code 1");
    expect(sent(machine, CANCEL)).toBe(0);
  });

  together(`${file} runs nothing when the program is not the one of its checksum`, async (machine) => {
    machine.checksum = "f".repeat(64);
    const end = await runGithubJob(machine.recipe(file, "success"), machine, optionsOf(file, "success"));
    expect([end.status, end.ran.slice(0, 3)]).toEqual(["failure", [...BEFORE, expect.any(String)]]);
    expect(machine.done.map(({ stdout }) => stdout)).toEqual([
      "mogplex.mjs: FAILED\n" +
      "ci/mogplex.mjs has changed; see git log ci, or replace it with npm --prefix ../mogplex-ci run init -- --update --force\n",
      "mogplex.mjs: FAILED\n",
    ]);
    expect(machine.recorder.requests).toEqual([]);
  });

  if (WITH_THE_SAME_STEPS.includes(file)) continue;

  for (const [how, stop] of [["asked to stop", signalled("SIGINT")], ["killed", signalledAll("SIGKILL")]] as const) {
    together(`${file} cancels the run once when the job is cancelled and its step is ${how}`, async (machine) => {
      machine.stop = stop;
      const given = optionsOf(file, "stuck-streaming");
      const end = await runGithubJob(machine.recipe(file, "stuck-streaming"), machine, given);
      expect(end.status).toBe("cancelled");
      expect(end.ran.slice(0, 4)).toEqual([...BEFORE, "Run the agent", expect.any(String)]);
      expect(statuses(machine, CANCEL)).toEqual([200]);
      expect(await service.status(runIdOf(machine.done.at(-2)?.stdout))).toBe("cancelled");
      expect(machine.done.at(-1)?.code).toBe(0);
    });
  }

  together(`${file} attaches to its run when it is run again after its machine was lost`, async (machine) => {
    const given = optionsOf(file, "stuck-streaming");
    const recipe = machine.recipe(file, "stuck-streaming");
    machine.stop = signalledAll("SIGKILL");
    // If the machine dies, the last step does not run.
    await runGithubJob(recipe.replace(/mogplex\.mjs cleanup( "\$@")?\n/, "mogplex.mjs --version\n"), machine, given);
    machine.stop = signalled("SIGINT");
    await runGithubJob(recipe, machine, { ...given, attempt: 2 });
    const [first, second] = machine.done.filter(({ name }) => name === "Run the agent");
    expect(second?.stdout).toContain(`attached to run ${runIdOf(first?.stdout)} (streaming)`);
    expect(statuses(machine, CANCEL)).toEqual([200]);
  });

  together(`${file} goes green when it is run again after a failure that has passed`, async (machine) => {
    const given = optionsOf(file, "stuck-pending");
    const recipe = machine.recipe(file, "stuck-pending");
    const ended = async (attempt: number, status: string) => {
      const job = runGithubJob(recipe, machine, { ...given, attempt });
      await machine.recorder.arrived(FOLLOWED, attempt === 1 ? 1 : machine.recorder.of(FOLLOWED).length + 1);
      const { runId } = JSON.parse(machine.recorder.of(START).at(-1)?.answer ?? "").data;
      await service.control("setRun", { runId, run: { status } });
      return (await job).status;
    };
    expect(await ended(1, "failed")).toBe("failure");
    expect(await ended(2, "success")).toBe("success");
    const keys = machine.recorder.of(START).map(({ key }) => key);
    expect(new Set(keys).size).toBe(2);
  });
}

for (const file of [...Object.keys(RECIPES), "github-actions/dispatch-automation.yml"]) {
  // An instance of Forgejo may not reach actions from github.com.
  if (file.startsWith("forgejo/")) continue;
  together(`${file} uploads the reports as an artifact, without the state of the job`, async (machine) => {
    const given = { ...optionsOf(file, "agent-failure"), vars: { MOGPLEX_AUTOMATION_ID: "not-an-id" } };
    const { artifacts } = await runGithubJob(machine.recipe(file, "agent-failure"), machine, given);
    const [[name, files] = ["", []]] = Object.entries(artifacts);
    expect(name).toBe(file.includes("matrix") ? "mogplex-ci-api-1" : "mogplex-ci-1");
    expect(files).toContain("mogplex-ci/summary.md");
    expect(files).not.toContain("mogplex-ci/run.json");
  });
}

together("task-with-comment.yml comments on the pull request in a job that has no Mogplex token", async (machine) => {
  const file = "github-actions/task-with-comment.yml";
  const ends = await runGithubWorkflow(machine.recipe(file, "success"), machine, optionsOf(file, "success"));
  expect(Object.entries(ends).map(([name, { status }]) => [name, status])).toEqual([
    ["agent", "success"],
    ["comment", "success"],
  ]);
  expect(machine.calls().at(-1)).toMatch(
    /^gh pr comment \S+\/acme\/web\/pull\/\d+ --body The agent ended with success, see https:\/\/\S+\/runs\/\d+$/,
  );
});

together("task-with-comment.yml comments on nothing when the run fails", async (machine) => {
  const file = "github-actions/task-with-comment.yml";
  const given = optionsOf(file, "agent-failure");
  const ends = await runGithubWorkflow(machine.recipe(file, "agent-failure"), machine, given);
  expect([ends.agent?.status, ends.comment?.status]).toEqual(["failure", "skipped"]);
  expect(machine.calls().filter((call) => call.startsWith("gh "))).toEqual([]);
});

together("weekly-cleanup.yml tells later jobs the outcome and the pull request", async (machine) => {
  const file = "github-actions/weekly-cleanup.yml";
  const { outputs } = await runGithubJob(machine.recipe(file, "success"), machine, optionsOf(file, "success"));
  expect(outputs).toEqual({
    outcome: "success",
    pull_request_url: expect.stringMatching(/\/acme\/web\/pull\/\d+$/),
  });
});

together("fix-failing-ci.yml works on the branch that failed, whatever its name", async (machine) => {
  const file = "github-actions/fix-failing-ci.yml";
  const fails = (fields: object) => ({ ...newRun(), event: { workflow_run: { ...workflowRun, ...fields } } });
  await runGithubJob(machine.recipe(file, "success"), machine, fails({}));
  const { baseBranch, prompt } = JSON.parse(machine.recorder.of(START)[0]?.body ?? "");
  expect({ baseBranch, prompt }).toEqual({
    baseBranch: "feature/login",
    prompt: expect.stringContaining("runs/7 failed"),
  });
  const hostile = "x$(touch pwned)`touch pwned`;touch${IFS}pwned";
  const end = await runGithubJob(machine.recipe(file, "success"), machine, fails({ head_branch: hostile }));
  expect(end.status).toBe("failure");
  expect(machine.done.at(-2)).toMatchObject({ code: 2, stderr: expect.stringContaining("branch") });
  expect(sent(machine, START)).toBe(1);
});

together("fix-failing-ci.yml is skipped for green runs, forks and branches of agents", async (machine) => {
  const file = "github-actions/fix-failing-ci.yml";
  const others = [
    { conclusion: "success" },
    { head_repository: { full_name: "stranger/web" } },
    { head_branch: "mogplex/external/70a41ec8-9562673e" },
  ];
  for (const other of others) {
    const event = { workflow_run: { ...workflowRun, ...other } };
    const end = await runGithubJob(machine.recipe(file, "success"), machine, { runId: "1", event });
    expect(end).toMatchObject({ status: "skipped", ran: [] });
  }
});

together("codemod-matrix.yml starts a run for every node, also where nodes share a repository", async (machine) => {
  const file = "github-actions/codemod-matrix.yml";
  // Edited as its head says: the service of these tests has one repository.
  expect(readExample(file)).toMatch(/^# Edit: the repositories of the matrix\./m);
  const recipe = machine.recipe(file, "success").replace(/path: acme\/\w+/g, "path: acme/web");
  const { nodes, maxParallel } = readMatrix(recipe);
  // Source: contract 2.2: three sandboxes of a user at the same time, ten starts a minute.
  expect({ nodes: nodes.length, maxParallel }).toEqual({ nodes: 3, maxParallel: 3 });
  const given = optionsOf(file, "success");
  const ends = await Promise.all(nodes.map((matrix) => runGithubJob(recipe, machine, { ...given, matrix })));
  expect(ends.map(({ status }) => status)).toEqual(["success", "success", "success"]);
  const starts = machine.recorder.of(START);
  expect(new Set(starts.map(({ key }) => key)).size).toBe(3);
  expect(starts.map(({ answer }) => JSON.parse(answer ?? "").data.replayed)).toEqual([false, false, false]);
});

for (const [scenario, status, last] of [["success", "success", 0], ["agent-failure", "failure", 1]] as const) {
  documented(`drop-in.yml starts, tails and reports a run, and its job is a ${status}`, async (machine) => {
    const end = await runGithubJob(machine.recipe("github-actions/drop-in.yml", scenario), machine, newRun());
    expect(end.status).toBe(status);
    expect(machine.done.map(({ code }) => code)).toEqual([0, 0, 0, last]);
    const word = status === "success" ? "success" : "failed";
    expect(machine.done.at(-1)?.stdout).toBe(`::notice::Final run status: ${word}\n`);
  });
}

together(
  "drop-in.yml leaves the run alone when its job is cancelled, as the documented command does",
  async (machine) => {
    machine.stop = signalledAll("SIGTERM");
    const recipe = machine.recipe("github-actions/drop-in.yml", "stuck-streaming").replace(
      "weekly-cleanup-",
      "stopped-",
    );
    const end = await runGithubJob(recipe, machine, newRun());
    expect(end).toMatchObject({
      status: "cancelled",
      ran: ["Check out", "Install mogplex CLI", "Start cleanup run", "Tail events", "Report final status"],
    });
    expect(sent(machine, CANCEL)).toBe(0);
  },
);

test("drop-in.yml is the documented workflow, but for its first steps, its permissions, and the id of the run, which comes as a variable and is checked with if", () => {
  const own = parse(readExample("github-actions/drop-in.yml"));
  const { jobs: { cleanup: { permissions, ...cleanup } }, permissions: none, ...rest } = own;
  const [checkout, install, ...steps] = cleanup.steps;
  expect([checkout.name, install.name, permissions, none])
    .toEqual(["Check out", "Install mogplex CLI", { contents: "read" }, {}]);
  const id = "${{ steps.start.outputs.run_id }}";
  const documented = parse(
    WORKFLOW.replaceAll(`"${id}"`, '"$RUN_ID"').replace(
      /^( *)\[ -n "\$RUN" \] && \[ "\$RUN" != "null" \] \|\| \{ (echo "[^"]+"); exit 1; \}$/m,
      '$1if [ -z "$RUN" ] || [ "$RUN" = "null" ]; then\n$1  $2\n$1  exit 1\n$1fi',
    ),
  );
  for (const step of documented.jobs.cleanup.steps.slice(1)) step.env.RUN_ID = id;
  expect({ ...rest, jobs: { cleanup: { ...cleanup, steps } } }).toEqual(documented);
});

/** The recipes with the action: what holds for the same recipes without it holds for them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../../../tools/setup.mjs";
import { type Service, startService } from "../../processes/world/service.ts";
import { CANCEL, START } from "../../processes/world/stage.ts";
import { fields, parseYaml } from "../../../unit/examples/strict.ts";
import { ACTION_RECIPES, optionsOf } from "./github_recipes.ts";
import { type Machine, onMachine, readExample, signalled, signalledAll } from "./machine.ts";
import { readJob, readMatrix, runGithubJob, runGithubWorkflow } from "./models/github_steps.ts";

let service: Service;

beforeAll(async () => {
  service = await startService();
});

afterAll(() => service.close());

/** A concurrent test with its own machine. */
function together(what: string, body: (machine: Machine) => Promise<void>): void {
  test.concurrent(what, () => onMachine(service, body), 60_000);
}

const sent = ({ recorder }: Machine, pattern: RegExp) => recorder.of(pattern).length;
const runIdOf = (stdout = "") => /run (\S+) \(/.exec(stdout)?.[1] ?? "";
const STEPS = ["Check out the action", "Run the agent", "Keep the reports", "Post Run the agent"];

for (const file of Object.keys(ACTION_RECIPES)) {
  together(`${file} is green, with outputs and a summary, when the run succeeds`, async (machine) => {
    const end = await runGithubJob(machine.recipe(file, "success"), machine, optionsOf(file, "success"));
    expect(end).toMatchObject({ status: "success", ran: STEPS });
    expect(end.summary).toMatch(/^## ✅ `acme\/\w+`: `[^`]+` → \[PR #\d+\]\(<http/m);
    const [[name, files] = ["", []]] = Object.entries(end.artifacts);
    expect(name).toBe(file.includes("matrix") ? "mogplex-ci-api-1" : "mogplex-ci-1");
    expect(files).toEqual(expect.arrayContaining(["mogplex-ci/result.json", "mogplex-ci/summary.md"]));
    expect(files).not.toContain("mogplex-ci/run.json");
    expect(machine.done.map(({ code }) => code)).toEqual([0, 0]);
    expect(machine.done[1]?.stdout).toContain("nothing to clean up");
    expect([sent(machine, START), sent(machine, CANCEL)]).toEqual([1, 0]);
  });

  together(`${file} is red when the run fails`, async (machine) => {
    const end = await runGithubJob(machine.recipe(file, "agent-failure"), machine, optionsOf(file, "agent-failure"));
    expect(end).toMatchObject({ status: "failure", ran: STEPS });
    expect(machine.done.map(({ code }) => code)).toEqual([1, 0]);
    expect(end.summary).toContain("Agent run exited with code 1");
    expect(sent(machine, CANCEL)).toBe(0);
  });

  together(`${file} cancels the run once when the job is cancelled and its step is killed`, async (machine) => {
    machine.stop = signalledAll("SIGKILL");
    const given = optionsOf(file, "stuck-streaming");
    const end = await runGithubJob(machine.recipe(file, "stuck-streaming"), machine, given);
    expect(end).toMatchObject({ status: "cancelled", ran: STEPS });
    expect(sent(machine, CANCEL)).toBe(1);
    expect(await service.status(runIdOf(machine.done[0]?.stdout))).toBe("cancelled");
    expect(machine.done[1]?.code).toBe(0);
  });
}

together(
  "a recipe with the action attaches to its run when it is run again after its machine was lost",
  async (machine) => {
    const file = "github-actions/weekly-cleanup.action.yml";
    const given = optionsOf(file, "stuck-streaming");
    const recipe = machine.recipe(file, "stuck-streaming");
    machine.stop = signalledAll("SIGKILL");
    await runGithubJob(recipe, machine, { ...given, lostWith: "Run the agent" });
    machine.stop = signalled("SIGINT");
    await runGithubJob(recipe, machine, { ...given, attempt: 2 });
    const [first, second] = machine.done;
    expect(second?.stdout).toContain(`attached to run ${runIdOf(first?.stdout)} (streaming)`);
    expect(sent(machine, CANCEL)).toBe(1);
  },
);

const FORMS = readdirSync(join(root, "examples/github-actions")).filter((name) => name.endsWith(".action.yml"))
  .map((name) => `github-actions/${name}`);

for (const file of FORMS) {
  const plain = file.replace(".action.yml", ".yml");
  test(`${file} has the name, the triggers, the jobs and the outputs of ${plain}`, () => {
    const read = (each: string) => {
      const { jobs, ...rest } = parseYaml(readExample(each)) as { jobs: Record<string, unknown> };
      return { rest, jobs: Object.keys(jobs), job: readJob(readExample(each))[1] };
    };
    const [own, other] = [read(file), read(plain)];
    expect(own.rest).toEqual(other.rest);
    expect(own.jobs).toEqual(other.jobs);
    for (const key of ["name", "if", "runs-on", "timeout-minutes", "strategy", "outputs"]) {
      expect({ [key]: own.job[key] }).toEqual({ [key]: other.job[key] });
    }
    expect(fields(own.job.permissions, "permissions", ["contents"])).toEqual({ contents: "read" });
  });
}

test("every recipe for GitHub has a form with the action, but those for campaigns", () => {
  const plain = readdirSync(join(root, "examples/github-actions")).filter((name) => !name.endsWith(".action.yml"));
  const without = plain.filter((name) => !FORMS.includes(`github-actions/${name.replace(".yml", ".action.yml")}`));
  expect(without.sort()).toEqual(["campaign-waves.yml", "scheduled-campaign.yml"]);
});

const DROP_IN = "github-actions/drop-in.action.yml";

/** The recipe with a key of its own: that of a day is the same in every workflow run. */
function dropIn(machine: Machine, scenario: string): string {
  return machine.recipe(DROP_IN, scenario).replace("key-scope: day", `key-part: ${scenario}\n          key-scope: day`);
}

together("drop-in.action.yml ends as its run, and starts one a day", async (machine) => {
  for (const [scenario, status] of [["success", "success"], ["success", "success"], ["agent-failure", "failure"]]) {
    const end = await runGithubJob(dropIn(machine, scenario ?? ""), machine, optionsOf(DROP_IN, scenario ?? ""));
    expect([scenario, end.status]).toEqual([scenario, status ?? ""]);
  }
  const starts = machine.recorder.of(START).map(({ answer }) => JSON.parse(answer ?? "").data);
  expect(starts.map(({ harness, replayed }) => [harness, replayed])).toEqual(
    [["codex", false], ["codex", true], ["codex", false]],
  );
});

together("drop-in.action.yml leaves the run alone when its job is cancelled, as drop-in.yml does", async (machine) => {
  machine.stop = signalled("SIGINT");
  const recipe = dropIn(machine, "stuck-streaming");
  expect((await runGithubJob(recipe, machine, optionsOf(DROP_IN, "stuck-streaming"))).status).toBe("cancelled");
  expect(sent(machine, CANCEL)).toBe(0);
  expect(await service.status(runIdOf(machine.done[0]?.stdout))).toBe("streaming");
});

together(
  "codemod-matrix.action.yml starts a run for every node, also where nodes share a repository",
  async (machine) => {
    const file = "github-actions/codemod-matrix.action.yml";
    const recipe = machine.recipe(file, "success");
    const given = optionsOf(file, "success");
    const { nodes } = readMatrix(recipe);
    const ends = await Promise.all(nodes.map((matrix) => runGithubJob(recipe, machine, { ...given, matrix })));
    expect(ends.map(({ status }) => status)).toEqual(["success", "success", "success"]);
    const starts = machine.recorder.of(START);
    expect(new Set(starts.map(({ key }) => key)).size).toBe(3);
    expect(starts.map(({ answer }) => JSON.parse(answer ?? "").data.replayed)).toEqual([false, false, false]);
  },
);

together("task-with-comment.action.yml comments in a job that has no Mogplex token", async (machine) => {
  const file = "github-actions/task-with-comment.action.yml";
  const ends = await runGithubWorkflow(machine.recipe(file, "success"), machine, optionsOf(file, "success"));
  expect([ends.agent?.status, ends.comment?.status]).toEqual(["success", "success"]);
  expect(machine.calls().at(-1)).toMatch(
    /^gh pr comment \S+\/acme\/web\/pull\/\d+ --body The agent ended with success/,
  );
});

together("fix-failing-ci.action.yml works on the branch that failed, and takes no other name", async (machine) => {
  const file = "github-actions/fix-failing-ci.action.yml";
  const recipe = machine.recipe(file, "success");
  const given = optionsOf(file, "success");
  await runGithubJob(recipe, machine, given);
  expect(JSON.parse(machine.recorder.of(START)[0]?.body ?? "")).toMatchObject({ baseBranch: "feature/login" });
  const event = structuredClone(given.event) as { workflow_run: { head_branch: string } };
  event.workflow_run.head_branch = "x$(touch pwned)`touch pwned`;touch${IFS}pwned";
  const end = await runGithubJob(recipe, machine, { ...given, event });
  expect(end.status).toBe("failure");
  expect(machine.done.at(-2)).toMatchObject({ code: 2, stdout: expect.stringContaining("branch") });
  expect(sent(machine, START)).toBe(1);
});

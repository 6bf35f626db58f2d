/** The files of the action: what GitHub reads, the program, and the document. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { ACTION_INPUTS } from "../../../lib/cli/action/inputs.ts";
import { outputsOf } from "../../../lib/report/write.ts";
import { VERSION } from "../../../lib/version.ts";
import { renderActionYaml } from "../../../tools/build/action_yaml.ts";
import { root, runtimes } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";
import { WITH_ACTION } from "../examples/systems/github_recipes.ts";
import { answering } from "../examples/answers.ts";
import { runGithubJob, runGithubWorkflow } from "../examples/systems/models/github_steps.ts";
import { onMachine } from "../examples/systems/machine.ts";
import { type Fields, parseYaml } from "../../unit/examples/strict.ts";
import { GITHUB_TOKEN, githubServer } from "../../unit/report/github_server.ts";
import { listen } from "../report/listen.ts";
import { runToEnd } from "../package/runtimes.ts";
import { type Service, sharedService, startService } from "../processes/world/service.ts";
import { START } from "../processes/world/recorder.ts";
import { sampleResult } from "../../unit/report/sample.ts";
import { workflowRun } from "./jobs.ts";

let service: Service;
let folder = "";

beforeAll(async () => {
  service = await sharedService();
  folder = mkdtempSync(join(tmpdir(), "mogplex-action-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const read = (path: string) => readFileSync(join(root, path), "utf8");

test("action.yml declares the inputs and the outputs that the program has, and Node 24 for both stages", () => {
  const { inputs, outputs, runs, ...rest } = parseYaml(renderActionYaml()) as Record<string, Fields>;
  expect(Object.keys(inputs ?? {})).toEqual(Object.keys(ACTION_INPUTS));
  expect(Object.keys(outputs ?? {})).toEqual([...Object.keys(outputsOf(sampleResult())), "result_path", "exit_code"]);
  expect(runs).toEqual({ using: "node24", main: "main.mjs", post: "post.mjs", "post-if": "always()" });
  for (const [name, input] of Object.entries(inputs ?? {}) as [string, Record<string, string>][]) {
    expect(name).toMatch(/^[a-z][a-z-]*$/);
    // The runner evaluates what is in a description, too.
    expect(input.description, name).toMatch(/^[A-Z][^$]*\.$/);
    expect(Object.keys(input)).toEqual(["description", "required", "default"]);
  }
  expect(String(rest.description).length).toBeLessThanOrEqual(125);
  expect(readFileSync(built("action/action.yml"), "utf8")).toStartWith(`# Mogplex CI ${VERSION}, action. `);
  expect(readFileSync(built("action/main.mjs"), "utf8")).toStartWith(`// @mogplex/ci ${VERSION} `);
});

test("main.mjs runs nothing when it is imported, and post.mjs ends with 0 when no step has run", () => {
  for (const name of ["main.mjs", "post.mjs"]) {
    writeFileSync(join(folder, name), readFileSync(built(`action/${name}`), "utf8"));
  }
  const script = join(folder, "script.mjs");
  writeFileSync(script, `await import("./main.mjs");\nconsole.log("imported", process.exitCode ?? 0);\n`);
  expect(runToEnd([runtimes.node, script])).toEqual({ code: 0, stdout: "imported 0\n", stderr: "" });
  expect(runToEnd([runtimes.node, join(folder, "post.mjs")])).toEqual({
    code: 0,
    stdout: "nothing to clean up: the step had not started\n",
    stderr: "",
  });
});

/** The blocks of YAML in a document that use the action. */
function snippets(document: string): string[] {
  return [...read(document).matchAll(/```yaml\n([^]*?)```/g)].map(([, text = ""]) => text)
    .filter((text) => text.includes("uses: ./action"));
}

test("documents give the action inputs that it has", () => {
  const found = ["README.md", "action/README.md"].flatMap((document) => snippets(document));
  expect(found.length).toBeGreaterThanOrEqual(3);
  const blocks = found.flatMap((text) => [...text.matchAll(/uses: \.\/action.*\n( +)with:\n((?:\1 +.*\n)+)/g)]);
  const given = blocks.flatMap(([, , lines = ""]) => [...lines.matchAll(/^ +([a-z-]+): /gm)].map(([, name]) => name));
  expect(given.length).toBeGreaterThan(8);
  expect([...new Set(given)].filter((name = "") => !(name in ACTION_INPUTS))).toEqual([]);
});

/** A workflow of a document, with a name for each thing, as the model wants it. @param part Text that only this one has. */
function documented(part: string): string {
  const text = snippets("action/README.md").find((each) => each.includes(part)) ?? "";
  const { jobs, ...rest } = parseYaml(text) as { jobs: Record<string, { steps: Fields[] }> };
  const named = Object.entries(jobs).map(([name, job]) => {
    const steps = job.steps.map((step, index) => ({ name: `Step ${index}`, ...step }));
    return [name, { ...job, steps }];
  });
  return stringify({ name: "Tests", on: "push", ...rest, jobs: Object.fromEntries(named) });
}

test(
  "the workflow of two jobs in action/README.md starts a run in the first and follows it in the second",
  () =>
    onMachine(service, async (machine) => {
      const text = documented("run-id:").replace("Fix the flaky tests", "Fix the flaky tests <success>");
      const { start, follow } = await runGithubWorkflow(text, machine, workflowRun());
      expect([start?.status, follow?.status]).toEqual(["success", "success"]);
      expect(machine.done.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
      expect(machine.done[2]?.stdout).toContain(`\nrun           ${start?.outputs.run_id} (success)\n`);
      expect(machine.recorder.of(START)).toHaveLength(1);
    }),
);

for (const [safe, end] of [[true, "success"], [false, "skipped"]] as const) {
  test(`the workflow with a result in action/README.md ends its second job ${end} when the answer is ${safe}`, async () => {
    const scenario = join(folder, `${safe}.json`);
    const reason = "Read `README.md`: it's $5.\nsafe=true";
    writeFileSync(scenario, JSON.stringify(answering("<<answer>>", { safe, reason })));
    const answers = await startService({}, ["--scenario", scenario]);
    await onMachine(answers, async (machine) => {
      const text = documented("schema: ").replace("Change no file", "<<answer>> Change no file");
      const files = { ...WITH_ACTION, "ci/yes-or-no.schema.yml": read("examples/results/yes-or-no.schema.yml") };
      const { review, deploy } = await runGithubWorkflow(text, machine, workflowRun({ files }));
      expect([review?.status, deploy?.status]).toEqual(["success", end]);
      expect(review?.outputs).toEqual({ safe: `${safe}` });
    });
    await answers.close();
  });
}

test(
  "the workflow with a comment in action/README.md comments on its pull request",
  () =>
    onMachine(service, async (machine) => {
      const workflow = documented("comment: true").replaceAll("github.head_ref", "github.ref_name")
        .replace("Do not change anything else.", "Do not change anything else. <success>");
      const github = githubServer("acme/web", "7");
      const close = await listen(github);
      const given = { githubToken: GITHUB_TOKEN, githubApi: github.api, files: WITH_ACTION };
      const end = await runGithubJob(
        workflow,
        machine,
        workflowRun({ ...given, event: { pull_request: { number: 7, head: { repo: { full_name: "acme/web" } } } } }),
      );
      close();
      expect(end.status).toBe("success");
      expect(github.comments).toHaveLength(1);
    }),
);

/** The GitHub action on nektos/act, as `./action` of a checkout: the forms of the recipes that use it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../tools/setup.mjs";
import { FAILED_WORKFLOW, LATER, startWorkflow, tail } from "../act.ts";
import type { Bench, Service } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { signal } from "../processes.ts";
import { ACT, ACTIONLINT, GIT } from "../programs.ts";

const FOLDER = "examples/github-actions";
const WEEKLY = "weekly-cleanup.action.yml";

/** The action as files of a repository. */
function actionFiles(): Record<string, string> {
  const names = readdirSync(join(root, "action"));
  return Object.fromEntries(
    names.map((name) => [`action/${name}`, readFileSync(join(root, "dist/action", name), "utf8")]),
  );
}

/** Starts a recipe with the action in its repository. */
function start(bench: Bench, file: string, service: Service, more: { event?: string; payload?: unknown } = {}) {
  const text = bench.example(`github-actions/${file}`).replace(/8f3a2b1c-1234-4abc-9def-[0-9a-f]{12}/g, service.repo);
  const args = ["--env", "GITHUB_REPOSITORY=acme/web"];
  return startWorkflow(bench, {
    ...{ ...more, service, args, files: actionFiles() },
    text: file === WEEKLY ? text + LATER : text,
  });
}

async function success(bench: Bench): Promise<void> {
  const service = await bench.service("success");
  const running = await start(bench, WEEKLY, service);
  const { code } = await running.ended;
  const log = running.text();
  bench.check("the job passes when the run succeeds", code === 0, tail(log));
  const later = /later job got \[success\] \[http[^\]]+\]/.test(log);
  bench.check("a later job gets outcome and pull request", later, tail(log));
  bench.check("the step sets its exit code", /::set-output:: exit_code=0/.test(log), tail(log));
  bench.check("act shows the summary of the job", /Summary - \s*## ✅ .* → \[PR #\d+\]/.test(log), tail(log));
  const kept = /\| +ARTIFACT (.*)/.exec(log)?.[1] ?? "no artifact was kept";
  const keptRight = kept.includes("mogplex-ci/result.json") && !kept.includes("run.json");
  bench.check("the reports are kept, without the state file", keptRight, kept);
  const post = /Run Post Run the agent[^]*nothing to clean up: the run has ended/.test(log);
  bench.check("the post step finds nothing to do", post, tail(log));
  bench.check("the token is not in the log", !log.includes(service.token));
}

async function failure(bench: Bench): Promise<void> {
  const service = await bench.service("agent-failure");
  const running = await start(bench, WEEKLY, service);
  const { code } = await running.ended;
  const log = running.text();
  bench.check("the job fails when the run fails", code === 1, `act ended with ${code}: ${tail(log)}`);
  bench.check("the verdict has exit code 1", /verdict +\S*failed in .* \(exit code 1\)/.test(log), tail(log));
  bench.check("act reads the annotation", /❗ +::error[ :].*exit code 1/.test(log), tail(log));
  bench.check("the later job does not run", !log.includes("later job got ["), tail(log));
}

async function cancel(bench: Bench): Promise<void> {
  const service = await bench.service("stuck-streaming");
  const running = await start(bench, WEEKLY, service);
  const [, runId = ""] = await running.seen(/started run (\S+)/);
  await running.seen(/Harness run streaming/);
  signal(running.pid, "SIGINT");
  const { code } = await running.ended;
  bench.check("a cancelled act ends with a failure", code !== 0, `act ended with ${code}`);
  bench.check("the run is cancelled", await service.reaches(runId, "cancelled"), tail(running.text()));
  bench.check("the post step says what it did", /\| cleaned up: run "/.test(running.text()), tail(running.text()));
  await bench.checkAllEnded("no process is left behind");
}

/** How many of its jobs follow an agent, and what starts it, for each other recipe. */
const OTHERS: Readonly<Record<string, { jobs: number; event?: string; payload: unknown }>> = {
  "codemod-matrix.action.yml": { jobs: 3, payload: { inputs: { task: "Rename the option" } } },
  "fix-failing-ci.action.yml": {
    jobs: 1,
    event: "workflow_run",
    payload: FAILED_WORKFLOW,
  },
  "task-with-comment.action.yml": { jobs: 1, payload: { inputs: { task: "Rename the option" } } },
  "drop-in.action.yml": { jobs: 1, payload: {} },
  "dispatch-automation.action.yml": { jobs: 1, payload: {} },
};

async function others(bench: Bench): Promise<void> {
  const files = readdirSync(join(root, FOLDER)).filter((file) => file.endsWith(".action.yml") && file !== WEEKLY);
  bench.check("every recipe with the action is tried", files.every((file) => file in OTHERS), files.join(", "));
  bench.writeProgram("gh", `#!/bin/sh\necho "gh was called: $*"\n`);
  for (const [scenario, status] of [["success", "success"], ["agent-failure", "failed"]] as const) {
    for (const [file, { jobs, ...more }] of Object.entries(OTHERS)) {
      const service = await bench.service(scenario);
      const running = await start(bench, file, service, more);
      const { code } = await running.ended;
      const log = running.text();
      const ended = log.match(new RegExp(`verdict +\\S*${status} `, "g"))?.length ?? 0;
      const right = (code === 0) === (status === "success") && ended === jobs;
      bench.check(`${file} ends as its ${jobs === 1 ? "run" : `${jobs} runs`}: ${status}`, right, tail(log));
      const runs = new Set([...log.matchAll(/(?:started|attached to|automation \S+:) run (\S+)/g)].map(([, runId]) =>
        runId
      )).size;
      bench.check(`${file} has a run of its own for each node: ${status}`, runs === jobs, `${runs} runs`);
    }
  }
}

async function actionlint(bench: Bench): Promise<void> {
  const cwd = bench.newFolder();
  const files = readdirSync(join(root, FOLDER)).filter((file) => file.endsWith(".action.yml"));
  const text = (file: string) => readFileSync(join(root, FOLDER, file), "utf8");
  const wrong = text(WEEKLY).replace("timeout: 30m", "tiemout: 30m").replace("outputs.outcome", "outputs.outcom");
  const workflows = Object.fromEntries([...files.map((file) => [file, text(file)]), ["wrong.yml", wrong]]
    .map(([file, each]) => [`.github/workflows/${file}`, each ?? ""]));
  bench.writeFiles(cwd, { ...actionFiles(), ...workflows });
  await bench.run(["git", "init", "-q"], { cwd });
  const line = [ACTIONLINT.provide(), "-no-color"];
  for (const file of files) {
    const { code, stdout } = await bench.run([...line, `.github/workflows/${file}`], { cwd });
    bench.check(`${file} gives the action what it takes`, code === 0, stdout);
  }
  const { code, stdout } = await bench.run([...line, ".github/workflows/wrong.yml"], { cwd });
  const found = code === 1 && stdout.includes("tiemout") && stdout.includes("outcom");
  bench.check("an input and an output that the action lacks are found", found, stdout);
}

/** Experiments with the action. */
export const GITHUB_ACTION: readonly Experiment[] = [
  {
    name: "act-action-success",
    system: "GitHub Actions",
    programs: [ACT, GIT],
    tried: "weekly-cleanup.action.yml succeeds: outputs of a later job, summary, post step, log",
    run: success,
  },
  {
    name: "act-action-failure",
    system: "GitHub Actions",
    programs: [ACT, GIT],
    tried: "weekly-cleanup.action.yml fails: exit code, annotation, later job",
    run: failure,
  },
  {
    name: "act-action-cancel",
    system: "GitHub Actions",
    programs: [ACT, GIT],
    tried: "weekly-cleanup.action.yml is cancelled: the post step cancels the run, and no process lives on",
    run: cancel,
  },
  {
    name: "act-action-others",
    system: "GitHub Actions",
    programs: [ACT, GIT],
    tried: "every other recipe with the action succeeds and fails with its runs",
    limitSeconds: 150,
    run: others,
  },
  {
    name: "actionlint-action",
    system: "GitHub Actions",
    programs: [ACTIONLINT, GIT],
    tried: "the recipes give the action inputs that it has, and use outputs that it sets",
    run: actionlint,
  },
];

/** The GitHub action as `./action` of a checkout, in its recipe on nektos/act. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../tools/setup.mjs";
import { LATER, startWorkflow, tail } from "../act.ts";
import type { Bench, Service } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { signal } from "../processes.ts";
import { ACT, ACTIONLINT, GIT } from "../programs.ts";

const WEEKLY = "weekly-cleanup.action.yml";

function actionFiles(): Record<string, string> {
  const names = readdirSync(join(root, "action"));
  return Object.fromEntries(
    names.map((name) => [`action/${name}`, readFileSync(join(root, "dist/action", name), "utf8")]),
  );
}

function start(bench: Bench, service: Service) {
  const text = bench.example(`github-actions/${WEEKLY}`) + LATER;
  return startWorkflow(bench, { service, files: actionFiles(), text, keepArtifacts: true });
}

async function success(bench: Bench): Promise<void> {
  const service = await bench.service("success");
  const running = await start(bench, service);
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
  const running = await start(bench, service);
  const { code } = await running.ended;
  const log = running.text();
  bench.check("the job fails when the run fails", code === 1, `act ended with ${code}: ${tail(log)}`);
  bench.check("the verdict has exit code 1", /verdict +\S*failed\b.* \(exit code 1\)/.test(log), tail(log));
  bench.check("act reads the annotation", /❗ +::error[ :].*exit code 1/.test(log), tail(log));
  bench.check("the later job does not run", !log.includes("later job got ["), tail(log));
}

async function cancel(bench: Bench): Promise<void> {
  const service = await bench.service("stuck-streaming");
  const running = await start(bench, service);
  const [, runId = ""] = await running.seen(/started run (\S+)/);
  await running.seen(/Harness run streaming/);
  signal(running.pid, "SIGINT");
  const { code } = await running.ended;
  bench.check("a cancelled act ends with a failure", code !== 0, `act ended with ${code}`);
  bench.check("the run is cancelled", await service.reaches(runId, "cancelled"), tail(running.text()));
  bench.check("the post step says what it did", /\| cleaned up: run "/.test(running.text()), tail(running.text()));
  await bench.checkAllEnded("no process is left behind");
}

async function actionlint(bench: Bench): Promise<void> {
  const cwd = bench.newFolder();
  const recipe = bench.example(`github-actions/${WEEKLY}`);
  const wrong = recipe.replace("timeout: 30m", "tiemout: 30m").replace("outputs.outcome", "outputs.outcom");
  const folder = ".github/workflows";
  bench.writeFiles(cwd, { ...actionFiles(), [`${folder}/${WEEKLY}`]: recipe, [`${folder}/wrong.yml`]: wrong });
  await bench.run(["git", "init", "-q"], { cwd });
  const line = [ACTIONLINT.provide(), "-no-color"];
  const right = await bench.run([...line, `${folder}/${WEEKLY}`], { cwd });
  bench.check(`${WEEKLY} gives the action what it takes`, right.code === 0, right.stdout);
  const { code, stdout } = await bench.run([...line, `${folder}/wrong.yml`], { cwd });
  // Users add their own `on` to these snippets.
  const snippets = [...readFileSync(join(root, "action/README.md"), "utf8").matchAll(/```yaml\n(jobs:[^]*?)```/g)];
  const [result = ""] = snippets.map(([, text = ""]) => text).filter((text) => text.includes("schema:"));
  bench.writeFiles(cwd, { [`${folder}/result.yml`]: `on: push\n${result}` });
  const example = await bench.run([...line, `${folder}/result.yml`], { cwd });
  bench.check("the example of a checked result uses what the action has", example.code === 0, example.stdout);
  const found = code === 1 && stdout.includes("tiemout") && stdout.includes("outcom");
  bench.check("an input and an output that the action lacks are found", found, stdout);
}

export const GITHUB_ACTION: readonly Experiment[] = [
  {
    name: "act-action-success",
    system: "GitHub Actions",
    programs: [ACT, GIT],
    tried: "weekly-cleanup.action.yml succeeds: outputs for a later job, summary, post step, log",
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
    tried: "weekly-cleanup.action.yml is cancelled. The post step cancels the run, and no process keeps running",
    run: cancel,
  },
  {
    name: "actionlint-action",
    system: "GitHub Actions",
    programs: [ACTIONLINT, GIT],
    tried: "the recipe uses only inputs and outputs that the action has",
    run: actionlint,
  },
];

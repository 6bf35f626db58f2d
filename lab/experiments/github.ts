/**
 * GitHub workflows on nektos/act without containers. Each step is a real process of this machine on a terminal. act parses the outputs, summaries and
 * commands.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../tools/setup.mjs";
import { FAILED_WORKFLOW, LATER, openRepository, startWorkflow, tail } from "../act.ts";
import type { Bench, Service } from "../bench.ts";
import { makeImage, startDocker } from "../docker.ts";
import type { Experiment } from "../experiment.ts";
import { signal } from "../processes.ts";
import { ACT, DOCKERD, GIT, JQ } from "../programs.ts";

// deno-lint-ignore no-control-regex
const REDRAWN = /\x1b\[(?:\?7l|K)/;

function fences(text: string): { opened: string[]; closed: string[] } {
  const opened = [...text.matchAll(/⚙ +::stop-commands::([\w-]+)/g)].map((match) => match[1] ?? "");
  return { opened, closed: opened.filter((token) => text.includes(`⚙  ::${token}::`)) };
}

async function success(bench: Bench): Promise<void> {
  const service = await bench.service("success");
  const text = bench.example("github-actions/weekly-cleanup.yml") + LATER;
  const running = await startWorkflow(bench, { text, service, keepArtifacts: true });
  const { code } = await running.ended;
  const log = running.text();
  bench.check("the job passes when the run succeeds", code === 0, tail(log));
  bench.check(
    "a later job gets outcome and pull request",
    /later job got \[success\] \[http[^\]]+\]/.test(log),
    tail(log),
  );
  bench.check("act shows the summary of the job", /Summary - \s*## ✅ .* → \[PR #\d+\]/.test(log), tail(log));
  const kept = /\| +ARTIFACT (.*)/.exec(log)?.[1] ?? "no artifact was kept";
  const keptRight = kept.includes("mogplex-ci/result.json") && !kept.includes("mogplex-ci/run.json");
  bench.check("the reports are kept, without the state file", keptRight, kept);
  bench.check("no line of the log is drawn again", !REDRAWN.test(log), "the log has escapes that move the cursor");
  const { opened, closed } = fences(log);
  const fenced = opened.length > 0 && opened.length === closed.length;
  bench.check("every fence around untrusted text closes", fenced, `${opened.length} opened, ${closed.length} closed`);
  bench.check("the token is not in the log", !log.includes(service.token));
}

async function failure(bench: Bench): Promise<void> {
  const service = await bench.service("agent-failure");
  const text = bench.example("github-actions/weekly-cleanup.yml") + LATER;
  const running = await startWorkflow(bench, { text, service });
  const { code } = await running.ended;
  const log = running.text();
  bench.check("the job fails when the run fails", code === 1, `act ended with ${code}: ${tail(log)}`);
  bench.check("the verdict has exit code 1", /verdict +\S*failed\b.* \(exit code 1\)/.test(log), tail(log));
  bench.check("act reads the annotation", /❗ +::error[ :]/.test(log), tail(log));
  bench.check("the later job does not run", !log.includes("later job got ["), tail(log));
}

async function cancel(bench: Bench): Promise<void> {
  const service = await bench.service("stuck-streaming");
  const running = await startWorkflow(bench, { text: bench.example("github-actions/weekly-cleanup.yml"), service });
  const [, runId = ""] = await running.seen(/started run (\S+)/);
  await running.seen(/Harness run streaming/);
  signal(running.pid, "SIGINT");
  const { code } = await running.ended;
  bench.check("a cancelled act ends with a failure", code !== 0, `act ended with ${code}`);
  bench.check("the run is cancelled", await service.reaches(runId, "cancelled"), tail(running.text()));
  await bench.checkAllEnded("no process is left behind");
}

interface Other {
  file: string;
  event?: string;
  payload: unknown;
  jobs: number;
  variables?: (service: Service) => Record<string, string>;
}

const OTHERS: readonly Other[] = [
  { file: "agent-with-retries.yml", payload: {}, jobs: 1 },
  { file: "codemod-matrix.yml", payload: { inputs: { task: "Rename the option" } }, jobs: 3 },
  {
    file: "dispatch-automation.yml",
    payload: {},
    jobs: 1,
    variables: ({ automation }) => ({ MOGPLEX_AUTOMATION_ID: automation }),
  },
  { file: "drop-in.yml", payload: {}, jobs: 1, variables: ({ repo }) => ({ MOGPLEX_REPO_ID: repo }) },
  {
    file: "fix-failing-ci.yml",
    event: "workflow_run",
    payload: FAILED_WORKFLOW,
    jobs: 1,
  },
  { file: "task-with-comment.yml", payload: { inputs: { task: "Rename the option" } }, jobs: 1 },
];

async function endedWith(status: string, log: string, service: Service): Promise<number> {
  // Do not use the last notice, because act may lose the last line of a step.
  const [, runId] = /Started run ([\w-]+)/.exec(log) ?? [];
  if (runId !== undefined) return await service.status(runId) === status ? 1 : 0;
  return log.match(new RegExp(`verdict +\\S*${status}\\b`, "g"))?.length ?? 0;
}

async function others(bench: Bench): Promise<void> {
  const files = readdirSync(join(root, "examples/github-actions"))
    .filter((file) =>
      !file.startsWith("weekly-cleanup.") && !file.includes("campaign") &&
      !["gate.yml", "respond.yml", "yes-or-no.yml"].includes(file)
    );
  const untried = files.filter((name) => !OTHERS.some(({ file }) => file === name));
  bench.check("every workflow is tried", untried.length === 0, untried.join(", "));
  bench.writeProgram("gh", `#!/bin/sh\necho "gh was called: $*"\n`);
  for (const [scenario, status] of [["success", "success"], ["agent-failure", "failed"]] as const) {
    for (const { file, jobs, variables, ...rest } of OTHERS.filter(({ file }) => files.includes(file))) {
      const service = await bench.service(scenario, 50, ["acme/web", "acme/api", "acme/docs"]);
      const text = bench.example(`github-actions/${file}`);
      const running = await startWorkflow(bench, { ...rest, text, service, variables: variables?.(service) ?? {} });
      const { code } = await running.ended;
      const log = running.text();
      const right = (code === 0) === (status === "success") && await endedWith(status, log, service) === jobs;
      bench.check(`${file} ends as its ${jobs === 1 ? "run" : `${jobs} runs`}: ${status}`, right, tail(log));
      if (!text.includes("gh pr comment") || status !== "success") continue;
      bench.check(`${file}: the next job gets the pull request`, /gh was called: pr comment http/.test(log), tail(log));
    }
  }
}

async function answers(bench: Bench): Promise<void> {
  const delivery = {
    ...{ stage: "git_delivery", changed: true, pull_request_url: "${pull}", base_branch: "${base}" },
    ...{ working_branch: "${branch}", auto_committed_files: [] },
  };
  for (
    const [what, json, ends] of [
      ["yes", { safe: true, reason: "Only a comment." }, "review success, deploy runs"],
      ["no", { safe: false, reason: "The schema changes." }, "review success, deploy does not run"],
      ["neither", { safe: "perhaps" }, "review failure, deploy does not run"],
    ] as const
  ) {
    const steps = [
      { after: 1, sandbox: "up" },
      { after: 1, result: { json }, event: { message: "Pull request ready", payload: delivery } },
      { call: "success" },
      { after: 1, status: "success" },
    ];
    const folder = bench.newFolder();
    bench.writeFiles(folder, { "answer.json": JSON.stringify({ steps }) });
    const service = await bench.service(join(folder, "answer.json"));
    const files = { "ci/yes-or-no.schema.yml": bench.example("results/yes-or-no.schema.yml") };
    const running = await startWorkflow(bench, { text: bench.example("github-actions/yes-or-no.yml"), service, files });
    const { code } = await running.ended;
    const isDeployed = /Deploying; the answer is in http\S+\/pull\/1$/m.test(running.text());
    const isRight = (code === 0) === (what !== "neither") && isDeployed === (what === "yes");
    bench.check(`yes-or-no.yml: ${what}: ${ends}`, isRight, tail(running.text()));
  }
}

async function forgejo(bench: Bench): Promise<void> {
  const recipe = bench.example("forgejo/cleanup.yml");
  const [, image = ""] = /^ {6}image: (\S+)/m.exec(recipe) ?? [];
  const daemon = await startDocker(bench);
  makeImage(bench, daemon, "bash", image);
  for (const [scenario, status] of [["success", "success"], ["agent-failure", "failed"]] as const) {
    const service = await bench.service(scenario);
    const running = await startWorkflow(bench, { text: recipe, service, args: ["--pull=false"], env: daemon.env });
    const { code } = await running.ended;
    const right = (code === 0) === (status === "success") && await endedWith(status, running.text(), service) === 1;
    bench.check(`the job ends as its run: ${status}`, right, tail(running.text()));
  }
}

async function page(bench: Bench): Promise<void> {
  const text = readFileSync(join(root, "docs/github.md"), "utf8");
  const [, commands = ""] = /^```sh\n(cat > try\.sh[^]*?)^```$/m.exec(text) ?? [];
  bench.check("the page has the commands", commands !== "");
  for (const [scenario, end] of [["success", "Job succeeded"], ["agent-failure", "Job failed"]] as const) {
    const cwd = await openRepository(bench, {});
    await bench.run(["git", "remote", "add", "origin", "https://github.example/acme/web.git"], { cwd });
    await bench.run(["node", join(root, "dist/mogplex.mjs"), "init", "github"], { cwd });
    bench.writeProgram("act", `#!/bin/sh\nexec '${ACT.provide()}' "$@"\n`);
    const line = commands.replace("--speed 20", `--speed 20 --scenario ${scenario}`);
    const env = { MOGPLEX_CI: root, XDG_CACHE_HOME: join(bench.folder, "cache") };
    const running = bench.start(["sh", "-e", "-c", line], { cwd, env });
    await running.ended;
    bench.check(`the commands of the page end with "${end}"`, running.text().includes(end), tail(running.text()));
  }
}

export const GITHUB: readonly Experiment[] = [
  {
    name: "act-success",
    system: "GitHub Actions",
    programs: [ACT, GIT],
    tried: "weekly-cleanup.yml succeeds: outputs for a later job, summary, log",
    run: success,
  },
  {
    name: "act-failure",
    system: "GitHub Actions",
    programs: [ACT, GIT],
    tried: "weekly-cleanup.yml fails: exit code, annotation, later job",
    run: failure,
  },
  {
    name: "act-cancel",
    system: "GitHub Actions",
    programs: [ACT, GIT],
    tried: "weekly-cleanup.yml is cancelled. No run or process keeps running",
    run: cancel,
  },
  {
    name: "act-others",
    system: "GitHub Actions",
    programs: [ACT, GIT, JQ],
    tried:
      "agent-with-retries.yml, codemod-matrix.yml, dispatch-automation.yml, drop-in.yml, fix-failing-ci.yml and task-with-comment.yml succeed if their runs succeed, and fail if their runs fail",
    limitSeconds: 150,
    run: others,
  },
  {
    name: "act-result",
    system: "GitHub Actions",
    programs: [ACT, GIT],
    tried: "yes-or-no.yml: the next job runs only if the answer is yes",
    run: answers,
  },
  {
    name: "act-page",
    system: "GitHub Actions",
    programs: [ACT, GIT],
    tried: 'the commands in docs/github.md, "On a laptop", with the workflow of init: one success, one failure',
    run: page,
  },
  {
    name: "act-forgejo",
    system: "Forgejo, Gitea",
    programs: [ACT, GIT, DOCKERD],
    tried: "the recipe in its container, with act (both runners are based on act): one success, one failure",
    limitSeconds: 120,
    run: forgejo,
  },
];

/**
 * Runs job scripts in the script that GitLab Runner generates, with a real bash and a real `su`, and stops them as the runner's shell executor does.
 * The runner itself is not used: script and signals are imitated, and compared with its source. Source: gitlab-runner, helpers/process,
 * executors/shell/shell_unix.go and shells/bash.go.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { RETRY_WHEN, RUNNER_INTERRUPTED } from "../../lib/ci/gitlab_retry.ts";
import { sha256 } from "../../tools/setup.mjs";
import { type Bench, COMMAND, type Service } from "../bench.ts";
import { NotPossibleError } from "../check.ts";
import type { Experiment } from "../experiment.ts";
import {
  componentJob,
  type Form,
  FORMS,
  type GitlabJob,
  LINES,
  predefined,
  recipeJob,
  stageScript,
} from "../gitlab_job.ts";
import { type Ended, type Running, signal } from "../processes.ts";
import { CHECK_JSONSCHEMA, debianProgram, GIT, GITLAB_RUNNER_SOURCE, SU } from "../programs.ts";

/** A user that exists on every Debian system and owns no files. */
const USER = "nobody";

const BASH = debianProgram("bash");

interface Job {
  cwd: string;
  script(): Running;
  afterScript(status: string): Promise<Ended>;
}

interface JobOptions {
  asUser?: boolean;
  form?: Form;
  variables?: Readonly<Record<string, string>>;
}

function openJob(bench: Bench, service: Service, job: GitlabJob, options: JobOptions = {}): Job {
  const { asUser = false, form = "subshell", variables = {} } = options;
  const cwd = bench.checkout();
  // The other user's shell must find the command, too: `bash -l` sets its own PATH.
  const path = { PATH: `${bench.bin}:${process.env.PATH ?? ""}`, HOME: cwd };
  const all = { ...predefined(cwd), ...service.env, ...job.variables, ...path, ...variables };
  const line = asUser ? [SU.provide(), "-s", "/bin/bash", USER, "-c", "bash -l"] : ["bash", "-l"];
  const stage = (lines: readonly string[], more: Record<string, string>) =>
    bench.start(line, { cwd, stdin: stageScript(lines, cwd, { ...all, ...more }, form) });
  return {
    cwd,
    script: () => stage(job.script, {}),
    afterScript: (status) => stage(job.afterScript, { CI_JOB_STATUS: status }).ended,
  };
}

const PROMPT = { prompt: "Update the dependencies" };

/**
 * Stops a job as the shell executor does. The runner sends a signal to the process group and waits for the end of the output, which a descendant may
 * keep open. Only then does it run `after_script`. Source: gitlab-runner, executors/shell/shell.go (`cmd.Wait`).
 */
async function stop(running: Running): Promise<void> {
  signal(-running.pid, "SIGTERM");
  await running.closed;
}

interface Cancelled {
  name: string;
  job: GitlabJob;
}

async function cancelOne(
  bench: Bench,
  { name, job: each }: Cancelled,
  asUser: boolean,
): Promise<void> {
  const service = await bench.service("stuck-streaming");
  const job = openJob(bench, service, each, { asUser });
  const running = job.script();
  const [, runId = ""] = await running.seen(/started run ([\w-]+)/);
  await running.seen(/Harness run streaming/);
  const began = performance.now();
  const stopped = stop(running);
  const seconds = () => ((performance.now() - began) / 1_000).toFixed(1);
  const done = await service.reaches(runId, "cancelled", 10);
  const said = `after ${seconds()} s: ${running.text()}`;
  bench.check(`${name}: the run is cancelled within 10 seconds of the signal`, done, said);
  await bench.checkAllEnded(`${name}: no process is left behind`, 8);
  const reports = existsSync(join(job.cwd, "mogplex-ci/result.json"));
  bench.check(`${name}: the reports are there`, reports, running.text());
  await stopped;
  const after = await job.afterScript("canceled");
  const fine = after.code === 0 && await service.reaches(runId, "cancelled", 10);
  bench.check(`${name}: the run is cancelled after after_script`, fine, after.stdout + after.stderr);
}

async function cancelled(bench: Bench, asUser: boolean): Promise<void> {
  if (asUser && process.getuid?.() !== 0) throw new NotPossibleError("su needs root");
  await cancelOne(bench, { name: "run component", job: componentJob("run", PROMPT) }, asUser);
  await cancelOne(bench, { name: "plain-job.yml", job: recipeJob(bench, "plain-job.yml", "agent") }, asUser);
}

async function ends(bench: Bench): Promise<void> {
  const jobs = {
    "run component": componentJob("run", PROMPT),
    "plain-job.yml": recipeJob(bench, "plain-job.yml", "agent"),
  };
  const [good, bad] = [await bench.service("success"), await bench.service("agent-failure")];
  const cases: readonly [string, number, Service, Record<string, string>][] = [
    ["success", 0, good, {}],
    ["failure", 1, bad, {}],
    ["a wrong token", 64, good, { MOGPLEX_API_KEY: "mog_AAAAAAAAAAAAAAAAAAAAAAAA" }],
  ];
  await Promise.all(FORMS.map(async (form) => {
    for (const [name, job] of Object.entries(jobs)) {
      for (const [what, code, service, variables] of cases) {
        const running = openJob(bench, service, job, { form, variables }).script();
        const ended = await running.ended;
        const said = `it ended with ${ended.code}: ${running.text()}`;
        bench.check(`${name}, ${form} form: ${what} is ${code}`, ended.code === code, said);
      }
    }
    const late = componentJob("run", { ...PROMPT, timeout: 2 });
    const running = openJob(bench, await bench.service("stuck-streaming"), late, { form }).script();
    const ended = await running.ended;
    bench.check(`run component, ${form} form: the deadline is 124`, ended.code === 124, `it ended with ${ended.code}`);
  }));
}

/** Failure reasons that depend on the job or its settings, so a retry would not help. */
const VERDICTS = [
  "script_failure",
  "job_execution_timeout",
  "image_pull_failure",
  "runner_configuration_error",
  "job_canceled",
  // A registry that cannot be reached. Servers before 19.1 report runner_system_failure, which the recipe retries.
  "runner_external_dependency_failure",
];

function source(bench: Bench): void {
  const folder = GITLAB_RUNNER_SOURCE.provide();
  const shell = readFileSync(join(folder, "shells/bash.go"), "utf8");
  for (
    const line of [LINES.trap, LINES.options, "set +o noclobber", "; eval ", ") < /dev/null", '"su"', '"-s", "/bin/"']
  ) {
    bench.check(`shells/bash.go has ${line}`, shell.includes(line));
  }
  const network = readFileSync(join(folder, "common/network.go"), "utf8");
  const reasons = [...network.matchAll(/JobFailureReason\s*=\s*"(\w+)"/g)].map(([, word = ""]) => word);
  const known = [...RETRY_WHEN, RUNNER_INTERRUPTED, ...VERDICTS];
  const unknown = reasons.filter((word) => !known.includes(word));
  bench.check(
    "every reason of the runner is one that we retry, or a verdict",
    unknown.length === 0,
    unknown.join(", "),
  );
  for (const word of ["runner_system_failure", "unknown_failure", RUNNER_INTERRUPTED]) {
    bench.check(`${word} is a reason of the runner`, reasons.includes(word), reasons.join(", "));
  }
}

async function reasons(bench: Bench): Promise<void> {
  const cwd = bench.newFolder();
  const verdict = async (words: readonly string[]) => {
    bench.writeFiles(cwd, { "job.yml": `job: { script: echo, retry: { max: 2, when: [${words.join(", ")}] } }\n` });
    const line = [CHECK_JSONSCHEMA.provide(), "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"];
    return await bench.run([...line, "job.yml"], { cwd });
  };
  for (const word of RETRY_WHEN) {
    const { code, stdout } = await verdict([word]);
    bench.check(`GitLab's schema has ${word}`, code === 0, stdout);
  }
  const newer = await verdict([RUNNER_INTERRUPTED]);
  bench.check(`GitLab's schema has ${RUNNER_INTERRUPTED}`, newer.code === 0, newer.stdout);
  const wrong = await verdict(["runner_exploded"]);
  bench.check("it refuses another word", wrong.code !== 0, wrong.stdout);
}

const ITEMS = 5;

async function campaignInGit(bench: Bench): Promise<void> {
  const service = await bench.service(
    "success",
    50,
    Array.from({ length: ITEMS }, (_, index) => `acme/web-${index + 1}`),
  );
  const remote = join(bench.newFolder(), "project");
  await bench.run([GIT.provide(), "init", "-q", "--bare", `${remote}.git`]);
  const program = readFileSync(COMMAND, "utf8");
  const job = recipeJob(bench, "campaign-in-git.yml", "campaign");
  // Each job has its own folder, because all state is in the branch.
  const open = () => {
    const cwd = bench.newFolder();
    mkdirSync(join(cwd, "ci"));
    copyFileSync(COMMAND, join(cwd, "ci/mogplex.mjs"));
    bench.writeFiles(cwd, {
      "ci/mogplex.mjs.sha256": `${sha256(program)}  mogplex.mjs\n`,
      "campaign.yml": "version: 1\nname: codemod\nprompt-file: task.md\nrepositories: [{ query: acme/ }]\n",
      "task.md": "Rename the option.\n",
    });
    const path = { PATH: `${bench.bin}:${process.env.PATH ?? ""}`, HOME: cwd };
    const env = { ...predefined(cwd), ...service.env, ...job.variables, ...path, CI_PROJECT_URL: `file://${remote}` };
    return { cwd, env };
  };
  const wave = () => {
    const { cwd, env } = open();
    return bench.start(["bash", "-l"], { cwd, stdin: stageScript(job.script, cwd, env, "subshell") });
  };
  const early = await wave().ended;
  bench.check("a wave without a plan ends with 2", early.code === 2, early.stdout + early.stderr);
  const { cwd, env } = open();
  const home = `git:file://${remote}.git#mogplex-campaign/codemod`;
  const plan = await bench.run(["node", "ci/mogplex.mjs", "campaign", "plan", "campaign.yml", "--home", home], {
    cwd,
    env,
  });
  bench.check("the plan is on the branch", plan.code === 0, plan.stdout + plan.stderr);
  for (const ms of [600, 1_200, 1_800, 2_400]) {
    const killed = wave();
    await Promise.race([killed.ended, Bun.sleep(ms)]);
    signal(-killed.pid, "SIGKILL");
    await killed.ended;
  }
  // Starts of the killed waves may have arrived, so waves do not repeat them for some minutes. A person does not have to wait.
  const again = open();
  const retry = ["campaign", "retry", "campaign.yml", "--only", "acme/*", "--home", home];
  await bench.run(["node", "ci/mogplex.mjs", ...retry], again);
  let last = { code: null as number | null, stdout: "", stderr: "" };
  for (let waves = 0; waves < 40 && !last.stdout.includes("is done:"); waves++) last = await wave().ended;
  bench.check("the waves that follow end the campaign", last.code === 0, last.stdout + last.stderr);
  bench.check(`all ${ITEMS} items succeeded`, last.stdout.includes(`all ${ITEMS} items succeeded`), last.stdout);
  const runs = await service.runs();
  bench.check("no agent was started twice", runs === ITEMS, `${runs} runs`);
}

export const GITLAB: readonly Experiment[] = [
  {
    name: "gitlab-ends",
    system: "GitLab, jobs in a script like the one that the runner generates",
    programs: [BASH],
    tried:
      "no runner: the component run and plain-job.yml in a real bash, with both variants of the script that the lab rebuilds from shells/bash.go. Exit codes 0, 1, 64 and 124",
    run: ends,
  },
  {
    name: "gitlab-cancel",
    system: "GitLab, jobs stopped like those of a shell executor that runs as root",
    programs: [BASH],
    tried:
      "no runner: the process group of the same script gets SIGTERM, and then after_script runs. No run or process keeps running",
    run: (bench) => cancelled(bench, false),
  },
  {
    name: "gitlab-su",
    system: "GitLab, jobs stopped like those of a shell executor with `--user`",
    programs: [SU, BASH],
    tried: "no runner: the same test under a real `su`, with the runner's command line",
    limitSeconds: 120,
    run: (bench) => cancelled(bench, true),
  },
  {
    name: "gitlab-campaign",
    system: "GitLab, a campaign with its home in Git",
    programs: [GIT, BASH],
    tried:
      "no runner: campaign-in-git.yml in the same script, with a real Git repository as its home. Four waves are killed, but no agent starts twice, and all items succeed",
    limitSeconds: 240,
    run: campaignInGit,
  },
  {
    name: "gitlab-reasons",
    system: "GitLab, reasons for a retry",
    programs: [CHECK_JSONSCHEMA],
    tried: "the schema that editors use accepts every reason in our `retry: when`, and refuses an unknown one",
    run: reasons,
  },
  {
    name: "gitlab-source",
    system: "GitLab Runner, source code",
    programs: [GITLAB_RUNNER_SOURCE],
    tried:
      "read, not run: the rebuilt script has the same lines as shells/bash.go, and each failure reason in common/network.go is either in our `retry: when` or on the list of reasons that we do not retry",
    limitSeconds: 300,
    run: (bench) => Promise.resolve(source(bench)),
  },
];

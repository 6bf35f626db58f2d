/**
 * Runs job scripts as GitLab Runner does: by the shell executor as root, by the shell executor with `--user` (with the real `su`), and in
 * both forms of the script, in a real bash. Source: gitlab-runner, helpers/process, executors/shell/shell_unix.go and shells/bash.go.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Bench, Service } from "../bench.ts";
import { NotPossibleError } from "../check.ts";
import type { Experiment } from "../experiment.ts";
import { componentJob, type Form, FORMS, type GitlabJob, predefined, recipeJob, stageScript } from "../gitlab_job.ts";
import { type Ended, type Running, signal } from "../processes.ts";
import { debianProgram, SU } from "../programs.ts";

/** A user that exists on every Debian system and owns no files. */
const USER = "nobody";

const BASH = debianProgram("bash");

/** A job on a runner. */
interface Job {
  cwd: string;
  /** Starts its script. */
  script(): Running;
  /** Runs its `after_script`. */
  afterScript(status: string): Promise<Ended>;
}

interface JobOptions {
  /** Whether the stage runs under `su`. @default {false} */
  asUser?: boolean;
  /** @default {"subshell"} */
  form?: Form;
  /** More variables. @default {{}} */
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

/** Stops a job as the shell executor does: the runner sends a signal to the process group, and kills it some time later. */
async function stop(running: Running): Promise<Ended> {
  signal(-running.pid, "SIGTERM");
  return await running.ended;
}

/** A job that is cancelled. */
interface Cancelled {
  name: string;
  job: GitlabJob;
  /** Whether its script gets no signal under `su`, as its comments say, so that only `after_script` cancels the run. @default {false} */
  ignoresCancel?: boolean;
}

async function cancelOne(
  bench: Bench,
  { name, job: each, ignoresCancel = false }: Cancelled,
  asUser: boolean,
): Promise<void> {
  const service = await bench.service("stuck-streaming");
  const job = openJob(bench, service, each, { asUser });
  const running = job.script();
  const [, runId = ""] = await running.seen(/started run ([\w-]+)/);
  await running.seen(/Harness run streaming/);
  const began = performance.now();
  await stop(running);
  const seconds = () => ((performance.now() - began) / 1_000).toFixed(1);
  if (!ignoresCancel) {
    const done = await service.reaches(runId, "cancelled", 10);
    const said = `after ${seconds()} s: ${running.text()}`;
    bench.check(`${name}: the run is cancelled within 10 seconds of the signal`, done, said);
    await bench.checkAllEnded(`${name}: no process is left behind`, 8);
    const reports = existsSync(join(job.cwd, "mogplex-ci/result.json"));
    bench.check(`${name}: the reports are there`, reports, running.text());
  }
  const after = await job.afterScript("canceled");
  const fine = after.code === 0 && await service.reaches(runId, "cancelled", 10);
  bench.check(`${name}: the run is cancelled after after_script`, fine, after.stdout + after.stderr);
  if (ignoresCancel) await bench.checkAllEnded(`${name}: no process is left behind then`, 20);
}

async function cancelled(bench: Bench, asUser: boolean): Promise<void> {
  if (asUser && process.getuid?.() !== 0) throw new NotPossibleError("su needs root");
  await cancelOne(bench, { name: "run component", job: componentJob("run", PROMPT) }, asUser);
  const ignoresCancel = asUser && /#.*--user/.test(bench.example("gitlab/plain-job.yml"));
  await cancelOne(
    bench,
    { name: "plain-job.yml", job: recipeJob(bench, "plain-job.yml", "agent"), ignoresCancel },
    asUser,
  );
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

/** Experiments with GitLab Runner. */
export const GITLAB: readonly Experiment[] = [
  {
    name: "gitlab-ends",
    system: "GitLab Runner, scripts in bash",
    programs: [BASH],
    tried: "run component and plain-job.yml in both forms of the runner's script: exit codes 0, 1, 64, 124",
    run: ends,
  },
  {
    name: "gitlab-cancel",
    system: "GitLab Runner, shell executor as root",
    programs: [BASH],
    tried: "run component and plain-job.yml are cancelled: no run and no process lives on",
    run: (bench) => cancelled(bench, false),
  },
  {
    name: "gitlab-su",
    system: "GitLab Runner, shell executor with `--user`",
    programs: [SU, BASH],
    tried: "the same, under `su` as the Linux packages install the runner",
    limitSeconds: 120,
    run: (bench) => cancelled(bench, true),
  },
];

/**
 * Runs the recipe with the real agent. `pipeline upload --dry-run` generates the step. The agent starts `bootstrap` for each job, which checks out a
 * repository, and runs the command on a pseudo-terminal and then the hook. To cancel a job, the agent sends a signal to the process group of
 * `bootstrap`. There is no Buildkite server, so calls that need one only print their arguments.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../tools/setup.mjs";
import type { Bench, Service } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { quoted } from "../gitlab_job.ts";
import { type Running, signal } from "../processes.ts";
import { BUILDKITE_AGENT, GIT } from "../programs.ts";

interface Uploaded {
  env: Record<string, string>;
  steps: { key: string; label: string; command: string }[];
}

interface Job {
  cwd: string;
  running: Running;
}

const HOOK = ".buildkite/hooks/pre-exit";
const PIPELINE = ".buildkite/pipeline.yml";

async function makeRepository(bench: Bench): Promise<string> {
  const cwd = bench.checkout();
  const hook = readFileSync(join(root, "examples/buildkite/hooks/pre-exit"), "utf8");
  bench.writeFiles(cwd, { [PIPELINE]: bench.example("buildkite/pipeline.yml"), [HOOK]: hook });
  const git = async (...words: string[]) => {
    const { code, stderr } = await bench.run([GIT.provide(), ...words], { cwd });
    if (code !== 0) throw new Error(stderr);
  };
  await bench.run(["chmod", "755", HOOK], { cwd });
  await git("init", "-q", "-b", "main");
  await git("add", "-A");
  await git("-c", "user.name=lab", "-c", "user.email=lab@lab.example", "commit", "-q", "-m", "Recipe");
  return cwd;
}

async function startJob(bench: Bench, service: Service, more: Record<string, string> = {}): Promise<Job> {
  const agent = BUILDKITE_AGENT.provide();
  // Hooks call `buildkite-agent`. Annotations, meta-data and artifacts need a server.
  bench.writeProgram(
    "buildkite-agent",
    `#!/bin/sh
case $1 in annotate | meta-data | artifact) printf '%s\\n' "buildkite-agent $*"; exit 0 ;; esac
exec ${quoted(agent)} "$@"
`,
  );
  const repository = await makeRepository(bench);
  const upload = [
    "pipeline",
    "upload",
    "--dry-run",
    "--job",
    "1",
    "--agent-access-token",
    "none",
    "--log-level",
    "fatal",
  ];
  const { stdout, stderr } = await bench.run([agent, ...upload, PIPELINE], { cwd: repository });
  if (!stdout.includes("{")) throw new Error(`pipeline upload printed no pipeline: ${stderr}`);
  const recipe = JSON.parse(stdout.slice(stdout.indexOf("{"))) as Uploaded;
  const step = recipe.steps.find(({ command }) => command.includes("run --follow"));
  if (step === undefined) throw new Error("The recipe has no step that follows a run");
  const builds = bench.newFolder();
  const env = {
    ...service.env,
    ...recipe.env,
    CI: "true",
    BUILDKITE: "true",
    BUILDKITE_BUILD_URL: "https://buildkite.example/acme/web/builds/1",
    BUILDKITE_ORGANIZATION_SLUG: "acme",
    BUILDKITE_PIPELINE_SLUG: "web",
    BUILDKITE_PIPELINE_PROVIDER: "git",
    BUILDKITE_BUILD_ID: crypto.randomUUID(),
    BUILDKITE_JOB_ID: crypto.randomUUID(),
    BUILDKITE_STEP_KEY: step.key,
    BUILDKITE_LABEL: step.label,
    BUILDKITE_RETRY_COUNT: "0",
    BUILDKITE_AGENT_NAME: "lab",
    BUILDKITE_REPO: repository,
    BUILDKITE_COMMIT: "HEAD",
    BUILDKITE_BRANCH: "main",
    BUILDKITE_COMMAND: step.command,
    BUILDKITE_BUILD_PATH: builds,
    BUILDKITE_BIN_PATH: bench.bin,
    BUILDKITE_HOOKS_PATH: join(builds, "no-hooks"),
    BUILDKITE_PLUGINS_PATH: join(builds, "no-plugins"),
    BUILDKITE_COMMAND_EVAL: "true",
    BUILDKITE_LOCAL_HOOKS_ENABLED: "true",
    BUILDKITE_PTY: "true",
    ...more,
  };
  return { cwd: join(builds, "lab/acme/web"), running: bench.start([agent, "bootstrap"], { env }) };
}

function hookOf(log: string): string {
  return log.slice(log.indexOf("pre-exit hook"));
}

function groups(log: string): string[] {
  return log.split(/\r?\n/).filter((line) => /(?:---|\+\+\+|~~~) Mogplex/.test(line));
}

async function ends(bench: Bench): Promise<void> {
  for (const [scenario, code] of [["success", 0], ["agent-failure", 1]] as const) {
    const job = await startJob(bench, await bench.service(scenario));
    const ended = await job.running.ended;
    const log = job.running.text();
    bench.check(`the job ends with ${code} when the run is "${scenario}"`, ended.code === code, log);
    const headers = groups(log);
    const clean = headers.length > 0 && headers.every((line) => /^(?:---|\+\+\+|~~~) /.test(line));
    bench.check("every group begins at the start of its line", clean, JSON.stringify(headers.slice(0, 3)));
    // deno-lint-ignore no-control-regex
    bench.check("no line of the log is drawn again", !/\x1b\[(?:\?7l|K|2K|1A)/.test(log), "escapes move the cursor");
    const nothing = hookOf(log).includes("nothing to clean up");
    bench.check("pre-exit runs and finds nothing to clean up", nothing, log);
    const kept = [
      "annotate --context mogplex",
      "meta-data set MOGPLEX_RUN_ID",
      "artifact upload mogplex-ci/result.json",
    ];
    const missing = kept.filter((words) => !hookOf(log).includes(`buildkite-agent ${words}`));
    bench.check("pre-exit hands on summary, outputs and reports", missing.length === 0, `${missing}: ${log}`);
  }
}

async function working(
  bench: Bench,
  more: Record<string, string> = {},
): Promise<{ service: Service; job: Job; runId: string }> {
  const service = await bench.service("stuck-streaming");
  const job = await startJob(bench, service, more);
  const [, runId = ""] = await job.running.seen(/started run ([\w-]+)/);
  await job.running.seen(/Harness run streaming/);
  return { service, job, runId };
}

async function cancel(bench: Bench): Promise<void> {
  const { service, job, runId } = await working(bench);
  signal(-job.running.pid, "SIGTERM");
  await job.running.ended;
  const log = job.running.text();
  bench.check("the run is cancelled", await service.reaches(runId, "cancelled"), log);
  bench.check("the command has done it, before the hook", log.indexOf("interrupted (exit code 143)") >= 0, log);
  bench.check("pre-exit runs and finds nothing to clean up", hookOf(log).includes("nothing to clean up"), log);
  bench.check("the reports are there", existsSync(join(job.cwd, "mogplex-ci/result.json")), log);
  await bench.checkAllEnded("no process is left behind");
}

async function killed(bench: Bench): Promise<void> {
  const { service, job, runId } = await working(bench, { BUILDKITE_JOB_CANCELLED: "true" });
  const command = bench.livingProcesses().filter(({ line }) => line.includes("mogplex.mjs run"));
  bench.check("the command was found", command.length > 0);
  for (const { pid } of command) signal(pid, "SIGSTOP");
  signal(-job.running.pid, "SIGTERM");
  await Bun.sleep(1_000);
  bench.check("the run is at work when the command is killed", await service.status(runId) === "streaming");
  for (const { pid } of command) signal(pid, "SIGKILL");
  await job.running.ended;
  const done = await service.reaches(runId, "cancelled");
  bench.check(
    "pre-exit cancels it",
    done && hookOf(job.running.text()).includes("cleaned up: run"),
    job.running.text(),
  );
}

/** An agent with `start` ends its whole `bootstrap` when the grace period is over. Source: observed with 3.137.0. */
async function frozen(bench: Bench): Promise<void> {
  const { service, job, runId } = await working(bench, {});
  const command = bench.livingProcesses().filter(({ line }) => line.includes("mogplex.mjs run"));
  bench.check("the command was found", command.length > 0);
  for (const { pid } of command) signal(pid, "SIGSTOP");
  signal(-job.running.pid, "SIGTERM");
  await Bun.sleep(1_000);
  signal(-job.running.pid, "SIGKILL");
  await job.running.ended;
  bench.check("no hook runs", !job.running.text().includes("cleaned up"), job.running.text());
  // The kernel sends SIGHUP to a stopped process whose group is orphaned. Source: POSIX, _exit(), "Consequences of Process Termination".
  bench.check("the command, woken by SIGHUP, cancels its run", await service.reaches(runId, "cancelled"));
}

export const BUILDKITE: readonly Experiment[] = [
  {
    name: "buildkite-ends",
    system: "Buildkite",
    programs: [BUILDKITE_AGENT, GIT],
    tried:
      "the recipe with the real agent's `pipeline upload --dry-run` and `bootstrap`, without a server: success, failure, log groups, the hook pre-exit",
    run: ends,
  },
  {
    name: "buildkite-cancel",
    system: "Buildkite",
    programs: [BUILDKITE_AGENT, GIT],
    tried: "the same, but `bootstrap` gets the signal of a cancelled job. No run or process keeps running",
    run: cancel,
  },
  {
    name: "buildkite-killed",
    system: "Buildkite",
    programs: [BUILDKITE_AGENT, GIT],
    tried:
      "the same, but only the command is killed. The hook pre-exit cancels the run if BUILDKITE_JOB_CANCELLED is set. This version of the agent does not set the variable, so the lab sets it",
    run: killed,
  },
  {
    name: "buildkite-frozen",
    system: "Buildkite",
    programs: [BUILDKITE_AGENT, GIT],
    tried:
      "the same, but the command hangs, and `bootstrap` is also killed, as `buildkite-agent start` would do. No hook runs. The kernel sends SIGHUP to the command, which cancels its run",
    run: frozen,
  },
];

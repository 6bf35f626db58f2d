/**
 * Runs commands as Buildkite does: on a pseudo-terminal, by `bash -e -c`, with a hook after the command. A cancelled job gets SIGTERM for
 * its process group, and then the hook `pre-exit` runs as usual. Source: buildkite/agent, process/pty.go and internal/job/executor.go.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { root } from "../../tools/setup.mjs";
import type { Bench, Service } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { type Running, signal } from "../processes.ts";
import { SCRIPT } from "../programs.ts";

interface Step {
  key: string;
  label: string;
  command: string[];
}

/** A job of the recipe's agent step. */
interface Job {
  cwd: string;
  env: Record<string, string>;
  running: Running;
  /** Runs the hook `pre-exit`. */
  preExit(after: Record<string, string>): Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** Replaces what `pipeline upload` replaces in a recipe: `$$` stands for `$`. */
const upload = (text: string) => text.replaceAll("$$", "$");

function startJob(bench: Bench, service: Service): Job {
  const recipe = parse(bench.example("buildkite/pipeline.yml")) as { env: Record<string, string>; steps: Step[] };
  const step = recipe.steps.find((each) => JSON.stringify(each).includes("run --follow")) as Step;
  const cwd = bench.checkout();
  const env = {
    ...service.env,
    ...recipe.env,
    CI: "true",
    BUILDKITE: "true",
    BUILDKITE_BUILD_URL: "https://buildkite.example/acme/web/builds/1",
    BUILDKITE_ORGANIZATION_SLUG: "acme",
    BUILDKITE_PIPELINE_SLUG: "web",
    BUILDKITE_BUILD_ID: crypto.randomUUID(),
    BUILDKITE_JOB_ID: crypto.randomUUID(),
    BUILDKITE_STEP_KEY: step.key,
    BUILDKITE_LABEL: step.label,
    BUILDKITE_RETRY_COUNT: "0",
    // The agent sets this kind of terminal.
    TERM: "xterm-256color",
  };
  // The agent joins a list of commands to one script. The recipe calls `buildkite-agent` for annotations and meta-data.
  const command = [step.command].flat().map(upload).join("\n");
  bench.writeProgram("buildkite-agent", `#!/bin/sh\nprintf '%s\\n' "buildkite-agent $*"\ncat > /dev/null\n`);
  bench.writeFiles(cwd, { "command.sh": command });
  const line = [SCRIPT.provide(), "-q", "-e", "-f", "-c", 'exec bash -e -c "$(cat command.sh)"', "/dev/null"];
  return {
    cwd,
    env,
    running: bench.start(line, { cwd, env }),
    preExit: (after) =>
      bench.run(["sh", join(root, "examples/buildkite/hooks/pre-exit")], { cwd, env: { ...env, ...after } }),
  };
}

/** Lines of a log that contain the header of a group. */
function groups(log: string): string[] {
  return log.split(/\r?\n/).filter((line) => /(?:---|\+\+\+|~~~) Mogplex/.test(line));
}

async function ends(bench: Bench): Promise<void> {
  for (const [scenario, code] of [["success", 0], ["agent-failure", 1]] as const) {
    const job = startJob(bench, await bench.service(scenario));
    const ended = await job.running.ended;
    const log = job.running.text();
    bench.check(`the job ends with ${code} when the run is "${scenario}"`, ended.code === code, log);
    const headers = groups(log);
    const clean = headers.length > 0 && headers.every((line) => /^(?:---|\+\+\+|~~~) /.test(line));
    bench.check("every group begins at the start of its line", clean, JSON.stringify(headers.slice(0, 3)));
    // deno-lint-ignore no-control-regex
    bench.check("no line of the log is drawn again", !/\x1b\[(?:\?7l|K|2K|1A)/.test(log), "escapes move the cursor");
    const hook = await job.preExit({ BUILDKITE_COMMAND_EXIT_STATUS: String(code) });
    bench.check("pre-exit ends with 0 and finds nothing to do", hook.code === 0, hook.stdout + hook.stderr);
  }
}

async function cancel(bench: Bench): Promise<void> {
  const service = await bench.service("stuck-streaming");
  const job = startJob(bench, service);
  const [, runId = ""] = await job.running.seen(/started run ([\w-]+)/);
  await job.running.seen(/Harness run streaming/);
  // The processes on the pseudo-terminal have their own session, as those of the agent have.
  for (const { pid } of bench.livingProcesses().filter(({ pid }) => pid !== job.running.pid)) signal(pid, "SIGTERM");
  await job.running.ended;
  bench.check("the run is cancelled before the hook", await service.reaches(runId, "cancelled"), job.running.text());
  const after = { BUILDKITE_COMMAND_EXIT_STATUS: "-1", BUILDKITE_JOB_CANCELLED: "true" };
  const hook = await job.preExit(after);
  bench.check("pre-exit ends with 0", hook.code === 0, hook.stdout + hook.stderr);
  bench.check("the reports are there", existsSync(join(job.cwd, "mogplex-ci/result.json")));
  await bench.checkAllEnded("no process is left behind");
}

async function killed(bench: Bench): Promise<void> {
  const service = await bench.service("stuck-streaming");
  const job = startJob(bench, service);
  const [, runId = ""] = await job.running.seen(/started run ([\w-]+)/);
  await job.running.seen(/Harness run streaming/);
  for (const { pid } of bench.livingProcesses()) signal(pid, "SIGKILL");
  await job.running.ended;
  bench.check("the run is at work when the command was killed", await service.status(runId) === "streaming");
  const hook = await job.preExit({ BUILDKITE_COMMAND_EXIT_STATUS: "-1", BUILDKITE_JOB_CANCELLED: "true" });
  const cancelled = await service.reaches(runId, "cancelled");
  bench.check("pre-exit cancels it", hook.code === 0 && cancelled, hook.stdout + hook.stderr);
}

/** Experiments on a pseudo-terminal. */
export const BUILDKITE: readonly Experiment[] = [
  {
    name: "buildkite-ends",
    system: "Buildkite",
    programs: [SCRIPT],
    tried: "the recipe on a pseudo-terminal: success, failure, groups of the log, pre-exit",
    run: ends,
  },
  {
    name: "buildkite-cancel",
    system: "Buildkite",
    programs: [SCRIPT],
    tried: "the recipe on a pseudo-terminal is cancelled: no run and no process lives on",
    run: cancel,
  },
  {
    name: "buildkite-killed",
    system: "Buildkite",
    programs: [SCRIPT],
    tried: "the command is killed without a signal that it could answer: pre-exit cancels the run",
    run: killed,
  },
];

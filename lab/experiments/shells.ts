import { join } from "node:path";
import { root } from "../../tools/setup.mjs";
import type { Bench } from "../bench.ts";
import { MissingError } from "../check.ts";
import type { Experiment } from "../experiment.ts";
import { signal } from "../processes.ts";
import { BUSYBOX, CURL, debianProgram, JQ, type Program } from "../programs.ts";

const FILE = join(root, "examples/shell/mogplex-run.sh");

interface Shell {
  name: string;
  program: Program;
  args?: readonly string[];
}

const SHELLS: readonly Shell[] = [
  { name: "dash", program: debianProgram("dash") },
  { name: "bash", program: debianProgram("bash") },
  { name: "busybox ash", program: BUSYBOX, args: ["ash"] },
];

async function jobs(bench: Bench, { name, program, args = [] }: Shell): Promise<void> {
  const line = [program.provide(), ...args, FILE, "Update the dependencies"];
  const env = { CI_SERVER_HOST: "gitlab.example", CI_PIPELINE_ID: crypto.randomUUID(), CI_JOB_NAME: "agent" };
  for (const [scenario, code] of [["success", 0], ["agent-failure", 1]] as const) {
    const service = await bench.service(scenario);
    const ended = await bench.run(line, { cwd: bench.newFolder(), env: { ...service.env, ...env } });
    const status = scenario === "success" ? "success" : "failed";
    bench.check(
      `${name}: exit code ${code} and verdict when the run is "${status}"`,
      ended.code === code && ended.stdout.includes(`mogplex-run: ${status} (exit code ${code}); run `),
      `ended with ${ended.code}: ${ended.stdout}${ended.stderr}`,
    );
  }
  const service = await bench.service("stuck-streaming");
  const running = bench.start(line, { env: { ...service.env, ...env } });
  const [, runId = ""] = await running.seen(/run ([0-9a-f]{8}-[0-9a-f-]{27})/);
  // While its sandbox boots, a cancelled run may become active again.
  await service.reaches(runId, "streaming");
  signal(-running.pid, "SIGTERM");
  const { code } = await running.ended;
  const cancelled = await service.reaches(runId, "cancelled");
  const said = `ended with ${code}, the run is "${await service.status(runId)}": ${running.text()}`;
  bench.check(`${name}: SIGTERM cancels the run, exit code 143`, code === 143 && cancelled, said);
}

async function shells(bench: Bench): Promise<void> {
  const waiting = [...SHELLS];
  await Promise.all([1, 2, 3].map(async () => {
    for (let shell = waiting.shift(); shell !== undefined; shell = waiting.shift()) {
      try {
        await jobs(bench, shell);
      } catch (error) {
        if (error instanceof MissingError) bench.skip(shell.name, error.message);
        else bench.check(`${shell.name}: a whole job`, false, String(error));
      }
    }
  }));
  await bench.checkAllEnded("no process is left behind");
}

export const SHELL_EXPERIMENTS: readonly Experiment[] = [{
  name: "shells",
  system: "Runners with only a shell",
  programs: [CURL, JQ],
  tried: `mogplex-run.sh succeeds, fails and is stopped in ${SHELLS.map(({ name }) => name).join(", ")}`,
  limitSeconds: 240,
  run: shells,
}];

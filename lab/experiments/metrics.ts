import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runtimes } from "../../tools/setup.mjs";
import { type Bench, COMMAND } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { PROMTOOL } from "../programs.ts";

async function metrics(bench: Bench): Promise<void> {
  for (const [scenario, code] of [["success", 0], ["agent-failure", 1]] as const) {
    const service = await bench.service(scenario);
    const cwd = bench.newFolder();
    const line = [runtimes.node, COMMAND, "run", "--follow", "--create-branch", "Update the dependencies"];
    const ended = await bench.run(line, { cwd, env: { ...service.env, CI: "true" } });
    bench.check(`the run of "${scenario}" ends with ${code}`, ended.code === code, ended.stderr);
    const file = join(cwd, "mogplex-ci/metrics.txt");
    const text = readFileSync(file, "utf8");
    // The style checker reads the older format, which has no end marker and no times.
    const judged = await bench.run([PROMTOOL.provide(), "check", "metrics"], { stdin: text });
    const remarks = judged.stdout + judged.stderr;
    bench.check(`promtool has no remark on its metrics`, judged.code === 0 && remarks === "", remarks);
  }
  const wrong = await bench.run([PROMTOOL.provide(), "check", "metrics"], { stdin: "mogplex{ 1\n" });
  bench.check("promtool refuses a wrong file", wrong.code !== 0);
}

export const METRICS: readonly Experiment[] = [{
  name: "metrics",
  system: "Prometheus, GitLab metrics reports",
  programs: [PROMTOOL],
  tried: "promtool accepts metrics.txt of a successful run and of a failed run",
  run: metrics,
}];

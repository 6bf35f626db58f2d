/**
 * CPU time (user and system) of `mogplex.mjs --help`, of the same command in an earlier build if one is given, and of `console.log` alone.
 * Measurements alternate, so that a busy machine affects all of them equally.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, runtimes } from "../tools/setup.mjs";
import { median, printTable } from "./table.ts";

export const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  node: [runtimes.node],
  deno: [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", "--allow-env"],
  bun: [runtimes.bun, "--no-env-file", "--config=/dev/null", "--tsconfig-override=/dev/null"],
};

export interface StartUpRow {
  runtime: string;
  help: number;
  before: number | string;
  consoleLog: number;
}

export function time(command: readonly string[]): number {
  const started = performance.now();
  const { status } = spawnSync(command[0] ?? "", command.slice(1), { stdio: "ignore" });
  if (status !== 0) throw new Error(`Cannot measure: ${command.join(" ")} ended with ${status}`);
  return performance.now() - started;
}

function processorTime(command: readonly string[]): number {
  const { exitCode, resourceUsage } = Bun.spawnSync([...command], { stdio: ["ignore", "ignore", "ignore"] });
  if (exitCode !== 0) throw new Error(`Cannot measure: ${command.join(" ")} ended with ${exitCode}`);
  return Number(resourceUsage.cpuTime.total) / 1_000;
}

export function bench(before?: string, rounds = 21): StartUpRow[] {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-bench-"));
  try {
    const log = join(folder, "log.mjs");
    writeFileSync(log, `console.log("a line");\n`);
    const lines: Record<string, string[]> = {
      help: [join(root, "dist/mogplex.mjs"), "--help"],
      ...before === undefined ? {} : { before: [join(before, "mogplex.mjs"), "--help"] },
      log: [log],
    };
    return Object.entries(PROGRAMS).map(([runtime, program]) => {
      const times: Record<string, number[]> = {};
      for (let round = 0; round < rounds; round++) {
        for (const [name, line] of Object.entries(lines)) {
          (times[name] ??= []).push(processorTime([...program, ...line]));
        }
      }
      const of = (name: string) => Math.round(median(times[name] ?? []));
      return { runtime, help: of("help"), before: before === undefined ? "–" : of("before"), consoleLog: of("log") };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  printTable("Start-up, in milliseconds", bench(process.argv[2]) as unknown as Record<string, string | number>[]);
}

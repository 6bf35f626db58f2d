/**
 * Start-up time of the command: `mogplex.mjs --help` compared with a file that imports the same `node:` modules and prints a line,
 * and with `console.log` alone. The three take turns, so that a busy machine slows all of them alike.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, runtimes } from "../tools/setup.mjs";
import { median, printTable } from "./table.ts";

const bundle = join(root, "dist/mogplex.mjs");
/** Command line of each runtime. */
export const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  node: [runtimes.node],
  deno: [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", "--allow-env"],
  bun: [runtimes.bun, "--no-env-file", "--config=/dev/null", "--tsconfig-override=/dev/null"],
};
const LIMITS: Readonly<Record<string, { sameImports: number; consoleLog: number }>> = {
  node: { sameImports: 1.25, consoleLog: 1.3 },
  deno: { sameImports: 1.25, consoleLog: 2.2 },
  bun: { sameImports: 1.25, consoleLog: 2.2 },
};

/** A row of the table: ratios, because absolute times depend on the machine. */
export interface StartUpRow {
  /** Name of the runtime. */
  runtime: string;
  /** Time of `--help` divided by that of a file with the same imports. */
  sameImports: number;
  /** Limit of `sameImports`. */
  limitSameImports: number;
  /** Time of `--help` divided by that of `console.log`. */
  consoleLog: number;
  /** Limit of `consoleLog`. */
  limitConsoleLog: number;
}

/** Milliseconds that a command takes. @throws when its exit code is not 0. */
export function time(command: readonly string[]): number {
  const started = performance.now();
  const { status } = spawnSync(command[0] ?? "", command.slice(1), { stdio: "ignore" });
  if (status !== 0) throw new Error(`Cannot measure: ${command.join(" ")} ended with ${status}`);
  return performance.now() - started;
}

/** Measures every runtime with `rounds` starts of each file. */
export function bench(rounds = 25): StartUpRow[] {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-bench-"));
  try {
    const imports = new Set(
      [...readFileSync(bundle, "utf8").matchAll(/^import .*?["'](node:[^"']+)["'];?$/gm)].map((match) => match[1]),
    );
    const same = join(folder, "same_imports.mjs");
    writeFileSync(
      same,
      `${[...imports].map((name, i) => `import * as m${i} from "${name}";`).join("\n")}
process.exitCode = 0;\nconsole.log("a line", ${[...imports].map((_, i) => `typeof m${i}`).join(", ")});\n`,
    );
    const log = join(folder, "log.mjs");
    writeFileSync(log, `console.log("a line");\n`);
    return Object.entries(PROGRAMS).map(([runtime, program]) => {
      const times = { help: [] as number[], same: [] as number[], log: [] as number[] };
      for (let round = 0; round < rounds; round++) {
        times.help.push(time([...program, bundle, "--help"]));
        times.same.push(time([...program, same]));
        times.log.push(time([...program, log]));
      }
      const help = median(times.help);
      const limit = LIMITS[runtime];
      return {
        runtime,
        sameImports: help / median(times.same),
        limitSameImports: limit?.sameImports ?? 0,
        consoleLog: help / median(times.log),
        limitConsoleLog: limit?.consoleLog ?? 0,
      };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) printTable("Start-up, as ratios", bench() as unknown as Record<string, string | number>[]);

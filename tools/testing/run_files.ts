/**
 * Runs test files in a few Bun processes that share the files.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { root, runtimes } from "../setup.mjs";
import { Progress, sum, type Totals } from "./progress.ts";
import { type Case, readCases, withInnocent } from "./summary.ts";

export interface RunOptions {
  /**
   * Number of cases that the property tests try. `rest` omits the fixed cases that `npm test` tries. Passed on as `MOGPLEX_TEST_RUNS`. @default
   * {"tenth"}
   */
  cases?: "tenth" | "full" | "rest";
  seed?: number;
  all?: boolean;
  args?: readonly string[];
}

export function seedOf(args: readonly string[]): number {
  return Number(/^--seed=(\d+)$/m.exec(args.join("\n"))?.[1] ?? Date.now() % 100_000);
}

/**
 * Whether the gate tries more cases than `npm test` for a file of `unit`. The file has property tests, or gets its systems from
 * `tests/property_runs.ts`.
 */
export function hasMoreCases(file: string): boolean {
  return /"fast-check"|\/property_runs\.ts"/.test(readFileSync(join(root, file), "utf8"));
}

export interface Outcome extends Totals {
  cases: Case[];
}

/** The first line of a file can state that the file needs its own process, and why. */
function isAlone(file: string): boolean {
  return readFileSync(join(root, file), "utf8").startsWith("// Own process: ");
}

async function runOnce(files: readonly string[], options: RunOptions, atOnce: number): Promise<Outcome> {
  const { cases: runs = "tenth" } = options;
  const folder = mkdtempSync(join(tmpdir(), "mogplex-tests-"));
  const report = join(folder, "junit.xml");
  const cache = join(root, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const layer = files.every((file) => file.startsWith("tests/unit/")) ? "unit" : "";
  const timings = join(cache, layer === "" ? "test-timings.json" : `test-timings-${layer}.json`);
  // Until this machine has its own measurements, use the times of another machine.
  if (!existsSync(timings)) copyFileSync(join(root, "tests/timings.json"), timings);
  const args = [
    "--no-env-file",
    // If the run is stopped, its child processes must end, too.
    "--no-orphans",
    "test",
    // Long enough for a test that waits for its turn on a busy machine. The gate keeps the machine busy itself.
    `--timeout=${runs === "tenth" ? 180_000 : 600_000}`,
    "--max-concurrency=8",
    ...files.length > 1 ? [`--parallel=${Math.min(atOnce, files.length)}`, "--no-isolate"] : [],
    ...options.seed === undefined ? [] : ["--randomize", `--seed=${options.seed}`],
    ...files.length > 1 ? [`--timings=${timings}`, "--update-timings"] : [],
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...options.args ?? [],
    ...files.map((file) => `./${file}`),
  ];
  const env = {
    ...process.env,
    MOGPLEX_TEST_LAYER: layer,
    MOGPLEX_TEST_RUNS: runs,
    NO_COLOR: "1",
    // Test runs must not appear in the list of runs that a person has started on this machine.
    XDG_STATE_HOME: folder,
  };
  const progress = new Progress(files, (line) => process.stdout.write(`${line}\n`), options.all);
  const began = performance.now();
  let printed = 0;
  const timer = setInterval(() => {
    if (progress.tests === printed) return;
    printed = progress.tests;
    process.stdout.write(
      `…    ${layer === "" ? "" : `${layer}: `}${printed} tests, ${Math.round((performance.now() - began) / 1000)} s\n`,
    );
  }, 30_000);
  try {
    const child = spawn(runtimes.bun, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], env });
    const ended = once(child, "close");
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => progress.take(line));
    }
    const [code] = await ended;
    const { totals } = progress;
    const cases = existsSync(report) ? readCases(readFileSync(report, "utf8")) : [];
    if (code !== 0 && totals.failed === 0) {
      totals.failed = 1;
      process.stdout.write(`FAIL bun test exited with ${code} and named no test that failed\n`);
    }
    return { ...totals, cases };
  } finally {
    clearInterval(timer);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Maximum number of files that are repeated alone. If more files fail, another file is probably not the cause. */
const MAX_ALONE = 5;

async function repeatFailed(cases: readonly Case[], options: RunOptions): Promise<Case[]> {
  const files = [...new Set(cases.filter(({ end }) => end === "failed").map(({ file }) => file))];
  if (files.length > MAX_ALONE) return [...cases];
  const alone: Case[] = [];
  for (const file of files) {
    process.stdout.write(`${file} failed next to other files: running it again alone\n`);
    alone.push(...(await runOnce([file], options, 1)).cases);
  }
  return withInnocent(cases, alone);
}

/**
 * Number of files of `unit` that share their processes in the gate. The more files a process has run, the slower its tests are: with all cases of the
 * property tests, 420 files took 336 s of CPU time in two processes, and 272 s in parts of 70 files.
 */
const FULL_PART = 70;

function partsOf(files: readonly string[], size: number, seed: number): string[][] {
  const at = seed % files.length;
  const turned = [...files.slice(at), ...files.slice(0, at)];
  return Array.from(
    { length: Math.ceil(files.length / size) },
    (_, index) => turned.slice(index * size, (index + 1) * size),
  );
}

/**
 * Files of `unit` keep a core busy, so there are as many processes as cores. The other files mostly wait for their child processes, so there are
 * three times as many processes.
 */
export async function runFiles(files: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const cores = availableParallelism();
  const isUnit = files.every((file) => file.startsWith("tests/unit/"));
  const atOnce = isUnit ? cores : 3 * cores;
  const alone = files.filter(isAlone);
  const together = files.filter((file) => !alone.includes(file));
  const size = isUnit && (options.cases ?? "tenth") !== "tenth" ? FULL_PART : Math.max(together.length, 1);
  const outcomes: Outcome[] = [];
  for (const part of partsOf(together, size, options.seed ?? 0)) {
    const outcome = await runOnce(part, options, atOnce);
    if (part.length > 1) outcome.cases = await repeatFailed(outcome.cases, options);
    outcomes.push(outcome);
  }
  for (const file of alone) outcomes.push(await runOnce([file], options, 1));
  return { ...sum(outcomes), cases: outcomes.flatMap(({ cases }) => cases) };
}

/**
 * `npm test`: builds what has changed, and runs the static checks, all of `tests/unit`, and the smoke tests of the built program.
 *
 * The order of `tests/unit` is random; `--seed=N` repeats an order. `npm test -- PATH …` runs only the test files at these paths. `-t pattern` and
 * other flags are passed to `bun test`. `--all` also prints tests that pass.
 */
import process from "node:process";
import { endWith } from "./setup.mjs";
import { BUILD, CHECKS, runChecks } from "./testing/checks.ts";
import { LAYERS, SMOKE, sum, testFiles, type Totals } from "./testing/progress.ts";
import { type Outcome, runFiles, type RunOptions, seedOf } from "./testing/run_files.ts";
import { missingPrograms, sourceOf, summaryOf } from "./testing/summary.ts";

function printSummary(outcomes: readonly Outcome[]): void {
  const cases = outcomes.flatMap((outcome) => outcome.cases);
  for (const line of summaryOf(cases, sourceOf, missingPrograms())) process.stdout.write(`${line}\n`);
}

function divide(args: readonly string[]): { paths: string[]; options: RunOptions } {
  const paths = args.filter((each) => /^(\.\/)?tests\//.test(each)).map((each) =>
    each.replace(/^\.\//, "").replace(/\/$/, "")
  );
  const rest = args.filter((each) => !/^(\.\/)?tests\//.test(each) && !/^--(all|seed=.*)$/.test(each));
  const isShuffled = paths.length === 0 || args.some((each) => each.startsWith("--seed="));
  const seed = isShuffled ? { seed: seedOf(args) } : {};
  return { paths, options: { all: args.includes("--all"), args: rest, ...seed } };
}

async function runPaths(paths: readonly string[], options: RunOptions): Promise<Totals[]> {
  const empty = paths.filter((path) => testFiles(path).length === 0);
  if (empty.length > 0) {
    process.stderr.write(`Cannot run tests: no test file is at or below ${empty.join(", ")}\n`);
    return [{ passed: 0, failed: empty.length, skipped: 0 }];
  }
  const files = [...new Set(paths.flatMap(testFiles))];
  const build = await runChecks(files.every((file) => file.startsWith("tests/unit/")) ? {} : BUILD);
  if (build.failed > 0) return [build];
  const outcomes: Outcome[] = [];
  for (const layer of LAYERS) {
    const own = files.filter((file) => file.startsWith(`tests/${layer}/`));
    if (own.length > 0) outcomes.push(await runFiles(own, options));
  }
  printSummary(outcomes);
  return outcomes;
}

async function runAll(options: RunOptions): Promise<Totals[]> {
  const unit = testFiles("tests/unit");
  process.stdout.write(
    [
      `Builds what has changed, checks format, lint, types and documents, and runs ${unit.length} test files in process and the`,
      "smoke tests of the built program: two to four minutes on two cores. `npm run gate` runs everything else.",
      `The order of the tests is ${options.seed}: --seed=${options.seed} repeats it.`,
      "",
      "",
    ].join("\n"),
  );
  const checks = await runChecks({ ...BUILD, ...CHECKS });
  const outcomes = [await runFiles(unit, options), await runFiles(testFiles(SMOKE), options)];
  printSummary(outcomes);
  return [checks, ...outcomes];
}

async function main(args: readonly string[]): Promise<number> {
  const { paths, options } = divide(args);
  const began = performance.now();
  const totals = sum(paths.length > 0 ? await runPaths(paths, options) : await runAll(options));
  process.stdout.write(`${Math.round((performance.now() - began) / 1000)} s\n`);
  const { passed, failed, skipped } = totals;
  process.stdout.write(`${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}\n`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = 70;
  endWith(await main(process.argv.slice(2)));
}

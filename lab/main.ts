/**
 * Proves with real programs that the recipes, the components and the scripts work. Installs the programs, runs them on our files against the local
 * emulator, and prints one line for each check and the totals.
 *
 * An argument selects the experiments whose name contains it. Experiments that take many minutes run only by name. `--list` prints the names,
 * `--install` only installs the programs, `--strict` fails on a skip that a package could prevent, and `--write` writes `docs/tested-on.md`.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { Bench, COMMAND } from "./bench.ts";
import { EXPERIMENTS } from "./experiments.ts";
import { exitCodeOf, provideAll, runLab, totalsLine, totalsOf } from "./runner.ts";
import { DOCUMENT, renderTestedOn } from "./tested_on.ts";
import { endWith, root } from "../tools/setup.mjs";

/** More than the cores of a small machine, because most experiments wait most of the time. */
const AT_ONCE = 5;

const FLAGS = ["--install", "--list", "--strict", "--write"];

const print = (line: string) => void process.stdout.write(`${line}\n`);

async function main(args: readonly string[]): Promise<number> {
  const nameFilters = args.filter((each) => !each.startsWith("--"));
  const unknown = args.find((each) => each.startsWith("--") && !FLAGS.includes(each));
  const write = args.includes("--write");
  const chosen = EXPERIMENTS.filter(({ name, byName = false }) =>
    nameFilters.length === 0 ? write || !byName : nameFilters.some((part) => name.includes(part))
  );
  if (args.includes("--list")) {
    for (const { name, tried } of chosen) print(`${name}: ${tried}`);
    return 0;
  }
  const isInstallation = args.includes("--install");
  const problem = unknown !== undefined
    ? `there is no flag "${unknown}"`
    : chosen.length === 0
    ? `no experiment is called like ${JSON.stringify(nameFilters)}: see --list`
    : write && nameFilters.length > 0
    ? "--write needs all experiments"
    : !isInstallation && !existsSync(COMMAND)
    ? "dist/mogplex.mjs is missing: run `npm run build`"
    : undefined;
  if (problem !== undefined) {
    process.stderr.write(`error: Cannot run the lab because ${problem}\n`);
    return 2;
  }
  // An installation blocks everything, including the clocks of experiments, so it is not part of the measured time.
  provideAll(chosen, print);
  if (isInstallation) return 0;
  const started = performance.now();
  const finished = await runLab(chosen, { print, atOnce: AT_ONCE });
  if (write) writeFileSync(join(root, DOCUMENT), renderTestedOn(finished, new Date().toISOString().slice(0, 10)));
  const totals = totalsOf(finished);
  print(`the lab took ${((performance.now() - started) / 1_000).toFixed(0)} s`);
  print(totalsLine(totals));
  return exitCodeOf(totals, args.includes("--strict"));
}

if (import.meta.main) {
  // The processes have their own sessions, so they receive no signal that is sent to this process.
  for (const [name, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    process.once(name, () => void Bench.closeAll().finally(() => process.exit(code)));
  }
  process.exitCode = 70;
  endWith(await main(process.argv.slice(2)));
}

/**
 * `npm run gate` runs the tests and checks that `npm test` omits: all cases of the property tests, `programs`, `matrix` without its smoke tests, and
 * some checks.
 *
 * Files that have passed without a skip are not run again until something that their result depends on changes. `--all` and CI run all files.
 * `--seed=N` repeats an order. `--after-test` omits the cases that `npm test` has just tried. If the kernel permits it, everything runs with empty
 * caches in a namespace whose only network is loopback, because nothing may be downloaded after `npm ci`.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { endWith, root, runtimes } from "./setup.mjs";
import { Keys, passedTests, remember } from "./testing/cache.ts";
import { BUILD, GATE_CHECKS, runChecks } from "./testing/checks.ts";
import { folderOf, type Layer, LAYERS, SMOKE, sum, testFiles, type Totals } from "./testing/progress.ts";
import { hasMoreCases, type Outcome, runFiles, type RunOptions, seedOf } from "./testing/run_files.ts";
import { missingPrograms, sourceOf, summaryOf } from "./testing/summary.ts";

const print = (line: string) => process.stdout.write(`${line}\n`);

const CUT_OFF = "MOGPLEX_TEST_CUT_OFF";

function withoutNetwork(): string[] | undefined {
  const own = process.getuid?.() === 0
    ? ["unshare", "--net"]
    : ["unshare", "--net", "--map-current-user", "--keep-caps"];
  const up = "{ ip link set lo up || busybox ip link set lo up; } 2>/dev/null";
  const line = [...own, "sh", "-c", `${up} && exec "$@"`, "sh"];
  return spawnSync(line[0] ?? "", [...line.slice(1), "true"], { stdio: "ignore" }).status === 0 ? line : undefined;
}

async function runCutOff(line: readonly string[]): Promise<number> {
  const empty = mkdtempSync(join(tmpdir(), "mogplex-caches-"));
  const env = { ...process.env, [CUT_OFF]: "1", DENO_DIR: join(empty, "deno"), XDG_CACHE_HOME: join(empty, "cache") };
  const [program = "", ...args] = [...line, runtimes.bun, "--no-env-file", ...process.argv.slice(1)];
  const child = spawn(program, args, { cwd: root, stdio: "inherit", env });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  const [code] = await once(child, "exit");
  rmSync(empty, { recursive: true, force: true });
  return code ?? 70;
}

function filesOf(layer: Layer): string[] {
  return testFiles(`tests/${layer}`).filter((file) => layer === "unit" ? hasMoreCases(file) : folderOf(file) !== SMOKE);
}

async function runLayers(
  layers: readonly Layer[],
  keys: Keys | undefined,
  options: RunOptions = { cases: "full" },
): Promise<Outcome[]> {
  const totals: Outcome[] = [];
  const open = new Map<string, string | undefined>();
  for (const [folder, files] of Map.groupBy(layers.flatMap(filesOf), folderOf)) {
    let [known, passed] = [0, 0];
    for (const file of files) {
      const key = await keys?.of(file);
      const tests = key === undefined ? undefined : passedTests(file, key);
      if (tests === undefined) open.set(file, key);
      else [known, passed] = [known + 1, passed + tests];
    }
    if (known === 0) continue;
    print(`cached ${folder}  ${known} of ${files.length} files, ${passed} tests (same tests, programs and files)`);
    totals.push({ passed, failed: 0, skipped: 0, cases: [] });
  }
  if (open.size === 0) return totals;
  const outcome = await runFiles([...open.keys()], options);
  // An error outside of tests is in no report. After such an error, no result is remembered.
  if (outcome.failed === outcome.cases.filter(({ end }) => end === "failed" || end === "innocent").length) {
    const clean = [...Map.groupBy(outcome.cases, ({ file }) => file)]
      .filter(([, cases]) => cases.every(({ end }) => end === "passed"));
    remember(Object.fromEntries(clean.flatMap(([file, cases]) => {
      const key = open.get(file);
      return key === undefined ? [] : [[file, { key, tests: cases.length }]];
    })));
  }
  return [...totals, outcome];
}

async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const value = await work();
  print(`${name} took ${Math.round((performance.now() - began) / 1000)} s`);
  return value;
}

async function main(args: readonly string[]): Promise<number> {
  const seed = seedOf(args);
  const tried = args.includes("--after-test") ? "rest" : "full";
  const fresh = args.includes("--all") || (process.env.CI ?? "") !== "";
  if (process.env[CUT_OFF] === undefined) {
    const known = fresh ? "all of them" : "except files that have already passed unchanged";
    print(`Runs the tests, ${known}: about ten minutes on two cores when nothing is cached.`);
    print(`The order of the property tests is ${seed}: --seed=${seed} repeats it.`);
    const line = withoutNetwork();
    if (line !== undefined) {
      // The build of a fresh checkout also runs without a network, because nothing may be downloaded after `npm ci`.
      process.argv.push(...args.some((each) => each.startsWith("--seed=")) ? [] : [`--seed=${seed}`]);
      return await runCutOff(line);
    }
    print("The kernel does not permit a namespace here, so the network stays reachable.");
  } else print("Only loopback is reachable, and the caches are empty.");
  const build = await runChecks(BUILD);
  if (build.failed > 0) return 1;
  const keys = fresh ? undefined : await Keys.make(LAYERS.flatMap(filesOf));
  // All at once: the checks and `unit` keep the cores busy while the other layers wait for their child processes.
  const [checks, ...layers] = await Promise.all([
    timed("checks", () => runChecks(GATE_CHECKS)),
    timed("programs and matrix", () => runLayers(["programs", "matrix"], keys)),
    timed("unit", () => runLayers(["unit"], keys, { cases: tried, seed })),
  ]);
  const outcomes = layers.flat();
  const cases = outcomes.flatMap((outcome) => outcome.cases);
  for (const line of summaryOf(cases, sourceOf, missingPrograms())) print(line);
  const parts: Totals[] = [build, checks, ...outcomes];
  const { passed, failed, skipped } = sum(parts);
  print(`${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = 70;
  endWith(await main(process.argv.slice(2)));
}

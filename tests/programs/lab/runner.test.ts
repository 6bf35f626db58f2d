import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root } from "../../../tools/setup.mjs";
import { Bench } from "../../../lab/bench.ts";
import { MissingError, NotPossibleError } from "../../../lab/check.ts";
import type { Experiment } from "../../../lab/experiment.ts";
import type { Program } from "../../../lab/programs.ts";
import { exitCodeOf, runExperiment, runLab, totalsLine, totalsOf } from "../../../lab/runner.ts";
import { until } from "../processes/world/recorder.ts";

const silent = { print: () => {} };

function experiment(run: Experiment["run"], more: Partial<Experiment> = {}): Experiment {
  return { name: "one", system: "A system", programs: [], tried: "it works", run, ...more };
}

/** The outcomes and reasons of an experiment's checks. */
async function checksOf(each: Experiment) {
  const { checks } = await runExperiment(each, silent);
  return checks.map(({ what, outcome, why }) => [what, outcome, why]);
}

test("runExperiment() keeps every check with its reason when some fail", async () => {
  const one = experiment((bench) => {
    bench.check("first", true, "not shown");
    bench.check("second", false, "it was 3");
    bench.notPossible("third", "no kernel");
    return Promise.resolve();
  });
  expect(await checksOf(one)).toEqual([
    ["first", "passed", ""],
    ["second", "failed", "it was 3"],
    ["third", "skipped", "not possible here: no kernel"],
  ]);
});

test("runExperiment() fails when an experiment checks nothing", async () => {
  expect(await checksOf(experiment(() => Promise.resolve()))).toEqual([["it works", "failed", "it checked nothing"]]);
});

test("runExperiment() keeps earlier checks and fails when an experiment throws", async () => {
  const one = experiment((bench) => {
    bench.check("first", true);
    return Promise.reject(new Error("it broke"));
  });
  expect(await checksOf(one)).toEqual([["first", "passed", ""], ["it works", "failed", "it broke"]]);
});

test("runExperiment() fails when an experiment is still at work at its limit, and ends its processes", async () => {
  let living = () => 1;
  const one = experiment(async (bench) => {
    living = () => bench.livingProcesses().length;
    await bench.run(["sleep", "600"]);
  }, { limitSeconds: 0.2 });
  expect(await checksOf(one)).toEqual([["it works", "failed", "it was still at work after 0.2 seconds: "]]);
  await until("its processes have ended", () => living() === 0);
});

test("runExperiment() keeps no process alive when a program leaves one behind that it cannot find", () => {
  const lab = `
    import { runExperiment } from ${JSON.stringify(join(root, "lab/runner.ts"))};
    const { checks } = await runExperiment({
      name: "one", system: "A system", programs: [], tried: "it works",
      async run(bench) {
        const { stdout } = await bench.run(["sh", "-c", "env -i sleep 600 & echo $!"]);
        bench.check(stdout.trim(), true);
      },
    }, { print() {} });
    console.log(checks[0].what);`;
  const line = ["--no-env-file", "--eval", lab];
  const { stdout, status, error } = spawnSync(process.execPath, line, { encoding: "utf8", timeout: 60_000 });
  process.kill(Number(stdout));
  expect([error, status]).toEqual([undefined, 0]);
});

test("runExperiment() skips when a program is missing, or when the machine forbids it", async () => {
  const program: Program = {
    name: "nothing",
    version: () => "1",
    isHere: () => false,
    provide() {
      throw new MissingError("nothing (Debian package nothing)");
    },
  };
  expect(await checksOf(experiment(() => Promise.resolve(), { programs: [program] }))).toEqual([
    ["it works", "skipped", "missing: nothing (Debian package nothing)"],
  ]);
  expect(await checksOf(experiment(() => Promise.reject(new NotPossibleError("no root"))))).toEqual([
    ["it works", "skipped", "not possible here: no root"],
  ]);
});

test("runExperiment() fails when the end of the bench fails, and keeps the checks", async () => {
  let folder = root;
  const one = experiment((bench) => {
    folder = bench.folder;
    bench.check("first", true);
    bench.atEnd(() => Promise.reject(new Error("it is busy")));
    return Promise.resolve();
  });
  expect(await checksOf(one)).toEqual([["first", "passed", ""], ["it works", "failed", "it is busy"]]);
  expect(existsSync(folder)).toBe(false);
});

test("runLab() prints one line for each check, and totalsOf() counts them", async () => {
  const lines: string[] = [];
  const finished = await runLab([
    experiment((bench) => Promise.resolve(bench.check("first", true))),
    experiment((bench) => Promise.resolve(bench.check("second", false, "no\n  more\n")), { name: "two" }),
    experiment(() => Promise.reject(new MissingError("a program")), { name: "three" }),
    experiment(() => Promise.reject(new NotPossibleError("no root")), { name: "four" }),
  ], { print: (line) => void lines.push(line) });
  expect(lines.filter((line) => !line.startsWith(" "))).toEqual([
    "ok   one: first",
    "FAIL two: second (no / more)",
    "skip three: it works (missing: a program)",
    "skip four: it works (not possible here: no root)",
  ]);
  expect(totalsOf(finished)).toEqual({ passed: 1, failed: 1, skipped: 2, notPossible: 1 });
  expect(totalsLine(totalsOf(finished))).toBe("1 passed, 1 failed, 2 skipped");
});

test("runLab() returns what it found in the order of the list when the longest starts first and some run at once", async () => {
  const began: string[] = [];
  const named = (name: string, limitSeconds: number) =>
    experiment((bench) => {
      began.push(name);
      bench.check(name, true);
      return Promise.resolve();
    }, { name, limitSeconds });
  const finished = await runLab([named("one", 5), named("two", 30), named("three", 10)], { ...silent, atOnce: 2 });
  expect(finished.map((each) => each.experiment.name)).toEqual(["one", "two", "three"]);
  expect(began).toEqual(["two", "three", "one"]);
});

test("exitCodeOf() is 0 only when something passed and nothing failed; strict counts skips that a package heals", () => {
  const totals = { passed: 3, failed: 0, skipped: 0, notPossible: 0 };
  expect(exitCodeOf(totals, false)).toBe(0);
  expect(exitCodeOf(totals, true)).toBe(0);
  expect(exitCodeOf({ ...totals, failed: 1 }, false)).toBe(1);
  expect(exitCodeOf({ ...totals, passed: 0 }, false)).toBe(1);
  expect(exitCodeOf({ ...totals, skipped: 1 }, false)).toBe(0);
  expect(exitCodeOf({ ...totals, skipped: 1 }, true)).toBe(1);
  expect(exitCodeOf({ ...totals, skipped: 1, notPossible: 1 }, true)).toBe(0);
});

test("Bench finds a process that left its session, and seen() says what was printed instead", async () => {
  const bench = new Bench();
  try {
    await bench.run(["sh", "-c", "setsid sleep 600 > /dev/null 2>&1 < /dev/null &"]);
    const linesNow = () => bench.livingProcesses().map(({ line }) => line).join();
    // Until it has replaced itself, the process is still `setsid`.
    await until("it sleeps", () => linesNow() === "sleep 600");
    await expect(bench.start(["echo", "another"]).seen(/this/)).rejects.toThrow("another");
  } finally {
    await bench.close();
  }
});

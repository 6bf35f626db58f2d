import { messageOf } from "../lib/error_sentence.ts";
import { Bench } from "./bench.ts";
import { type Check, MissingError, NOT_POSSIBLE, NotPossibleError } from "./check.ts";
import type { Experiment, Finished } from "./experiment.ts";

const DEFAULT_LIMIT_SECONDS = 90;

export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
  notPossible: number;
}

export interface RunnerOptions {
  print(line: string): void;
  atOnce?: number;
  open?: () => Bench;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function checkOf(error: unknown, experiment: Experiment): Check {
  const what = experiment.tried;
  if (error instanceof MissingError || error instanceof NotPossibleError) {
    return { what, outcome: "skipped", why: error.message };
  }
  return { what, outcome: "failed", why: messageOf(error) };
}

function provide({ programs }: Experiment, print: (line: string) => void): void {
  for (const program of programs) {
    if (program.isHere()) continue;
    const started = performance.now();
    program.provide();
    print(`     installed ${program.name} ${program.version()} (${seconds(performance.now() - started)})`);
  }
}

export function provideAll(experiments: readonly Experiment[], print: (line: string) => void): void {
  for (const experiment of experiments) {
    try {
      provide(experiment, print);
    } catch (error) {
      if (!(error instanceof MissingError)) throw error;
    }
  }
}

async function withLimit(experiment: Experiment, bench: Bench): Promise<void> {
  const { limitSeconds = DEFAULT_LIMIT_SECONDS } = experiment;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`it was still at work after ${limitSeconds} seconds: ${bench.lastOutput()}`)),
      limitSeconds * 1_000,
    );
  });
  try {
    await Promise.race([experiment.run(bench), limit]);
  } finally {
    clearTimeout(timer);
  }
}

export async function runExperiment(experiment: Experiment, options: RunnerOptions): Promise<Finished> {
  const { print, open = () => new Bench() } = options;
  let bench: Bench | undefined;
  const errors: unknown[] = [];
  let started = performance.now();
  try {
    provide(experiment, print);
    started = performance.now();
    bench = open();
    await withLimit(experiment, bench);
    if (bench.checks.length === 0) throw new Error("it checked nothing");
  } catch (error) {
    errors.push(error);
  }
  const checks = [...bench?.checks ?? []];
  try {
    await bench?.close();
  } catch (error) {
    errors.push(error);
  }
  checks.push(...errors.map((error) => checkOf(error, experiment)));
  return { experiment, checks, tookMs: performance.now() - started };
}

const WORDS = { passed: "ok  ", failed: "FAIL", skipped: "skip" };

function printFinished({ experiment, checks, tookMs }: Finished, print: (line: string) => void): void {
  for (const { what, outcome, why } of checks) {
    const reason = why === "" ? "" : ` (${why.trim().replace(/\s*\n\s*/g, " / ")})`;
    print(`${WORDS[outcome]} ${experiment.name}: ${what}${reason}`);
  }
  print(`     ${experiment.name} took ${seconds(tookMs)}`);
}

export async function runLab(experiments: readonly Experiment[], options: RunnerOptions): Promise<Finished[]> {
  const { print, atOnce = 1 } = options;
  const limit = (each: Experiment) => each.limitSeconds ?? DEFAULT_LIMIT_SECONDS;
  const waiting = [...experiments].sort((a, b) => limit(b) - limit(a));
  const found = new Map<Experiment, Finished>();
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const finished = await runExperiment(next, options);
      printFinished(finished, print);
      found.set(next, finished);
    }
  }));
  return experiments.flatMap((each) => found.get(each) ?? []);
}

export function totalsOf(finished: readonly Finished[]): Totals {
  const checks = finished.flatMap((each) => each.checks);
  const count = (outcome: Check["outcome"]) => checks.filter((check) => check.outcome === outcome).length;
  const notPossible = checks.filter(({ outcome, why }) => outcome === "skipped" && why.startsWith(NOT_POSSIBLE)).length;
  return { passed: count("passed"), failed: count("failed"), skipped: count("skipped"), notPossible };
}

export function totalsLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

export function exitCodeOf({ passed, failed, skipped, notPossible }: Totals, strict: boolean): number {
  if (failed > 0 || passed === 0) return 1;
  return strict && skipped > notPossible ? 1 : 0;
}

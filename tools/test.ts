/**
 * Proves a change: runs the static checks, then the tests, and prints one line of totals.
 *
 * `--only=tests` or `--only=checks` runs one half; other arguments go to `bun test` (names of files, `-t pattern`).
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { root, runtimes } from "./setup.mjs";

const { bun, deno } = runtimes;
const script = (file: string, ...args: string[]) => [bun, "--no-env-file", file, ...args];

// At least three files at once, even on two cores: many tests wait for processes. The time limit ends tests that hang; it is far above what
// a busy machine needs.
const AT_ONCE = [`--parallel=${Math.max(3, availableParallelism())}`, "--timeout=60000"];

/**
 * Command lines of the static checks by name, in the order in which they run. Deno checks the whole tree where no path is given, but for the
 * paths in `exclude` of deno.json.
 */
export const CHECKS: Readonly<Record<string, readonly string[]>> = {
  "format": [deno, "fmt", "--check", "--quiet"],
  "lint": [deno, "lint", "--quiet"],
  "types": [deno, "check", "--quiet"],
  "docs lint": script("tools/docs/docs_lint.ts"),
  "doc examples": [deno, "test", "--doc", "--quiet", "mod.ts", "lib"],
  // Before the build, which would rewrite the files that have drifted.
  "build drift and limits": script("tools/build.ts", "--check"),
  "build": script("tools/build.ts"),
  "publish dry run": [deno, "publish", "--dry-run", "--allow-dirty", "--quiet"],
};

/** Numbers of tests and checks. */
export interface Totals {
  /** Tests that passed. */
  passed: number;
  /** Tests that failed. */
  failed: number;
  /** Tests that were skipped because a program is not installed. */
  skipped: number;
}

/** Reads the totals from the root element of a JUnit report by `bun test`. @throws when they are missing. */
export function readTotals(junit: string): Totals {
  const head = /<testsuites\b[^>]*>/.exec(junit)?.[0] ?? "";
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? Number.NaN);
  const [tests, failed, skipped] = [count("tests"), count("failures"), count("skipped")];
  if (![tests, failed, skipped].every(Number.isInteger)) {
    throw new Error(`Cannot read test totals: the report starts with ${JSON.stringify(junit.slice(0, 80))}`);
  }
  return { passed: tests - failed - skipped, failed, skipped };
}

function runChecks(): Totals {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  for (const [name, [program = "", ...args]] of Object.entries(CHECKS)) {
    const started = performance.now();
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: root,
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
      maxBuffer: 64 * 1024 * 1024,
    });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    totals[status === 0 ? "passed" : "failed"]++;
    process.stdout.write(`${status === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)\n`);
    if (status !== 0) process.stdout.write(`${stdout}${stderr}\n`);
  }
  return totals;
}

function runTests(args: readonly string[]): Totals {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-tests-"));
  const report = join(folder, "junit.xml");
  try {
    const { status } = spawnSync(
      bun,
      ["--no-env-file", "test", ...AT_ONCE, "--reporter=junit", `--reporter-outfile=${report}`, ...args],
      { cwd: root, stdio: "inherit" },
    );
    const totals = readTotals(readFileSync(report, "utf8"));
    // Bun does not count an error outside of tests as a failure, but exits with a code for it.
    if (status !== 0 && totals.failed === 0) totals.failed = 1;
    return totals;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function main(args: readonly string[]): number {
  const only = args.find((each) => each.startsWith("--only="))?.slice("--only=".length);
  const rest = args.filter((each) => !each.startsWith("--only="));
  const parts: Totals[] = [];
  if (only !== "tests" && rest.length === 0) parts.push(runChecks());
  if (only !== "checks") parts.push(runTests(rest));
  const sum = (key: keyof Totals) => parts.reduce((total, part) => total + part[key], 0);
  const skipped = sum("skipped");
  process.stdout.write(
    `${sum("passed")} passed, ${sum("failed")} failed${skipped === 0 ? "" : `, ${skipped} skipped`}\n`,
  );
  return sum("failed") === 0 ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = 70;
  process.exitCode = main(process.argv.slice(2));
}

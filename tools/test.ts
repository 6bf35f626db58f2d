/**
 * Proves a change: runs the static checks, then the tests, and prints failures, skips with their reasons, the slowest files, and one line
 * of totals.
 *
 * `--only=tests` or `--only=checks` runs one half, `--all` prints the tests that pass as well; other arguments go to `bun test` (names of
 * files, `-t pattern`).
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import process from "node:process";
import { root, runtimes } from "./setup.mjs";
import { readCases, readTotals, summaryOf, type Totals } from "./test_summary.ts";

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

/** Programs that the gate installs for tests, and this machine does not have. Source: `.ci/run`, the list of `program:package`. */
function missingPrograms(): string[] {
  const gate = readFileSync(join(root, ".ci/run"), "utf8");
  const list = /^for pair in ([^]*?); do$/m.exec(gate)?.[1] ?? "";
  const path = (process.env.PATH ?? "").split(delimiter);
  return list.split(/[\s\\]+/).map((pair) => pair.split(":")[0] ?? "").filter((name) =>
    name !== "" && !path.some((folder) => existsSync(join(folder, name)))
  );
}

/** Reads a test file; a report has paths below the checkout. */
function sourceOf(file: string): string {
  const path = resolve(root, file);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

/** Runs a command with this process's streams, and says every minute that it still runs. */
async function attended([program = "", ...args]: readonly string[], env: NodeJS.ProcessEnv): Promise<number | null> {
  const child = spawn(program, args, { cwd: root, stdio: "inherit", env });
  let minutes = 0;
  const timer = setInterval(() => process.stdout.write(`tests run for ${++minutes} min\n`), 60_000);
  try {
    const [code] = await once(child, "exit");
    return code;
  } finally {
    clearInterval(timer);
  }
}

async function runTests(args: readonly string[]): Promise<Totals> {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-tests-"));
  const report = join(folder, "junit.xml");
  const shown = args.includes("--all") ? [] : ["--only-failures"];
  const given = args.filter((each) => each !== "--all");
  try {
    const reporter = ["--reporter=junit", `--reporter-outfile=${report}`];
    // Runs of the tests do not belong into the list of what somebody has started on this machine.
    const env = { ...process.env, XDG_STATE_HOME: folder };
    const status = await attended([bun, "--no-env-file", "test", ...AT_ONCE, ...shown, ...reporter, ...given], env);
    const junit = readFileSync(report, "utf8");
    const totals = readTotals(junit);
    for (const line of summaryOf(readCases(junit), sourceOf, missingPrograms())) process.stdout.write(`${line}\n`);
    // Bun does not count an error outside of tests as a failure, but exits with a code for it.
    if (status !== 0 && totals.failed === 0) totals.failed = 1;
    return totals;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(args: readonly string[]): Promise<number> {
  const only = args.find((each) => each.startsWith("--only="))?.slice("--only=".length);
  const rest = args.filter((each) => !each.startsWith("--only="));
  const parts: Totals[] = [];
  if (only !== "tests" && rest.every((each) => each === "--all")) parts.push(runChecks());
  if (only !== "checks") parts.push(await runTests(rest));
  const sum = (key: keyof Totals) => parts.reduce((total, part) => total + part[key], 0);
  const skipped = sum("skipped");
  process.stdout.write(
    `${sum("passed")} passed, ${sum("failed")} failed${skipped === 0 ? "" : `, ${skipped} skipped`}\n`,
  );
  return sum("failed") === 0 ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = 70;
  process.exitCode = await main(process.argv.slice(2));
}

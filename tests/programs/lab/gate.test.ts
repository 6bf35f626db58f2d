/** The gate in CI, with programs that stand in for npm and apt-get. */
import { afterAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { root } from "../../../tools/setup.mjs";

const folder = mkdtempSync(join(tmpdir(), "mogplex-gate-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function program(name: string, text: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(folder, name), 0o755);
}

const NOTHING: [string, number] = ["0 passed, 0 failed", 0];

/**
 * Runs it; tests, lab and gate print some text and end with some code.
 *
 * @param first A command that the tests start with.
 * @param installation Commands that install the programs of the lab.
 * @returns Its lines and its exit code.
 */
function run(
  tests: [string, number],
  lab: [string, number],
  rest = NOTHING,
  first = "",
  installation = "exit 0",
): [string[], number | null] {
  for (const name of ["apt-get", "sudo"]) program(name, "exit 0");
  const says = ([text, code]: [string, number]) => `cat <<'EOF'\n${text}\nEOF\nexit ${code}`;
  program(
    "npm",
    `echo "$*" >>'${join(folder, "calls")}'\ncase $*" " in test*)\n${first}${says(tests)}\n;; *" gate "*)\n${
      says(rest)
    }\n;; ` +
      `*" --install ")\n${installation}\n;; *)\n${says(lab)}\n;; esac`,
  );
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
  const { stdout, status } = spawnSync("bash", [join(root, ".ci/run")], { encoding: "utf8", env, timeout: 60_000 });
  return [stdout.trim().split("\n"), status];
}

/** The same. @returns Its last line and its exit code. */
function gate(...its: Parameters<typeof run>): [string, number | null] {
  const [lines, code] = run(...its);
  return [lines.at(-1) ?? "", code];
}

const GOOD: [string, number] = ["100 passed, 0 failed", 0];
const LAB: [string, number] = ["10 passed, 0 failed, 0 skipped", 0];

test(".ci/run adds the totals of tests and lab, and passes when both pass", () => {
  expect(gate(GOOD, LAB)).toEqual(["110 passed, 0 failed", 0]);
});

test(".ci/run fails when tests or lab fail, whatever they print", () => {
  expect(gate(["99 passed, 1 failed", 1], LAB)).toEqual(["109 passed, 1 failed", 1]);
  expect(gate(GOOD, ["8 passed, 2 failed, 0 skipped", 1])).toEqual(["108 passed, 2 failed", 1]);
  expect(gate(["100 passed, 0 failed", 7], LAB)).toEqual(["110 passed, 1 failed", 1]);
  expect(gate(["it broke", 70], LAB)).toEqual(["10 passed, 1 failed", 1]);
  expect(gate(GOOD, ["it broke", 0])).toEqual(["100 passed, 1 failed", 1]);
});

test(".ci/run adds the totals of the gate, and fails when it fails or skips", () => {
  expect(gate(GOOD, LAB, ["5 passed, 0 failed", 0])).toEqual(["115 passed, 0 failed", 0]);
  expect(gate(GOOD, LAB, ["5 passed, 1 failed", 1])).toEqual(["115 passed, 1 failed", 1]);
  expect(gate(GOOD, LAB, ["5 passed, 0 failed, 2 skipped", 0])).toEqual(["115 passed, 2 failed", 1]);
});

test(".ci/run lets the gate leave out what npm test has tried, unless that failed", () => {
  const calls = join(folder, "calls");
  const gateAfter = (tests: [string, number]) => {
    rmSync(calls, { force: true });
    run(tests, LAB);
    return readFileSync(calls, "utf8").split("\n").filter((line) => line.includes(" gate"));
  };
  expect(gateAfter(GOOD)).toEqual(["run --silent gate -- --after-test"]);
  expect(gateAfter(["99 passed, 1 failed", 1])).toEqual(["run --silent gate"]);
});

test(".ci/run repeats what failed before its last line", () => {
  const tests = "FAIL tests/unit/a.test.ts\n(fail) a() fails\n99 passed, 1 failed";
  const [lines] = run([tests, 1], ["FAIL act: it works (it does not)\n9 passed, 1 failed, 0 skipped", 1]);
  expect(lines.slice(-4)).toEqual([
    "lab:FAIL act: it works (it does not)",
    "tests:FAIL tests/unit/a.test.ts",
    "tests:(fail) a() fails",
    "108 passed, 2 failed",
  ]);
});

test(".ci/run ends when a program leaves a process behind that holds its output", () => {
  const left = join(folder, "left");
  program("leave", `sleep 600 & echo $! > ${left}`);
  const [line, code] = gate(GOOD, LAB, NOTHING, `${join(folder, "leave")}\n`);
  process.kill(Number(readFileSync(left, "utf8")));
  expect([line, code]).toEqual(["110 passed, 0 failed", 0]);
});

test(".ci/run installs the programs of the lab while the tests run, and prints that before the lab starts", () => {
  const meeting = join(folder, "meeting");
  spawnSync("mkfifo", [meeting]);
  // Each waits for the other one.
  const installation = `echo now > ${meeting}\ncat < ${meeting}\nexit 1`;
  const first = `cat < ${meeting}\necho "     installed act" > ${meeting}\n`;
  const [lines, code] = run(GOOD, LAB, NOTHING, first, installation);
  expect(lines.map((line) => line.replace(/\d+ s$/, "N s"))).toEqual([
    "now",
    "100 passed, 0 failed",
    "tests took N s",
    "0 passed, 0 failed",
    "gate took N s",
    "     installed act",
    "10 passed, 0 failed, 0 skipped",
    "lab took N s",
    "110 passed, 0 failed",
  ]);
  expect(code).toBe(0);
});

test(".ci/run counts a skip as a failure, unless the lab says that it is not possible here", () => {
  expect(gate(["99 passed, 0 failed, 1 skipped", 0], LAB)).toEqual(["109 passed, 1 failed", 1]);
  const forbidden = "skip docker: it works (not possible here: a Docker daemon needs root)";
  expect(gate(GOOD, [`${forbidden}\n9 passed, 0 failed, 1 skipped`, 0])).toEqual(["109 passed, 0 failed", 0]);
  const missing = "skip shells: zsh (missing: zsh (Debian package zsh))";
  expect(gate(GOOD, [`${forbidden}\n${missing}\n8 passed, 0 failed, 2 skipped`, 0])).toEqual([
    "108 passed, 1 failed",
    1,
  ]);
});

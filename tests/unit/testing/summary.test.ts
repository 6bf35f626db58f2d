import { expect, test } from "bun:test";
import { readCases, skipReason, summaryOf, withInnocent } from "../../../tools/testing/summary.ts";

const JUNIT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="4" assertions="3" failures="1" skipped="1" time="0.3">
  <testsuite name="a.test.ts" file="a.test.ts" tests="3" time="0.02">
    <testcase name="a" classname="" time="0.5" file="a.test.ts" line="2" assertions="1" />
    <testcase name="b &lt;x&gt; &quot;y&quot;" classname="" time="0.25" file="a.test.ts" line="3" assertions="1">
      <failure type="Error" message="boom &lt;skipped">Error: boom</failure>
    </testcase>
    <testcase name="c" classname="" time="0" file="a.test.ts" line="2" assertions="0">
      <skipped />
    </testcase>
  </testsuite>
  <testsuite name="b.test.ts" file="b.test.ts" tests="1" time="0.2">
    <testcase name="ok" classname="" time="2" file="b.test.ts" line="2" assertions="0" />
  </testsuite>
</testsuites>`;

test("readCases() reads every test with its place and its end", () => {
  expect(readCases(JUNIT)).toEqual([
    { file: "a.test.ts", line: 2, name: "a", end: "passed", seconds: 0.5 },
    { file: "a.test.ts", line: 3, name: 'b <x> "y"', end: "failed", seconds: 0.25 },
    { file: "a.test.ts", line: 2, name: "c", end: "skipped", seconds: 0 },
    { file: "b.test.ts", line: 2, name: "ok", end: "passed", seconds: 2 },
  ]);
});

test("skipReason() finds the condition of a skip, and what its names stand for", () => {
  const source = `const HAS = which("jq") !== undefined;
test.skipIf(!HAS)("a", () => {});
const shell = test.skipIf(!isInstalled("zsh"));
shell("b", () => {});
test.skipIf(
  !HAS || process.platform !== "linux",
)("c", () => {});
(HAS ? test.concurrent : test.skip)("d", () => {});
test("e", () => {});
`;
  expect([2, 4, 5, 8, 9].map((line) => skipReason(source, line))).toEqual([
    '!HAS; HAS = which("jq") !== undefined',
    '!isInstalled("zsh")',
    '!HAS || process.platform !== "linux"; HAS = which("jq") !== undefined',
    'HAS; HAS = which("jq") !== undefined',
    "see the test",
  ]);
});

test("withInnocent() marks a failure whose test passes alone, and summaryOf() names it apart", () => {
  const failure = { file: "a.test.ts", line: 3, name: "a", end: "failed", seconds: 1 } as const;
  const other = { ...failure, line: 9, name: "b" };
  const cases = withInnocent([failure, other], [{ ...failure, end: "passed" }, other]);
  expect(cases).toEqual([{ ...failure, end: "innocent" }, other]);
  expect(summaryOf(cases, () => "", [])).toEqual([
    "",
    "Failed (1); see the output above:",
    "  a.test.ts:9  b",
    "",
    "Passed alone (1); another file in the same process left a rejection or changed something:",
    "  a.test.ts:3  a",
    "",
  ]);
});

test("summaryOf() names failures, skips with their reasons and missing programs, and the slowest files", () => {
  const source = 'import "x";\ntest.skipIf(!isInstalled("jq"))("c", () => {});\n';
  expect(summaryOf(readCases(JUNIT), () => source, ["jq"])).toEqual([
    "",
    "Failed (1); see the output above:",
    '  a.test.ts:3  b <x> "y"',
    "",
    "Skipped (1); not installed here: jq:",
    "  a.test.ts:2  c",
    '      because of !isInstalled("jq")',
    "",
    "Slowest files, by the time of their tests:",
    "     2.0 s  b.test.ts",
    "     0.8 s  a.test.ts",
    "",
  ]);
});

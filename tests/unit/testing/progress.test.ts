import { expect, test } from "bun:test";
import { commandFor, folderOf, Progress, testFiles } from "../../../tools/testing/progress.ts";

/** What is printed for the lines of `bun test`, and the totals. */
function printed(files: readonly string[], lines: readonly string[], all = false) {
  const out: string[] = [];
  const progress = new Progress(files, (line) => out.push(line), all);
  for (const line of lines) progress.take(line);
  return { out, totals: progress.totals };
}

const A = "tests/unit/api/a.test.ts";
const B = "tests/unit/api/calls/b.test.ts";
const C = "tests/unit/c.test.ts";

test("folderOf() gives the folder below the layer, or the layer itself", () => {
  expect([A, B, C].map(folderOf)).toEqual(["tests/unit/api", "tests/unit/api", "tests/unit"]);
});

test("commandFor() quotes a name for the shell, and for the pattern of bun test", () => {
  expect(commandFor(A, "get() isn't $HOME (1.5)")).toBe(
    `npm test -- ${A} -t 'get\\(\\) isn'\\''t \\$HOME \\(1\\.5\\)'`,
  );
});

test("Progress prints a folder when all its files are done, and counts each test once", () => {
  const lines = [
    "bun test v1.4.5",
    "",
    `${A}:`,
    "noise of a test",
    "(pass) one [1500.00ms]",
    "(skip) two",
    "",
    `${B}:`,
    "(pass) three",
    `@done ${A}`,
    "",
    `${C}:`,
    "(pass) four [2.00ms]",
    `@done ${C}`,
    `${B}:`,
    "(pass) five [500.00ms]",
    `@done ${B}`,
    " 3 pass",
    " 1 skip",
    " 0 fail",
  ];
  expect(printed([A, B, C], lines)).toEqual({
    out: ["done tests/unit (0.0 s)", "done tests/unit/api (2.0 s)"],
    totals: { passed: 4, failed: 0, skipped: 1 },
  });
});

test("Progress prints a failure at once with its output and its command, and not again at the end", () => {
  const lines = [
    `${C}:`,
    "(pass) one",
    "error: expected 1",
    "(fail) two [0.10ms]",
    "",
    "1 tests failed:",
    "(fail) two [0.10ms]",
    " 1 pass",
  ];
  expect(printed([C], lines)).toEqual({
    out: [
      `FAIL ${C}`,
      "error: expected 1",
      "(fail) two [0.10ms]",
      `     alone: npm test -- ${C} -t 'two'`,
    ],
    totals: { passed: 1, failed: 1, skipped: 0 },
  });
});

test("Progress counts a file that does not load as a failure", () => {
  const lines = [
    `${C}:`,
    "",
    "# Unhandled error between tests",
    "error: Cannot find module",
    `${A}:`,
    "(pass) one",
    " 1 pass",
  ];
  const { out, totals } = printed([A, C], lines);
  expect(totals).toEqual({ passed: 1, failed: 1, skipped: 0 });
  expect(out).toContain(`     alone: npm test -- ${C}`);
});

test("Progress prints everything when it is asked to", () => {
  expect(printed([C], [`${C}:`, "said by a test", "(pass) one", " 1 pass"], true).out).toEqual([
    "said by a test",
    "(pass) one",
  ]);
});

test("testFiles() finds a file, the files of a folder, and none where nothing is", () => {
  const own = "tests/unit/testing/progress.test.ts";
  expect(testFiles(own)).toEqual([own]);
  expect(testFiles("tests/unit/testing")).toContain(own);
  expect(testFiles("tests/unit/no_such_folder")).toEqual([]);
  expect(testFiles("tests/unit/no_such_file.test.ts")).toEqual([]);
});

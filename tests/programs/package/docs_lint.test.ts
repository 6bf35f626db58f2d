import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Finding, lintDocs, readFindings, relevant } from "../../../tools/docs/docs_lint.ts";
import { root, runtimes } from "../../../tools/setup.mjs";
import { runToEnd } from "./runtimes.ts";

const OUTPUT = `error[missing-jsdoc]: exported symbol is missing JSDoc documentation
 --> /project/lib/errors.ts:8:12
  |
8 |   override name = "MyError";
  |            ^

error[private-type-ref]: public type 'f' references private type 'Hidden'
  --> /project/mod.ts:12:17
   |
12 | export function f(): Hidden {}
   |                 ^

error: Found 2 documentation lint errors.

Stack backtrace:
   0: <unknown>
`;

const DOCUMENTED = `/** An error. */
export class MyError extends Error {
  override name = "MyError";
  /** Why it was thrown. */
  why: string;
  constructor(why: string) {
    super(why);
    this.why = why;
  }
}
`;

let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-docs-lint-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function module(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("readFindings() reads rule, place and text of each finding, and leaves the total out", () => {
  const findings = readFindings(OUTPUT);
  expect(findings.map(({ rule, file, line }) => [rule, file, line])).toEqual([
    ["missing-jsdoc", "/project/lib/errors.ts", 8],
    ["private-type-ref", "/project/mod.ts", 12],
  ]);
  expect(findings[1]?.text).toStartWith("error[private-type-ref]: public type");
  expect(findings[1]?.text).toEndWith("^");
});

test("readFindings() finds nothing when the linter has nothing to say, or another error", () => {
  expect(readFindings("Checked 1 file\n")).toEqual([]);
  expect(readFindings("error: Module not found.\n")).toEqual([]);
});

test("relevant() drops missing documentation of constructors and of a class's own name, and nothing else", () => {
  const lines = [
    `  override name = "MyError";`,
    "  constructor(why: string) {",
    "  override namesake = 1;",
    "  reconstructor() {}",
    "export function f() {}",
  ];
  const finding = (rule: string, line: number): Finding => ({ rule, file: "a.ts", line, text: "" });
  const all = ["missing-jsdoc", "private-type-ref"].flatMap((rule) => lines.map((_, index) => finding(rule, index)));
  const left = relevant(all, (_, line) => lines[line] ?? "");
  expect(left.map(({ rule, line }) => [rule, line])).toEqual([
    ...[2, 3, 4].map((line) => ["missing-jsdoc", line]),
    ...[0, 1, 2, 3, 4].map((line) => ["private-type-ref", line]),
  ]);
});

test("lintDocs() finds nothing when everything public is documented, but for a constructor and a name", () => {
  expect(lintDocs(module("documented.ts", DOCUMENTED))).toEqual([]);
});

test("lintDocs() finds each public symbol without documentation, also in a module that is exported from another one", () => {
  module("deep.ts", `${DOCUMENTED}export function naked(): void {}\nfunction hidden(): void {}\nhidden();\n`);
  const found = lintDocs(module("outer.ts", `export * from "./deep.ts";\n/** A type. */\nexport type A = { a: 1 };\n`));
  expect(found).toHaveLength(1);
  expect(found[0]).toContain("error[missing-jsdoc]");
  expect(found[0]).toContain("export function naked(): void {}");
});

test("lintDocs() throws when the module cannot be read", () => {
  expect(() => lintDocs(join(folder, "absent.ts"))).toThrow("Cannot read the docs lint");
  expect(() => lintDocs(module("broken.ts", "export const x = ;\n"))).toThrow("Cannot read the docs lint");
});

test("docs_lint.ts ends with 1 and prints the finding when a symbol has no documentation, else with 0", () => {
  const lint = (path: string) =>
    runToEnd([runtimes.bun, "--no-env-file", join(root, "tools/docs/docs_lint.ts"), path], { cwd: root });
  const { code, stdout, stderr } = lint(module("naked.ts", "export const naked = 1;\n"));
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("export const naked = 1;");
  expect(lint(module("documented.ts", DOCUMENTED))).toEqual({ code: 0, stdout: "", stderr: "" });
});

import { expect, test } from "bun:test";
import { pathsIn } from "../../../tools/testing/paths.ts";

const FILES = new Set([
  "docs",
  "docs/a.md",
  "examples",
  "examples/shell",
  "examples/shell/run.sh",
  "tests/unit/x",
  "dist",
  "dist/mogplex.mjs",
  "README.md",
]);
const named = (text: string) => pathsIn("tests/unit/x/y.test.ts", text, (path) => FILES.has(path));

test("pathsIn() finds files, folders and built programs that a source names", () => {
  expect(named(`read("docs/a.md"); built("mogplex.mjs"); join(root, "README.md");`)).toEqual([
    "README.md",
    "dist/mogplex.mjs",
    "docs/a.md",
  ]);
});

test("pathsIn() takes the folder of a name that is made while the test runs", () => {
  expect(named("read(`examples/shell/${name}`)")).toEqual(["examples/shell"]);
  expect(named("read(`examples/${name}.sh`)")).toEqual(["examples"]);
});

test("pathsIn() resolves a path that begins at the test's own folder", () => {
  expect(named("`${import.meta.dir}/../../../docs/a.md`")).toContain("docs/a.md");
});

test("pathsIn() finds nothing in words", () => {
  expect(named(`expect("hello").toBe("a/b"); "..", "."`)).toEqual([]);
});

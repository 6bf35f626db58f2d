import { expect, test } from "bun:test";
import { pathsIn, speaksOfCampaigns, withoutParts } from "../../../tools/testing/paths.ts";

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

test("pathsIn() takes the test's own folder where the test reads it, or a file of it whose name is made while it runs", () => {
  expect(named("readdirSync(import.meta.dir)")).toEqual(["tests/unit/x"]);
  expect(named("read(`${import.meta.dir}/${name}`); join(import.meta.dir, name)")).toEqual(["tests/unit/x"]);
  expect(named('join(import.meta.dir, "../../../docs/a.md")')).toEqual(["docs/a.md"]);
});

test("speaksOfCampaigns() finds the word in the path or the text of what a test is, not in what the package is", () => {
  const speaks = (path: string, text = "") => speaksOfCampaigns(path, () => text);
  expect([speaks("tests/unit/campaign/x.test.ts"), speaks("docs/x.md", "A Campaign"), speaks("x.ts", "of VERBS)")])
    .toEqual([true, true, true]);
  expect([speaks("tests/x.test.ts", "verbs"), speaks("lib/campaign/x.ts"), speaks("dist/campaigns.mjs")])
    .toEqual([false, false, false]);
  expect(speaks("deno.json", "campaigns.ts")).toBe(false);
});

test("withoutParts() drops the parts of the sources that are left out, and nothing after them", () => {
  const text = "#!/usr/bin/env node\n// lib/a.ts\na();\n// lib/b.ts\nb();\n// a word\n" +
    "// node_modules/zod/c.js\nc();\n// lib/d.ts\nd();\n";
  const without = withoutParts(text, (source) => source === "lib/b.ts");
  expect(without).toBe(text.replace("// lib/b.ts\nb();\n// a word\n", ""));
});

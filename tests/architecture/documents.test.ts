import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EXIT, EXIT_TABLE } from "../../lib/exit_codes.ts";
import { VARIABLES } from "../../lib/variables.ts";
import { VERSION } from "../../lib/version.ts";
import { withParts } from "../../tools/docs.ts";

const root = join(import.meta.dir, "../..");
const read = (name: string) => readFileSync(join(root, name), "utf8");

test("README.md has the tables that the constants make", () => {
  expect(withParts(read("README.md"))).toBe(read("README.md"));
});

test("README.md stays readable in one go when it has at most 200 lines", () => {
  expect(read("README.md").split("\n").length).toBeLessThanOrEqual(201);
});

test("EXIT_TABLE documents every code of EXIT when both are compared", () => {
  const documented = EXIT_TABLE.flatMap(({ code }) => code.split("/").map(Number)).sort((a, b) => a - b);
  expect(documented).toEqual(Object.values(EXIT).sort((a, b) => a - b));
});

test("VARIABLES has no name twice when it is read as a set", () => {
  const names = VARIABLES.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
});

test("VARIABLES lists every MOGPLEX variable that the sources read", () => {
  const known = new Set(VARIABLES.map(({ name }) => name));
  const sources = [...new Bun.Glob("lib/{api,cli,http,platforms,report,runs}/**/*.ts").scanSync(root)];
  const read = sources.flatMap((file) =>
    [...readFileSync(join(root, file), "utf8").matchAll(/env\(\s*"(MOGPLEX_\w+)"/g)].map((match) => match[1] ?? "")
  );
  expect([...new Set(read)].filter((name) => !known.has(name))).toEqual([]);
});

test("all versions agree when package.json, deno.json, the constant and the changelog are compared", () => {
  const newest = /^## (\d+\.\d+\.\d+)/m.exec(read("CHANGELOG.md"))?.[1];
  const lock = JSON.parse(read("package-lock.json"));
  const versions = [JSON.parse(read("package.json")).version, JSON.parse(read("deno.json")).version, newest];
  expect([...versions, lock.version]).toEqual([VERSION, VERSION, VERSION, VERSION]);
});

test("deno.json imports the same versions as package.json", () => {
  const { devDependencies } = JSON.parse(read("package.json"));
  for (const [name, target] of Object.entries<string>(JSON.parse(read("deno.json")).imports)) {
    expect(`${name}: ${target}`).toBe(`${name}: npm:${name}@${devDependencies[name]}`);
  }
});

test("package-lock.json names no registry when it is committed", () => {
  expect(read("package-lock.json")).not.toMatch(/"resolved": "https?:/);
});

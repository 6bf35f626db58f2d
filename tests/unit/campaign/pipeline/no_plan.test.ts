import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

const root = new URL("../../../..", import.meta.url).pathname;

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const path = `${folder}/${name}`;
    return statSync(join(root, path)).isDirectory() ? filesIn(path) : [path];
  });
}

/** Everything from which jobs are made that repeat: recipes, components, the scripts of generated waves. */
const SOURCES = ["examples", "components", "lib/campaign/pipeline", "action"].flatMap(filesIn)
  .filter((path) => /\.(?:yml|yaml|sh|ts|mjs|md|kts)$|Jenkinsfile/.test(path) && !path.endsWith("main.mjs"));

test("no job that repeats plans by itself: no recipe and no generated wave gives --plan to advance", () => {
  const all = SOURCES.map((path) => [path, readFileSync(join(root, path), "utf8")] as const);
  expect(all.filter(([, text]) => /\badvance\b/.test(text)).length).toBeGreaterThan(4);
  expect(all.filter(([, text]) => /--plan\b/.test(text)).map(([path]) => path)).toEqual([]);
});

test("every recipe that makes waves by a schedule ends with 2 when there is no plan", () => {
  const recipes = SOURCES.filter((path) => path.startsWith("examples/") && /\.(?:yml|sh)$/.test(path))
    .map((path) => [path, readFileSync(join(root, path), "utf8")] as const)
    .filter(([, text]) => /campaign advance/.test(text));
  expect(recipes.length).toBeGreaterThan(3);
  const without = recipes.filter(([, text]) => {
    const before = text.slice(0, text.search(/campaign advance/));
    return !/lock\.json[\s\S]*exit 2|campaign status [^\n]*\|\| exit/.test(before);
  });
  expect(without.map(([path]) => path)).toEqual([]);
});

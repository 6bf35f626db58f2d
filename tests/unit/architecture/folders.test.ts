import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { root } from "../../../tools/setup.mjs";
import { importsIn, sources, textOf } from "./imports.ts";
import { CAPTIONS, TEST_CAPTIONS } from "../../../tools/docs/layout.ts";
import { LAYERS } from "../../../tools/testing/progress.ts";

const CODE = ["ts", "mjs"];

/** The folders with code at or below a folder, sorted. */
function foldersOf(folder: string): string[] {
  return [...new Set(sources(folder, CODE).map((file) => dirname(file)))].sort();
}

test("every folder of lib has a caption, and every caption has its folder", () => {
  const advice = "Change CAPTIONS in tools/docs/layout.ts, then run `npm run docs`";
  expect(Object.keys(CAPTIONS).sort(), advice).toEqual(foldersOf("lib"));
  for (const caption of Object.values(CAPTIONS)) expect(caption.length).toBeGreaterThan(10);
});

test("tests has the three layers, their shared files, and the recorded exchanges", () => {
  const names = readdirSync(join(root, "tests")).sort();
  const advice = "A test belongs to unit, programs or matrix: see CONTRIBUTING.md, Tests";
  expect(names, advice).toEqual([
    "built.ts",
    "conformance",
    "matrix",
    "preload.ts",
    "programs",
    "property_runs.ts",
    "timings.json",
    "unit",
  ]);
});

test("every folder of a layer mirrors one of lib, or has a caption of its own", () => {
  const top = LAYERS.flatMap((layer) =>
    readdirSync(join(root, "tests", layer), { withFileTypes: true }).filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  );
  const own = [...new Set(top)].filter((name) => !existsSync(join(root, "lib", name)));
  const advice = "Name it as the folder of lib that it tests, or change TEST_CAPTIONS in tools/docs/layout.ts";
  expect(own.sort(), advice).toEqual(Object.keys(TEST_CAPTIONS).sort());
});

test("a folder of tests/unit that mirrors one of lib has no sub-folder that lib lacks", () => {
  const mirrors = foldersOf("tests/unit").filter((folder) =>
    existsSync(join(root, "lib", folder.split("/")[2] ?? "no folder"))
  );
  expect(mirrors.length).toBeGreaterThan(15);
  const own = new Set(foldersOf("lib"));
  const strange = mirrors.filter((folder) => !own.has(folder.replace(/^tests\/unit/, "lib")));
  expect(strange, "lib has no such folder: put the tests where lib has their subject").toEqual([]);
});

/** This file tries that what it imports is refused. */
const HERE = "tests/unit/architecture/folders.test.ts";

/** What starts a child, opens a socket, bundles, or drives a browser. */
const OUTSIDE =
  /^(node:(child_process|cluster|dgram|http|http2|https|net|tls|worker_threads)|esbuild|playwright-core)$/;

test("tests/unit imports no child, no socket, no bundler and no test of another layer", () => {
  const imports = [...sources("tests/unit"), "tests/property_runs.ts"].flatMap((file) => importsIn(file, textOf(file)));
  expect(imports.length).toBeGreaterThan(1_500);
  const wrong = imports.filter(({ file, target }) =>
    (OUTSIDE.test(target) || /^tests\/(programs|matrix|built)/.test(target)) && file !== HERE
  );
  // What the product does when it is called, tests/preload.ts refuses while the tests run.
  expect(wrong.map(({ file, target }) => `${file} > ${target}`), "Move the test to tests/programs").toEqual([]);
});

test("tests/preload.ts refuses children, sockets and requests while tests/unit runs", async () => {
  const { execFileSync, spawn } = await import("node:child_process");
  const { createServer } = await import("node:http");
  const { connect } = await import("node:net");
  // A bare `bun test` of this file names no layer.
  if (process.env.MOGPLEX_TEST_LAYER !== "unit") return;
  for (
    const outside of [
      () => spawn("true"),
      () => execFileSync("true"),
      () => createServer().listen(0),
      () => connect(9),
      () => fetch("http://127.0.0.1:9"),
    ]
  ) expect(outside).toThrow("in tests/unit: move the test to tests/programs");
});

test("tests/timings.json names files that are there", () => {
  const files = Object.keys(JSON.parse(textOf("tests/timings.json")).files);
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});

test("a test file of a layer is imported by no other file, and programs never import from matrix", () => {
  const imports = sources("tests").flatMap((file) => importsIn(file, textOf(file)));
  const wrong = imports.filter(({ file, target }) =>
    target.endsWith(".test.ts") || (file.startsWith("tests/programs/") && target.startsWith("tests/matrix/"))
  );
  expect(wrong.map(({ file, target }) => `${file} > ${target}`)).toEqual([]);
});

/** The file that runs, or reads, the examples of a folder; those of CI systems are in {@linkcode RECIPES}. */
const EXAMPLES: Readonly<Record<string, string>> = {
  "bun": "tests/programs/examples/scripts.ts",
  "campaign": "tests/programs/examples/campaign.test.ts",
  "dashboards": "tests/programs/examples/dashboards.test.ts",
  "demo": "tools/demo.ts",
  "deno": "tests/programs/examples/scripts.ts",
  "gitlab": "tools/docs/component_docs.ts",
  "kubernetes": "tests/programs/examples/systems/campaign_steps.test.ts",
  "node": "tests/programs/examples/scripts.ts",
  "results": "tests/programs/examples/systems/results.test.ts",
  "shell": "tests/programs/examples/shell/shell_world.ts",
  "telemetry": "tests/programs/examples/telemetry.test.ts",
  "identity": "tests/programs/examples/identity.test.ts",
  "updates": "tests/programs/examples/updates.test.ts",
  "testing": "tests/matrix/examples/own_tests.test.ts",
};

/** The files that name the recipes of CI systems and the models that run them. */
const RECIPES = ["tests/programs/examples/systems/systems.ts", "tests/programs/examples/systems/github_recipes.ts"];

test("every folder of examples is named by the file that runs or reads it", () => {
  const folders = readdirSync(join(root, "examples"), { withFileTypes: true }).filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  expect(Object.keys(EXAMPLES).filter((folder) => !folders.includes(folder))).toEqual([]);
  const unnamed = folders.filter((folder) => {
    const own = EXAMPLES[folder];
    if (own !== undefined) return !new RegExp(`\\b${folder}\\b`).test(textOf(own));
    return !RECIPES.some((file) => textOf(file).includes(`"${folder}/`));
  });
  const advice = `Name its recipe in ${RECIPES[0]}, with a model of the CI system that runs it`;
  expect(unnamed, advice).toEqual([]);
});

test("every path that deno.json and package.json list is in the checkout, but for what is made there", () => {
  const json = (file: string) => JSON.parse(readFileSync(join(root, file), "utf8"));
  const { fmt, publish, exclude } = json("deno.json");
  const listed: string[] = [...fmt.exclude, ...publish.include, ...json("package.json").files];
  const made = readFileSync(join(root, ".gitignore"), "utf8").split("\n").map((line) => line.replace(/\/$/, ""));
  expect(exclude.filter((path: string) => !made.includes(path))).toEqual([]);
  const gone = listed.map((path) => path.replace(/^!/, "").replace(/\/\*.*$/, ""))
    .filter((path) => !made.includes(path.split("/")[0] ?? "") && !existsSync(join(root, path)));
  expect(gone).toEqual([]);
});

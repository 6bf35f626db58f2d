import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "../../../tools/setup.mjs";
import { sources, textOf } from "./imports.ts";
import { CAPTIONS, TEST_CAPTIONS } from "../../../tools/docs/layout.ts";

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

/** Folders that are too wide, until somebody divides them. */
const WIDE: readonly string[] = [];

test("a folder holds at most 15 files of code", () => {
  const wide = ["lib", "tools", "bench", "tests"].flatMap(foldersOf).filter((folder) =>
    readdirSync(join(root, folder)).filter((name) => CODE.some((each) => name.endsWith(`.${each}`))).length > 15
  );
  expect(wide.sort(), "Divide the folder by what its files decide, or shorten WIDE").toEqual([...WIDE]);
});

/** Test files that are too long, until somebody divides them. */
const LONG: readonly string[] = [];

test("a file of code has at most 300 lines, a test at most 500", () => {
  const files = [
    "mod.ts",
    ...["lib", "tools", "bench", "tests", "examples"].flatMap((folder) => sources(folder, CODE)),
  ];
  const long = files.filter((file) => textOf(file).split("\n").length > (file.endsWith(".test.ts") ? 501 : 301));
  expect(long, "Divide the file, or shorten LONG").toEqual([...LONG]);
});

test("every folder of tests mirrors one of lib, or has a caption of its own", () => {
  const top = readdirSync(join(root, "tests"), { withFileTypes: true }).filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  const own = top.filter((name) => !existsSync(join(root, "lib", name))).map((name) => `tests/${name}`);
  const advice = "Name it as the folder of lib that it tests, or change TEST_CAPTIONS in tools/docs/layout.ts";
  expect(own.sort(), advice).toEqual(Object.keys(TEST_CAPTIONS).sort());
});

test("a folder of tests that mirrors one of lib has no sub-folder that lib lacks", () => {
  const mirrors = foldersOf("tests").filter((folder) => existsSync(join(root, "lib", folder.split("/")[1] ?? "")))
    .filter((folder) => folder !== "tests");
  expect(mirrors.length).toBeGreaterThan(15);
  const own = new Set(foldersOf("lib"));
  const strange = mirrors.filter((folder) => !own.has(folder.replace(/^tests/, "lib")));
  expect(strange, "lib has no such folder: put the tests where lib has their subject").toEqual([]);
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
  "shell": "tests/programs/examples/shell/shell_world.ts",
  "telemetry": "tests/programs/examples/telemetry.test.ts",
  "testing": "tests/programs/examples/own_tests.test.ts",
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

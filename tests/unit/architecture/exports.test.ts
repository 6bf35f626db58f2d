import { expect, test } from "bun:test";
import { dirname, join, normalize } from "node:path";
import { ACTION, PROGRAMS } from "../../../tools/build/bundle.ts";
import { sources, textOf, withoutComments } from "./imports.ts";

const ENTRIES = PROGRAMS.map(({ entry }) => entry);

/** Built files that a hand-written file imports, and the entry that each is made of. */
const BUILT: Readonly<Record<string, string>> = { "action/main.mjs": ACTION.entry };

/** Files whose imports are a reason to export. */
const USERS = ["mod.ts", "campaigns.ts", "testing.ts", "action/post.mjs", ...sources("lib")];

/** The exported values of a text: no types, and nothing that another file exports. */
function exportedValues(text: string): string[] {
  const plain = withoutComments(text);
  const declared = plain.matchAll(/^export (?:async )?(?:const|let|function\*?|(?:abstract )?class|enum) (\w+)/gm);
  const listed = plain.matchAll(/^export \{([^}]*)\};/gm);
  return [
    ...[...declared].map(([, name = ""]) => name),
    ...[...listed].flatMap(([, names = ""]) => namesIn(names)).filter((name) => !name.startsWith("type ")),
  ];
}

/** The names in the braces of an import or export, as the other file calls them; a type with the word `type` before it. */
function namesIn(braces: string): string[] {
  return braces.split(",").map((part) => part.trim().split(/\s+as\s+/)[0] ?? "").filter((name) => name !== "");
}

/** What a text takes from other files, also as a type, as `FILE NAME`; `FILE *` for a whole module. */
function takenBy(file: string, text: string): string[] {
  const plain = withoutComments(text);
  const fileOf = (specifier: string) => {
    const path = normalize(join(dirname(file), specifier));
    return BUILT[path] ?? path;
  };
  const lists = plain.matchAll(/^(?:import|export)\s+(?:type\s+)?(?:\*[^;{}]*|\{([^}]*)\})\s*from\s+"(\.[^"]+)"/gm);
  const calls = plain.matchAll(/\bimport\(\s*(?:new URL\(\s*)?"(\.[^"]+)"/g);
  return [
    ...[...lists].flatMap(([, names, specifier = ""]) =>
      (names === undefined ? ["*"] : namesIn(names)).map((name) => `${fileOf(specifier)} ${name.replace("type ", "")}`)
    ),
    ...[...calls].map(([, specifier = ""]) => `${fileOf(specifier)} *`),
  ];
}

/** Whether a program's entry calls it itself. */
function isProgram(file: string, name: string): boolean {
  return name === "main" && ENTRIES.includes(file);
}

/** Values that lib does not import, and why they are exported nevertheless. Test any other value through what uses it. */
const KEPT: Readonly<Record<string, readonly string[]>> = {
  "A tool makes the action, a schema or a table of a document of it.": [
    "lib/campaign/file/items.ts MAX_TITLE",
    "lib/campaign/file/schema.ts MAX_VARIABLES",
    "lib/cli/action/inputs.ts ACTION_INPUTS",
  ],
  "A benchmark plans campaigns with it.": [
    "lib/campaign/pace/forecast.ts runTimes",
    "lib/campaign/pace/forecast.ts schedule",
    "lib/campaign/pipeline/make_pipeline.ts wavePlan",
  ],
  "A pure rule with properties over thousands of cases: through its user, each case is a file, a run or a campaign.": [
    "lib/campaign/file/items.ts templateProblems",
    "lib/run/events.ts idKey",
    "lib/run/source.ts nextDelay",
    "lib/run/source.ts startCadence",
    "lib/run/stream_source.ts StreamFeed",
  ],
  "Its user asks this machine or this process, which a test cannot change.": [
    "lib/cli/verbs/doctor.ts checkJob",
    "lib/runtime.ts callOf",
    "lib/library/report.ts scriptMask",
  ],
  "The forms of a message are held against what their receivers document, for messages that no campaign has.": [
    "lib/campaign/notify/notify.ts bodyFor",
  ],
};

test("every exported value of lib is imported by lib, by the entry of a program, by mod.ts or by testing.ts", () => {
  const taken = new Set(USERS.flatMap((file) => takenBy(file, textOf(file))));
  const values = sources("lib").flatMap((file) => exportedValues(textOf(file)).map((name) => ({ file, name })));
  expect(values.length).toBeGreaterThan(500);
  const idle = values.filter(({ file, name }) =>
    !taken.has(`${file} ${name}`) && !taken.has(`${file} *`) && !isProgram(file, name)
  ).map(({ file, name }) => `${file} ${name}`);
  const advice = "Take the word `export` away, and test the value through what uses it";
  const kept = Object.values(KEPT).flat();
  expect(idle.filter((value) => !kept.includes(value)), advice).toEqual([]);
  expect(kept.filter((value) => !idle.includes(value)), "Take them out of KEPT").toEqual([]);
});

test("takenBy() and exportedValues() know every way to take and to give a value", () => {
  const text = `
import { a, type B, c as d } from "./one.ts";
import type { E } from "./one.ts";
import * as f from "../two.ts";
export { g } from "./three.ts";
export * from "./four.ts";
const h = await import("./five.ts");
void import(new URL("./six.ts", import.meta.url).href);
// import { i } from "./one.ts";
`;
  expect(takenBy("lib/x/file.ts", text)).toEqual([
    "lib/x/one.ts a",
    "lib/x/one.ts B",
    "lib/x/one.ts c",
    "lib/x/one.ts E",
    "lib/two.ts *",
    "lib/x/three.ts g",
    "lib/x/four.ts *",
    "lib/x/five.ts *",
    "lib/x/six.ts *",
  ]);
  expect(takenBy("action/post.mjs", `import { runPost } from "./main.mjs";`)).toEqual([`${ACTION.entry} runPost`]);
  const given = `
export const a = 1;
export async function b() {}
export abstract class C {}
export interface D {}
export type E = string;
export { f, type G };
export { h } from "./one.ts";
`;
  expect(exportedValues(given)).toEqual(["a", "b", "C", "f"]);
});

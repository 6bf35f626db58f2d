import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

const root = join(import.meta.dir, "../..");

/** Layers from top to bottom; a file may import from its own folder and from any layer further down, never from beside or above. */
const LAYERS: readonly (readonly string[])[] = [
  ["mod"],
  ["cli"],
  ["runs", "automations", "script"],
  ["job"],
  ["api", "note", "report"],
  ["http", "retry", "platforms", "result"],
  ["text"],
  ["leaves"],
];

interface Import {
  file: string;
  target: string;
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts")).map((path) => join(folder, path));
}

const FILES = ["mod.ts", ...sources("lib")];
// Type-only imports count as well: a type that comes from above ties the layers just as much.
const IMPORT =
  /^\s*(?:import|export)\b[^;"']*?\bfrom\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)|^\s*import\s+["']([^"']+)["']/gm;

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}

const IMPORTS: Import[] = FILES.flatMap((file) =>
  [...withoutComments(readFileSync(join(root, file), "utf8")).matchAll(IMPORT)].map((match) => {
    const name = match[1] ?? match[2] ?? match[3] ?? "";
    return { file, target: name.startsWith(".") ? normalize(join(dirname(file), name)) : name };
  })
);

function layerOf(path: string): string {
  if (path === "mod.ts") return "mod";
  const parts = path.split("/");
  return parts.length > 2 ? parts[1] ?? "" : "leaves";
}

function depth(layer: string): number {
  return LAYERS.findIndex((names) => names.includes(layer));
}

const inside = IMPORTS.filter(({ target }) => target.startsWith("lib/") || target === "mod.ts");

test("imports point downwards when they cross layers", () => {
  const wrong = inside.filter(({ file, target }) => {
    const [from, to] = [layerOf(file), layerOf(target)];
    if (from === to) return false;
    if (from === "emulator") return to !== "leaves" && !target.startsWith("lib/api/contract/");
    return depth(to) <= depth(from);
  });
  expect(wrong.map(({ file, target }) => `${file} > ${target}`)).toEqual([]);
});

test("imports are in files that exist, with their extension, when they are relative", () => {
  expect(inside.filter(({ target }) => !FILES.includes(target))).toEqual([]);
});

test("every folder of lib is a known layer", () => {
  const unknown = FILES.map(layerOf).filter((layer) => layer !== "emulator" && depth(layer) < 0);
  expect(unknown).toEqual([]);
});

test("files of one layer do not import each other in a circle", () => {
  const graph = new Map<string, string[]>();
  for (const { file, target } of inside) graph.set(file, [...(graph.get(file) ?? []), target]);
  const done = new Set<string>();
  const circles: string[] = [];
  function visit(file: string, path: string[]) {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" > "));
    if (done.has(file) || path.includes(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  }
  for (const file of FILES) visit(file, []);
  expect(circles).toEqual([]);
});

/** Who alone may name what. */
const OWNERS: readonly { what: string; pattern: RegExp; owner: (file: string) => boolean }[] = [
  {
    what: "process, files and children",
    pattern: /["']node:(process|fs|fs\/promises|child_process)["']/,
    owner: (file) => ["lib/runtime.ts", "lib/io.ts"].includes(file) || file.startsWith("lib/emulator/"),
  },
  { what: "globals of one runtime", pattern: /(?<![\w.])(?:Deno|Bun)\.\w/, owner: () => false },
  {
    what: "hono/client, but for its types",
    pattern: /^import (?!type).*["']hono\/client["']/m,
    owner: (file) => file === "lib/api/client.ts",
  },
  {
    what: "fetch",
    pattern: /(?<![\w.#])(?:globalThis\.)?fetch\(/,
    owner: (file) => file.startsWith("lib/http/") || file.startsWith("lib/emulator/"),
  },
  {
    what: "timers",
    pattern: /(?<![\w.])(?:setTimeout|setInterval)\(/,
    owner: (file) => file === "lib/clock.ts" || file.startsWith("lib/emulator/"),
  },
  { what: "ending the process", pattern: /process\.exit\(/, owner: (file) => file === "lib/io.ts" },
  { what: "yaml", pattern: /["']yaml["']/, owner: (file) => file.startsWith("lib/emulator/") },
];

for (const { what, pattern, owner } of OWNERS) {
  test(`${what} are named only by their owner`, () => {
    const found = FILES.filter((file) =>
      !owner(file) && pattern.test(withoutComments(readFileSync(join(root, file), "utf8")))
    );
    expect(found).toEqual([]);
  });
}

test("source files stay below 300 lines", () => {
  const long = FILES.map((file) => ({ file, lines: readFileSync(join(root, file), "utf8").split("\n").length }))
    .filter(({ lines }) => lines > 301);
  expect(long).toEqual([]);
});

test("no source names a folder of a machine when it is read", () => {
  const texts = [...FILES, ...sources("tools"), ...sources("tests"), ...sources("bench")]
    .map((file) => ({ file: relative(".", file), text: readFileSync(join(root, file), "utf8") }));
  const home = new RegExp(`["'\`(\\s]/${"(?:home|root|work)"}/[a-z]`);
  expect(texts.filter(({ text }) => home.test(text)).map(({ file }) => file)).toEqual([]);
});

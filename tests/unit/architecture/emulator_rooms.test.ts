import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const root = join(import.meta.dir, "../../..");
const EMULATOR = "lib/emulator";

/** Files that stand beside the rooms, each with those it may import. Any of them may import from any room. */
const WAYS_IN: Readonly<Record<string, readonly string[]>> = {
  "main.ts": ["exec.ts", "options.ts", "server.ts"],
  "exec.ts": [],
  "options.ts": ["server.ts"],
  "testing.ts": ["emulator.ts"],
  "server.ts": ["emulator.ts"],
  "emulator.ts": ["control.ts"],
  "control.ts": [],
};

/** Rooms, each with those it may import from besides itself. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  wire: ["pages", "service", "state"],
  pages: ["service", "state"],
  agents: ["service", "state"],
  service: ["state"],
  state: [],
};

// Type-only imports count as well: a type that comes from above ties the rooms just as much.
const IMPORT =
  /^\s*(?:import|export)\b[^;"']*?\bfrom\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)|^\s*import\s+["']([^"']+)["']/gm;

const FILES = readdirSync(join(root, EMULATOR), { recursive: true, encoding: "utf8" }).filter((path) =>
  path.endsWith(".ts")
);

/** Imports of one file of the emulator from another, both as paths below the emulator's folder. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, EMULATOR, file), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? "")
    .filter((name) => name.startsWith("."))
    .map((name) => normalize(join(EMULATOR, dirname(file), name)))
    .filter((path) => path.startsWith(`${EMULATOR}/`))
    .map((path) => path.slice(EMULATOR.length + 1));
}

/** The room of a file; undefined for a file that stands beside the rooms. */
function roomOf(file: string): string | undefined {
  return file.includes("/") ? dirname(file) : undefined;
}

function permitted(file: string, target: string): boolean {
  const [from, to] = [roomOf(file), roomOf(target)];
  if (from === undefined) return to !== undefined || WAYS_IN[file]?.includes(target) === true;
  return to !== undefined && (from === to || ROOMS[from]?.includes(to) === true);
}

test("every folder of the emulator is a room with a place in the order, and every file beside them is a known way in", () => {
  const rooms = new Set(FILES.map(roomOf).filter((room) => room !== undefined));
  expect([...rooms].sort()).toEqual(Object.keys(ROOMS).sort());
  const beside = FILES.filter((file) => roomOf(file) === undefined);
  expect(beside.filter((file) => !Object.hasOwn(WAYS_IN, file))).toEqual([]);
});

test("imports between the emulator's rooms point downwards", () => {
  const all = FILES.flatMap((file) => importsOf(file).map((target) => ({ file, target })));
  expect(all.length).toBeGreaterThan(100);
  const wrong = all.filter(({ file, target }) => !permitted(file, target));
  expect(wrong.map(({ file, target }) => `${file} > ${target}`)).toEqual([]);
});

test("permitted() refuses an arrow upwards, sideways, and to a room that is not known", () => {
  const arrows: [string, string, boolean][] = [
    ["wire/routes.ts", "service/runs.ts", true],
    ["service/runs.ts", "wire/reply.ts", false],
    ["wire/routes.ts", "agents/worker.ts", false],
    ["state/world.ts", "control.ts", false],
    ["control.ts", "emulator.ts", false],
    ["wire/routes.ts", "elsewhere/file.ts", false],
  ];
  expect(arrows.filter(([file, target, result]) => permitted(file, target) !== result)).toEqual([]);
});

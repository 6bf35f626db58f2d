/**
 * Writes version and sha256 of `dist/mogplex.mjs` into docs/install.md, the examples and deno.json, so that what people copy fetches this very file.
 *
 * `--check` only compares.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { VERSION } from "../../lib/version.ts";
import { root, sha256 } from "../setup.mjs";

/** The file that is pinned. */
export const PINNED = "mogplex.mjs";

/** What a pin says. */
export interface Pins {
  /** Version of the package. */
  version: string;
  /** SHA-256 of the file, in hexadecimal digits. */
  sha256: string;
}

/** Pins of a file with this text. */
export function pinsOf(text: string): Pins {
  return { version: VERSION, sha256: sha256(text) };
}

// NAME: "value", NAME=value, NAME = 'value', param("env.NAME", "value"), ${NAME:-value}, and `name: NAME` with `value: …` on the next line.
const BETWEEN = String.raw`["']?[ \t]*(?::[-=]|[:=,]|\r?\n[ \t]*value:)[ \t]*["']?`;
const VERSION_NUMBER = String.raw`\d+\.\d+\.\d+(?:[-+][\w.+-]*)?`;
const PLACES: readonly { pattern: RegExp; pin: keyof Pins }[] = [
  { pattern: new RegExp(String.raw`(?<=\bMOGPLEX_CI_VERSION${BETWEEN})${VERSION_NUMBER}\b`, "g"), pin: "version" },
  { pattern: new RegExp(String.raw`(?<=\bMOGPLEX_CI_SHA256${BETWEEN})[0-9a-fA-F]{64}\b`, "g"), pin: "sha256" },
  { pattern: new RegExp(String.raw`(?<=@mogplex/ci@)${VERSION_NUMBER}\b`, "g"), pin: "version" },
];

/** `text` with every pin in it as it has to be. */
export function withPins(text: string, pins: Pins): string {
  return PLACES.reduce((all, { pattern, pin }) => all.replace(pattern, pins[pin]), text);
}

/** Files that have pins, below the top of the checkout; deno.json says what stands in for the package that Deno's examples import. */
export function pinnedFiles(top: string = root): string[] {
  const below = readdirSync(join(top, "examples"), { recursive: true, withFileTypes: true });
  const examples = below.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return [
    join(top, "deno.json"),
    join(top, "docs/install.md"),
    ...examples.filter((path) => !path.includes("node_modules")),
  ]
    .filter((path) => /MOGPLEX_CI_(VERSION|SHA256)|@mogplex\/ci@/.test(readFileSync(path, "utf8"))).sort();
}

/**
 * Writes the pins, or with `check` says which files have others, one sentence each.
 *
 * @param pins See {@linkcode pinsOf}.
 */
export function stampPins(pins: Pins, check: boolean, top: string = root): string[] {
  const stale = pinnedFiles(top).filter((path) => {
    const before = readFileSync(path, "utf8");
    const after = withPins(before, pins);
    if (!check && after !== before) writeFileSync(path, after);
    return after !== before;
  });
  return check ? stale.map((path) => `${relative(top, path)} pins another file: run \`npm run build\``) : [];
}

if (import.meta.main) {
  const { ARTEFACTS, bundle } = await import("../build.ts");
  const artefact = ARTEFACTS.find(({ file }) => file === PINNED);
  if (artefact === undefined) throw new Error(`Cannot pin ${PINNED}: it is not built`);
  const stale = stampPins(pinsOf((await bundle(artefact)).text), process.argv.includes("--check"));
  for (const problem of stale) process.stderr.write(`error: ${problem}\n`);
  process.exitCode = stale.length === 0 ? 0 : 1;
}

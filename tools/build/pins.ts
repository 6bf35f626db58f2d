/**
 * Writes the version and SHA-256 of `dist/mogplex.mjs` into docs/install.md, the examples and deno.json, so that a copied command downloads exactly
 * the released file.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { VERSION } from "../../lib/version.ts";
import { root, sha256 } from "../setup.mjs";

export interface Pins {
  version: string;
  sha256: string;
}

// NAME: "value", NAME=value, NAME = 'value', param("env.NAME", "value"), ${NAME:-value}, and `name: NAME` with `value: …` on the next line.
const BETWEEN = String.raw`["']?[ \t]*(?::[-=]|[:=,]|\r?\n[ \t]*value:)[ \t]*["']?`;
const VERSION_NUMBER = String.raw`\d+\.\d+\.\d+(?:[-+][\w.+-]*)?`;

const PLACES: readonly { pattern: RegExp; pin: keyof Pins }[] = [
  { pattern: new RegExp(String.raw`(?<=\bMOGPLEX_CI_VERSION${BETWEEN})${VERSION_NUMBER}\b`, "g"), pin: "version" },
  { pattern: new RegExp(String.raw`(?<=\bMOGPLEX_CI_SHA256${BETWEEN})[0-9a-fA-F]{64}\b`, "g"), pin: "sha256" },
  { pattern: new RegExp(String.raw`(?<=@mogplex/ci@)${VERSION_NUMBER}\b`, "g"), pin: "version" },
];

export function withPins(text: string, pins: Pins): string {
  return PLACES.reduce((all, { pattern, pin }) => all.replace(pattern, pins[pin]), text);
}

export function hasPin(text: string): boolean {
  return PLACES.some(({ pattern }) => text.search(pattern) >= 0);
}

export const PINNED = "mogplex.mjs";

export function pinsOf(text: string): Pins {
  return { version: VERSION, sha256: sha256(text) };
}

export function pinnedFiles(top: string = root): string[] {
  const below = ["docs", "examples"].flatMap((folder) =>
    readdirSync(join(top, folder), { recursive: true, withFileTypes: true })
  );
  const paths = below.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes("node_modules"));
  const single = ["deno.json", "tools/types.json"].map((path) => join(top, path)).filter((path) => existsSync(path));
  return [...single, ...paths]
    .filter((path) => /MOGPLEX_CI_(VERSION|SHA256)|@mogplex\/ci@/.test(readFileSync(path, "utf8"))).sort();
}

/**
 * Pins version and SHA-256 of `dist/mogplex.mjs` in docs/install.md, the examples and deno.json, so that a copied command downloads exactly
 * this file.
 *
 * @module
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { VERSION } from "../../lib/version.ts";
import { type Pins, withPins } from "../merge/pin_places.mjs";
import { root, sha256 } from "../setup.mjs";

export { withPins };

/** The file that is pinned. */
export const PINNED = "mogplex.mjs";

/** The pins of a built file: the present version, and the SHA-256 of its text. */
export function pinsOf(text: string): Pins {
  return { version: VERSION, sha256: sha256(text) };
}

/**
 * Paths of the files with pins, sorted: files of `docs/` and `examples/`, and deno.json, as it maps the package that Deno's examples import
 * to `mod.ts`.
 *
 * @param top Top of the checkout.
 */
export function pinnedFiles(top: string = root): string[] {
  const below = ["docs", "examples"].flatMap((folder) =>
    readdirSync(join(top, folder), { recursive: true, withFileTypes: true })
  );
  const paths = below.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes("node_modules"));
  return [join(top, "deno.json"), ...paths]
    .filter((path) => /MOGPLEX_CI_(VERSION|SHA256)|@mogplex\/ci@/.test(readFileSync(path, "utf8"))).sort();
}

/**
 * Writes the pins, or compares them.
 *
 * @param pins See {@linkcode pinsOf}.
 * @param check Whether nothing is written.
 * @param top Top of the checkout.
 * @returns With `check`, one sentence for each file with other pins.
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

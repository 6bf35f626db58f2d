/**
 * The licence notices of the packages that are bundled.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../setup.mjs";

/**
 * The licence texts of packages, each below the package's name and version; a sentence when there is none.
 *
 * @param packages Names of packages in `node_modules/`.
 * @throws when a package has no licence file.
 */
export function notices(packages: readonly string[]): string {
  if (packages.length === 0) return "No package of others is in this program.\n";
  return packages.map((name) => {
    const folder = join(root, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    if (file === undefined) throw new Error(`Cannot collect licences: package "${name}" ships no licence file`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  }).join(`\n${"-".repeat(80)}\n\n`);
}

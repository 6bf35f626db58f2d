// Puts our merge drivers into the configuration of a clone: Git takes no command from a file of the repository.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/**
 * The drivers by the name that .gitattributes uses. Git runs a driver at the top of the checkout.
 * @type {Readonly<Record<string, string>>}
 */
export const DRIVERS = {
  "mogplex-generated": "node tools/merge/driver.mjs generated %O %A %B %L",
  "mogplex-pins": "node tools/merge/driver.mjs pins %O %A %B %L",
};

/**
 * Configures the merge drivers in this clone alone. Does nothing if they are configured, or if `top` is not the top of a Git checkout.
 * @param {string} top
 * @returns {string[]} Names of the drivers that were configured now.
 */
export function configureMerge(top) {
  if (!existsSync(join(top, ".git"))) return [];
  const git = (/** @type {string[]} */ ...args) => spawnSync("git", args, { cwd: top, encoding: "utf8" });
  return Object.entries(DRIVERS).filter(([name, command]) => {
    const key = `merge.${name}.driver`;
    if (git("config", "--local", "--get", key).stdout?.trimEnd() === command) return false;
    return git("config", "--local", key, command).status === 0;
  }).map(([name]) => name);
}

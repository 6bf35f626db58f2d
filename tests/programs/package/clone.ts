/** A clone of what this checkout has, committed or not, with packages of its own. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "../../../tools/setup.mjs";
import { git } from "../components/project.ts";

/**
 * Makes the clone.
 *
 * @param top Its folder, which does not exist.
 */
export function cloneTo(top: string): void {
  const tracked = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0");
  for (const path of tracked.filter((each) => each !== "")) {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    try {
      cpSync(join(root, path), join(top, path));
    } catch {
      // Deleted, and not committed yet.
    }
  }
  // Not a link to the folder: esbuild would name its target in what it builds. Links to the same bytes where the file system has them.
  const copyPackages = (how: string) =>
    execFileSync("cp", [how, join(root, "node_modules"), join(top, "node_modules")], { stdio: "ignore" });
  try {
    copyPackages("-al");
  } catch {
    rmSync(join(top, "node_modules"), { recursive: true, force: true });
    copyPackages("-a");
  }
  rmSync(join(top, "node_modules/.cache"), { recursive: true, force: true });
}

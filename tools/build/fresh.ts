/**
 * Whether `dist/` is what this checkout builds.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root, sha256 } from "../setup.mjs";

/** Where the built files are. */
export const DIST = join(root, "dist");
/** Name of the file that records what `dist/` was built from, so that it is not built again without a change. */
export const BUILT_FROM = ".built-from";

/** The files that a build depends on, in one checksum. */
export function inputs(): string {
  const folders = ["lib", "tools/build", "components"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
  );
  const single = [
    ...["mod.ts", "campaigns.ts", "testing.ts", "package-lock.json", "tools/build.ts", "tools/declarations.json"],
    ...["action/post.mjs", "action/README.md", "tools/publish/files.ts"],
  ];
  const paths = [...folders, ...single.map((path) => join(root, path))].sort();
  return sha256(paths.map((path) => `${path.slice(root.length)}\n${readFileSync(path, "utf8")}`).join("\n"));
}

/** Whether `dist/` is what this checkout builds. */
export function isFresh(): boolean {
  const path = join(DIST, BUILT_FROM);
  return existsSync(path) && readFileSync(path, "utf8") === inputs();
}

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root, sha256 } from "../setup.mjs";

export const DIST = join(root, "dist");
/** Records the inputs of `dist/`, so that `dist/` is not built again without a change. */
export const BUILT_FROM = ".built-from";

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

export function isFresh(): boolean {
  const path = join(DIST, BUILT_FROM);
  return existsSync(path) && readFileSync(path, "utf8") === inputs();
}

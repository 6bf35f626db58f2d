import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filesOf } from "../../../lib/dashboard/collect.ts";
import { directoryLister } from "../../../lib/files/disk.ts";

test("filesOf() finds what shells find, sorted, each once, and follows no link to a folder", async () => {
  const root = mkdtempSync(join(tmpdir(), "glob-"));
  try {
    for (const path of ["a/result.json", "a/b/result.json", "b/result.json", ".c/result.json", "b/x.json"]) {
      mkdirSync(join(root, path, ".."), { recursive: true });
      writeFileSync(join(root, path), "{}");
    }
    symlinkSync(root, join(root, "a/loop"));
    mkdirSync(join(root, "d"));
    symlinkSync(join(root, "a/b"), join(root, "d/b"));
    symlinkSync(join(root, "b/x.json"), join(root, "d/result.json"));
    const list = await directoryLister();
    const find = (...patterns: string[]) => {
      const { found } = filesOf(patterns.map((each) => join(root, each)), list);
      return [...found.values()].flat().map((path) => path.slice(root.length + 1));
    };
    expect(find("**/result.json")).toEqual(["a/b/result.json", "a/result.json", "b/result.json"]);
    expect(find("*/result.json")).toEqual(["a/result.json", "b/result.json"]);
    // A link that the user has named is followed, a link that another job has left is not.
    expect(find("*/b/result.json", "**/b/*.json")).toEqual([
      "a/b/result.json",
      "a/b/result.json",
      "b/result.json",
      "b/x.json",
    ]);
    expect(find("d/b/*.json")).toEqual(["d/b/result.json"]);
    expect(find("?/*.json", "b/*")).toEqual([
      "a/result.json",
      "b/result.json",
      "b/x.json",
      "b/result.json",
      "b/x.json",
    ]);
    expect(find(".*/result.json", "*/none", "[ab]/x.json", "a/*/x")).toEqual([".c/result.json", "[ab]/x.json"]);
    expect(find("a/**")).toEqual(["a/b/result.json", "a/result.json"]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("filesOf() looks at no more than 20 000 entries, however deep the folders are", () => {
  const { found, cut } = filesOf(["**/x"], () => [{ name: "a", kind: "folder" }, { name: "x", kind: "file" }]);
  expect(cut).toMatchObject({ pattern: "**/x", folder: expect.stringMatching(/^a\/a\/a/) });
  expect(found.get("**/x")?.length).toBeLessThanOrEqual(20_000);
});

test("filesOf() goes by ** into no node_modules, and finds what is in one where the pattern names it", () => {
  const tree: Record<string, readonly string[]> = { ".": ["src", "node_modules"], "src": ["node_modules"] };
  const list = (folder: string) => [
    ...(tree[folder] ?? []).map((name) => ({ name, kind: "folder" as const })),
    { name: "x", kind: "file" as const },
  ];
  const find = (pattern: string) => filesOf([pattern], list).found.get(pattern);
  expect(find("**/x")).toEqual(["src/x", "x"]);
  expect(find("node_modules/**/x")).toEqual(["node_modules/x"]);
  expect(find("**/node_modules/x")).toEqual(["node_modules/x", "src/node_modules/x"]);
});

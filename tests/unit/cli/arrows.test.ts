import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const root = join(import.meta.dir, "../../..");

/** Parts of the command line from top to bottom: a file imports from its own part, and from parts further down. */
const PARTS: readonly (readonly string[])[] = [
  ["main.ts", "component", "action"],
  ["help.ts", "find_verb.ts", "cleanup_report.ts"],
  ["verbs.ts"],
  ["verbs"],
  ["campaign", "dashboard", "setup", "extras"],
  ["job"],
  ["options"],
  ["explain.ts", "meanings.ts"],
  ["verb.ts"],
  ["vocabulary.ts", "log", "help_layout.ts", "note_plan.ts", "one_stream.ts"],
];

function partOf(path: string): number {
  const part = path.replace("lib/cli/", "").split("/")[0] ?? "";
  return PARTS.findIndex((names) => names.includes(part));
}

test("parts of the command line import downwards only", () => {
  const files = readdirSync(join(root, "lib/cli"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts")).map((path) => join("lib/cli", path));
  expect(files.filter((file) => partOf(file) < 0)).toEqual([]);
  const arrows = files.flatMap((file) =>
    [...readFileSync(join(root, file), "utf8").matchAll(/from "(\.[^"]+)"/g)]
      .map(([, path = ""]) => ({ file, target: normalize(join(dirname(file), path)) }))
  ).filter(({ target }) => target.startsWith("lib/cli/"));
  expect(arrows.length).toBeGreaterThan(100);
  const folder = (path: string) => path.split("/").slice(0, 3).join("/");
  const upwards = arrows.filter(({ file, target }) =>
    folder(file) === folder(target) && folder(file) !== "lib/cli" ? false : partOf(target) <= partOf(file)
  );
  expect(upwards.map(({ file, target }) => `${file} > ${target}`)).toEqual([]);
});

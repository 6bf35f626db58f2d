import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { pinnedFiles, pinsOf, stampPins } from "../../../tools/build/pins.ts";
import { configureMerge, DRIVERS } from "../../../tools/merge/configure.mjs";
import { pinsIn } from "../../../tools/merge/pin_places.mjs";
import { root } from "../../../tools/setup.mjs";
import { commitAll, git } from "../components/project.ts";

const PINNED = pinnedFiles().map((path) => relative(root, path));
const GENERATED = [
  ...["LICENSES.txt", "action.yml", "main.mjs"].map((name) => `action/${name}`),
  "components/LICENSES.txt",
  ...readdirSync(join(root, "templates")).map((name) => `templates/${name}`),
];
// The other pinned files have the version alone, which only a release changes.
const CHECKSUMS = PINNED.filter((path) => pinsIn(readFileSync(join(root, path), "utf8")).sha256 !== undefined);
const RECIPE = "examples/gitlab/plain-job.yml";

let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-merge-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = (top: string, path: string) => readFileSync(join(top, path), "utf8");

function edit(top: string, path: string, change: (text: string) => string): void {
  const before = read(top, path);
  const after = change(before);
  if (after === before) throw new Error(`Cannot edit ${path}: the change changes nothing`);
  writeFileSync(join(top, path), after);
}

/** A branch of `main` as a change in lib leaves it after `npm run build`: other pins, other templates, another list of notices. */
function branch(top: string, name: string, change: () => void = () => {}): void {
  git(top, "checkout", "-q", "-b", name, "main");
  writeFileSync(join(top, `lib/${name}.ts`), `export const name = "${name}";\n`);
  stampPins(pinsOf(name), false, top);
  for (const path of GENERATED) {
    edit(top, path, (text) => text.replace(/.*\n(?:.*\n)?/, `first of ${name}\nsecond of ${name}\n`));
  }
  change();
  commitAll(top);
}

/** A repository with this project's attributes, drivers and generated files. */
function repository(configured: boolean): string {
  const top = mkdtempSync(join(folder, "repository-"));
  for (const path of [".gitattributes", "lib/version.ts", "tools/merge", ...PINNED, ...GENERATED]) {
    cpSync(join(root, path), join(top, path), { recursive: true });
  }
  commitAll(top);
  if (configured) expect(configureMerge(top)).toEqual(Object.keys(DRIVERS));
  return top;
}

/** Merges a branch into the present one. @returns The exit code and the paths that are in conflict. */
function merge(top: string, name: string): { code: number | null; conflicts: string[] } {
  const who = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
  const { status } = spawnSync("git", [...who, "merge", "-q", "--no-edit", name], { cwd: top, encoding: "utf8" });
  return { code: status, conflicts: git(top, "diff", "--name-only", "--diff-filter=U").split("\n").filter(Boolean) };
}

test("every generated file of the checkout has its merge driver", () => {
  const driverOf = (path: string) => git(root, "check-attr", "merge", "--", path).split(": ").at(-1);
  expect(CHECKSUMS.length).toBeGreaterThan(10);
  for (const path of PINNED) expect(`${path} ${driverOf(path)}`).toBe(`${path} mogplex-pins`);
  for (const path of GENERATED) expect(`${path} ${driverOf(path)}`).toBe(`${path} mogplex-generated`);
});

test("two branches that change lib conflict in every generated file when the drivers are not configured", () => {
  const top = repository(false);
  branch(top, "left");
  branch(top, "right");
  expect(merge(top, "left")).toEqual({ code: 1, conflicts: [...CHECKSUMS, ...GENERATED].sort() });
});

test("two branches that change lib merge without a conflict when the drivers are configured, and a build settles the pins", () => {
  const top = repository(true);
  branch(top, "left", () => edit(top, "docs/install.md", (text) => text.replace(/^# .*/, "# A title of left")));
  branch(top, "right", () => edit(top, "docs/install.md", (text) => `${text}\nA sentence of right.\n`));
  expect(merge(top, "left")).toEqual({ code: 0, conflicts: [] });
  expect(readdirSync(join(top, "lib")).sort()).toEqual(["left.ts", "right.ts", "version.ts"]);
  const text = read(top, "docs/install.md");
  expect(text).toStartWith("# A title of left\n");
  expect(text).toEndWith("\nA sentence of right.\n");
  // Our side until the build, whose check finds the old pins.
  expect(stampPins(pinsOf("right"), true, top)).toEqual([]);
  for (const path of GENERATED) expect(read(top, path)).toStartWith("first of right\nsecond of right\n");
  expect(stampPins(pinsOf("merged"), true, top)).toHaveLength(CHECKSUMS.length);
  stampPins(pinsOf("merged"), false, top);
  expect(stampPins(pinsOf("merged"), true, top)).toEqual([]);
});

test("a change in the line of a pin is kept when the other branch changes the pin alone", () => {
  const top = repository(true);
  const comment = (text: string) => text.replace(/(?<=\bMOGPLEX_CI_SHA256.*)$/m, " # a word of left");
  branch(top, "left", () => edit(top, RECIPE, comment));
  branch(top, "right");
  expect(merge(top, "left")).toEqual({ code: 0, conflicts: [] });
  expect(read(top, RECIPE)).toContain(`${pinsOf("right").sha256}" # a word of left\n`);
});

test("two branches conflict when they change the same line of a pinned file, in this line alone", () => {
  const top = repository(true);
  const ending = (name: string) => () => edit(top, RECIPE, (text) => `${text}# The end of ${name}\n`);
  branch(top, "left", ending("left"));
  branch(top, "right", ending("right"));
  expect(merge(top, "left")).toEqual({ code: 1, conflicts: [RECIPE] });
  expect(read(top, RECIPE)).toEndWith(
    "<<<<<<< ours\n# The end of right\n=======\n# The end of left\n>>>>>>> theirs\n",
  );
  expect(read(top, RECIPE).match(/^<{7}/gm)).toHaveLength(1);
  expect(() => git(top, "commit", "-q", "-m", "Merge")).toThrow("Cannot run git commit");
});

test("a pinned file that one branch deletes and the other one edits stays a conflict", () => {
  const top = repository(true);
  branch(top, "left", () => rmSync(join(top, RECIPE)));
  branch(top, "right");
  expect(merge(top, "left")).toEqual({ code: 1, conflicts: [RECIPE] });
});

test("branches that change pins are rebased without a conflict when the drivers are configured", () => {
  const top = repository(true);
  branch(top, "left");
  branch(top, "right");
  git(top, "rebase", "-q", "left");
  expect(readdirSync(join(top, "lib")).sort()).toEqual(["left.ts", "right.ts", "version.ts"]);
  expect(git(top, "status", "--porcelain")).toBe("");
});

test("configureMerge() writes into the configuration of the clone, once", () => {
  const top = repository(true);
  for (const [name, command] of Object.entries(DRIVERS)) {
    expect(git(top, "config", "--local", "--get", `merge.${name}.driver`)).toBe(command);
  }
  const before = read(top, ".git/config");
  expect(configureMerge(top)).toEqual([]);
  expect(read(top, ".git/config")).toBe(before);
});

test("configureMerge() does nothing when the folder is not the top of a checkout", () => {
  const top = repository(false);
  expect(configureMerge(join(top, "docs"))).toEqual([]);
  expect(git(top, "config", "--local", "--list")).not.toContain("mogplex");
});

test("driver.mjs ends with 1 when the kind of file is unknown", () => {
  const { status, stderr } = spawnSync("node", [join(root, "tools/merge/driver.mjs"), "other"], { encoding: "utf8" });
  expect([status, stderr]).toEqual([1, 'error: Cannot merge: unknown kind of file: "other"\n']);
});

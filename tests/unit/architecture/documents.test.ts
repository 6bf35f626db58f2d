import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { VERBS } from "../../../lib/cli/verbs.ts";
import { REPORT_FORMATS } from "../../../lib/report/write.ts";
import { VARIABLES } from "../../../lib/variables.ts";
import { VERSION } from "../../../lib/version.ts";
import { sources, textOf, withoutComments } from "./imports.ts";

const root = join(import.meta.dir, "../../..");

const read = (name: string) => readFileSync(join(root, name), "utf8");

test("docs/reference.md lists every row of REPORT_FORMATS with its file", () => {
  const rows = [...read("docs/reference.md").matchAll(/^\| `(\w+)` +\| `([\w.]+)` +\| [^|]+ \|$/gm)].map((row) =>
    row.slice(1)
  );
  const advice = 'Write a row for it in the table of docs/reference.md, "Reports"';
  expect(rows.sort(), advice).toEqual(Object.entries(REPORT_FORMATS).map(([name, { file }]) => [name, file]).sort());
});

test("docs/reference.md, Campaigns, has a row for every verb of campaign", () => {
  const section = read("docs/reference.md").split(/^## /m).find((part) => part.startsWith("Campaigns\n")) ?? "";
  const rows = [...section.matchAll(/^\| `(campaign \w+)` +\|/gm)].map(([, name = ""]) => name);
  expect(rows.sort()).toEqual(VERBS.map(({ name }) => name).filter((name) => name.startsWith("campaign ")).sort());
});

test("docs/README.md leads to every page of docs", () => {
  const pages = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md") && name !== "README.md");
  const links = [...read("docs/README.md").matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, name = ""]) => name);
  expect(pages.filter((name) => !links.includes(name)), "Write a row for it in docs/README.md").toEqual([]);
});

test("VARIABLES has no name twice when it is read as a set", () => {
  const names: readonly string[] = VARIABLES;
  expect(names).toEqual([...new Set(names)]);
});

test("VARIABLES lists every MOGPLEX variable that the sources read", () => {
  const known = new Set<string>(VARIABLES);
  const files = sources("lib").filter((file) => !file.startsWith("lib/emulator/"));
  const used = files.flatMap((file) =>
    [...textOf(file).matchAll(/env\(\s*"(MOGPLEX_\w+)"/g)].map((match) => match[1] ?? "")
  );
  expect(used.length).toBeGreaterThan(10);
  const unlisted = [...new Set(used)].filter((name) => !known.has(name));
  expect(unlisted, "Add a row for it to VARIABLES in lib/variables.ts").toEqual([]);
});

test("all versions agree when package.json, deno.json, the constant and the changelog are compared", () => {
  // Before the first release the changelog has no version.
  const { releases } = JSON.parse(read("releases.json"));
  const newest = releases.length === 0 ? VERSION : /^## (\d+\.\d+\.\d+)/m.exec(read("CHANGELOG.md"))?.[1];
  const lock = JSON.parse(read("package-lock.json"));
  const versions = [JSON.parse(read("package.json")).version, JSON.parse(read("deno.json")).version, newest];
  expect([...versions, lock.version]).toEqual([VERSION, VERSION, VERSION, VERSION]);
});

test("the tasks of deno.json are scripts of package.json", () => {
  const { scripts } = JSON.parse(read("package.json"));
  const { tasks } = JSON.parse(read("deno.json"));
  expect(Object.keys(tasks)).toEqual(["start", "test", "build"]);
  for (const [name, line] of Object.entries(tasks)) expect([name, line]).toEqual([name, scripts[name]]);
});

test("deno.json imports the same versions as package.json", () => {
  const { devDependencies } = JSON.parse(read("package.json"));
  for (const [name, target] of Object.entries<string>(JSON.parse(read("deno.json")).imports)) {
    expect(`${name}: ${target}`).toBe(`${name}: npm:${name}@${devDependencies[name]}`);
  }
});

test("package-lock.json names no registry when it is committed", () => {
  expect(read("package-lock.json")).not.toMatch(/"resolved": "https?:/);
});

/** Texts in the columns of docs/troubleshooting.md that show a symptom and are not ours. */
const OTHER_TEXTS: readonly string[] = [
  "not authorized to set pipeline schedule variables", // GitLab: lib/api/ci/pipeline_schedules.rb
  "Insufficient permissions to set pipeline variables", // GitLab: lib/gitlab/ci/pipeline/chain/build/associations.rb
  'Internal error: directory mismatch for directory "/dev/null"', // Bun: `readFileWithAllocator` in its file cache
  "workflow: rules",
  "init --respond",
];

/** The parts of a quoted symptom that must occur in a source: without the values, and without what all messages begin with. */
const fixedParts = (quote: string) =>
  quote.replace(/^(?:Cannot|no run:) /, "").split(/MOGPLEX_\w+|…|"[^"]*"/).map((part) => part.trim()).filter((part) =>
    part !== ""
  );

test("docs/troubleshooting.md quotes symptoms as the programs print them", () => {
  const tables = read("docs/troubleshooting.md").split("\n").filter((line) => line.startsWith("| "))
    .map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "").trim()));
  let column = 0;
  const quotes = tables.flatMap((cells) => {
    const head = cells.findIndex((cell) => ["Symptom", "How to see it"].includes(cell));
    if (head >= 0) column = head;
    return [...(cells[column] ?? "").matchAll(/`([^`]+)`/g)].map(([, quote = ""]) => quote);
  });
  expect(quotes.length).toBeGreaterThan(20);
  const texts = sources("lib").map((file) => withoutComments(textOf(file)));
  const missing = quotes.filter((quote) => !OTHER_TEXTS.includes(quote))
    .filter((quote) => !fixedParts(quote).every((part) => texts.some((text) => text.includes(part))));
  expect(missing, "No source has these texts, so nobody can find them with the words of a log").toEqual([]);
});

/** Every document of the checkout. */
const DOCUMENTS = readdirSync(root).filter((name) => !/^\.|^(node_modules|dist)$/.test(name)).flatMap((name) =>
  statSync(join(root, name)).isDirectory()
    ? readdirSync(join(root, name), { recursive: true, encoding: "utf8" }).map((path) => join(name, path))
    : [name]
).filter((path) => path.endsWith(".md"));

test("documents link to existing files", () => {
  expect(DOCUMENTS.length).toBeGreaterThan(10);
  const dead = DOCUMENTS.flatMap((name) =>
    [...read(name).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) => join(dirname(name), match[1] ?? ""))
      .filter((target) => !existsSync(join(root, target))).map((target) => `${name} > ${target}`)
  );
  expect(dead, "These links (document > target) lead to no file").toEqual([]);
});

/** The anchors of the headings of a document, as GitLab and GitHub make them. */
function anchorsOf(text: string): string[] {
  const headings = text.replace(/```[\s\S]*?```/g, "").matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = ""]) =>
    heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(" ", "-")
  );
}

test("documents link to existing headings", () => {
  const links = DOCUMENTS.flatMap((name) =>
    [...read(name).matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)].map(([, path = "", anchor = ""]) => ({
      name,
      target: path === "" ? name : join(dirname(name), path),
      anchor,
    }))
  );
  expect(links.length).toBeGreaterThan(5);
  expect(links.filter(({ target, anchor }) => !anchorsOf(read(target)).includes(anchor))).toEqual([]);
});

test("docs/reference/library.md shows what is read like a property as one, values as they are, and no names that are gone", () => {
  const reference = read("docs/reference/library.md");
  const section = (name: string) => reference.split(/^### /m).find((part) => part.startsWith(`${name}\n`)) ?? "";
  expect(section("MogplexError")).toContain("- `readonly exitCode: number`");
  expect(section("RunVerdictError")).toContain("- `readonly result: RunResult`");
  expect(section("EXIT")).toContain("readonly success: 0; readonly failed: 1");
  expect(section("RunRequest")).not.toContain("{false}");
  expect(reference).not.toMatch(/= conditional|@default|Default: ``|createTestEmulator/);
});

/** The rights in SECURITY.md, by use and forge, compared with the rights that the commands name when a token lacks one. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ALL_FORGES } from "../../../lib/forge/all.ts";
import type { TokenNeeds } from "../../../lib/forge/forge.ts";

const PAGE = readFileSync(join(import.meta.dir, "../../../SECURITY.md"), "utf8");

/** Rights in a text: `contents, checks: read`, `contents: read and checks: read`, scopes, roles. */
function rightsIn(text: string): string[] {
  const named = text.replaceAll(
    /((?:[a-z-]+, )*[a-z-]+): (read|write)/g,
    (_, names: string, level: string) => names.split(", ").map((name) => `${name}:${level}`).join(" "),
  );
  return [
    ...new Set(
      named.match(
        /\b(?:[a-z-]+:(?:read|write)|(?:read|write):[a-z]+|read_api|api|Reporter|Developer|administrator)\b/g,
      ),
    ),
  ]
    .filter((right) => right !== "read:organization").sort();
}

/** The cells of a row, by the variable in the head of their column. */
function cellsOf(use: string): Record<string, string> {
  const rows = PAGE.split("\n").filter((line) => line.startsWith("| "))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  const [head = []] = rows;
  const cells = rows.find(([name = ""]) => name.includes(`\`${use}\``)) ?? [];
  return Object.fromEntries(head.map((name, at) => [/`(\w+)`/.exec(name)?.[1] ?? "", cells[at] ?? ""]));
}

/** What a cell says for a call without the flag of the words in it, or with that flag. */
function withFlag(cell: string, has: boolean): string {
  if (!has) return cell.replace(/; `--status`: .*| \(`--status`: [^)]*\)/, "");
  return cell.replace(/(?:; |)`--status`: /, ", ").replace(/(`?)[\w:]+\1 \(, (\S+)\)/, "$2");
}

const ROWS: readonly (readonly [use: string, needs: keyof TokenNeeds, hasFlag: boolean])[] = [
  ["run", "note", false],
  ["respond", "respond", false],
  ["gate", "gate", false],
  ["gate", "status", true],
];

test("SECURITY.md has the rights that the commands ask for", () => {
  for (const [use, needs, hasFlag] of ROWS) {
    for (const { variable, system, job } of ALL_FORGES) {
      // An administrator is one of two choices of respond on Gitea.
      const [cell = "", choice = ""] = withFlag(cellsOf(use)[variable] ?? "", hasFlag).split("Without named users: ");
      expect(rightsIn(choice)).toEqual(use === "respond" && variable === "GITEA_TOKEN" ? ["administrator"] : []);
      // The commit status of respond is optional.
      const rights = rightsIn(cell).filter((right) => use !== "respond" || right !== "statuses:write");
      expect([use, needs, system, rights]).toEqual([use, needs, system, rightsIn(job?.needs[needs] ?? "")]);
    }
  }
});

test("SECURITY.md gives a gate and a merge no token of Mogplex, and a dashboard only one that reads", () => {
  const uses = ["run", "respond", "gate", "campaign merge", "dashboard"];
  expect(uses.map((use) => cellsOf(use).MOGPLEX_API_KEY)).toEqual([
    "`read`, `write`",
    "`read`, `write`",
    "none",
    "none",
    "`read`",
  ]);
});

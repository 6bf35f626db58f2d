/**
 * Writes the generated parts of README.md (exit codes, environment) from the constants that the code uses.
 *
 * `--check` only compares.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { EXIT_TABLE } from "../lib/exit_codes.ts";
import { VARIABLES } from "../lib/variables.ts";
import { root } from "./setup.mjs";

/** A Markdown table, padded as the formatter does it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  const rule = line(widths.map((width) => "-".repeat(width)));
  return [line(cells[0] ?? []), rule, ...cells.slice(1).map(line)].join("\n");
}

/** The generated parts by name. */
export const PARTS: Readonly<Record<string, () => string>> = {
  "exit-codes": () =>
    table(
      ["Code", "Name", "Toolkit verbs", "Drop-in verbs"],
      EXIT_TABLE.map(({ code, name, toolkit, dropIn }) => [code, name, toolkit, dropIn]),
    ),
  "environment": () =>
    table(
      ["Variable", "Flag", "Default", "Meaning"],
      VARIABLES.map(({ name, flag, fallback, meaning, dropIn }) => [
        `\`${name}\`${dropIn ? " *" : ""}`,
        flag || "–",
        fallback,
        meaning,
      ]),
    ),
};

/** `text` with each part between `<!-- NAME -->` and `<!-- /NAME -->` made anew. */
export function withParts(text: string): string {
  return Object.entries(PARTS).reduce((all, [name, render]) => {
    const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [from, to] = [all.indexOf(open), all.indexOf(close)];
    if (from < 0 || to < from) throw new Error(`Cannot write documents: README.md has no part "${open} … ${close}"`);
    return `${all.slice(0, from + open.length)}\n\n${render()}\n\n${all.slice(to)}`;
  }, text);
}

if (import.meta.main) {
  const path = join(root, "README.md");
  const before = readFileSync(path, "utf8");
  const after = withParts(before);
  if (!process.argv.includes("--check")) writeFileSync(path, after);
  else if (before !== after) {
    process.stderr.write("error: README.md differs from the constants: run `npm run docs`\n");
    process.exitCode = 1;
  }
}

/**
 * Writes the generated parts of the documents (exit codes, environment, inputs, …) from the constants that the code uses, and this version
 * into the addresses of the components.
 *
 * `--check` only compares.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { EXIT_TABLE } from "../lib/exit_codes.ts";
import { VARIABLES } from "../lib/variables.ts";
import {
  exampleBlock,
  inputsTable,
  outputsTable,
  recipesTable,
  stampedFiles,
  troubleshootingTable,
  withVersion,
} from "./docs/component_docs.ts";
import { componentNames } from "./build/templates.ts";
import { table } from "./docs/markdown_table.ts";
import { root } from "./setup.mjs";

/** The generated parts of a document by name. */
export type Parts = Readonly<Record<string, () => string>>;

/** Documents with generated parts. */
export const DOCUMENTS: Readonly<Record<string, Parts>> = {
  "README.md": {
    "exit-codes": () =>
      table(["Code", "Name", "When"], EXIT_TABLE.map(({ code, name, toolkit }) => [code, name, toolkit])),
  },
  "docs/reference.md": {
    "exit-codes": () =>
      table(
        ["Code", "Name", "Toolkit commands", "Drop-in commands"],
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
    "outputs": outputsTable,
  },
  "components/README.md": { recipes: recipesTable, outputs: outputsTable, "exit-codes": troubleshootingTable },
  ...Object.fromEntries(
    componentNames().map((name) => [`components/${name}/README.md`, {
      example: () => exampleBlock(name),
      inputs: () => inputsTable(name),
    }]),
  ),
};

/** `text` with each part between `<!-- NAME -->` and `<!-- /NAME -->` made anew. */
export function withParts(text: string, parts: Parts): string {
  return Object.entries(parts).reduce((all, [name, render]) => {
    const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [from, to] = [all.indexOf(open), all.indexOf(close)];
    if (from < 0 || to < from) throw new Error(`Cannot write documents: there is no part "${open} … ${close}"`);
    return `${all.slice(0, from + open.length)}\n\n${render()}\n\n${all.slice(to)}`;
  }, text);
}

/** The files whose text is not what it has to be, by path, each with that text. */
export function stale(): Record<string, string> {
  const found: Record<string, string> = {};
  for (const path of new Set([...stampedFiles(), ...Object.keys(DOCUMENTS)])) {
    const before = readFileSync(join(root, path), "utf8");
    const after = withVersion(withParts(before, DOCUMENTS[path] ?? {}));
    if (after !== before) found[path] = after;
  }
  return found;
}

if (import.meta.main) {
  const check = process.argv.includes("--check");
  for (const [path, text] of Object.entries(stale())) {
    if (!check) writeFileSync(join(root, path), text);
    else {
      process.stderr.write(`error: ${path} differs from what it is made of: run \`npm run docs\`\n`);
      process.exitCode = 1;
    }
  }
}

/**
 * Generates the module with the style and script of pages from files that editors and linters understand. The result is a module because `mod.ts`
 * runs from source on Deno, Bun, Node and from JSR, and not all of them can import a text file.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../setup.mjs";

/** Removes the first comment, which is for editors. @throws if the text would end its literal or its element. */
function textOf(name: string): string {
  const path = `lib/report/${name}`;
  const text = readFileSync(join(root, path), "utf8").replace(/^\/\*[^]*?\*\/\n/, "");
  if (/`|\$\{|<[/!]/.test(text)) throw new Error(`Cannot write page assets: ${path} has one of: \`, \${, </, <!`);
  return text;
}

/** The style without comments and with one rule per line, because each page contains a copy. */
function shortStyle(): string {
  return textOf("style.css").replace(/[ \t]*\/\*[^]*?\*\/\n/g, "").replace(/\n\s+/g, " ").replace(/\n\}/g, " }")
    .replace(/,\n/g, ", ");
}

export function pageAssets(): string {
  return `/**
 * The contents of style.css and page.js for all pages. Written by \`npm run docs\`.
 *
 * @module
 */

/** Style of all pages. */
export const STYLE: string = String.raw\`
${shortStyle()}\`;

/** Script of all pages. */
export const SCRIPT: string = String.raw\`
${textOf("page.js")}\`;
`;
}

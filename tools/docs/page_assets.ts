/**
 * The module with style and script of pages, made from files that editors and linters understand. It is a module because `mod.ts` runs from
 * source on Deno, Bun, Node and from JSR, and one of these cannot import a text.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../setup.mjs";

/** A source without its first comment, which is for its editors. @throws when the text would end its literal or its element. */
function textOf(name: string): string {
  const path = `lib/report/${name}`;
  const text = readFileSync(join(root, path), "utf8").replace(/^\/\*[^]*?\*\/\n/, "");
  if (/`|\$\{|<[/!]/.test(text)) throw new Error(`Cannot write page assets: ${path} has one of: \`, \${, </, <!`);
  return text;
}

/** The style without comments, with one rule a line: each page has a copy. */
function shortStyle(): string {
  return textOf("style.css").replace(/[ \t]*\/\*[^]*?\*\/\n/g, "").replace(/\n\s+/g, " ").replace(/\n\}/g, " }")
    .replace(/,\n/g, ", ");
}

/** The text of `lib/report/assets.ts`. */
export function pageAssets(): string {
  return `/**
 * The texts of style.css and page.js, as pages have them. Written by \`npm run docs\`.
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

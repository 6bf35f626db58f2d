/**
 * How a built file carries code that is a text until it is needed.
 *
 * Commands have it in comments of functions, since a comment is all that costs a start nothing: runtimes read string constants letter by
 * letter, and keep them. A function gives its comment as a part of its source. Bundlers remove comments, so a library, which people bundle,
 * has a string.
 *
 * @module
 */

/** Where a text is. */
export type Carrier = "comment" | "string";

/** Name of the function that loads a part. */
export function loaderOf({ name }: { name: string }): string {
  return `${name}Part`;
}

/**
 * What Bun has to find below the first line of a file whose texts are in comments. It then takes the source as it is; otherwise it removes
 * comments before it runs a file.
 */
export const BUN_PRAGMA = "// @bun";

/** Runtimes keep a file of ASCII alone in half the space, and read it faster: other characters are escaped in commands. */
export const CHARSETS: Readonly<Record<Carrier, "ascii" | "utf8">> = { comment: "ascii", string: "utf8" };

/** Stands for the end of a comment inside of a comment. */
const END = "*{/}";

const placeholder = ({ name }: { name: string }) => `"text of ${name}"`;

/** The module that finds texts. Others import `codeOf` from it. */
export function carrierModule(carrier: Carrier): string {
  if (carrier === "string") return "export const codeOf = (holder) => holder();\n";
  return `export function codeOf(holder) {
  const [, text] = /\\/\\*([^]*)\\*\\//.exec(String(holder)) ?? [];
  if (text !== undefined) return text.replaceAll(${JSON.stringify(END)}, "*/");
  throw new Error("Cannot load code: another program removed the comments of this file, which hold it; use the file as it was published");
}
`;
}

/**
 * Code that loads a part at the first call.
 *
 * @param what The part in words, for readers of the file.
 * @param given Names of what the part gets as arguments.
 */
export function lazyText(part: { name: string }, what: string, given: readonly string[]): string {
  const call = given.length === 0
    ? `new Function(codeOf(${part.name}Text))()`
    : `new Function(...Object.keys(given), codeOf(${part.name}Text))(...Object.values(given))`;
  return `import { codeOf } from "part:text";
//! Text, which becomes code at the first call: ${what}.
function ${part.name}Text() {
  return ${placeholder(part)};
}
let loaded;
export function ${loaderOf(part)}() {
${given.length === 0 ? "" : `  const given = { ${given.join(", ")} };\n`}  return loaded ??= ${call};
}
`;
}

/** Puts texts in the places that {@linkcode lazyText} left for them. @throws when a place is not there once. */
export function filledIn(file: string, codes: ReadonlyMap<string, string>, carrier: Carrier): string {
  let filled = file;
  for (const [name, code] of codes) {
    const place = `return ${placeholder({ name })};`;
    const [before, after, ...more] = filled.split(place);
    if (before === undefined || after === undefined || more.length > 0) {
      throw new Error(`Cannot place the text of ${name}`);
    }
    if (code.includes(END)) {
      throw new Error(`Cannot carry the text of ${name}: it has the sign for the end of a comment`);
    }
    filled = before + (carrier === "comment" ? `/*${code.replaceAll("*/", END)}*/` : `return ${literal(code)};`) +
      after;
  }
  return filled;
}

/** A text as a template literal, so that its lines stay lines. */
function literal(text: string): string {
  return `\`${text.replace(/[\\`]|\$(?=\{)/g, "\\$&")}\``;
}

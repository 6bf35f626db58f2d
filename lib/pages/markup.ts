/**
 * The template of pages. Whatever is put into it is text, unless it came out of the template itself: no value that was read from a file or
 * an answer can be markup.
 *
 * @module
 */
import { escapeHtml } from "../text/escape/markup.ts";

class Markup {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  toString(): string {
    return this.#text;
  }
}

/** Markup that {@linkcode markup} made. */
export type Html = Markup;

/** What can stand in {@linkcode markup}: null and false are left out, and lists are joined. */
export type Part = Html | string | number | null | undefined | false | readonly Part[];

function textOf(part: Part): string {
  if (part instanceof Markup) return part.toString();
  if (Array.isArray(part)) {
    let text = "";
    for (const each of part) text += textOf(each);
    return text;
  }
  return part === null || part === undefined || part === false ? "" : escapeHtml(String(part));
}

/**
 * Markup from a template literal: the literal is taken as it is, values are escaped. A value may stand in content and in attributes in
 * double quotes, not in scripts, styles, names, and addresses that were not checked.
 */
export function markup(strings: TemplateStringsArray, ...values: readonly Part[]): Html {
  let text = strings[0] ?? "";
  for (const [index, value] of values.entries()) text += textOf(value) + strings[index + 1];
  return new Markup(text);
}

/**
 * Markup from texts of our own.
 *
 * @param text A constant of the sources, never anything that was read.
 */
export function constant(text: string): Html {
  return new Markup(text);
}

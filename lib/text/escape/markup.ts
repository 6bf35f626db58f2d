/**
 * Text for XML and HTML.
 *
 * @module
 */
import { lookup } from "../../lookup.ts";

// Characters that XML 1.0 cannot hold, not even as a reference. Source: XML 1.0, production 2 (Char).
// deno-lint-ignore no-control-regex
const NO_XML = /[\0-\x08\v\f\x0e-\x1f\ufffe\uffff]|\p{Cs}/gu;
// Most texts, and all that ours are made of.
const NOTHING_TO_ESCAPE = /^[\t\n !#-%(-;=?-~]*$/;
const REFERENCES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/**
 * Escapes text for XML and HTML: for content, and for attributes in quotes of either kind. Not for scripts, styles, comments,
 * names and addresses (`href`): no escaping makes those safe.
 *
 * @param text Anything; characters that XML cannot hold become U+FFFD.
 */
export function escapeMarkup(text: string): string {
  return escapeHtml(text)
    // Parsers turn unescaped line breaks and tabs inside attributes into blanks.
    .replace(/[\t\n]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/**
 * As {@linkcode escapeMarkup}, but line breaks and tabs stay: parsers of HTML keep them in attributes, too.
 *
 * @param text Anything; characters that XML cannot hold become U+FFFD.
 */
export function escapeHtml(text: string): string {
  if (NOTHING_TO_ESCAPE.test(text)) return text;
  return text.replace(NO_XML, "\ufffd").replace(/[&<>"']/g, (char) => lookup(REFERENCES, char) as string)
    .replaceAll("\r", "&#13;");
}

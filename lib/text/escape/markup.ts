/**
 * Text for XML and HTML.
 *
 * @module
 */
import { lookup } from "../../lookup.ts";

// Characters that XML 1.0 cannot hold, not even as a reference. Source: XML 1.0, production 2 (Char).
// deno-lint-ignore no-control-regex
const NO_XML = /[\0-\x08\v\f\x0e-\x1f\ufffe\uffff]|\p{Cs}/gu;
const REFERENCES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** The text with U+FFFD for each character that XML cannot hold: most control characters, halves of surrogate pairs. */
export function holdable(text: string): string {
  return text.replace(NO_XML, "\ufffd");
}

/**
 * Escapes text for XML and HTML: for content, and for attributes in quotes of either kind. Not for scripts, styles, comments,
 * names and addresses (`href`): no escaping makes those safe.
 *
 * @param text Anything; characters that XML cannot hold become U+FFFD.
 */
export function escapeMarkup(text: string): string {
  // Parsers turn unescaped line breaks and tabs inside attributes into blanks.
  return holdable(text).replace(
    /[&<>"'\t\n\r]/g,
    (char) => lookup(REFERENCES, char) ?? `&#${char.charCodeAt(0)};`,
  );
}

/**
 * The one normalisation of text that we did not write: what is left is only what a reader sees.
 *
 * Terminal sequences, control characters, direction overrides and invisible characters go; whatever breaks a line for some
 * reader is `\n` afterwards, so that nothing overwrites what stands before it. Every sink starts from here. Linear in the
 * length of the text.
 *
 * @module
 */

/** Options of {@linkcode plainText}. */
export interface PlainTextOptions {
  /** Most UTF-16 units to keep, at least 0; what was cut is counted in a visible mark after them. @default {Infinity} */
  maxLength?: number | undefined;
}

/** Options of {@linkcode plainLines}. */
export interface PlainLinesOptions extends PlainTextOptions {
  /** Most UTF-16 units of one line, before the mark. @default {Infinity} */
  maxLineLength?: number | undefined;
  /** Most lines; one more says how many were cut. @default {Infinity} */
  maxLines?: number | undefined;
}

// CSI; string sequences (OSC, DCS, SOS, PM, APC) that are closed on their own line, so that an unclosed one hides nothing;
// all other escapes. Each class leaves out what may start a sequence: a failed attempt never reads the same text twice.
// Source: ECMA-48, sections 5.4 and 5.6; OSC 8 and OSC 52 are forms of OSC.
const SEQUENCES = new RegExp(
  [
    "(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]",
    "(?:\\x1b[\\]PX^_]|[\\x90\\x98\\x9d-\\x9f])[^\\x07\\x1b\\x90\\x98\\x9c-\\x9f\\n\\r]*(?:\\x07|\\x1b\\\\|\\x9c)",
    "\\x1b[ -/]*[0-~]?",
  ].join("|"),
  "g",
);
// A lone CR is a line break for log readers (the runners of GitHub and GitLab among them) and an overwrite for terminals.
// Several in a row are one break; `\r+\n|\r` would be quadratic in their number.
const LINE_BREAKS = /\r+\n?|[\v\f\x85\u2028\u2029]/g;
// Control characters but tab and line feed; everything that Unicode calls ignorable (zero-width characters, directions,
// variation selectors, tags, fillers); interlinear annotations. They hide text, or split a secret for the eye of a program.
const INVISIBLE = /[^\P{Cc}\t\n]|[\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu;
const LONE_SURROGATE = /\p{Cs}/gu;

/** Where to cut so that no surrogate pair is split. */
function cutAt(text: string, length: number): number {
  const unit = text.charCodeAt(length - 1);
  return unit >= 0xd800 && unit <= 0xdbff ? length - 1 : length;
}

/**
 * Cuts a text and says so: `abc…[+12 characters]`. The mark is not counted.
 *
 * @param maxLength Most UTF-16 units to keep, at least 0.
 */
export function cutText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const end = cutAt(text, Math.max(0, maxLength));
  return `${text.slice(0, end)}…[+${text.length - end} characters]`;
}

/**
 * Reduces untrusted text to what is visible: see the module. Doing it twice changes nothing more.
 *
 * @param text Anything, lone surrogates included (they become U+FFFD).
 * @example Strip a colour and a forged line
 * ```ts
 * import { plainText } from "./plain_text.ts";
 * if (plainText("\x1b[31mred\x1b[0m\rgone") !== "red\ngone") throw new Error("changed");
 * ```
 */
export function plainText(text: string, options: PlainTextOptions = {}): string {
  const { maxLength = Infinity } = options;
  // Surrogates first: two halves that only meet because something between them went away are no character.
  const plain = text.replace(LONE_SURROGATE, "\ufffd").replace(SEQUENCES, "").replace(LINE_BREAKS, "\n")
    .replace(INVISIBLE, "");
  return cutText(plain, maxLength);
}

/**
 * The lines of an untrusted text after {@linkcode plainText}, without line breaks; an empty text has none, and empty lines
 * at the end are dropped.
 *
 * @param text Anything.
 */
export function plainLines(text: string, options: PlainLinesOptions = {}): string[] {
  const { maxLineLength = Infinity, maxLines = Infinity } = options;
  const lines = plainText(text, options).split("\n");
  while (lines.at(-1)?.trim() === "") lines.pop();
  const kept = lines.slice(0, maxLines).map((line) => cutText(line, maxLineLength));
  if (lines.length > kept.length) kept.push(`…[+${lines.length - kept.length} lines]`);
  return kept;
}

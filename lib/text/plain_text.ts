/**
 * Step 1 for untrusted text: the only normalization. It keeps only what a reader sees.
 * It removes terminal sequences, control characters, direction overrides and invisible characters. Every kind of line
 * break becomes `\n`, so that no line can overwrite the one before it. Every escape starts from its result. Linear in
 * the length of the text. The file also undoes JSON's escapes and cuts texts to a length.
 * @module
 */
import type { SafeLine } from "./safe_line.ts";

interface PlainTextOptions {
  /** Maximum length of the result in UTF-16 units, at least 1; see {@linkcode cutText}. @default {Infinity} */
  maxLength?: number | undefined;
}

// CSI; string sequences (OSC, DCS, SOS, PM, APC) that end on the line they start on, so that an unclosed one hides nothing; all
// other escapes. No character class contains a character that starts a sequence: a failed match never reads text twice.
// Source: ECMA-48, sections 5.4 and 5.6; OSC 8 and OSC 52 are forms of OSC.
const SEQUENCES = new RegExp(
  [
    "(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]",
    "(?:\\x1b[\\]PX^_]|[\\x90\\x98\\x9d-\\x9f])[^\\x07\\x1b\\x90\\x98\\x9c-\\x9f\\n\\r]*(?:\\x07|\\x1b\\\\|\\x9c)",
    "\\x1b[ -/]*[0-~]?",
  ].join("|"),
  "g",
);
// Log readers (the runners of GitHub and GitLab among them) take a lone CR as a line break; terminals overwrite the line.
// Several CR in a row are one break: `\r+\n|\r` would take quadratic time.
const LINE_BREAKS = /\r+\n?|[\v\f\x85\u2028\u2029]/g;
// All control characters except tab and line feed; everything that Unicode calls ignorable (zero-width characters, directions,
// variation selectors, tags, fillers); interlinear annotations. They hide text, or split a secret so that no pattern finds it.
const INVISIBLE = /[^\P{Cc}\t\n]|[\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu;

/** The nearest place at or before `length` that does not split a surrogate pair. */
export function cutAt(text: string, length: number): number {
  const unit = text.charCodeAt(length - 1);
  return unit >= 0xd800 && unit <= 0xdbff ? length - 1 : length;
}

/** Our own text with a capital first letter, for the beginning of a sentence or a heading. */
export function capital(text: string): string {
  return text.replace(/^[a-z]/, (letter) => letter.toUpperCase());
}

/** Longest word that a cut removes from the end of a text, in UTF-16 units. A longer one, such as an address, is cut inside. */
const MAX_WORD = 24;

/** The end of the last whole word at or before `length`; see {@linkcode cutAt} for a long word. */
function cutAtWord(text: string, length: number): number {
  const from = Math.max(0, length - MAX_WORD);
  const words = /^.*\S(?=\s)/s.exec(text.slice(from, length + 1));
  return words === null ? cutAt(text, length) : from + words[0].length;
}

/**
 * Cuts a text after a word and appends a mark: `abc…[+12 characters]`, or only `…` if there is no room for more. A second call changes nothing.
 *
 * @param maxLength Maximum length of the result with its mark, in UTF-16 units; at least 1.
 */
export function cutText(text: SafeLine, maxLength: number): SafeLine;
export function cutText(text: string, maxLength: number): string;
export function cutText(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : cutHead(text, text.length, maxLength);
}

/**
 * Like {@linkcode cutText}, for a text of which only the beginning is available.
 * @param length UTF-16 units of the whole text.
 * @param keep Maximum number of UTF-16 units of the beginning to keep. @default the limit alone decides
 */
export function cutHead(head: string, length: number, maxLength: number, keep = head.length): string {
  const markOf = (end: number) => maxLength < SHORT ? "…" : `…[+${length - end} characters]`;
  // Its number is shorter than this one, or as long.
  const end = cutAtWord(head, Math.min(keep, Math.max(0, maxLength - markOf(0).length)));
  return head.slice(0, end) + markOf(end);
}

/**
 * Leaves out the middle of a text whose first clauses describe what happened, and whose last clause describes what to do. Without such a
 * last clause, it cuts the end.
 * @param maxLength Maximum length in UTF-16 units, at least 40.
 */
export function cutMiddle(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const [, start = "", last = ""] = /^(.*[;.!?])\s+(\S.*)$/s.exec(text) ?? [];
  const room = maxLength - last.length - GAP.length;
  if (last === "" || room < maxLength / 3) return cutText(text, maxLength);
  const clauses = /^.*[;.!?](?=\s)/s.exec(start.slice(0, room + 1));
  return `${clauses?.[0] ?? start.slice(0, cutAtWord(start, room))}${GAP}${last}`;
}

const GAP = " […] ";

/** Up to this length, in UTF-16 units, the mark would take up too much of a text. */
const SHORT = 40;

/** A Markdown quote: no untrusted line begins at the left margin. @param max Maximum length of the text, in UTF-16 units. */
export function quoted(text: string, max: number): string {
  return cutText(plainText(text), max).split("\n").map((line) => `> ${line}`.trimEnd()).join("\n");
}

/**
 * Reduces untrusted text to what is visible: see the top of this file. A second call changes nothing.
 * @param text Anything, lone surrogates included (they become U+FFFD).
 */
export function plainText(text: string, options: PlainTextOptions = {}): string {
  const { maxLength = Infinity } = options;
  // Surrogates first: two halves that meet only because the text between them was removed do not make a character.
  const plain = text.toWellFormed().replace(SEQUENCES, "").replace(LINE_BREAKS, "\n")
    .replace(INVISIBLE, "");
  return cutText(plain, maxLength);
}

/**
 * The lines of an untrusted text after {@linkcode plainText}, without line breaks. An empty text has no lines; empty lines at
 * the end are dropped.
 *
 * @param text Anything.
 */
export function plainLines(text: string): string[] {
  const lines = plainText(text).split("\n");
  while (lines.at(-1)?.trim() === "") lines.pop();
  return lines;
}

// Undoes JSON's escapes in a text of any form, to find what they hide: programs disagree on which characters they escape, and a text may
// have been escaped several times.

/** The first UTF-16 unit, and the one after the last. */
export type Span = readonly [start: number, end: number];

interface Unescaped {
  text: string;
  /** The place of a part in the original text, with the escapes of its characters. The part must not be empty. */
  given(part: Span): Span;
}

// A backslash may be percent-encoded, and be written as an escape itself. The numbers are bounds: some runtimes throw when a repetition
// has millions of rounds. A longer run of backslashes is several matches.
const ESCAPE = /(?:\\|%5[cC]){1,64}(?:u005[cC]){0,8}(?:u([0-9a-fA-F]{4})|([bfnrt]))?/g;
const CONTROLS = new Map([["b", "\b"], ["f", "\f"], ["n", "\n"], ["r", "\r"], ["t", "\t"]]);

/**
 * A text in which each escape is replaced by its character, however often it was escaped. Other backslashes are left
 * out, since their number only shows how often the text was escaped. Takes linear time.
 * @returns Undefined if there is no backslash.
 */
export function unescapeText(given: string): Unescaped | undefined {
  if (!given.includes("\\") && !/%5c/i.test(given)) return undefined;
  const starts = new Uint32Array(given.length);
  const ends = new Uint32Array(given.length);
  let text = "";
  let read = 0;
  let length = 0;
  function copy(until: number): void {
    text += given.slice(read, until);
    for (; read < until; read++, length++) {
      starts[length] = read;
      ends[length] = read + 1;
    }
  }
  for (const { 0: escape, 1: hex, 2: letter = "", index } of given.matchAll(ESCAPE)) {
    copy(index);
    read = index + escape.length;
    const char = hex === undefined ? CONTROLS.get(letter) : String.fromCharCode(Number.parseInt(hex, 16));
    if (char === undefined) continue;
    text += char;
    starts[length] = index;
    ends[length++] = read;
  }
  copy(given.length);
  return { text, given: ([start, end]) => [starts[start] ?? 0, ends[end - 1] ?? given.length] };
}

/** Copies a slice, so that the text that it was cut from can be freed: in V8 a slice keeps that text in memory. */
export function detach(text: string): string {
  return structuredClone(text);
}

/**
 * Step 1 for untrusted text: keeps only what a reader sees. Terminal sequences, control characters except tabs, direction overrides and invisible
 * characters are removed. Every kind of line break becomes `\n`, so no line can overwrite the line before it.
 *
 * @module
 */
import type { SafeLine } from "./safe_line.ts";

interface PlainTextOptions {
  /** Maximum length of the result in UTF-16 code units, at least 1; see {@linkcode cutText}. @default {Infinity} */
  maxLength?: number | undefined;
}

// CSI sequences, string sequences (OSC, DCS, SOS, PM, APC), and all other escape sequences. A string sequence must end on the line on which it
// starts, so an unclosed sequence hides nothing. No character class contains a character that starts a sequence, so a failed match never reads text
// twice. Source: ECMA-48, sections 5.4 and 5.6; OSC 8 and OSC 52 are forms of OSC.
const SEQUENCES = new RegExp(
  [
    "(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]",
    "(?:\\x1b[\\]PX^_]|[\\x90\\x98\\x9d-\\x9f])[^\\x07\\x1b\\x90\\x98\\x9c-\\x9f\\n\\r]*(?:\\x07|\\x1b\\\\|\\x9c)",
    "\\x1b[ -/]*[0-~]?",
  ].join("|"),
  "g",
);
// Log readers, such as the runners of GitHub and GitLab, treat a single CR as a line break. Terminals overwrite the line. Several CRs in a row are
// one line break, because `\r+\n|\r` would take quadratic time.
const LINE_BREAKS = /\r+\n?|[\v\f\x85\u2028\u2029]/g;
// All control characters except tab and line feed, all characters that Unicode calls ignorable (zero-width characters, directions, variation
// selectors, tags, fillers), and interlinear annotations. These characters hide text, or split a secret so that no pattern finds it.
const INVISIBLE = /[^\P{Cc}\t\n]|[\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu;

/** Does not split a surrogate pair. */
export function cutAt(text: string, length: number): number {
  const unit = text.charCodeAt(length - 1);
  return unit >= 0xd800 && unit <= 0xdbff ? length - 1 : length;
}

export function capital(text: string): string {
  return text.replace(/^[a-z]/, (letter) => letter.toUpperCase());
}

/** In UTF-16 code units. A word of up to this length at the end is left out. A longer word, such as an address, is cut. */
const MAX_WORD = 24;

function cutAtWord(text: string, length: number): number {
  const from = Math.max(0, length - MAX_WORD);
  const words = /^.*\S(?=\s)/s.exec(text.slice(from, length + 1));
  return words === null ? cutAt(text, length) : from + words[0].length;
}

/**
 * Cuts text after a word and appends a mark: `abc…[+12 characters]`, or only `…` if there is no room for more. A second call on the result changes
 * nothing.
 *
 * @param maxLength Maximum length of the result with its mark, in UTF-16 code units; at least 1.
 */
export function cutText(text: SafeLine, maxLength: number): SafeLine;
export function cutText(text: string, maxLength: number): string;
export function cutText(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : cutHead(text, text.length, maxLength);
}

/**
 * Like {@linkcode cutText}, for use if only the beginning of the text is available.
 * @param length Length of the complete text.
 * @param keep Maximum number of UTF-16 code units of the beginning to keep.
 */
export function cutHead(head: string, length: number, maxLength: number, keep = head.length): string {
  const markOf = (end: number) => maxLength < SHORT ? "…" : `…[+${length - end} characters]`;
  const end = cutAtWord(head, Math.min(keep, Math.max(0, maxLength - markOf(0).length)));
  return head.slice(0, end) + markOf(end);
}

/**
 * Leaves out the middle of text that begins with what happened and ends with what to do. All other text is cut at the end.
 * @param maxLength Maximum length in UTF-16 code units, at least 40.
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

/** In UTF-16 code units. In text of this length or less, the mark would take up too much space. */
const SHORT = 40;

/**
 * In a Markdown quote, no untrusted line begins at the left margin.
 * @param max Maximum length of the text in UTF-16 code units.
 */
export function quoted(text: string, max: number): string {
  return cutText(plainText(text), max).split("\n").map((line) => `> ${line}`.trimEnd()).join("\n");
}

/** A second call on the result changes nothing. */
export function plainText(text: string, options: PlainTextOptions = {}): string {
  const { maxLength = Infinity } = options;
  // Replace lone surrogates first. Otherwise, two of them could form a character when the text between them is removed.
  const plain = text.toWellFormed().replace(SEQUENCES, "").replace(LINE_BREAKS, "\n")
    .replace(INVISIBLE, "");
  return cutText(plain, maxLength);
}

export function plainLines(text: string): string[] {
  const lines = plainText(text).split("\n");
  while (lines.at(-1)?.trim() === "") lines.pop();
  return lines;
}

// The functions below undo JSON's escapes in any text, to find what the escapes hide. Programs escape different characters, and text may have been
// escaped several times.

export type Span = readonly [start: number, end: number];

interface Unescaped {
  text: string;
  given(part: Span): Span;
}

// A backslash can be percent-encoded, and can be escaped itself. The repetitions are limited, because some runtimes throw an error after millions of
// repetitions. A longer run of backslashes becomes several matches.
const ESCAPE = /(?:\\|%5[cC]){1,64}(?:u005[cC]){0,8}(?:u([0-9a-fA-F]{4})|([bfnrt]))?/g;
const CONTROLS = new Map([["b", "\b"], ["f", "\f"], ["n", "\n"], ["r", "\r"], ["t", "\t"]]);

/**
 * Replaces each escape with its character, even if the character was escaped several times. Other backslashes are left out, because their number only
 * shows how often the text was escaped. Takes linear time.
 * @returns `undefined` if there is no backslash.
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

/** Copies a slice. In V8, a slice keeps the complete original text in memory. */
export function detach(text: string): string {
  return structuredClone(text);
}

/**
 * Undoes JSON's escapes in a text of any form, to find what they hide: programs disagree on which characters they escape, and a text may
 * have been escaped several times.
 *
 * @module
 */

/** A part of a text: its first UTF-16 unit, and the one after its last. */
export type Span = readonly [start: number, end: number];

/** A text without escapes. */
export interface Unescaped {
  /** The text. */
  text: string;
  /** Where a part of it stands in the text that was given, with the escapes of its characters. The part must not be empty. */
  given(part: Span): Span;
}

// A backslash may be percent-encoded, and be written as an escape itself. The numbers are bounds: some runtimes throw when a repetition
// has millions of rounds. A longer run of backslashes is several matches.
const ESCAPE = /(?:\\|%5[cC]){1,64}(?:u005[cC]){0,8}(?:u([0-9a-fA-F]{4})|([bfnrt]))?/g;
const CONTROLS = new Map([["b", "\b"], ["f", "\f"], ["n", "\n"], ["r", "\r"], ["t", "\t"]]);

/**
 * A text in which each escape is its character, however often it was escaped. Other backslashes are left out, since their number says
 * only how often the text was escaped. Takes linear time.
 *
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

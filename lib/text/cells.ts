/**
 * Measures the width of text on a terminal in cells. A CJK character or an emoji takes two cells, and a combining mark takes none. npm packages that
 * cut and wrap text take 20 KB, mostly for color codes, which our text never contains.
 *
 * @module
 */
import type { SafeLine } from "./safe_line.ts";

// Emoji that are drawn as pictures, and East Asian characters of the classes W and F. Source: Unicode 16, EastAsianWidth.txt.
const WIDE = new RegExp(
  "[\\p{Emoji_Presentation}\\u1100-\\u115f\\u2329\\u232a\\u2e80-\\u303e\\u3041-\\u33ff\\u3400-\\u4dbf\\u4e00-\\ua4cf\\ua960-\\ua97f" +
    "\\uac00-\\ud7a3\\uf900-\\ufaff\\ufe10-\\ufe19\\ufe30-\\ufe6f\\uff01-\\uff60\\uffe0-\\uffe6" +
    "\\u{16fe0}-\\u{18cff}\\u{1aff0}-\\u{1b2ff}\\u{1f200}-\\u{1f265}\\u{20000}-\\u{3fffd}]",
  "u",
);
const NO_WIDTH = /[\p{Mn}\p{Me}]/u;
const SIMPLE = /^[\x20-\x7e]*$/;

function widthOf(char: string): number {
  if (char < "\u0300") return 1;
  return NO_WIDTH.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
}

export function cellWidth(text: string): number {
  if (SIMPLE.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += widthOf(char);
  return width;
}

function beginning(text: string, cells: number): string {
  let width = 0;
  let end = 0;
  for (const char of text) {
    width += widthOf(char);
    if (width > cells) return text.slice(0, end);
    end += char.length;
  }
  return text;
}

/** @param text One line of text that has passed through `plainText`. */
export function cutCells(text: SafeLine, cells: number): SafeLine;
export function cutCells(text: string, cells: number): string;
export function cutCells(text: string, cells: number): string {
  if (cells <= 0) return "";
  // A character takes at most two cells.
  if (text.length * 2 <= cells || cellWidth(text) <= cells) return text;
  return `${beginning(text, cells - 1)}…`;
}

export function fitCells(text: SafeLine, cells: number, side?: "left" | "right"): SafeLine;
export function fitCells(text: string, cells: number, side?: "left" | "right"): string;
export function fitCells(text: string, cells: number, side: "left" | "right" = "left"): string {
  const cut = cutCells(text, cells);
  const blanks = " ".repeat(Math.max(0, cells - cellWidth(cut)));
  return side === "left" ? `${cut}${blanks}` : `${blanks}${cut}`;
}

/**
 * Breaks a line only at spaces, so an address stays complete.
 *
 * @param line One line of text that has passed through `plainText`. Its spaces are kept.
 * @param indent Number of spaces before all lines but the first. The line is not broken within its first `indent` cells.
 */
export function hangCells(line: string, cells: number, indent: number): string[] {
  const lines: string[] = [];
  let rest = line;
  for (;;) {
    const fits = beginning(rest, cells);
    if (fits.length === rest.length) break;
    let cut = rest[fits.length] === " " ? fits.length : fits.lastIndexOf(" ");
    if (cut <= indent) cut = rest.indexOf(" ", Math.max(fits.length, indent + 1));
    // The mark that `cutText` appends must stay on one line.
    if (cut < 0 || rest.slice(cut) === " characters]") break;
    lines.push(rest.slice(0, cut).trimEnd());
    rest = " ".repeat(indent) + rest.slice(cut + 1).trimStart();
  }
  return rest.trim() === "" && lines.length > 0 ? lines : [...lines, rest];
}

/**
 * @param text One line of text that has passed through `plainText`. Several blanks in a row become one blank.
 * @param cells Width of a line, at least 2.
 */
export function wrapCells(text: string, cells: number, first = cells): string[] {
  const lines: string[] = [];
  let line = "";
  let used = 0;
  const width = () => Math.max(2, lines.length === 0 ? first : cells);
  for (let word of text.split(/\s+/)) {
    let needs = cellWidth(word);
    if (used > 0 && used + 1 + needs <= width()) {
      line += ` ${word}`;
      used += 1 + needs;
      continue;
    }
    if (used > 0) lines.push(line);
    while (needs > width()) {
      const piece = beginning(word, width());
      lines.push(piece);
      word = word.slice(piece.length);
      needs -= cellWidth(piece);
    }
    line = word;
    used = needs;
  }
  return used > 0 || lines.length === 0 ? [...lines, line] : lines;
}

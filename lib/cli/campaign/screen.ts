/**
 * Lines for a terminal or a log: parts with a colour, cut and aligned by cells, safe whatever texts stand in them.
 *
 * @module
 */
import { cellWidth, cutCells, wrapCells } from "../../text/cells.ts";
import { escapeLogLine } from "../../text/escape/log_line.ts";
import { plainLines } from "../../text/plain_text.ts";

/** Colours and weights of a terminal. Source: ECMA-48, 8.3.117 (SGR). */
const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

/** A colour or a weight. */
export type Style = keyof typeof STYLES;

/** A part of a line. */
export interface Span {
  /** Our own text, or a result of {@linkcode Screen.text}. */
  readonly text: string;
  /** @default none */
  readonly style?: Style | undefined;
}

/** Options of {@linkcode Screen}. */
export interface ScreenOptions {
  /** Cells of a line, at least 40; a smaller number counts as 40. */
  width: number;
  /** Whether lines may hold colours. */
  colour: boolean;
  /** Masks secrets in one text. @default {no change} */
  redact?: ((text: string) => string) | undefined;
  /** Makes one complete line inert in the log of the CI system. @default {escapeLogLine for every system} */
  escapeLine?: ((line: string) => string) | undefined;
}

const MIN_WIDTH = 40;

/** Collects lines. */
export class Screen {
  /** The lines so far, safe to print. */
  readonly lines: string[] = [];
  /** Cells of a line. */
  readonly width: number;
  readonly #options: ScreenOptions;

  constructor(options: ScreenOptions) {
    this.#options = options;
    this.width = Math.max(MIN_WIDTH, options.width);
  }

  /** An untrusted text on one line, without what is invisible, redacted. */
  text(untrusted: string): string {
    const { redact = (text: string) => text } = this.#options;
    // Redaction comes before lines are joined: a secret can have several. Cutting comes last.
    const lines = redact(plainLines(untrusted).join("\n")).split("\n");
    return lines.map((line) => line.trim()).join(" ").replaceAll("\t", " ");
  }

  /** Adds a line, which is cut to the width. */
  line(...spans: readonly Span[]): void {
    this.#add(spans, this.width);
  }

  /** Adds a line that is never cut: a command that people copy. */
  whole(...spans: readonly Span[]): void {
    this.#add(spans, Infinity);
  }

  /**
   * Adds a text as one line or several, broken at blanks.
   *
   * @param indent Blanks before the first line.
   * @param head Stands before the text, in its own style; it is not broken.
   * @param hang Blanks before further lines. @default {indent}
   */
  paragraph(indent: number, text: string, style?: Style, head: Span = { text: "" }, hang = indent): void {
    const first = this.width - indent - cellWidth(head.text);
    const [start = "", ...rest] = wrapCells(text, this.width - hang, first);
    this.line({ text: " ".repeat(indent) }, head, { text: start, style });
    for (const line of rest) this.line({ text: " ".repeat(hang) }, { text: line, style });
  }

  /** Adds an empty line. */
  space(): void {
    this.lines.push("");
  }

  #add(spans: readonly Span[], width: number): void {
    const { colour, escapeLine = escapeLogLine } = this.#options;
    const shown: Span[] = [];
    let used = 0;
    for (const { text, style } of spans) {
      const cut = width === Infinity ? text : cutCells(text, width - used);
      used += cellWidth(cut);
      shown.push({ text: cut, style });
      if (cut !== text) break;
    }
    const plain = shown.map(({ text }) => text).join("").trimEnd();
    const safe = escapeLine(plain);
    // A line that a CI system could take for a command loses its colours: they would hide the command from the check.
    if (!colour || safe !== plain) this.lines.push(width === Infinity ? safe : cutCells(safe, width));
    else this.lines.push(paint(shown));
  }
}

function paint(spans: readonly Span[]): string {
  const last = spans.findLastIndex(({ text }) => text.trimEnd() !== "");
  return spans.slice(0, last + 1).map(({ text, style }, index) => {
    const shown = index === last ? text.trimEnd() : text;
    return style === undefined || shown.trim() === "" ? shown : `\x1b[${STYLES[style]}m${shown}\x1b[0m`;
  }).join("");
}

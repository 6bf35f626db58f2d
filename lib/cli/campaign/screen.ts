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
/** Longer than names that forges permit, and five lines of a narrow screen. */
const MAX_TEXT = 400;
/** UTF-16 units that are read of a text, of which the most may be invisible. */
const MAX_READ = 20_000;
const MAX_SECRET = 1_000;
/** Cells of a command, which is not cut before: it would be another one. */
const MAX_COMMAND = 4_000;

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

  /**
   * An untrusted text on one line, without what is invisible, redacted.
   *
   * @param maxCells Longer texts are cut. @default {400}
   */
  text(untrusted: string, maxCells = MAX_TEXT): string {
    const { redact = (text: string) => text } = this.#options;
    // Redaction comes before lines are joined: a secret can have several. Cutting to cells comes last.
    const lines = redact(plainLines(untrusted.slice(0, MAX_READ)).join("\n")).split("\n");
    const line = lines.map((each) => each.trim()).join(" ").replaceAll("\t", " ");
    // The end may be one half of a secret, which has no shape that could be found.
    return cutCells(untrusted.length > MAX_READ ? `${line.slice(0, -MAX_SECRET)}…` : line, maxCells);
  }

  /** Adds a line, which is cut to the width. */
  line(...spans: readonly Span[]): void {
    this.#add(spans, this.width);
  }

  /** Adds a command that people copy, on a line that is not cut. It may hold untrusted texts. */
  command(indent: number, command: string): void {
    this.#add([{ text: " ".repeat(indent) }, { text: this.text(command, MAX_COMMAND), style: "bold" }], Infinity);
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

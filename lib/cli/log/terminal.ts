import { cellWidth, cutCells, fitCells, wrapCells } from "../../text/cells.ts";
import { type Block, type Fact, plainWords, type Words } from "../../text/document.ts";
import { escapeLogLine } from "../../text/escape.ts";
import { plainLines, plainText } from "../../text/plain_text.ts";
import { joinLines, own, type SafeLine } from "../../text/safe_line.ts";
import { colored, type Style, type Writer } from "./writer.ts";

export interface Span {
  /** A fixed text of the program, or a result of {@linkcode Screen.text}. */
  readonly text: string;
  readonly style?: Style | undefined;
}

export interface ScreenOptions {
  width: number;
  color: boolean;
  redact?: ((text: string) => string) | undefined;
  escapeLine?: ((line: string) => SafeLine) | undefined;
}

const MIN_WIDTH = 40;
/** Maximum width of a text, in cells: wider than the longest names that forges permit, and about five lines of a narrow screen. */
const MAX_TEXT = 400;
/** Maximum number of UTF-16 units that are read from a text. Most characters of a text may be invisible. */
const MAX_READ = 20_000;
const MAX_SECRET = 1_000;
/**
 * Maximum width of a command, in cells. Commands are not cut to the width of the screen, because a shortened command would be a different command.
 */
const MAX_COMMAND = 4_000;

type ScreenBlock = Exclude<Block, { table: unknown } | { list: unknown } | { details: unknown }>;

export const LABEL_WIDTH = 14;

export class Screen {
  readonly lines: SafeLine[] = [];
  readonly width: number;
  readonly #options: ScreenOptions;

  constructor(options: ScreenOptions) {
    this.#options = options;
    this.width = Math.max(MIN_WIDTH, options.width);
  }

  text(untrusted: string, maxCells = MAX_TEXT): string {
    const { redact = (text: string) => text } = this.#options;
    // Redaction comes before lines are joined, because a secret can have several lines. Truncation comes last.
    const lines = redact(plainLines(untrusted.slice(0, MAX_READ)).join("\n")).split("\n");
    const line = lines.map((each) => each.trim()).join(" ").replaceAll("\t", " ");
    // The end of the text may be half of a secret, which the redactor does not recognize.
    return cutCells(untrusted.length > MAX_READ ? `${line.slice(0, -MAX_SECRET)}…` : line, maxCells);
  }

  words(words: Words): string {
    return plainWords(words, (untrusted) => this.text(untrusted));
  }

  line(...spans: readonly Span[]): void {
    this.#add(spans, this.width);
  }

  /** @param head Text before `text`, with its own style. The head is never broken. */
  paragraph(indent: number, text: string, style?: Style, head: Span = { text: "" }, hang = indent): void {
    const first = this.width - indent - cellWidth(head.text);
    const [start = "", ...rest] = wrapCells(text, this.width - hang, first);
    this.line({ text: " ".repeat(indent) }, head, { text: start, style });
    for (const line of rest) this.line({ text: " ".repeat(hang) }, { text: line, style });
  }

  print(blocks: readonly ScreenBlock[], indent: number): void {
    for (const block of blocks) {
      if ("heading" in block) {
        this.space();
        this.line({ text: this.words(block.heading), style: "bold" });
      } else if ("facts" in block) {
        for (const [name, value] of block.facts) {
          if (value === null) continue;
          const label = { text: name.padEnd(LABEL_WIDTH), style: "dim" } as const;
          this.paragraph(indent, this.words(value), undefined, label, indent + LABEL_WIDTH);
        }
      } else if ("code" in block) {
        // People copy commands, so their lines are not truncated.
        const command = this.text(block.code, MAX_COMMAND);
        this.#add([{ text: " ".repeat(indent + 2) }, { text: command, style: "bold" }], Infinity);
      } // At the left margin, a continuation line looks like a new line.
      else this.paragraph(indent, this.words(block.text), undefined, undefined, indent === 0 ? 2 : indent);
    }
  }

  space(): void {
    this.lines.push(own``);
  }

  #add(spans: readonly Span[], width: number): void {
    const { color, escapeLine = escapeLogLine } = this.#options;
    const visibleSpans: Span[] = [];
    let used = 0;
    for (const { text, style } of spans) {
      const cut = width === Infinity ? text : cutCells(text, width - used);
      used += cellWidth(cut);
      visibleSpans.push({ text: cut, style });
      if (cut !== text) break;
    }
    const plain = visibleSpans.map(({ text }) => text).join("").trimEnd();
    const safe = escapeLine(plain);
    // If a CI system could read the line as a command, the line gets no colors, because colors would hide the command from the check.
    if (!color || safe !== plain) this.lines.push(width === Infinity ? safe : cutCells(safe, width));
    else this.lines.push(paint(visibleSpans) as SafeLine);
  }
}

function paint(spans: readonly Span[]): string {
  const last = spans.findLastIndex(({ text }) => text.trimEnd() !== "");
  return spans.slice(0, last + 1).map(({ text, style }, index) => {
    const content = index === last ? text.trimEnd() : text;
    return style === undefined || content.trim() === "" ? content : colored(style, content);
  }).join("");
}

export function factsText(facts: readonly Fact[]): string {
  const indent = `\n${" ".repeat(LABEL_WIDTH)}`;
  return facts.filter(([, value]) => value !== null)
    .map(([name, value]) => name.padEnd(LABEL_WIDTH) + plainText(plainWords(value)).trim().replaceAll("\n", indent))
    .join("\n");
}

/**
 * The cells may contain untrusted text.
 * @param cells Maximum width of a line. The widest columns after the first are truncated until the rows fit.
 * @param texts Columns with text for people to read. They keep twice the width of the other columns.
 */
export function printRows(
  writer: Writer,
  rows: readonly (readonly string[])[],
  cells = Infinity,
  texts: readonly number[] = [],
): void {
  const safe = rows.map((row) => row.map((cell) => writer.untrusted(cell)));
  const widths = columnWidths(safe, cells, texts);
  writer.out(
    ...safe.map((row) => joinLines(row.map((cell, column) => fitCells(cell, widths[column] ?? 0)), "  ").trimEnd()),
  );
}

function columnWidths(rows: readonly (readonly string[])[], cells: number, texts: readonly number[]): number[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => cellWidth(row[column] ?? "")))) ?? [];
  let excess = widths.reduce((sum, width) => sum + width, 2 * (widths.length - 1)) - cells;
  for (; excess > 0; excess--) {
    const weights = widths.map((width, column) => column === 0 ? 0 : texts.includes(column) ? width / 2 : width);
    const widest = weights.indexOf(Math.max(...weights));
    if ((weights[widest] ?? 0) <= MIN_COLUMN) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

const MIN_COLUMN = 8;

export function shortPull(url: string): string {
  const [, kind, number] = /\/(pull|pulls|pull-requests|merge_requests)\/(\d+)\/?$/.exec(url) ?? [];
  return kind === undefined ? url : `${kind === "merge_requests" ? "!" : "#"}${number}`;
}

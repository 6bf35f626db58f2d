/**
 * Tables of the Markdown reports.
 *
 * @module
 */
import { markdownCode } from "../text/escape/markdown.ts";
import { cutText } from "../text/plain_text.ts";

const MAX_CELL = 300;

/** Untrusted text as a cell, as code and cut; empty for null. */
export function codeCell(text: string | null): string {
  return text === null ? "" : markdownCode(cutText(text, MAX_CELL));
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/**
 * A table.
 *
 * @param rows Cells that are Markdown already: our own text, or made safe by {@linkcode codeCell}.
 */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

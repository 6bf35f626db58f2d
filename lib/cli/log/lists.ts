/**
 * Lists, as JSON lines or as a table.
 *
 * @module
 */
import type { Writer } from "./writer.ts";

/** Most repositories or sandboxes that one request gives. Source: API reference, "List repositories", "List sandboxes". */
export const MOST_LISTED = 200;

/**
 * Notes on stderr that there may be more items than the list shows: the service does not say that it stopped at the limit.
 *
 * @param what The items, in the plural.
 * @param limit How many were requested.
 */
export function noteFull(writer: Writer, what: string, items: readonly unknown[], limit: number): void {
  if (items.length < limit) return;
  const advice = limit < MOST_LISTED
    ? "--limit shows more"
    : "the service lists no more at once: use a narrower filter";
  writer.note(`these are the first ${limit} ${what}, there may be more: ${advice}`);
}

/**
 * Prints one line for each item.
 *
 * @param json Whether items are printed as JSON rather than as a table.
 * @param cells The columns of an item, which may hold untrusted text.
 */
export function printList<T>(writer: Writer, json: boolean, items: readonly T[], cells: (item: T) => string[]): void {
  if (json) {
    for (const item of items) writer.json(item);
    return;
  }
  printRows(writer, items.map((item) => cells(item).map((cell) => writer.untrusted(cell))));
}

/** Prints rows of cells that are safe to print, in columns. */
export function printRows(writer: Writer, rows: readonly (readonly string[])[]): void {
  const widths = columnWidths(rows);
  writer.out(...rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()));
}

/** Length of the longest cell of each column. All rows have as many cells as the first one. */
function columnWidths(rows: readonly (readonly string[])[]): number[] {
  return rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
}

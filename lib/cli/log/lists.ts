/**
 * Lists, as JSON lines or as a table.
 *
 * @module
 */
import type { Writer } from "./writer.ts";

/** Most repositories or sandboxes that one request gives. Source: API reference, "List repositories", "List sandboxes". */
export const MOST_LISTED = 200;

/**
 * Says on stderr that a list may have more items than it shows. The service stops at the limit without a word.
 *
 * @param what The items, in the plural.
 * @param limit How many were asked for.
 */
export function noteFull(writer: Writer, what: string, items: readonly unknown[], limit: number): void {
  if (items.length < limit) return;
  const advice = limit < MOST_LISTED ? "--limit shows more" : "the service lists no more at once: narrow the list down";
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
  const rows = items.map((item) => cells(item).map((cell) => writer.untrusted(cell)));
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows) writer.out(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
}

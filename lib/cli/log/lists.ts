/**
 * Lists, as JSON lines or as a table.
 *
 * @module
 */
import type { Writer } from "./writer.ts";

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

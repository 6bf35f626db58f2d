/** Prints rows with equal keys as an aligned table with a header. Numbers are rounded to three decimal places. */
export function printTable(title: string, rows: readonly Record<string, string | number>[]): void {
  const keys = Object.keys(rows[0] ?? {});
  const shown = (value: string | number | undefined) =>
    typeof value === "number" ? String(Math.round(value * 1000) / 1000) : value ?? "";
  const lines = [keys, ...rows.map((row) => keys.map((key) => shown(row[key])))];
  const widths = keys.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  process.stdout.write(`\n${title}\n`);
  for (const line of lines) {
    process.stdout.write(`  ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()}\n`);
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

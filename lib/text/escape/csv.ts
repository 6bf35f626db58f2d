/**
 * Comma-separated values that no spreadsheet takes for formulas.
 *
 * @module
 */

// What makes a cell a formula, with the full-width forms that spreadsheets fold, and the blanks that they skip before it.
// Source: OWASP, "CSV Injection".
const FORMULA = /^\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;

/**
 * A text as a cell, in quotes. A cell that a spreadsheet would take for a formula gets an apostrophe in front.
 *
 * Source: RFC 4180, section 2, rules 5 to 7.
 *
 * @param text Anything; NUL becomes U+FFFD.
 */
export function csvCell(text: string): string {
  const safe = text.replaceAll("\0", "\ufffd").replaceAll('"', '""');
  return `"${FORMULA.test(text) ? "'" : ""}${safe}"`;
}

/**
 * A line with its line break. Numbers are written as they are, null as an empty cell, and texts by {@linkcode csvCell}.
 *
 * @param cells Cells from the left; numbers must be finite.
 */
export function csvLine(cells: readonly (string | number | null)[]): string {
  const written = cells.map((cell) => cell === null ? "" : typeof cell === "number" ? String(cell) : csvCell(cell));
  return `${written.join(",")}\r\n`;
}

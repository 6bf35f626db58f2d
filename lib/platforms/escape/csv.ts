/**
 * Fields of CSV files.
 *
 * @module
 */

// What starts a formula in Excel, LibreOffice or Google Sheets, also in its full-width form, and after blanks.
// Source: OWASP, "CSV Injection".
const FORMULA = /^\s*[=+\-@|%＝＋－＠]|^[\t\r]/;

/**
 * One field, always in quotes. A field that a spreadsheet would run as a formula starts with an apostrophe, which
 * spreadsheets do not show.
 *
 * @param text Anything; line breaks stay inside the quotes.
 */
export function escapeCsv(text: string): string {
  return `"${FORMULA.test(text) ? "'" : ""}${text.replaceAll("\0", "").replaceAll('"', '""')}"`;
}

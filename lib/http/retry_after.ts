/**
 * Reads `Retry-After` strictly: whole seconds or one of the three HTTP date formats. Anything else is ignored.
 *
 * @module
 */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
// Source: RFC 9110, section 5.6.7 (IMF-fixdate, then the two obsolete forms that a recipient must accept).
const HTTP_DATES = [
  /^[A-Z][a-z]{2}, (?<day>\d{2}) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) (?<time>\d{2}:\d{2}:\d{2}) GMT$/,
  /^[A-Z][a-z]{5,8}, (?<day>\d{2})-(?<month>[A-Z][a-z]{2})-(?<year>\d{2}) (?<time>\d{2}:\d{2}:\d{2}) GMT$/,
  /^[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) (?<time>\d{2}:\d{2}:\d{2}) (?<year>\d{4})$/,
];

/**
 * Reads an HTTP date.
 *
 * @param text Value of a header.
 * @param nowMs Wall time in milliseconds since 1970, for the century of a two-digit year.
 * @returns Milliseconds since 1970; null when the text is not an HTTP date.
 */
export function parseHttpDate(text: string, nowMs: number): number | null {
  for (const form of HTTP_DATES) {
    const parts = form.exec(text)?.groups;
    if (parts === undefined) continue;
    const month = MONTHS.indexOf(parts.month ?? "");
    const day = Number(parts.day);
    const [hour = 0, minute = 0, second = 0] = (parts.time ?? "").split(":").map(Number);
    let year = Number(parts.year);
    if (parts.year?.length === 2) {
      const thisYear = new Date(nowMs).getUTCFullYear();
      year += thisYear - thisYear % 100;
      if (year > thisYear + 50) year -= 100;
    }
    // 60 is a leap second.
    if (month < 0 || hour > 23 || minute > 59 || second > 60) return null;
    const date = new Date(0);
    date.setUTCFullYear(year, month, day);
    if (date.getUTCMonth() !== month || date.getUTCDate() !== day) return null;
    return date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000;
  }
  return null;
}

/**
 * Longest delay that is accepted, in milliseconds: 30 days, the longest wait that a job can have. A much larger one added to the time
 * would not be a valid date.
 */
export const MAX_RETRY_AFTER_MS = 30 * 86_400_000;

/**
 * Reads `Retry-After`.
 *
 * @param value Value of the header, or null when there is none.
 * @param nowMs Wall time at the answer, in milliseconds since 1970; only dates need it.
 * @returns Milliseconds to wait, from 0 to {@linkcode MAX_RETRY_AFTER_MS}, or null when the header is absent or malformed.
 */
export function parseRetryAfter(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, MAX_RETRY_AFTER_MS);
  const at = parseHttpDate(value, nowMs);
  return at === null ? null : Math.min(Math.max(at - nowMs, 0), MAX_RETRY_AFTER_MS);
}

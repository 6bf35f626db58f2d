/**
 * Stores and formats values as the service's database does, because the API exposes the database's formats of times and UUIDs, its errors, and its
 * order of the keys in `jsonb`.
 *
 * @module
 */

export class DatabaseError extends Error {
  override name = "DatabaseError";
}

const TIME = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/i;

/**
 * @param text ISO 8601. Without an offset, the time is in UTC.
 * @returns Microseconds since 1970.
 */
export function parseTimestamp(text: string): number {
  const match = TIME.exec(text.trim());
  if (match === null) throw new DatabaseError(`invalid input syntax for type timestamp with time zone: "${text}"`);
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", zone = "Z"] = match;
  const seconds = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const micros = Number(fraction.padEnd(6, "0").slice(0, 6));
  const [, sign, zoneHours = "0", zoneMinutes = "0"] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone) ?? [];
  const shift = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000_000 * (sign === "-" ? -1 : 1);
  return seconds * 1_000 + micros - shift;
}

/** Formats a time as the database does: `2026-08-03T15:00:20.638123+00:00`, without trailing zeros in the fraction. */
export function formatTimestamp(micros: number): string {
  const whole = Math.floor(micros / 1_000_000);
  const fraction = String(micros - whole * 1_000_000).padStart(6, "0").replace(/0+$/, "");
  return `${new Date(whole * 1_000).toISOString().slice(0, 19)}${fraction === "" ? "" : `.${fraction}`}+00:00`;
}

/**
 * Parses a UUID as the database's `uuid` type does: in upper or lower case, with or without a hyphen after each group of four digits, and with or
 * without braces. A malformed id is a database error, so most routes answer it with a 500 and not a 404.
 */
export function parseUuid(text: string): string {
  const inner = text.startsWith("{") && text.endsWith("}") ? text.slice(1, -1) : text;
  if (!/^[0-9a-f]{4}(?:-?[0-9a-f]{4}){7}$/i.test(inner)) {
    throw new DatabaseError(`invalid input syntax for type uuid: "${text}"`);
  }
  const digits = inner.replaceAll("-", "").toLowerCase();
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ].join("-");
}

/** A `text` column cannot contain NUL. */
export function storeText<T extends string | null>(text: T): T {
  if (text !== null && text.includes("\0")) {
    throw new DatabaseError(`invalid byte sequence for encoding "UTF8": 0x00`);
  }
  return text;
}

function compareKeys(a: string, b: string): number {
  const bytesA = new TextEncoder().encode(a);
  const bytesB = new TextEncoder().encode(b);
  if (bytesA.length !== bytesB.length) return bytesA.length - bytesB.length;
  for (let index = 0; index < bytesA.length; index++) {
    const difference = (bytesA[index] ?? 0) - (bytesB[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function jsonbText(text: string): string {
  if (text.includes("\0")) throw new DatabaseError("unsupported Unicode escape sequence");
  if (!text.isWellFormed()) throw new DatabaseError("invalid input syntax for type json");
  return text;
}

/** Sorts the keys of a JSON value as `jsonb` does: by length, then by bytes. The order decides which 25 entries of a large payload are shown. */
export function storeJson(value: unknown): unknown {
  if (typeof value === "string") return jsonbText(value);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(storeJson);
  const entries = Object.entries(value).filter(([, nested]) => nested !== undefined);
  entries.sort(([a], [b]) => compareKeys(a, b));
  return Object.fromEntries(entries.map(([key, nested]) => [jsonbText(key), storeJson(nested)]));
}

/**
 * Matches texts as SQL's `ILIKE '%part%'` does: case is ignored, `%` and `_` are wildcards, and a backslash makes the next character literal. The
 * returned function keeps the compiled pattern, so call `likeFinder` once for a whole list.
 */
export function likeFinder(part: string): (text: string) => boolean {
  let source = "";
  // The expression is not anchored, so it needs no wildcards at its start and end.
  const pattern = Array.from(part);
  for (let index = 0; index < pattern.length; index++) {
    let character = pattern[index] ?? "";
    if (character === "%") source += ".*";
    else if (character === "_") source += ".";
    else {
      if (character === "\\") character = pattern[++index] ?? "";
      // A trailing backslash escapes the final `%` of the SQL pattern.
      source += character === "" ? "%$" : character.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    }
  }
  const expression = new RegExp(source, "isu");
  return (text) => expression.test(text);
}

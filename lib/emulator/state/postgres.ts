/**
 * How the service's database stores values: times with six digits, UUIDs in several spellings, texts and JSON that it refuses,
 * and the order of keys in `jsonb`. Each of these is visible in the API.
 *
 * @module
 */

/** The database refused a statement. A route answers 500. */
export class DatabaseError extends Error {
  override name = "DatabaseError";
}

const TIME = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/i;

/**
 * Reads a time as microseconds since 1970.
 *
 * @param text ISO 8601; without an offset it means UTC, as in a database whose zone is UTC.
 * @throws {DatabaseError} if the text is not a time.
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

/**
 * Formats a time as the database does: `2026-08-03T15:00:20.638123+00:00`, without trailing zeros in the fraction.
 *
 * @param micros Microseconds since 1970.
 */
export function formatTimestamp(micros: number): string {
  const whole = Math.floor(micros / 1_000_000);
  const fraction = String(micros - whole * 1_000_000).padStart(6, "0").replace(/0+$/, "");
  return `${new Date(whole * 1_000).toISOString().slice(0, 19)}${fraction === "" ? "" : `.${fraction}`}+00:00`;
}

/**
 * Reads a UUID as the column type does: any case, hyphens after any group of four digits, braces.
 *
 * @returns The canonical lower-case form.
 * @throws {DatabaseError} for anything else. This is why a malformed id is a 500 and not a 404.
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

/**
 * Returns the text if a `text` column can hold it.
 *
 * @throws {DatabaseError} if it contains NUL.
 */
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

/**
 * Sorts the keys of a JSON value as `jsonb` does: by length, then by bytes. The order decides which 25 entries of a large
 * payload are shown.
 *
 * @throws {DatabaseError} for NUL and for half of a surrogate pair, in keys too.
 */
export function storeJson(value: unknown): unknown {
  if (typeof value === "string") return jsonbText(value);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(storeJson);
  const entries = Object.entries(value).filter(([, nested]) => nested !== undefined);
  entries.sort(([a], [b]) => compareKeys(a, b));
  return Object.fromEntries(entries.map(([key, nested]) => [jsonbText(key), storeJson(nested)]));
}

/**
 * Finds texts that contain `part` as SQL's `ILIKE '%part%'` sees it: letter case ignored, `%` and `_` are wildcards, a backslash
 * takes the next character literally.
 *
 * @returns Whether a text contains it. Made once for a list, since the making costs more than a look.
 */
export function likeFinder(part: string): (text: string) => boolean {
  let source = "";
  // The search is not bound to the ends of the text, so that it needs no wildcards there.
  const pattern = Array.from(part);
  for (let index = 0; index < pattern.length; index++) {
    let character = pattern[index] ?? "";
    if (character === "%") source += ".*";
    else if (character === "_") source += ".";
    else {
      if (character === "\\") character = pattern[++index] ?? "";
      // A backslash at the end takes the last wildcard.
      source += character === "" ? "%$" : character.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    }
  }
  const expression = new RegExp(source, "isu");
  return (text) => expression.test(text);
}

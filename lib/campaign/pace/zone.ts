/**
 * What a clock on the wall shows in a time zone: instants to local time, through `Intl`.
 *
 * @module
 */

/** Length of a day of 24 hours, in milliseconds. */
export const DAY_MS = 86_400_000;
/** Days of which the offset is remembered for each zone, before all of them are forgotten. */
const REMEMBERED_DAYS = 1_000;

interface Zone {
  format: Intl.DateTimeFormat;
  /** Offset of the days (UTC) that have only one; null for days with a change. */
  days: Map<number, number | null>;
}

// A formatter takes far longer to make than to use.
const ZONES = new Map<string, Zone>();

function zoneOf(name: string): Zone {
  let zone = ZONES.get(name);
  if (zone === undefined) {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    zone = { format, days: new Map() };
    ZONES.set(name, zone);
  }
  return zone;
}

function readOffset(format: Intl.DateTimeFormat, ms: number): number {
  const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
  const local = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
  return local - Math.floor(ms / 1_000) * 1_000;
}

/**
 * What the zone adds to UTC at an instant, in milliseconds; positive east of Greenwich.
 *
 * @param name IANA name.
 * @param ms Milliseconds since 1970.
 * @throws {RangeError} if the runtime does not know the zone, or `ms` is no instant.
 */
export function offsetAt(name: string, ms: number): number {
  const { format, days } = zoneOf(name);
  const day = Math.floor(ms / DAY_MS);
  let offset = days.get(day);
  if (offset === undefined) {
    const first = readOffset(format, day * DAY_MS);
    // No zone changes twice within a day, so equal offsets at both ends hold for all of it.
    offset = first === readOffset(format, (day + 1) * DAY_MS) ? first : null;
    if (days.size >= REMEMBERED_DAYS) days.clear();
    days.set(day, offset);
  }
  return offset ?? readOffset(format, ms);
}

/**
 * The first instant after `fromMs`, up to `toMs`, with another offset than `fromMs`; null when there is none.
 *
 * @param toMs At most a day after `fromMs`.
 */
export function offsetChange(name: string, fromMs: number, toMs: number): number | null {
  const offset = offsetAt(name, fromMs);
  if (offsetAt(name, toMs) === offset) return null;
  let [before, after] = [fromMs, toMs];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(name, middle) === offset) before = middle;
    else after = middle;
  }
  return after;
}

/**
 * Computes when starts are allowed. A window is open while a wall clock in its zone shows a time inside it. Daylight saving time therefore needs no
 * special rule: times that the clock skips are never open, and times that the clock shows twice are open twice.
 * @module
 */
import type { StartWindow } from "../file/campaign_file.ts";

export const DAY_MS = 86_400_000;
const REMEMBERED_DAYS = 1_000;

interface Zone {
  format: Intl.DateTimeFormat;
  /** Offsets by UTC day; `null` if the offset changes on that day. */
  days: Map<number, number | null>;
}

// Creating a formatter takes much longer than using it.
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

/** In milliseconds; positive east of Greenwich. */
function offsetAt(name: string, ms: number): number {
  const { format, days } = zoneOf(name);
  const day = Math.floor(ms / DAY_MS);
  let offset = days.get(day);
  if (offset === undefined) {
    const first = readOffset(format, day * DAY_MS);
    // No zone changes twice within a day, so an offset that is the same at both ends of a day applies to the whole day.
    offset = first === readOffset(format, (day + 1) * DAY_MS) ? first : null;
    if (days.size >= REMEMBERED_DAYS) days.clear();
    days.set(day, offset);
  }
  return offset ?? readOffset(format, ms);
}

/** @param toMs At most one day after `fromMs`, so that the offset changes only once. */
function offsetChange(name: string, fromMs: number, toMs: number): number | null {
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

const MINUTE_MS = 60_000;
/** How far to search for an opening. A window opens at least once a week. A window in the hour that the clock skips in spring opens a week later. */
const HORIZON_MS = 22 * DAY_MS;

function weekday(day: number): number {
  // 1970-01-01 was a Thursday.
  return ((day + 3) % 7 + 7) % 7 + 1;
}

function isOpenAt({ days, fromMinute, toMinute, zone }: StartWindow, ms: number): boolean {
  const local = ms + offsetAt(zone, ms);
  const day = Math.floor(local / DAY_MS);
  const minute = (local - day * DAY_MS) / MINUTE_MS;
  const today = days.includes(weekday(day));
  if (fromMinute < toMinute) return today && minute >= fromMinute && minute < toMinute;
  // The window belongs to the day on which it begins.
  return (today && minute >= fromMinute) || (minute < toMinute && days.includes(weekday(day - 1)));
}

function nextStep({ fromMinute, toMinute, zone }: StartWindow, ms: number): number {
  const local = ms + offsetAt(zone, ms);
  const timeOfDay = local - Math.floor(local / DAY_MS) * DAY_MS;
  const later = [fromMinute * MINUTE_MS, toMinute * MINUTE_MS, DAY_MS].filter((time) => time > timeOfDay);
  const step = ms + Math.min(...later) - timeOfDay;
  return offsetChange(zone, ms, step) ?? step;
}

function firstOpen(window: StartWindow, ms: number): number | null {
  for (let at = ms; at <= ms + HORIZON_MS; at = nextStep(window, at)) {
    if (isOpenAt(window, at)) return at;
  }
  return null;
}

export function nextOpening(windows: readonly StartWindow[], ms: number): number | null {
  if (windows.length === 0 || windows.some((window) => isOpenAt(window, ms))) return ms;
  const openings = windows.map((window) => firstOpen(window, ms)).filter((at) => at !== null);
  return openings.length === 0 ? null : Math.min(...openings);
}

/**
 * When starts are permitted. A window is open while a clock on the wall of its zone shows a time inside it, so a change to or from summer
 * time needs no rule of its own: times that the clock leaves out are never open, times that it shows twice are open twice.
 *
 * @module
 */
import type { StartWindow } from "../file/campaign_file.ts";
import { DAY_MS, offsetAt, offsetChange } from "./zone.ts";

const MINUTE_MS = 60_000;
/**
 * How far to look for a change, in milliseconds. A window opens once a week or more often; one that lies in the hour that the clock leaves
 * out in spring waits one week more.
 */
const HORIZON_MS = 22 * DAY_MS;

/** Day of the week, 1 (Monday) to 7 (Sunday), of a day counted from 1970-01-01. */
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

/** The first instant after `ms` at which the window may open or close, or the clock of its zone changes. */
function nextStep({ fromMinute, toMinute, zone }: StartWindow, ms: number): number {
  const local = ms + offsetAt(zone, ms);
  const timeOfDay = local - Math.floor(local / DAY_MS) * DAY_MS;
  const later = [fromMinute * MINUTE_MS, toMinute * MINUTE_MS, DAY_MS].filter((time) => time > timeOfDay);
  const step = ms + Math.min(...later) - timeOfDay;
  return offsetChange(zone, ms, step) ?? step;
}

/** The first instant from `ms` on at which the window is open; null when there is none. */
function firstOpen(window: StartWindow, ms: number): number | null {
  for (let at = ms; at <= ms + HORIZON_MS; at = nextStep(window, at)) {
    if (isOpenAt(window, at)) return at;
  }
  return null;
}

/**
 * Whether starts are permitted.
 *
 * @param windows Windows, of which one open one is enough; none for always.
 * @param ms Milliseconds since 1970.
 * @throws {RangeError} if the runtime does not know a zone.
 */
export function isOpen(windows: readonly StartWindow[], ms: number): boolean {
  return windows.length === 0 || windows.some((window) => isOpenAt(window, ms));
}

/**
 * The first instant from `ms` on at which starts are permitted: `ms` itself when they are; null when no window ever opens.
 *
 * @throws {RangeError} if the runtime does not know a zone.
 */
export function nextOpening(windows: readonly StartWindow[], ms: number): number | null {
  if (isOpen(windows, ms)) return ms;
  const openings = windows.map((window) => firstOpen(window, ms)).filter((at) => at !== null);
  return openings.length === 0 ? null : Math.min(...openings);
}

/**
 * Windows: the times of the week in which runs may be started, as `Mon-Fri 20:00-06:00 Europe/Vienna`.
 *
 * @module
 */
import { nearest } from "../../nearest.ts";
import type { StartWindow } from "./campaign_file.ts";

const DAYS: readonly string[] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const FORM = 'it must be days, times and a time zone, as in "Mon-Fri 20:00-06:00 Europe/Vienna"';
/** The zone of a window that names none. */
const DEFAULT_ZONE = "UTC";

/** A window, or what is wrong with its text and what is allowed. */
export type WindowResult = { ok: true; window: StartWindow } | { ok: false; problem: string };

class Problem extends Error {}

function dayNumber(text: string): number {
  const index = DAYS.findIndex((day) => day.toLowerCase() === text.toLowerCase());
  if (index >= 0) return index + 1;
  const near = nearest(text.slice(0, 3), DAYS.filter((day) => day[0]?.toLowerCase() === text[0]?.toLowerCase()));
  const hint = near === undefined ? "" : `; did you mean "${near}"?`;
  throw new Problem(`there is no day ${JSON.stringify(text)}; write ${DAYS.join(", ")}, or daily${hint}`);
}

/** `Mon-Fri`, `Sat-Mon`, `Mon,Wed,Fri-Sun` or `daily`. */
function daysOf(text: string): number[] {
  if (text.toLowerCase() === "daily") return [1, 2, 3, 4, 5, 6, 7];
  const days = new Set<number>();
  for (const part of text.split(",")) {
    const [first = "", last = first, ...more] = part.split("-");
    if (more.length > 0) throw new Problem(`${FORM}; a range of days has two days`);
    const [from, to] = [dayNumber(first), dayNumber(last)];
    for (let day = from; day !== to; day = day % 7 + 1) days.add(day);
    days.add(to);
  }
  return [...days].sort((a, b) => a - b);
}

function minuteOf(text: string, latest: number): number {
  const [, hours = "", minutes = ""] = /^(\d\d?):(\d\d)$/.exec(text) ?? [];
  const minute = Number(hours) * 60 + Number(minutes);
  if (hours !== "" && Number(minutes) < 60 && minute <= latest) return minute;
  throw new Problem(
    `${JSON.stringify(text)} is no time of day; write HH:MM, 00:00 to 23:59, and 24:00 for an end at midnight`,
  );
}

function checkZone(zone: string): string {
  try {
    // Node 20 does not know offsets, and an offset does not change to summer time.
    if (/^[A-Za-z]/.test(zone)) {
      new Intl.DateTimeFormat("en", { timeZone: zone });
      return zone;
    }
  } catch {
    // An unknown zone.
  }
  const near = nearest(zone, [...Intl.supportedValuesOf("timeZone"), "UTC"]);
  const hint = near === undefined ? "" : `; did you mean "${near}"?`;
  throw new Problem(`there is no time zone ${JSON.stringify(zone)}; write its name, as in Europe/Vienna or UTC${hint}`);
}

function windowOf(text: string): StartWindow {
  const [days = "", times = "", zone = DEFAULT_ZONE, ...more] = text.trim().split(/\s+/);
  if (/^\d/.test(days)) throw new Problem(`${FORM}; the days are missing, "daily" means all of them`);
  if (times === "" || more.length > 0) throw new Problem(FORM);
  const [from = "", to, ...others] = times.split("-");
  if (to === undefined || others.length > 0) throw new Problem(`${FORM}; the times are two, as in 20:00-06:00`);
  const window = {
    text,
    days: daysOf(days),
    fromMinute: minuteOf(from, 1_439),
    toMinute: minuteOf(to, 1_440),
    zone: checkZone(zone),
  };
  if (window.fromMinute === window.toMinute) {
    throw new Problem("it begins and ends at the same time; for a whole day write 00:00-24:00");
  }
  return window;
}

/**
 * Reads a window. Days are those on which it begins; an end that is not after the beginning is on the next day. Without a zone the times
 * are in UTC.
 */
export function parseWindow(text: string): WindowResult {
  if (text.length > 200) return { ok: false, problem: FORM };
  try {
    return { ok: true, window: windowOf(text) };
  } catch (error) {
    if (error instanceof Problem) return { ok: false, problem: error.message };
    throw error;
  }
}

/**
 * Times for people, in UTC and as a distance from now, and spans that can take days.
 *
 * @module
 */
import { twoUnits } from "./duration.ts";

const MINUTE = 60_000;

/**
 * A span in at most two units: `40 s`, `12 min`, `4 h 35 min`, `6 d 3 h`. From ten minutes on it is rounded to minutes.
 *
 * @param ms Milliseconds; a negative number or NaN counts as zero.
 */
export function spanText(ms: number): string {
  if (!(ms >= 500)) return "0 s";
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 600) return twoUnits(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const minutes = Math.round(ms / MINUTE);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return twoUnits(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(minutes / 60);
  return twoUnits(Math.floor(hours / 24), "d", hours % 24, "h");
}

/** Milliseconds since 1970; null when the text is not a time. */
export function instantMs(time: string | null): number | null {
  const ms = Date.parse(time ?? "");
  return Number.isNaN(ms) ? null : ms;
}

/** A time in ISO 8601. @param ms Milliseconds since 1970. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** A time in ISO 8601; null for one that is none. @param ms Milliseconds since 1970; null, NaN or infinite for none. */
export function isoTimeOrNull(ms: number | null): string | null {
  return ms === null || !Number.isFinite(ms) ? null : isoTime(ms);
}

/** A time as `2026-12-01 14:05 UTC`. @param ms Milliseconds since 1970, of the years 0 to 9999. */
export function utcText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** How far a time is from now: `in 12 min`, `3 h ago`, `now`. */
export function distanceText(ms: number, nowMs: number): string {
  const distance = ms - nowMs;
  if (Math.abs(distance) < 1_000) return "now";
  // Nobody waits by the second.
  const rounded = Math.abs(distance) < MINUTE ? Math.abs(distance) : Math.round(Math.abs(distance) / MINUTE) * MINUTE;
  return distance > 0 ? `in ${spanText(rounded)}` : `${spanText(rounded)} ago`;
}

/** A time and its distance: `2026-12-01 14:05 UTC (in 12 min)`. */
export function timeText(ms: number, nowMs: number): string {
  return `${utcText(ms)} (${distanceText(ms, nowMs)})`;
}

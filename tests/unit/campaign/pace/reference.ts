/** Slow models that the tests hold the pace against: a limiter that counts, and a clock that is read minute by minute. */
import type { StartWindow } from "../../../../lib/campaign/file/campaign_file.ts";
import type { PaceInput } from "../../../../lib/campaign/pace/next_starts.ts";

export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;
/** How much longer than its window a start counts. */
export const SLOT_GUARD_MS = 2_000;
/** Tuesday, 1 September 2026, midnight in UTC. */
export const START = Date.UTC(2026, 8, 1);

const LIMITS = [[10, MINUTE], [30, HOUR], [150, DAY]] as const;

/**
 * The service's rule: a start is accepted when fewer than N accepted ones lie in the last window. One that is exactly a window old counts here,
 * as the stricter reading has it.
 *
 * @param slots Accepted starts.
 * @param guardMs How much longer each of them counts.
 */
export function accepts(slots: readonly number[], nowMs: number, guardMs = 0): boolean {
  return LIMITS.every(([count, windowMs]) => slots.filter((at) => nowMs - at <= windowMs + guardMs).length < count);
}

interface LocalMinute {
  /** 1 (Monday) to 7 (Sunday). */
  weekday: number;
  /** Minutes after midnight. */
  minute: number;
}

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const FORMATS = new Map<string, Intl.DateTimeFormat>();
const SHOWN = new Map<string, Map<number, LocalMinute>>();

/** What the clock of a zone shows at an instant. */
export function wallClock(zone: string, ms: number): LocalMinute {
  let format = FORMATS.get(zone);
  if (format === undefined) {
    const parts = { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
    format = new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...parts });
    FORMATS.set(zone, format);
    SHOWN.set(zone, new Map());
  }
  const shown = SHOWN.get(zone);
  const key = Math.floor(ms / MINUTE);
  let local = shown?.get(key);
  if (local === undefined) {
    const [, day = "", hour, minute] = /^(\w{3}),? (\d\d):(\d\d)$/.exec(format.format(ms)) ?? [];
    local = { weekday: DAYS.indexOf(day) + 1, minute: Number(hour) * 60 + Number(minute) };
    if (local.weekday === 0 || Number.isNaN(local.minute)) throw new Error(`Cannot read ${format.format(ms)}`);
    shown?.set(key, local);
  }
  return local;
}

/** Whether a window is open, by the clock on the wall. */
export function referenceOpen(windows: readonly StartWindow[], ms: number): boolean {
  if (windows.length === 0) return true;
  return windows.some(({ days, fromMinute, toMinute, zone }) => {
    const { weekday, minute } = wallClock(zone, ms);
    const dayBefore = weekday === 1 ? 7 : weekday - 1;
    if (toMinute > fromMinute) return days.includes(weekday) && fromMinute <= minute && minute < toMinute;
    if (minute >= fromMinute && days.includes(weekday)) return true;
    return minute < toMinute && days.includes(dayBefore);
  });
}

/** The first whole minute from an instant on at which the windows are open (or closed), or the instant itself; null after `days` days. */
export function referenceNext(open: boolean, windows: readonly StartWindow[], ms: number, days: number): number | null {
  for (let at = ms; at <= ms + days * DAY; at = (Math.floor(at / MINUTE) + 1) * MINUTE) {
    if (referenceOpen(windows, at) === open) return at;
  }
  return null;
}

/** Whether one more start may be sent, but for probes of sandboxes. */
export function mayStart(input: PaceInput, guardMs: number): boolean {
  const { nowMs, slotsMs, refusedUntilMs, sandboxes, running, parallel, windows, closed, waiting } = input;
  return closed === null && waiting > 0 && running < parallel && running < 3 && (sandboxes ?? 0) < 3 &&
    (refusedUntilMs === null || nowMs >= refusedUntilMs) && referenceOpen(windows, nowMs) &&
    !LIMITS.some(([count, windowMs]) => slotsMs.filter((at) => nowMs < at + windowMs + guardMs).length >= count);
}

/** A window from a short form. */
export function window(days: readonly number[], from: string, to: string, zone: string): StartWindow {
  const minutes = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
  return { text: `${days} ${from}-${to} ${zone}`, days, fromMinute: minutes(from), toMinute: minutes(to), zone };
}

/** A campaign at rest that may start. */
export function paceInput(change: Partial<PaceInput> = {}): PaceInput {
  return {
    nowMs: START,
    slotsMs: [],
    refusedUntilMs: null,
    sandboxRefusals: null,
    sandboxes: null,
    running: 0,
    parallel: 3,
    windows: [],
    closed: null,
    waiting: 100,
    ...change,
  };
}

/** Numbers from 0 up to 1 that depend on the seed alone. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * The earliest schedule that quotas and sandboxes allow, computed start by start. It is independent of {@linkcode nextStarts}, so that one
 * can be held against the other.
 *
 * @module
 */
import type { StartWindow } from "../file/campaign_file.ts";
import { type Quota, QUOTAS, SANDBOX_LIMIT } from "./quota.ts";
import { nextOpening } from "./windows.ts";

/** What {@linkcode schedule} is computed from. Times are milliseconds since 1970. */
export interface ScheduleInput {
  /** The first moment at which a run may start. */
  nowMs: number;
  /** Starts that took a slot before, ascending. */
  slotsMs: readonly number[];
  /** How long each run takes, in milliseconds, in the order of the starts. */
  runsMs: readonly number[];
  /** Runs at the same time, at least 1; `Infinity` for no limit. */
  parallel: number;
  /** How long a sandbox stays active after its run, in milliseconds. @default {0} */
  lingerMs?: number | undefined;
  /** When the runs end that are at work now; at most `parallel` of them. @default {[]} */
  busyUntilMs?: readonly number[] | undefined;
  /** Quotas of starts. @default {QUOTAS} */
  quotas?: readonly Quota[] | undefined;
  /** When starts are permitted. @default {[]} */
  windows?: readonly StartWindow[] | undefined;
  /** The end of each run is rounded up to a multiple of this after `nowMs`, in milliseconds. @default {undefined}, not rounded */
  waveEveryMs?: number | undefined;
}

/** A schedule; both times are `Infinity` when a start is never permitted. */
export interface Schedule {
  /** When the last run starts; `nowMs` when there is none. */
  lastStartMs: number;
  /** When the last run ends; `nowMs` when there is none. */
  endsAtMs: number;
}

/** The first moment of a row of moments with a distance of `everyMs`, beginning at `zeroMs`, that is not before `ms`. */
export function roundUp(ms: number, zeroMs: number, everyMs: number): number {
  return zeroMs + Math.ceil((ms - zeroMs) / everyMs) * everyMs;
}

/** Puts a moment into a list of moments, keeping them ascending. */
export function insert(moments: number[], ms: number): void {
  const index = moments.findIndex((at) => at > ms);
  moments.splice(index < 0 ? moments.length : index, 0, ms);
}

/**
 * The earliest times for runs that start in the given order. No order of events can bring an earlier end: each start waits only for what
 * it must, and an earlier start never delays a later one.
 *
 * @throws {RangeError} if the runtime does not know the zone of a window.
 */
export function schedule(input: ScheduleInput): Schedule {
  const { nowMs, slotsMs, runsMs, parallel, busyUntilMs = [], quotas = QUOTAS, windows = [], waveEveryMs } = input;
  const { lingerMs = 0 } = input;
  const ended = (ms: number) => waveEveryMs === undefined ? ms : roundUp(ms, nowMs, waveEveryMs);
  const busy = busyUntilMs.map(ended).sort((a, b) => a - b);
  const idle = Number.isFinite(parallel) ? Math.max(0, parallel - busy.length) : 0;
  const places = [...Array.from({ length: idle }, () => nowMs), ...busy];
  // Sandboxes bind only where they outlive their runs: otherwise `parallel` is never more.
  const boxes = lingerMs === 0 ? [] : [
    ...Array.from({ length: Math.max(0, SANDBOX_LIMIT - busy.length) }, () => nowMs),
    ...busyUntilMs.map((ms) => ended(ms + lingerMs)).sort((a, b) => a - b),
  ];
  const starts = [...slotsMs];
  let lastStartMs = nowMs;
  let endsAtMs = Math.max(nowMs, ...busy);
  for (const runMs of runsMs) {
    let at = lastStartMs;
    if (Number.isFinite(parallel)) at = Math.max(at, places[0] ?? at);
    at = Math.max(at, boxes[0] ?? at);
    for (const { count, windowMs } of quotas) {
      const oldest = starts[starts.length - count];
      if (oldest !== undefined) at = Math.max(at, oldest + windowMs);
    }
    const opening = nextOpening(windows, at);
    if (opening === null) return { lastStartMs: Infinity, endsAtMs: Infinity };
    const end = ended(opening + runMs);
    if (lingerMs > 0) {
      boxes.shift();
      insert(boxes, ended(opening + runMs + lingerMs));
    }
    places.shift();
    insert(places, end);
    starts.push(opening);
    lastStartMs = opening;
    endsAtMs = Math.max(endsAtMs, end);
  }
  return { lastStartMs, endsAtMs };
}

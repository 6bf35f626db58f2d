import { type Schedule, schedule } from "../../lib/campaign/pace/forecast.ts";

export interface LowerBoundInput {
  nowMs: number;
  /** Times of earlier starts that used a slot, ascending. @default {[]} */
  slotsMs?: readonly number[] | undefined;
  /** Duration of each run in milliseconds, in the order of the starts; or the number of runs, with one duration for all. */
  runs: readonly number[] | { items: number; meanRunMs: number };
  parallel: number;
  /** Interval of waves. The end of each run is rounded up to the next wave. @default no rounding */
  waveEveryMs?: number | undefined;
}

/**
 * The earliest possible end of a campaign that starts its items in order. Only the start limits and the `parallel` slots delay it. For example, 1,000
 * runs of 20 minutes take 6 d 11 h 20 min: 150 runs a day, and the last 100 runs three at a time.
 */
export function lowerBound({ nowMs, slotsMs = [], runs, parallel, waveEveryMs }: LowerBoundInput): Schedule {
  const runsMs = "items" in runs ? Array.from({ length: runs.items }, () => runs.meanRunMs) : runs;
  return schedule({ nowMs, slotsMs, runsMs, parallel, waveEveryMs });
}

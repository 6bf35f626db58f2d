/** The shortest possible time of a campaign, against which its makespan is held. */
import { type Schedule, schedule } from "../../lib/campaign/pace/forecast.ts";

/** What {@linkcode lowerBound} is computed from. */
export interface LowerBoundInput {
  /** The first moment at which a run may start, in milliseconds since 1970. */
  nowMs: number;
  /** Starts that took a slot before, ascending. @default {[]} */
  slotsMs?: readonly number[] | undefined;
  /** How long each run takes, in milliseconds, in the order of the starts; or how many there are, with one time for all. */
  runs: readonly number[] | { items: number; meanRunMs: number };
  /** Runs at the same time, 1 to 3. */
  parallel: number;
  /** The end of each run is rounded up to the next wave, with one wave every so many milliseconds. @default {undefined}, not rounded */
  waveEveryMs?: number | undefined;
}

/**
 * The earliest possible end of a campaign that starts its items in order: the quotas of starts and the places of `parallel` runs, and
 * nothing else. 1 000 runs of 20 minutes take 6 d 11 h 20 min: 150 a day, and the last 100 of them three at a time.
 */
export function lowerBound({ nowMs, slotsMs = [], runs, parallel, waveEveryMs }: LowerBoundInput): Schedule {
  const runsMs = "items" in runs ? Array.from({ length: runs.items }, () => runs.meanRunMs) : runs;
  return schedule({ nowMs, slotsMs, runsMs, parallel, waveEveryMs });
}

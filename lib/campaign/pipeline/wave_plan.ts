/**
 * When the waves of a planned campaign are made.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import type { CampaignMemory } from "../journal/memory.ts";
import { type ForecastInput, waveMoments } from "../pace/forecast.ts";
import { closedBy, forecastInput } from "../progress.ts";
import type { WavePlan } from "./format.ts";

/** Waves between the expected end of a canary and the gate: its runs may take longer. */
const SPARE_AT_GATE = 2;
/** Waves behind the expected end: some of the runs take longer, or are started again. */
const SPARE = { least: 2, share: 0.1 };

/** What {@linkcode wavePlan} computes from, beside the memory. Times in milliseconds. */
export interface WavePlanInput extends Pick<ForecastInput, "nowMs" | "meanRunMs" | "runningSinceMs"> {
  /** Shortest time between two waves. */
  everyMs: number;
}

function momentsOf(input: ForecastInput, everyMs: number): number[] {
  const moments = waveMoments({ ...input, waveEveryMs: everyMs });
  if (moments !== null) return moments;
  throw new UsageError({ attempted: "make a pipeline", why: "no window of the campaign file ever opens" });
}

/** Index of the wave that opens a gate; null when none has to be opened by a person. */
function gateOf(memory: CampaignMemory, input: ForecastInput, everyMs: number): number | null {
  if (closedBy(memory) === "gate") return 0;
  const { lock: { canary }, gates } = memory;
  if (canary?.gate !== "manual" || gates.canary.approved !== null || input.canary === null) return null;
  const waiting = input.canary ?? 0;
  return momentsOf({ ...input, waiting, canary: null }, everyMs).length + SPARE_AT_GATE;
}

/**
 * Plans the waves: one whenever the forecast expects something to do, with a few to spare.
 *
 * @throws {UsageError} when somebody stopped the campaign, or no window ever opens.
 */
export function wavePlan(memory: CampaignMemory, { everyMs, ...rest }: WavePlanInput): WavePlan {
  if (memory.stopped !== null) {
    const why = `the campaign was stopped by ${memory.stopped.by}`;
    throw new UsageError({ attempted: "make a pipeline", why, advice: "run `campaign resume` first" });
  }
  const input = forecastInput(memory, rest);
  const moments = momentsOf(input, everyMs);
  const delays = moments.map((moment, index) => moment - (moments[index - 1] ?? moment));
  const gate = gateOf(memory, input, everyMs);
  if (gate !== null && gate > 0) delays.splice(gate - SPARE_AT_GATE, 0, ...Array(SPARE_AT_GATE).fill(everyMs));
  const spare = Math.max(SPARE.least, Math.ceil(delays.length * SPARE.share));
  return { delaysMs: [...delays, ...Array(spare).fill(everyMs)], gate };
}

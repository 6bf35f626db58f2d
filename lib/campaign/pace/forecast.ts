import type { StartWindow } from "../file/campaign_file.ts";
import { type CampaignLimit, nextStarts, type Quota, QUOTAS, recentSlots, SANDBOX_LIMIT } from "./next_starts.ts";
import { seenAfterMs } from "./poll_plan.ts";
import { DAY_MS, nextOpening } from "./windows.ts";

const MINUTE_MS = 60_000;

export const WAVE_DISTANCES_MS: readonly number[] = [10, 15, 20, 60].map((minutes) => minutes * MINUTE_MS);

/** How long a sandbox stays in use after its run. The service does not document this duration. Source: README.md, limits. */
export const LINGER_MS = { least: 10 * MINUTE_MS, most: 35 * MINUTE_MS };

/** The default standard deviation of the logarithm of run durations. Two thirds of the runs take between 0.6 and 1.6 times the median. */
const SPREAD = 0.5;

/** Times are in milliseconds since 1970, by the service's clock. */
export interface ForecastInput {
  nowMs: number;
  slotsMs: readonly number[];
  quotas?: readonly Quota[] | undefined;
  waiting: number;
  runningSinceMs?: readonly number[] | undefined;
  /** Number of `waiting` items that belong to an unfinished canary; 0 if all items of the canary are running; `null` if there is no canary. */
  canary?: number | null | undefined;
  parallel: number;
  meanRunMs: number;
  /** Standard deviation of the logarithm of run durations; 0 if all runs take the mean duration. @default {0.5} */
  spread?: number | undefined;
  windows?: readonly StartWindow[] | undefined;
  /** How long a sandbox stays active after its run, in milliseconds. @default {0} */
  lingerMs?: number | undefined;
  refusedUntilMs?: number | null | undefined;
  waveEveryMs?: number | undefined;
  looks?: boolean | undefined;
}

interface Relaxation {
  bound: CampaignLimit;
  /** Milliseconds since 1970. */
  endsAtMs: number;
}

export interface Forecast {
  endsAtMs: number | null;
  waves: number;
  computeMinutes: number;
  bound: CampaignLimit;
  /**
   * The limits that delay the end by at least one minute or a tenth of the total time, whichever is shorter. The strongest limit, `bound`, comes
   * first.
   */
  without: readonly Relaxation[];
}

/**
 * Forecasts the end of a campaign in which everything succeeds. The gate of the canary is assumed to open as soon as the canary's runs have finished,
 * even if a person must open it.
 */
export function forecast(input: ForecastInput): Forecast {
  const plan = planOf(input);
  const { nowMs, waveEveryMs } = input;
  const idle = plan.runsMs.length === 0 && plan.busyUntilMs.length === 0;
  const endsAtMs = play(plan);
  const without = relaxations(plan);
  const lastsMs = (endsAtMs ?? nowMs) - nowMs;
  let waves = idle ? 0 : 1;
  if (waveEveryMs !== undefined && !idle) waves += lastsMs / waveEveryMs;
  return {
    endsAtMs,
    waves,
    computeMinutes: waveEveryMs === undefined ? Math.ceil(lastsMs / MINUTE_MS) : waves,
    bound: without[0]?.bound ?? "nothing",
    without,
  };
}

interface Plan {
  input: ForecastInput;
  windows: readonly StartWindow[];
  slotsMs: readonly number[];
  runsMs: readonly number[];
  busyUntilMs: readonly number[];
}

function planOf(input: ForecastInput): Plan {
  const { nowMs, waiting, runningSinceMs = [], meanRunMs, spread = SPREAD, windows = [] } = input;
  const runsMs = runTimes(waiting, meanRunMs, spread);
  const looks = input.looks === true && input.waveEveryMs === undefined;
  return {
    input,
    windows,
    slotsMs: recentSlots(input.slotsMs, nowMs),
    runsMs: looks ? seenAfterMs(runsMs, meanRunMs) : runsMs,
    // A run that has exceeded the mean duration is not expected to end immediately.
    busyUntilMs: runningSinceMs.map((since) => Math.round(Math.max(since + meanRunMs, nowMs + meanRunMs / 4)))
      .sort((a, b) => a - b),
  };
}

/** Returns deterministic, log-normal run durations. They cover the distribution evenly, so the mean of a few hundred of them is `meanRunMs`. */
export function runTimes(count: number, meanRunMs: number, spread: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    // An additive recurrence in two dimensions (Roberts' sequence), converted to a normal distribution with the Box-Muller transform.
    const [u, v] = [(0.5 + 0.7548776662466927 * (index + 1)) % 1, (0.5 + 0.5698402909980532 * (index + 1)) % 1];
    const normal = Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v);
    return Math.max(1, Math.round(meanRunMs * Math.exp(spread * normal - spread * spread / 2)));
  });
}

function play({ input, windows, slotsMs, runsMs, busyUntilMs }: Plan, moments: number[] = []): number | null {
  const { nowMs, parallel, refusedUntilMs = null, waveEveryMs, lingerMs = 0 } = input;
  const ends = [...busyUntilMs];
  const frees = busyUntilMs.map((end) => end + lingerMs);
  const slots = [...slotsMs];
  let gate = input.canary == null ? null : Math.min(input.canary, runsMs.length);
  let started = 0;
  for (let at = nowMs;;) {
    moments.push(at);
    while ((ends[0] ?? Infinity) <= at) ends.shift();
    while ((frees[0] ?? Infinity) <= at) frees.shift();
    if (gate !== null && started >= gate && ends.length === 0) gate = null;
    if (started === runsMs.length && ends.length === 0) return at;
    const pace = nextStarts({
      nowMs: at,
      slotsMs: slots,
      quotas: input.quotas,
      refusedUntilMs,
      sandboxRefusals: null,
      sandboxes: frees.length,
      running: ends.length,
      parallel,
      windows,
      closed: null,
      waiting: (gate ?? runsMs.length) - started,
    });
    for (const runMs of runsMs.slice(started, started + pace.starts)) {
      insert(ends, at + runMs);
      insert(frees, at + runMs + lingerMs);
      slots.push(at);
    }
    started += pace.starts;
    slots.splice(0, slots.length - Math.max(...QUOTAS.map(({ count }) => count)));
    const next = Math.min(
      pace.because === "sandboxes" ? frees[0] ?? Infinity : pace.nextMs ?? Infinity,
      ends[0] ?? Infinity,
    );
    if (next === Infinity) return null;
    const before = at;
    at = waveEveryMs === undefined ? next : roundUp(next, nowMs, waveEveryMs);
    // A current run may end sooner than expected, so there are waves while runs are active.
    if (waveEveryMs === undefined || ends.length === 0) continue;
    for (let each = before + waveEveryMs; each < at; each += waveEveryMs) moments.push(each);
  }
}

function relaxations({ input, windows, slotsMs, runsMs, busyUntilMs }: Plan): Relaxation[] {
  const { nowMs, parallel, quotas = QUOTAS, refusedUntilMs = null, waveEveryMs, lingerMs = 0 } = input;
  const refusedMs = Math.max(nowMs, Math.min(refusedUntilMs ?? nowMs, nowMs + DAY_MS));
  const all: ScheduleInput = {
    nowMs: refusedMs,
    slotsMs,
    runsMs,
    parallel,
    busyUntilMs,
    quotas,
    windows,
    waveEveryMs,
    lingerMs,
  };
  const changes: [CampaignLimit, Partial<ScheduleInput>][] = [
    ["window", { windows: [] }],
    ...quotas.map(({ name }): [CampaignLimit, Partial<ScheduleInput>] => [
      name,
      { quotas: quotas.filter((quota) => quota.name !== name) },
    ]),
    ...byCapacity(parallel, lingerMs),
    ["refused", { nowMs }],
  ];
  const { endsAtMs } = schedule(all);
  const leastMs = Math.max(1, Math.min(MINUTE_MS, (endsAtMs - nowMs) / 10));
  return changes.map(([bound, change]) => ({ bound, endsAtMs: schedule({ ...all, ...change }).endsAtMs }))
    .filter((other) => endsAtMs - other.endsAtMs >= leastMs)
    .sort((a, b) => a.endsAtMs - b.endsAtMs);
}

function byCapacity(parallel: number, lingerMs: number): [CampaignLimit, Partial<ScheduleInput>][] {
  if (parallel >= SANDBOX_LIMIT) return [["sandboxes", { parallel: Infinity, lingerMs: 0 }]];
  const parallelLimit: [CampaignLimit, Partial<ScheduleInput>] = ["parallel", { parallel: SANDBOX_LIMIT }];
  return lingerMs === 0 ? [parallelLimit] : [parallelLimit, ["sandboxes", { lingerMs: 0 }]];
}

export function waveMoments(input: ForecastInput & { waveEveryMs: number }): number[] | null {
  const moments: number[] = [];
  return play(planOf(input), moments) === null ? null : moments;
}

// Computes the earliest schedule that quotas and sandboxes allow, start by start. This does not use `nextStarts`, so each can verify the other.

interface ScheduleInput {
  nowMs: number;
  slotsMs: readonly number[];
  runsMs: readonly number[];
  parallel: number;
  /** How long a sandbox stays active after its run, in milliseconds. @default {0} */
  lingerMs?: number | undefined;
  busyUntilMs?: readonly number[] | undefined;
  quotas?: readonly Quota[] | undefined;
  windows?: readonly StartWindow[] | undefined;
  waveEveryMs?: number | undefined;
}

export interface Schedule {
  lastStartMs: number;
  endsAtMs: number;
}

/** No other schedule ends earlier: each start waits only as long as necessary, and an earlier start never delays a later one. */
export function schedule(input: ScheduleInput): Schedule {
  const { nowMs, slotsMs, runsMs, parallel, busyUntilMs = [], quotas = QUOTAS, windows = [], waveEveryMs } = input;
  const { lingerMs = 0 } = input;
  const ended = (ms: number) => waveEveryMs === undefined ? ms : roundUp(ms, nowMs, waveEveryMs);
  const busy = busyUntilMs.map(ended).sort((a, b) => a - b);
  const idle = Number.isFinite(parallel) ? Math.max(0, parallel - busy.length) : 0;
  const places = [...Array.from({ length: idle }, () => nowMs), ...busy];
  // Sandboxes are a separate limit only if they outlive their runs. Otherwise, `parallel` is enough, because it never exceeds the sandbox limit.
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

function insert(moments: number[], ms: number): void {
  const index = moments.findIndex((at) => at > ms);
  moments.splice(index < 0 ? moments.length : index, 0, ms);
}

function roundUp(ms: number, zeroMs: number, everyMs: number): number {
  return zeroMs + Math.ceil((ms - zeroMs) / everyMs) * everyMs;
}

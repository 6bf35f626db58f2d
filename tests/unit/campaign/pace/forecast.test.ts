import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  forecast,
  type ForecastInput,
  runTimes,
  WAVE_DISTANCES_MS,
  waveMoments,
} from "../../../../lib/campaign/pace/forecast.ts";
import { lowerBound } from "../../../../bench/campaign/lower_bound.ts";
import { DAY, HOUR, mayStart, MINUTE, paceInput, SECOND, SLOT_GUARD_MS, START, window } from "./reference.ts";
import { propertyRuns } from "../../../property_runs.ts";

const WEEK = [1, 2, 3, 4, 5, 6, 7];

function input(change: Partial<ForecastInput> = {}): ForecastInput {
  return { nowMs: START, slotsMs: [], waiting: 1_000, parallel: 3, meanRunMs: 20 * MINUTE, ...change };
}

/** How long a campaign lasts, in days. */
function days(change: Partial<ForecastInput>): number {
  return ((forecast(input(change)).endsAtMs ?? Infinity) - START) / DAY;
}

test("forecast() ends between the bound and 1.02 times the bound: 1 000 runs of 20 minutes, equal or spread", () => {
  for (const spread of [0, 0.5]) {
    const runs = runTimes(1_000, 20 * MINUTE, spread);
    const boundMs = lowerBound({ nowMs: START, runs, parallel: 3 }).endsAtMs - START;
    const lastsMs = days({ spread }) * DAY;
    expect(lastsMs).toBeGreaterThanOrEqual(boundMs);
    expect(lastsMs).toBeLessThanOrEqual(1.02 * boundMs);
  }
});

test("forecast() with waves ends within 1.05 times the bound that has each end rounded up to the next wave", () => {
  const runs = runTimes(1_000, 20 * MINUTE, 0.5);
  for (const waveEveryMs of [10 * MINUTE, 15 * MINUTE]) {
    const bound = lowerBound({ nowMs: START, runs, parallel: 3, waveEveryMs });
    expect(days({ waveEveryMs }) * DAY).toBeLessThanOrEqual(1.05 * (bound.endsAtMs - START));
  }
});

test("forecast() has 1 000 repositories take 6.7, 6.8, 6.9 and 13.9 days with waves every 10, 15, 20 and 60 minutes", () => {
  const expected = [6.71, 6.77, 6.91, 13.9];
  for (const [index, waveEveryMs] of WAVE_DISTANCES_MS.entries()) {
    const found = forecast(input({ waveEveryMs }));
    const lasts = ((found.endsAtMs ?? 0) - START) / DAY;
    expect(Math.abs(lasts / (expected[index] ?? 0) - 1)).toBeLessThan(0.03);
    expect(found.waves).toBe(Math.round(lasts * DAY / waveEveryMs) + 1);
    expect(found.computeMinutes).toBe(found.waves);
  }
  const stays = forecast(input());
  expect(stays.waves).toBe(1);
  expect(Math.abs(stays.computeMinutes / 9_300 - 1)).toBeLessThan(0.02);
});

test("forecast() names the limit that decides the end, and the end without it", () => {
  const day = forecast(input({ spread: 0 }));
  expect(day.bound).toBe("day");
  expect(day.without.map(({ bound }) => bound)).toEqual(["day", "sandboxes"]);
  expect(((day.without[0]?.endsAtMs ?? 0) - START) / HOUR).toBeCloseTo(1_000 / 9, 0);
  expect(forecast(input({ meanRunMs: HOUR })).bound).toBe("sandboxes");
  expect(forecast(input({ waiting: 100 })).bound).toBe("sandboxes");
  expect(forecast(input({ waiting: 100, meanRunMs: MINUTE })).bound).toBe("hour");
  expect(forecast(input({ waiting: 30, meanRunMs: 5 * SECOND })).bound).toBe("minute");
  expect(forecast(input({ waiting: 100, parallel: 1 })).bound).toBe("parallel");
  expect(forecast(input({ waiting: 100, windows: [window([6], "10:00", "12:00", "UTC")] })).bound).toBe("window");
  expect(forecast(input({ waiting: 3, refusedUntilMs: START + HOUR })).bound).toBe("refused");
  expect(forecast(input({ waiting: 3 }))).toMatchObject({ bound: "nothing", without: [] });
});

test("forecast() counts the time until a process that stays looks, and names the limit also in a short campaign", () => {
  const short = { waiting: 4, meanRunMs: 3 * SECOND, spread: 0, looks: true };
  // A run that is so short is looked at every 5 seconds.
  expect(forecast(input(short))).toMatchObject({ endsAtMs: START + 10 * SECOND, bound: "sandboxes" });
  const forty = forecast(input({ ...short, waiting: 40, quotas: [] }));
  expect(forty).toMatchObject({ endsAtMs: START + 70 * SECOND, bound: "sandboxes" });
  const waves = { ...short, waveEveryMs: 10 * MINUTE };
  expect(forecast(input(waves)).endsAtMs).toBe(forecast(input({ ...waves, looks: false })).endsAtMs);
});

test("forecast() has no end when no window opens, and nothing to do when nothing waits or runs", () => {
  const never = forecast(input({ windows: [window([], "10:00", "12:00", "UTC")], waveEveryMs: HOUR }));
  expect(never).toMatchObject({ endsAtMs: null, bound: "window" });
  expect(forecast(input({ waiting: 0 }))).toEqual({
    endsAtMs: START,
    waves: 0,
    computeMinutes: 0,
    bound: "nothing",
    without: [],
  });
});

test("forecast() waits for runs that are at work, and for those that take longer than the mean", () => {
  const running = { waiting: 0, runningSinceMs: [START - 5 * MINUTE, START - HOUR] };
  expect(days(running) * DAY).toBe(15 * MINUTE);
  expect(days({ ...running, runningSinceMs: [START - HOUR] }) * DAY).toBe(5 * MINUTE);
  expect(days({ ...running, waiting: 2, spread: 0 }) * DAY).toBe(25 * MINUTE);
});

test("forecast() starts nothing else until the canary has ended", () => {
  const four = { waiting: 4, spread: 0 };
  expect(days({ ...four, waiting: 3 }) * DAY).toBe(20 * MINUTE);
  expect(days({ ...four, waiting: 3, canary: 1 }) * DAY).toBe(40 * MINUTE);
  expect(days({ ...four, canary: 4 }) * DAY).toBe(40 * MINUTE);
  expect(days({ ...four, canary: 10 }) * DAY).toBe(40 * MINUTE);
  expect(days({ ...four, waiting: 2, canary: 0, runningSinceMs: [START - 10 * MINUTE] }) * DAY).toBe(30 * MINUTE);
});

test("forecast() of 10 000 items plays 66 days", () => {
  const found = forecast(input({ waiting: 10_000 }));
  expect(found).toMatchObject({ bound: "day" });
  expect(((found.endsAtMs ?? 0) - START) / DAY).toBeGreaterThan(66.2);
  expect(((found.endsAtMs ?? 0) - START) / DAY).toBeLessThan(67);
});

test("waveMoments() are close together while runs are at work, and far apart while a start waits for a quota", () => {
  const everyMs = 15 * 60_000;
  const input = {
    nowMs: 0,
    slotsMs: [],
    waiting: 200,
    parallel: 3,
    meanRunMs: 5 * 60_000,
    spread: 0,
    waveEveryMs: everyMs,
  };
  const moments = waveMoments(input) ?? [];
  const gaps = moments.map((moment, index) => moment - (moments[index - 1] ?? moment));
  expect(gaps[0]).toBe(0);
  expect(gaps.every((gap) => gap % everyMs === 0)).toBe(true);
  // The day's quota is used up once.
  expect(gaps.filter((gap) => gap > everyMs).length).toBe(1);
  expect(moments.at(-1)).toBe(forecast(input).endsAtMs ?? undefined);
  const never = [{ text: "", days: [], fromMinute: 0, toMinute: 60, zone: "UTC" }];
  expect(waveMoments({ ...input, windows: never })).toBe(null);
  expect(waveMoments({ ...input, waiting: 0 })).toEqual([0]);
});

test("runTimes() have the mean, and the spread", () => {
  const times = runTimes(2_000, 20 * MINUTE, 0.5);
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  expect(Math.abs(mean / (20 * MINUTE) - 1)).toBeLessThan(0.02);
  const logs = times.map(Math.log);
  const middle = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const spread = Math.sqrt(logs.reduce((sum, log) => sum + (log - middle) ** 2, 0) / logs.length);
  expect(spread).toBeCloseTo(0.5, 1);
  expect(new Set(runTimes(5, 1_000, 0))).toEqual(new Set([1_000]));
});

/** Plays a campaign second by second, or wave by wave, with the model that counts. */
function playSlowly(change: Partial<ForecastInput>): number {
  const { slotsMs, waiting, parallel, meanRunMs, windows = [], waveEveryMs = SECOND } = input(change);
  const slots = [...slotsMs];
  let ends: number[] = [];
  let open = waiting;
  for (let nowMs = START;; nowMs += waveEveryMs) {
    ends = ends.filter((end) => end > nowMs);
    if (open === 0 && ends.length === 0) return nowMs;
    const recent = slots.slice(-150);
    while (
      mayStart(
        paceInput({ nowMs, slotsMs: recent, running: ends.length, parallel, windows, waiting: open }),
        SLOT_GUARD_MS,
      )
    ) {
      ends.push(nowMs + meanRunMs);
      slots.push(nowMs);
      recent.push(nowMs);
      open--;
    }
  }
}

const windowsArbitrary = fc.oneof(
  fc.constant([]),
  fc.integer({ min: 0, max: 1_439 }).map((fromMinute) => [{
    text: "random",
    days: WEEK,
    fromMinute,
    toMinute: (fromMinute + 600) % 1_440,
    zone: "America/New_York",
  }]),
);

/** Campaigns of up to so many items, with or without waves. */
function campaignArbitrary(items: number, waves: readonly (number | undefined)[]) {
  return fc.record({
    waiting: fc.integer({ min: 0, max: items }),
    parallel: fc.integer({ min: 1, max: 3 }),
    meanRunMs: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 1_500 }))
      .map((seconds) => seconds * SECOND),
    slotsMs: fc.array(fc.integer({ min: 0, max: 4_000 }), { maxLength: 35 })
      .map((ago) => ago.sort((a, b) => b - a).map((second) => START - second * SECOND)),
    windows: windowsArbitrary,
    waveEveryMs: fc.constantFrom(...waves),
  });
}

test("forecast() agrees with a campaign that is played second by second", () => {
  fc.assert(
    fc.property(campaignArbitrary(60, [undefined]), (change) => {
      expect(forecast(input({ ...change, spread: 0 })).endsAtMs).toBe(playSlowly(change));
    }),
    { numRuns: propertyRuns(50) },
  );
});

test("forecast() agrees with a campaign that is played wave by wave, over days", () => {
  fc.assert(
    fc.property(campaignArbitrary(500, [10 * MINUTE, 7 * MINUTE, MINUTE]), (change) => {
      expect(forecast(input({ ...change, spread: 0 })).endsAtMs).toBe(playSlowly(change));
    }),
    { numRuns: propertyRuns(50) },
  );
});

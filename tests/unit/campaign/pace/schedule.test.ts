import { expect, test } from "bun:test";
import fc from "fast-check";
import { lowerBound } from "../../../../bench/campaign/lower_bound.ts";
import { schedule } from "../../../../lib/campaign/pace/forecast.ts";
import { DAY, HOUR, MINUTE, SECOND, START, window } from "./reference.ts";
import { propertyRuns } from "../../../property_runs.ts";

test("lowerBound() of 1 000 runs of 20 minutes is 6 d 11 h 20 min: the last 100 of them three at a time", () => {
  const found = lowerBound({ nowMs: START, runs: { items: 1_000, meanRunMs: 20 * MINUTE }, parallel: 3 });
  expect(found.lastStartMs - START).toBe(6 * DAY + 11 * HOUR);
  expect(found.endsAtMs - START).toBe(6 * DAY + 11 * HOUR + 20 * MINUTE);
});

test("lowerBound() follows the quotas when runs are short, and the sandboxes when they are long", () => {
  // 30 an hour in bursts of 10 a minute: 900 in six days, and 100 in 3 h 2 min, less the minutes between bursts.
  const short = lowerBound({ nowMs: START, runs: { items: 1_000, meanRunMs: SECOND }, parallel: 3 });
  expect(short.endsAtMs - START).toBeGreaterThan(6 * DAY + 3 * HOUR);
  expect(short.endsAtMs - START).toBeLessThan(6 * DAY + 3 * HOUR + 5 * MINUTE);
  const long = lowerBound({ nowMs: START, runs: { items: 1_000, meanRunMs: HOUR }, parallel: 3 });
  expect(long.endsAtMs - START).toBe(334 * HOUR);
  expect(lowerBound({ nowMs: START, runs: [], parallel: 3 })).toEqual({ lastStartMs: START, endsAtMs: START });
});

test("lowerBound() counts starts that were made before, and rounds ends up to waves", () => {
  const used = Array.from({ length: 150 }, () => START - HOUR);
  expect(lowerBound({ nowMs: START, slotsMs: used, runs: [MINUTE], parallel: 3 }).endsAtMs).toBe(
    START + 23 * HOUR + MINUTE,
  );
  const waves = lowerBound({
    nowMs: START,
    runs: { items: 4, meanRunMs: 20 * MINUTE },
    parallel: 3,
    waveEveryMs: 15 * MINUTE,
  });
  expect(waves).toEqual({ lastStartMs: START + 30 * MINUTE, endsAtMs: START + HOUR });
});

test("schedule() waits for runs that are at work, and for windows", () => {
  const input = { nowMs: START, slotsMs: [], runsMs: [MINUTE], parallel: 1 };
  expect(schedule({ ...input, busyUntilMs: [START + HOUR] }).endsAtMs).toBe(START + HOUR + MINUTE);
  expect(schedule({ ...input, runsMs: [], busyUntilMs: [START + HOUR] }).endsAtMs).toBe(START + HOUR);
  expect(schedule({ ...input, windows: [window([2], "05:00", "06:00", "UTC")] }).endsAtMs).toBe(
    START + 5 * HOUR + MINUTE,
  );
  expect(schedule({ ...input, windows: [window([], "05:00", "06:00", "UTC")] }).endsAtMs).toBe(Infinity);
});

test("schedule() leaves ends that fall on a wave, and moves the rest to the next one", () => {
  const ends = (runMs: number) =>
    schedule({ nowMs: 10, slotsMs: [], runsMs: [runMs], parallel: 1, waveEveryMs: 7 }).endsAtMs;
  expect([0, 1, 14].map(ends)).toEqual([10, 17, 24]);
});

test("lowerBound() is what a limiter allows that is asked every second", () => {
  const LIMITS = [[10, MINUTE], [30, HOUR], [150, DAY]] as const;
  const seconds = (max: number) => fc.integer({ min: 1, max }).map((second) => second * SECOND);
  fc.assert(
    fc.property(
      fc.array(fc.oneof(seconds(5), seconds(100), seconds(3_000)), { minLength: 1, maxLength: 90 }),
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.integer({ min: 0, max: 7_000 }), { maxLength: 40 }),
      (runs, parallel, ago) => {
        const slotsMs = ago.map((second) => START - second * SECOND).sort((a, b) => a - b);
        const slots = [...slotsMs];
        let ends: number[] = [];
        let last = START;
        let index = 0;
        for (let at = START; index < runs.length || ends.length > 0; at += SECOND) {
          ends = ends.filter((end) => end > at);
          while (
            index < runs.length && ends.length < parallel &&
            LIMITS.every(([count, windowMs]) => slots.filter((slot) => at - slot < windowMs).length < count)
          ) {
            ends.push(at + (runs[index++] ?? 0));
            slots.push(at);
            last = Math.max(last, ends.at(-1) ?? at);
          }
        }
        expect(lowerBound({ nowMs: START, slotsMs, runs, parallel }).endsAtMs).toBe(last);
      },
    ),
    { numRuns: propertyRuns(40) },
  );
});

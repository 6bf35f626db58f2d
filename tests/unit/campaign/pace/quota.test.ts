import { expect, test } from "bun:test";
import { nextStarts, QUOTAS, quotaUse, recentSlots } from "../../../../lib/campaign/pace/next_starts.ts";
import { DAY, HOUR, MINUTE, paceInput, SLOT_GUARD_MS, START } from "./reference.ts";

test("QUOTAS names the limits of the contract", () => {
  expect(QUOTAS).toEqual([
    { name: "minute", count: 10, windowMs: MINUTE },
    { name: "hour", count: 30, windowMs: HOUR },
    { name: "day", count: 150, windowMs: DAY },
  ]);
});

test("quotaUse() counts each window, up to its limit", () => {
  const slots = [START - 2 * DAY, START - 2 * HOUR, START - 2 * MINUTE, START - MINUTE - SLOT_GUARD_MS, START - MINUTE];
  expect(quotaUse(slots, START, QUOTAS)).toEqual({
    minute: { used: 1, limit: 10 },
    hour: { used: 3, limit: 30 },
    day: { used: 4, limit: 150 },
  });
  expect(quotaUse(Array.from({ length: 200 }, () => START + HOUR), START, QUOTAS)).toEqual({
    minute: { used: 10, limit: 10 },
    hour: { used: 30, limit: 30 },
    day: { used: 150, limit: 150 },
  });
  expect(quotaUse(Array.from({ length: 200 }, () => START), START, [])).toEqual({
    minute: { used: 200, limit: null },
    hour: { used: 200, limit: null },
    day: { used: 200, limit: null },
  });
});

test("recentSlots() sorts, keeps what a quota can count, and takes times ahead as now", () => {
  expect(recentSlots([3, 1, 9, 2], 5)).toEqual([1, 2, 3, 5]);
  expect(recentSlots(Array.from({ length: 1_000 }, (_, index) => index), START)).toHaveLength(150);
});

test("nextStarts() waits for the end of a window once its quota is used up, and not before", () => {
  const pace = (count: number) => nextStarts(paceInput({ slotsMs: Array.from({ length: count }, () => START) }));
  const nextMs = START + MINUTE + SLOT_GUARD_MS;
  expect(pace(9)).toEqual({ starts: 1, because: "minute", nextMs });
  expect(pace(10)).toEqual({ starts: 0, because: "minute", nextMs });
});

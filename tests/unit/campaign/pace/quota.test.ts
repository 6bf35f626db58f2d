import { expect, test } from "bun:test";
import { freeAt, QUOTAS, quotaUse, recentSlots, SLOT_GUARD_MS } from "../../../../lib/campaign/pace/next_starts.ts";
import { DAY, HOUR, MINUTE, START } from "./reference.ts";

test("QUOTAS names the limits of the contract", () => {
  expect(QUOTAS).toEqual([
    { name: "minute", count: 10, windowMs: MINUTE },
    { name: "hour", count: 30, windowMs: HOUR },
    { name: "day", count: 150, windowMs: DAY },
  ]);
});

test("quotaUse() counts each window, up to its limit", () => {
  const slots = [START - 2 * DAY, START - 2 * HOUR, START - 2 * MINUTE, START - MINUTE - SLOT_GUARD_MS, START - MINUTE];
  expect(quotaUse(slots, START)).toEqual({
    minute: { used: 1, limit: 10 },
    hour: { used: 3, limit: 30 },
    day: { used: 4, limit: 150 },
  });
  expect(quotaUse(Array.from({ length: 200 }, () => START + HOUR), START)).toEqual({
    minute: { used: 10, limit: 10 },
    hour: { used: 30, limit: 30 },
    day: { used: 150, limit: 150 },
  });
});

test("recentSlots() sorts, keeps what a quota can count, and takes times ahead as now", () => {
  expect(recentSlots([3, 1, 9, 2], 5)).toEqual([1, 2, 3, 5]);
  expect(recentSlots(Array.from({ length: 1_000 }, (_, index) => index), START)).toHaveLength(150);
});

test("freeAt() is the past while a quota is not used up", () => {
  const [minute] = QUOTAS;
  if (minute === undefined) throw new Error("no quota");
  expect(freeAt(minute, Array.from({ length: 9 }, () => START))).toBe(-Infinity);
  expect(freeAt(minute, Array.from({ length: 10 }, () => START))).toBe(START + MINUTE + SLOT_GUARD_MS);
});

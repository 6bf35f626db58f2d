import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { type HistoryRecord, weeksOf } from "../../../lib/report/history.ts";

const record = (at: string, outcome: HistoryRecord["outcome"], tookMs: number | null) =>
  ({ at, outcome, tookMs }) as HistoryRecord;

/** Name and Monday of the week of a time. */
function weekOf(ms: number) {
  const [found] = weeksOf([record(new Date(ms).toISOString(), "success", null)]);
  return { week: found?.week, from: found?.from ?? "" };
}

test("weeksOf() follows ISO 8601 at the turn of the year", () => {
  const week = (text: string) => weekOf(Date.parse(text));
  expect(week("2026-11-27T12:00:00Z")).toEqual({ week: "2026-W48", from: "2026-11-23" });
  expect(week("2027-01-03T23:59:59Z")).toEqual({ week: "2026-W53", from: "2026-12-28" });
  expect(week("2027-01-04T00:00:00Z")).toEqual({ week: "2027-W01", from: "2027-01-04" });
  expect(week("2024-12-30T00:00:00Z").week).toBe("2025-W01");
  expect(week("2023-01-01T00:00:00Z").week).toBe("2022-W52");
  expect(week("1969-12-31T00:00:00Z")).toEqual({ week: "1970-W01", from: "1969-12-29" });
});

test("weeksOf() gives seven days in a row the same week, from a Monday on", () => {
  fc.assert(fc.property(fc.date({ min: new Date(0), max: new Date("2100-01-01"), noInvalidDate: true }), (date) => {
    const { week, from } = weekOf(date.getTime());
    const monday = Date.parse(from);
    expect(new Date(monday).getUTCDay()).toBe(1);
    expect(weekOf(monday + 7 * 86_400_000 - 1).week).toBe(week);
    expect(weekOf(monday - 1).week).not.toBe(week);
  }));
});

test("weeksOf() has the times that half of the runs and 95 % of them do not exceed", () => {
  const times = (...took: (number | null)[]) => {
    const [week] = weeksOf(took.map((ms) => record("2026-11-27T12:00:00Z", "success", ms)));
    return [week?.p50Ms, week?.p95Ms];
  };
  expect(times(null)).toEqual([null, null]);
  expect(times(3, 1, 2)).toEqual([2, 3]);
  expect(times(1, 2)).toEqual([1, 2]);
  expect(times(...Array.from({ length: 100 }, (_, index) => index + 1))).toEqual([50, 95]);
});

test("weeksOf() counts runs and successes, and takes times where they are known", () => {
  expect(weeksOf([
    record("2026-11-27T12:00:00Z", "success", 60_000),
    record("2026-11-20T12:00:00Z", "deadline", null),
    record("2026-11-28T12:00:00Z", "failed", 120_000),
  ])).toEqual([
    { week: "2026-W47", from: "2026-11-16", runs: 1, succeeded: 0, share: 0, p50Ms: null, p95Ms: null },
    { week: "2026-W48", from: "2026-11-23", runs: 2, succeeded: 1, share: 0.5, p50Ms: 60_000, p95Ms: 120_000 },
  ]);
});

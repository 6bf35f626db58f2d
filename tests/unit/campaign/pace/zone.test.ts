import { expect, test } from "bun:test";
import { nextOpening } from "../../../../lib/campaign/pace/windows.ts";
import { DAY, HOUR, window } from "./reference.ts";

const WEEK = [1, 2, 3, 4, 5, 6, 7];

test.each(
  [
    ["UTC", "1970-01-01T00:00Z", "00:00", "00:01"],
    ["Asia/Kathmandu", "2026-09-01T00:00Z", "05:45", "05:46"],
    ["America/New_York", "2026-01-01T00:00Z", "19:00", "19:01"],
    ["Europe/Vienna", "2026-03-29T00:59:59.999Z", "01:59", "02:00"],
    ["Europe/Vienna", "2026-03-29T01:00Z", "03:00", "03:01"],
    ["Europe/Vienna", "2026-10-25T01:00Z", "02:00", "02:01"],
    ["Australia/Lord_Howe", "2026-04-04T15:00Z", "01:30", "01:31"],
    ["Australia/Lord_Howe", "2026-10-03T15:30Z", "02:30", "02:31"],
  ] as const,
)("nextOpening() knows what the clock of %s shows at %s: %s", (zone, instant, from, to) => {
  const ms = Date.parse(instant);
  expect(nextOpening([window(WEEK, from, to, zone)], ms)).toBe(ms);
});

test("nextOpening() forgets days that it remembered, and still gives the same answers", () => {
  // At noon in UTC London shows 12:00 in winter and 13:00 in summer.
  const noon = [window(WEEK, "12:00", "13:00", "Europe/London")];
  const first = Date.UTC(2020, 0, 1, 12);
  const waits = () => Array.from({ length: 2_500 }, (_, day) => first + day * DAY).map((ms) => nextOpening(noon, ms));
  const once = waits();
  expect(waits()).toEqual(once);
  const delays = new Set(once.map((ms, day) => (ms ?? NaN) - first - day * DAY));
  // The last day of summer time has a day of 24 hours behind it.
  expect(delays).toEqual(new Set([0, 23 * HOUR, 24 * HOUR]));
});

test("nextOpening() throws RangeError for a zone that does not exist, each time", () => {
  const nowhere = [window(WEEK, "00:00", "24:00", "Europe/Nowhere")];
  expect(() => nextOpening(nowhere, 0)).toThrow(RangeError);
  expect(() => nextOpening(nowhere, 0)).toThrow(RangeError);
});

test("nextOpening() finds the millisecond of a change of the clock", () => {
  // Vienna: 02:00 becomes 03:00.
  const change = Date.parse("2026-03-29T01:00Z");
  const hour = [window(WEEK, "03:00", "04:00", "Europe/Vienna")];
  expect(nextOpening(hour, change - 7 * HOUR)).toBe(change);
  expect(nextOpening(hour, change - HOUR)).toBe(change);
  expect(nextOpening(hour, change - 1)).toBe(change);
  expect(nextOpening(hour, change)).toBe(change);
});

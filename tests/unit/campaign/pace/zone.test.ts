import { expect, test } from "bun:test";
import { offsetAt, offsetChange } from "../../../../lib/campaign/pace/windows.ts";
import { DAY, HOUR, MINUTE } from "./reference.ts";

test("offsetAt() knows summer time, half hours, and hours that are left out or shown twice", () => {
  expect(offsetAt("UTC", 0)).toBe(0);
  expect(offsetAt("Asia/Kathmandu", Date.parse("2026-09-01"))).toBe(5.75 * HOUR);
  expect(offsetAt("America/New_York", Date.parse("2026-01-01"))).toBe(-5 * HOUR);
  expect(offsetAt("Europe/Vienna", Date.parse("2026-03-29T00:59:59.999Z"))).toBe(HOUR);
  expect(offsetAt("Europe/Vienna", Date.parse("2026-03-29T01:00Z"))).toBe(2 * HOUR);
  expect(offsetAt("Europe/Vienna", Date.parse("2026-10-25T01:00Z"))).toBe(HOUR);
  expect(offsetAt("Australia/Lord_Howe", Date.parse("2026-04-04T15:00Z"))).toBe(10.5 * HOUR);
  expect(offsetAt("Australia/Lord_Howe", Date.parse("2026-10-03T15:30Z"))).toBe(11 * HOUR);
});

test("offsetAt() forgets days that it remembered, and still gives the same answers", () => {
  const zone = "Europe/London";
  const first = Date.UTC(2020, 0, 1);
  const offsets = Array.from({ length: 2_500 }, (_, day) => offsetAt(zone, first + day * DAY));
  expect(Array.from({ length: 2_500 }, (_, day) => offsetAt(zone, first + day * DAY))).toEqual(offsets);
  expect(new Set(offsets)).toEqual(new Set([0, HOUR]));
});

test("offsetAt() throws RangeError for a zone that does not exist, each time", () => {
  expect(() => offsetAt("Europe/Nowhere", 0)).toThrow(RangeError);
  expect(() => offsetAt("Europe/Nowhere", 0)).toThrow(RangeError);
});

test("offsetChange() finds the millisecond of a change, and null without one", () => {
  const change = Date.parse("2026-03-29T01:00Z");
  expect(offsetChange("Europe/Vienna", change - 7 * HOUR - 1, change + MINUTE)).toBe(change);
  expect(offsetChange("Europe/Vienna", change - HOUR, change)).toBe(change);
  expect(offsetChange("Europe/Vienna", change - HOUR, change - 1)).toBeNull();
  expect(offsetChange("Europe/Vienna", change, change + DAY)).toBeNull();
});

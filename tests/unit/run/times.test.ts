import { expect, test } from "bun:test";
import { distanceText, instantMs, isoTimeOrNull, spanText, timeText, utcText } from "../../../lib/run/result.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = Date.parse("2026-12-01T13:53:00Z");

test("spanText() has at most two units, and days", () => {
  const spans = [
    -1,
    NaN,
    0,
    700,
    40_000,
    90_000,
    12.4 * MINUTE,
    59.9 * MINUTE,
    4 * HOUR + 35 * MINUTE,
    47 * HOUR,
    147 * HOUR,
  ];
  expect(spans.map(spanText)).toEqual(
    ["0 s", "0 s", "0 s", "1 s", "40 s", "1 min 30 s", "12 min", "1 h", "4 h 35 min", "47 h", "6 d 3 h"],
  );
});

test("distanceText() says how far a time is, in whole minutes from one minute on", () => {
  const distances = [0, 20_000, -20_000, 12 * MINUTE + 10_000, -3 * HOUR, 50 * HOUR];
  expect(distances.map((distance) => distanceText(NOW + distance, NOW))).toEqual(
    ["now", "in 20 s", "20 s ago", "in 12 min", "3 h ago", "in 2 d 2 h"],
  );
});

test("timeText() is in UTC with the distance; instantMs() gives null for what is no time", () => {
  expect(timeText(NOW + 12 * MINUTE, NOW)).toBe("2026-12-01 14:05 UTC (in 12 min)");
  expect(utcText(NOW)).toBe("2026-12-01 13:53 UTC");
  expect([null, "", "soon", "2026-12-01T13:53:00Z"].map(instantMs)).toEqual([null, null, null, NOW]);
});

test("isoTimeOrNull() is null for a text that is not a time", () => {
  expect([null, NaN, Infinity, -Infinity].map(isoTimeOrNull)).toEqual([null, null, null, null]);
  expect([0, NOW].map(isoTimeOrNull)).toEqual(["1970-01-01T00:00:00.000Z", "2026-12-01T13:53:00.000Z"]);
});

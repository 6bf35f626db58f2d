import { expect, test } from "bun:test";
import { formatDuration, parseDuration } from "../../../lib/text/duration.ts";

test("formatDuration() shows at most two units, rounded", () => {
  const cases: [number, string][] = [
    [-1, "0 s"],
    [NaN, "0 s"],
    [40, "0 s"],
    [420, "0.4 s"],
    [9_949, "9.9 s"],
    [9_950, "10 s"],
    [59_499, "59 s"],
    [59_500, "1 min"],
    [185_000, "3 min 5 s"],
    [3_599_600, "1 h"],
    [3_840_000, "1 h 4 min"],
    [90_000_000, "25 h"],
  ];
  expect(cases.map(([ms]) => formatDuration(ms))).toEqual(cases.map(([, text]) => text));
});

test("parseDuration() reads hours, minutes and seconds in this order, or seconds alone", () => {
  const cases: [string, number | undefined][] = [
    ["60m", 3_600_000],
    ["1h30m", 5_400_000],
    ["1h5s", 3_605_000],
    ["0h90m0s", 5_400_000],
    ["45s", 45_000],
    ["90", 90_000],
    ["0", 0],
    ["", undefined],
    ["1.5h", undefined],
    ["30m1h", undefined],
    ["1h 30m", undefined],
    ["-5m", undefined],
    ["m", undefined],
    ["1d", undefined],
    ["1M", undefined],
    ["9".repeat(30), undefined],
    [`${"9".repeat(30)}h`, undefined],
  ];
  expect(cases.map(([text]) => parseDuration(text))).toEqual(cases.map(([, ms]) => ms));
});

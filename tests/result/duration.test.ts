import { expect, test } from "bun:test";
import { formatDuration } from "../../lib/result/duration.ts";

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

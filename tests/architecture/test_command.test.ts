import { expect, test } from "bun:test";
import { readTotals } from "../../tools/test.ts";

test("readTotals() subtracts failures and skips when the report has them", () => {
  const junit =
    `<?xml version="1.0"?>\n<testsuites name="bun test" tests="12" assertions="30" failures="2" skipped="3" time="1">`;
  expect(readTotals(junit)).toEqual({ passed: 7, failed: 2, skipped: 3 });
});

test("readTotals() throws when the report is no JUnit report", () => {
  expect(() => readTotals("")).toThrow("Cannot read test totals");
});

import { expect, test } from "bun:test";
import { EXIT } from "../../../lib/exit_codes.ts";
import { AUTOMATION_EXIT, END_EXIT, endOfAutomationRun, endOfRun, hasEnded } from "../../../lib/run/result.ts";

const STATUSES = ["pending", "running", "streaming", "success", "failed", "cancelled", "awaiting_input", "paused", ""]
  .concat("toString", "__proto__");

test("endOfRun() and hasEnded() know the four ends of a run, and no other status", () => {
  const ends = STATUSES.filter((status) => endOfRun(status) !== undefined);
  expect(ends).toEqual(["success", "failed", "cancelled", "awaiting_input"]);
  expect(ends.map((status) => endOfRun(status) as string)).toEqual(ends);
  expect(STATUSES.filter(hasEnded)).toEqual(ends);
});

test("endOfAutomationRun() knows three ends: an automation run that waits for an answer is still running", () => {
  const ends = STATUSES.filter((status) => endOfAutomationRun(status) !== undefined);
  expect(ends).toEqual(["success", "failed", "cancelled"]);
});

test("END_EXIT and AUTOMATION_EXIT give an end the same exit code for both kinds of runs", () => {
  expect(Object.values(END_EXIT).map((name) => EXIT[name])).toEqual([0, 1, 3, 4]);
  expect(Object.entries(AUTOMATION_EXIT)).toEqual(Object.entries(END_EXIT).slice(0, 3));
});

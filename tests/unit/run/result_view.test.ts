import { expect, test } from "bun:test";
import { UsageError } from "../../../lib/errors.ts";
import { resultError, type RunResult } from "../../../lib/run/result.ts";
import { viewOf } from "../../../lib/run/result_view.ts";
import { sampleAutomationResult, sampleResult } from "../report/sample.ts";

const ERROR = new UsageError({
  attempted: "start run",
  why: "repository unknown",
  value: '"x"',
  advice: "Check the id",
});
const WHAT = 'Cannot start run because repository unknown: "x"';

function explained(fields: Partial<RunResult>) {
  const { reason, advice } = viewOf(sampleResult({ outcome: "error", ...fields }));
  return { reason, advice };
}

test("viewOf() takes the advice out of the reason that is the message of the error", () => {
  const error = resultError(ERROR);
  expect(explained({ reason: ERROR.message, error })).toEqual({ reason: WHAT, advice: "Check the id" });
  expect(explained({ reason: null, error })).toEqual({ reason: WHAT, advice: "Check the id" });
});

test("viewOf() keeps what the reason says beyond the error, and repeats no advice that is in it", () => {
  const error = resultError(ERROR);
  const more = `${ERROR.message}; the run continues`;
  expect(explained({ reason: more, error })).toEqual({ reason: `${WHAT}; the run continues`, advice: "Check the id" });
  const other = "SIGTERM received: the run was cancelled";
  expect(explained({ reason: other, error })).toEqual({ reason: other, advice: "Check the id" });
});

test("viewOf() keeps semicolons of the service", () => {
  const reason = "tests failed; see the log; then fix them";
  expect(explained({ outcome: "failed", reason, error: null })).toEqual({ reason, advice: null });
});

test("viewOf() gives both kinds one form, in which nothing stands for what a kind does not have", () => {
  const run = viewOf(sampleResult());
  expect([run.kind.noun, run.automationId, run.times]).toEqual(["run", null, null]);
  expect(run.git?.pullRequest.url).toBe("https://github.com/acme/web/pull/7");
  const automation = viewOf(sampleAutomationResult());
  const { harness, failureCode, git, phases, events, eventCount } = automation;
  expect({ harness, failureCode, git, phases, events, eventCount })
    .toEqual({ harness: null, failureCode: null, git: null, phases: [], events: [], eventCount: null });
  expect([automation.kind.noun, automation.automationId]).toEqual([
    "automation run",
    "3d0f3a52-7c55-4d0e-9c43-0e5a6a1b2c3d",
  ]);
  expect(automation.times).toEqual({
    startedAt: "2026-08-10T12:02:00.021234+00:00",
    completedAt: "2026-08-10T12:10:05+00:00",
    durationMs: 485_000,
  });
  expect(viewOf(sampleAutomationResult({ automationId: "" })).automationId).toBeNull();
});

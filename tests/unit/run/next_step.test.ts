import { expect, test } from "bun:test";
import { attachCall, type RunResult } from "../../../lib/run/result.ts";
import { viewOf } from "../../../lib/run/result_view.ts";
import { sampleAutomationResult, sampleResult } from "../report/sample.ts";

test("viewOf().nextStep depends on the phase that failed, and on a code that says more", () => {
  const phase = (name: string) => [{ name, startedAt: "2026-08-10T12:05:00Z", durationMs: 1 }];
  const failed = (fields: object) =>
    viewOf(sampleResult({ outcome: "failed", exitCode: 1, finalMessage: "I tried", ...fields })).nextStep ?? "";
  expect(failed({ phases: phase("deliver") })).toStartWith("Check what the Git host refuses");
  const reason = "The agent finished, but GitHub delivery failed: untracked files remain: b.txt";
  expect(failed({ phases: phase("deliver"), reason })).toStartWith("The agent left new files uncommitted");
  expect(failed({ phases: phase("agent"), reason })).toStartWith("Read what the agent said");
  expect(failed({ phases: phase("queue") })).toStartWith("The sandbox did not start");
  expect(failed({ phases: phase("agent"), failureCode: "rate_limited" })).toStartWith("The account has used up");
  expect(failed({ phases: phase("agent"), finalMessage: null })).toStartWith("Read the last lines of the log");
  for (const odd of [{ phases: [] }, { phases: phase("__proto__"), failureCode: "constructor" }]) {
    expect(failed(odd)).toStartWith("Read what the agent said");
  }
});

test("viewOf().nextStep names another key when all keys of the job belong to runs that failed", () => {
  const step = (parts: Partial<RunResult>) => viewOf(sampleResult({ exitCode: 1, ...parts })).nextStep;
  const steps = [
    step({ outcome: "failed", failureCode: "rate_limited", keysUsedUp: true }),
    step({ outcome: "cancelled", keysUsedUp: true }),
  ];
  for (const each of steps) expect(each).toStartWith("To start another run, start a new pipeline or build");
});

test("viewOf().nextStep asks for the answer that the agent waits for", () => {
  const step = (fields: Partial<RunResult>) => viewOf(sampleResult({ outcome: "awaiting_input", ...fields })).nextStep;
  const command = { resume: "mogplex-ci follow X", resumeIsCommand: true };
  expect([
    step({ resume: null }),
    ...["retry this job", "run this job again", "set the input run-id of the component follow to x", "rm -r x"]
      .map((resume) => step({ resume, resumeIsCommand: false })),
    step(command),
    step({ ...command, idempotencyKey: null }),
  ]).toEqual([
    "Answer the question in the app, or cancel the run.",
    "Answer the question in the app, then retry this job.",
    "Answer the question in the app, then run this job again.",
    "Answer the question in the app, then follow the run again.",
    "Answer the question in the app, then follow the run again.",
    "Answer the question in the app, then follow the run again, or retry the same job (on GitHub: Re-run jobs). The retry attaches to the run, " +
    "unless you set --key-scope to job. A new pipeline or build starts another run.",
    "Answer the question in the app, then follow the run again.",
  ]);
});

test("viewOf().nextStep names the options of the library when the result comes from a script", () => {
  const script = { resume: attachCall("x"), resumeIsCommand: true };
  const step = (outcome: "deadline" | "awaiting_input", more: Partial<RunResult> = {}) =>
    viewOf(sampleResult({ outcome, ...script, ...more })).nextStep;
  expect([step("deadline", { idempotencyKey: null }), step("awaiting_input", { idempotencyKey: null })]).toEqual([
    "Follow the run again. To wait longer, raise timeoutMs.",
    "Answer the question in the app, then follow the run again.",
  ]);
  for (const outcome of ["deadline", "awaiting_input"] as const) {
    expect(step(outcome)).toContain("unless you set keyScope to job");
    expect(step(outcome)).not.toContain("--");
  }
});

test("viewOf().nextStep says nothing after a success, nor where the reason says it", () => {
  for (const outcome of ["success", "interrupted", "started"] as const) {
    expect(viewOf(sampleResult({ outcome })).nextStep).toBeNull();
  }
  expect(viewOf(sampleAutomationResult({ outcome: "failed" })).nextStep).toContain("trigger the automation again");
});

test("viewOf().nextStep says how to get an unknown verdict, unless the run is unknown or the error has an advice", () => {
  const step = (parts: Partial<RunResult> = {}) =>
    viewOf(sampleResult({ outcome: "error", exitCode: 69, ...parts })).nextStep;
  const error = { attempted: "follow run", why: "x", value: null, advice: "try again", code: null };
  const resume = "mogplex-ci follow x";
  expect(step({ resume })).toBe("Follow the run to get its verdict.");
  expect([step({ resume: null }), step({ resume, runId: null }), step({ resume, error })]).toEqual([null, null, null]);
});

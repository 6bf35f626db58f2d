import type { AutomationResult, ResultError, RunResult } from "../../../lib/run/result.ts";
import { sampleAutomationResult, sampleEvent, sampleResult } from "../report/sample.ts";

/** The advice differs from the reason, so that reports show both. */
function errorOf(text: string): ResultError {
  return { attempted: text, why: text, value: text, advice: `try ${text}`, code: text };
}

/** A result of a run that says `text` wherever a text from outside can stand. */
export function resultOf(text: string): RunResult {
  return sampleResult({
    runId: text,
    repoId: text,
    repository: text,
    task: text,
    files: [text],
    finalMessage: text,
    harness: text,
    status: text,
    outcome: "failed",
    exitCode: 1,
    reason: text,
    error: errorOf(text),
    failureCode: text,
    idempotencyKey: text,
    branch: { base: text, requested: text, pushed: text },
    pullRequest: { state: "open", url: text },
    createdAt: text,
    updatedAt: text,
    resume: text,
    events: [
      sampleEvent(0, { id: text, type: text, toolName: text, message: text, createdAt: text }),
      sampleEvent(1, { payload: { stage: text, deep: [{ text: [text] }], [text.slice(0, 1_000)]: text } }),
    ],
  });
}

/** A result of an automation run that says `text` wherever a text from outside can stand. */
export function automationResultOf(text: string): AutomationResult {
  return sampleAutomationResult({
    automationId: text,
    runId: text,
    repoId: text,
    repository: text,
    status: text,
    outcome: "failed",
    exitCode: 1,
    reason: text,
    error: errorOf(text),
    idempotencyKey: text,
    createdAt: text,
    startedAt: text,
    completedAt: text,
    resume: text,
  });
}

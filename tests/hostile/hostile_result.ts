import type { RunResult } from "../../lib/result/run_result.ts";
import { sampleEvent, sampleResult } from "../report/sample.ts";

/** A result with `text` in every field that holds untrusted text. */
export function resultOf(text: string): RunResult {
  return sampleResult({
    runId: text,
    repoId: text,
    harness: text,
    status: text,
    outcome: "failed",
    exitCode: 1,
    reason: text,
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

/**
 * What is known of the run of an automation when a job on it is over.
 *
 * @module
 */
import type { AutomationRun } from "../model.ts";
import type { WaitTotal } from "../result/run_result.ts";
import type { TriggeredRun } from "./plan.ts";
import type { Session } from "../job/session.ts";

/**
 * How it came out. `success`, `failed` and `cancelled` are the service's verdicts; `deadline`: our time was over while it went
 * on, or waited for a slot; `suppressed`: nothing was started; `interrupted`: a signal came; `error`: it is not known.
 */
export type AutomationOutcome =
  | "success"
  | "failed"
  | "cancelled"
  | "deadline"
  | "suppressed"
  | "interrupted"
  | "error";

/** Everything that is known of the run of an automation. Texts in it are untrusted, and not yet redacted. */
export interface AutomationResult {
  /** UUID of the automation. */
  automationId: string;
  /** UUID of the automation run; null when none is known. */
  runId: string | null;
  /** The service's last word. */
  status: string | null;
  /** Our verdict. */
  outcome: AutomationOutcome;
  /** Exit code that belongs to it. */
  exitCode: number;
  /** Why. */
  reason: string | null;
  /** Whether the key was known, so that nothing was started now; null when no trigger was answered. */
  replayed: boolean | null;
  /** Key that finds the run again. */
  idempotencyKey: string | null;
  /** ISO 8601 with offset. */
  createdAt: string | null;
  /** ISO 8601 with offset; null while it waits for a slot. */
  startedAt: string | null;
  /** ISO 8601 with offset. */
  completedAt: string | null;
  /** Milliseconds that the run took, as the service says. */
  runDurationMs: number | null;
  /** HTTP requests sent, retries included. */
  requests: number;
  /** What was waited for. */
  waits: WaitTotal[];
  /** Milliseconds from the beginning of the job to its end. */
  durationMs: number;
}

/** What {@linkcode buildAutomationResult} puts together. */
export interface AutomationResultParts {
  /** UUID of the automation. */
  automationId: string;
  /** Our verdict. */
  outcome: AutomationOutcome;
  /** Exit code that belongs to it. */
  exitCode: number;
  /** Why; null to take it from the run. */
  reason: string | null;
  /** Key that was tried last. */
  idempotencyKey: string | undefined;
  /** The trigger's answer. */
  triggered: TriggeredRun | undefined;
  /** The run as it was seen last. */
  run: AutomationRun | undefined;
  /** The service's last word, when it came from elsewhere: from a cancel, say. */
  status?: string | undefined;
}

/** Puts the result together. */
export function buildAutomationResult(session: Session, parts: AutomationResultParts): AutomationResult {
  const { automationId, outcome, exitCode, reason, triggered, run, idempotencyKey } = parts;
  return {
    automationId,
    runId: run?.id ?? triggered?.runId ?? null,
    status: parts.status ?? run?.status ?? triggered?.status ?? null,
    outcome,
    exitCode,
    reason: reason ?? (run?.status === "failed" ? run.error : null),
    replayed: triggered?.replayed ?? null,
    idempotencyKey: triggered?.idempotencyKey ?? idempotencyKey ?? null,
    createdAt: run?.created_at ?? null,
    startedAt: run?.started_at ?? null,
    completedAt: run?.completed_at ?? null,
    runDurationMs: run?.duration_ms ?? null,
    requests: session.requests(),
    waits: session.waits(),
    durationMs: Math.round(session.clock.now() - session.startedAt),
  };
}

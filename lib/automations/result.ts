/**
 * The result of an automation run, put together from what was seen of it.
 *
 * @module
 */
import type { AutomationRun } from "../model.ts";
import { type AutomationOutcome, type AutomationResult, emptyAutomationResult } from "../result/automation_result.ts";
import { endOfAutomationRun } from "../result/ends.ts";
import { resultError } from "../result/result_error.ts";
import type { TriggeredRun } from "./plan.ts";
import type { Session } from "../job/session.ts";

/** What {@linkcode buildAutomationResult} puts together. */
export interface AutomationResultParts {
  /** UUID of the automation. */
  automationId: string;
  /** UUID of the repository; undefined before the request was checked. */
  repoId: string | undefined;
  /** Our verdict. */
  outcome: AutomationOutcome;
  /** Exit code that belongs to it. */
  exitCode: number;
  /** Why; null to take it from the run. */
  reason: string | null;
  /** What stopped us; ignored when the outcome is the verdict of the service. @default {undefined} (nothing) */
  error?: unknown;
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
  const { automationId, repoId, outcome, exitCode, reason, error, triggered, run } = parts;
  const status = parts.status ?? run?.status ?? triggered?.status ?? null;
  const idempotencyKey = triggered?.idempotencyKey ?? parts.idempotencyKey ?? null;
  const ended = endOfAutomationRun(status ?? "") !== undefined;
  return {
    ...emptyAutomationResult(),
    automationId,
    runId: run?.id ?? triggered?.runId ?? null,
    repoId: repoId ?? null,
    status,
    outcome,
    exitCode,
    reason: reason ?? (run?.status === "failed" ? run.error : null),
    error: error === undefined || endOfAutomationRun(outcome) !== undefined ? null : resultError(error),
    replayed: triggered?.replayed ?? null,
    idempotencyKey,
    createdAt: run?.created_at ?? null,
    startedAt: run?.started_at ?? null,
    completedAt: run?.completed_at ?? null,
    runDurationMs: run?.duration_ms ?? null,
    requests: session.requests(),
    waits: session.waits(),
    durationMs: Math.round(session.clock.now() - session.startedAt),
    origin: session.client.origin,
    resume: ended || idempotencyKey === null ? null : `the same command with --idempotency-key ${idempotencyKey}`,
  };
}

/**
 * Builds the result of an automation run from the trigger, the follower and the end of the job.
 *
 * @module
 */
import type { AutomationRun } from "../model.ts";
import { type AutomationOutcome, type AutomationResult, emptyAutomationResult } from "../result/automation_result.ts";
import { endOfAutomationRun } from "../result/ends.ts";
import { resultError } from "../result/result_error.ts";
import type { TriggeredRun } from "./plan.ts";
import type { Session } from "../job/session.ts";

/** The parts of {@linkcode buildAutomationResult}. */
export interface AutomationResultParts {
  /** UUID of the automation. */
  automationId: string;
  /** UUID of the repository; undefined if the request was not checked yet. */
  repoId: string | undefined;
  /** Name of the repository; undefined when it is not known. */
  repository: string | undefined;
  /** The job's verdict. */
  outcome: AutomationOutcome;
  /** Exit code that belongs to it. */
  exitCode: number;
  /** Why; null to take the reason from the run. */
  reason: string | null;
  /** The error that ended the job; ignored if the outcome is a verdict of the service. @default {undefined} */
  error?: unknown;
  /** Key of the last attempt; undefined if nothing was sent. */
  idempotencyKey: string | undefined;
  /** The trigger's answer; undefined if there was none. */
  triggered: TriggeredRun | undefined;
  /** The run as last read; undefined if it was never read. */
  run: AutomationRun | undefined;
  /** Status from a cancel, which is newer than `run`. @default {undefined} */
  status?: string | undefined;
}

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
    repository: parts.repository ?? null,
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

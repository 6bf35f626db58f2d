/**
 * Builds the result of a run from the start, the follower and the end of the job.
 *
 * @module
 */
import type { Run, StartRequest, StartResult } from "../model.ts";
import { endOfRun, hasEnded } from "../result/ends.ts";
import { resultError } from "../result/result_error.ts";
import { finalMessageOf, noFacts } from "../result/run_facts.ts";
import { phasesOf } from "../result/run_phases.ts";
import { emptyRunResult, type Outcome, type RunResult } from "../result/run_result.ts";
import type { RunFollower } from "./run_items.ts";
import type { Session } from "../job/session.ts";
import type { Started } from "../job/started.ts";

/** The parts of {@linkcode buildResult}. */
export interface ResultParts {
  /** Service, requests, waits, time. */
  session: Session;
  /** The job's verdict. */
  outcome: Outcome;
  /** Exit code that belongs to it. */
  exitCode: number;
  /** Why; null to take the reason from the run and its events. */
  reason: string | null;
  /** The error that ended the job; ignored if the outcome is a verdict of the service. @default {undefined} */
  error?: unknown;
  /** The request; undefined if the job attached to a run by its id. */
  request?: StartRequest | undefined;
  /** Whether the result has the task. @default {true} */
  showTask?: boolean | undefined;
  /** Name of the repository; undefined when it is not known. */
  repository?: string | undefined;
  /** Key of the start; undefined if nothing was started. */
  idempotencyKey?: string | undefined;
  /** The start's answer; undefined if there was none. */
  started?: Started<StartResult> | undefined;
  /** The follower with what it saw; undefined if the run was not followed. */
  follower?: RunFollower | undefined;
  /** Id of the run that the job attached to. */
  runId?: string | undefined;
  /** The run as a cancel returned it, which is newer than what the follower saw. */
  run?: Run | undefined;
}

/** Command that follows a run again. */
function resumeCommand(runId: string): string {
  return `mogplex-ci follow ${runId}`;
}

export function buildResult(parts: ResultParts): RunResult {
  const { session, outcome, exitCode, started, follower, request, showTask = true } = parts;
  const run = parts.run ?? follower?.run ?? started?.run;
  const runId = run?.runId ?? parts.runId ?? null;
  const { seen = 0, events = [] } = follower?.kept ?? {};
  const facts = follower?.facts ?? noFacts();
  const end = run === undefined ? undefined : endOfRun(run.status);
  const terminal = end !== undefined && end !== "awaiting_input";
  const failure = run?.status === "failed" ? run.error ?? facts.failureError ?? facts.failureMessage : null;
  return {
    ...emptyRunResult(),
    runId,
    repoId: run?.repoId ?? request?.repoId ?? null,
    repository: parts.repository ?? null,
    task: showTask ? request?.prompt ?? null : null,
    harness: run?.harness ?? request?.harness ?? null,
    status: run?.status ?? null,
    outcome,
    exitCode,
    reason: parts.reason ?? failure,
    error: parts.error === undefined || hasEnded(outcome) ? null : resultError(parts.error),
    failureCode: facts.failureCode,
    replayed: started?.replayed ?? null,
    idempotencyKey: started?.idempotencyKey ?? parts.idempotencyKey ?? null,
    branch: { base: run?.branch.base ?? null, requested: run?.branch.working ?? null, pushed: facts.pushedBranch },
    pullRequest: facts.pullRequest,
    changed: facts.changed,
    files: facts.files,
    finalMessage: finalMessageOf(facts),
    createdAt: run?.createdAt ?? null,
    updatedAt: run?.updatedAt ?? null,
    phases: phasesOf(follower?.milestones, { createdAt: run?.createdAt, endedAt: terminal ? run?.updatedAt : null }),
    eventCount: {
      seen,
      missed: follower?.window.missed ?? false,
      windowFull: follower?.window.full ?? false,
    },
    requests: session.requests(),
    waits: session.waits(),
    durationMs: Math.round(session.clock.now() - session.startedAt),
    origin: session.client.origin,
    resume: terminal || runId === null ? null : resumeCommand(runId),
    eventsOmitted: seen - events.length,
    events,
  };
}

/**
 * The result of a run, put together from what was seen of it.
 *
 * @module
 */
import type { Run, StartRequest, StartResult } from "../model.ts";
import { endOfRun, hasEnded } from "../result/ends.ts";
import { resultError } from "../result/result_error.ts";
import { noFacts } from "../result/run_facts.ts";
import { phasesOf } from "../result/run_phases.ts";
import { emptyRunResult, type Outcome, type RunResult } from "../result/run_result.ts";
import type { RunFollower } from "./run_items.ts";
import type { Session } from "../job/session.ts";
import type { Started } from "../job/started.ts";

/** What {@linkcode buildResult} puts together. */
export interface ResultParts {
  /** Service, requests, waits, time. */
  session: Session;
  /** Our verdict. */
  outcome: Outcome;
  /** Exit code that belongs to it. */
  exitCode: number;
  /** Why; null to take it from the run and its events. */
  reason: string | null;
  /** What stopped us; ignored when the outcome is the verdict of the service. @default {undefined} (nothing) */
  error?: unknown;
  /** What was asked for; absent when we attached by id. */
  request?: StartRequest | undefined;
  /** Key of the start, when there was one. */
  idempotencyKey?: string | undefined;
  /** The start's answer; absent when there was none. */
  started?: Started<StartResult> | undefined;
  /** What followed the run; absent when nothing did. */
  follower?: RunFollower | undefined;
  /** Id that we attached to. */
  runId?: string | undefined;
  /** The run, when its last word came from elsewhere: from a cancel, say. */
  run?: Run | undefined;
}

/** Command that looks at a run again. */
function resumeCommand(runId: string): string {
  return `mogplex-ci follow ${runId}`;
}

/** Puts the result together. */
export function buildResult(parts: ResultParts): RunResult {
  const { session, outcome, exitCode, started, follower, request } = parts;
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

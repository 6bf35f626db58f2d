/**
 * Handles of runs: `mogplex.run()` and `mogplex.attach()`.
 *
 * @module
 */
import { unawaited } from "../hook.ts";
import { checkOptions, checkRequestKeys } from "../api/option_check.ts";
import type { JobEnd } from "../job/job.ts";
import type { Outcome, RunResult } from "../result/run_result.ts";
import { cancel } from "../runs/cancel.ts";
import { verdictErrorOf } from "../runs/errors.ts";
import type { FollowItem } from "../runs/run_items.ts";
import { attachJob, type JobOptions, type run, runJob, type RunOptions } from "../runs/run.ts";
import { noteNewTask, runKeys, type StartedRun } from "../runs/start_plan.ts";
import { type Handle, handleOf } from "./handle.ts";
import { jobWork } from "./job_work.ts";
import type { Connect, VerbOptions } from "./connect.ts";

/** The last item of a run's handle. */
export interface RunEnd {
  /** Tells it from other items. */
  type: "end";
  /** Our verdict: also `deadline`, or `error` when there is none of the service. */
  outcome: Outcome;
  /** Exit code that belongs to the verdict. */
  exitCode: number;
  /** What is known of the run. */
  result: RunResult;
}

/** An item of a run's handle. */
export type RunHandleItem = Exclude<FollowItem, { type: "end" }> | RunEnd;

/** A run that was started or found: await it, iterate it, or both. */
export type RunHandle = Handle<RunHandleItem, RunResult, StartedRun>;

/** A run that is followed by its id. */
export type AttachedRun = Handle<RunHandleItem, RunResult, { runId: string }>;

/** What a run is to do, and where. */
export type RunTask = Parameters<typeof run>[0];

/** What the handles of a started and of an attached run have in common. */
function runHandle<S extends { runId: string }>(
  connect: Connect,
  options: VerbOptions<RunOptions>,
  begin: (options: RunOptions, more: JobOptions, onStarted: (started: S) => void) => Promise<JobEnd<RunResult>>,
): Handle<RunHandleItem, RunResult, S> {
  const work = jobWork<RunOptions, FollowItem, RunResult, S>(connect, {
    attempted: "follow run",
    options,
    check: () => checkOptions("follow run", options, runKeys()),
    begin: (all, more, onStarted) => begin(all, { ...more, byTask: noteNewTask }, onStarted),
    verdictError: verdictErrorOf,
    cancel: async ({ runId }) => void await cancel(runId, await connect()),
  });
  return handleOf<RunHandleItem, RunResult, S, JobEnd<RunResult>>({
    ...work,
    gap: { type: "gap", cause: "events_missed" },
  });
}

/** Starts a run and follows it. */
export function startHandle(connect: Connect, request: RunTask, options: VerbOptions<RunOptions>): RunHandle {
  return runHandle<StartedRun>(connect, options, (all, more, onStarted) => {
    checkRequestKeys(request);
    const tell = (started: StartedRun) => {
      onStarted(started);
      unawaited(options.onStarted?.(started));
    };
    return runJob(request, { ...all, onStarted: tell }, more);
  });
}

/** Follows a run that exists. */
export function attachHandle(connect: Connect, runId: string, options: VerbOptions<RunOptions>): AttachedRun {
  return runHandle<{ runId: string }>(connect, options, async (all, more, onStarted) => {
    const end = attachJob(runId, all, more);
    onStarted({ runId });
    return await end;
  });
}

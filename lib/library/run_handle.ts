/**
 * Handles of runs: `mogplex.run()` and `mogplex.attach()`.
 *
 * @module
 */
import { checkOptions, checkRequestKeys, checkSources } from "../api/option_check.ts";
import { MogplexError } from "../errors.ts";
import type { JobEnd } from "../job/job.ts";
import { abortInternals } from "../job/options.ts";
import type { Session } from "../job/session.ts";
import { guarded, settle } from "../job/settle.ts";
import type { AnyResult } from "../result/any_result.ts";
import type { Outcome, RunResult } from "../result/run_result.ts";
import { cancel } from "../runs/cancel.ts";
import { verdictErrorOf } from "../runs/errors.ts";
import type { FollowItem } from "../runs/run_items.ts";
import { attachJob, type JobOptions, type run, runJob, type RunOptions } from "../runs/run.ts";
import { noteNewTask, runKeys, type StartedRun } from "../runs/start_plan.ts";
import { type Handle, handleOf, type HandleWork, signalIn } from "./handle.ts";
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

/**
 * The end of a job as an item; undefined when a loop throws: for errors that came before there was a run, for the caller's signal, and for
 * bugs.
 */
export function endsAsItem({ result: { runId }, error }: JobEnd<AnyResult>, signal: AbortSignal): boolean {
  if (error === undefined) return true;
  return error instanceof MogplexError && runId !== null && !(signal.aborted && error === signal.reason);
}

/** What a run is to do, and where. */
export type RunTask = Parameters<typeof run>[0];

type RunWork<S> = HandleWork<RunHandleItem, RunResult, S, JobEnd<RunResult>>;

/** What the handles of a started and of an attached run have in common. */
function runWork<S extends { runId: string }>(
  connect: Connect,
  options: VerbOptions<RunOptions>,
  begin: (options: RunOptions, more: JobOptions, onStarted: (started: S) => void) => Promise<JobEnd<RunResult>>,
): RunWork<S> {
  let session: Session | undefined;
  return {
    gap: { type: "gap", cause: "events_missed" },
    signal: signalIn(options),
    async begin({ signal, onItem, onStarted }) {
      checkOptions("follow run", options, runKeys());
      const all: RunOptions = {
        ...await connect(),
        ...options,
        signal,
        onItem(item) {
          options.onItem?.(item);
          if (item.type !== "end") onItem(item);
        },
      };
      checkSources("follow run", all);
      const how = { signal: options.signal, onAbort: options.onAbort };
      const more = abortInternals(how, {
        byTask: noteNewTask,
        onSession: (opened: Session) => void (session = opened),
      });
      const end = await begin(all, more, onStarted);
      guarded(end.result, session);
      return end;
    },
    settle: (end, signal) => settle(end, { throwOnFailure: options.throwOnFailure, signal }, verdictErrorOf),
    last(end, signal) {
      const { result } = end;
      const { outcome, exitCode } = result;
      return endsAsItem(end, signal) ? { type: "end", outcome, exitCode, result } : undefined;
    },
    async cancel({ runId }) {
      await cancel(runId, await connect());
    },
  };
}

/** Starts a run and follows it. */
export function startHandle(connect: Connect, request: RunTask, options: VerbOptions<RunOptions>): RunHandle {
  return handleOf(runWork<StartedRun>(connect, options, (all, more, onStarted) => {
    checkRequestKeys(request);
    const tell = (started: StartedRun) => {
      onStarted(started);
      options.onStarted?.(started);
    };
    return runJob(request, { ...all, onStarted: tell }, more);
  }));
}

/** Follows a run that exists. */
export function attachHandle(connect: Connect, runId: string, options: VerbOptions<RunOptions>): AttachedRun {
  return handleOf(runWork<{ runId: string }>(connect, options, async (all, more, onStarted) => {
    const end = attachJob(runId, all, more);
    onStarted({ runId });
    return await end;
  }));
}

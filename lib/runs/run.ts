/**
 * The whole job in one call.
 *
 * @module
 */
import { checkUuid } from "../api/validate.ts";
import { UsageError } from "../errors.ts";
import { endingSignal, type OnTimeout } from "../job/interrupt.ts";
import { Job, type JobEnd } from "../job/job.ts";
import { checkWait, checkWatch, type JobInternals } from "../job/options.ts";
import { openSession, type Session } from "../job/session.ts";
import { settle } from "../job/settle.ts";
import { jobOf } from "../job/start_key.ts";
import type { StartRequest } from "../model.ts";
import type { EventFile, EventSink } from "../report/event_file.ts";
import type { RunResult } from "../result/run_result.ts";
import { verdictErrorOf } from "./errors.ts";
import { openEventsFile } from "./events_file.ts";
import type { FollowOptions } from "./follow.ts";
import type { FollowItem } from "./run_items.ts";
import { RunOperation, type RunSettings, type RunStart } from "./run_operation.ts";
import type { StartOptions } from "./start_plan.ts";
import { readState, type RunState, type StateFiles, type StateSeal, stateSeal } from "./state.ts";
import { StateWriter } from "./state_writer.ts";

/** Options of {@linkcode run}. */
export interface RunOptions extends StartOptions, FollowOptions {
  /**
   * Whether everything but a success is thrown. If not, the result of a run that exists is returned whatever became of it: look
   * at `outcome`, which can then also be `deadline` or `error`. What went wrong before there was a run is always thrown, as is
   * `signal.reason`.
   * @default {true}
   */
  throwOnFailure?: boolean | undefined;
  /** What becomes of the run when `timeoutMs` passes: `detach` lets it go on, `cancel` stops it. @default {"detach"} */
  onTimeout?: OnTimeout | undefined;
  /** Gets each item of the follower as it comes; must not throw. @default nobody */
  onItem?: ((item: FollowItem) => void) | undefined;
}

/** What the command line adds to {@linkcode RunOptions}. */
export interface JobOptions extends JobInternals {
  /** Gets every event, in place of `eventsFile`. @default {undefined} */
  sink?: EventSink | undefined;
  /** Whether the job is done once the run is started, or found. @default {false} */
  startOnly?: boolean | undefined;
  /**
   * Files, for the state. State files need the token: with a client of the caller's own give `token`, too.
   * @default {undefined} (no state file)
   */
  files?: StateFiles | undefined;
  /** Path of the state file. @default {undefined} (none) */
  statePath?: string | undefined;
  /** State file of an earlier attempt whose key is sent again when it sent the same request. @default {undefined} */
  resumePath?: string | undefined;
}

/** A job that is ready to begin. */
interface OpenJob {
  session: Session;
  settings: RunSettings;
  /** Proves state files; undefined where there is no token, so that there are no state files either. */
  seal: StateSeal | undefined;
  job(target: RunStart | string): Job<FollowItem, RunResult>;
  /** The file of events; undefined when there is none of our own. */
  file: EventFile | undefined;
}

/** Checks the options and opens the session. @throws {UnauthorizedError | UsageError} */
async function open(options: RunOptions, more: JobOptions): Promise<OpenJob> {
  const { files, statePath, startOnly } = more;
  const wait = checkWait(options);
  const watch = checkWatch(options, more);
  const session = openSession({ ...options, signal: endingSignal(options.signal, more.interrupts) }, more);
  const token = session.token ?? options.token;
  const seal = files !== undefined && token !== undefined ? await stateSeal(token) : undefined;
  const state = files === undefined || statePath === undefined || seal === undefined
    ? undefined
    : new StateWriter(files, statePath, seal, session.notify);
  const { stream = true, onItem, eventsFile } = options;
  const file = eventsFile === undefined ? undefined : await openEventsFile(eventsFile, session, options.token);
  const settings = { ...wait, stream, onInterrupt: watch.onInterrupt, state, sink: more.sink ?? file };
  const job = (target: RunStart | string) =>
    new Job(session, new RunOperation(session, settings, target), { ...wait, ...watch, startOnly, onItem });
  return { session, settings, seal, job, file };
}

/** Opens a job, lets it be used, and closes its file of events. */
async function withJob<T>(options: RunOptions, more: JobOptions, use: (opened: OpenJob) => Promise<T>): Promise<T> {
  const opened = await open(options, more);
  try {
    return await use(opened);
  } finally {
    opened.file?.close();
  }
}

/** Reads the state of an earlier attempt. @throws {UsageError} when there is none: a mistyped name must not start a second agent. */
function readResumed({ session, seal }: OpenJob, options: RunOptions, more: JobOptions): RunState | undefined {
  const { files, resumePath } = more;
  if (files === undefined || resumePath === undefined || seal === undefined) return undefined;
  const { notify, clock } = session;
  const stored = readState(files, resumePath, {
    job: jobOf(session, options),
    execution: false,
    required: true,
    nowMs: clock.wallTime(),
    notify,
  });
  return stored?.proven(seal);
}

/** Records that a run is followed, for `cleanup`. The run is followed whether or not that works. */
function recordFollowing({ session, settings }: OpenJob, runId: string, options: RunOptions): void {
  const { state, onInterrupt } = settings;
  const startedAt = new Date(session.clock.wallTime()).toISOString();
  const job = jobOf(session, options);
  const unknown = { idempotencyKey: null, requestHash: null, request: null };
  try {
    state?.clear();
    // This job did not start it, so a signal stops it only when asked to.
    state?.begin({ ...unknown, owned: false, startedAt, onInterrupt, job, runId });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    session.notify({ kind: "text", message: `${error.message}; cleanup will not know this run` });
  }
}

/**
 * Starts a run and follows it, with state file and signals: the job of `run --follow`.
 *
 * @returns How it ended; whatever it met once the session was open is in there rather than thrown.
 * @throws {UnauthorizedError | UsageError} when there is no usable token, an option is out of range, or the state file cannot
 * be written.
 */
export async function runJob(
  request: StartRequest,
  options: RunOptions,
  more: JobOptions = {},
): Promise<JobEnd<RunResult>> {
  return await withJob(options, more, async (opened) => {
    const resumed = readResumed(opened, options, more);
    opened.settings.state?.clear();
    return await opened.job({ request, options, resumed }).start();
  });
}

/** Follows a run that exists: the job of `follow`. See {@linkcode runJob}. */
export async function attachJob(
  runId: string,
  options: RunOptions,
  more: JobOptions = {},
): Promise<JobEnd<RunResult>> {
  const id = checkUuid(runId, "run id");
  return await withJob(options, more, async (opened) => {
    recordFollowing(opened, id, options);
    return await opened.job(id).attach();
  });
}

/** Longest time for a single look, retries included, in milliseconds. */
const LOOK_MS = 60_000;

/** Looks at a run once: the job of `report`. Its outcome is `deadline` when the run has not ended. See {@linkcode runJob}. */
export async function lookJob(runId: string, options: RunOptions, more: JobOptions = {}): Promise<JobEnd<RunResult>> {
  const id = checkUuid(runId, "run id");
  return await withJob({ timeoutMs: LOOK_MS, ...options }, more, (opened) => opened.job(id).attach(true));
}

/**
 * Starts a run and follows it to its end.
 *
 * @param request What to do.
 * @param options See {@linkcode RunOptions}; all durations in milliseconds.
 * @returns What is known of the run, for {@linkcode report}. A long run has more events than `events` keeps: take `eventsFile` or
 * `onItem` for all of them.
 * @throws {RunFailedError | RunCancelledError | AwaitingInputError} by the run's verdict, with the result, unless
 * `throwOnFailure` is false.
 * @throws {DeadlineError} if `timeoutMs` passes first. The run goes on, unless `onTimeout` says otherwise.
 * @throws everything that {@linkcode start} and {@linkcode follow} throw.
 * @example Run, and look at the verdict
 * ```ts ignore
 * const request = { repoId: "8f3a2b1c-1234-4abc-9def-1234567890ab", prompt: "Fix the flaky tests", createBranch: true };
 * const result = await run(request, { timeoutMs: 20 * 60_000, throwOnFailure: false });
 * console.log(result.outcome, result.pullRequest.url);
 * ```
 */
export async function run(request: StartRequest, options: RunOptions = {}): Promise<RunResult> {
  return settle(await runJob(request, options), options, verdictErrorOf);
}

/**
 * Follows a run that exists to its end.
 *
 * @param runId UUID of the run.
 * @param options See {@linkcode RunOptions}; those of a start have no effect.
 * @throws as {@linkcode run} does, but for the start.
 */
export async function attach(runId: string, options: RunOptions = {}): Promise<RunResult> {
  return settle(await attachJob(runId, options), options, verdictErrorOf);
}

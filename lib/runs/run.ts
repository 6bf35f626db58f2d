/**
 * Starts a run and follows it to its end in one call: for scripts, and with state file and signals for the command line.
 *
 * @module
 */
import { checkOptions, checkRequestKeys, checkSources, type Keys } from "../api/option_check.ts";
import { givenName } from "../api/repository.ts";
import { checkUuid } from "../api/validate.ts";
import { UsageError } from "../errors.ts";
import { detected } from "../job/detected.ts";
import { endingSignal, type OnTimeout } from "../job/interrupt.ts";
import { Job, type JobEnd } from "../job/job.ts";
import { abortInternals, checkWait, checkWatch, type JobInternals } from "../job/options.ts";
import { openSession, type Session } from "../job/session.ts";
import { guarded, settle } from "../job/settle.ts";
import { jobOf } from "../job/start_key.ts";
import type { EventFile, EventSink } from "../report/event_file.ts";
import type { RunResult } from "../result/run_result.ts";
import { verdictErrorOf } from "./errors.ts";
import { openEventsFile } from "./events_file.ts";
import type { FollowOptions } from "./follow.ts";
import type { FollowItem } from "./run_items.ts";
import { RunOperation, type RunSettings, type RunStart } from "./run_operation.ts";
import type { RunRequest } from "./run_request.ts";
import { noteNewTask, runKeys, type StartOptions } from "./start_plan.ts";
import { readState, type RunState, type StateFiles, type StateSeal, stateSeal } from "./state.ts";
import { StateWriter } from "./state_writer.ts";

/** Options of {@linkcode run}. */
export interface RunOptions extends StartOptions, FollowOptions {
  /**
   * Whether to throw every end but a success. If false, the result of a run that exists is returned, however it ended: look at
   * `outcome`, which can then also be `deadline` or `error`. Errors that came before there was a run are always thrown, and so is
   * the error when `signal` aborts.
   * @default {true}
   */
  throwOnFailure?: boolean | undefined;
  /** What to do with the run when `timeoutMs` passes: `detach` lets it go on, `cancel` cancels it. @default {"detach"} */
  onTimeout?: OnTimeout | undefined;
  /**
   * What to do with the run when `signal` aborts: `detach` lets it go on, `cancel` cancels it, which takes a few seconds at most. A start
   * that is on its way is found and cancelled too. @default {"detach"}
   */
  onAbort?: OnTimeout | undefined;
  /** Called with each item as it comes; must not throw. @default {undefined} */
  onItem?: ((item: FollowItem) => void) | undefined;
}

/** Options of a run that only the command line sets. */
export interface JobOptions extends JobInternals {
  /** Gets every event, in place of `eventsFile`. @default {undefined} */
  sink?: EventSink | undefined;
  /** Whether the job ends as soon as the run is started or found. @default {false} */
  startOnly?: boolean | undefined;
  /** Whether the result has the task. @default {true} */
  showTask?: boolean | undefined;
  /** Name of the repository, `owner/name`, if the caller knows it: the service is not asked then. @default {undefined} */
  repository?: string | undefined;
  /** Makes the request a part of a derived key: see {@linkcode RunStart.byTask}. @default {undefined} */
  byTask?: RunStart["byTask"];
  /**
   * Access to state files. They are sealed with the token, so pass `token` as well if you pass a `client`.
   * @default {undefined} (no state file)
   */
  files?: StateFiles | undefined;
  /** Path of the state file. @default {undefined} (none) */
  statePath?: string | undefined;
  /** State file of an earlier attempt. Its key is used again if the request is the same. @default {undefined} */
  resumePath?: string | undefined;
  /** See {@linkcode RunStart.maxEndAgeMs}. */
  maxEndAgeMs?: number | undefined;
}

/** A job with checked options, ready to start or attach. */
interface OpenJob {
  session: Session;
  settings: RunSettings;
  /** Seals and checks state files; undefined without a token or without files. */
  seal: StateSeal | undefined;
  job(target: RunStart | string): Job<FollowItem, RunResult>;
  /** The file of `eventsFile`; undefined without that option. */
  file: EventFile | undefined;
}

/** Checks the options and opens the session. @throws {UnauthorizedError | UsageError} */
function open(options: RunOptions, more: JobOptions): OpenJob {
  const { files, statePath, startOnly, showTask = true, repository } = more;
  const wait = checkWait(options);
  const watch = checkWatch(options, more);
  const session = openSession({ ...options, signal: endingSignal(options.signal, more.interrupts) }, more);
  const token = session.token ?? options.token;
  const seal = files !== undefined && token !== undefined ? stateSeal(token) : undefined;
  const state = files === undefined || statePath === undefined || seal === undefined
    ? undefined
    : new StateWriter(files, statePath, seal, session.notify);
  const { stream = true, onItem, eventsFile } = options;
  const file = eventsFile === undefined ? undefined : openEventsFile(eventsFile, session, options.token);
  const sink = more.sink ?? file;
  const settings = { ...wait, stream, onInterrupt: watch.onInterrupt, state, sink, showTask, repository };
  const job = (target: RunStart | string) =>
    new Job(session, new RunOperation(session, settings, target), { ...wait, ...watch, startOnly, onItem });
  return { session, settings, seal, job, file };
}

/** Opens a job for `use`, and closes its file of events afterwards. */
async function withJob<T>(options: RunOptions, more: JobOptions, use: (opened: OpenJob) => Promise<T>): Promise<T> {
  const opened = open(options, more);
  try {
    return await use(opened);
  } finally {
    opened.file?.close();
  }
}

/** Reads the state of an earlier attempt. @throws {UsageError} when the file is missing: a mistyped path must not start a second agent. */
function readResumed({ session, seal }: OpenJob, options: RunOptions, more: JobOptions): RunState | undefined {
  const { files, resumePath } = more;
  if (files === undefined || resumePath === undefined || seal === undefined) return undefined;
  const { notify, clock, memory } = session;
  const stored = readState(files, resumePath, {
    job: jobOf(session, options),
    execution: false,
    required: true,
    nowMs: clock.wallTime(),
    notify,
  });
  const state = stored?.proven(seal);
  // Only a token that the service has accepted has a run.
  memory.workedBefore ||= typeof state?.runId === "string";
  return state;
}

/** Records for `cleanup` that a run is followed. A failure to record it is not an error. */
function recordFollowing({ session, settings }: OpenJob, runId: string, options: RunOptions): void {
  const { state, onInterrupt } = settings;
  const startedAt = new Date(session.clock.wallTime()).toISOString();
  const job = jobOf(session, options);
  const unknown = { idempotencyKey: null, requestHash: null, request: null };
  try {
    state?.clear();
    // This job did not start the run, so a signal cancels it only with `onInterrupt: "cancel"`.
    state?.begin({ ...unknown, owned: false, startedAt, onInterrupt, job, runId });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    session.notify({ kind: "text", message: `${error.message}; cleanup will not know this run` });
  }
}

/**
 * Starts a run and follows it, with state file and signals: the job of `run --follow`.
 *
 * @returns How the job ended. An error that came after the session was opened is in `error`.
 * @throws {UnauthorizedError | UsageError} when there is no usable token, an option is out of range, or the state file cannot
 * be written.
 */
export async function runJob(
  request: RunRequest,
  options: RunOptions,
  more: JobOptions,
): Promise<JobEnd<RunResult>> {
  // Nobody has to ask for a name that the caller gave.
  const repository = more.repository ?? givenName(request.repo);
  return await withJob(options, { ...more, repository }, async (opened) => {
    const resumed = readResumed(opened, options, more);
    opened.settings.state?.clear();
    return await opened.job({ request, options, resumed, maxEndAgeMs: more.maxEndAgeMs, byTask: more.byTask }).start();
  });
}

/** Follows an existing run: the job of `follow`. See {@linkcode runJob}. */
export async function attachJob(
  runId: string,
  options: RunOptions,
  more: JobOptions,
): Promise<JobEnd<RunResult>> {
  const id = checkUuid(runId, "run id");
  return await withJob(options, more, async (opened) => {
    recordFollowing(opened, id, options);
    return await opened.job(id).attach();
  });
}

/** Default time for a single read, retries included, in milliseconds. */
const LOOK_MS = 60_000;

/** Reads a run once: the job of `report`. The outcome is `deadline` if the run has not ended. See {@linkcode runJob}. */
export async function lookJob(runId: string, options: RunOptions, more: JobOptions): Promise<JobEnd<RunResult>> {
  const id = checkUuid(runId, "run id");
  return await withJob({ timeoutMs: LOOK_MS, ...options }, more, (opened) => opened.job(id).attach(true));
}

/** Runs a job of the library to its end. What its result prints by itself is masked. */
async function ended(
  options: RunOptions,
  work: (more: JobOptions) => Promise<JobEnd<RunResult>>,
): Promise<RunResult> {
  let session: Session | undefined;
  const end = await work(abortInternals<JobOptions>(options, {
    ...detected(options),
    byTask: noteNewTask,
    onSession: (opened) => session = opened,
  }));
  guarded(end.result, session);
  return settle(end, options, verdictErrorOf);
}

/**
 * Starts a run and follows it to its end. In CI the key of the start is derived from the job and the request: two tasks of a job are two
 * runs, and a job that is retried finds each of them again, in any order. Keep times and build numbers out of the prompt, since they make
 * every attempt another task, and give `keyPart` to do the same task twice.
 *
 * @param request What to do, and where.
 * @param options See {@linkcode RunOptions}; all durations in milliseconds.
 * @returns The result, for {@linkcode report}. It does not keep all events of a long run: use `eventsFile` or `onItem` to get them.
 * @throws {RunFailedError | RunCancelledError | AwaitingInputError} when the run did not end in success, with the result, unless
 * `throwOnFailure` is false.
 * @throws {DeadlineError} if `timeoutMs` passes first. The run goes on, unless `onTimeout` is `cancel`.
 * @throws {AbortedError} if `signal` aborts after the start was sent. The run goes on, unless `onAbort` is `cancel`.
 * @throws what {@linkcode start} and {@linkcode follow} throw.
 * @example Run, and look at the verdict
 * ```ts ignore
 * const request = { repo: "acme/web", prompt: "Fix the flaky tests" };
 * const result = await run(request, { timeoutMs: 20 * 60_000, throwOnFailure: false });
 * console.log(result.outcome, result.pullRequest.url);
 * ```
 */
export async function run(request: RunRequest, options: RunOptions = {}): Promise<RunResult> {
  options = checkOptions("start run", options, runKeys() satisfies Keys<RunOptions>);
  checkSources("start run", options);
  checkRequestKeys(request);
  return await ended(options, (more) => runJob(request, options, more));
}

/**
 * Follows an existing run to its end.
 *
 * @param runId UUID of the run.
 * @param options See {@linkcode RunOptions}; options that only concern a start have no effect.
 * @returns The result, for {@linkcode report}.
 * @throws what {@linkcode run} throws, except errors of the start.
 */
export async function attach(runId: string, options: RunOptions = {}): Promise<RunResult> {
  options = checkOptions("follow run", options, runKeys());
  checkSources("follow run", options);
  return await ended(options, (more) => attachJob(runId, options, more));
}

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
import type { StartRequest } from "../model.ts";
import type { RunResult } from "../result/run_result.ts";
import { verdictErrorOf } from "./errors.ts";
import type { FollowOptions } from "./follow.ts";
import type { FollowItem } from "./run_items.ts";
import { RunOperation, type RunSettings, type RunStart } from "./run_operation.ts";
import type { StartOptions } from "./start_plan.ts";
import { readState, type RunState, type StateFiles, StateWriter } from "./state.ts";

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
  /** Whether the job is done once the run is started, or found. @default {false} */
  startOnly?: boolean | undefined;
  /** Files, for the state. @default {undefined} (no state file) */
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
  job(target: RunStart | string): Job<FollowItem, RunResult>;
}

/** Checks the options and opens the session. @throws {UnauthorizedError | UsageError} */
function open(options: RunOptions, more: JobOptions): OpenJob {
  const { files, statePath, startOnly } = more;
  const wait = checkWait(options);
  const watch = checkWatch(options, more);
  const session = openSession({ ...options, signal: endingSignal(options.signal, more.interrupts) }, more);
  const state = files === undefined || statePath === undefined
    ? undefined
    : new StateWriter(files, statePath, session.notify);
  const { stream = true, onItem } = options;
  const settings = { ...wait, stream, onInterrupt: watch.onInterrupt, state };
  const job = (target: RunStart | string) =>
    new Job(session, new RunOperation(session, settings, target), { ...wait, ...watch, startOnly, onItem });
  return { session, settings, job };
}

function readResumed(session: Session, options: RunOptions, more: JobOptions): RunState | undefined {
  const { files, resumePath } = more;
  if (files === undefined || resumePath === undefined) return undefined;
  // A mistyped name must not become a second agent.
  if (files.readFile(resumePath) === undefined) {
    throw new UsageError({ attempted: "resume", why: "there is no state file", value: JSON.stringify(resumePath) });
  }
  const job = options.identity === undefined ? session.platform.identity(session.env) : options.identity;
  return readState(files, resumePath, { job, execution: false, notify: session.notify });
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
  const { session, settings, job } = open(options, more);
  const resumed = readResumed(session, options, more);
  settings.state?.clear();
  return await job({ request, options, resumed }).start();
}

/** Follows a run that exists: the job of `follow`. See {@linkcode runJob}. */
export async function attachJob(
  runId: string,
  options: RunOptions,
  more: JobOptions = {},
): Promise<JobEnd<RunResult>> {
  const id = checkUuid(runId, "run id");
  return await open(options, more).job(id).attach();
}

/** Longest time for a single look, retries included, in milliseconds. */
const LOOK_MS = 60_000;

/** Looks at a run once: the job of `report`. Its outcome is `deadline` when the run has not ended. See {@linkcode runJob}. */
export async function lookJob(runId: string, options: RunOptions, more: JobOptions = {}): Promise<JobEnd<RunResult>> {
  const id = checkUuid(runId, "run id");
  return await open({ timeoutMs: LOOK_MS, ...options }, more).job(id).attach(true);
}

/**
 * Starts a run and follows it to its end.
 *
 * @param request What to do.
 * @param options See {@linkcode RunOptions}; all durations in milliseconds.
 * @returns Everything that is known of the run, for {@linkcode report}.
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

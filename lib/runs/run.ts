/**
 * The whole job in one call.
 *
 * @module
 */
import { checkUuid } from "../api/validate.ts";
import { MogplexError, UsageError } from "../errors.ts";
import type { StartRequest } from "../model.ts";
import type { RunResult } from "../result/run_result.ts";
import { AwaitingInputError, RunCancelledError, RunFailedError } from "./errors.ts";
import { checkFollowing, type FollowOptions } from "./follow.ts";
import type { FollowItem } from "./follower.ts";
import {
  endingSignal,
  type Interrupts,
  ON_INTERRUPT,
  ON_TIMEOUT,
  type OnInterrupt,
  type OnTimeout,
} from "../job/interrupt.ts";
import { Job, type JobEnd, type JobSettings } from "./job.ts";
import { openSession, type Session, type SessionInternals } from "../job/session.ts";
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
export interface JobOptions extends SessionInternals {
  /** Whether the job is done once the run is started, or found. @default {false} */
  startOnly?: boolean | undefined;
  /** The signals, from `interruptible`. @default {undefined} (not handled) */
  interrupts?: Interrupts | undefined;
  /** What a signal does to the run. @default {"auto"} */
  onInterrupt?: OnInterrupt | undefined;
  /** Files, for the state. @default {undefined} (no state file) */
  files?: StateFiles | undefined;
  /** Path of the state file. @default {undefined} (none) */
  statePath?: string | undefined;
  /** State file of an earlier attempt whose key is sent again when it sent the same request. @default {undefined} */
  resumePath?: string | undefined;
}

/** A value that is one of some words. @throws {UsageError} when it is another one. */
export function checkWord<T extends string>(name: string, value: T, known: readonly T[]): T {
  if (known.includes(value)) return value;
  throw new UsageError(
    `Cannot follow as '${name}' must be one of ${known.join(", ")}: current value is ${JSON.stringify(value)}`,
  );
}

function open(options: RunOptions, more: JobOptions): { session: Session; settings: JobSettings } {
  const { onTimeout = "detach", onItem } = options;
  const { interrupts, onInterrupt = "auto", files, statePath, startOnly = false } = more;
  const checked = {
    ...checkFollowing(options),
    onTimeout: checkWord("onTimeout", onTimeout, ON_TIMEOUT),
    onInterrupt: checkWord("onInterrupt", onInterrupt, ON_INTERRUPT),
  };
  const signal = endingSignal(options.signal, interrupts);
  const session = openSession({ ...options, signal }, more);
  const state = files === undefined || statePath === undefined
    ? undefined
    : new StateWriter(files, statePath, session.notify);
  return { session, settings: { ...checked, startOnly, interrupts, state, onItem } };
}

function readResumed(session: Session, options: RunOptions, more: JobOptions): RunState | undefined {
  const { files, resumePath } = more;
  if (files === undefined || resumePath === undefined) return undefined;
  // A mistyped name must not become a second agent.
  if (files.readFile(resumePath) === undefined) {
    throw new UsageError(`Cannot resume as there is no state file: ${JSON.stringify(resumePath)}`);
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
export async function runJob(request: StartRequest, options: RunOptions, more: JobOptions = {}): Promise<JobEnd> {
  const { session, settings } = open(options, more);
  const resumed = readResumed(session, options, more);
  settings.state?.clear();
  return await new Job(session, settings).start(request, options, resumed);
}

/** Follows a run that exists: the job of `follow`. See {@linkcode runJob}. */
export async function attachJob(runId: string, options: RunOptions, more: JobOptions = {}): Promise<JobEnd> {
  const id = checkUuid(runId, "run id");
  const { session, settings } = open(options, more);
  return await new Job(session, settings).attach(id);
}

/** Longest time for a single look, retries included, in milliseconds. */
const LOOK_MS = 60_000;

/** Looks at a run once: the job of `report`. Its outcome is `deadline` when the run has not ended. See {@linkcode runJob}. */
export async function lookJob(runId: string, options: RunOptions, more: JobOptions = {}): Promise<JobEnd> {
  const id = checkUuid(runId, "run id");
  const { session, settings } = open({ timeoutMs: LOOK_MS, ...options }, more);
  return await new Job(session, settings).attach(id, true);
}

function settle({ result, error }: JobEnd, { throwOnFailure = true, signal }: RunOptions): RunResult {
  // The caller's reason may be one of our own errors, and is theirs to see all the same.
  const aborted = signal?.aborted === true && error === signal.reason;
  const told = !throwOnFailure && error instanceof MogplexError && result.runId !== null && !aborted;
  if (error !== undefined && !told) throw error;
  if (!throwOnFailure) return result;
  if (result.outcome === "failed") throw new RunFailedError(result);
  if (result.outcome === "cancelled") throw new RunCancelledError(result);
  if (result.outcome === "awaiting_input") throw new AwaitingInputError(result);
  return result;
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
  return settle(await runJob(request, options), options);
}

/**
 * Follows a run that exists to its end.
 *
 * @param runId UUID of the run.
 * @param options See {@linkcode RunOptions}; those of a start have no effect.
 * @throws as {@linkcode run} does, but for the start.
 */
export async function attach(runId: string, options: RunOptions = {}): Promise<RunResult> {
  return settle(await attachJob(runId, options), options);
}

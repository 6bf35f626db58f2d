/**
 * Stopping what a job left behind, from a step that runs when the job was cancelled or killed.
 *
 * @module
 */
import { ForbiddenError, MogplexError, UnauthorizedError, UsageError } from "../errors.ts";
import type { RunStatus, StartRequest } from "../model.ts";
import { detectPlatform } from "../platforms/detect.ts";
import type { JobState } from "../platforms/platform.ts";
import { environmentVariable } from "../runtime.ts";
import { cancelWith } from "./cancel.ts";
import { hasEnded } from "../result/ends.ts";
import { cancelsOnInterrupt } from "../job/interrupt.ts";
import { checkTimeout, type ConnectOptions, openSession, type Session, type SessionInternals } from "../job/session.ts";
import { isNewerThan } from "../job/started.ts";
import { readState, type RunState, type StateFiles, stateProof, StateWriter } from "./state.ts";

/** Options of {@linkcode cleanup}. */
export interface CleanupOptions extends ConnectOptions, SessionInternals {
  /** Files, for the state. */
  files: StateFiles;
  /** Path of the state file. */
  statePath: string;
  /** Cancel the run even when the job is not known to be cancelled. @default {false} */
  always?: boolean | undefined;
  /** Whole wait in milliseconds: more than 0, at most 30 days. @default {150_000} */
  timeoutMs?: number | undefined;
}

/** What {@linkcode cleanup} did. */
export interface CleanupEnd {
  /** `nothing`: there was nothing to do; `cancelled`: the run was asked to stop, or had ended; `failed`: it may go on. */
  action: "nothing" | "cancelled" | "failed";
  /** Why, in words for the log. */
  words: string;
  /** UUID of the run, when it is known. */
  runId: string | null;
  /** The run's status, when it was heard. */
  status: RunStatus | null;
}

/** What is to be done, and why. */
export interface CleanupDecision {
  /** Cancel the run; find it by sending its start again, then cancel it; or leave it. */
  what: "cancel" | "find" | "nothing";
  /** Why, in words. */
  why: string;
}

/**
 * Source: API reference, "Rate limits": a refused request is told to wait for 60 s, which has to fit twice. GitLab, "after_script",
 * and GitHub, "Workflow cancellation": five minutes are left to a job that was cancelled.
 */
const CLEANUP_TIMEOUT_MS = 150_000;

const OTHERS = "another job started the run";

/** Whether a signal would have cancelled the run. */
function wouldCancel({ onInterrupt }: RunState, owned: boolean): boolean {
  return cancelsOnInterrupt(onInterrupt, owned, false);
}

/**
 * Decides. A run is cancelled when the state says that it was being cancelled, or that the process died while following it and
 * the CI system says that the job was cancelled or timed out, or with `always`. After a deadline, or when the service could
 * not be reached, the run is left alone: the retry is going to attach to it. So is one that a signal would have left alone.
 *
 * A process that died while it started the run knows no id. The start is then sent again, with the same key and the same bytes: it
 * finds the run, or starts one that is cancelled in the next moment. That is done only for a file that names this very
 * execution of the job: what a checkout brings along cannot, and so cannot make us start anything.
 *
 * @param state The state file; undefined when there is none of this job.
 */
export function decideCleanup(state: RunState | undefined, job: JobState, always: boolean): CleanupDecision {
  const nothing = (why: string): CleanupDecision => ({ what: "nothing", why });
  if (state === undefined) return nothing("no state file of this job");
  const { left, phase, request } = state;
  if (left === "ended") return nothing("the run has ended, or none was started");
  const stopped = job === "cancelled" || job === "timed_out";
  if (!always && left === "detached") return nothing("the run was left to go on");
  if (!always && left === "following" && !stopped) {
    return nothing(`the run is not known to be cancelled: the job is "${job}"`);
  }
  if (!always && left === "following" && !wouldCancel(state, state.owned ?? true)) {
    return nothing(state.owned === false ? OTHERS : "the run is to go on when its job is stopped");
  }
  const why = always
    ? "it is wanted in any case"
    : left === "cancelling"
    ? "its cancellation was under way"
    : `the job is "${job}"`;
  if (phase === "started") return { what: "cancel", why };
  const named = state.job !== null && state.job.pipeline !== null && state.job.attempt !== null;
  if (request !== null && named) return { what: "find", why };
  return nothing(
    `the run's id is not known, and the job is not named well enough to send its start again; ` +
      `idempotency key ${JSON.stringify(state.idempotencyKey)} and the same inputs find it`,
  );
}

/** What stopping a run takes. */
interface StopOptions {
  /** Service and time. */
  session: Session;
  /** The state file, as it was found. */
  state: RunState;
  /** Writes it. */
  writer: StateWriter;
  /** Point on the clock. */
  deadline: number;
  /** See {@linkcode CleanupOptions.always}. */
  always: boolean;
}

/** Finds the run of a start whose process died; it may turn out to be the run of another job. */
async function find({ session, state, deadline }: StopOptions, request: StartRequest): Promise<[string, boolean]> {
  const { client, signal } = session;
  const key = { idempotencyKey: state.idempotencyKey };
  const run = await client.startRun(request, key, { deadline, signal, maxAttempts: 3 });
  const mayBeOurs = state.startedAt !== null &&
    isNewerThan(run, Date.parse(state.startedAt) - (client.clockSkewMs ?? 0));
  return [run.runId, state.owned ?? (!run.replayed || mayBeOurs)];
}

async function stop(options: StopOptions): Promise<CleanupEnd> {
  const { session: { client, clock, signal }, state, writer, deadline, always } = options;
  let { runId } = state;
  try {
    if (runId === null && state.request !== null) {
      const [found, owned] = await find(options, state.request);
      runId = found;
      writer.update({ runId, owned });
      if (!always && !wouldCancel(state, owned)) {
        writer.update({ left: "detached" });
        return { action: "nothing", words: OTHERS, runId, status: null };
      }
    }
    const { status } = await cancelWith(client, clock, runId as string, { deadline, signal });
    const ended = hasEnded(status);
    writer.update({ status, left: ended ? "ended" : "cancelling" });
    return { action: "cancelled", words: `run "${runId}" is ${JSON.stringify(status)}`, runId, status };
  } catch (error) {
    const known = error instanceof MogplexError;
    const lasts = error instanceof UsageError || error instanceof UnauthorizedError || error instanceof ForbiddenError;
    if (!known || lasts) throw error;
    return { action: "failed", words: error.message, runId, status: null };
  }
}

/**
 * Stops what the job left behind. See {@linkcode decideCleanup}.
 *
 * @returns What was done. That a run could not be cancelled is told in there, not thrown: the job has its verdict already.
 * @throws {UsageError | UnauthorizedError | ForbiddenError}
 */
export async function cleanup(options: CleanupOptions): Promise<CleanupEnd> {
  const { files, statePath, always = false, env = environmentVariable, timeoutMs = CLEANUP_TIMEOUT_MS } = options;
  checkTimeout(timeoutMs);
  const platform = detectPlatform(env);
  const notify = options.onNotice ?? (() => {});
  const state = readState(files, statePath, { job: platform.identity(env), execution: true, notify });
  const { what, why } = decideCleanup(state, platform.jobState(env), always);
  if (what === "nothing" || state === undefined) {
    return { action: "nothing", words: why, runId: state?.runId ?? null, status: state?.status ?? null };
  }
  // Only now: a step that has nothing to do needs no token.
  const session = openSession(options, options);
  if (state.proof !== await stateProof(session.token, state.job)) {
    const words = "the state file was not written with this token: the checkout may have brought it along";
    return { action: "nothing", words, runId: null, status: null };
  }
  const writer = new StateWriter(files, statePath, notify);
  writer.adopt(state);
  const end = await stop({ session, state, writer, deadline: session.startedAt + timeoutMs, always });
  return end.action === "nothing" ? end : { ...end, words: `${end.words} (${why})` };
}

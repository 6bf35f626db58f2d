import { type JobState, STATUS_VARIABLE } from "../ci/platform.ts";
import { systemClock } from "../clock.ts";
import { ForbiddenError, MogplexError, UnauthorizedError, UsageError } from "../errors.ts";
import type { RunStatus, StartRequest } from "../model.ts";
import { environmentVariable } from "../runtime.ts";
import { resolveToken } from "../service/connection.ts";
import { cancelWith } from "./cancel.ts";
import { hasEnded } from "./result.ts";
import { cancelsOnInterrupt } from "./interrupts.ts";
import { checkTimeout, type ConnectOptions, openSession, type Session, type SessionInternals } from "./session.ts";
import { isNewerThan } from "./start.ts";
import { readState, type RunState, type StateFiles, stateSeal, StateWriter } from "./state.ts";

export interface CleanupOptions extends ConnectOptions, SessionInternals {
  files: StateFiles;
  statePath: string;
  always?: boolean | undefined;
  /** Maximum time to wait, in milliseconds: more than 0, at most 30 days. @default {150_000} */
  timeoutMs?: number | undefined;
}

export interface CleanupEnd {
  /**
   * `nothing`: there was nothing to do. `left`: it is unknown how the job ended, and a run may still be in progress. `cancelled`: the run was asked
   * to stop, or had finished. `failed`: the run may still be in progress.
   */
  action: "nothing" | "left" | "cancelled" | "failed";
  text: string;
  runId: string | null;
  status: RunStatus | null;
  /** Set if the process of the job did not see the end of the run, because it was killed or its cancel request got no answer; otherwise `null`. */
  unended: (Pick<RunState, "idempotencyKey" | "startedAt"> & { task: string | null }) | null;
}

interface CleanupDecision {
  what: "cancel" | "find" | "left" | "nothing";
  why: string;
}

/**
 * The service asks a refused request to wait for 60 s, and two of these waits must fit. A cancelled job has five minutes to clean up. Source: API
 * reference, "Rate limits"; GitLab, "after_script"; GitHub, "Workflow cancellation".
 */
const CLEANUP_TIMEOUT_MS = 150_000;

const OTHERS = "another job started the run";
const WAYS =
  `To cancel the run, set ${STATUS_VARIABLE} to cancelled when the job is cancelled, or run cleanup --always`;
const STAYS = "the run continues when its job is stopped";

function wouldCancel({ onInterrupt }: RunState, owned: boolean): boolean {
  return cancelsOnInterrupt(onInterrupt, owned, false);
}

/**
 * A detached run continues (for example, after a deadline), because a retry of the job attaches to it.
 *
 * A process that died while starting the run does not know its id, so the start is sent again, with the same key and the same bytes. The start finds
 * the run, or starts a run that is cancelled immediately. It is sent only if the started run would be cancelled, so that no run is started and left
 * in progress.
 */
function decideCleanup(
  state: RunState | undefined,
  { job, rebuilds, always }: { job: JobState; rebuilds: boolean; always: boolean },
): CleanupDecision {
  const nothing = (why: string): CleanupDecision => ({ what: "nothing", why });
  if (state === undefined) return nothing("no run of this job was found");
  const { parting, phase, request } = state;
  if (parting === "ended") return nothing("the run has ended, or none was started");
  const stopped = job === "cancelled" || job === "timed_out";
  if (!always && parting === "detached") return nothing("the run was left running");
  if (!always && parting === "following") {
    if (!wouldCancel(state, state.owned ?? true)) return nothing(state.owned === false ? OTHERS : STAYS);
    if (job === "unknown") return { what: "left", why: `it is unknown how the job ended. ${WAYS}` };
    if (!stopped) {
      const end = job === "success" ? "succeeded" : "failed but was not cancelled";
      return nothing(`the job ${end}, so its run continues`);
    }
  }
  const why = always
    ? "--always is set"
    : parting === "cancelling"
    ? "it was already being cancelled"
    : job === "timed_out"
    ? "the job timed out"
    : "the job was cancelled";
  if (phase === "started") return { what: "cancel", why };
  const named = state.job !== null && state.job.pipeline !== null &&
    (state.job.attempt !== null || rebuilds);
  if (request === null || !named) {
    return nothing(
      `the run's id is unknown, and too little is known about the job to repeat the start; ` +
        `to find the run, start again with idempotency key ${JSON.stringify(state.idempotencyKey)} and the same inputs`,
    );
  }
  if (!always && !wouldCancel(state, true)) return nothing(STAYS);
  return { what: "find", why };
}

interface StopOptions {
  session: Session;
  state: RunState;
  writer: StateWriter;
  always: boolean;
}

/** The key may find the run of another job. */
async function find({ session, state }: StopOptions, request: StartRequest, idempotencyKey: string) {
  const { client, deadline, signal } = session;
  const run = await client.startRun(request, { idempotencyKey }, { deadline, signal, maxAttempts: 3 });
  const begun = !run.replayed;
  const mayBeOurs = isNewerThan(run, Date.parse(state.startedAt) - (client.clockSkewMs ?? 0));
  return { runId: run.runId, owned: begun || (state.owned ?? mayBeOurs), begun };
}

async function stop(options: StopOptions): Promise<Omit<CleanupEnd, "unended">> {
  const { session: { client, clock, deadline, signal }, state, writer, always } = options;
  let { runId } = state;
  const { request, idempotencyKey } = state;
  try {
    if (runId === null && request !== null && idempotencyKey !== null) {
      const match = await find(options, request, idempotencyKey);
      runId = match.runId;
      const cancels = always || match.begun || wouldCancel(state, match.owned);
      writer.update({ runId, owned: match.owned, parting: cancels ? "cancelling" : "detached" });
      if (!cancels) {
        const text = `the idempotency key belongs to run "${runId}", which another job started`;
        return { action: "nothing", text, runId, status: null };
      }
    }
    const { run: { status } } = await cancelWith(client, clock, runId as string, { deadline, signal });
    const ended = hasEnded(status);
    writer.update({ status, parting: ended ? "ended" : "cancelling" });
    return { action: "cancelled", text: `run "${runId}" ${cancelWords(status)}`, runId, status };
  } catch (error) {
    const isOurs = error instanceof MogplexError;
    const lasts = error instanceof UsageError || error instanceof UnauthorizedError || error instanceof ForbiddenError;
    if (!isOurs || lasts) throw error;
    return { action: "failed", text: error.message, runId, status: null };
  }
}

function cancelWords(status: string): string {
  if (status === "cancelled") return "was cancelled";
  return hasEnded(status)
    ? `had already ended: ${status}`
    : `was asked to stop; its status is ${JSON.stringify(status)}`;
}

function tokenOf(options: CleanupOptions, env: (name: string) => string | undefined): string | UnauthorizedError {
  try {
    return resolveToken({ env, token: options.token, readFile: options.readFile });
  } catch (error) {
    if (error instanceof UnauthorizedError) return error;
    throw error;
  }
}

/** If the service cannot be reached, the error is returned in the result, because the outcome of the job is already known. */
export async function cleanup(options: CleanupOptions): Promise<CleanupEnd> {
  const { files, statePath, always = false, env = environmentVariable, timeoutMs = CLEANUP_TIMEOUT_MS } = options;
  checkTimeout(timeoutMs);
  const { platform } = options;
  const notify = options.onNotice ?? (() => {});
  const nowMs = (options.clock ?? systemClock).wallTime();
  const stored = readState(files, statePath, { job: platform.identity(env), execution: true, nowMs, notify });
  const token = tokenOf(options, env);
  const { rebuilds } = platform;
  const decide = (state: RunState | undefined) =>
    decideCleanup(state, { job: platform.jobState(env), rebuilds, always });
  if (typeof token !== "string") {
    const { what, why } = decide(stored?.claims);
    if (what === "cancel" || what === "find") throw token;
    return { action: what, text: why, runId: null, status: null, unended: null };
  }
  const seal = stateSeal(token);
  const state = stored?.proven(seal);
  const { what, why } = decide(state);
  const unended = state?.parting === "following" || state?.parting === "cancelling"
    ? {
      ...{ idempotencyKey: state.idempotencyKey, startedAt: state.startedAt },
      // The state contains the request only if the process was killed before it knew the run.
      task: state.request?.prompt ?? null,
    }
    : null;
  if (what === "nothing" || what === "left" || state === undefined) {
    const action = what === "left" ? "left" : "nothing";
    return { action, text: why, runId: state?.runId ?? null, status: state?.status ?? null, unended };
  }
  const session = openSession({ ...options, env, timeoutMs }, options);
  session.memory.workedBefore ||= state.runId !== null;
  const writer = new StateWriter(files, statePath, seal, notify);
  writer.adopt(state);
  const end = await stop({ session, state, writer, always });
  return { ...end, unended, ...(end.action !== "nothing" && { text: `${end.text} (${why})` }) };
}

/**
 * Decides which ends of a job the library's calls return, and which they throw.
 *
 * @module
 */
import { tellRun } from "../error_sentence.ts";
import { AbortedError, MogplexError } from "../errors.ts";
import type { AnyResult } from "../result/any_result.ts";
import { guardResult } from "../result/guard.ts";
import { createRedactor } from "../text/redact.ts";
import type { JobEnd } from "./job.ts";
import type { Session } from "./session.ts";

/** Options of {@linkcode settle}. */
export interface SettleOptions {
  /** Whether to throw every end but a success. @default {true} */
  throwOnFailure?: boolean | undefined;
  /** The caller's signal. */
  signal?: AbortSignal | undefined;
}

/** The error for a call that the caller's signal ended, after a start that may have worked. */
function abortedError(
  reason: unknown,
  known: { runId: string | null; idempotencyKey: string | null; said?: string | null },
): AbortedError {
  const { runId, idempotencyKey: key, said } = known;
  const found = key === null ? "" : `; idempotency key ${JSON.stringify(key)} and the same inputs find it`;
  const run = said ?? (runId === null ? "the run may have been started" : `run "${runId}" goes on`);
  return tellRun(new AbortedError(`The signal ended the call; ${run}${found}`, reason), { runId, idempotencyKey: key });
}

/** The part of a `Starter` that an error tells of. */
type Sent = { readonly mayExist: boolean; readonly key: string };

/** The error of a start that is not followed: with its key, if an attempt may have worked. */
export function startError(error: unknown, { mayExist, key }: Sent, signal: AbortSignal | undefined): unknown {
  if (!mayExist) return error;
  const known = { runId: null, idempotencyKey: key };
  if (signal?.aborted && error === signal.reason) return abortedError(error, known);
  return error instanceof MogplexError ? tellRun(error, known) : error;
}

/** The items of a run, whose errors tell which run it is. */
export async function* tellingRun<I, E>(
  items: AsyncGenerator<I, E, void>,
  runId: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<I, E, void> {
  try {
    return yield* items;
  } catch (error) {
    // The reason of a signal may belong to other calls as well.
    const own = error instanceof MogplexError && !(signal?.aborted === true && error === signal.reason);
    throw own ? tellRun(error, { runId }) : error;
  }
}

/** Makes what a result prints by itself masked, with the secrets that reports mask. */
export function guarded<R extends AnyResult>(result: R, session: Pick<Session, "token" | "env"> | undefined): R {
  return guardResult(result, createRedactor(session && { token: session.token, env: session.env }));
}

/**
 * Returns the result of a job, or throws.
 *
 * With `throwOnFailure: false` it returns the result of every run that exists, however the run ended. It always throws errors that
 * came before there was a run, an error for the caller's signal, and bugs. An error after a start tells run, key and result.
 *
 * @param verdictError Makes the error for a verdict that is not a success; returns undefined for a success.
 */
export function settle<R extends AnyResult>(
  { result, error, mayExist, stopped }: JobEnd<R>,
  { throwOnFailure = true, signal }: SettleOptions,
  verdictError: (result: R) => MogplexError | undefined,
): R {
  // The reason of the caller's signal may be one of our errors: throw it in any case.
  const aborted = signal?.aborted === true && error === signal.reason;
  const isReturned = !throwOnFailure && error instanceof MogplexError && result.runId !== null && !aborted;
  if (error !== undefined && !isReturned) throw withRun(error, { result, mayExist, stopped, aborted });
  const verdict = throwOnFailure ? verdictError(result) : undefined;
  if (verdict !== undefined) throw verdict;
  return result;
}

/** The error with what is known of its run. The reason of a signal may belong to several calls, so it becomes the cause of another one. */
function withRun<R extends AnyResult>(
  error: unknown,
  { result, mayExist, stopped, aborted }: Pick<JobEnd<R>, "result" | "mayExist" | "stopped"> & { aborted: boolean },
): unknown {
  const { runId } = result;
  if (!mayExist) return error;
  const idempotencyKey = result.idempotencyKey;
  const known = { runId, idempotencyKey, said: stopped };
  const told = aborted ? abortedError(error, known) : error;
  return told instanceof MogplexError ? tellRun(told, { runId, idempotencyKey, result }) : told;
}

/**
 * Decides which ends of a job the library's calls return, and which they throw.
 *
 * @module
 */
import { MogplexError } from "../errors.ts";
import type { JobEnd } from "./job.ts";

/** Options of {@linkcode settle}. */
export interface SettleOptions {
  /** Whether to throw every end but a success. @default {true} */
  throwOnFailure?: boolean | undefined;
  /** The caller's signal. */
  signal?: AbortSignal | undefined;
}

/**
 * Returns the result of a job, or throws.
 *
 * With `throwOnFailure: false` it returns the result of every run that exists, however the run ended. It always throws errors that
 * came before there was a run, the reason of the caller's signal, and bugs.
 *
 * @param verdictError Makes the error for a verdict that is not a success; returns undefined for a success.
 */
export function settle<R extends { runId: string | null }>(
  { result, error }: JobEnd<R>,
  { throwOnFailure = true, signal }: SettleOptions,
  verdictError: (result: R) => MogplexError | undefined,
): R {
  // The reason of the caller's signal may be one of our errors: throw it in any case.
  const aborted = signal?.aborted === true && error === signal.reason;
  const isReturned = !throwOnFailure && error instanceof MogplexError && result.runId !== null && !aborted;
  if (error !== undefined && !isReturned) throw error;
  const verdict = throwOnFailure ? verdictError(result) : undefined;
  if (verdict !== undefined) throw verdict;
  return result;
}

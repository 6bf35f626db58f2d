/**
 * What the library's calls throw, and what they return, of the end of a job.
 *
 * @module
 */
import { MogplexError } from "../errors.ts";
import type { JobEnd } from "./job.ts";

/** Options that decide. */
export interface SettleOptions {
  /** Whether everything but a success is thrown. @default {true} */
  throwOnFailure?: boolean | undefined;
  /** The caller's signal. */
  signal?: AbortSignal | undefined;
}

/**
 * Returns the result of a job, or throws.
 *
 * With `throwOnFailure: false` the result of a run that exists is returned whatever became of it. What went wrong before there was a run
 * is always thrown, as are the reason of the caller's signal and bugs.
 *
 * @param verdictError Makes the error of an end that is not a success; undefined for every other one.
 */
export function settle<R extends { runId: string | null }>(
  { result, error }: JobEnd<R>,
  { throwOnFailure = true, signal }: SettleOptions,
  verdictError: (result: R) => MogplexError | undefined,
): R {
  // The caller's reason may be one of our own errors, and is still the caller's to see.
  const aborted = signal?.aborted === true && error === signal.reason;
  const isReturned = !throwOnFailure && error instanceof MogplexError && result.runId !== null && !aborted;
  if (error !== undefined && !isReturned) throw error;
  const verdict = throwOnFailure ? verdictError(result) : undefined;
  if (verdict !== undefined) throw verdict;
  return result;
}

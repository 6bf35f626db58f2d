/**
 * Exponential backoff, for failures after which the service did not name a delay.
 *
 * @module
 */

/** Longest delay, in milliseconds. */
export const MAX_BACKOFF_MS = 30_000;

/**
 * Delay after a failed attempt, in whole milliseconds. It doubles with each attempt, and its upper half is random, so that jobs
 * that failed together do not all come back at once.
 *
 * @param attempt Number of the attempt that failed, from 1.
 * @param baseMs Longest delay after the first attempt, in milliseconds.
 * @param random Number from 0 up to 1.
 */
export function backoffMs(attempt: number, baseMs: number, random: number): number {
  const full = Math.min(baseMs * 2 ** (attempt - 1), MAX_BACKOFF_MS);
  return Math.round(full / 2 + random * full / 2);
}

/**
 * How long to wait before the next attempt when the service did not say.
 *
 * @module
 */

/** Longest own delay, in milliseconds. */
export const MAX_BACKOFF_MS = 30_000;

/**
 * Delay after a failed attempt: it doubles each time, and its upper half is random, so that jobs which failed together do
 * not come back together.
 *
 * @param attempt Number of the attempt that failed, from 1.
 * @param baseMs Longest delay after the first attempt, in milliseconds.
 * @param random Number in [0, 1).
 */
export function backoffMs(attempt: number, baseMs: number, random: number): number {
  const full = Math.min(baseMs * 2 ** (attempt - 1), MAX_BACKOFF_MS);
  return Math.round(full / 2 + random * full / 2);
}

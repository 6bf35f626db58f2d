/**
 * Durations and numbers for people.
 *
 * @module
 */

/**
 * A duration in at most two units: `0.4 s`, `12 s`, `3 min 5 s`, `1 h 4 min`.
 *
 * @param ms Milliseconds; a negative number counts as zero.
 */
export function formatDuration(ms: number): string {
  if (!(ms > 0)) return "0 s";
  if (ms < 9_950) return `${Number((ms / 1_000).toFixed(1))} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return join(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const minutes = Math.round(seconds / 60);
  return join(Math.floor(minutes / 60), "h", minutes % 60, "min");
}

function join(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return `${large} ${largeUnit}${small === 0 ? "" : ` ${small} ${smallUnit}`}`;
}

/** A count with its noun: `1 request`, `2 requests`. */
export function formatCount(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

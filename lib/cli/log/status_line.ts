/**
 * What is going on while a run is followed, for the status line of a terminal and the heartbeats of a log.
 *
 * @module
 */
import { formatDuration } from "../../result/duration.ts";

/** What {@linkcode statusParts} tells. Points on the clock and durations in milliseconds. */
export interface Progress {
  /** Now. */
  nowMs: number;
  /** When the job began. */
  startedAt: number;
  /** Longest time of the job; undefined to leave it out. */
  timeoutMs: number | undefined;
  /** What happens in the present phase; undefined when there is none. */
  doing: string | undefined;
  /** Tools that the agent uses now; untrusted. */
  tools: readonly string[];
  /** The service's word; untrusted. */
  status: string;
  /** When the status changed. */
  statusAt: number;
  /** When there was news. */
  newsAt: number;
}

function wholeSeconds(ms: number): string {
  return formatDuration(Math.round(ms / 1_000) * 1_000);
}

/** A time as clocks show it: `1:43`, `1:02:03`. @param ms Milliseconds; a negative number counts as zero. */
export function clockText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, index) => index === 0 ? String(part) : String(part).padStart(2, "0")).join(":");
}

/** Time and its limit, phase or tools at work, status, silence. Untrusted text. */
export function statusParts(progress: Progress): string[] {
  const { nowMs, startedAt, timeoutMs, doing, tools, status, statusAt, newsAt } = progress;
  const work = tools.length > 0 ? `the agent uses ${tools.join(", ")}` : doing;
  return [
    `${clockText(nowMs - startedAt)}${timeoutMs === undefined ? "" : ` / ${clockText(timeoutMs)}`}`,
    ...(work === undefined ? [] : [work]),
    `${status} for ${wholeSeconds(nowMs - statusAt)}`,
    `quiet for ${wholeSeconds(nowMs - newsAt)}`,
  ];
}

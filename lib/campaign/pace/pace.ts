/**
 * The pace of a campaign: how many starts the quotas allow now, or when the next one is possible and because of what. Pure.
 *
 * @module
 */
import type { StartWindow } from "../file/campaign_file.ts";
import type { Quota } from "./quota.ts";

/** Mean time of a run while none has ended, in milliseconds. */
export const DEFAULT_MEAN_RUN_MS = 20 * 60_000;

/** Why nothing more is started now. The first five are quotas of the service. */
export type Bound =
  | "minute"
  | "hour"
  | "day"
  | "sandboxes"
  | "requests"
  /** The service refused a start, and named when it takes the next one. */
  | "refused"
  /** The file's `parallel`. */
  | "parallel"
  /** The file's `open-pull-requests`, or pull requests that could not be read. */
  | "pull-requests"
  | "window"
  | "gate"
  | "stopped"
  /** The journal could not be shared with other machines. */
  | "home"
  /** No item waits for a start. */
  | "nothing";

/** What {@linkcode nextStarts} decides on. Times are milliseconds since 1970 by the service's clock. */
export interface PaceInput {
  /** Now. */
  nowMs: number;
  /** When starts took their slots, ascending; older ones than a day do not matter. */
  slotsMs: readonly number[];
  /** Quotas of starts that the service has. @default {QUOTAS} */
  quotas?: readonly Quota[] | undefined;
  /** Until when the service refuses starts, as it said; null for no refusal. */
  refusedUntilMs: number | null;
  /** Starts in a row that ended for want of a sandbox, and when the last one did. */
  sandboxRefusals: { count: number; lastMs: number } | null;
  /** Sandboxes of the user that are creating, installing or running; null when they could not be read. */
  sandboxes: number | null;
  /** Runs of this campaign that have not ended. */
  running: number;
  /** The file's `parallel`, 1 to 3. */
  parallel: number;
  /** When starts are permitted; empty for always. */
  windows: readonly StartWindow[];
  /** Whether a gate is closed, or somebody stopped the campaign. */
  closed: "gate" | "stopped" | null;
  /** Items that wait for a start. */
  waiting: number;
  /**
   * Pull requests that are open, null when not all of them could be read, and how many may be; null for no limit. A run that is at work counts
   * as one more, since it may open one. @default {null}
   */
  pullRequests?: { open: number | null; limit: number } | null | undefined;
}

/** What {@linkcode nextStarts} decided. */
export interface Pace {
  /** How many runs to start now. */
  starts: number;
  /** What limits that number. */
  because: Bound;
  /** When another start may be possible; null when time alone changes nothing (a run must end, a gate must open, nothing waits). */
  nextMs: number | null;
}

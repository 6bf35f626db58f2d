/**
 * How many runs to start now, and what keeps one more from starting.
 *
 * @module
 */
import { START_LIMITS } from "../../service/contract.ts";
import type { StartWindow } from "../file/campaign_file.ts";
import { DAY_MS, nextOpening } from "./windows.ts";

// The service's quotas of starts: three sliding windows over the starts that it accepted.

/** Names of the quotas of starts, shortest window first. */
type QuotaName = "minute" | "hour" | "day";

export interface Quota {
  name: QuotaName;
  /** Starts that it allows within its window. */
  count: number;
  /** Length of its window, in milliseconds. */
  windowMs: number;
}

/** Active sandboxes that a user may have. Source: contract 2.2. */
export const SANDBOX_LIMIT = 3;

const NAMES: readonly QuotaName[] = ["minute", "hour", "day"];

/** The quotas of starts, shortest window first. */
export const QUOTAS: readonly Quota[] = NAMES.flatMap((name, index) => {
  const limit = START_LIMITS[index];
  return limit === undefined ? [] : [{ name, ...limit }];
});

/** The quotas of the service that the environment points at: a local Mogplex may have been started without. */
export function quotasFor(env: (name: string) => string | undefined): readonly Quota[] {
  return env("MOGPLEX_DEV") === "1" && env("MOGPLEX_DEV_START_LIMITS")?.trim() === "off" ? [] : QUOTAS;
}

/**
 * How much longer than its window a start is counted, in milliseconds. One second, because the time of a slot may be known only to the second
 * (header `Date`), rounded down; it also covers a service that counts a start exactly one window ago. One more second, because the service's time is an
 * estimate. This makes a day's 150 starts take two seconds longer.
 */
const SLOT_GUARD_MS = 2_000;

const MOST = Math.max(...QUOTAS.map(({ count }) => count));

/**
 * The starts that still matter, ascending: no quota counts more than the last 150. A start in the future, because a clock was set, is treated as a start
 * at this moment, so that no wait is longer than a window.
 *
 * @param slotsMs When starts took their slots, in any order.
 */
export function recentSlots(slotsMs: readonly number[], nowMs: number): number[] {
  const ascending = slotsMs.every((at, index) => index === 0 || at >= (slotsMs[index - 1] ?? at));
  const sorted = ascending ? slotsMs : [...slotsMs].sort((a, b) => a - b);
  return sorted.slice(-MOST).map((at) => Math.min(at, nowMs));
}

/**
 * When a quota allows one more start, in milliseconds since 1970; the past, or -Infinity, when it does already.
 *
 * @param slots Starts, ascending.
 */
function freeAt({ count, windowMs }: Quota, slots: readonly number[]): number {
  const oldest = slots[slots.length - count];
  return oldest === undefined ? -Infinity : oldest + windowMs + SLOT_GUARD_MS;
}

/**
 * How much of each quota is used at a moment, as {@linkcode nextStarts} counts it.
 *
 * @param slotsMs When starts took their slots, in any order.
 * @param quotas Those that are in force: see {@linkcode quotasFor}.
 */
export function quotaUse(
  slotsMs: readonly number[],
  nowMs: number,
  quotas: readonly Quota[],
): Record<QuotaName, { used: number; limit: number | null }> {
  const slots = quotas.length === 0 ? slotsMs : recentSlots(slotsMs, nowMs);
  const entries = QUOTAS.map(({ name, windowMs }) => {
    const limit = quotas.find((quota) => quota.name === name)?.count ?? null;
    const used = slots.filter((at) => at + windowMs + SLOT_GUARD_MS > nowMs).length;
    return [name, { used: Math.min(limit ?? Infinity, used), limit }];
  });
  return Object.fromEntries(entries) as Record<QuotaName, { used: number; limit: number | null }>;
}

// The pace of a campaign: how many starts the quotas allow now, or when the next one is possible and because of what. Pure.

/** Mean time of a run while none has ended, in milliseconds. */
export const DEFAULT_MEAN_RUN_MS = 20 * 60_000;

/**
 * Why nothing more is started now.
 *
 * - `minute`, `hour`, `day`, `sandboxes`, `requests`: a quota of the service is used up.
 * - `refused`: the service refused a start, and said when it will accept the next one.
 * - `user-starts`: the same, because all starts of the user are used up, including those outside the campaign.
 * - `unanswered`: the last start had no answer, so an agent may be running unnoticed.
 * - `parallel`: as many runs are active as `limits.parallel` allows.
 * - `pull-requests`: as many pull requests are open as `limits.open-pull-requests` permits, or they could not be read.
 * - `window`: the time is outside the windows in `windows`.
 * - `gate`: a person has to approve.
 * - `stopped`: a person has stopped the campaign.
 * - `home`: the journal could not be shared with other machines.
 * - `nothing`: nothing is left to start.
 */
export type CampaignLimit =
  | "minute"
  | "hour"
  | "day"
  | "sandboxes"
  | "requests"
  | "refused"
  | "user-starts"
  | "unanswered"
  | "parallel"
  | "pull-requests"
  | "window"
  | "gate"
  | "stopped"
  | "home"
  | "nothing";

/** What {@linkcode nextStarts} decides on. Times are milliseconds since 1970 by the service's clock. */
export interface PaceInput {
  nowMs: number;
  /** When starts took their slots, ascending; older ones than a day do not matter. */
  slotsMs: readonly number[];
  /** Quotas of starts that the service has. @default {QUOTAS} */
  quotas?: readonly Quota[] | undefined;
  /** Until when the service refuses starts, according to its answer; null for no refusal. */
  refusedUntilMs: number | null;
  /** The limit that it named. @default {null} */
  refusedBy?: "start_limit" | null | undefined;
  /** Until when nothing is started because starts had no answer. @default {null} */
  unansweredUntilMs?: number | null | undefined;
  /** Number of starts in a row that ended because no sandbox was free, and when the last one ended. */
  sandboxRefusals: { count: number; lastMs: number } | null;
  /** Sandboxes of the user that are creating, installing or running; null when they could not be read. */
  sandboxes: number | null;
  /** Runs of this campaign that have not ended. */
  running: number;
  /** The file's `parallel`, 1 to 3. */
  parallel: number;
  /** When starts are permitted; empty for always. */
  windows: readonly StartWindow[];
  closed: "gate" | "stopped" | null;
  waiting: number;
  /**
   * The number of open pull requests, null if not all of them could be read, and its limit; null without a limit. An active run is treated as one more,
   * because it may open one. @default {null}
   */
  pullRequests?: { open: number | null; limit: number } | null | undefined;
}

/** What {@linkcode nextStarts} decided. */
export interface Pace {
  starts: number;
  because: CampaignLimit;
  /** When another start may be possible; null when time alone changes nothing (a run must end, a gate must open, nothing waits). */
  nextMs: number | null;
}

const MINUTE_MS = 60_000;

/** Waits before the second and each later probe for a free sandbox, in milliseconds; the last one repeats. */
const PROBE_WAITS_MS: readonly number[] = [10, 20, 40, 60].map((minutes) => minutes * MINUTE_MS);

/** When to look again at pull requests, in milliseconds. */
const PULL_REQUESTS_AGAIN_MS = 5 * MINUTE_MS;

/** Delay until other users' sandboxes are read again, in milliseconds: the service does not report their end. */
const LOOK_AGAIN_MS = MINUTE_MS;

/**
 * Decides how many runs to start now, and when another one may be possible.
 *
 * `because` is what prevents one more start after those. Of several reasons, it is one that only a person can end, otherwise the one that
 * time ends last, otherwise a full `parallel` or the sandboxes. `nextMs` is then the earliest moment; what runs may still be in the way.
 * Sandboxes of other users are read again after a minute, since the service does not report their end.
 *
 * It never relies on a slot before the service frees it: see {@linkcode SLOT_GUARD_MS}. Times ahead of `nowMs` are treated as now, so a clock that
 * was set back delays starts, and never brings more of them.
 *
 * @throws {RangeError} if the runtime does not know the zone of a window.
 */
export function nextStarts(input: PaceInput): Pace {
  let state = stateOf(input);
  for (let starts = 0;; starts++) {
    const held = hold(state);
    if (held !== null) return { starts, ...held };
    state = afterStart(state);
  }
}

/** The input with what one call computes once. */
interface State extends PaceInput {
  /** The newest start after the last refusal for want of a sandbox: its end is not known. Null without one. */
  probeMs: number | null;
}

function stateOf(input: PaceInput): State {
  const slotsMs = recentSlots(input.slotsMs, input.nowMs);
  const newest = slotsMs.at(-1);
  const { sandboxRefusals } = input;
  const isProbe = newest !== undefined && sandboxRefusals !== null && newest > sandboxRefusals.lastMs;
  return { ...input, slotsMs, probeMs: isProbe ? newest : null };
}

/** What keeps the next start from being sent now; null when nothing does. */
function hold(state: State): { because: CampaignLimit; nextMs: number | null } | null {
  if (state.waiting < 1) return { because: "nothing", nextMs: null };
  if (state.closed !== null) return { because: state.closed, nextMs: null };
  return timedHold(state) ?? pullRequestHold(state) ?? capacityHold(state);
}

function timedHold(state: State): { because: CampaignLimit; nextMs: number | null } | null {
  const { nowMs, slotsMs, quotas = QUOTAS, refusedUntilMs, refusedBy, windows } = state;
  let because: CampaignLimit | null = null;
  let nextMs = nowMs;
  function until(bound: CampaignLimit, ms: number): void {
    if (ms > nextMs) [because, nextMs] = [bound, ms];
  }
  // The longest window first: of two that end together it is the one to name.
  for (const quota of quotas.toReversed()) until(quota.name, freeAt(quota, slotsMs));
  // No quota is longer than a day, so what lies further ahead comes from a clock that was set.
  until(refusedBy === "start_limit" ? "user-starts" : "refused", Math.min(refusedUntilMs ?? -Infinity, nowMs + DAY_MS));
  until("unanswered", state.unansweredUntilMs ?? -Infinity);
  until("sandboxes", probeAt(state));
  const opening = nextOpening(windows, nextMs);
  if (opening !== nextMs) return { because: "window", nextMs: opening };
  return because === null ? null : { because, nextMs };
}

/** When the next probe for a free sandbox is due; -Infinity when none is needed. */
function probeAt({ sandboxRefusals, probeMs, nowMs }: State): number {
  if (sandboxRefusals === null || sandboxRefusals.count < 1) return -Infinity;
  const failures = sandboxRefusals.count + (probeMs === null ? 0 : 1);
  // The first probe goes out at once. A probe without an answer yet is treated as failed.
  if (failures === 1) return -Infinity;
  const wait = PROBE_WAITS_MS[Math.min(failures - 2, PROBE_WAITS_MS.length - 1)] ?? 0;
  return Math.min(Math.max(sandboxRefusals.lastMs, probeMs ?? -Infinity), nowMs) + wait;
}

/** The file's limit of open pull requests. Forges do not report that one was merged. */
function pullRequestHold(
  { nowMs, running, pullRequests }: State,
): { because: CampaignLimit; nextMs: number | null } | null {
  if (pullRequests === null || pullRequests === undefined) return null;
  const { open, limit } = pullRequests;
  const isFree = open !== null && open + running < limit;
  return isFree ? null : { because: "pull-requests", nextMs: nowMs + PULL_REQUESTS_AGAIN_MS };
}

/** The limits that change when a run ends or a sandbox becomes free. */
function capacityHold(
  { nowMs, sandboxes, running, parallel }: State,
): { because: CampaignLimit; nextMs: number | null } | null {
  // A run that waits in the service's queue has no sandbox yet, and will need one.
  const used = Math.max(sandboxes ?? 0, running);
  if (running >= parallel && parallel < SANDBOX_LIMIT) return { because: "parallel", nextMs: null };
  if (used >= SANDBOX_LIMIT) return { because: "sandboxes", nextMs: used > running ? nowMs + LOOK_AGAIN_MS : null };
  return null;
}

function afterStart(state: State): State {
  return {
    ...state,
    slotsMs: [...state.slotsMs, state.nowMs],
    sandboxes: state.sandboxes === null ? null : state.sandboxes + 1,
    running: state.running + 1,
    waiting: state.waiting - 1,
    probeMs: state.sandboxRefusals === null ? null : state.nowMs,
  };
}

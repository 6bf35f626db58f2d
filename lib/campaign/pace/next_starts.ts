import { START_LIMITS } from "../../service/contract.ts";
import type { StartWindow } from "../file/campaign_file.ts";
import { DAY_MS, nextOpening } from "./windows.ts";

type QuotaName = "minute" | "hour" | "day";

export interface Quota {
  name: QuotaName;
  count: number;
  windowMs: number;
}

/** Maximum number of active sandboxes for each user. Source: contract 2.2. */
export const SANDBOX_LIMIT = 3;

const NAMES: readonly QuotaName[] = ["minute", "hour", "day"];

/** From the shortest window to the longest. */
export const QUOTAS: readonly Quota[] = NAMES.flatMap((name, index) => {
  const limit = START_LIMITS[index];
  return limit === undefined ? [] : [{ name, ...limit }];
});

export function quotasFor(env: (name: string) => string | undefined): readonly Quota[] {
  return env("MOGPLEX_DEV") === "1" && env("MOGPLEX_DEV_START_LIMITS")?.trim() === "off" ? [] : QUOTAS;
}

/**
 * How much longer than its window a start is counted. One second covers the time of a slot, which may be rounded down to the second (`Date` header),
 * and a service that still counts a start that is exactly one window old. Another second covers the error in the estimate of the service's time. The
 * guard delays the 150 starts of a day by two seconds.
 */
const SLOT_GUARD_MS = 2_000;

const MOST = Math.max(...QUOTAS.map(({ count }) => count));

/**
 * No quota counts more than the last 150 starts. A start in the future, which is possible after a clock change, is treated as a start now, so no wait
 * is longer than a window.
 */
export function recentSlots(slotsMs: readonly number[], nowMs: number): number[] {
  const ascending = slotsMs.every((at, index) => index === 0 || at >= (slotsMs[index - 1] ?? at));
  const sorted = ascending ? slotsMs : [...slotsMs].sort((a, b) => a - b);
  return sorted.slice(-MOST).map((at) => Math.min(at, nowMs));
}

function freeAt({ count, windowMs }: Quota, slots: readonly number[]): number {
  const oldest = slots[slots.length - count];
  return oldest === undefined ? -Infinity : oldest + windowMs + SLOT_GUARD_MS;
}

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

export const DEFAULT_MEAN_RUN_MS = 20 * 60_000;

/**
 * Why nothing more is started now.
 * - `minute`, `hour`, `day`, `sandboxes`, `requests`: a quota of the service is used up.
 * - `refused`: the service refused or could not process starts, so starts are paused.
 * - `user-starts`: the service refused a start because all starts of the user are used up, including starts outside the campaign.
 * - `unanswered`: the last start had no response, so an agent may be running unnoticed.
 * - `parallel`: as many runs are active as `limits.parallel` allows.
 * - `pull-requests`: as many pull requests are open as `limits.open-pull-requests` allows, or they could not be read.
 * - `window`: the time is outside the windows in `windows`.
 * - `gate`: a person must approve.
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

/** Times are in milliseconds since 1970, by the service's clock. */
export interface PaceInput {
  nowMs: number;
  slotsMs: readonly number[];
  quotas?: readonly Quota[] | undefined;
  refusedUntilMs: number | null;
  refusedBy?: "start_limit" | null | undefined;
  unansweredUntilMs?: number | null | undefined;
  sandboxRefusals: { count: number; lastMs: number } | null;
  sandboxes: number | null;
  running: number;
  parallel: number;
  windows: readonly StartWindow[];
  closed: "gate" | "stopped" | null;
  waiting: number;
  /** `open` is `null` if some of them could not be read. Each active run is treated as an open pull request, because it may open one. */
  pullRequests?: { open: number | null; limit: number } | null | undefined;
}

export interface Pace {
  starts: number;
  because: CampaignLimit;
  nextMs: number | null;
}

const MINUTE_MS = 60_000;

const PROBE_WAITS_MS: readonly number[] = [10, 20, 40, 60].map((minutes) => minutes * MINUTE_MS);

const PULL_REQUESTS_AGAIN_MS = 5 * MINUTE_MS;

/** Delay until sandboxes outside the campaign are read again. The service does not report when they end. */
const LOOK_AGAIN_MS = MINUTE_MS;

/**
 * If several reasons prevent one more start, `because` is a reason that only a person can remove, then the reason that lasts longest, then `parallel`
 * or the sandboxes. Active runs may still prevent a start at `nextMs`.
 *
 * A slot is never used again before the service frees it; see {@linkcode SLOT_GUARD_MS}. Times after `nowMs` are treated as now, so a clock that was
 * set back delays starts and never adds any.
 */
export function nextStarts(input: PaceInput): Pace {
  let state = stateOf(input);
  for (let starts = 0;; starts++) {
    const held = hold(state);
    if (held !== null) return { starts, ...held };
    state = afterStart(state);
  }
}

interface State extends PaceInput {
  /** When the newest start after a sandbox refusal was sent, if its result is not known yet; otherwise `null`. */
  probeMs: number | null;
}

function stateOf(input: PaceInput): State {
  const slotsMs = recentSlots(input.slotsMs, input.nowMs);
  const newest = slotsMs.at(-1);
  const { sandboxRefusals } = input;
  const isProbe = newest !== undefined && sandboxRefusals !== null && newest > sandboxRefusals.lastMs;
  return { ...input, slotsMs, probeMs: isProbe ? newest : null };
}

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
  // The longest window comes first, so its quota is reported if two windows end at the same time.
  for (const quota of quotas.toReversed()) until(quota.name, freeAt(quota, slotsMs));
  // No quota is longer than a day. A later time results from a clock change.
  until(refusedBy === "start_limit" ? "user-starts" : "refused", Math.min(refusedUntilMs ?? -Infinity, nowMs + DAY_MS));
  until("unanswered", state.unansweredUntilMs ?? -Infinity);
  until("sandboxes", probeAt(state));
  const opening = nextOpening(windows, nextMs);
  if (opening !== nextMs) return { because: "window", nextMs: opening };
  return because === null ? null : { because, nextMs };
}

function probeAt({ sandboxRefusals, probeMs, nowMs }: State): number {
  if (sandboxRefusals === null || sandboxRefusals.count < 1) return -Infinity;
  const failures = sandboxRefusals.count + (probeMs === null ? 0 : 1);
  // The first probe is sent immediately. A probe whose result is not known yet is treated as failed.
  if (failures === 1) return -Infinity;
  const wait = PROBE_WAITS_MS[Math.min(failures - 2, PROBE_WAITS_MS.length - 1)] ?? 0;
  return Math.min(Math.max(sandboxRefusals.lastMs, probeMs ?? -Infinity), nowMs) + wait;
}

/** Forges do not report merges, so pull requests are read again after a delay. */
function pullRequestHold(
  { nowMs, running, pullRequests }: State,
): { because: CampaignLimit; nextMs: number | null } | null {
  if (pullRequests === null || pullRequests === undefined) return null;
  const { open, limit } = pullRequests;
  const isFree = open !== null && open + running < limit;
  return isFree ? null : { because: "pull-requests", nextMs: nowMs + PULL_REQUESTS_AGAIN_MS };
}

function capacityHold(
  { nowMs, sandboxes, running, parallel }: State,
): { because: CampaignLimit; nextMs: number | null } | null {
  // A queued run has no sandbox yet, but will need one.
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

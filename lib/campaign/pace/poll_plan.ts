/**
 * Decides which run to read next, and when: one poller reads all runs of a campaign, within the request budget of its token.
 * @module
 */
import type { Clock } from "../../clock.ts";
import { isTerminal, REQUEST_LIMIT, REQUEST_WINDOW_MS } from "../../service/contract.ts";

/** Requests of a campaign in a minute: 80% of the limit, because other commands may use the token. */
export const REQUEST_BUDGET: number = Math.floor(REQUEST_LIMIT * 0.8);

/** @param sentAt By the clock. @returns The times in the last minute, oldest first. */
export function recentRequests(sentAt: readonly number[], clock: Pick<Clock, "now">): number[] {
  const now = clock.now();
  return sentAt.filter((at) => at > now - REQUEST_WINDOW_MS && at <= now).sort((a, b) => a - b);
}

/** Times are in milliseconds of one clock. */
export interface WatchedRun {
  id: string;
  startedMs: number;
  /** Null if the run was never read. */
  lastSeenMs: number | null;
  /** Null if the status is unknown. */
  status: string | null;
}

/** All times are in milliseconds of the same clock. */
export interface PollInput {
  nowMs: number;
  /** In any order. Finished runs are ignored. */
  runs: readonly WatchedRun[];
  /** Mean duration of a run, in milliseconds. */
  meanRunMs: number;
  /** All requests with this token. Requests older than a minute are ignored. */
  requestsMs: readonly number[];
}

interface Poll {
  id: string;
  /** Never before now. */
  atMs: number;
}

/** How long a run is considered young, in milliseconds. A run that gets no sandbox fails early. */
const YOUTH_MS = 60_000;
/** Interval for a run that is waiting for an answer, in milliseconds. */
const PERSON_MS = 60_000;
/** Ages at which the end of a run is likely, as parts of the mean duration. Two of three log-normal runs with a spread of 0.5 end in this range. */
const NEAR = { from: 0.65, to: 1.6 };
/**
 * Intervals: parts of the mean duration, within limits in milliseconds. A run of 20 minutes takes about 40 requests. The limit of 60 a minute is
 * shared with all other uses of the token.
 */
const INTERVALS = {
  young: { share: 1 / 80, limits: [10_000, 15_000] },
  before: { share: 1 / 20, limits: [15_000, 60_000] },
  near: { share: 1 / 60, limits: [5_000, 20_000] },
  after: { share: 1 / 40, limits: [15_000, 30_000] },
} as const;

function clamp(value: number, [low, high]: readonly [number, number]): number {
  return Math.min(Math.max(value, low), high);
}

/**
 * Time from one read to the next, in milliseconds. The end of a run of 20 minutes is seen 10 to 20 seconds late on average, which is about one
 * percent of its duration.
 * @param ageMs Age of the run at the last read.
 */
function pollIntervalMs(status: string | null, ageMs: number, meanRunMs: number): number {
  if (status === "awaiting_input") return PERSON_MS;
  const isBefore = ageMs < meanRunMs * NEAR.from;
  const age = isBefore ? ageMs < YOUTH_MS ? "young" : "before" : ageMs <= meanRunMs * NEAR.to ? "near" : "after";
  const { share, limits } = INTERVALS[age];
  const waitMs = clamp(meanRunMs * share, limits);
  // The run may reach the age at which its end is likely before the next read.
  return isBefore ? Math.min(waitMs, Math.max(meanRunMs * NEAR.from - ageMs, INTERVALS.near.limits[0])) : waitMs;
}

/** Ages at which a continuous process sees the ends of runs, in milliseconds. @param runsMs Their durations. */
export function seenAfterMs(runsMs: readonly number[], meanRunMs: number): number[] {
  const seen = new Map<number, number>();
  let ageMs = 0;
  // All runs are read at the same ages.
  for (const runMs of runsMs.toSorted((a, b) => a - b)) {
    while (ageMs < runMs) ageMs += pollIntervalMs(null, ageMs, meanRunMs);
    seen.set(runMs, ageMs);
  }
  return runsMs.map((runMs) => seen.get(runMs) ?? runMs);
}

function dueAt({ lastSeenMs, startedMs, status }: WatchedRun, { nowMs, meanRunMs }: PollInput): number {
  // A time in the future comes from a clock that was set, and is treated as now.
  const seenMs = Math.min(lastSeenMs ?? startedMs, nowMs);
  return seenMs + pollIntervalMs(status, seenMs - Math.min(startedMs, nowMs), meanRunMs);
}

/** Returns the time at which the request budget allows one more read. */
function budgetAt({ nowMs, requestsMs }: PollInput): number {
  const sent = requestsMs.map((at) => Math.min(at, nowMs)).filter((at) => at > nowMs - REQUEST_WINDOW_MS).sort((a, b) =>
    a - b
  );
  const oldest = sent[sent.length - REQUEST_BUDGET];
  return oldest === undefined ? nowMs : oldest + REQUEST_WINDOW_MS;
}

/**
 * Decides which run to read next, and when.
 * Of the runs that are due when a request is possible, the run that was not read for the longest time is chosen, so that no run is forgotten if the
 * budget is low. For runs that were never read, the time of their start is used.
 * @returns Null if no run is left to read.
 */
export function pollPlan(input: PollInput): Poll | null {
  const possibleMs = Math.max(input.nowMs, budgetAt(input));
  const runs = input.runs.filter(({ status }) => status === null || !isTerminal(status))
    .map((run) => ({ id: run.id, dueMs: dueAt(run, input), seenMs: run.lastSeenMs ?? run.startedMs }));
  const due = runs.filter(({ dueMs }) => dueMs <= possibleMs);
  const [next] = due.length > 0 ? due.sort((a, b) => a.seenMs - b.seenMs) : runs.sort((a, b) => a.dueMs - b.dueMs);
  if (next === undefined) return null;
  return { id: next.id, atMs: Math.max(possibleMs, next.dueMs) };
}

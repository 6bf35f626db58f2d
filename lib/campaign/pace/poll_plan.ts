import type { Clock } from "../../clock.ts";
import { isTerminal, REQUEST_LIMIT, REQUEST_WINDOW_MS } from "../../service/contract.ts";

/** Maximum number of requests a minute: 80% of the limit, because other commands may use the same token. */
export const REQUEST_BUDGET: number = Math.floor(REQUEST_LIMIT * 0.8);

export function recentRequests(sentAt: readonly number[], clock: Pick<Clock, "now">): number[] {
  const now = clock.now();
  return sentAt.filter((at) => at > now - REQUEST_WINDOW_MS && at <= now).sort((a, b) => a - b);
}

export interface WatchedRun {
  id: string;
  startedMs: number;
  lastSeenMs: number | null;
  status: string | null;
}

/** All times are in milliseconds of the same clock. */
export interface PollInput {
  nowMs: number;
  runs: readonly WatchedRun[];
  meanRunMs: number;
  requestsMs: readonly number[];
}

interface Poll {
  id: string;
  atMs: number;
}

/** A run that gets no sandbox fails early, so a run is read more often during this time. */
const YOUTH_MS = 60_000;
const PERSON_MS = 60_000;
/**
 * Ages at which the end of a run is likely, relative to the mean duration. Two thirds of log-normal durations with a spread of 0.5 are in this range.
 */
const NEAR = { from: 0.65, to: 1.6 };
/** Intervals as shares of the mean duration, with limits in milliseconds. A run of 20 minutes takes about 40 requests. */
const INTERVALS = {
  young: { share: 1 / 80, limits: [10_000, 15_000] },
  before: { share: 1 / 20, limits: [15_000, 60_000] },
  near: { share: 1 / 60, limits: [5_000, 20_000] },
  after: { share: 1 / 40, limits: [15_000, 30_000] },
} as const;

function clamp(value: number, [low, high]: readonly [number, number]): number {
  return Math.min(Math.max(value, low), high);
}

/** The end of a run of 20 minutes is detected 10 to 20 seconds late on average, about one percent of its duration. */
function pollIntervalMs(status: string | null, ageMs: number, meanRunMs: number): number {
  if (status === "awaiting_input") return PERSON_MS;
  const isBefore = ageMs < meanRunMs * NEAR.from;
  const age = isBefore ? ageMs < YOUTH_MS ? "young" : "before" : ageMs <= meanRunMs * NEAR.to ? "near" : "after";
  const { share, limits } = INTERVALS[age];
  const waitMs = clamp(meanRunMs * share, limits);
  return isBefore ? Math.min(waitMs, Math.max(meanRunMs * NEAR.from - ageMs, INTERVALS.near.limits[0])) : waitMs;
}

export function seenAfterMs(runsMs: readonly number[], meanRunMs: number): number[] {
  const seen = new Map<number, number>();
  let ageMs = 0;
  // All runs are read at the same ages, so one simulation is enough.
  for (const runMs of runsMs.toSorted((a, b) => a - b)) {
    while (ageMs < runMs) ageMs += pollIntervalMs(null, ageMs, meanRunMs);
    seen.set(runMs, ageMs);
  }
  return runsMs.map((runMs) => seen.get(runMs) ?? runMs);
}

function dueAt({ lastSeenMs, startedMs, status }: WatchedRun, { nowMs, meanRunMs }: PollInput): number {
  const seenMs = Math.min(lastSeenMs ?? startedMs, nowMs);
  return seenMs + pollIntervalMs(status, seenMs - Math.min(startedMs, nowMs), meanRunMs);
}

function budgetAt({ nowMs, requestsMs }: PollInput): number {
  const sent = requestsMs.map((at) => Math.min(at, nowMs)).filter((at) => at > nowMs - REQUEST_WINDOW_MS).sort((a, b) =>
    a - b
  );
  const oldest = sent[sent.length - REQUEST_BUDGET];
  return oldest === undefined ? nowMs : oldest + REQUEST_WINDOW_MS;
}

/**
 * Of the runs that are due when the budget allows a request, chooses the run that was read least recently, so that no run is forgotten if the budget
 * is low. For a run that was never read, the time of its start is used.
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

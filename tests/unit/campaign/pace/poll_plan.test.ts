import { expect, test } from "bun:test";
import fc from "fast-check";
import { runTimes } from "../../../../lib/campaign/pace/forecast.ts";
import { type PollInput, pollPlan, REQUEST_BUDGET, type WatchedRun } from "../../../../lib/campaign/pace/poll_plan.ts";
import { HOUR, MINUTE, randomNumbers, SECOND, START } from "./reference.ts";
import { propertyRuns } from "../../../property_runs.ts";

const MEAN = 20 * MINUTE;

function run(id: string, change: Partial<WatchedRun> = {}): WatchedRun {
  return { id, startedMs: START - 5 * MINUTE, lastSeenMs: START - SECOND, status: "streaming", ...change };
}

function plan(runs: readonly WatchedRun[], change: Partial<PollInput> = {}) {
  return pollPlan({
    nowMs: START,
    runs,
    meanRunMs: MEAN,
    requestsMs: [],
    ...change,
  });
}

test("pollPlan() takes the run that was not seen for the longest time, of those that are due", () => {
  const runs = [
    run("a", { lastSeenMs: START - 60 * SECOND }),
    run("b", { lastSeenMs: START - 90 * SECOND }),
    run("c", { lastSeenMs: START - 70 * SECOND }),
  ];
  expect(plan(runs)).toEqual({ id: "b", atMs: START });
  const never = run("d", { lastSeenMs: null });
  expect(plan([...runs, never])).toEqual({ id: "d", atMs: START });
});

test("pollPlan() names the moment at which the first run is due, when no run is due yet", () => {
  const near = run("near", { startedMs: START - MEAN });
  expect(plan([run("far"), near])).toEqual({ id: "near", atMs: START + 19 * SECOND });
  expect(plan([run("far")])).toEqual({ id: "far", atMs: START + 59 * SECOND });
});

test("pollPlan() passes over runs that have ended, and is null without any other", () => {
  expect(plan([])).toBeNull();
  expect(plan([run("a", { status: "success" }), run("b", { status: "failed" })])).toBeNull();
  expect(plan([run("a", { status: "success" }), run("b", { status: "strange" })])?.id).toBe("b");
});

/** When a run is due again after a look now. */
function pollIntervalMs(status: string | null, ageMs: number, meanRunMs: number): number {
  const seen = run("a", { startedMs: START - ageMs, lastSeenMs: START, status });
  return (plan([seen], { meanRunMs })?.atMs ?? NaN) - START;
}

test("pollPlan() has an interval that is short for a young run and near the end, longer between, and longest for a person", () => {
  expect(pollIntervalMs(null, 0, MEAN)).toBe(15 * SECOND);
  expect(pollIntervalMs("streaming", 5 * MINUTE, MEAN)).toBe(MINUTE);
  expect(pollIntervalMs("streaming", 12.5 * MINUTE, MEAN), "the end may come near before").toBe(30 * SECOND);
  expect(pollIntervalMs("streaming", 20 * MINUTE, MEAN)).toBe(20 * SECOND);
  expect(pollIntervalMs("streaming", HOUR, MEAN)).toBe(30 * SECOND);
  expect(pollIntervalMs("streaming", 20 * SECOND, 30 * SECOND), "a short run ends soon").toBe(5 * SECOND);
  expect(pollIntervalMs("awaiting_input", 20 * MINUTE, MEAN)).toBe(MINUTE);
  for (const minutes of [1, 5, 20, 60, 600]) {
    for (let ageMs = 0; ageMs < 20 * HOUR; ageMs += 7 * MINUTE) {
      const interval = pollIntervalMs("streaming", ageMs, minutes * MINUTE);
      expect(interval).toBeGreaterThanOrEqual(5 * SECOND);
      expect(interval).toBeLessThanOrEqual(MINUTE);
    }
  }
});

test("pollPlan() waits for the request budget", () => {
  const due = [run("a", { lastSeenMs: START - HOUR })];
  const requestsMs = Array.from({ length: REQUEST_BUDGET }, (_, index) => START - 50 * SECOND + index);
  expect(plan(due, { requestsMs })).toEqual({ id: "a", atMs: START + 10 * SECOND });
  expect(plan(due, { requestsMs: requestsMs.slice(1) })).toMatchObject({ atMs: START });
});

test("pollPlan() looks again within an interval when the clock was set back", () => {
  const ahead = run("a", { startedMs: START + HOUR, lastSeenMs: START + 2 * HOUR });
  expect(plan([ahead])).toMatchObject({ id: "a", atMs: START + 15 * SECOND });
  const requestsMs = Array.from({ length: 60 }, () => START + HOUR);
  expect(plan([ahead], { requestsMs })).toMatchObject({ atMs: START + MINUTE });
});

/**
 * Follows runs that end after the given times, at most `parallel` at once.
 *
 * @returns How late each end was seen, and how many requests of the last minute there were at each look.
 */
function follow(timesMs: readonly number[], parallel: number): { lateMs: number[]; sent: number[] } {
  const waiting = timesMs.map((timeMs, index) => ({ id: String(index), timeMs }));
  const ends = new Map<string, number>();
  let runs: WatchedRun[] = [];
  let requestsMs: number[] = [];
  const lateMs: number[] = [];
  const sent: number[] = [];
  for (let nowMs = START;;) {
    for (const next of waiting.splice(0, parallel - runs.length)) {
      ends.set(next.id, nowMs + next.timeMs);
      runs.push({ id: next.id, startedMs: nowMs, lastSeenMs: null, status: "pending" });
      requestsMs.push(nowMs);
    }
    const poll = plan(runs, { nowMs, requestsMs });
    if (poll === null) return { lateMs, sent };
    expect(poll.atMs).toBeGreaterThanOrEqual(nowMs);
    nowMs = poll.atMs;
    requestsMs = requestsMs.filter((at) => at > nowMs - MINUTE);
    sent.push(requestsMs.length);
    requestsMs.push(nowMs);
    const end = ends.get(poll.id) ?? 0;
    if (end <= nowMs) lateMs.push(nowMs - end);
    runs = runs.filter(({ id }) => id !== poll.id || end > nowMs)
      .map((each) => each.id === poll.id ? { ...each, lastSeenMs: nowMs, status: "streaming" } : each);
  }
}

test("pollPlan() sees the end of runs of 20 minutes less than 20 seconds late on average, with about 40 looks each", () => {
  for (const spread of [0, 0.3, 0.5, 0.8]) {
    const random = randomNumbers(7);
    const times = runTimes(500, MEAN, spread).map((time) => time + random() * MINUTE);
    const { lateMs, sent } = follow(times, 3);
    expect(lateMs).toHaveLength(500);
    expect(lateMs.reduce((sum, late) => sum + late, 0) / lateMs.length).toBeLessThan(20 * SECOND);
    expect(sent.length / 500).toBeLessThan(45);
    expect(Math.max(...lateMs)).toBeLessThanOrEqual(MINUTE);
  }
});

test("pollPlan() never sends more requests a minute than its budget, and forgets no run, for any number of runs", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: SECOND, max: 30 * MINUTE }), { minLength: 1, maxLength: 80 }),
      fc.integer({ min: 1, max: 47 }),
      (times, parallel) => {
        const { lateMs, sent } = follow(times, parallel);
        expect(lateMs).toHaveLength(times.length);
        for (const count of sent) expect(count).toBeLessThan(REQUEST_BUDGET);
        for (const late of lateMs) expect(late).toBeLessThanOrEqual(2 * MINUTE);
      },
    ),
    { numRuns: propertyRuns(100) },
  );
});

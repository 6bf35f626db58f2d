import { expect, test } from "bun:test";
import { compareRuns, type HistoryRecord } from "../../../lib/report/history.ts";

const MINUTE = 60_000;

function record(day: number, more: Partial<HistoryRecord> = {}): HistoryRecord {
  return {
    schemaVersion: 1,
    kind: "run",
    at: new Date(Date.UTC(2026, 10, day, 14, 5)).toISOString(),
    runId: `run-${day}`,
    job: "agent",
    repoId: "r",
    repository: "acme/web",
    harness: "codex",
    task: null,
    outcome: "success",
    exitCode: 0,
    tookMs: 10 * MINUTE,
    durationMs: 11 * MINUTE,
    requests: 20,
    key: null,
    ...{
      endedAt: null,
      pullRequest: null,
      campaign: null,
      mention: false,
      title: null,
      reason: null,
      lastLine: null,
      jobUrl: null,
    },
    ...more,
  };
}

test("compareRuns() says how a run differs from the one before", () => {
  const sentence = (run: Partial<HistoryRecord>, ...before: Partial<HistoryRecord>[]) =>
    compareRuns(record(20, run), before.map((each, index) => record(index + 1, each))).sentence;
  const failed = { outcome: "failed" } as const;
  const first = "the previous run (1 Nov 2026, 14:05 UTC)";
  const third = "the previous run (3 Nov 2026, 14:05 UTC)";
  expect(sentence({ ...failed, tookMs: 12 * MINUTE }, failed)).toBe(`2 min longer than ${first}, which also failed.`);
  expect(sentence({ tookMs: 7 * MINUTE }, failed)).toBe(`3 min shorter than ${first}, which failed.`);
  expect(sentence(failed, {})).toBe(`About as long as ${first}, which succeeded.`);
  expect(sentence({ tookMs: 10 * MINUTE + 20_000 }, {}, {}, {})).toBe(
    `About as long as ${third}, which also succeeded (4 times in a row).`,
  );
  expect(sentence(failed, {}, failed, failed)).toBe(`About as long as ${third}, which also failed (3 times in a row).`);
  expect(sentence({ tookMs: null, outcome: "deadline" }, {})).toBe(first.replace("t", "T") + " succeeded.");
  expect(sentence({})).toBeNull();
});

test("compareRuns() compares no times if a run was interrupted or waits for an answer", () => {
  const sentence = (outcome: HistoryRecord["outcome"], before: HistoryRecord["outcome"]) =>
    compareRuns(record(20, { outcome, tookMs: MINUTE }), [record(1, { outcome: before })]).sentence;
  const previous = "The previous run (1 Nov 2026, 14:05 UTC)";
  expect(sentence("interrupted", "interrupted")).toBe(`${previous} also was interrupted.`);
  expect(sentence("interrupted", "success")).toBe(`${previous} succeeded.`);
  expect(sentence("failed", "interrupted")).toBe(`${previous} was interrupted.`);
  expect(sentence("awaiting_input", "failed")).toBe(`${previous} failed.`);
});

test("compareRuns() compares with runs of the same kind, job and repository that ended before", () => {
  const others = [
    record(1, { job: "other" }),
    record(2, { repository: "acme/api" }),
    record(2, { repoId: "s", repository: null }),
    record(3, { kind: "automation-run" }),
    record(25, {}),
    record(20, {}),
  ];
  expect(compareRuns(record(20), others)).toEqual({
    before: undefined,
    sentence: null,
    earlier: [],
    streak: 1,
  });
  const { before, earlier } = compareRuns(record(20), [
    ...others,
    ...Array.from({ length: 12 }, (_, at) => record(at + 5)),
  ]);
  expect(before?.runId).toBe("run-16");
  expect(compareRuns(record(20), [record(4, { repoId: "s" })]).before?.runId).toBe("run-4");
  expect(compareRuns(record(20, { repository: null }), [record(4)]).before?.runId).toBe("run-4");
  expect(earlier.map(({ runId }) => runId)).toEqual(Array.from({ length: 10 }, (_, at) => `run-${16 - at}`));
});

test("compareRuns() compares only runs of the same task; runs without a task need the same CI job", () => {
  const before = (run: Partial<HistoryRecord>, other: Partial<HistoryRecord>) =>
    compareRuns(record(20, run), [record(1, other)]).before?.runId;
  expect(before({ task: "a" }, { task: "a" })).toBe("run-1");
  expect(before({ task: "a" }, { task: "b" })).toBeUndefined();
  expect([before({ task: null }, { task: "b" }), before({ task: "a" }, { task: null })]).toEqual([
    undefined,
    undefined,
  ]);
  expect(before({ job: null, task: "a" }, { job: null, task: "a" })).toBe("run-1");
  expect(before({ task: null }, { task: null })).toBe("run-1");
  expect(before({ job: null, task: null }, { job: null, task: null })).toBeUndefined();
});

test("compareRuns() never compares a single run with a run of a campaign", () => {
  const campaignRun = record(1, { job: null, task: null, campaign: "replace-moment" });
  expect(compareRuns(record(20, { job: null, task: "a" }), [campaignRun]).before).toBeUndefined();
  expect(compareRuns(record(20), [{ ...campaignRun, job: "agent" }]).before).toBeUndefined();
});

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { historyLine, type HistoryRecord, readHistory, recordOf } from "../../../lib/report/history.ts";
import { emptyRunResult } from "../../../lib/run/result.ts";

const AT = Date.UTC(2026, 10, 27, 12);

const RESULT = {
  ...emptyRunResult(),
  runId: "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11",
  status: "success",
  outcome: "success",
  exitCode: 0,
  createdAt: "2026-11-27T11:00:00.000Z",
  updatedAt: "2026-11-27T11:04:00.500Z",
  repository: "acme/web",
  requests: 12,
} as const;

const record = (more: Partial<HistoryRecord> = {}) =>
  ({ ...recordOf({ ...RESULT }, AT, "agent"), ...more }) as HistoryRecord;

test("recordOf() takes verdict, times, requests and key of a run", () => {
  expect(record()).toMatchObject({ at: "2026-11-27T12:00:00.000Z", job: "agent", outcome: "success", tookMs: 240_500 });
});

test("recordOf() has the end of the run and its pull request, if that may be a link", () => {
  const pull = (url: string) => recordOf({ ...RESULT, pullRequest: { state: "open", url } }, AT, null);
  expect(pull("https://github.com/acme/web/pull/7")).toMatchObject({
    endedAt: "2026-11-27T11:04:00.500Z",
    pullRequest: "https://github.com/acme/web/pull/7",
    campaign: null,
    lastLine: null,
  });
  expect(pull("javascript:alert(1)")?.pullRequest).toBeNull();
});

test("recordOf() has the titles of task and reason in one line each, and the address of the job if that may be a link", () => {
  const result = { ...RESULT, task: "# Fix it\nsecond line", reason: `\n \u202eit ${"x".repeat(300)}\nmore` };
  const url = "https://gitlab.example.com/acme/web/-/jobs/7";
  expect(recordOf(result, AT, "agent", url)).toMatchObject({ title: "Fix it …", jobUrl: url });
  const { reason } = recordOf(result, AT, "agent") ?? {};
  expect(reason).toMatch(/^[^\n\u202e]{150,260}$/);
  expect(recordOf({ ...RESULT, task: null }, AT, null)).toMatchObject({ title: null, reason: null, jobUrl: null });
  for (const bad of ["javascript:alert(1)", "https://a:b@c.example/", `https://a.example/${"x".repeat(500)}`]) {
    expect(recordOf(result, AT, null, bad)?.jobUrl).toBeNull();
  }
  const [read] = readHistory(`${JSON.stringify({ ...record(), jobUrl: "javascript:alert(1)" })}\n`).records;
  expect(read?.jobUrl).toBeNull();
});

test("recordOf() has the last line of an agent that did not succeed, cut", () => {
  const failed = { ...RESULT, outcome: "failed", exitCode: 1 } as const;
  const line = recordOf(failed, AT, null, null, `  2 tests\u202e failed ${"x".repeat(300)}`);
  expect(line?.lastLine).toMatch(/^2 tests failed x{100,}…/);
  expect(readHistory(historyLine(line as HistoryRecord)).records).toEqual([line as HistoryRecord]);
  expect(recordOf(RESULT, AT, null, null, "All tests pass")?.lastLine).toBeNull();
});

test("recordOf() has whether a mention asked for the run, and readHistory() reads it", () => {
  const line = recordOf(RESULT, AT, "agent", null, null, true) as HistoryRecord;
  expect([line.mention, record().mention]).toEqual([true, false]);
  expect(readHistory(historyLine(line)).records).toEqual([line]);
  expect(readHistory(JSON.stringify({ ...line, mention: null })).skipped).toEqual([
    { line: 1, why: '"mention" is neither true nor false' },
  ]);
});

test("recordOf() knows no time of a run that was not seen to end, and no record without a run", () => {
  expect(recordOf({ ...RESULT, status: "streaming", outcome: "deadline" }, AT, null)?.tookMs).toBeNull();
  expect(recordOf({ ...RESULT, runId: null }, AT, null)).toBeUndefined();
  expect(recordOf({ ...RESULT, outcome: "started" }, AT, null)).toBeUndefined();
});

test("recordOf() has a run that found no sandbox as not started, without a duration", () => {
  const error = { code: "NO_SANDBOX", status: null, requestId: null, hint: null } as never;
  const lacking = recordOf({ ...RESULT, status: "failed", outcome: "error", exitCode: 75, error }, AT, "agent");
  expect(lacking).toMatchObject({ outcome: "not_started", exitCode: 75, tookMs: null });
  const { records, skippedCount } = readHistory(historyLine(lacking as HistoryRecord));
  expect([records, skippedCount]).toEqual([[lacking as HistoryRecord], 0]);
});

test("readHistory() reads what historyLine() writes, in the order of times", () => {
  const other = record({ runId: "b", at: "2026-11-26T12:00:00.000Z" });
  const { records, skipped } = readHistory(historyLine(record()) + historyLine(other));
  expect(records).toEqual([other, record()]);
  expect(skipped).toEqual([]);
});

test("readHistory() takes the last line of a run", () => {
  const { records } = readHistory(historyLine(record({ outcome: "deadline", exitCode: 124 })) + historyLine(record()));
  expect(records).toEqual([record()]);
});

test("readHistory() leaves out every line that is no record, and says why", () => {
  const lines: [string, string][] = [
    ["hello", "it is not JSON"],
    ["[]", "it is not an object"],
    [`{"schemaVersion":2}`, '"schemaVersion" is not 1'],
    [JSON.stringify({ ...record(), at: "soon" }), '"at" is not a time'],
    [JSON.stringify({ ...record(), at: "+275760-09-13T00:00:00.000Z" }), '"at" is not a time'],
    [JSON.stringify({ ...record(), at: "-271821-04-20T00:00:00.000Z" }), '"at" is not a time'],
    [JSON.stringify({ ...record(), outcome: "great" }), '"outcome" is unknown'],
    [JSON.stringify({ ...record(), requests: "7" }), '"requests" is not a number'],
    [JSON.stringify({ ...record(), tookMs: -1 }), '"tookMs" is not a number'],
    [JSON.stringify({ ...record(), job: 7 }), '"job" is neither text nor null'],
    [JSON.stringify({ ...record(), pullRequest: 7 }), '"pullRequest" is neither text nor null'],
    [JSON.stringify({ ...record(), jobUrl: 7 }), '"jobUrl" is neither text nor null'],
    [JSON.stringify({ ...record(), reason: 7 }), '"reason" is neither text nor null'],
    [JSON.stringify({ ...record(), endedAt: "later" }), '"endedAt" is not a time'],
    [JSON.stringify({ ...record(), job: "x".repeat(20_000) }), "it is too long"],
    [historyLine(record()).slice(0, 40), "it is not JSON"],
  ];
  for (const [line, why] of lines) {
    const { records, skipped } = readHistory(`${historyLine(record())}\n${line}\n`);
    expect({ records, skipped }).toEqual({ records: [record()], skipped: [{ line: 3, why }] });
  }
  const many = readHistory("x\n".repeat(20));
  expect([many.skipped.length, many.skippedCount]).toEqual([5, 20]);
});

test("readHistory() never throws, and its texts have no line breaks and no invisible characters", () => {
  const text = fc.string({ unit: "binary", maxLength: 30 });
  const hostile = text.map((job) => JSON.stringify({ ...record(), job, runId: `r${job}` }));
  fc.assert(fc.property(fc.array(fc.oneof(text, fc.json(), hostile)), (lines) => {
    for (const { job, runId } of readHistory(lines.join("\n")).records) {
      // deno-lint-ignore no-control-regex
      expect(`${job}${runId}`).not.toMatch(/[\x00-\x08\x1b\u202e]/);
    }
  }));
});

test("recordOf() tells tasks apart, and readHistory() counts a record without a task as unread", () => {
  const of = (task: string | null) => recordOf({ ...RESULT, task }, AT, "agent")?.task;
  expect(of("Fix the tests")).toMatch(/^[0-9a-f]{16}$/);
  expect(of("Fix the tests\n")).toBe(of("Fix the tests"));
  expect(of("Fix the tests again")).not.toBe(of("Fix the tests"));
  expect(of(null)).toBeNull();
  const { task: _, ...rest } = record();
  expect(readHistory(`${JSON.stringify(rest)}\n`).records).toEqual([]);
});

import { expect, test } from "bun:test";
import type { AutomationRun } from "../../../lib/model.ts";
import { summarizeRuns } from "../../../lib/run/follow_automation.ts";

const NOW = Date.parse("2026-09-02T12:00:00+00:00");

function aRun(status: string, ended: string | null = null, created = "2026-09-02T11:00:00+00:00"): AutomationRun {
  const none = { started_at: null, duration_ms: null, error: null, last_start_error: null, active_wait_count: null };
  return { ...none, id: `${status} ${ended}`, status, created_at: created, completed_at: ended };
}

test("summarizeRuns() counts what works, what waits and what failed in the last day, and names the newest run", () => {
  const runs = [
    aRun("pending"),
    aRun("running"),
    aRun("running"),
    aRun("failed", "2026-09-01T12:00:01+00:00"),
    aRun("failed", "2026-09-01T12:00:00+00:00"),
    aRun("failed", null),
    aRun("completed", "2026-09-02T11:30:00+00:00"),
  ];
  expect(summarizeRuns(runs, NOW)).toEqual({
    lastRunId: "pending null",
    lastRunStatus: "pending",
    runningCount: 2,
    pendingCount: 1,
    failed24h: 2,
  });
});

test("summarizeRuns() counts nothing when there are no runs", () => {
  expect(summarizeRuns([], NOW)).toEqual({
    lastRunId: null,
    lastRunStatus: null,
    runningCount: 0,
    pendingCount: 0,
    failed24h: 0,
  });
});

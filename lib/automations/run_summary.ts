/**
 * What the newest runs of an automation add up to.
 *
 * @module
 */
import type { AutomationRun, AutomationRunSummary } from "../model.ts";

const DAY_MS = 86_400_000;

/**
 * Counts runs by their status. The service's own summary of an automation is never filled, so it cannot be shown.
 *
 * Source: contract, section 12: `runSummary` is zero while a run works and after one failed.
 *
 * @param runs Newest first, as the service lists them.
 * @param nowMs Wall time in milliseconds since 1970: `failed24h` counts runs that failed in the 24 hours before it.
 */
export function summarizeRuns(runs: readonly AutomationRun[], nowMs: number): AutomationRunSummary {
  function count(status: string, matches: (run: AutomationRun) => boolean = () => true): number {
    return runs.filter((run) => run.status === status && matches(run)).length;
  }
  const [last] = runs;
  return {
    lastRunId: last?.id ?? null,
    lastRunStatus: last?.status ?? null,
    runningCount: count("running"),
    pendingCount: count("pending"),
    failed24h: count("failed", (run) => Date.parse(run.completed_at ?? run.created_at ?? "") > nowMs - DAY_MS),
  };
}

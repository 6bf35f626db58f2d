/**
 * How a run compares with the runs before it.
 *
 * @module
 */
import { formatDuration } from "../result/duration.ts";
import { utcText } from "../result/times.ts";
import type { HistoryRecord } from "./record.ts";

/** A run beside the ones before it. */
export interface Comparison {
  /** The run before; undefined when there is none. */
  before: HistoryRecord | undefined;
  /** In words: `2 min longer, failed before too`; null when there is no run before. */
  text: string | null;
  /** The runs before, newest first. */
  earlier: readonly HistoryRecord[];
}

const VERBS: Readonly<Record<HistoryRecord["outcome"], string>> = {
  success: "succeeded",
  failed: "failed",
  cancelled: "was cancelled",
  awaiting_input: "waited for a person",
  deadline: "did not end in time",
  interrupted: "was interrupted",
  started: "was started",
  suppressed: "was not started",
  error: "had no verdict",
};

/** Whether two runs are of one repository: by name where both have one, else by id. */
function isSameRepository(a: HistoryRecord, b: HistoryRecord): boolean {
  return a.repository === null || b.repository === null ? a.repoId === b.repoId : a.repository === b.repository;
}

/** Whether two runs had one task, as far as both are known: how long another task took says nothing. */
function isSameTask(a: HistoryRecord, b: HistoryRecord): boolean {
  return a.task === null || b.task === null || a.task === b.task;
}

/** A difference that nobody notices: a twentieth, or a second. */
function isSmall(differenceMs: number, tookMs: number): boolean {
  return Math.abs(differenceMs) < Math.max(1_000, tookMs / 20);
}

/** @param longerMs Milliseconds by which the run took longer than the one before; null when one of the two is not known. */
function timeText(longerMs: number | null, tookMs: number): string | null {
  if (longerMs === null) return null;
  if (isSmall(longerMs, tookMs)) return "about as long";
  return `${formatDuration(Math.abs(longerMs))} ${longerMs > 0 ? "longer" : "shorter"}`;
}

/** @param same How many runs before had the verdict of the run, without another one in between. */
function verdictText(outcome: HistoryRecord["outcome"], before: HistoryRecord["outcome"], same: number): string {
  const verb = VERBS[before];
  if (outcome !== before) return `${verb} before`;
  return `${verb} before too${same > 1 ? `, ${same + 1} times in a row` : ""}`;
}

/**
 * Compares a run with the runs of the same kind, job, repository and task before it.
 *
 * @param run The run, whether the history has it already or not.
 * @param records Of the history, oldest first.
 * @param count Most runs of {@linkcode Comparison.earlier}. @default {10}
 */
export function compareRuns(run: HistoryRecord, records: readonly HistoryRecord[], count = 10): Comparison {
  const now = Date.parse(run.at);
  const earlier = records.filter((each) =>
    each.runId !== run.runId && each.kind === run.kind && each.job === run.job && isSameRepository(each, run) &&
    isSameTask(each, run) &&
    Date.parse(each.at) <= now
  ).reverse();
  const [before] = earlier;
  if (before === undefined) return { before, text: null, earlier: [] };
  const longerMs = run.tookMs === null || before.tookMs === null ? null : run.tookMs - before.tookMs;
  const other = earlier.findIndex(({ outcome }) => outcome !== run.outcome);
  const same = other < 0 ? earlier.length : other;
  const parts = [timeText(longerMs, before.tookMs ?? 0), verdictText(run.outcome, before.outcome, same)];
  const text = parts.filter((part) => part !== null).join(", ");
  return { before, text, earlier: earlier.slice(0, count) };
}

/** What reports say of the runs before. */
export interface Earlier {
  /** How the run compares with the one before. */
  sentence: string;
  /** The runs before, newest first. */
  runs: readonly HistoryRecord[];
}

/** A comparison as a sentence of a report: when the run before was, and how they differ; null when there is none. */
export function comparisonSentence({ before, text }: Comparison): string | null {
  return before === undefined ? null : `Compared with the run before (${utcText(Date.parse(before.at))}): ${text}.`;
}

/**
 * What is remembered of each run: one line of JSON in a file that grows. Anybody may have edited the file, and other programs may have written
 * to it.
 *
 * @module
 */
import { isObject, parseJson } from "../lookup.ts";
import type { AnyResult } from "../result/any_result.ts";
import { hasEnded } from "../result/ends.ts";
import { sha256Hex } from "../sha256.ts";
import { jsonLine } from "../text/escape/json.ts";
import { cutText, plainText } from "../text/plain_text.ts";

/** One run, as a history remembers it. */
export interface HistoryRecord {
  /** Version of this form. */
  schemaVersion: 1;
  /** Which kind of run it was. */
  kind: AnyResult["kind"];
  /** When the job wrote it, in ISO 8601. */
  at: string;
  /** UUID of the run. */
  runId: string;
  /** The job in its CI system; null outside of CI. Runs of the same job and repository are compared. */
  job: string | null;
  /** UUID of the repository; null when it is not known. */
  repoId: string | null;
  /** Name of the repository; null when it is not known. */
  repository: string | null;
  /** Agent; null for an automation run. */
  harness: string | null;
  /** The beginning of the SHA-256 of the task; null when it is not known, as in records of earlier versions. */
  task: string | null;
  /** The verdict. */
  outcome: AnyResult["outcome"];
  /** Exit code that belongs to it. */
  exitCode: number;
  /** Milliseconds that the run took, as the service says; null when it was not seen to end. */
  tookMs: number | null;
  /** Milliseconds that the job spent on it. */
  durationMs: number;
  /** HTTP requests sent. */
  requests: number;
  /** Key that finds the run again. */
  key: string | null;
}

/** A line that is no record. */
export interface SkippedLine {
  /** Its number, from 1. */
  line: number;
  /** What is wrong with it, as a clause. */
  why: string;
}

/** What a file holds. */
export interface History {
  /** Records, oldest first. Of the same run the last one. */
  records: HistoryRecord[];
  /** The first lines that are none, {@linkcode MAX_TOLD} at most. */
  skipped: SkippedLine[];
  /** How many lines are none. */
  skippedCount: number;
}

/** Largest file that is read, in bytes: some 60 000 runs. */
export const MAX_HISTORY_BYTES = 32 * 1024 * 1024;
/** Most lines that are told of one by one. */
export const MAX_TOLD = 5;
/** Longest text of a record, in UTF-16 units: a line is short enough to be written at once. */
const MAX_TEXT = 200;
const MAX_LINE = 16_384;
/** Digits of the hash of a task: enough to tell tasks apart. */
const TASK_CHARS = 16;

const OUTCOMES: readonly string[] = [
  "success",
  "failed",
  "cancelled",
  "awaiting_input",
  "deadline",
  "interrupted",
  "suppressed",
  "error",
];

const short = (text: string | null) => text === null ? null : cutText(plainText(text), MAX_TEXT);

function tookMs(result: AnyResult): number | null {
  if (result.kind === "automation-run") return result.runDurationMs;
  if (result.status === null || !hasEnded(result.status)) return null;
  const ms = Date.parse(result.updatedAt ?? "") - Date.parse(result.createdAt ?? "");
  return ms >= 0 ? ms : null;
}

/**
 * The record of a run; undefined when there was none, or its end is left to another job.
 *
 * @param result After `cleanResult`.
 * @param at Wall time now, in milliseconds since 1970.
 * @param job The job in its CI system; null outside of CI.
 */
export function recordOf(result: AnyResult, at: number, job: string | null): HistoryRecord | undefined {
  const { kind, runId, outcome, exitCode, repoId, durationMs, requests } = result;
  if (runId === null || outcome === "started") return undefined;
  return {
    schemaVersion: 1,
    kind,
    at: new Date(at).toISOString(),
    runId,
    job: short(job),
    repoId,
    repository: short(result.repository),
    harness: result.kind === "run" ? short(result.harness) : null,
    task: result.kind === "run" && result.task !== null ? sha256Hex(result.task.trim()).slice(0, TASK_CHARS) : null,
    outcome,
    exitCode,
    tookMs: tookMs(result),
    durationMs,
    requests,
    key: short(result.idempotencyKey),
  };
}

/** The line of a record, with its line break. */
export function historyLine(record: HistoryRecord): string {
  return `${jsonLine(record)}\n`;
}

const isText = (value: unknown): value is string => typeof value === "string" && value.length <= MAX_TEXT * 2;
const isTextOrNull = (value: unknown): value is string | null => value === null || isText(value);
/** The years 1970 to 9999: what is outside of them cannot be written as a day and a week. */
function isMoment(text: string): boolean {
  const ms = Date.parse(text);
  return ms >= 0 && ms < 253_402_300_800_000;
}
const isAmount = (value: unknown): value is number => typeof value === "number" && value >= 0 && value < 1e13;

/** A record; a text that says what is wrong with it otherwise. */
function readRecord(text: string): HistoryRecord | string {
  if (text.length > MAX_LINE) return "it is too long";
  const value = parseJson(text);
  if (value === undefined) return "it is not JSON";
  if (!isObject(value)) return "it is no object";
  const { schemaVersion, kind, at, runId, job, repoId, repository, harness, outcome, task = null } = value;
  const { exitCode, tookMs, durationMs, requests, key } = value;
  if (schemaVersion !== 1) return '"schemaVersion" is not 1';
  if (kind !== "run" && kind !== "automation-run") return '"kind" is not known';
  if (!isText(at) || !isMoment(at)) return '"at" is no time';
  if (!isText(runId) || runId === "") return '"runId" is missing';
  if (!isText(outcome) || !OUTCOMES.includes(outcome)) return '"outcome" is not known';
  if (!isAmount(exitCode) || !isAmount(durationMs) || !isAmount(requests)) return "a number is missing";
  if (!(tookMs === null || isAmount(tookMs))) return '"tookMs" is no number';
  if (![job, repoId, repository, harness, key, task].every(isTextOrNull)) return "a text is missing";
  const [place, id, name, agent, found, what] = [job, repoId, repository, harness, key, task] as (string | null)[];
  return {
    schemaVersion,
    kind,
    at: new Date(at).toISOString(),
    runId: plainText(runId),
    job: short(place ?? null),
    repoId: short(id ?? null),
    repository: short(name ?? null),
    harness: short(agent ?? null),
    task: short(what ?? null),
    outcome: outcome as HistoryRecord["outcome"],
    exitCode,
    tookMs,
    durationMs,
    requests,
    key: short(found ?? null),
  };
}

/** Reads the content of a file. It never throws: what is no record is told. */
export function readHistory(text: string): History {
  const records = new Map<string, HistoryRecord>();
  const skipped: SkippedLine[] = [];
  let skippedCount = 0;
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const record = readRecord(line);
    if (typeof record === "string") {
      skippedCount++;
      if (skipped.length < MAX_TOLD) skipped.push({ line: index + 1, why: record });
      continue;
    }
    // The last line of a run counts, in its place.
    records.delete(record.runId);
    records.set(record.runId, record);
  }
  const sorted = [...records.values()].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return { records: sorted, skipped, skippedCount };
}

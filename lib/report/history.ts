/**
 * The history: a file with one line of JSON for each run. Untrusted text: people may have edited the file, and other programs may have written to it.
 * @module
 */
import { EXIT } from "../exit_codes.ts";
import { isObject, lookup, parseJson } from "../lookup.ts";
import { type AnyResult, dayTimeText, END_EXIT, instantMs, runMsOf } from "../run/result.ts";
import { recordedOutcomeOf, titleOf } from "../run/result_view.ts";
import { sha256Hex } from "../sha256.ts";
import { formatDuration } from "../text/duration.ts";
import { jsonLine, webUrl } from "../text/escape.ts";
import { cutMiddle, cutText, plainText } from "../text/plain_text.ts";
import { OUTCOME_WORDS } from "./outcome_words.ts";

export interface HistoryRecord {
  schemaVersion: 1;
  kind: AnyResult["kind"];
  at: string;
  runId: string;
  job: string | null;
  repoId: string | null;
  repository: string | null;
  harness: string | null;
  task: string | null;
  /** Untrusted text. */
  title: string | null;
  /** `not_started`: no agent started because no sandbox was free. The job might have been stopped while it was waiting for a sandbox. */
  outcome: Exclude<AnyResult["outcome"], "started"> | "not_started";
  exitCode: number;
  /** Untrusted text. */
  reason: string | null;
  /** Untrusted text. */
  lastLine: string | null;
  jobUrl: string | null;
  /** Duration of the run according to the service. */
  tookMs: number | null;
  durationMs: number;
  requests: number;
  key: string | null;
  /** According to the service. */
  endedAt: string | null;
  pullRequest: string | null;
  campaign: string | null;
  mention: boolean;
}

/** A source of runs, such as a project, that a program could not read when it collected histories. */
export interface UnreadSource {
  /** Untrusted text. */
  source: string;
  /** A sentence. Untrusted text. */
  why: string;
  isEmpty: boolean;
}

interface SkippedLine {
  line: number;
  why: string;
}

export interface History {
  /** Oldest first, with only the last record of each run. */
  records: HistoryRecord[];
  unread: UnreadSource[];
  skipped: SkippedLine[];
  skippedCount: number;
}

/** About 60,000 runs. */
export const MAX_HISTORY_BYTES = 32 * 1024 * 1024;
const MAX_TOLD = 5;
const MAX_TEXT = 200;
const MAX_LINE = 16_384;
const TASK_CHARS = 16;

type Cut = (text: string, maxLength: number) => string;
const short = (text: string | null, cut: Cut = cutText) => text === null ? null : cut(plainText(text), MAX_TEXT);
const firstLine = (text: string | null, cut: Cut = cutText) =>
  short(text?.split("\n").map((line) => line.trim()).find((line) => line !== "") ?? null, cut);
/** A reason ends with the advice, so text is removed from the middle. */
const reasonLine = (text: string | null) => firstLine(text, cutMiddle);
const MAX_JOB_URL = 500;

function jobAddress(text: string | null): string | null {
  const url = webUrl(text ?? "");
  return url === undefined || url.length > MAX_JOB_URL ? null : url;
}

/**
 * A run that was only started here is followed elsewhere, so it gets no record.
 *
 * @param result Result after `cleanResult`.
 * @param lastLine Last line from the agent, without secrets.
 */
export function recordOf(
  result: AnyResult,
  at: number,
  job: string | null,
  jobUrl: string | null = null,
  lastLine: string | null = null,
  mention = false,
): HistoryRecord | undefined {
  const { kind, runId, exitCode, repoId, durationMs, requests } = result;
  const outcome = recordedOutcomeOf(result);
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
    task: result.kind === "run" && result.task !== null ? taskKey(result.task) : null,
    title: result.kind === "run" ? short(titleOf(result.task)) : null,
    outcome,
    exitCode,
    reason: reasonLine(result.reason),
    lastLine: outcome === "success" ? null : firstLine(lastLine),
    jobUrl: jobAddress(jobUrl),
    tookMs: outcome === "not_started" ? null : runMsOf(result),
    durationMs,
    requests,
    key: short(result.idempotencyKey),
    endedAt: endedAtOf(result),
    pullRequest: result.kind === "run" ? webUrl(result.pullRequest.url ?? "") ?? null : null,
    campaign: null,
    mention,
  };
}

export interface CampaignRun {
  campaign: string;
  runId: string;
  repository: string;
  outcome: "success" | "failed" | "cancelled" | "awaiting_input" | "deadline" | "error";
  reason: string | null;
  lastLine: string | null;
  startedAt: string | null;
  endedAt: string | null;
  pullRequest: string | null;
}

const EXITS = { ...END_EXIT, deadline: "deadline", error: "failed" } as const;

/**
 * The campaign follows many runs at once, so the record has the run's own duration instead of the job's, and no number of requests.
 * @param run All text in it must already be cleaned.
 */
export function campaignRecordOf(
  run: CampaignRun,
  at: number,
  job: string | null,
  jobUrl: string | null = null,
): HistoryRecord {
  const { campaign, runId, repository, outcome, reason, lastLine, startedAt, endedAt, pullRequest } = run;
  const [startMs, endMs] = [instantMs(startedAt), instantMs(endedAt)];
  const tookMs = startMs === null || endMs === null ? null : Math.max(0, endMs - startMs);
  return {
    ...{ schemaVersion: 1, kind: "run", at: new Date(at).toISOString(), runId, job: short(job), repoId: null },
    ...{ repository: short(repository), harness: null, task: null, title: null },
    ...{ outcome, exitCode: EXIT[EXITS[outcome]], reason: reasonLine(reason), lastLine: firstLine(lastLine) },
    ...{ jobUrl: jobAddress(jobUrl), tookMs },
    ...{
      durationMs: tookMs ?? 0,
      requests: 0,
      key: null,
      endedAt: endMs === null ? null : new Date(endMs).toISOString(),
    },
    ...{ pullRequest: webUrl(pullRequest ?? "") ?? null, campaign: short(campaign), mention: false },
  };
}

function endedAtOf(result: AnyResult): string | null {
  const [createdMs, tookMs] = [instantMs(result.createdAt), runMsOf(result)];
  return createdMs === null || tookMs === null ? null : new Date(createdMs + tookMs).toISOString();
}

export function taskKey(task: string): string {
  return sha256Hex(task.trim()).slice(0, TASK_CHARS);
}

export function historyLine(record: HistoryRecord): string {
  return `${jsonLine(record)}\n`;
}

const isText = (value: unknown): value is string => typeof value === "string" && value.length <= MAX_TEXT * 2;
const isTextOrNull = (value: unknown): value is string | null => value === null || isText(value);
/** Accepts the years 1970 to 9999, because other times cannot be written as a day and a week. */
function isMoment(text: string): boolean {
  const ms = Date.parse(text);
  return ms >= 0 && ms < 253_402_300_800_000;
}
const isAmount = (value: unknown): value is number => typeof value === "number" && value >= 0 && value < 1e13;

type Texts = Pick<
  HistoryRecord,
  "job" | "repoId" | "repository" | "harness" | "task" | "title" | "reason" | "lastLine" | "key" | "campaign"
>;

function readRecord(text: string): HistoryRecord | UnreadSource | string {
  if (text.length > MAX_LINE) return "it is too long";
  const value = parseJson(text);
  if (value === undefined) return "it is not JSON";
  if (!isObject(value)) return "it is not an object";
  const { schemaVersion, kind, at, runId, job, repoId, repository, harness, outcome, task, title } = value;
  const { exitCode, reason, lastLine, jobUrl, tookMs, durationMs, requests, key, endedAt } = value;
  const { pullRequest, campaign, mention } = value;
  if (schemaVersion !== 1) return '"schemaVersion" is not 1';
  if (kind === "problem") {
    const { source, why, empty } = value;
    if (!isText(source) || source === "") return '"source" is missing';
    return isText(why)
      ? { source: plainText(source), why: plainText(why), isEmpty: empty === true }
      : '"why" is missing';
  }
  if (kind !== "run" && kind !== "automation-run") return '"kind" is unknown';
  if (!isText(at) || !isMoment(at)) return '"at" is not a time';
  if (!isText(runId) || runId === "") return '"runId" is missing';
  if (!isText(outcome) || outcome === "started" || lookup(OUTCOME_WORDS, outcome) === undefined) {
    return '"outcome" is unknown';
  }
  const numbers = Object.entries({ exitCode, durationMs, requests });
  const wrongNumber = numbers.find(([, amount]) => !isAmount(amount));
  if (wrongNumber !== undefined) return `${JSON.stringify(wrongNumber[0])} is not a number`;
  if (!(tookMs === null || isAmount(tookMs))) return '"tookMs" is not a number';
  if (!(endedAt === null || isText(endedAt) && isMoment(endedAt))) return '"endedAt" is not a time';
  const texts = Object.entries({ job, repoId, repository, harness, task, title, reason, lastLine, key, campaign });
  const [wrongText] = texts.find(([, text]) => !isTextOrNull(text)) ?? [];
  if (wrongText !== undefined) return `${JSON.stringify(wrongText)} is neither text nor null`;
  if (!(pullRequest === null || typeof pullRequest === "string")) return '"pullRequest" is neither text nor null';
  if (!(jobUrl === null || typeof jobUrl === "string")) return '"jobUrl" is neither text nor null';
  if (typeof mention !== "boolean") return '"mention" is neither true nor false';
  return {
    ...Object.fromEntries(texts.map(([name, text]) => [name, short(text as string | null)])) as Texts,
    schemaVersion,
    kind,
    at: new Date(at).toISOString(),
    runId: plainText(runId),
    outcome: outcome as HistoryRecord["outcome"],
    exitCode: Number(exitCode),
    jobUrl: jobAddress(jobUrl),
    tookMs,
    durationMs: Number(durationMs),
    requests: Number(requests),
    endedAt: endedAt === null ? null : new Date(endedAt).toISOString(),
    pullRequest: pullRequest === null ? null : webUrl(pullRequest) ?? null,
    mention,
  };
}

/** Never throws: lines that are not records are skipped and counted. */
export function readHistory(text: string): History {
  const records = new Map<string, HistoryRecord>();
  const unread = new Map<string, UnreadSource>();
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
    if ("source" in record) {
      unread.set(record.source, record);
      continue;
    }
    // The last line of a run replaces earlier lines, and keeps its own position.
    records.delete(record.runId);
    records.set(record.runId, record);
  }
  const sorted = [...records.values()].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return { records: sorted, unread: [...unread.values()], skipped, skippedCount };
}

interface Comparison {
  before: HistoryRecord | undefined;
  /** For example, `2 min longer than the previous run (19 Nov 2026, 14:05 UTC), which also failed.` */
  sentence: string | null;
  earlier: readonly HistoryRecord[];
  streak: number;
}

function isSameRepository(a: HistoryRecord, b: HistoryRecord): boolean {
  return a.repository === null || b.repository === null ? a.repoId === b.repoId : a.repository === b.repository;
}

/** If neither task is known, only runs of the same CI job have the same task. */
function isSameTask(a: HistoryRecord, b: HistoryRecord): boolean {
  return a.campaign === b.campaign && a.task === b.task && (a.task !== null || a.job !== null);
}

function isSmall(differenceMs: number, tookMs: number): boolean {
  return Math.abs(differenceMs) < Math.max(1_000, tookMs / 20);
}

function timeText(longerMs: number | null, tookMs: number): string | null {
  if (longerMs === null) return null;
  if (isSmall(longerMs, tookMs)) return "About as long as";
  return `${formatDuration(Math.abs(longerMs))} ${longerMs > 0 ? "longer" : "shorter"} than`;
}

function verdictText(outcome: HistoryRecord["outcome"], before: HistoryRecord["outcome"], same: number): string {
  const verb = OUTCOME_WORDS[before].past;
  if (outcome !== before) return verb;
  return `also ${verb}${same > 1 ? ` (${same + 1} times in a row)` : ""}`;
}

const MAX_EARLIER = 10;

const UNFINISHED: readonly HistoryRecord["outcome"][] = ["awaiting_input", "interrupted"];

export function compareRuns(run: HistoryRecord, records: readonly HistoryRecord[]): Comparison {
  const now = Date.parse(run.at);
  const earlier = records.filter((each) =>
    each.runId !== run.runId && each.kind === run.kind && each.job === run.job && isSameRepository(each, run) &&
    isSameTask(each, run) &&
    Date.parse(each.at) <= now
  ).reverse();
  const [before] = earlier;
  if (before === undefined) return { before, sentence: null, earlier: [], streak: 1 };
  // The duration of an unfinished run only shows how long the job followed the run.
  const isOpen = [run, before].some(({ outcome }) => UNFINISHED.includes(outcome));
  const longerMs = isOpen || run.tookMs === null || before.tookMs === null ? null : run.tookMs - before.tookMs;
  const other = earlier.findIndex(({ outcome }) => outcome !== run.outcome);
  const same = other < 0 ? earlier.length : other;
  const [time, verdict] = [timeText(longerMs, before.tookMs ?? 0), verdictText(run.outcome, before.outcome, same)];
  const previous = `previous run (${dayTimeText(Date.parse(before.at))})`;
  const sentence = time === null ? `The ${previous} ${verdict}.` : `${time} the ${previous}, which ${verdict}.`;
  return { before, sentence, earlier: earlier.slice(0, MAX_EARLIER), streak: same + 1 };
}

export interface Earlier {
  sentence: string;
  streak: number;
  runs: readonly HistoryRecord[];
}

const ORDINALS = ["First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth", "Tenth"];

export function streakText(streak: number): string {
  const ordinal = ORDINALS[streak - 1];
  return ordinal === undefined ? `${streak} failures in a row.` : `${ordinal} failure in a row.`;
}

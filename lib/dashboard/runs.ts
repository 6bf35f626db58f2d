import { EXIT } from "../exit_codes.ts";
import { groupBy, medianOf } from "../lookup.ts";
import type { Run } from "../model.ts";
import { lackedSandbox } from "../run/no_sandbox.ts";
import { END_EXIT, type EndOutcome } from "../run/result.ts";
import { isUuid } from "../service/contract.ts";
import {
  type RepositoryFigures,
  type RunEntry,
  type RunFigures,
  type SilentJob,
  sumOf,
  type WeekFigures,
} from "./data.ts";

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
const WEEKS = 12;
export const MAX_RUNS = 5_000;

/** Determines the day or week in which a run is counted. In milliseconds since 1970. */
export function momentOf({ endedAt, createdAt }: Pick<RunEntry, "endedAt" | "createdAt">): number | null {
  const ms = Date.parse(endedAt ?? createdAt ?? "");
  return Number.isNaN(ms) ? null : ms;
}

function completed(run: RunEntry, other: RunEntry): RunEntry {
  const merged = Object.entries(run).map(([name, value]) => [name, value ?? other[name as keyof RunEntry]]);
  const both = Object.fromEntries(merged) as unknown as RunEntry;
  if (!isOpen(run) || isOpen(other)) return both;
  const { outcome, exitCode, reason, lastLine, endedAt, durationMs } = other;
  return { ...both, outcome, exitCode, reason, lastLine, endedAt, durationMs };
}

/** Outcomes of jobs that ended before their run did. */
const OPEN_OUTCOMES: readonly string[] = ["started", "deadline", "interrupted", "error", "awaiting_input"];

function isOpen({ runId, outcome }: RunEntry): boolean {
  return runId !== null && OPEN_OUTCOMES.includes(outcome);
}

/**
 * Single runs come before the runs of campaigns, because campaigns read their own runs.
 *
 * @param runs Newest first.
 */
export function openRunsOf(runs: readonly RunEntry[]): string[] {
  const open = runs.filter((run) => run.kind === "run" && isOpen(run) && isUuid(run.runId ?? ""));
  return [...open.filter(({ campaign }) => campaign === null), ...open.filter(({ campaign }) => campaign !== null)]
    .flatMap(({ runId }) => runId ?? []);
}

export interface RunAnswer {
  readonly run: Run;
  readonly end: EndOutcome | undefined;
  readonly pullRequest: string | null;
}

/** @param answer `null` if the token cannot see the run. `undefined` if only the end of the job is known. */
function settled(run: RunEntry, answer: RunAnswer | null | undefined): RunEntry {
  if (!isOpen(run)) return run;
  if (!answer) return { ...run, outcome: answer === null ? "forgotten" : "unfinished", durationMs: null };
  const { run: { createdAt, updatedAt, error }, end } = answer;
  const now = { ...run, createdAt, pullRequest: run.pullRequest ?? answer.pullRequest, durationMs: null };
  if (end === undefined) return { ...now, outcome: "started", exitCode: null, reason: null, endedAt: null };
  if (lackedSandbox(answer.run)) {
    return { ...now, outcome: "not_started", exitCode: EXIT.rateLimited, reason: error, endedAt: updatedAt };
  }
  const reason = end === "failed" ? error : end === run.outcome ? run.reason : null;
  const lastLine = end === "success" ? null : run.lastLine;
  const ended = { ...now, outcome: end, exitCode: EXIT[END_EXIT[end]], reason, lastLine, endedAt: updatedAt };
  const ms = Date.parse(updatedAt) - Date.parse(createdAt);
  return { ...ended, durationMs: end === "awaiting_input" || !(ms >= 0) ? null : ms };
}

export function settledRuns(runs: readonly RunEntry[], answers: ReadonlyMap<string, RunAnswer | null>): RunEntry[] {
  return newestFirst(runs.map((run) => settled(run, answers.get(run.runId ?? ""))));
}

function newestFirst(runs: readonly RunEntry[]): RunEntry[] {
  return [...runs].sort((a, b) => (momentOf(b) ?? 0) - (momentOf(a) ?? 0) || (a.file < b.file ? -1 : 1));
}

/** @param all If several files contain a run, the entry with the most details must come first. */
export function unionOf(all: readonly RunEntry[], nowMs: number): RunEntry[] {
  const byId = new Map<string, RunEntry>();
  const others: RunEntry[] = [];
  for (const run of all) {
    if (run.runId === null) others.push(run);
    else {
      const earlier = byId.get(run.runId);
      byId.set(run.runId, earlier === undefined ? run : completed(earlier, run));
    }
  }
  const fromMs = firstMondayOf(nowMs);
  return newestFirst([...byId.values(), ...others].filter((run) => (momentOf(run) ?? nowMs) >= fromMs))
    .slice(0, MAX_RUNS);
}

export function firstMondayOf(nowMs: number): number {
  return mondayOf(nowMs) - (WEEKS - 1) * WEEK_MS;
}

/** @param runs The result of {@linkcode unionOf}. */
export function leftOutOf(all: readonly RunEntry[], runs: readonly RunEntry[]): number {
  const ids = new Set(all.flatMap(({ runId }) => runId ?? []));
  return ids.size + all.filter(({ runId }) => runId === null).length - runs.length;
}

/** A week from which {@linkcode unionOf} left out runs would show too few runs. */
export function firstWeekOf(runs: readonly RunEntry[], leftOut: number, nowMs: number): number {
  const oldest = runs.at(-1);
  if (leftOut === 0 || runs.length < MAX_RUNS || oldest === undefined) return firstMondayOf(nowMs);
  return mondayOf(momentOf(oldest) ?? nowMs) + WEEK_MS;
}

function mondayOf(ms: number): number {
  const day = Math.floor(ms / DAY_MS);
  // 1970-01-01 was a Thursday.
  return (day - (((day + 3) % 7) + 7) % 7) * DAY_MS;
}

/** Automation runs are left out, because they have their own list. */
export function countedRuns(runs: readonly RunEntry[]): RunEntry[] {
  return runs.filter(({ kind, runId }) => kind === "run" && runId !== null);
}

/** @param share Above 0, at most 1. */
function quantile(values: readonly number[], share: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? null;
}

/** With fewer durations, the slowest twentieth is not meaningful. */
const LEAST_FOR_P95 = 20;

function isRated({ outcome }: RunEntry): boolean {
  return outcome === "success" || outcome === "failed";
}

function figuresOf(runs: readonly RunEntry[]): RunFigures {
  const times = runs.filter(isRated).flatMap(({ durationMs }) => durationMs ?? []);
  const median = medianOf(times);
  const count = (outcome: string) => runs.filter((run) => run.outcome === outcome).length;
  const [succeeded, failed, cancelled, notStarted, waiting, running] = [
    count("success"),
    count("failed"),
    count("cancelled"),
    count("not_started"),
    count("awaiting_input"),
    count("started"),
  ];
  return {
    ...{ runs: runs.length, succeeded, failed, cancelled, notStarted, waiting, running },
    unfinished: runs.length - succeeded - failed - cancelled - notStarted - waiting - running,
    medianMs: median === null ? null : Math.round(median),
    p95Ms: times.length < LEAST_FOR_P95 ? null : quantile(times, 0.95),
    slowestMs: quantile(times, 1),
    totalMs: sumOf(runs, ({ durationMs }) => durationMs ?? 0),
  };
}

function within(runs: readonly RunEntry[], fromMs: number, toMs: number): RunEntry[] {
  return runs.filter((run) => {
    const ms = momentOf(run);
    return ms !== null && ms > fromMs && ms <= toMs;
  });
}

/** @param runs After {@linkcode countedRuns}. */
export function lastDaysOf(runs: readonly RunEntry[], nowMs: number): { last: RunFigures; before: RunFigures } {
  return {
    last: figuresOf(within(runs, nowMs - WEEK_MS, nowMs)),
    before: figuresOf(within(runs, nowMs - 2 * WEEK_MS, nowMs - WEEK_MS)),
  };
}

/**
 * The last span ends now, so the last two spans are the same as in {@linkcode lastDaysOf}.
 *
 * @param runs After {@linkcode countedRuns}.
 * @param since Monday of the first week: `2026-09-14`.
 */
export function rollingWeeksOf(runs: readonly RunEntry[], nowMs: number, since: string): RunFigures[] {
  const count = Math.min(WEEKS, Math.floor((nowMs - Date.parse(since)) / WEEK_MS));
  const spans = Array.from({ length: Math.max(0, count) }, (_, index) => {
    const toMs = nowMs - (count - 1 - index) * WEEK_MS;
    return figuresOf(within(runs, toMs - WEEK_MS, toMs));
  });
  const first = spans.findIndex(({ runs }) => runs > 0);
  return first < 0 ? [] : spans.slice(first);
}

/**
 * @param runs After {@linkcode countedRuns}.
 * @param since Monday of the first week: `2026-09-14`.
 */
export function weeksOf(runs: readonly RunEntry[], nowMs: number, since: string): WeekFigures[] {
  const newest = mondayOf(nowMs);
  const weeks = Array.from({ length: WEEKS }, (_, index) => newest - (WEEKS - 1 - index) * WEEK_MS).map((fromMs) => ({
    from: new Date(fromMs).toISOString().slice(0, 10),
    ...figuresOf(within(runs, fromMs - 1, fromMs + WEEK_MS - 1)),
  }));
  const first = weeks.findIndex(({ from, runs }) => from >= since && runs > 0);
  return first < 0 ? [] : weeks.slice(first);
}

const LAST_RUNS = 12;

/** @param runs After {@linkcode countedRuns}, newest first. */
export function repositoriesOf(
  runs: readonly RunEntry[],
  silentJobs: readonly Pick<SilentJob, "repository">[],
  nowMs: number,
): RepositoryFigures[] {
  const silent = new Set(silentJobs.map(({ repository }) => repository));
  const rank = ({ repository }: RepositoryFigures) => Number(!silent.has(repository));
  return [...byRepository(runs)].map(([repository, repositoryRuns]) => ({
    repository,
    ...figuresOf(within(repositoryRuns, nowMs - WEEK_MS, nowMs)),
    lastAt: repositoryRuns[0]?.endedAt ?? repositoryRuns[0]?.createdAt ?? null,
    last: repositoryRuns.slice(0, LAST_RUNS).map(({ outcome }) => outcome).reverse(),
  })).sort((a, b) =>
    rank(a) - rank(b) || b.runs - a.runs || b.failed - a.failed || (a.repository < b.repository ? -1 : 1)
  );
}

function byRepository(runs: readonly RunEntry[]): Map<string, RunEntry[]> {
  return groupBy(runs.filter(({ repository }) => repository !== null), ({ repository }) => repository ?? "");
}

export interface Trouble {
  readonly run: RunEntry;
  readonly task: string | null;
  /** How many runs in a row had this outcome, including the newest run. */
  readonly times: number;
}

/** A cancelled run does not need attention. */
const BAD: readonly string[] = ["failed", "error", "awaiting_input", "suppressed", "not_started"];
const UNSEEN: readonly string[] = ["unfinished", "forgotten"];
/** Outcomes that are not final. The previous run may still need attention. */
const UNKNOWN: readonly string[] = ["started", ...UNSEEN];

/**
 * A run that waits for an answer is always included, because no later run answers its question.
 *
 * @param runs Runs of all kinds, newest first.
 */
export function troublesOf(runs: readonly RunEntry[], nowMs: number): Trouble[] {
  // `campaignTroublesOf()` groups the failures of a campaign.
  return troublesIn(runs.filter(({ campaign }) => campaign === null), nowMs, (run) => {
    const isIdentified = run.job !== null || run.taskKey !== null || run.task !== null;
    return isIdentified ? [run.kind, run.job, run.repository, run.taskKey ?? run.task] : run.runId ?? run.file;
  });
}

export function isQuestion({ outcome }: Pick<RunEntry, "outcome">): boolean {
  return outcome === "awaiting_input";
}

/**
 * Runs of the last seven days whose current state is unknown. Another user may be able to see them.
 *
 * @param runs Newest first.
 * @param names Names of the campaigns whose `campaign.json` was read. That file reports the questions of its items.
 */
export function unseenRunsOf(
  runs: readonly RunEntry[],
  names: readonly string[],
  nowMs: number,
): { questions: RunEntry[]; others: RunEntry[] } {
  const unseen = runs.filter((run) =>
    run.kind === "run" && UNSEEN.includes(run.outcome) && nowMs - (momentOf(run) ?? 0) <= WEEK_MS
  );
  const isAsking = ({ exitCode, campaign }: RunEntry) =>
    exitCode === EXIT.awaitingInput && (campaign === null || !names.includes(campaign));
  return { questions: unseen.filter(isAsking), others: unseen.filter((run) => !isAsking(run)) };
}

function troublesIn(runs: readonly RunEntry[], nowMs: number, keyOf: (run: RunEntry) => unknown): Trouble[] {
  const groups = groupBy(
    runs.filter(({ outcome }) => !UNKNOWN.includes(outcome)),
    (run) => JSON.stringify(keyOf(run)),
  );
  return [...groups.values()].flatMap((groupRuns): Trouble[] => {
    const task = groupRuns.find((each) => each.task !== null)?.task ?? null;
    const questions = groupRuns.filter(isQuestion).map((run) => ({ run, task, times: 1 }));
    const [run] = groupRuns;
    if (run === undefined || !BAD.includes(run.outcome) || isQuestion(run)) return questions;
    if (nowMs - (momentOf(run) ?? nowMs) > WEEK_MS) return questions;
    const other = groupRuns.findIndex(({ outcome }) => outcome !== run.outcome);
    return [{ run, task, times: other < 0 ? groupRuns.length : other }, ...questions];
  }).sort((a, b) => (momentOf(b.run) ?? 0) - (momentOf(a.run) ?? 0));
}

export interface CampaignTrouble {
  /** Untrusted text. */
  readonly campaign: string;
  readonly outcome: string;
  /** Newest first. */
  readonly runs: readonly RunEntry[];
}

/**
 * @param runs Newest first.
 * @param names Names of the campaigns whose `campaign.json` was read. Of these campaigns, only runs that wait for an answer are included, because the
 * file reports everything else.
 */
export function campaignTroublesOf(
  runs: readonly RunEntry[],
  names: readonly string[],
  nowMs: number,
): CampaignTrouble[] {
  const itemRuns = runs.filter((run) => run.campaign !== null && (isQuestion(run) || !names.includes(run.campaign)));
  const badRuns = troublesIn(itemRuns, nowMs, (run) => [run.campaign, run.repository ?? run.runId])
    .map(({ run }) => run);
  const groups = groupBy(badRuns, ({ campaign, outcome }) => JSON.stringify([campaign, outcome]));
  return [...groups.values()].flatMap((groupRuns) => {
    const [first] = groupRuns;
    return first === undefined ? [] : [{ campaign: first.campaign ?? "", outcome: first.outcome, runs: groupRuns }];
  });
}

export function unreadCampaignsOf(runs: readonly RunEntry[], names: readonly string[], nowMs: number): string[] {
  const recent = runs.filter((run) => nowMs - (momentOf(run) ?? nowMs) <= WEEK_MS);
  return [...new Set(recent.flatMap(({ campaign }) => campaign ?? []))].filter((name) => !names.includes(name));
}

export interface WeakRepository {
  readonly repository: string;
  readonly runs: number;
  readonly failed: number;
  readonly lastFailure: RunEntry;
}

/** With fewer runs, the success rate is not meaningful. */
const LEAST_FOR_RATE = 5;
const LEAST_SHARE = 2 / 3;
/**
 * Unlike in {@linkcode troublesOf}, a success does not hide earlier failures.
 *
 * @param runs After {@linkcode countedRuns}, newest first.
 */
export function weakRepositoriesOf(runs: readonly RunEntry[], nowMs: number): WeakRepository[] {
  const judged = within(runs, nowMs - WEEK_MS, nowMs).filter(isRated);
  return [...byRepository(judged)].flatMap(([repository, all]): WeakRepository[] => {
    const failures = all.filter(({ outcome }) => outcome !== "success");
    const [lastFailure] = failures;
    const isWeak = all.length >= LEAST_FOR_RATE && all.length - failures.length < all.length * LEAST_SHARE;
    return lastFailure === undefined || !isWeak
      ? []
      : [{ repository, runs: all.length, failed: failures.length, lastFailure }];
  }).sort((a, b) => b.failed / b.runs - a.failed / a.runs || (a.repository < b.repository ? -1 : 1));
}

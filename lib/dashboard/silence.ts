/**
 * Finds jobs that ran regularly and then stopped, for example because a token expired. A stopped job writes no history, so no file shows a failure.
 *
 * @module
 */
import { groupBy } from "../lookup.ts";
import type { RunEntry, SilentJob } from "./data.ts";
import { momentOf } from "./runs.ts";

const DAY_MS = 86_400_000;
const LEAST_DAYS = 3;
/** A few days of trials are not a schedule. */
const LEAST_SPAN_MS = 7 * DAY_MS;
/** A shorter silence can be a weekend or a day without work. */
const LEAST_SILENCE_MS = 3 * DAY_MS;
/** A job that has been silent for longer was probably stopped on purpose. */
const MAX_SILENCE_MS = 42 * DAY_MS;
/** A silence is unusual if it is longer than this many times the longest earlier pause. */
const TIMES_LONGEST = 2;
const RATE_MS = 28 * DAY_MS;

/**
 * Runs of campaigns are left out because campaigns end. Runs that a mention requested are also left out. If no single job is regular and silent, but
 * all jobs together are, the only entry has no names.
 *
 * @param runs After `countedRuns`, newest first.
 */
export function silentJobsOf(runs: readonly RunEntry[], nowMs: number): SilentJob[] {
  const timed = runs.filter((run) => run.campaign === null && run.mention !== true && momentOf(run) !== null);
  const jobs = jobsOf(timed).flatMap((jobRuns) => silentIn(jobRuns, nowMs) ?? []);
  if (jobs.length === 0) {
    const all = silentIn(timed.filter(({ job }) => job !== null), nowMs);
    return all === null ? [] : [{ ...all, repository: null, job: null, task: null }];
  }
  const rank = ({ outcome }: SilentJob) => Number(outcome === "success");
  return jobs.sort((a, b) => rank(a) - rank(b) || (a.lastAt > b.lastAt ? -1 : 1));
}

/**
 * A job can alternate between several tasks, and each task can stop. If a task first ran after the last run of another task, it has replaced that
 * task, and both are treated as one task. Outside CI, each task is a separate job.
 *
 * @param runs Newest first.
 */
function jobsOf(runs: readonly RunEntry[]): RunEntry[][] {
  const tasks = groupsOf(runs, ({ repository, job, taskKey, task }) => [repository, job, taskKey ?? task]);
  const isOutsideCi = ({ job }: RunEntry) => job === null;
  const chains = groupsOf(tasks, ([run]) => {
    if (run === undefined) return null;
    return isOutsideCi(run) ? [run.repository, run.taskKey ?? run.task ?? run.runId] : [run.repository, run.job];
  });
  return chains.flatMap((chain) => joined(chain));
}

function groupsOf<T>(items: readonly T[], keyOf: (item: T) => unknown): T[][] {
  return [...groupBy(items, (item) => JSON.stringify(keyOf(item))).values()];
}

const lastMs = ([run]: readonly RunEntry[]) => run === undefined ? 0 : momentOf(run) ?? 0;
const firstMs = (runs: readonly RunEntry[]) => lastMs(runs.slice(-1));

/** The replaced task is the task that ended last before the new task began. */
function joined(tasks: readonly (readonly RunEntry[])[]): RunEntry[][] {
  const jobs: RunEntry[][] = [];
  for (const task of [...tasks].sort((a, b) => firstMs(a) - firstMs(b))) {
    const ended = jobs.filter((job) => lastMs(job) < firstMs(task)).sort((a, b) => lastMs(b) - lastMs(a))[0];
    if (ended === undefined) jobs.push([...task]);
    else ended.unshift(...task);
  }
  return jobs;
}

function silentIn(runs: readonly RunEntry[], nowMs: number): SilentJob | null {
  const [last] = runs;
  const moments = runs.flatMap((run) => momentOf(run) ?? []);
  const [lastRunMs, firstRunMs] = [moments[0], moments.at(-1)];
  if (last === undefined || lastRunMs === undefined || firstRunMs === undefined) return null;
  const days = new Set(moments.map((ms) => Math.floor(ms / DAY_MS)));
  if (days.size < LEAST_DAYS || lastRunMs - firstRunMs < LEAST_SPAN_MS) return null;
  const longestMs = moments.reduce((most, ms, index) => Math.max(most, (moments[index - 1] ?? ms) - ms), 0);
  const silentMs = nowMs - lastRunMs;
  if (silentMs <= Math.max(LEAST_SILENCE_MS, TIMES_LONGEST * longestMs) || silentMs > MAX_SILENCE_MS) return null;
  const recent = moments.filter((ms) => ms > lastRunMs - RATE_MS);
  const counted = recent.length < 2 ? moments : recent;
  const weeks = (lastRunMs - (counted.at(-1) ?? firstRunMs)) / (7 * DAY_MS);
  const { repository, job, runId, outcome, reason } = last;
  return {
    ...{ repository, job, task: runs.find(({ task }) => task !== null)?.task ?? null, runId, outcome, reason },
    lastAt: new Date(lastRunMs).toISOString(),
    runsPerWeek: Math.round((counted.length - 1) / weeks * 10) / 10,
  };
}

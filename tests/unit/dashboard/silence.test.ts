import { expect, test } from "bun:test";
import { concernsOf, headlineOf } from "../../../lib/dashboard/attention.ts";
import type { RunEntry } from "../../../lib/dashboard/data.ts";
import { renderDashboardPage } from "../../../lib/dashboard/dashboard_page.ts";
import { renderDashboardMetrics } from "../../../lib/dashboard/metrics.ts";
import { silentJobsOf } from "../../../lib/dashboard/silence.ts";
import { elementsOf, textsOf } from "../report/page_parser.ts";
import { emptyDashboard } from "./sample_data.ts";

const NOW = Date.parse("2026-12-01T06:00:00Z");
const ago = (days: number) => new Date(NOW - days * 86_400_000).toISOString();
const every = (step: number, from: number, to: number) =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);

let count = 0;
function run(days: number, fields: Partial<RunEntry> = {}): RunEntry {
  return {
    ...{ file: "runs.ndjson", kind: "run", runId: `r-${count++}`, repository: "acme/billing", job: "nightly" },
    ...{
      jobUrl: null,
      task: "Fix the tests",
      taskKey: "t",
      page: null,
      outcome: "success",
      exitCode: 0,
      reason: null,
      lastLine: null,
    },
    ...{ pullRequest: null, campaign: null, mention: null, createdAt: null, endedAt: ago(days), durationMs: 60_000 },
    ...fields,
  };
}
const runsOn = (days: readonly number[], fields: Partial<RunEntry> = {}) => days.map((each) => run(each, fields));
const web = runsOn(every(1, 0, 80), { repository: "acme/web" });
const newestFirst = (runs: readonly RunEntry[]) =>
  [...runs].sort((a, b) => Date.parse(b.endedAt ?? "") - Date.parse(a.endedAt ?? ""));
const silent = (runs: readonly RunEntry[]) =>
  silentJobsOf(newestFirst(runs), NOW).map(({ repository, job, task, lastAt, runsPerWeek }) => [
    repository,
    job,
    task,
    (NOW - Date.parse(lastAt)) / 86_400_000,
    runsPerWeek,
  ]);

test("silentJobsOf() has a daily job whose last run failed 10 days ago while another project runs every day", () => {
  const last = run(10, { outcome: "failed", reason: "npm test exited with code 1" });
  expect(silentJobsOf(newestFirst([...web, last, ...runsOn(every(1, 11, 80))]), NOW)).toEqual([{
    ...{ repository: "acme/billing", job: "nightly", task: "Fix the tests", lastAt: ago(10), runsPerWeek: 7 },
    ...{ runId: last.runId, outcome: "failed", reason: "npm test exited with code 1" },
  }]);
});

test.each<[string, RunEntry[], number]>([
  ["a daily job after 3 days", runsOn(every(1, 3.1, 60)), 7],
  ["a weekly job after 2 missed runs", runsOn(every(7, 14.2, 70)), 1],
  ["a job every two weeks after 2 missed runs", runsOn(every(14, 28.1, 80)), 0.5],
  ["a job of weekdays after a week", runsOn(every(1, 6.2, 60).filter((days) => (days - 0.2) % 7 > 1)), 4.9],
])("silentJobsOf() has %s", (_name, runs, runsPerWeek) => {
  expect(silent([...web, ...runs]).map(([repository, , , , rate]) => [repository, rate])).toEqual([
    ["acme/billing", runsPerWeek],
  ]);
});

test.each<[string, RunEntry[]]>([
  ["a daily job within 3 days", runsOn(every(1, 2.9, 60))],
  ["a weekly job that missed one run", runsOn(every(7, 13, 70))],
  ["a weekday job on Monday", runsOn([3, 4, 5, 6, 7, 10, 11, 12, 13, 14])],
  ["a job after less than twice its longest pause", runsOn([10, 11, 12, 18, 19])],
  ["a single run", runsOn([20])],
  ["attempts of a few days", runsOn([10, 10.1, 10.2, 11, 12, 13])],
  ["runs on two days", runsOn([10, 10.1, 30])],
  ["a job that stopped more than six weeks ago", runsOn(every(1, 43, 80))],
  ["a campaign", runsOn(every(1, 10, 60), { campaign: "node-24" })],
  ["mentions", runsOn(every(1, 10, 60), { mention: true })],
  [
    "different tasks outside CI",
    every(1, 10, 60).map((days) => run(days, { job: null, taskKey: `t${days}`, task: null })),
  ],
])("silentJobsOf() leaves out %s", (_name, runs) => {
  expect(silent([...web, ...runs])).toEqual([]);
});

test("silentJobsOf() has a task that stopped while another one of the same job continues, but not one that was replaced", () => {
  const task = (taskKey: string) => ({ taskKey, task: `Task ${taskKey}` });
  const stopped = runsOn(every(1, 10, 60), task("a"));
  expect(silent([...stopped, ...runsOn(every(1, 0, 60), task("b"))])).toEqual([
    ["acme/billing", "nightly", "Task a", 10, 7],
  ]);
  expect(silent([...stopped, ...runsOn(every(1, 0, 9), task("b"))])).toEqual([]);
  // A single other run of the job only delays it.
  expect(silent([...runsOn(every(1, 20, 60), task("a")), ...runsOn(every(1, 0, 60), task("b")), run(15, task("c"))]))
    .toEqual([["acme/billing", "nightly", "Task c", 15, 6]]);
});

test("silentJobsOf() has all jobs together if none of them is regular", () => {
  const runs = every(2, 10, 60).map((days, index) => run(days, { job: `job-${index}` }));
  expect(silent(runs)).toEqual([[null, null, null, 10, 3.5]]);
  expect(silent([...runs, run(1, { job: "other" })])).toEqual([]);
  // They do not hide that the jobs stopped, and are not regular themselves.
  const mentions = runs.map((each) => ({ ...each, mention: true }));
  expect([silent(mentions), silent([...runs, run(1, { job: "other", mention: true })])]).toEqual([
    [],
    [[null, null, null, 10, 3.5]],
  ]);
});

const failed = { outcome: "failed", reason: "npm test exited with code 1", lastLine: "1 test failed" };
const dashboard = (...runs: RunEntry[][]) =>
  emptyDashboard({ runs: runs.flat(), covers: { ...emptyDashboard().covers, histories: 1, lines: 1 } });

test("concernsOf() has the silent job with the failure of its last run, also when that is older than seven days", () => {
  const data = dashboard(web, [run(10, failed)], runsOn(every(1, 11, 80)));
  const concerns = concernsOf(data);
  expect(concerns.map(({ tone, subject, line }) => [tone, subject, line])).toEqual([[
    "bad",
    "acme/billing (nightly): no run for 10 days (before that, 7 runs a week)",
    "The last run failed: npm test exited with code 1. Last line from the agent: “1 test failed”. Check its schedule and its token.",
  ]]);
  expect(headlineOf(concerns, data)).toBe("1 thing needs attention");
  // Once, not as a failed run as well. A question stays a question.
  const recent = (outcome: string) =>
    concernsOf(dashboard(web, [run(4, { ...failed, outcome })], runsOn(every(1, 5, 80)))).map(({ kind }) => kind);
  expect([recent("failed"), recent("awaiting_input")]).toEqual([["job"], ["decision", "job"]]);
  const asking = run(10, {
    outcome: "awaiting_input",
    reason: "The agent asked a question and is waiting for an answer.",
  });
  expect(concernsOf(dashboard(web, [asking], runsOn(every(1, 11, 80)))).map(({ line }) => line)).toEqual([
    expect.stringContaining("Answer in the app, or cancel the run"),
    "The last run needs an answer. Check its schedule and its token.",
  ]);
});

test("concernsOf() has many silent jobs as one line, the failed ones first", () => {
  const jobs = [1, 2, 3, 4].map((index) =>
    runsOn(every(1, 3 + index, 60), { repository: `acme/r${index}`, ...index === 3 ? failed : {} })
  );
  expect(
    concernsOf(dashboard(web, ...jobs)).filter(({ kind }) => kind === "job").map(({ subject, line }) => [
      subject,
      line,
    ]),
  ).toEqual([[
    "4 regular jobs have stopped running",
    "acme/r3 (nightly) (6 d, failed), acme/r1 (nightly) (4 d), acme/r2 (nightly) (5 d), acme/r4 (nightly) (7 d). Check the schedules and the token.",
  ]]);
});

test("concernsOf() links a silent job without a run id to no run, and keeps what other runs without one need", () => {
  const data = dashboard(web, runsOn(every(1, 10, 80)));
  const other = run(1, {
    runId: null,
    repository: "acme/api",
    outcome: "suppressed",
    lastLine: "Other",
    page: "o.html",
  });
  const silentJobs = data.silentJobs.map((job) => ({ ...job, runId: null }));
  const concerns = concernsOf({ ...data, runs: [other, ...data.runs], silentJobs });
  expect(concerns.map(({ subject, line, link }) => [subject, line, link])).toEqual([
    [
      "acme/billing (nightly): no run for 10 days (before that, 7 runs a week)",
      "Check its schedule and its token.",
      { words: "Show", part: "runs" },
    ],
    [
      "acme/api (nightly): “Fix the tests” was not started",
      "After 1 min. Last line from the agent: “Other”.",
      { words: "Open run", page: "o.html" },
    ],
  ]);
});

test("page, data and metrics agree about a silent job, and its repository comes first with the age of its last run", () => {
  const data = dashboard(web, runsOn(every(1, 10, 80)));
  const page = renderDashboardPage(data);
  expect(textsOf(page, "h1")).toEqual([expect.stringMatching(/^1 thing needs attention as of \d/)]);
  const rows = elementsOf(page).filter(({ tag, text }) => tag === "tr" && text.startsWith("acme/"));
  expect(rows.slice(0, 2).map(({ text }) => text.replaceAll("\u00a0", " ").slice(0, 22))).toEqual([
    expect.stringMatching(/^acme\/billing10 d ago0/),
    expect.stringMatching(/^acme\/webnow7/),
  ]);
  const metrics = renderDashboardMetrics(data).split("\n").filter((line) => /^\w+_job\w*_silen/.test(line));
  expect([data.silentJobs.length, metrics]).toEqual([1, [
    "mogplex_dashboard_jobs_silent 1",
    `mogplex_dashboard_job_silence_seconds{repository="acme/billing",job="nightly"} ${10 * 86_400}`,
  ]]);
});

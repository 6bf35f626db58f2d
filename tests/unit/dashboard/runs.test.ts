import { expect, test } from "bun:test";
import type { RunEntry } from "../../../lib/dashboard/data.ts";
import { endOfRun } from "../../../lib/run/result.ts";
import { pullRequestsOf } from "../../../lib/dashboard/pull_requests.ts";
import {
  campaignTroublesOf,
  countedRuns,
  lastDaysOf,
  openRunsOf,
  repositoriesOf,
  rollingWeeksOf,
  type RunAnswer,
  settledRuns,
  troublesOf,
  unionOf,
  weakRepositoriesOf,
  weeksOf,
} from "../../../lib/dashboard/runs.ts";

// A Tuesday.
const NOW = Date.parse("2026-12-01T06:00:00Z");
const MINUTE = 60_000;
const ago = (days: number) => new Date(NOW - days * 86_400_000).toISOString();

let count = 0;
function run(days: number, outcome: string, fields: Partial<RunEntry> = {}): RunEntry {
  return {
    ...{ file: "runs.ndjson", kind: "run", runId: `r-${count++}`, repository: "acme/api", job: "nightly" },
    ...{ jobUrl: null, task: null },
    ...{
      taskKey: "t",
      page: null,
      outcome,
      exitCode: 0,
      reason: null,
      lastLine: null,
      pullRequest: null,
      campaign: null,
      mention: null,
    },
    ...{ createdAt: null, endedAt: ago(days), durationMs: MINUTE },
    ...fields,
  };
}

test("lastDaysOf() compares the last seven days with the seven before, by the end of each run", () => {
  const runs = [
    run(0.1, "success", { durationMs: 3 * MINUTE }),
    run(6.9, "failed"),
    run(7.1, "success"),
    run(15, "success"),
  ];
  const others = { cancelled: 0, notStarted: 0, waiting: 0, running: 0, unfinished: 0 };
  expect(lastDaysOf(runs, NOW)).toEqual({
    last: {
      runs: 2,
      succeeded: 1,
      failed: 1,
      ...others,
      medianMs: 2 * MINUTE,
      p95Ms: null,
      slowestMs: 3 * MINUTE,
      totalMs: 4 * MINUTE,
    },
    before: {
      runs: 1,
      succeeded: 1,
      failed: 0,
      ...others,
      medianMs: MINUTE,
      p95Ms: null,
      slowestMs: MINUTE,
      totalMs: MINUTE,
    },
  });
});

test("lastDaysOf() knows the time within which 95 % finish from 20 runs on", () => {
  const runs = Array.from({ length: 20 }, (_, index) => run(1, "success", { durationMs: (index + 1) * MINUTE }));
  expect(lastDaysOf(runs, NOW).last.p95Ms).toBe(19 * MINUTE);
  expect(lastDaysOf(runs.slice(1), NOW).last.p95Ms).toBeNull();
});

test("countedRuns() counts running runs, and neither automation runs nor jobs without a run", () => {
  const others = [run(1, "success", { kind: "automation-run" }), run(1, "started"), run(1, "error", { runId: null })];
  expect(countedRuns([run(1, "failed"), ...others]).map(({ outcome }) => outcome)).toEqual(["failed", "started"]);
});

const answerOf = (status: string, error: string | null = null): RunAnswer => ({
  run: { status, error, createdAt: ago(2), updatedAt: ago(1) } as RunAnswer["run"],
  end: endOfRun(status),
  pullRequest: status === "success" ? "https://github.com/acme/api/pull/1" : null,
});

test("settledRuns() has the state that the service reports, and the run's time instead of its job's", () => {
  const late = (runId: string) =>
    run(3, "deadline", { runId, exitCode: 124, reason: "the job ended", durationMs: 10_000 });
  const ids = ["success", "failed", "cancelled", "awaiting_input", "running"];
  const answers = new Map<string, RunAnswer | null>(
    ids.map((id) => [id, answerOf(id, id === "failed" ? "npm test failed" : null)]),
  ).set("gone", null).set("lacking", answerOf("failed", "Too many active sandboxes"));
  const runs = settledRuns([...ids, "lacking", "unknown", "gone"].map(late), answers);
  const shown = runs.map(({ runId, outcome, exitCode, reason, endedAt, durationMs, pullRequest }) => [
    ...[runId, outcome, exitCode, reason, endedAt, durationMs, pullRequest],
  ]);
  const day = 86_400_000;
  expect(shown).toEqual([
    ["success", "success", 0, null, ago(1), day, "https://github.com/acme/api/pull/1"],
    ["failed", "failed", 1, "npm test failed", ago(1), day, null],
    ["cancelled", "cancelled", 3, null, ago(1), day, null],
    ["awaiting_input", "awaiting_input", 4, null, ago(1), null, null],
    ["lacking", "not_started", 75, "Too many active sandboxes", ago(1), null, null],
    ["running", "started", null, null, null, null, null],
    ["unknown", "unfinished", 124, "the job ended", ago(3), null, null],
    ["gone", "forgotten", 124, "the job ended", ago(3), null, null],
  ]);
  // The time that a job waited is in no figure.
  const { last } = lastDaysOf(countedRuns(runs), NOW);
  expect(last).toEqual({
    ...{ runs: 8, succeeded: 1, failed: 1, cancelled: 1, notStarted: 1, waiting: 1, running: 1, unfinished: 2 },
    ...{ medianMs: day, p95Ms: null, slowestMs: day, totalMs: 3 * day },
  });
});

test("openRunsOf() has runs whose end no file has, single runs first, and no automation run", () => {
  const id = (number: number) => `d0000000-0000-4000-8000-00000000000${number}`;
  const runs = [
    run(1, "deadline", { runId: id(1), campaign: "node" }),
    run(1, "success", { runId: id(2) }),
    run(2, "awaiting_input", { runId: id(3) }),
    run(3, "interrupted", { runId: id(4) }),
    run(3, "error", { runId: null }),
    run(3, "deadline", { runId: id(5), kind: "automation-run" }),
    run(3, "deadline", { runId: "not-an-id" }),
  ];
  expect(openRunsOf(runs)).toEqual([id(3), id(4), id(1)]);
});

test("unionOf() takes the end of a run from a later job, and the task from the first one", () => {
  const first = run(2, "deadline", { runId: "a", task: "Fix it", reason: "too late", durationMs: null });
  const later = run(1, "success", { runId: "a" });
  for (const runs of [[first, later], [later, first]]) {
    expect(unionOf(runs, NOW).map(({ outcome, task, durationMs }) => [outcome, task, durationMs])).toEqual([
      ["success", "Fix it", MINUTE],
    ]);
  }
  expect(unionOf([first, later], NOW)[0]?.reason).toBeNull();
});

test("rollingWeeksOf() ends with the two spans of lastDaysOf(), and begins with a run", () => {
  const runs = [run(0.1, "success"), run(6.9, "failed"), run(7.1, "success"), run(22, "success"), run(60, "failed")];
  const spans = rollingWeeksOf(runs, NOW, "2026-09-14");
  const { last, before } = lastDaysOf(runs, NOW);
  expect(spans.slice(-2)).toEqual([before, last]);
  expect(spans.map(({ runs }) => runs)).toEqual([1, 0, 0, 0, 0, 1, 0, 1, 2]);
  // No span begins before the weeks, since runs of that time may be left out.
  expect(rollingWeeksOf(runs, NOW, "2026-11-10").map(({ runs }) => runs)).toEqual([1, 2]);
  expect(rollingWeeksOf([], NOW, "2026-09-14")).toEqual([]);
});

test("weeksOf() has calendar weeks from the first run on, of which the last is not over", () => {
  const weeks = weeksOf([run(0.1, "success"), run(1.3, "failed"), run(15, "success")], NOW, "2026-09-14");
  expect(weeks.map(({ from, runs, failed }) => [from, runs, failed])).toEqual([
    ["2026-11-16", 1, 0],
    ["2026-11-23", 1, 1],
    ["2026-11-30", 1, 0],
  ]);
  expect(weeksOf([], NOW, "2026-09-14")).toEqual([]);
  // Runs of an incomplete week are left out.
  expect(weeksOf([run(0.1, "success"), run(15, "success")], NOW, "2026-11-23").map(({ from }) => from)).toEqual([
    "2026-11-30",
  ]);
  // A week begins on Monday at 0:00 UTC.
  const edges = [
    run(0, "success", { endedAt: "2026-11-30T00:00:00.000Z" }),
    run(0, "success", { endedAt: "2026-11-29T23:59:59.999Z" }),
  ];
  expect(weeksOf(edges, NOW, "2026-09-14").map(({ runs }) => runs)).toEqual([1, 1]);
});

test("repositoriesOf() sorts by runs of the last seven days, and has the last twelve outcomes, oldest first", () => {
  const runs = [
    run(1, "failed"),
    run(2, "success"),
    run(20, "cancelled"),
    run(1, "success", { repository: "acme/web" }),
  ];
  expect(repositoriesOf(runs, [], NOW).map(({ repository, runs, last }) => [repository, runs, last])).toEqual([
    ["acme/api", 2, ["cancelled", "success", "failed"]],
    ["acme/web", 1, ["success"]],
  ]);
});

test("repositoriesOf() has those with failed runs first when the numbers of runs are equal", () => {
  const runs = [run(1, "success"), run(1, "failed", { repository: "acme/web" })];
  expect(repositoriesOf(runs, [], NOW).map(({ repository }) => repository)).toEqual(["acme/web", "acme/api"]);
});

test("weakRepositoriesOf() has repositories in which less than two thirds of 5 runs succeeded, the lowest share first", () => {
  const runs = (repository: string, outcomes: readonly string[], days = 1) =>
    outcomes.map((outcome) => run(days, outcome, { repository }));
  const [good, bad] = ["success", "failed"];
  const billing = runs("acme/billing", [good, good, bad, bad, good]);
  const web = runs("acme/web", [good, bad, bad, bad, bad]);
  const others = [
    ...runs("acme/two-thirds", [good, good, good, good, bad, bad]),
    ...runs("acme/few", [good, bad, bad, bad]),
    ...runs("acme/old", [good, bad, bad, bad, bad], 8),
    ...runs("acme/stopped", [good, bad, bad, "cancelled", "awaiting_input", "unfinished"]),
  ];
  expect(weakRepositoriesOf([...billing, ...others, ...web], NOW)).toEqual([
    { repository: "acme/web", runs: 5, failed: 4, lastFailure: web[1] },
    { repository: "acme/billing", runs: 5, failed: 2, lastFailure: billing[2] },
  ] as never);
});

test("troublesOf() counts failures in a row of a job, repository and task", () => {
  const runs = [
    run(0.1, "failed", { task: null }),
    run(1, "failed", { task: "Fix it" }),
    run(2, "success"),
    run(3, "failed"),
  ];
  expect(troublesOf(runs, NOW)).toEqual([{ run: runs[0], task: "Fix it", times: 2 }] as never);
});

test.each<[string, RunEntry[]]>([
  ["succeeded since", [run(0.1, "success"), run(1, "failed")]],
  ["is older than seven days", [run(7.5, "failed")]],
  ["was cancelled", [run(1, "cancelled")]],
  ["was unfinished", [run(1, "unfinished")]],
  ["belongs to a campaign, which names its own failures", [run(1, "failed", { campaign: "node" })]],
])("troublesOf() leaves out what %s", (_name, runs) => {
  expect(troublesOf(runs, NOW)).toEqual([]);
});

test("campaignTroublesOf() has the failed items of each campaign that was not read, by the newest run of each item", () => {
  const item = (days: number, outcome: string, repository: string, campaign = "node") =>
    run(days, outcome, { repository, campaign, taskKey: null, job: `wave ${days}` });
  const runs = [
    item(0.1, "failed", "acme/web"),
    item(0.2, "success", "acme/api"),
    item(0.3, "awaiting_input", "acme/docs"),
    item(1, "failed", "acme/billing"),
    item(1, "failed", "acme/web", "moment"),
    item(1, "failed", "acme/web", "read"),
    item(2, "failed", "acme/api"),
    item(8, "failed", "acme/old"),
    run(1, "failed"),
  ];
  expect(campaignTroublesOf(runs, ["read"], NOW)).toEqual([
    { campaign: "node", outcome: "failed", runs: [runs[0], runs[3]] },
    { campaign: "node", outcome: "awaiting_input", runs: [runs[2]] },
    { campaign: "moment", outcome: "failed", runs: [runs[4]] },
  ] as never);
});

test("troublesOf() has a job whose newest try did not start, and not one that started later", () => {
  const late = run(0.1, "not_started", { job: "late" });
  const runs = [late, run(0.2, "success"), run(0.3, "not_started"), run(1, "failed", { job: "late" })];
  expect(troublesOf(runs, NOW)).toEqual([{ run: late, task: null, times: 1 }] as never);
});

test("troublesOf() keeps runs of different tasks, jobs and repositories apart", () => {
  const runs = [
    run(1, "failed"),
    run(1, "failed", { taskKey: "other" }),
    run(1, "failed", { job: "weekly" }),
    run(1, "failed", { repository: "acme/web" }),
    run(1, "failed", { job: null, taskKey: null }),
    run(1, "failed", { job: null, taskKey: null }),
  ];
  expect(troublesOf(runs, NOW).map(({ times }) => times)).toEqual([1, 1, 1, 1, 1, 1]);
});

const named = (number: number, fields = {}) => ({
  ...{ url: `https://github.com/acme/api/pull/${number}`, repository: "acme/api", task: "Fix it", campaign: null },
  ...{ openedAt: ago(1), known: null, ...fields },
});

function reading(facts: Record<number, object>, failed: Record<number, string> = {}) {
  const url = (number: string) => `https://github.com/acme/api/pull/${number}`;
  const looks = { draft: false, checks: "green", review: "requested", conflict: false, owner: "mira" };
  const none = { mergedAt: null, closedAt: null, problem: null };
  return {
    facts: new Map(Object.entries(facts).map(([number, each]) => [url(number), { ...looks, ...none, ...each }])),
    failed: new Map(Object.entries(failed).map(([number, why]) => [url(number), why])),
    refused: new Map(),
    unasked: new Map(),
  } as never;
}

test("pullRequestsOf() counts by the times of the forge, and compares with the seven days before", () => {
  const facts = {
    1: { state: "open", createdAt: ago(9) },
    2: { state: "open", createdAt: ago(2) },
    3: { state: "merged", createdAt: ago(10), mergedAt: ago(3) },
    4: { state: "merged", createdAt: ago(12), mergedAt: ago(9) },
    5: { state: "closed", createdAt: ago(20), closedAt: ago(1) },
  };
  expect(pullRequestsOf([1, 2, 3, 4, 5].map((number) => named(number)), reading(facts), NOW)).toEqual({
    state: "complete",
    why: null,
    count: 5,
    opened: { last: 1, before: 3 },
    merged: { last: 1, before: 1 },
    closed: { last: 1, before: 0 },
    ...{ unread: [], partlyRead: [], unreadFrom: null },
    // Seven days ago 1, 3 and 5 were open.
    waiting: { last: 2, before: 3 },
    entries: [1, 2].map((number) => {
      const { known: _known, ...pull } = named(number);
      const looks = { checks: "green", review: "requested", conflict: false, owner: "mira" } as const;
      return { ...pull, ...looks, state: "open", draft: false, openedAt: ago(number === 1 ? 9 : 2) };
    }),
  });
});

test("pullRequestsOf() without a token says so, and has what campaigns have read", () => {
  const known = { state: "open", draft: false, checks: "red", review: null, conflict: null, owner: null } as const;
  const { entries, why, ...counts } = pullRequestsOf([named(1), named(2, { known, campaign: "node" })], null, NOW);
  expect(counts).toEqual({
    ...{ state: "skipped", count: 2, opened: { last: 2, before: 0 }, merged: null, closed: null, waiting: null },
    ...{ unread: [], partlyRead: [], unreadFrom: ago(1) },
  });
  expect(why).toBe("To see which pull requests are open or were merged, set GITHUB_TOKEN or GITLAB_TOKEN");
  expect(entries.map(({ campaign, checks }) => [campaign, checks])).toEqual([["node", "red"]]);
  expect(pullRequestsOf([], null, NOW)).toMatchObject({ state: "complete", why: null });
});

test("pullRequestsOf() says how many could not be read, and why", () => {
  const { state, why, unreadFrom } = pullRequestsOf(
    [named(1), named(2, { openedAt: ago(3) })],
    reading({ 1: { state: "open", createdAt: ago(1) } }, { 2: "HTTP 502" }),
    NOW,
  );
  expect([state, why, unreadFrom]).toEqual(["partial", "1 of 2 pull requests could not be read: HTTP 502", ago(3)]);
  const several = reading({}, { 2: "HTTP 502", 3: "HTTP 502" });
  (several as { unasked: Map<string, string> }).unasked.set(named(1).url, "github.com");
  const { why: most, unread } = pullRequestsOf([named(1), named(2), named(3)], several, NOW);
  expect(most).toBe("None of the 3 pull requests could be read. The most frequent reason: HTTP 502");
  expect(unread).toEqual([
    { why: "HTTP 502", pullRequests: 2, urls: [named(2).url, named(3).url] },
    { why: "there is no token for github.com", pullRequests: 1, urls: [named(1).url] },
  ]);
});

test("pullRequestsOf() counts open pull requests that could be read only in part, and says what is missing", () => {
  const problem = "GitHub does not show the checks to this token";
  const pulls = pullRequestsOf(
    [1, 2, 3].map((number) => named(number)),
    reading({
      1: { state: "open", createdAt: ago(1), checks: null, problem },
      2: { state: "open", createdAt: ago(1) },
      3: { state: "merged", createdAt: ago(2), mergedAt: ago(1), checks: null, problem },
    }),
    NOW,
  );
  expect([pulls.state, pulls.waiting?.last, pulls.unread]).toEqual(["complete", 2, []]);
  expect(pulls.partlyRead).toEqual([{ why: problem, pullRequests: 1, urls: [named(1).url] }]);
});

test("pullRequestsOf() does not know what waits when nothing could be read, and has lower bounds when a part could", () => {
  const open = { 1: { state: "open", createdAt: ago(1) } };
  const countsOf = (facts: Record<number, object>, failed: Record<number, string>) => {
    const all = pullRequestsOf([named(1), named(2)], reading(facts, failed), NOW);
    return [all.state, all.merged, all.closed, all.waiting];
  };
  const none = { last: 0, before: 0 };
  expect(countsOf({}, { 1: "HTTP 502", 2: "HTTP 502" })).toEqual(["failed", null, null, null]);
  expect(countsOf(open, { 2: "HTTP 502" })).toEqual(["partial", none, none, { last: 1, before: 0 }]);
  // Only the newest are read: that is a limit, not a failure.
  expect(countsOf(open, {})).toEqual(["cut", none, none, { last: 1, before: 0 }]);
  // The state seven days ago of one that was opened before is unknown.
  const old = pullRequestsOf([named(1), named(2, { openedAt: ago(9) })], reading(open, { 2: "HTTP 502" }), NOW);
  const unknown = { last: 0, before: null };
  expect([old.merged, old.closed, old.waiting, old.opened]).toEqual([
    ...[unknown, unknown],
    ...[{ last: 1, before: null }, { last: 1, before: 1 }],
  ]);
});

test("pullRequestsOf() knows nothing about the time before the first run", () => {
  const open = reading({ 1: { state: "open", createdAt: ago(1) } });
  const beforeOf = (days: number) => {
    const { opened, merged, closed, waiting } = pullRequestsOf([named(1)], open, NOW, ago(days));
    return [opened, merged, closed, waiting].map((pair) => pair?.before);
  };
  expect([beforeOf(6), beforeOf(8)]).toEqual([[null, null, null, null], [0, 0, 0, 0]]);
});

test("pullRequestsOf() reports an address that does not belong to a pull request", () => {
  const none = reading({});
  const url = "https://github.com/acme/api";
  (none as { unasked: Map<string, string> }).unasked.set(url, "");
  expect(pullRequestsOf([{ ...named(1), url }], none, NOW).unread).toEqual([
    { why: "the address is not recognized as a pull request", pullRequests: 1, urls: [url] },
  ]);
});

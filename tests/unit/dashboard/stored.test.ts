import { expect, test } from "bun:test";
import { CAMPAIGN_FORMATS } from "../../../lib/campaign/report/write.ts";
import type { CampaignView } from "../../../lib/campaign/view/view.ts";
import { openRunsOf } from "../../../lib/dashboard/runs.ts";
import { readStored, settle } from "../../../lib/dashboard/stored.ts";
import { historyLine, type HistoryRecord, recordOf } from "../../../lib/report/history.ts";
import { renderJson } from "../../../lib/report/json.ts";
import { NotRegularFileError } from "../../../lib/runtime.ts";
import { anItem, everyVerdict, viewOf } from "../campaign/report/sample_view.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { sampleAutomationResult, sampleEvent, sampleResult } from "../report/sample.ts";

const NOW = Date.parse("2026-08-10T13:00:00Z");

/** Names that end in `runs.ndjson` are histories. */
function read(files: Record<string, string>, nowMs = NOW, pageOf?: (path: string, page: string) => string) {
  const all = new Map(Object.entries(files));
  const isHistory = (path: string) => path.endsWith("runs.ndjson");
  return readStored({
    results: [...all.keys()].filter((path) => !isHistory(path)),
    histories: [...all.keys()].filter(isHistory),
    readText: (path) => all.get(path),
    ...pageOf !== undefined && { pageOf },
  }, nowMs);
}

test("readStored() reads results of both kinds, events and campaigns, newest run first", () => {
  const { runs, campaigns, fileProblems } = read({
    "old/result.json": renderJson(sampleResult({ createdAt: "2026-08-01T00:00:00Z" })),
    "new/result.json": renderJson(sampleAutomationResult({ createdAt: "2026-08-02T00:00:00Z" })),
    "events.ndjson": `${JSON.stringify(sampleEvent(1, { type: "finished", createdAt: "2026-07-01T00:00:00Z" }))}\n`,
    "campaign.json": CAMPAIGN_FORMATS.json.render(everyVerdict()),
  });
  expect(fileProblems).toEqual([]);
  expect(runs.filter(({ campaign }) => campaign === null).map(({ file, kind }) => [file, kind])).toEqual([
    ["old/result.json", "run"],
    ["new/result.json", "automation-run"],
    ["events.ndjson", "run"],
  ]);
  const view = everyVerdict();
  const sum = (...names: (keyof typeof view.counts)[]) => names.reduce((all, name) => all + view.counts[name], 0);
  expect(campaigns[0]).toMatchObject({
    name: view.campaign,
    items: view.items.length,
    good: sum("skipped", "succeeded", "unchanged"),
    running: view.counts.running,
    asking: view.counts["needs-input"],
    failed: sum("unknown", "conflict", "failed", "overdue", "cancelled", "invalid"),
    pullRequests: view.items.filter(({ pullRequest }) => pullRequest !== null).length,
    ended: view.items.length - sum("needs-input", "running", "starting", "quota", "service", "waiting"),
  });
});

test("readStored() has the question of a campaign first among its causes, and counts its item as open", () => {
  const items = [
    ...Array.from({ length: 6 }, (_, at) => anItem(at, "failed", { reason: `${"abcdef"[at]} failed` })),
    anItem(6, "needs-input", { reason: "UTC or local time?" }),
    anItem(7, "cancelled", { reason: "somebody else cancelled it" }),
    anItem(8, "succeeded", { stuck: "failed-checks" }),
  ];
  const { campaigns } = read({ "campaign.json": CAMPAIGN_FORMATS.json.render(viewOf(items)) });
  expect(campaigns[0]).toMatchObject({ items: 9, ended: 8, good: 1, failed: 7, asking: 1 });
  expect(campaigns[0]?.causes.map(({ verdict }) => verdict)).toEqual(["needs-input", ...Array(4).fill("failed")]);
  const question = { verdict: "needs-input", cause: "UTC or local time?", items: 1, names: ["acme/service-6"] };
  expect(campaigns[0]?.causes[0]).toEqual({ ...question, at: items[6]?.startedAt ?? null });
});

test("settle() has in a campaign what the service reports of its runs since the last wave", () => {
  const items = [
    anItem(0, "running"),
    anItem(1, "running"),
    anItem(2, "running"),
    anItem(3, "needs-input", { reason: "UTC or local time?" }),
    anItem(4, "needs-input", { reason: "Which branch?" }),
    anItem(5, "failed", { reason: "exit code 1" }),
  ];
  const stored = read({ "campaign.json": CAMPAIGN_FORMATS.json.render(viewOf(items)) });
  const idOf = (index: number) => items[index]?.runId ?? "";
  const answer = (index: number, status: string, end?: string, error: string | null = null) =>
    [
      idOf(index),
      {
        run: { id: idOf(index), status, error, createdAt: "2026-08-10T12:00:00Z", updatedAt: "2026-08-10T12:30:00Z" },
        end,
        pullRequest: null,
      },
    ] as const;
  const { campaigns: [before] } = stored;
  expect(before).toMatchObject({ asking: 2, running: 3, failed: 1, ended: 1 });
  const { campaigns: [after] } = settle(
    stored,
    new Map([
      answer(0, "awaiting_input", "awaiting_input"),
      answer(1, "failed", "failed", "exit code 1"),
      answer(2, "success", "success"),
      answer(3, "streaming"),
    ]) as never,
  );
  // Of the question of item 4, nothing newer is known. The success of item 2 is judged by the next wave.
  expect(after).toMatchObject({ asking: 2, running: 1, failed: 2, ended: 2 });
  expect(after?.causes.map(({ verdict, cause, items, names }) => [verdict, cause, items, names])).toEqual([
    ["needs-input", "Which branch?", 1, [items[4]?.repository ?? ""]],
    ["failed", "exit code 1", 2, [items[5]?.repository ?? "", items[1]?.repository ?? ""]],
  ]);
});

test("settle() has a failed run as waiting when its item has another attempt, but not a cancelled one", () => {
  const items = [0, 1, 2].map((index) => anItem(index, "running", { attempts: index === 2 ? 1 : 0 }));
  const view = viewOf(items);
  const about = { limits: { attempts: 2 } } as never;
  const stored = read({ "campaign.json": CAMPAIGN_FORMATS.json.render({ ...view, about }) });
  const answers = items.map(({ runId }, index) => {
    const status = index === 1 ? "cancelled" : "failed";
    const times = { createdAt: "2026-08-10T12:00:00Z", updatedAt: "2026-08-10T12:30:00Z" };
    return [runId ?? "", {
      run: { id: runId, status, error: null, ...times },
      end: status,
      pullRequest: null,
    }] as const;
  });
  const { campaigns: [after] } = settle(stored, new Map(answers) as never);
  expect(after).toMatchObject({ running: 0, failed: 2, ended: 2 });
  expect(after?.causes.map(({ verdict, items: count }) => [verdict, count])).toEqual([["cancelled", 1], ["failed", 1]]);
});

test("readStored() has the time that the run took, and never the time that its job waited for it", () => {
  const attached = sampleResult({ replayed: true, durationMs: 200 });
  const { runs } = read({
    "a/result.json": renderJson(sampleResult({ durationMs: 200, runId: "3f0f6f0a-6f0e-4a7e-9a0b-000000000001" })),
    "b/result.json": renderJson(attached),
  });
  expect(runs.map(({ durationMs }) => durationMs)).toEqual([1_080_979, 1_080_979]);
  const late = sampleResult({ outcome: "deadline", status: "running", durationMs: 10_000 });
  expect(read({ "result.json": renderJson(late) }).runs[0]?.durationMs).toBeNull();
});

test("readStored() has a run that found no sandbox as not started, without a duration", () => {
  const problem = { attempted: "begin run", why: "no sandbox was free", value: null, advice: null, code: "NO_SANDBOX" };
  const lacking = sampleResult({ outcome: "error", status: "failed", exitCode: 75, error: problem as never });
  const [run] = read({ "result.json": renderJson(lacking) }).runs;
  expect([run?.outcome, run?.durationMs]).toEqual(["not_started", null]);
});

test("readStored() has the first line of the task, and the page beside the file", () => {
  const text = renderJson(sampleResult({ task: "# Fix it\n\nall" }));
  const { runs } = read({ "a/result.json": text }, NOW, (path) => path.replace("result.json", "run.html"));
  expect(runs[0]).toMatchObject({ task: "Fix it …", page: "a/run.html" });
  expect(read({ "a/result.json": text }).runs[0]?.page).toBeNull();
});

test("readStored() has the page beside the file of a campaign", () => {
  const text = CAMPAIGN_FORMATS.json.render(viewOf([anItem(0, "failed")]));
  const { campaigns } = read({ "a/campaign.json": text }, NOW, (_path, page) => `a/${page}`);
  expect(campaigns[0]?.page).toBe("a/campaign.html");
  expect(read({ "a/campaign.json": text }).campaigns[0]?.page).toBeNull();
});

test("readStored() has the active run of a campaign's item, and not a run before the next attempt", () => {
  const startedAt = "2026-08-10T12:00:00Z";
  const items = [
    anItem(0, "running", { startedAt, endedAt: null }),
    anItem(1, "waiting", { startedAt, endedAt: "2026-08-10T12:05:00Z" }),
  ];
  const { runs } = read({ "campaign.json": CAMPAIGN_FORMATS.json.render(viewOf(items)) });
  expect(runs.map(({ runId, outcome, createdAt, endedAt, durationMs }) => ({
    ...{ runId, outcome, createdAt, endedAt, durationMs },
  }))).toEqual([
    { runId: items[0]?.runId ?? "", outcome: "started", createdAt: startedAt, endedAt: null, durationMs: null },
  ]);
  expect(openRunsOf(runs)).toEqual([items[0]?.runId ?? ""]);
});

test("readStored() leads from the runs of a campaign to its page, and from a run with a page of its own to that", () => {
  const id = sampleResult().runId ?? "";
  const items = [anItem(0, "failed", { runId: id }), anItem(1, "failed")];
  const at = { startedAt: "2026-08-10T12:00:00Z", endedAt: "2026-08-10T12:18:00Z" };
  const files = {
    "r/result.json": renderJson(sampleResult()),
    "a/campaign.json": CAMPAIGN_FORMATS.json.render(viewOf(items.map((item) => ({ ...item, ...at })))),
  };
  const pagesOf = (...args: Parameters<typeof read>) =>
    Object.fromEntries(read(...args).runs.map(({ runId, page }) => [runId, page]));
  const pageOf = (path: string, page: string) => path.replace(/[^/]*$/, page);
  expect(pagesOf(files, NOW, pageOf)).toEqual({ [id]: "r/run.html", [items[1]?.runId ?? ""]: "a/campaign.html" });
  expect(pagesOf(files)).toEqual({ [id]: null, [items[1]?.runId ?? ""]: null });
});

test("readStored() has what the pull requests of a campaign wait for, without those that are merged", () => {
  const owners = (...counts: number[]) =>
    counts.map((count, index) => ({ owner: `o${index}`, items: Array(count).fill("a"), since: null }));
  const text = CAMPAIGN_FORMATS.json.render(viewOf([anItem(0, "succeeded")], {
    merging: [
      { stage: "merged", owners: owners(3) },
      { stage: "review", owners: owners(2, 1) },
      { stage: "blocked", owners: owners(1) },
    ],
  }));
  expect(read({ "a/campaign.json": text }).campaigns[0]?.unmerged).toEqual([
    { stage: "review", pullRequests: 3 },
    { stage: "blocked", pullRequests: 1 },
  ]);
  expect(read({ a: JSON.stringify({ ...JSON.parse(text), merging: [1, { stage: 2 }] }) }).campaigns[0]?.unmerged)
    .toEqual([]);
});

test("readStored() has a campaign and round once, from the newest file, when clones of one home each have one", () => {
  const at = (hour: number, changes: Partial<CampaignView>) =>
    CAMPAIGN_FORMATS.json.render(viewOf([anItem(0, "failed")], { at: `2026-12-01T0${hour}:00:00.000Z`, ...changes }));
  const { campaigns } = read({
    "a/campaign.json": at(2, { state: "stopping" }),
    "b/campaign.json": at(3, { state: "done" }),
    "c/campaign.json": at(1, { state: "running" }),
    "d/campaign.json": at(1, { state: "running", round: "2027-01" }),
  });
  expect(campaigns.map(({ file, state }) => [file, state])).toEqual([["b/campaign.json", "done"], [
    "d/campaign.json",
    "running",
  ]]);
});

test("readStored() takes what is no file of ours for a problem, whatever is in it", () => {
  const texts = ["{}", "[]", "null", '{"campaign":1}', '{"schema":1,"campaign":"a","state":"done"}', "\0"];
  const files = Object.fromEntries([...texts, ...CORPUS.map(({ text }) => text)].map((text, at) => [`f${at}`, text]));
  const { runs, campaigns, fileProblems } = readStored({
    results: [...Object.keys(files), "gone"],
    histories: [],
    readText: (path) => files[path],
  }, NOW);
  expect(campaigns).toEqual([]);
  // An empty file has no event, so nothing says how the run ended.
  expect(runs.every(({ outcome }) => outcome === "deadline")).toBe(true);
  expect(fileProblems.at(-1)).toEqual({ file: "gone", kind: "file", why: "There is no such file" });
  const odd = { ...viewOf([anItem(0, "failed")]), counts: { failed: -1, "__proto__": 3, done: 1e99 }, exitCode: 1e9 };
  expect(read({ a: JSON.stringify(odd) }).campaigns[0]).toMatchObject({ items: 0, good: 0, exitCode: 0 });
});

const line = (fields: Partial<HistoryRecord>) => {
  const record = recordOf(sampleResult({ repository: "acme/api", task: "Fix it" }), NOW, "nightly");
  return historyLine({ ...record, ...fields } as HistoryRecord);
};

test("readStored() has each run once, with what any of result, history and campaign knows of it", () => {
  const id = sampleResult().runId ?? "";
  const item = anItem(0, "succeeded", {
    ...{ runId: id, repository: "acme/api", pullRequest: "https://github.com/acme/api/pull/7" },
    ...{ startedAt: "2026-08-10T12:00:00Z", endedAt: "2026-08-10T12:18:00Z" },
  });
  const { runs, pulls, covers } = read({
    "runs.ndjson": line({ mention: true }) + line({ runId: "other", outcome: "failed" }),
    "result.json": renderJson(sampleResult({ task: "Fix it" })),
    "campaign.json": CAMPAIGN_FORMATS.json.render(viewOf([item], { campaign: "node" })),
  });
  expect(runs.length).toBe(2);
  expect(runs.find(({ runId }) => runId === id)).toMatchObject({
    ...{ file: "result.json", repository: "acme/api", job: "nightly", task: "Fix it", campaign: "node" },
    mention: true,
    ...{ outcome: "success", exitCode: 0, pullRequest: "https://github.com/acme/web/pull/7" },
  });
  expect(pulls.map(({ url, campaign }) => [url, campaign])).toEqual([
    ["https://github.com/acme/web/pull/7", "node"],
    ["https://github.com/acme/api/pull/7", "node"],
  ]);
  expect(covers).toMatchObject({ results: 1, campaigns: 1, histories: 1, lines: 2, jobs: ["nightly"] });
});

test("readStored() counts the runs that are older than the Monday on which the 12 weeks begin", () => {
  // `read` reads on a Monday.
  const { runs, covers } = read({
    "runs.ndjson": [
      line({ runId: "a", endedAt: "2026-05-25T00:00:00.000Z" }),
      line({ runId: "b", endedAt: "2026-05-24T23:59:59.999Z" }),
      line({ runId: "c", endedAt: "2026-05-01T00:00:00.000Z" }),
      line({ runId: "c", endedAt: "2026-05-01T00:00:00.000Z" }),
    ].join(""),
  });
  expect([runs.map(({ runId }) => runId), covers.leftOut, covers.since]).toEqual([["a"], 2, "2026-05-25"]);
});

test("readStored() dates a pull request by the first of its runs", () => {
  const pullRequest = "https://github.com/acme/web/pull/7";
  const { pulls } = read({
    "runs.ndjson": [
      line({ runId: "a", endedAt: "2026-08-01T00:00:00.000Z", pullRequest }),
      line({ runId: "b", endedAt: "2026-08-09T00:00:00.000Z", pullRequest }),
    ].join(""),
  });
  expect(pulls.map(({ url, openedAt }) => [url, openedAt])).toEqual([[pullRequest, "2026-08-01T00:00:00.000Z"]]);
});

test("readStored() takes what it can read of a history, and names the lines that it cannot", () => {
  const { runs, fileProblems } = read({
    "a/runs.ndjson": `${line({})}nonsense\n`,
    "b/runs.ndjson": line({ task: undefined as never }) + line({ at: "" }),
    "runs.ndjson": line({}),
  });
  expect(runs.length).toBe(1);
  expect(fileProblems.map(({ file, kind, why }) => [file, kind, why])).toEqual([
    ["a/runs.ndjson", "lines", "1 line could not be read as a run. Line 2: it is not JSON"],
    ["b/runs.ndjson", "file", '2 lines could not be read as a run. Line 1: "task" is neither text nor null'],
  ]);
});

test("readStored() names the other flag for a file that was passed with the wrong one", () => {
  const result = renderJson(sampleResult({ repository: "acme/api" }));
  const { runs, campaigns, fileProblems } = read({
    "a-runs.ndjson": result,
    "b-runs.ndjson": CAMPAIGN_FORMATS.json.render(viewOf([anItem(0, "succeeded")])),
    "c-runs.ndjson": `${JSON.stringify(sampleEvent(1))}\n`,
    "one.json": line({}),
    "two.json": line({}) + line({ runId: "other" }),
  });
  expect([runs, campaigns]).toEqual([[], []]);
  const [history, other] = [
    "This is a history. Pass it with --history",
    "This is the result of a run or a campaign. Pass it with --results",
  ];
  expect(fileProblems.map(({ file, kind, why }) => [file, kind, why])).toEqual([
    ...["one.json", "two.json"].map((file) => [file, "file", history]),
    ...["a-runs.ndjson", "b-runs.ndjson", "c-runs.ndjson"].map((file) => [file, "file", other]),
  ]);
});

test("readStored() reports the projects whose runs were not collected, and does not count the file that names them", () => {
  const problem = (source: string, why: string, empty?: boolean) =>
    `${JSON.stringify({ schemaVersion: 1, kind: "problem", source, why, empty })}\n`;
  const { covers, fileProblems } = read({
    "a/runs.ndjson": line({}),
    "b/runs.ndjson": problem("acme/web", "HTTP 500") + problem("acme/api", "HTTP 404") +
      problem("acme/web", "HTTP 401", false) + problem("acme/new", "HTTP 403", true),
    "runs.ndjson": problem("", "HTTP 401"),
  });
  expect(covers).toMatchObject({ histories: 1, lines: 1 });
  expect(fileProblems).toEqual([
    { file: "runs.ndjson", kind: "file", why: '1 line could not be read as a run. Line 1: "source" is missing' },
    { file: "acme/web", kind: "project", why: "HTTP 401" },
    { file: "acme/api", kind: "project", why: "HTTP 404" },
    { file: "acme/new", kind: "empty-project", why: "HTTP 403" },
  ]);
});

test("readStored() leaves out runs from before the weeks that a dashboard shows", () => {
  const endedAt = new Date(NOW - 90 * 86_400_000).toISOString();
  expect(read({ "runs.ndjson": line({ endedAt }) + line({ runId: "new" }) }).runs.map(({ runId }) => runId)).toEqual([
    "new",
  ]);
});

test("readStored() prefers the result of a run to its events, whatever their names are", () => {
  const runId = "4845f0de-32fa-486a-9752-8f307b9ae8ef";
  const { runs } = read({
    "a/events.ndjson": [
      sampleEvent(1, { type: "started", payload: { external_run_id: runId } }),
      sampleEvent(2, { type: "failed", message: "Harness run failed." }),
    ].map((event) => `${JSON.stringify(event)}\n`).join(""),
    "b/result.json": renderJson(sampleResult({
      ...{ runId, outcome: "failed", reason: "Agent run exited with code 1.", createdAt: "2026-08-01T00:00:00Z" },
    })),
  });
  expect(runs.map(({ file, reason }) => [file, reason])).toEqual([["b/result.json", "Agent run exited with code 1."]]);
});

test("readStored() begins with the first complete week if it counts only the newest 5000 runs", () => {
  // Six weeks of 1000 runs, each on a Thursday.
  const text = Array.from({ length: 6_000 }, (_, index) => {
    const ms = Date.parse("2026-08-06T12:00:00Z") - Math.floor(index / 1_000) * 7 * 86_400_000;
    return line({ runId: `r${index}`, endedAt: new Date(ms + index % 10).toISOString() });
  });
  expect(read({ "runs.ndjson": text.slice(0, 5_000).join("") }).covers).toMatchObject({
    leftOut: 0,
    since: "2026-05-25",
  });
  // The oldest runs are on Thursday, 9 July, and all of that week are there; but that is not known.
  expect(read({ "runs.ndjson": text.join("") }).covers).toMatchObject({ leftOut: 1_000, since: "2026-07-13" });
});

test("readStored() suggests a pattern for a folder", () => {
  const { fileProblems } = readStored({
    ...{ results: ["reports"], histories: ["runs"] },
    readText() {
      throw new NotRegularFileError();
    },
  }, NOW);
  expect(fileProblems.map(({ why }) => why)).toEqual([
    "it is not a regular file; use a pattern, such as 'reports/*/result.json'",
    "it is not a regular file; use a pattern, such as 'runs/*.ndjson'",
  ]);
});

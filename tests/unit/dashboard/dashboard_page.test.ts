import { expect, test } from "bun:test";
import {
  ageText,
  cautionOf,
  type Concern,
  concernsOf,
  foldConcerns,
  headlineOf,
  uncountedText,
} from "../../../lib/dashboard/attention.ts";
import { cleanDashboard } from "../../../lib/dashboard/collect.ts";
import { renderDashboardPage } from "../../../lib/dashboard/dashboard_page.ts";
import { renderDashboardMetrics } from "../../../lib/dashboard/metrics.ts";
import { NOT_AMONG_NEWEST } from "../../../lib/dashboard/pull_requests.ts";
import { NO_MATCH } from "../../../lib/dashboard/stored.ts";
import type { FileProblem, RunEntry, RunFigures } from "../../../lib/dashboard/data.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import { breaches as breachesOf, elementsOf, textsOf } from "../report/page_parser.ts";
import { brokenDashboard, emptyDashboard, fullDashboard, listsWith } from "./sample_data.ts";

type Data = Parameters<typeof cleanDashboard>[0];

const render = (data: Data) => renderDashboardPage(cleanDashboard(data, createRedactor()));

/** Beside addresses of the web, it leads to pages and data in its own folder. */
const breaches = (page: string) =>
  breachesOf(
    page,
    elementsOf(page),
    /^(?:#|https?:\/\/|data\.json$|metrics\.prom$|(?!\.\.)[\w%.()-]+(?:\/[\w%.-]+)*\.html$)/,
  );

/** What a concern says and what to run. */
const adviceOf = ({ line, command }: Concern) => command === null ? line : `${line} ${command}`;

const todosOf = (page: string) => {
  const elements = elementsOf(page);
  const start = elements.findIndex(({ attributes }) => attributes.class === "panel todo");
  return elements.slice(start).filter(({ tag, text }) => tag === "li" && /(?:Show|Open)/.test(text)).map(({ text }) =>
    text
  );
};

test("renderDashboardPage() says first what needs attention, most urgent first, with age and link", () => {
  const page = render(fullDashboard(12));
  expect(breaches(page)).toEqual([]);
  expect(textsOf(page, "h1")).toEqual([expect.stringMatching(/^16 things need attention as of \d/)]);
  expect(todosOf(page).slice(0, 5)).toEqual([
    "acme/service-9 (nightly): “Fix the flaky tests of service 9, and do not raise timeouts” needs an answerAnswer in the app, or cancel the run:mogplex-ci runs cancel d0000000-0000-4000-8000-000000002009This needs a token with the write scope.for 10 hOpen run Open the app Open job",
    "Approve or stop the campaign “campaign-1”2 of 3 items of the canary failed. 18 repositories are waiting. Run this command with the same flags as the campaign's jobs:mogplex-ci campaign approve campaign.ymlfor 5 hShow",
    "acme/service-3 (nightly): “Fix the flaky tests of service 3, and do not raise timeouts” needs an answerAnswer in the app, or cancel the run:mogplex-ci runs cancel d0000000-0000-4000-8000-000000002003This needs a token with the write scope.for 4 hOpen run Open the app Open job",
    "acme/service-2 (nightly): “Fix the flaky tests of service 2, and do not raise timeouts” failednpm test exited with code 1. After 3 min.3 h agoShow Open job",
    "acme/service-8 (nightly): “Fix the flaky tests of service 8, and do not raise timeouts” failednpm test exited with code 1. After 9 min.9 h agoShow Open job",
  ]);
  // Seven are open, the others folded. "Show" leads to the row of the run.
  expect(textsOf(page, "summary")[0]).toBe("9 more");
  const [row] = elementsOf(page).filter(({ tag, attributes }) => tag === "tr" && attributes.id === "run-3");
  expect([row?.text.startsWith("acme/service-2"), page.includes('<a href="#run-3">Show</a>')]).toEqual([true, true]);
});

test("concernsOf() sorts by kind, and foldConcerns() folds no question and no waiting pull requests", () => {
  const hoursAgo = (hours: number) => new Date(Date.parse("2026-12-01T06:00:00Z") - hours * 3_600_000).toISOString();
  const run = (runId: string, outcome: string, hours: number) => ({
    ...{
      file: "h",
      kind: "run",
      runId,
      repository: "acme/api",
      job: "nightly",
      jobUrl: null,
      task: null,
      taskKey: runId,
      page: null,
    },
    ...{
      outcome,
      exitCode: 1,
      reason: null,
      lastLine: null,
      pullRequest: null,
      campaign: null,
      mention: null,
      createdAt: null,
    },
    ...{ endedAt: hoursAgo(hours), durationMs: null },
  });
  const pull = { ...fullDashboard(1).pullRequests.entries[0], openedAt: hoursAgo(100) };
  const data = emptyDashboard({
    runs: [run("a1b2c3d4", "failed", 1), run("q1q1q1q1", "awaiting_input", 5), run("b", "failed", 2)] as Data["runs"],
  });
  const all = concernsOf({
    ...data,
    pullRequests: { ...data.pullRequests, entries: [pull] as Data["pullRequests"]["entries"] },
  });
  expect(all.map((each) => [each.subject, adviceOf(each)])).toEqual([
    ["acme/api (nightly) needs an answer", "Answer in the app, or cancel the run: mogplex-ci runs cancel q1q1q1q1"],
    ["acme/api (nightly) failed", "Run a1b2c3d4."],
    ["acme/api (nightly) failed", "Run b."],
    [
      "1 pull request has been open for more than 3 days",
      "Oldest: acme/service-0 #1 (4 days, checks passed, review requested, with mira).",
    ],
  ]);
  const [twice, once] = [foldConcerns(all, 2), foldConcerns(all, 3)];
  expect([twice.open.map(({ kind }) => kind), twice.folded.map(({ kind }) => kind)]).toEqual([
    ["decision", "pull request"],
    ["run", "run"],
  ]);
  // A fold takes as much room as a single line in it.
  expect(once).toEqual({ open: all, folded: [] });
  expect(foldConcerns(all, 1).open.map(({ kind }) => kind)).toEqual(["decision", "pull request"]);
});

test("renderDashboardPage() shows how many pull requests are open, how many were a week ago, and how many are for long", () => {
  const pulls = fullDashboard(1).pullRequests;
  const summaryOf = (last: number, before: number, ...days: number[]) => {
    const entries = days.map((each) => ({
      ...pulls.entries[0],
      openedAt: new Date(Date.parse("2026-12-01T06:00:00Z") - each * 86_400_000).toISOString(),
    })) as Data["pullRequests"]["entries"];
    const page = render({ ...emptyDashboard(), pullRequests: { ...pulls, waiting: { last, before }, entries } });
    return / (\d+ pull requests? .*\.)/.exec(textsOf(page, "header")[0] ?? "")?.[1];
  };
  expect(summaryOf(21, 11, 4, 5, 1)).toBe(
    "21 pull requests are open (11 a week ago). 2 of them have been open for more than 3 days.",
  );
  expect(summaryOf(1, 0, 4)).toBe(
    "1 pull request is open (0 a week ago). It has been open for more than 3 days.",
  );
  expect(summaryOf(2, 2, 4, 4)).toBe(
    "2 pull requests are open (2 a week ago). All of them have been open for more than 3 days.",
  );
  expect(summaryOf(2, 2, 1, 1)).toBe("2 pull requests are open (2 a week ago).");
});

function concernsAndData(changes: Partial<Data>): Parameters<typeof headlineOf> {
  const data = emptyDashboard({ covers: { ...emptyDashboard().covers, lines: 1, histories: 1 }, ...changes });
  return [concernsOf(data), data];
}

test("headlineOf() counts what needs attention, and leaves out runs whose job was stopped", () => {
  const [run] = fullDashboard(1).runs;
  const headline = (outcomes: string[], changes: Partial<Data> = {}) => {
    const runs = outcomes.map((outcome, index) => ({
      ...run,
      runId: `r${index}`,
      outcome,
      task: `t${index}`,
      pullRequest: null,
    }));
    return headlineOf(...concernsAndData({ runs: runs as Data["runs"], ...changes }));
  };
  expect(headline(["success", "interrupted", "started", "cancelled"])).toBe("All is well");
  expect(headline(["failed", "interrupted"])).toBe("1 thing needs attention");
  expect(headline(["failed", "error", "awaiting_input"])).toBe("3 things need attention");
  const fileProblems: FileProblem[] = [{ file: "broken.json", kind: "file", why: "line 1 is not an event" }];
  expect(headline(["failed"], { fileProblems })).toBe("2 things need attention");
});

test("concernsOf() has a repository whose runs often fail, unless its newest run is listed", () => {
  const [run] = fullDashboard(1).runs;
  const concerns = (outcomes: string[]) => {
    const runs = outcomes.map((outcome, index) => ({
      ...{ ...run, runId: `r${index}`, outcome, repository: "acme/billing", pullRequest: null, page: null },
      endedAt: new Date(Date.parse("2026-12-01T06:00:00Z") - (index + 1) * 3_600_000).toISOString(),
      reason: outcome === "failed" ? "npm test exited with code 1" : null,
    }));
    return concernsOf(emptyDashboard({ runs: runs as Data["runs"] }));
  };
  expect(concerns(["success", "failed", "success", "failed", "success"])).toEqual([{
    kind: "repository",
    tone: "warn",
    subject: "acme/billing: 2 of 5 runs in the last 7 days failed",
    line: "Last failure: npm test exited with code 1.",
    command: null,
    at: Date.parse("2026-12-01T04:00:00Z"),
    lasts: false,
    link: {
      words: "Show the runs",
      part: "run-2",
      rows: { repository: "acme/billing", kind: "failed" },
    },
    jobUrl: null,
    appUrl: null,
  }]);
  expect(concerns(["failed", "success", "failed", "success", "success"]).map(({ subject }) => subject)).toEqual([
    "acme/billing (nightly): “Fix the flaky tests of service 0, and do not raise timeouts” failed",
  ]);
});

const campaignWith = (changes: Partial<Data["campaigns"][number]>): Data => {
  const [campaign] = fullDashboard(1).campaigns;
  return emptyDashboard({ campaigns: campaign === undefined ? [] : [{ ...campaign, causes: [], ...changes }] });
};

test("concernsOf() has the question of a campaign, and its item is neither finished nor failed", () => {
  const cause = "the run is waiting for an answer";
  const question = { verdict: "needs-input", cause, items: 1, names: ["acme/api"], at: null };
  const data = campaignWith({ items: 3, ended: 2, good: 1, failed: 1, asking: 1, running: 0, causes: [question] });
  expect(concernsOf(data).map(({ tone, subject, line }) => [tone, subject, line])).toEqual([
    [
      "warn",
      "1 item of “Move to Node 24” (move-to-node-24, round 2026-12) needs an answer",
      "acme/api: answer in the app, or cancel the run.",
    ],
  ]);
  const page = render(data);
  expect(textsOf(page, "h1")).toEqual([expect.stringMatching(/^1 thing needs attention as of \d/)]);
  const row = elementsOf(page).find(({ tag, text }) => tag === "tr" && text.startsWith("Move to Node 24"));
  expect(row?.text).toStartWith("Move to Node 24 move-to-node-24, round 2026-12waiting 1 question");
  expect(row?.text).toContain("2 of 31");
});

test("concernsOf() has a campaign that a person stopped while items are left, until none is", () => {
  const stopped = { state: "stopped", stateReason: "stopped by ann: too many reviews", items: 4, ended: 3 };
  expect(concernsOf(campaignWith(stopped)).map((each) => [each.subject, adviceOf(each)])).toEqual([[
    "Resume the campaign “Move to Node 24” (move-to-node-24, round 2026-12), or skip the remaining items",
    "Stopped by ann: too many reviews. 1 repository is left. " +
    "Run this command with the same flags as the campaign's jobs: mogplex-ci campaign resume FILE",
  ]]);
  expect(concernsOf(campaignWith({ ...stopped, ended: 4 }))).toEqual([]);
  // Too many failures stop it, too, and ask for another decision.
  const closed = campaignWith({ ...stopped, gatedAt: "2026-12-01T05:00:00Z" });
  expect(concernsOf(closed).map(({ tone, subject, command }) => [tone, subject, command])).toEqual([
    [
      ...["bad", "The campaign “Move to Node 24” (move-to-node-24, round 2026-12) stopped after too many failures"],
      "mogplex-ci campaign status FILE",
    ],
  ]);
  const commandOf = (campaignFile: string) => concernsOf(campaignWith({ ...stopped, campaignFile }))[0]?.command;
  expect([commandOf("ci/node 24.yml"), commandOf("--home=x")]).toEqual([
    "mogplex-ci campaign resume 'ci/node 24.yml'",
    "mogplex-ci campaign resume FILE",
  ]);
  const row = elementsOf(render(closed)).find(({ tag, text }) => tag === "tr" && text.startsWith("Move to Node 24"));
  expect(row?.text).toContain("too many failures");
});

test("concernsOf() has stopped merges and the error of the last wave of a campaign", () => {
  const data = campaignWith({ title: null, round: "", mergesStopped: "2 merges broke main", lastError: "Cannot push" });
  expect(concernsOf(data).map(({ tone, subject, line }) => [tone, subject, line])).toEqual([
    ["warn", "The campaign “move-to-node-24” has stopped merging", "2 merges broke main."],
    ["bad", "The last wave of the campaign “move-to-node-24” stopped with an error", "Cannot push."],
  ]);
});

test("renderDashboardPage() has a sentence where there is nothing, and neither figures nor charts", () => {
  const page = render(emptyDashboard());
  expect(breaches(page)).toEqual([]);
  expect(textsOf(page, "h1")).toEqual([expect.stringMatching(/^No runs are counted as of \d/)]);
  expect(textsOf(page, "header")[0]).toContain(
    "No runs are counted because neither --history nor --results was given.",
  );
  expect(textsOf(page, "p").join()).not.toContain("Only runs in these files are counted");
  const covers = { ...emptyDashboard().covers, histories: 1, lines: 1 };
  const empty = render(emptyDashboard({ covers: { ...covers, lines: 0 } }));
  expect(textsOf(empty, "header")[0]).toContain("No runs are counted because the files contain no runs.");
  const fileProblems = ["none/*.ndjson", "no/*.json"].map((file): FileProblem => ({
    ...{ file, kind: "pattern", why: NO_MATCH },
  }));
  expect(textsOf(render(emptyDashboard({ fileProblems })), "header")[0]).toContain(
    "No runs are counted because no file matches none/*.ndjson or no/*.json.",
  );
  expect(textsOf(render(emptyDashboard({ fileProblems })), "p")).toContainEqual(expect.stringMatching(
    /^No file matches none\/\*\.ndjson, no\/\*\.json, so no runs are counted\. Check the patterns, and make sure that jobs write a history\.$/,
  ));
  const unread = (whys: Record<string, string>) =>
    uncountedText(
      emptyDashboard({ fileProblems: Object.entries(whys).map(([file, why]) => ({ file, kind: "file", why })) }),
    );
  const [gone, denied] = ["There is no such file", "EACCES: permission denied"];
  expect([unread({ "a.ndjson": gone }), unread({ a: gone, b: gone }), unread({ a: gone, b: denied })]).toEqual([
    "No runs are counted because a.ndjson does not exist.",
    "No runs are counted because the files do not exist.",
    "No runs are counted because no file could be read.",
  ]);
  expect(textsOf(page, "h2")).toEqual(["Automations and sandboxes", "What this page covers"]);
  expect([textsOf(page, "table"), textsOf(page, "dl")]).toEqual([[], []]);
  expect(page.length).toBeLessThan(40_000);
});

/** A run that succeeded this many days ago. */
function successOf(days: number): RunEntry {
  const [sample] = fullDashboard(1).runs;
  const endedAt = new Date(Date.parse("2026-12-01T06:00:00Z") - days * 86_400_000).toISOString();
  return { ...sample as RunEntry, outcome: "success", pullRequest: null, endedAt };
}

test("cautionOf() has a gray heading instead of a green one until a run of the last 7 days is counted", () => {
  const covers = { ...emptyDashboard().covers, histories: 1, lines: 3 };
  const shown = (changes: Partial<Data>) => {
    const data = emptyDashboard({ covers, ...changes });
    const page = render(data);
    const icon = /<h1><svg[^>]*><use href="#i-(\w+)"/.exec(page)?.[1];
    return [cautionOf(data), textsOf(page, "title"), textsOf(page, "h1")[0]?.split(" as of")[0], icon];
  };
  expect(shown({ runs: [successOf(6)] })).toEqual([
    null,
    [expect.stringContaining("All is well – ")],
    "All is well",
    "good",
  ]);
  const cases: [Partial<Data>, heading: string, text: string][] = [
    [{ runs: [successOf(56)] }, "No run ended in the last 7 days", "The last run ended 56 days ago."],
    [{}, "No run ended in the last 7 days", "No run ended in the last 7 days."],
    [
      { covers: { ...covers, leftOut: 3 } },
      "No runs are counted",
      "No runs are counted because every run is older than 12 weeks.",
    ],
    [
      { covers: { ...covers, leftOut: 1 } },
      "No runs are counted",
      "No runs are counted because every run is older than 12 weeks.",
    ],
  ];
  for (const [changes, heading, text] of cases) {
    expect(shown(changes)).toEqual([
      { heading, text },
      [expect.stringContaining(`${heading} – `)],
      heading,
      undefined,
    ]);
    expect(textsOf(render(emptyDashboard({ covers, ...changes })), "header")[0]).toContain(text);
  }
});

test("renderDashboardPage() says that regular runs have stopped, and has figures of 0", () => {
  const [sample] = fullDashboard(1).runs;
  const runs = [10, 12, 14, 16, 18, 20].map((days) => ({
    ...sample as RunEntry,
    ...{ runId: `run-${days}`, kind: "run" as const, outcome: "success", campaign: null, pullRequest: null },
    endedAt: new Date(Date.parse("2026-12-01T06:00:00Z") - days * 86_400_000).toISOString(),
  }));
  const page = render(emptyDashboard({ runs, covers: { ...emptyDashboard().covers, histories: 1, lines: 6 } }));
  expect(textsOf(page, "h1")).toEqual([expect.stringMatching(/^1 thing needs attention as of \d/)]);
  expect(textsOf(page, "section")[0]).toContain(
    ": no run for 10 days (before that, 4 runs a week)Check its schedule and its token.",
  );
  expect(textsOf(page, "dl").slice(0, 2)).toEqual(["Runs0", "Succeeded–"]);
});

const figures = (runs: number, succeeded: number, minutes: number): RunFigures => ({
  ...{
    runs,
    succeeded,
    failed: runs - succeeded,
    cancelled: 0,
    notStarted: 0,
    waiting: 0,
    running: 0,
    unfinished: 0,
    medianMs: minutes * 60_000,
    slowestMs: 3 * minutes * 60_000,
    totalMs: runs * minutes * 60_000,
  },
  p95Ms: runs < 20 ? null : 2 * minutes * 60_000,
});
const tilesOf = (last: RunFigures, before: RunFigures) =>
  elementsOf(render({ ...emptyDashboard(), days: { last, before } })).filter(({ attributes }) =>
    attributes.class === "panel tile"
  )
    .map(({ text }) => text);

test("renderDashboardPage() compares the last seven days with the seven before", () => {
  expect(tilesOf(figures(62, 54, 6), figures(51, 42, 7))).toEqual([
    "Runs62↑ 11 more than 516.2 h of agent time (6 h before)",
    "Succeeded87%↑ 5 points better than 82%",
    "Median duration6 min↓ 1 min faster than 7 min",
    "95% finish within12 min↓ 2 min faster than 14 min",
  ]);
});

test("renderDashboardPage() counts successes among the runs that succeeded or failed, and names the others", () => {
  const last = { ...figures(40, 31, 6), runs: 46, cancelled: 3, waiting: 1, unfinished: 2 };
  const others = "3 were cancelled, 1 needs an answer, 2 had not finished when their jobs ended";
  expect(tilesOf(last, figures(51, 42, 7))[1]).toBe(
    "Succeeded78%↓ 4 points worse than 82%of 40 that succeeded or failed",
  );
  const summaryOf = (days: RunFigures) =>
    textsOf(render({ ...emptyDashboard(), days: { last: days, before: days } }), "header")[0];
  expect(summaryOf(last)).toContain(`46 runs in the last 7 days, 78% succeeded (not counted: ${others}).`);
  const none = { ...figures(0, 0, 6), runs: 2, cancelled: 1, unfinished: 1, medianMs: null, slowestMs: null };
  expect(summaryOf(none)).toContain(
    "2 runs in the last 7 days: 1 was cancelled, 1 had not finished when its job ended.",
  );
});

test("concernsOf() has runs whose state is unknown once, and not as runs that failed or did not finish in time", () => {
  const runs = fullDashboard(12).runs.filter(({ outcome }) => outcome === "unfinished");
  const openRuns = { state: "cut", why: "2 of 12 unfinished runs were not read" } as const;
  const data = emptyDashboard({ runs, lists: listsWith({ openRuns }) });
  expect(concernsOf(data).map(({ subject, line }) => [subject, line])).toEqual([[
    "The state of 2 unfinished runs is unknown",
    "acme/service-4, acme/service-10. 2 of 12 unfinished runs were not read.",
  ]]);
  expect(data.days.last).toMatchObject({ runs: 2, succeeded: 0, failed: 0, unfinished: 2, medianMs: null });
  expect(textsOf(render(data), "td")).toContain("not finished");
  const gone = emptyDashboard({
    runs: runs.map((each) => ({ ...each, outcome: "forgotten" })),
    lists: listsWith({ openRuns }),
  });
  expect(concernsOf(gone)).toEqual(concernsOf(data));
  expect(textsOf(render(gone), "td").filter((text) => /not finished|not visible/.test(text))).toEqual([
    ...["not visible", "not visible"],
  ]);
});

test("concernsOf() has a question that the token cannot see, as its history knows it, for seven days", () => {
  const [first] = fullDashboard(12).runs.filter(({ outcome }) => outcome === "unfinished");
  if (first === undefined) throw new Error("no run");
  const run = { ...first, outcome: "forgotten", exitCode: 4, task: "Update the docs", job: null, campaign: null };
  const openRuns = { state: "cut", why: "1 of 1 unfinished run was not read" } as const;
  const shown = (change: Partial<typeof first>) =>
    concernsOf(emptyDashboard({ runs: [{ ...run, ...change }], lists: listsWith({ openRuns }) }))
      .map((each) => [each.kind, each.subject, adviceOf(each)]);
  const subject = `${run.repository}: “Update the docs” was waiting for an answer when its job ended`;
  const answer = `Its user can answer in the app, or cancel the run: mogplex-ci runs cancel ${run.runId}`;
  const unseen = "The dashboard's token cannot see it: it was deleted, or it belongs to another user.";
  expect(shown({})).toEqual([["decision", subject, `${unseen} ${answer}`]]);
  const page = render(emptyDashboard({ runs: [run], lists: listsWith({ openRuns }) }));
  expect(textsOf(page, "section")[0]).toMatch(/\d (?:h|min) ago/);
  expect(textsOf(page, "p")).toContain("This needs a token with the write scope.");
  expect(render(fullDashboard(0))).not.toContain("needs a token");
  expect(shown({ outcome: "unfinished" })).toEqual([["decision", subject, `${openRuns.why}. ${answer}`]]);
  expect(shown({ endedAt: "2026-11-01T00:00:00Z" })).toEqual([]);
  expect(shown({ exitCode: 124 }).map(([kind]) => kind)).toEqual(["source"]);
  // A campaign whose campaign.json was read lists the questions of its items itself.
  const campaigns = fullDashboard(1).campaigns.map((each) => ({ ...each, name: "node", state: "done" }));
  const item = { ...run, campaign: "node" };
  expect(concernsOf(emptyDashboard({ runs: [item], campaigns })).filter(({ kind }) => kind === "decision")).toEqual([]);
});

test("concernsOf() has the questions of a campaign without its campaign.json, whose runs the token cannot see", () => {
  const [first] = fullDashboard(12).runs.filter(({ outcome }) => outcome === "unfinished");
  const run = { ...first, outcome: "forgotten", exitCode: 4, task: null, campaign: "node" } as Data["runs"][number];
  const shown = (...runs: Data["runs"]) =>
    concernsOf(emptyDashboard({ runs })).filter(({ kind }) => kind === "decision")
      .map((each) => [each.subject, adviceOf(each)]);
  const cancel = `mogplex-ci runs cancel ${run.runId}`;
  expect(shown(run)).toEqual([[
    "1 item of the campaign “node” was waiting for an answer when its job ended",
    `${run.repository}. The dashboard's token cannot see it: it was deleted, or it belongs to another user. ` +
    `Its user can answer in the app, or cancel the run: ${cancel}`,
  ]]);
  expect(shown(run, { ...run, runId: "other", repository: "acme/other" })).toEqual([[
    "2 items of the campaign “node” were waiting for an answer when their jobs ended",
    `${run.repository}, acme/other. The dashboard's token cannot see them: they were deleted, or they belong to ` +
    `another user. Their user can answer in the app, or cancel the runs, starting with: ${cancel}`,
  ]]);
});

test("renderDashboardPage() compares durations so that the figures add up", () => {
  expect(tilesOf(figures(62, 54, 7 / 60), figures(51, 42, 18)).slice(2)).toEqual([
    "Median duration7 s↓ 17 min 53 s faster than 18 min",
    "95% finish within14 s↓ 35 min 46 s faster than 36 min",
  ]);
});

test("renderDashboardPage() compares only from five runs on, and shows the slowest where 95 % say nothing", () => {
  expect(tilesOf(figures(4, 3, 6), figures(51, 42, 7))).toEqual([
    "Runs424 min of agent time",
    "Succeeded3 of 4",
    "Median duration6 min",
    "Slowest18 min",
  ]);
  const one = { ...figures(1, 0, 6), runs: 2, cancelled: 1 };
  expect(tilesOf(one, one)[1]).toBe("Succeeded0 of 1");
  expect(tilesOf(figures(62, 54, 6), figures(62, 54, 6))[1]).toBe("Succeeded87%unchanged");
});

test("renderDashboardPage() shows in the bar of a campaign only what has finished", () => {
  const [campaign] = fullDashboard(4).campaigns;
  const fillsOf = (changes: object) => {
    const counts = { items: 4, ended: 0, good: 0, failed: 0, asking: 0, running: 0, ...changes };
    const page = render(emptyDashboard({ campaigns: [{ ...campaign, ...counts }] as Data["campaigns"] }));
    const [meter] = /<svg class="meter".*?<\/svg>/s.exec(page.slice(page.indexOf(">Campaigns<"))) ?? [""];
    return meter.match(/<rect/g)?.length;
  };
  // The track, and a part for each kind of end.
  expect([fillsOf({ running: 1, asking: 1 }), fillsOf({ ended: 2, good: 1, failed: 1 })]).toEqual([1, 3]);
});

test("renderDashboardPage() judges less time and more successes as better, and says nothing about more runs", () => {
  const page = render({ ...emptyDashboard(), days: { last: figures(60, 40, 8), before: figures(50, 45, 7) } });
  const signs = elementsOf(page).filter(({ tag, attributes }) =>
    tag === "span" && attributes["aria-hidden"] === "true"
  );
  expect(signs.map(({ text, attributes }) => [text, attributes.class])).toEqual([
    ["↑", "idle"],
    ["↓", "warn"],
    ["↑", "warn"],
    ["↑", "warn"],
  ]);
});

test("renderDashboardPage() shows which open pull requests could be read only in part", () => {
  const data = fullDashboard(3);
  const why = "GitHub does not show the checks to this token";
  const partlyRead = [{ why, pullRequests: 2, urls: ["https://github.com/acme/api/pull/1"] }];
  const changed = { ...data, pullRequests: { ...data.pullRequests, partlyRead } };
  const [concern] = concernsOf(changed).filter(({ kind }) => kind === "source");
  expect([concern?.subject, concern?.line]).toEqual([
    "2 open pull requests could be read only in part",
    `${why}. https://github.com/acme/api/pull/1 and 1 more`,
  ]);
  expect(textsOf(render(changed), "summary")).toContain("Pull requests that could be read only in part");
  expect(renderDashboardMetrics(changed)).toContain("mogplex_dashboard_pull_requests_partly_read 2\n");
});

test("renderDashboardPage() draws weeks from the third on, with their numbers as a table", () => {
  const week = (from: string) => ({ from, ...figures(20, 15, 5) });
  const weeks = ["2026-11-16", "2026-11-23", "2026-11-30"].map(week);
  const page = render({ ...emptyDashboard(), weeks });
  expect(breaches(page)).toEqual([]);
  const charts = elementsOf(page).filter(({ attributes }) => attributes.class === "chart");
  expect(charts.map(({ attributes }) => attributes["aria-label"])).toEqual([
    "Runs by week, 16 Nov: 20; 23 Nov: 20; 30 Nov: 20",
    "Duration by week: the median went from 5 min to 5 min",
  ]);
  expect(charts[0]?.text).toMatch(/16 Nov.*23 Nov.*so far/);
  expect(textsOf(page, "tr")[1]).toBe("30 Nov (so far)20155075%5 min10 min");
  expect(textsOf(render({ ...emptyDashboard(), weeks: weeks.slice(1) }), "h2")).not.toContain("2 weeks");
});

test("renderDashboardPage() shows pull requests as far as they were read, and says why there is no more", () => {
  const page = render(fullDashboard(12));
  const [strip] = elementsOf(page).filter(({ attributes }) => attributes.class === "strip");
  expect(strip?.text).toStartWith("Opened (last 7 days)47 days before: 0Merged (last 7 days)27 days before: 0");
  expect(strip?.text).toContain("Open now");
  const data = fullDashboard(12);
  const why = "Not asked: the job has no forge token";
  const none = { merged: null, closed: null, waiting: null, entries: [], state: "skipped", why } as const;
  const unasked = render({ ...data, pullRequests: { ...data.pullRequests, ...none } });
  expect(elementsOf(unasked).filter(({ attributes }) => attributes.class === "strip").map(({ text }) => text)).toEqual([
    "Opened (last 7 days)47 days before: 0",
  ]);
  expect(textsOf(unasked, "p")).toContain(`${why}.`);
  const newest = (text: string) =>
    elementsOf(text).find(({ attributes }) => attributes["aria-label"] === NEWEST)?.text.trim().split("\n").slice(1);
  expect([newest(page), newest(unasked)]).toEqual([undefined, [
    "NewestTaskOpened",
    "acme/service-0 #1Fix the flaky tests of service 0, and do not raise timeouts30 min ago",
    "acme/service-1 #2Fix the flaky tests of service 1, and do not raise timeouts2 h ago",
    "acme/service-6 #7Fix the flaky tests of service 6, and do not raise timeouts7 h ago",
    "acme/service-7 #8Fix the flaky tests of service 7, and do not raise timeouts8 h ago",
  ]]);
});

test("renderDashboardPage() keeps the review of a waiting pull request in one line", () => {
  const page = render(fullDashboard(12));
  expect(page).toContain("<td><bdi>review requested</bdi></td>");
});

test("renderDashboardPage() lists the pull requests that could not be read, with the reason", () => {
  const data = fullDashboard(12);
  const unread = [{ why: "HTTP 502", pullRequests: 3, urls: ["https://github.com/acme/api/pull/1"] }];
  const page = render({ ...data, pullRequests: { ...data.pullRequests, unread } });
  expect(breaches(page)).toEqual([]);
  expect(textsOf(page, "li")).toContain("HTTP 502: https://github.com/acme/api/pull/1 and 2 more");
});

test("renderDashboardPage() shows no number of pull requests that it does not know, and asks for attention", () => {
  const { pullRequests, ...data } = fullDashboard(12);
  const unread = [{ why: "there is no token for github.com", pullRequests: 2, urls: [] }];
  const pageOf = (changes: Partial<Data["pullRequests"]>) => {
    const page = render({ ...data, pullRequests: { ...pullRequests, unread, ...changes } });
    const foot = textsOf(page, "p").filter((text) => text.startsWith("The state of"));
    return [elementsOf(page).find(({ attributes }) => attributes.class === "strip")?.text, ...foot].join("\n");
  };
  const none = { merged: null, closed: null, waiting: null, entries: [], state: "failed" } as const;
  expect(pageOf(none)).toBe(
    "Opened (last 7 days)47 days before: 0Merged (last 7 days)–unknownClosed without merging (last 7 days)–unknownOpen now–unknown",
  );
  const three = { last: 3, before: null };
  expect(pageOf({ merged: three, closed: three, waiting: three, entries: [], state: "partial" })).toBe(
    "Opened (last 7 days)47 days before: 0Merged (last 7 days)3Closed without merging (last 7 days)3Open now3\n" +
      "The state of 2 pull requests is unknown.",
  );
  const concerns = concernsOf({ ...data, pullRequests: { ...pullRequests, unread, state: "partial" } });
  expect(concerns.at(-1)).toMatchObject({
    subject: "2 pull requests could not be read",
    line: "There is no token for github.com.",
  });
  const limit = [{ why: NOT_AMONG_NEWEST, pullRequests: 2, urls: [] }];
  expect(concernsOf({ ...data, pullRequests: { ...pullRequests, unread: limit } })).toEqual(
    concernsOf({ ...data, pullRequests }),
  );
  const metricsOf = (changes: Partial<Data["pullRequests"]>) =>
    samplesOf(
      renderDashboardMetrics({ ...data, pullRequests: { ...pullRequests, unread, ...changes } }),
      "pull_requests",
    );
  const known = [
    ...["pull_requests 4", "pull_requests_unread 2", "pull_requests_partly_read 0"],
    "pull_requests_merged_last_week 2",
  ];
  expect(metricsOf({ state: "partial" })).toEqual([
    ...known,
    "pull_requests_waiting 1",
    "pull_requests_waiting_age_max_seconds 360000",
  ]);
  expect(metricsOf(none)).toEqual(known.slice(0, 2));
});

test("renderDashboardPage() shows the last line of the agent where a run failed, as text", () => {
  const lastLine = "<b>tests/cart.test.ts: 3 failed</b>";
  const { runs, ...data } = fullDashboard(12);
  const [failed] = runs.filter(({ outcome, repository }) => outcome === "failed" && repository !== null);
  const page = render(emptyDashboard({ ...data, runs: [{ ...failed, page: null, lastLine }] as Data["runs"] }));
  expect(breaches(page)).toEqual([]);
  const [line] = textsOf(page, "li").filter((text) => text.includes("Last line from the agent"));
  expect(line).toContain(`npm test exited with code 1. After 3 min. Last line from the agent: “${lastLine}”.`);
  expect(textsOf(page, "code")).toContain(lastLine);
});

test("renderDashboardMetrics() has the durations that the page shows", () => {
  const { days, ...data } = fullDashboard(12);
  const metricsOf = (changes: Partial<Data["days"]["last"]>) =>
    samplesOf(
      renderDashboardMetrics({ ...data, days: { ...days, last: { ...days.last, ...changes } } }),
      "runs_last_week_",
    );
  expect(metricsOf({ medianMs: 554_000, p95Ms: 1_800_500 })).toEqual([
    "runs_last_week_duration_median_seconds 554",
    "runs_last_week_duration_p95_seconds 1800.5",
    "runs_last_week_duration_sum_seconds 4680",
  ]);
  expect(metricsOf({ medianMs: null, p95Ms: null })).toEqual(["runs_last_week_duration_sum_seconds 4680"]);
});

/** The samples of metrics whose names begin like this, without labels. */
function samplesOf(metrics: string, name: string): string[] {
  const prefix = "mogplex_dashboard_";
  return metrics.split("\n").filter((line) => line.startsWith(prefix + name)).map((line) => line.slice(prefix.length));
}

const NEWEST = "The newest pull requests";

test("renderDashboardPage() shows the state of a campaign as its own page does, and no end in the past", () => {
  const cells = (changes: Partial<Data["campaigns"][number]>) => {
    const elements = elementsOf(render(campaignWith({ ...changes, title: null, at: "2026-12-01T06:00:00Z" })));
    const start = elements.findIndex(({ attributes }) => attributes["aria-label"] === "Campaigns");
    const state = elements.slice(start).find(({ tag }) => tag === "td")?.text;
    const times = elements.slice(start).filter(({ tag, text }) => tag === "td" && /^(?:soon|in |\d.* ago)/.test(text));
    return [state, ...times.map(({ text }) => text)];
  };
  expect(cells({ state: "done", items: 40, ended: 40, good: 36, failed: 4 })).toEqual(["done, 4 did not succeed"]);
  expect(cells({ state: "done", items: 40, ended: 40, good: 40, failed: 0 })).toEqual(["done"]);
  expect(cells({ state: "running", endsAt: "2026-12-01T05:59:55Z" })).toEqual(["running", "soon"]);
  expect(cells({ state: "running", endsAt: "2026-12-01T06:30:00Z" })).toEqual(["running", "in 30 min"]);
});

test("renderDashboardPage() has tools from 20 rows on, and no empty column", () => {
  const lists = (data: Data) => elementsOf(render(data)).filter(({ attributes }) => "data-list" in attributes).length;
  expect([lists(fullDashboard(12)), lists(fullDashboard(20)) > 2]).toEqual([0, true]);
  const data = fullDashboard(12);
  const campaigns = data.campaigns.map((each) => ({
    ...each,
    merged: null,
    unmerged: [],
    state: "done",
    gatedAt: null,
    ended: 40,
    good: 40,
    failed: 0,
    asking: 0,
  }));
  const heads = textsOf(render({ ...data, campaigns }), "th");
  expect(heads).toContain("Finished");
  for (const name of ["Merged", "Open", "Failed", "Ends"]) expect(heads).not.toContain(name);
});

test("renderDashboardPage() has of each campaign what its pull requests wait for", () => {
  const page = render(fullDashboard(12));
  expect(textsOf(page, "th")).toContain("Open");
  expect(textsOf(page, "td").filter((text) => text.includes("waiting for review"))).toEqual([
    "4 waiting for review, 2 blocked",
  ]);
});

test("renderDashboardPage() does not show as empty what was not read, and says what is cut off", () => {
  const page = render(brokenDashboard());
  expect(breaches(page)).toEqual([]);
  expect(textsOf(page, "p")).toContain("Not read.");
  expect(page).toContain("Cannot list sandboxes: the service answers with HTTP 503");
  expect(page).toContain("and has sent 200");
  expect(todosOf(page).join("\n")).toContain("The sandboxes were not read");
  const skipped = render(emptyDashboard({ lists: listsWith({ automations: { state: "skipped", why: "Later" } }) }));
  expect(skipped).toContain("Later");
});

test("renderDashboardPage() says of a pattern that it matches no file, and not that a file could not be read", () => {
  const pattern = { file: "out/**/result.json", kind: "pattern", why: "No file" } as const;
  const broken = { file: "broken.json", kind: "file", why: "line 1 is not an event" } as const;
  const words = (...fileProblems: FileProblem[]) =>
    textsOf(render(emptyDashboard({ fileProblems })), "main").join("")
      .match(/\d (?:files?|patterns?) (?:could not be read|match(?:es)? no file)/g);
  expect(words(pattern)).toEqual(["1 pattern matches no file"]);
  expect(words(pattern, pattern, broken)).toEqual(["2 patterns match no file", "1 file could not be read"]);
});

test("a pattern that matches no file needs no attention if another source has files; a missing file does", () => {
  const pattern = { file: "reports/**/result.json", kind: "pattern", why: "No file" } as const;
  const missing = { file: "campaign.json", kind: "file", why: "There is no such file" } as const;
  const covers = { ...emptyDashboard().covers, histories: 1, lines: 3 };
  const data = emptyDashboard({ covers, fileProblems: [pattern, missing] });
  const page = render(data);
  expect(todosOf(page)).toEqual([expect.stringContaining("1 file could not be read")]);
  expect(concernsOf(data)[0]?.line).toBe(
    'campaign.json: There is no such file. If a job runs "campaign report", its log shows the reason.',
  );
  expect(textsOf(page, "p").join("\n")).toContain("No file matches reports/**/result.json.");
  expect(textsOf(page, "li")).toContain("campaign.json: There is no such file");
  expect(renderDashboardMetrics(data)).toContain("mogplex_dashboard_files_unread 2\n");
});

test("concernsOf() has the reason for a single file, and tells a broken file from a broken line", () => {
  const lines = {
    file: "runs.ndjson",
    kind: "lines",
    why: "2 lines could not be read as a run. Line 4: it is not JSON",
  };
  const broken = { file: "broken.json", kind: "file", why: "line 1 is not an event" };
  const data = emptyDashboard({ fileProblems: [lines, broken, { ...lines, file: "b" }] as FileProblem[] });
  expect(concernsOf(data).map(({ subject, line }) => [subject, line])).toEqual([
    ["1 file could not be read", "broken.json: Line 1 is not an event."],
    [
      "2 histories could not be read completely",
      "runs.ndjson: 2 lines could not be read as a run. Line 4: it is not JSON. Also: b",
    ],
  ]);
  const [first] = concernsOf(emptyDashboard({ fileProblems: [lines] as FileProblem[] }));
  expect([first?.subject, first?.line]).toEqual([
    "1 history could not be read completely",
    "runs.ndjson: 2 lines could not be read as a run. Line 4: it is not JSON.",
  ]);
  expect(renderDashboardMetrics(data)).toContain("mogplex_dashboard_files_unread 3\n");
});

test("renderDashboardPage() does not say that all is well if a pattern matches no file", () => {
  const covers = { ...emptyDashboard().covers, histories: 1, lines: 3 };
  const fileProblems: FileProblem[] = [{ file: "campaigns/*/campaign.json", kind: "pattern", why: NO_MATCH }];
  const page = render(emptyDashboard({ covers, fileProblems, runs: [successOf(1)] }));
  expect([textsOf(page, "h1"), textsOf(page, "header")[0], todosOf(page)]).toEqual([
    [expect.stringMatching(/^No problems in the files that were read as of \d/)],
    expect.stringContaining("No file matches campaigns/*/campaign.json."),
    [],
  ]);
});

test("concernsOf() has campaigns with recent runs of which no campaign.json was read", () => {
  const [sample] = fullDashboard(1).runs;
  const run = (index: number, campaign: string, days: number) => ({
    ...sample,
    ...{ runId: `r${index}`, campaign, outcome: "success", pullRequest: null, createdAt: null },
    endedAt: new Date(Date.parse("2026-12-01T06:00:00Z") - days * 86_400_000).toISOString(),
  });
  const shown = (runs: object[], campaigns: Data["campaigns"] = []) => {
    const data = emptyDashboard({ runs: runs as Data["runs"], campaigns });
    const concerns = concernsOf(data);
    return [headlineOf(concerns, data), ...concerns.map((each) => [each.subject, adviceOf(each)])];
  };
  const covers = { ...emptyDashboard().covers, histories: 1, lines: 3 };
  const missing = (which: string, campaign: string, folder: string) =>
    `Gates, stops and late waves are not shown because ${which} read. Pass the file with --results. ` +
    `If ${campaign} campaign is on a branch, write its file first: mogplex-ci campaign report FILE --home HOME --dir campaigns/${folder}`;
  expect(shown([run(1, "node-24", 6), run(2, "node-24", 6.5), run(3, "old", 8)])).toEqual([
    "1 thing needs attention",
    ["The state of the campaign “node-24” is unknown", missing("its campaign.json was not", "the", "node-24")],
  ]);
  expect(shown([run(1, "node-24", 1), run(2, "moment", 2)])).toEqual([
    "1 thing needs attention",
    [
      "The state of 2 campaigns is unknown",
      `node-24, moment. ${missing("no campaign.json of these campaigns was", "a", "NAME")}`,
    ],
  ]);
  const campaigns = fullDashboard(1).campaigns.map((each) => ({ ...each, state: "done", gatedAt: null, causes: [] }));
  const data = emptyDashboard({ runs: [run(1, "move-to-node-24", 1)] as Data["runs"], campaigns, covers });
  expect(headlineOf(concernsOf(data), data)).toBe("All is well");
});

test("renderDashboardPage() marks a draft, and does not list it as open for too long", () => {
  const pulls = fullDashboard(1).pullRequests;
  const entries = pulls.entries.map((entry) => ({ ...entry, draft: true }));
  const data = { ...emptyDashboard(), pullRequests: { ...pulls, entries } };
  const row = elementsOf(render(data)).find(({ tag, text }) => tag === "tr" && text.includes("acme/service-0"));
  expect([row?.text.includes("draft"), row?.text.includes("review requested")]).toEqual([true, false]);
  expect(concernsOf(data)).toEqual([]);
});

test("renderDashboardPage() lists exactly the pull requests that have been open for long, and says that drafts are left out", () => {
  const pulls = fullDashboard(1).pullRequests;
  const pageOf = (...all: readonly (readonly [days: number, draft?: boolean])[]) => {
    const entries = all.map(([days, draft = false], index) => ({
      ...pulls.entries[0],
      ...{ url: `https://github.com/acme/web/pull/${index}`, repository: "acme/web", draft },
      openedAt: hoursBefore(days * 24),
    })) as Data["pullRequests"]["entries"];
    const waiting = { last: entries.length, before: null };
    const data = { ...emptyDashboard(), pullRequests: { ...pulls, waiting, entries } };
    const page = render(data);
    const [concern] = concernsOf(data);
    const list = elementsOf(page).find(({ attributes }) => attributes.id === concern?.link?.part);
    return {
      summary: / pull requests are open.(.*)/.exec(textsOf(page, "header")[0] ?? "")?.[1]?.trim(),
      subject: concern?.subject,
      listed: list?.tag === "h2" ? "all" : list?.text.match(/#\d/g),
    };
  };
  expect(pageOf([9, true], [8], [7, true], [6], [2], [1])).toEqual({
    summary: "2 of them, not counting drafts, have been open for more than 3 days.",
    subject: "2 pull requests have been open for more than 3 days, not counting drafts",
    listed: ["#1", "#3"] as never,
  });
  expect(pageOf([9], [8], [7], [6], [5], [1])).toMatchObject({
    summary: "5 of them have been open for more than 3 days.",
    subject: "5 pull requests have been open for more than 3 days",
  });
  // A list of all that has no others, or is short.
  expect([pageOf([9], [9], [9], [9], [9], [9]).listed, pageOf([9], [1]).listed]).toEqual(["all", "all"]);
});

test("renderDashboardPage() says that a run with an end in the future is not part of the last 7 days", () => {
  const [sample] = fullDashboard(1).runs;
  const coverOf = (...hours: number[]) => {
    const runs = hours.map((each, index) => ({ ...sample, runId: `r${index}`, endedAt: hoursBefore(each) }));
    const covers = { ...emptyDashboard().covers, histories: 1, lines: runs.length };
    const page = render(emptyDashboard({ runs: runs as Data["runs"], covers }));
    return textsOf(page, "p").find((text) => text.includes(" from 1 history file"));
  };
  expect(coverOf(1, -3)).toContain(
    " The last 7 days do not include 1 run with an end in the future. The clock of its job was probably wrong.",
  );
  expect(coverOf(-1, -3)).toContain("2 runs with an end in the future. The clock of their jobs was probably wrong.");
  expect(coverOf(1, -0.01)).not.toContain("future");
});

test("renderDashboardPage() names the week of a duration that ends before the current week", () => {
  const weeks = ["2026-11-09", "2026-11-16", "2026-11-23", "2026-11-30"].map((from) => ({
    from,
    ...figures(20, 15, 5),
  }));
  const namesOf = (...p95: (number | null)[]) => {
    const page = render({
      ...emptyDashboard(),
      weeks: weeks.map((each, index) => ({ ...each, p95Ms: p95[index] ?? null })),
    });
    const charts = elementsOf(page).filter(({ attributes }) => attributes.class === "chart");
    return charts[1]?.text.match(/95% within \d+ min(?: \(.*?\))?|median \d+ min(?: \(.*?\))?/g);
  };
  expect(namesOf(600_000, 600_000, 720_000, null)).toEqual(["95% within 12 min (23 Nov)", "median 5 min"]);
  expect(namesOf(600_000, 600_000, 720_000, 660_000)).toEqual(["95% within 11 min", "median 5 min"]);
});

test("renderDashboardPage() compares nothing with the time before the first run", () => {
  const [sample] = fullDashboard(1).runs;
  const asideOf = (runs: Data["runs"], from: string) => {
    const covers = { ...emptyDashboard().covers, histories: 1, lines: runs.length, from };
    const page = render(emptyDashboard({ runs, covers }));
    const strip = elementsOf(page).find(({ attributes }) => attributes.class === "strip")?.text;
    return [page.includes("compared with the 7 days before"), strip?.includes("7 days before")];
  };
  const runsOf = (...hours: number[]) =>
    hours.map((each, index) => ({
      ...sample,
      ...{ runId: `r${index}`, endedAt: hoursBefore(each), pullRequest: `https://github.com/acme/web/pull/${index}` },
    })) as Data["runs"];
  const week = [1, 2, 3, 4, 5];
  expect(asideOf(runsOf(...week), hoursBefore(5))).toEqual([false, false]);
  expect(asideOf(runsOf(...week, 170, 180, 190, 200, 210), hoursBefore(210))).toEqual([true, true]);
});

test("renderDashboardPage() asks for attention if not all runs of projects were collected, once for each reason", () => {
  const problem = (file: string, why: string, kind: "project" | "empty-project" = "project") => ({ file, kind, why });
  const fileProblems = [
    problem("acme/web", "HTTP 401"),
    problem("a/<b>", "HTTP 404"),
    problem("acme/api", "HTTP 401"),
    problem("acme/new", "HTTP 401", "empty-project"),
  ];
  const page = render(emptyDashboard({ fileProblems }));
  expect(breaches(page)).toEqual([]);
  expect(todosOf(page)).toEqual([
    "Not all runs of 2 projects were collectedacme/web, acme/api: HTTP 401.Show",
    "Not all runs of a/<b> were collectedHTTP 404.Show",
    "No runs of acme/new have ever been collectedHTTP 401.Show",
  ]);
  expect(textsOf(page, "header")[0]).toEndWith("Runs of 4 projects are missing.");
  expect(textsOf(page, "h3")).toContain("Projects with runs that were not collected");
  expect(textsOf(page, "li")).toContain("acme/web: HTTP 401");
});

test("renderDashboardPage() repeats no state of a run as its reason", () => {
  const [run] = fullDashboard(1).runs;
  const drawn = (outcome: string) =>
    textsOf(
      render(emptyDashboard({ runs: [{ ...run, outcome, reason: "run needs an answer" }] as Data["runs"] })),
      "td",
    );
  expect(drawn("awaiting_input")).not.toContain("run needs an answer");
  expect(drawn("failed")).toContain("run needs an answer");
});

test("renderDashboardPage() shows reason, id, command and log of a failed run that has no page", () => {
  const [run] = fullDashboard(1).runs;
  const runId = run?.runId ?? "";
  const reason = "Delivery failed: the branch <b>main</b> is protected, and nobody may push to it";
  const drawn = (jobUrl: string) =>
    render(emptyDashboard({
      runs: [{ ...run, page: null, outcome: "failed", reason, jobUrl, task: "Fix it" }] as Data["runs"],
    }));
  const page = drawn("https://gitlab.example.com/acme/web/-/jobs/7");
  expect(breaches(page)).toEqual([]);
  const texts = textsOf(page, "p");
  expect(texts).toContain(reason);
  expect(texts).toContain(`Run ${runId}, job log on gitlab.example.com`);
  expect(textsOf(page, "code")).toContain(`mogplex-ci report ${runId}`);
  const hrefs = (text: string) =>
    elementsOf(text).flatMap(({ attributes: { href } }) => /jobs/.test(href ?? "") ? href : []);
  expect([...new Set(hrefs(page))]).toEqual(["https://gitlab.example.com/acme/web/-/jobs/7"]);
  for (const url of ["http://gitlab.example.com/jobs/7", "javascript:alert('jobs')", "https://a:b@c.example/jobs/7"]) {
    expect(hrefs(drawn(url))).toEqual([]);
  }
});

test("renderDashboardPage() has every run of a thousand, in 3.8 MB", () => {
  const page = render(fullDashboard(1_000));
  expect(breaches(page)).toEqual([]);
  const table = elementsOf(page).find(({ attributes }) => attributes["aria-label"] === "Runs");
  expect(table?.text.match(/acme\/service-|d0000000/g)?.length).toBeGreaterThan(900);
  expect(page.length).toBeLessThan(3_850_000);
});

test("renderDashboardPage() names runs by repository, id or file, as links to their pages", () => {
  const data = fullDashboard(3);
  const file = "out/unknown/result.json";
  const [first, second, third] = data.runs;
  const runs = [
    { ...first, task: "Fix it", outcome: "failed", reason: "exit <b>1", page: "pages/javascript:x/1 2.html" },
    { ...second, repository: null, outcome: "success", page: "javascript:alert(1).html" },
    { ...third, repository: null, runId: null, outcome: "success", file, page: null },
  ] as Data["runs"];
  const page = render({ ...emptyDashboard(), runs });
  expect(textsOf(page, "td")).toContain("Fix it");
  const links = elementsOf(page).filter(({ attributes }) => attributes.href?.endsWith(".html"));
  expect(links.map(({ attributes, text }) => [attributes.href, text])).toEqual([
    ["pages/javascript%3Ax/1%202.html", "Open run"],
    ["pages/javascript%3Ax/1%202.html", "acme/service-0"],
    ["pages/javascript%3Ax/1%202.html", "exit <b>1"],
    ["javascript%3Aalert(1).html", "d0000000-0000-4000-8000-000000002001"],
  ]);
  expect(textsOf(page, "th")).toContain(file);
});

test("renderDashboardPage() is called by the owner of the repositories, and says what it covers", () => {
  const covers = {
    results: 2,
    campaigns: 1,
    histories: 1,
    lines: 40,
    ...{ leftOut: 21, since: "2026-09-14" },
    from: "2026-09-14T00:00:00.000Z",
    jobs: ["nightly"],
  };
  const page = render({ ...fullDashboard(2), covers });
  expect(textsOf(page, "title")[0]).toEndWith(" – acme agents");
  expect(textsOf(page, "p")).toContain(
    "2 runs from 1 history file (40 lines), 2 result files, 1 campaign, since 14 Sep 2026, 00:00 UTC. 21 older runs are left out because the page covers the 12 weeks since Monday, 14 Sep. Jobs: nightly. Only runs in these files are counted.",
  );
});

test("renderDashboardPage() has the name and the round of a campaign in its row", () => {
  const [campaign] = fullDashboard(1).campaigns;
  const named = [["2026-11", "Move to Node 24"], ["2026-12", null], ["", null]] as const;
  const campaigns = named.map(([round, title]) => ({ ...campaign, round, title }) as Data["campaigns"][number]);
  const page = render(emptyDashboard({ campaigns }));
  const heads = elementsOf(page).filter(({ tag, attributes }) => tag === "th" && attributes.scope === "row");
  expect(heads.map(({ text }) => text)).toEqual([
    "Move to Node 24 move-to-node-24, round 2026-11",
    "move-to-node-24, round 2026-12",
    "move-to-node-24",
  ]);
});

test("renderDashboardPage() counts repositories with runs apart from those that the token can see", () => {
  const data = fullDashboard(12);
  const page = render({ ...data, repositories: data.repositories.slice(0, 1) });
  expect(textsOf(page, "summary")).toContain("Show all 10 repositories with runs (the token can access 1)");
  expect(textsOf(page, "p")).toContain("The service listed 1 repository. All lists from the service are complete.");
});

const HOUR_MS = 3_600_000;
const hoursBefore = (hours: number) => new Date(Date.parse("2026-12-01T06:00:00Z") - hours * HOUR_MS).toISOString();

test("concernsOf() has a run that is still running after 6 hours, and the page names running runs beside the rate", () => {
  const [run] = fullDashboard(1).runs;
  const dataOf = (hours: number) => {
    const base = { ...run, pullRequest: null, page: null, repository: "acme/web", task: null };
    const running = { ...base, runId: "a1b2c3d4-1", outcome: "started", createdAt: hoursBefore(hours), endedAt: null };
    const runs = [running, { ...base, runId: "b" }] as Data["runs"];
    return emptyDashboard({ runs, covers: { ...emptyDashboard().covers, lines: 2, histories: 1 } });
  };
  const data = dataOf(75);
  const line = "Run a1b2c3d4. Check it in the app. To cancel it:";
  const command = "mogplex-ci runs cancel a1b2c3d4-1";
  expect(concernsOf(data)).toMatchObject([
    { kind: "run", tone: "bad", subject: "acme/web (nightly) has been running for 3 days", line, command },
  ]);
  expect([headlineOf(concernsOf(data), data), data.days.last]).toMatchObject([
    "1 thing needs attention",
    { runs: 2, succeeded: 1, running: 1, unfinished: 0 },
  ]);
  expect(textsOf(render(data), "header")[0]).toContain(
    "2 runs in the last 7 days, 1 of 1 succeeded (not counted: 1 is running).",
  );
  expect([concernsOf(dataOf(5)), concernsOf(dataOf(7)).map(({ subject }) => subject)]).toEqual([
    [],
    ["acme/web (nightly) has been running for 7 hours"],
  ]);
});

test("renderDashboardPage() shows durations in the same form in lists, tables and figures", () => {
  const [run] = fullDashboard(1).runs;
  const failed = { ...run, outcome: "failed", reason: "Tests failed", durationMs: 1_400, endedAt: hoursBefore(1) };
  const page = render(emptyDashboard({ runs: [failed] as Data["runs"] }));
  expect([todosOf(page)[0], textsOf(page, "td").at(-1)]).toEqual([
    expect.stringContaining("Tests failed. After 1.4 s."),
    "1.4 s",
  ]);
  expect(tilesOf(figures(20, 20, 12.1), figures(0, 0, 1))[2]).toBe("Median duration12 min 6 s");
  const week = { ...figures(20, 20, 12.1), from: "2026-11-30" };
  const weeks = render(emptyDashboard({ weeks: [week, week, week] }));
  expect(textsOf(weeks, "td").filter((text) => text.includes("min"))).toContain("12 min 6 s");
  expect(elementsOf(weeks).map(({ attributes }) => attributes["aria-label"])).toContain(
    "Duration by week: the median went from 12 min 6 s to 12 min 6 s",
  );
});

test("renderDashboardPage() shows that a question has waited for under a minute", () => {
  const [run] = fullDashboard(1).runs;
  const ms = hoursBefore(5 / 3_600);
  const asking = { ...run, outcome: "awaiting_input", campaign: null, endedAt: ms };
  const [line] = todosOf(render(emptyDashboard({ runs: [asking] as Data["runs"] })));
  expect(line).toContain("for under 1 min");
});

test("agent time is shown in hours, and without the week before if that had fewer than 5 runs", () => {
  expect(tilesOf(figures(62, 54, 60), figures(4, 4, 7))[0]).toBe("Runs6262 h of agent time");
  expect(tilesOf({ ...figures(62, 54, 60), totalMs: 0 }, figures(4, 4, 7))[0]).toBe("Runs62");
});

test("ageText() has one unit: minutes below an hour, hours below a day, then days", () => {
  const hours = [0, 0.016, 0.017, 0.5, 1, 1.5, 23, 23.6, 24, 34.5, 47.9, 48, 67];
  expect(hours.map((each) => ageText(each * HOUR_MS))).toEqual(
    ["under 1 min", "under 1 min", "1 min", "30 min", "1 h", "2 h", "23 h", "1 d", "1 d", "1 d", "1 d", "2 d", "2 d"],
  );
});

test("concernsOf() has sandboxes that are all in use only if a run waits for one", () => {
  const [sandbox] = fullDashboard(1).sandboxes;
  const [automation] = fullDashboard(1).automations;
  const sandboxes = [1, 2, 3].map((id) => ({
    ...{ ...sandbox, id: `s${id}`, status: "running", error: null },
    ...{ createdAt: hoursBefore(1), lastActiveAt: hoursBefore(0) },
  })) as Data["sandboxes"];
  const subjects = (status: string) => {
    const runs = { ...automation?.runs, last: null, statuses: [status, "success"] };
    const automations = [{ ...automation, name: "Nightly", status: "active", published: true, runs }];
    return concernsOf(emptyDashboard({ sandboxes, automations: automations as Data["automations"] }))
      .map(({ subject, line }) => [subject, line]);
  };
  expect([subjects("running"), subjects("pending")]).toEqual([
    [],
    [["All 3 sandboxes are in use, and runs are waiting", "Nightly"]],
  ]);
});

test("the oldest pull request is only the oldest of those that were read, if some were not", () => {
  const { pullRequests, ...data } = fullDashboard(12);
  const entries = pullRequests.entries.map((each) => ({ ...each, openedAt: hoursBefore(100) }));
  const of = (state: "complete" | "cut", unreadHours: number | null = null) => {
    const unreadFrom = unreadHours === null ? null : hoursBefore(unreadHours);
    const changed = { ...data, pullRequests: { ...pullRequests, entries, state, unreadFrom } };
    const [concern] = concernsOf(changed).filter(({ kind }) => kind === "pull request");
    const heads = textsOf(render(changed), "th").filter((text) => text.startsWith("Open longest"));
    return [concern?.subject, concern?.line.split(":")[0], heads[0]];
  };
  const count = `${entries.length} pull request${
    entries.length === 1 ? " has" : "s have"
  } been open for more than 3 days`;
  expect(of("complete")).toEqual([count, "Oldest", "Open longest"]);
  expect(of("cut")).toEqual([`At least ${count}`, "Oldest known", "Open longest (some could not be read)"]);
  expect(of("cut", 101)).toEqual([`At least ${count}`, "Oldest known", "Open longest (some could not be read)"]);
  // Those that were opened later change neither the oldest nor, below 3 days, the number.
  expect(of("cut", 80)).toEqual([`At least ${count}`, "Oldest", "Open longest"]);
  expect(of("cut", 1)).toEqual([count, "Oldest", "Open longest"]);
});

test("renderDashboardMetrics() has the runs of the last 7 days by outcome", () => {
  const { days } = fullDashboard(12);
  const text = renderDashboardMetrics(fullDashboard(12));
  const lines = text.split("\n").filter((line) => line.startsWith("mogplex_dashboard_runs_last_week{"));
  expect(lines).toEqual(
    (["succeeded", "failed", "cancelled", "notStarted", "waiting", "running", "unfinished"] as const).map((outcome) =>
      `mogplex_dashboard_runs_last_week{outcome="${outcome.replace("S", "_s")}"} ${days.last[outcome]}`
    ),
  );
});

test("concernsOf() has a sandbox that is running and idle for long, and not one that is in use", () => {
  const [sandbox] = fullDashboard(1).sandboxes;
  const subjects = (createdHours: number, activeHours: number | null) => {
    const lastActiveAt = activeHours === null ? null : hoursBefore(activeHours);
    const changes = { status: "running", createdAt: hoursBefore(createdHours), lastActiveAt };
    return concernsOf(emptyDashboard({ sandboxes: [{ ...sandbox, ...changes }] as Data["sandboxes"] }))
      .map(({ subject }) => subject);
  };
  expect(subjects(73, 72)).toEqual(["1 sandbox is still running after 6 h, although idle"]);
  expect(subjects(73, null)).toEqual(["1 sandbox is still running after 6 h, although idle"]);
  expect([subjects(73, 0.5), subjects(5, 4)]).toEqual([[], []]);
});

test("concernsOf() has a campaign whose next wave is late, and the page shows neither soon nor running", () => {
  const late = { state: "running", title: null, round: "", items: 40, ended: 39, good: 39, failed: 0 };
  const dataOf = (hours: number, changes: Partial<Data["campaigns"][number]> = {}) =>
    campaignWith({
      ...late,
      ...{ at: hoursBefore(hours), nextWaveAt: hoursBefore(hours), endsAt: hoursBefore(hours) },
      ...changes,
    });
  expect(concernsOf(dataOf(72)).map(({ kind, subject, line }) => [kind, subject, line])).toEqual([[
    "campaign",
    "The next wave of the campaign “move-to-node-24” is 3 days late",
    "39 of 40 items have finished. Check the schedule that runs its waves.",
  ]]);
  expect(concernsOf(dataOf(72, { nextWaveAt: null })).map(({ subject }) => subject)).toEqual([
    "The campaign “move-to-node-24” has not reported anything for 3 days",
  ]);
  const page = render(dataOf(72));
  const row = elementsOf(page).find(({ tag, text }) => tag === "tr" && text.startsWith("move-to-node-24"));
  expect([row?.text.includes("soon"), row?.text.includes("running"), row?.text.includes("late")]).toEqual([
    false,
    false,
    true,
  ]);
  for (const state of ["done", "stopped"]) {
    expect(concernsOf(dataOf(72, { state, ended: 40 }))).toEqual([]);
  }
  expect([concernsOf(dataOf(1)), concernsOf(dataOf(72, { at: hoursBefore(0.5) }))]).toEqual([[], []]);
  expect(concernsOf(dataOf(72, { nextWaveAt: hoursBefore(-2) }))).toEqual([]);
});

test("concernsOf() says once of a run that it waits for an answer, and what to do", () => {
  const [run] = fullDashboard(1).runs;
  const asking = { ...run, runId: "791e20a2-5dae", outcome: "awaiting_input", pullRequest: null, page: null };
  const linesOf = (changes: Partial<Data>) => concernsOf(emptyDashboard(changes)).map(adviceOf);
  const ofRun = (changes: object) => linesOf({ runs: [{ ...asking, ...changes }] as Data["runs"] });
  const advice = "Answer in the app, or cancel the run: mogplex-ci runs cancel 791e20a2-5dae";
  expect(ofRun({ reason: "The agent asked a question and is waiting for an answer." })).toEqual([advice]);
  expect(ofRun({ reason: null })).toEqual([advice]);
  const cause = "the run is waiting for an answer";
  const ofCause = (...names: string[]) => {
    const causes = [{ verdict: "needs-input", cause, items: names.length, names, at: null }];
    return concernsOf(campaignWith({ asking: names.length, causes })).map(({ line }) => line);
  };
  expect(ofCause("acme/a")).toEqual(["acme/a: answer in the app, or cancel the run."]);
  expect(ofCause("acme/a", "acme/b")).toEqual(["acme/a, acme/b: answer in the app, or cancel the runs."]);
  expect(ofRun({ repository: "acme/c", campaign: "node-24", reason: cause })).toEqual([
    "acme/c: answer in the app, or cancel the run: mogplex-ci runs cancel 791e20a2-5dae",
    expect.stringContaining("its campaign.json was not read"),
  ]);
});

test("concernsOf() has each run that waits for an answer, although its campaign was read, it is old, or a later run succeeded", () => {
  const [run] = fullDashboard(1).runs;
  const waiting = { ...run, outcome: "awaiting_input", pullRequest: null, page: null };
  const old = { ...waiting, runId: "1", createdAt: "2026-11-10T00:00:00Z", endedAt: "2026-11-10T00:00:00Z" };
  const later = { ...waiting, runId: "2", outcome: "success", endedAt: "2026-12-01T05:00:00Z" };
  const ofRead = { ...waiting, runId: "3", repository: "acme/item", campaign: "move-to-node-24" };
  const [campaign] = fullDashboard(1).campaigns;
  const campaigns = campaign === undefined ? [] : [{ ...campaign, causes: [], asking: 1 }];
  const data = emptyDashboard({ campaigns, runs: [old, later, ofRead] as Data["runs"] });
  expect(concernsOf(data).map(({ kind, subject }) => [kind, subject])).toEqual([
    ["decision", expect.stringMatching(/^acme\/service-0.* needs an answer$/)],
    ["decision", "1 item of “Move to Node 24” (move-to-node-24, round 2026-12) needs an answer"],
  ]);
});

test("concernsOf() has an automation with a run that waits for an answer", () => {
  const [automation] = fullDashboard(1).automations;
  const runs = { ...automation?.runs, statuses: ["success", "awaiting_input"] };
  const data = emptyDashboard({ automations: [{ ...automation, runs }] as Data["automations"] });
  expect(concernsOf(data).map(({ kind, subject, line }) => [kind, subject, line])).toEqual([
    ["decision", "Automation “Nightly review” needs an answer", "Answer its question in the app."],
  ]);
});

test("concernsOf() links a question to the run on a local Mogplex, otherwise to the app", () => {
  const [run] = fullDashboard(1).runs;
  const asking = { ...run, runId: "791e20a2-5dae", outcome: "awaiting_input", pullRequest: null, page: null };
  const linkOf = (changes: object, origin = "https://mogplex.com") =>
    concernsOf(emptyDashboard({ origin, runs: [{ ...asking, ...changes }] as Data["runs"] }))[0]?.appUrl;
  expect(linkOf({})).toBe("https://mogplex.com/");
  expect(linkOf({ campaign: "node-24" })).toBe("https://mogplex.com/");
  expect(linkOf({}, "http://127.0.0.1:4000")).toBe("http://127.0.0.1:4000/__runs/791e20a2-5dae");
  expect([linkOf({}, ""), linkOf({ outcome: "failed" })]).toEqual([null, null]);
  const causes = [{ verdict: "needs-input", cause: "UTC?", items: 1, names: ["acme/a"], at: null }];
  const campaign = campaignWith({ asking: 1, causes });
  expect(concernsOf(campaign).map(({ kind, appUrl }) => [kind, appUrl])).toEqual([
    ["decision", "https://mogplex.com/"],
  ]);
});

test("concernsOf() leaves a run's reason as the service wrote it, and gives our own reasons a capital letter", () => {
  const [run] = fullDashboard(1).runs;
  const runs = [{ ...run, outcome: "failed", reason: "npm test failed", durationMs: null, lastLine: null }];
  const { line } = concernsOf(emptyDashboard({ runs: runs as Data["runs"] }))[0] ?? {};
  expect(line).toBe("npm test failed.");
  const stopped = campaignWith({ state: "stopped", stateReason: "stopped by mira: npm is down", items: 40, ended: 3 });
  expect(concernsOf(stopped)[0]?.line).toBe(
    "Stopped by mira: npm is down. 37 repositories are left. Run this command with the same flags as the campaign's jobs:",
  );
});

test("concernsOf() ends the last line of an agent with one full stop", () => {
  const [run] = fullDashboard(1).runs;
  const lineOf = (lastLine: string) => {
    const runs = [{ ...run, outcome: "failed", reason: null, durationMs: null, lastLine }] as Data["runs"];
    return concernsOf(emptyDashboard({ runs }))[0]?.line;
  };
  expect([lineOf("1 test failed"), lineOf("No pull request.")]).toEqual([
    "Last line from the agent: “1 test failed”.",
    "Last line from the agent: “No pull request.”",
  ]);
});

test("concernsOf() names the three pull requests that have been open longest, with what they wait for", () => {
  const { pullRequests, ...data } = fullDashboard(1);
  const pull = (number: number, changes: object) => ({
    ...pullRequests.entries[0],
    ...{
      url: `https://github.com/acme/web/pull/${number}`,
      repository: "acme/web",
      openedAt: hoursBefore(250 - number),
    },
    ...changes,
  });
  const entries = [
    pull(1, { review: "changes-requested", owner: "mira" }),
    pull(2, { conflict: true, review: "approved", owner: null }),
    pull(3, { checks: null, review: null, owner: null }),
    pull(4, {}),
  ] as Data["pullRequests"]["entries"];
  const [concern] = concernsOf({ ...data, pullRequests: { ...pullRequests, entries } })
    .filter(({ kind }) => kind === "pull request");
  expect(concern?.line).toBe(
    "Oldest: acme/web #1 (10 days, checks passed, changes requested, with mira), " +
      "acme/web #2 (10 days, checks passed, conflict, approved), acme/web #3 (10 days).",
  );
});

test("renderDashboardPage() has the owner among the first pull requests if a later one has an owner", () => {
  const { pullRequests, ...data } = fullDashboard(1);
  const entries = Array.from({ length: 6 }, (_, index) => ({
    ...pullRequests.entries[0],
    owner: index === 5 ? "mira" : null,
  })) as Data["pullRequests"]["entries"];
  const page = render({ ...data, pullRequests: { ...pullRequests, entries } });
  const [first] = elementsOf(page).filter(({ attributes }) =>
    attributes["aria-label"] === "The pull requests that have been open longest"
  );
  expect(first?.text).toContain("ReviewOwnerAge");
});

test("renderDashboardPage() shows how long an active run has taken so far, and no end", () => {
  const [run] = fullDashboard(1).runs;
  const cellsOf = (outcome: string) => {
    const active = { ...run, outcome, pullRequest: null, createdAt: hoursBefore(2), endedAt: null, durationMs: null };
    const ended = { ...run, runId: "b", endedAt: hoursBefore(3) };
    const page = render(emptyDashboard({ runs: [active, ended] as Data["runs"] }));
    return elementsOf(page).find(({ attributes }) => attributes.id === "run-1")?.text;
  };
  expect(cellsOf("started")).toEndWith("timeouts2 h so far");
  expect(cellsOf("awaiting_input")).toContain("needs an answer");
});

test("renderDashboardPage() names no limit of sandboxes if more are in use", () => {
  const [sandbox] = fullDashboard(1).sandboxes;
  const usedOf = (count: number) => {
    const sandboxes = Array.from({ length: count }, (_, index) => ({ ...sandbox, id: `s${index}`, status: "running" }));
    const page = render(emptyDashboard({ sandboxes: sandboxes as Data["sandboxes"] }));
    return elementsOf(page).find(({ attributes }) => attributes.class === "meters")?.text;
  };
  expect([usedOf(2), usedOf(4)]).toEqual(["in use now2 of 3", "in use now4"]);
});

test("renderDashboardPage() shows the checks of a pull request beside its conflict", () => {
  const data = fullDashboard(4);
  const [entry] = data.pullRequests.entries;
  const entries = [{ ...entry, checks: "red", conflict: true }] as Data["pullRequests"]["entries"];
  const page = render({ ...data, pullRequests: { ...data.pullRequests, entries } });
  expect(textsOf(page, "td").filter((text) => text.includes("conflict"))).toEqual(["failed conflict"]);
});

test("concernsOf() has the pull requests of a campaign that is merging and wait for somebody", () => {
  const merging = {
    state: "merging",
    items: 4,
    ended: 4,
    good: 4,
    failed: 0,
    asking: 0,
    nextWaveAt: null,
    endsAt: null,
  };
  const name = "“Move to Node 24” (move-to-node-24, round 2026-12)";
  const pending = [
    { reason: "wave", pullRequests: 1 },
    { reason: "review", pullRequests: 2 },
    { reason: "failed-checks", pullRequests: 1 },
    { reason: "a later reason", pullRequests: 1 },
  ];
  expect(concernsOf(campaignWith({ ...merging, pending })).map(({ subject, line }) => [subject, line])).toEqual([
    [
      `3 pull requests of the campaign ${name} are waiting for somebody to act`,
      "2 for a review, 1 with failed checks.",
    ],
  ]);
  expect(concernsOf(campaignWith({ ...merging, pending: pending.slice(0, 1) }))).toEqual([]);
  const stopped = { ...merging, pending, stateReason: "stopped by ann" };
  expect(concernsOf(campaignWith(stopped)).map(({ subject, line }) => [subject, line])).toEqual([
    [`The campaign ${name} cannot merge anything until somebody acts`, "Stopped by ann."],
  ]);
  const row = elementsOf(render(campaignWith({ ...merging, pending }))).find(({ tag, text }) =>
    tag === "tr" && text.startsWith("Move to Node 24")
  );
  expect(row?.text).toContain("round 2026-12merging");
});

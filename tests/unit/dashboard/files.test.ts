import { expect, test } from "bun:test";
import fc from "fast-check";
import { cleanDashboard, FILES, renderDashboard } from "../../../lib/dashboard/collect.ts";
import { dayOf, readDays, renderDays, withDay } from "../../../lib/dashboard/data.ts";
import { renderDashboardMetrics } from "../../../lib/dashboard/metrics.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { parseOpenmetrics } from "../report/openmetrics_parser.ts";
import { brokenDashboard, emptyDashboard, fullDashboard, hostileDashboard, someDays } from "./sample_data.ts";

const redact = createRedactor({ token: "mog_aliceReadOnlyToken00000000000001" });

const clean = (data: Parameters<typeof cleanDashboard>[0]) => cleanDashboard(data, redact);

test("renderDashboard() gives the same files for the same data, and every day of the history one line", () => {
  const history = renderDays(someDays(3));
  const once = renderDashboard(clean(fullDashboard(12)), history);
  expect(renderDashboard(clean(fullDashboard(12)), history)).toEqual(once);
  expect(once.files.map(({ name }) => name)).toEqual(Object.values(FILES));
  const again = once.files.find(({ name }) => name === FILES.history)?.text ?? "";
  expect(again.trim().split("\n").map((line) => JSON.parse(line).day)).toEqual([
    "2026-11-29",
    "2026-11-30",
    "2026-12-01",
  ]);
  // A second dashboard of the day takes the place of the first.
  expect(renderDashboard(clean(fullDashboard(12)), again).files.find(({ name }) => name === FILES.history)?.text)
    .toBe(again);
});

test("dayOf() counts the pull requests of runs and of campaigns", () => {
  const data = fullDashboard(4);
  const ofRuns = data.runs.filter(({ pullRequest }) => pullRequest !== null).length;
  expect([ofRuns > 0, dayOf(data).pullRequests]).toEqual([true, ofRuns + 17]);
  expect(renderDashboardMetrics(data)).toContain(`mogplex_dashboard_pull_requests ${ofRuns + 17}\n`);
});

test("dayOf() has null for what was not read", () => {
  expect(dayOf(fullDashboard(4))).toMatchObject({ repositories: 4, sandboxes: 1, failedRuns: 2, openItems: 18 });
  expect(dayOf(brokenDashboard())).toMatchObject({ repositories: 6, sandboxes: null });
});

test("readDays() leaves out and counts lines that are no day, and takes the last line of a day", () => {
  const [day] = someDays(1);
  const lines = [
    "",
    "{}",
    '{"schema":1,"day":"2026-13-45"}',
    "[1]",
    "nonsense",
    '{"schema":1,"day":"2026-01-01","sandboxes":-1}',
  ];
  const { days, unread } = readDays(
    [...lines, JSON.stringify(day), JSON.stringify({ ...day, sandboxes: 3 })].join("\n"),
  );
  expect([days.length, days[0]?.sandboxes, unread]).toEqual([1, 3, 5]);
  // What is no number of a day is not written again.
  expect(renderDays(readDays(JSON.stringify({ ...day, more: "x" })).days)).not.toContain("more");
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const read = readDays(text);
    expect(readDays(renderDays(read.days)).days).toEqual(read.days);
  }));
  const many = someDays(805);
  expect(withDay(many, many.at(-1) as typeof many[number]).length).toBe(800);
});

test("cleanDashboard() masks the token everywhere and cuts what is longer than 2 000 characters", () => {
  const token = "mog_aliceReadOnlyToken00000000000001";
  expect(JSON.stringify(clean(hostileDashboard(`a ${token} b`)))).not.toContain(token);
  expect(clean(hostileDashboard("x".repeat(50_000))).origin.length).toBeLessThan(2_100);
});

test("renderDashboardMetrics() has the requests, and neither ids nor two samples of one series", () => {
  const text = renderDashboardMetrics(clean(fullDashboard(12)));
  expect(text).toContain("mogplex_dashboard_http_requests 12\n");
  expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
  const twice = renderDashboardMetrics(clean({
    ...fullDashboard(2),
    automations: fullDashboard(2).automations.map((each) => ({ ...each, name: "same" })),
  }));
  expect(twice).toContain('mogplex_dashboard_automation_runs_failed{automation="same"} 3\n');
  const broken = renderDashboardMetrics(clean(brokenDashboard()));
  expect(broken).toContain('mogplex_dashboard_list_read{list="sandboxes"} 0\n');
  expect(broken).not.toContain("mogplex_dashboard_sandboxes_active");
});

const dashboards = [emptyDashboard(), brokenDashboard(), fullDashboard(40)]
  .concat(CORPUS.map(({ text }) => ({ ...hostileDashboard(text.slice(0, 2_000)), at: emptyDashboard().at })));

test("renderDashboardMetrics() can be parsed, whatever the names are", () => {
  for (const data of dashboards) {
    const families = parseOpenmetrics(renderDashboardMetrics(clean(data)));
    for (const { samples } of families) {
      const series = samples.map(([labels]) => JSON.stringify(labels));
      expect(series.length).toBe(new Set(series).size);
    }
  }
});

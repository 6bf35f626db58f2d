import { expect, test } from "bun:test";
import { cleanDashboard, renderDashboard } from "../../../lib/dashboard/collect.ts";
import { renderDashboardMetrics } from "../../../lib/dashboard/metrics.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { parseOpenmetrics } from "../report/openmetrics_parser.ts";
import { brokenDashboard, emptyDashboard, fullDashboard, hostileDashboard } from "./sample_data.ts";

const redact = createRedactor({ token: "mog_aliceReadOnlyToken00000000000001" });

const clean = (data: Parameters<typeof cleanDashboard>[0]) => cleanDashboard(data, redact);

test("renderDashboard() gives the same files for the same data", () => {
  const once = renderDashboard(clean(fullDashboard(12)));
  expect(renderDashboard(clean(fullDashboard(12)))).toEqual(once);
  expect(once.map(({ name }) => name)).toEqual(["data.json", "metrics.prom", "index.html"]);
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

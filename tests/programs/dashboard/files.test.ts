import { expect, test } from "bun:test";
import { cleanDashboard } from "../../../lib/dashboard/collect.ts";
import { renderDashboardMetrics } from "../../../lib/dashboard/metrics.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import { CORPUS } from "../../unit/hostile/corpus.ts";
import { isInstalled, judge } from "../report/programs.ts";
import { brokenDashboard, emptyDashboard, fullDashboard, hostileDashboard } from "../../unit/dashboard/sample_data.ts";

const redact = createRedactor({ token: "mog_aliceReadOnlyToken00000000000001" });

const clean = (data: Parameters<typeof cleanDashboard>[0]) => cleanDashboard(data, redact);

const dashboards = [emptyDashboard(), brokenDashboard(), fullDashboard(40)]
  .concat(CORPUS.map(({ text }) => ({ ...hostileDashboard(text.slice(0, 2_000)), at: emptyDashboard().at })));

test.skipIf(!isInstalled("promtool"))("renderDashboardMetrics() passes promtool's checks without a remark", () => {
  for (const data of [...dashboards.slice(0, 3), hostileDashboard('"\\\n{}#')]) {
    expect(judge("promtool", ["check", "metrics"], renderDashboardMetrics(clean(data)))).toEqual({ code: 0, said: "" });
  }
});

import { expect, test } from "bun:test";
import fc from "fast-check";
import { renderCampaignPage } from "../../../../lib/campaign/report/campaign_page.ts";
import { cleanCampaign } from "../../../../lib/campaign/report/clean.ts";
import { renderCampaignCsv } from "../../../../lib/campaign/report/csv.ts";
import { renderCampaignJson } from "../../../../lib/campaign/report/json.ts";
import { renderCampaignMarkdown } from "../../../../lib/campaign/report/markdown.ts";
import { byWorse, joinViews } from "../../../../lib/campaign/lanes/join_views.ts";
import { CAMPAIGN_STATES, type CampaignState } from "../../../../lib/campaign/verdicts.ts";
import { anItem, mixedView, viewOf } from "../report/sample_view.ts";

test("byWorse() has the order of the specification, the worst first", () => {
  expect([0, 75, 4, 1, 69, 2, 65, 64, 70, 143, 130].sort(byWorse)).toEqual([130, 143, 70, 64, 65, 2, 69, 1, 4, 75, 0]);
});

test("joinViews() counts every item once, is done only when all lanes are, and sums what users have", () => {
  const state = fc.constantFrom<CampaignState>(...CAMPAIGN_STATES);
  const lane = fc.record({ size: fc.nat(20), state, waves: fc.nat(9), exitCode: fc.constantFrom(0, 1, 4) });
  fc.assert(fc.property(fc.array(lane, { minLength: 1, maxLength: 4 }), (lanes) => {
    const views = lanes.map(({ size, ...more }, index) => {
      const view = mixedView(size, more);
      return {
        name: `l${index}`,
        view: { ...view, items: view.items.map((item) => ({ ...item, id: `${index} ${item.id}` })) },
      };
    });
    const all = joinViews(views);
    expect(all.items.length).toBe(lanes.reduce((sum, { size }) => sum + size, 0));
    expect(Object.values(all.counts).reduce((sum, count) => sum + count, 0)).toBe(all.items.length);
    expect(all.state === "done").toBe(lanes.every(({ state }) => state === "done"));
    expect(all.exitCode).toBe(lanes.map(({ exitCode }) => exitCode).sort(byWorse)[0] ?? 0);
    expect(all.quota.day.limit).toBe(views.reduce((sum, { view }) => sum + view.quota.day.limit, 0));
    expect(all.lanes?.length).toBe(lanes.length);
  }));
});

test("joinViews() shows an item that was moved before it was started in its new lane only", () => {
  const moved = { ...anItem(1, "skipped"), starts: 0 };
  const now = { ...anItem(1, "succeeded") };
  const all = joinViews([{ name: "a", view: viewOf([moved]) }, { name: "b", view: viewOf([now]) }]);
  expect(all.items.map(({ id, lane, verdict }) => [id, lane, verdict])).toEqual([[now.id, "b", "succeeded"]]);
  expect(all.counts).toMatchObject({ skipped: 0, succeeded: 1 });
});

test("reports of all lanes have a column for the lane, those of a campaign without lanes have none", () => {
  const view = viewOf([anItem(1, "succeeded")]);
  const all = joinViews([{ name: "team-b", view }]);
  const reports = [renderCampaignCsv, renderCampaignMarkdown, renderCampaignPage, renderCampaignJson];
  for (const render of reports) {
    expect(render(cleanCampaign(all, (text) => text))).toMatch(/lane/i);
    expect(render(cleanCampaign(all, (text) => text))).toContain("team-b");
    expect(render(cleanCampaign(view, (text) => text))).not.toMatch(/\blanes?\b/i);
  }
});

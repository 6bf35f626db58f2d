import { expect, test } from "bun:test";
import fc from "fast-check";
import { LiveCampaign } from "../../../../lib/cli/campaign/live_campaign.ts";
import type { CampaignView } from "../../../../lib/campaign/view/view.ts";
import { detectPlatform } from "../../../../lib/ci/detect.ts";
import { Writer } from "../../../../lib/cli/log/writer.ts";
import { virtualClock } from "../../../../lib/clock.ts";
import { cellWidth } from "../../../../lib/text/cells.ts";
import { createRedactor } from "../../../../lib/text/redact.ts";
import { anItem, mixedView, NOW, unlimited, viewOf } from "../../campaign/report/sample_view.ts";
import { fakeIo } from "../fake_io.ts";
import { transientLines } from "./live_lines.ts";

const nowMs = Date.parse(NOW);

/** The lines at the bottom of a terminal that has one line more than these. */
function table(view: CampaignView, height = 24, width = 80, startMs = nowMs, waitsUntilMs = 0): string[] {
  const io = fakeIo();
  const platform = detectPlatform(io.env);
  const writer = new Writer(io, platform, createRedactor());
  const size = () => ({ columns: width, rows: height + 1 });
  const clock = virtualClock({ startMs, auto: false });
  const campaign = new LiveCampaign({ writer, platform, clock, interactive: true, size });
  campaign.wait(waitsUntilMs);
  campaign.update(view);
  const lines = transientLines(io.text.stdout);
  campaign.close();
  return lines;
}

test("LiveCampaign on a terminal says how many sandboxes there are at most until they are read", () => {
  const view = mixedView(3);
  const quota = { ...view.quota, sandboxes: { used: null, limit: 3 } };
  expect(table({ ...view, quota }, 14)[1]).toEndWith("84/150 a day · 3 sandboxes at most");
});

test("LiveCampaign on a terminal shows the whole in four lines, then what runs, what needs a person and what ended last", () => {
  expect(table(mixedView(400), 14)).toEqual([
    "replace-moment · 224/400 finished · 156 ok · 60 not ok · 8 skipped · 3 running …",
    "starts 3/10 a minute · 30/30 an hour · 84/150 a day · sandboxes 2/3",
    "waits for the quota of starts per hour (30 of 30 used)",
    "earliest end 2026-12-02 18:40 UTC (in 28 h 47 min)",
    "  ITEM              VERDICT      RUN       PR      TIME  ATTEMPTS",
    "  acme/service-136  running      3f0f6f0a        36 min         1",
    "  acme/service-137  running      3f0f6f0a        37 min         1",
    "  acme/service-138  running      3f0f6f0a        38 min         1",
    "  acme/service-171  needs-input  3f0f6f0a        31 min         1",
    "  acme/service-172  needs-input  3f0f6f0a        32 min         1",
    "  acme/service-173  needs-input  3f0f6f0a        33 min         1",
    "  acme/service-0    succeeded    3f0f6f0a  #7    20 min         1",
    "  acme/service-15   succeeded    3f0f6f0a  #22   35 min         1",
    "  … 161 queued, 4 service, 4 quota, 1 needs-input, 8 unknown, 4 conflict, 32 fa…",
  ]);
});

test("LiveCampaign on a terminal shows when it looks at the service again while a request waits", () => {
  const view = viewOf([anItem(0, "running")], { waitingFor: "nothing", endsAt: null });
  expect(table(view, 14, 80, nowMs, nowMs + 34_000)[2]).toBe("next check in 34 s");
  expect(table(view, 14, 80, nowMs, nowMs)[2]).toStartWith("  ITEM");
});

test("LiveCampaign on a wide terminal has a bar of 20 cells: what ended is thick, what runs and waits is thin", () => {
  const [first = ""] = table(mixedView(400), 14, 120);
  expect(first).toBe(
    `replace-moment  ${"━".repeat(11)}${
      "─".repeat(9)
    }  224/400 finished · 156 ok · 60 not ok · 8 skipped · 3 running · 4 need an answer`,
  );
  const counts = [[0, 1], [1, 0], [1, 2], [2, 1], [7, 13]].map(([done = 0, open = 0]) => {
    const items = [
      ...Array.from({ length: done }, (_, index) => anItem(index, "succeeded")),
      ...Array.from({ length: open }, (_, index) => anItem(done + index, "waiting")),
    ];
    const [, cells = ""] = / {2}([━─]+) {2}/.exec(table(viewOf(items))[0] ?? "") ?? [];
    return [cells.replaceAll("─", "").length, cells.length];
  });
  expect(counts).toEqual([[0, 20], [20, 20], [7, 20], [13, 20], [7, 20]]);
});

test("LiveCampaign on a narrow terminal leaves whole columns out, and cuts no number", () => {
  const rows = (width: number) => table(mixedView(40), 9, width).slice(4, 6);
  expect([60, 50, 44].map(rows)).toEqual([
    [
      "  ITEM            VERDICT    RUN       PR     TIME  ATTEMPTS",
      "  acme/service-…  running    3f0f6f0a       33 min         1",
    ],
    ["  ITEM            VERDICT    PR     TIME  ATTEMPTS", "  acme/service-…  running         33 min         1"],
    ["  ITEM             VERDICT    PR     TIME", "  acme/service-13  running         33 min"],
  ]);
});

test("LiveCampaign on a terminal says when the next start is due, unless the end of a run may bring it before", () => {
  const view = viewOf([anItem(1, "succeeded"), anItem(2, "waiting")]);
  expect(table(view)[2]).toBe("next start in 12 min · waits for the quota of starts per hour (30 of 30 used)");
  expect(table({ ...view, counts: { ...view.counts, running: 1 } })[2]).toStartWith("waits for ");
});

test("LiveCampaign on a terminal names no end before a run has ended, and none in the past", () => {
  const ends = (view: CampaignView, startMs = nowMs) =>
    table(view, 24, 80, startMs).filter((line) => line.includes("earliest end"));
  expect(ends(viewOf([anItem(1, "running"), anItem(2, "waiting")]))).toEqual([]);
  const view = viewOf([anItem(1, "succeeded"), anItem(2, "waiting")], {
    nextWaveAt: new Date(nowMs + 2_000).toISOString(),
    endsAt: new Date(nowMs + 22_000).toISOString(),
  });
  expect(ends(view)).toEqual(["earliest end 2026-12-01 13:53 UTC (in 22 s)"]);
  expect(ends(view, nowMs + 23_000)).toEqual([]);
});

test("LiveCampaign on a terminal says when starts are not limited", () => {
  const lines = table(mixedView(40, { quota: unlimited(mixedView(40)), waitingFor: null }));
  expect(lines[1]).toStartWith("starts not limited · sandboxes ");
});

test("LiveCampaign on a terminal counts time from the start of a run to now", () => {
  const view = viewOf([anItem(1, "running")]);
  const later = table(view, 24, 80, nowMs + 60 * 60_000);
  expect(later.at(-1)).toContain(" 1 h 21 min ");
});

test("LiveCampaign on a terminal says why nothing is started: a gate, with its reason", () => {
  const view = viewOf([anItem(1, "waiting")], {
    state: "gated",
    stateReason: "1 of 3 canary items failed",
    waitingFor: "gate",
    nextWaveAt: null,
  });
  const lines = table(view);
  expect(lines[0]).toStartWith(`replace-moment: gated  ${"─".repeat(20)}  0/1 finished`);
  expect(lines[2]).toBe("1 of 3 canary items failed · waits for your approval");
});

test("LiveCampaign on a terminal keeps to height and width for any size of terminal and campaign", () => {
  const sizes = fc.record({
    size: fc.constantFrom(0, 1, 3, 40, 400),
    height: fc.integer({ min: 1, max: 60 }),
    width: fc.integer({ min: 40, max: 200 }),
  });
  fc.assert(fc.property(sizes, ({ size, height, width }) => {
    const lines = table(mixedView(size), height, width);
    expect(lines.length).toBeLessThanOrEqual(height);
    expect(lines.filter((line) => cellWidth(line) > width)).toEqual([]);
    if (height >= 8 && size > 0) expect(lines.some((line) => line.includes("ITEM"))).toBe(true);
  }));
});

import { expect, test } from "bun:test";
import { campaignLine, changedItems, heartbeatLine } from "../../../../lib/cli/campaign/live_campaign.ts";
import { anItem, everyVerdict, mixedView, NOW, viewOf } from "../../campaign/report/sample_view.ts";

const nowMs = Date.parse(NOW);

test("campaignLine() says what happened to an item, with what a reader needs next", () => {
  const lines = everyVerdict().items.map((item) => campaignLine(item, item.repository, nowMs));
  expect(lines.map((line) => line.replaceAll("3f0f6f0a-6f0e-4a7e-9a0b-0000000000", "…"))).toEqual([
    "13:53:00  needs-input  acme/service-0  run …00  Should dates without a zone be read as UTC?",
    "13:53:00  unknown      acme/service-1  codemod/replace-moment-1  the run succeeded, but no event seen says whether there is a pull request  (20 min)",
    "13:53:00  conflict     acme/service-2  the idempotency key was used with another request (HTTP 409)  (20 min)",
    "13:53:00  failed       acme/service-3  (20 min)",
    "13:53:00  overdue      acme/service-4  run …04 took longer than 60 min  (20 min)",
    "13:53:00  cancelled    acme/service-5  the run was cancelled by somebody else  (20 min)",
    "13:53:00  invalid      acme/service-6  the service does not know the repository, or hides it",
    "13:53:00  running      acme/service-7  run …07",
    "13:53:00  starting     acme/service-8",
    "13:53:00  quota        acme/service-9",
    "13:53:00  service      acme/service-10  Cannot start run: connection refused",
    "13:53:00  waiting      acme/service-11",
    "13:53:00  skipped      acme/service-12  archived (by ann)",
    "13:53:00  succeeded    acme/service-13  https://github.com/acme/service-13/pull/20  (20 min)",
    "13:53:00  unchanged    acme/service-14  (20 min)",
  ]);
  expect(campaignLine(anItem(1, "failed", { attempts: 2 }), "a", nowMs, false)).toBe(
    "failed       a  (20 min, attempt 2)",
  );
});

test("heartbeatLine() has the counts, the starts of the day, and what is waited for until when", () => {
  expect(heartbeatLine(mixedView(100), nowMs)).toBe(
    "... 56 of 100 items ended, 3 running, 16 did not succeed; 84 of 150 starts a day; " +
      "next start waits for the quota of starts an hour (30 of 30 used); next wave 2026-12-01 14:05 UTC (in 12 min)",
  );
  expect(heartbeatLine(viewOf([anItem(1, "running")], { waitsFor: "nothing", nextWaveAt: null, endsAt: null }), nowMs))
    .toBe(
      "... 0 of 1 item ended, 1 running; 84 of 150 starts a day",
    );
});

test("changedItems() finds new items, and those whose verdict, run or pull request changed", () => {
  const before = [1, 2, 3, 4].map((number) => anItem(number, "running"));
  const after = [
    anItem(1, "running", { startedAt: NOW }),
    anItem(2, "failed"),
    anItem(3, "running", { runId: "other" }),
    anItem(4, "running", { pullRequest: "https://github.com/a/b/pull/1" }),
    anItem(5, "waiting"),
  ];
  expect(changedItems(before, after).map(({ repository }) => repository)).toEqual(
    [2, 3, 4, 5].map((number) => `acme/service-${number}`),
  );
});

test("heartbeatLine() names the end where everything is expected to have ended before another wave", () => {
  const view = { ...mixedView(100), nextWaveAt: new Date(nowMs + 120_000).toISOString() };
  const line = (endMs: number) => heartbeatLine({ ...view, endsAt: new Date(nowMs + endMs).toISOString() }, nowMs);
  expect(line(42_000)).toEndWith("(in 42 s)");
  expect(line(42_000)).toContain("; earliest end ");
  expect(line(42_000)).not.toContain("next wave");
  expect(line(600_000)).toContain("; next wave ");
});

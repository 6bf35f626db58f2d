import { expect, test } from "bun:test";
import { LiveCampaign } from "../../../../lib/cli/campaign/live_campaign.ts";
import type { CampaignView } from "../../../../lib/campaign/view/view.ts";
import { detectPlatform } from "../../../../lib/ci/detect.ts";
import { Writer } from "../../../../lib/cli/log/writer.ts";
import { virtualClock } from "../../../../lib/clock.ts";
import { createRedactor } from "../../../../lib/text/redact.ts";
import { anItem, everyVerdict, mixedView, NOW, viewOf } from "../../campaign/report/sample_view.ts";
import { fakeIo } from "../fake_io.ts";

const nowMs = Date.parse(NOW);

/** The lines of a log about views that follow each other, and about a minute in which nothing changes. */
async function logOf(views: readonly CampaignView[], { startMs = nowMs, times = true, minute = false } = {}) {
  const io = fakeIo({ env: { CI: "true" } });
  const platform = detectPlatform(io.env);
  const clock = virtualClock({ startMs, auto: false });
  const writer = new Writer(io, platform, createRedactor());
  const campaign = new LiveCampaign({ writer, platform, clock, interactive: false, times });
  for (const view of views) campaign.update(view);
  if (minute) {
    clock.advance(60_000);
    await new Promise((resolve) => setTimeout(resolve));
  }
  campaign.close();
  return io.text.stdout.split("\n").filter((line) => line !== "");
}

/** The lines about items in a view that had other ones before. */
async function itemLines(view: CampaignView, before: CampaignView["items"] = [], times = true) {
  const lines = await logOf([{ ...view, items: before }, view], { times });
  return lines.filter((line) => !line.startsWith("campaign "));
}

/** The line of a minute in which nothing changes; it ends now. */
async function heartbeat(view: CampaignView) {
  return (await logOf([view], { startMs: nowMs - 60_000, minute: true })).at(-1) ?? "";
}

test("LiveCampaign says what happened to an item, with what a reader needs next", async () => {
  const lines = await itemLines(everyVerdict());
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
    "13:53:00  queued       acme/service-11",
    "13:53:00  skipped      acme/service-12  archived (by ann)",
    "13:53:00  succeeded    acme/service-13  https://github.com/acme/service-13/pull/20  (20 min)",
    "13:53:00  unchanged    acme/service-14  (20 min)",
  ]);
  expect(await itemLines(viewOf([anItem(1, "failed", { attempts: 2 })]), [], false)).toEqual([
    "failed       acme/service-1  (20 min, attempt 2)",
  ]);
});

test("LiveCampaign has a heartbeat with the counts, the starts of the day, and what is waited for until when", async () => {
  expect(await heartbeat(mixedView(100))).toBe(
    "... 56 of 100 items finished, 3 running, 15 did not succeed, 1 needs an answer; 84 of 150 starts a day; " +
      "next start waits for the quota of starts per hour (30 of 30 used); earliest end 2026-12-02 18:40 UTC (in 28 h 47 min)",
  );
  expect(await heartbeat(viewOf([anItem(1, "running")], { waitingFor: "nothing", nextWaveAt: null, endsAt: null })))
    .toBe(
      "... 0 of 1 item finished, 1 running; 84 of 150 starts a day",
    );
});

test("LiveCampaign has lines for new items, and for those whose verdict, run or pull request changed", async () => {
  const before = [1, 2, 3, 4].map((number) => anItem(number, "running"));
  const after = [
    anItem(1, "running", { startedAt: NOW }),
    anItem(2, "failed"),
    anItem(3, "running", { runId: "other" }),
    anItem(4, "running", { pullRequest: "https://github.com/a/b/pull/1" }),
    anItem(5, "waiting"),
  ];
  const lines = await itemLines(viewOf(after), before);
  expect(lines.map((line) => line.split(/ +/)[2])).toEqual(
    [2, 3, 4, 5].map((number) => `acme/service-${number}`),
  );
});

test("LiveCampaign names in a heartbeat the next start, where no run is at work, and the end unless it is past", async () => {
  const items = [anItem(1, "succeeded"), anItem(2, "waiting")];
  const at = (seconds: number) => new Date(nowMs + seconds * 1_000).toISOString();
  const line = (next: number, end: number) => heartbeat(viewOf(items, { nextWaveAt: at(next), endsAt: at(end) }));
  expect(await line(720, 762)).toEndWith(
    "; next start 2026-12-01 14:05 UTC (in 12 min); earliest end 2026-12-01 14:05 UTC (in 13 min)",
  );
  expect(await line(-43, -1)).toEndWith("; next start waits for the quota of starts per hour (30 of 30 used)");
});

import { expect, test } from "bun:test";
import { LiveCampaign } from "../../../../lib/cli/campaign/live_campaign.ts";
import type { CampaignView } from "../../../../lib/campaign/view/view.ts";
import { Writer } from "../../../../lib/cli/log/writer.ts";
import { virtualClock } from "../../../../lib/clock.ts";
import { detectPlatform } from "../../../../lib/ci/detect.ts";
import { createRedactor } from "../../../../lib/text/redact.ts";
import { own } from "../../../../lib/text/safe_line.ts";
import { anItem, mixedView, NOW, viewOf } from "../../campaign/report/sample_view.ts";
import { githubCommands } from "../../hostile/parsers/log_parsers.ts";
import { fakeIo } from "../fake_io.ts";

const TOKEN = "mog_liveCampaignToken0001";

function live(env: Record<string, string>, interactive = false) {
  const io = fakeIo({ env });
  const platform = detectPlatform(io.env);
  const clock = virtualClock({ startMs: Date.parse(NOW), auto: false });
  const writer = new Writer(io, platform, createRedactor({ token: TOKEN }));
  const size = () => ({ columns: 80, rows: 10 });
  return { io, clock, writer, campaign: new LiveCampaign({ writer, platform, clock, interactive, size }) };
}

/** Two waves: two runs at work, one ends, a third begins. */
const VIEWS: readonly CampaignView[] = [
  viewOf([anItem(1, "running"), anItem(2, "running"), anItem(3, "waiting")], { waves: 1 }),
  viewOf([anItem(1, "running"), anItem(2, "failed", { reason: `exit 1 ${TOKEN}` }), anItem(3, "waiting")], {
    waves: 1,
  }),
  viewOf([anItem(1, "running"), anItem(2, "failed"), anItem(3, "running")], { waves: 2 }),
];

test("LiveCampaign prints a line for each change in a log, and none for the state at the beginning", () => {
  const { io, campaign } = live({ CI: "true" });
  for (const view of VIEWS) campaign.update(view);
  campaign.close();
  expect(io.text.stdout).toBe(
    [
      "campaign replace-moment is running: 2 runs active; the next start waits for the quota of starts per hour (30 of 30 used)",
      "13:53:00  failed       acme/service-2  exit 1 [redacted]  (20 min)",
      "13:53:00  running      acme/service-3  run 3f0f6f0a-6f0e-4a7e-9a0b-000000000003",
      "",
    ].join("\n"),
  );
});

test("LiveCampaign prints the number of an attempt only when the attempt has finished", () => {
  const { io, campaign } = live({ CI: "true" });
  for (
    const [verdict, attempts] of [["waiting", 1], ["running", 1], ["waiting", 2], ["running", 2], [
      "failed",
      3,
    ]] as const
  ) {
    campaign.update(viewOf([anItem(1, verdict, { attempts }), anItem(2, "running")], { waves: 1 }));
  }
  campaign.close();
  const lines = io.text.stdout.split("\n").filter((line) => line.includes("service-1"));
  expect(lines.map((line) => [line.slice(10).trim().split(" ")[0], /attempt \d/.exec(line)?.[0]])).toEqual([
    ["running", undefined],
    ["queued", "attempt 2"],
    ["running", undefined],
    ["failed", "attempt 3"],
  ]);
});

test.each([false, true])(
  "LiveCampaign shows that an attempt failed and is tried again; on a terminal: %p",
  (interactive) => {
    const { io, campaign } = live({}, interactive);
    const about = { limits: { attempts: 2 } } as CampaignView["about"];
    for (
      const [verdict, attempts, reason] of [["running", 0, null], ["waiting", 1, "npm test exited with 1."]] as const
    ) {
      campaign.update(viewOf([anItem(1, verdict, { attempts, reason })], { waves: 1, about }));
    }
    campaign.close();
    expect(io.text.stdout).toContain(
      "queued       acme/service-1  attempt 1 of 2 failed: npm test exited with 1; trying again",
    );
  },
);

test("LiveCampaign says that the next run starts right away when nothing delays it", () => {
  const { io, campaign } = live({ CI: "true" });
  campaign.update(viewOf([anItem(1, "running"), anItem(2, "waiting")], { waves: 1, waitingFor: null }));
  campaign.close();
  expect(io.text.stdout).toBe("campaign replace-moment is running: 1 run active; the next run starts right away\n");
});

test("LiveCampaign prints a heartbeat each minute in a log, and none after it was closed", async () => {
  const { io, clock, campaign } = live({ CI: "true" });
  campaign.update(VIEWS[0] as CampaignView);
  for (let minute = 0; minute < 3; minute++) {
    clock.advance(60_000);
    await Promise.resolve();
    await new Promise((resolve) => setTimeout(resolve));
  }
  campaign.close();
  clock.advance(60_000);
  await new Promise((resolve) => setTimeout(resolve));
  const beats = io.text.stdout.split("\n").filter((line) => line.startsWith("... "));
  expect(beats.length).toBe(3);
  expect(beats[2]).toBe(
    "... 0 of 3 items finished, 2 running; 84 of 150 starts a day; " +
      "next start waits for the quota of starts per hour (30 of 30 used)",
  );
});

test("LiveCampaign opens a section for each wave on a system that has sections, with its first line", () => {
  const { io, campaign } = live({ GITLAB_CI: "true" });
  for (const view of VIEWS) campaign.update(view);
  campaign.update({ ...VIEWS[2] as CampaignView, waves: 3 });
  campaign.close();
  const marks = [...io.text.stdout.matchAll(/section_(start|end):\d+:(mogplex_wave_\d+)_[0-9a-f]{8}/g)]
    .map(([, word, name]) => `${word} ${name}`);
  expect(marks).toEqual(["start mogplex_wave_1", "end mogplex_wave_1", "start mogplex_wave_2", "end mogplex_wave_2"]);
  expect(io.text.stdout).toContain("Mogplex: wave 2");
});

test("LiveCampaign prints the items before the state that follows from them", () => {
  const { io, campaign } = live({ CI: "true" });
  campaign.update(VIEWS[1] as CampaignView);
  campaign.update({
    ...viewOf([anItem(1, "succeeded"), anItem(2, "failed"), anItem(3, "succeeded")]),
    state: "stopping",
  });
  campaign.close();
  const lines = io.text.stdout.trimEnd().split("\n").slice(1);
  expect(lines.map((line) => /succeeded|is stopping/.exec(line)?.[0])).toEqual([
    "succeeded",
    "succeeded",
    "is stopping",
  ]);
});

test("LiveCampaign prints a change of state with its reason", () => {
  const { io, campaign } = live({});
  campaign.update(VIEWS[0] as CampaignView);
  campaign.update({ ...VIEWS[0] as CampaignView, state: "gated", stateReason: "1 of 3 canary items failed" });
  campaign.close();
  expect(io.text.stdout).toContain(
    "campaign replace-moment is gated: 1 of 3 canary items failed; 2 runs active, and nothing starts until somebody approves\n",
  );
});

test("LiveCampaign leaves the last state of a campaign to the final output", () => {
  const { io, campaign } = live({ CI: "true" });
  campaign.update(VIEWS[0] as CampaignView);
  const idle = viewOf([anItem(1, "succeeded"), anItem(2, "waiting")]);
  for (const state of ["gated", "stopped", "done"] as const) campaign.update({ ...idle, state });
  campaign.close();
  expect(io.text.stdout).not.toMatch(/is (?:gated|stopped|done)/);
});

test("LiveCampaign does not tell the state between a run that has ended and the next start, which follows at once", () => {
  const { io, campaign } = live({});
  campaign.update(VIEWS[0] as CampaignView);
  const ended = viewOf([anItem(1, "succeeded"), anItem(2, "succeeded"), anItem(3, "waiting")], { waves: 1 });
  campaign.update({ ...ended, state: "waiting", waitingFor: null });
  campaign.update(VIEWS[2] as CampaignView);
  campaign.close();
  expect(io.text.stdout.match(/ is (?:running|waiting)/g)).toEqual([" is running"]);
});

test("LiveCampaign redraws its table in place on a terminal, below notices, and removes it at the end", async () => {
  const { io, clock, writer, campaign } = live({}, true);
  campaign.update(mixedView(40));
  const first = io.text.stdout;
  expect(first.split("\n").length).toBe(9);
  expect(first).toStartWith("\x1b[?7lreplace-moment · 18/40 finished");
  io.text.stdout = "";
  clock.advance(60_000);
  await new Promise((resolve) => setTimeout(resolve));
  expect(io.text.stdout).toStartWith("\r\x1b[8A\x1b[J\x1b[?7lreplace-moment");
  expect(io.text.stdout).toContain("earliest end 2026-12-02 18:40 UTC (in 28 h 46 min)");
  io.text.stdout = "";
  writer.note("the service is busy");
  expect([io.text.stderr, io.text.stdout.startsWith("\r\x1b[8A\x1b[J\x1b[?7l")]).toEqual([
    "note: the service is busy\n",
    true,
  ]);
  io.text.stdout = "";
  campaign.close();
  expect(io.text.stdout).toBe("\r\x1b[8A\x1b[J");
  campaign.update(mixedView(3));
  expect(io.text.stdout).toBe("\r\x1b[8A\x1b[J");
});

test("LiveCampaign ends its fence when the process must end now", () => {
  const { io, campaign } = live({ GITHUB_ACTIONS: "true" });
  for (const view of VIEWS) campaign.update(view);
  campaign.leave();
  expect(githubCommands(io.text.stdout).filter((line) => !/^::(end)?group::/.test(line)).length).toBe(4);
  expect(io.text.stdout).toMatch(/::stop-commands::(\S+)\n[^\n]+\n::\1::\n::endgroup::\n$/);
});

test("LiveCampaign.leave() lets other programs of the step give commands again", () => {
  const { io, writer, campaign } = live({ GITHUB_ACTIONS: "true" });
  for (const view of VIEWS) campaign.update(view);
  campaign.leave();
  io.text.stdout = "";
  writer.out(own`::notice::a line after the end`);
  expect(io.text.stdout).toBe("::notice::a line after the end\n");
});

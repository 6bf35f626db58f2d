import { expect, test } from "bun:test";
import { commandCampaign } from "../../../../lib/cli/campaign/campaign_job.ts";
import type { CampaignView } from "../../../../lib/campaign/view.ts";
import { Writer } from "../../../../lib/cli/log/writer.ts";
import { detectPlatform } from "../../../../lib/ci/detect.ts";
import { createRedactor } from "../../../../lib/text/redact.ts";
import { anItem, mixedView, viewOf } from "../../campaign/report/sample_view.ts";
import { fakeIo } from "../fake_io.ts";

function commands(env: Record<string, string>, view: CampaignView): string[] {
  const io = fakeIo({ env, files: { "out/campaign.md": "# x" } });
  const platform = detectPlatform(io.env);
  commandCampaign({ io, writer: new Writer(io, platform, createRedactor()) }, platform, view, "out/campaign.md");
  return io.text.stdout.split("\n").slice(0, -1);
}

const DONE = { state: "done", waitsFor: null, nextWaveAt: null, endsAt: null } as const;

test("commandCampaign() annotates an end that is not good, and nothing else on GitHub", () => {
  expect(commands({ GITHUB_ACTIONS: "true" }, mixedView(3))).toEqual([]);
  const failed = viewOf([anItem(1, "failed"), anItem(2, "succeeded")], { ...DONE, exitCode: 1 });
  expect(commands({ GITHUB_ACTIONS: "true" }, failed)).toEqual([
    "::error title=Mogplex campaign replace-moment%2C round 2026-12%2C is done::1 of 2 items succeeded, 1 did not succeed; " +
    "2 of 2 have ended: 1 succeeded, 1 failed; exit code 1",
  ]);
  const waits = viewOf([anItem(1, "needs-input")], { ...DONE, exitCode: 4 });
  expect(commands({ GITHUB_ACTIONS: "true" }, waits)[0]).toStartWith("::warning ");
});

test("commandCampaign() sets variables and shows the summary on systems that read the log", () => {
  const lines = commands({ SYSTEM_TEAMFOUNDATIONCOLLECTIONURI: "https://dev.azure.com/a/" }, mixedView(3));
  expect(lines.length).toBe(16);
  expect(lines[0]).toContain("MOGPLEX_CAMPAIGN_STATE");
  expect(lines.at(-1)).toBe("##vso[task.uploadsummary]/work/out/campaign.md");
  expect(commands({ GITLAB_CI: "true" }, mixedView(3))).toEqual([]);
});

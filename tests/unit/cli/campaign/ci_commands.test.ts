import { expect, test } from "bun:test";
import { publishCampaign } from "../../../../lib/cli/campaign/campaign_job.ts";
import type { CampaignView } from "../../../../lib/campaign/view/view.ts";
import { openContext } from "../../../../lib/cli/context.ts";
import { ignoringFolder } from "../../../../lib/cli/job/laptop.ts";
import { commandVocabulary, type Context } from "../../../../lib/cli/verb.ts";
import { Writer } from "../../../../lib/cli/log/writer.ts";
import { ALL_SYSTEMS, detectPlatform } from "../../../../lib/ci/detect.ts";
import { createRedactor } from "../../../../lib/text/redact.ts";
import { anItem, mixedView, viewOf } from "../../campaign/report/sample_view.ts";
import { fakeIo } from "../fake_io.ts";

/** What is printed when a campaign is published at its end. */
async function commands(env: Record<string, string>, view: CampaignView): Promise<string[]> {
  return (await published(env, view)).text.stdout.split("\n").slice(0, -1);
}

async function published(env: Record<string, string>, view: CampaignView, home?: string) {
  const io = fakeIo({ env });
  const platform = detectPlatform(io.env);
  const call = {
    io,
    flags: { positionals: [], has: () => false, get: () => undefined, all: () => [] },
    platform,
    systems: ALL_SYSTEMS,
    writer: new Writer(io, platform, createRedactor()),
    vocabulary: commandVocabulary(),
    verbs: [],
    dropIn: false,
  };
  const command = { program: "mogplex-ci", file: "campaign.yml", flags: [] };
  const context = { ...openContext(call, {}), laptop: { ignoringFolder } as Context["laptop"] };
  const place = { directory: "out", command, tasks: [], options: { home } };
  const unwritten = await publishCampaign(context, place, view, { problem: null, note: { kind: "none" } });
  expect(unwritten).toEqual([]);
  return io;
}

const DONE = { state: "done", waitingFor: null, nextWaveAt: null, endsAt: null } as const;

test("publishCampaign() annotates an end that is not good, and nothing else on GitHub", async () => {
  expect(await commands({ GITHUB_ACTIONS: "true" }, mixedView(3))).toEqual([]);
  const failed = viewOf([anItem(1, "failed"), anItem(2, "succeeded")], { ...DONE, exitCode: 1 });
  expect(await commands({ GITHUB_ACTIONS: "true" }, failed)).toEqual([
    "::error title=Mogplex campaign replace-moment%2C round 2026-12%2C is done::1 of 2 items succeeded, 1 did not succeed; " +
    "2 of 2 have finished: 1 succeeded, 1 failed; exit code 1",
  ]);
  const waits = viewOf([anItem(1, "needs-input")], { ...DONE, exitCode: 4 });
  expect((await commands({ GITHUB_ACTIONS: "true" }, waits))[0]).toStartWith("::warning ");
});

test("publishCampaign() sets variables and shows the summary on systems that read the log", async () => {
  const lines = await commands({ SYSTEM_TEAMFOUNDATIONCOLLECTIONURI: "https://dev.azure.com/a/" }, mixedView(3));
  expect(lines.length).toBe(16);
  expect(lines[0]).toContain("MOGPLEX_CAMPAIGN_STATE");
  expect(lines.at(-1)).toBe("##vso[task.uploadsummary]/work/out/campaign.md");
  expect(await commands({ GITLAB_CI: "true" }, mixedView(3))).toEqual([]);
});

test("publishCampaign() keeps a new directory with the reports of a campaign on a branch out of Git, outside CI", async () => {
  const ignored = async (env: Record<string, string>, home?: string) =>
    (await published(env, mixedView(3), home)).files.get("out/.gitignore");
  expect(await ignored({}, "git:origin#waves")).toBe("*\n");
  expect(await ignored({}, "dir")).toBeUndefined();
  expect(await ignored({ CI: "true" }, "git:origin#waves")).toBeUndefined();
});

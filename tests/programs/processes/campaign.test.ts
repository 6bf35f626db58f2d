import { built } from "../../built.ts";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runtimes } from "../../../tools/setup.mjs";
import { launch, type Service, startService } from "./world/service.ts";
import { until } from "./world/recorder.ts";

let service: Service;

beforeAll(async () => {
  service = await startService({}, ["--repos", "acme=3", "--server-revision", "later", "--sandbox-limit", "3"]);
});

afterAll(() => service.close());

interface Place {
  /** Runs a verb of the campaign. */
  campaign(verb: string, ...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** What `campaign.json` says. */
  report(): { state: string; counts: Record<string, number>; items: { runId: string | null }[] };
  /** Waits until all runs of the report have ended. */
  ended(): Promise<void>;
}

let rounds = 0;

/** A campaign of its own directory, token and round. */
function place(prompt: string, more: Record<string, unknown> = {}): Place {
  const cwd = mkdtempSync(join(service.folder, "campaign-"));
  const file = {
    version: 1,
    name: "processes",
    round: `r${++rounds}`,
    prompt,
    repositories: [{ query: "acme/project" }],
    ...more,
  };
  writeFileSync(join(cwd, "campaign.yml"), JSON.stringify(file));
  const env = {
    MOGPLEX_URL: service.url,
    MOGPLEX_DEV: "1",
    MOGPLEX_API_KEY: service.token(),
    GITLAB_CI: "true",
    CI: "true",
  };
  const report = () => JSON.parse(readFileSync(join(cwd, "mogplex-campaign/campaign.json"), "utf8"));
  return {
    campaign: (verb, ...args) =>
      launch([runtimes.node, built("mogplex.mjs"), "campaign", verb, "campaign.yml", ...args], { cwd, env }).ended,
    report,
    async ended() {
      for (const { runId } of report().items) {
        if (runId === null) continue;
        await until("the run has ended", async () => ["success", "failed"].includes(await service.status(runId)));
      }
    },
  };
}

const quiet = (stderr: string) =>
  stderr.replace(`note: sending requests and the token to ${service.url}, unencrypted\n`, "");

test("plan, advance, status and report bring a campaign to its end, each as a process of its own", async () => {
  const { campaign, report, ended } = place("<success>");
  const planned = await campaign("plan");
  expect([planned.code, quiet(planned.stderr)]).toEqual([0, ""]);
  expect(planned.stdout).toContain("Campaign processes, round r");
  expect((await campaign("status", "--exit-status")).code).toBe(75);
  const wave = await campaign("advance", "--exit-status");
  expect([wave.code, quiet(wave.stderr), report().counts.running]).toEqual([75, "", 3]);
  await ended();
  const last = await campaign("advance", "--exit-status");
  expect([last.code, quiet(last.stderr), report().state, report().counts.succeeded]).toEqual([0, "", "done", 3]);
  const status = await campaign("status", "--exit-status", "--json");
  expect([status.code, status.stderr, JSON.parse(status.stdout).state]).toEqual([0, "", "done"]);
  expect((await campaign("report")).stdout).toContain("wrote mogplex-campaign/ci/junit.xml\n");
});

test("run ends with 1 for failures, and status says what to do", async () => {
  const { campaign, report } = place("<agent-failure>", { canary: { size: 1 } });
  const ended = await campaign("run", "--timeout", "50s");
  expect([ended.code, report().state]).toEqual([4, "gated"]);
  expect((await campaign("approve")).code).toBe(0);
  const done = await campaign("run", "--timeout", "50s");
  expect([done.code, quiet(done.stderr), report().state, report().counts.failed]).toEqual([1, "", "done", 3]);
  const status = await campaign("status", "--exit-status");
  expect([status.code, status.stdout]).toEqual([
    1,
    expect.stringContaining(" campaign retry campaign.yml --cause agent-"),
  ]);
  expect((await campaign("advance", "--exit-status")).code).toBe(1);
  expect((await campaign("retry")).code).toBe(2);
});

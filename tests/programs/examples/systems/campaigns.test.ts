/** The recipes of campaigns: what a wave leaves for the next one, and what a lost one costs. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { CANCEL, START } from "../../processes/world/recorder.ts";
import {
  CAMPAIGN_SYSTEMS,
  type CampaignBench,
  type CampaignSystem,
  openWorkFolder,
  withCampaign,
  type WorkFolder,
} from "./campaign_recipes.ts";
import type { GithubCache } from "./models/github_actions.ts";

const PLAN = "plan campaign.yml";

let work: WorkFolder;

beforeAll(() => {
  work = openWorkFolder();
});

afterAll(() => rmSync(work.folder, { recursive: true, force: true }));

type Options = Parameters<typeof withCampaign>[4];

/** A test with a machine and a service of its own, beside the others. */
function together(
  what: string,
  system: CampaignSystem,
  names: readonly string[],
  body: (bench: CampaignBench) => Promise<void>,
  options?: Options,
): void {
  test.concurrent(`${system.file} ${what}`, () => withCampaign(work, system, names, body, options));
}

const codes = ({ machine }: CampaignBench) => machine.done.map(({ code }) => code);
const said = ({ machine }: CampaignBench) => `${machine.done.at(-1)?.stdout}${machine.done.at(-1)?.stderr}`;

/** Forgets what the CI system has kept. */
function lose({ kept }: CampaignBench): void {
  kept.github.length = 0;
  kept.gitlab.clear();
}

/** Has the second start of a wave wait for ever, and stops the job then. */
function stopInTheMiddle(bench: CampaignBench, stop: CampaignSystem["stop"]): void {
  const { machine, recorder } = bench;
  const held = recorder.of(START).length + 2;
  recorder.intercept = ({ what }) =>
    START.test(what) && recorder.of(START).length === held ? new Promise(() => {}) : Promise.resolve();
  machine.stopWhen = () => recorder.arrived(START, held);
  machine.stop = stop;
}

for (const system of CAMPAIGN_SYSTEMS) {
  together("plans by hand, makes waves, and is done", system, ["web", "api", "docs", "lib", "cli"], async (bench) => {
    const { machine, wave, counts, recorder } = bench;
    expect(await wave({ command: PLAN })).toMatchObject({ color: "green" });
    expect(machine.done.at(-1)?.stdout).toContain("nothing was started");
    expect(counts().starts).toBe(0);
    const states = [];
    for (let waves = 0; waves < 5 && states.at(-1) !== "done"; waves++) {
      const { color, state } = await wave();
      expect(color).toBe("green");
      states.push(state);
    }
    // Three at a time; the second wave continues with the directory of the first.
    expect(states).toEqual(["running", "running", "done"]);
    expect(counts()).toEqual({ runs: 5, keys: 5, starts: 5 });
    const before = recorder.requests.length;
    expect(await wave()).toMatchObject({ color: "green", state: "done" });
    expect(recorder.requests).toHaveLength(before);
  });

  together("is red at the end when a repository has failed, and keeps the reports", system, [
    "web",
    "failure",
  ], async (bench) => {
    const { wave, machine } = bench;
    await wave({ command: PLAN });
    expect((await wave()).color).toBe("green");
    const last = await wave();
    expect(last).toMatchObject({ color: "red", state: "done" });
    expect(last.artifacts).toContain("mogplex-campaign/campaign.md");
    expect(last.artifacts.filter((file) => file.includes("writer"))).toEqual([]);
    const [end] = machine.done.filter(({ stdout }) => stdout.includes("is done")).slice(-1);
    expect(end).toMatchObject({ code: 1, stdout: expect.stringContaining("campaign retry campaign.yml --cause") });
    // The verdict stays, without a request.
    expect(await wave()).toMatchObject({ color: "red", state: "done" });
  });

  together("makes no wave without a plan, and says what to do", system, ["web"], async (bench) => {
    expect((await bench.wave()).color).toBe("red");
    expect([bench.machine.done.at(-1)?.code, said(bench)]).toEqual([2, expect.stringContaining(`command: ${PLAN}`)]);
    expect(bench.recorder.requests).toEqual([]);
    expect([bench.kept.github, bench.kept.gitlab.has("mogplex-campaign-copy")]).toEqual([[], false]);
  });

  together("starts nothing when the directory is lost, and nothing twice after another plan", system, [
    "web",
    "stuck",
  ], async (bench) => {
    const { wave, counts, service } = bench;
    await wave({ command: PLAN });
    await wave();
    expect(counts()).toEqual({ runs: 2, keys: 2, starts: 2 });
    lose(bench);
    expect((await wave()).color).toBe("red");
    expect(counts().starts).toBe(2);
    await wave({ command: PLAN });
    expect(await wave()).toMatchObject({ color: "green", state: "running" });
    // The same keys find the same runs. Each counts as a start.
    expect(counts()).toEqual({ runs: 2, keys: 2, starts: 4 });
    for (const { id } of service.emulator.world.store.runs.values()) {
      service.emulator.control("setRun", { runId: id, run: { status: "success" } });
    }
    expect((await wave()).state).toBe("done");
  });

  for (const lost of [false, true]) {
    const how = lost ? "its machine was lost" : "its job was cancelled";
    together(`goes on after a wave of which ${how}, and starts nothing twice`, system, [
      "web",
      "api",
      "docs",
    ], async (bench) => {
      const { wave, counts, recorder } = bench;
      await wave({ command: PLAN });
      stopInTheMiddle(bench, system.stop);
      expect((await wave({ lost })).color).toBe("gray");
      expect(recorder.of(CANCEL)).toEqual([]);
      recorder.intercept = undefined;
      const states = [];
      for (let waves = 0; waves < 5 && states.at(-1) !== "done"; waves++) states.push((await wave()).state);
      expect(states.at(-1)).toBe("done");
      expect(counts()).toMatchObject({ runs: 3, keys: 3 });
      // What was kept need not be started again; the start that had no answer is sent again in any case.
      expect(counts().starts).toBe(system.keepsWhenCancelled && !lost ? 4 : 5);
    });
  }

  together("does what the summary proposes, byte for byte, and the next wave obeys", system, [
    "web",
    "failure",
  ], async (bench) => {
    const { wave, counts, machine } = bench;
    await wave({ command: PLAN });
    await wave();
    await wave();
    const log = machine.done.findLast(({ stdout }) => stdout.includes("is done"))?.stdout ?? "";
    const [command = ""] = /node (?:ci\/)?mogplex\.mjs campaign retry .+/.exec(log) ?? [];
    expect((await wave({ command })).color).toBe("green");
    expect((await wave()).state).toBe("running");
    expect(counts()).toEqual({ runs: 3, keys: 3, starts: 3 });
    expect((await wave()).color).toBe("red");
    const reason = "done by hand: $(touch PWNED) `touch PWNED` $MOGPLEX_API_KEY ${{ secrets.MOGPLEX_API_KEY }}";
    const skip = `skip campaign.yml --only 'acme/failure' --reason '${reason}'`;
    expect((await wave({ command: skip })).color).toBe("green");
    const last = await wave();
    expect(last).toMatchObject({ color: "green", state: "done" });
    expect(JSON.parse(readFileSync(bench.keptPath("campaign.json"), "utf8")).items).toContainEqual(
      expect.objectContaining({
        verdict: "skipped",
        reason: expect.stringContaining("$(touch PWNED) `touch PWNED` $"),
      }),
    );
    // A command that there is not is red, and changes nothing.
    expect((await wave({ command: "no-such-verb campaign.yml" })).color).toBe("red");
    expect((await wave()).state).toBe("done");
  });

  together("loses nothing when the service refuses a wave", system, ["web", "api", "docs", "lib"], async (bench) => {
    const { wave, counts, recorder } = bench;
    await wave({ command: PLAN });
    await wave();
    recorder.intercept = () => Promise.resolve({ status: 403, body: {} });
    expect((await wave()).color).toBe("red");
    recorder.intercept = undefined;
    const states = [];
    for (let waves = 0; waves < 3 && states.at(-1) !== "done"; waves++) states.push((await wave()).state);
    expect(states.at(-1)).toBe("done");
    expect(counts()).toEqual({ runs: 4, keys: 4, starts: 4 });
  });

  together("leaves when another process is running in the directory", system, ["web"], async (bench) => {
    const { wave, machine, recorder, keptPath } = bench;
    await wave({ command: PLAN });
    const before = recorder.requests.length;
    writeFileSync(keptPath("writer.json"), "of another machine");
    expect((await wave()).color).toBe(system.busy);
    expect([machine.done.at(-1)?.code, recorder.requests.length]).toEqual([75, before]);
  });

  together("does nothing on other branches", system, ["web"], async ({ wave, machine }) => {
    expect((await wave({ command: PLAN, branch: "feature/login" })).color).toBe("none");
    expect(machine.done).toEqual([]);
  });
}

const [GITHUB, GITLAB] = CAMPAIGN_SYSTEMS as [CampaignSystem, CampaignSystem];

together("stops before anything is run when the checksum is another one", GITLAB, ["web"], async (bench) => {
  bench.machine.checksum = "f".repeat(64);
  expect((await bench.wave({ command: PLAN })).color).toBe("red");
  expect(codes(bench)).toEqual([70]);
  expect(said(bench)).toContain("ci/mogplex.mjs has changed");
  expect(bench.recorder.requests).toEqual([]);
});

together(
  "switches itself off at the end, in a job that has no Mogplex token",
  GITHUB,
  ["failure"],
  async (bench) => {
    const { wave, machine } = bench;
    const calls = () => machine.calls().filter((call) => call.startsWith("gh "));
    await wave({ command: PLAN });
    await wave();
    expect(calls()).toEqual([]);
    await wave();
    expect(calls()).toEqual(["gh workflow disable Campaign"]);
  },
);

together(
  "makes its waves with the directory of the default branch",
  GITHUB,
  ["web"],
  async ({ kept, wave, counts }) => {
    await wave({ command: PLAN });
    const [cache] = kept.github;
    kept.github.push({ ...cache as GithubCache, branch: "feature/login", folder: "/nowhere" });
    await wave();
    expect(counts().starts).toBe(1);
  },
);

together("keeps a whole copy when a runner could not fetch the directory", GITLAB, ["web", "api"], async (bench) => {
  const { wave, counts, kept, machine } = bench;
  await wave({ command: PLAN });
  await wave();
  // As GitLab continues without a cache that it could not fetch, and keeps what is there in the end.
  const folder = kept.gitlab.get("mogplex-campaign-copy") ?? "";
  kept.gitlab.clear();
  expect((await wave()).color).toBe("red");
  expect(existsSync(bench.keptPath("lock.json"))).toBe(false);
  expect(kept.gitlab.has("mogplex-campaign-copy")).toBe(false);
  kept.gitlab.set("mogplex-campaign-copy", folder);
  expect(await wave()).toMatchObject({ color: "green", state: "done" });
  expect([counts(), machine.done.at(-1)?.code]).toEqual([{ runs: 2, keys: 2, starts: 2 }, 0]);
});

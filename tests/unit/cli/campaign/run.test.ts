import { expect, test } from "bun:test";
import type { CampaignItem } from "../../../../lib/campaign/view/view.ts";
import { readHistory } from "../../../../lib/report/history.ts";
import { project, REVISIONS } from "../../campaign/world.ts";
import type { FakeIo } from "../fake_io.ts";
import { type CliWorld, cliWorld } from "./world.ts";

const MINUTE = 60_000;

/** The word of the cause of `play: agent-failure`. */
const AGENT_FAILURE = "agent-run-exited-code-3f4d";

test("campaign run follows a campaign to its end, with a line for each change and a heartbeat a minute", async () => {
  const world = cliWorld({ count: 2, runDuration: () => 3 * MINUTE });
  const { code, stdout, stderr } = await world.campaign("run");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^00:00:00 {2}running {6}acme\/project-0001 {2}run [0-9a-f-]{36}$/m);
  expect(stdout).toMatch(
    /^00:03:\d\d {2}succeeded {4}acme\/project-0001 {2}http:\/\/localhost\/acme\/.*\(3 min\)$/m,
  );
  expect(stdout).toMatch(/^\.\.\. 0 of 2 items finished, 2 running; 2 of 150 starts a day$/m);
  expect(stdout.match(/campaign replace-moment is done: all 2 items succeeded\n/gi)).toHaveLength(1);
  expect(JSON.parse(world.report("campaign.json")).state).toBe("done");
});

test("campaign run of a stopped campaign, and after a refused token, ends with what matters, and lists no items", async () => {
  const world = cliWorld({ count: 2 });
  await world.campaign("plan");
  const noScope = {
    ok: false,
    error: { code: "FORBIDDEN", message: "Missing required scope: write. Issue a new token." },
  };
  world.before = (request) => request === "POST /runs" ? Response.json(noScope, { status: 403 }) : undefined;
  const { code, stdout, stderr } = await world.campaign("run");
  expect({ code, stdout, stderr }).toEqual({
    code: 65,
    stdout: "campaign replace-moment is planned: 2 items, nothing has been started\n" +
      'Campaign replace-moment is waiting: the last wave ended with an error: Cannot start run: the token lacks the "write"\n' +
      "  scope (HTTP 403 FORBIDDEN); create a token with this scope under Settings > Mogplex Keys\n" +
      "0 of 2 have finished\n2 queued\n",
    stderr: 'error: Cannot start run: the token lacks the "write" scope (HTTP 403 FORBIDDEN); ' +
      "create a token with this scope under Settings > Mogplex Keys\n",
  });
  world.before = undefined;
  await world.campaign("stop");
  const stopped = await world.campaign("run");
  expect([stopped.code, stopped.stdout, stopped.stderr]).toEqual([
    4,
    expect.stringMatching(
      /^(?:campaign .*\n)?Campaign .* was stopped by kim; .*\n0 of 2 have finished\n2 queued\n$/,
    ),
    "note: the campaign is not done: stopped by kim; to let it continue:\n  mogplex-ci campaign resume campaign.yml --dir DIR\n",
  ]);
});

test("campaign run adds a line to a history for each item that gets a verdict, with the name of the campaign", async () => {
  const world = cliWorld({ count: 2, runDuration: () => 3 * MINUTE });
  world.files.set("runs.ndjson", "edited by hand");
  const { code } = await world.campaign("run", ["--history", "runs.ndjson"]);
  expect(code).toBe(0);
  const text = world.files.get("runs.ndjson") ?? "";
  expect(text.split("\n").length).toBe(4);
  const { records, skippedCount } = readHistory(text);
  expect(skippedCount).toBe(1);
  const { items } = JSON.parse(world.report("campaign.json")) as { items: CampaignItem[] };
  const facts = ({ runId, repository, endedAt, pullRequest }: Pick<CampaignItem, "runId" | "repository"> & {
    endedAt: string | null;
    pullRequest: string | null;
  }) => ({ runId, repository, endedAt, pullRequest });
  expect(records.map((record) => facts({ ...record, repository: record.repository ?? "" }))).toEqual(items.map(facts));
  for (const { campaign, outcome, exitCode, tookMs } of records) {
    expect({ campaign, outcome, exitCode, tookMs }).toEqual({
      ...{ campaign: "replace-moment", outcome: "success", exitCode: 0, tookMs: 3 * MINUTE },
    });
  }
});

test("campaign advance starts nothing when the history cannot be written", async () => {
  const world = cliWorld({ count: 2 });
  await world.campaign("plan");
  const { code, stderr } = await world.campaign("advance", ["--history", "runs.ndjson"], {
    readOnly: (path) => path === "runs.ndjson",
  });
  expect([code, world.runs()]).toEqual([2, []]);
  expect(stderr).toContain("Cannot write the history");
});

/** When `campaign.json` is written, in seconds, and how many items have a verdict there. @param costMs Time that it takes. */
function writings(
  world: CliWorld,
  costMs = 0,
): {
  written: [seconds: number, ended: number][];
  summaries: string[];
  before: (io: FakeIo) => void;
} {
  const written: [seconds: number, ended: number][] = [];
  const summaries: string[] = [];
  const before = (io: FakeIo) => {
    const { writeFile } = io;
    io.writeFile = (path, text) => {
      writeFile(path, text);
      if (path.endsWith("/campaign.md")) summaries.push(text);
      if (!path.endsWith("/campaign.json")) return;
      written.push([world.clock.now() / 1_000, JSON.parse(text).counts.succeeded]);
      world.clock.advance(costMs);
    };
  };
  return { written, summaries, before };
}

test("campaign run writes its reports at most 5 s after each end, and no more often than that", async () => {
  const minutes = [3, 3.02, 3.04, 17, 30, 44];
  const world = cliWorld({ count: 6, runDuration: () => (minutes[world.runs().length - 1] ?? 1) * MINUTE });
  const { written, summaries, before } = writings(world);
  const { code, stdout } = await world.campaign("run", [], { before });
  expect(code).toBe(0);
  const ends = [...stdout.matchAll(/^(\d+):(\d+):(\d+) {2}succeeded/gm)].map(([, h, m, s]) =>
    Number(h) * 3_600 + Number(m) * 60 + Number(s)
  );
  expect(ends.length).toBe(6);
  const late = ends.map((end, index) => (written.find(([, count]) => count > index)?.[0] ?? Infinity) - end);
  expect(Math.max(...late)).toBeLessThanOrEqual(6);
  // The process does what is due: there is no wave to wait for.
  expect(summaries.filter((text) => /next wave/i.test(text))).toEqual([]);
  // The last one is that of the end.
  const gaps = written.slice(1, -1).map(([at], index) => at - (written[index]?.[0] ?? 0));
  expect(gaps.length).toBeGreaterThan(3);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5);
});

test("campaign run spends at most a twentieth of its time on reports", async () => {
  const world = cliWorld({ count: 6, runDuration: () => 6 * MINUTE });
  const { written, before } = writings(world, 3_000);
  expect((await world.campaign("run", [], { before })).code).toBe(0);
  const gaps = written.slice(1, -1).map(([at], index) => at - (written[index]?.[0] ?? 0));
  expect(gaps.length).toBeGreaterThan(3);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(60);
});

test("campaign run ends with 75 at its timeout, and says that the same command goes on", async () => {
  const world = cliWorld({ count: 4, runDuration: () => 20 * MINUTE });
  const { code, stderr } = await world.campaign("run", ["--timeout", "5m"]);
  expect({ code, stderr }).toEqual({
    code: 75,
    stderr:
      "note: the campaign is not done: 3 runs are active, and 1 item has not started yet; the next call continues the campaign\n",
  });
  expect((await world.campaign("run")).code).toBe(0);
  expect(world.runs().length).toBe(4);
});

test("campaign run at a gate ends with 4, folds the items that wait, and ends with the pull requests and the command", async () => {
  const world = cliWorld({ count: 40, file: { canary: { size: 2, gate: "manual" } } });
  const { code, stderr, stdout } = await world.campaign("run");
  const [first, second] = JSON.parse(world.report("campaign.json")).items.map((item: CampaignItem) => item.pullRequest);
  expect([code, stderr]).toEqual([4, ""]);
  expect(stdout).toContain("is gated: 2 canary items succeeded; nothing is running");
  // The gate is explained once.
  expect([stdout.split("campaign approve campaign.yml").length, /gate closed|attention/.test(stdout)]).toEqual([
    2,
    false,
  ]);
  const items = stdout.slice(stdout.indexOf("\nItems\n"));
  expect(items).toContain("… 33 more queued (--all shows them)");
  expect(items.split("\n").filter((line) => line.includes("  queued")).length).toBe(5);
  expect(items).toEndWith(`
The gate is closed
  Review the pull requests of the canary:
    ${first}
    ${second}
  Then open the gate:
    mogplex-ci campaign approve campaign.yml --dir DIR
  To stop the campaign instead:
    mogplex-ci campaign stop campaign.yml --dir DIR

Page: DIR/campaign.html
`);
});

test("campaign run ends with 4 when a person has stopped the campaign, and goes on after resume", async () => {
  const world = cliWorld({ count: 2 });
  await world.campaign("plan");
  await world.campaign("stop");
  const { code, stderr } = await world.campaign("run");
  expect([code, stderr]).toEqual([
    4,
    "note: the campaign is not done: stopped by kim; to let it continue:\n  mogplex-ci campaign resume campaign.yml --dir DIR\n",
  ]);
  await world.campaign("resume");
  expect((await world.campaign("run")).code).toBe(0);
});

test("campaign run ends with 4 when a question of the canary keeps the others waiting", async () => {
  const file = { canary: { size: 1 } };
  const world = cliWorld({ count: 3, scenarios: "play: awaiting-input", file, revision: REVISIONS.later });
  const { code, stderr } = await world.campaign("run", ["--timeout", "1h"]);
  expect([code, stderr]).toEqual([
    4,
    "note: the campaign is not done: 1 canary item needs an answer, and 2 items cannot start until then; answer or cancel the run, then run the same command again\n",
  ]);
});

test("campaign run ends with 4 when open questions hold every sandbox", async () => {
  const world = cliWorld({ count: 5, scenarios: "play: awaiting-input", revision: REVISIONS.later });
  const { code, stderr } = await world.campaign("run", ["--timeout", "1h"]);
  expect([code, stderr]).toEqual([
    4,
    "note: the campaign is not done: 3 items need an answer, and 2 other items cannot start until then; answer or cancel the runs, then run the same command again\n",
  ]);
});

test("campaign run does not promise to continue when it is stopped and a run waits for an answer", async () => {
  const file = { canary: { size: 1 } };
  const world = cliWorld({ count: 3, scenarios: "play: awaiting-input", file, revision: REVISIONS.later });
  await world.campaign("run", ["--timeout", "1h"]);
  await world.campaign("stop");
  const resume = "mogplex-ci campaign resume campaign.yml --dir DIR";
  const text = await world.campaign("run");
  expect([text.code, text.stdout.includes(`Next: ${resume}`), text.stderr]).toEqual([4, true, ""]);
  const json = await world.campaign("run", ["--json"]);
  expect([json.code, json.stderr]).toEqual([
    4,
    `note: the campaign is not done: stopped by kim, and 1 run needs an answer; to let it continue:\n  ${resume}\n`,
  ]);
});

test("campaign run and advance end with the page and the command that comes next", async () => {
  const ends = async (verb: string, world: CliWorld) => (await world.campaign(verb)).stdout.split("\n").slice(-4);
  const page = ["", "Page: DIR/campaign.html"];
  const next = (args: string) => `Next: mogplex-ci campaign ${args.replace(" ", " campaign.yml --dir DIR ").trimEnd()}`;
  const good = cliWorld({ count: 2 });
  await good.campaign("plan");
  expect(await ends("advance", good)).toEqual([...page, next("advance "), ""]);
  expect((await ends("run", good)).slice(1)).toEqual([...page, ""]);
  const bad = cliWorld({
    count: 2,
    scenarios: "play: agent-failure",
    file: { limits: { "stop-after-failures": 1, parallel: 1 } },
  });
  const fix = next(`retry --cause ${AGENT_FAILURE}`).replace("Next: ", "Next: fix the cause, then ");
  expect(await ends("run", bad)).toEqual([...page, fix, ""]);
  await bad.campaign("retry", ["--failed"]);
  expect(await ends("run", bad)).toEqual([...page, next("approve "), ""]);
  await bad.campaign("approve");
  expect(await ends("run", bad)).toEqual([...page, fix, ""]);
  await bad.campaign("approve");
  await bad.campaign("stop");
  expect(await ends("run", bad)).toEqual([...page, next("resume "), ""]);
  await bad.campaign("resume");
  await bad.campaign("run");
  await bad.campaign("approve");
  expect(await ends("run", bad)).toEqual([...page, fix, ""]);
});

test("campaign run whose last runs wait for an answer does not name itself as the next command", async () => {
  const ends = async (scenarios: string) => {
    const world = cliWorld({ count: 2, scenarios, revision: REVISIONS.later });
    const { code, stdout } = await world.campaign("run");
    return [code, stdout.split("\n").slice(-3)];
  };
  const mixed = `
scenarios:
  - { match: { repo: "*1" }, play: agent-failure }
  - { play: awaiting-input }`;
  const page = "Page: DIR/campaign.html";
  expect(await ends(mixed)).toEqual([
    4,
    [page, `Next: fix the cause, then mogplex-ci campaign retry campaign.yml --dir DIR --cause ${AGENT_FAILURE}`, ""],
  ]);
  expect(await ends("play: awaiting-input")).toEqual([4, [expect.any(String), page, ""]]);
});

test("campaign run ends with 1 at the threshold", async () => {
  const world = cliWorld({
    count: 6,
    scenarios: "play: agent-failure",
    file: { limits: { "stop-after-failures": 2 } },
  });
  const { code, stdout } = await world.campaign("run");
  expect([
    code,
    stdout.replace(/\s+/g, " ").includes(
      "is stopped: the first 3 items all failed (stop-after-failures: 2); nothing more will start",
    ),
  ]).toEqual([1, true]);
});

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  test(`campaign run leaves at ${signal} with ${code}, and its runs go on`, async () => {
    const world = cliWorld({ count: 2, runDuration: () => 20 * MINUTE });
    const ended = await world.campaign("run", [], {
      before: (io) => void world.clock.sleep(3 * MINUTE).then(() => io.signal(signal)),
    });
    expect([ended.code, ended.stderr]).toEqual([
      code,
      expect.stringMatching(/^note: .*; 2 runs continue; to continue the campaign, run the same command again$/m),
    ]);
    // The state and the counts, and not the items.
    expect(ended.stderr).not.toContain("error: ");
    expect(ended.stdout).toContain("Campaign replace-moment is running: 2 runs active");
    expect(ended.stdout).toMatch(/\n2 running\n$/);
    expect(world.requests.filter((request) => request.endsWith("/cancel"))).toEqual([]);
  });

  test(`campaign run --on-interrupt cancel cancels what runs at ${signal}`, async () => {
    const world = cliWorld({ count: 2, runDuration: () => 20 * MINUTE });
    const ended = await world.campaign("run", ["--on-interrupt", "cancel"], {
      before: (io) => void world.clock.sleep(3 * MINUTE).then(() => io.signal(signal)),
    });
    expect([ended.code, ended.stderr]).toEqual([code, expect.stringContaining("2 of 2 runs were cancelled")]);
    expect(world.runs().every((run) => run.endsWith(" cancelled"))).toBe(true);
  });
}

test("a second signal ends campaign run at once", async () => {
  const world = cliWorld({ count: 1, runDuration: () => 20 * MINUTE });
  const { io } = await world.campaign("run", [], {
    before(io) {
      void world.clock.sleep(3 * MINUTE).then(() => {
        io.signal("SIGTERM");
        world.clock.advance(2_000);
        io.signal("SIGTERM");
      });
    },
  });
  expect(io.exited).toBe(143);
});

test("campaign run --dry-run says what the first wave does, and sends nothing", async () => {
  const world = cliWorld({ count: 2 });
  await world.campaign("plan");
  const requests = world.requests.length;
  const { code, stdout } = await world.campaign("run", ["--dry-run"]);
  expect([code, stdout.includes("it starts at most 2 items:"), world.requests.length]).toEqual([0, true, requests]);
});

test("campaign run --json prints the same items as the library, and no heartbeat", async () => {
  const world = cliWorld({ count: 2, file: { canary: { size: 1, gate: "manual" } } });
  const { code, stdout } = await world.campaign("run", ["--json"]);
  const items = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  expect(code).toBe(4);
  expect(items[0]).toEqual({ type: "wave", wave: 1 });
  expect(items).toContainEqual({ type: "gate", gate: "canary", reason: "the canary item succeeded" });
  expect(items.at(-1)).toMatchObject({ type: "campaign", state: "gated" });
  expect(new Set(items.map(({ type }) => type))).toEqual(new Set(["wave", "item", "gate", "waiting", "campaign"]));
});

test("campaign run survives a service that is down for a while, and says that it waits", async () => {
  const world = cliWorld({ count: 1, runDuration: () => 20 * MINUTE });
  world.before = (request) => {
    const minutes = world.clock.now() / MINUTE;
    if (request.startsWith("GET /runs/") && minutes > 5 && minutes < 45) throw new TypeError("connection refused");
  };
  const { code, stderr } = await world.campaign("run");
  expect(code).toBe(0);
  expect(stderr).toMatch(/note: Cannot read .* yet \(.*\): trying again in/);
  expect(world.runs()).toEqual([`${project(1)} success`]);
});

const BAD: readonly [args: string[], message: RegExp][] = [
  [["--timeout", "never"], /--timeout.*it must be a duration such as/],
  [["--timeout", "31d"], /timeout/],
  [["--on-interrupt", "kill"], /--on-interrupt/],
];

for (const [args, message] of BAD) {
  test(`campaign run refuses ${args.join(" ")}`, async () => {
    const world = cliWorld();
    const { code, stderr } = await world.campaign("run", args);
    expect([code, world.requests]).toEqual([2, []]);
    expect(stderr).toMatch(message);
  });
}

import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCampaigns } from "../../../lib/library/campaigns.ts";
import { createMogplex } from "../../../lib/library/mogplex.ts";
import { runMs } from "../../../lib/campaign/report/words.ts";
import type { CampaignView } from "../../../lib/campaign/view/view.ts";
import { InterruptedError } from "../../../lib/errors.ts";
import type { Interrupts } from "../../../lib/run/interrupts.ts";
import { processesOf } from "./journal/rooms.ts";
import { campaignFile, campaignWorld, DIRECTORY, failureOf, FILE, project, REVISIONS, verdicts } from "./world.ts";

const MINUTE = 60_000;

/** Signals of a process, of which one comes when the virtual time is up. */
function signalAfter(world: ReturnType<typeof campaignWorld>, ms: number, name: "SIGINT" | "SIGTERM"): Interrupts {
  const controller = new AbortController();
  void world.clock.sleep(ms).then(() => controller.abort(new InterruptedError(name)));
  return { signal: controller.signal, terminal: false };
}

test("runCampaign() leaves at its timeout with 75, and the next call finds the runs and starts nothing twice", async () => {
  const world = campaignWorld({ count: 5, runDuration: () => 4 * MINUTE });
  const first = await world.run({ timeoutMs: MINUTE });
  expect([first.code, first.problem, first.view.counts.running, world.clock.now()]).toEqual([75, null, 3, MINUTE]);
  const second = await world.run({ timeoutMs: 4 * MINUTE });
  expect([second.code, second.view.counts.succeeded]).toEqual([75, 3]);
  const { code, view } = await world.run();
  expect([code, view.counts.succeeded, world.runs().length, world.starts.length]).toEqual([0, 5, 5, 5]);
  expect(view.waves).toBe(3);
});

for (const [name, expected] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  test(`runCampaign() leaves its runs alone at a first ${name}, and the next call follows them`, async () => {
    const world = campaignWorld({ count: 4, runDuration: () => 4 * MINUTE });
    const { code, result } = await world.run({ internals: { interrupts: signalAfter(world, MINUTE, name) } });
    expect([code, result.outcome]).toEqual([expected, "interrupted"]);
    expect(result.reason).toContain("3 runs continue; the next call continues the campaign");
    expect(world.runs().filter((run) => run.endsWith(" streaming")).length).toBe(3);
    expect((await world.run()).code).toBe(0);
    expect(world.runs().length).toBe(4);
  });

  test(`runCampaign() cancels what runs at a first ${name} when it is asked to`, async () => {
    const world = campaignWorld({ count: 4, runDuration: () => 4 * MINUTE });
    const interrupts = signalAfter(world, MINUTE, name);
    const { code, result, view } = await world.run({ internals: { interrupts, onInterrupt: "cancel" } });
    expect([code, view.counts.cancelled, view.counts.waiting]).toEqual([expected, 3, 1]);
    expect(result.reason).toContain("3 of 3 runs were cancelled");
    expect(world.runs().filter((run) => !run.endsWith(" cancelled"))).toEqual([]);
    await world.decide({ kind: "retry", select: { only: ["acme/*"] }, adopt: false });
    expect((await world.run()).view.counts.succeeded).toBe(4);
  });
}

test("a signal while a start is under way leaves it without an answer, and the next call sends the same one again", async () => {
  const world = campaignWorld({ count: 1 });
  const controller = new AbortController();
  world.before = async (request) => {
    if (request !== "POST /runs" || world.starts.length > 1) return;
    const answer = await world.emulator.fetch("http://localhost/api/v1/mogplex/runs", {
      method: "POST",
      headers: { Authorization: `Bearer ${world.token}`, "Idempotency-Key": world.starts[0]?.key ?? "" },
      body: world.starts[0]?.body ?? "",
    });
    expect(answer.status).toBe(202);
    controller.abort(new InterruptedError("SIGTERM"));
    return await new Promise<Response>(() => {});
  };
  const interrupts = { signal: controller.signal, terminal: false };
  const first = await world.advance({ internals: { interrupts, onInterrupt: "cancel" } });
  expect([first.code, first.view.counts.starting]).toEqual([143, 1]);
  // Its run might be active, and its id is not known: a message says so.
  expect(first.result.reason).toContain("1 start has no answer yet: the next wave looks up its run");
  world.before = undefined;
  const { code } = await world.run();
  expect([code, world.runs().length, new Set(world.starts.map((start) => JSON.stringify(start))).size]).toEqual([
    0,
    1,
    1,
  ]);
});

test("a campaign that is done makes no request and needs no token", async () => {
  const world = campaignWorld({ count: 2 });
  await world.run();
  const [requests, records] = [world.requests.length, (await world.records()).length];
  world.token = "";
  for (const way of ["advance", "run"] as const) {
    const { code, view, problem } = await world[way]();
    expect([code, view.state, problem]).toEqual([0, "done", null]);
  }
  expect([world.requests.length, (await world.records()).length]).toEqual([requests, records]);
});

test("a campaign that is done says that its file has changed since", async () => {
  const world = campaignWorld({ count: 2 });
  await world.run();
  world.write({ prompt: "Something else" });
  world.notices.length = 0;
  expect((await world.advance()).code).toBe(0);
  expect(world.notices.join("\n")).toMatch(/changed since the plan.*campaign plan/);
});

test("the same file in a new directory finds the runs of before, says so, and starts nothing twice", async () => {
  const world = campaignWorld({ count: 2 });
  const first = await world.run();
  for (const path of world.files.paths()) world.files.remove(path);
  const before = world.requests.length;
  const { code, view } = await world.run();
  const took = (each: CampaignView) => each.items.map((item) => Math.round((runMs(item, 0) ?? 0) / 1_000));
  expect(took(view)).toEqual(took(first.view));
  expect([code, view.counts.succeeded, world.runs().length, world.starts.length]).toEqual([0, 2, 2, 4]);
  expect(world.notices.filter((notice) => notice.includes("finished run"))).toEqual([
    `${project(1)} and 1 more already have a finished run with this name and round, so they are not started again; ` +
    "to run them again, change `round`",
  ]);
  // What has ended needs no sandbox, so the list is not read again for each.
  const again = world.requests.slice(before);
  expect(again.filter((request) => request.startsWith("GET /sandboxes"))).toHaveLength(1);
  // Another round runs again.
  for (const path of world.files.paths()) world.files.remove(path);
  world.write({ round: "2026-10" });
  expect((await world.run()).code).toBe(0);
  expect(world.runs().length).toBe(4);
});

test("the lost directory of a campaign with retries is found again, start by start", async () => {
  const world = campaignWorld({
    count: 2,
    file: { limits: { attempts: 3 } },
    scenarios: `
scenarios:
  - { match: { repo: "*1", attempt: [1, 2] }, play: agent-failure }
  - { play: success }`,
  });
  const before = await world.run();
  for (const path of world.files.paths()) world.files.remove(path);
  const after = await world.run();
  expect(verdicts(after.view)).toEqual(verdicts(before.view));
  expect(after.view.items.map(({ attempts }) => attempts)).toEqual([3, 1]);
  expect(world.runs().length).toBe(4);
});

test("of two directories that have both gone on the longer is kept: what the other one started is found by its keys, each for one start", async () => {
  const world = campaignWorld({ count: 5, runDuration: () => 20 * MINUTE });
  await world.advance();
  for (const path of world.files.paths()) {
    if (!path.includes("writer")) {
      world.files.put(path.replace(`${DIRECTORY}/`, "other/"), world.files.text(path) ?? "");
    }
  }
  await world.clock.sleep(25 * MINUTE);
  // Only the other one knows of the runs that this wave starts.
  await world.advance({ directory: "other" });
  expect([world.runs().length, world.starts.length]).toEqual([5, 5]);
  const end = await world.waves(["done"]);
  expect([end.problem, end.view.counts.succeeded, world.runs().length, world.starts.length]).toEqual([null, 5, 5, 7]);
});

test("a campaign of a script is planned, advanced, followed and read in a directory of the disk", async () => {
  const { emulator, clock, token } = campaignWorld({ count: 2 });
  const folder = mkdtempSync(join(tmpdir(), "mogplex-campaign-"));
  const file = join(folder, FILE);
  writeFileSync(file, campaignFile({ canary: { size: 1 } }));
  const directory = join(folder, "d");
  const fetch = ((url: string, init: RequestInit) => emulator.fetch(url, init)) as typeof globalThis.fetch;
  const env = (name: string) => name === "MOGPLEX_DEV" ? "1" : undefined;
  const seen: string[] = [];
  const campaign = createCampaigns(createMogplex({ token, url: "http://localhost", env, fetch, clock }))
    .of(file, { home: directory, onEvent: ({ type }) => seen.push(type) });
  expect(await failureOf(() => campaign.read())).toBe(
    `2 Cannot read the campaign: there is no plan in ${JSON.stringify(directory)}; ` +
      `if it was planned elsewhere, specify that place with --dir, --home, MOGPLEX_CAMPAIGN_HOME, or the key home in the campaign file; for a new campaign, run \`mogplex-ci campaign plan ${file} --dir ${directory}\``,
  );
  expect((await campaign.plan()).view.state).toBe("planned");
  expect((await campaign.advance()).counts.running).toBe(1);
  const view = await campaign.run();
  expect([view.state, view.exitCode, seen.at(0), seen.at(-1)]).toEqual(["done", 0, "wave", "end"]);
  expect((await campaign.read()).counts).toEqual(view.counts);
  expect(readFileSync(join(directory, ".gitignore"), "utf8")).toContain("writer*.json");
});

test("run() throws what stopped it, and an error for the caller's signal", async () => {
  const { emulator, clock, token } = campaignWorld({ count: 2, runDuration: () => 20 * MINUTE });
  const folder = mkdtempSync(join(tmpdir(), "mogplex-campaign-"));
  const file = join(folder, FILE);
  writeFileSync(file, campaignFile());
  const fetch = ((url: string, init: RequestInit) => emulator.fetch(url, init)) as typeof globalThis.fetch;
  const env = (name: string) => name === "MOGPLEX_DEV" ? "1" : undefined;
  const campaign = createCampaigns(createMogplex({ token, url: "http://localhost", env, fetch, clock }))
    .of(file, { home: join(folder, "d") });
  const controller = new AbortController();
  void clock.sleep(2 * MINUTE).then(() => controller.abort(new Error("enough")));
  const aborted = await campaign.run({ signal: controller.signal }).catch((error: unknown) => error);
  expect(aborted).toMatchObject({ name: "AbortedError", cause: { message: "enough" } });
  emulator.control("setToken", { token, set: { revokedAt: "2026-09-01T00:00:00Z" } });
  expect(await failureOf(() => campaign.run())).toStartWith("64 ");
  expect(await failureOf(() => campaign.run({ timeoutMs: -1 }))).toStartWith("2 ");
  // A campaign that continues has not succeeded.
  emulator.control("setToken", { token, set: { revokedAt: null } });
  expect((await campaign.run({ timeoutMs: MINUTE, throwOnFailure: false })).state).toBe("running");
  expect(await failureOf(() => campaign.run({ timeoutMs: MINUTE }))).toStartWith(
    '75 Campaign "replace-moment": it is not done',
  );
});

test("an item that waits for a service that does not answer is tried until the timeout, which ends with 69", async () => {
  const world = campaignWorld({ count: 1, runDuration: () => 5 * MINUTE });
  await world.advance();
  world.emulator.control("fault", { kind: "reset0", times: 100_000 });
  const { code, problem, view } = await world.run({ timeoutMs: 30 * MINUTE });
  expect([code, view.items[0]?.verdict]).toEqual([69, "running"]);
  expect(problem).toContain("network");
  expect((await world.read()).lastError).toBe(problem);
  world.emulator.control("clearFaults");
  expect((await world.run()).code).toBe(0);
  expect((await world.read()).lastError).toBeNull();
});

test("two processes never work on one directory, and who reads it sees who does", async () => {
  const world = campaignWorld({ count: 1, runDuration: () => 20 * MINUTE });
  const work = world.run();
  await world.clock.sleep(5 * MINUTE);
  expect((await world.read()).writer).toMatch(/^process \d+ on "one" \(since 2026-09-01 \d+:\d+ UTC\)$/);
  expect(await failureOf(() => world.advance())).toMatch(/^75 .*has been using ".*" since/);
  expect(await failureOf(() => world.decide({ kind: "retry", select: { failed: true }, adopt: false }))).toMatch(
    /^75 /,
  );
  expect((await work).code).toBe(0);
  expect((await world.read()).writer).toBeNull();
});

test("advance plans first when there is no plan, but not by a list of standard input", async () => {
  const world = campaignWorld({ count: 2 });
  expect((await world.advance()).view.items.length).toBe(2);
  const listed = campaignWorld({ count: 2, file: { repositories: [project(1), { file: "-" }] } });
  const { code, problem } = await listed.advance();
  expect([code, listed.starts.length]).toEqual([2, 0]);
  expect(problem).toContain("standard input");
  // A plan reads it; the waves after it need it no more.
  listed.io.readStdin = () => Promise.resolve(`${project(2)}\n`);
  expect((await listed.plan()).view.items.length).toBe(2);
  listed.notices.length = 0;
  expect((await listed.run()).code).toBe(0);
  expect(listed.notices.join("\n")).not.toContain("changed");
});

test("another machine goes on with a copy of the directory, and starts nothing twice, also after the first one was killed", async () => {
  const world = campaignWorld({ count: 12, runDuration: () => 4 * MINUTE });
  expect((await world.run({ timeoutMs: 6 * MINUTE })).code).toBe(75);
  const second = { processes: processesOf({ host: "two", bootId: "other", pid: 9 }) };
  expect((await world.run({ timeoutMs: 6 * MINUTE, internals: second })).code).toBe(75);

  // The first one is killed in the middle: its writer file stays.
  const killed = world.run();
  await world.clock.sleep(MINUTE);
  const copy = world.files.paths().map((path) => [path, world.files.text(path) ?? ""] as const);
  expect(copy.some(([path]) => path.endsWith("writer.json"))).toBe(true);
  const third = { processes: processesOf({ host: "three", bootId: "third", pid: 9 }) };
  expect(await failureOf(() => world.advance({ internals: third }))).toMatch(
    /^75 .*process 7 on "one" has been using/,
  );
  await killed;

  for (const path of world.files.paths()) world.files.remove(path);
  for (const [path, text] of copy) world.files.put(path, text);
  await world.clock.sleep(6 * MINUTE);
  world.notices.length = 0;
  const { code, view } = await world.run({ internals: third });
  expect([code, view.counts.succeeded, world.runs().length]).toEqual([0, 12, 12]);
  expect(world.notices.join("\n")).toContain('process 7 on "one", running since');
});

test("runCampaign() reaches the end of forty items at once on a local Mogplex without limits of starts, and waits hours on one with", async () => {
  const variables: Record<string, string> = { MOGPLEX_DEV: "1", MOGPLEX_DEV_START_LIMITS: "off" };
  const took = async (startLimits: boolean) => {
    const world = campaignWorld({ count: 40, startLimits, file: { repositories: [{ query: "acme/" }] } });
    const before = world.clock.now();
    const env = (name: string) => startLimits && name !== "MOGPLEX_DEV" ? undefined : variables[name];
    const { code, view } = await world.run({ env, timeoutMs: 20 * 3_600_000 });
    expect([startLimits, code, view.counts.succeeded]).toEqual([startLimits, 0, 40]);
    return world.clock.now() - before;
  };
  expect(await took(false)).toBeLessThan(30 * 60_000);
  expect(await took(true)).toBeGreaterThan(60 * 60_000);
});

test("a command counts the requests of the one before it, and waits for none that is refused", async () => {
  const waitsOf = async (remembers: boolean) => {
    const world = campaignWorld({ count: 40, startLimits: false, revision: REVISIONS.later, runDuration: () => 1_000 });
    const variables: Record<string, string> = { MOGPLEX_DEV: "1", MOGPLEX_DEV_START_LIMITS: "off" };
    const env = (name: string) => variables[name];
    await world.run({ env, timeoutMs: 2_500 });
    if (!remembers) world.files.remove(`${DIRECTORY}/ci/writer-requests.json`);
    await world.run({ env, timeoutMs: 10 * MINUTE });
    return world.notices.filter((notice) => notice.includes("HTTP 429"));
  };
  expect(await waitsOf(true)).toEqual([]);
  expect((await waitsOf(false)).length).toBeGreaterThan(0);
});

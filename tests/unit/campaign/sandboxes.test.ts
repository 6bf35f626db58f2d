/** Sandboxes on a service that boots them late, and frees them long after their runs. */
import { expect, test } from "bun:test";
import { makeView } from "../../../lib/campaign/view/make_view.ts";
import { lingerMs } from "../../../lib/campaign/journal/memory.ts";
import type { Lock } from "../../../lib/campaign/journal/lock.ts";
import type { RecordBody } from "../../../lib/campaign/journal/record.ts";
import { nextStartText } from "../../../lib/campaign/report/words.ts";
import { ended, foldJournal, intent, lockOf, recordsOf, serviceTime, started, uuidOf } from "./journal/sample.ts";
import { type CampaignWorld, campaignWorld, project, verdicts } from "./world.ts";

const MINUTE = 60_000;

test("runs of a campaign never lack a sandbox on a service where these linger: no start of it ends as quota", async () => {
  const world = campaignWorld({ count: 8, like: "service", runDuration: () => 10 * MINUTE });
  const { view, code } = await world.waves(["done"]);
  expect([code, view.counts.succeeded, world.starts.length]).toEqual([0, 8, 8]);
});

/** Adds two active sandboxes that are of no run of the campaign. */
function addOthers({ emulator: { world: { store } } }: CampaignWorld): void {
  const repo = store.anyRepo(project(1));
  for (const index of [1, 2]) {
    store.addSandbox({
      ...{ id: crypto.randomUUID(), key: `other ${index}`, userId: repo.userId, sandbox_id: "x", repo_id: repo.id },
      ...{ status: "running", base_branch: "main", working_branch: "other", root_directory: null, preview_url: null },
      ...{ created_at: 0, last_active_at: 0, error: null, install_log: null, dev_log: null, free_at: null },
    });
  }
}

test("own runs that have no sandbox yet count: two sandboxes of others leave room for one run", async () => {
  const slow = "steps: [{ after: 240, sandbox: up }, { after: 1200, status: success, call: success }]";
  const world = campaignWorld({ count: 4, scenarios: slow });
  addOthers(world);
  const first = await world.advance();
  expect([first.view.counts.running, world.starts.length]).toEqual([1, 1]);
  await world.clock.sleep(2 * MINUTE);
  // Its run is pending: no list of the service has its sandbox.
  const second = await world.advance();
  expect([second.view.counts.running, world.starts.length]).toEqual([1, 1]);
  expect(second.view.quota.sandboxes).toEqual({ used: 3, limit: 3 });
});

test("a run that a lost start has begun does not count as one that boots once it has had its sandbox", async () => {
  const world = campaignWorld({ count: 2, runDuration: () => 60 * MINUTE });
  world.emulator.control("fault", { kind: "resetMid", route: "POST /runs", processed: true, times: 3 });
  await world.advance();
  await world.clock.sleep(15 * MINUTE);
  expect([world.runs().length, (await world.read()).counts.starting]).toEqual([1, 1]);
  // Its sandbox is up by then, and the service has stopped it since.
  const headers = { authorization: `Bearer ${world.token}` };
  await world.emulator.fetch("http://localhost/api/v1/mogplex/sandboxes", { headers });
  const { store } = world.emulator.world;
  expect(store.sandboxes.size).toBe(1);
  for (const sandbox of store.sandboxes.values()) store.removeSandbox(sandbox);
  addOthers(world);
  const { view } = await world.advance();
  expect([view.counts.running, world.runs().length]).toEqual([2, 2]);
});

for (const error of ["Sandbox boot rate limit exceeded", "Daily sandbox boot quota exceeded"]) {
  test(`a run that ends with "${error}" is quota, and no attempt`, async () => {
    const world = campaignWorld({
      count: 1,
      scenarios: `scenarios: [{ match: { attempt: 1 }, steps: [{ after: 5, fail: "${error}" }] }, { play: success }]`,
    });
    const { view, code } = await world.run();
    expect([code, view.items[0]?.verdict, view.items[0]?.attempts, world.starts.length]).toEqual([
      0,
      "succeeded",
      1,
      2,
    ]);
  });
}

const LACK = "Too many active sandboxes";
const DELIVERY = `The agent finished, but GitHub delivery failed: untracked files remain: ${LACK.toLowerCase()}.md`;

for (
  const { what, steps, file = {} } of [
    { what: "only quotes the words in its error", steps: `[{ after: 5, fail: "${DELIVERY}" }]` },
    {
      what: "had an agent",
      steps: `[{ after: 5, event: { type: log, message: hi } }, { after: 5, fail: ${LACK} }]`,
    },
    { what: "had a sandbox", steps: `[{ after: 5, sandbox: up }, { after: 5, fail: ${LACK} }]` },
  ] as { what: string; steps: string; file?: Record<string, unknown> }[]
) {
  test(`a run that names a missing sandbox, but ${what}, has failed and is not started again`, async () => {
    const world = campaignWorld({ count: 1, scenarios: `steps: ${steps}`, file });
    const { view, code } = await world.run();
    expect([code, view.items[0]?.verdict, view.items[0]?.attempts, world.starts.length]).toEqual([1, "failed", 1, 1]);
  });
}

test("a run that lacked a sandbox, and whose events cannot be read, is looked at for half an hour and has then failed", async () => {
  const world = campaignWorld({ count: 1, scenarios: `steps: [{ after: 5, fail: ${LACK} }]` });
  world.before = (request) => request.includes("/events") ? new Response("busy", { status: 503 }) : undefined;
  await world.advance();
  await world.clock.sleep(15 * MINUTE);
  const early = await world.advance();
  expect([verdicts(early.view), world.starts.length]).toEqual([{ [project(1)]: "running" }, 1]);
  await world.clock.sleep(20 * MINUTE);
  const late = await world.advance();
  expect([late.code, late.view.items[0], world.starts.length]).toEqual([
    1,
    expect.objectContaining({
      verdict: "failed",
      attempts: 1,
      reason: `${LACK}; its events could not be read, so an agent may have run`,
    }),
    1,
  ]);
});

test("makeView() never forecasts an end before the next start while runs lack a sandbox", async () => {
  const world = campaignWorld({ count: 1, scenarios: `steps: [{ after: 5, fail: ${LACK} }]` });
  const early: string[] = [];
  for (let wave = 0; wave < 8; wave++) {
    await world.advance();
    await world.clock.sleep(2 * MINUTE);
    const memory = foldJournal(await world.lock() as Lock, await world.records());
    const { endsAt, nextWaveAt, waitingFor } = makeView(memory, {
      nowMs: world.clock.wallTime(),
      meanRunMs: 5_000,
      stays: true,
    });
    if (waitingFor !== "sandboxes") continue;
    if (endsAt === null || nextWaveAt === null || endsAt < nextWaveAt) early.push(`${wave}: ${endsAt}, ${nextWaveAt}`);
  }
  expect(early).toEqual([]);
});

test("an item that lacked a sandbox twelve times in a row has failed, which closes no gate", async () => {
  const world = campaignWorld({
    count: 2,
    file: { limits: { "stop-after-failures": 1 } },
    scenarios: `scenarios: [{ match: { repo: ${
      project(1)
    } }, steps: [{ after: 5, fail: ${LACK} }] }, { play: success }]`,
  });
  const { view, code } = await world.run();
  expect([code, view.state, verdicts(view), world.starts.length]).toEqual([
    1,
    "done",
    { [project(1)]: "failed", [project(2)]: "succeeded" },
    13,
  ]);
  const [item] = view.items;
  expect([item?.attempts, item?.reason]).toEqual([0, `no sandbox was free for 12 starts in a row: ${LACK}`]);
  // A person may try again: the count begins from scratch.
  world.write({ limits: { "stop-after-failures": 1 } });
  await world.decide({ kind: "retry", select: { failed: true }, adopt: false });
  const again = await world.run();
  expect([again.code, verdicts(again.view)[project(1)], world.starts.length]).toEqual([1, "failed", 25]);
});

test("the time that sandboxes outlive their runs is measured, shown, and part of the forecast", async () => {
  const world = campaignWorld({ count: 12, like: "service", runDuration: () => 10 * MINUTE });
  await world.advance();
  await world.clock.sleep(11 * MINUTE);
  const { view } = await world.advance();
  expect(view.quota.sandboxes).toEqual({ used: 3, limit: 3, ended: 3 });
  expect([view.waitingFor, view.counts.running]).toEqual(["sandboxes", 0]);
  const early = Date.parse(view.endsAt ?? "");
  await world.clock.sleep(10 * MINUTE);
  await world.advance();
  await world.clock.sleep(10 * MINUTE);
  const later = await world.advance();
  expect(later.view.counts.running).toBe(3);
  const { forecasts } = await world.plan();
  // Nine runs are left, three at a time: 10 minutes of work and 15 of the sandbox each, not 10 alone.
  const lasts = (Date.parse(forecasts[0]?.endsAt ?? "") - world.clock.wallTime()) / MINUTE;
  expect(lasts).toBeGreaterThan(45);
  expect(lasts).toBeLessThan(75);
  expect(early).toBeGreaterThan(0);
});

test.each(
  [
    ["stays after its run", { like: "service" }],
    ["has booted since its run was read", {
      scenarios: "steps: [{ after: 240, sandbox: up }, { after: 1200, status: success, call: success }]",
    }],
    ["stays while its item is started again", {
      like: "service",
      file: { limits: { attempts: 2 } },
      scenarios:
        `scenarios: [{ match: { attempt: 1 }, steps: [{ after: 5, sandbox: up }, { after: 6, fail: "boom" }] }, ` +
        "{ play: success }]",
    }],
  ] as const,
)("nextStartText() never calls a sandbox foreign that %s", async (_, options) => {
  const runDuration = () => (3 + (world.starts.length * 7) % 11) * MINUTE;
  const world = campaignWorld({ count: 12, runDuration, ...options });
  const said = new Set<string | null>();
  await world.run({ internals: { onView: (view) => void said.add(nextStartText(view())) } });
  const sandboxes = [...said].filter((text) => text?.includes("a free sandbox"));
  expect(sandboxes.length).toBeGreaterThan(0);
  expect(sandboxes.filter((text) => text?.includes("outside this campaign"))).toEqual([]);
});

test("lingerMs() is the middle between the last look that saw a sandbox and the first one that did not", async () => {
  const item = "acme/r1@main";
  const look = (seconds: number, lingering: string[]) =>
    ({ type: "sandboxes", used: 1, lingering, seenAt: serviceTime(seconds) }) as const;
  const run = [
    intent(item, 1),
    started(item, 1, uuidOf(1)),
    ended(item, 1, "succeeded", { runId: uuidOf(1), status: "success", updatedAt: serviceTime(1_000) } as never),
  ];
  const after = async (...looks: RecordBody[]) => lingerMs(foldJournal(lockOf(2), await recordsOf([...run, ...looks])));
  expect(await after()).toBe(null);
  expect(await after(look(1_300, [item]))).toBe(300_000);
  expect(await after(look(1_300, [item]), look(1_700, []))).toBe(500_000);
});

test("the first 429 of a wave answers for all of its requests", async () => {
  const world = campaignWorld({ count: 6, runDuration: () => 30 * MINUTE });
  await world.advance();
  await world.clock.sleep(15 * MINUTE);
  world.emulator.control("fault", { kind: "429", times: 5 });
  world.requests.length = 0;
  const before = world.clock.now();
  const { code } = await world.advance();
  // It waits for the time that the service names once, and asks again.
  expect([code, world.requests.length, Math.round((world.clock.now() - before) / 1_000)]).toEqual([75, 2, 60]);
  world.emulator.control("clearFaults");
  await world.clock.sleep(MINUTE);
  expect((await world.advance()).problem).toBe(null);
});

test("a wave whose first requests are refused by 429 goes on after the time that the service names", async () => {
  const world = campaignWorld({ count: 6, runDuration: () => 10 * MINUTE });
  await world.advance();
  await world.clock.sleep(15 * MINUTE);
  world.emulator.control("fault", { kind: "429", times: 1 });
  const { problem, view } = await world.advance();
  expect([problem, view.counts.succeeded, view.counts.running]).toEqual([null, 3, 3]);
  expect(world.notices).toContain(
    "the service allows 60 requests a minute per token; more were sent, so it refuses requests for 1 min",
  );
});

test("once the service is out of reach the requests of a wave ask once each", async () => {
  const world = campaignWorld({ count: 6, runDuration: () => 30 * MINUTE });
  await world.advance();
  await world.clock.sleep(15 * MINUTE);
  world.before = () => Response.json({ ok: false, error: { code: "X", message: "x" } }, { status: 503 });
  world.requests.length = 0;
  expect((await world.advance()).code).toBe(69);
  // Four attempts at the events of the first run, one at its record; one each for the other two runs, and one before a start.
  expect(world.requests.length).toBeLessThanOrEqual(10);
  world.before = undefined;
  expect((await world.advance()).problem).toBe(null);
});

test("status gives the next wave by the service's clock, whatever the machine's clock shows", async () => {
  const world = campaignWorld({ count: 4, runDuration: () => 10 * MINUTE });
  const { view } = await world.advance();
  const records = await world.records();
  const lock = await world.lock();
  if (lock === undefined) throw new Error("no lock");
  const hour = 60 * MINUTE;
  // The same journal of a machine whose clock is an hour ahead, and reads it then.
  const ahead = records.map((record) => ({ ...record, at: new Date(Date.parse(record.at) + hour).toISOString() }));
  const there = makeView(foldJournal(lock, ahead), { nowMs: world.clock.wallTime() + hour, meanRunMs: null });
  expect(there.nextWaveAt).toBe(view.nextWaveAt);
});

test("runs that had ended before their start found them take no sandbox, and do not delay the earliest end", async () => {
  const world = campaignWorld({ count: 9, runDuration: () => MINUTE });
  await world.run();
  const first = world.runs();
  await world.clock.sleep(2 * 60 * MINUTE);
  const before = world.clock.now();
  const said = new Set<string | null>();
  const leftMs: number[] = [];
  // In another directory there is no journal: each start is sent again with its key, and finds the run of then.
  const { code, view } = await world.run({
    directory: "second",
    internals: {
      onView(make) {
        const { endsAt, at, counts, waitingFor } = make();
        said.add(waitingFor);
        if (endsAt !== null && counts.succeeded > 0) leftMs.push(Date.parse(endsAt) - Date.parse(at));
      },
    },
  });
  expect([code, view.counts.succeeded, world.starts.length, world.runs()]).toEqual([0, 9, 18, first]);
  expect([said.has("sandboxes"), world.clock.now() - before]).toEqual([false, 0]);
  // Three runs at a time of a minute each, with some spread.
  expect(leftMs.length).toBeGreaterThan(5);
  expect(Math.max(...leftMs)).toBeLessThan(5 * MINUTE);
});

test("a run at work that its start found is counted once: there is room for one run, and no more", async () => {
  const world = campaignWorld({ count: 5, file: { limits: { parallel: 2 } }, runDuration: () => 10 * MINUTE });
  await world.advance();
  await world.clock.sleep(MINUTE);
  world.write();
  const { view } = await world.advance({ directory: "second" });
  expect([view.counts.running, world.starts.length, world.runs().length]).toEqual([3, 5, 3]);
  const { code } = await world.run({ directory: "second" });
  expect([code, world.runs().filter((run) => !run.endsWith(" success"))]).toEqual([0, []]);
});

test("between runs that are found again, no more new runs are started than there are sandboxes", async () => {
  // A run without a sandbox is in no list of the service.
  const slow = "steps: [{ after: 240, sandbox: up }, { after: 1200, status: success, call: success }]";
  const world = campaignWorld({ count: 9, scenarios: slow, file: { repositories: [1, 3, 5].map(project) } });
  await world.run();
  await world.clock.sleep(2 * 60 * MINUTE);
  world.write();
  const { view } = await world.advance({ directory: "second" });
  expect(verdicts(view)).toMatchObject({ [project(1)]: "succeeded", [project(3)]: "succeeded" });
  expect([view.counts.running, view.counts.waiting, world.runs().length]).toEqual([3, 3, 6]);
});

import { expect, test } from "bun:test";
import { statusText } from "../../../../lib/cli/campaign/status_text.ts";
import { type CampaignWorld, campaignWorld, project, REVISIONS, verdicts } from "../world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Puts sandboxes of other work of the same user there. @returns Their ids. */
function otherSandboxes(world: CampaignWorld, count: number): string[] {
  const { store } = world.emulator.world;
  const before = new Set(store.sandboxes.keys());
  const user = store.users.get(store.tokens.get(world.token)?.userId ?? "")?.key;
  world.emulator.control("bulk", { what: "sandboxes", user, count });
  const ids = [...store.sandboxes.keys()].filter((id) => !before.has(id));
  for (const id of ids) world.emulator.control("setSandbox", { id, set: { status: "running" } });
  return ids;
}

function free(world: CampaignWorld, ids: readonly string[]): void {
  for (const id of ids) world.emulator.control("setSandbox", { id, set: { status: "stopped" } });
}

/** When each start was sent, in minutes. */
function spyOnStarts(world: CampaignWorld): number[] {
  const minutes: number[] = [];
  world.before = (request) => {
    if (request === "POST /runs") minutes.push(world.clock.now() / MINUTE);
  };
  return minutes;
}

for (const [revision, switches] of Object.entries(REVISIONS)) {
  test(`startSome() never starts more than the quotas and the sandboxes allow, on the ${revision} revision`, async () => {
    const world = campaignWorld({ count: 40, revision: switches, runDuration: () => 30_000 });
    const minutes = spyOnStarts(world);
    const { code, view } = await world.run();
    expect([code, view.counts.succeeded]).toEqual([0, 40]);
    for (const [index, at] of minutes.entries()) {
      const within = (span: number) => minutes.slice(0, index + 1).filter((other) => other > at - span).length;
      expect([within(1) <= 10, within(60) <= 30]).toEqual([true, true]);
    }
    // No start was refused, and no run lacked a sandbox.
    expect([minutes.length, view.items.every(({ starts }) => starts === 1)]).toEqual([40, true]);
  });
}

test("startSome() sends the canary first, then in the order of the file, and retries last", async () => {
  const names = [4, 2, 3, 1].map(project);
  const world = campaignWorld({
    count: 4,
    file: { repositories: names, canary: { size: 1 }, limits: { parallel: 1, attempts: 2 } },
    scenarios: `
scenarios:
  - { match: { repo: "*2", attempt: 1 }, play: agent-failure }
  - { play: success }`,
  });
  expect((await world.run()).code).toBe(0);
  const { store } = world.emulator.world;
  const sent = world.starts.map(({ body }) => store.repos.get(JSON.parse(body).repoId)?.full_name);
  expect(sent).toEqual([project(4), project(2), project(3), project(1), project(2)]);
});

test("startSome() starts nothing while sandboxes of others are in use, looks again each minute, and says so", async () => {
  const world = campaignWorld({ count: 2 });
  const ids = otherSandboxes(world, 3);
  const first = await world.advance();
  expect([first.code, first.view.state, first.view.waitingFor, world.starts.length]).toEqual([
    75,
    "waiting",
    "sandboxes",
    0,
  ]);
  expect(first.view.quota.sandboxes).toEqual({ used: 3, limit: 3 });

  const minutes = spyOnStarts(world);
  const freed = world.clock.sleep(30 * MINUTE).then(() => free(world, ids.slice(1)));
  const { code } = await world.run();
  await freed;
  expect(code).toBe(0);
  expect(minutes[0]).toBeGreaterThanOrEqual(30);
  expect(minutes[0]).toBeLessThanOrEqual(32);
});

test("startSome() uses what others leave free", async () => {
  const world = campaignWorld({ count: 3, scenarios: "play: stuck-streaming" });
  otherSandboxes(world, 2);
  const { view } = await world.advance();
  expect([view.counts.running, view.counts.waiting, world.starts.length]).toEqual([1, 2, 1]);
});

test("the status of a campaign that waits for sandboxes of others says so, without a request", async () => {
  const world = campaignWorld({ count: 2 });
  otherSandboxes(world, 3);
  await world.advance();
  const view = await world.read();
  expect([view.waitingFor, view.quota.sandboxes.used]).toEqual(["sandboxes", 3]);
  expect(statusText(view, { width: 120, color: false }).join("\n")).toContain(
    "waits for a free sandbox (3 of 3 used, 3 of them outside this campaign)",
  );
});

test("runs that find no sandbox are quota: the item waits, and probes come after 0, 10, 20, 40 and 60 minutes", async () => {
  const world = campaignWorld({
    count: 1,
    scenarios: `
scenarios:
  - { match: { attempt: [1, 2, 3, 4, 5, 6] }, play: boot-failure }
  - { play: success }`,
  });
  const minutes = spyOnStarts(world);
  const { code, view } = await world.run();
  expect([code, verdicts(view), view.items[0]?.attempts, view.items[0]?.starts]).toEqual([
    0,
    { [project(1)]: "succeeded" },
    1,
    7,
  ]);
  const gaps = minutes.slice(1).map((at, index) => Math.round(at - (minutes[index] ?? 0)));
  expect(gaps).toEqual([0, 10, 20, 40, 60, 60]);
  // Each of them has a new key, since the run of the one before has ended.
  expect(new Set(world.starts.map(({ key }) => key)).size).toBe(7);
});

test("starts of other people on the same user are quota, seen as 429", async () => {
  const world = campaignWorld({ count: 2, startLimitScope: "user" });
  // Another job has used up the ten starts of this minute.
  const { store } = world.emulator.world;
  const repoId = [...store.repos.keys()][0];
  for (let count = 0; count < 10; count++) {
    const headers = { Authorization: `Bearer ${world.token}`, "Idempotency-Key": `other-${count}` };
    const body = JSON.stringify({ repoId, prompt: "x", harness: "nobody" });
    const url = "http://localhost/api/v1/mogplex/runs";
    expect((await world.emulator.fetch(url, { method: "POST", headers, body })).status).toBe(400);
  }
  const first = await world.advance();
  expect([first.view.counts.quota, first.view.counts.waiting, first.view.waitingFor]).toEqual([1, 1, "refused"]);
  const { code, view } = await world.run();
  expect([code, view.counts.succeeded, view.items.map(({ attempts }) => attempts)]).toEqual([0, 2, [1, 1]]);
});

test("startSome() starts only within the windows of the file, and collects always", async () => {
  // The clock begins on a Tuesday at midnight.
  const world = campaignWorld({
    count: 4,
    file: { windows: ["Mon-Fri 02:00-03:00 UTC"] },
    runDuration: () => 50 * MINUTE,
  });
  const minutes = spyOnStarts(world);
  const first = await world.advance();
  expect([first.view.waitingFor, first.view.nextWaveAt]).toEqual(["window", "2026-09-01T02:00:00.000Z"]);
  const { code } = await world.run();
  expect(code).toBe(0);
  expect(minutes.slice(0, 3).map(Math.round)).toEqual([120, 120, 120]);
  const last = (minutes[3] ?? 0) / 60;
  expect(last % 24).toBeGreaterThanOrEqual(2);
  expect(last % 24).toBeLessThan(3);
});

test("startSome() starts nothing for a while after the service has refused starts twice in a row", async () => {
  const world = campaignWorld({ count: 3 });
  world.emulator.control("fault", { kind: "503", route: "POST /runs", times: 1_000, retryAfter: 1 });
  await world.advance();
  const items = (await world.records()).flatMap((record) => record.type === "ended" ? [record.as] : []);
  expect(items).toEqual(["service", "service"]);
});

test("the day's quota holds all starts back, and the next wave is due when a slot is free again", async () => {
  const world = campaignWorld({ count: 160, runDuration: () => 20_000 });
  const made = await world.run({ timeoutMs: 6 * HOUR });
  expect([made.view.state, made.view.waitingFor, made.view.quota.day.used]).toEqual(["waiting", "day", 150]);
  const due = Date.parse(made.view.nextWaveAt ?? "") - world.clock.wallTime();
  expect(due).toBeGreaterThan(18 * HOUR);
  expect(due).toBeLessThanOrEqual(24 * HOUR);
  const before = world.requests.length;
  await world.clock.sleep(HOUR);
  await world.advance();
  expect(world.requests.length).toBe(before);
});

import { expect, test } from "bun:test";
import { type CampaignWorld, campaignWorld, project, REVISIONS, verdicts } from "../world.ts";

const ONE = { repositories: [project(1)] };
const MINUTE = 60_000;

const fault = (world: CampaignWorld, kind: string, more: Record<string, unknown> = {}) =>
  world.emulator.control("fault", { kind, route: "POST /runs", ...more });

/** Types and ends of the records about starts. */
async function history(world: CampaignWorld): Promise<string[]> {
  return (await world.records()).flatMap((record) =>
    record.type === "ended" ? [record.as] : ["intent", "started"].includes(record.type) ? [record.type] : []
  );
}

test("a start that the limits refuse waits as long as the service says, and is no attempt", async () => {
  const world = campaignWorld({ file: ONE });
  fault(world, "429", { retryAfter: 1_200 });
  const first = await world.advance();
  expect(first.view.items.map(({ verdict, attempts, starts }) => [verdict, attempts, starts])).toEqual([[
    "quota",
    0,
    1,
  ]]);
  expect([first.code, first.view.waitingFor, first.view.nextWaveAt]).toEqual([
    75,
    "user-starts",
    "2026-09-01T00:20:00.000Z",
  ]);
  // Too early: no request is sent for a start.
  await world.clock.sleep(10 * MINUTE);
  await world.advance();
  expect(world.starts.length).toBe(1);
  const end = await world.run();
  expect([end.code, verdicts(end.view), end.view.items[0]?.attempts]).toEqual([0, { [project(1)]: "succeeded" }, 1]);
  expect(world.clock.now()).toBeGreaterThanOrEqual(20 * MINUTE);
  // The same start was sent again: the same key and the same bytes.
  expect(new Set(world.starts.map((start) => JSON.stringify(start))).size).toBe(1);
});

test("startSome() reads the sandboxes once after a refusal, although the service tells its time in whole seconds", async () => {
  const world = campaignWorld({ file: ONE });
  await world.plan();
  // Some time passes between an answer and what is done with it: by the next answer it is earlier again.
  let passed = 0;
  const clock = { ...world.clock, wallTime: () => world.clock.wallTime() + ++passed };
  fault(world, "429", { retryAfter: 30 });
  const { code } = await world.run({ clock });
  const reads = world.requests.filter((request) => request.startsWith("GET /sandboxes"));
  expect([code, world.starts.length, reads.length]).toEqual([0, 2, 2]);
});

for (const [revision, switches] of Object.entries(REVISIONS)) {
  for (const kind of ["reset0", "500", "html502", "truncated", "resetMid"]) {
    test(`a start whose answer is lost starts one run, on the ${revision} revision: ${kind}`, async () => {
      const world = campaignWorld({ file: ONE, revision: switches });
      fault(world, kind, { processed: true, times: 4 });
      const { code, view } = await world.run();
      expect([code, verdicts(view), view.items[0]?.attempts]).toEqual([0, { [project(1)]: "succeeded" }, 1]);
      expect(world.runs()).toEqual([`${project(1)} success`]);
      expect(new Set(world.starts.map((start) => JSON.stringify(start))).size).toBe(1);
      // Each attempt that may have taken a slot is counted.
      expect(view.quota.day.used).toBe(world.starts.length);
    });
  }
}

test("startItem() says nothing of another round when the run that its key found is the campaign's own", async () => {
  const world = campaignWorld({ file: ONE });
  await world.plan();
  // The service got the start, and every answer was lost: the agent ends before the next wave.
  fault(world, "resetMid", { processed: true, times: 3 });
  await world.advance();
  await world.clock.sleep(60 * MINUTE);
  const { view } = await world.advance();
  expect([verdicts(view), world.runs()]).toEqual([{ [project(1)]: "succeeded" }, [`${project(1)} success`]]);
  expect(world.starts.length).toBeGreaterThan(3);
  expect(world.notices.filter((notice) => notice.includes("already has a finished run"))).toEqual([]);
});

test("a start that the service's trouble refuses is a failure after 5 in a row, and is no attempt", async () => {
  const world = campaignWorld({ file: { ...ONE, limits: { attempts: 3 } } });
  fault(world, "503", { times: 1_000, retryAfter: 1 });
  const { code, view } = await world.run();
  expect(view.items.map(({ verdict, attempts, reason }) => [verdict, attempts, reason])).toEqual([
    ["failed", 0, expect.stringContaining("HTTP 503")],
  ]);
  expect(code).toBe(1);
  expect((await history(world)).filter((each) => each === "service").length).toBe(5);
  expect(world.runs()).toEqual([]);
  // A person lets it be started again, under the same key.
  world.emulator.control("clearFaults");
  await world.decide({ kind: "retry", select: { failed: true }, adopt: false });
  expect((await world.run()).code).toBe(0);
  expect(new Set(world.starts.map(({ key }) => key)).size).toBe(1);
});

test("a start that the queue refuses is the service's trouble: the next one has a new key", async () => {
  const world = campaignWorld({
    file: ONE,
    scenarios: `
scenarios:
  - { match: { attempt: 1 }, play: queue-failure }
  - { play: success }`,
  });
  const { code, view } = await world.run();
  expect([code, verdicts(view), view.items[0]?.attempts]).toEqual([0, { [project(1)]: "succeeded" }, 1]);
  expect(world.runs()).toEqual([`${project(1)} failed`, `${project(1)} success`]);
  expect(new Set(world.starts.map(({ key }) => key)).size).toBe(2);
  expect((await history(world)).filter((each) => each === "service")).toEqual(["service"]);
});

test("a key that belongs to another request is a conflict: never another key by itself, but after a retry", async () => {
  const world = campaignWorld({ file: ONE });
  // Another process has sent something else under the key.
  let isFirst = true;
  world.before = async (request) => {
    if (request !== "POST /runs" || !isFirst) return;
    isFirst = false;
    const headers = { Authorization: `Bearer ${world.token}`, "Idempotency-Key": world.starts[0]?.key ?? "" };
    const body = JSON.stringify({ ...JSON.parse(world.starts[0]?.body ?? "{}"), prompt: "something else" });
    const url = "http://localhost/api/v1/mogplex/runs";
    expect((await world.emulator.fetch(url, { method: "POST", headers, body })).status).toBe(202);
  };
  const { code, view } = await world.run();
  expect([code, verdicts(view), view.items[0]?.attempts]).toEqual([1, { [project(1)]: "conflict" }, 0]);
  expect(view.items[0]?.reason).toContain("HTTP 409");
  expect((await world.run()).code).toBe(1);
  expect(world.starts.length).toBe(1);
  await world.decide({ kind: "retry", select: { only: [project(1)] }, adopt: false });
  const again = await world.run();
  expect([again.code, verdicts(again.view)]).toEqual([0, { [project(1)]: "succeeded" }]);
  expect(new Set(world.starts.map(({ key }) => key)).size).toBe(2);
});

test("a request that the service refuses makes the item invalid, and others go on", async () => {
  const world = campaignWorld({ count: 3 });
  await world.plan();
  const [first, second] = [...world.emulator.world.store.repos.values()];
  world.emulator.control("removeRepo", { id: first?.id });
  world.emulator.control("setRepo", { id: second?.id, set: { userId: "somebody else" } });
  const { code, view } = await world.run();
  expect(code).toBe(1);
  expect(verdicts(view)).toMatchObject({ [project(2)]: "invalid", [project(3)]: "succeeded" });
  expect(view.items[1]?.reason).toContain("Repo not found");
});

const TROUBLES = [
  ["a token that was revoked", { revokedAt: "2026-09-01T00:00:00Z" }, 64, { revokedAt: null }],
  ["a token that lost its scope", { scopes: ["read"] }, 65, { scopes: ["read", "write"] }],
] as const;

for (const [what, set, expected, fixed] of TROUBLES) {
  for (const way of ["run", "advance"] as const) {
    test(`${what} midway ends with ${expected}, leaves the items, and goes on later: ${way}`, async () => {
      const world = campaignWorld({ count: 4, file: { limits: { parallel: 2 } } });
      let armed = true;
      world.before = (request) => {
        if (request !== "POST /runs" || world.starts.length !== 3 || !armed) return;
        armed = false;
        world.emulator.control("setToken", { token: world.token, set });
      };
      let end = await world[way]();
      for (let wave = 0; wave < 9 && end.code === 75; wave++) {
        await world.clock.sleep(2 * MINUTE);
        end = await world[way]();
      }
      expect(end.code).toBe(expected);
      expect(end.problem).not.toBeNull();
      const { failed, invalid, cancelled } = end.view.counts;
      expect([failed, invalid, cancelled]).toEqual([0, 0, 0]);
      const sent = world.starts.length;
      expect((await world[way]()).code).toBe(expected);
      // Nothing more is started: the one start that was refused is tried again, under its key.
      expect(new Set(world.starts.slice(sent - 1).map(({ key }) => key)).size).toBe(1);

      world.emulator.control("setToken", { token: world.token, set: fixed });
      const last = await world.run();
      expect([last.code, last.view.counts.succeeded, last.view.items.map(({ attempts }) => attempts)]).toEqual([
        0,
        4,
        [1, 1, 1, 1],
      ]);
      expect(world.runs().length).toBe(4);
    });
  }
}

test("a new token of the same user goes on", async () => {
  const world = campaignWorld({ count: 4 });
  await world.advance();
  const { store } = world.emulator.world;
  const user = store.users.get(store.tokens.get(world.token)?.userId ?? "")?.key;
  world.emulator.control("setToken", { token: world.token, set: { revokedAt: "2026-09-01T00:00:00Z" } });
  expect((await world.run()).code).toBe(64);
  world.token = String(world.emulator.control("addToken", { user }).token);
  const { code, view } = await world.run();
  expect([code, view.counts.succeeded, world.runs().length]).toEqual([0, 4, 4]);
});

test("a start is in the journal before its request is sent", async () => {
  const world = campaignWorld({ count: 2 });
  const seen: unknown[] = [];
  world.before = async (request) => {
    if (request !== "POST /runs") return;
    const last = (await world.records()).at(-1);
    seen.push(last?.type === "intent" ? last.key : last?.type);
  };
  await world.run();
  expect(seen).toEqual(world.starts.map(({ key }) => key));
});

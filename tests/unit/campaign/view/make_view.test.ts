import { expect, test } from "bun:test";
import { makeView } from "../../../../lib/campaign/view/make_view.ts";
import type { CampaignView } from "../../../../lib/campaign/view/view.ts";
import { foldJournal } from "../journal/sample.ts";
import { campaignWorld, project, REVISIONS } from "../world.ts";

const MINUTE = 60_000;

test("makeView() says when the next wave is due after the last record, and does not move that with the time", async () => {
  const world = campaignWorld({ count: 4, runDuration: () => 20 * MINUTE });
  await world.plan();
  expect((await world.read()).nextWaveAt).toBe("2026-09-01T00:00:00.000Z");
  await world.advance();
  for (const minutes of [0, 10, 40]) {
    await world.clock.sleep(minutes * MINUTE);
    const { nextWaveAt, state, waitingFor } = await world.read();
    expect([nextWaveAt, state, waitingFor]).toEqual(["2026-09-01T00:15:00.000Z", "running", "sandboxes"]);
  }
  // A decision makes the next wave due at once.
  await world.decide({ kind: "stop", cancel: true });
  expect((await world.read()).waitingFor).toBe("stopped");
});

test("makeView() is the same from lock and journal as in the process that wrote them", async () => {
  const world = campaignWorld({ count: 5, runDuration: () => 20 * MINUTE, file: { canary: { size: 2 } } });
  for (let wave = 0; wave < 4; wave++) {
    const { view } = await world.advance();
    const { quota, ...read } = await world.read();
    expect({ ...read, quota: { ...quota, sandboxes: view.quota.sandboxes } }).toEqual(view);
    await world.clock.sleep(15 * MINUTE);
  }
});

test("makeView() has no next wave while only a person can let it go on and nothing runs, and has one while a run is at work", async () => {
  const world = campaignWorld({ count: 3, runDuration: () => 20 * MINUTE });
  await world.advance();
  await world.decide({ kind: "stop", cancel: false });
  expect((await world.read()).nextWaveAt).not.toBeNull();
  await world.run();
  const { state, nextWaveAt, endsAt } = await world.read();
  expect([state, nextWaveAt, endsAt]).toEqual(["done", null, null]);
  const gated = campaignWorld({ count: 3, file: { canary: { size: 1, gate: "manual" } } });
  const view = (await gated.run()).view;
  expect([view.state, view.nextWaveAt, view.endsAt, view.waitingFor]).toEqual(["gated", null, null, "gate"]);
});

test("makeView() has no next wave while all that is left waits for persons, and the next call sees an answer", async () => {
  const world = campaignWorld({ count: 2, scenarios: "play: awaiting-input", revision: REVISIONS.later });
  const { view } = await world.run();
  expect([view.state, view.nextWaveAt, view.exitCode, view.counts["needs-input"]]).toEqual(["waiting", null, 4, 2]);
  for (const { id } of world.emulator.world.store.runs.values()) {
    world.emulator.control("setRun", { runId: id, run: { status: "success" } });
  }
  const answered = (await world.advance()).view;
  expect([answered.state, answered.exitCode, answered.counts.succeeded]).toEqual(["done", 0, 2]);
});

test("makeView() knows no end while only persons can answer, and counts their sandboxes as taken", async () => {
  const world = campaignWorld({ count: 3, scenarios: "play: awaiting-input", revision: REVISIONS.later });
  const { view } = await world.run();
  expect([view.state, view.endsAt, view.counts["needs-input"]]).toEqual(["waiting", null, 3]);
  const more = campaignWorld({ count: 4, scenarios: "play: awaiting-input", revision: REVISIONS.later });
  const { view: full } = await more.run({ timeoutMs: 10 * MINUTE });
  expect([full.counts.waiting, full.endsAt, full.waitingFor]).toEqual([1, null, "sandboxes"]);
});

test("makeView() does not wait for approval when a closed gate has nothing left to start", async () => {
  const world = campaignWorld({
    count: 3,
    revision: REVISIONS.later,
    scenarios: `scenarios:
  - { match: { repo: "*1" }, play: awaiting-input }
  - { play: agent-failure }`,
    file: { limits: { parallel: 2, "stop-after-failures": 1 } },
  });
  const { view: closed } = await world.run({ timeoutMs: 30 * MINUTE });
  expect([closed.state, closed.waitingFor, closed.gatedAt === undefined]).toEqual(["stopping", "gate", false]);
  await world.decide({ kind: "skip", select: { only: [project(3)] }, reason: "done by hand" });
  const { state, gatedAt, nextWaveAt, waitingFor } = await world.read();
  expect([state, gatedAt, nextWaveAt, waitingFor]).toEqual(["waiting", undefined, null, "nothing"]);
});

test("makeView() says why nothing is started: held by the canary, by nothing, or not held at all", async () => {
  const world = campaignWorld({ count: 2, runDuration: () => 5 * MINUTE, file: { canary: { size: 1 } } });
  await world.plan();
  expect((await world.read()).waitingFor).toBeNull();
  await world.advance();
  const canary = await world.read();
  expect([canary.waitingFor, canary.counts.waiting]).toEqual(["nothing", 1]);
  await world.run();
  expect((await world.read()).waitingFor).toBeNull();
});

test("makeView() shows what stopped the last wave until another one begins", async () => {
  const world = campaignWorld({ count: 1, runDuration: () => 20 * MINUTE });
  await world.advance();
  world.emulator.control("setToken", { token: world.token, set: { revokedAt: "2026-09-01T00:00:00Z" } });
  const { problem } = await world.advance();
  expect((await world.read()).lastError).toBe(problem);
  const records = (await world.records()).length;
  await world.decide({ kind: "stop", cancel: false });
  expect((await world.read()).lastError).toBe(problem);
  world.emulator.control("setToken", { token: world.token, set: { revokedAt: null } });
  await world.advance();
  expect([(await world.read()).lastError, (await world.records()).length]).toEqual([null, records + 3]);
});

test("itemView() shows the newest run, its times, and the branch and pull request of the last end", async () => {
  const world = campaignWorld({
    count: 1,
    file: { limits: { attempts: 2 } },
    scenarios: "scenarios: [{ match: { attempt: 1 }, play: agent-failure }, { play: success }]",
  });
  const { view } = await world.run();
  const [item] = view.items;
  const runs = [...world.emulator.world.store.runs.values()];
  expect(item).toMatchObject({
    repository: project(1),
    baseBranch: "main",
    root: null,
    verdict: "succeeded",
    starts: 2,
    attempts: 2,
    runId: runs.at(-1)?.id,
    branch: runs.at(-1)?.working_branch,
    pullRequest: expect.stringContaining("/acme/project-0001/"),
  });
  expect(Date.parse(item?.endedAt ?? "")).toBeGreaterThan(Date.parse(item?.startedAt ?? ""));
});

test("makeView() leaves out causes and end, and nothing else, where it is to be brief", async () => {
  const world = campaignWorld({ count: 4, scenarios: "play: agent-failure" });
  const seen: boolean[] = [];
  await world.run({
    internals: {
      onView(make) {
        const whole = make();
        expect(make(true)).toEqual({ ...whole, causes: [], endsAt: null });
        seen.push(whole.causes.length > 0, whole.endsAt !== null);
      },
    },
  });
  expect(seen).toContain(true);
});

test("makeView() reckons that a run keeps its place until its end is seen", async () => {
  const world = campaignWorld({ count: 12, runDuration: () => MINUTE });
  for (let wave = 0; wave < 2; wave++) {
    await world.advance();
    await world.clock.sleep(15 * MINUTE);
  }
  const { endsAt } = (await world.advance()).view;
  // Three more waves that collect and start; runs take a minute, and are seen a quarter of an hour later.
  const minutes = (Date.parse(endsAt ?? "") - world.clock.wallTime()) / MINUTE;
  expect(minutes).toBeGreaterThan(25);
  expect(minutes).toBeLessThan(50);
});

test("makeView() counts no more sandboxes than there can be", async () => {
  const world = campaignWorld({ count: 4 });
  await world.plan();
  const lock = await world.lock();
  if (lock === undefined) throw new Error("no lock");
  const { quota, waitingFor } = makeView(foldJournal(lock, []), { nowMs: 0, meanRunMs: null, sandboxes: 4 });
  expect([quota.sandboxes, waitingFor]).toEqual([{ used: 3, limit: 3 }, "sandboxes"]);
});

test("makeView() counts no fewer sandboxes than open runs", async () => {
  const world = campaignWorld({ count: 4, runDuration: () => 20 * MINUTE });
  const seen: (number | null)[] = [];
  await world.run({
    internals: {
      onView(make) {
        const { counts, quota: { sandboxes } } = make();
        if (sandboxes.used !== null && counts.running > sandboxes.used) seen.push(sandboxes.used);
      },
    },
  });
  expect(seen).toEqual([]);
});

test("makeView() names no end before the next wave, unless a process stays and sees it", async () => {
  const world = campaignWorld({ count: 3, runDuration: () => MINUTE });
  const given = { meanRunMs: MINUTE / 2 };
  const { view } = await world.advance(given);
  expect([view.nextWaveAt, view.endsAt]).toEqual(["2026-09-01T00:02:00.000Z", "2026-09-01T00:02:00.000Z"]);
  const seen: CampaignView[] = [];
  await world.run({ ...given, internals: { onView: (make) => void seen.push(make()) } });
  const early = seen.filter(({ endsAt, nextWaveAt }) => endsAt !== null && nextWaveAt !== null && endsAt < nextWaveAt);
  expect(early.length).toBeGreaterThan(0);
});

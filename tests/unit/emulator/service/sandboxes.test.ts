import type { EmulatorOptions } from "../../../../lib/emulator/options.ts";
import { expect, test } from "bun:test";
import { parseScenarios } from "../../../../lib/emulator/agents/scenario.ts";
import { createRevision } from "../../../../lib/emulator/state/store.ts";
import { API_REPO, arrange, type Arranged } from "../arrange.ts";
import { builtInScenario } from "../scenarios.ts";

/** An emulator whose user has no active sandbox yet. */
function limited(options: EmulatorOptions = {}): Arranged {
  const world = arrange({ sandboxLimit: 3, scenarios: [builtInScenario("success")], ...options });
  for (const sandbox of world.emulator.world.store.sandboxes.values()) sandbox.status = "stopped";
  return world;
}

/** Statuses of the sandboxes that runs booted, the newest first. */
async function sandboxes({ call, emulator }: Arranged): Promise<string[]> {
  const { json } = await call("GET", "/sandboxes?limit=200");
  const booted = new Set([...emulator.world.store.bootedSandboxes.values()].map(({ id }) => id));
  const rows = json.data.sandboxes as { id: string; status: string }[];
  return rows.filter(({ id }) => booted.has(id)).map(({ status }) => status);
}

for (const revision of ["base", "later"] as const) {
  test(`a run holds its sandbox from its start to its end, in the revision ${revision}`, async () => {
    const world = limited({ revision: createRevision(revision) });
    const runId = await world.start();
    const { json } = await world.call("GET", `/runs/${runId}`);
    expect([json.data.run.sandboxRecordId, json.data.run.sandboxId]).toEqual([null, null]);
    const seen = [await sandboxes(world)];
    for (const ms of [7_000, 2_000, 25_000, 500]) {
      world.clock.advance(ms);
      seen.push(await sandboxes(world));
    }
    // A run that is pending has no sandbox yet.
    expect(seen).toEqual([[], [], ["running"], ["running"], ["stopped"]]);
  });
}

test("GET /sandboxes filters by the status of this moment", async () => {
  const world = limited();
  await world.start();
  const count = async (status: string) =>
    (await world.call("GET", `/sandboxes?status=${status}&repo_id=${API_REPO}`)).json.data.sandboxes.length;
  const counts = async () => [await count("running"), await count("stopped")];
  world.clock.advance(10_000);
  const [running, stopped] = await counts();
  world.clock.advance(50_000);
  expect(await counts()).toEqual([running - 1, stopped + 1]);
});

test("a run that was cancelled gives up its sandbox at once", async () => {
  const world = limited();
  const runId = await world.start();
  world.clock.advance(10_000);
  expect(await sandboxes(world)).toEqual(["running"]);
  await world.call("POST", `/runs/${runId}/cancel`);
  expect(await sandboxes(world)).toEqual(["stopped"]);
});

test("a run that waits for a person holds its sandbox", async () => {
  const world = limited({ scenarios: [builtInScenario("awaiting-input")], revision: createRevision("later") });
  await world.start();
  world.clock.advance(3_600_000);
  expect(await sandboxes(world)).toEqual(["running"]);
});

test("a sandbox that two runs share is free when both have ended", async () => {
  const scenarios = [
    { ...builtInScenario("success"), match: { key: "long" }, duration: 600 },
    builtInScenario("success"),
  ];
  const world = limited({ scenarios });
  await world.start("long", { createBranch: false });
  world.clock.advance(10_000);
  const second = await world.start("short", { createBranch: false });
  world.clock.advance(60_000);
  expect((await world.look(second)).status).toBe("success");
  expect(await sandboxes(world)).toEqual(["running"]);
  world.clock.advance(600_000);
  expect(await sandboxes(world)).toEqual(["stopped"]);
});

test("a run takes over a sandbox that lingers, and holds it", async () => {
  const world = limited({ sandboxLimit: 1, sandboxLingerMs: 120_000 });
  await world.start("a", { createBranch: false });
  world.clock.advance(100_000);
  const second = await world.start("b", { createBranch: false });
  world.clock.advance(60_000);
  expect((await world.look(second)).status).toBe("success");
  expect(await sandboxes(world)).toEqual(["running"]);
  world.clock.advance(120_000);
  expect(await sandboxes(world)).toEqual(["stopped"]);
});

test("a boot counts for five minutes, also when its run is cancelled meanwhile", async () => {
  const slow = parseScenarios("steps: [{ after: 1200, sandbox: up }, { after: 1, status: success }]", "test")
    .map((scenario) => ({ ...scenario, match: { key: "slow" } }));
  const world = limited({ sandboxLimit: 1, scenarios: [...slow, builtInScenario("success")] });
  const first = await world.start("slow");
  await world.call("POST", `/runs/${first}/cancel`);
  world.clock.advance(295_000);
  const early = await world.start("early");
  world.clock.advance(10_000);
  const late = await world.start("late");
  world.clock.advance(60_000);
  expect([(await world.look(early)).error, (await world.look(late)).status]).toEqual([
    "Too many active sandboxes",
    "success",
  ]);
});

test("a sandbox that a dead worker left behind is stopped after five hours", async () => {
  const world = limited({ sandboxLimit: 1, scenarios: [builtInScenario("stuck-streaming")] });
  await world.start("stuck");
  world.clock.advance(5 * 3_600_000);
  expect(await sandboxes(world)).toEqual(["running"]);
  world.clock.advance(10_000);
  expect(await sandboxes(world)).toEqual(["stopped"]);
});

test("control setRun frees the sandbox of a run that has booted unseen, since what is due comes first", async () => {
  const world = limited();
  const runId = await world.start();
  world.clock.advance(10_000);
  // Nothing was read since, so the claim of the boot would count for five minutes without a sandbox that is listed.
  world.emulator.control("setRun", { runId, run: { status: "success" } });
  expect(await sandboxes(world)).toEqual(["stopped"]);
});

test("control setRun and setSandbox decide about a sandbox as well", async () => {
  const world = limited();
  const runId = await world.start();
  world.clock.advance(10_000);
  await world.look(runId);
  world.emulator.control("setRun", { runId, run: { status: "failed" } });
  expect(await sandboxes(world)).toEqual(["stopped"]);
  const [sandbox] = world.emulator.world.store.bootedSandboxes.values();
  world.emulator.control("setSandbox", { id: sandbox?.id, set: { status: "running" } });
  expect(await sandboxes(world)).toEqual(["running"]);
});

test("runs of one user share their sandboxes in the order of time, whichever of them is read", async () => {
  for (const order of [[0, 1, 2], [2, 1, 0], [1, 2, 0]]) {
    const world = limited({ sandboxLimit: 1 });
    const ids: string[] = [];
    for (const key of ["a", "b", "c"]) {
      ids.push(await world.start(key));
      // The second one starts while the first one works, the third one after its end.
      world.clock.advance(20_000);
    }
    world.clock.advance(60_000);
    const statuses = new Map<number, string>();
    for (const index of order) statuses.set(index, (await world.look(ids[index] ?? "")).status);
    expect([statuses.get(0), statuses.get(1), statuses.get(2)]).toEqual(["success", "failed", "success"]);
  }
});

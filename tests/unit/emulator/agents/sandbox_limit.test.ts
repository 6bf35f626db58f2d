import type { EmulatorOptions } from "../../../../lib/emulator/options.ts";
import { expect, test } from "bun:test";
import { arrange, type Arranged } from "../arrange.ts";
import { builtInScenario } from "../scenarios.ts";

const FAILED = { status: "failed", error: "Too many active sandboxes" };

/** An emulator whose user has no sandbox yet. */
function limited(options: EmulatorOptions = {}): Arranged {
  const world = arrange({ sandboxLimit: 2, scenarios: [builtInScenario("success")], ...options });
  for (const sandbox of world.emulator.world.store.sandboxes.values()) sandbox.status = "stopped";
  return world;
}

async function startAll(world: Arranged, keys: string[]) {
  const ids: string[] = [];
  for (const key of keys) ids.push(await world.start(key));
  return ids;
}

test("sandboxUp() fails a run beyond the limit on active sandboxes, with the service's words", async () => {
  const world = limited();
  const ids = await startAll(world, ["a", "b", "c"]);
  world.clock.advance(9_000);
  const seen = [];
  for (const id of ids) seen.push(await world.look(id));
  expect(seen.map(({ status }) => status)).toEqual(["streaming", "streaming", "failed"]);
  expect(seen[2]).toMatchObject(FAILED);
  expect(seen[2]?.messages.at(-1)).toBe("External Mogplex run failed");
});

test("sandboxUp() has no limit when none is set", async () => {
  const world = limited({ sandboxLimit: undefined });
  const ids = await startAll(world, ["a", "b", "c", "d"]);
  world.clock.advance(60_000);
  for (const id of ids) expect((await world.look(id)).status).toBe("success");
});

test("sandboxUp() gives a sandbox that is active to a run of the same branch, whatever the limit", async () => {
  const world = limited({ sandboxLimit: 1 });
  await world.start("a", { createBranch: false });
  world.clock.advance(60_000);
  const [first] = world.emulator.world.store.runs.keys();
  await world.look(first ?? "");
  const second = await world.start("b", { createBranch: false });
  world.clock.advance(60_000);
  expect((await world.look(second)).status).toBe("success");
});

test("a sandbox is free as soon as its run has ended, whether that run was read or not", async () => {
  const world = limited({ sandboxLimit: 1 });
  const statuses = [];
  for (const key of ["a", "b", "c"]) {
    const runId = await world.start(key);
    world.clock.advance(60_000);
    if (key !== "a") statuses.push((await world.look(runId)).status);
  }
  expect(statuses).toEqual(["success", "success"]);
});

test("a sandbox stays active for sandboxLingerMs when its run has ended", async () => {
  const world = limited({ sandboxLimit: 1, sandboxLingerMs: 600_000 });
  const statuses = [];
  for (const minutes of [1, 5, 6]) {
    const runId = await world.start(`after ${minutes}`);
    world.clock.advance(minutes * 60_000);
    statuses.push((await world.look(runId)).status);
  }
  // The second one starts half a minute after the end of the first, the third one five minutes later.
  expect(statuses).toEqual(["success", "failed", "failed"]);
  const last = await world.start("last");
  world.clock.advance(60_000);
  expect((await world.look(last)).status).toBe("success");
});

test("a sandbox of a createBranch run does not linger in later revisions", async () => {
  const world = limited({ sandboxLimit: 1, sandboxLingerMs: 600_000, revision: { stopsSandboxes: true } });
  const statuses = [];
  for (const key of ["a", "b"]) {
    const runId = await world.start(key);
    world.clock.advance(60_000);
    statuses.push((await world.look(runId)).status);
  }
  expect(statuses).toEqual(["success", "success"]);
});

test("a run that boots counts against the limit, and one that was refused fails even if a sandbox becomes free meanwhile", async () => {
  const world = limited({ sandboxLimit: 1 });
  const first = await world.start("a");
  const second = await world.start("b");
  expect((await world.call("POST", `/runs/${first}/cancel`)).status).toBe(200);
  world.clock.advance(60_000);
  expect([(await world.look(first)).status, (await world.look(second)).status]).toEqual(["failed", "failed"]);
  expect(await world.look(second)).toMatchObject(FAILED);
});

test("a sandbox of the fixture counts as long as it is active", async () => {
  const world = limited({ sandboxLimit: 1 });
  const [sandbox] = world.emulator.world.store.sandboxes.values();
  world.emulator.control("setSandbox", { id: sandbox?.id, set: { status: "running" } });
  const runId = await world.start("a");
  world.clock.advance(60_000);
  expect(await world.look(runId)).toMatchObject(FAILED);
});

test("control execute is not subject to the limit on sandboxes", async () => {
  const world = limited({ sandboxLimit: 0, scenarios: [] });
  const runId = await world.start("a");
  world.emulator.control("execute", { runId, script: { finish: "success" } });
  expect((await world.look(runId)).status).toBe("success");
});

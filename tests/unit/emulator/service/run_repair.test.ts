import { expect, test } from "bun:test";
import { arrange, type Arranged } from "../arrange.ts";
import { builtInScenario } from "../scenarios.ts";

const RECONCILED = "Agent worker completion reconciled";

/** Status of a run by its own route. */
async function status({ call }: Arranged, runId: string): Promise<string> {
  return (await call("GET", `/runs/${runId}`)).json.data.run.status;
}

test("GET /runs/{id} closes a run whose worker died when it has been silent for 15 minutes, and the events route does not", async () => {
  const cases: [string, string][] = [["stuck-streaming", "failed"], ["stuck-finished", "success"]];
  for (const [name, end] of cases) {
    const world = arrange({ scenarios: [builtInScenario(name)], revision: { repairsRuns: true } });
    const runId = await world.start();
    world.clock.advance(10 * 60_000);
    expect(await status(world, runId)).toBe("streaming");
    world.clock.advance(10 * 60_000);
    expect((await world.look(runId)).status).toBe("streaming");
    expect(await status(world, runId)).toBe(end);
    const { messages, error } = await world.look(runId);
    expect([messages.at(-1), error === null]).toEqual([RECONCILED, end === "success"]);
  }
});

test("GET /runs/{id} leaves a run alone while its worker works, while it waits, and when it has ended", async () => {
  const cases: [string, number, string][] = [
    ["success", 20_000, "streaming"],
    ["success", 33_300, "streaming"],
    ["success", 60_000, "success"],
    ["awaiting-input", 60_000, "awaiting_input"],
    ["stuck-pending", 60_000, "pending"],
  ];
  for (const [name, ms, expected] of cases) {
    const world = arrange({ scenarios: [builtInScenario(name)], revision: { repairsRuns: true } });
    const runId = await world.start();
    world.clock.advance(ms);
    expect([name, ms, await status(world, runId)]).toEqual([name, ms, expected]);
    expect((await world.look(runId)).messages).not.toContain(RECONCILED);
  }
});

test("GET /runs/{id} copies the end of an inner call that was not reported", async () => {
  for (const repairsRuns of [false, true]) {
    const world = arrange({ revision: { repairsRuns } });
    const runId = await world.start();
    world.emulator.control("setRun", {
      runId,
      run: { status: "streaming" },
      call: { status: "failed", error: "agent broke" },
    });
    expect((await world.look(runId)).status).toBe("streaming");
    expect(await status(world, runId)).toBe(repairsRuns ? "failed" : "streaming");
    expect((await world.look(runId)).error).toBe(repairsRuns ? "agent broke" : null);
  }
});

test("stopsSandboxes stops the sandbox of a createBranch run that ended, and no other", async () => {
  const statuses = [];
  for (const [stopsSandboxes, createBranch] of [[false, true], [true, true], [true, false]]) {
    const world = arrange({ scenarios: [builtInScenario("success")], revision: { stopsSandboxes } });
    const runId = await world.start("k", { createBranch });
    world.clock.advance(60_000);
    await world.look(runId);
    const id = world.emulator.world.store.runs.get(runId)?.sandbox_record_id ?? "";
    statuses.push(world.emulator.world.store.sandboxes.get(id)?.status);
  }
  expect(statuses).toEqual(["running", "stopped", "running"]);
});

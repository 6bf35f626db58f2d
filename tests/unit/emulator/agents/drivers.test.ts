import { expect, test } from "bun:test";
import { idleDriver } from "../../../../lib/emulator/state/world.ts";
import { arrange } from "../arrange.ts";
import { parseScenario } from "../scenarios.ts";

const TEN_SECONDS = parseScenario("steps: [{ sandbox: up }, { after: 10, call: success }, { status: success }]", "s");

test("withRunSlots() lets runs wait, the oldest first, and one more begins when a slot is free", async () => {
  const { start, look, clock } = arrange({ scenarios: [TEN_SECONDS], runSlots: 2 });
  const runs = [await start("a"), await start("b"), await start("c"), await start("d")];
  const statuses = () => Promise.all(runs.map(async (id) => (await look(id)).status));
  expect(await statuses()).toEqual(["streaming", "streaming", "pending", "pending"]);
  await clock.advance(10_000);
  await look(runs[0] ?? "");
  expect(await statuses()).toEqual(["success", "success", "streaming", "streaming"]);
});

test("withRunSlots() never begins a run that was cancelled while it waited", async () => {
  const { start, look, call, clock } = arrange({ scenarios: [TEN_SECONDS], runSlots: 1 });
  const [first, second, third] = [await start("a"), await start("b"), await start("c")];
  await call("POST", `/runs/${second}/cancel`);
  await clock.advance(10_000);
  expect((await look(first)).status).toBe("success");
  expect([(await look(second)).status, (await look(third)).status]).toEqual(["cancelled", "streaming"]);
});

test("withRunSlots() lets a run that waits be streamed", async () => {
  const { start, call, clock } = arrange({ scenarios: [TEN_SECONDS], runSlots: 1, revision: { stream: true } });
  await start("a");
  const id = await start("b");
  const stream = call("GET", `/runs/${id}/events/stream`);
  for (const status of ["pending", "streaming", "success"]) {
    expect((await call("GET", `/runs/${id}`)).json.data.run.status).toBe(status);
    await clock.advance(10_000);
  }
  await clock.advance(900_000);
  expect((await stream).status).toBe(200);
});

test("makeEmulator() tells once of each harness without a command, when another one has a command", async () => {
  const told: string[] = [];
  const onScripted = (harness: string) => void told.push(harness);
  const local = () => ({ drivers: new Map([["codex", idleDriver]]) });
  const mixed = arrange({ scenarios: [TEN_SECONDS], local, onScripted });
  await mixed.start("a");
  expect(told).toEqual([]);
  await mixed.start("b", { harness: "claude-code" });
  await mixed.start("c", { harness: "claude-code" });
  expect(told).toEqual(["claude-code"]);
  await arrange({ scenarios: [TEN_SECONDS], onScripted }).start("d");
  expect(told).toEqual(["claude-code"]);
});

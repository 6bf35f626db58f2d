import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { insertEvent } from "../../../../lib/emulator/service/runs.ts";
import type { Revision } from "../../../../lib/emulator/state/store.ts";
import { arrange } from "../arrange.ts";

const times = fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 300 });

/** The times of the events that a read of a run shows, when these are all that it has. */
async function shown(revision: Partial<Revision>, stamps: readonly number[], limit: number): Promise<number[]> {
  const { emulator: { world }, start, call } = arrange({ revision });
  const runId = await start();
  const { ai_call_id } = world.store.anyRun(runId);
  world.store.events.delete(ai_call_id);
  for (const createdAt of stamps) insertEvent(world, ai_call_id, { type: "log", payload: { createdAt }, createdAt });
  const { json } = await call("GET", `/runs/${runId}/events?limit=${limit}`);
  return json.data.events.map((event: { payload: { createdAt: number } }) => event.payload.createdAt);
}

test("a read of a run shows the first events by time in the base", async () => {
  await fc.assert(fc.asyncProperty(times, fc.integer({ min: 1, max: 200 }), async (stamps, limit) => {
    const sorted = stamps.toSorted((a, b) => a - b);
    expect(await shown({}, stamps, limit)).toEqual(sorted.slice(0, limit));
  }));
});

test("a read of a run shows the newest events, oldest first, in later revisions", async () => {
  await fc.assert(fc.asyncProperty(times, fc.integer({ min: 1, max: 200 }), async (stamps, limit) => {
    const sorted = stamps.toSorted((a, b) => a - b);
    expect(await shown({ tailWindow: true }, stamps, limit)).toEqual(sorted.slice(-limit));
  }));
});

test("writeEvent() is forgiven by a start when the event table is out of order", async () => {
  const { emulator, start, look } = arrange();
  emulator.control("failStore", { op: "insert", table: "ai_call_events", times: 1 });
  const runId = await start();
  expect(await look(runId)).toEqual({ status: "pending", error: null, messages: [] });
});

test("the body of an events answer changes with the run and with its events", async () => {
  const { emulator, start, look } = arrange();
  const runId = await start();
  const first = await look(runId);
  emulator.control("appendEvents", { runId, events: [{ message: "a" }] });
  const second = await look(runId);
  emulator.control("setRun", { runId, run: { status: "streaming" } });
  const third = await look(runId);
  expect([first.messages.length, second.messages.length, second.status, third.status]).toEqual([
    1,
    2,
    "pending",
    "streaming",
  ]);
});

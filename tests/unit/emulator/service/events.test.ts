import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { eventWindow, insertEvent } from "../../../../lib/emulator/service/runs.ts";
import { arrange } from "../arrange.ts";

const times = fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 300 });

test("eventWindow() shows the first events by time in the base", () => {
  fc.assert(fc.property(times, fc.integer({ min: 1, max: 200 }), (stamps, limit) => {
    const { world } = arrange().emulator;
    for (const createdAt of stamps) insertEvent(world, "call", { type: "log", createdAt });
    const sorted = stamps.toSorted((a, b) => a - b);
    expect(eventWindow(world, "call", limit).map((event) => event.created_at)).toEqual(sorted.slice(0, limit));
  }));
});

test("eventWindow() shows the newest events, oldest first, in later revisions", () => {
  fc.assert(fc.property(times, fc.integer({ min: 1, max: 200 }), (stamps, limit) => {
    const { world } = arrange({ revision: { tailWindow: true } }).emulator;
    for (const createdAt of stamps) insertEvent(world, "call", { type: "log", createdAt });
    const sorted = stamps.toSorted((a, b) => a - b);
    expect(eventWindow(world, "call", limit).map((event) => event.created_at)).toEqual(sorted.slice(-limit));
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

import { expect, test } from "bun:test";
import type { RunEvent } from "../../../lib/model.ts";
import { phasesFromEvents } from "../../../lib/run/result.ts";
import { sampleEvent, successEvents } from "../report/sample.ts";

const MINUTE = 60_000;

test("phasesFromEvents() derives the four phases of a run that succeeded", () => {
  const phases = phasesFromEvents(successEvents(), {
    createdAt: "2026-08-10T12:00:00.021234+00:00",
    endedAt: "2026-08-10T12:18:30.021+00:00",
  });
  expect(phases).toEqual([
    { name: "queue", startedAt: "2026-08-10T12:00:00.021Z", durationMs: 3 * MINUTE },
    { name: "prepare", startedAt: "2026-08-10T12:03:00.021Z", durationMs: 2 * MINUTE },
    { name: "agent", startedAt: "2026-08-10T12:05:00.021Z", durationMs: 12 * MINUTE },
    { name: "deliver", startedAt: "2026-08-10T12:17:00.021Z", durationMs: 1.5 * MINUTE },
  ]);
});

test("phasesFromEvents() leaves the last phase open while the run goes on", () => {
  expect(phasesFromEvents(successEvents().slice(0, 4)).map(({ name, durationMs }) => [name, durationMs])).toEqual([
    ["queue", 3 * MINUTE],
    ["prepare", 2 * MINUTE],
    ["agent", null],
  ]);
});

test("phasesFromEvents() ends a phase with the last event that ends a run", () => {
  const events = [
    ...successEvents().slice(0, 1),
    sampleEvent(2, { type: "cancel_requested" }),
    sampleEvent(3, { type: "cancelled" }),
    sampleEvent(4, { type: "cancelled" }),
  ];
  expect(phasesFromEvents(events).map(({ name, durationMs }) => [name, durationMs])).toEqual([["queue", 4 * MINUTE]]);
});

test("phasesFromEvents() takes the agent's last words as the beginning of delivery", () => {
  const events = successEvents();
  events.splice(4, 0, sampleEvent(10, { payload: { kind: "assistant_final" }, message: "Done" }));
  expect(phasesFromEvents(events).map(({ name, durationMs }) => [name, durationMs])).toEqual([
    ["queue", 3 * MINUTE],
    ["prepare", 2 * MINUTE],
    ["agent", 5 * MINUTE],
    ["deliver", 8 * MINUTE],
  ]);
});

test("phasesFromEvents() skips phases that it did not see begin, and never goes back", () => {
  const [accepted, started, , streaming, , finished] = successEvents();
  const events = [accepted, streaming, started, streaming, finished].filter((event) => event !== undefined);
  expect(phasesFromEvents(events).map(({ name }) => name)).toEqual(["queue", "agent"]);
});

test("phasesFromEvents() survives no events and texts that are not times", () => {
  expect(phasesFromEvents([])).toEqual([]);
  expect(phasesFromEvents([sampleEvent(0, { createdAt: "yesterday" })], { createdAt: "x", endedAt: "y" })).toEqual([]);
});

test("phasesFromEvents() shows no negative time when clocks disagree", () => {
  const phases = phasesFromEvents(successEvents(), { endedAt: "2026-08-10T12:10:00Z" });
  for (const { durationMs } of phases) expect(durationMs ?? -1).toBeGreaterThanOrEqual(0);
});

test("phasesFromEvents() ends in delivery when the push was refused, and with the agent when it fails after its last words", () => {
  const before = successEvents().slice(0, 4);
  const error = "The agent finished, but GitHub delivery failed: remote rejected";
  const refused = sampleEvent(17, { type: "failed", message: "Harness stream failed", payload: { error } });
  const gaveUp = sampleEvent(18, { type: "failed", message: "External Mogplex run failed", payload: { error } });
  const names = (events: RunEvent[]) => phasesFromEvents(events).map(({ name, durationMs }) => [name, durationMs]);
  expect(names([...before, refused, gaveUp]).slice(2)).toEqual([["agent", 12 * MINUTE], ["deliver", MINUTE]]);
  const last = sampleEvent(10, { payload: { kind: "assistant_final" }, message: "I give up" });
  const failed = sampleEvent(11, { type: "failed", payload: { exit_code: 1, failure_code: "command_failed" } });
  expect(names([...before, last, failed]).slice(2)).toEqual([["agent", 6 * MINUTE]]);
});

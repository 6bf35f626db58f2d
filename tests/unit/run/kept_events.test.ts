import { expect, test } from "bun:test";
import fc from "fast-check";
import type { RunEvent } from "../../../lib/model.ts";
import { KeptEvents } from "../../../lib/run/events.ts";
import { propertyRuns } from "../../property_runs.ts";
import { sampleEvent } from "../report/sample.ts";

const MB = 1024 * 1024;

function keep(events: readonly RunEvent[]): KeptEvents {
  const kept = new KeptEvents();
  for (const event of events) kept.add(event);
  return kept;
}

const logs = (count: number, from = 0, fields: Partial<RunEvent> = {}) =>
  Array.from({ length: count }, (_, index) => sampleEvent(from + index, fields));

test("KeptEvents keeps everything of a small run, as it came", () => {
  const odd = sampleEvent(0, { message: "\ud800 \ufeff ☃", payload: JSON.parse('{"__proto__":{"a":[null,1e9]}}') });
  const events = [odd, ...logs(199, 1, { message: "→".repeat(5_000) })];
  const kept = keep(events);
  expect([kept.seen, kept.events]).toEqual([200, events]);
  expect(JSON.stringify(kept.events[0])).toBe(JSON.stringify(odd));
});

test("KeptEvents keeps the last 200, and of earlier ones those that matter", () => {
  const matter = [
    sampleEvent(0, { type: "started", payload: { external_run_id: "r" } }),
    sampleEvent(1, { payload: { stage: "git_sync", working_branch: "b" } }),
    sampleEvent(2, { type: "status_changed", payload: { to: "streaming" } }),
    sampleEvent(3, { payload: { kind: "assistant_final" } }),
    sampleEvent(4, { payload: { stage: "git_delivery" } }),
    sampleEvent(5, { type: "failed" }),
    sampleEvent(6, { type: "cancelled" }),
    sampleEvent(7, { type: "finished" }),
  ];
  const events = [...logs(10, 100), ...matter, ...logs(50, 200), ...logs(200, 300)];
  const kept = keep(events);
  expect([kept.seen, kept.events]).toEqual([268, [...matter, ...logs(200, 300)]]);
});

test("KeptEvents keeps at most 8 MiB of the last events, and none that is larger", () => {
  const large = logs(30, 0, { message: "x".repeat(MB) });
  expect(keep(large).events).toEqual(large.slice(-7));
  const huge = sampleEvent(99, { message: "x".repeat(9 * MB) });
  expect(keep([...logs(3), huge, ...logs(2, 3)]).events).toEqual(logs(5));
  const ends = logs(300, 0, { type: "failed", message: "x".repeat(100_000) });
  // 83 of the last ones fit, and 20 of the earlier ones.
  expect(keep(ends).events).toEqual([...ends.slice(-103)]);
});

test("KeptEvents keeps what a plain list would keep, whatever the sizes are", () => {
  const sizes = fc.array(fc.tuple(fc.constantFrom(10, 1_000, 200_000, 3 * MB), fc.boolean()), { maxLength: 40 });
  fc.assert(
    fc.property(sizes, (all) => {
      const events = all.map(([size, matters], index) =>
        sampleEvent(index, { type: matters ? "failed" : "log", message: "x".repeat(size) })
      );
      const { events: kept, seen } = keep(events);
      expect(seen).toBe(events.length);
      const numbers = kept.map((event) => events.findIndex(({ id }) => id === event.id));
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
      expect(kept).toEqual(numbers.map((index) => events[index] as RunEvent));
      // No hole in the newest: as many as fit into half of the block are there, wherever the writing has come to.
      let size = 0;
      const newest = events.filter((_, index) => {
        size = 0;
        for (const event of events.slice(index)) size += JSON.stringify(event).length;
        return size <= 4 * MB;
      });
      expect(kept.slice(kept.length - newest.length)).toEqual(newest);
    }),
    { numRuns: propertyRuns(30) },
  );
});

test("KeptEvents takes bytes for large events as they come, at most 10 MiB, and keeps small ones as they are", () => {
  const usual = logs(5_000, 0, { message: "Ran 12 tests in 3 files" });
  const kept = keep(usual);
  expect([kept.capacity, kept.events.at(-1) === usual.at(-1)]).toEqual([0, true]);
  const larger = logs(5_000, 0, { message: "x".repeat(1_024) });
  expect(keep(larger.slice(0, 1)).capacity).toBeLessThanOrEqual(4 * 1024);
  expect(keep(larger).capacity).toBeLessThanOrEqual(4 * 201 * JSON.stringify(larger[0]).length);
  expect(keep(logs(100, 0, { type: "failed", message: "x".repeat(MB) })).capacity).toBe(10 * MB);
});

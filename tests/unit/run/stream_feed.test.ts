import { expect, test } from "bun:test";
import fc from "fast-check";
import { SeenIds } from "../../../lib/run/events.ts";
import { StreamFeed } from "../../../lib/run/stream_source.ts";
import type { StreamItem } from "../../../lib/service/stream.ts";
import { anEvent, aRun, RUN_ID } from "./fake_client.ts";

const feedOf = (seen = new SeenIds()) => new StreamFeed(RUN_ID, seen);

const uuid = (index: number) => `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;

function item(index: number, createdAt = `2026-09-01T00:00:00.${String(index).padStart(6, "0")}+00:00`): StreamItem {
  return { type: "event", event: anEvent(uuid(index), "log", { createdAt }) };
}

const numbers = (events: { id: string }[]) => events.map(({ id }) => Number(id.slice(-12)));

test("take() gives each event once, and goes on after the newest", () => {
  const feed = feedOf();
  expect(feed.lastId).toBeUndefined();
  expect(numbers(feed.take([item(1), item(1), item(2)]).fresh)).toEqual([1, 2]);
  expect(numbers(feed.take([item(2), item(3), item(1)]).fresh)).toEqual([3]);
  expect(feed.lastId).toBe(uuid(3));
  feed.startOver();
  expect(feed.lastId).toBeUndefined();
});

test("take() orders what comes together by time, to the microsecond and whatever the number of digits", () => {
  const times = [
    "00:00:00+00:00",
    "00:00:00.0001+00:00",
    "00:00:00.000101+00:00",
    "00:00:00.1+00:00",
    "00:00:01.02+00:00",
  ];
  const items = times.map((time, index) => item(index, `2026-09-01T${time}`));
  expect(numbers(feedOf().take([...items].reverse()).fresh)).toEqual([0, 1, 2, 3, 4]);
  // Where a time cannot be read nothing is moved.
  expect(numbers(feedOf().take([item(3), item(2, "soon"), item(1)]).fresh)).toEqual([3, 2, 1]);
});

test("take() brings any mixture of repeated events into order", () => {
  fc.assert(fc.property(fc.array(fc.nat(999)), (indexes) => {
    const fresh = numbers(feedOf().take(indexes.map((index) => item(index))).fresh);
    expect(fresh).toEqual([...new Set(indexes)].sort((a, b) => a - b));
  }));
});

test("take() believes what is said of its own run alone", () => {
  const feed = feedOf();
  const other = aRun("success", { runId: uuid(1) });
  expect(feed.take([{ type: "run", run: other }])).toEqual({ run: undefined, fresh: [], cut: false });
  const run = aRun("streaming", { runId: RUN_ID.toUpperCase() });
  expect(feed.take([{ type: "run", run }, { type: "run", run: other }]).run).toBe(run);
});

test("take() reports once that an event cannot be read", () => {
  const feed = feedOf();
  expect(feed.take([{ type: "unreadable", id: uuid(1) }]).cut).toBe(true);
  expect(feed.take([{ type: "unreadable", id: uuid(1) }]).cut).toBe(false);
  expect(feed.lastId).toBe(uuid(1));
});

test("take() gives an event that could not be read before, and reports none that was read", () => {
  const seen = new SeenIds();
  const feed = feedOf(seen);
  feed.take([{ type: "unreadable", id: uuid(1) }]);
  expect(seen.has(uuid(1))).toBe(false);
  expect(numbers(feed.take([item(1)]).fresh)).toEqual([1]);
  expect(feed.take([{ type: "unreadable", id: uuid(1) }]).cut).toBe(false);
});

test("follow() goes on after the newest event of a page that was not seen, and leaves the ids to its reader", () => {
  const seen = new SeenIds();
  const feed = feedOf(seen);
  feed.follow(events(1, 3));
  expect([feed.lastId, seen.empty]).toEqual([uuid(3), true]);
  feed.keep(events(1, 5));
  feed.follow(events(2, 4));
  expect(feed.lastId).toBe(uuid(5));
});

test("take() never goes on after a text that is not an id", () => {
  const feed = feedOf();
  const ids = ["", "1", "a\r\nAuthorization: x", `${uuid(1)} `];
  feed.take(ids.map((id) => ({ type: "event", event: anEvent(id) })));
  expect(feed.lastId).toBeUndefined();
});

const events = (from: number, to: number, first = "log") =>
  Array.from({ length: to - from + 1 }, (_, index) => anEvent(uuid(from + index), index === 0 ? first : "log"));

test("joins() finds out whether something lies between what was seen and what a stream began with", () => {
  const began = events(61, 260);
  const after = (seen: ReturnType<typeof events> = []) => {
    const feed = feedOf();
    feed.keep(seen);
    feed.keep(began);
    return feed;
  };
  // The whole list is known.
  expect(after().joins(events(1, 199), 200, began)).toBe(true);
  // The first ones, which reach far enough, and which do not.
  expect(after().joins(events(1, 200, "started"), 200, began)).toBe(true);
  expect(after().joins(events(1, 60, "started"), 60, began)).toBe(false);
  // The newest ones, to which something seen before belongs, or not.
  expect(after().joins(events(61, 260), 200, began)).toBe(false);
  expect(after(events(1, 60)).joins(events(60, 259), 200, began)).toBe(true);
  expect(after(events(1, 40)).joins(events(61, 260), 200, began)).toBe(false);
});

import { expect, test } from "bun:test";
import { Store } from "../../../../lib/campaign/work/store.ts";
import { makeRoom } from "../journal/rooms.ts";
import { ended, foldJournal, intent, lockOf, started, uuidOf } from "../journal/sample.ts";

const A = "acme/r0@main";

test("Store takes a record into its memory as it is written, and finds the same when it is opened again", async () => {
  const room = makeRoom();
  const lock = lockOf(2);
  await room.with(async (home) => {
    const store = await Store.open(home, lock);
    await store.record({ type: "wave" }, intent(A, 1));
    expect([store.memory.wave, store.memory.items.get(A)?.state, store.openRuns()]).toEqual([1, "starting", []]);
    await store.record(started(A, 1, uuidOf(1)));
    expect(store.openRuns().map(({ item, start }) => [item.item.id, start.number])).toEqual([[A, 1]]);
    await store.record(ended(A, 1, "succeeded", { runId: uuidOf(1) }));
    expect([store.openRuns(), store.memory.counts.succeeded]).toEqual([[], 1]);
    expect(store.memory).toEqual(foldJournal(lock, await room.records()));
  });
});

test("Store.meanRunMs is the mean of the runs that counted, null before one has", async () => {
  const room = makeRoom();
  await room.with(async (home) => {
    const store = await Store.open(home, lockOf(1));
    expect(store.meanRunMs).toBeNull();
    const times = (minutes: number) => ({
      createdAt: "2026-09-01T00:00:00.000Z",
      updatedAt: new Date(Date.UTC(2026, 8, 1) + minutes * 60_000).toISOString(),
    });
    await store.record(intent(A, 1), started(A, 1, uuidOf(1)));
    await store.record(ended(A, 1, "failed", { runId: uuidOf(1), ...times(20) }));
    expect(store.meanRunMs).toBe(1_200_000);
    await store.record({ type: "retry", items: [A], by: "kim", adopt: false }, intent(A, 2), started(A, 2, uuidOf(2)));
    // A run that found no sandbox says nothing about how long runs take.
    await store.record(ended(A, 2, "quota", { runId: uuidOf(2), ...times(1) }));
    expect(store.meanRunMs).toBe(1_200_000);
    await store.record(intent(A, 3), started(A, 3, uuidOf(3)));
    // Neither does a run that a person cancelled.
    await store.record(ended(A, 3, "cancelled", { runId: uuidOf(3), ...times(2) }));
    expect(store.meanRunMs).toBe(1_200_000);
    await store.record({ type: "retry", items: [A], by: "kim", adopt: false }, intent(A, 4), started(A, 4, uuidOf(4)));
    await store.record(ended(A, 4, "succeeded", { runId: uuidOf(4), ...times(40) }));
    expect(store.meanRunMs).toBe(1_800_000);
  });
});

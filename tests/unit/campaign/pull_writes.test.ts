import { expect, test } from "bun:test";
import { openDirHome } from "../../../lib/campaign/journal/dir_home.ts";
import type { Home } from "../../../lib/campaign/journal/home.ts";
import type { RecordBody } from "../../../lib/campaign/journal/record.ts";
import { finishWrites, sendWrites } from "../../../lib/campaign/pull_writes.ts";
import { Store } from "../../../lib/campaign/work/store.ts";
import { MogplexError } from "../../../lib/errors.ts";
import { memoryFiles } from "../files/memory_files.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { lockItem, lockOf } from "./journal/sample.ts";
import { processesOf } from "./journal/rooms.ts";

const URL = "https://github.com/acme/web/pull/7";
const ITEMS = [lockItem(0).id, lockItem(1).id] as const;
const intent = (item = "", act: "ask" | "close" = "ask") => ({
  ...{ item, act, url: URL, by: "kim", users: ["ann"] },
});

/** A journal in memory, whose home can fail. */
async function storeIn(more: Partial<Home> = {}): Promise<{ store: Store; writes: () => Promise<unknown[]> }> {
  const clock = virtualClock();
  const files = memoryFiles(clock);
  const options = { files, clock, processes: processesOf(), campaign: "docs", round: "", onNotice: () => {} };
  const lock = lockOf(2);
  const home = await openDirHome("d", { ...options, campaign: lock.campaign, round: lock.round, access: "write" });
  await home.writeLock(lock);
  const store = await Store.open(Object.assign(Object.create(home), more), lock);
  return {
    store,
    async writes() {
      const records: unknown[] = [];
      await home.readJournal((record) => {
        if (record.type === "write" || record.type === "write-intent") records.push(record);
      });
      return records;
    },
  };
}

const nobody = () => {
  throw new Error("something was sent");
};

test("sendWrites() sends nothing, and takes the intents back, when the journal cannot be shared", async () => {
  const error = new MogplexError({ attempted: "push", why: "the server is down" }, "unavailable");
  const { store, writes } = await storeIn({ flush: () => Promise.reject(error) });
  await expect(sendWrites({ store, writer: nobody }, ITEMS.map((item) => intent(item)))).rejects.toBe(error);
  expect(await writes()).toMatchObject([
    { type: "write-intent", item: ITEMS[0] },
    { type: "write-intent", item: ITEMS[1] },
    { type: "write", item: ITEMS[0], as: "withdrawn" },
    { type: "write", item: ITEMS[1], as: "withdrawn" },
  ]);
});

test("sendWrites() withdraws a change for whose host there is no token", async () => {
  const { store } = await storeIn();
  const results = await sendWrites({ store, writer: () => undefined }, [intent(ITEMS[0])]);
  expect(results).toEqual([{
    ...{ item: ITEMS[0], act: "ask", url: URL, state: "withdrawn", reason: "no token for its host" },
  }]);
});

test("finishWrites() has nothing to do when every change has an answer", async () => {
  const { store } = await storeIn();
  await sendWrites({ store, writer: () => undefined }, [intent(ITEMS[0])]);
  expect(await finishWrites({ store, writer: nobody })).toEqual([]);
});

const asked = (item = "", act: "ask" | "close" = "ask"): RecordBody => ({ type: "write-intent", ...intent(item, act) });
const answered = (as: "done" | "refused" | "withdrawn", item = ""): RecordBody => ({
  ...{ type: "write", item, act: "ask", as, reason: as === "refused" ? "no" : null },
});

test("a journal has one open change of a kind for each item, and an answer only to such a change", async () => {
  const { store } = await storeIn();
  await store.record(asked(ITEMS[0]), asked(ITEMS[0], "close"), asked(ITEMS[1]));
  await expect(store.record(asked(ITEMS[0]))).rejects.toThrow(
    "an earlier change to its pull request (ask) has no answer",
  );
  await store.record(answered("done", ITEMS[0]));
  await expect(store.record(answered("done", ITEMS[0]))).rejects.toThrow(
    "no change to its pull request (ask) is waiting for an answer",
  );
});

test("a journal counts the changes that were carried out, by which their comments differ", async () => {
  const { store } = await storeIn();
  const numbers: unknown[] = [];
  for (const as of ["withdrawn", "refused", "done", "done"] as const) {
    await store.record(asked(ITEMS[0]), answered(as, ITEMS[0]));
    const { number, state, reason } = store.memory.items.get(ITEMS[0])?.writes.ask ?? {};
    numbers.push([number, state, reason]);
  }
  expect(numbers).toEqual([[1, "withdrawn", null], [1, "refused", "no"], [1, "done", null], [2, "done", null]]);
});

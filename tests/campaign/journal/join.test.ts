import { expect, test } from "bun:test";
import fc from "fast-check";
import { joinJournals, type Journal } from "../../../lib/campaign/journal/join.ts";
import { hasRun, isSpent, type ItemMemory } from "../../../lib/campaign/journal/memory.ts";
import type { RecordBody } from "../../../lib/campaign/journal/record.ts";
import { ended, foldJournal, intent, lockItem, lockOf, recordsOf, started, uuidOf } from "./sample.ts";
import { journalOf, keysOf, LOCK, twoHistories } from "./two_histories.ts";

const keys = await keysOf(LOCK);
const ID = "acme/r0@main";
const RUN = uuidOf(1);

/** What matters of an item. */
function outcomeOf(item: ItemMemory) {
  const last = item.starts.at(-1);
  // They all wait for the next start, which comes under the same number; the reason does not matter.
  const waits = ["waiting", "quota", "service"].includes(item.state);
  // Nothing more is started of what has ended well, whether somebody skipped it as well or not.
  const isWell = (last?.end === "succeeded" || last?.end === "unchanged") && !waits;
  return {
    id: item.item.id,
    state: waits ? "waits" : isWell ? last?.end : item.state,
    skipped: item.skipped !== null && !isWell,
    // A run that waits for a person counts as soon as that is seen, and else at its end.
    attempts: item.attempts - Number(hasRun(item) && last?.counted),
    starts: item.starts.map(({ number, key, runId }) => [number, key, runId]),
    last: waits || last?.end === "quota" || last?.end === "service" ? null : last?.end ?? null,
  };
}

/** What matters of a journal: no order, no time, no number of a record. */
function yieldOf({ lock, records }: Journal) {
  const memory = foldJournal(lock, records);
  return {
    items: [...memory.items.values()].map(outcomeOf),
    gates: Object.values(memory.gates).map(({ closed }) => closed),
    stopped: memory.stopped === null ? null : memory.stopped.cancel,
  };
}

async function join(ours: Journal, theirs: Journal): Promise<Journal & { as: string; news: number }> {
  const { lock, bodies, as } = await joinJournals(ours, theirs, "elsewhere");
  return { lock, records: await recordsOf([...ours.records, ...bodies] as RecordBody[]), as, news: bodies.length };
}

/** Times of starts, and how often each is there. */
const slotsOf = ({ lock, records }: Journal) => foldJournal(lock, records).slotsMs;

test("joinJournals() yields the same from both sides, keeps every run, never has two for a start, and has no news twice", async () => {
  await fc.assert(
    fc.asyncProperty(twoHistories(keys), async ([one, two]) => {
      const [a, b] = [await journalOf(one), await journalOf(two)];
      const [ab, ba] = [await join(a, b), await join(b, a)];
      expect(yieldOf(ab)).toEqual(yieldOf(ba));
      expect(ab.records.slice(0, a.records.length)).toEqual([...a.records]);
      const runs = new Map<string, string>();
      for (const { records } of [a, b, ab]) {
        for (const record of records) {
          if (!("runId" in record) || record.runId === null) continue;
          const name = `${record.item} ${record.start}`;
          expect(runs.get(name) ?? record.runId).toBe(record.runId);
          runs.set(name, record.runId);
        }
      }
      const memory = foldJournal(ab.lock, ab.records);
      expect([...memory.runs.keys()].sort()).toEqual([...runs.values()].sort());
      for (const item of memory.items.values()) {
        for (const start of item.starts.slice(0, -1)) expect(isSpent(start)).toBe(true);
      }
      for (const each of ab.as === "joined" ? [a, b] : []) {
        const left = [...slotsOf(ab)];
        const newest = Math.max(...slotsOf(each));
        for (const ms of slotsOf(each)) {
          const at = left.indexOf(ms);
          if (at >= 0) left.splice(at, 1);
          else expect(newest - ms).toBeGreaterThan(86_400_000);
        }
      }
      expect((await join(ab, b)).news).toBe(0);
      expect((await join(ab, a)).as).toBe("nothing");
    }),
    { numRuns: 300 },
  );
});

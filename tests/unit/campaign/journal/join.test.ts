import { expect, test } from "bun:test";
import fc from "fast-check";
import { followUpHash } from "../../../../lib/campaign/plan/request.ts";
import { joinJournals, type Journal } from "../../../../lib/campaign/journal/join.ts";
import { hasRun, isSpent, type ItemMemory } from "../../../../lib/campaign/journal/memory.ts";
import type { RecordBody } from "../../../../lib/campaign/journal/record.ts";
import { ended, foldJournal, intent, lockItem, lockOf, recordsOf, started, uuidOf } from "./sample.ts";
import { journalOf, keysOf, LOCK, twoHistories } from "./two_histories.ts";
import { propertyRuns } from "../../../property_runs.ts";

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
  const { lock, bodies, as } = await joinJournals(ours, theirs, "elsewhere", followUpHash);
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
    { numRuns: propertyRuns(300) },
  );
});

const first = (start: number) => intent(ID, start, { key: keys.get(`${ID} ${start}`) ?? "" });
const done = (start: number, runId: string, as = "failed") => ended(ID, start, as, { runId, slot: true, status: "x" });

/** The message of a refused join; "none" when it is accepted. */
async function refusal(ours: Journal, theirs: Journal): Promise<string> {
  try {
    await joinJournals(ours, theirs, "elsewhere", followUpHash);
  } catch (error) {
    return String((error as Error).message);
  }
  return "none";
}

test("joinJournals() takes the longer journal as it is when it begins with the other one", async () => {
  const bodies = [first(1), started(ID, 1, RUN), { type: "wave" }, done(1, RUN)] as RecordBody[];
  const [short, long] = [await journalOf(bodies.slice(0, 2)), await journalOf(bodies)];
  const { as, bodies: more } = await joinJournals(short, long, "elsewhere", followUpHash);
  expect([as, await recordsOf([...bodies.slice(0, 2), ...more] as RecordBody[])]).toEqual(["longer", [
    ...long.records,
  ]]);
  expect(await joinJournals(long, short, "elsewhere", followUpHash)).toMatchObject({ as: "nothing", bodies: [] });
});

test("joinJournals() says in a record where the others come from, and keeps their times", async () => {
  const ours = await journalOf([{ type: "note", text: "ours" }]);
  const theirs = await journalOf([first(1), started(ID, 1, RUN)]);
  const { bodies } = await joinJournals(ours, theirs, "git:/srv/x.git#b", followUpHash);
  expect(bodies[0]).toEqual({ type: "joined", from: "git:/srv/x.git#b", records: 2, slots: [] });
  expect(bodies.slice(1).map(({ at }) => at)).toEqual(theirs.records.map(({ at }) => at));
});

const CONTRADICTIONS: readonly [what: string, ours: RecordBody[], theirs: RecordBody[], message: RegExp][] = [
  [
    "two runs for one start",
    [first(1), started(ID, 1, RUN)],
    [first(1), started(ID, 1, uuidOf(2))],
    /of item "acme\/r0@main", start 1 has another run/,
  ],
  [
    "two keys for one start",
    [first(1), started(ID, 1, RUN)],
    [intent(ID, 1), started(ID, 1, RUN)],
    /of item "acme\/r0@main", start 1 has another key/,
  ],
  [
    "two ends of one run",
    [first(1), started(ID, 1, RUN), done(1, RUN, "succeeded")],
    [first(1), started(ID, 1, RUN, { replayed: true }), done(1, RUN, "failed")],
    /the run of start 1 ended succeeded in one, and failed in the other/,
  ],
  [
    "a run, and a key that belongs to another request",
    [first(1), started(ID, 1, RUN)],
    [first(1), ended(ID, 1, "conflict")],
    /start 1 has a run in one, and a key of another request in the other/,
  ],
  [
    "one run for two items",
    [first(1), started(ID, 1, RUN)],
    [
      intent("acme/r1@main", 1, { key: keys.get("acme/r1@main 1") ?? "" }),
      started("acme/r1@main", 1, RUN),
    ],
    /of item "acme\/r1@main", its run belongs to another start/,
  ],
];

test.each(CONTRADICTIONS)("joinJournals() refuses %s, from both sides", async (_what, one, two, message) => {
  const [a, b] = [await journalOf(one), await journalOf(two)];
  const said = await refusal(a, b);
  expect(said).toMatch(message);
  expect(said).toContain("go on with one of the two: nothing was written");
  expect(await refusal(b, a)).not.toBe("none");
});

test("joinJournals() joins the lists, and refuses items that are not the same in both", async () => {
  const two = [lockItem(0), lockItem(7, { task: 0 })];
  const other = lockOf(two, { plannedAt: "2026-09-02T00:00:00Z", limits: { ...LOCK.limits, parallel: 1 } });
  const [a, b] = [await journalOf([{ type: "note", text: "a" }]), await journalOf([{ type: "wave" }], other)];
  const { lock } = await joinJournals(a, b, "x", followUpHash);
  expect(lock.items.map(({ id }) => id)).toEqual(["acme/r0@main", "acme/r7@main", "acme/r1@main", "acme/r2@main"]);
  expect(lock.limits.parallel).toBe(1);
  expect((await joinJournals(b, a, "x", followUpHash)).lock).toEqual(lock);

  const changed = async (fields: object, more = {}) =>
    await refusal(a, await journalOf([{ type: "wave" }], lockOf([lockItem(0, fields)], more)));
  expect(await changed({ repositoryId: uuidOf(5) })).toMatch(/item "acme\/r0@main" is another repository in the other/);
  expect(await changed({ requestHash: "1".repeat(64) })).toMatch(/item "acme\/r0@main" has another task in the other/);
  expect(await changed({ id: "acme/new@main", repository: "acme/new" })).toMatch(
    /items .* and .* are the same repository under two names/,
  );
  expect(await changed({}, { origin: "https://other.example" })).toMatch(/one is of the service/);
});

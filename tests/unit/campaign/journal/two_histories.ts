/** Two workers on copies of one journal, and a service that gives each key one run. */
import fc from "fast-check";
import { applyRecord } from "../../../../lib/campaign/journal/fold.ts";
import { itemKey } from "../../../../lib/campaign/journal/fence.ts";
import type { Lock } from "../../../../lib/campaign/journal/lock.ts";
import { hasRun, type ItemMemory, newMemory, nextStart } from "../../../../lib/campaign/journal/memory.ts";
import type { JournalRecord, RecordBody, StartEnd } from "../../../../lib/campaign/journal/record.ts";
import { ended, intent, lockOf, recordsOf, serviceTime, started, uuidOf } from "./sample.ts";

/** Items of a history. */
const ITEMS = 3;
/** The highest start number of an item in one. */
const MOST_STARTS = 6;

/** The lock of the histories. */
export const LOCK: Lock = lockOf(ITEMS, {
  limits: { parallel: 3, attempts: 2, runTimeoutMs: 3_600_000, stopAfterFailures: null, openPullRequests: null },
});

/** Keys of every start that may be in a history, by `item start`. */
export async function keysOf(lock: Lock): Promise<Map<string, string>> {
  const keys = new Map<string, string>();
  for (const { id, requestHash, repositoryId, baseBranch, root } of lock.items) {
    for (let start = 1; start <= MOST_STARTS + 1; start++) {
      const parts = { campaign: lock.campaign, round: lock.round, requestHash, repositoryId, baseBranch, root };
      keys.set(`${id} ${start}`, await itemKey({ ...parts, kind: "task", start }));
    }
  }
  return keys;
}

/** A step of a worker, as numbers that the generator may shrink. */
interface Step {
  item: number;
  choice: number;
  seconds: number;
}

const step = fc.record({ item: fc.nat(ITEMS - 1), choice: fc.nat(999), seconds: fc.nat(90_000) });

/** The one end that the run of a start has, whoever looks at it. */
function endOf(item: number, start: number, seed: number): StartEnd {
  const ends: StartEnd[] = ["succeeded", "failed", "cancelled", "overdue", "unchanged", "quota", "service", "failed"];
  return ends[(item * 7 + start * 3 + seed) % ends.length] as StartEnd;
}

function nextBody(item: ItemMemory, index: number, { choice, seconds }: Step, keys: Map<string, string>, seed: number) {
  const { id } = item.item;
  const start = item.starts.at(-1);
  const at = serviceTime(seconds);
  const number = nextStart(item);
  const run = (each: number) => uuidOf(index * 1000 + each);
  const facts = { status: "x", updatedAt: at, slot: true };
  if (choice % 11 === 0) {
    const may = item.state !== "waiting" && item.state !== "starting" && !hasRun(item);
    return may ? { type: "retry", items: [id], by: "kim", adopt: false } as RecordBody : undefined;
  }
  const isWell = item.state === "succeeded" || item.state === "unchanged";
  if (choice % 13 === 0 && !isWell && item.skipped === null) {
    return { type: "skipped", items: [id], by: "ann", reason: "on purpose" } as RecordBody;
  }
  if (start !== undefined && start.end === null && start.runId === null) {
    const way = choice % 6;
    if (way === 0) return ended(id, start.number, "quota", { slot: choice % 2 === 0, retryAt: at });
    if (way === 1) return ended(id, start.number, "service", { slot: choice % 4 === 0 });
    if (way === 2) return intent(id, start.number, { key: start.key, sentAt: at });
    return started(id, start.number, run(start.number), { slotAt: at, replayed: way === 3 });
  }
  if (start !== undefined && hasRun(item)) {
    if (choice % 4 === 0) {
      return { type: "seen", item: id, start: start.number, status: "streaming", updatedAt: at } as RecordBody;
    }
    let as = endOf(index, start.number, seed);
    // A run that got no sandbox has asked nobody.
    const hasWorked = as !== "quota" && as !== "service";
    if (choice % 4 === 1 && hasWorked) {
      return ended(id, start.number, "needs-input", { ...facts, runId: run(start.number) });
    }
    // Whether the requirement is met can only be asked of a run that succeeded.
    if (choice % 8 === 2 && ["succeeded", "unchanged", "failed"].includes(as)) {
      return ended(id, start.number, "unknown", { ...facts, runId: run(start.number) });
    }
    // Who cancels a run calls it overdue; who only sees it, cancelled.
    if (as === "overdue" && choice % 2 === 0) as = "cancelled";
    return ended(id, start.number, as, { ...facts, runId: run(start.number) });
  }
  const canStart = ["waiting", "quota", "service"].includes(item.state);
  if (!canStart || number > MOST_STARTS) return undefined;
  return intent(id, number, { key: keys.get(`${id} ${number}`) ?? "", sentAt: at });
}

function work(before: readonly RecordBody[], steps: readonly Step[], keys: Map<string, string>, seed: number) {
  const memory = newMemory(LOCK);
  const bodies: RecordBody[] = [];
  const take = (body: RecordBody) => {
    applyRecord(memory, {
      ...{ schema: 1, seq: memory.seq + 1, previous: "", at: serviceTime(memory.seq), wave: 0 },
      ...body,
    } as JournalRecord);
    bodies.push(body);
  };
  before.forEach(take);
  // Whether a retry in one copy takes back that somebody skipped the item before, while the other copy works on it, depends on the side.
  const skipped = new Set([...memory.items].flatMap(([id, item]) => item.skipped === null ? [] : [id]));
  for (const each of steps) {
    const gate = each.choice % 2 === 0 ? "canary" as const : "threshold" as const;
    if (each.choice % 17 === 0) take({ type: "gate", gate, reason: "some failed" });
    else if (each.choice % 19 === 0) take({ type: "approved", gate, by: "kim", note: null });
    else if (each.choice % 23 === 0) take({ type: "stopped", by: "kim", cancel: each.choice % 2 === 0 });
    else if (each.choice % 29 === 0) take({ type: "resumed", by: "kim" });
    else if (each.choice % 31 === 0) take({ type: "wave" });
    else {
      const item = memory.items.get(LOCK.items[each.item]?.id ?? "");
      const body = item === undefined ? undefined : nextBody(item, each.item, each, keys, seed);
      if (body !== undefined && !(body.type === "retry" && body.items.some((id) => skipped.has(id)))) take(body);
    }
  }
  return bodies;
}

/** Two journals that have a beginning in common. */
export function twoHistories(keys: Map<string, string>): fc.Arbitrary<[RecordBody[], RecordBody[]]> {
  const steps = (maxLength: number) => fc.array(step, { maxLength });
  return fc.tuple(steps(15), steps(25), steps(25), fc.nat(7)).map(([common, one, two, seed]) => {
    const before = work([], common, keys, seed);
    return [work(before, one, keys, seed), work(before, two, keys, seed)];
  });
}

/** The journal of bodies; those that two journals have in common become the same records. */
export async function journalOf(bodies: readonly RecordBody[], lock: Lock = LOCK) {
  return { lock, records: await recordsOf(bodies) };
}

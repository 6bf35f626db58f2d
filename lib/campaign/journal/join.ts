/**
 * Joins two journals of one campaign that went on apart from each other. Pure: it says which records follow ours.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { applyRecord, checkOpenStarts, type FollowUpHash } from "./fold.ts";
import type { DatedBody } from "./home/home.ts";
import { Contradiction } from "./item_fold.ts";
import { bodyOf, joinItem, type TailRecord } from "./join_item.ts";
import { contradiction, joinLocks } from "./join_lock.ts";
import type { Lock } from "./lock.ts";
import { type CampaignMemory, newMemory } from "./memory.ts";
import type { JournalRecord } from "./record.ts";
import { MAX_SLOTS } from "./record_schema.ts";

/** A journal with its lock. */
export interface Journal {
  lock: Lock;
  records: readonly JournalRecord[];
}

/** What a join comes to. */
export interface Join {
  /** The lock to go on with. */
  lock: Lock;
  /** Records that follow ours; none when the other journal has nothing new. */
  bodies: DatedBody[];
  /** `longer`: the other one goes on from our last record. `joined`: both have records that the other one has not. */
  as: "nothing" | "longer" | "joined";
}

const DAY_MS = 86_400_000;

/** Number of records at the beginning that are the same in both. */
function commonLength(one: readonly JournalRecord[], two: readonly JournalRecord[]): number {
  const most = Math.min(one.length, two.length);
  let count = 0;
  while (count < most && JSON.stringify(one[count]) === JSON.stringify(two[count])) count++;
  return count;
}

/** A journal, read to its end. */
interface WholeJournal {
  memory: CampaignMemory;
  /** What is said of each item after the records that both have. */
  tails: Map<string, TailRecord[]>;
  /** The other records after them. */
  others: JournalRecord[];
}

function readWhole(lock: Lock, records: readonly JournalRecord[], from: number): WholeJournal {
  const whole: WholeJournal = { memory: newMemory(lock), tails: new Map(), others: [] };
  for (const [index, record] of records.entries()) {
    if (index >= from) {
      const ids = "item" in record ? [record.item] : "items" in record ? record.items : [];
      for (const id of ids) {
        const item = whole.memory.items.get(id);
        const tail = whole.tails.get(id) ?? [];
        tail.push({ record, starts: item?.starts.length ?? 0, attempts: item?.attempts ?? 0 });
        whole.tails.set(id, tail);
      }
      if (ids.length === 0) whole.others.push(record);
    }
    applyRecord(whole.memory, record);
  }
  return whole;
}

/** The last record of one of these types. */
function lastOf(
  records: readonly JournalRecord[],
  fits: (record: JournalRecord) => boolean,
): JournalRecord | undefined {
  return records.findLast(fits);
}

/** What was decided about the whole: the decision with fewer starts. */
function joinWhole(ours: WholeJournal, theirs: WholeJournal, emit: (body: DatedBody) => void): void {
  for (const gate of ["canary", "threshold"] as const) {
    const isAbout = (record: JournalRecord) => "gate" in record && record.gate === gate;
    const [own, brought] = [lastOf(ours.others, isAbout), lastOf(theirs.others, isAbout)];
    if (brought === undefined) continue;
    const isClosed = ours.memory.gates[gate].closed;
    if (theirs.memory.gates[gate].closed ? !isClosed : isClosed && own === undefined) emit(bodyOf(brought));
  }
  const isStop = ({ type }: JournalRecord) => type === "stopped" || type === "resumed";
  const [own, brought] = [lastOf(ours.others, isStop), lastOf(theirs.others, isStop)];
  const { stopped } = ours.memory;
  if (brought?.type === "stopped") {
    const differs = stopped?.cancel !== brought.cancel;
    if (stopped === null || differs && (own === undefined || brought.cancel)) emit(bodyOf(brought));
  } else if (brought?.type === "resumed" && own === undefined && stopped !== null) emit(bodyOf(brought));
}

/**
 * Times of starts that one of the two counts and the joined journal does not, in ISO 8601. Older than a day they limit nothing.
 *
 * @param joined What the joined journal counts, ascending, as the others.
 */
function missingSlots(joined: readonly number[], ...each: readonly (readonly number[])[]): string[] {
  const counted = [...joined];
  const missing: number[] = [];
  for (const slots of each) {
    const left = new Map<number, number>();
    for (const ms of counted) left.set(ms, (left.get(ms) ?? 0) + 1);
    for (const ms of slots) {
      const count = left.get(ms) ?? 0;
      left.set(ms, count - 1);
      if (count > 0 || ms < (slots.at(-1) ?? 0) - DAY_MS) continue;
      missing.push(ms);
      counted.push(ms);
    }
  }
  return missing.sort((a, b) => a - b).slice(-MAX_SLOTS).map((ms) => new Date(ms).toISOString());
}

/**
 * Joins a journal with another one.
 *
 * @param from Where the other one comes from, for the record that says so.
 * @param followUpHash As for {@linkcode checkOpenStarts}.
 * @throws {UsageError} when the two contradict each other, or one of them itself.
 */
export function joinJournals(
  ours: Journal,
  theirs: Journal,
  from: string,
  followUpHash: FollowUpHash,
): Join {
  const common = commonLength(ours.records, theirs.records);
  if (common === theirs.records.length) {
    const whole = common === ours.records.length ? undefined : ours.lock;
    return { lock: joinLocks(ours.lock, theirs.lock, whole), bodies: [], as: "nothing" };
  }
  if (common === ours.records.length) {
    const lock = joinLocks(ours.lock, theirs.lock, theirs.lock);
    checkOpenStarts(readWhole(lock, theirs.records, common).memory, followUpHash);
    return { lock, bodies: theirs.records.slice(common).map(bodyOf), as: "longer" };
  }
  const lock = joinLocks(ours.lock, theirs.lock);
  const [mine, other] = [readWhole(lock, ours.records, common), readWhole(lock, theirs.records, common)];
  const { memory } = mine;
  const ownSlots = [...memory.slotsMs];
  const bodies: DatedBody[] = [];
  function emit(body: DatedBody): void {
    const place = { schema: 1, seq: memory.seq + 1, previous: "", at: "1970-01-01T00:00:00Z", wave: memory.wave };
    applyRecord(memory, { ...place, ...body } as JournalRecord, `its record ${bodies.length + 1}`);
    bodies.push(body);
  }
  for (const [id, brought] of other.tails) {
    const [joined, theirItem] = [memory.items.get(id), other.memory.items.get(id)];
    if (joined === undefined || theirItem === undefined) continue;
    try {
      joinItem({ theirs: theirItem, brought, own: mine.tails.get(id) ?? [], joined, emit });
    } catch (cause) {
      if (cause instanceof Contradiction) throw contradiction(`of item ${JSON.stringify(id)}, ${cause.message}`);
      if (cause instanceof UsageError && cause.cause instanceof Contradiction) {
        throw contradiction(`of item ${JSON.stringify(id)}, ${cause.cause.message}`);
      }
      throw cause;
    }
  }
  joinWhole({ ...mine, memory }, other, emit);
  const slots = missingSlots(memory.slotsMs, ownSlots, other.memory.slotsMs);
  if (bodies.length === 0 && slots.length === 0) return { lock, bodies, as: "nothing" };
  checkOpenStarts(memory, followUpHash);
  return { lock, bodies: [{ type: "joined", from, records: bodies.length, slots }, ...bodies], as: "joined" };
}

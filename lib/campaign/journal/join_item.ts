/**
 * What another journal knows of an item that ours does not, as records that follow ours.
 *
 * A start number has one key, so it has one run: of two journals one can only know more of it than the other. More is kept, and where
 * people have decided, the decision with fewer starts. The result does not depend on which of the two journals is ours.
 *
 * @module
 */
import { outcomeOf } from "../outcomes.ts";
import type { DatedBody } from "./home/home.ts";
import { Contradiction } from "./item_fold.ts";
import { hasRun, type ItemMemory, type StartMemory } from "./memory.ts";
import type { JournalRecord, StartEnd } from "./record.ts";

/** A record of an item that only one of the two journals has. */
export interface TailRecord {
  record: JournalRecord;
  /** Starts of the item in that journal just before, and attempts that counted. */
  starts: number;
  attempts: number;
}

/** An item in the two journals. */
export interface TwoHistories {
  /** The item at the end of the other journal. */
  theirs: ItemMemory;
  /** Records that only the other journal has, in their order. */
  brought: readonly TailRecord[];
  /** Records that only ours has. */
  own: readonly TailRecord[];
  /** The item as the joined journal has it by now; {@linkcode TwoHistories.emit} changes it. */
  joined: ItemMemory;
  /** Adds a record to the joined journal. @throws {Contradiction} when it contradicts those before it. */
  emit: (body: DatedBody) => void;
}

/** The record without its place in a chain. Its time stays: it is when something happened. */
export function bodyOf(record: JournalRecord): DatedBody {
  const { schema: _schema, seq: _seq, previous: _previous, wave: _wave, ...body } = record;
  return body as DatedBody;
}

/** Ends after which the run of a start may end in another way. */
const OPEN: readonly (StartEnd | null)[] = [null, "needs-input", "unknown"];
/** How much each end of a start without a run says. */
const REFUSALS: ReadonlyMap<StartEnd, number> = new Map([["quota", 0], ["service", 1], ["invalid", 2], [
  "conflict",
  4,
]]);

function isOf(record: JournalRecord, number: number): boolean {
  return "start" in record && record.start === number;
}

/** How much is known of a start: the more, the later. */
function weightOf({ number, runId, end }: StartMemory, tail: readonly TailRecord[]): number {
  if (runId !== null) return end === "unknown" ? 11 : OPEN.includes(end) ? 10 : end === "cancelled" ? 12 : 13;
  if (end !== null) return REFUSALS.get(end) ?? 0;
  // One that was sent before the journals parted is not news. One that was sent since may have a run.
  return tail.some(({ record }) => record.type === "intent" && isOf(record, number)) ? 3 : -1;
}

/** Proves that two journals can both be true about a start. */
function checkStart(ours: StartMemory, theirs: StartMemory): void {
  const start = `start ${ours.number}`;
  if (ours.key !== theirs.key) throw new Contradiction(`${start} has another key`);
  if (ours.runId !== null && theirs.runId !== null) {
    if (ours.runId !== theirs.runId) throw new Contradiction(`${start} has another run`);
    const ends = new Set([ours.end, theirs.end]);
    // One has cancelled it, and the other has seen that somebody did.
    if (ends.size < 2 || OPEN.some((end) => ends.has(end)) || ends.has("overdue") && ends.has("cancelled")) return;
    throw new Contradiction(`the run of ${start} ended ${ours.end} in one, and ${theirs.end} in the other`);
  }
  const [refused, other] = ours.runId === null ? [ours, theirs] : [theirs, ours];
  if (other.runId !== null && refused.end === "conflict") {
    throw new Contradiction(`${start} has a run in one, and a key of another request in the other`);
  }
}

function intentOf(item: string, { kind, followUp, number, key, sentAt, branch }: StartMemory): DatedBody {
  return { type: "intent", item, kind, ...followUp !== null && { followUp }, start: number, key, sentAt, branch };
}

/** Whether the other journal has seen the same open run later. */
function isLater(ours: StartMemory, theirs: StartMemory): boolean {
  if (ours.end === theirs.end && ours.status === theirs.status) return false;
  const order = ({ updatedAt, end, status }: StartMemory): [number, number, string] => [
    updatedAt === null ? 0 : Date.parse(updatedAt),
    Number(end === "needs-input"),
    status ?? "",
  ];
  const [a, b] = [order(ours), order(theirs)];
  return b[0] !== a[0] ? b[0] > a[0] : b[1] !== a[1] ? b[1] > a[1] : b[2] > a[2];
}

/** Brings a start that both journals have up to what the other one knows of it. */
function joinStart({ theirs: { item, ...theirItem }, brought, own, joined, emit }: TwoHistories): void {
  const ours = joined.starts.at(-1);
  const theirs = ours === undefined ? undefined : theirItem.starts[ours.number - 1];
  if (ours === undefined || theirs === undefined) return;
  const records = brought.map(({ record }) => record).filter((record) => isOf(record, ours.number));
  if (!own.some(({ record }) => isOf(record, ours.number))) {
    // Ours says nothing new of it: the other one simply goes on.
    for (const record of records) emit(bodyOf(record));
    return;
  }
  if (records.length === 0) return;
  const [weight, known] = [weightOf(theirs, brought), weightOf(ours, own)];
  if (weight < known || weight === known && weight !== 1 && weight !== 10) return;
  if (theirs.runId === null) {
    const last = records.findLast(({ type }) => type === "ended");
    // Several services that failed in a row are a failure: each of them counts.
    const failures = (tail: readonly TailRecord[]) =>
      tail.filter(({ record }) => record.type === "ended" && record.as === "service" && isOf(record, ours.number))
        .length;
    const times = weight === 1 ? failures(brought) - failures(own) : 1;
    for (let count = 0; count < times; count++) {
      if (ours.end !== null) emit(intentOf(item.id, theirs));
      if (theirs.end !== null && last !== undefined) emit(bodyOf(last));
    }
    return;
  }
  if (ours.runId === null) {
    if (ours.end !== null) emit(intentOf(item.id, theirs));
    const from = records.findIndex((record) => "runId" in record && record.runId !== null);
    for (const record of from < 0 ? [] : records.slice(from)) emit(bodyOf(record));
    return;
  }
  if (weight === 10 && !isLater(ours, theirs)) return;
  const last = records.findLast(({ type }) => type === "ended" || type === "seen");
  if (last !== undefined) emit(bodyOf(last));
  else if (theirs.status !== null) {
    emit({ type: "seen", item: item.id, start: ours.number, status: theirs.status, updatedAt: theirs.updatedAt });
  }
}

/** What people decided last about an item in one of the journals alone; undefined when they did not. */
function decisionIn(tail: readonly TailRecord[]): JournalRecord | undefined {
  return tail.findLast(({ record: { type } }) => type === "retry" || type === "skipped")?.record;
}

/** The decision as one about this item alone. */
function aboutOne(record: JournalRecord, id: string): DatedBody {
  return { ...bodyOf(record), items: [id] } as DatedBody;
}

function isWell({ state }: ItemMemory): boolean {
  return state === "succeeded" || state === "unchanged";
}

function isAtWork(item: ItemMemory): boolean {
  return item.state === "starting" || hasRun(item);
}

function joinPullRequest({ brought, own, joined, emit }: TwoHistories): void {
  const of = (tail: readonly TailRecord[]) => tail.findLast(({ record }) => record.type === "pull-request")?.record;
  const [ours, theirs] = [of(own), of(brought)];
  if (theirs?.type !== "pull-request" || theirs.url !== joined.pullRequest) return;
  const order = ({ at, ...record }: JournalRecord) => [at, "state" in record ? record.state : ""].join(" ");
  if (ours?.type !== "pull-request" || order(theirs) > order(ours)) emit(bodyOf(theirs));
}

/**
 * Adds what the other journal knows of an item.
 *
 * @throws {Contradiction} when the two cannot both be true.
 */
export function joinItem(two: TwoHistories): void {
  const { theirs, brought, own, joined, emit } = two;
  const { id } = theirs.item;
  const count = joined.starts.length;
  for (const start of theirs.starts.slice(0, count)) {
    const ours = joined.starts[start.number - 1];
    if (ours !== undefined) checkStart(ours, start);
  }
  if (own.length === 0) {
    for (const { record } of brought) emit("items" in record ? aboutOne(record, id) : bodyOf(record));
    return;
  }
  const [decided, theirDecision] = [decisionIn(own), decisionIn(brought)];
  const mayRetry = decided?.type !== "skipped";
  // A start that was sent again after a retry: the retry is used up, but it has taken back that somebody skipped the item.
  if (decided === undefined && joined.skipped !== null && theirs.skipped === null && theirDecision !== undefined) {
    emit(aboutOne(theirDecision, id));
  }
  const lastAt = brought.findLastIndex(({ record }) => isOf(record, count));
  if (theirs.starts.length >= count && brought.length > 0) joinStart(two);
  for (const [index, { record, starts, attempts }] of brought.entries()) {
    if ("start" in record) {
      if (record.start > count) emit(bodyOf(record));
    } else if (record.type === "retry") {
      const isFollowed = theirs.starts.length > count;
      // One that was used up by a start that both have allows nothing more.
      const isOpen = starts > count ||
        starts === count && index > lastAt && (mayRetry || isFollowed) && joined.attempts <= attempts;
      const isNews = !isAtWork(joined) &&
        (joined.state !== "waiting" || joined.skipped !== null || joined.allowed <= joined.attempts);
      // Whoever retried it did not know how it had ended: with an end that nothing is started after by itself.
      const end = joined.starts.at(-1)?.end ?? "unknown";
      const isMistaken = theirs.starts[starts - 1]?.end === "unknown" && end !== "unknown" &&
        outcomeOf(end).again !== "attempts";
      if (isOpen && isNews && !isMistaken) emit(aboutOne(record, id));
    }
  }
  const skipped = theirDecision?.type === "skipped" ? theirDecision : decided?.type === "skipped" ? decided : undefined;
  if (skipped !== undefined && joined.skipped === null && !isWell(joined)) emit(aboutOne(skipped, id));
  const decidedAt = own.findLast(({ record }) => record === decided)?.starts;
  // A retry does not reach an item that is at work: what was decided before holds.
  if (
    theirs.skipped !== null && joined.skipped === null && [theirs, joined].every(isAtWork) &&
    decidedAt === joined.starts.length
  ) {
    emit({ type: "skipped", items: [id], ...theirs.skipped });
  }
  joinPullRequest(two);
}

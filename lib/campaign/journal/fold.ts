/**
 * From the records of a journal to what is known of its campaign. Pure, and one record at a time: the whole takes time in proportion to the
 * number of records, and no memory for them.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { NOTIFY_EVENTS, type NotifyEvent } from "../file/campaign_file.ts";
import {
  applyEnded,
  applyIntent,
  applyMissing,
  applyPull,
  applyRefused,
  applyRetry,
  applySeen,
  applySkipped,
  applySlots,
  applyStarted,
  Contradiction,
  reopenStart,
} from "./item_fold.ts";
import { itemKey } from "./fence.ts";
import { type CampaignMemory, isSpent, type ItemMemory, nextStart, type StartMemory } from "./memory.ts";
import { PULL_REQUEST_STATUSES } from "../../forge/pull_request.ts";
import type { Lock, LockItem } from "./lock.ts";
import { isSealed } from "./lock_file.ts";
import type { FollowUp, JournalRecord, PullRequestMemory } from "./record.ts";

const FITTING =
  "restore the lock.json and the journal that belong together from the wave before (its artifact, commit or backup)";

function itemOf(memory: CampaignMemory, id: string, place: string): ItemMemory {
  const item = memory.items.get(id);
  if (item !== undefined) return item;
  throw new UsageError({
    attempted: "go on with the campaign",
    why: `the journal speaks of item ${JSON.stringify(id)}, which the lock does not have`,
    value: JSON.stringify(place),
    advice: FITTING,
  });
}

const NO_DETAILS: Omit<PullRequestMemory, "state"> = {
  draft: false,
  checks: null,
  review: null,
  conflict: null,
  owner: null,
  createdAt: null,
  updatedAt: null,
  reason: null,
};

/** A word that this version does not know says nothing. */
function stateOf(state: string): PullRequestMemory["state"] {
  return PULL_REQUEST_STATUSES.find((known) => known === state) ?? "unreadable";
}

const TOLD = "a webhook is told: ";

/** The text of the note that remembers what a webhook was told. */
export function toldNote(event: NotifyEvent): string {
  return `${TOLD}${event}`;
}

const PLACE = "trace ";

/** The text of the note that remembers where a wave is in its trace. */
export function placeNote(traceparent: string): string {
  return `${PLACE}${traceparent}`;
}

/** Whether the text of a note only says where a wave is in its trace. */
export function isPlaceNote(text: string): boolean {
  return text.startsWith(PLACE);
}

/** What a webhook was told last, as far as it still holds. A gate stays closed while runs end. */
function toldAfter({ told }: CampaignMemory, record: JournalRecord): NotifyEvent | null {
  switch (record.type) {
    case "note":
      return NOTIFY_EVENTS.find((event) => record.text === toldNote(event)) ?? told;
    case "intent":
    case "approved":
      return null;
    case "started":
    case "seen":
    case "ended":
      return told === "stuck" ? null : told;
    default:
      return told;
  }
}

function apply(memory: CampaignMemory, record: JournalRecord, place: string): void {
  switch (record.type) {
    case "wave":
      memory.wave = record.wave;
      memory.waveAt = record.at;
      memory.trouble = null;
      memory.tokenRefused = false;
      memory.sandboxes = null;
      return;
    case "intent":
      return applyIntent(memory, itemOf(memory, record.item, place), record);
    case "started":
      return applyStarted(memory, itemOf(memory, record.item, place), record);
    case "seen":
      return applySeen(memory, itemOf(memory, record.item, place), record);
    case "ended":
      return applyEnded(memory, itemOf(memory, record.item, place), record);
    case "sandboxes":
      memory.sandboxes = record.used;
      return applyLingering(memory, record);
    case "trouble":
      memory.trouble = record.reason;
      memory.tokenRefused = record.exit !== undefined;
      if (record.missing !== undefined) {
        applyMissing(itemOf(memory, record.missing.item, place), record.missing.start);
      }
      if (record.refused === undefined) return;
      return applyRefused(memory, itemOf(memory, record.refused.item, place), record.refused.start);
    case "pull-request": {
      const item = itemOf(memory, record.item, place);
      item.pullRequest = record.url;
      item.pull = { state: stateOf(record.state), ...(record.details ?? NO_DETAILS) };
      return applyPull(memory, item);
    }
    case "gate": {
      const gate = memory.gates[record.gate];
      gate.closed = true;
      gate.reason = record.reason;
      return;
    }
    case "approved": {
      const { by, note, at } = record;
      const gate = memory.gates[record.gate];
      gate.closed = false;
      gate.approved = { by, note, at, ended: memory.ended, failures: memory.failures };
      return;
    }
    case "retry":
      for (const id of record.items) applyRetry(memory, itemOf(memory, id, place), record);
      return;
    case "skipped":
      for (const id of record.items) applySkipped(memory, itemOf(memory, id, place), record);
      return;
    case "stopped":
      memory.stopped = { by: record.by, at: record.at, cancel: record.cancel };
      if (record.cancel) { for (const item of memory.items.values()) reopenStart(memory, item); }
      return;
    case "resumed":
      memory.stopped = null;
      for (const item of memory.items.values()) if (item.state === "unknown") reopenStart(memory, item);
      return;
    case "joined":
      applySlots(memory, record.slots);
      return;
    case "note":
      return;
  }
}

/** Sandboxes of ended runs were looked at: one that is gone has stayed until some time between the two looks. */
function applyLingering(
  { items, lingering, lingered }: CampaignMemory,
  { lingering: now, seenAt }: Extract<JournalRecord, { type: "sandboxes" }>,
): void {
  if (now === undefined || seenAt === undefined) return;
  const seenMs = Date.parse(seenAt);
  for (const [id, { endedMs, seenMs: beforeMs }] of lingering) {
    if (now.includes(id)) continue;
    lingering.delete(id);
    // What was started again has taken another one.
    const last = items.get(id)?.starts.at(-1);
    if (last === undefined || !isSpent(last) || Date.parse(last.updatedAt ?? "") !== endedMs) continue;
    lingered.sumMs += Math.max((beforeMs + seenMs) / 2 - endedMs, 0);
    lingered.count++;
  }
  for (const id of now) {
    const endedMs = Date.parse(items.get(id)?.starts.at(-1)?.updatedAt ?? "");
    if (!Number.isNaN(endedMs)) lingering.set(id, { endedMs, seenMs: Math.max(seenMs, endedMs) });
  }
}

/** How far this machine's time is from the service's, which every start tells. */
function noteSkew(memory: CampaignMemory, record: JournalRecord): void {
  const serviceAt = record.type === "intent" ? record.sentAt : record.type === "started" ? record.slotAt : undefined;
  if (serviceAt !== undefined) memory.skewMs = Date.parse(record.at) - Date.parse(serviceAt);
}

function noteLock(hash: CampaignMemory["lockHash"], { lock }: JournalRecord): void {
  if (lock === undefined) hash.before = null;
  else if (lock !== hash.current) Object.assign(hash, { current: lock, before: hash.current });
}

/**
 * Proves that a lock is the one that the journal knows.
 *
 * @throws {UsageError} when it is not: somebody has changed it.
 */
export function checkLockHash({ lock, lockHash: { current, before } }: CampaignMemory): void {
  const { hash } = lock;
  const isOwn = hash === undefined || isSealed(lock);
  if (isOwn && (current === null || hash !== undefined && (hash === current || hash === before))) return;
  throw new UsageError({
    attempted: "go on with the campaign",
    why: !isOwn
      ? "settings or items of the lock were changed: they do not have its hash"
      : hash === undefined
      ? "the lock has no hash, and the journal has that of the lock"
      : "the lock is not the one that the journal knows: they have other hashes",
    advice: FITTING,
  });
}

/**
 * Takes the next record into the memory.
 *
 * @param place Where the record stands, for messages.
 * @throws {UsageError} when it contradicts the records before it, or the lock does not have its item. The memory is of no use then.
 */
export function applyRecord(memory: CampaignMemory, record: JournalRecord, place = `record ${record.seq}`): void {
  try {
    apply(memory, record, place);
  } catch (cause) {
    if (!(cause instanceof Contradiction)) throw cause;
    const item = "item" in record ? ` of item ${JSON.stringify(record.item)}` : "";
    throw new UsageError({
      attempted: "read journal",
      why: `the record "${record.type}"${item} contradicts those before it (${cause.message})`,
      value: JSON.stringify(place),
      advice: FITTING,
    }, { cause });
  }
  noteLock(memory.lockHash, record);
  noteSkew(memory, record);
  memory.told = toldAfter(memory, record);
  if (record.type === "note" && record.text.startsWith(TOLD)) memory.toldCount++;
  if (record.type === "note" && isPlaceNote(record.text)) memory.place = record.text.slice(PLACE.length);
  memory.seq = record.seq;
  memory.lastAt = record.at;
}

/** The memory with copies of some items, on which a record can be judged: nothing that it changes is seen in the memory. */
function copyFor(memory: CampaignMemory, ids: readonly string[]): CampaignMemory {
  const items = new Map<string, ItemMemory>();
  const copies = new Map<StartMemory, StartMemory>();
  for (const id of ids) {
    const item = memory.items.get(id);
    if (item === undefined) continue;
    const starts = item.starts.map((start) => {
      const copy = { ...start };
      copies.set(start, copy);
      return copy;
    });
    items.set(id, { ...item, starts });
  }
  const runs = new Map<string, StartMemory>();
  const own = runs.get.bind(runs);
  runs.get = (id) => {
    const start = own(id) ?? memory.runs.get(id);
    return start === undefined ? undefined : copies.get(start) ?? start;
  };
  return {
    ...memory,
    items,
    runs,
    lockHash: { ...memory.lockHash },
    counts: { ...memory.counts },
    slotsMs: [...memory.slotsMs],
  };
}

/**
 * Proves that records about starts would not contradict those before them, so that none is written that no later reader could read.
 *
 * @throws as {@linkcode applyRecord} does; `cause` is a {@linkcode Contradiction}. The memory is as before.
 */
export function judgeRecords(memory: CampaignMemory, records: readonly JournalRecord[]): void {
  const about = records.filter((record) => "item" in record);
  if (about.length === 0) return;
  const copy = copyFor(memory, about.map(({ item }) => item));
  for (const record of about) applyRecord(copy, record);
}

/** The hash of a follow-up's request. */
type FollowUpHash = (lock: Lock, item: LockItem, followUp: FollowUp, branch: string) => string;
/** The hash of an item's request with one of the tasks. */
type TaskHash = (lock: Lock, item: LockItem, task: number) => string;

/** The tasks with which the last start of an item may have been sent: a new one waits for the end of what the old one may have begun. */
function tasksOf({ tasks }: Lock, { item, adopt }: ItemMemory): number[] {
  return adopt ? [item.task, ...tasks.keys()] : [item.task];
}

/**
 * The task with which a start was sent, as its key proves; undefined when no task of the lock has this key.
 *
 * @param followUpHash The hash of a follow-up's request, which needs the templates of the campaign file.
 * @param taskHash The same for a task.
 */
export function taskOfStart(
  lock: Lock,
  memory: ItemMemory,
  start: StartMemory,
  followUpHash: FollowUpHash,
  taskHash: TaskHash,
): number | undefined {
  const { campaign, round } = lock;
  const { item } = memory;
  const { repositoryId, baseBranch, root } = item;
  const { kind, followUp, branch, number } = start;
  for (const task of tasksOf(lock, memory)) {
    const requestHash = followUp !== null && branch !== null
      ? followUpHash(lock, { ...item, task }, followUp, branch)
      : task === item.task
      ? item.requestHash
      : taskHash(lock, item, task);
    const parts = { campaign, round, requestHash, repositoryId, baseBranch, root, kind, start: number };
    if (itemKey(parts) === start.key) return task;
  }
  return undefined;
}

/**
 * Proves that every start that is going to be sent again under its number still has the key that follows from the lock. To be called once
 * the journal is read, before anything is sent.
 *
 * @throws {UsageError} when one has not: the lock is not the one with which it was sent.
 */
export function checkOpenStarts(
  { lock, items }: CampaignMemory,
  followUpHash: FollowUpHash,
  taskHash: TaskHash = (_lock, { requestHash }) => requestHash,
): void {
  for (const memory of items.values()) {
    const last = memory.starts.at(-1);
    if (last === undefined || last.number !== nextStart(memory) || last.runId !== null) continue;
    if (last.end !== null && memory.adopt && !memory.settle) continue;
    if (taskOfStart(lock, memory, last, followUpHash, taskHash) !== undefined) continue;
    throw new UsageError({
      attempted: "go on with the campaign",
      why: `the lock does not fit the journal: start ${last.number} of item ${
        JSON.stringify(memory.item.id)
      } was sent with another request`,
      advice: FITTING,
    });
  }
}

/**
 * From the records of a journal to what is known of its campaign. Pure, and one record at a time: the whole takes time in proportion to the
 * number of records, and no memory for them.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { NOTIFY_EVENTS, type NotifyEvent } from "../file/campaign_file.ts";
import { itemKey } from "./fence.ts";
import {
  applyEnded,
  applyIntent,
  applyRetry,
  applySeen,
  applySkipped,
  applySlots,
  applyStarted,
  Contradiction,
} from "./item_fold.ts";
import { type CampaignMemory, type ItemMemory, nextStart } from "./memory.ts";
import { PULL_REQUEST_STATUSES } from "../../forge/pull_request.ts";
import type { Lock, LockItem } from "./lock.ts";
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
      return;
    case "trouble":
      memory.trouble = record.reason;
      return;
    case "pull-request": {
      const item = itemOf(memory, record.item, place);
      item.pullRequest = record.url;
      item.pull = { state: stateOf(record.state), ...(record.details ?? NO_DETAILS) };
      return;
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
      return;
    case "resumed":
      memory.stopped = null;
      return;
    case "joined":
      applySlots(memory, record.slots);
      return;
    case "note":
      return;
  }
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
  memory.told = toldAfter(memory, record);
  if (record.type === "note" && record.text.startsWith(TOLD)) memory.toldCount++;
  if (record.type === "note" && record.text.startsWith(PLACE)) memory.place = record.text.slice(PLACE.length);
  memory.seq = record.seq;
  memory.lastAt = record.at;
}

/** The hash of a follow-up's request. */
type FollowUpHash = (lock: Lock, item: LockItem, followUp: FollowUp, branch: string) => string;

/**
 * Proves that every start that is going to be sent again under its number still has the key that follows from the lock. To be called once
 * the journal is read, before anything is sent.
 *
 * @param followUpHash The hash of a follow-up's request, which needs the templates of the campaign file.
 * @throws {UsageError} when one has not: the lock is not the one with which it was sent.
 */
export function checkOpenStarts(
  { lock, items }: CampaignMemory,
  followUpHash: FollowUpHash,
): void {
  const { campaign, round } = lock;
  for (const memory of items.values()) {
    const last = memory.starts.at(-1);
    if (last === undefined || last.number !== nextStart(memory) || last.runId !== null) continue;
    if (last.end !== null && memory.adopt) continue;
    const { id, repositoryId, baseBranch, root } = memory.item;
    const { followUp, branch } = last;
    const requestHash = followUp === null || branch === null
      ? memory.item.requestHash
      : followUpHash(lock, memory.item, followUp, branch);
    const parts = { campaign, round, requestHash, repositoryId, baseBranch, root, kind: last.kind, start: last.number };
    if (itemKey(parts) === last.key) continue;
    throw new UsageError({
      attempted: "go on with the campaign",
      why: `the lock does not fit the journal: start ${last.number} of item ${
        JSON.stringify(id)
      } was sent with another request`,
      advice: FITTING,
    });
  }
}

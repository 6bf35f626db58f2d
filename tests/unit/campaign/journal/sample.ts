/** Locks and records for tests. */
import { beginChain } from "../../../../lib/campaign/journal/chain.ts";
import { applyRecord } from "../../../../lib/campaign/journal/fold.ts";
import type { Lock, LockItem } from "../../../../lib/campaign/journal/lock.ts";
import { type CampaignMemory, newMemory } from "../../../../lib/campaign/journal/memory.ts";
import type { JournalRecord, RecordBody } from "../../../../lib/campaign/journal/record.ts";

/** A time of this machine. */
export const AT = "2026-09-01T00:00:00.000Z";
/** A name and a round. */
export const CAMPAIGN = "replace-moment";
export const ROUND = "2026-12";

/** A UUID with a number in it. */
export function uuidOf(number: number): string {
  return `5b1f0c1e-6a53-4d0c-9d5e-${number.toString(16).padStart(12, "0")}`;
}

/** A key with a number in it. */
export function keyOf(number: number): string {
  return `cp1-${number.toString(16).padStart(40, "0")}`;
}

/** The service's time, some seconds after a fixed one. */
export function serviceTime(seconds: number): string {
  return new Date(Date.UTC(2026, 8, 1) + seconds * 1000).toISOString();
}

export function lockItem(number: number, fields: Partial<LockItem> = {}): LockItem {
  return {
    id: `acme/r${number}@main`,
    repository: `acme/r${number}`,
    repositoryId: uuidOf(0xa0000 + number),
    baseBranch: "main",
    root: null,
    variables: {},
    requestHash: "0".repeat(64),
    task: 0,
    canary: false,
    excluded: null,
    ...fields,
  };
}

/** A lock with some items. */
export function lockOf(items: number | readonly LockItem[], fields: Partial<Lock> = {}): Lock {
  return {
    schema: 1,
    campaign: CAMPAIGN,
    round: ROUND,
    plannedAt: AT,
    origin: "https://mogplex.example",
    hash: "0".repeat(64),
    fileHash: "f".repeat(64),
    tasks: [{
      title: "Replace moment",
      prompt: "Replace moment with Temporal\n\tin {{ repository.name }}",
      variables: { ticket: "OPS-12" },
      agent: { harness: "codex", mode: "AUTO" },
      branch: "codemod/{{ campaign }}",
    }],
    success: { require: "pull-request", acceptUnchanged: true },
    limits: { parallel: 3, attempts: 1, runTimeoutMs: 3_600_000, stopAfterFailures: null, openPullRequests: null },
    canary: null,
    onFailedChecks: null,
    pullRequests: null,
    merge: null,
    notPeople: [],
    windows: [],
    items: typeof items === "number" ? Array.from({ length: items }, (_, index) => lockItem(index)) : items,
    ...fields,
  };
}

export function intent(item: string, start: number, fields: Partial<RecordBody> = {}): RecordBody {
  const body = {
    type: "intent",
    item,
    kind: "task",
    start,
    key: keyOf(start),
    sentAt: serviceTime(start),
    branch: null,
  };
  return { ...body, ...fields } as RecordBody;
}

export function started(item: string, start: number, runId: string, fields: Partial<RecordBody> = {}): RecordBody {
  const times = { createdAt: serviceTime(start), slotAt: serviceTime(start) };
  return { type: "started", item, start, runId, status: "pending", replayed: false, ...times, ...fields } as RecordBody;
}

export function ended(item: string, start: number, as: string, fields: Partial<RecordBody> = {}): RecordBody {
  return {
    type: "ended",
    item,
    start,
    as,
    runId: null,
    slot: false,
    retryAt: null,
    reason: null,
    status: null,
    changed: null,
    branch: null,
    pullRequest: null,
    createdAt: null,
    updatedAt: null,
    ...fields,
  } as RecordBody;
}

/** Records and their lines, as a journal has them. */
export async function chained(bodies: readonly RecordBody[]): Promise<{ record: JournalRecord; line: string }[]> {
  return (await beginChain(CAMPAIGN, ROUND)).make(bodies, AT);
}

/** Records, as a journal has them. */
export async function recordsOf(bodies: readonly RecordBody[]): Promise<JournalRecord[]> {
  return (await chained(bodies)).map(({ record }) => record);
}

/** The memory after all records of a journal. @throws {UsageError} as `applyRecord` does. */
export function foldJournal(lock: Lock, records: Iterable<JournalRecord>): CampaignMemory {
  const memory = newMemory(lock);
  for (const record of records) applyRecord(memory, record);
  return memory;
}

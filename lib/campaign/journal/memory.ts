/**
 * What the journal of a campaign shows. `fold.ts` computes it.
 *
 * @module
 */
import { medianOf } from "../../lookup.ts";
import { ITEM_VERDICTS, type ItemState, OPEN_STATES, type StartVerdict } from "../view/verdicts.ts";
import type { NotifyEvent } from "../file/campaign_file.ts";
import { type Quota, QUOTAS } from "../pace/next_starts.ts";
import type { DecisionMemory } from "./decisions.ts";
import type { Lock, LockItem } from "./lock.ts";
import type { MergeMemory, Requester, UpdateMemory } from "./merge_memory.ts";
import type { FollowUp, GateName, Person, PullRequestMemory, ResultMemory, StartKind, WriteAct } from "./record.ts";
import type { WriteMemory } from "./write_memory.ts";

/** A start of an item. If a start was refused before it began a run, it keeps its number when it is sent again. */
export interface StartMemory {
  readonly number: number;
  kind: StartKind;
  /** Null if the start is for the task. */
  followUp: FollowUp | null;
  /** What the forge showed about the problem when the start was first sent; null if nothing, or after the start has an answer. */
  quote: string | null;
  key: string;
  /** The working branch in the request; null if the service chooses the name. */
  branch: string | null;
  /** The working branch in the answer to a request without one; otherwise null. */
  answered: string | null;
  /** When the start was last sent: an estimate of the service's time, in ISO 8601. */
  sentAt: string;
  /** When the first request that may have begun the run was sent. */
  firstSentAt: string;
  /** Whether the webhook was called because the start has had no answer for a long time. */
  isTold: boolean;
  /** When the start used a slot of the quota, according to the service; null if unknown. */
  slotAt: string | null;
  /** UUID; null if there is no run, or if its id is unknown. */
  runId: string | null;
  status: string | null;
  /** When the run was created and last changed, by the service's clock, in ISO 8601. */
  createdAt: string | null;
  updatedAt: string | null;
  /** When the run continued after waiting for an answer, by the service's clock, in ISO 8601; null if it never did. */
  resumedAt: string | null;
  /** When the run was recorded as started or continued, by the clock of the machine that recorded it; null if there is no run. */
  runningAt: string | null;
  /** When a check found the run overdue by only one clock, by the clock of the machine that checked; null if the last check did not find that. */
  doubtedAt: string | null;
  /** Null if the start has not ended. With `needs-input`, the run continues after a person answers. */
  end: StartVerdict | null;
  reason: string | null;
  /** The last lines of the agent's log; empty if the verdict has none. */
  lastLines: readonly string[];
  /** Null if unknown. */
  changed: boolean | null;
  counted: boolean;
  /** Estimate of when the start used a slot of the quota, in milliseconds since 1970; null once the journal shows whether it used one. */
  openSlotMs: number | null;
  /** Whether an earlier request of this start got no answer that rules out a run; see {@linkcode isOpenStart}. */
  lost: boolean;
  /** Whether the last check found neither the run nor anything else of the campaign in the service. */
  missing: boolean;
  /** Sequence number of the start's `intent` record. */
  intentSeq: number;
}

export interface BeforeIntent {
  /** The start with the same number before the intent; null if the intent began a new start. */
  start: StartMemory | null;
  state: ItemState;
  tally: ItemMemory["tally"];
  reason: string | null;
  adopt: boolean;
}

export interface ItemMemory {
  readonly item: LockItem;
  state: ItemState;
  readonly starts: StartMemory[];
  /** What is restored if the last intent is withdrawn; null if that start may have been sent. */
  beforeIntent: BeforeIntent | null;
  /** Number of requests. It is larger than the number of starts if some requests were refused. */
  sent: number;
  /** Number of starts that used up an attempt. */
  attempts: number;
  /** Attempts in the lock and by manual retries. */
  allowed: number;
  /** Number of consecutive starts that failed because of the service or the network. */
  serviceFailures: number;
  sandboxFailures: number;
  retries: number;
  /** Whether a person requested the next start. Such starts are sent first. */
  asked: boolean;
  /**
   * Whether the next start may have a different request, and therefore a different key, under the same number. If a start is open, the new request
   * waits until the run that this start may have begun has ended.
   */
  adopt: boolean;
  /** The decision not to start the item again, or null. `at` is by the clock of the machine that recorded it. */
  skipped: {
    by: Person;
    at: string;
    reason: string;
    /** Whether the item's run is cancelled, including a run that an open start may have begun. */
    cancel: boolean;
  } | null;
  /** Whether the open start must be settled. If a run exists, the run is used as the attempt. */
  settle: boolean;
  /** Number of times the open start was sent again since a person last decided about it, with a retry, a skip, a stop or a resume. */
  settleTries: number;
  /** One line that explains the state; null if there is nothing to explain. */
  reason: string | null;
  /** The current name of the repository if it differs from the name in the lock; otherwise null. */
  renamed: string | null;
  branch: string | null;
  /** `pull` is what the forge shows about the pull request; null if it was not read. */
  pullRequest: string | null;
  pull: PullRequestMemory | null;
  /** Minimum number of files that the run changed, according to its events; null if they name none. */
  files: number | null;
  /** Null if there is no result file, or no successful run. */
  result: ResultMemory | null;
  /** What the current or next start has to fix; null if it is for the task. */
  followUp: FollowUp | null;
  readonly requesters: Requester[];
  merge: MergeMemory | null;
  /** For each kind of change, the last one that was requested. */
  writes: Readonly<Partial<Record<WriteAct, WriteMemory>>>;
  update: UpdateMemory | null;
  /** What the item adds to {@linkcode CampaignMemory.ended} and {@linkcode CampaignMemory.failures}. */
  tally: "none" | "ended" | "failure";
}

/** A gate. While it is closed, nothing is started or, for `merge`, merged. */
export interface GateMemory {
  closed: boolean;
  /** Why and when the gate was last closed, by the clock of the machine that recorded it; null if it never was. */
  reason: string | null;
  closedAt: string | null;
  /** The last approval; null if there is none. */
  approved: {
    by: Person;
    note: string | null;
    at: string;
    /** Sequence number of the approval's record. */
    seq: number;
    /** Values of {@linkcode CampaignMemory.ended} and {@linkcode CampaignMemory.failures} at that time. The threshold counts from these values. */
    ended: number;
    failures: number;
  } | null;
}

export interface CampaignMemory {
  readonly lock: Lock;
  /** Start quotas of the service. They are not in the journal, because a local Mogplex may have none. */
  readonly quotas: readonly Quota[];
  /**
   * Hashes of the lock, according to the journal; null if there are none. `before` is the previous hash, and is kept until the next record: the
   * process may crash after a new hash is recorded and before the lock is written.
   */
  readonly lockHash: { current: string | null; before: string | null };
  /** Items by name, in the order of the lock. */
  readonly items: ReadonlyMap<string, ItemMemory>;
  /** By the UUID of the run. */
  readonly runs: ReadonlyMap<string, StartMemory>;
  readonly counts: Record<ItemState, number>;
  /** Number of items whose start has ended, and how many of them failed. Items that will be started again are not included. */
  ended: number;
  failures: number;
  readonly gates: Readonly<Record<GateName, GateMemory>>;
  readonly planners: Requester[];
  /** In chronological order, at most {@linkcode MAX_DECISIONS}. */
  readonly decisions: DecisionMemory[];
  /** When the first start was recorded, by the clock of the machine that recorded it; null before that. */
  firstStartAt: string | null;
  /** Null if the campaign was not stopped, or was resumed. */
  stopped: { by: Person; at: string; cancel: boolean; reason: string | null } | null;
  /** Sequence number of the last stop that cancels runs; 0 if there is none. */
  cancelSeq: number;
  readonly stopRequests: Set<string>;
  /** Number of the last wave; 0 before the first. */
  wave: number;
  /** The error that stopped the last wave, or null. */
  trouble: string | null;
  /** Whether a refused token stopped the last wave. */
  tokenRefused: boolean;
  /**
   * Number of consecutive starts whose answer was lost, and when the last of them was sent, by the service's clock; null if the last answer arrived.
   */
  unanswered: { count: number; lastMs: number } | null;
  /** Null if no event was sent to the webhook, or if the campaign has continued since. */
  told: NotifyEvent | null;
  toldCount: number;
  /** Number of the user's active sandboxes, if sandboxes other than those of the campaign's active runs blocked a start; otherwise null. */
  sandboxes: number | null;
  /**
   * Items whose run has ended, but whose sandbox was still active when sandboxes were last read: when the run ended, and when the sandbox was seen,
   * by the service's clock.
   */
  readonly lingering: Map<string, { endedMs: number; seenMs: number }>;
  /** How long sandboxes that are gone stayed active after their runs: the total in milliseconds, and the number of sandboxes. */
  readonly lingered: { sumMs: number; count: number };
  /** How long after its end each of the last finished runs was read, in milliseconds, oldest first: at most {@linkcode MAX_LATE}. */
  readonly lateMs: number[];
  /** How far the machine's clock was ahead of the service's clock when the last start was sent, in milliseconds. */
  skewMs: number;
  /** Sequence number of the last record, and when it was written, by the clock of the machine that wrote it; 0 and null before the first. */
  seq: number;
  lastAt: string | null;
  /** When starts used slots of the quota, in milliseconds since 1970 by the service's clock, ascending. Starts without an answer are included. */
  readonly slotsMs: number[];
  /** When the service accepts starts again, according to its refusals, in milliseconds since 1970; null if it has accepted one since. */
  refusedUntilMs: number | null;
  /** `start_limit` if the refusal named the user's start limit as the reason; otherwise null. */
  refusedBy: "start_limit" | null;
  /**
   * Number of consecutive starts that ended because no sandbox was free, and when the last one ended, by the service's clock; null if there are none.
   */
  sandboxRefusals: { count: number; lastMs: number } | null;
  /** Sequence number of the last of these refusals. */
  sandboxRefusalSeq: number;
}

export function newMemory(lock: Lock, quotas: readonly Quota[] = QUOTAS): CampaignMemory {
  const names: readonly ItemState[] = [...ITEM_VERDICTS, ...OPEN_STATES];
  const counts = Object.fromEntries(names.map((name) => [name, 0])) as Record<ItemState, number>;
  const items = new Map<string, ItemMemory>();
  for (const item of lock.items) {
    const state = item.excluded?.as ?? "waiting";
    counts[state]++;
    items.set(item.id, {
      item,
      state,
      starts: [],
      beforeIntent: null,
      sent: 0,
      attempts: 0,
      allowed: lock.limits.attempts,
      serviceFailures: 0,
      sandboxFailures: 0,
      retries: 0,
      asked: false,
      adopt: false,
      skipped: null,
      settle: false,
      settleTries: 0,
      reason: item.excluded?.reason ?? null,
      renamed: null,
      branch: null,
      pullRequest: null,
      pull: null,
      files: null,
      result: null,
      followUp: null,
      requesters: [],
      merge: null,
      writes: {},
      update: null,
      tally: "none",
    });
  }
  const gate = (): GateMemory => ({ closed: false, reason: null, closedAt: null, approved: null });
  return {
    lock,
    quotas,
    lockHash: { current: null, before: null },
    items,
    runs: new Map(),
    counts,
    ended: 0,
    failures: 0,
    gates: { canary: gate(), threshold: gate(), merge: gate() },
    planners: [],
    decisions: [],
    firstStartAt: null,
    stopped: null,
    cancelSeq: 0,
    stopRequests: new Set(),
    wave: 0,
    trouble: null,
    tokenRefused: false,
    unanswered: null,
    told: null,
    toldCount: 0,
    sandboxes: null,
    lingering: new Map(),
    lingered: { sumMs: 0, count: 0 },
    lateMs: [],
    skewMs: 0,
    seq: 0,
    lastAt: null,
    slotsMs: [],
    refusedUntilMs: null,
    refusedBy: null,
    sandboxRefusals: null,
    sandboxRefusalSeq: 0,
  };
}

/**
 * Whether the number of a start is used up, so that the next start gets the next number. The run of the start has ended, or its key belongs to
 * another request or to a run that the service does not show.
 */
export function isSpent({ end, runId }: StartMemory): boolean {
  return end !== null && end !== "needs-input" && (runId !== null || end === "conflict" || end === "unknown");
}

/**
 * Whether the last start of an item is open: its request may have arrived, and no answer shows what happened, so an agent may be running. A refused
 * connection and a refusal by the service are answers.
 */
export function isOpenStart({ starts }: Pick<ItemMemory, "starts">): boolean {
  const last = starts.at(-1);
  return last !== undefined && last.runId === null && (last.lost || last.openSlotMs !== null);
}

/** Maximum time for a start with all its attempts, in milliseconds. One item must not block a wave for longer. */
export const START_MS = 90_000;

/** How long a start that was announced on a branch is left to the job that announced it, in milliseconds. */
export const ABANDONED_MS = 5 * 60_000;

/** The reason shown for an item whose start is left to the job that announced it. */
export const SENT_ELSEWHERE = "another job is sending this start";

/** How long a start may wait for an answer before it needs attention, in milliseconds. */
const LONG_OPEN_MS = 2 * 3_600_000;

/** Whether an open start has had no answer for so long that a person should look. */
export function isLongOpen(item: Pick<ItemMemory, "starts" | "state">, nowMs: number): boolean {
  if (item.state !== "starting" || !isOpenStart(item)) return false;
  return nowMs - Date.parse(item.starts.at(-1)?.firstSentAt ?? "") >= LONG_OPEN_MS;
}

/** If the last start got no answer, or was refused before it began a run, it is sent again under its number. */
export function nextStart({ starts }: Pick<ItemMemory, "starts">): number {
  const last = starts.at(-1);
  if (last === undefined) return 1;
  return isSpent(last) ? last.number + 1 : last.number;
}

/** In milliseconds; null if the journal does not show it. */
export function lingerMs({ lingering, lingered }: Pick<CampaignMemory, "lingering" | "lingered">): number | null {
  if (lingered.count > 0) return lingered.sumMs / lingered.count;
  const ages = [...lingering.values()].map(({ endedMs, seenMs }) => seenMs - endedMs);
  return ages.length === 0 ? null : Math.max(...ages);
}

export const MAX_LATE = 20;

/** How long after its end a run is usually read, in milliseconds: the median of the last ends; 0 if there are none. */
export function usualLateMs({ lateMs }: Pick<CampaignMemory, "lateMs">): number {
  return medianOf(lateMs) ?? 0;
}

/** The last known name of the item's repository. The repository's id proves that it is the same repository. */
export function nameOf({ item, renamed }: Pick<ItemMemory, "item" | "renamed">): string {
  return renamed ?? item.repository;
}

export function hasRun({ starts }: Pick<ItemMemory, "starts">): boolean {
  const last = starts.at(-1);
  return last !== undefined && last.runId !== null && !isSpent(last);
}

import { medianOf } from "../../lookup.ts";
import { ITEM_VERDICTS, type ItemState, OPEN_STATES, type StartVerdict } from "../view/verdicts.ts";
import type { NotifyEvent } from "../file/campaign_file.ts";
import { type Quota, QUOTAS } from "../pace/next_starts.ts";
import type { DecisionMemory } from "./decisions.ts";
import type { Lock, LockItem } from "./lock.ts";
import type { MergeMemory, Requester, UpdateMemory } from "./merge_memory.ts";
import type { FollowUp, GateName, Person, PullRequestMemory, ResultMemory, StartKind, WriteAct } from "./record.ts";
import type { WriteMemory } from "./write_memory.ts";

/** A start that was refused before it began a run keeps its number when it is sent again. */
export interface StartMemory {
  readonly number: number;
  kind: StartKind;
  followUp: FollowUp | null;
  quote: string | null;
  key: string;
  /** `null` if the service chooses the name. */
  branch: string | null;
  /** The working branch in the response. Recorded only if the request named no branch. */
  answered: string | null;
  /** An estimate of the service's time when the start was last sent, in ISO 8601. */
  sentAt: string;
  /** When the first request that may have begun the run was sent. */
  firstSentAt: string;
  /** Whether the webhook was called because the start has not been answered for a long time. */
  isTold: boolean;
  slotAt: string | null;
  runId: string | null;
  status: string | null;
  /** Both times are by the service's clock. */
  createdAt: string | null;
  updatedAt: string | null;
  resumedAt: string | null;
  /** By the clock of the machine that recorded it. */
  runningAt: string | null;
  /** When a check last found that only one of two clocks shows the run as overdue, by the clock of the machine that checked. */
  doubtedAt: string | null;
  end: StartVerdict | null;
  reason: string | null;
  lastLines: readonly string[];
  changed: boolean | null;
  counted: boolean;
  /** Estimate of when the start used a slot of the quota, in milliseconds since 1970. `null` once the journal shows whether the start used a slot. */
  openSlotMs: number | null;
  /** Whether an earlier request of this start may have begun a run but was not answered; see {@linkcode isOpenStart}. */
  lost: boolean;
  missing: boolean;
  intentSeq: number;
}

export interface BeforeIntent {
  /** The start with the same number before the intent; `null` if the intent began a new start. */
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
  /** The state to restore if the last intent is withdrawn; `null` if the intent cannot be withdrawn. */
  beforeIntent: BeforeIntent | null;
  /** Number of requests. A start that is sent again is counted again. */
  sent: number;
  /** Number of starts that used up an attempt. */
  attempts: number;
  allowed: number;
  serviceFailures: number;
  sandboxFailures: number;
  retries: number;
  /** Whether a person requested the next start. Such starts are sent first. */
  asked: boolean;
  /**
   * Whether the next start may send a different request, and therefore a different key, under the same number. If a start is open and has begun a
   * run, the new request waits until that run has ended.
   */
  adopt: boolean;
  /** `at` is by the clock of the machine that recorded the decision. */
  skipped: {
    by: Person;
    at: string;
    reason: string;
    cancel: boolean;
  } | null;
  settle: boolean;
  /** How often the open start was sent again since a decision last reopened it. */
  settleTries: number;
  reason: string | null;
  renamed: string | null;
  branch: string | null;
  pullRequest: string | null;
  pull: PullRequestMemory | null;
  files: number | null;
  result: ResultMemory | null;
  followUp: FollowUp | null;
  readonly requesters: Requester[];
  merge: MergeMemory | null;
  writes: Readonly<Partial<Record<WriteAct, WriteMemory>>>;
  update: UpdateMemory | null;
  tally: "none" | "ended" | "failure";
}

export interface GateMemory {
  closed: boolean;
  /** `closedAt` is by the clock of the machine that recorded it. */
  reason: string | null;
  closedAt: string | null;
  approved: {
    by: Person;
    note: string | null;
    at: string;
    seq: number;
    /** The threshold counts from these values of {@linkcode CampaignMemory.ended} and {@linkcode CampaignMemory.failures}. */
    ended: number;
    failures: number;
  } | null;
}

export interface CampaignMemory {
  readonly lock: Lock;
  /** The service's start quotas. Empty for a local Mogplex without quotas. */
  readonly quotas: readonly Quota[];
  /**
   * Hashes of the lock, according to the journal. `before` is the previous hash, which is kept until the next record: the process may crash after it
   * recorded a new hash and before it wrote the lock.
   */
  readonly lockHash: { current: string | null; before: string | null };
  /** Items are in the order of the lock. */
  readonly items: ReadonlyMap<string, ItemMemory>;
  readonly runs: ReadonlyMap<string, StartMemory>;
  readonly counts: Record<ItemState, number>;
  /** `ended` and `failures` do not include items that will be started again. */
  ended: number;
  failures: number;
  readonly gates: Readonly<Record<GateName, GateMemory>>;
  readonly planners: Requester[];
  readonly decisions: DecisionMemory[];
  /** By the clock of the machine that recorded the start. */
  firstStartAt: string | null;
  stopped: { by: Person; at: string; cancel: boolean; reason: string | null } | null;
  cancelSeq: number;
  readonly stopRequests: Set<string>;
  wave: number;
  trouble: string | null;
  tokenRefused: boolean;
  /** Consecutive unanswered starts. `lastMs` is when the last of them was sent, by the service's clock. */
  unanswered: { count: number; lastMs: number } | null;
  told: NotifyEvent | null;
  toldCount: number;
  sandboxes: number | null;
  readonly lingering: Map<string, { endedMs: number; seenMs: number }>;
  readonly lingered: { sumMs: number; count: number };
  /**
   * For each of the last {@linkcode MAX_LATE} finished runs, the time between the end of the run and the check that detected the end. Oldest first.
   */
  readonly lateMs: number[];
  /** How far the machine's clock was ahead of the service's clock when the last start was sent. */
  skewMs: number;
  seq: number;
  lastAt: string | null;
  /**
   * When starts used slots of the quota, in milliseconds since 1970 by the service's clock, in ascending order. Includes starts that were not
   * answered.
   */
  readonly slotsMs: number[];
  /** When the service accepts starts again, in milliseconds since 1970 by the service's clock. */
  refusedUntilMs: number | null;
  refusedBy: "start_limit" | null;
  /** Consecutive starts that ended because no sandbox was free. */
  sandboxRefusals: { count: number; lastMs: number } | null;
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
 * Whether the next start gets a new number, because the run of this start has ended, or because the key of this start belongs to another request or
 * to an unknown run.
 */
export function isSpent({ end, runId }: StartMemory): boolean {
  return end !== null && end !== "needs-input" && (runId !== null || end === "conflict" || end === "unknown");
}

/**
 * Whether the last start of an item is open: its request may have arrived, but no response shows what happened, so an agent may be running. A refused
 * connection and a refusal by the service are treated as responses.
 */
export function isOpenStart({ starts }: Pick<ItemMemory, "starts">): boolean {
  const last = starts.at(-1);
  return last !== undefined && last.runId === null && (last.lost || last.openSlotMs !== null);
}

/** Time limit for all attempts of a start, so that one item cannot block a wave for longer. */
export const START_MS = 90_000;

/** How long other jobs wait before they take over an unanswered start that a job has announced on a branch. */
export const ABANDONED_MS = 5 * 60_000;

export const SENT_ELSEWHERE = "another job is sending this start";

const LONG_OPEN_MS = 2 * 3_600_000;

export function isLongOpen(item: Pick<ItemMemory, "starts" | "state">, nowMs: number): boolean {
  if (item.state !== "starting" || !isOpenStart(item)) return false;
  return nowMs - Date.parse(item.starts.at(-1)?.firstSentAt ?? "") >= LONG_OPEN_MS;
}

export function nextStart({ starts }: Pick<ItemMemory, "starts">): number {
  const last = starts.at(-1);
  if (last === undefined) return 1;
  return isSpent(last) ? last.number + 1 : last.number;
}

export function lingerMs({ lingering, lingered }: Pick<CampaignMemory, "lingering" | "lingered">): number | null {
  if (lingered.count > 0) return lingered.sumMs / lingered.count;
  const ages = [...lingering.values()].map(({ endedMs, seenMs }) => seenMs - endedMs);
  return ages.length === 0 ? null : Math.max(...ages);
}

export const MAX_LATE = 20;

export function usualLateMs({ lateMs }: Pick<CampaignMemory, "lateMs">): number {
  return medianOf(lateMs) ?? 0;
}

export function nameOf({ item, renamed }: Pick<ItemMemory, "item" | "renamed">): string {
  return renamed ?? item.repository;
}

export function hasRun({ starts }: Pick<ItemMemory, "starts">): boolean {
  const last = starts.at(-1);
  return last !== undefined && last.runId !== null && !isSpent(last);
}

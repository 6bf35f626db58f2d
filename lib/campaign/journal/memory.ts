/**
 * What is known about a campaign at the end of its journal. `fold.ts` computes it.
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

/** A start of an item. A start that was refused without a run is sent again under the same number, and stays one start. */
export interface StartMemory {
  readonly number: number;
  kind: StartKind;
  /** What a follow-up has to fix; null for a task. */
  followUp: FollowUp | null;
  /** What the forge showed about it when the start was first sent; null for nothing, and once the start has an answer. */
  quote: string | null;
  key: string;
  /** Working branch in the request; null if the service names it. */
  branch: string | null;
  /** Working branch in the answer, if the request has none; null if the request has one, or if it is unknown. */
  answered: string | null;
  /** When it was last sent: our estimate of the service's time, in ISO 8601. */
  sentAt: string;
  /** When the first of the requests that may have begun its run was sent. */
  firstSentAt: string;
  /** Whether a webhook was notified that it has had no answer for a long time. */
  isTold: boolean;
  /** When it took its slot, according to the service; null if unknown. */
  slotAt: string | null;
  /** UUID of its run; null without a run, or if unknown. */
  runId: string | null;
  /** Last status of the run; null without a run. */
  status: string | null;
  /** When the run was created and last changed, by the service, in ISO 8601. */
  createdAt: string | null;
  updatedAt: string | null;
  /** When it continued after it had waited for an answer, by the service, in ISO 8601; null if it never has. */
  resumedAt: string | null;
  /** When its run was recorded as running: since its start, or since it continued. By the clock of that machine; null without a run. */
  runningAt: string | null;
  /** When, by the clock of that machine, only one clock showed that it has taken much too long; null if the last check did not show that. */
  doubtedAt: string | null;
  /** How it ended; null while it has not. With `needs-input` the run continues when a person answers. */
  end: StartVerdict | null;
  reason: string | null;
  /** The last lines of the agent's log, if the verdict carries any. */
  lastLines: readonly string[];
  /** Whether the agent changed something; null when unknown. */
  changed: boolean | null;
  /** Whether it uses up an attempt. */
  counted: boolean;
  /** Our estimate of when it took its slot, in milliseconds since 1970, until the journal shows whether it took one. */
  openSlotMs: number | null;
  /** Whether it was sent before without an answer that rules out a run: see {@linkcode isOpenStart}. */
  lost: boolean;
  /** Whether the service found neither its run nor anything else of the campaign at the last check. */
  missing: boolean;
  /** Number of its `intent` record. */
  intentSeq: number;
}

export interface BeforeIntent {
  /** The start under the same number; null when the intent began a new one. */
  start: StartMemory | null;
  state: ItemState;
  tally: ItemMemory["tally"];
  reason: string | null;
  adopt: boolean;
}

export interface ItemMemory {
  readonly item: LockItem;
  /** Its verdict or state. */
  state: ItemState;
  readonly starts: StartMemory[];
  /** What a withdrawal of its last intent restores; null when that start may have been sent. */
  beforeIntent: BeforeIntent | null;
  /** How often a start was sent: more than its starts when some were refused. */
  sent: number;
  /** Number of starts that used up an attempt. */
  attempts: number;
  /** Attempts allowed: the number in the lock, plus retries by hand. */
  allowed: number;
  /** Starts in a row that failed because of the service or the network. */
  serviceFailures: number;
  sandboxFailures: number;
  retries: number;
  /** Whether a person asked for its next start, which goes first. */
  asked: boolean;
  /**
   * Whether the next start may have a different request, and therefore a different key, under the same number. With an open start, the new request
   * waits for the end of the run that the open start may have begun.
   */
  adopt: boolean;
  /** The decision not to start it again; null without one. `at`: by the clock of its machine. */
  skipped: {
    by: Person;
    at: string;
    reason: string;
    /** Whether its run is cancelled, including a run that an open start may have begun. */
    cancel: boolean;
  } | null;
  /** Whether its open start must be settled: the run that is found is its attempt. */
  settle: boolean;
  /** How often its open start was sent since a person decided about it. */
  settleTries: number;
  /** Why it is in its state, in one line; null if there is nothing to report. */
  reason: string | null;
  /** Current name of its repository, if it differs from the name in the lock; otherwise null. */
  renamed: string | null;
  /** Branch with the agent's changes. */
  branch: string | null;
  /** Address of its pull request, and what its forge shows about it; null if that was not read. */
  pullRequest: string | null;
  pull: PullRequestMemory | null;
  /** Minimum number of files that its run changed, according to its events; null if they name none. */
  files: number | null;
  /** The result file, after a run that succeeded; null without one. */
  result: ResultMemory | null;
  /** What the next or running start has to fix on its branch; null when it does the task. */
  followUp: FollowUp | null;
  /** People who requested it again. */
  readonly requesters: Requester[];
  /** Its last merge, if known; null when none was requested. */
  merge: MergeMemory | null;
  /** The last requested changes of its pull request, by their kind. */
  writes: Readonly<Partial<Record<WriteAct, WriteMemory>>>;
  /** The last update of its branch; null for none. */
  update: UpdateMemory | null;
  /** What the item adds to {@linkcode CampaignMemory.ended} and {@linkcode CampaignMemory.failures}. */
  tally: "none" | "ended" | "failure";
}

/** A gate: nothing is started, or merged, while it is closed. */
export interface GateMemory {
  closed: boolean;
  /** Why and when it was closed last, by the clock of that machine; null when it never was. */
  reason: string | null;
  closedAt: string | null;
  /** Who opened it last; null while it was never opened. */
  approved: {
    by: Person;
    note: string | null;
    at: string;
    /** Number of its record. */
    seq: number;
    /** Values of {@linkcode CampaignMemory.ended} and {@linkcode CampaignMemory.failures} then: the threshold counts from there. */
    ended: number;
    failures: number;
  } | null;
}

export interface CampaignMemory {
  readonly lock: Lock;
  /** Start quotas of the service. They are not in the journal: a local Mogplex may have none. */
  readonly quotas: readonly Quota[];
  /**
   * Hashes of the lock in the journal: the last one, and the one before until something else is recorded. A crash may happen between such a record and
   * the lock. Null for none.
   */
  readonly lockHash: { current: string | null; before: string | null };
  /** Items by name, in the order of the lock. */
  readonly items: ReadonlyMap<string, ItemMemory>;
  /** Starts by the UUID of their run. */
  readonly runs: ReadonlyMap<string, StartMemory>;
  readonly counts: Record<ItemState, number>;
  /** Items whose start has ended, and the failures among them. Items that will be started again are in neither. */
  ended: number;
  failures: number;
  readonly gates: Readonly<Record<GateName, GateMemory>>;
  /** Who planned it. */
  readonly planners: Requester[];
  /** Decisions of people and gates, oldest first: at most {@linkcode MAX_DECISIONS}. */
  readonly decisions: DecisionMemory[];
  /** When the first start was recorded, by the clock of that machine; null before it. */
  firstStartAt: string | null;
  /** Who stopped the campaign; null when it was not stopped, or was resumed. */
  stopped: { by: Person; at: string; cancel: boolean; reason: string | null } | null;
  /** Number of the record of the last stop that cancels runs; 0 without one. */
  cancelSeq: number;
  /** Ids of the requests of stops that were recorded. */
  readonly stopRequests: Set<string>;
  /** Number of the last wave; 0 before the first. */
  wave: number;
  /** What stopped the last wave; null when nothing did. */
  trouble: string | null;
  /** Whether it was stopped since the service refused the token. */
  tokenRefused: boolean;
  /** Starts in a row whose answer was lost, and when the last one was sent, by the service; null when the last answer arrived. */
  unanswered: { count: number; lastMs: number } | null;
  /** The last event sent to a webhook; null when none was sent, or the campaign has continued since. */
  told: NotifyEvent | null;
  /** How many events were sent to a webhook. */
  toldCount: number;
  /** Number of active sandboxes if other users' sandboxes blocked a start, otherwise null. */
  sandboxes: number | null;
  /** Items whose run has ended, but whose sandbox was still active when sandboxes were last read: the times of both, by the service's clock. */
  readonly lingering: Map<string, { endedMs: number; seenMs: number }>;
  /** How long sandboxes that are gone stayed active after their runs, in milliseconds. */
  readonly lingered: { sumMs: number; count: number };
  /** How long after their end the last finished runs were read, in milliseconds, oldest first: at most {@linkcode MAX_LATE}. */
  readonly lateMs: number[];
  /** How much later this machine's time was than the service's when the last start was sent, in milliseconds. */
  skewMs: number;
  /** Number of the last record, and when it was written by the clock of its machine; 0 and null before the first. */
  seq: number;
  lastAt: string | null;
  /** When starts took their slots, in milliseconds since 1970 by the service, ascending. Starts without an answer are included. */
  readonly slotsMs: number[];
  /** When the service accepts starts again, by its own answer, in milliseconds since 1970; null when it has accepted one since. */
  refusedUntilMs: number | null;
  /** `start_limit` if the answer named the user's limit of starts as the reason; otherwise null. */
  refusedBy: "start_limit" | null;
  /** Number of starts in a row that ended because no sandbox was free, and when the last one ended, by the service; null for none. */
  sandboxRefusals: { count: number; lastMs: number } | null;
  /** Number of the record of the last one. */
  sandboxRefusalSeq: number;
}

/** The memory of a campaign that has started nothing. */
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
 * Whether the number of a start is used up, so that the next start has the next number: its run has ended, or its key belongs to another
 * request, or to a run that the service does not show.
 */
export function isSpent({ end, runId }: StartMemory): boolean {
  return end !== null && end !== "needs-input" && (runId !== null || end === "conflict" || end === "unknown");
}

/**
 * Whether the last start of an item is open: its request may have arrived, and no answer shows what happened to it, so an agent may be running.
 * A refused connection, and a refusal by the service, are answers.
 */
export function isOpenStart({ starts }: Pick<ItemMemory, "starts">): boolean {
  const last = starts.at(-1);
  return last !== undefined && last.runId === null && (last.lost || last.openSlotMs !== null);
}

/** Longest time of a start with its attempts, in milliseconds: a wave must not hang on one item. */
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

/** The number under which an item is started next. A start without an answer, or refused without a run, is sent again as it was. */
export function nextStart({ starts }: Pick<ItemMemory, "starts">): number {
  const last = starts.at(-1);
  if (last === undefined) return 1;
  return isSpent(last) ? last.number + 1 : last.number;
}

/** How long a sandbox stays active after its run, according to the journal, in milliseconds; null when none was seen to. */
export function lingerMs({ lingering, lingered }: Pick<CampaignMemory, "lingering" | "lingered">): number | null {
  if (lingered.count > 0) return lingered.sumMs / lingered.count;
  const ages = [...lingering.values()].map(({ endedMs, seenMs }) => seenMs - endedMs);
  return ages.length === 0 ? null : Math.max(...ages);
}

/** Ends that {@linkcode CampaignMemory.lateMs} remembers. */
export const MAX_LATE = 20;

/** How long after its end a run is usually read, in milliseconds: the median of the last ends, 0 without any. */
export function usualLateMs({ lateMs }: Pick<CampaignMemory, "lateMs">): number {
  return medianOf(lateMs) ?? 0;
}

/** The last known name of the item's repository. Its id proves that it is the same repository. */
export function nameOf({ item, renamed }: Pick<ItemMemory, "item" | "renamed">): string {
  return renamed ?? item.repository;
}

/** Whether an item has a run that has not ended. */
export function hasRun({ starts }: Pick<ItemMemory, "starts">): boolean {
  const last = starts.at(-1);
  return last !== undefined && last.runId !== null && !isSpent(last);
}

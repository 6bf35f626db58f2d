/**
 * Makes the view of a campaign from its lock and journal, which the memory holds. Pure.
 *
 * @module
 */
import type { CampaignMemory, ItemMemory, StartMemory } from "./journal/memory.ts";
import { hasRun } from "./journal/memory.ts";
import { forecast } from "./pace/forecast.ts";
import { nextStarts, SANDBOX_LIMIT } from "./pace/next_starts.ts";
import type { Pace } from "./pace/pace.ts";
import { quotaUse } from "./pace/quota.ts";
import { campaignState, closedBy, exitCodeOf, startableItems } from "./progress.ts";
import { groupByCause } from "./report/causes.ts";
import type { CampaignView, ItemView } from "./view.ts";

/** What a view needs beside the memory. */
export interface ViewInput {
  /** Now, in milliseconds since 1970 by the service's clock. */
  nowMs: number;
  /** Mean time of a run, in milliseconds. */
  meanRunMs: number;
  /**
   * When the campaign was looked at last, in milliseconds since 1970: the next wave is due some time after it. @default the time of the last
   * record, else `nowMs`
   */
  lookedAtMs?: number | undefined;
  /** Active sandboxes of the user; null when they were not read. @default what the journal says */
  sandboxes?: number | null | undefined;
  /** Which other process is at work on it. @default {null} */
  atWork?: string | null | undefined;
}

/** Shortest and longest time until the next wave while runs are at work, in milliseconds. */
const WAVE_MS = { least: 2 * 60_000, most: 15 * 60_000 };
/** Time until the next wave while sandboxes of others are in the way, of whose end nobody tells, in milliseconds. */
const OTHERS_MS = 5 * 60_000;

/** The moment at which a start was sent: when it took its slot, else our own estimate. */
function sentAtOf({ slotAt, sentAt }: StartMemory): string {
  return slotAt ?? sentAt;
}

/** How screens and reports show an item. */
export function itemView({ item, state, reason, starts, sent, attempts, branch, pullRequest }: ItemMemory): ItemView {
  const last = starts.at(-1);
  const withRun = starts.findLast(({ runId }) => runId !== null);
  return {
    id: item.id,
    repository: item.repository,
    baseBranch: item.baseBranch,
    root: item.root,
    verdict: state,
    reason,
    starts: sent,
    attempts,
    runId: withRun?.runId ?? null,
    branch,
    pullRequest,
    startedAt: last === undefined ? null : sentAtOf(last),
    endedAt: withRun !== undefined && withRun.end !== null && withRun.end !== "needs-input" ? withRun.updatedAt : null,
    canary: item.canary,
  };
}

function openStarts(memory: CampaignMemory): StartMemory[] {
  return [...memory.items.values()].filter(hasRun).flatMap(({ starts }) => starts.slice(-1));
}

function ageMs({ createdAt, slotAt, sentAt }: StartMemory, nowMs: number): number {
  const ms = nowMs - Date.parse(createdAt ?? slotAt ?? sentAt);
  return Number.isFinite(ms) ? Math.max(ms, 0) : 0;
}

/** The pace at a moment. Sandboxes that were not read count as those of our own runs. */
function paceAt(memory: CampaignMemory, nowMs: number, running: number, sandboxes: number | null): Pace {
  const { slotsMs, refusedUntilMs, sandboxRefusals, lock: { limits, windows } } = memory;
  return nextStarts({
    nowMs,
    slotsMs,
    refusedUntilMs,
    sandboxRefusals,
    sandboxes,
    running,
    parallel: limits.parallel,
    windows,
    closed: closedBy(memory),
    waiting: startableItems(memory).length,
  });
}

/** When the next wave is due after a moment: soon enough for the next start, and for the end of a run. */
function nextWaveMs(
  fromMs: number,
  meanRunMs: number,
  { starts, because, nextMs }: Pace,
  open: readonly StartMemory[],
): number | null {
  const times = open.map((start) => {
    const restMs = start.status === "awaiting_input" ? WAVE_MS.most : meanRunMs - ageMs(start, fromMs);
    return fromMs + Math.min(Math.max(restMs, WAVE_MS.least), WAVE_MS.most);
  });
  if (starts > 0) times.push(fromMs);
  else if (nextMs !== null) times.push(Math.max(nextMs, fromMs + (because === "sandboxes" ? OTHERS_MS : 0)));
  return times.length === 0 ? null : Math.min(...times);
}

function iso(ms: number | null): string | null {
  return ms === null || !Number.isFinite(ms) ? null : new Date(ms).toISOString();
}

/**
 * When the campaign ends at the earliest, in milliseconds since 1970; null when that cannot be said. Nobody knows when a person answers, so
 * runs that wait for one are left out, and keep their sandboxes.
 */
function endMs(memory: CampaignMemory, { nowMs, meanRunMs }: ViewInput, open: readonly StartMemory[]): number | null {
  const { lock, slotsMs, refusedUntilMs, items } = memory;
  if (closedBy(memory) !== null) return null;
  const waiting = [...items.values()].filter(({ state }) =>
    ["waiting", "quota", "service", "starting"].includes(state)
  );
  const working = open.filter(({ status }) => status !== "awaiting_input");
  const parallel = Math.min(lock.limits.parallel, SANDBOX_LIMIT - (open.length - working.length));
  if (waiting.length + working.length === 0 || parallel < 1) return null;
  const canary = waiting.filter(({ item }) => item.canary).length;
  const isCanaryOpen = startableItems(memory).length < waiting.length;
  const { endsAtMs } = forecast({
    nowMs,
    slotsMs,
    waiting: waiting.length,
    runningSinceMs: working.map((start) => nowMs - ageMs(start, nowMs)),
    canary: isCanaryOpen ? canary : null,
    parallel,
    meanRunMs,
    windows: lock.windows,
    refusedUntilMs,
  });
  return endsAtMs;
}

/** Makes the view. */
export function makeView(memory: CampaignMemory, input: ViewInput): CampaignView {
  const { lock: { campaign, round }, counts, slotsMs, wave, trouble } = memory;
  const { nowMs, meanRunMs, sandboxes = memory.sandboxes, atWork = null } = input;
  const items = [...memory.items.values()].map(itemView);
  const open = openStarts(memory);
  const { state, reason } = campaignState(memory);
  const isOver = state === "done";
  const pace = paceAt(memory, nowMs, open.length, sandboxes);
  const lookedAtMs = input.lookedAtMs ?? Math.min(nowMs, memory.lastAt === null ? nowMs : Date.parse(memory.lastAt));
  const nextMs = isOver || open.length === 0 && closedBy(memory) !== null
    ? null
    : nextWaveMs(lookedAtMs, meanRunMs, paceAt(memory, lookedAtMs, open.length, sandboxes), open);
  return {
    schema: 1,
    campaign,
    round,
    state,
    stateReason: reason,
    counts: { ...counts },
    items,
    causes: groupByCause(items),
    quota: { ...quotaUse(slotsMs, nowMs), sandboxes: { used: sandboxes, limit: SANDBOX_LIMIT } },
    waves: wave,
    trouble,
    atWork,
    nextWaveAt: iso(nextMs),
    waitsFor: isOver ? null : closedBy(memory) ?? (pace.starts > 0 ? null : pace.because),
    endsAt: isOver ? null : iso(endMs(memory, input, open)),
    exitCode: exitCodeOf(memory),
    at: new Date(nowMs).toISOString(),
  };
}

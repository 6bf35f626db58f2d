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
  /** What further starts wait for; computed from the memory alone by default. @default {undefined} */
  rest?: Omit<Pace, "starts"> | undefined;
  /** Active sandboxes of the user; null when they were not read. @default {null} */
  sandboxes?: number | null | undefined;
  /** Leaves out the causes and the end, which take most of the time: for a log that shows neither. @default {false} */
  brief?: boolean | undefined;
}

/** Shortest and longest time until the next wave while runs are at work, in milliseconds. */
const WAVE_MS = { least: 2 * 60_000, most: 15 * 60_000 };

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

/** The pace now. Sandboxes that were not read count as those of our own runs. */
function paceOf(memory: CampaignMemory, running: number, { nowMs, sandboxes = null }: ViewInput): Omit<Pace, "starts"> {
  const { slotsMs, refusedUntilMs, sandboxRefusals, lock: { limits, windows } } = memory;
  const waiting = startableItems(memory).length;
  const pace = nextStarts({
    nowMs,
    slotsMs,
    refusedUntilMs,
    sandboxRefusals,
    sandboxes,
    running,
    parallel: limits.parallel,
    windows,
    closed: closedBy(memory),
    waiting,
  });
  return pace.starts > 0 ? { because: pace.because, nextMs: nowMs } : pace;
}

/** When the next wave is due: soon enough for the next start, and for the end of a run. */
function nextWaveMs(
  { nowMs, meanRunMs }: ViewInput,
  rest: Omit<Pace, "starts">,
  open: readonly StartMemory[],
): number | null {
  const times = open.map((start) => {
    const restMs = start.status === "awaiting_input" ? WAVE_MS.most : meanRunMs - ageMs(start, nowMs);
    return nowMs + Math.min(Math.max(restMs, WAVE_MS.least), WAVE_MS.most);
  });
  if (rest.nextMs !== null) times.push(Math.max(rest.nextMs, nowMs));
  return times.length === 0 ? null : Math.min(...times);
}

function iso(ms: number | null): string | null {
  return ms === null || !Number.isFinite(ms) ? null : new Date(ms).toISOString();
}

/** When the campaign ends at the earliest, in milliseconds since 1970; null when that cannot be said. */
function endMs(memory: CampaignMemory, { nowMs, meanRunMs }: ViewInput, open: readonly StartMemory[]): number | null {
  const { lock, slotsMs, refusedUntilMs, items } = memory;
  if (closedBy(memory) !== null) return null;
  const waiting = [...items.values()].filter(({ state }) =>
    ["waiting", "quota", "service", "starting"].includes(state)
  );
  const canary = waiting.filter(({ item }) => item.canary).length;
  const isCanaryOpen = startableItems(memory).length < waiting.length;
  const { endsAtMs } = forecast({
    nowMs,
    slotsMs,
    waiting: waiting.length,
    runningSinceMs: open.map((start) => nowMs - ageMs(start, nowMs)),
    canary: isCanaryOpen ? canary : null,
    parallel: lock.limits.parallel,
    meanRunMs,
    windows: lock.windows,
    refusedUntilMs,
  });
  return endsAtMs;
}

/** Makes the view. */
export function makeView(memory: CampaignMemory, input: ViewInput): CampaignView {
  const { lock: { campaign, round }, counts, slotsMs, wave } = memory;
  const { nowMs, sandboxes = null, brief = false } = input;
  const items = [...memory.items.values()].map(itemView);
  const open = openStarts(memory);
  const { state, reason } = campaignState(memory);
  const isOver = state === "done";
  const rest = input.rest ?? paceOf(memory, open.length, input);
  const nextMs = isOver || state === "stopped" || state === "gated" ? null : nextWaveMs(input, rest, open);
  return {
    schema: 1,
    campaign,
    round,
    state,
    stateReason: reason,
    counts: { ...counts },
    items,
    causes: brief ? [] : groupByCause(items),
    quota: { ...quotaUse(slotsMs, nowMs), sandboxes: { used: sandboxes, limit: SANDBOX_LIMIT } },
    waves: wave,
    nextWaveAt: iso(nextMs),
    waitsFor: isOver ? null : closedBy(memory) ?? (rest.because === "nothing" ? null : rest.because),
    endsAt: isOver || brief ? null : iso(endMs(memory, input, open)),
    exitCode: exitCodeOf(memory),
    at: new Date(nowMs).toISOString(),
  };
}

import { EXIT, type ExitName } from "../../exit_codes.ts";
import {
  ABANDONED_MS,
  type CampaignMemory,
  hasRun,
  isLongOpen,
  isOpenStart,
  type ItemMemory,
  lingerMs,
} from "../journal/memory.ts";
import type { RecordBody } from "../journal/record.ts";
import { formatCount } from "../../text/duration.ts";
import { type ForecastInput, LINGER_MS } from "../pace/forecast.ts";
import { type Pace, type PaceInput, SANDBOX_LIMIT } from "../pace/next_starts.ts";
import { followUpBranch, isLocal } from "../pulls.ts";
import { pendingPulls } from "./pending_pulls.ts";
import {
  type CampaignState,
  GOOD_VERDICTS,
  hasVerdict,
  isFinal,
  type ItemState,
  OPEN_STATES,
  totalsOf,
} from "./verdicts.ts";
import type { CanaryGate, PendingPulls } from "./view.ts";

/** Minimum number of finished items before a percentage of failures is checked. Source: specification of campaigns, section 3. */
const FIRST_SHARE = 5;

function isStartable({ state }: ItemMemory): boolean {
  return !hasVerdict(state) && state !== "running";
}

/** Includes a run that an open start may have begun. */
export function isToCancel({ stopped }: CampaignMemory, { skipped }: ItemMemory): boolean {
  return stopped?.cancel === true || skipped?.cancel === true;
}

function isToSettle(memory: CampaignMemory, item: ItemMemory): boolean {
  return isOpenStart(item) && item.state !== "unknown" && (item.settle || isToCancel(memory, item));
}

/** Other open starts are sent again while the campaign continues. */
export function toSettle(memory: CampaignMemory): ItemMemory[] {
  return [...memory.items.values()].filter((item) => isToSettle(memory, item)).sort(byLastTry);
}

export function runsToCancel(memory: CampaignMemory): ItemMemory[] {
  return [...memory.items.values()].filter((item) => isToCancel(memory, item) && hasRun(item));
}

function lastTryMs({ starts }: ItemMemory): number {
  return Date.parse(starts.at(-1)?.sentAt ?? "");
}

function byLastTry(a: ItemMemory, b: ItemMemory): number {
  return lastTryMs(a) - lastTryMs(b);
}

/**
 * How long all starts pause, by the number of consecutive unanswered starts. Starts pause because each start may begin a run that the campaign cannot
 * find, and uses one of the 150 starts per day.
 */
const PAUSES_MS: readonly number[] = [5, 15, 30, 60].map((minutes) => minutes * 60_000);
/** How long an open start waits before it is sent again, by the number of unanswered attempts. */
const OPEN_WAITS_MS: readonly number[] = [...PAUSES_MS, 3 * 3_600_000];
/** After this number of consecutive unanswered probes, the next probe is an item that was never sent. */
const PROBES = 2;

function waitOf(waits: readonly number[], count: number): number {
  return waits[Math.min(Math.max(count, 1), waits.length) - 1] ?? 0;
}

/** By the service's clock. */
export function pausedUntilMs({ unanswered }: CampaignMemory, nowMs: number): number | null {
  if (unanswered === null) return null;
  return Math.min(unanswered.lastMs, nowMs) + waitOf(PAUSES_MS, unanswered.count);
}

/**
 * By the service's clock.
 *
 * @param isShared Whether another machine may be about to send a start that has not been answered yet.
 */
export function readyMs(item: ItemMemory, nowMs: number, isShared: boolean): number {
  const { state, serviceFailures } = item;
  const isOpen = isOpenStart(item);
  const waitMs = isOpen && serviceFailures === 0
    ? isShared ? ABANDONED_MS : null
    : isOpen
    ? waitOf(OPEN_WAITS_MS, serviceFailures)
    : state === "service"
    ? waitOf(PAUSES_MS, serviceFailures)
    : null;
  return waitMs === null ? -Infinity : Math.min(lastTryMs(item), nowMs) + waitMs;
}

interface Ready {
  /** After an unanswered start, the list contains only one item: the probe. */
  items: ItemMemory[];
  held: { because: "refused" | "unanswered"; nextMs: number } | null;
}

export function readyItems(memory: CampaignMemory, nowMs: number, isShared = false): Ready {
  const { unanswered } = memory;
  const all = startableItems(memory).map((item) => ({ item, at: readyMs(item, nowMs, isShared) }));
  const items = all.filter(({ at }) => at <= nowMs).map(({ item }) => item);
  if (items.length > 0) return { items: unanswered === null ? items : [probeOf(unanswered, items)], held: null };
  const [next] = all.sort((a, b) => a.at - b.at);
  if (next === undefined) return { items, held: null };
  return { items, held: { because: isOpenStart(next.item) ? "unanswered" : "refused", nextMs: next.at } };
}

export function paceOf(pace: Pace, { held }: Ready): Pace {
  return pace.because === "nothing" && held !== null ? { starts: 0, ...held } : pace;
}

/**
 * The only item to start while the service may not be answering: the open start whose last attempt is the oldest or, from time to time, an item that
 * was never sent.
 */
function probeOf({ count }: { count: number }, items: ItemMemory[]): ItemMemory {
  const [open] = items.filter(isOpenStart).sort(byLastTry);
  const fresh = items.find(({ starts }) => starts.length === 0) ?? items.find((item) => !isOpenStart(item));
  const isTurnOfFresh = count % (PROBES + 1) === 0;
  return (isTurnOfFresh ? fresh ?? open : open ?? fresh) as ItemMemory;
}

export function openStarts({ items }: CampaignMemory): ItemMemory[] {
  return [...items.values()].filter(isOpenStart);
}

export function longOpenStarts({ items }: CampaignMemory, nowMs: number): ItemMemory[] {
  return [...items.values()].filter((item) => isLongOpen(item, nowMs));
}

export function hasUntoldStarts(memory: CampaignMemory, nowMs: number): boolean {
  return longOpenStarts(memory, nowMs).some(({ starts }) => starts.at(-1)?.isTold === false);
}

export function openStartsText(count: number): string {
  return `${formatCount(count, "start")} ${count === 1 ? "has" : "have"} no answer, so ${
    count === 1 ? "an agent" : "agents"
  } may be running`;
}

function canaryOf({ items }: CampaignMemory): ItemMemory[] {
  return [...items.values()].filter(({ item }) => item.canary);
}

/** An item is also treated as succeeded while a follow-up fixes its pull request. */
function isGood({ state, followUp }: ItemMemory): boolean {
  return GOOD_VERDICTS.includes(state) || followUp !== null;
}

export function isCanaryClosed(memory: CampaignMemory): boolean {
  const { lock: { canary }, gates } = memory;
  if (!gates.canary.closed) return false;
  return canary?.gate !== "automatic" || !canaryOf(memory).every(isGood);
}

export function holdsBack(memory: CampaignMemory): boolean {
  const { lock, gates } = memory;
  if (lock.canary === null || gates.canary.approved !== null) return false;
  return !canaryOf(memory).every(isGood) || isCanaryClosed(memory) || canaryGate(memory) !== undefined;
}

/**
 * Items that can be started, in this order:
 *
 * - starts that a lost process has left behind
 * - items that a person has requested, because that person is waiting to see whether the cause is fixed
 * - the canary, then the others in the order of the file
 * - items that had an attempt and were not requested
 * - unanswered starts, beginning with the start whose last attempt is the oldest
 *
 * While the canary prevents other items from starting, only the canary's items are in the list.
 */
function startableItems(memory: CampaignMemory): ItemMemory[] {
  const onlyCanary = holdsBack(memory);
  const groups = { left: [], asked: [], fresh: [], tried: [], unanswered: [] } as Record<string, ItemMemory[]>;
  for (const item of memory.items.values()) {
    if (!isStartable(item) || onlyCanary && !item.item.canary || isToSettle(memory, item)) continue;
    // Without a branch, the follow-up would be started as a task.
    if (item.followUp !== null && !isOpenStart(item) && followUpBranch(item).branch === null) continue;
    const hadAttempt = item.attempts > 0 || item.retries > 0;
    const isUnanswered = isOpenStart(item) && item.serviceFailures > 0;
    const group = isUnanswered
      ? "unanswered"
      : item.state === "starting"
      ? "left"
      : item.asked
      ? "asked"
      : hadAttempt
      ? "tried"
      : "fresh";
    groups[group]?.push(item);
  }
  groups.unanswered?.sort(byLastTry);
  return Object.values(groups).flat();
}

function openPullRequests({ items }: CampaignMemory): { open: number; unread: number } {
  let [open, unread] = [0, 0];
  for (const { pullRequest, pull, state } of items.values()) {
    if (pullRequest === null || state === "skipped" || pull === null && isLocal(pullRequest)) continue;
    if (pull === null || pull.state === "unreadable") unread++;
    else if (pull.state === "open") open++;
  }
  return { open, unread };
}

export function canaryGateOf(memory: CampaignMemory): CanaryGate | null {
  const { lock: { canary } } = memory;
  if (canary === null || !isCanaryClosed(memory)) return null;
  return { gate: canary.gate, retried: canaryOf(memory).filter(({ state }) => !isFinal(state)).length };
}

/** Retried items of the canary do not wait for the canary's gate. */
export function closedBy(memory: CampaignMemory): "gate" | "stopped" | null {
  if (memory.stopped !== null) return "stopped";
  return closedGateReason(memory) === null ? null : "gate";
}

/**
 * Why a gate is closed, even if a person has also stopped the campaign. The canary's gate is ignored while canary items are being retried, because
 * the canary has no result yet.
 */
export function closedGateReason(memory: CampaignMemory): string | null {
  const { gates: { threshold, canary } } = memory;
  const gate = threshold.closed ? threshold : canaryGateOf(memory)?.retried === 0 ? canary : undefined;
  return gate === undefined ? null : gate.reason ?? "approval is needed";
}

type GateRecord = Extract<RecordBody, { type: "gate" }>;

function canaryReason(canaryItems: readonly ItemMemory[], gate: "automatic" | "manual"): string | null {
  const bad = canaryItems.filter(({ state }) => !GOOD_VERDICTS.includes(state));
  if (bad.length > 0) {
    const names = bad.slice(0, 3).map(({ item, state }) => `${item.repository} ${state}`).join(", ");
    const more = bad.length > 3 ? ` and ${bad.length - 3} more` : "";
    return `${bad.length} of ${canaryItems.length} canary items did not succeed: ${names}${more}`;
  }
  if (gate === "automatic") return null;
  const isOne = canaryItems.length === 1;
  const states = new Set(canaryItems.map(({ state }) => state));
  const ends = [
    ...states.has("succeeded") ? ["succeeded"] : [],
    ...states.has("unchanged") ? ["needed no change"] : [],
    ...states.has("skipped") ? [`${isOne ? "was" : "were"} skipped`] : [],
  ];
  return `${isOne ? "the canary item" : `${canaryItems.length} canary items`} ${ends.join(" or ")}`;
}

function canaryGate(memory: CampaignMemory): GateRecord | undefined {
  const { lock: { canary }, gates: { canary: gate } } = memory;
  if (canary === null || gate.approved !== null) return undefined;
  const canaries = canaryOf(memory);
  if (canaries.length === 0 || canaries.some(({ state }) => !isFinal(state))) return undefined;
  const reason = canaryReason(canaries, canary.gate);
  // A gate that is already closed is recorded again if retries changed its reason.
  if (reason === null || gate.closed && gate.reason === reason) return undefined;
  return { type: "gate", gate: "canary", reason };
}

function sinceApproval({ ended, failures, gates: { threshold: { approved } } }: CampaignMemory) {
  return { ended: ended - (approved?.ended ?? 0), failures: failures - (approved?.failures ?? 0) };
}

/** @param more Number of further items that are assumed to fail. */
export function reachesThreshold(memory: CampaignMemory, more = 0): boolean {
  const threshold = memory.lock.limits.stopAfterFailures;
  if (threshold === null || memory.gates.threshold.closed) return false;
  const since = sinceApproval(memory);
  const [ended, failures] = [since.ended + more, since.failures + more];
  return threshold.kind === "count"
    ? failures >= threshold.count
    : ended >= FIRST_SHARE && failures > 0 && failures / ended >= threshold.share;
}

function thresholdGate(memory: CampaignMemory): GateRecord | undefined {
  const { lock, gates, items } = memory;
  const threshold = lock.limits.stopAfterFailures;
  if (threshold === null || !reachesThreshold(memory)) return undefined;
  const { approved } = gates.threshold;
  const since = sinceApproval(memory);
  const limit = threshold.kind === "count" ? String(threshold.count) : `${Math.round(threshold.share * 100)}%`;
  const areCancelled = [...items.values()].some(({ state, tally }) => state === "cancelled" && tally === "failure");
  const verb = areCancelled ? `failed or ${since.failures === 1 ? "was" : "were"} cancelled` : "failed";
  const reason = `${failuresText(since, approved !== null, verb)} (stop-after-failures: ${limit})`;
  return { type: "gate", gate: "threshold", reason };
}

function failuresText(
  { ended, failures }: { ended: number; failures: number },
  isApproved: boolean,
  verb: string,
): string {
  const isOne = ended === 1;
  const count = isOne ? "item" : `${ended} items`;
  const items = isApproved ? `${count} that finished after the approval` : `first ${count}`;
  // The reason does not change when more items finish, so it includes the number of items that it refers to.
  if (failures < ended) {
    return `${failures} of the first ${ended} ${
      isApproved ? "items that finished after the approval" : "finished items"
    } ${verb}`;
  }
  if (ended === 2) {
    return isApproved
      ? `both items that finished after the approval ${verb}`
      : `the first 2 items to finish both ${verb}`;
  }
  if (isApproved && !isOne) return `all ${items} ${verb}`;
  return `the ${items}${isOne ? "" : " all"} ${verb}`;
}

export function gateDue(memory: CampaignMemory): GateRecord | undefined {
  return canaryGate(memory) ?? thresholdGate(memory);
}

function countOf({ counts }: Pick<CampaignMemory, "counts">, states: readonly ItemState[]): number {
  return states.reduce((sum, state) => sum + counts[state], 0);
}

function openCount(memory: Pick<CampaignMemory, "counts">): number {
  return countOf(memory, OPEN_STATES);
}

export function toStartCount(memory: Pick<CampaignMemory, "counts">): number {
  return openCount(memory) - memory.counts.running;
}

export function paceInput(
  memory: CampaignMemory,
  { failed = 0, ...rest }:
    & Pick<PaceInput, "nowMs" | "sandboxes" | "running" | "waiting">
    & Partial<Pick<PaceInput, "closed">>
    & { failed?: number | undefined },
): PaceInput {
  const {
    slotsMs,
    quotas,
    refusedUntilMs,
    refusedBy,
    sandboxRefusals,
    lock: { limits: { parallel, openPullRequests: limit }, windows },
  } = memory;
  const { open, unread } = openPullRequests(memory);
  const pullRequests = limit === null ? null : { open: unread + failed > 0 ? null : open, limit };
  return {
    slotsMs,
    quotas,
    refusedUntilMs,
    refusedBy,
    unansweredUntilMs: pausedUntilMs(memory, rest.nowMs),
    sandboxRefusals,
    parallel,
    windows,
    closed: closedBy(memory),
    pullRequests,
    ...rest,
  };
}

export function assumedLingerMs({ ended, quotas }: CampaignMemory): typeof LINGER_MS | null {
  return ended === 0 && quotas.length > 0 ? LINGER_MS : null;
}

export function forecastInput(
  memory: CampaignMemory,
  rest: Pick<ForecastInput, "nowMs" | "meanRunMs" | "runningSinceMs"> & Partial<Pick<ForecastInput, "parallel">>,
): ForecastInput {
  const { slotsMs, quotas, refusedUntilMs, lock: { limits: { parallel }, windows } } = memory;
  const linger = lingerMs(memory) ?? assumedLingerMs(memory)?.least ?? 0;
  const waiting = toStartCount(memory);
  const startable = startableItems(memory).length;
  const canary = startable < waiting ? startable : null;
  return { slotsMs, quotas, refusedUntilMs, waiting, canary, parallel, windows, lingerMs: linger, ...rest };
}

export function whoStopped({ by }: { by: string }): string {
  return by === "unknown" ? "a person" : by;
}

export const STOPPED_BY = "stopped by ";

export function stoppedText(stopped: { by: string; reason?: string | null | undefined }): string {
  return `${STOPPED_BY}${whoStopped(stopped)}${stopped.reason ? `: ${stopped.reason}` : ""}`;
}

export function mergeHold(memory: CampaignMemory): PendingPulls["hold"] | null {
  const { stopped, gates: { merge } } = memory;
  if (stopped !== null) return "stopped";
  return merge.closed ? "merge-gate" : closedBy(memory);
}

export function pendingOf(memory: CampaignMemory, nowMs: number): PendingPulls | null {
  const pending = campaignState(memory, nowMs).state === "merging" ? pendingPulls(memory, nowMs) : null;
  const hold = mergeHold(memory);
  return pending === null || hold === null ? pending : { ...pending, hold };
}

/** A stop remains in effect after all items have ended, because a retry does not revoke the stop. */
export function campaignState(
  memory: CampaignMemory,
  nowMs: number,
): { state: CampaignState; reason: string | null } {
  const { counts, stopped, gates } = memory;
  const settles = toSettle(memory).length > 0;
  const stop = stopped === null ? null : stoppedText(stopped);
  if (openCount(memory) === 0 && !settles) {
    if (counts["needs-input"] > 0) return { state: "waiting", reason: stop };
    // After all runs have ended, a stop affects only items that are started again.
    if (pendingPulls(memory, nowMs) === null) return { state: "done", reason: totalsOf(counts).bad > 0 ? stop : null };
    return { state: "merging", reason: stop ?? (mergeHold(memory) === "gate" ? closedGateReason(memory) : null) };
  }
  if (stop !== null || gates.threshold.closed) {
    const gate = closedGateReason(memory);
    const by = stop === null || gate === null ? stop ?? gate : `${stop}; a gate is also closed: ${gate}`;
    const open = openStarts(memory).length;
    const advice = stopped?.cancel ? "" : ": to find out, run `campaign stop --cancel`";
    const reason = open === 0 ? by : `${by}; ${openStartsText(open)}${advice}`;
    return { state: settles || counts.running + counts["needs-input"] > 0 ? "stopping" : "stopped", reason };
  }
  if (closedBy(memory) === "gate") return { state: "gated", reason: gates.canary.reason };
  if (memory.wave === 0) return { state: "planned", reason: null };
  return { state: counts.running > 0 ? "running" : "waiting", reason: null };
}

export function isAtRest(memory: CampaignMemory): boolean {
  if (toSettle(memory).length > 0 || runsToCancel(memory).length > 0) return false;
  if (openCount(memory) === 0) return true;
  // A gate that must close has to be recorded first.
  if (memory.counts.running > 0 || gateDue(memory) !== undefined) return false;
  return closedBy(memory) !== null || waitsForAnswers(memory);
}

function isOnlyAsking(memory: CampaignMemory): boolean {
  const { counts } = memory;
  return counts["needs-input"] > 0 && counts.running === 0 && openStarts(memory).length === 0;
}

export function waitsForCanaryAnswers(memory: CampaignMemory): boolean {
  return isOnlyAsking(memory) && startableItems(memory).length === 0;
}

/**
 * Whether runs that wait for a person's answer are the only runs left, or prevent all other items from starting because they use the sandboxes or
 * belong to the canary.
 */
export function waitsForAnswers(memory: CampaignMemory): boolean {
  const { counts, lock: { limits } } = memory;
  const holdsAll = counts["needs-input"] >= Math.min(limits.parallel, SANDBOX_LIMIT);
  return isOnlyAsking(memory) && (holdsAll || startableItems(memory).length === 0);
}

type CampaignExit = Extract<ExitName, "success" | "failed" | "awaitingInput">;

export function exitOf(memory: CampaignMemory): CampaignExit | null {
  if (openCount(memory) > 0) {
    const isOver = memory.gates.threshold.closed && memory.counts.running === 0;
    return isOver ? "failed" : null;
  }
  const { asking, bad } = totalsOf(memory.counts);
  if (asking > 0) return "awaitingInput";
  return bad > 0 ? "failed" : "success";
}

/** 0 while the campaign continues. */
export function exitCodeOf(memory: CampaignMemory): number {
  return EXIT[exitOf(memory) ?? "success"];
}

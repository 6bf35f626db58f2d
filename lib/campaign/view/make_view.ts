import { isObject } from "../../lookup.ts";
import { checkResultSchema } from "../../result/result_schema.ts";
import { isoTimeOrNull } from "../../run/result.ts";
import { formatCount } from "../../text/duration.ts";
import {
  type CampaignMemory,
  hasRun,
  isOpenStart,
  type ItemMemory,
  type StartMemory,
  usualLateMs,
} from "../journal/memory.ts";
import type { Lock } from "../journal/lock.ts";
import { GATES, type ResultMemory } from "../journal/record.ts";
import { forecast } from "../pace/forecast.ts";
import { DEFAULT_MEAN_RUN_MS, nextStarts, type Pace, quotaUse, SANDBOX_LIMIT } from "../pace/next_starts.ts";
import {
  campaignState,
  canaryGateOf,
  closedBy,
  closedGateReason,
  exitCodeOf,
  forecastInput,
  isAtRest,
  longOpenStarts,
  paceInput,
  paceOf,
  pendingOf,
  readyItems,
  runsToCancel,
  toSettle,
  toStartCount,
  whoStopped,
} from "./progress.ts";
import { groupByCause } from "../report/causes.ts";
import { isAtGate } from "../report/next_step.ts";
import { STUCK_AFTER_MS, stuckCause } from "../pulls.ts";
import { groupByStage, stageOf } from "./merge_stage.ts";
import { areRunsOver, isFinal, totalsOf } from "./verdicts.ts";
import type { CampaignAbout, CampaignItem, CampaignView, ItemResult } from "./view.ts";

export interface ViewInput {
  nowMs: number;
  meanRunMs: number | null;
  /**
   * When the campaign was last checked. The time of the next wave is computed from this time. @default the time of the last record, otherwise `nowMs`
   */
  lookedAtMs?: number | undefined;
  /** Number of the user's active sandboxes; `null` if they were not read. @default the number in the journal */
  sandboxes?: number | null | undefined;
  writer?: string | null | undefined;
  /**
   * Whether a process follows the campaign until the campaign is done, so no further wave is needed to detect the end. @default whether another
   * process is working on the campaign
   */
  stays?: boolean | undefined;
  /** Whether to omit the causes and the end of the campaign, which take most of the time to compute. @default {false} */
  brief?: boolean | undefined;
  /** Time without activity after which a pull request is stuck, in milliseconds. @default three days */
  stuckAfterMs?: number | undefined;
  /** Number of pull requests that could not be read this time. The view shows an earlier state of these pull requests. @default {0} */
  failed?: number | undefined;
}

export function makeView(memory: CampaignMemory, input: ViewInput): CampaignView {
  const { lock: { campaign, round, success }, counts, slotsMs, quotas, wave, trouble: lastError } = memory;
  const { nowMs, sandboxes = memory.sandboxes, writer = null, stays = writer !== null, brief = false } = input;
  const meanRunMs = input.meanRunMs ?? DEFAULT_MEAN_RUN_MS;
  const outputs = outputNamesOf(memory.lock);
  const items = [...memory.items.values()].map((item) => {
    const view = itemView(item, nowMs, input.stuckAfterMs, success.require === "pull-request");
    return item.result === null ? view : { ...view, result: resultView(item.result, outputs[item.item.task] ?? []) };
  });
  const merging = groupByStage(items);
  const refused = [...memory.items.values()].filter(isRefused).length;
  const open = openStarts(memory);
  // Runs that will be cancelled do not need an answer from a person.
  const toCancel = new Set(runsToCancel(memory).map(({ item }) => item.id));
  const pendingCancels = toCancel.size;
  const { state, reason } = campaignState(memory, nowMs);
  const isOver = areRunsOver(state);
  const pending = pendingOf(memory, nowMs);
  // If sandboxes were not read, the campaign's open runs are counted instead.
  const ready = readyItems(memory, nowMs);
  const waiting = ready.items.length;
  const now = paceInput(memory, { nowMs, sandboxes, running: open.length, waiting, failed: input.failed });
  const pace = paceOf(nextStarts(now), ready);
  // The time of a record is by the clock of the machine that wrote it, but quotas use the service's time.
  const lastMs = memory.lastAt === null ? nowMs : Date.parse(memory.lastAt) - memory.skewMs;
  const lookedAtMs = input.lookedAtMs ?? Math.min(nowMs, lastMs);
  const settles = toSettle(memory).length > 0;
  // The end of a run that waits for a person cannot be predicted.
  const nextMs = isAtRest(memory)
    ? null
    : nextWaveMs(lookedAtMs, meanRunMs, paceOf(nextStarts({ ...now, nowMs: lookedAtMs }), ready), open, settles);
  const endsMs = isOver || brief ? null : endMs(memory, nowMs, meanRunMs, open, pace);
  // A closed gate needs no approval if nothing is left to start.
  const closed = toStartCount(memory) + counts.running === 0 ? null : now.closed;
  const isGated = isAtGate({ state, waitingFor: closed });
  const gateReason = closed === "stopped" ? closedGateReason(memory) : null;
  const canaryGate = isOver ? null : canaryGateOf(memory);
  const gatedAt = memory.gates[memory.gates.threshold.closed ? "threshold" : "canary"].closedAt;
  // The durations of failed runs do not predict the durations of the remaining runs.
  const openEndMs = isGated && !brief && totalsOf(counts).good > 0
    ? endMs(memory, nowMs, meanRunMs, open, nextStarts({ ...now, closed: null, waiting: toStartCount(memory) }), true)
    : null;
  return {
    schema: 1,
    campaign,
    round,
    state,
    stateReason: reason,
    ...isGated && gatedAt !== null && { gatedAt },
    ...gateReason !== null && { gateReason },
    ...canaryGate !== null && { canaryGate },
    ...memory.gates.merge.closed && { mergesStopped: memory.gates.merge.reason ?? "" },
    counts: { ...counts, starting: counts.starting - refused, waiting: counts.waiting + refused },
    items,
    causes: brief ? [] : groupByCause(
      items.filter(({ id, verdict }) => verdict !== "needs-input" || !toCancel.has(id)),
      new Set(longOpenStarts(memory, nowMs).map(({ item }) => item.id)),
    ),
    ...(merging.length > 0 && { merging }),
    ...(pending !== null && { pending }),
    quota: {
      ...quotaUse(slotsMs, nowMs, quotas),
      sandboxes: sandboxesView(memory, sandboxes, open.length),
    },
    ...(pendingCancels > 0 && { pendingCancels }),
    waves: wave,
    lastError,
    writer,
    nextWaveAt: isoTimeOrNull(nextMs),
    waitingFor: isOver ? null : closed ?? (pace.starts > 0 ? null : pace.because),
    // Only a process that follows runs detects their end between two waves.
    endsAt: isoTimeOrNull(
      endsMs === null || stays && open.length > 0 ? endsMs : Math.max(endsMs, nextMs ?? endsMs),
    ),
    ...openEndMs !== null && { endsAtIfApproved: new Date(openEndMs).toISOString() },
    exitCode: exitCodeOf(memory),
    at: new Date(nowMs).toISOString(),
    about: aboutOf(memory),
  };
}

function outputNamesOf({ tasks }: Lock): (readonly string[])[] {
  return tasks.map(({ result }) => result === undefined ? [] : checkResultSchema(JSON.parse(result.schema)).outputs);
}

function resultView({ value, ...facts }: ResultMemory, names: readonly string[]): ItemResult {
  const outputs = Object.fromEntries(
    names.flatMap((name) => {
      const output = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
      const isScalar = typeof output === "string" || typeof output === "number" || typeof output === "boolean";
      return isScalar ? [[name, output] as const] : [];
    }),
  );
  return { ...facts, ...(value !== undefined && { value }), outputs };
}

export function itemView(
  { item, state, reason, skipped, starts, sent, attempts, renamed, branch, pullRequest, pull, files, merge }:
    ItemMemory,
  nowMs: number,
  stuckAfterMs: number | undefined,
  requiresPull: boolean,
): CampaignItem {
  const last = starts.at(-1);
  const withRun = starts.findLast(({ runId }) => runId !== null);
  const skippedBy = skipped !== null && !skipped.cancel && hasRun({ starts }) ? whoStopped(skipped) : undefined;
  const lastLines = state === "succeeded" || state === "unchanged" ? [] : last?.lastLines ?? [];
  const isUnchecked = requiresPull && state === "succeeded" && pullRequest !== null && pull === null;
  const view = {
    id: item.id,
    repository: item.repository,
    ...(renamed !== null && { renamed }),
    baseBranch: item.baseBranch,
    root: item.root,
    verdict: isRefused({ state, starts }) ? "waiting" : state,
    isFinal: isFinal(state),
    reason: reason ?? (renamed === null ? null : `its repository is now called ${renamed}`),
    ...(lastLines.length > 0 && { lastLines }),
    ...(skippedBy !== undefined && { skippedBy }),
    starts: sent,
    attempts,
    runId: withRun?.runId ?? null,
    branch,
    pullRequest,
    pullRequestState: pull,
    ...(files !== null && { files }),
    ...(isUnchecked && { unchecked: true }),
    startedAt: last === undefined ? null : startedAtOf(last),
    endedAt: withRun !== undefined && withRun.end !== null && withRun.end !== "needs-input" ? withRun.updatedAt : null,
    canary: item.canary,
  };
  const stage = stageOf(view, merge);
  const staged = { ...view, ...(stage !== undefined && { merge: stage }) };
  return { ...staged, stuck: stuckCause(view, withRun?.changed ?? null, nowMs, stuckAfterMs ?? STUCK_AFTER_MS) };
}

/** Whether the service refused the last start because of the token. The start did not begin a run, and is sent again once the token is fixed. */
function isRefused({ state, starts }: Pick<ItemMemory, "state" | "starts">): boolean {
  return state === "starting" && !isOpenStart({ starts });
}

/** If a start found an existing run, that run started before the start was sent. */
function startedAtOf({ createdAt, slotAt, sentAt }: StartMemory): string {
  const at = slotAt ?? sentAt;
  return createdAt !== null && Date.parse(createdAt) < Date.parse(at) ? createdAt : at;
}

function openStarts(memory: CampaignMemory): StartMemory[] {
  return [...memory.items.values()].filter(hasRun).flatMap(({ starts }) => starts.slice(-1));
}

const WAVE_MS = { least: 2 * 60_000, most: 15 * 60_000 };

/** The service does not report when sandboxes outside the campaign end, so waves check for free sandboxes at this interval. */
const OTHERS_MS = 5 * 60_000;

function nextWaveMs(
  fromMs: number,
  meanRunMs: number,
  { starts, because, nextMs }: Pace,
  open: readonly StartMemory[],
  settles: boolean,
): number | null {
  const times = open.map((start) => {
    const restMs = start.status === "awaiting_input" ? WAVE_MS.most : meanRunMs - ageMs(start, fromMs);
    return fromMs + Math.min(Math.max(restMs, WAVE_MS.least), WAVE_MS.most);
  });
  if (settles) times.push(fromMs + WAVE_MS.least);
  if (starts > 0) times.push(fromMs);
  else if (nextMs !== null) times.push(Math.max(nextMs, fromMs + (because === "sandboxes" ? OTHERS_MS : 0)));
  return times.length === 0 ? null : Math.min(...times);
}

function ageMs({ createdAt, slotAt, sentAt }: StartMemory, nowMs: number): number {
  const ms = nowMs - Date.parse(createdAt ?? slotAt ?? sentAt);
  return Number.isFinite(ms) ? Math.max(ms, 0) : 0;
}

/**
 * `used` includes at least one sandbox for each open run. It does not exceed the limit, because a sandbox that has just booted may have been counted
 * twice. `ended` is absent if the sandboxes were not read.
 */
function sandboxesView(
  { lingering }: CampaignMemory,
  read: number | null,
  open: number,
): CampaignView["quota"]["sandboxes"] {
  const used = read === null ? null : Math.min(Math.max(read, open), SANDBOX_LIMIT);
  const ended = used === null ? 0 : Math.min(lingering.size, used);
  return { used, limit: SANDBOX_LIMIT, ...(ended > 0 && { ended }) };
}

/**
 * A run blocks other starts until its end is detected. `null` while a run waits for an answer, because the time of the answer cannot be predicted.
 */
function endMs(
  memory: CampaignMemory,
  nowMs: number,
  meanRunMs: number,
  open: readonly StartMemory[],
  { starts, nextMs }: Pace,
  isApproved = false,
): number | null {
  if (closedBy(memory) !== null && !isApproved) return null;
  if (open.some(({ status }) => status === "awaiting_input")) return null;
  const parallel = Math.min(memory.lock.limits.parallel, SANDBOX_LIMIT);
  const runningSinceMs = open.map((start) => nowMs - ageMs(start, nowMs));
  const lateMs = usualLateMs(memory);
  const input = forecastInput(memory, { nowMs, meanRunMs: meanRunMs + lateMs, runningSinceMs, parallel });
  if (input.waiting + open.length === 0) return null;
  const gates = isApproved ? { canary: null } : {};
  // A start can wait for more than limits, for example for the next attempt to get a sandbox.
  const refusedUntilMs = starts > 0 ? input.refusedUntilMs : Math.max(input.refusedUntilMs ?? 0, nextMs ?? 0);
  return forecast({ ...input, ...gates, refusedUntilMs, lingerMs: Math.max((input.lingerMs ?? 0) - lateMs, 0) })
    .endsAtMs;
}

function aboutOf({ lock, gates, seq, lastAt, decisions, firstStartAt }: CampaignMemory): CampaignAbout {
  const { fileHash, plannedAt, origin, limits: { stopAfterFailures: stop, ...limits }, windows, tasks } = lock;
  // The last task is from the newest plan.
  const { title = null, prompt = "", agent } = tasks.at(-1) ?? {};
  const stopAfterFailures = stop === null ? null : stop.kind === "count" ? String(stop.count) : `${stop.share * 100}%`;
  const approvals = GATES.flatMap((gate) => {
    const { approved } = gates[gate];
    return approved === null ? [] : [{ gate, by: approved.by, at: approved.at, note: approved.note }];
  });
  return {
    title: title ?? prompt.trim().split("\n", 1)[0] ?? "",
    ...(agent !== undefined && { agent: agent.harness }),
    ...{ fileHash, plannedAt, origin, limits: { ...limits, stopAfterFailures }, windows: windows.length, approvals },
    decisions: [
      { at: plannedAt, what: `Planned ${formatCount(lock.items.length, "item")}`, by: null, reason: null },
      ...firstStartAt === null ? [] : [{ at: firstStartAt, what: "Started the first run", by: null, reason: null }],
      ...decisions,
    ].sort((a, b) => Date.parse(a.at) - Date.parse(b.at)),
    records: seq,
    lastRecordAt: lastAt,
  };
}

import { decisionOf, MAX_DECISIONS } from "./decisions.ts";
import { UsageError } from "../../errors.ts";
import { PULL_REQUEST_STATUSES } from "../../forge/model.ts";
import { NOTIFY_EVENTS, type NotifyEvent } from "../file/campaign_file.ts";
import { followUpBranch } from "../pulls.ts";
import {
  CANCELLED_BY_STOP,
  type ItemState,
  MAX_SERVICE_FAILURES,
  MAX_WITHOUT_SANDBOX,
  type StartVerdict,
  VERDICT_RULES,
} from "../view/verdicts.ts";
import { itemKey } from "./chain.ts";
import { isSealed, type Lock, type LockItem } from "./lock.ts";
import { addRequester, applyMerge, Contradiction } from "./merge_memory.ts";
import { applyWrite } from "./write_memory.ts";
import {
  ABANDONED_MS,
  type CampaignMemory,
  type GateMemory,
  hasRun,
  isLongOpen,
  isOpenStart,
  isSpent,
  type ItemMemory,
  MAX_LATE,
  nextStart,
  SENT_ELSEWHERE,
  type StartMemory,
} from "./memory.ts";
import { oneLine } from "./fields.ts";
import { CHECKS_RULE, type FollowUp, type JournalRecord, MAX_REASON, type PullRequestMemory } from "./record.ts";

type Of<T extends JournalRecord["type"]> = Extract<JournalRecord, { type: T }>;

const FITTING = "restore a matching lock.json and journal from the previous wave (its artifact, commit or backup)";

/** After an error, the memory must not be used, because the record may be partly applied. */
export function applyRecord(memory: CampaignMemory, record: JournalRecord, place = `record ${record.seq}`): void {
  try {
    apply(memory, record, place);
  } catch (cause) {
    if (!(cause instanceof Contradiction)) throw cause;
    const item = "item" in record ? ` of item ${JSON.stringify(record.item)}` : "";
    throw new UsageError({
      attempted: "read journal",
      why: `the record "${record.type}"${item} contradicts the records before it (${cause.message})`,
      value: JSON.stringify(place),
      advice: FITTING,
    }, { cause });
  }
  noteLock(memory.lockHash, record);
  noteSkew(memory, record);
  noteDecision(memory, record);
  memory.told = toldAfter(memory, record);
  if (record.type === "note" && record.text.startsWith(TOLD)) noteTold(memory, record);
  memory.seq = record.seq;
  memory.lastAt = record.at;
}

function noteDecision(memory: CampaignMemory, record: JournalRecord): void {
  if (record.type === "started") memory.firstStartAt ??= record.at;
  const decision = decisionOf(record, record.type === "stopped" && [...memory.items.values()].some(hasRun));
  if (decision === undefined) return;
  memory.decisions.push(decision);
  if (memory.decisions.length > MAX_DECISIONS) memory.decisions.shift();
}

function apply(memory: CampaignMemory, record: JournalRecord, place: string): void {
  if ("item" in record) return applyToItem(memory, itemOf(memory, record.item, place), record);
  switch (record.type) {
    case "wave":
      memory.wave = record.wave;
      memory.trouble = null;
      memory.tokenRefused = false;
      memory.sandboxes = null;
      return;
    case "sandboxes":
      memory.sandboxes = record.used;
      return applyLingering(memory, record);
    case "trouble":
      memory.trouble = record.reason;
      memory.tokenRefused = record.exit !== undefined;
      if (record.missing !== undefined) {
        lastStart(itemOf(memory, record.missing.item, place), record.missing.start).missing = true;
      }
      if (record.refused === undefined) return;
      return applyRefused(memory, itemOf(memory, record.refused.item, place), record.refused.start);
    case "gate": {
      const gate = memory.gates[record.gate];
      gate.closed = true;
      gate.reason = record.reason;
      gate.closedAt = record.at;
      return;
    }
    case "approved": {
      const { by, note, at, seq } = record;
      const gate = memory.gates[record.gate];
      gate.closed = false;
      gate.approved = { by, note, at, seq, ended: memory.ended, failures: memory.failures };
      return;
    }
    case "planned":
      addRequester(memory.planners, record);
      if (record.canary) reopenGate(memory.gates.canary);
      return;
    case "retry":
      for (const id of record.items) applyRetry(memory, itemOf(memory, id, place), record);
      return;
    case "skipped":
      for (const id of record.items) applySkipped(memory, itemOf(memory, id, place), record);
      return;
    case "stopped":
      if (record.request !== undefined) memory.stopRequests.add(record.request);
      memory.stopped = { by: record.by, at: record.at, cancel: record.cancel, reason: record.reason ?? null };
      if (record.cancel) {
        memory.cancelSeq = record.seq;
        for (const item of memory.items.values()) reopenStart(memory, item);
      }
      return;
    case "resumed":
      memory.stopped = null;
      for (const item of memory.items.values()) reopenStart(memory, item);
      return;
    case "note":
      return;
  }
}

export function reopenGate(gate: GateMemory): void {
  Object.assign(gate, { closed: false, reason: null, closedAt: null, approved: null });
}

type ItemRecord = Extract<JournalRecord, { item: string }>;

function applyToItem(memory: CampaignMemory, item: ItemMemory, record: ItemRecord): void {
  switch (record.type) {
    case "intent":
      return applyIntent(memory, item, record);
    case "withdrawn":
      return applyWithdrawn(memory, item, record);
    case "started":
      return applyStarted(memory, item, record);
    case "seen":
      return applySeen(memory, item, record);
    case "ended":
      return applyEnded(memory, item, record);
    case "pull-request":
      item.pullRequest = record.url;
      item.pull = { state: stateOf(record.state), ...(record.details ?? NO_DETAILS) };
      return applyPull(memory, item);
    case "renamed":
      item.renamed = record.repository === item.item.repository ? null : record.repository;
      // The pull request may be marked as foreign only because of the repository's old name, so it must be checked again.
      if (item.pull !== null) item.pull = { ...item.pull, foreign: undefined };
      return;
    case "write-intent":
    case "write":
      return applyWrite(item, record);
    default:
      return applyMerge(item, record);
  }
}

function itemOf(memory: CampaignMemory, id: string, place: string): ItemMemory {
  const item = memory.items.get(id);
  if (item !== undefined) return item;
  throw new UsageError({
    attempted: "continue the campaign",
    why: `the journal names item ${JSON.stringify(id)}, which is not in the lock`,
    value: JSON.stringify(place),
    advice: FITTING,
  });
}

const ENDS_OF_RUNS: readonly StartVerdict[] = [
  "succeeded",
  "unchanged",
  "unknown",
  "cancelled",
  "needs-input",
  "overdue",
];

/** Verdicts that a later record can replace, because a person can answer the run or settle the start. */
const OPEN_ENDS: readonly StartVerdict[] = ["needs-input", "unknown"];

const WITHOUT_SANDBOX = "pending";

function applyIntent(memory: CampaignMemory, item: ItemMemory, record: Of<"intent">): void {
  const { kind, key, branch, sentAt, start: number, followUp = null } = record;
  const quote = record.quote?.join("\n") ?? null;
  const expected = nextStart(item);
  if (hasRun(item)) throw new Contradiction(`the run of start ${item.starts.at(-1)?.number} has not ended`);
  if (number !== expected) throw new Contradiction(`it is start ${number}, where start ${expected} is expected`);
  let start = item.starts.at(-1);
  const isAgain = isOpenStart(item) && start?.key === key;
  const before = start?.number === number ? { ...start } : null;
  const { state, tally, reason, adopt } = item;
  item.beforeIntent = isAgain ? null : { start: before, state, tally, reason, adopt };
  if (start?.number === number) {
    if (start.key !== key && !(start.end !== null && (item.adopt || start.kind !== kind))) {
      throw new Contradiction(`start ${number} has a different key`);
    }
    const lost = isAgain && (start.lost || start.openSlotMs !== null);
    const firstSentAt = isAgain ? start.firstSentAt : sentAt;
    const isTold = isAgain && start.isTold;
    const again = { kind, followUp, quote, key, branch, sentAt, firstSentAt, isTold, lost };
    Object.assign(start, again, { end: null, reason: null });
  } else {
    start = {
      number,
      kind,
      followUp,
      quote,
      key,
      branch,
      answered: null,
      sentAt,
      firstSentAt: sentAt,
      isTold: false,
      slotAt: null,
      runId: null,
      status: null,
      createdAt: null,
      updatedAt: null,
      resumedAt: null,
      runningAt: null,
      doubtedAt: null,
      end: null,
      reason: null,
      lastLines: [],
      changed: null,
      counted: false,
      openSlotMs: null,
      lost: false,
      missing: false,
      intentSeq: record.seq,
    };
    item.starts.push(start);
  }
  start.intentSeq = record.seq;
  // An earlier request that was never answered may have used a slot, so that slot is still counted.
  start.openSlotMs = Date.parse(sentAt);
  addSlot(memory.slotsMs, start.openSlotMs);
  if (!(isAgain && item.settle)) item.adopt = false;
  item.followUp = followUp;
  if (!isAgain) item.reason = null;
  if (isAgain) item.settleTries++;
  item.sent++;
  setState(memory, item, "starting", "none");
}

/** Decisions that people have made since the start was announced still apply. */
function applyWithdrawn(memory: CampaignMemory, item: ItemMemory, { start: number }: Of<"withdrawn">): void {
  const start = lastStart(item, number);
  const before = item.beforeIntent;
  if (before === null || start.openSlotMs === null) throw new Contradiction(`start ${number} may have been sent`);
  removeSlot(memory.slotsMs, start.openSlotMs);
  if (before.start === null) item.starts.pop();
  else Object.assign(start, before.start);
  item.beforeIntent = null;
  item.sent--;
  item.adopt ||= before.adopt;
  item.settle = false;
  const { skipped } = item;
  item.reason = skipped === null ? before.reason : skipped.reason;
  setState(memory, item, skipped === null ? before.state : "skipped", skipped === null ? before.tally : "none");
}

function applyStarted(memory: CampaignMemory, item: ItemMemory, record: Of<"started">): void {
  const start = lastStart(item, record.start);
  if (start.end !== null) throw new Contradiction(`start ${start.number} has ended`);
  bindRun(memory, start, record.runId);
  item.beforeIntent = null;
  freeSlot(memory, start);
  start.slotAt = record.slotAt;
  start.runningAt = record.at;
  addSlot(memory.slotsMs, Date.parse(record.slotAt));
  start.quote = null;
  start.status = record.status;
  start.createdAt = record.createdAt;
  start.answered = record.branch ?? null;
  item.settle = false;
  item.asked = false;
  memory.refusedUntilMs = null;
  memory.refusedBy = null;
  memory.unanswered = null;
  item.serviceFailures = 0;
  item.reason = null;
  memory.sandboxes = null;
  noteSandbox(memory, start);
  setState(memory, item, "running", "none");
}

function applySeen(memory: CampaignMemory, item: ItemMemory, record: Of<"seen">): void {
  const start = lastStart(item, record.start);
  if (start.runId === null) throw new Contradiction(`start ${start.number} has no run`);
  if (isSpent(start)) throw new Contradiction(`start ${start.number} has ended`);
  if (start.end === "needs-input") {
    start.resumedAt = record.updatedAt ?? record.at;
    start.runningAt = record.at;
  }
  start.doubtedAt = record.overdue ? record.at : null;
  start.end = null;
  start.missing = false;
  item.reason = null;
  start.status = record.status;
  start.updatedAt = record.updatedAt ?? start.updatedAt;
  noteSandbox(memory, start);
  setState(memory, item, "running", "none");
}

function applyEnded(memory: CampaignMemory, item: ItemMemory, record: Of<"ended">): void {
  const { as, runId, retryAt } = record;
  const start = lastStart(item, record.start);
  if (start.end !== null && !OPEN_ENDS.includes(start.end)) {
    throw new Contradiction(`start ${start.number} has ended`);
  }
  if (runId === null && start.runId !== null) throw new Contradiction(`start ${start.number} has a run`);
  // `unknown` is allowed without a run id: if another request used the key of an open start, there is a run, but the service does not return it.
  if (runId === null && ENDS_OF_RUNS.includes(as) && as !== "unknown") {
    throw new Contradiction(`a start cannot end as ${as} without a run`);
  }
  if (runId !== null) bindRun(memory, start, runId);
  item.beforeIntent = null;
  if (start.openSlotMs !== null && !record.slot) removeSlot(memory.slotsMs, start.openSlotMs);
  start.openSlotMs = null;
  // When the service refuses a start because of a quota, it has not checked whether the key has a run.
  if (as === "service") start.lost ||= record.slot;
  else if (as !== "quota") start.lost = false;
  if (runId === null) noteAnswer(memory, start, record);
  start.end = as;
  start.reason = record.reason;
  start.lastLines = record.lastLines ?? [];
  start.changed = record.changed;
  start.status = record.status ?? start.status;
  start.createdAt = record.createdAt ?? start.createdAt;
  start.updatedAt = record.updatedAt ?? start.updatedAt;
  if (as !== "needs-input") noteLate(memory, start, record);
  // The sandbox of the ended run may still be active, so the last count is out of date.
  if (runId !== null && as !== "needs-input") memory.sandboxes = null;

  if (as === "quota" && retryAt !== null) {
    const untilMs = Date.parse(retryAt);
    if (untilMs >= (memory.refusedUntilMs ?? 0)) memory.refusedBy = record.limit ?? null;
    memory.refusedUntilMs = Math.max(memory.refusedUntilMs ?? 0, untilMs);
  }
  if (as === "quota" && runId !== null) {
    const lastMs = Date.parse(start.updatedAt ?? start.createdAt ?? record.at);
    memory.sandboxRefusals = { count: (memory.sandboxRefusals?.count ?? 0) + 1, lastMs };
    memory.sandboxRefusalSeq = record.seq;
  } else if (runId !== null) noteSandbox(memory, start);
  if (runId !== null) item.sandboxFailures = as === "quota" ? item.sandboxFailures + 1 : 0;

  if (isOpenStart(item)) return keepOpen(memory, item, as);
  if (start.kind === "follow-up") return endFollowUp(memory, item, record);
  if (VERDICT_RULES[as].attempt && !start.counted) {
    start.counted = true;
    item.attempts++;
  }
  item.serviceFailures = as === "service" ? item.serviceFailures + 1 : 0;
  item.reason = record.reason;
  if (runId !== null) {
    item.branch = record.branch;
    item.pullRequest = record.pullRequest;
    item.pull = null;
    item.files = record.files ?? null;
    item.result = record.result ?? null;
  }
  const { state, tally } = stateAfter(memory, item, as);
  if (item.adopt && isSpent(start) && as !== "needs-input") {
    item.adopt = false;
    item.allowed = Math.max(item.allowed, item.attempts + 1);
  }
  if (state === "skipped") item.reason = item.skipped?.reason ?? null;
  else if (as === "quota" && state === "failed") item.reason = withoutSandbox(record.reason);
  setState(memory, item, state, tally);
}

/** A refused connection or a 503 does not show whether the service answers starts. */
function noteAnswer(memory: CampaignMemory, { sentAt }: StartMemory, { as, slot, answered }: Of<"ended">): void {
  if (as !== "service" || answered) memory.unanswered = null;
  else if (slot) memory.unanswered = { count: (memory.unanswered?.count ?? 0) + 1, lastMs: Date.parse(sentAt) };
}

const NO_ANSWER = "no answer to its start yet; an agent may be running";

function keepOpen(memory: CampaignMemory, item: ItemMemory, as: StartVerdict): void {
  if (as === "service") item.serviceFailures++;
  item.reason = NO_ANSWER;
  setState(memory, item, "starting", "none");
}

/** A run that ended before its start was answered is ignored, because its end could not have been detected earlier. */
function noteLate({ lateMs, skewMs }: CampaignMemory, { slotAt }: StartMemory, { at, updatedAt }: Of<"ended">): void {
  if (slotAt !== null && Date.parse(updatedAt ?? "") < Date.parse(slotAt)) return;
  const ms = Date.parse(at) - skewMs - Date.parse(updatedAt ?? "");
  if (Number.isNaN(ms)) return;
  lateMs.push(Math.max(ms, 0));
  if (lateMs.length > MAX_LATE) lateMs.shift();
}

/** A follow-up only fixes the pull request, so the item usually stays `succeeded`. The forge shows whether the follow-up fixed the problem. */
function endFollowUp(memory: CampaignMemory, item: ItemMemory, { as, runId, reason, result }: Of<"ended">): void {
  item.serviceFailures = as === "service" ? item.serviceFailures + 1 : 0;
  item.reason = reason;
  const isOver = as === "service" && item.serviceFailures >= MAX_SERVICE_FAILURES || isWithoutSandbox(item, as);
  const { again } = VERDICT_RULES[as];
  if (as === "needs-input" || again === "free" && !isOver) {
    return setState(memory, item, as, "none");
  }
  const isGood = as === "succeeded" || as === "unchanged";
  const isAboutResult = item.followUp === "result";
  item.followUp = null;
  if (isAboutResult) {
    item.result = result ?? item.result;
    if (!isGood && item.skipped === null) {
      item.reason = reason ?? `the follow-up ended with verdict ${as}`;
      return setState(memory, item, "failed", "failure");
    }
  }
  item.reason = isGood
    ? null
    : oneLine(`the follow-up ended with verdict ${as}${reason === null ? "" : `: ${reason}`}`, MAX_REASON);
  // Checks and conflicts that were read before the follow-up are out of date.
  if (runId !== null && item.pull !== null) item.pull = { ...item.pull, checks: null, conflict: null };
  setSucceeded(memory, item);
}

function setSucceeded(memory: CampaignMemory, item: ItemMemory): void {
  const isSkipped = item.skipped !== null;
  setState(memory, item, isSkipped ? "skipped" : "succeeded", isSkipped ? "none" : "ended");
}

function stateAfter(
  memory: CampaignMemory,
  item: ItemMemory,
  as: StartVerdict,
): { state: ItemState; tally: ItemMemory["tally"] } {
  const rule = as === "cancelled" && isCancelledByStop(memory, item) ? CANCELLED_BY_STOP : VERDICT_RULES[as];
  const isGood = as === "succeeded" || as === "unchanged";
  const last = item.starts.at(-1);
  // The run could not be cancelled, because the service does not return it.
  const isHidden = as === "unknown" && last?.runId === null;
  if (item.skipped !== null && !isGood && as !== "needs-input" && !isHidden) return { state: "skipped", tally: "none" };
  if (item.adopt && last !== undefined && isSpent(last)) return { state: "waiting", tally: "none" };
  if (isWithoutSandbox(item, as)) return { state: "failed", tally: "none" };
  if (as === "service" && item.serviceFailures >= MAX_SERVICE_FAILURES) return { state: "failed", tally: "failure" };
  if (rule.again === "attempts" && item.attempts < item.allowed) return { state: "waiting", tally: "none" };
  const tally = rule.ended ? rule.failure ? "failure" : "ended" : "none";
  return { state: as, tally };
}

/** Whether a person has stopped the campaign with `--cancel` since the item's last start. Resuming the campaign does not undo the cancellation. */
function isCancelledByStop({ stopped, cancelSeq }: CampaignMemory, { starts }: ItemMemory): boolean {
  return stopped?.cancel === true || (starts.at(-1)?.intentSeq ?? Infinity) < cancelSeq;
}

function isWithoutSandbox({ sandboxFailures }: ItemMemory, as: StartVerdict): boolean {
  return as === "quota" && sandboxFailures >= MAX_WITHOUT_SANDBOX;
}

function withoutSandbox(reason: string | null): string {
  const text = `no sandbox was free for ${MAX_WITHOUT_SANDBOX} starts in a row`;
  return oneLine(reason === null ? text : `${text}: ${reason}`, MAX_REASON);
}

/** The exact end of a sandbox is unknown. The midpoint between the last two readings is used instead. */
function applyLingering(
  { items, lingering, lingered }: CampaignMemory,
  { lingering: now, seenAt }: Extract<JournalRecord, { type: "sandboxes" }>,
): void {
  if (now === undefined || seenAt === undefined) return;
  const seenMs = Date.parse(seenAt);
  for (const [id, { endedMs, seenMs: beforeMs }] of lingering) {
    if (now.includes(id)) continue;
    lingering.delete(id);
    // An item that was started again uses another sandbox.
    const last = items.get(id)?.starts.at(-1);
    if (last === undefined || !isSpent(last) || Date.parse(last.updatedAt ?? "") !== endedMs) continue;
    lingered.sumMs += Math.max((beforeMs + seenMs) / 2 - endedMs, 0);
    lingered.count++;
  }
  for (const id of now) {
    const endedMs = Date.parse(items.get(id)?.starts.findLast(isSpent)?.updatedAt ?? "");
    if (!Number.isNaN(endedMs)) lingering.set(id, { endedMs, seenMs: Math.max(seenMs, endedMs) });
  }
}

/** The refused start did not begin a run, and is sent again unchanged. */
function applyRefused(memory: CampaignMemory, item: ItemMemory, number: number): void {
  const start = lastStart(item, number);
  item.beforeIntent = null;
  freeSlot(memory, start);
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

function stateOf(state: string): PullRequestMemory["state"] {
  return PULL_REQUEST_STATUSES.find((status) => status === state) ?? "unreadable";
}

function applyPull(memory: CampaignMemory, item: ItemMemory): void {
  if (item.followUp === null || item.state !== "waiting" || isOpenStart(item)) return;
  const { reason } = followUpBranch(item);
  if (reason === null) return;
  item.followUp = null;
  item.reason = oneLine(`no follow-up was started: ${reason}`, MAX_REASON);
  setSucceeded(memory, item);
}

/** An item with an open run is not changed, because its run must end first. */
function applyRetry(
  memory: CampaignMemory,
  item: ItemMemory,
  { adopt, by, user, followUp, settle = false }: Of<"retry">,
): void {
  if (item.item.excluded?.as === "invalid" || hasRun(item)) return;
  // The campaign file requested this follow-up, so there is no person to record.
  if (by !== CHECKS_RULE || user !== undefined) {
    item.asked = true;
    addRequester(item.requesters, { by, user });
  }
  const settles = settle && isOpenStart(item);
  if (!settles) {
    if (item.state === "starting") return;
    item.followUp = followUp ?? null;
    if (followUp !== undefined) return setState(memory, item, "waiting", "none");
  }
  item.retries++;
  item.allowed = Math.max(item.allowed, item.attempts + 1);
  item.adopt ||= adopt;
  item.serviceFailures = item.sandboxFailures = 0;
  item.skipped = null;
  if (!settles) return setState(memory, item, "waiting", "none");
  item.settle = true;
  reopenStart(memory, item);
}

/** The success of a run that is still open is recorded even if its item was skipped. */
function applySkipped(memory: CampaignMemory, item: ItemMemory, record: Of<"skipped">): void {
  const { by, at, reason, cancel = false } = record;
  item.skipped = { by, at, reason, cancel };
  item.asked = false;
  if (hasRun(item)) return;
  if (isOpenStart(item)) return reopenStart(memory, item);
  item.reason = record.reason;
  setState(memory, item, "skipped", "none");
}

/** A decision by a person reopens the start, so the start is sent again even if it was given up. */
function reopenStart(memory: CampaignMemory, item: ItemMemory): void {
  if (!isOpenStart(item)) return;
  item.settleTries = 0;
  item.reason = NO_ANSWER;
  setState(memory, item, "starting", "none");
}

function lastStart({ starts }: ItemMemory, number: number): StartMemory {
  const last = starts.at(-1);
  if (last?.number === number) return last;
  throw new Contradiction(`start ${number} was not sent, or another start has been sent since`);
}

function bindRun(memory: CampaignMemory, start: StartMemory, runId: string): void {
  const id = runId.toLowerCase();
  if (start.runId !== null && start.runId !== id) throw new Contradiction(`start ${start.number} has a different run`);
  const owner = memory.runs.get(id);
  if (owner !== undefined && owner !== start) throw new Contradiction("its run belongs to another start");
  start.runId = id;
  (memory.runs as Map<string, StartMemory>).set(id, start);
}

function noteSandbox(memory: CampaignMemory, { status, intentSeq }: StartMemory): void {
  if (status !== WITHOUT_SANDBOX && intentSeq > memory.sandboxRefusalSeq) memory.sandboxRefusals = null;
}

function setState(memory: CampaignMemory, item: ItemMemory, state: ItemState, tally: ItemMemory["tally"]): void {
  memory.counts[item.state]--;
  memory.counts[state]++;
  item.state = state;
  memory.ended += Number(tally !== "none") - Number(item.tally !== "none");
  memory.failures += Number(tally === "failure") - Number(item.tally === "failure");
  item.tally = tally;
}

function addSlot(slots: number[], ms: number): void {
  let at = slots.length;
  while (at > 0 && (slots[at - 1] ?? 0) > ms) at--;
  slots.splice(at, 0, ms);
}

function freeSlot({ slotsMs }: CampaignMemory, start: StartMemory): void {
  if (start.openSlotMs !== null) removeSlot(slotsMs, start.openSlotMs);
  start.openSlotMs = null;
}

function removeSlot(slots: number[], ms: number): void {
  const at = slots.lastIndexOf(ms);
  if (at >= 0) slots.splice(at, 1);
}

function noteLock(hash: CampaignMemory["lockHash"], { lock }: JournalRecord): void {
  if (lock === undefined) hash.before = null;
  else if (lock !== hash.current) Object.assign(hash, { current: lock, before: hash.current });
}

/** `sentAt` and `slotAt` are by the service's clock; `at` is by the machine's clock. */
function noteSkew(memory: CampaignMemory, record: JournalRecord): void {
  const serviceAt = record.type === "intent" ? record.sentAt : record.type === "started" ? record.slotAt : undefined;
  if (serviceAt !== undefined) memory.skewMs = Date.parse(record.at) - Date.parse(serviceAt);
}

function noteTold(memory: CampaignMemory, { text, at }: Of<"note">): void {
  memory.toldCount++;
  if (text !== toldNote("stuck")) return;
  for (const item of memory.items.values()) {
    const last = item.starts.at(-1);
    if (last !== undefined && isLongOpen(item, Date.parse(at) - memory.skewMs)) last.isTold = true;
  }
}

const TOLD = "a webhook is told: ";

export function toldNote(event: NotifyEvent): string {
  return `${TOLD}${event}`;
}

/** `gated` still applies after a run has ended, because the end of a run does not open a gate. */
function toldAfter({ told }: CampaignMemory, record: JournalRecord): NotifyEvent | null {
  switch (record.type) {
    case "note":
      return NOTIFY_EVENTS.find((event) => record.text === toldNote(event)) ?? told;
    case "intent":
    case "approved":
      return null;
    case "planned":
      return record.canary && told === "gated" ? null : told;
    case "started":
    case "seen":
    case "ended":
      return told === "stuck" ? null : told;
    default:
      return told;
  }
}

const OPEN_MS = 86_400_000;

/**
 * The result depends only on the lock, the journal and the time, so it is not recorded.
 *
 * @param isShared Whether another machine may be sending a start.
 */
export function giveUpOpenStarts(memory: CampaignMemory, nowMs: number, isShared: boolean): void {
  const { stopped } = memory;
  const isLong = (since: string | undefined) => nowMs - Date.parse(since ?? "") >= OPEN_MS;
  for (const item of memory.items.values()) {
    if (!isOpenStart(item)) continue;
    const { skipped, settle, settleTries, starts, serviceFailures } = item;
    const isLeft = isShared && serviceFailures === 0 && nowMs - Date.parse(starts.at(-1)?.sentAt ?? "") < ABANDONED_MS;
    item.reason = isLeft ? SENT_ELSEWHERE : NO_ANSWER;
    const isSkipped = skipped?.cancel === true;
    // A start that a person wants to settle is sent again at least once before it is given up.
    if ((isSkipped || settle || stopped?.cancel) && settleTries === 0) continue;
    const isOld = isLong(starts.at(-1)?.sentAt);
    if (isSkipped && (isOld || isLong(skipped.at))) {
      item.reason = "its start never got an answer: check the app";
    } else if (stopped !== null && isOld) {
      item.reason =
        "its start has had no answer for a day, so an agent may have run: to find out, use `campaign stop --cancel`, " +
        "`campaign skip --cancel` or `campaign retry`";
    } else continue;
    setState(memory, item, "unknown", "none");
  }
}

export function checkLockHash({ lock, lockHash: { current, before } }: CampaignMemory): void {
  const { hash } = lock;
  const isOwn = isSealed(lock);
  if (isOwn && (current === null || hash === current || hash === before)) return;
  throw new UsageError({
    attempted: "continue the campaign",
    why: isOwn
      ? "the lock's hash differs from the hash in the journal"
      : "settings or items in the lock were changed: the hash does not match",
    advice: FITTING,
  });
}

/** Prevents records that would make the journal unreadable, by applying them to a copy of the memory. */
export function judgeRecords(memory: CampaignMemory, records: readonly JournalRecord[]): void {
  const about = records.filter((record) => "item" in record);
  if (about.length === 0) return;
  const copy = copyFor(memory, about.map(({ item }) => item));
  for (const record of about) applyRecord(copy, record);
}

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
    const merge = item.merge === null ? null : { ...item.merge };
    items.set(id, { ...item, starts, merge, requesters: [...item.requesters] });
  }
  const runs = new Map<string, StartMemory>();
  const originalGet = runs.get.bind(runs);
  runs.get = (id) => {
    const start = originalGet(id) ?? memory.runs.get(id);
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

type FollowUpHash = (lock: Lock, item: LockItem, followUp: FollowUp, branch: string) => string;

type TaskHash = (lock: Lock, item: LockItem, task: number) => string;

/** Must run after the journal is read and before anything is sent. A start that is sent again with another key could begin a second run. */
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
      attempted: "continue the campaign",
      why: `the lock does not match the journal: start ${last.number} of item ${
        JSON.stringify(memory.item.id)
      } was sent with another request`,
      advice: FITTING,
    });
  }
}

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

/** After a retry with a new task, the item's last start may have been sent with an older task. */
function tasksOf({ tasks }: Lock, { item, adopt }: ItemMemory): number[] {
  return adopt ? [item.task, ...tasks.keys()] : [item.task];
}

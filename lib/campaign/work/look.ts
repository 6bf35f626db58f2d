import { formatCount } from "../../text/duration.ts";
import { messageOf } from "../../error_sentence.ts";
import { MogplexError, NotFoundError } from "../../errors.ts";
import { parsePullRequest } from "../../forge/all.ts";
import { isLoopback } from "../../loopback.ts";
import type { Run, RunEvent } from "../../model.ts";
import { cancelWith } from "../../run/cancel.ts";
import { Reader } from "../../run/events.ts";
import { AgentWatch } from "../../run/no_sandbox.ts";
import { type EventFacts, factsFromEvents } from "../../run/result.ts";
import { lastAgentLines } from "../../report/event_text.ts";
import { isTerminal } from "../../service/contract.ts";
import { type ItemMemory, nameOf, type StartMemory } from "../journal/memory.ts";
import { LAST_LINES, type ResultMemory } from "../journal/record.ts";
import { GOOD_VERDICTS } from "../view/verdicts.ts";
import { proveRun, whyGone } from "./access.ts";
import { type Judgement, judgeRun, seemsUnbegun } from "./judge.ts";
import { readItemResult } from "./item_result.ts";
import { type OpenRun, runIdOf } from "./store.ts";
import { noteName, serviceNow, type Work } from "./work.ts";

/**
 * From this age on, the run's own record is also read. Only this read makes the service repair the record of a run whose worker has died. Workers of
 * the base revision end after 30 minutes. Source: contract 4.8 and section 12.
 */
const REPAIR_MS = 35 * 60_000;

const EVENT_ATTEMPTS = 4;

/** How long to wait for the events of a run after the run has ended. Only the events show what the run has changed, or that no agent started. */
const EVENTS_MS = 30 * 60_000;

const CANCEL_MS = 30_000;

export async function lookAtRun(work: Work, open: OpenRun): Promise<boolean> {
  return await unlessGone(work, open, () => look(work, open)) ?? true;
}

export async function unlessGone<T>(work: Work, open: OpenRun, act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    const reason = work.reason(await whyGone(work, open, error));
    const [runId, { item }, { number: start, createdAt, updatedAt }] = [runIdOf(open), open.item, open.start];
    const none = { status: null, changed: null, branch: null, pullRequest: null, retryAt: null, slot: true };
    const facts = { as: "invalid" as const, runId, reason, createdAt, updatedAt, ...none };
    await work.store.record({ type: "ended", item: item.id, start, ...facts });
    work.seen.sandboxes = null;
    return undefined;
  }
}

async function look(work: Work, open: OpenRun): Promise<boolean> {
  const { limits } = work.lock;
  const seen = await read(work, open);
  const overdue = isJudged(seen.run) ? "no" : overdueOf(work, open, seen.run);
  if (overdue !== "yes") return await recordLook(work, open, seen, overdue === "by one clock");
  const { run, byItself } = await cancel(work, open);
  if (byItself) return await recordLook(work, open, await read(work, open));
  const limit = formatCount(Math.round(limits.runTimeoutMs / 60_000), "minute");
  const reason = `cancelled after run-timeout (${limit})`;
  await recordEnd(work, open, run, seen.events ?? [], { as: "overdue", reason });
  return true;
}

interface Seen {
  run: Run;
  events: RunEvent[] | null;
}

export async function read(work: Work, open: OpenRun): Promise<Seen> {
  const { session, pace, withoutEvents } = work;
  const runId = runIdOf(open);
  const reader = new Reader(session.client, runId);

  async function readRecord(): Promise<Run> {
    const { run } = await pace.request((call) => reader.readRecord(call));
    proveRun(work, open.item, run);
    return run;
  }

  // The record is read before the events. Otherwise, the record might show that the run has ended, while the older events do not. If the record
  // cannot be read, the response with the events contains the run.
  if (ageMs(work, open) >= REPAIR_MS) {
    await readRecord().catch((error) => {
      if (!isOutage(error)) throw error;
    });
  }
  try {
    const maxAttempts = withoutEvents.has(runId) ? 1 : EVENT_ATTEMPTS;
    const { run, events } = await pace.request((call) => reader.read({ maxAttempts, ...call }));
    proveRun(work, open.item, run);
    withoutEvents.delete(runId);
    return { run, events };
  } catch (error) {
    session.signal?.throwIfAborted();
    if (!isOutage(error) && !(error instanceof NotFoundError)) throw error;
    const run = await readRecord();
    if (!withoutEvents.has(runId)) {
      const message = `the events of run "${runId}" cannot be read (${
        messageOf(error)
      }): only the run's record is used`;
      session.notify({ kind: "text", message });
    }
    withoutEvents.add(runId);
    return { run, events: null };
  }
}

function sinceMs({ resumedAt, createdAt, slotAt }: StartMemory): number {
  return Date.parse(resumedAt ?? createdAt ?? slotAt ?? "");
}

function ageMs({ session }: Work, { start }: OpenRun): number {
  const ms = serviceNow(session) - sinceMs(start);
  return start.end === "needs-input" || Number.isNaN(ms) ? 0 : ms;
}

/** Minimum time between two reads that must agree if only one clock shows a run as overdue. */
const APART_MS = 60_000;

/**
 * Whether the run takes longer than the campaign allows. Any clock can be wrong, and a cancelled run loses its work, so two of three measurements
 * must agree: the service's `Date`, this machine's clock compared with the record of the start, and the run's own times. After twice the allowed
 * time, one measurement is enough if two reads agree.
 */
function overdueOf({ session, lock }: Work, { start }: OpenRun, run: Run): "no" | "by one clock" | "yes" {
  if (start.end === "needs-input") return "no";
  const { client, clock } = session;
  const { runTimeoutMs } = lock.limits;
  const ages = [
    // Without a `Date`, the service's time would be this machine's time.
    client.clockSkewMs === undefined ? Number.NaN : serviceNow(session) - sinceMs(start),
    clock.wallTime() - Date.parse(start.runningAt ?? ""),
    Date.parse(run.updatedAt) - sinceMs(start),
  ];
  if (ages.filter((ms) => ms > runTimeoutMs).length >= 2) return "yes";
  if (!ages.some((ms) => ms > 2 * runTimeoutMs)) return "no";
  return clock.wallTime() - Date.parse(start.doubtedAt ?? "") >= APART_MS ? "yes" : "by one clock";
}

function isOutage(error: unknown): boolean {
  return error instanceof MogplexError && error.exit === "unavailable";
}

function isJudged({ status }: Run): boolean {
  return isTerminal(status) || status === "awaiting_input";
}

function mayYetShow({ session }: Work, open: OpenRun, run: Run): boolean {
  const { status, updatedAt } = run;
  if (status !== "success" && !seemsUnbegun(run)) return false;
  return !wasSeenEnded(open) || serviceNow(session) - Date.parse(updatedAt) < EVENTS_MS;
}

function wasSeenEnded({ start: { status, updatedAt } }: OpenRun): boolean {
  return status !== null && isTerminal(status) && updatedAt !== null;
}

const ANY_SUCCESS = { require: "run", acceptUnchanged: true } as const;

function hasAgentBegun(run: Run, events: readonly RunEvent[]): boolean {
  const agent = new AgentWatch();
  for (const event of events) agent.take(event);
  return agent.hasBegun(run);
}

export async function recordLook(
  work: Work,
  open: OpenRun,
  { run, events }: Seen,
  isDoubted = open.start.doubtedAt !== null,
): Promise<boolean> {
  const facts = factsFromEvents(events ?? []);
  await noteName(work, open.item, facts.pullRequest.url);
  // The pull request of a follow-up already exists, and the forge shows whether it has improved.
  const success = open.start.kind === "follow-up" ? ANY_SUCCESS : work.lock.success;
  let end = events === null && mayYetShow(work, open, run) ? undefined : judgeRun(run, {
    facts,
    isUnbegun: events === null ? null : !hasAgentBegun(run, events),
    success,
    doubt: (address) => doubtOf(work, open.item, address),
  });
  if (end?.as === "unknown" && events === null) end.reason = "the run succeeded, but its events could not be read";
  let result: ResultMemory | undefined;
  if (end !== undefined && wantsResult(open, end)) ({ end, result } = await judgeResult(work, open, run, facts, end));
  if (end !== undefined && !(end.as === "needs-input" && open.start.end === "needs-input")) {
    await recordEnd(work, open, run, events ?? [], end, result);
    return true;
  }
  const { status, missing, doubtedAt } = open.start;
  const isSame = run.status === status && !missing && isDoubted === (doubtedAt !== null);
  if (isSame && (!isTerminal(run.status) || wasSeenEnded(open))) return false;
  await work.store.record({
    type: "seen",
    item: open.item.item.id,
    start: open.start.number,
    status: run.status,
    updatedAt: run.updatedAt,
    ...(isDoubted && { overdue: true as const }),
  });
  return true;
}

function wantsResult({ start: { kind, followUp } }: OpenRun, { as }: Judgement): boolean {
  return (as === "succeeded" || as === "unchanged") && (kind === "task" || followUp === "result");
}

async function judgeResult(
  work: Work,
  { item }: OpenRun,
  run: Run,
  facts: EventFacts,
  end: Judgement,
): Promise<{ end: Judgement | undefined; result?: ResultMemory }> {
  const { session, unreadResults } = work;
  const { id } = item.item;
  unreadResults.delete(id);
  try {
    const result = await readItemResult(work, item, facts);
    if (result === undefined || result.cause === null) return { end, result };
    return { end: { as: "failed", reason: `${result.cause}: ${result.mistakes.join("; ")}` }, result };
  } catch (error) {
    session.signal?.throwIfAborted();
    if (!(error instanceof MogplexError)) throw error;
    if (serviceNow(session) - Date.parse(run.updatedAt) >= EVENTS_MS) {
      return { end: { as: "unknown", reason: `result-unreadable: ${error.why}` } };
    }
    unreadResults.set(id, error);
    return { end: undefined };
  }
}

const MAX_SHOWN_URL = 200;

/**
 * Returns why the address in an event does not prove that the item has a pull request; `null` if the address proves this. Untrusted text: events can
 * contain anything. If there is a token for the forge, the next step checks the pull request there.
 */
function doubtOf(
  { lock: { origin }, pulls, forgeHosts }: Work,
  item: ItemMemory,
  text: string,
): string | null {
  const repository = nameOf(item);
  const address = parsePullRequest(text, origin);
  const quotedUrl = JSON.stringify(text.slice(0, MAX_SHOWN_URL));
  if (address === undefined) return `the run reports ${quotedUrl}, which is not the address of a pull request`;
  if (!repository.includes("/")) {
    return "only the id of the repository is known, so its pull request cannot be identified";
  }
  if (address.repository.toLowerCase() !== repository.toLowerCase()) {
    return `the run reports ${quotedUrl}, which is in another repository`;
  }
  if (pulls?.mayAsk(address)) return `its forge has not confirmed the pull request ${quotedUrl}`;
  // An emulator on this machine serves its own pull request pages.
  if (address.origin === origin || isLoopback(new URL(address.origin).hostname) || forgeHosts.includes(address.host)) {
    return null;
  }
  return `the run reports ${quotedUrl}, which is on an unknown host: if you run that forge, add it with --forge-host`;
}

export async function recordEnd(
  work: Work,
  open: OpenRun,
  run: Run,
  events: readonly RunEvent[],
  end: Judgement,
  result?: ResultMemory,
): Promise<void> {
  const facts = factsFromEvents(events);
  const files = facts.files?.length ?? 0;
  const isGood = (GOOD_VERDICTS as readonly string[]).includes(end.as);
  const lastLines = isGood || !work.showTask ? [] : lastAgentLines(events, work.redact, LAST_LINES.most);
  await work.store.record({
    type: "ended",
    item: open.item.item.id,
    start: open.start.number,
    as: end.as,
    runId: run.runId,
    slot: true,
    retryAt: null,
    reason: work.reason(end.reason),
    status: run.status,
    changed: facts.changed,
    branch: facts.pushedBranch,
    pullRequest: facts.pullRequest.url,
    ...(files > 0 && { files }),
    ...(lastLines.length > 0 && { lastLines }),
    ...(result !== undefined && { result }),
    createdAt: run.createdAt,
    updatedAt: run.updatedAt,
  });
  work.seen.sandboxes = null;
}

export async function cancel(work: Work, open: OpenRun): Promise<{ run: Run; byItself: boolean }> {
  const { client, clock } = work.session;
  // The timeout starts when the request is sent. Before that, the request may wait for its quota.
  const { run, alreadyTerminal } = await work.pace.request(({ deadline = Infinity }) =>
    cancelWith(client, clock, runIdOf(open), { deadline: Math.min(deadline, clock.now() + CANCEL_MS) })
  );
  proveRun(work, open.item, run);
  return { run, byItself: alreadyTerminal || run.status !== "cancelled" };
}

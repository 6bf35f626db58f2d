/**
 * One look at the run of an item: reads it, cancels it when it is overdue, and records a change or its end.
 *
 * @module
 */
import { NotFoundError, UsageError } from "../../errors.ts";
import type { Run } from "../../model.ts";
import { type EventFacts, factsFromEvents, noFacts } from "../../result/run_facts.ts";
import type { CallOptions } from "../../retry/call_options.ts";
import { cancelWith } from "../../runs/cancel.ts";
import { type News, Reader } from "../../runs/events/reader.ts";
import type { LockItem } from "../journal/lock.ts";
import { type Judgement, judgeRun } from "./judge.ts";
import { serviceNow, type Work } from "./work.ts";

/** A start whose run is known and has not ended. */
export interface OpenRun {
  /** Number of the start. */
  start: number;
  /** UUID of its run. */
  runId: string;
  /** Status when it was last seen. */
  status: string;
  /** When the run was created, in milliseconds since 1970 by the service; null when it did not say. */
  createdMs: number | null;
}

/** Time after which the record itself is read, so that the service repairs one whose worker died, in milliseconds. Source: contract, section 12. */
const REPAIR_MS = 35 * 60_000;
/** Longest time of a cancel, in milliseconds. */
const CANCEL_MS = 30_000;

/** A run that this token cannot see. */
function otherUser(runId: string, cause: unknown): UsageError {
  return new UsageError({
    attempted: `read run "${runId}" of the campaign`,
    why: "the service does not find it, so this token belongs to another user than the one who started it",
    advice: "use a token of that user; or begin a campaign of your own, with another directory and another `round`",
  }, { cause });
}

/** Refuses a run of another repository before anything more is done with it. */
function checkRepository(item: LockItem, run: Run): void {
  if (run.repoId.toLowerCase() === item.repositoryId) return;
  throw new UsageError({
    attempted: `follow run "${run.runId}" of ${item.repository}`,
    why: `the run is of another repository, "${run.repoId}": the journal was changed by somebody else`,
    advice: "look at who may write to the campaign's directory, and begin again with another `round`",
  });
}

async function read(work: Work, item: LockItem, open: OpenRun): Promise<News> {
  const { session, pace } = work;
  const reader = new Reader(session.client, open.runId);
  try {
    let news = await pace.request((call) => reader.read(call));
    checkRepository(item, news.run);
    const isOld = open.createdMs !== null && serviceNow(session) - open.createdMs > REPAIR_MS;
    if (isOld && judgeRun(news.run, noFacts(), work.lock.success) === undefined) {
      const { run } = await pace.request((call) => reader.readRecord(call));
      checkRepository(item, run);
      news = { ...news, run };
    }
    return news;
  } catch (error) {
    throw error instanceof NotFoundError ? otherUser(open.runId, error) : error;
  }
}

async function recordEnd(
  work: Work,
  item: LockItem,
  open: OpenRun,
  run: Run,
  facts: EventFacts,
  end: Judgement,
): Promise<void> {
  await work.store.record({
    type: "ended",
    item: item.id,
    start: open.start,
    as: end.as,
    runId: run.runId,
    slots: 0,
    retryAt: null,
    reason: work.reason(end.reason),
    status: run.status,
    changed: facts.changed,
    branch: facts.pushedBranch,
    pullRequest: facts.pullRequest.url,
    createdAt: run.createdAt,
    updatedAt: run.updatedAt,
  });
}

/** Whether a run takes longer than the campaign allows. It waits for a person as long as that person needs. */
function isOverdue({ session, lock }: Work, { createdMs, status }: OpenRun): boolean {
  if (createdMs === null || status === "awaiting_input") return false;
  return serviceNow(session) - createdMs > lock.limits.runTimeoutMs;
}

/** Cancels a run. @returns The run afterwards, and whether it ended by itself before. @throws what the client throws. */
async function cancel(
  { session, pace }: Work,
  runId: string,
  call: CallOptions = {},
): Promise<{ run: Run; byItself: boolean }> {
  const { client, clock } = session;
  const limits = { deadline: clock.now() + CANCEL_MS, signal: call.signal };
  const { run, alreadyTerminal } = await pace.request(() => cancelWith(client, clock, runId, limits));
  return { run, byItself: alreadyTerminal || run.status !== "cancelled" };
}

/**
 * Looks at a run once, and records what has changed.
 *
 * @returns Whether the journal has something new.
 * @throws {UsageError} when the run is of another user or of another repository.
 * @throws what the client throws.
 */
export async function lookAtRun(work: Work, item: LockItem, open: OpenRun): Promise<boolean> {
  const { lock, store, session } = work;
  let { run, events } = await read(work, item, open);
  let facts = factsFromEvents(events);
  let end = judgeRun(run, facts, lock.success);
  if (end === undefined && isOverdue(work, { ...open, status: run.status })) {
    const { byItself, ...cancelled } = await cancel(work, run.runId, { signal: session.signal });
    checkRepository(item, cancelled.run);
    if (byItself) {
      ({ run, events } = await read(work, item, open));
      facts = factsFromEvents(events);
      end = judgeRun(run, facts, lock.success);
    } else {
      run = cancelled.run;
      const minutes = Math.round(lock.limits.runTimeoutMs / 60_000);
      end = { as: "overdue", reason: `it took longer than run-timeout (${minutes} minutes), so it was cancelled` };
    }
  }
  if (end !== undefined && end.as !== "needs-input") {
    await recordEnd(work, item, open, run, facts, end);
    return true;
  }
  if (run.status === open.status) return false;
  await store.record({ type: "seen", item: item.id, start: open.start, status: run.status, updatedAt: run.updatedAt });
  return true;
}

/**
 * Cancels the run of an item because somebody stopped the campaign, and records its end.
 *
 * @throws what the client throws.
 */
export async function cancelRun(work: Work, item: LockItem, open: OpenRun): Promise<void> {
  const { run, byItself } = await cancel(work, open.runId);
  checkRepository(item, run);
  if (byItself) await lookAtRun(work, item, { ...open, status: run.status });
  else await recordEnd(work, item, open, run, noFacts(), { as: "cancelled", reason: "cancelled with the campaign" });
}

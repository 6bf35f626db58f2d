/**
 * One start of an item: the intent goes to the journal first, then the request to the service, then the answer to the journal.
 *
 * @module
 */
import { START_BACKOFF_MS } from "../../api/caller.ts";
import { ApiError, ConflictError, MogplexError, NotFoundError, UsageError } from "../../errors.ts";
import type { StartResult } from "../../model.ts";
import { hasEnded } from "../../result/ends.ts";
import { retry } from "../../retry/retry.ts";
import { isUnauthorized, type Setback, setbackDelay, setbackOf } from "../../retry/setback.ts";
import { itemKey } from "../journal/fence.ts";
import type { LockItem } from "../journal/lock.ts";
import type { StartEnd } from "../journal/record.ts";
import { requestOf } from "../plan/request.ts";
import { isoTime, serviceNow, type Work } from "./work.ts";

/** What became of a start. */
export type StartOutcome =
  /** The service accepted it. `ended`: its key found a run that had ended, or that waits for a person. */
  | { kind: "started"; run: StartResult; ended: boolean }
  /** It did not start a run, and the journal says why. */
  | { kind: "refused"; as: StartEnd };

/** Attempts of one start within a wave. Each takes a slot of the quota. */
const ATTEMPTS = 3;
/** Longest time of a start with its attempts, in milliseconds. A wave must not hang on one item. */
const START_MS = 90_000;

/** How a start ended that brought no run. */
interface Refusal {
  as: StartEnd;
  /** When the service takes starts again, in milliseconds since 1970; null when it did not say. */
  retryMs: number | null;
  reason: string;
}

/** The delay after a 429 that names none, in milliseconds. Source: contract 2.1. */
const LIMIT_MS = 60_000;

/** What an error means for the item. @throws the error when it concerns all items: the token, a bug, the caller's signal. */
function refusalOf(error: unknown, setback: Setback | undefined, nowMs: number): Refusal {
  if (!(error instanceof MogplexError) || isUnauthorized(error) || error.exit === "forbidden") throw error;
  const reason = error.message;
  if (setback !== undefined) {
    const isLimit = setback.cause === "rate_limit" || setback.cause === "start_limit";
    const retryMs = setback.namedMs === null ? (isLimit ? nowMs + LIMIT_MS : null) : nowMs + setback.namedMs;
    return { as: isLimit ? "quota" : "service", retryMs: isLimit ? retryMs : null, reason };
  }
  if (error instanceof ConflictError) return { as: "conflict", retryMs: null, reason };
  const isRefused = error instanceof UsageError || error instanceof NotFoundError ||
    error instanceof ApiError && error.exit === "usage";
  return { as: isRefused ? "invalid" : "service", retryMs: null, reason };
}

/**
 * Starts an item, or sends its open start again: the same key finds the run that it may have started.
 *
 * @throws {UnauthorizedError | ForbiddenError} when the service refuses the token: the item stays as it is, its intent is sent again later.
 * @throws `signal.reason` if the session's signal aborts; what the journal throws.
 */
export async function startItem(work: Work, item: LockItem): Promise<StartOutcome> {
  const { session, lock, store, pace } = work;
  const { client, clock, memory, random } = session;
  const { start, branchNumber } = store.memory.nextStart(item.id);
  const request = requestOf(lock, item, branchNumber);
  const key = itemKey(lock, item, { kind: "task", start });
  const sentAt = isoTime(serviceNow(session));
  await store.record({
    type: "intent",
    item: item.id,
    kind: "task",
    start,
    key,
    sentAt,
    branch: request.workingBranch ?? null,
  });

  let slots = 0;
  const deadline = clock.now() + START_MS;
  const end = await pace.request(({ signal }) =>
    retry({
      memory,
      signal,
      starts: true,
      attempt: () => client.startRun(request, { idempotencyKey: key }, { signal, deadline, maxAttempts: 1 }),
      onFailure: (error, setback) => {
        // The service takes a slot before it looks at the request, and refuses by limits and tokens before that.
        if (setback === undefined ? !isUnauthorized(error) : !setback.refused) slots++;
      },
      async wait(setback, count) {
        const delayMs = setbackDelay(setback, count, START_BACKOFF_MS, random);
        const isLimit = setback.cause === "rate_limit" || setback.cause === "start_limit";
        if (isLimit || count >= ATTEMPTS || clock.now() + delayMs >= deadline) return false;
        await clock.sleep(delayMs, { signal });
        return true;
      },
    })
  );
  if (end.ok) return await started(work, item, start, end.value, slots);
  const { as, retryMs, reason } = refusalOf(end.error, end.setback, serviceNow(session));
  await store.record({
    type: "ended",
    item: item.id,
    start,
    as,
    runId: null,
    slots,
    retryAt: retryMs === null ? null : isoTime(retryMs),
    reason: work.reason(reason),
    status: null,
    changed: null,
    branch: null,
    pullRequest: null,
    createdAt: null,
    updatedAt: null,
  });
  return { kind: "refused", as };
}

async function started(
  work: Work,
  item: LockItem,
  start: number,
  run: StartResult,
  lost: number,
): Promise<StartOutcome> {
  const { session, store } = work;
  const ended = hasEnded(run.status);
  await store.record({
    type: "started",
    item: item.id,
    start,
    runId: run.runId,
    status: run.status,
    replayed: run.replayed,
    createdAt: run.createdAt,
    slotAt: isoTime(serviceNow(session)),
    lostSlots: lost,
  });
  if (run.replayed && ended) {
    const message = `${item.repository}: its key found a run that had ended before; ` +
      "give the campaign another `round` if it is to run again";
    session.notify({ kind: "text", message });
  }
  return { kind: "started", run, ended };
}

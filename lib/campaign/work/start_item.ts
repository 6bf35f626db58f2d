/**
 * One start of an item: the intent goes to the journal first, then the request to the service, then the answer to the journal.
 *
 * @module
 */
import { messageOf } from "../../error_sentence.ts";
import { START_BACKOFF_MS } from "../../api/caller.ts";
import { ApiError, ConflictError, MogplexError, NotFoundError } from "../../errors.ts";
import type { StartResult } from "../../model.ts";
import { hasEnded } from "../../result/ends.ts";
import { isoTime } from "../../result/times.ts";
import { retry } from "../../retry/retry.ts";
import { isAmbiguous, type Setback, setbackDelay, setbackOf } from "../../retry/setback.ts";
import { itemKey } from "../journal/fence.ts";
import { taskOfStart } from "../journal/fold.ts";
import { isOpenStart, type ItemMemory, nextStart, type StartMemory } from "../journal/memory.ts";
import type { RecordBody, StartEnd } from "../journal/record.ts";
import { followUpBranch } from "../pulls/follow_up_branch.ts";
import { followUpHash, followUpRequestOf, requestOf, taskHash } from "../plan/request.ts";
import type { OwnStart } from "./own_starts.ts";
import { proveAccess } from "./access.ts";
import { serviceNow, troubleBody, type Work } from "./work.ts";

/** What became of a start. */
export type StartOutcome =
  /** The service accepted it. `found`: its key found a run that has ended, or waits for a person. */
  /** `replayed`: its key found a run that existed before. */
  | { kind: "started"; start: StartMemory; found: boolean; replayed: boolean }
  /** It did not start a run, and the journal says why. */
  | { kind: "refused"; as: StartEnd };

/** Attempts of one start in a row. */
const ATTEMPTS = 3;
/** Longest time of a start with its attempts, in milliseconds: a wave must not hang on one item. */
const START_MS = 90_000;
/** The delay after a 429 that names none, in milliseconds. Source: contract 2.1. */
const LIMIT_MS = 60_000;
/** Longest delay that is remembered, in milliseconds: no limit of the service is longer than a day. */
const LONGEST_MS = 86_400_000;

function isLimit({ cause }: Setback): boolean {
  return cause === "rate_limit" || cause === "start_limit";
}

/** Whether the service took a slot for a failed attempt: it does so before it looks at the request. Source: contract 2.2. */
function tookSlot(setback: Setback | undefined): boolean {
  return setback === undefined || !setback.refused;
}

/** How a start ended that brought no run. @throws the error when it concerns all items: the token, a bug, the caller's signal. */
function endOf(error: unknown, setback: Setback | undefined): StartEnd {
  const exit = error instanceof MogplexError ? error.exit : undefined;
  if (exit === undefined || exit === "unauthorized" || exit === "forbidden") throw error;
  if (setback !== undefined) return isLimit(setback) ? "quota" : "service";
  if (error instanceof ConflictError) return "conflict";
  return exit === "usage" ? "invalid" : "service";
}

/** Whether the service has refused the token. */
function isRefusal(error: unknown): error is MogplexError {
  return error instanceof MogplexError && (error.exit === "unauthorized" || error.exit === "forbidden");
}

/** The request of the item's next start, and the intent that is recorded before each attempt. */
async function planOf({ session, lock }: Work, memory: ItemMemory) {
  const start = nextStart(memory);
  const last = memory.starts.at(-1);
  // What may have begun a run is sent as it was, whatever the item is to do next.
  const open = isOpenStart(memory) ? last : undefined;
  const task = open === undefined ? undefined : taskOfStart(lock, memory, open, followUpHash, taskHash);
  const item = task === undefined ? memory.item : { ...memory.item, task };
  const { followUp, branch: own } = open ?? { followUp: memory.followUp, branch: followUpBranch(memory).branch };
  // Nothing but a follow-up needs the branch of an earlier run, and none is asked for without it.
  const isFollowUp = followUp !== null && own !== null;
  if (followUp !== null && !isFollowUp) throw new Error(`Cannot start a follow-up of ${item.id}: it has no branch`);
  const kind = isFollowUp ? "follow-up" as const : "task" as const;
  const request = isFollowUp ? followUpRequestOf(lock, item, followUp, own) : requestOf(lock, item, start);
  const { campaign, round } = lock;
  const { repositoryId, baseBranch, root } = item;
  const requestHash = isFollowUp ? await followUpHash(lock, item, followUp, own) : item.requestHash;
  const key = open?.key ?? itemKey({ campaign, round, requestHash, repositoryId, baseBranch, root, kind, start });
  const branch = request.workingBranch ?? null;
  const intent = () => ({
    type: "intent" as const,
    item: item.id,
    kind,
    start,
    key,
    sentAt: isoTime(serviceNow(session)),
    branch,
    ...(isFollowUp && { followUp }),
  });
  return { start, key, request, intent };
}

/**
 * Starts an item, or sends its unanswered start again: the same key finds the run that it may have started.
 *
 * @throws {UnauthorizedError | ForbiddenError} when the service refuses the token. The item stays as it is, and its start is sent again later.
 * @throws {UsageError} when the token reaches no repository of the campaign; with the same effect.
 * @throws `signal.reason` if the session's signal aborts; what the journal throws.
 */
export async function startItem(work: Work, memory: ItemMemory): Promise<StartOutcome> {
  const { session, store, pace } = work;
  const { client, clock, memory: token, random } = session;
  const { start, key, request, intent } = await planOf(work, memory);
  const deadline = clock.now() + START_MS;
  let announced = intent();
  let isAnnounced = false;
  const end = await pace.request(({ signal }) =>
    retry<StartResult>({
      memory: token,
      signal,
      starts: true,
      async attempt() {
        // Each attempt that may take a slot is a record of its own: the quota counts them.
        if (!isAnnounced) await store.record(announced = intent());
        isAnnounced = true;
        return await client.startRun(request, { idempotencyKey: key }, { signal, deadline, maxAttempts: 1 });
      },
      judge: (error) => setbackOf(error, { worked: token.worked, starts: true }),
      onFailure: (_error, setback) => {
        isAnnounced = !tookSlot(setback);
      },
      async wait(setback, count) {
        const delayMs = setbackDelay(setback, count, START_BACKOFF_MS, random);
        if (isLimit(setback) || count >= ATTEMPTS || clock.now() + delayMs >= deadline) return false;
        await clock.sleep(delayMs, { signal });
        return true;
      },
    })
  );
  const item = memory.item.id;
  if (end.ok) {
    const why = notOurs(work, memory, end.value);
    if (why === undefined) {
      const started = startedBody(work, item, start, end.value, request.workingBranch ?? null);
      work.started.set(key, { intent: announced, started });
      await store.record(started);
      return startedOutcome(work, memory, end.value);
    }
    await store.record(refusedBody(item, start, { as: "conflict", slot: true, reason: work.reason(why) }));
    return { kind: "refused", as: "conflict" };
  }
  const { error, setback } = end;
  let as: StartEnd;
  try {
    as = endOf(error, setback);
  } catch (cause) {
    // A refusal of the token comes before anything else, so this request has begun no run.
    if (isRefusal(cause)) {
      const reason = work.reason(cause.message) ?? cause.name;
      await store.record({ ...troubleBody(reason, cause), refused: { item, start } });
    }
    throw cause;
  }
  if (as === "invalid" && (error instanceof NotFoundError || !(error instanceof ApiError))) {
    await proveAccess(work, memory.item);
  }
  const slot = as === "service" && setback === undefined ? isAmbiguous(error as MogplexError) : tookSlot(setback);
  const waitMs = Math.min(setback?.namedMs ?? LIMIT_MS, LONGEST_MS);
  const retryAt = as === "quota" ? isoTime(serviceNow(session) + waitMs) : null;
  await store.record(refusedBody(item, start, { as, slot, retryAt, reason: work.reason(messageOf(error)) }));
  return { kind: "refused", as };
}

type Ended = Extract<RecordBody, { type: "ended" }>;

/** The end of a start that brought no run. */
function refusedBody(
  item: string,
  start: number,
  { as, slot, reason, retryAt = null }: Pick<Ended, "as" | "slot" | "reason"> & Partial<Pick<Ended, "retryAt">>,
): RecordBody {
  const none = { status: null, changed: null, branch: null, pullRequest: null, createdAt: null, updatedAt: null };
  return { type: "ended", item, start, as, runId: null, slot, retryAt, reason, ...none };
}

/** Why the run that the service answered with cannot be that of the start, as a clause; undefined when it can be. */
function notOurs(
  { store: { memory } }: Work,
  { starts }: ItemMemory,
  { runId }: StartResult,
): string | undefined {
  const owner = memory.runs.get(runId.toLowerCase());
  if (owner === undefined || owner === starts.at(-1)) return undefined;
  const other = [...memory.items.values()].find((each) => each.starts.includes(owner));
  return `the service answered with run "${runId}", which is that of start ${owner.number} of ${other?.item.id}`;
}

/** @param asked The branch that the request asks for; null for none. */
function startedBody(
  { session }: Work,
  item: string,
  start: number,
  run: StartResult,
  asked: string | null,
): OwnStart["started"] {
  const { runId, status, replayed, createdAt, branch } = run;
  const slotAt = isoTime(serviceNow(session));
  return {
    type: "started",
    item,
    start,
    runId,
    status,
    replayed,
    createdAt,
    slotAt,
    branch: asked === null ? branch.working : undefined,
  };
}

function startedOutcome(
  { session, lock, proven, booting }: Work,
  { item, starts }: ItemMemory,
  run: StartResult,
): StartOutcome {
  const start = starts.at(-1);
  if (start === undefined) throw new Error(`Cannot find the start of item ${item.id}`);
  proven.add(run.runId.toLowerCase());
  if (run.sandboxRecordId === null) booting.add(run.runId.toLowerCase());
  const found = hasEnded(run.status);
  // A run that is younger than the plan is the campaign's own: the answer of its start was lost.
  const plannedMs = Date.parse(lock.plannedAt) + serviceNow(session) - session.clock.wallTime();
  if (run.replayed && found && start.number === 1 && Date.parse(run.createdAt) < plannedMs) {
    const message = `${item.repository}: its key found a run that had ended before the plan; ` +
      "give the campaign another `round` if it is to run again";
    session.notify({ kind: "text", message });
  }
  return { kind: "started", start, found, replayed: run.replayed };
}

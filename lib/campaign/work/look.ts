/**
 * Looks at the runs of items: reads one, judges it, cancels it when it is overdue, and records a change or its end. Then cancels of many runs,
 * and the event streams that tell when a look is worth it.
 *
 * @module
 */
import { messageOf } from "../../error_sentence.ts";
import { MogplexError, NotFoundError, UsageError } from "../../errors.ts";
import { parsePullRequest } from "../../forge/forge.ts";
import { isLoopback } from "../../loopback.ts";
import type { Run, RunEvent } from "../../model.ts";
import { cancelWith } from "../../run/cancel.ts";
import { Reader, streamRefusal } from "../../run/events.ts";
import { lackedSandbox } from "../../run/no_sandbox.ts";
import { type EventFacts, factsFromEvents, isTerminalType, noFacts } from "../../run/result.ts";
import type { Session } from "../../run/session.ts";
import { isTerminal } from "../../service/contract.ts";
import { laterFailure } from "../../service/retry.ts";
import type { CampaignFile } from "../file/campaign_file.ts";
import type { ItemMemory, StartMemory } from "../journal/memory.ts";
import type { RequestPace } from "../plan/resolve.ts";
import type { StartVerdict } from "../verdicts.ts";
import { serviceNow, whyGone, type Work } from "./work.ts";

/** An item with its start whose run has not ended. */
export interface OpenRun {
  item: ItemMemory;
  start: StartMemory;
}

/**
 * Age from which on the record itself is read, in milliseconds: the service repairs one whose worker died only then. Workers of the base
 * revision end after 30 minutes. Source: contract 4.8 and section 12.
 */
const REPAIR_MS = 35 * 60_000;

/** Attempts to read a run with its events, before its record is read without them. */
const EVENT_ATTEMPTS = 4;

/** How long after its end the events of a run that succeeded are waited for, in milliseconds: only they show what it has changed. */
const EVENTS_MS = 30 * 60_000;

/** Longest time of a cancel, in milliseconds. */
const CANCEL_MS = 30_000;

/**
 * Looks at a run once, and records what has changed. A run that takes longer than the campaign allows is cancelled; one that waits for a
 * person may wait as long as it needs.
 *
 * @returns Whether the journal has something new.
 * @throws {UsageError} when the run is of another repository, or everything that is looked for may be of another user.
 * @throws what the client and the journal throw.
 */
export async function lookAtRun(work: Work, open: OpenRun): Promise<boolean> {
  return await unlessGone(work, open, () => look(work, open)) ?? true;
}

/**
 * Does something with a run. When the service does not have it any more, its item has ended by that.
 *
 * @returns What `act` returns; undefined when the run is gone, which is recorded.
 * @throws {UsageError} when the token may be that of another user.
 */
async function unlessGone<T>(work: Work, open: OpenRun, act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    const [runId, { item }, { number: start, createdAt, updatedAt }] = [runIdOf(open), open.item, open.start];
    const reason = work.reason(await whyGone(work, { item, runId, start }, error));
    const none = { status: null, changed: null, branch: null, pullRequest: null, retryAt: null, slot: true };
    const facts = { as: "invalid" as const, runId, reason, createdAt, updatedAt, ...none };
    await work.store.record({ type: "ended", item: item.id, start, ...facts });
    // Its sandbox is gone with it.
    work.seen.sandboxes = null;
    return undefined;
  }
}

async function look(work: Work, open: OpenRun): Promise<boolean> {
  const { limits } = work.lock;
  const seen = await read(work, open);
  const isOverdue = ageOf(work, open, seen.run) > limits.runTimeoutMs && !isJudged(work, seen.run);
  if (!isOverdue) return await take(work, open, seen);
  const { run, byItself } = await cancel(work, open);
  if (byItself) return await take(work, open, await read(work, open));
  const minutes = Math.round(limits.runTimeoutMs / 60_000);
  const reason = `it took longer than run-timeout (${minutes} minutes), and was cancelled`;
  await recordEnd(work, open, run, factsFromEvents(seen.events ?? []), { as: "overdue", reason });
  return true;
}

interface Seen {
  run: Run;
  /** Null when they cannot be read. */
  events: RunEvent[] | null;
}

/**
 * Reads a run with its events, or without them when they cannot be read.
 *
 * @throws {NotFoundError} when the service does not have it.
 * @throws {UsageError} when it is of another repository.
 */
async function read(work: Work, open: OpenRun): Promise<Seen> {
  const { session, pace, withoutEvents } = work;
  const runId = runIdOf(open);
  const reader = new Reader(session.client, runId);

  async function readRecord(): Promise<Run> {
    const { run } = await pace.request((call) => reader.readRecord(call));
    prove(work, open.item, run);
    return run;
  }

  // Before the events: they would be older than an end that only the record shows. Without it the run is in the answer of the events.
  if (ageOf(work, open) >= REPAIR_MS) {
    await readRecord().catch((error) => {
      if (!isOutage(error)) throw error;
    });
  }
  try {
    const maxAttempts = withoutEvents.has(runId) ? 1 : EVENT_ATTEMPTS;
    const { run, events } = await pace.request((call) => reader.read({ maxAttempts, ...call }));
    prove(work, open.item, run);
    withoutEvents.delete(runId);
    return { run, events };
  } catch (error) {
    session.signal?.throwIfAborted();
    if (!isOutage(error) && !(error instanceof NotFoundError)) throw error;
    const run = await readRecord();
    if (!withoutEvents.has(runId)) {
      const message = `the events of run "${runId}" cannot be read (${messageOf(error)}): its own record is read alone`;
      session.notify({ kind: "text", message });
    }
    withoutEvents.add(runId);
    return { run, events: null };
  }
}

/** Proves that a run is the item's, before anything more is done with it: the journal may have been changed. */
function prove({ proven, booting }: Work, { item }: ItemMemory, run: Run): void {
  if (run.repoId.toLowerCase() !== item.repositoryId) {
    throw new UsageError({
      attempted: `go on with run "${run.runId}" of ${item.repository}`,
      why: `the run is of another repository, "${run.repoId}": the journal was changed`,
      advice: "find out who may write to the directory of the campaign, and begin again with another `round`",
    });
  }
  proven.add(run.runId.toLowerCase());
  noteBoot(booting, run);
}

/** Remembers whether a run has a sandbox. */
function noteBoot(
  booting: Set<string>,
  { runId, sandboxRecordId }: Pick<Run, "runId" | "sandboxRecordId">,
): void {
  if (sandboxRecordId === null) booting.add(runId.toLowerCase());
  else booting.delete(runId.toLowerCase());
}

function runIdOf({ start }: OpenRun): string {
  if (start.runId === null) throw new Error(`Cannot look at start ${start.number}: it has no run`);
  return start.runId;
}

/**
 * How long the run has been at work, in milliseconds by the service's clock; 0 when that is not known. After it has waited for a person it
 * counts from when it went on.
 *
 * @param run The run as it was read now; without it, one that waited for a person counts as new.
 */
function ageOf({ session }: Work, { start }: OpenRun, run?: Run): number {
  if (start.end === "needs-input" && run === undefined) return 0;
  const resumedAt = start.end === "needs-input" ? run?.updatedAt : start.resumedAt;
  const since = Date.parse(resumedAt ?? start.createdAt ?? start.slotAt ?? "");
  return Number.isNaN(since) ? 0 : serviceNow(session) - since;
}

/** Whether another request may tell of a run that this one has not told of. */
function isOutage(error: unknown): boolean {
  return error instanceof MogplexError && error.exit === "unavailable";
}

/** Whether a run has ended, or waits for a person. */
function isJudged({ lock }: Work, run: Run): boolean {
  return judgeRun(run, noFacts(), lock.success) !== undefined;
}

/** Whether the events of a run that has ended may yet show what came of it: no other look has failed to read them, or it is not long ago. */
function mayYetShow({ session }: Work, open: OpenRun, { status, updatedAt }: Run): boolean {
  if (status !== "success") return false;
  return !wasSeenEnded(open) || serviceNow(session) - Date.parse(updatedAt) < EVENTS_MS;
}

/** Whether an earlier look has seen that the run has ended. A start that found an ended run does not count. */
function wasSeenEnded({ start: { status, updatedAt } }: OpenRun): boolean {
  return status !== null && isTerminal(status) && updatedAt !== null;
}

// The verdict of an item, from the state of its run and its events. What a verdict means for the item is in `campaign/verdicts.ts`.

/** A verdict with its reason, as an `ended` record has them. Texts of the service in the reason are untrusted. */
interface Judgement {
  as: StartVerdict;
  /** Why; null when there is nothing to say. */
  reason: string | null;
}

/**
 * Judges a run.
 *
 * @param facts What its events say.
 * @param success What the campaign requires.
 * @param doubt Why an address of a pull request in an event proves none, as a clause; null when it may count. @default none has a doubt
 * @returns Undefined while it goes on; an unknown status counts as going on.
 */
export function judgeRun(
  run: Pick<Run, "status" | "error" | "runtime">,
  facts: EventFacts,
  success: CampaignFile["success"],
  doubt: (address: string) => string | null = () => null,
): Judgement | undefined {
  switch (run.status) {
    case "success":
      return judgeSuccess(facts, success, doubt);
    case "failed": {
      const reason = run.error ?? facts.failureError ?? facts.failureMessage;
      if (lackedSandbox(run)) return { as: "quota", reason };
      if (lackedQueue(run)) return { as: "service", reason: reason ?? "the service's queue did not take the run" };
      return { as: "failed", reason };
    }
    case "cancelled":
      return { as: "cancelled", reason: null };
    case "awaiting_input":
      return { as: "needs-input", reason: "the run waits for a person: answer it in the app, or cancel it" };
    default:
      return undefined;
  }
}

/** The judgement on a run that succeeded. */
function judgeSuccess(
  facts: EventFacts,
  { require, acceptUnchanged }: CampaignFile["success"],
  doubt: (address: string) => string | null,
): Judgement {
  const { changed, pullRequest } = facts;
  if (changed === false) {
    if (require === "run" || acceptUnchanged) return { as: "unchanged", reason: null };
    return { as: "failed", reason: "no change" };
  }
  if (require === "run") return { as: "succeeded", reason: null };
  if (changed === null) {
    return { as: "unknown", reason: "the run succeeded, and its events do not show whether it changed anything" };
  }
  if (require === "changes") return { as: "succeeded", reason: null };
  if (pullRequest.state === "open") {
    const why = doubt(pullRequest.url ?? "");
    return why === null ? { as: "succeeded", reason: null } : { as: "unknown", reason: why };
  }
  return pullRequest.state === "none"
    ? { as: "failed", reason: "changes without a pull request" }
    : { as: "unknown", reason: "the run succeeded, and its events do not show whether there is a pull request" };
}

/**
 * Whether a run failed before the service's queue took it: the queue was down when it was started. Source: contract section 5, "When the
 * queue is unavailable".
 */
function lackedQueue({ status, runtime }: Pick<Run, "status" | "runtime">): boolean {
  return status === "failed" && (runtime === null || runtime.provider === null && runtime.runId === null);
}

const ANY_SUCCESS = { require: "run", acceptUnchanged: true } as const;

/** Records what a read has shown. @returns Whether the journal has something new. */
async function take(work: Work, open: OpenRun, { run, events }: Seen): Promise<boolean> {
  const facts = factsFromEvents(events ?? []);
  // Its pull request is there already, and the forge says whether it is any better.
  const success = open.start.kind === "follow-up" ? ANY_SUCCESS : work.lock.success;
  const end = events === null && mayYetShow(work, open, run)
    ? undefined
    : judgeRun(run, facts, success, (address) => doubtOf(work, open.item, address));
  if (end?.as === "unknown" && events === null) end.reason = "the run succeeded, and its events could not be read";
  if (end !== undefined && !(end.as === "needs-input" && open.start.end === "needs-input")) {
    await recordEnd(work, open, run, facts, end);
    return true;
  }
  const isSame = run.status === open.start.status && !open.start.missing;
  if (isSame && (!isTerminal(run.status) || wasSeenEnded(open))) return false;
  await work.store.record({
    type: "seen",
    item: open.item.item.id,
    start: open.start.number,
    status: run.status,
    updatedAt: run.updatedAt,
  });
  return true;
}

/** Most characters of an address in a reason. */
const MAX_SHOWN_URL = 200;

/**
 * Why the address that an event names does not prove that the item has a pull request: events are not to be trusted. A forge for which there
 * is a token is asked in the next step.
 */
function doubtOf(
  { lock: { origin }, pulls, forgeHosts }: Work,
  { item: { repository } }: ItemMemory,
  text: string,
): string | null {
  const address = parsePullRequest(text, origin);
  const shown = JSON.stringify(text.slice(0, MAX_SHOWN_URL));
  if (address === undefined) return `the run names ${shown}, which is no address of a pull request`;
  if (!repository.includes("/")) return "only the id of the repository is known, so its pull request cannot be told";
  if (address.repository.toLowerCase() !== repository.toLowerCase()) {
    return `the run names ${shown}, which is in another repository`;
  }
  if (pulls?.mayAsk(address)) return `its forge has not confirmed the pull request ${shown}`;
  // An emulator on this machine has pages of its own.
  if (address.origin === origin || isLoopback(new URL(address.origin).hostname) || forgeHosts.includes(address.host)) {
    return null;
  }
  return `the run names ${shown}, whose host is not known: --forge-host names a forge of one's own`;
}

async function recordEnd(work: Work, open: OpenRun, run: Run, facts: EventFacts, end: Judgement): Promise<void> {
  const files = facts.files?.length ?? 0;
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
    createdAt: run.createdAt,
    updatedAt: run.updatedAt,
  });
  // Its sandbox may be free, or not yet.
  work.seen.sandboxes = null;
}

/** Cancels a run that was proven to be the item's. @returns The run afterwards, and whether it ended by itself. */
async function cancel(work: Work, open: OpenRun): Promise<{ run: Run; byItself: boolean }> {
  const { client, clock } = work.session;
  const latest = clock.now() + CANCEL_MS;
  const { run, alreadyTerminal } = await work.pace.request(({ deadline = latest }) =>
    cancelWith(client, clock, runIdOf(open), { deadline: Math.min(deadline, latest) })
  );
  prove(work, open.item, run);
  return { run, byItself: alreadyTerminal || run.status !== "cancelled" };
}

/**
 * Waits between reads of runs that were cancelled before they had a sandbox, in milliseconds: the worker may take such a run up again. All
 * of them must show its end.
 */
const HOLD_MS: readonly number[] = [2_000, 5_000, 10_000];

/** Most reads of {@linkcode HOLD_MS}. */
const MAX_HOLDS = 12;

/** Why a run was cancelled, unless there is more to say. */
const WITH_CAMPAIGN = "cancelled with the campaign";

export interface ToCancel extends OpenRun {
  /** Whether an open start has found it just now: it may not have a sandbox yet, and its end is read until it holds. */
  isFound: boolean;
  /** Why it is cancelled; null for the usual reason. */
  why: string | null;
}

/**
 * Cancels runs, and reads those that were just found without a sandbox until their end holds. Each is tried, whatever became of the others.
 *
 * @returns Names of the items that have changed, and what went wrong.
 * @throws `signal.reason` if the session's signal aborts; what the journal throws.
 */
export async function cancelRuns(
  work: Work,
  runs: readonly ToCancel[],
): Promise<{ changed: string[]; failures: unknown[] }> {
  const { session: { clock, signal }, store } = work;
  const failures: unknown[] = [];
  const changed: string[] = [];
  let held: (ToCancel & { run: Run })[] = [];

  /** Does something with each run; a run with which something went wrong is left to the next wave. */
  async function each<T extends ToCancel>(all: readonly T[], act: (one: T) => Promise<void>): Promise<T[]> {
    const done: T[] = [];
    for (const one of all) {
      try {
        await act(one);
        done.push(one);
      } catch (error) {
        signal?.throwIfAborted();
        failures.push(error);
      }
    }
    return done;
  }

  const end = async ({ run, why, isFound: _, ...open }: ToCancel & { run: Run }) => {
    if (run.status === "success") await unlessGone(work, open, async () => take(work, open, await read(work, open)));
    else await recordEnd(work, open, run, noFacts(), { as: "cancelled", reason: why ?? WITH_CAMPAIGN });
    changed.push(open.item.item.id);
  };

  await each(runs, async (one) => {
    const run = await cancelOne(work, one);
    if (run === undefined) changed.push(one.item.item.id);
    else if (one.isFound && run.sandboxRecordId === null) held.push({ ...one, run });
    else await end({ ...one, run });
  });
  let quiet = 0;
  for (let count = 0; held.length > 0 && quiet < HOLD_MS.length && count < MAX_HOLDS; count++) {
    await clock.sleep(HOLD_MS[quiet] ?? 0, { signal });
    let cameBack = false;
    const gone: ToCancel[] = [];
    const read = await each(held, async (one) => {
      const isHeld = await unlessGone(work, one, () => holds(work, one));
      if (isHeld === undefined) gone.push(one);
      cameBack ||= isHeld === false;
    });
    changed.push(...gone.map(({ item }) => item.item.id));
    held = read.filter((one) => !gone.includes(one));
    quiet = cameBack ? 0 : quiet + 1;
  }
  await each(held, async (one) => {
    if (quiet === HOLD_MS.length || isTerminal(one.run.status)) return await end(one);
    throw new UnavailableRun(one.run.runId, store.memory.lock.campaign);
  });
  return { changed, failures };
}

/** Cancels the run of an item. @returns The run when it was cancelled; undefined when it had ended by itself or is gone, which is recorded. */
async function cancelOne(work: Work, open: OpenRun): Promise<Run | undefined> {
  return await unlessGone(work, open, async () => {
    if (!work.proven.has(runIdOf(open))) await read(work, open);
    const { run, byItself } = await cancel(work, open);
    if (!byItself) return run;
    await take(work, open, await read(work, open));
    return undefined;
  });
}

/** Reads a run that was cancelled, and cancels it again when it has come back. @returns Whether it had. */
async function holds(work: Work, each: ToCancel & { run: Run }): Promise<boolean> {
  const { session, pace } = work;
  const run = await pace.request((call) => session.client.getRun(runIdOf(each), call));
  prove(work, each.item, run);
  each.run = run;
  if (isTerminal(run.status)) return true;
  each.run = (await cancel(work, each)).run;
  return false;
}

/**
 * Cancels the run of an item with its campaign, and records its end.
 *
 * @throws what {@linkcode lookAtRun} throws.
 */
export async function cancelRun(work: Work, open: OpenRun): Promise<void> {
  const run = await cancelOne(work, open);
  if (run !== undefined) await recordEnd(work, open, run, noFacts(), { as: "cancelled", reason: WITH_CAMPAIGN });
}

/** A run does not stay cancelled. Exit code 69. */
class UnavailableRun extends MogplexError {
  constructor(runId: string, campaign: string) {
    super({
      attempted: `cancel run "${runId}" of campaign "${campaign}"`,
      why: "the service takes it up again each time",
      advice: "the next wave cancels it again; look at it in the app",
    }, "unavailable");
  }
}

/**
 * Proves that the token can read the runs of the campaign, since no route tells whose token it is: those at work, or else the newest one.
 * Needs no request for runs that this process has read or started.
 *
 * @throws {UsageError} when nothing of the campaign is found, or a run belongs to another repository.
 * @throws what the client throws.
 */
export async function proveUser(work: Work): Promise<void> {
  const { session, store, pace, proven } = work;
  const open = store.openRuns().filter((each) => !proven.has(runIdOf(each)));
  const newest = proven.size > 0 || open.length > 0 ? undefined : newestRun(work);
  let missing: { open: OpenRun; cause: NotFoundError } | undefined;
  for (const each of newest === undefined ? open : [newest]) {
    const runId = runIdOf(each);
    try {
      prove(work, each.item, await pace.request((call) => session.client.getRun(runId, call)));
    } catch (error) {
      if (error instanceof NotFoundError) {
        // It may be gone with its repository: another run may prove whose the token is.
        missing ??= { open: each, cause: error };
        continue;
      }
      // Another run has proven whose token it is, and one that cannot be read for now keeps no item from being started.
      if (laterFailure(error) === undefined || proven.size === 0) throw error;
    }
  }
  if (missing === undefined || proven.size > 0) return;
  const { open: { item: { item }, start: { number: start } }, cause } = missing;
  await whyGone(work, { item, start, runId: runIdOf(missing.open) }, cause);
}

/** The run that was started last, with its item; undefined before the first run. */
function newestRun({ store: { memory } }: Work): OpenRun | undefined {
  const start = [...memory.runs.values()].at(-1);
  const item = [...memory.items.values()].find(({ starts }) => start !== undefined && starts.includes(start));
  return start === undefined || item === undefined ? undefined : { item, start };
}

// The event streams of a campaign's runs, where the service has some: each tells at once that its run ends, for one request in place of
// many looks. What a stream says is only a reason to look: verdicts come from the run itself.

/** Time to wait before a stream that broke is opened again, in milliseconds. */
const AGAIN_MS = 60_000;

export class RunStreams {
  readonly #session: Session;
  readonly #pace: RequestPace;
  readonly #closed = new AbortController();
  readonly #live = new Map<string, AbortController>();
  /** Points on the clock before which no stream of a run is opened. */
  readonly #notBefore = new Map<string, number>();
  readonly #ended = new Set<string>();
  #wake: (() => void) | undefined;
  /** Whether the service is known to have no streams. */
  #absent = false;

  constructor(session: Session, pace: RequestPace) {
    this.#session = session;
    this.#pace = pace;
  }

  /** Whether a stream of the run is open. */
  isLive(runId: string): boolean {
    return this.#live.has(runId);
  }

  /** Runs whose streams have told of an end since the last call. */
  takeEnded(): string[] {
    const ended = [...this.#ended];
    this.#ended.clear();
    return ended;
  }

  /** Opens streams for runs that have none, and closes those of all others. */
  keep(runIds: readonly string[]): void {
    const wanted = new Set(runIds);
    for (const [runId, controller] of this.#live) if (!wanted.has(runId)) controller.abort();
    for (const runId of wanted) {
      const isWaiting = (this.#notBefore.get(runId) ?? -Infinity) > this.#session.clock.now();
      if (!this.#absent && !this.#live.has(runId) && !isWaiting) void this.#watch(runId);
    }
  }

  /** Waits for `ms` milliseconds, or until a stream tells of an end. @throws `signal.reason` if the session's signal aborts. */
  async sleep(ms: number): Promise<void> {
    const { clock, signal } = this.#session;
    if (this.#ended.size > 0) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    const signals = [woken.signal, ...signal === undefined ? [] : [signal]];
    await clock.sleep(ms, { signal: AbortSignal.any(signals) }).catch(() => {});
    this.#wake = undefined;
    signal?.throwIfAborted();
  }

  close(): void {
    this.#closed.abort();
    for (const controller of this.#live.values()) controller.abort();
  }

  async #watch(runId: string): Promise<void> {
    const { client, clock } = this.#session;
    const reader = new Reader(client, runId);
    if (clock.now() < reader.streamsFrom) {
      this.#absent = true;
      return;
    }
    const own = new AbortController();
    this.#live.set(runId, own);
    const signal = AbortSignal.any([own.signal, this.#closed.signal]);
    try {
      const stream = await this.#pace.request((call) =>
        reader.open(undefined, { ...call, signal, maxAttempts: 1 }, clock.now())
      );
      signal.addEventListener("abort", () => stream.close(), { once: true });
      for (let step = await stream.next(); step.kind === "messages" && !signal.aborted; step = await stream.next()) {
        const isEnd = step.messages.some((item) => item.type === "event" && isTerminalType(item.event.type));
        if (isEnd) this.#tellEnd(runId);
      }
      stream.close();
    } catch (error) {
      if (streamRefusal(error, false) === "absent") this.#absent = true;
    } finally {
      this.#live.delete(runId);
      this.#notBefore.set(runId, clock.now() + AGAIN_MS);
    }
  }

  #tellEnd(runId: string): void {
    this.#ended.add(runId);
    this.#wake?.();
  }
}

/**
 * For each start, the journal records the intent before the request is sent, and the response afterwards.
 *
 * @module
 */
import { messageOf } from "../../error_sentence.ts";
import { ApiError, ConflictError, MogplexError, NotFoundError, UnavailableError } from "../../errors.ts";
import type { StartResult } from "../../model.ts";
import { findingsFor, findingsQuote, ofMembers } from "../../run/fix.ts";
import { hasEnded, isoTime } from "../../run/result.ts";
import { isTerminal } from "../../service/contract.ts";
import { type Failure, failureDelay, isAmbiguous, laterFailure } from "../../service/retry.ts";
import { type FailedStart, runToStart, Start } from "../../service/start.ts";
import { itemKey } from "../journal/chain.ts";
import type { LockItem } from "../journal/lock.ts";
import { taskOfStart } from "../journal/fold.ts";
import { isOpenStart, isSpent, type ItemMemory, nextStart, START_MS, type StartMemory } from "../journal/memory.ts";
import type { FollowUp, RecordBody } from "../journal/record.ts";
import { nextStarts, type PaceInput } from "../pace/next_starts.ts";
import { followUpHash, followUpRequestOf, requestOf, taskHash } from "../plan/make_lock.ts";
import { gateDue, paceInput, readyItems, toSettle } from "../view/progress.ts";
import { followUpBranch } from "../pulls.ts";
import type { StartVerdict } from "../view/verdicts.ts";
import { lists, proveAccess, proveUser } from "./access.ts";
import { lookAtRun } from "./look.ts";
import { type Intent, withdrawIntents } from "./own_starts.ts";
import { itemResultPath } from "./item_result.ts";
import { type Rest, serviceNow, takeStops, troubleBody, type Work } from "./work.ts";

/** Statuses of a sandbox that counts toward the limit. Source: contract 3.2 and section 12. */
const ACTIVE: readonly string[] = ["creating", "installing", "running"];

/** Starts pause after this number of consecutive refusals that the service is responsible for. */
const MAX_TROUBLE = 2;

const TROUBLE_MS = 60_000;

const UNSHARED_MS = 60_000;

export async function startSome(work: Work): Promise<Rest> {
  const old: string[] = [];
  const batch: Announced[] = [];
  let isDone = false;
  try {
    const rest = await startThem(work, old, batch);
    isDone = true;
    return rest;
  } finally {
    tellOld(work, old);
    await withdraw(work, batch).catch((error) => {
      if (isDone) throw error;
    });
  }
}

interface Announced {
  readonly item: ItemMemory;
  readonly intent: Intent;
  /** By the clock of this process, because the service's time can jump. */
  readonly atMs: number;
  isSent: boolean;
}

/** How long an announced start can wait for its request. After five minutes, other machines treat the start as abandoned. */
const ANNOUNCED_MS = 4 * 60_000;

/** If this machine fails, the shared journal lists each request that may have arrived. */
async function announce(work: Work, items: readonly ItemMemory[], batch: Announced[]): Promise<void> {
  const { store, started, session: { clock } } = work;
  const atMs = clock.now();
  const intents: Intent[] = [];
  for (const item of items) intents.push((await planOf(work, item)).intent());
  await takeStops(work);
  if (store.isStopped) return;
  await store.record(...intents);
  await store.share();
  // The push may have arrived even if its response was lost.
  for (const intent of intents) started.unsent.set(intent.key, intent);
  batch.push(...items.map((item, index) => ({ item, intent: intents[index] as Intent, atMs, isSent: false })));
  if (store.unshared !== undefined) await withdraw(work, batch);
}

async function withdraw({ store }: Work, batch: Announced[]): Promise<void> {
  const unsent = batch.splice(0).filter(({ isSent }) => !isSent);
  await withdrawIntents(store, unsent.map(({ intent }) => intent));
}

function slotsWithout(slotsMs: readonly number[], batch: readonly Announced[]): number[] {
  const slots = [...slotsMs];
  for (const { intent } of batch) {
    const at = slots.lastIndexOf(Date.parse(intent.sentAt));
    if (at >= 0) slots.splice(at, 1);
  }
  return slots;
}

async function startThem(work: Work, old: string[], batch: Announced[]): Promise<Rest> {
  const { session, store } = work;
  let sandboxes: number | null = null;
  let trouble = 0;
  let nowMs = -Infinity;
  for (;;) {
    await takeStops(work);
    for (let gate = gateDue(store.memory); gate !== undefined; gate = gateDue(store.memory)) {
      await store.record(gate);
      await work.gateClosed(gate.gate, gate.reason);
    }
    // The service's time has a precision of one second, so it can go back after a new response. Without the maximum, the list of sandboxes could be
    // read endlessly.
    nowMs = Math.max(nowMs, serviceNow(session));
    if (session.clock.now() - (batch[0]?.atMs ?? Infinity) > ANNOUNCED_MS) await withdraw(work, batch);
    let { items, held } = batch.length > 0
      ? { items: batch.map(({ item }) => item), held: null }
      : readyItems(store.memory, nowMs, store.isShared);
    const running = store.openRuns().length;
    const { failed } = work.pulls ?? {};
    const input = {
      ...paceInput(store.memory, { nowMs, sandboxes, running, waiting: items.length, failed }),
      slotsMs: slotsWithout(store.memory.slotsMs, batch),
    };
    let { starts, ...rest } = nextStarts(input);
    if (starts === 0 && rest.because === "pull-requests" && items.some(({ followUp }) => followUp !== null)) {
      // Follow-ups create no pull request, so the limit of open pull requests does not apply to them.
      items = items.filter(({ followUp }) => followUp !== null);
      ({ starts, ...rest } = nextStarts({ ...input, waiting: items.length, pullRequests: null }));
    }
    if (starts === 0) {
      await noteOthers(work, rest, input);
      return rest.because === "nothing" && held !== null ? held : rest;
    }
    if (store.unshared !== undefined) await store.share();
    if (store.unshared !== undefined) return { because: "home", nextMs: serviceNow(session) + UNSHARED_MS };
    if (sandboxes === null) {
      await proveUser(work);
      sandboxes = work.seen.sandboxes = await readSandboxes(work);
      continue;
    }
    const [item] = items;
    if (item === undefined) return { because: "nothing", nextMs: null };
    if (store.isShared && batch.length === 0 && !isOpenStart(item)) {
      await announce(work, items.slice(0, starts).filter((each) => !isOpenStart(each)), batch);
      continue;
    }
    const outcome = await startItem(work, item, batch.find((each) => each.item === item));
    batch.splice(0, batch.length, ...batch.filter(({ isSent }) => !isSent));
    if (outcome.kind === "stopped") continue;
    await work.changed(item.item.id);
    if (outcome.kind === "refused") {
      trouble = outcome.as === "service" ? trouble + 1 : 0;
      if (trouble >= MAX_TROUBLE) return { because: "refused", nextMs: serviceNow(session) + TROUBLE_MS };
      continue;
    }
    trouble = 0;
    if (outcome.old) old.push(item.item.repository);
    // Only the service knows whether it already counted the sandbox of a replayed run. A finished run needs no sandbox.
    if (!outcome.found) sandboxes = work.seen.sandboxes = outcome.replayed ? null : sandboxes + 1;
    if (outcome.found && await lookAtRun(work, { item, start: outcome.start })) await work.changed(item.item.id);
  }
}

async function readSandboxes(work: Work): Promise<number> {
  const { session, pace, store } = work;
  const rows = await pace.request((call) => session.client.listSandboxes({ limit: 200 }, call));
  const active = rows.filter(({ status }) => ACTIVE.includes(status));
  const places = new Set(active.map(({ repo_id, working_branch }) => placeOf(repo_id, working_branch ?? "")));
  const used = active.length + bootingRuns(work, places);
  const lingering = lingeringItems(work, places);
  const { lingering: before } = store.memory;
  if (lingering.length !== before.size || lingering.some((id) => !before.has(id))) {
    await store.record({ type: "sandboxes", used, lingering, seenAt: isoTime(serviceNow(session)) });
  }
  return used;
}

/** The service counts sandboxes that are booting, but does not list them. */
function bootingRuns({ store, booting }: Work, places: ReadonlySet<string>): number {
  return store.openRuns().filter(({ item, start }) => {
    const { runId, status } = start;
    if (runId === null || isTerminal(status ?? "") || !booting.has(runId) && status !== null) return false;
    // The sandbox may have booted since the run was read.
    return !placesOf(item, start).some((place) => places.has(place));
  }).length;
}

function placeOf(repositoryId: string, branch: string): string {
  return `${repositoryId} ${branch}`;
}

function placesOf({ item: { repositoryId }, branch }: ItemMemory, start: StartMemory): string[] {
  const names = [start.branch, start.answered, isSpent(start) ? branch : null];
  return names.flatMap((name) => name === null ? [] : [placeOf(repositoryId, name)]);
}

function lingeringItems({ store: { memory } }: Work, places: ReadonlySet<string>): string[] {
  if (places.size === 0) return [];
  return [...memory.items.values()].filter((item) => {
    const spent = item.starts.findLast(isSpent);
    const last = item.starts.at(-1);
    if (spent === undefined || last === undefined || spent.runId === null) return false;
    const taken = last === spent ? [] : placesOf(item, last);
    return placesOf(item, spent).some((place) => places.has(place) && !taken.includes(place));
  }).map(({ item }) => item.id);
}

/** Records that other sandboxes block starts, so that readers of the journal can see why nothing is started. */
async function noteOthers({ store }: Work, { because }: Rest, { sandboxes, running }: PaceInput): Promise<void> {
  if (because !== "sandboxes" || sandboxes === null || sandboxes <= running) return;
  if (store.memory.sandboxes !== sandboxes) await store.record({ type: "sandboxes", used: sandboxes });
}

type StartOutcome =
  | { kind: "started"; start: StartMemory; found: boolean; replayed: boolean; old: boolean }
  | { kind: "refused"; as: StartVerdict }
  | { kind: "stopped" };

/** A probe gets only one attempt, because each attempt uses a start of the quota. */
const ATTEMPTS = 3;

/** Used if a 429 response does not specify a delay. Source: contract 2.1. */
const LIMIT_MS = 60_000;

const STOPPED = new Error("Cannot start an item: the campaign is stopped");

/** Maximum delay that is recorded. No limit of the service is longer than a day. */
const LONGEST_MS = 86_400_000;

/** A repeated start has the same key, so it finds the run that an earlier request may have started. */
export async function startItem(work: Work, item: ItemMemory, ready?: Announced): Promise<StartOutcome> {
  const { session, store, pace } = work;
  const { client, clock, random } = session;
  const { start: number, key, request, intent } = await planOf(work, item);
  const wasOpen = ready === undefined && isOpenStart(item);
  const isProbe = wasOpen || store.memory.unanswered !== null;
  let announced = ready?.intent ?? intent();
  let failed: FailedStart | undefined;
  let isUnsure = false;
  /** The campaign may have been stopped during the wait before each request. An open start can still be sent if a person wants it settled. */
  const isStopped = () => store.isStopped && !toSettle(store.memory).includes(item);
  const run = await pace.request(async ({ signal }) => {
    const deadline = clock.now() + START_MS;
    const start = new Start(runToStart(client, request), {
      key,
      memory: session.memory,
      call: { signal, deadline },
      // Each attempt that may use a slot has its own record, because the quota counts each attempt.
      async announce() {
        await takeStops(work);
        if (isStopped()) throw STOPPED;
        if (ready === undefined || ready.isSent) return await store.record(announced = intent());
        ready.isSent = true;
        work.started.unsent.delete(key);
      },
      async wait(failure, count) {
        const delayMs = failureDelay(failure, count, random);
        if (isLimit(failure) || count >= (isProbe ? 1 : ATTEMPTS) || clock.now() + delayMs >= deadline) return false;
        await clock.sleep(delayMs, { signal });
        await takeStops(work);
        return !isStopped();
      },
    });
    try {
      return await start.send();
    } catch (error) {
      ({ failed, isUnsure } = start);
      if (error === STOPPED) return undefined;
      // The error is the abort reason of the caller's signal, or comes from the journal. A failed start does not change the pace of other requests.
      if (failed?.error !== error) throw error;
      return undefined;
    }
  });
  if (run === undefined) {
    if (failed === undefined) return { kind: "stopped" };
    if (ready !== undefined && !isUnsure) work.started.unsent.set(key, ready.intent);
    return await recordFailure(work, item, number, { ...failed, mayExist: wasOpen || isUnsure });
  }
  if (!await isOfItem(work, item, run)) {
    const reason = work.reason(`the service answered with run "${run.runId}", which belongs to another repository`);
    return await recordRefused(work, item.item.id, number, { as: "service", slot: true, answered: true, reason });
  }
  const why = notOurs(work, item, run);
  if (why === undefined) {
    const { runId, status, replayed, createdAt } = run;
    const branch = request.workingBranch === undefined ? run.branch.working : undefined;
    const slotAt = isoTime(serviceNow(session));
    const facts = { runId, status, replayed, createdAt, slotAt, branch };
    const started = { type: "started" as const, item: item.item.id, start: number, ...facts };
    work.started.accepted.set(key, { intent: announced, started });
    await store.record(started);
    return startedOutcome(work, item, run);
  }
  return await recordRefused(work, item.item.id, number, { as: "conflict", slot: true, reason: work.reason(why) });
}

async function planOf(work: Work, item: ItemMemory) {
  const { session, lock } = work;
  const start = nextStart(item);
  const last = item.starts.at(-1);
  // A start that may have started a run is repeated unchanged, even if the item has another task now.
  const open = isOpenStart(item) ? last : undefined;
  const task = open === undefined ? undefined : taskOfStart(lock, item, open, followUpHash, taskHash);
  const lockItem = task === undefined ? item.item : { ...item.item, task };
  const { followUp, branch: runBranch } = open ?? { followUp: item.followUp, branch: followUpBranch(item).branch };
  const isFollowUp = followUp !== null && runBranch !== null;
  if (followUp !== null && !isFollowUp) throw new Error(`Cannot start a follow-up of ${lockItem.id}: it has no branch`);
  const kind = isFollowUp ? "follow-up" as const : "task" as const;
  const quote = open !== undefined ? open.quote : isFollowUp ? await quoteFor(work, item, followUp) : null;
  const request = isFollowUp
    ? followUpRequestOf(lock, lockItem, followUp, { branch: runBranch, quote, resultPath: itemResultPath(work, item) })
    : requestOf(lock, lockItem, start);
  const { campaign, round } = lock;
  const { repositoryId, baseBranch, root } = lockItem;
  const requestHash = isFollowUp ? followUpHash(lock, lockItem, followUp, runBranch) : lockItem.requestHash;
  const key = open?.key ?? itemKey({ campaign, round, requestHash, repositoryId, baseBranch, root, kind, start });
  const branch = request.workingBranch ?? null;
  const intent = () => ({
    type: "intent" as const,
    item: lockItem.id,
    kind,
    start,
    key,
    sentAt: isoTime(serviceNow(session)),
    branch,
    ...(isFollowUp && { followUp }),
    ...(quote !== null && { quote: quote.split("\n") }),
  });
  return { start, key, request, intent };
}

async function quoteFor({ pulls, redact }: Work, { pullRequest, result }: ItemMemory, followUp: FollowUp) {
  if (followUp === "result") return result?.mistakes.join("\n") ?? null;
  const of = findingsFor(followUp);
  if (of === null || pullRequest === null) return null;
  const findings = await pulls?.findings(pullRequest, of);
  return findings === undefined ? null : findingsQuote(await ofMembers(findings), redact);
}

function isLimit({ cause }: Failure): boolean {
  return cause === "rate_limit" || cause === "start_limit";
}

async function recordFailure(
  work: Work,
  item: ItemMemory,
  start: number,
  { error, failure, mayExist }: FailedStart & { mayExist: boolean },
): Promise<StartOutcome> {
  const { session, store } = work;
  const { id } = item.item;
  // The service checks the token before anything else, so this request has not started a run.
  if (isRefusal(error)) {
    const reason = work.reason(error.message) ?? error.name;
    await store.record({ ...troubleBody(reason, error), refused: { item: id, start } });
    throw error;
  }
  if (!(error instanceof MogplexError)) throw error;
  const as = endOf(error, failure);
  const text = work.reason(messageOf(error));
  // The client has detected that the response names another repository.
  const isForeign = error instanceof ConflictError && error.status < 400;
  if (mayExist && as === "conflict" && !isForeign) {
    const reason = "its key belongs to a run that the service does not show: check the app";
    return await recordRefused(work, id, start, { as: "unknown", slot: true, reason });
  }
  // The service checks the repository and the request before it checks the key. Source: contract 1.6.
  if (isForeign || mayExist && as === "invalid" && !await isGone(work, item.item)) {
    return await recordRefused(work, id, start, { as: "service", slot: true, answered: true, reason: text });
  }
  if (!mayExist && as === "invalid" && (error instanceof NotFoundError || !(error instanceof ApiError))) {
    await proveAccess(work, item.item);
  }
  // The service uses a slot before it checks the request. Source: contract 2.2.
  const slot = failure === undefined ? as !== "service" || isAmbiguous(error) : !failure.refused;
  const waitMs = Math.min(failure?.namedMs ?? LIMIT_MS, LONGEST_MS);
  const retryAt = as === "quota" ? isoTime(serviceNow(session) + waitMs) : null;
  const limit = failure?.cause === "start_limit" ? failure.cause : undefined;
  return await recordRefused(work, id, start, { as, slot, retryAt, limit, reason: text });
}

/**
 * Whether the run in the service's response belongs to the item's repository, according to the run itself. If the journal contained a run of another
 * repository, the whole campaign would stop. A run that cannot be read now is checked the next time it is read.
 */
async function isOfItem({ session: { client, signal }, pace }: Work, { item }: ItemMemory, { runId }: StartResult) {
  try {
    const run = await pace.request((call) => client.getRun(runId, { ...call, maxAttempts: 1 }));
    return run.repoId.toLowerCase() === item.repositoryId;
  } catch (error) {
    if (signal?.aborted) return true;
    if (error instanceof NotFoundError) return false;
    if (laterFailure(error) === undefined) throw error;
    // Status 200 means that the client rejected the response because the start named another repository.
    return !(error instanceof UnavailableError && error.status === 200);
  }
}

async function isGone(work: Work, item: LockItem): Promise<boolean> {
  if (await lists(work, item.repositoryId)) return false;
  await proveAccess(work, item);
  return true;
}

function isRefusal(error: unknown): error is MogplexError {
  return error instanceof MogplexError && (error.exit === "unauthorized" || error.exit === "forbidden");
}

function endOf(error: MogplexError, failure: Failure | undefined): StartVerdict {
  if (failure !== undefined) return isLimit(failure) ? "quota" : "service";
  if (error instanceof ConflictError) return "conflict";
  return error.exit === "usage" ? "invalid" : "service";
}

type Ended = Extract<RecordBody, { type: "ended" }>;

async function recordRefused(
  { store }: Work,
  item: string,
  start: number,
  { as, retryAt = null, ...more }:
    & Pick<Ended, "as" | "slot" | "reason" | "answered">
    & Partial<Pick<Ended, "retryAt" | "limit">>,
): Promise<StartOutcome> {
  const none = { status: null, changed: null, branch: null, pullRequest: null, createdAt: null, updatedAt: null };
  await store.record({ type: "ended", item, start, as, runId: null, retryAt, ...more, ...none });
  return { kind: "refused", as };
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
  const isEnded = hasEnded(run.status);
  // A run that was created after the plan belongs to the campaign: the response to its start was lost.
  const plannedMs = Date.parse(lock.plannedAt) + serviceNow(session) - session.clock.wallTime();
  const old = run.replayed && isEnded && start.number === 1 && Date.parse(run.createdAt) < plannedMs;
  return { kind: "started", start, found: isEnded, replayed: run.replayed, old };
}

function tellOld({ session }: Work, [first, ...others]: readonly string[]): void {
  if (first === undefined) return;
  const message = others.length === 0
    ? `${first} already has a finished run with this name and round, so it is not started again; to run it again, change \`round\``
    : `${first} and ${others.length} more already have a finished run with this name and round, so they are not started again; ` +
      "to run them again, change `round`";
  session.notify({ kind: "text", message });
}

function notOurs(
  { store: { memory } }: Work,
  { starts }: ItemMemory,
  { runId }: StartResult,
): string | undefined {
  const owner = memory.runs.get(runId.toLowerCase());
  if (owner === undefined || owner === starts.at(-1)) return undefined;
  const other = [...memory.items.values()].find((each) => each.starts.includes(owner));
  return `the service answered with run "${runId}", which belongs to start ${owner.number} of ${other?.item.id}`;
}

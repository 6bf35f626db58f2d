/**
 * Carries out people's decisions about runs: cancels active runs, and settles open starts. An open start may have started an unknown run. To find the
 * run, the request of the start must be repeated, because the service has no endpoint that only looks up a run by its key. If the first request never
 * arrived, the repeated request starts a run.
 * @module
 */
import { MogplexError } from "../../errors.ts";
import { LostRaceError } from "../../git/remote.ts";
import { laterFailure } from "../../service/retry.ts";
import { EXIT, STOPPED } from "../../exit_codes.ts";
import { isoTime } from "../../run/result.ts";
import type { ItemMemory } from "../journal/memory.ts";
import { nextStarts, SANDBOX_LIMIT } from "../pace/next_starts.ts";
import { isToCancel, pausedUntilMs, readyMs, toSettle } from "../view/progress.ts";
import { proveUser } from "./access.ts";
import { cancelRuns, type ToCancel } from "./cancel.ts";
import { startItem } from "./start_item.ts";
import { type Rest, serviceNow, type Work } from "./work.ts";

interface Settled {
  item: string;
  text: string;
  unanswered: boolean;
}

export async function settleNow(work: Work, only: ReadonlySet<string>): Promise<{ starts: Settled[]; error: unknown }> {
  const starts: Settled[] = [];
  const rest = await obeyDecisions(work, only, (settled) => starts.push(settled)).catch((error) => {
    if (!work.failures.includes(error)) throw error;
    return null;
  });
  if (work.failures.length > 0) return { starts, error: worstOf(work.failures) };
  if (rest === null) return { starts, error: undefined };
  const attempted = "look up all starts without an answer";
  const advice = "the decision is recorded, and the next wave continues";
  if (starts.some(({ unanswered }) => unanswered)) {
    const why = "the service did not answer";
    return { starts, error: new MogplexError({ attempted, why, advice }, "unavailable") };
  }
  const { nextMs } = rest;
  const why = "looking up a start uses one start from the quota, but none is left";
  const from = nextMs === null ? advice : `${advice}; a start is available at ${isoTime(nextMs)}`;
  return { starts, error: new MogplexError({ attempted, why, advice: from }, "rateLimited") };
}

/** Every step that waits can record a stop, so this is checked before each sleep and before the work ends. */
export function cancelsAreNew({ store: { memory }, obeyed }: Work): boolean {
  return memory.cancelSeq > obeyed.cancelSeq;
}

/** Errors are collected in {@linkcode Work.failures}, so that one error does not prevent the other attempts. */
export async function obeyDecisions(
  work: Work,
  only?: ReadonlySet<string>,
  report: (settled: Settled) => void = () => {},
): Promise<Rest | null> {
  const { session, store, failures } = work;
  failures.length = 0;
  if (only === undefined) work.obeyed.cancelSeq = store.memory.cancelSeq;
  const isChosen = ({ item }: ItemMemory) => only === undefined || only.has(item.id);
  const openRuns = store.openRuns().filter(({ item }) => isToCancel(store.memory, item) && isChosen(item));
  await cancelAll(work, openRuns.map((open) => ({ ...open, isFound: false, why: null })));
  const items = toSettle(store.memory).filter(isChosen);
  if (items.length === 0) {
    stopIfHopeless(failures);
    return null;
  }
  const runsToCancel: ToCancel[] = [];
  let rest: Rest | null = null;
  try {
    // With another user's token, the request would start a run of that user.
    await proveUser(work);
    for (const item of items) {
      const held = freeMs(work) ?? { because: "unanswered" as const, nextMs: dueMs(work, item) };
      if ((held.nextMs ?? -Infinity) > serviceNow(session)) {
        rest = rest === null || (held.nextMs ?? 0) < (rest.nextMs ?? 0) ? held : rest;
        continue;
      }
      runsToCancel.push(...await ask(work, item, report));
      await work.changed(item.item.id);
    }
  } catch (error) {
    session.signal?.throwIfAborted();
    failures.push(error);
  }
  await cancelAll(work, runsToCancel);
  stopIfHopeless(failures);
  const openItems = toSettle(store.memory).filter(isChosen);
  if (openItems.length === 0) return null;
  const nextMs = Math.min(...openItems.map((item) => dueMs(work, item)).filter(Number.isFinite));
  return rest ?? freeMs(work) ?? { because: "unanswered", nextMs: Number.isFinite(nextMs) ? nextMs : null };
}

async function ask(
  work: Work,
  item: ItemMemory,
  report: (settled: Settled) => void,
): Promise<ToCancel[]> {
  const { memory } = work.store;
  const cancels = isToCancel(memory, item);
  const outcome = await startItem(work, item);
  if (outcome.kind === "stopped") return [];
  const { id } = item.item;
  if (outcome.kind === "refused") {
    const { as } = outcome;
    if (as === "unknown") {
      report({ item: id, text: `${item.reason}`, unanswered: false });
      return [];
    }
    const what = as === "quota"
      ? "the quota has no start left to look up its run"
      : as === "service"
      ? "the service again did not answer"
      : "the service refused its start, so there is no run";
    report({ item: id, text: item.reason === null ? what : `${what} (${item.reason})`, unanswered: as === "service" });
    return [];
  }
  const { start, replayed } = outcome;
  if (!cancels) {
    const text = `${
      replayed ? "its start had reached the service" : NOT_ARRIVED
    }: the item continues with run ${start.runId}`;
    report({ item: id, text, unanswered: false });
    return [];
  }
  const made = `${NOT_ARRIVED}, cancelled`;
  report({
    item: id,
    text: replayed ? `its start had reached the service: run ${start.runId} was found` : made,
    unanswered: false,
  });
  return [{ item, start, isFound: true, why: replayed ? null : made }];
}

const NOT_ARRIVED = "the start had not reached the service; looking it up started a run";

/** By the service's clock. */
function dueMs({ session, store: { memory, isShared } }: Work, item: ItemMemory): number {
  if (item.settleTries === 0) return -Infinity;
  const nowMs = serviceNow(session);
  return Math.max(readyMs(item, nowMs, isShared), pausedUntilMs(memory, nowMs) ?? -Infinity);
}

function freeMs(
  { session, store: { memory: { slotsMs, refusedUntilMs, refusedBy } } }: Work,
): Pick<Rest, "because" | "nextMs"> | null {
  const { starts, ...rest } = nextStarts({
    nowMs: serviceNow(session),
    ...{ slotsMs, refusedUntilMs, refusedBy, sandboxRefusals: null, sandboxes: null, running: 0 },
    ...{ parallel: SANDBOX_LIMIT, windows: [], closed: null, waiting: 1 },
  });
  return starts > 0 ? null : rest;
}

async function cancelAll(work: Work, runs: readonly ToCancel[]): Promise<void> {
  if (runs.length === 0) return;
  const { changed, failures } = await cancelRuns(work, runs);
  work.failures.push(...failures);
  for (const item of changed) await work.changed(item);
}

function stopIfHopeless(failures: readonly unknown[]): void {
  if (failures.some((error) => laterFailure(error) === undefined)) throw worstOf(failures);
}

/** Exit codes, worst first. Source: specification of campaigns, section 7. */
const WORST: readonly number[] = [
  ...[...STOPPED, EXIT.internal, EXIT.unauthorized, EXIT.forbidden, EXIT.usage],
  ...[EXIT.unavailable, EXIT.failed, EXIT.awaitingInput, EXIT.rateLimited],
];

/** A lost race is the worst error, because everything must be read again. Next are errors that are not a `MogplexError`. */
export function worstOf(errors: readonly unknown[]): unknown {
  const rank = (error: unknown) =>
    error instanceof LostRaceError ? -2 : error instanceof MogplexError ? WORST.indexOf(error.exitCode) : -1;
  return errors.toSorted((a, b) => rank(a) - rank(b))[0];
}

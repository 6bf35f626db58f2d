/**
 * A wave continues for a few seconds if something is about to happen. Otherwise, a start that becomes possible one second later would have to wait
 * for the next wave.
 *
 * @module
 */
import { laterFailure } from "../../service/retry.ts";
import type { CampaignOptions } from "../campaign_options.ts";
import { type GateName, GATES } from "../journal/record.ts";
import { type CampaignInternals, plannedStore, viewOf, withCampaign } from "../open_campaign.ts";
import { nextStarts } from "../pace/next_starts.ts";
import { closedBy, gateDue, isCanaryClosed, isToCancel, paceInput, readyItems, toSettle } from "../view/progress.ts";
import type { CampaignView } from "../view/view.ts";
import { lookAtRun } from "./look.ts";
import { cancelsAreNew, obeyDecisions, worstOf } from "./settle.ts";
import { startSome } from "./start_item.ts";
import type { OpenRun, Store } from "./store.ts";
import { readPullRequests, serviceNow, type Work } from "./work.ts";

export async function runWave(work: Work): Promise<void> {
  const unread: unknown[] = [];
  const attempt = async (act: () => Promise<unknown>) => {
    try {
      await act();
    } catch (error) {
      work.session.signal?.throwIfAborted();
      unread.push(error);
    }
  };
  await attempt(() => lookAndStart(work, unread));
  if (cancelsAreNew(work)) await attempt(() => obeyDecisions(work));
  const all = [...unread, ...work.failures, ...work.unreadResults.values()];
  if (all.length > 0) throw worstOf(all);
}

const LINGER_MS = 20_000;
/** How long after its expected end a run is read. The service's time has a precision of one second. */
const END_GUARD_MS = 1_500;

function expectedEnd({ store }: Work, { start }: OpenRun): number {
  if (start.status === "awaiting_input") return Number.NaN;
  return Date.parse(start.createdAt ?? start.slotAt ?? "") + (store.meanRunMs ?? Number.NaN) + END_GUARD_MS;
}

async function lookAndStart(work: Work, unread: unknown[]): Promise<void> {
  const { session, store, failures } = work;
  const { clock, signal } = session;
  let held = await obeyDecisions(work);
  const leaveBy = clock.now() + LINGER_MS;
  let due = store.openRuns();
  for (;;) {
    const lookedMs = serviceNow(session);
    for (const open of due) await look(work, open, unread);
    for (const item of await readPullRequests(work)) await work.changed(item);
    const rest = await startSome(work);
    await work.waits(rest);
    for (const item of await work.merge()) await work.changed(item);
    if (cancelsAreNew(work)) held = await obeyDecisions(work);
    const ends = store.openRuns().map((open) => expectedEnd(work, open)).filter((ms) => ms > lookedMs);
    const nextMs = Math.min(rest.nextMs ?? Infinity, held?.nextMs ?? Infinity, ...ends);
    const waitMs = nextMs - serviceNow(session);
    if (unread.length + failures.length > 0 || !(clock.now() + waitMs <= leaveBy)) break;
    await clock.sleep(waitMs, { signal });
    due = store.openRuns().filter((open) => {
      const ms = expectedEnd(work, open);
      return ms > lookedMs && ms <= nextMs;
    });
    if (held !== null) held = await obeyDecisions(work);
  }
}

async function look(work: Work, open: OpenRun, unread: unknown[]): Promise<void> {
  let isNew: boolean;
  try {
    isNew = await lookAtRun(work, open);
  } catch (error) {
    work.session.signal?.throwIfAborted();
    // A run that cannot be read does not block other starts. If the service cannot be reached, the start fails for that reason.
    if (laterFailure(error) === undefined) throw error;
    unread.push(error);
    return;
  }
  if (isNew) await work.changed(open.item.item.id);
}

export interface Preview {
  reads: string[];
  cancels: string[];
  starts: string[];
  view: CampaignView;
}

export async function previewWave(
  path: string,
  options: CampaignOptions,
  internals: CampaignInternals,
): Promise<Preview> {
  return await withCampaign(path, options, internals, "read", (opened) => {
    const store = plannedStore(opened, "preview the next wave");
    const { memory } = store;
    const nowMs = opened.clock.wallTime();
    const open = store.openRuns();
    const settles = toSettle(memory);
    const cancels = [...open.map(({ item }) => item), ...settles].filter((item) => isToCancel(memory, item));
    const unansweredItems = settles.filter((item) => !isToCancel(memory, item));
    return Promise.resolve({
      reads: open.filter(({ item }) => !isToCancel(memory, item)).map(({ item }) => item.item.id),
      cancels: cancels.map(({ item }) => item.id),
      starts: [...unansweredItems.map(({ item }) => item.id), ...previewStarts(store, nowMs)],
      view: viewOf(opened, store),
    });
  });
}

export function previewStarts(store: Store, nowMs: number): string[] {
  const { memory } = store;
  const { items } = readyItems(memory, nowMs, store.isShared);
  const closed = gateDue(memory) === undefined ? closedBy(memory) : "gate";
  const { sandboxes } = memory;
  const { starts } = nextStarts(
    paceInput(memory, { nowMs, sandboxes, running: store.openRuns().length, waiting: items.length, closed }),
  );
  return items.slice(0, starts).map(({ item }) => item.id);
}

export function closedGates({ memory }: Store): GateName[] {
  return GATES.filter((gate) => gate === "canary" ? isCanaryClosed(memory) : memory.gates[gate].closed);
}

export async function approveAll(store: Store, by: string, note: string | null): Promise<void> {
  for (const gate of closedGates(store)) await store.record({ type: "approved", gate, by, note });
}

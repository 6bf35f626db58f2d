import { MogplexError } from "../../errors.ts";
import type { Run } from "../../model.ts";
import { isTerminal } from "../../service/contract.ts";
import { proveRun } from "./access.ts";
import { cancel, read, recordEnd, recordLook, unlessGone } from "./look.ts";
import { type OpenRun, runIdOf } from "./store.ts";
import type { Work } from "./work.ts";

/**
 * Waits between reads of runs that were cancelled before they had a sandbox. A worker may still start such a run, so all of these reads must show
 * that the run has ended.
 */
const HOLD_MS: readonly number[] = [2_000, 5_000, 10_000];

const MAX_HOLDS = 12;

function reasonOf({ store: { memory: { stopped } } }: Work): string {
  return stopped?.cancel ? "cancelled when the campaign was stopped" : "cancelled when the item was skipped";
}

export interface ToCancel extends OpenRun {
  /** Whether an open start has just found the run. In this case, the run may not have a sandbox yet. */
  isFound: boolean;
  why: string | null;
}

export async function cancelRuns(
  work: Work,
  runs: readonly ToCancel[],
): Promise<{ changed: string[]; failures: unknown[] }> {
  const { session: { clock, signal }, store } = work;
  const failures: unknown[] = [];
  const changed: string[] = [];
  let held: (ToCancel & { run: Run })[] = [];

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
    if (run.status === "success") {
      await unlessGone(work, open, async () => recordLook(work, open, await read(work, open)));
    } else await recordEnd(work, open, run, [], { as: "cancelled", reason: why ?? reasonOf(work) });
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

async function cancelOne(work: Work, open: OpenRun): Promise<Run | undefined> {
  return await unlessGone(work, open, async () => {
    if (!work.proven.has(runIdOf(open))) await read(work, open);
    const { run, byItself } = await cancel(work, open);
    if (!byItself) return run;
    await recordLook(work, open, await read(work, open));
    return undefined;
  });
}

async function holds(work: Work, each: ToCancel & { run: Run }): Promise<boolean> {
  const { session, pace } = work;
  const run = await pace.request((call) => session.client.getRun(runIdOf(each), call));
  proveRun(work, each.item, run);
  each.run = run;
  if (isTerminal(run.status)) return true;
  each.run = (await cancel(work, each)).run;
  return false;
}

export async function cancelRun(work: Work, open: OpenRun): Promise<void> {
  const run = await cancelOne(work, open);
  if (run !== undefined) {
    await recordEnd(work, open, run, [], {
      as: "cancelled",
      reason: "cancelled when the campaign's process ended",
    });
  }
}

class UnavailableRun extends MogplexError {
  constructor(runId: string, campaign: string) {
    super({
      attempted: `cancel run "${runId}" of campaign "${campaign}"`,
      why: "the service restarts it each time",
      advice: "the next wave cancels it again; check the run in the app",
    }, "unavailable");
  }
}

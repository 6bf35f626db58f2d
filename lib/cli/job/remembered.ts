/**
 * What a folder remembers: the run that an earlier command left in its state file, while that run goes on, and for an hour after it ended well
 * unless somebody was told. Outside CI nothing else tells a command that it is called again.
 *
 * @module
 */
import type { CallOptions } from "../../api/client.ts";
import { NotFoundError } from "../../errors.ts";
import type { Session } from "../../job/session.ts";
import { endAgeMs } from "../../job/started.ts";
import { endOfRun } from "../../result/ends.ts";
import { readState, type StateFiles, stateSeal } from "../../runs/state.ts";

/** A run that goes on, or whose end nobody was told. */
export interface Remembered {
  /** Its id; null when the answer to its start was lost: only its key finds it. */
  runId: string | null;
  /** Whether its request is the one that is asked for now. */
  same: boolean;
  /** Milliseconds since its end; null while it goes on, and when that is not known. */
  endAgeMs: number | null;
}

/**
 * How long after its end a run is attached to if nobody was told its end, in milliseconds: a person comes back within the hour, and a job that
 * is called every hour or every night starts each time.
 */
export const UNTOLD_MS = 3_600_000;

/** How long a command may be about to start a run of which it has written the key alone, in milliseconds. */
const STARTING_MS = 300_000;

/**
 * The run of a state file, if it goes on and the file was written with this token.
 *
 * @param hash Of the request that is asked for now: see `requestHash`.
 * @returns Undefined when there is no such run, or it has ended and that is known, long ago, or no success of the same request.
 * @throws {UsageError} when something else than an ordinary file is in its place.
 * @throws what the client throws.
 */
export async function rememberedRun(
  { client, clock, token, memory }: Session,
  files: StateFiles,
  path: string,
  hash: string,
  call: CallOptions,
): Promise<Remembered | undefined> {
  if (token === undefined) return undefined;
  const nowMs = clock.wallTime();
  const stored = readState(files, path, { job: null, execution: false, nowMs, notify() {} });
  if (stored === undefined || stored.claims.parting === "ended") return undefined;
  const state = stored.proven(stateSeal(token));
  if (state === undefined || state.idempotencyKey === null) return undefined;
  const { runId, startedAt } = state;
  const same = state.requestHash === hash;
  // The key of the same request finds the run, or starts it.
  if (runId === null) {
    return same || nowMs - Date.parse(startedAt) < STARTING_MS ? { runId, same, endAgeMs: null } : undefined;
  }
  memory.workedBefore = true;
  try {
    const run = await client.getRun(runId, call);
    const end = endOfRun(run.status);
    if (end === undefined || end === "awaiting_input") return { runId, same, endAgeMs: null };
    const ageMs = endAgeMs(run, clock.wallTime() - (client.clockSkewMs ?? 0));
    // A run that was to be cancelled is over for whoever wanted that.
    const isUntold = state.parting === "following" || state.parting === "detached";
    return same && end === "success" && isUntold && ageMs <= UNTOLD_MS ? { runId, same, endAgeMs: ageMs } : undefined;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

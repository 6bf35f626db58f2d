/**
 * What a wave does before it starts anything: proves that the token belongs to the user of the campaign, and looks at every run that has
 * not been seen to end.
 *
 * @module
 */
import { NotFoundError } from "../../errors.ts";
import { lookAtRun, otherUser } from "./look.ts";
import type { Work } from "./work.ts";

/**
 * Proves that the token can read the runs of the campaign: there is no route that tells whose token it is. Needs no request when a run was
 * read before, or when there is none.
 *
 * @throws {UsageError} when the token belongs to another user.
 * @throws what the client throws.
 */
export async function proveUser({ session, store, pace, proven }: Work): Promise<void> {
  const runId = store.memory.newestRunId;
  if (proven.user || runId === null) return;
  try {
    await pace.request((call) => session.client.getRun(runId, call));
  } catch (error) {
    throw error instanceof NotFoundError ? otherUser(runId, error) : error;
  }
  proven.user = true;
}

/**
 * Looks once at every run that has not been seen to end, oldest first.
 *
 * @returns A generator of the names of items that have changed.
 * @throws {UsageError} when a run is of another user or of another repository.
 * @throws what the client throws.
 */
export async function* collect(work: Work): AsyncGenerator<string, void, void> {
  for (const { item, open } of work.store.memory.openRuns()) {
    if (await lookAtRun(work, item, open)) yield item.id;
  }
}

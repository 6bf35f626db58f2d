/**
 * Tells a repository that is gone from a token that reaches nothing of the campaign: only the first is a fact about the item. No route
 * tells whose token it is, and nothing is changed by looking.
 *
 * @module
 */
import { NotFoundError, UsageError } from "../../errors.ts";
import { messageOf } from "../../error_sentence.ts";
import type { LockItem } from "../journal/lock.ts";
import { type CampaignMemory, hasRun, type StartMemory } from "../journal/memory.ts";
import { hasVerdict } from "../verdicts.ts";
import type { Work } from "./work.ts";

/** Most other repositories, and most other runs, that are looked for. */
const OTHERS = 5;

/** Other repositories of the campaign, evenly spread over its list. Hidden ones are in no list of the service. */
function othersOf({ lock }: Work, { repositoryId }: LockItem): string[] {
  const ids = new Set<string>();
  for (const item of lock.items) {
    if (item.excluded === null && item.repository !== item.repositoryId) ids.add(item.repositoryId);
  }
  ids.delete(repositoryId);
  const step = Math.max(1, Math.floor(ids.size / OTHERS));
  return [...ids].filter((_, index) => index % step === 0).slice(0, OTHERS);
}

/** Other runs of the journal, the newest first. */
function otherRuns({ store: { memory } }: Work, runId: string): { runId: string; repositoryId: string }[] {
  const owners = new Map<StartMemory, LockItem>();
  for (const { item, starts } of memory.items.values()) for (const start of starts) owners.set(start, item);
  return [...memory.runs].flatMap(([id, start]) => {
    const item = owners.get(start);
    return id === runId || item === undefined ? [] : [{ runId: id, repositoryId: item.repositoryId }];
  }).toReversed();
}

/** Whether a run can be read, and is of its repository. */
async function reaches(
  { session: { client }, pace, proven }: Work,
  id: string,
  repositoryId: string,
): Promise<boolean> {
  try {
    const run = await pace.request((call) => client.getRun(id, call));
    if (run.repoId.toLowerCase() !== repositoryId) return false;
    proven.add(id);
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

/** Whether the service lists a repository. Its id belongs to one user. */
async function lists({ session: { client }, pace, proven }: Work, id: string): Promise<boolean> {
  const found = await pace.request((call) => client.listRepos({ id, limit: 1 }, call));
  if (found.length > 0) proven.add(id);
  return found.length > 0;
}

/**
 * What it means that the service does not find a run. A repository that is removed takes its runs with it; a token of another user finds
 * nothing at all.
 *
 * @param item The item of the run.
 * @param cause The service's answer.
 * @returns Why the run is gone, for the journal.
 * @throws {UsageError} when neither another run nor a repository of the campaign is found: the journal then says so.
 * @throws what the client and the journal throw.
 */
export async function whyGone(
  work: Work,
  { item, runId, start }: { item: LockItem; runId: string; start: number },
  cause: NotFoundError,
): Promise<string> {
  const { store, proven } = work;
  const isListed = await lists(work, item.repositoryId);
  for (const other of otherRuns(work, runId).slice(0, OTHERS)) {
    if (proven.size > 0) break;
    await reaches(work, other.runId, other.repositoryId);
  }
  for (const id of othersOf(work, item)) {
    if (proven.size > 0) break;
    await lists(work, id);
  }
  const gone = `the service does not have run "${runId}" any more`;
  if (proven.size > 0) {
    return isListed
      ? `${gone}, although it lists its repository`
      : `${gone}, nor its repository in its list: the repository was removed`;
  }
  if (isGivenUp(store.memory, item.id)) return `the service does not find run "${runId}"`;
  const error = otherUser(runId, cause);
  const last = store.memory.items.get(item.id);
  if (last !== undefined && hasRun(last) && last.starts.at(-1)?.missing === false) {
    const reason = work.reason(messageOf(error)) ?? error.name;
    await store.record({ type: "trouble", reason, missing: { item: item.id, start } });
  }
  throw error;
}

/** Whether a person has given an item up, and nothing else is left to do: whose the token is does not matter any more. */
function isGivenUp(memory: CampaignMemory, id: string): boolean {
  if (memory.stopped?.cancel) return false;
  return [...memory.items.values()].every(({ item, state, skipped }) =>
    skipped !== null && !skipped.cancel || item.id !== id && hasVerdict(state)
  );
}

function otherUser(runId: string, cause: unknown): UsageError {
  return new UsageError({
    attempted: `read run "${runId}" of the campaign`,
    why: "the service finds neither it nor another run or a repository of the campaign, so this token belongs to " +
      "another user than the one who started it, or all of them were removed",
    advice: "use a token of that user; or begin a campaign of your own, with another directory and another `round`; " +
      "if its repository was removed, `campaign skip` gives up its item",
  }, { cause });
}

/**
 * Proves that the token reaches the repository of an item, or at least another one of the campaign. To be called when the service refuses
 * a start because it does not know the repository, before that is recorded.
 *
 * @throws {UsageError} when it reaches none: it belongs to another user than the one who planned, or that user has lost the access.
 * @throws what the client throws.
 */
export async function proveAccess(work: Work, item: LockItem): Promise<void> {
  const { session: { client }, pace, proven } = work;
  const others = othersOf(work, item);
  // With a run that was read there is no doubt whose the token is, and one repository tells nothing about the others.
  if (others.length === 0 && proven.size > 0) return;
  for (const id of [item.repositoryId, ...others]) {
    const found = await pace.request((call) => client.listRepos({ id, limit: 1 }, call));
    if (found.length > 0) return;
  }
  const also = others.length === 0 ? "" : `, and none of ${others.length} others of the campaign`;
  throw new UsageError({
    attempted: `start ${item.repository}`,
    why:
      `this token does not reach the repository${also}: it belongs to another user than the one who planned, or that ` +
      "user has lost access",
    advice: "use a token of that user, or give the access back: no item has lost anything",
  });
}

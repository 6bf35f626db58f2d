/**
 * Finds out what this token can access. The service does not distinguish deleted objects from objects of another user, but only a deletion changes an
 * item. No API endpoint shows which user a token belongs to, so other runs and repositories of the campaign are read. Reading changes nothing.
 * @module
 */
import { messageOf } from "../../error_sentence.ts";
import { NotFoundError, UsageError } from "../../errors.ts";
import type { Run } from "../../model.ts";
import { laterFailure } from "../../service/retry.ts";
import type { LockItem } from "../journal/lock.ts";
import { type CampaignMemory, hasRun, type ItemMemory, type StartMemory } from "../journal/memory.ts";
import { hasVerdict } from "../view/verdicts.ts";
import { type OpenRun, runIdOf } from "./store.ts";
import type { Work } from "./work.ts";

/** Checks that a run belongs to the item before the run is used, because the journal may have been changed. */
export function proveRun({ proven, booting }: Work, { item }: ItemMemory, run: Run): void {
  if (run.repoId.toLowerCase() !== item.repositoryId) {
    throw new UsageError({
      attempted: `continue with run "${run.runId}" of ${item.repository}`,
      why: `the run belongs to another repository, "${run.repoId}": the journal was changed`,
      advice: "check who can write to the campaign's directory, then start over with another `round`",
    });
  }
  const runId = run.runId.toLowerCase();
  proven.add(runId);
  if (run.sandboxRecordId === null) booting.add(runId);
  else booting.delete(runId);
}

export async function proveUser(work: Work): Promise<void> {
  const { session, store, pace, proven } = work;
  const open = store.openRuns().filter((each) => !proven.has(runIdOf(each)));
  const newest = proven.size > 0 || open.length > 0 ? undefined : newestRun(work);
  let missing: { open: OpenRun; cause: NotFoundError } | undefined;
  for (const each of newest === undefined ? open : [newest]) {
    const runId = runIdOf(each);
    try {
      proveRun(work, each.item, await pace.request((call) => session.client.getRun(runId, call)));
    } catch (error) {
      if (error instanceof NotFoundError) {
        // The run may have been deleted with its repository. Another run can prove which user the token belongs to.
        missing ??= { open: each, cause: error };
        continue;
      }
      if (laterFailure(error) === undefined || proven.size === 0) throw error;
    }
  }
  if (missing === undefined || proven.size > 0) return;
  await whyGone(work, missing.open, missing.cause);
}

function newestRun({ store: { memory } }: Work): OpenRun | undefined {
  const start = [...memory.runs.values()].at(-1);
  const item = [...memory.items.values()].find(({ starts }) => start !== undefined && starts.includes(start));
  return start === undefined || item === undefined ? undefined : { item, start };
}

const OTHERS = 5;

/** Hidden repositories are left out, because the service does not list them. */
function othersOf({ lock }: Work, { repositoryId }: LockItem): string[] {
  const ids = new Set<string>();
  for (const item of lock.items) {
    if (item.excluded === null && item.repository !== item.repositoryId) ids.add(item.repositoryId);
  }
  ids.delete(repositoryId);
  const step = Math.max(1, Math.floor(ids.size / OTHERS));
  return [...ids].filter((_, index) => index % step === 0).slice(0, OTHERS);
}

function otherRuns({ store: { memory } }: Work, runId: string): { runId: string; repositoryId: string }[] {
  const owners = new Map<StartMemory, LockItem>();
  for (const { item, starts } of memory.items.values()) for (const start of starts) owners.set(start, item);
  return [...memory.runs].flatMap(([id, start]) => {
    const item = owners.get(start);
    return id === runId || item === undefined ? [] : [{ runId: id, repositoryId: item.repositoryId }];
  }).toReversed();
}

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

/** The id of a repository is valid for only one user. */
export async function lists({ session: { client }, pace, proven }: Work, id: string): Promise<boolean> {
  const rows = await pace.request((call) => client.listRepos({ id, limit: 1 }, call));
  if (rows.length > 0) proven.add(id);
  return rows.length > 0;
}

/** If a repository is removed, its runs are removed, too. With another user's token, the service finds nothing at all. */
export async function whyGone(
  work: Work,
  open: OpenRun,
  cause: NotFoundError,
): Promise<string> {
  const { store, proven } = work;
  const [runId, { item }, { number: start }] = [runIdOf(open), open.item, open.start];
  const isListed = await lists(work, item.repositoryId);
  for (const other of otherRuns(work, runId).slice(0, OTHERS)) {
    if (proven.size > 0) break;
    await reaches(work, other.runId, other.repositoryId);
  }
  for (const id of othersOf(work, item)) {
    if (proven.size > 0) break;
    await lists(work, id);
  }
  const gone = `the service no longer has run "${runId}"`;
  if (proven.size > 0) {
    return isListed
      ? `${gone}, although it still lists the run's repository`
      : `${gone}, and no longer lists the run's repository, so the repository was removed`;
  }
  if (isGivenUp(store.memory, item.id)) return `the service cannot find run "${runId}"`;
  const error = otherUser(runId, cause);
  const last = store.memory.items.get(item.id);
  if (last !== undefined && hasRun(last) && last.starts.at(-1)?.missing === false) {
    const reason = work.reason(messageOf(error)) ?? error.name;
    await store.record({ type: "trouble", reason, missing: { item: item.id, start } });
  }
  throw error;
}

/** If people have given up everything that is left to do, it does not matter which user the token belongs to. */
function isGivenUp(memory: CampaignMemory, id: string): boolean {
  if (memory.stopped?.cancel) return false;
  return [...memory.items.values()].every(({ item, state, skipped }) =>
    skipped !== null && !skipped.cancel || item.id !== id && hasVerdict(state)
  );
}

function otherUser(runId: string, cause: unknown): UsageError {
  return new UsageError({
    attempted: `read run "${runId}" of the campaign`,
    why:
      "the service finds none of the campaign's runs and repositories, so either this token does not belong to the user " +
      "who started the campaign, or all of them were removed",
    advice: "use that user's token, or start your own campaign with another directory and `round`; " +
      "if the run's repository was removed, skip its item with `campaign skip`",
  }, { cause });
}

/** Must be called before a start is recorded as refused because the service does not know the repository. */
export async function proveAccess(work: Work, item: LockItem): Promise<void> {
  const { session: { client }, pace, proven } = work;
  const others = othersOf(work, item);
  // A run that was read proves which user the token belongs to. Without other repositories, there is nothing to compare.
  if (others.length === 0 && proven.size > 0) return;
  for (const id of [item.repositoryId, ...others]) {
    const rows = await pace.request((call) => client.listRepos({ id, limit: 1 }, call));
    if (rows.length > 0) return;
  }
  const also = others.length === 0 ? "" : `, nor any of the ${others.length} others in the campaign`;
  throw new UsageError({
    attempted: `start ${item.repository}`,
    why:
      `this token cannot access the repository${also}: it does not belong to the user who planned the campaign, or that ` +
      "user has lost access",
    advice: "use that user's token, or restore the access; nothing is lost",
  });
}

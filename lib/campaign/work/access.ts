/**
 * Tells a repository that is gone from a token that reaches no repository of the campaign: only the first is a fact about the item.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import type { LockItem } from "../journal/lock.ts";
import type { Work } from "./work.ts";

/** Most other repositories that are looked for. */
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

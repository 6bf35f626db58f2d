/**
 * What a journal records about merges, and about the people who requested the work. Approvals by these people are not accepted.
 *
 * @module
 */
import type { ChecksState, MergeMethod } from "../../forge/model.ts";
import type { ForgePerson, JournalRecord, MergeException, MergeWord, Person } from "./record.ts";

/** Somebody who requested the work on an item. */
export interface Requester {
  readonly by: Person;
  /** Undefined if no forge has shown the user. */
  readonly user: ForgePerson | undefined;
}

/** The last requested merge. */
export interface MergeMemory {
  readonly url: string;
  readonly repositoryId: string;
  /** The commit that was judged. */
  readonly head: string;
  /** Name of the target branch. */
  readonly base: string;
  /** Newest commit of the target branch before the merge; null if the forge did not show it. */
  readonly baseCommit: string | null;
  readonly method: MergeMethod;
  readonly by: Person;
  readonly exceptions: readonly MergeException[];
  /** Checks of the target branch before the merge; null if the forge did not show them. */
  readonly targetChecks: ChecksState | null;
  /** When the merge was requested, in ISO 8601, by the clock of the machine that requested it. */
  readonly at: string;
  /** `open`: no answer is known. */
  state: MergeWord | "open";
  /** When the state was recorded, in ISO 8601, by the clock of the machine that recorded it. */
  stateAt: string;
  /** The commit on the target branch. */
  commit: string | null;
  handle: string | null;
  reason: string | null;
  /** Checks of the target branch at that commit. `waiting`: they have not finished. Null if the forge does not show them. */
  target: ChecksState | "waiting" | null;
  /** Sequence number of the record with these checks; 0 if there is none yet. */
  targetSeq: number;
  /** `delete` if the branch still has to be deleted; otherwise what happened to the branch. */
  branch: "delete" | "deleted" | "gone" | "kept" | null;
}

/** The last update of a branch that was behind its target. */
export interface UpdateMemory {
  /** The commit before the update. */
  readonly head: string;
  /** When the update was requested, in ISO 8601, by the clock of the machine that requested it. */
  readonly at: string;
}

type MergeRecord = Extract<
  JournalRecord,
  { type: "merge-intent" | "merge" | "merge-target" | "merge-branch" | "merge-update" }
>;

/** States of a merge that may still be carried out by the forge. */
export const OPEN_MERGES: readonly MergeMemory["state"][] = ["open", "queued", "pending", "foreign"];

interface MergeItem {
  merge: MergeMemory | null;
  update: UpdateMemory | null;
  pull: { state: string } | null;
}

/** A record contradicts earlier records. The message says why, as a clause. */
export class Contradiction extends Error {}

/** Applies a record to the memory of its item. @throws {Contradiction} if the record contradicts earlier ones. */
export function applyMerge(item: MergeItem, record: MergeRecord): void {
  if (record.type === "merge-update") {
    item.update = { head: record.head, at: record.at };
    return;
  }
  const { merge } = item;
  if (record.type === "merge-intent") {
    if (merge !== null && (OPEN_MERGES.includes(merge.state) || isMerged(merge))) {
      throw new Contradiction(`an earlier merge is ${merge.state}`);
    }
    const { url, repositoryId, head, base, baseCommit = null, method, by } = record;
    const { exceptions = [], targetChecks, at, deleteBranch } = record;
    item.merge = {
      ...{ url, repositoryId, head, base, baseCommit, method, by, exceptions, targetChecks, at },
      ...{ state: "open", stateAt: at, commit: null, handle: null, reason: null, target: null, targetSeq: 0 },
      branch: deleteBranch === true ? "delete" : null,
    };
    return;
  }
  if (merge === null) throw new Contradiction("no merge was requested");
  if (record.type === "merge-branch") {
    merge.branch = record.as;
    return;
  }
  if (record.type === "merge-target") {
    merge.target = record.checks;
    merge.targetSeq = record.seq;
    return;
  }
  if (!OPEN_MERGES.includes(merge.state)) throw new Contradiction(`its merge is ${merge.state}`);
  const { as: state, at: stateAt, commit, reason, handle = null } = record;
  Object.assign(merge, { state, stateAt, commit, reason, handle: handle ?? merge.handle });
  if (!isMerged(merge)) return;
  // Only the checks of a target that was green before can show that the merge has broken it.
  if (state === "merged" && merge.targetChecks === "green" && commit !== null) merge.target = "waiting";
  if (state !== "merged") merge.branch = null;
  if (item.pull !== null) item.pull = { ...item.pull, state: "merged" };
}

/** Whether the pull request is merged, by the campaign or by somebody else. */
export function isMerged({ state }: Pick<MergeMemory, "state">): boolean {
  return state === "merged" || state === "elsewhere";
}

export function addRequester(
  requesters: Requester[],
  { by, user }: { by: Person; user?: ForgePerson | undefined },
): void {
  const isSame = (other: Requester) => other.by === by && JSON.stringify(other.user) === JSON.stringify(user);
  if (!requesters.some(isSame)) requesters.push({ by, user });
}

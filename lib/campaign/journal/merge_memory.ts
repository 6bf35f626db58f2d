/**
 * What a journal records about merges, and about the people who requested the work: their own approvals are not accepted.
 *
 * @module
 */
import type { ChecksState, MergeMethod } from "../../forge/model.ts";
import type { ForgePerson, JournalRecord, MergeException, MergeWord, Person } from "./record.ts";

/** Somebody who requested the work on an item. */
export interface Requester {
  readonly by: Person;
  /** Undefined where no forge has shown the user. */
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
  /** Its newest commit before the merge; null when it was not shown. */
  readonly baseCommit: string | null;
  readonly method: MergeMethod;
  readonly by: Person;
  readonly exceptions: readonly MergeException[];
  /** Checks of the target before it; null when they were not shown. */
  readonly targetChecks: ChecksState | null;
  /** When it was requested, by that machine's clock, in ISO 8601. */
  readonly at: string;
  /** `open`: no answer is known. */
  state: MergeWord | "open";
  /** When its state was recorded, likewise. */
  stateAt: string;
  /** The commit on the target. */
  commit: string | null;
  handle: string | null;
  reason: string | null;
  /** Checks of the target at that commit. `waiting`: they have not finished; null when they are not shown. */
  target: ChecksState | "waiting" | null;
  /** Number of the record with these checks; 0 before. */
  targetSeq: number;
  /** `delete` if the branch still has to be deleted; otherwise what happened to the branch. */
  branch: "delete" | "deleted" | "gone" | "kept" | null;
}

/** The last update of a branch that was behind its target. */
export interface UpdateMemory {
  /** The commit before it. */
  readonly head: string;
  /** When it was requested, by that machine's clock, in ISO 8601. */
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

/** Why a record contradicts those before it, as a clause. */
export class Contradiction extends Error {}

/** Takes a record into the memory of its item. @throws {Contradiction} */
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
  // Only a target that was green can show that the merge has broken it.
  if (state === "merged" && merge.targetChecks === "green" && commit !== null) merge.target = "waiting";
  if (state !== "merged") merge.branch = null;
  if (item.pull !== null) item.pull = { ...item.pull, state: "merged" };
}

/** Whether the pull request is merged, by us or by somebody else. */
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

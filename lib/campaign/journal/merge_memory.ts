import type { ChecksState, MergeMethod } from "../../forge/model.ts";
import type { ForgePerson, JournalRecord, MergeException, MergeWord, Person } from "./record.ts";

export interface Requester {
  readonly by: Person;
  readonly user: ForgePerson | undefined;
}

export interface MergeMemory {
  readonly url: string;
  readonly repositoryId: string;
  readonly head: string;
  readonly base: string;
  readonly baseCommit: string | null;
  readonly method: MergeMethod;
  readonly by: Person;
  readonly exceptions: readonly MergeException[];
  readonly targetChecks: ChecksState | null;
  /** In ISO 8601, by the clock of the machine that requested the merge. */
  readonly at: string;
  /** `open` means that the request was not answered. */
  state: MergeWord | "open";
  /** In ISO 8601, by the clock of the machine that recorded the state. */
  stateAt: string;
  commit: string | null;
  handle: string | null;
  reason: string | null;
  /** The checks of the target branch at `commit`. `waiting` means that the checks have not finished. */
  target: ChecksState | "waiting" | null;
  targetSeq: number;
  /** `delete` means that the branch must still be deleted. */
  branch: "delete" | "deleted" | "gone" | "kept" | null;
}

export interface UpdateMemory {
  readonly head: string;
  readonly at: string;
}

type MergeRecord = Extract<
  JournalRecord,
  { type: "merge-intent" | "merge" | "merge-target" | "merge-branch" | "merge-update" }
>;

/** States of merges that the forge may still carry out. */
export const OPEN_MERGES: readonly MergeMemory["state"][] = ["open", "queued", "pending", "foreign"];

interface MergeItem {
  merge: MergeMemory | null;
  update: UpdateMemory | null;
  pull: { state: string } | null;
}

export class Contradiction extends Error {}

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
  // The merge can be blamed for a failure only if the target branch's checks had succeeded before the merge.
  if (state === "merged" && merge.targetChecks === "green" && commit !== null) merge.target = "waiting";
  if (state !== "merged") merge.branch = null;
  if (item.pull !== null) item.pull = { ...item.pull, state: "merged" };
}

/** Includes merges by others. */
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

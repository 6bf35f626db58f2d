/**
 * What is read of a pull request to decide whether it may be merged.
 * @module
 */
import type { ReviewReading } from "./approvals.ts";
import type { ForgeClient } from "./client.ts";
import type { ChecksState, MergeMethod, PullRequestAddress, PullRequestFacts } from "./model.ts";

/** Reads of one forge before and after a merge. Nothing is changed. */
export interface ForgeMerging {
  /**
   * Reads everything again. @returns The reading, or a clause that explains why the pull request is not shown. @throws what the client
   * throws.
   */
  read(client: ForgeClient, address: PullRequestAddress): Promise<MergeReading | string>;
  /** The checks of a commit, without our own; null if they are not shown. @throws what the client throws. */
  checks(client: ForgeClient, address: PullRequestAddress, commit: string): Promise<ChecksState | null>;
}

export interface MergeReading {
  /** `checks` without our own. */
  readonly facts: PullRequestFacts;
  /** The forge's own id of the repository. */
  readonly repositoryId: string;
  /** Name of the target branch. */
  readonly base: string;
  /** Its newest commit; null if it is not shown. */
  readonly baseCommit: string | null;
  readonly review: ReviewReading;
  /** Whether the target requires a check; null if it is not shown. */
  readonly isCheckRequired: boolean | null;
  /** Why the token might go past rules that could not all be read, as a clause; null if it cannot, and if all were read. */
  readonly bypass: string | null;
  /** Why the forge or the rules of the target refuse it now, apart from what the facts and the review show, as a clause; null for no reason. */
  readonly blocked: string | null;
  /** What the repository allows; null if it is not shown. */
  readonly methods: readonly MergeMethod[] | null;
  /** Whether the pull request is part of a stack: merging it would also merge those below it. */
  readonly isStacked: boolean;
  /** The commit on the target after the merge; null before the merge, and if it is not shown. */
  readonly mergeCommit: string | null;
  /** The commit of its branch that was merged; null before, and if it is not shown. */
  readonly mergedHead: string | null;
  /** Whether its branch lacks commits of the target, whether or not the target requires them; null if it is not shown. */
  readonly isOutdated: boolean | null;
  /** ISO 8601; null if it is not shown. */
  readonly headCommittedAt: string | null;
  /** Paths of the changed files; null if not all could be read. */
  readonly changedFiles: readonly string[] | null;
}

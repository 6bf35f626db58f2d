/**
 * The parts of a pull request that are read to decide whether it may be merged.
 *
 * @module
 */
import type { ReviewReading } from "./approvals.ts";
import type { ForgeClient } from "./client.ts";
import type { ChecksState, MergeMethod, PullRequestAddress, PullRequestFacts } from "./model.ts";

/** The reads of one forge before and after a merge. Nothing is changed. */
export interface ForgeMerging {
  /** Reads everything again. @returns The reading, or a clause that explains why the pull request is not shown. @throws the errors of the client. */
  read(client: ForgeClient, address: PullRequestAddress): Promise<MergeReading | string>;
  /** The checks of a commit, without our own checks; null if they are not shown. @throws the errors of the client. */
  checks(client: ForgeClient, address: PullRequestAddress, commit: string): Promise<ChecksState | null>;
}

export interface MergeReading {
  /** `checks` does not include our own checks. */
  readonly facts: PullRequestFacts;
  /** The forge's own id of the repository. */
  readonly repositoryId: string;
  readonly base: string;
  /** Newest commit of the target branch; null if it is not shown. */
  readonly baseCommit: string | null;
  readonly review: ReviewReading;
  /** Whether the target requires a check; null if that is not shown. */
  readonly isCheckRequired: boolean | null;
  /** Why the token might bypass rules that could not all be read, as a clause; null if it cannot, or if all rules were read. */
  readonly bypass: string | null;
  /**
   * Why the forge or the rules of the target refuse the merge now, as a clause, in addition to the facts and the review; null if there is no other
   * reason.
   */
  readonly blocked: string | null;
  /** Merge methods that the repository allows; null if they are not shown. */
  readonly methods: readonly MergeMethod[] | null;
  /** Whether the pull request is part of a stack. Merging it would also merge the pull requests below it. */
  readonly isStacked: boolean;
  /** The commit on the target after the merge; null before the merge, or if the commit is not shown. */
  readonly mergeCommit: string | null;
  /** The commit of the branch that was merged; null before the merge, or if the commit is not shown. */
  readonly mergedHead: string | null;
  /** Whether the branch lacks commits of the target, whether or not the target requires them; null if that is not shown. */
  readonly isOutdated: boolean | null;
  /** ISO 8601; null if the time is not shown. */
  readonly headCommittedAt: string | null;
  /** Paths of the changed files; null if not all could be read. */
  readonly changedFiles: readonly string[] | null;
}

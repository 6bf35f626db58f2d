import type { ReviewReading } from "./approvals.ts";
import type { ForgeClient } from "./client.ts";
import type { ChecksState, MergeMethod, PullRequestAddress, PullRequestFacts, Unread } from "./model.ts";

export interface ForgeMerging {
  read(client: ForgeClient, address: PullRequestAddress): Promise<MergeReading | Unread>;
  /** The checks of a commit, without our own checks; `null` if the checks are not shown. */
  checks(client: ForgeClient, address: PullRequestAddress, commit: string): Promise<ChecksState | null>;
}

export interface MergeReading {
  readonly facts: PullRequestFacts;
  readonly repositoryId: string;
  readonly base: string;
  readonly baseCommit: string | null;
  readonly review: ReviewReading;
  readonly isCheckRequired: boolean | null;
  /**
   * Why a token that can bypass rules must not merge, as a clause; `null` if the token cannot bypass rules, or if all rules were read and checked.
   */
  readonly bypass: string | null;
  /**
   * Why the forge or the target's rules block the merge now, as a clause. Reasons that the facts or the review already show are not repeated. `null`
   * if there is no other reason.
   */
  readonly blocked: string | null;
  readonly methods: readonly MergeMethod[] | null;
  /** Merging a stacked pull request also merges the pull requests below it. */
  readonly isStacked: boolean;
  /** The commit on the target after the merge; `null` before the merge, or if the commit is not shown. */
  readonly mergeCommit: string | null;
  /** The commit of the branch that was merged; `null` before the merge, or if the commit is not shown. */
  readonly mergedHead: string | null;
  /** Whether the branch lacks commits of the target, even if the target does not require them; `null` if this is not shown. */
  readonly isOutdated: boolean | null;
  /** ISO 8601. */
  readonly headCommittedAt: string | null;
  readonly changedFiles: readonly string[] | null;
}

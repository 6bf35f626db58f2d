/**
 * Changes on a forge: merges, review requests, labels, comments, closed pull requests. Every write is pinned to a commit if the forge supports that.
 * Nothing here decides whether a write is allowed, and no write is sent a second time after a lost answer.
 *
 * @module
 */
import type { ForgeClient } from "./client.ts";
import type { ForgeUser } from "./findings.ts";
import type { MergeMethod, PullRequestAddress, PullRequestStatus } from "./model.ts";

export interface MergeOrder {
  readonly address: PullRequestAddress;
  /** The head that was judged. Any other head is not merged. */
  readonly commit: string;
  readonly method: MergeMethod;
  /** Title and body of the commit, already made harmless. Not used if the method creates no commit. */
  readonly title: string;
  readonly body: string;
  /** Whether the target has a merge queue. For GitLab's merge trains, the write itself finds this out. */
  readonly hasQueue: boolean;
}

export type MergeOutcome =
  /** `commit`: the commit on the target; null if the forge does not show it. */
  | { readonly kind: "merged"; readonly commit: string | null }
  /** The pull request is in a queue or a merge train. */
  | { readonly kind: "queued" }
  /** The forge merges later. `handle` identifies the merge. */
  | { readonly kind: "pending"; readonly handle: string }
  /** Another merge of the same pull request is pending, with options that we did not set. */
  | { readonly kind: "foreign"; readonly handle: string }
  /** The head is another commit. */
  | { readonly kind: "moved" }
  /** The forge asks to try again later. */
  | { readonly kind: "later"; readonly reason: string }
  /** The answer was lost, so the forge may have merged. Read the progress before anything else is sent. */
  | { readonly kind: "lost"; readonly reason: string }
  /** `reason`: the forge's words, made harmless, as a clause. */
  | { readonly kind: "refused"; readonly reason: string };

/** What our merge would have left on the target. */
export interface LandedQuestion {
  readonly address: PullRequestAddress;
  /** The newest commit of the target before the merge was sent, and now. */
  readonly since: string;
  readonly until: string;
  /** The same values as in the order. */
  readonly commit: string;
  readonly method: MergeMethod;
  readonly title: string;
  readonly body: string;
  /** Commits of other merges. */
  readonly others: readonly string[];
}

export type MergeProgress =
  | MergeOutcome
  /** The pull request is open, and neither pending nor in a queue. The merge was never sent, failed, or was removed. */
  | { readonly kind: "out"; readonly reason: string };

export interface Reviewers {
  readonly users: readonly string[];
  /** Names as the forge writes them: `owner/team` on GitHub and Gitea, a group on GitLab. */
  readonly teams: readonly string[];
}

/**
 * `last`: the last rule that matches decides. `sections`: the rules of all sections apply, and sections have default owners. `all`: every rule that
 * matches applies, and its pattern is a regular expression.
 */
export interface CodeOwnersForm {
  /** The first path that exists is used. */
  readonly paths: readonly string[];
  readonly rules: "last" | "sections" | "all";
}

/** `refused`: the forge's words, made harmless, as a clause. */
export interface Refused {
  readonly refused: string;
}

/** State, author, reviewers and labels of a pull request, as they are now. */
export interface PullRequestMarks {
  readonly state: PullRequestStatus;
  /** Name of the author; null if it is not shown. */
  readonly author: string | null;
  /** Users and teams who were requested to review the pull request. */
  readonly users: readonly string[];
  readonly teams: readonly string[];
  readonly labels: readonly string[];
}

/** Rights of the token, by purpose, as a clause: `the permission "contents: write"`. */
export interface WriteNeeds {
  readonly merge: string;
  readonly update: string;
  readonly ask: string;
  readonly label: string;
  readonly close: string;
  readonly deleteBranch: string;
}

/**
 * Writes of one forge. Each method throws the errors of the client. The error for a refused token has exit code 64, and the error for a missing right
 * has exit code 65.
 */
export interface ForgeWrites {
  readonly needs: WriteNeeds;
  /** Name of the user of a job's own token, whose merges start no workflows; absent without such a user. */
  readonly jobUser?: string;
  readonly codeOwners: CodeOwnersForm;
  merge(client: ForgeClient, order: MergeOrder): Promise<MergeOutcome>;
  /** Reads what happened to a merge, without changing anything. @param handle Null without one. */
  progress(client: ForgeClient, address: PullRequestAddress, handle: string | null): Promise<MergeProgress>;
  /**
   * Looks for our merge on the target although the pull request is open. Absent on a forge that carries out a merge as a whole or not at all.
   * @returns The commit of the merge; null if it is not there; undefined if the forge does not show it.
   */
  landed?(client: ForgeClient, question: LandedQuestion): Promise<string | null | undefined>;
  /** Removes the pull request from its queue or merge train. @returns False if it was not in one. */
  leaveQueue(client: ForgeClient, address: PullRequestAddress): Promise<boolean>;
  /** Brings the branch up to date with its target. */
  update(
    client: ForgeClient,
    address: PullRequestAddress,
    commit: string,
  ): Promise<"updated" | "moved" | Refused>;
  /** Adds reviewers. The present reviewers stay. */
  requestReview(
    client: ForgeClient,
    address: PullRequestAddress,
    reviewers: Reviewers,
  ): Promise<"requested" | Refused>;
  marks(client: ForgeClient, address: PullRequestAddress): Promise<PullRequestMarks>;
  addLabels(client: ForgeClient, address: PullRequestAddress, labels: readonly string[]): Promise<void>;
  close(client: ForgeClient, address: PullRequestAddress): Promise<void>;
  /** Deletes a branch of the repository if its newest commit is still the given one. */
  deleteBranch(
    client: ForgeClient,
    address: PullRequestAddress,
    branch: string,
    commit: string,
  ): Promise<"deleted" | "moved" | "gone" | Refused>;
  /** The user of the token; null if the forge does not show it, as for the token of a job. */
  me(client: ForgeClient): Promise<ForgeUser | null>;
}

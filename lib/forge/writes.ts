import type { ForgeClient } from "./client.ts";
import type { ForgeUser } from "./findings.ts";
import type { MergeMethod, PullRequestAddress, PullRequestStatus } from "./model.ts";

export interface MergeOrder {
  readonly address: PullRequestAddress;
  /** The head commit on which the decision to merge is based. No other head is merged. */
  readonly commit: string;
  readonly method: MergeMethod;
  /** Title and body of the commit, already sanitized. Not used if the method creates no commit. */
  readonly title: string;
  readonly body: string;
  /** Whether the target has a merge queue. On GitLab, `merge` itself detects a merge train. */
  readonly hasQueue: boolean;
}

export type MergeOutcome =
  | { readonly kind: "merged"; readonly commit: string | null }
  | { readonly kind: "queued" }
  | { readonly kind: "pending"; readonly handle: string }
  /** Another merge of the same pull request is pending, with options that this program did not set. */
  | { readonly kind: "foreign"; readonly handle: string }
  | { readonly kind: "moved" }
  | { readonly kind: "later"; readonly reason: string }
  /** The response was lost, so the forge may have merged. Read the progress before you send anything else. */
  | { readonly kind: "lost"; readonly reason: string }
  /** `reason` is the forge's sanitized message, as a clause. */
  | { readonly kind: "refused"; readonly reason: string };

export interface LandedQuestion {
  readonly address: PullRequestAddress;
  /** The newest commits of the target before the merge was sent (`since`) and now (`until`). */
  readonly since: string;
  readonly until: string;
  readonly commit: string;
  readonly method: MergeMethod;
  readonly title: string;
  readonly body: string;
  readonly others: readonly string[];
}

export type MergeProgress =
  | MergeOutcome
  /** The pull request is open, and is neither pending nor in a queue. The merge was never sent, has failed, or was removed. */
  | { readonly kind: "out"; readonly reason: string };

export interface Reviewers {
  readonly users: readonly string[];
  readonly teams: readonly string[];
}

/**
 * `last`: the last matching rule applies. `sections`: the rules of all sections apply, and sections can have default owners. `all`: every matching
 * rule applies, and the patterns are regular expressions.
 */
export interface CodeOwnersForm {
  readonly paths: readonly string[];
  readonly rules: "last" | "sections" | "all";
}

/** `refused` is the forge's sanitized message, as a clause. */
export interface Refused {
  readonly refused: string;
}

export interface PullRequestMarks {
  readonly state: PullRequestStatus;
  readonly author: string | null;
  readonly users: readonly string[];
  readonly teams: readonly string[];
  readonly labels: readonly string[];
}

export interface WriteNeeds {
  readonly merge: string;
  readonly update: string;
  readonly ask: string;
  readonly label: string;
  readonly close: string;
  readonly deleteBranch: string;
}

export interface ForgeWrites {
  readonly needs: WriteNeeds;
  /** Name of the user of a job's own token. Merges by this user start no workflows. */
  readonly jobUser?: string;
  readonly codeOwners: CodeOwnersForm;
  merge(client: ForgeClient, order: MergeOrder): Promise<MergeOutcome>;
  progress(client: ForgeClient, address: PullRequestAddress, handle: string | null): Promise<MergeProgress>;
  /**
   * Looks for our merge on the target while the pull request is still open. Absent if the forge performs each merge completely or not at all.
   * @returns The commit of the merge; `null` if the target does not contain it; `undefined` if the forge does not show it.
   */
  landed?(client: ForgeClient, question: LandedQuestion): Promise<string | null | undefined>;
  leaveQueue(client: ForgeClient, address: PullRequestAddress): Promise<boolean>;
  update(
    client: ForgeClient,
    address: PullRequestAddress,
    commit: string,
  ): Promise<"updated" | "moved" | Refused>;
  requestReview(
    client: ForgeClient,
    address: PullRequestAddress,
    reviewers: Reviewers,
  ): Promise<"requested" | Refused>;
  marks(client: ForgeClient, address: PullRequestAddress): Promise<PullRequestMarks>;
  addLabels(client: ForgeClient, address: PullRequestAddress, labels: readonly string[]): Promise<void>;
  close(client: ForgeClient, address: PullRequestAddress): Promise<void>;
  /** Deletes the branch only if its newest commit is still `commit`. */
  deleteBranch(
    client: ForgeClient,
    address: PullRequestAddress,
    branch: string,
    commit: string,
  ): Promise<"deleted" | "moved" | "gone" | Refused>;
  me(client: ForgeClient): Promise<ForgeUser | null>;
}

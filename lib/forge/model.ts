/**
 * A pull request in words that all forges share. A merge request is called a pull request here.
 *
 * @module
 */

/** Whether a pull request is still open. */
export type PullRequestStatus = "open" | "merged" | "closed";

/** Combined state of a pull request's checks. `none`: there are no checks. */
export type ChecksState = "green" | "red" | "pending" | "none";

/** State of a pull request's review. `requested`: a reviewer was asked and has not decided. `not-requested`: no reviewer was asked. */
export type ReviewState = "approved" | "changes-requested" | "requested" | "not-requested";

/** The order in which tables list the values. */
export const PULL_REQUEST_STATUSES: readonly PullRequestStatus[] = ["open", "merged", "closed"];
export const CHECKS_STATES: readonly ChecksState[] = ["red", "pending", "green", "none"];
export const REVIEW_STATES: readonly ReviewState[] = ["changes-requested", "not-requested", "requested", "approved"];

/** Facts that could not be read are null, and never `none`. */
export interface PullRequestFacts {
  /** The current address, which differs from the requested one if the repository was renamed. */
  url: string;
  /** The forge's own id of the repository; null if the forge does not show it. */
  repositoryId: string | null;
  state: PullRequestStatus;
  draft: boolean;
  /** Null if the checks could not be read. */
  checks: ChecksState | null;
  /** Null if the review could not be read. */
  review: ReviewState | null;
  /** Null if the forge has not checked yet. */
  conflict: boolean | null;
  /** The assignee, otherwise a requested reviewer; null if there is neither, or if they cannot be read. */
  owner: string | null;
  branch: string;
  /** Whether the branch is not in this repository: it is in a fork, or does not exist, as for Gitea's `refs/for`. */
  isForeign: boolean;
  /** Whether the branch is the default branch or protected; null if that is not shown. */
  isGuarded: boolean | null;
  /** Null if the commit is not shown. */
  commit: string | null;
  /** Whether the branch must be updated with the newest commits of its target before the merge. */
  isBehind: boolean;
  hasQueue: boolean;
  /** Number of changed files; null if the number is not shown. */
  files: number | null;
  /** Number of changed lines; null if the numbers are not shown. */
  additions: number | null;
  deletions: number | null;
  /** ISO 8601; `updatedAt` is the time of the last activity. */
  createdAt: string;
  updatedAt: string;
  /** When the pull request was merged, in ISO 8601; null if it was not merged, or if the time is not shown. */
  mergedAt: string | null;
  /** When the pull request was closed without a merge, in ISO 8601; null if it was not closed, or if the time is not shown. */
  closedAt: string | null;
  /** What could not be read, as a clause; null if everything was read. */
  problem: string | null;
}

/** An id of the forge as text; null without one. */
export function idText(id: number | null | undefined): string | null {
  return typeof id === "number" ? String(id) : null;
}

/**
 * When a pull request was merged, or closed without a merge. GitHub and Gitea also close the pull requests that they merge, so only the state
 * distinguishes the two.
 */
export function endTimes(
  state: PullRequestStatus,
  mergedAt: string | null | undefined,
  closedAt: string | null | undefined,
): Pick<PullRequestFacts, "mergedAt" | "closedAt"> {
  return {
    mergedAt: state === "merged" ? mergedAt ?? null : null,
    closedAt: state === "closed" ? closedAt ?? null : null,
  };
}

/**
 * The outcome of reading one pull request. `reason` is a clause. `again`: the pull request could not be read this time, and its earlier facts are
 * still valid.
 */
export type PullRequestOutcome =
  | { ok: true; facts: PullRequestFacts }
  | { ok: false; reason: string; again?: boolean };

export interface PullRequestAddress {
  forge: string;
  /** Scheme, host and port. */
  origin: string;
  /** Host in lower case, with the port if it is not the default port. */
  host: string;
  /** `owner/name`; on GitLab with all groups. */
  repository: string;
  /** 1 to 999,999,999. */
  number: number;
  url: string;
}

export type MergeMethod = "merge" | "squash" | "rebase";

export const MERGE_METHODS = ["merge", "squash", "rebase"] as const satisfies readonly MergeMethod[];

/**
 * The parts of a pull request that could not be read, as a clause; null if everything was read.
 * @param system The forge, and its word for the checks of a pull request.
 * @param facts A fact is null if the forge does not show it to this token.
 * @param reading Reading of the approvals. `why`: why they could not be read this time, in trusted words.
 */
export function problemOf(
  [system, checksWord]: readonly [name: string, checks: "checks" | "pipeline"],
  { checks, review }: Pick<PullRequestFacts, "checks" | "review">,
  reading?: { ok: boolean; why?: string },
): string | null {
  const unread = reading?.why;
  const hidden = [
    ...checks === null ? [`its ${checksWord}`] : [],
    ...review === null && unread === undefined ? ["its review"] : [],
  ];
  const clauses = [
    ...hidden.length === 0 ? [] : [`${system} does not show ${hidden.join(" and ")} to this token`],
    ...unread === undefined ? [] : [`${system} could not show the approvals (${unread})`],
  ];
  return clauses.length === 0 ? null : clauses.join("; ");
}

/**
 * A pull request in words that all forges share. A merge request is a pull request here.
 * @module
 */

/** Whether a pull request is still open. */
export type PullRequestStatus = "open" | "merged" | "closed";

/** Combined state of a pull request's checks. `none`: there are no checks. */
export type ChecksState = "green" | "red" | "pending" | "none";

/** State of a pull request's review. `requested`: a reviewer was asked and has not decided. `not-requested`: no reviewer was asked. */
export type ReviewState = "approved" | "changes-requested" | "requested" | "not-requested";

/** In the order in which tables list them. */
export const PULL_REQUEST_STATUSES: readonly PullRequestStatus[] = ["open", "merged", "closed"];
export const CHECKS_STATES: readonly ChecksState[] = ["red", "pending", "green", "none"];
export const REVIEW_STATES: readonly ReviewState[] = ["changes-requested", "not-requested", "requested", "approved"];

/** Facts that could not be read are null, and never `none`. */
export interface PullRequestFacts {
  /** The current address, which differs from the requested one if the repository was renamed. */
  url: string;
  /** The forge's own id of the repository; null if it is not shown. */
  repositoryId: string | null;
  state: PullRequestStatus;
  draft: boolean;
  /** Null if they could not be read. */
  checks: ChecksState | null;
  /** Null if it could not be read. */
  review: ReviewState | null;
  /** Null if the forge has not checked yet. */
  conflict: boolean | null;
  /** The assignee, otherwise a requested reviewer; null without either, and if they cannot be read. */
  owner: string | null;
  branch: string;
  /** Whether that branch is not in this repository: it is in a fork, or does not exist, as for Gitea's `refs/for`. */
  isForeign: boolean;
  /** Whether that branch is the default branch, or protected; null if that is not shown. */
  isGuarded: boolean | null;
  /** Null if it is not shown. */
  commit: string | null;
  /** Whether the branch must be updated with the newest commits of its target before the merge. */
  isBehind: boolean;
  hasQueue: boolean;
  /** Number of changed files; null if it is not shown. */
  files: number | null;
  /** Changed lines; null if they are not shown. */
  additions: number | null;
  deletions: number | null;
  /** ISO 8601; `updatedAt` is the time of the last activity. */
  createdAt: string;
  updatedAt: string;
  /** When it was merged, in ISO 8601; null if it was not, or if that is not shown. */
  mergedAt: string | null;
  /** When it was closed without a merge, in ISO 8601; null if it was not, or if that is not shown. */
  closedAt: string | null;
  /** What could not be read, as a clause; null if everything could. */
  problem: string | null;
}

/** An id of the forge as text; null without one. */
export function idText(id: number | null | undefined): string | null {
  return typeof id === "number" ? String(id) : null;
}

/** When it was merged, or closed without a merge. GitHub and Gitea close what they merge, so only the state distinguishes the two. */
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
 * The outcome of reading one pull request. `reason` is a clause about it. With `again` it could not be read this time, and its earlier facts still
 * hold.
 */
export type PullRequestOutcome =
  | { ok: true; facts: PullRequestFacts }
  | { ok: false; reason: string; again?: boolean };

export interface PullRequestAddress {
  forge: string;
  /** Scheme, host and port. */
  origin: string;
  /** Host in lower case, with the port when it is not the usual one. */
  host: string;
  /** `owner/name`; on GitLab with all groups. */
  repository: string;
  /** 1 to 999 999 999. */
  number: number;
  url: string;
}

export type MergeMethod = "merge" | "squash" | "rebase";

export const MERGE_METHODS = ["merge", "squash", "rebase"] as const satisfies readonly MergeMethod[];

/**
 * What could not be read of a pull request, as a clause; null if everything could.
 * @param system The forge, and its word for the checks of a pull request.
 * @param facts Null for what the forge does not show to this token.
 * @param reading Of the approvals. With `why`, they could not be read this time: trusted words.
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

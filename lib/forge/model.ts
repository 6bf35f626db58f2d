/**
 * What a forge says of a pull request, in words that all forges have in common. A merge request is a pull request here.
 *
 * @module
 */

/** Whether a pull request is still to be decided. */
export type PullRequestStatus = "open" | "merged" | "closed";

/** What its checks say, all together. `none`: there are no checks. */
export type ChecksState = "green" | "red" | "pending" | "none";

/** Where its review is. `asked`: a reviewer was asked and has not decided. `not-requested`: no reviewer was asked. */
export type ReviewState = "approved" | "changes-requested" | "requested" | "not-requested";

/** The words, in the order of tables. */
export const PULL_REQUEST_STATUSES: readonly PullRequestStatus[] = ["open", "merged", "closed"];
/** See {@linkcode PULL_REQUEST_STATUSES}. */
export const CHECKS_STATES: readonly ChecksState[] = ["red", "pending", "green", "none"];
/** See {@linkcode PULL_REQUEST_STATUSES}. */
export const REVIEW_STATES: readonly ReviewState[] = ["changes-requested", "not-requested", "requested", "approved"];

/** A pull request as its forge shows it. What could not be read is null, and never `none`. */
export interface PullRequestFacts {
  /** Its address now: another one than was asked for when the repository has another name now. */
  url: string;
  state: PullRequestStatus;
  draft: boolean;
  /** Its checks; null when they could not be read. */
  checks: ChecksState | null;
  /** Its review; null when it could not be read. */
  review: ReviewState | null;
  /** Whether it conflicts with its target; null when the forge has not found out. */
  conflict: boolean | null;
  /** Its assignee, else who was asked to review it; null without either, and when that cannot be read. */
  owner: string | null;
  /** Branch that it comes from. */
  branch: string;
  /** Whether that branch is none of this repository: one of a fork, or none at all, as Gitea has them by `refs/for`. */
  isForeign: boolean;
  /** Whether that branch is the default branch, or protected; null when that is not shown. */
  isGuarded: boolean | null;
  /** Newest commit of the branch; null when it is not shown. */
  commit: string | null;
  /** Whether it has to take in what its target has got since, before it may be merged. */
  isBehind: boolean;
  /** Whether its target has a merge queue. */
  hasQueue: boolean;
  /** How many files it changes; null when that is not shown. */
  files: number | null;
  /** Lines that it adds, and lines that it removes; null when they are not shown. */
  additions: number | null;
  deletions: number | null;
  /** When it was opened, and when something happened to it last, in ISO 8601. */
  createdAt: string;
  updatedAt: string;
  /** What of it could not be read, as a clause; null when all could be. */
  problem: string | null;
}

/**
 * What became of reading one pull request. `reason` is a clause about this one alone; with `again` it could not be read this time, and what is
 * known of it still holds.
 */
export type PullRequestOutcome =
  | { ok: true; facts: PullRequestFacts }
  | { ok: false; reason: string; again?: boolean };

export interface PullRequestAddress {
  /** Name of the forge. */
  forge: string;
  /** Scheme, host and port. */
  origin: string;
  /** Host in lower case, with the port when it is not the usual one. */
  host: string;
  /** `owner/name`; on GitLab with all groups. */
  repository: string;
  /** Its number in the repository: 1 to 999 999 999. */
  number: number;
  /** The address in its usual form. */
  url: string;
}

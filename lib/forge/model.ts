/**
 * In this file, a GitLab merge request is called a pull request.
 *
 * @module
 */

/** Whether a pull request is still open. */
export type PullRequestStatus = "open" | "merged" | "closed";

/** Combined state of a pull request's checks. `none`: there are no checks. */
export type ChecksState = "green" | "red" | "pending" | "none";

/** State of a pull request's review. `requested`: a reviewer was asked and has not decided. `not-requested`: no reviewer was asked. */
export type ReviewState = "approved" | "changes-requested" | "requested" | "not-requested";

/** In the order in which tables list the values. */
export const PULL_REQUEST_STATUSES: readonly PullRequestStatus[] = ["open", "merged", "closed"];
export const CHECKS_STATES: readonly ChecksState[] = ["red", "pending", "green", "none"];
export const REVIEW_STATES: readonly ReviewState[] = ["changes-requested", "not-requested", "requested", "approved"];

/** `checks` is `null`, never `none`, if the checks could not be read. */
export interface PullRequestFacts {
  /** The current address, which differs from the requested address if the repository was renamed. */
  url: string;
  repositoryId: string | null;
  state: PullRequestStatus;
  draft: boolean;
  checks: ChecksState | null;
  review: ReviewState | null;
  /** `null` if it is unknown, for example because the forge has not checked for conflicts yet. */
  conflict: boolean | null;
  /** The first assignee, or otherwise a requested reviewer. */
  owner: string | null;
  branch: string;
  /** Whether the branch is outside this repository: it is in a fork, or does not exist, as with Gitea's `refs/for`. */
  isForeign: boolean;
  isGuarded: boolean | null;
  commit: string | null;
  /** Whether the branch must be updated with the newest commits of its target before a merge. False if the forge does not show this. */
  isBehind: boolean;
  hasQueue: boolean;
  files: number | null;
  additions: number | null;
  deletions: number | null;
  /** ISO 8601. `updatedAt` is the time of the last activity. */
  createdAt: string;
  updatedAt: string;
  mergedAt: string | null;
  closedAt: string | null;
  problem: string | null;
}

export function idText(id: number | null | undefined): string | null {
  return typeof id === "number" ? String(id) : null;
}

/** GitHub and Gitea also close the pull requests that they merge, so only the state distinguishes the two. */
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

export interface Unread {
  ok: false;
  reason: string;
  /** Whether the token has no access. A forge may report this as not found. */
  isHidden?: boolean;
  /** Whether earlier facts are still valid, because only this request failed. */
  again?: boolean;
}

export function unread(reason: string): Unread {
  return { ok: false, reason };
}

export function isUnread(value: object): value is Unread {
  return "ok" in value && value.ok === false;
}

export type PullRequestOutcome = { ok: true; facts: PullRequestFacts } | Unread;

export interface PullRequestAddress {
  forge: string;
  origin: string;
  /** Host in lower case, with the port if it is not the default port. */
  host: string;
  /** `owner/name`. On GitLab, with all groups. */
  repository: string;
  number: number;
  url: string;
}

export type MergeMethod = "merge" | "squash" | "rebase";

export const MERGE_METHODS = ["merge", "squash", "rebase"] as const satisfies readonly MergeMethod[];

export function problemOf(
  [system, checksWord]: readonly [name: string, checks: "checks" | "pipeline"],
  { checks, review }: Pick<PullRequestFacts, "checks" | "review">,
  reading?: { ok: boolean; why?: string },
): string | null {
  const unread = reading?.why;
  const hidden = [
    ...checks === null ? [`the ${checksWord}`] : [],
    ...review === null && unread === undefined ? ["the review"] : [],
  ];
  const clauses = [
    ...hidden.length === 0 ? [] : [`${system} does not show ${hidden.join(" and ")} to this token`],
    ...unread === undefined ? [] : [`${system} could not show the approvals (${unread})`],
  ];
  return clauses.length === 0 ? null : clauses.join("; ");
}

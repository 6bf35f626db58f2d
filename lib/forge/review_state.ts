import { judgeApprovals, notAPerson, type NotCounted, type ReviewReading } from "./approvals.ts";
import type { ReviewState } from "./model.ts";

/** Only code that acts on a pull request knows its requester and the user of the token. */
const NOBODY: NotCounted = { requesters: [], token: null, notPeople: [] };

export function reviewStateOf(reading: ReviewReading, isRequested: boolean | null): ReviewState | null {
  const { state } = judgeApprovals(reading, NOBODY);
  if (state === "unknown") return null;
  if (state !== "missing") return state;
  // An approval that is not enough, or that is for an earlier commit, shows that a reviewer has looked at the pull request.
  const hasReviewer = reading.opinions?.some(({ by, mayPush }) => notAPerson(by, NOBODY) === null && mayPush !== false);
  if (isRequested === true || hasReviewer === true) return "requested";
  return isRequested === null ? null : "not-requested";
}

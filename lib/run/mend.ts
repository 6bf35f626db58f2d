/**
 * What a follow-up on the branch of a pull request may mend, and what the agent is asked to do then.
 *
 * @module
 */

/** Red checks, a conflict with the base branch, or what a review asks for. */
export type Mend = "checks" | "conflict" | "review";

export const MENDS: readonly Mend[] = ["checks", "review", "conflict"];

/** The task. @param baseBranch Branch that the pull request is to be merged into. */
export function mendPrompt(mend: Mend, baseBranch: string): string {
  if (mend === "checks") {
    return "The checks of the pull request of this branch are red. Find out why, correct the cause, and change nothing else.";
  }
  if (mend === "review") {
    return "A review of the pull request of this branch asks for changes. Read the review, make these changes, and change nothing else.";
  }
  return `The pull request of this branch conflicts with its base branch ${baseBranch}. Merge ${baseBranch} into this branch, and ` +
    "resolve the conflicts so that what both branches are for stays. Change nothing else.";
}

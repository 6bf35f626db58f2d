import type { Thread, Threads } from "../forge/threads.ts";
import { branchKey, branchNameProblem } from "../service/validate.ts";

export type Place =
  | { kind: "branch"; baseBranch: string | undefined; workingBranch: string | undefined; createBranch: boolean }
  | { kind: "none"; reason: string };

/**
 * Returns the pull request's own branch. If this branch is the default branch, the target or a protected branch, in any spelling, the result is a new
 * branch with its own pull request. An issue also gets a new branch.
 * @param branch The current source of the pull request; `null` if the branch does not exist.
 */
function placeOf(
  { pull }: Pick<Thread, "pull">,
  branch: Awaited<ReturnType<Threads["branch"]>>,
  defaultBranch: string,
): Place {
  const none = (reason: string): Place => ({ kind: "none", reason });
  const fresh = (baseBranch?: string): Place => ({
    kind: "branch",
    baseBranch,
    workingBranch: undefined,
    createBranch: true,
  });
  if (pull === null) return fresh();
  const { source, target, isForeign } = pull;
  if (isForeign) return none("the source branch is not in this repository");
  if (branch === null) return none("the source branch no longer exists");
  const problem = branchNameProblem(source);
  if (problem !== undefined) return none(`the service does not accept the name of the source branch: ${problem}`);
  const isGuarded = branch.isProtected || [target, defaultBranch].some((name) => branchKey(name) === branchKey(source));
  if (isGuarded) return fresh(source);
  return { kind: "branch", baseBranch: target, workingBranch: source, createBranch: false };
}

export async function placeNow(threads: Threads, thread: Pick<Thread, "pull">): Promise<Place> {
  if (thread.pull === null || thread.pull.isForeign) return placeOf(thread, null, "");
  const [branch, { defaultBranch }] = await Promise.all([threads.branch(thread.pull.source), threads.repository()]);
  return placeOf(thread, branch, defaultBranch);
}

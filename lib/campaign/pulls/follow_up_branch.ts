/**
 * On which branch a follow-up may work. It pushes there without a review, and what events say is not to be trusted: the branch is the one
 * that we have asked for, or that the answer to the start has named, and the forge confirms that the pull request comes from it.
 *
 * @module
 */
import type { PullRequestFacts } from "../../forge/pull_request.ts";
import { normalBranch } from "../file/rules.ts";
import { parsePullRequest } from "../../forge/address.ts";
import type { ItemMemory, StartMemory } from "../journal/memory.ts";

/** The start of the item's task whose run is the newest: its pull request is that of the item. */
function taskStart({ starts }: Pick<ItemMemory, "starts">): StartMemory | undefined {
  return starts.findLast(({ kind, runId }) => kind === "task" && runId !== null);
}

/** The branch that the run of an item works on, as far as we know it ourselves; null when we do not. */
export function ownBranch(item: Pick<ItemMemory, "starts">): string | null {
  const start = taskStart(item);
  return start?.branch ?? start?.answered ?? null;
}

/** A name of a branch for comparing: forges on some disks do not tell upper from lower case, and `refs/heads/main` is `main`. */
export function branchKey(name: string): string {
  return normalBranch(name.toLowerCase());
}

/** Why a pull request is not that of the item's run, as a clause; null when it is. */
export function foreignReason(
  { item, starts }: Pick<ItemMemory, "item" | "starts">,
  { url, branch, isForeign }: Pick<PullRequestFacts, "url" | "branch" | "isForeign">,
): string | null {
  const repository = parsePullRequest(url)?.repository ?? "";
  if (!item.repository.includes("/")) return "the name of the item's repository is not known, only its id";
  if (repository.toLowerCase() !== item.repository.toLowerCase()) return `it is in another repository, ${repository}`;
  if (isForeign) return "its branch is one of another repository";
  const own = ownBranch({ starts });
  if (own === null) return "neither the request nor the answer to its start named a branch";
  return branch === own
    ? null
    : `it comes from branch ${JSON.stringify(branch)}, and the run works on ${JSON.stringify(own)}`;
}

/** The branch on which a follow-up of an item may work; else why there is none, as a clause. */
export function followUpBranch(
  item: Pick<ItemMemory, "item" | "starts" | "pull">,
): { branch: string; reason: null } | { branch: null; reason: string } {
  const { pull, item: { baseBranch } } = item;
  const none = (reason: string) => ({ branch: null, reason });
  const own = ownBranch(item);
  if (pull === null || pull.foreign === undefined) return none("no forge has confirmed the branch of its pull request");
  if (pull.state !== "open") {
    return none(`its pull request is ${pull.state === "unreadable" ? "not shown by its forge" : pull.state}`);
  }
  if (pull.foreign !== null) return none(`its pull request is not that of its run: ${pull.foreign}`);
  if (own === null) return none("neither the request nor the answer to its start named a branch");
  if (branchKey(own) === branchKey(baseBranch)) return none("its branch is the base branch");
  if (pull.guarded !== false) {
    return none(
      pull.guarded === true
        ? "its branch is the default branch, or protected"
        : "its forge does not show whether its branch is protected",
    );
  }
  return { branch: own, reason: null };
}

/**
 * Command lines of `gh` and `glab` that merge or close the pull requests of a campaign. They are for a person to look at and to run: nothing
 * here runs them.
 *
 * @module
 */
import { parsePullRequest, type PullRequestAddress } from "../../forge/address.ts";
import { commandLine } from "../report/commands.ts";
import type { ItemView, PullRequestView } from "../view.ts";

/** What is to become of pull requests. */
export type PullRequestAction = "merge" | "close";

/** How commits get into the base branch. */
export type MergeMethod = "merge" | "squash" | "rebase";

/** The lines, and what was left out. */
export interface ForgeCommands {
  /** One command a pull request, in words and quotes of a POSIX shell. */
  lines: string[];
  /** Names of items whose pull request is open and not ready to be merged. */
  unready: string[];
  /** Names of items whose pull request was not read, or has an address that is none of GitHub or GitLab. */
  unread: string[];
  /** Names of items whose pull request is in a repository with another name. It may have been renamed, or somebody names one of his own. */
  elsewhere: string[];
}

/** Whether nothing is known that speaks against merging: checks are not red and have ended, a person has approved, there is no conflict. */
function isReady({ draft, checks, review, conflict }: PullRequestView): boolean {
  return !draft && (checks === "green" || checks === "none") && review === "approved" && conflict !== true;
}

/** Whether a pull request is in another repository than its item, as far as the item's name tells. */
function isElsewhere({ repository }: ItemView, address: PullRequestAddress): boolean {
  return repository.includes("/") && repository.toLowerCase() !== address.repository.toLowerCase();
}

function lineOf(
  { forge, origin, repository, number, url }: PullRequestAddress,
  action: PullRequestAction,
  method: MergeMethod,
) {
  if (forge === "github") {
    return action === "close"
      ? commandLine("gh", "pr", "close", url)
      : commandLine("gh", "pr", "merge", url, `--${method}`);
  }
  const place = [String(number), "--repo", `${origin}/${repository}`];
  if (action === "close") return commandLine("glab", "mr", "close", ...place);
  return commandLine("glab", "mr", "merge", ...place, "--yes", ...(method === "merge" ? [] : [`--${method}`]));
}

/**
 * Makes the lines for pull requests that are open.
 *
 * @param items Items to make lines for. What is merged or closed has none.
 * @param all Whether those are taken as well that are not ready to be merged, were not read, or are in another repository.
 */
export function forgeCommands(
  items: readonly ItemView[],
  action: PullRequestAction,
  { method = "merge", all = false }: { method?: MergeMethod | undefined; all?: boolean | undefined } = {},
): ForgeCommands {
  const made: ForgeCommands = { lines: [], unready: [], unread: [], elsewhere: [] };
  const seen = new Set<string>();
  for (const item of items) {
    const { id, pullRequest, pullRequestState: pull } = item;
    if (pullRequest === null || pull?.state === "merged" || pull?.state === "closed") continue;
    const address = parsePullRequest(pullRequest);
    const isKnown = pull?.state === "open";
    if (address === undefined || !isKnown && !all) made.unread.push(id);
    else if (!all && isElsewhere(item, address)) made.elsewhere.push(id);
    else if (isKnown && action === "merge" && !all && !isReady(pull)) made.unready.push(id);
    // Two items may share a repository, and a follow-up its pull request.
    else if (!seen.has(address.url)) {
      seen.add(address.url);
      made.lines.push(lineOf(address, action, method));
    }
  }
  return made;
}

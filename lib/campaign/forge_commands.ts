/**
 * Command lines of `gh`, `glab` and, for Gitea and Forgejo, `curl` that merge or close the pull requests of a campaign. They are for a person
 * to look at and to run: nothing here runs them.
 *
 * @module
 */
import { ALL_FORGES, parsePullRequest } from "../forge/all.ts";
import type { MergeMethod } from "../forge/model.ts";
import type { PullRequestAddress } from "../forge/model.ts";
import type { CampaignItem, PullRequestView } from "./view/view.ts";

type PullRequestAction = "merge" | "close";

/** From when on a pull request is ready to be merged: once a person has approved it, or once its checks are green. */
export type Readiness = "approved" | "green";

interface ForgeCommands {
  /** One command a pull request, in words and quotes of a POSIX shell. */
  lines: string[];
  /** Names of items whose pull request is open and not ready to be merged. */
  unready: string[];
  /** Names of items whose pull request has to take in its base branch first. */
  behind: string[];
  /** Names of items whose pull request was not read, or that is at no forge with commands. */
  unread: string[];
  /** Names of items whose pull request is known to be in another repository, or on another branch than the run's. */
  elsewhere: string[];
}

interface ForgeCommandOptions {
  /** How commits get into the base branch. @default {"merge"} */
  method?: MergeMethod | undefined;
  /** From when on a pull request is merged. @default {"approved"} */
  ready?: Readiness | undefined;
  /**
   * Takes more. To merge: also without an approval, and before the checks have ended; never what is red, in conflict, behind, a draft, of
   * another repository or branch, or was not read. To close: also what was not read, or is elsewhere. @default {false}
   */
  all?: boolean | undefined;
}

/** Whether a pull request may be merged: nothing known prevents it. */
function isReady({ draft, checks, review, conflict }: PullRequestView, { ready, all }: ForgeCommandOptions): boolean {
  if (draft || conflict === true || checks === "red" || review === "changes-requested") return false;
  if (all) return checks !== null;
  return ready === "green" ? checks === "green" : (checks === "green" || checks === "none") && review === "approved";
}

/** Whether a pull request does not, or might not, belong to its item's run. */
function isElsewhere(
  { repository, renamed = repository, pullRequestState: pull }: CampaignItem,
  address: PullRequestAddress,
): boolean {
  return renamed.toLowerCase() !== address.repository.toLowerCase() ||
    pull?.foreign !== undefined && pull.foreign !== null;
}

const COMMIT = /^[0-9a-f]{40,64}$/;

/**
 * Makes the lines for open pull requests.
 *
 * @param items Items to make lines for. What is merged or closed has none.
 */
export function forgeCommands(
  items: readonly CampaignItem[],
  action: PullRequestAction,
  options: ForgeCommandOptions = {},
): ForgeCommands {
  const { method = "merge", all = false } = options;
  const made: ForgeCommands = { lines: [], unready: [], behind: [], unread: [], elsewhere: [] };
  const seen = new Set<string>();
  for (const item of items) {
    const { id, pullRequest, pullRequestState: pull } = item;
    if (pullRequest === null || pull?.state === "merged" || pull?.state === "closed") continue;
    const address = parsePullRequest(pullRequest);
    const commit = pull?.commit ?? "";
    const merges = action === "merge";
    const isKnown = pull?.state === "open" && (!merges || pull.foreign !== undefined && COMMIT.test(commit));
    const commands = ALL_FORGES.find(({ name }) => name === address?.forge)?.commands;
    if (address === undefined || commands === undefined || !isKnown && (merges || !all)) made.unread.push(id);
    else if ((merges || !all) && isElsewhere(item, address)) made.elsewhere.push(id);
    else if (merges && pull?.behind === true) made.behind.push(id);
    else if (merges && (pull === null || !isReady(pull, options))) made.unready.push(id);
    // Two items may share a repository, and a follow-up its pull request.
    else if (!seen.has(address.url)) {
      seen.add(address.url);
      const how = { commit, method, hasQueue: pull?.queue === true };
      made.lines.push(merges ? commands.merge(address, how) : commands.close(address));
    }
  }
  return made;
}

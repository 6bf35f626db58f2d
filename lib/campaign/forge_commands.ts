/**
 * Command lines of `gh`, `glab` and, for Gitea and Forgejo, `curl` that merge or close the pull requests of a campaign. They are for a person
 * to look at and to run: nothing here runs them.
 *
 * @module
 */
import { FORGE_VARIABLES, parsePullRequest, type PullRequestAddress } from "../forge/forge.ts";
import { giteaApi } from "../forge/gitea.ts";
import { commandLine } from "../text/escape.ts";
import type { CampaignItem, PullRequestView } from "./view/view.ts";

/** What is to become of pull requests. */
type PullRequestAction = "merge" | "close";

/** How commits get into the base branch. */
export type MergeMethod = "merge" | "squash" | "rebase";

/** From when on a pull request is ready to be merged: once a person has approved it, or once its checks are green. */
export type Readiness = "approved" | "green";

/** The lines, and what was left out. */
interface ForgeCommands {
  /** One command a pull request, in words and quotes of a POSIX shell. */
  lines: string[];
  /** Names of items whose pull request is open and not ready to be merged. */
  unready: string[];
  /** Names of items whose pull request has to take in its base branch first. */
  behind: string[];
  /** Names of items whose pull request was not read, or whose address is that of no forge we know. */
  unread: string[];
  /** Names of items whose pull request is in another repository, or on another branch than the run's, as far as that is known. */
  elsewhere: string[];
}

/** Options of {@linkcode forgeCommands}. */
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

/** Whether a pull request may be merged: nothing that is known speaks against it. */
function isReady({ draft, checks, review, conflict }: PullRequestView, { ready, all }: ForgeCommandOptions): boolean {
  if (draft || conflict === true || checks === "red" || review === "changes-requested") return false;
  if (all) return checks !== null;
  return ready === "green" ? checks === "green" : (checks === "green" || checks === "none") && review === "approved";
}

/** Whether a pull request is not that of its item's run, or may not be. */
function isElsewhere({ repository, pullRequestState: pull }: CampaignItem, address: PullRequestAddress): boolean {
  return repository.toLowerCase() !== address.repository.toLowerCase() ||
    pull?.foreign !== undefined && pull.foreign !== null;
}

function closeLine({ forge, origin, repository, number, url }: PullRequestAddress): string {
  if (forge === "github") return commandLine("gh", "pr", "close", url);
  if (forge === "gitea") return giteaLine({ origin, repository, number }, "PATCH", "", { state: "closed" });
  return commandLine("glab", "mr", "close", String(number), "--repo", `${origin}/${repository}`);
}

/** The line that merges exactly the commit that was judged. */
function mergeLine(
  { forge, origin, repository, number, url }: PullRequestAddress,
  commit: string,
  method: MergeMethod,
  queue: boolean,
): string {
  if (forge === "github") {
    // The method of a merge queue is a setting of the queue.
    return commandLine("gh", "pr", "merge", url, ...queue ? [] : [`--${method}`], "--match-head-commit", commit);
  }
  if (forge === "gitea") {
    return giteaLine({ origin, repository, number }, "POST", "/merge", { Do: method, head_commit_id: commit });
  }
  const place = [String(number), "--repo", `${origin}/${repository}`, "--yes"];
  const how = method === "merge" ? [] : [`--${method}`];
  // Without it `glab` merges later, whatever is there then.
  return commandLine("glab", "mr", "merge", ...place, ...how, "--sha", commit, "--auto-merge=false");
}

/**
 * A call of Gitea's API: its own program cannot name the commit that is to be merged. The token comes from the shell that runs the line, by a
 * pipe, so that it is in no list of processes. Source: Gitea, API reference, "Merge a pull request", `MergePullRequestOption`.
 */
function giteaLine(
  { origin, repository, number }: Pick<PullRequestAddress, "origin" | "repository" | "number">,
  method: string,
  path: string,
  body: Record<string, string>,
): string {
  const url = `${giteaApi(origin)}/repos/${repository}/pulls/${number}${path}`;
  const how = ["--fail-with-body", "--silent", "--show-error", "--config", "-", "--request", method];
  const what = ["--header", "Content-Type: application/json", "--data", JSON.stringify(body), url];
  const token = `printf 'header = "Authorization: token %s"' "$${FORGE_VARIABLES.gitea}"`;
  return `${token} | ${commandLine("curl", ...how, ...what)}`;
}

/** A commit, as all forges write it. */
const COMMIT = /^[0-9a-f]{40,64}$/;

/**
 * Makes the lines for pull requests that are open.
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
    if (address === undefined || !isKnown && (merges || !all)) made.unread.push(id);
    else if ((merges || !all) && isElsewhere(item, address)) made.elsewhere.push(id);
    else if (merges && pull?.behind === true) made.behind.push(id);
    else if (merges && (pull === null || !isReady(pull, options))) made.unready.push(id);
    // Two items may share a repository, and a follow-up its pull request.
    else if (!seen.has(address.url)) {
      seen.add(address.url);
      made.lines.push(merges ? mergeLine(address, commit, method, pull?.queue === true) : closeLine(address));
    }
  }
  return made;
}

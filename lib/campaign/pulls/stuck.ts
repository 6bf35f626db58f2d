/**
 * What pull requests wait for that does not come by itself, and its words.
 *
 * @module
 */
import { formatCount } from "../../result/duration.ts";
import { instantMs } from "../../result/times.ts";
import { GOOD_VERDICTS } from "../verdicts.ts";
import type { CauseGroup, ItemView, PullRequestView, Stuck } from "../view.ts";

/** How long nothing happens until a pull request counts as stuck, in milliseconds. */
export const STUCK_AFTER_MS = 3 * 86_400_000;

/** The causes, most urgent first, with what they say. */
const CAUSES: Readonly<Record<Stuck, string>> = {
  "closed-unmerged": "the pull request was closed without being merged",
  "conflict": "the pull request conflicts with its base branch",
  "red-checks": "the checks of the pull request are red",
  "changes-requested": "a review asks for changes",
  "nobody-asked": "nobody was asked to review the pull request",
  "no-reaction": "nothing has happened to the pull request for some time",
  "no-pull-request": "the run succeeded and changed something, and there is no pull request",
  "unreadable": "the forge does not show the pull request",
};

/** The causes, most urgent first. Each is the word of its group. */
export const STUCK_CAUSES = Object.keys(CAUSES) as readonly Stuck[];

/** Most owners that a group names. */
const MAX_OWNERS = 20;

/** What keeps a pull request that is open from being merged. */
function stuckOpen(pull: PullRequestView, nowMs: number, stuckAfterMs: number): Stuck | null {
  if (pull.conflict === true) return "conflict";
  if (pull.checks === "red") return "red-checks";
  if (pull.review === "changes-requested") return "changes-requested";
  // Nobody is asked to review a draft, and whoever has to look waits for the checks.
  if (pull.review === "not-asked" && !pull.draft && pull.checks !== "pending") return "nobody-asked";
  const lastMs = instantMs(pull.updatedAt);
  return lastMs !== null && nowMs - lastMs >= stuckAfterMs ? "no-reaction" : null;
}

/**
 * What the pull request of an item waits for; null for nothing.
 *
 * @param item Only an item that ended well has a pull request to wait for; what is wrong with any other is its verdict.
 * @param changed Whether its newest run changed something; null when that is not known.
 * @param nowMs Now, in milliseconds since 1970.
 * @param stuckAfterMs How long nothing happens until it counts as stuck, in milliseconds.
 */
export function stuckCause(
  { verdict, pullRequest, pullRequestState: pull, branch }: Omit<ItemView, "stuck">,
  changed: boolean | null,
  nowMs: number,
  stuckAfterMs: number,
): Stuck | null {
  if (verdict === "skipped" || !GOOD_VERDICTS.includes(verdict)) return null;
  if (pullRequest === null) return changed === true && branch !== null ? "no-pull-request" : null;
  if (pull === null || pull.state === "merged") return null;
  if (pull.state === "closed") return "closed-unmerged";
  return pull.state === "unreadable" ? "unreadable" : stuckOpen(pull, nowMs, stuckAfterMs);
}

/** Who has to act on an item's pull request: who has it in hand, else whose repository it is. */
export function ownerOf({ repository, pullRequestState }: ItemView): string {
  return pullRequestState?.owner ?? repository.split("/")[0] ?? repository;
}

/** Groups of items whose pull requests wait for the same, most urgent first. */
export function groupStuck(items: readonly ItemView[]): CauseGroup[] {
  return STUCK_CAUSES.flatMap((stuck): CauseGroup[] => {
    const own = items.filter((item) => item.stuck === stuck);
    if (own.length === 0) return [];
    const owners = [...new Set(own.map(ownerOf))].slice(0, MAX_OWNERS);
    const ids = own.map(({ id }) => id);
    return [{ verdict: "succeeded", cause: CAUSES[stuck], word: stuck, stuck, owners, items: ids }];
  });
}

/** The state of an item's pull request in a few words: `open, red, conflict`; `not read`; null when there is none. */
export function pullRequestText({ pullRequest, pullRequestState: pull, unchecked = false }: ItemView): string | null {
  if (pullRequest === null) return null;
  if (pull === null) return unchecked ? "not checked" : "not read";
  if (pull.state !== "open") return pull.state;
  const words = [
    pull.draft ? "draft" : "open",
    ...(pull.checks === null ? ["checks not read"] : pull.checks === "none" ? [] : [pull.checks]),
    ...(pull.conflict === true ? ["conflict"] : []),
    ...(pull.review === null ? ["review not read"] : [pull.review.replace("-", " ")]),
  ];
  return words.join(", ");
}

/** The pull requests of a campaign in a sentence: `5 pull requests: 2 open (1 stuck), 1 merged, 2 not read`; null when there are none. */
export function pullRequestsSentence(items: readonly ItemView[]): string | null {
  const own = items.filter(({ pullRequest }) => pullRequest !== null);
  if (own.length === 0) return null;
  const stuck = own.filter((item) => item.stuck !== null && item.pullRequestState?.state === "open").length;
  const counts = (["open", "merged", "closed", "unreadable"] as const).map((state) => {
    const count = own.filter((item) => item.pullRequestState?.state === state).length;
    return count === 0 ? "" : `${count} ${state}${state === "open" && stuck > 0 ? ` (${stuck} stuck)` : ""}`;
  });
  const unread = own.filter(({ pullRequestState }) => pullRequestState === null).length;
  const parts = [...counts, unread === 0 ? "" : `${unread} not read`].filter((part) => part !== "");
  return `${formatCount(own.length, "pull request")}: ${parts.join(", ")}`;
}

/** What to do about pull requests that were not read; null when all were. */
export function unreadAdvice(items: readonly ItemView[]): string | null {
  const isUnread = items.some((item) => item.pullRequest !== null && item.pullRequestState === null);
  return isUnread ? "pull requests are read with a token of their forge, in GITHUB_TOKEN or GITLAB_TOKEN" : null;
}

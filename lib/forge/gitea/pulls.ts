import * as z from "zod/mini";
import { MogplexError } from "../../errors.ts";
import { encodePath } from "../../text/escape.ts";
import { isSamePlace, readAddress } from "../address.ts";
import type { Opinion, ReviewReading } from "../approvals.ts";
import { type Check, checksState, isOwnCheck } from "../checks.ts";
import { type ForgeClient, isHidden, MERGE_CHECK_WAITS_MS, unknownFormat } from "../client.ts";
import type { ForgeUser } from "../findings.ts";
import type { WantedBranch } from "../forge.ts";
import {
  type ChecksState,
  endTimes,
  isUnread,
  problemOf,
  type PullRequestAddress,
  type PullRequestFacts,
  type PullRequestOutcome,
  type ReviewState,
  type Unread,
  unread,
} from "../model.ts";
import { reviewStateOf } from "../review_state.ts";
import { GITEA_ADDRESS } from "./address.ts";

export const MAX_GITEA_PULL_REQUESTS = 20;

type PullRequest = z.output<typeof pullRequestSchema>;
export type Branch = z.output<typeof branchSchema>;
export type Review = z.output<typeof reviewSchema>;

const userSchema = z.lazy(() => z.object({ id: z.int(), login: z.string() }));
const teamSchema = z.lazy(() => z.object({ id: z.int(), name: z.string() }));
const sideSchema = z.lazy(() =>
  z.object({
    // Still contains the branch name after the branch was deleted and `ref` became `refs/pull/N/head`.
    label: z.string(),
    sha: z.string(),
    // -1 if the repository was deleted.
    repo_id: z.int(),
    repo: z.nullish(z.object({
      full_name: z.string(),
      default_branch: z.string(),
      allow_merge_commits: z.nullish(z.boolean()),
      allow_squash_merge: z.nullish(z.boolean()),
      allow_rebase: z.nullish(z.boolean()),
    })),
  })
);
// Source: Gitea, API reference, `PullRequest`.
const pullRequestSchema = z.lazy(() => {
  const count = z.nullish(z.int());
  return z.object({
    number: z.int(),
    html_url: z.string(),
    state: z.string(),
    merged: z.boolean(),
    user: z.nullish(userSchema),
    draft: z.nullish(z.boolean()),
    mergeable: z.boolean(),
    merge_base: z.nullish(z.string()),
    created_at: z.string(),
    updated_at: z.string(),
    ...{ merged_at: z.nullish(z.string()), closed_at: z.nullish(z.string()) },
    ...{ additions: count, deletions: count, changed_files: count },
    merge_commit_sha: z.nullish(z.string()),
    // Do not use `requested_reviewers`, which also contains users who reviewed without a request.
    assignees: z.nullish(z.array(userSchema)),
    head: sideSchema,
    base: sideSchema,
  });
});
const reviewSchema = z.lazy(() =>
  z.object({
    state: z.string(),
    official: z.nullish(z.boolean()),
    dismissed: z.nullish(z.boolean()),
    commit_id: z.nullish(z.string()),
    submitted_at: z.nullish(z.string()),
    user: z.nullish(userSchema),
    team: z.nullish(teamSchema),
  })
);
// `author` and `committer` are `null` if their email addresses belong to no account.
const commitSchema = z.lazy(() =>
  z.object({
    ...{ author: z.nullish(userSchema), committer: z.nullish(userSchema) },
    ...{ sha: z.nullish(z.string()), created: z.nullish(z.string()) },
  })
);
const branchSchema = z.lazy(() =>
  z.object({
    commit: z.nullish(z.object({ id: z.string() })),
    user_can_merge: z.nullish(z.boolean()),
    effective_branch_protection_name: z.nullish(z.string()),
    protected: z.boolean(),
    required_approvals: z.nullish(z.int()),
    enable_status_check: z.nullish(z.boolean()),
    status_check_contexts: z.nullish(z.array(z.string())),
  })
);
const combinedSchema = z.lazy(() =>
  z.object({ statuses: z.nullish(z.array(z.object({ context: z.string(), status: z.string() }))) })
);

export async function readGitea(
  client: ForgeClient,
  addresses: readonly PullRequestAddress[],
): Promise<PullRequestOutcome[]> {
  return (await readAll(client, addresses, (read) => client.getPart(read))).map(({ outcome }) => outcome);
}

interface PullAnswer {
  readonly outcome: PullRequestOutcome;
  readonly pull?: PullRequest;
  readonly target?: Branch | undefined;
  readonly statuses?: readonly Check[] | undefined;
  readonly reviews?: readonly Review[] | undefined;
  readonly commits?: PullCommits | null | undefined;
}

export async function askGitea(client: ForgeClient, addresses: readonly PullRequestAddress[]): Promise<PullAnswer[]> {
  return await readAll(client, addresses, async (read) => ({ ok: true, value: await read() }));
}

async function readAll(
  client: ForgeClient,
  addresses: readonly PullRequestAddress[],
  getPart: ForgeClient["getPart"],
): Promise<PullAnswer[]> {
  const pulls: (PullRequest | Unread)[] = [];
  const readPull = ({ url, repository, number }: PullRequestAddress): Promise<PullRequest | Unread> =>
    client.getPullRequest(`read pull request ${url}`, `/repos/${repository}/pulls/${number}`, pullRequestSchema);
  for (const address of addresses) pulls.push(await readPull(address));
  // `mergeable` is false if there is a conflict, and also if the server has not checked for conflicts yet. A request starts the check, even if the
  // server postpones the check for pull requests that have been inactive for a week. Source: Gitea, "Configuration Cheat Sheet",
  // `DELAY_CHECK_FOR_INACTIVE_DAYS`.
  for (const waitMs of MERGE_CHECK_WAITS_MS) {
    const open = [...pulls.entries()].filter(([, each]) => !isUnread(each) && mayConflict(each));
    if (open.length === 0) break;
    await client.wait(waitMs);
    for (const [index] of open) {
      const address = addresses[index];
      if (address !== undefined) pulls[index] = await readPull(address);
    }
  }
  const answers: PullAnswer[] = [];
  for (const [index, pull] of pulls.entries()) {
    const address = addresses[index] as PullRequestAddress;
    answers.push(isUnread(pull) ? refuse(pull) : await answerOf(client, address, pull, getPart));
  }
  return answers;
}

const refuse = (outcome: Unread): PullAnswer => ({ outcome });

export const UNKNOWN_FORMAT = unknownFormat("Gitea");

/** Also true if the server has not checked the pull request yet. A branch that contains all of its target cannot conflict. */
function mayConflict({ state, merged, draft, mergeable, merge_base: from, base }: PullRequest): boolean {
  return state === "open" && !merged && draft !== true && !mergeable && base.sha !== "" && from !== base.sha;
}

/** A draft is never `mergeable`, so it is unknown whether a draft has conflicts. */
function conflictOf(request: PullRequest): boolean | null {
  const { mergeable, merge_base: from, base } = request;
  if (mergeable || base.sha !== "" && from === base.sha) return false;
  return mayConflict(request) ? true : null;
}

function stateOf({ state, merged }: PullRequest): PullRequestFacts["state"] | undefined {
  if (merged) return "merged";
  return state === "open" || state === "closed" ? state : undefined;
}

const NO_REVIEW = { reviews: undefined, review: null, asked: null, commits: undefined };

async function answerOf(
  client: ForgeClient,
  address: PullRequestAddress,
  pull: PullRequest,
  getPart: ForgeClient["getPart"],
): Promise<PullAnswer> {
  const state = stateOf(pull);
  const times = [pull.created_at, pull.updated_at].map((text) => Date.parse(text));
  if (state === undefined || times.some((ms) => Number.isNaN(ms))) return refuse(UNKNOWN_FORMAT);
  const place = readAddress([GITEA_ADDRESS], pull.html_url);
  if (!isSamePlace(address, place)) return refuse(unread("the response is about another pull request"));
  const isOpen = state === "open";
  const { head, base } = pull;
  const target = isOpen ? await branchOf(client, place, base.label) : undefined;
  const statuses = isOpen ? await statusesOf(client, place, head.sha) : undefined;
  const checks = isOpen ? checksOf(statuses, target) : null;
  const reading = isOpen
    ? await getPart(async () => {
      const reviews = await reviewsOf(client, place);
      return reviews === undefined ? null : { reviews, ...await reviewOf(client, place, { pull, target, reviews }) };
    })
    : undefined;
  const { reviews, review, asked, commits } = (reading?.ok === true ? reading.value : null) ?? NO_REVIEW;
  const conflict = isOpen ? conflictOf(pull) : null;
  const isForeign = isForeignHead({ head, base });
  // Only a follow-up run that fixes one of these problems needs the value of `isGuarded`.
  const isFixed = isOpen && !isForeign && (checks === "red" || review === "changes-requested" || conflict === true);
  const problem = isOpen ? problemOf(["Gitea", "checks"], { checks, review }, reading) : null;
  const facts: PullRequestFacts = {
    url: place.url,
    repositoryId: String(base.repo_id),
    state,
    draft: pull.draft ?? false,
    checks,
    review,
    conflict,
    owner: pull.assignees?.[0]?.login ?? asked,
    branch: head.label,
    isForeign,
    isGuarded: isFixed ? await guardOf(client, place, pull) : null,
    commit: head.sha === "" ? null : head.sha,
    // Only administrators can see whether the branch must contain the newest commit of its target. Source: Gitea, API reference, `BranchProtection`.
    isBehind: false,
    hasQueue: false,
    files: pull.changed_files ?? null,
    additions: pull.additions ?? null,
    deletions: pull.deletions ?? null,
    createdAt: pull.created_at,
    updatedAt: pull.updated_at,
    ...endTimes(state, pull.merged_at, pull.closed_at),
    problem,
  };
  return { outcome: { ok: true, facts }, pull, target, statuses, reviews, commits };
}

export async function branchOf(client: ForgeClient, { repository, url }: PullRequestAddress, name: string) {
  return await client.getShown(
    `read the branch of pull request ${url}`,
    // The API accepts unescaped slashes in the names of branches.
    `/repos/${repository}/branches/${encodePath(name)}`,
    branchSchema,
  );
}

/** Source: Gitea, "Configuration Cheat Sheet", `MAX_RESPONSE_ITEMS`. */
const PAGE = 50;
/** A server may be configured to return fewer entries than requested. A page with fewer entries than this is the last page. */
const SHORT_PAGE = 10;
const MAX_PAGES = 20;

export async function allPages<T>(
  read: (query: string) => Promise<readonly T[] | undefined>,
): Promise<T[] | undefined> {
  const rows: T[] = [];
  for (let page = 1; page <= MAX_PAGES; page++) {
    const some = await read(`limit=${PAGE}&page=${page}`);
    if (some === undefined) return undefined;
    rows.push(...some);
    if (some.length < SHORT_PAGE) break;
  }
  return rows;
}

/** Use a map, because the keys come from outside. Source: Gitea, API reference, `CommitStatus`, `status`. */
const STATUSES = new Map<string, Check["state"]>([
  ["success", "green"],
  ["warning", "green"],
  ["skipped", "green"],
  ["pending", "pending"],
  ["failure", "red"],
  ["error", "red"],
]);

export async function statusesOf(
  client: ForgeClient,
  { repository, url }: PullRequestAddress,
  commit: string,
): Promise<Check[] | undefined> {
  if (!/^[0-9a-f]{40,64}$/.test(commit)) return undefined;
  const statuses = await allPages(async (query) => {
    const combined = await client.getShown(
      `read the commit statuses of pull request ${url}`,
      `/repos/${repository}/commits/${commit}/status?${query}`,
      combinedSchema,
    );
    return combined === undefined ? undefined : combined.statuses ?? [];
  });
  return statuses?.map(({ context, status }) => ({ name: context, state: STATUSES.get(status) ?? null }));
}

/** Whether a name in a rule is a glob pattern. Source: Gitea, "Protected branches". */
export const isPattern = (name: string) => /[*?[\]{}\\]/.test(name);

export function checksOf(statuses: readonly Check[] | undefined, target: Branch | undefined): ChecksState | null {
  if (statuses === undefined) return null;
  const state = checksState(statuses);
  if (state !== "green" && state !== "none") return state;
  const names = new Set(statuses.map(({ name }) => name));
  const required = target?.enable_status_check === true ? target.status_check_contexts ?? [] : [];
  const isMissing = required.some((name) => !isPattern(name) && !isOwnCheck(name) && !names.has(name));
  return isMissing ? "pending" : state;
}

/** Ghost users and internal users of the server, such as the user of its actions, do not have a positive id. Source: Gitea, `models/user`. */
const isPerson = ({ id }: { id: number }) => id > 0;

/**
 * If a reviewer's newest review was dismissed, the reviewer has no decision, because an earlier review never becomes valid again. Source: Gitea,
 * `models/issues/review.go`, `CreateReview`, which dismisses all earlier reviews, and `SubmitReview`, which makes them unofficial.
 * @param reviews Oldest first.
 */
export function newestWords<T extends Pick<Review, "state" | "dismissed" | "user" | "team">>(
  reviews: readonly T[],
): T[] {
  const last = new Map<string, T>();
  for (const review of reviews) {
    const { state, dismissed, user, team } = review;
    const who = team ? `team ${team.id}` : `user ${user?.id}`;
    if (!["APPROVED", "REQUEST_CHANGES", "REQUEST_REVIEW"].includes(state)) continue;
    if (dismissed === true) last.delete(who);
    else last.set(who, review);
  }
  return [...last.values()];
}

export const toUser = ({ id, login }: z.output<typeof userSchema>): ForgeUser => ({
  id,
  name: login,
  // Gitea does not distinguish other bots from people.
  isBot: isPerson({ id }) ? null : true,
});

const OPINIONS = new Map<string, Opinion["word"]>([
  ["APPROVED", "approved"],
  ["REQUEST_CHANGES", "changes-requested"],
]);

/**
 * Anyone who can see the repository can approve or request changes. `official` marks the reviews that count: the author could push at that time, or
 * the target's rule names the author. Source: Gitea, API reference, `PullReview`; `models/issues/review.go`, `IsOfficialReviewer`.
 */
export function opinionsOf(reviews: readonly Review[]): Opinion[] {
  return newestWords(reviews).flatMap(({ state, user, commit_id: commit, submitted_at: at, official }) => {
    const word = OPINIONS.get(state);
    if (word === undefined || !user) return [];
    const mayPush = official ?? (word === "approved" ? null : true);
    return [{ by: toUser(user), word, commit: commit || null, at: at ?? null, mayPush }];
  });
}

async function reviewsOf(
  client: ForgeClient,
  { repository, number, url }: PullRequestAddress,
): Promise<Review[] | undefined> {
  return await allPages((query) =>
    client.getShown(
      `read the reviews of pull request ${url}`,
      `/repos/${repository}/pulls/${number}/reviews?${query}`,
      z.nullable(z.array(reviewSchema)),
    ).then((rows) => rows === null ? [] : rows)
  );
}

interface PullCommits {
  readonly writers: readonly ForgeUser[];
  readonly dates: ReadonlyMap<string, string>;
}

export async function commitsOf(
  client: ForgeClient,
  { repository, number, url }: PullRequestAddress,
): Promise<PullCommits | null> {
  const what = `read the commits of pull request ${url}`;
  const path = `/repos/${repository}/pulls/${number}/commits?verification=false&files=false&limit=${PAGE}`;
  try {
    const { rows, isLast } = await client.getPage(what, path, commitSchema);
    if (isLast === false) return null;
    const users = rows.flatMap(({ author, committer }) => [author, committer]);
    return {
      writers: users.filter((user) => !!user).map(toUser),
      dates: new Map(rows.flatMap(({ sha, created }) => sha && created ? [[sha, created]] : [])),
    };
  } catch (error) {
    if (isHidden(error)) return null;
    throw error;
  }
}

export function readingOf(
  { head, user }: PullRequest,
  target: Branch | undefined,
  opinions: readonly Opinion[] | null,
): ReviewReading {
  return {
    head: head.sha === "" ? null : head.sha,
    required: target?.required_approvals ?? (target === undefined ? null : 0),
    opinions,
    author: user ? toUser(user) : null,
    writers: [],
  };
}

async function reviewOf(
  client: ForgeClient,
  address: PullRequestAddress,
  { pull, target, reviews }: { pull: PullRequest; target: Branch | undefined; reviews: readonly Review[] },
): Promise<{ review: ReviewState | null; asked: string | null; commits: PullCommits | null | undefined }> {
  const requests = newestWords(reviews).filter(({ state, user, team }) =>
    state === "REQUEST_REVIEW" && (team || user && isPerson(user))
  );
  const reading = readingOf(pull, target, opinionsOf(reviews));
  // Commits can only invalidate an approval, so the commits are read only if the newest commit is approved.
  const mayCount = reading.opinions?.some(({ word, commit }) => word === "approved" && commit === reading.head);
  const commits = mayCount ? await commitsOf(client, address) : undefined;
  const writers = commits === undefined ? [] : commits?.writers ?? null;
  return {
    review: reviewStateOf({ ...reading, writers }, requests.length > 0),
    asked: requests[0]?.team?.name ?? requests[0]?.user?.login ?? null,
    commits,
  };
}

async function guardOf(client: ForgeClient, place: PullRequestAddress, pull: PullRequest): Promise<boolean | null> {
  const { head, base } = pull;
  if (base.repo?.default_branch === head.label) return true;
  try {
    return (await branchOf(client, place, head.label))?.protected ?? null;
  } catch (error) {
    if (error instanceof MogplexError) return null;
    throw error;
  }
}

/**
 * `git push origin HEAD:refs/for/main` creates a pull request without a branch, and everyone with read access can do this. Source: Gitea, "AGit
 * Setup", https://docs.gitea.com/usage/agit
 */
export function isForeignHead({ head, base }: Record<"head" | "base", { label: string; repo_id: number }>): boolean {
  return head.label === "" || head.repo_id !== base.repo_id;
}

/** Check the repository of the branch, because anyone can use the same branch name in a fork. */
export async function findGitea(
  client: ForgeClient,
  { repository, branch, since }: WantedBranch,
): Promise<string | null | undefined> {
  // The list is sorted newest first and cannot be filtered by branch.
  for (let page = 1; page <= MAX_PAGES; page++) {
    const pulls = await client.getShown(
      `find the pull request of branch "${branch}" of ${repository}`,
      `/repos/${repository}/pulls?state=all&limit=${PAGE}&page=${page}`,
      z.nullable(z.array(pullRequestSchema)),
    );
    if (pulls === undefined) return undefined;
    const match = pulls?.find(({ head, base, created_at: created }) =>
      head.label === branch && head.repo_id === base.repo_id && Date.parse(created) >= since
    );
    if (match !== undefined) return match.html_url;
    const last = pulls?.at(-1);
    if (last === undefined || Date.parse(last.created_at) < since) break;
  }
  return null;
}

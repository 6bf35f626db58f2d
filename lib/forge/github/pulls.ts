import * as z from "zod/mini";
import { isObject } from "../../lookup.ts";
import { isSamePlace, readAddress } from "../address.ts";
import type { Opinion, ReviewReading } from "../approvals.ts";
import { ABUSE, type ForgeClient, NO_READ_ACCESS, notFound, SINGLE_SIGN_ON, unknownFormat } from "../client.ts";
import type { ForgeUser } from "../findings.ts";
import type { WantedBranch } from "../forge.ts";
import {
  type ChecksState,
  endTimes,
  idText,
  problemOf,
  type PullRequestAddress,
  type PullRequestFacts,
  type PullRequestOutcome,
  type ReviewState,
  type Unread,
  unread,
} from "../model.ts";
import { reviewStateOf } from "../review_state.ts";
import { GITHUB_ADDRESS } from "./address.ts";
import { listOf, nodesOf, rollupSchema, rollupState } from "./checks.ts";

/** A larger query sometimes exceeds GitHub's limit of 10 seconds. */
export const MAX_PULL_REQUESTS = 50;

export const MAX_COMMITS = 100;

/** The interface `Actor` has no `databaseId`. */
export const USER = "__typename login databaseId";
const ACTOR = "__typename login ... on User { databaseId } ... on Bot { databaseId }";

// Source: GitHub, GraphQL reference, `PullRequest` and `Ref`. `refUpdateRule` is the part of a branch's protection that readers can see.
// `writersOnly` selects users who can push now. Older self-hosted servers have no merge queues, and reject a query that mentions them.
const fieldsOf = (knowsQueues: boolean) =>
  `fragment F on PullRequest {
  number url state isDraft createdAt updatedAt mergedAt closedAt mergeable reviewDecision headRefName
  additions deletions changedFiles headRefOid isCrossRepository mergeStateStatus${
    knowsQueues ? " isMergeQueueEnabled" : ""
  }
  headRef { refUpdateRule { pattern } }
  baseRepository { databaseId defaultBranchRef { name } }
  assignees(first: 1) { nodes { login } }
  reviewRequests(first: 20) {
    totalCount
    nodes { requestedReviewer { __typename ... on User { login } ... on Team { combinedSlug } } }
  }
  author { ${ACTOR} }
  baseRef { refUpdateRule { requiredApprovingReviewCount } }
  latestOpinionatedReviews(first: 100, writersOnly: true) {
    totalCount nodes { state submittedAt author { ${ACTOR} } commit { oid } }
  }
  writers: commits(last: ${MAX_COMMITS}) {
    totalCount
    nodes { commit { author { user { ${USER} } } committer { user { ${USER} } } } }
  }
  commits(last: 1) {
    nodes { commit { oid statusCheckRollup { state contexts(first: 100) { totalCount nodes {
      __typename ... on CheckRun { name status conclusion } ... on StatusContext { context state }
    } } } } }
  }
}`;

const userSchema = z.lazy(() =>
  z.object({ __typename: z.optional(z.string()), login: z.optional(z.string()), databaseId: z.nullish(z.int()) })
);
const schema = z.lazy(() => {
  const reviewer = z.object({
    __typename: z.optional(z.string()),
    login: z.optional(z.string()),
    combinedSlug: z.optional(z.string()),
  });
  const writer = z.nullish(z.object({ user: z.nullish(userSchema) }));
  return z.object({
    number: z.int(),
    url: z.string(),
    state: z.enum(["OPEN", "CLOSED", "MERGED"]),
    isDraft: z.boolean(),
    createdAt: z.string(),
    updatedAt: z.string(),
    ...{ mergedAt: z.nullish(z.string()), closedAt: z.nullish(z.string()) },
    mergeable: z.nullable(z.string()),
    reviewDecision: z.nullable(z.string()),
    headRefName: z.string(),
    ...{ additions: z.nullish(z.int()), deletions: z.nullish(z.int()), changedFiles: z.nullish(z.int()) },
    headRefOid: z.nullish(z.string()),
    isCrossRepository: z.nullish(z.boolean()),
    mergeStateStatus: z.nullish(z.string()),
    isMergeQueueEnabled: z.nullish(z.boolean()),
    headRef: z.nullish(z.object({ refUpdateRule: z.nullish(z.object({ pattern: z.string() })) })),
    baseRepository: z.nullish(z.object({
      databaseId: z.nullish(z.int()),
      defaultBranchRef: z.nullish(z.object({ name: z.string() })),
    })),
    assignees: z.nullish(nodesOf(z.object({ login: z.string() }))),
    reviewRequests: z.nullish(
      z.extend(nodesOf(z.object({ requestedReviewer: z.nullish(reviewer) })), { totalCount: z.int() }),
    ),
    author: z.nullish(userSchema),
    baseRef: z.nullish(z.object({
      refUpdateRule: z.nullish(z.object({ requiredApprovingReviewCount: z.nullish(z.int()) })),
    })),
    latestOpinionatedReviews: listOf(z.object({
      state: z.string(),
      submittedAt: z.nullish(z.string()),
      author: z.nullish(userSchema),
      commit: z.nullish(z.object({ oid: z.string() })),
    })),
    writers: listOf(z.object({ commit: z.nullish(z.object({ author: writer, committer: writer })) })),
    // A nested list costs points for each commit, so this list is requested only for a single pull request.
    coauthors: listOf(z.object({ commit: z.nullish(z.object({ authors: listOf(writer) })) })),
    commits: z.nullish(nodesOf(z.object({
      commit: z.nullable(z.object({
        oid: z.optional(z.string()),
        statusCheckRollup: z.nullish(rollupSchema),
      })),
    }))),
  });
});
type Node = z.output<typeof schema>;

function checksOf({ commits, headRefOid }: Node, hidden: ReadonlySet<string>): ChecksState | null {
  const commit = commits?.nodes?.[0]?.commit;
  // GitHub lists at most 250 commits, so the last commit in the list might not be the newest.
  if (hidden.has("commits") || commit?.oid !== undefined && commit.oid !== headRefOid) return null;
  return rollupState(commit?.statusCheckRollup);
}

const isBot = (actor: { __typename?: string | undefined } | null | undefined) => actor?.__typename === "Bot";

function askedCount({ totalCount, nodes }: NonNullable<Node["reviewRequests"]>): number {
  return totalCount - (nodes ?? []).filter((node) => isBot(node?.requestedReviewer)).length;
}

/** A deleted account has no user. */
const toUser = (actor: z.output<typeof userSchema> | null | undefined): ForgeUser => ({
  id: actor?.databaseId ?? 0,
  name: actor?.login ?? "ghost",
  isBot: actor?.__typename !== "User",
});

const OPINIONS = new Map<string, Opinion["word"]>([
  ["APPROVED", "approved"],
  ["CHANGES_REQUESTED", "changes-requested"],
]);

function opinionsOf({ latestOpinionatedReviews: reviews }: Node): Opinion[] | null {
  const nodes = reviews?.nodes;
  if (!nodes || nodes.includes(null) || (reviews.totalCount ?? 0) > nodes.length) return null;
  return nodes.flatMap((review) => {
    const word = OPINIONS.get(review?.state ?? "");
    if (review === null || word === undefined) return [];
    // GitHub leaves out reviews by users who cannot push now.
    const { author, commit, submittedAt } = review;
    return [{ by: toUser(author), word, commit: commit?.oid ?? null, at: submittedAt ?? null, mayPush: true }];
  });
}

function wholeList<T>(list: { nodes?: (T | null)[] | null; totalCount?: number | null } | null | undefined) {
  const nodes = list?.nodes;
  if (!nodes || (list?.totalCount ?? 0) > nodes.length) return null;
  return nodes.every((node) => node !== null) ? nodes as T[] : null;
}

function writersOf({ writers, coauthors }: Node): ForgeUser[] | null {
  const commits = wholeList(writers);
  const others = coauthors === undefined
    ? []
    : wholeList(coauthors)?.map(({ commit }) => wholeList(commit?.authors)) ?? [null];
  if (commits === null || others.includes(null)) return null;
  const users = [...commits.flatMap(({ commit }) => [commit?.author, commit?.committer]), ...others.flat()];
  return users.flatMap((writer) => writer?.user ? [toUser(writer.user)] : []);
}

function reviewOf(node: Node, hidden: ReadonlySet<string>): ReviewReading {
  const { author, headRefOid, baseRef, reviewDecision } = node;
  const isShown = !hidden.has("latestOpinionatedReviews");
  const rule = hidden.has("baseRef") ? null : baseRef?.refUpdateRule?.requiredApprovingReviewCount;
  return {
    head: headRefOid ?? null,
    // If GitHub makes no review decision, the branch requires no review.
    required: rule ?? (reviewDecision === null && !hidden.has("reviewDecision") ? 0 : null),
    opinions: isShown ? opinionsOf(node) : null,
    author: author ? toUser(author) : null,
    writers: hidden.has("writers") || hidden.has("coauthors") ? null : writersOf(node),
  };
}

export function githubReview({ node, hidden }: PullAnswer): ReviewReading | undefined {
  const { data } = z.safeParse(schema, node);
  return data && reviewOf(data, hidden);
}

/** GitHub's decision can block a merge. The decision never replaces our own count, because it may be about an earlier commit, or come from a bot. */
function reviewState(node: Node, hidden: ReadonlySet<string>): ReviewState | null {
  const { reviewDecision: decision, reviewRequests: requests } = node;
  if (decision === "CHANGES_REQUESTED") return "changes-requested";
  const isRequested = requests && !hidden.has("reviewRequests") ? askedCount(requests) > 0 : null;
  const state = reviewStateOf(reviewOf(node, hidden), isRequested);
  if (state !== "approved" || decision === "APPROVED") return state;
  if (hidden.has("reviewDecision")) return null;
  return decision === null ? state : "requested";
}

function ownerOf({ assignees, reviewRequests }: Node): string | null {
  const reviewer = reviewRequests?.nodes?.find((node) => !isBot(node?.requestedReviewer))?.requestedReviewer;
  return assignees?.nodes?.[0]?.login ?? reviewer?.login ?? reviewer?.combinedSlug ?? null;
}

function guardOf({ headRefName, headRef, baseRepository }: Node, hidden: ReadonlySet<string>): boolean | null {
  if (headRef?.refUpdateRule || baseRepository?.defaultBranchRef?.name === headRefName) return true;
  return hidden.has("headRef") || hidden.has("baseRepository") ? null : false;
}

const STATES = { OPEN: "open", CLOSED: "closed", MERGED: "merged" } as const;

function factsOf(value: unknown, hidden: ReadonlySet<string>): PullRequestFacts | undefined {
  const { data: node } = z.safeParse(schema, value);
  if (node === undefined || Number.isNaN(Date.parse(node.createdAt)) || Number.isNaN(Date.parse(node.updatedAt))) {
    return undefined;
  }
  const [checks, review] = [checksOf(node, hidden), reviewState(node, hidden)];
  const { mergeable } = node;
  return {
    url: node.url,
    repositoryId: idText(node.baseRepository?.databaseId),
    state: STATES[node.state],
    draft: node.isDraft,
    checks,
    review,
    conflict: mergeable === "CONFLICTING" ? true : mergeable === "MERGEABLE" ? false : null,
    owner: ownerOf(node),
    branch: node.headRefName,
    isForeign: node.isCrossRepository !== false,
    isGuarded: guardOf(node, hidden),
    commit: node.headRefOid ?? null,
    isBehind: node.mergeStateStatus === "BEHIND",
    hasQueue: node.isMergeQueueEnabled === true,
    files: node.changedFiles ?? null,
    additions: node.additions ?? null,
    deletions: node.deletions ?? null,
    createdAt: node.createdAt,
    updatedAt: node.updatedAt,
    ...endTimes(STATES[node.state], node.mergedAt, node.closedAt),
    problem: problemOf(["GitHub", "checks"], { checks, review }),
  };
}

interface PartError {
  type: string;
  path: readonly string[];
  /** Whether the token lacks authorization for an organization's single sign-on. Source: GitHub's responses, `extensions.saml_failure`. */
  saml: boolean;
}

function errorsOf(body: Record<string, unknown>): PartError[] {
  const errors = Array.isArray(body.errors) ? body.errors : [];
  return errors.map((error: unknown) => {
    const { type, path, extensions } = isObject(error) ? error : {};
    return {
      type: typeof type === "string" ? type : "",
      path: Array.isArray(path) ? path.map(String) : [],
      saml: isObject(extensions) && extensions.saml_failure === true,
    };
  });
}

/**
 * If no points are left in this hour, GitHub returns status 200 with an error. Source: GitHub, "Rate limits and query limits for the GraphQL API".
 */
export function isLimit(body: unknown): boolean {
  if (!isObject(body)) return false;
  const { errors } = body;
  const isSecondary = Array.isArray(errors) &&
    errors.some((error: unknown) => isObject(error) && ABUSE.test(String(error.message ?? "")));
  return isSecondary || errorsOf(body).some(({ type }) => type === "RATE_LIMITED" || type === "RATE_LIMIT");
}

/** Only these errors concern the pull request. All other errors concern the query. Source: GitHub's responses, also handled by `gh`. */
const REFUSALS: readonly string[] = ["NOT_FOUND", "FORBIDDEN"];

function notShown(errors: readonly PartError[]): Unread {
  const refusal = errors.find(({ type }) => REFUSALS.includes(type));
  if (refusal?.saml === true) return { ok: false, reason: `this token ${SINGLE_SIGN_ON}`, isHidden: true };
  if (refusal?.type === "NOT_FOUND") return notFound("GitHub");
  if (refusal !== undefined) return NO_READ_ACCESS;
  const type = errors[0]?.type ?? "";
  const reason = `GitHub's response is incomplete${type === "" ? "" : ` (${type.slice(0, 40)})`}`;
  return { ok: false, reason, again: true };
}

interface Answered {
  data: Record<string, unknown>;
  errors: PartError[];
}

export function readBody(body: unknown): Answered | undefined {
  return isObject(body) && isObject(body.data) ? { data: body.data, errors: errorsOf(body) } : undefined;
}

interface PullAnswer {
  readonly outcome: PullRequestOutcome;
  readonly node: Record<string, unknown>;
  readonly hidden: ReadonlySet<string>;
}

function answerOf({ data, errors }: Answered, alias: string, address: PullRequestAddress): PullAnswer {
  const refuse = (outcome: PullRequestOutcome): PullAnswer => ({ outcome, node: {}, hidden: new Set() });
  const ownErrors = errors.filter(({ path }) => path[0] === alias);
  const repository = Object.hasOwn(data, alias) ? data[alias] : undefined;
  const node = isObject(repository) ? repository.pullRequest : undefined;
  if (!isObject(node) || ownErrors.some(({ path }) => path.length < 3)) return refuse(notShown(ownErrors));
  // A part that took too long is not hidden, and its earlier value is still valid.
  const trouble = ownErrors.filter(({ type }) => !REFUSALS.includes(type));
  if (trouble.length > 0) return refuse(notShown(trouble));
  // The name of a team may be hidden although the request for its review is visible.
  const hidden = new Set(
    ownErrors.filter(({ path }) => path.at(-1) !== "requestedReviewer").map(({ path }) => path[2] ?? ""),
  );
  const facts = factsOf(node, hidden);
  if (facts === undefined) return refuse(UNKNOWN_FORMAT);
  const place = readAddress([GITHUB_ADDRESS], facts.url);
  if (!isSamePlace(address, place)) return refuse(unread("the response is about another pull request"));
  return { outcome: { ok: true, facts: { ...facts, url: place.url } }, node, hidden };
}

export const UNKNOWN_FORMAT = unknownFormat("GitHub");

/** GitHub's own service has every field. Self-hosted servers may lack some. */
function knowsQueues(addresses: readonly PullRequestAddress[]): boolean {
  return addresses.every(({ host }) => host === "github.com" || host.endsWith(".ghe.com"));
}

export function namesOf({ repository }: Pick<PullRequestAddress, "repository">): [owner: string, name: string] {
  const [owner = "", name = ""] = repository.split("/");
  return [owner, name];
}

export async function readGithub(
  client: ForgeClient,
  addresses: readonly PullRequestAddress[],
): Promise<PullRequestOutcome[]> {
  const what = `read pull requests at ${addresses[0]?.host}`;
  return (await askGithub(client, addresses, () => "", what)).map(({ outcome }) => outcome);
}

/** @param more Returns further fields. The variable `i0` is the number of the first pull request. */
export async function askGithub(
  client: ForgeClient,
  addresses: readonly PullRequestAddress[],
  more: (knowsQueues: boolean) => string,
  what = `read pull request ${addresses[0]?.url}`,
): Promise<PullAnswer[]> {
  const variables: Record<string, string | number> = {};
  const parts = addresses.map((address, index) => {
    const [owner, name] = namesOf(address);
    Object.assign(variables, { [`o${index}`]: owner, [`n${index}`]: name, [`i${index}`]: address.number });
    return `p${index}: repository(owner: $o${index}, name: $n${index}) { pullRequest(number: $i${index}) { ...F ...M } }`;
  });
  const declared = addresses.map((_, index) => `$o${index}: String!, $n${index}: String!, $i${index}: Int!`);
  const isNew = knowsQueues(addresses);
  const fragments = `${fieldsOf(isNew)}\nfragment M on PullRequest { number ${more(isNew)} }`;
  const query = `query(${declared.join(", ")}) {\n${parts.join("\n")}\n}\n${fragments}`;
  const answered = await client.call({
    what,
    path: "/graphql",
    body: { query, variables },
    isLimit,
    read: readBody,
    divisible: addresses.length > 1,
  });
  return addresses.map((address, index) => answerOf(answered, `p${index}`, address));
}

/** Check the repository of the branch, because anyone can use the same branch name in a fork. */
export async function findGithub(
  client: ForgeClient,
  { repository, branch, since }: WantedBranch,
): Promise<string | null | undefined> {
  const [owner, name] = namesOf({ repository });
  const query = `query($o: String!, $n: String!, $b: String!) {
p0: repository(owner: $o, name: $n) {
  pullRequests(headRefName: $b, first: 10, orderBy: { field: CREATED_AT, direction: DESC }) {
    nodes { url createdAt isCrossRepository }
  }
}
}`;
  const { data } = await client.call({
    what: `find the pull request of branch "${branch}" of ${repository}`,
    path: "/graphql",
    body: { query, variables: { o: owner, n: name, b: branch } },
    isLimit,
    read: readBody,
  });
  const connection = isObject(data.p0) ? data.p0.pullRequests : undefined;
  const nodes = isObject(connection) ? connection.nodes : undefined;
  if (!Array.isArray(nodes)) return undefined;
  const match = nodes.find((node) =>
    isObject(node) && node.isCrossRepository === false && Date.parse(String(node.createdAt)) >= since
  );
  if (match === undefined) return null;
  return isObject(match) && typeof match.url === "string" ? match.url : undefined;
}

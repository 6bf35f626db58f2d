/**
 * Do not rely on the permissions of the token, because GitHub's API lets an administrator bypass every rule without a warning.
 *
 * @module
 */
import * as z from "zod/mini";
import { type Check, isOwnCheck } from "../checks.ts";
import { type ForgeClient, MERGE_CHECK_WAITS_MS } from "../client.ts";
import type { ForgeUser } from "../findings.ts";
import type { ForgeMerging, MergeReading } from "../merging.ts";
import {
  type ChecksState,
  isUnread,
  type MergeMethod,
  type PullRequestAddress,
  type PullRequestFacts,
  type Unread,
} from "../model.ts";
import { checkOf, CONTEXT, listOf, nodesOf, rollupSchema, rollupState } from "./checks.ts";
import { restOf } from "./address.ts";
import { askGithub, githubReview, isLimit, MAX_COMMITS, namesOf, readBody, UNKNOWN_FORMAT, USER } from "./pulls.ts";

// Source: GitHub, GraphQL reference, `PullRequest`, `RefUpdateRule`, `RequirableByPullRequest`.
const fieldsOf = (knowsQueues: boolean) => `
  viewerCanMergeAsAdmin mergeStateStatus baseRefName mergeCommit { oid }${knowsQueues ? " isInMergeQueue" : ""}
  headRepository { nameWithOwner }
  baseRef {
    target { oid }
    refUpdateRule { requiredApprovingReviewCount requiredStatusCheckContexts requiresLinearHistory }
  }
  baseRepository { databaseId mergeCommitAllowed squashMergeAllowed rebaseMergeAllowed }
  coauthors: commits(last: ${MAX_COMMITS}) { nodes { commit { authors(first: 20) { totalCount nodes { user { ${USER} } } } } } }
  timelineItems(itemTypes: [BASE_REF_CHANGED_EVENT, AUTOMATIC_BASE_CHANGE_SUCCEEDED_EVENT], last: 1) { nodes {
    ... on BaseRefChangedEvent { createdAt }
    ... on AutomaticBaseChangeSucceededEvent { createdAt }
  } }
  files(first: 100) { totalCount nodes { path changeType } }
  commits(last: 1) { nodes { commit { committedDate statusCheckRollup { contexts(first: 100) { totalCount nodes {
    ... on CheckRun { isRequired(pullRequestNumber: $i0) }
    ... on StatusContext { isRequired(pullRequestNumber: $i0) }
  } } } } } }
`;

const schema = z.lazy(() => {
  const flag = z.nullish(z.boolean());
  const context = z.object({ ...CONTEXT, isRequired: flag });
  const rollup = z.object({ contexts: listOf(context) });
  return z.object({
    state: z.string(),
    ...{ viewerCanMergeAsAdmin: flag, isInMergeQueue: flag, isMergeQueueEnabled: flag },
    mergeable: z.nullish(z.string()),
    ...{ mergeStateStatus: z.nullish(z.string()), reviewDecision: z.nullish(z.string()), baseRefName: z.string() },
    headRefOid: z.nullish(z.string()),
    headRepository: z.nullish(z.object({ nameWithOwner: z.string() })),
    mergeCommit: z.nullish(z.object({ oid: z.string() })),
    baseRef: z.nullish(z.object({
      target: z.nullish(z.object({ oid: z.string() })),
      refUpdateRule: z.nullish(z.object({
        requiredApprovingReviewCount: z.nullish(z.int()),
        requiredStatusCheckContexts: z.nullish(z.array(z.nullable(z.string()))),
        requiresLinearHistory: flag,
      })),
    })),
    baseRepository: z.object({
      databaseId: z.int(),
      ...{ mergeCommitAllowed: flag, squashMergeAllowed: flag, rebaseMergeAllowed: flag },
    }),
    timelineItems: z.nullish(nodesOf(z.object({ createdAt: z.string() }))),
    files: listOf(z.object({ path: z.string(), changeType: z.nullish(z.string()) })),
    commits: z.nullish(nodesOf(z.object({
      commit: z.nullish(z.object({ committedDate: z.nullish(z.string()), statusCheckRollup: z.nullish(rollup) })),
    }))),
  });
});
type Node = z.output<typeof schema>;

// Source: GitHub, REST reference, "Get rules for a branch".
const rulesSchema = z.lazy(() =>
  z.array(z.object({
    type: z.string(),
    parameters: z.nullish(z.object({
      required_approving_review_count: z.nullish(z.int()),
      require_code_owner_review: z.nullish(z.boolean()),
      require_last_push_approval: z.nullish(z.boolean()),
      required_review_thread_resolution: z.nullish(z.boolean()),
      required_reviewers: z.nullish(z.array(z.unknown())),
      allowed_merge_methods: z.nullish(z.array(z.string())),
      required_status_checks: z.nullish(z.array(z.object({ context: z.string() }))),
    })),
  }))
);
type Rules = z.output<typeof rulesSchema>;

// Source: GitHub, REST reference, "Get branch protection".
const protectionSchema = z.lazy(() => {
  const flag = z.nullish(z.object({ enabled: z.boolean() }));
  return z.object({
    required_pull_request_reviews: z.nullish(z.object({
      require_code_owner_reviews: z.nullish(z.boolean()),
      require_last_push_approval: z.nullish(z.boolean()),
    })),
    ...{ required_signatures: flag, required_conversation_resolution: flag, lock_branch: flag },
    restrictions: z.nullish(z.unknown()),
  });
});

// Source: GitHub, REST reference, "List repository activities".
const activitySchema = z.lazy(() => z.object({ activity_type: z.string(), actor: z.nullish(accountSchema) }));
const accountSchema = z.lazy(() => z.object({ id: z.int(), login: z.string(), type: z.nullish(z.string()) }));

const stackSchema = z.lazy(() => z.object({ stack: z.optional(z.unknown()) }));
const commitSchema = z.lazy(() =>
  z.object({ object: z.nullish(z.object({ statusCheckRollup: z.nullish(rollupSchema) })) })
);

const MAX_ACTIVITIES = 100;
const MAX_RULES = 100;

export const GITHUB_MERGING: ForgeMerging = { read, checks };

async function read(client: ForgeClient, address: PullRequestAddress): Promise<MergeReading | Unread> {
  const ask = async () => {
    const [answer] = await askGithub(client, [address], fieldsOf);
    return { answer, node: z.safeParse(schema, answer?.node).data };
  };
  let { answer, node } = await ask();
  for (const waitMs of MERGE_CHECK_WAITS_MS) {
    const isOpen = node?.state === "OPEN" && (node.mergeable === "UNKNOWN" || node.mergeStateStatus === "UNKNOWN");
    if (!isOpen) break;
    await client.wait(waitMs);
    ({ answer, node } = await ask());
  }
  if (answer === undefined) return UNKNOWN_FORMAT;
  const { outcome, hidden } = answer;
  const review = githubReview(answer);
  if (!outcome.ok) return outcome;
  if (node === undefined || review === undefined) return UNKNOWN_FORMAT;
  const { facts } = outcome;
  const path = `${restOf(client.api)}/repos/${address.repository}`;
  const base = encodeURIComponent(node.baseRefName);
  const page = await client.getShown(
    `read the rules of branch "${node.baseRefName}"`,
    `${path}/rules/branches/${base}?per_page=${MAX_RULES}`,
    rulesSchema,
  );
  // After a full page, there may be another page, so not all rules are known.
  const rules = page !== undefined && page.length < MAX_RULES ? page : undefined;
  const mayCount = review.opinions?.some(({ word, commit }) => word === "approved" && commit === review.head);
  const pushers = mayCount && facts.state === "open" ? await pushersOf(client, address, facts, node) : undefined;
  const isOutdated = facts.state === "open" ? await outdated(client, path, node) : null;
  const pull = await client.getPullRequest(
    `read pull request ${address.url}`,
    `${path}/pulls/${address.number}`,
    stackSchema,
  );
  if (isUnread(pull)) return pull;
  const isClassicShown = !hidden.has("baseRef");
  const rule = isClassicShown ? node.baseRef?.refUpdateRule : undefined;
  const required = requiredChecks(node, rules, isClassicShown);
  const isBypasser = node.viewerCanMergeAsAdmin !== false;
  return {
    facts: { ...facts, hasQueue: facts.hasQueue || (rules ?? []).some(({ type }) => type === "merge_queue") },
    repositoryId: String(node.baseRepository.databaseId),
    base: node.baseRefName,
    baseCommit: node.baseRef?.target?.oid ?? null,
    review: {
      ...review,
      ...pushers !== undefined && { pushers },
      retargetedAt: node.timelineItems?.nodes?.at(-1)?.createdAt ?? null,
      required: isClassicShown ? requiredApprovals(node, rules) : null,
    },
    isCheckRequired: required.names.length > 0 ? true : required.isWhole ? false : null,
    bypass: isBypasser && facts.state === "open"
      ? await bypassOf(client, `${path}/branches/${base}/protection`, { node, rules, isClassicShown })
      : null,
    blocked: facts.state === "open" ? blockedBy(node, required.names) : null,
    methods: methodsOf(node, rules, rule?.requiresLinearHistory === true),
    isStacked: pull.stack !== undefined && pull.stack !== null,
    mergeCommit: facts.state === "merged" ? node.mergeCommit?.oid ?? null : null,
    mergedHead: facts.state === "merged" ? facts.commit : null,
    isOutdated,
    headCommittedAt: node.commits?.nodes?.[0]?.commit?.committedDate ?? null,
    changedFiles: hidden.has("files") ? null : filesOf(node),
  };
}

/**
 * Users who pushed to the branch since it was created; `null` if the list does not go back to the creation of the branch. If the list of activities
 * is hidden, or missing in an older version, only the authors and committers of the commits are known. Commits are not enough for a fork: its name
 * does not show who can push there, and maintainers of the target can push as well.
 */
async function pushersOf(
  client: ForgeClient,
  { repository }: PullRequestAddress,
  { branch, isForeign }: PullRequestFacts,
  { headRepository }: Node,
): Promise<ForgeUser[] | null | undefined> {
  const source = isForeign ? headRepository?.nameWithOwner : repository;
  if (source === undefined) return null;
  const ref = encodeURIComponent(`refs/heads/${branch}`);
  const what = `read who has pushed to branch "${branch}" of ${source}`;
  // The list is sorted newest first. Anyone can read the list of a public fork. Source: GitHub, REST reference, "List repository activities".
  const url = `${restOf(client.api)}/repos/${source}/activity?ref=${ref}&per_page=${MAX_ACTIVITIES}`;
  const rows = await client.getShown(what, url, z.array(activitySchema));
  if (rows === undefined) return isForeign ? null : undefined;
  const creation = rows.findIndex(({ activity_type: type }) => type === "branch_creation");
  if (creation < 0 && rows.length >= MAX_ACTIVITIES) return null;
  return rows.slice(0, creation < 0 ? undefined : creation + 1).flatMap(({ actor }) =>
    actor ? [{ id: actor.id, name: actor.login, isBot: actor.type !== "User" }] : []
  );
}

/** Source: GitHub, REST reference, "Compare two commits". */
async function outdated(client: ForgeClient, path: string, { baseRefName, headRefOid }: Node): Promise<boolean | null> {
  if (!headRefOid) return null;
  const answer = await client.getShown(
    `compare a pull request with branch "${baseRefName}"`,
    `${path}/compare/${encodeURIComponent(baseRefName)}...${headRefOid}?per_page=1`,
    z.object({ behind_by: z.int() }),
  );
  return answer === undefined ? null : answer.behind_by > 0;
}

const parametersOf = (rules: Rules, type: string) =>
  rules.flatMap((rule) => rule.type === type ? [rule.parameters ?? {}] : []);

/** If GitHub makes a review decision although no visible rule requires a review, not all rules are shown. */
function requiredApprovals({ baseRef, reviewDecision }: Node, rules: Rules | undefined): number | null {
  if (rules === undefined) return null;
  const counts = [
    baseRef?.refUpdateRule?.requiredApprovingReviewCount ?? 0,
    ...parametersOf(rules, "pull_request").map(({ required_approving_review_count: count }) => count ?? 0),
  ];
  const most = Math.max(...counts);
  return most === 0 && typeof reviewDecision === "string" ? null : most;
}

const contextsOf = ({ commits }: Node) => {
  const nodes = commits?.nodes?.[0]?.commit?.statusCheckRollup?.contexts?.nodes ?? [];
  return nodes.filter((node) => node !== null).map((node) => ({ ...checkOf(node), isRequired: node.isRequired }));
};

/** The checks of this rule have no names. */
const WORKFLOWS = "workflows";

function requiredChecks(
  node: Node,
  rules: Rules | undefined,
  isClassicShown: boolean,
): { names: readonly string[]; isWhole: boolean } {
  const classic = isClassicShown ? node.baseRef?.refUpdateRule?.requiredStatusCheckContexts ?? [] : [];
  const names = [
    ...classic.filter((name) => name !== null),
    ...parametersOf(rules ?? [], "required_status_checks").flatMap(({ required_status_checks: checks }) =>
      (checks ?? []).map(({ context }) => context)
    ),
    ...contextsOf(node).filter(({ isRequired }) => isRequired === true).map(({ name }) => name),
    ...(rules ?? []).filter(({ type }) => type === WORKFLOWS).map(({ type }) => type),
  ];
  return { names, isWhole: rules !== undefined && isClassicShown };
}

/** Conflicts, drafts and outdated branches are reported as facts instead. */
function blockedBy(node: Node, required: readonly string[]): string | null {
  const { reviewDecision, mergeStateStatus: status, isInMergeQueue } = node;
  if (reviewDecision === "CHANGES_REQUESTED") return "a reviewer has requested changes";
  if (reviewDecision === "REVIEW_REQUIRED") return "the rules of the target branch require a review that is missing";
  const checks: readonly (Check & { isRequired?: boolean | null | undefined })[] = contextsOf(node);
  const open = checks.find(({ name, state, isRequired }) =>
    state !== "green" && (isRequired === true || required.includes(name))
  );
  if (open !== undefined) return `the required check ${JSON.stringify(open.name)} has not passed`;
  // GitHub shows BLOCKED for a missing check only to users who cannot bypass rules.
  const missing = required.find((name) => name !== WORKFLOWS && !checks.some((check) => check.name === name));
  if (missing !== undefined) return `the required check ${JSON.stringify(missing)} is missing`;
  // While a pull request is in the queue, GitHub's status describes the queue.
  if (isInMergeQueue === true) return null;
  switch (status) {
    case "CLEAN":
    case "HAS_HOOKS":
    case "BEHIND":
    case "DIRTY":
    case "DRAFT":
      return null;
    case "UNSTABLE":
      return checks.some(({ name, state, isRequired }) =>
          state !== "green" && isRequired !== false && !isOwnCheck(name)
        )
        ? "a check has not passed, and GitHub does not show whether it is required"
        : null;
    case "UNKNOWN":
      return "GitHub is still checking whether the pull request can be merged";
    case "BLOCKED":
      return "the rules of the target branch block the merge";
    default:
      return "GitHub does not show whether the pull request can be merged";
  }
}

/** Rules of a ruleset that do not affect a merge through the API, or that this program checks. Source: GitHub, "Available rules for rulesets". */
const HARMLESS: readonly string[] = [
  "creation",
  "deletion",
  "non_fast_forward",
  "required_linear_history",
  "merge_queue",
  "pull_request",
  "required_status_checks",
  "copilot_code_review",
];

/** Why a token that can bypass rules must not merge, as a clause; `null` if all rules are visible and checked here. */
async function bypassOf(
  client: ForgeClient,
  protectionPath: string,
  { node, rules, isClassicShown }: { node: Node; rules: Rules | undefined; isClassicShown: boolean },
): Promise<string | null> {
  const unread = "this token can bypass the rules, and not all of them could be read";
  if (rules === undefined || !isClassicShown) return unread;
  const reviews = parametersOf(rules, "pull_request");
  const names = rules.map(({ type }) => type).filter((type) => !HARMLESS.includes(type));
  if (reviews.some((rule) => rule.require_code_owner_review)) names.push("require_code_owner_review");
  if (reviews.some((rule) => rule.require_last_push_approval)) names.push("require_last_push_approval");
  if (reviews.some((rule) => rule.required_review_thread_resolution)) names.push("required_review_thread_resolution");
  if (reviews.some((rule) => (rule.required_reviewers ?? []).length > 0)) names.push("required_reviewers");
  if (node.baseRef?.refUpdateRule) {
    const what = `read the protection of branch "${node.baseRefName}"`;
    const classic = await client.getShown(what, protectionPath, protectionSchema);
    if (classic === undefined) return unread;
    // Only the query shows whether a branch protection requires a queue.
    if (typeof node.isMergeQueueEnabled !== "boolean") names.push("merge_queue");
    const review = classic.required_pull_request_reviews;
    if (review?.require_code_owner_reviews) names.push("require_code_owner_reviews");
    if (review?.require_last_push_approval) names.push("require_last_push_approval");
    if (classic.required_signatures?.enabled) names.push("required_signatures");
    if (classic.required_conversation_resolution?.enabled) names.push("required_conversation_resolution");
    if (classic.lock_branch?.enabled) names.push("lock_branch");
    if (classic.restrictions) names.push("restrictions");
  }
  const [first] = names;
  return first === undefined ? null : `this token can bypass the rule "${first}", which cannot be checked here`;
}

function methodsOf(
  { baseRepository: repository }: Node,
  rules: Rules | undefined,
  isLinear: boolean,
): MergeMethod[] | null {
  const allowed: readonly [MergeMethod, boolean | null | undefined][] = [
    ["merge", repository.mergeCommitAllowed],
    ["squash", repository.squashMergeAllowed],
    ["rebase", repository.rebaseMergeAllowed],
  ];
  if (rules === undefined || allowed.some(([, isAllowed]) => typeof isAllowed !== "boolean")) return null;
  const lists = parametersOf(rules, "pull_request").flatMap(({ allowed_merge_methods: methods }) =>
    methods ? [methods] : []
  );
  const isStraight = isLinear || rules.some(({ type }) => type === "required_linear_history");
  return allowed.filter(([method, isAllowed]) =>
    isAllowed === true && lists.every((list) => list.includes(method)) && !(isStraight && method === "merge")
  ).map(([method]) => method);
}

/** GitHub never shows the earlier name of a renamed file. */
function filesOf({ files }: Node): string[] | null {
  const nodes = files?.nodes;
  if (!nodes || (files.totalCount ?? 0) > nodes.length) return null;
  const paths = nodes.map((node) => node === null || node.changeType === "RENAMED" ? null : node.path);
  return paths.every((path) => path !== null) ? paths : null;
}

async function checks(
  client: ForgeClient,
  { repository }: PullRequestAddress,
  commit: string,
): Promise<ChecksState | null> {
  const [o, n] = namesOf({ repository });
  const query =
    `query($o: String!, $n: String!, $c: GitObjectID!) { p0: repository(owner: $o, name: $n) { object(oid: $c) {
  ... on Commit { statusCheckRollup { state contexts(first: 100) { totalCount nodes {
    __typename ... on CheckRun { name status conclusion } ... on StatusContext { context state }
  } } } }
} } }`;
  const { data, errors } = await client.call({
    what: `read the checks of commit ${commit.slice(0, 12)} of ${repository}`,
    path: "/graphql",
    body: { query, variables: { o, n, c: commit } },
    isLimit,
    read: readBody,
  });
  const object = z.safeParse(commitSchema, data.p0).data?.object;
  return errors.length > 0 || !object ? null : rollupState(object.statusCheckRollup);
}

import * as z from "zod/mini";
import type { Findings, FindingsOf, ForgeUser } from "../findings.ts";
import { addressAt } from "../address.ts";
import type { ForgeClient } from "../client.ts";
import type { RepositoryPlace } from "../forge.ts";
import type { PullRequestAddress } from "../model.ts";
import { readList, wholeList } from "../pages.ts";
import { GITHUB_ADDRESS, restOf } from "./address.ts";
import { readGithub } from "./pulls.ts";
import { githubFindings } from "./findings.ts";
import {
  type CommentPlace,
  factsOf,
  lineOf,
  type News,
  orNull,
  type PlacedComment,
  type Reaction,
  remembered,
  type Thread,
  type ThreadComment,
  type ThreadPlace,
  type Threads,
  wordsOf,
  type WorkflowWanted,
} from "../threads.ts";
import { findWorkflow } from "../workflows.ts";

// Source: GitHub, "REST API endpoints for issue comments", https://docs.github.com/en/rest/issues/comments; "REST API endpoints for pull request
// review comments", https://docs.github.com/en/rest/pulls/comments
const user = z.lazy(() => z.object({ id: z.int(), login: z.string(), type: z.optional(z.string()) }));
const commentSchema = z.lazy(() =>
  z.object({
    id: z.int(),
    node_id: z.string(),
    body: z.nullish(z.string()),
    user: z.nullable(user),
    created_at: z.string(),
    updated_at: z.string(),
    html_url: z.string(),
    issue_url: z.optional(z.string()),
    pull_request_url: z.optional(z.string()),
    path: z.nullish(z.string()),
    line: z.nullish(z.int()),
    original_line: z.nullish(z.int()),
    diff_hunk: z.nullish(z.string()),
    performed_via_github_app: z.nullish(z.object({})),
  })
);
type Comment = z.output<typeof commentSchema>;
const repositorySchema = z.lazy(() => z.object({ id: z.int(), full_name: z.string(), default_branch: z.string() }));
// Source: GitHub, "REST API endpoints for collaborators", https://docs.github.com/en/rest/collaborators/collaborators
const permissionSchema = z.lazy(() => z.object({ permission: z.string(), user: z.nullish(user) }));
// Source: GitHub, "REST API endpoints for issue events", https://docs.github.com/en/rest/issues/events
const eventSchema = z.lazy(() =>
  z.object({
    id: z.int(),
    event: z.string(),
    actor: z.nullish(user),
    created_at: z.string(),
    label: z.nullish(z.object({ name: z.string() })),
    performed_via_github_app: z.nullish(z.object({})),
  })
);
// Source: GitHub, "REST API endpoints for branches", https://docs.github.com/en/rest/branches/branches
const branchSchema = z.lazy(() =>
  z.object({ name: z.string(), protected: z.boolean(), commit: z.nullish(z.object({ sha: z.string() })) })
);
// Source: GitHub, "REST API endpoints for rules", https://docs.github.com/en/rest/repos/rules
const rulesSchema = z.lazy(() => z.array(z.object({ type: z.string() })));
// Source: GitHub, "REST API endpoints for issues", https://docs.github.com/en/rest/issues/issues
const listedSchema = z.lazy(() => z.object({ number: z.int(), pull_request: z.optional(z.unknown()) }));
// Source: GitHub, "REST API endpoints for pull requests", https://docs.github.com/en/rest/pulls/pulls
const sideSchema = z.lazy(() => z.object({ ref: z.string(), repo: z.nullable(z.object({ id: z.int() })) }));
const pullSchema = z.lazy(() => z.object({ number: z.int(), head: sideSchema, base: sideSchema }));

// Source: GitHub, GraphQL reference, `Actor`, `UserContentEdit`, `RenamedTitleEvent`; https://docs.github.com/en/graphql/reference
const ACTOR = "__typename login ... on User { databaseId } ... on Bot { databaseId }";
const TEXT = `number url title body createdAt author { ${ACTOR} }
  userContentEdits(first: 100) { totalCount nodes { editedAt editor { ${ACTOR} } } }
  timelineItems(first: 100, itemTypes: [RENAMED_TITLE_EVENT]) {
    totalCount nodes { ... on RenamedTitleEvent { createdAt actor { ${ACTOR} } } }
  }`;
// The two states have different types, and GitHub rejects a query that gives both the same name.
const THREAD =
  `query($o: String!, $n: String!, $i: Int!) { repository(owner: $o, name: $n) { issueOrPullRequest(number: $i) {
  __typename
  ... on Issue { issueState: state ${TEXT} }
  ... on PullRequest { pullState: state headRefName headRefOid baseRefName isCrossRepository ${TEXT} }
} } }`;
const actor = z.lazy(() => z.object({ __typename: z.string(), login: z.string(), databaseId: z.nullish(z.int()) }));
const textSchema = z.lazy(() =>
  z.object({
    __typename: z.enum(["Issue", "PullRequest"]),
    issueState: z.optional(z.string()),
    pullState: z.optional(z.string()),
    number: z.int(),
    url: z.string(),
    title: z.string(),
    body: z.string(),
    createdAt: z.string(),
    author: z.nullable(actor),
    userContentEdits: z.nullable(z.object({
      totalCount: z.int(),
      nodes: z.array(z.nullable(z.object({ editedAt: z.string(), editor: z.nullable(actor) }))),
    })),
    timelineItems: z.object({
      totalCount: z.int(),
      nodes: z.array(z.nullable(z.object({ createdAt: z.string(), actor: z.nullable(actor) }))),
    }),
    headRefName: z.optional(z.string()),
    headRefOid: z.optional(z.string()),
    baseRefName: z.optional(z.string()),
    isCrossRepository: z.optional(z.boolean()),
  })
);
const answerSchema = z.lazy(() =>
  z.object({ data: z.object({ repository: z.nullable(z.object({ issueOrPullRequest: z.nullable(textSchema) })) }) })
);
const viewerSchema = z.lazy(() =>
  z.object({
    data: z.object({ viewer: z.object({ __typename: z.string(), login: z.string(), databaseId: z.int() }) }),
  })
);
const editedSchema = z.lazy(() =>
  z.object({ data: z.object({ node: z.nullable(z.object({ lastEditedAt: z.nullable(z.string()) })) }) })
);

const MAY_PUSH: readonly string[] = ["admin", "write"];

/** Rules that prohibit a direct push to a branch. */
const GUARDS: readonly string[] = ["pull_request", "update", "merge_queue"];

// GitHub has only eight reactions. Source: GitHub, "REST API endpoints for reactions".
const REACTIONS: Readonly<Record<Reaction, string>> = { seen: "eyes", done: "rocket", failed: "confused" };

const GHOST: ForgeUser = { id: 0, name: "ghost", isBot: true };

const toUser = (row: z.output<typeof user> | null | undefined): ForgeUser =>
  row ? { id: row.id, name: row.login, isBot: row.type === "Bot" } : GHOST;

/** An app that acted on behalf of a user is treated as a bot. */
const byHand = (row: z.output<typeof user> | null | undefined, app: object | null | undefined): ForgeUser =>
  app ? { ...toUser(row), isBot: true } : toUser(row);

const toActor = (row: z.output<typeof actor> | null): ForgeUser =>
  row && typeof row.databaseId === "number"
    ? { id: row.databaseId, name: row.login, isBot: row.__typename !== "User" }
    : GHOST;

const toComment = (comment: Comment, kind: CommentPlace["kind"]): ThreadComment => ({
  kind,
  id: comment.id,
  text: comment.body ?? "",
  author: byHand(comment.user, comment.performed_via_github_app),
  createdAt: comment.created_at,
  editedAt: null,
  isInternal: false,
  line: lineOf(comment.path, comment.line ?? comment.original_line, comment.diff_hunk),
});

const areaOf = (kind: CommentPlace["kind"]) => kind === "review" ? "pulls" : "issues";

export class GithubThreads implements Threads {
  readonly forge = GITHUB_ADDRESS.name;
  readonly setsStatus = true;
  readonly system = "GitHub";
  readonly pullNoun = "pull request";
  readonly anchor = "issuecomment-";
  readonly lineAnchor = "discussion_r";
  readonly origin: string;
  readonly #client: ForgeClient;
  readonly #repository: string;
  readonly #rest: string;

  constructor(client: ForgeClient, { origin, repository }: RepositoryPlace) {
    this.#client = client;
    this.origin = origin;
    this.#repository = repository;
    this.#rest = restOf(client.api);
  }

  get requests(): number {
    return this.#client.requests;
  }

  get #path(): string {
    return `${this.#rest}/repos/${this.#repository}`;
  }

  #list<T extends z.core.$ZodType>(what: string, path: string, schema: T) {
    return readList(this.#client, what, path, schema);
  }

  #query<T extends z.core.$ZodType>(what: string, query: string, variables: Record<string, unknown>, schema: T) {
    return this.#client.call({
      what,
      path: "/graphql",
      body: { query, variables },
      read: (value) => z.safeParse(schema, value).data,
    });
  }

  readonly me = remembered(async (): Promise<ForgeUser> => {
    // The token of a workflow is not allowed to read `/user`, but has a viewer of type `User`.
    const query = "query { viewer { __typename login databaseId } }";
    const { data } = await this.#query("read the user of the token", query, {}, viewerSchema);
    return toActor(data.viewer);
  });

  async mayWrite(what: "notes" | "statuses"): Promise<boolean | null> {
    const isPublic = (value: unknown) => z.safeParse(z.object({ private: z.boolean() }), value).data?.private === false;
    const { may } = await this.#client.call({
      what: "read the scopes of the token",
      path: this.#path,
      // `X-OAuth-Scopes` lists the scopes. The scope "repo:status" is only for statuses. Job tokens and fine-grained tokens have no scopes. Source:
      // GitHub, "Scopes for OAuth apps".
      read(value, _text, headers) {
        const scopes = (headers.get("x-oauth-scopes") ?? "").split(/[\s,]+/).filter((scope) => scope !== "");
        if (scopes.length === 0) return { may: null };
        const isEnough = scopes.includes("repo") || what === "statuses" && scopes.includes("repo:status");
        return { may: isEnough || scopes.includes("public_repo") && isPublic(value) };
      },
    });
    return may;
  }

  async user(name: string): Promise<ForgeUser | null> {
    const path = `/users/${encodeURIComponent(name)}`;
    const account = await orNull(this.#client.get(`read user "${name}"`, path, user));
    return account === null ? null : toUser(account);
  }

  async hasLabel(label: string): Promise<boolean> {
    const path = `${this.#path}/labels/${encodeURIComponent(label)}`;
    return await orNull(this.#client.get("read a label", path, z.object({ name: z.string() }))) !== null;
  }

  async repository() {
    const repository = await this.#client.get(`read repository ${this.#repository}`, this.#path, repositorySchema);
    return { id: repository.id, name: repository.full_name, defaultBranch: repository.default_branch };
  }

  workflow(wanted: WorkflowWanted) {
    return findWorkflow(this.#client, this.#path, wanted);
  }

  async thread(place: ThreadPlace): Promise<Thread | null> {
    const [o = "", n = ""] = this.#repository.split("/");
    const { data } = await this.#query(`read ${wordsOf(place)}`, THREAD, { o, n, i: place.number }, answerSchema);
    const subject = data.repository?.issueOrPullRequest;
    if (!subject || (subject.__typename === "Issue") !== (place.kind === "issue")) return null;
    const { userContentEdits: edits, timelineItems: titles } = subject;
    const isWhole = (edits === null || edits.totalCount <= edits.nodes.length) &&
      titles.totalCount <= titles.nodes.length;
    const changes = [
      ...(edits?.nodes ?? []).map((edit) => ({
        by: edit?.editor ? toActor(edit.editor) : null,
        at: edit?.editedAt ?? "",
      })),
      ...titles.nodes.map((event) => ({ by: event?.actor ? toActor(event.actor) : null, at: event?.createdAt ?? "" })),
      // The first edit is the original text.
    ].filter(({ at }) => at !== subject.createdAt).sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
    const { headRefName: source, baseRefName: target } = subject;
    return {
      ...place,
      url: subject.url,
      isOpen: (subject.issueState ?? subject.pullState) === "OPEN",
      isMerged: subject.pullState === "MERGED",
      title: subject.title,
      text: subject.body,
      author: toActor(subject.author),
      createdAt: subject.createdAt,
      changes: isWhole ? changes : null,
      pull: source === undefined || target === undefined
        ? null
        : { source, target, isForeign: subject.isCrossRepository !== false, commit: subject.headRefOid ?? null },
    };
  }

  async comment(thread: ThreadPlace, { kind, id }: CommentPlace): Promise<ThreadComment | null> {
    const what = `read comment ${id} of ${wordsOf(thread)}`;
    const row = await orNull(this.#client.get(what, `${this.#path}/${areaOf(kind)}/comments/${id}`, commentSchema));
    const place = (kind === "review" ? row?.pull_request_url : row?.issue_url) ?? "";
    if (row === null || !place.endsWith(`/${areaOf(kind)}/${thread.number}`)) return null;
    const fields = "... on IssueComment { lastEditedAt } ... on PullRequestReviewComment { lastEditedAt }";
    const query = `query($id: ID!) { node(id: $id) { ${fields} } }`;
    const { data } = await this.#query(
      `read when comment ${id} was last edited`,
      query,
      { id: row.node_id },
      editedSchema,
    );
    return { ...toComment(row, kind), editedAt: data.node === null ? row.updated_at : data.node.lastEditedAt };
  }

  async comments(thread: ThreadPlace) {
    const kinds = thread.kind === "pull" ? ["comment", "review"] as const : ["comment"] as const;
    const read = kinds.map(async (kind) => {
      const path = `${this.#path}/${areaOf(kind)}/${thread.number}/comments`;
      const { list, isWhole } = await this.#list(`read the comments on ${wordsOf(thread)}`, path, commentSchema);
      return { list: list.map((each) => toComment(each, kind)), isWhole };
    });
    const lists = await Promise.all(read);
    const list = lists.flatMap((each) => each.list);
    list.sort((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt) || a.id - b.id);
    return { list, isWhole: lists.every((each) => each.isWhole) };
  }

  async mayPush({ id, name }: ForgeUser): Promise<boolean> {
    const path = `${this.#path}/collaborators/${encodeURIComponent(name)}/permission`;
    const permission = await orNull(
      this.#client.get(`read a user's permissions in ${this.#repository}`, path, permissionSchema),
    );
    // The name may now belong to another account.
    return permission !== null && permission.user?.id === id && MAY_PUSH.includes(permission.permission);
  }

  async labelled(thread: ThreadPlace, label: string) {
    const what = `read the label events of ${wordsOf(thread)}`;
    const list = await wholeList(what, this.#list(what, `${this.#path}/issues/${thread.number}/events`, eventSchema));
    const last = list.filter(({ event, label: its }) => ["labeled", "unlabeled"].includes(event) && its?.name === label)
      .sort((a, b) => a.id - b.id).at(-1);
    if (last?.event !== "labeled") return null;
    return { id: last.id, by: byHand(last.actor, last.performed_via_github_app), at: last.created_at };
  }

  async branch(name: string) {
    const path = `branches/${encodeURIComponent(name)}`;
    const branch = await orNull(this.#client.get("read a branch", `${this.#path}/${path}`, branchSchema));
    // If the branch was renamed, the response is about the branch with the new name.
    if (branch === null || branch.name !== name) return null;
    // Older servers have no rules.
    const rules = await orNull(
      this.#client.get("read the rules of a branch", `${this.#path}/rules/${path}`, rulesSchema),
    );
    const isProtected = branch.protected || (rules ?? []).some(({ type }) => GUARDS.includes(type));
    return { isProtected, commit: branch.commit?.sha ?? null };
  }

  #address(number: number): PullRequestAddress {
    return addressAt(GITHUB_ADDRESS, this.origin, this.#repository, number);
  }

  async facts(number: number) {
    const [outcome] = await readGithub(this.#client, [this.#address(number)]);
    return factsOf(`pull request #${number}`, outcome);
  }

  findings(number: number, of: FindingsOf): Promise<Findings> {
    return githubFindings(this.#client, this.#address(number), of);
  }

  #commentsSince(kind: CommentPlace["kind"], since: string) {
    const query = new URLSearchParams({ since, sort: "created", direction: "asc" });
    const path = `${this.#path}/${areaOf(kind)}/comments?${query}`;
    return this.#list(`read the comments in ${this.#repository}`, path, commentSchema);
  }

  async news(since: string, label: string): Promise<readonly News[]> {
    const query = new URLSearchParams({ since, labels: label, state: "open" });
    const [issues, reviews, labelled] = await Promise.all([
      this.#commentsSince("comment", since),
      this.#commentsSince("review", since),
      this.#list(`look for the label in ${this.#repository}`, `${this.#path}/issues?${query}`, listedSchema),
    ]);
    return [
      ...issues.list.flatMap((each) => newsOf(each, "comment")),
      ...reviews.list.flatMap((each) => newsOf(each, "review")),
      ...labelled.list.map(({ number, pull_request: pull }): News => ({
        thread: { kind: pull === undefined ? "issue" : "pull", number },
        comment: null,
        text: null,
      })),
    ];
  }

  async commentsOf({ id }: ForgeUser, since: string): Promise<readonly PlacedComment[]> {
    const list = await wholeList(`read the comments in ${this.#repository}`, this.#commentsSince("comment", since));
    return list.filter((each) => each.user?.id === id && Date.parse(each.created_at) >= Date.parse(since))
      .flatMap((each) => newsOf(each, "comment").map(({ thread }) => ({ ...toComment(each, "comment"), thread })));
  }

  async pullsFrom(branch: string): Promise<readonly number[]> {
    const [owner = ""] = this.#repository.split("/");
    const query = new URLSearchParams({ state: "open", head: `${owner}:${branch}` });
    const what = `look for pull requests of branch "${branch}"`;
    const { list } = await this.#list(what, `${this.#path}/pulls?${query}`, pullSchema);
    return list.filter(({ head, base }) => head.ref === branch && head.repo?.id === base.repo?.id)
      .map(({ number }) => number);
  }

  async remove(thread: ThreadPlace, { kind, id }: CommentPlace): Promise<void> {
    await orNull(
      this.#client.send(`delete a comment on ${wordsOf(thread)}`, `${this.#path}/${areaOf(kind)}/comments/${id}`, {
        method: "DELETE",
      }),
    );
  }

  async react(thread: ThreadPlace, comment: CommentPlace | null, reaction: Reaction): Promise<void> {
    const place = comment === null ? `issues/${thread.number}` : `${areaOf(comment.kind)}/comments/${comment.id}`;
    await this.#client.send(`react to ${wordsOf(thread)}`, `${this.#path}/${place}/reactions`, {
      body: { content: REACTIONS[reaction] },
    });
  }

  async setStatus(commit: string, { url, text }: { url: string; text: string }): Promise<void> {
    await this.#client.send("set a commit status", `${this.#path}/statuses/${encodeURIComponent(commit)}`, {
      body: { state: "success", context: "mogplex", target_url: url, description: text },
    });
  }
}

/** Only `html_url` shows whether the comment is on an issue or a pull request. */
function newsOf({ id, body, html_url: url, user }: Comment, kind: CommentPlace["kind"]): News[] {
  const [, area, number] = /\/(issues|pull)\/([1-9]\d{0,8})#/.exec(url) ?? [];
  if (number === undefined) return [];
  const thread = { kind: area === "issues" ? "issue" as const : "pull" as const, number: Number(number) };
  return [{ thread, comment: { kind, id }, text: body ?? "", author: toUser(user) }];
}

import * as z from "zod/mini";
import { ApiError, MogplexError } from "../../errors.ts";
import { encodePath } from "../../text/escape.ts";
import type { Findings, FindingsOf, ForgeUser } from "../findings.ts";
import { addressAt } from "../address.ts";
import type { ForgeClient } from "../client.ts";
import type { RepositoryPlace } from "../forge.ts";
import type { PullRequestAddress } from "../model.ts";
import { wholeList } from "../pages.ts";
import {
  type Comment,
  commentSchema,
  commentsOn,
  type Events,
  listOf,
  rowsOf,
  timelineOf,
  userSchema,
} from "./comments.ts";
import { GITEA_ADDRESS } from "./address.ts";
import { askGitea, isForeignHead } from "./pulls.ts";
import { giteaTeams, givesCode, hasTextEditors, hidesCode, overstates, type Team } from "./teams.ts";
import { giteaFindings } from "./findings.ts";
import {
  type CommentPlace,
  factsOf,
  isGone,
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

// Source: Gitea, API reference, https://docs.gitea.com/api/1.24, `Issue`, `PullRequest` and `Team`.
const issueSchema = z.lazy(() =>
  z.object({
    number: z.int(),
    html_url: z.string(),
    title: z.string(),
    body: z.nullish(z.string()),
    user: z.nullish(userSchema),
    state: z.string(),
    created_at: z.string(),
    updated_at: z.string(),
    labels: z.nullish(z.array(z.object({ name: z.string() }))),
    pull_request: z.nullish(z.object({})),
  })
);
type Issue = z.output<typeof issueSchema>;
const hasLabel = ({ labels }: Issue, label: string) => labels?.some(({ name }) => name === label) === true;
const sideSchema = z.lazy(() => z.object({ label: z.string(), sha: z.string(), repo_id: z.int() }));
const pullSchema = z.lazy(() => z.object({ merged: z.nullish(z.boolean()), head: sideSchema, base: sideSchema }));
const listedSchema = z.lazy(() => z.object({ number: z.int(), head: sideSchema, base: sideSchema }));
const repositorySchema = z.lazy(() => z.object({ id: z.int(), full_name: z.string(), default_branch: z.string() }));
const permissionSchema = z.lazy(() => z.object({ permission: z.string(), user: z.nullish(userSchema) }));
const branchSchema = z.lazy(() =>
  z.object({ name: z.string(), protected: z.boolean(), commit: z.nullish(z.object({ id: z.string() })) })
);
const reactionSchema = z.lazy(() =>
  z.object({ user: z.nullish(userSchema), content: z.string(), created_at: z.string() })
);
const reviewSchema = z.lazy(() => z.object({ id: z.int(), comments_count: z.nullish(z.int()) }));

const NAME_USERS =
  "use --allow-users or the variable MOGPLEX_RESPOND_ALLOW_USERS to list the users who can ask (recommended)";
const TAKE_OVER = "then everyone who can push can become an administrator (see docs/ask.md)";

/** Maximum number of pull requests, and of the newest reviews of each pull request, whose comments on lines are read. Each review costs a request. */
const MAX_REVIEWS = 100;
/** Maximum number of requests for comments on lines, shared by all changed pull requests. Anyone can write reviews. */
const MAX_NEWS_REQUESTS = 1_000;

// Gitea has only eight reactions, unless an administrator changes the list. Source: Gitea, "Configuration Cheat Sheet", `[ui] REACTIONS`.
const REACTIONS: Readonly<Record<Reaction, string>> = { seen: "eyes", done: "rocket", failed: "confused" };

const GHOST: ForgeUser = { id: -1, name: "Ghost", isBot: true };

/** Internal users of the server, such as the user of its actions, do not have a positive id. Gitea does not distinguish other bots from people. */
const toUser = (row: z.output<typeof userSchema> | null | undefined): ForgeUser =>
  row ? { id: row.id, name: row.login, isBot: row.id > 0 ? null : true } : GHOST;

const toComment = (comment: Comment, kind: CommentPlace["kind"] = "comment"): ThreadComment => ({
  kind,
  id: comment.id,
  text: comment.body,
  author: toUser(comment.user),
  createdAt: comment.created_at,
  editedAt: comment.updated_at === comment.created_at ? null : comment.updated_at,
  isInternal: false,
  line: lineOf(comment.path, comment.position || comment.original_position, comment.diff_hunk),
});

export class GiteaThreads implements Threads {
  readonly forge = GITEA_ADDRESS.name;
  // A branch rule may require checks by pattern, such as `*`. Our status would match the pattern, and auto-merge would merge untested code.
  readonly setsStatus = false;
  readonly system: string;
  readonly pullNoun = "pull request";
  readonly anchor = "issuecomment-";
  readonly origin: string;
  readonly #client: ForgeClient;
  readonly #repository: string;
  readonly #allTeams = remembered(() => giteaTeams(this.#client, this.#repository));
  readonly #seen = new Map<number, boolean>();

  constructor(client: ForgeClient, { origin, repository }: RepositoryPlace) {
    this.#client = client;
    this.system = client.system;
    this.origin = origin;
    this.#repository = repository;
  }

  get requests(): number {
    return this.#client.requests;
  }

  get #path(): string {
    return `/repos/${this.#repository}`;
  }

  #rows<T extends z.core.$ZodType>(what: string, path: string, schema: T) {
    return rowsOf(this.#client, what, path, schema);
  }

  #list<T extends z.core.$ZodType>(what: string, path: string, schema: T) {
    return listOf(this.#client, what, path, schema);
  }

  readonly me = remembered(async (): Promise<ForgeUser> =>
    toUser(await this.#client.get("read the user of the token", "/user", userSchema))
  );

  async user(name: string): Promise<ForgeUser | null> {
    const path = `/users/${encodeURIComponent(name)}`;
    const account = await orNull(this.#client.get(`read user "${name}"`, path, userSchema));
    return account === null ? null : toUser(account);
  }

  async hasLabel(label: string): Promise<boolean> {
    const attempted = "read the labels";
    const [owner = ""] = this.#repository.split("/");
    const has = async (path: string) => {
      const labels = await orNull(this.#list(attempted, path, z.object({ name: z.string() })));
      return labels?.list.some(({ name }) => name === label) === true;
    };
    if (await has(`${this.#path}/labels`)) return true;
    try {
      return await has(`/orgs/${owner}/labels`);
    } catch (error) {
      if (!isRefused(error)) throw error;
      // The owner is a user, who has neither teams nor labels.
      if ((await this.#allTeams())?.length === 0) return false;
      throw new MogplexError({
        attempted: `${attempted} of the organization`,
        why: "the token lacks the read:organization scope",
        advice: "create the label in the repository, or give the token that scope",
      }, "forbidden");
    }
  }

  /**
   * Gitea never shows the scopes of a token. However, it checks the scopes before it looks for the comment, and comment 0 does not exist. A new
   * comment on a nonexistent issue cannot be used for this check, because Gitea returns 500. No similar request exists for a status. Source: Gitea
   * 1.24.6, routers/api/v1/repo/issue_comment.go, `editIssueComment`.
   */
  async mayWrite(of: "notes" | "statuses"): Promise<boolean | null> {
    if (of === "statuses") return null;
    const path = `${this.#path}/issues/comments/0`;
    const what = "check whether the token can comment";
    try {
      await this.#client.call({ what, path, method: "PATCH", body: { body: "-" }, read: () => true });
    } catch (error) {
      if (isRefused(error)) return false;
      if (!isGone(error)) throw error;
    }
    return true;
  }

  async repository() {
    const repository = await this.#client.get(`read repository ${this.#repository}`, this.#path, repositorySchema);
    return { id: repository.id, name: repository.full_name, defaultBranch: repository.default_branch };
  }

  workflow(wanted: WorkflowWanted) {
    return findWorkflow(this.#client, this.#path, wanted);
  }

  async thread(place: ThreadPlace): Promise<Thread | null> {
    const what = `read ${wordsOf(place)}`;
    // Send both requests at the same time, because users wait for the first note.
    const [found, pull] = await Promise.all([
      orNull(this.#client.get(what, `${this.#path}/issues/${place.number}`, issueSchema)),
      place.kind === "issue" ? null : orNull(this.#client.get(what, `${this.#path}/pulls/${place.number}`, pullSchema)),
    ]);
    if (found === null || (found.pull_request ? "pull" : "issue") !== place.kind) return null;
    if (pull === null && place.kind === "pull") return null;
    // Read the events after the issue. Otherwise, an event in between would look like a change to the text. For a deleted issue, Gitea returns 500.
    const events = hasTextEditors(await this.#allTeams()) ? null : await this.#timeline(place);
    return {
      ...place,
      url: found.html_url,
      isOpen: found.state === "open",
      isMerged: pull?.merged === true,
      title: found.title,
      text: found.body ?? "",
      author: toUser(found.user),
      createdAt: found.created_at,
      changes: changesOf(found, events),
      pull: pull === null ? null : {
        source: pull.head.label,
        isForeign: isForeignHead(pull),
        target: pull.base.label,
        commit: pull.head.sha === "" ? null : pull.head.sha,
      },
    };
  }

  #timeline(place: ThreadPlace): Promise<Events> {
    return timelineOf(this.#client, this.#path, place);
  }

  async comment(thread: ThreadPlace, { kind, id }: CommentPlace): Promise<ThreadComment | null> {
    if (kind === "review") {
      const line = (await this.#lineComments(thread)).find((each) => each.id === id);
      return line === undefined ? null : { ...line, isEditHidden: hasTextEditors(await this.#allTeams()) };
    }
    const answer = await orNull(this.#client.call({
      what: `read comment ${id} of ${wordsOf(thread)}`,
      path: `${this.#path}/issues/comments/${id}`,
      // The response has no body if the object is not a comment.
      read: (value) => value === undefined ? { comment: null } : wrapped(z.safeParse(commentSchema, value).data),
    }));
    const comment = answer?.comment ?? null;
    const place = comment === null ? undefined : threadOf(comment);
    if (comment === null || place?.kind !== thread.kind || place.number !== thread.number) return null;
    return { ...toComment(comment), isEditHidden: hasTextEditors(await this.#allTeams()) };
  }

  async comments(thread: ThreadPlace) {
    const [found, lines, teams] = await Promise.all([
      commentsOn(this.#client, this.#path, thread, `read the comments on ${wordsOf(thread)}`, commentSchema),
      this.#lineComments(thread),
      this.#allTeams(),
    ]);
    const isEditHidden = hasTextEditors(teams);
    const list = [...found.map((each) => toComment(each)), ...lines].map((each) => ({ ...each, isEditHidden }));
    list.sort((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt) || a.id - b.id);
    // Report the list as complete even if reviews were left out. Our notes are never on lines, and many reviews by strangers must not hide a member's
    // request.
    return { list, isWhole: true };
  }

  async #lineComments(thread: ThreadPlace, most = MAX_REVIEWS): Promise<readonly ThreadComment[]> {
    if (thread.kind === "issue") return [];
    const what = `read the reviews of ${wordsOf(thread)}`;
    const path = `${this.#path}/pulls/${thread.number}/reviews`;
    const { list: reviews } = await this.#list(what, path, reviewSchema);
    const full = reviews.filter(({ comments_count: count }) => count !== 0);
    const list: ThreadComment[] = [];
    for (const { id } of full.slice(-most)) {
      const rows = await orNull(this.#rows(what, `${path}/${id}/comments`, commentSchema));
      list.push(...(rows ?? []).map((each) => toComment(each, "review")));
    }
    return list;
  }

  async mayPush({ id, name }: ForgeUser): Promise<boolean | MogplexError> {
    const permission = await this.#permission(name);
    if (permission instanceof MogplexError) return permission;
    // The name may now belong to another account.
    if (permission === null || permission.user?.id !== id) return false;
    // Owners of an organization have these permissions, and so do members of teams that administer the repository.
    if (["owner", "admin"].includes(permission.permission)) return true;
    const teams = await this.#allTeams();
    if (teams !== null && teams.length === 0) return permission.permission === "write";
    if (teams === null) return this.#hiddenTeams();
    // In an organization, `write` does not reflect the code permissions of teams, and may refer to something other than code.
    const path = `${this.#path}/collaborators/${encodeURIComponent(name)}`;
    const isWriter = permission.permission === "write" && await this.#is(this.#askingRights, path);
    let [gives, isOverstated] = [false, false];
    let hidden: MogplexError | undefined;
    for (const team of teams.filter((each) => givesCode(each) || hidesCode(each) || isWriter && overstates(each))) {
      const is = await this.#isIn(team, name);
      if (is === null) hidden ??= this.#hiddenTeams();
      else if (is && hidesCode(team)) return false;
      else if (is && givesCode(team)) gives = true;
      else if (is) isOverstated = true;
    }
    return hidden ?? (gives || isWriter && !isOverstated);
  }

  async hidesRights(): Promise<MogplexError | null> {
    // Users can always read their own permission, so read the permission of another user.
    const [owner = ""] = this.#repository.split("/");
    const permission = await this.#permission(owner);
    if (permission instanceof MogplexError) return permission;
    const teams = await this.#allTeams();
    if (teams === null) return this.#hiddenTeams();
    for (const team of teams.filter((each) => givesCode(each) || hidesCode(each) || overstates(each))) {
      if (!await this.#sees(team)) return this.#hiddenTeams();
    }
    return null;
  }

  get #askingRights(): string {
    return `read a user's permissions in ${this.#repository}`;
  }

  async #permission(name: string): Promise<z.output<typeof permissionSchema> | MogplexError | null> {
    const attempted = this.#askingRights;
    const path = `${this.#path}/collaborators/${encodeURIComponent(name)}/permission`;
    try {
      return await orNull(this.#client.get(attempted, path, permissionSchema));
    } catch (error) {
      if (!isRefused(error)) throw error;
      const why = `${this.system} shows users' permissions only to administrators of the repository`;
      const advice =
        `${NAME_USERS}. An administrator's token with the read:repository scope also works, but ${TAKE_OVER}`;
      return new MogplexError({ attempted, why, advice }, "forbidden");
    }
  }

  #hiddenTeams(): MogplexError {
    return new MogplexError({
      attempted: this.#askingRights,
      why: `${this.system} shows who is in a team only to owners of the organization and to the team itself`,
      advice:
        `${NAME_USERS}. The token of an owner of the organization, or of a member of each of its teams, with the ` +
        `read:organization scope also works, but if the user is an administrator of the repository, ${TAKE_OVER}`,
    }, "forbidden");
  }

  async #is(what: string, path: string): Promise<boolean> {
    return await orNull(this.#client.call({ what, path, read: () => true })) === true;
  }

  /** `null` if the members of the team are not shown: Gitea then returns 403, or 404 to users outside the organization. */
  async #isIn(team: Team, name: string): Promise<boolean | null> {
    try {
      if (await this.#is(this.#askingRights, `/teams/${team.id}/members/${encodeURIComponent(name)}`)) return true;
    } catch (error) {
      if (!isRefused(error)) throw error;
      return null;
    }
    return await this.#sees(team) ? false : null;
  }

  async #sees({ id }: Team): Promise<boolean> {
    const answer = this.#seen.get(id);
    if (answer !== undefined) return answer;
    let sees = false;
    try {
      sees = await this.#is(this.#askingRights, `/teams/${id}`);
    } catch (error) {
      if (!isRefused(error)) throw error;
    }
    this.#seen.set(id, sees);
    return sees;
  }

  async labelled(thread: ThreadPlace, label: string) {
    const what = `read the label events of ${wordsOf(thread)}`;
    const issue = await orNull(this.#client.get(what, `${this.#path}/issues/${thread.number}`, issueSchema));
    if (issue === null || !hasLabel(issue, label)) return null;
    const list = await wholeList(what, this.#timeline(thread));
    const last = list.filter(({ type, label: its }) => type === "label" && its?.name === label).at(-1);
    // The body is `1` if the label was added, and empty if the label was removed.
    if (last?.body !== "1") return null;
    return { id: last.id, by: toUser(last.user), at: last.created_at };
  }

  async branch(name: string) {
    const path = `${this.#path}/branches/${encodePath(name)}`;
    const branch = await orNull(this.#client.get("read a branch", path, branchSchema));
    if (branch === null || branch.name !== name) return null;
    return { isProtected: branch.protected, commit: branch.commit?.id ?? null };
  }

  #address(number: number): PullRequestAddress {
    return addressAt(GITEA_ADDRESS, this.origin, this.#repository, number);
  }

  async facts(number: number) {
    const [answer] = await askGitea(this.#client, [this.#address(number)]);
    return factsOf(`pull request #${number}`, answer?.outcome);
  }

  findings(number: number, of: FindingsOf): Promise<Findings> {
    return giteaFindings(this.#client, this.#address(number), of);
  }

  #commentsSince(since: string) {
    const path = `${this.#path}/issues/comments?${new URLSearchParams({ since })}`;
    return this.#list(`read the comments in ${this.#repository}`, path, commentSchema);
  }

  #issuesSince(more: Record<string, string>) {
    const path = `${this.#path}/issues?${new URLSearchParams({ state: "open", ...more })}`;
    return this.#list(`look for new requests in ${this.#repository}`, path, issueSchema);
  }

  async news(since: string, label: string): Promise<readonly News[]> {
    const sinceMs = Date.parse(since);
    const { list } = await this.#commentsSince(since);
    const comments = list.flatMap((each): News[] => {
      const thread = threadOf(each);
      if (thread === undefined || Date.parse(each.created_at) < sinceMs) return [];
      return [{ thread, comment: { kind: "comment", id: each.id }, text: each.body, author: toUser(each.user) }];
    });
    const pulls = await this.#issuesSince({ since, type: "pulls" });
    const lines: News[] = [];
    const changed = pulls.list.slice(0, MAX_REVIEWS);
    const most = Math.min(MAX_REVIEWS, Math.max(1, Math.floor(MAX_NEWS_REQUESTS / Math.max(1, changed.length))));
    for (const { number } of changed) {
      const thread: ThreadPlace = { kind: "pull", number };
      for (const { kind, id, text, createdAt, author } of await this.#lineComments(thread, most)) {
        if (Date.parse(createdAt) >= sinceMs) lines.push({ thread, comment: { kind, id }, text, author });
      }
    }
    // If the label does not exist, the server lists all threads. Source: Gitea, API reference, `issueListIssues`, `labels`.
    const labelled = (await this.#issuesSince({ since, labels: label })).list.filter((each) => hasLabel(each, label));
    const ofLabel = labelled.map(({ number, pull_request: pull }): News => ({
      thread: { kind: pull ? "pull" : "issue", number },
      comment: null,
      text: null,
    }));
    return [...comments, ...lines, ...ofLabel];
  }

  async commentsOf({ id }: ForgeUser, since: string): Promise<readonly PlacedComment[]> {
    const list = await wholeList(`read the comments in ${this.#repository}`, this.#commentsSince(since));
    return list.flatMap((each) => {
      const thread = threadOf(each);
      const isTheirs = each.user?.id === id && Date.parse(each.created_at) >= Date.parse(since);
      return isTheirs && thread !== undefined ? [{ ...toComment(each), thread }] : [];
    });
  }

  async pullsFrom(branch: string): Promise<readonly number[]> {
    // The list cannot be filtered by branch.
    const path = `${this.#path}/pulls?state=open`;
    const { list } = await this.#list(`look for pull requests of branch "${branch}"`, path, listedSchema);
    return list.filter(({ head, base }) => head.label === branch && head.repo_id === base.repo_id)
      .map(({ number }) => number);
  }

  async remove(thread: ThreadPlace, { id }: CommentPlace): Promise<void> {
    await orNull(
      this.#client.send(`delete a comment on ${wordsOf(thread)}`, `${this.#path}/issues/comments/${id}`, {
        method: "DELETE",
      }),
    );
  }

  async react(thread: ThreadPlace, comment: CommentPlace | null, reaction: Reaction): Promise<void> {
    await this.#client.send(`react to ${wordsOf(thread)}`, `${this.#path}/issues/${this.#reacted(thread, comment)}`, {
      body: { content: REACTIONS[reaction] },
    });
  }

  async isAnswered(
    thread: ThreadPlace,
    comment: CommentPlace | null,
    { me, since }: { me: ForgeUser; since: string },
  ): Promise<boolean> {
    const what = `read the reactions in ${wordsOf(thread)}`;
    const path = `${this.#path}/issues/${this.#reacted(thread, comment)}`;
    // The reactions to a comment are not paginated.
    const list = await orNull(
      comment === null
        ? this.#list(what, path, reactionSchema).then((answer) => answer.list)
        : this.#rows(what, path, reactionSchema),
    );
    return (list ?? []).some(({ user, content, created_at: at }) =>
      user?.id === me.id && [REACTIONS.done, REACTIONS.failed].includes(content) && Date.parse(at) >= Date.parse(since)
    );
  }

  #reacted(thread: ThreadPlace, comment: CommentPlace | null): string {
    return `${comment === null ? thread.number : `comments/${comment.id}`}/reactions`;
  }

  async setStatus(commit: string, { url, text }: { url: string; text: string }): Promise<void> {
    await this.#client.send("set a commit status", `${this.#path}/statuses/${encodeURIComponent(commit)}`, {
      body: { state: "success", context: "mogplex", target_url: url, description: text },
    });
  }
}

/**
 * Gitea shows who changed the title, but not who changed the description. The author and all users who may write to issues can change the
 * description, so the changes are known only if all of these users can push. A change to the description is visible only as an update time that no
 * event explains, and only until the next event.
 * @param events History of the thread; `null` if users who cannot push may write to issues.
 */
function changesOf(issue: Issue, events: Events | null): Thread["changes"] {
  if (events?.isWhole !== true) return null;
  const { list } = events;
  const titles = list.filter(({ type }) => type === "change_title")
    .map(({ user, created_at: at }) => ({ by: toUser(user), at }));
  const times = [issue.created_at, ...list.flatMap((event) => [event.created_at, event.updated_at])].map(Date.parse);
  const lastMs = Date.parse(issue.updated_at);
  // Times are in whole seconds, and an event is written just before its issue.
  const isKnown = times.some((ms) => Math.abs(ms - lastMs) <= 1_000);
  return isKnown ? titles : [...titles, { by: null, at: issue.updated_at }];
}

const isRefused = (error: unknown): boolean => error instanceof ApiError && error.status === 403;

const wrapped = <T>(comment: T | undefined) => comment === undefined ? undefined : { comment };

/** One of the two addresses is empty. */
function threadOf({ issue_url: issue, pull_request_url: pull }: Comment): ThreadPlace | undefined {
  const [, area, number] = /\/(issues|pulls)\/([1-9]\d{0,8})$/.exec(pull || issue || "") ?? [];
  if (number === undefined) return undefined;
  return { kind: area === "issues" ? "issue" : "pull", number: Number(number) };
}

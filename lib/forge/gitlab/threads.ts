import * as z from "zod/mini";
import { ApiError } from "../../errors.ts";
import type { Findings, FindingsOf, ForgeUser } from "../findings.ts";
import { addressAt } from "../address.ts";
import type { ForgeClient } from "../client.ts";
import type { RepositoryPlace } from "../forge.ts";
import type { PullRequestAddress } from "../model.ts";
import { readList, wholeList } from "../pages.ts";
import { GITLAB_ADDRESS } from "./address.ts";
import { askGitlab, toUser } from "./pulls.ts";
import { gitlabFindings, isPusher, memberSchema, positionSchema } from "./findings.ts";
import {
  type CommentPlace,
  factsOf,
  type ForgeSetup,
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
  wordsOf as threadWords,
} from "../threads.ts";

const user = z.lazy(() => z.object({ id: z.int(), username: z.string(), bot: z.optional(z.boolean()) }));
// Source: GitLab, "Notes API", https://docs.gitlab.com/api/notes/
const noteSchema = z.lazy(() =>
  z.object({
    id: z.int(),
    body: z.string(),
    author: user,
    system: z.boolean(),
    created_at: z.string(),
    updated_at: z.string(),
    noteable_type: z.nullish(z.string()),
    noteable_iid: z.nullish(z.int()),
    internal: z.nullish(z.boolean()),
    confidential: z.nullish(z.boolean()),
    imported: z.nullish(z.boolean()),
    position: positionSchema,
  })
);
type Note = z.output<typeof noteSchema>;
// Source: GitLab, "Issues API" and "Merge requests API", single issue and single merge request; https://docs.gitlab.com/api/issues/
const threadSchema = z.lazy(() =>
  z.object({
    iid: z.int(),
    web_url: z.string(),
    state: z.string(),
    title: z.string(),
    description: z.nullish(z.string()),
    author: user,
    created_at: z.string(),
    confidential: z.nullish(z.boolean()),
    imported: z.nullish(z.boolean()),
    source_branch: z.optional(z.string()),
    target_branch: z.optional(z.string()),
    source_project_id: z.nullish(z.int()),
    target_project_id: z.nullish(z.int()),
    sha: z.nullish(z.string()),
  })
);
// Source: GitLab, "Personal access tokens API", details on the token of the request, https://docs.gitlab.com/api/personal_access_tokens/
const tokenSchema = z.lazy(() => z.object({ scopes: z.array(z.string()) }));
const projectSchema = z.lazy(() =>
  z.object({ id: z.int(), path_with_namespace: z.string(), default_branch: z.nullish(z.string()) })
);
// Source: GitLab, "Resource label events API", https://docs.gitlab.com/api/resource_label_events/
const labelEventSchema = z.lazy(() =>
  z.object({
    id: z.int(),
    user: z.nullish(user),
    created_at: z.string(),
    label: z.nullish(z.object({ name: z.string() })),
    action: z.string(),
  })
);
const branchSchema = z.lazy(() =>
  z.object({
    name: z.string(),
    protected: z.boolean(),
    commit: z.nullish(z.object({ id: z.string() })),
  })
);
// Source: GitLab, "Events API", https://docs.gitlab.com/api/events/
const eventSchema = z.lazy(() => z.object({ note: z.nullish(noteSchema) }));

// Source: GitLab, "Project webhooks API", https://docs.gitlab.com/api/project_webhooks/
const hookSchema = z.lazy(() =>
  z.object({ url: z.string(), note_events: z.nullish(z.boolean()), issues_events: z.nullish(z.boolean()) })
);
// Source: GitLab, "Pipeline schedules API", https://docs.gitlab.com/api/pipeline_schedules/. Only Maintainers and the owner of a schedule can see its
// variables: `Entities::Ci::PipelineScheduleDetails`.
const schedulesSchema = z.lazy(() => z.object({ id: z.int(), active: z.boolean(), cron: z.string() }));
const scheduleSchema = z.lazy(() =>
  z.object({ variables: z.nullish(z.array(z.object({ key: z.string(), value: z.string() }))) })
);
const MAX_SCHEDULES = 20;
const isPoll = ({ key, value }: { key: string; value: string }) => key === "MOGPLEX_SCHEDULE" && value === "respond";
// Source: GitLab, "Projects API", https://docs.gitlab.com/api/projects/
const variablesSchema = z.lazy(() =>
  z.object({
    restrict_user_defined_variables: z.nullish(z.boolean()),
    ci_pipeline_variables_minimum_override_role: z.nullish(z.string()),
  })
);

const REACTIONS: Readonly<Record<Reaction, string>> = { seen: "eyes", done: "white_check_mark", failed: "x" };

/**
 * Whether any user can pass variables to a pipeline; `null` if the token cannot see the setting. Without the restriction, the role has no effect, and
 * Developers can pass variables. Source: GitLab, merge request 149343.
 */
function mayHaveVariables(project: z.infer<typeof variablesSchema> | null): boolean | null {
  if (project?.restrict_user_defined_variables === false) return true;
  const role = project?.ci_pipeline_variables_minimum_override_role ?? null;
  return role === null ? null : role !== "no_one_allowed";
}

async function orHidden<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof ApiError && [401, 403, 404].includes(error.status)) return null;
    throw error;
  }
}

/**
 * GitLab's wording for changes to the title or the description. The wording is in English, regardless of the user's language. If a change to the
 * description checks a checklist item, only the wording for this item appears. Source: GitLab, `CommonSystemNotesService`,
 * `handle_description_change_note`, https://gitlab.com/gitlab-org/gitlab-foss/-/issues/33577
 */
const CHANGE = /^(?:changed (?:title from |the description)|marked the (?:checklist item|task) )/;

/**
 * An issue that was moved from another project still shows the original authors of its comments and label events. Users who may move an issue are not
 * necessarily allowed to push. Source: GitLab, "Move an issue", https://docs.gitlab.com/user/project/issues/managing_issues/
 */
const MOVED = /^(?:moved|cloned) from /;

const DAY_MS = 86_400_000;

const partOf = (kind: string) => kind === "issue" ? "issues" : "merge_requests";

/** If the author of an imported text has no account, the text appears under the name of the user who imported it. */
const IMPORTED: ForgeUser = { id: 0, name: "imported", isBot: true };

const authorOf = ({ author, imported }: { author: z.output<typeof user>; imported?: boolean | null | undefined }) =>
  imported === true ? IMPORTED : toUser(author);

const toComment = (note: Note): ThreadComment => ({
  kind: "comment",
  id: note.id,
  text: note.body,
  author: authorOf(note),
  createdAt: note.created_at,
  editedAt: null,
  isInternal: note.internal === true || note.confidential === true,
  line: lineOf(
    note.position?.new_path ?? note.position?.old_path,
    note.position?.new_line ?? note.position?.old_line,
    null,
  ),
});

export class GitlabThreads implements Threads {
  readonly forge = GITLAB_ADDRESS.name;
  // A successful external status has made merge requests mergeable (GitLab issues 300720 and 34378).
  readonly setsStatus = false;
  readonly system = "GitLab";
  readonly pullNoun = "merge request";
  readonly anchor = "note_";
  readonly origin: string;
  readonly #client: ForgeClient;
  readonly #project: string;

  constructor(client: ForgeClient, { origin, repository }: RepositoryPlace) {
    this.#client = client;
    this.origin = origin;
    this.#project = repository;
  }

  get requests(): number {
    return this.#client.requests;
  }

  get #path(): string {
    return `/projects/${encodeURIComponent(this.#project)}`;
  }

  #list<T extends z.core.$ZodType>(what: string, path: string, schema: T) {
    return readList(this.#client, what, path, schema);
  }

  readonly me = remembered(async (): Promise<ForgeUser> =>
    toUser(await this.#client.get("read the user of the token", "/user", user))
  );

  async mayWrite(): Promise<boolean | null> {
    const token = await this.#client.getShown(
      "read the scopes of the token",
      "/personal_access_tokens/self",
      tokenSchema,
    );
    if (token === undefined) return null;
    // Only the "api" scope permits requests that change something. Source: GitLab, "Personal access tokens", scopes.
    return token.scopes.includes("api") && await this.mayPush(await this.me());
  }

  async user(name: string): Promise<ForgeUser | null> {
    const path = `/users?${new URLSearchParams({ username: name })}`;
    const [row] = await this.#client.get(`read user "${name}"`, path, z.array(user));
    return row === undefined ? null : toUser(row);
  }

  async hasLabel(label: string): Promise<boolean> {
    const path = `${this.#path}/labels?${new URLSearchParams({ search: label })}`;
    const { list } = await this.#list(
      `read the labels of project ${this.#project}`,
      path,
      z.object({ name: z.string() }),
    );
    return list.some(({ name }) => name === label);
  }

  async repository() {
    const { id, path_with_namespace: name, default_branch: branch } = await this.#client.get(
      `read project ${this.#project}`,
      this.#path,
      projectSchema,
    );
    return { id, name, defaultBranch: branch ?? "" };
  }

  #threadPath({ kind, number }: ThreadPlace): string {
    return `${this.#path}/${partOf(kind)}/${number}`;
  }

  async thread(place: ThreadPlace): Promise<Thread | null> {
    const row = await orNull(this.#client.get(`read ${wordsOf(place)}`, this.#threadPath(place), threadSchema));
    if (row === null) return null;
    const { list, isWhole } = await this.#notes(place);
    const changes = list.filter(({ system, body }) => system && CHANGE.test(body))
      .map((note) => ({ by: authorOf(note), at: note.created_at }));
    const moved = list.findLast(({ system, body }) => system && MOVED.test(body));
    const { source_branch: source, target_branch: target } = row;
    return {
      ...place,
      url: row.web_url,
      isOpen: row.state === "opened",
      isMerged: row.state === "merged",
      title: row.title,
      text: row.description ?? "",
      author: authorOf(row),
      createdAt: row.created_at,
      movedAt: moved?.created_at,
      isInternal: row.confidential === true,
      changes: isWhole ? changes : null,
      pull: place.kind === "issue" || source === undefined || target === undefined ? null : {
        source,
        target,
        isForeign: typeof row.source_project_id !== "number" || row.source_project_id !== row.target_project_id,
        commit: row.sha ?? null,
      },
    };
  }

  #notes(place: ThreadPlace) {
    const path = `${this.#threadPath(place)}/notes?sort=asc&order_by=created_at`;
    return this.#list(`read the notes on ${wordsOf(place)}`, path, noteSchema);
  }

  async comment(thread: ThreadPlace, { id }: CommentPlace): Promise<ThreadComment | null> {
    const what = `read note ${id} of ${wordsOf(thread)}`;
    const note = await orNull(this.#client.get(what, `${this.#threadPath(thread)}/notes/${id}`, noteSchema));
    if (note === null) return null;
    if (note.system) return { ...toComment(note), isSystem: true };
    const author = await orNull(this.#client.get("read the author of a note", `/users/${note.author.id}`, user));
    const writer = authorOf(note);
    return {
      ...toComment(note),
      author: writer === IMPORTED ? writer : { ...writer, isBot: author?.bot ?? writer.isBot },
      editedAt: await this.#editedAt(note),
    };
  }

  /**
   * The time of the last edit, according to GraphQL. `updated_at` also changes with every reaction, so it is used only if an older server lacks the
   * GraphQL field. Source: GitLab, "GraphQL API resources", `Note.lastEditedAt`; https://docs.gitlab.com/api/graphql/reference/#note
   */
  async #editedAt({ id, created_at: created, updated_at: updated }: Note): Promise<string | null> {
    const query = "query($id: NoteID!) { note(id: $id) { lastEditedAt } }";
    const answer = await orNull(this.#client.call({
      what: `read when note ${id} was last edited`,
      path: "/../graphql",
      body: { query, variables: { id: `gid://gitlab/Note/${id}` } },
      read: (value) => z.safeParse(editedSchema, value).data,
    }));
    const note = answer?.data?.note;
    if (note !== undefined && note !== null) return note.lastEditedAt;
    return Date.parse(updated) - Date.parse(created) > 1_000 ? updated : null;
  }

  async comments(thread: ThreadPlace) {
    const { list, isWhole } = await this.#notes(thread);
    return { list: list.filter(({ system }) => !system).map(toComment), isWhole };
  }

  async mayPush({ id }: ForgeUser): Promise<boolean> {
    const path = `${this.#path}/members/all/${id}`;
    const member = await orNull(
      this.#client.get(`read a user's permissions in project ${this.#project}`, path, memberSchema),
    );
    return isPusher(member, id);
  }

  async labelled(thread: ThreadPlace, label: string) {
    const what = `read the label events of ${wordsOf(thread)}`;
    const list = await wholeList(
      what,
      this.#list(
        what,
        `${this.#threadPath(thread)}/resource_label_events`,
        labelEventSchema,
      ),
    );
    const last = list.filter((event) => event.label?.name === label).sort((a, b) => a.id - b.id).at(-1);
    if (last === undefined || last.action !== "add" || !last.user) return null;
    const by = toUser(last.user);
    const account = await orNull(this.#client.get("read the user who set a label", `/users/${by.id}`, user));
    return { id: last.id, by: { ...by, isBot: account?.bot ?? by.isBot }, at: last.created_at };
  }

  async branch(name: string) {
    const path = `${this.#path}/repository/branches/${encodeURIComponent(name)}`;
    const branch = await orNull(this.#client.get("read a branch", path, branchSchema));
    if (branch === null || branch.name !== name) return null;
    return { isProtected: branch.protected, commit: branch.commit?.id ?? null };
  }

  async setup(): Promise<ForgeSetup> {
    const hooks = await orHidden(this.#list("read the webhooks", `${this.#path}/hooks`, hookSchema));
    const project = await orHidden(this.#client.get("read the project", this.#path, variablesSchema));
    const ownHooks = hooks?.list.filter(({ url }) => /\/trigger\/pipeline(?:\?|$)/.test(url));
    const webhook = ownHooks === undefined
      ? null
      : ownHooks.length === 0
      ? "none"
      : !ownHooks.some((hook) => hook.note_events)
      ? "no-comments"
      : ownHooks.some((hook) => hook.issues_events)
      ? "complete"
      : "no-issues";
    return { webhook, mayHaveVariables: mayHaveVariables(project), polls: await this.#polls() };
  }

  async #polls(): Promise<string[] | null> {
    const what = "read the pipeline schedules";
    const path = `${this.#path}/pipeline_schedules`;
    const schedules = await orHidden(this.#list(what, `${path}?scope=active`, schedulesSchema));
    if (schedules === null) return null;
    const active = schedules.list.filter((schedule) => schedule.active);
    const polls: string[] = [];
    let isWhole = schedules.isWhole && active.length <= MAX_SCHEDULES;
    for (const { id, cron } of active.slice(0, MAX_SCHEDULES)) {
      const variables = (await orHidden(this.#client.get(what, `${path}/${id}`, scheduleSchema)))?.variables;
      if (variables?.some(isPoll)) polls.push(cron);
      else if (!variables) isWhole = false;
    }
    return polls.length > 0 || isWhole ? polls : null;
  }

  /** Only the number in the address is used, because the server may be below a path of its host. */
  #address(number: number): PullRequestAddress {
    return { ...addressAt(GITLAB_ADDRESS, this.origin, this.#project, number), url: `!${number}` };
  }

  async facts(number: number) {
    return factsOf(`merge request !${number}`, (await askGitlab(this.#client, this.#address(number))).outcome);
  }

  findings(number: number, of: FindingsOf): Promise<Findings> {
    return gitlabFindings(this.#client, this.#address(number), of);
  }

  #commented(since: string) {
    // The API accepts only days and excludes the given day. A day ends at midnight in the server's time zone, which can be up to twelve hours behind
    // UTC.
    const after = new Date(Date.parse(since) - 1.5 * DAY_MS).toISOString().slice(0, 10);
    const path = `${this.#path}/events?action=commented&after=${after}&sort=asc`;
    return this.#list(`read the events of project ${this.#project}`, path, eventSchema);
  }

  async news(since: string, label: string): Promise<readonly News[]> {
    const { list } = await this.#commented(since);
    const notes = list.flatMap(({ note }): News[] => {
      const thread = note && threadOf(note);
      if (!note || !thread || note.system || Date.parse(note.created_at) < Date.parse(since)) return [];
      return [{ thread, comment: { kind: "comment", id: note.id }, text: note.body, author: toUser(note.author) }];
    });
    const labelled = await Promise.all((["issue", "pull"] as const).map(async (kind) => {
      const query = new URLSearchParams({ labels: label, state: "opened", updated_after: since });
      const { list } = await this.#list(
        `look for the label in project ${this.#project}`,
        `${this.#path}/${partOf(kind)}?${query}`,
        z.object({ iid: z.int() }),
      );
      return list.map(({ iid }): News => ({ thread: { kind, number: iid }, comment: null, text: null }));
    }));
    return [...notes, ...labelled.flat()];
  }

  async commentsOf({ id }: ForgeUser, since: string): Promise<readonly PlacedComment[]> {
    const list = await wholeList(`read the events of project ${this.#project}`, this.#commented(since));
    return list.flatMap(({ note }) => {
      const thread = note && threadOf(note);
      const isTheirs = note?.author.id === id && Date.parse(note.created_at) >= Date.parse(since);
      return isTheirs && thread ? [{ ...toComment(note), thread }] : [];
    });
  }

  async pullsFrom(branch: string): Promise<readonly number[]> {
    const query = new URLSearchParams({ state: "opened", source_branch: branch });
    const what = `look for merge requests of branch "${branch}"`;
    const { list } = await this.#list(what, `${this.#path}/merge_requests?${query}`, threadSchema);
    return list.filter((each) => each.source_branch === branch && each.source_project_id === each.target_project_id)
      .map(({ iid }) => iid);
  }

  async remove(thread: ThreadPlace, { id }: CommentPlace): Promise<void> {
    await orNull(
      this.#client.send(`delete a note on ${wordsOf(thread)}`, `${this.#threadPath(thread)}/notes/${id}`, {
        method: "DELETE",
      }),
    );
  }

  async react(thread: ThreadPlace, comment: CommentPlace | null, reaction: Reaction): Promise<void> {
    const note = comment === null ? "" : `/notes/${comment.id}`;
    await this.#client.send(
      `react to ${wordsOf(thread)}`,
      `${this.#threadPath(thread)}${note}/award_emoji?name=${REACTIONS[reaction]}`,
      { method: "POST" },
    );
  }

  async setStatus(commit: string, { url, text }: { url: string; text: string }): Promise<void> {
    await this.#client.send("set a commit status", `${this.#path}/statuses/${encodeURIComponent(commit)}`, {
      body: { state: "success", name: "mogplex", target_url: url, description: text },
    });
  }
}

const editedSchema = z.lazy(() =>
  z.object({
    data: z.nullish(z.object({ note: z.nullish(z.object({ lastEditedAt: z.nullable(z.string()) })) })),
  })
);

function threadOf({ noteable_type: type, noteable_iid: iid }: Note): ThreadPlace | null {
  const kind = type === "Issue" ? "issue" : type === "MergeRequest" ? "pull" : null;
  return kind === null || typeof iid !== "number" ? null : { kind, number: iid };
}

const wordsOf = (place: ThreadPlace) => threadWords(place, "merge request !");

/**
 * As much of GitLab's API as `respond` needs, in process, with one project in it. Where each shape is from:
 * - notes: GitLab, "Notes API", https://docs.gitlab.com/api/notes/
 * - issues and merge requests: https://docs.gitlab.com/api/issues/ and https://docs.gitlab.com/api/merge_requests/
 * - members: "Project members API", https://docs.gitlab.com/api/project_members/
 * - label events: "Resource label events API", https://docs.gitlab.com/api/resource_label_events/
 * - branches: https://docs.gitlab.com/api/branches/
 * - events: https://docs.gitlab.com/api/events/
 * - reactions: "Emoji reactions API", https://docs.gitlab.com/api/emoji_reactions/
 * - statuses: "Commits API", https://docs.gitlab.com/api/commits/#set-commit-pipeline-status
 * - `Note.lastEditedAt`: "GraphQL API resources", https://docs.gitlab.com/api/graphql/reference/#note
 */
import { isObject } from "../../../../lib/lookup.ts";
import { reachable, type Served } from "../../report/served.ts";

export const GITLAB_TOKEN = "glpat-Nq4wE8rT2yU6iO0pAs3d";
export const PROJECT = 42;

interface User {
  id: number;
  username: string;
  bot: boolean;
  /** 10 Guest, 20 Reporter, 30 Developer, 40 Maintainer; 0 for no member. */
  role: number;
}

interface Note {
  id: number;
  body: string;
  author: Pick<User, "id" | "username">;
  system: boolean;
  internal: boolean;
  created_at: string;
  updated_at: string;
  noteable_type: "Issue" | "MergeRequest";
  noteable_iid: number;
  lastEditedAt: string | null;
  /** Of a note on a line of a merge request. */
  position?: { new_path: string; old_path: string; new_line: number | null; old_line: number | null };
}

export interface GitlabProject extends Served {
  users: Map<string, User>;
  notes: Note[];
  threads: Map<string, Record<string, unknown>>;
  labelEvents: Map<string, { user: string; action: "add" | "remove"; created_at: string; name: string }[]>;
  branches: Map<string, { protected: boolean; default: boolean }>;
  reactions: string[];
  statuses: string[];
  /** Jobs of the head pipeline that failed, with their logs. Source: https://docs.gitlab.com/api/jobs/ */
  failedJobs: { id: number; name: string; log: string }[];
  /** Open threads on lines of the merge request. Source: https://docs.gitlab.com/api/discussions/ */
  discussions: { author: string; body: string; path: string; line: number }[];
  /** Webhooks; null: not shown to this token. Source: https://docs.gitlab.com/api/project_webhooks/ */
  hooks: { url: string; note_events: boolean; issues_events: boolean }[] | null;
  /** Source: https://docs.gitlab.com/api/pipeline_schedules/; `variables` is absent where the token may not read them. */
  schedules: { id: number; active: boolean; cron: string; variables?: { key: string; value: string }[] }[] | null;
  /** Source: https://docs.gitlab.com/api/labels/ */
  labels: string[];
  /** Who may pass variables to a pipeline; undefined: not shown. Source: https://docs.gitlab.com/api/projects/ */
  variablesRole: string | undefined;
  /** Whether the role has an effect; undefined: not shown. Source: GitLab, merge request 149343 */
  restrictsVariables: boolean | undefined;
  /** Scopes of the token; null where the server does not know the route. Source: https://docs.gitlab.com/api/personal_access_tokens/ */
  scopes: string[] | null;
  /** Whether GraphQL knows the field. */
  knowsEdits: boolean;
  now: () => string;
  say(path: string, author: string, body: string, more?: Partial<Note>): Note;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

const PREFIX = "/api/v4";

const json = (status: number, body: unknown) =>
  new Response(status === 204 ? null : JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json" },
  });

/** Makes one: merge request 7 from `feature`, issue 8, members of all kinds. @param now The time that the server has. */
/** Text of a note that stands for 4 MiB. */
export const LONG = "A very long note";

export function gitlabProject(now: () => string): GitlabProject {
  let next = 1000;
  const user = (id: number, username: string, role: number, bot = false): [string, User] => [
    username,
    { id, username, role, bot },
  ];
  const kim = { id: 1, username: "kim" };
  const common = { state: "opened", author: kim, created_at: "2026-01-01T00:00:00.000Z", description: "They are red." };
  const web = "https://gitlab.example/acme/api";
  const server: GitlabProject = {
    api: `https://gitlab.example${PREFIX}`,
    requests: [],
    received: [],
    faults: [],
    users: new Map([
      user(1, "kim", 40),
      user(2, "lee", 30),
      user(3, "rae", 20),
      user(66, "eve", 0),
      user(77, "project_42_bot_a1", 30, true),
      user(78, "renovate", 30, true),
    ]),
    notes: [],
    threads: new Map([
      ["merge_requests/7", {
        ...common,
        ...{ iid: 7, title: "Make the tests green", web_url: `${web}/-/merge_requests/7` },
        ...{ source_branch: "feature", target_branch: "main", source_project_id: PROJECT, target_project_id: PROJECT },
        updated_at: "2026-01-02T00:00:00.000Z",
        sha: "c0ffee".padEnd(40, "0"),
      }],
      ["issues/8", { ...common, iid: 8, title: "Tests are flaky", web_url: `${web}/-/issues/8` }],
    ]),
    labelEvents: new Map(),
    branches: new Map([
      ["main", { protected: true, default: true }],
      ["feature", { protected: false, default: false }],
    ]),
    reactions: [],
    statuses: [],
    failedJobs: [],
    discussions: [],
    hooks: null,
    schedules: null,
    labels: ["mogplex", "mogplex-later"],
    variablesRole: undefined,
    restrictsVariables: undefined,
    scopes: ["api"],
    knowsEdits: true,
    now,
    say(path, author, body, more = {}) {
      const [part = "", iid = ""] = path.split("/");
      const { id, username } = server.users.get(author) ?? { id: 0, username: author };
      const note: Note = {
        ...{ id: next++, body, author: { id, username }, system: false, internal: false, lastEditedAt: null },
        ...{ created_at: now(), updated_at: now(), noteable_iid: Number(iid) },
        noteable_type: part === "issues" ? "Issue" : "MergeRequest",
        ...more,
      };
      server.notes.push(note);
      return note;
    },
    ...reachable(() => server, answer, PREFIX),
  };

  const below = (path: string) => {
    const [part, iid] = path.split("/");
    return server.notes.filter((note) =>
      note.noteable_type === (part === "issues" ? "Issue" : "MergeRequest") && note.noteable_iid === Number(iid)
    );
  };
  const byId = (id: string) => [...server.users.values()].find((each) => each.id === Number(id));
  const shown = ({ lastEditedAt: _, ...note }: Note) => note;
  const bot = "project_42_bot_a1";

  function answer(method: string, url: URL, headers: Headers, text: string): Response {
    const body: unknown = text === "" ? {} : JSON.parse(text);
    const fields = isObject(body) ? body : {};
    if (headers.get("private-token") !== GITLAB_TOKEN) return json(401, { message: "401 Unauthorized" });
    if (url.pathname === "/api/graphql") return graphql(fields);
    const page = Number(url.searchParams.get("page") ?? "1");
    const size = Number(url.searchParams.get("per_page") ?? "20");
    const listed = (rows: unknown[]) => json(200, rows.slice((page - 1) * size, page * size));
    const path = url.pathname.slice(PREFIX.length);
    if (path === "/user") return json(200, { id: 77, username: bot, bot: true });
    if (path === "/personal_access_tokens/self") {
      const token = { id: 4, name: "respond", revoked: false, user_id: 77, active: true, scopes: server.scopes };
      return server.scopes === null ? json(404, { error: "404 Not Found" }) : json(200, token);
    }
    if (path === "/users") {
      return listed([...server.users.values()].filter((each) => each.username === url.searchParams.get("username")));
    }
    const known = byId(/^\/users\/(\d+)$/.exec(path)?.[1] ?? "");
    if (path.startsWith("/users/")) return known ? json(200, known) : json(404, { message: "404 User Not Found" });
    const rest = path.replace("/projects/acme%2Fapi", `/projects/${PROJECT}`).replace(`/projects/${PROJECT}`, "");
    if (rest === path) return json(404, { message: "404 Project Not Found" });
    if (rest === "") {
      const role = {
        restrict_user_defined_variables: server.restrictsVariables,
        ci_pipeline_variables_minimum_override_role: server.variablesRole,
      };
      return json(200, { id: PROJECT, path_with_namespace: "acme/api", default_branch: "main", ...role });
    }
    if (/^\/pipelines\/\d+\/jobs$/.test(rest)) {
      return listed(server.failedJobs.map(({ log: _, ...job }) => ({ ...job, web_url: `${web}/-/jobs/${job.id}` })));
    }
    const [, job] = /^\/jobs\/(\d+)\/trace$/.exec(rest) ?? [];
    if (job !== undefined) return new Response(server.failedJobs.find(({ id }) => id === Number(job))?.log ?? "");
    if (rest === "/labels") {
      return listed(
        server.labels.filter((name) => name.includes(url.searchParams.get("search") ?? "")).map((name) => ({ name })),
      );
    }
    if (rest === "/hooks") {
      return server.hooks === null ? json(403, { message: "403 Forbidden" }) : listed(server.hooks);
    }
    const [, schedule] = /^\/pipeline_schedules(?:\/(\d+))?$/.exec(rest) ?? [];
    if (rest.startsWith("/pipeline_schedules")) {
      if (server.schedules === null) return json(403, { message: "403 Forbidden" });
      if (schedule !== undefined) return json(200, server.schedules.find(({ id }) => id === Number(schedule)));
      const active = server.schedules.filter((each) => each.active || url.searchParams.get("scope") !== "active");
      return listed(active.map(({ variables: _, ...each }) => each));
    }
    if (rest === "/events") {
      // `after` is a day that is left out, as it ends in the time zone of the server: here the one where it ends last, UTC-12.
      const firstMs = Date.parse(`${url.searchParams.get("after")}T23:59:59-12:00`);
      const own = server.notes.filter(({ system, created_at: at }) => !system && Date.parse(at) > firstMs);
      return listed(own.map((note) => ({ note: shown(note) })));
    }
    const member = byId(/^\/members\/all\/(\d+)$/.exec(rest)?.[1] ?? "");
    if (rest.startsWith("/members/")) {
      return member && member.role > 0
        ? json(200, { id: member.id, state: "active", access_level: member.role })
        : json(404, { message: "404 Not found" });
    }
    const name = /^\/repository\/branches\/(.+)$/.exec(rest)?.[1];
    if (name !== undefined) {
      const branch = server.branches.get(decodeURIComponent(name));
      return branch
        ? json(200, { name: decodeURIComponent(name), ...branch, commit: { id: "beef".padEnd(40, "0") } })
        : json(404, { message: "404 Branch Not Found" });
    }
    if (rest.startsWith("/statuses/")) {
      server.statuses.push(`${rest.slice(10)} ${fields.state} ${fields.name} ${fields.target_url}`);
      return json(201, {});
    }
    if (rest === "/merge_requests" && url.searchParams.has("source_branch")) {
      const rows = [...server.threads.values()];
      return listed(rows.filter((each) => each.source_branch === url.searchParams.get("source_branch")));
    }
    if (rest === "/issues" || rest === "/merge_requests") {
      const label = url.searchParams.get("labels");
      const rows = [...server.labelEvents].filter(([key, events]) =>
        key.startsWith(rest.slice(1)) && events.some((event) => event.name === label)
      );
      return listed(rows.map(([key]) => server.threads.get(key)));
    }
    const [, thread = "", what = "", id = "", more = ""] =
      /^\/((?:issues|merge_requests)\/\d+)(?:\/(\w+))?(?:\/(\d+))?(?:\/(\w+))?$/.exec(rest) ?? [];
    const found = server.threads.get(thread);
    if (found === undefined) return json(404, { message: "404 Not found" });
    if (what === "") return json(200, found);
    if (what === "resource_label_events") {
      return listed((server.labelEvents.get(thread) ?? []).map((event, index) => ({
        ...{ id: 500 + index, action: event.action, created_at: event.created_at, label: { name: event.name } },
        user: server.users.get(event.user),
      })));
    }
    if (what === "award_emoji" || more === "award_emoji") {
      server.reactions.push(`${id || thread} ${url.searchParams.get("name")}`);
      return json(201, { id: 1 });
    }
    if (what === "discussions") {
      return listed(server.discussions.map(({ author, body, path, line }, index) => {
        const { id, username } = server.users.get(author) ?? { id: 0, username: author };
        const note = { id: 2000 + index, body, author: { id, username }, created_at: now() };
        const position = { new_path: path, old_path: path, new_line: line, old_line: null };
        return { notes: [{ ...note, system: false, resolvable: true, resolved: false, internal: false, position }] };
      }));
    }
    if (what !== "notes") return json(404, { message: "404 Not found" });
    if (id === "" && method === "POST") return json(201, shown(server.say(thread, bot, String(fields.body))));
    if (id === "") {
      const only = url.searchParams.get("activity_filter") === "only_comments";
      const rows = below(thread).filter(({ system }) => !only || !system);
      const answered = listed(rows.map(shown));
      const long = rows.slice((page - 1) * size, page * size).filter(({ body }) => body === LONG).length;
      // The client reads no answer of more than 32 MiB.
      if (long > 7) answered.headers.set("content-length", String(2 ** 22 * long + 2 ** 22));
      return answered;
    }
    const note = below(thread).find((each) => each.id === Number(id));
    if (note === undefined) return json(404, { message: "404 Not found" });
    if (method === "PUT") {
      note.body = String(fields.body);
      note.updated_at = now();
    }
    if (method === "DELETE") {
      server.notes = server.notes.filter((each) => each !== note);
      return json(204, null);
    }
    return json(200, shown(note));
  }

  function graphql({ variables }: Record<string, unknown>): Response {
    if (!server.knowsEdits) {
      return json(200, { errors: [{ message: "Field 'lastEditedAt' doesn't exist on type 'Note'" }] });
    }
    const id = isObject(variables) ? String(variables.id).replace("gid://gitlab/Note/", "") : "";
    const note = server.notes.find((each) => each.id === Number(id));
    return json(200, { data: { note: note === undefined ? null : { lastEditedAt: note.lastEditedAt } } });
  }

  return server;
}

/**
 * As much of GitLab's REST API as notes on a merge request need, in process as a `fetch`. It answers as
 * strictly as the original. Source: gitlabhq, lib/api/notes.rb and lib/api/helpers/notes_helpers.rb; GitLab, "Pagination".
 */
import { reachable, type Served } from "./served.ts";

/** A note as the API shows it. */
export interface ServedNote {
  id: number;
  body: string;
  system: boolean;
  author: { id: number };
}

export interface ServedToken {
  /** Id of the user. */
  user: number;
  scopes: readonly string[];
  /** Role in the project: 10 Guest, 20 Reporter, 30 Developer, 40 Maintainer. */
  role: number;
}

export interface GitlabServer extends Served {
  notes: ServedNote[];
  tokens: Map<string, ServedToken>;
  /** Quick actions that the strictest of all versions would have run. */
  actions: string[];
  /** Pagination by `Link` alone, as with keysets. */
  linkOnly: boolean;
  add(body: string, fields?: Partial<ServedNote>): ServedNote;
  /** Answers a request; rejects where a connection would be lost. */
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** Token of a bot with all that a note needs. */
export const GITLAB_TOKEN = "glpat-Nq4wE8rT2yU6iO0pAs3d";
/** Its user. */
export const BOT = 77;

const PREFIX = "/gitlab/api/v4";
const MAX_CHARACTERS = 1_000_000;
const PAGE_RULES: Record<string, RegExp> = {
  sort: /^(asc|desc)$/,
  order_by: /^(created_at|updated_at)$/,
  activity_filter: /^(all_notes|only_comments|only_activity)$/,
  page: /^[1-9]\d*$/,
  per_page: /^([1-9]\d?|100)$/,
};

function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
}

/** Makes one with a project and a merge request in it. */
export function gitlabServer(project: string, iid: string): GitlabServer {
  const path = `${PREFIX}/projects/${project}/merge_requests/${iid}/notes`;
  const server: GitlabServer = {
    api: `https://gitlab.example${PREFIX}`,
    notes: [],
    tokens: new Map([[GITLAB_TOKEN, { user: BOT, scopes: ["api"], role: 20 }]]),
    requests: [],
    received: [],
    faults: [],
    actions: [],
    linkOnly: false,
    add(body, fields = {}) {
      const note = { id: 1000 + server.notes.length, body, system: false, author: { id: 5 }, ...fields };
      server.notes.push(note);
      return note;
    },
    ...reachable(() => server, answer, PREFIX),
  };

  function list(token: ServedToken, { searchParams }: URL): Response {
    for (const [name, value] of searchParams) {
      if (PAGE_RULES[name]?.test(value) !== true) return json(400, { error: `${name} does not have a valid value` });
    }
    const visible = searchParams.get("activity_filter") === "only_comments"
      ? server.notes.filter((note) => !note.system)
      : server.notes;
    const sorted = searchParams.get("sort") === "asc" ? visible : visible.toReversed();
    const [page, size] = [Number(searchParams.get("page") ?? 1), Number(searchParams.get("per_page") ?? 20)];
    const last = page * size >= sorted.length;
    const next = new URLSearchParams(searchParams);
    next.set("page", String(page + 1));
    // The address that the server has for people, not the one that it was asked at.
    const link = last ? "" : `<https://gitlab.example${path}?${next}>; rel="next"`;
    const paged = { "x-page": String(page), "x-per-page": String(size), "x-next-page": last ? "" : String(page + 1) };
    const headers = { ...(link && { link: `<https://gitlab.example${path}?page=1>; rel="first", ${link}` }) };
    if (token.role < 20) return json(404, { message: "404 Not found" });
    return json(
      200,
      sorted.slice((page - 1) * size, page * size),
      server.linkOnly ? headers : { ...headers, ...paged },
    );
  }

  function write(token: ServedToken, method: string, id: string | undefined, text: string, type: string): Response {
    if (!/^application\/json\b/.test(type)) return json(415, { error: "The provided content-type is not supported" });
    const { body } = JSON.parse(text) as { body?: unknown };
    if (typeof body !== "string" || body.trim() === "") return json(400, { error: "body is missing" });
    if ([...body].length > MAX_CHARACTERS) return json(400, { message: { note: ["is too long"] } });
    server.actions.push(...body.replaceAll("\r", "").match(/^\/\w+/gm) ?? []);
    if (method === "POST" && id === undefined) return json(201, server.add(body, { author: { id: token.user } }));
    const note = server.notes.find((each) => String(each.id) === id);
    if (method !== "PUT" || note === undefined) return json(404, { message: "404 Not found" });
    if (note.system || (note.author.id !== token.user && token.role < 40)) {
      return json(403, { message: "403 Forbidden" });
    }
    note.body = body;
    return json(200, note);
  }

  function answer(method: string, url: URL, headers: Headers, text: string): Response {
    const token = server.tokens.get(headers.get("private-token") ?? "");
    if (token === undefined) return json(401, { message: "401 Unauthorized" });
    if (method === "GET" && url.pathname === `${PREFIX}/user`) return json(200, { id: token.user, bot: true });
    if (!url.pathname.startsWith(`${path}/`) && url.pathname !== path) {
      return json(404, { message: "404 Project Not Found" });
    }
    if (!token.scopes.includes("api") && !(method === "GET" && token.scopes.includes("read_api"))) {
      return json(403, { error: "insufficient_scope", scope: "api" });
    }
    const id = url.pathname.slice(path.length + 1) || undefined;
    if (method === "GET" && id === undefined) return list(token, url);
    if (token.role < 20) return json(404, { message: "404 Not found" });
    return write(token, method, id, text, headers.get("content-type") ?? "");
  }

  return server;
}

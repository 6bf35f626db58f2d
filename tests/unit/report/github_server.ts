/**
 * As much of GitHub's REST API as comments on a pull request need, in process as a `fetch`. It answers as strictly as the
 * original. Source: GitHub, "REST API endpoints for issue comments", "Using pagination in the REST API".
 */
import { reachable, type Served } from "./served.ts";

/** A comment as the API shows it. */
export interface ServedComment {
  id: number;
  body: string | null;
  user: { id: number; type: "User" | "Bot" };
}

export interface ServedGithubToken {
  /** Id of the user. */
  user: number;
  /** Whether it is the token of a job, which acts for an app and may not read its user. */
  ofJob: boolean;
  /** What it may do with pull requests. */
  pullRequests: "none" | "read" | "write";
}

export interface GithubServer extends Served {
  comments: ServedComment[];
  tokens: Map<string, ServedGithubToken>;
  /** Whether only members may comment. */
  locked: boolean;
  /** Adds a comment of another user. */
  add(body: string | null, user?: ServedComment["user"]): ServedComment;
  /** Answers a request; rejects where a connection would be lost. */
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** Token of a job with the permission `pull-requests: write`. */
export const GITHUB_TOKEN = "ghs_Nq4wE8rT2yU6iO0pAs3dFg7hJk1lZx5cVb9n";
/** Its user: the app of GitHub Actions. */
export const ACTIONS_APP = 41_898_282;

const MAX_CHARACTERS = 65_536;

function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  const type = { "content-type": "application/json; charset=utf-8" };
  return new Response(JSON.stringify(body), { status, headers: { ...type, ...headers } });
}

/** Makes one with a repository and a pull request in it. */
export function githubServer(repository: string, number: string): GithubServer {
  const path = `/repos/${repository}/issues/${number}/comments`;
  const server: GithubServer = {
    api: "https://api.github.example",
    comments: [],
    tokens: new Map([[GITHUB_TOKEN, { user: ACTIONS_APP, ofJob: true, pullRequests: "write" }]]),
    requests: [],
    received: [],
    faults: [],
    locked: false,
    add(body, user = { id: 5, type: "User" }) {
      const comment = { id: 1000 + server.comments.length, body, user };
      server.comments.push(comment);
      return comment;
    },
    ...reachable(() => server, answer),
  };

  function list({ searchParams }: URL): Response {
    const [page, size] = [Number(searchParams.get("page") ?? 1), Number(searchParams.get("per_page") ?? 30)];
    if (!(page >= 1 && size >= 1 && size <= 100)) return json(422, { message: "Validation Failed" });
    const last = page * size >= server.comments.length;
    const next = new URLSearchParams(searchParams);
    next.set("page", String(page + 1));
    // Its links have the id of the repository instead of its name.
    const address = "https://api.github.example/repositories/1/issues/7/comments";
    const link = `<${address}?page=1>; rel="first"${last ? "" : `, <${address}?${next}>; rel="next"`}`;
    return json(200, server.comments.slice((page - 1) * size, page * size), { link });
  }

  function write(token: ServedGithubToken, method: string, id: string | undefined, text: string): Response {
    if (token.pullRequests !== "write") return json(403, { message: "Resource not accessible by integration" });
    if (server.locked) return json(403, { message: "Unable to create comment because issue is locked." });
    const { body } = JSON.parse(text) as { body?: unknown };
    const wrong = typeof body !== "string" || body.trim() === "" || [...body].length > MAX_CHARACTERS;
    if (wrong) return json(422, { message: "Validation Failed", errors: [{ field: "body" }] });
    const user: ServedComment["user"] = { id: token.user, type: token.ofJob ? "Bot" : "User" };
    if (method === "POST" && id === undefined) return json(201, server.add(body as string, user));
    const comment = server.comments.find((each) => String(each.id) === id);
    if (method !== "PATCH" || comment === undefined) return json(404, { message: "Not Found" });
    comment.body = body as string;
    return json(200, comment);
  }

  function answer(method: string, url: URL, headers: Headers, text: string): Response {
    const token = server.tokens.get((headers.get("authorization") ?? "").replace(/^Bearer /, ""));
    if (token === undefined) return json(401, { message: "Bad credentials" });
    if (!headers.get("user-agent")) return json(403, { message: "Request forbidden by administrative rules" });
    if (method === "GET" && url.pathname === "/user") {
      return token.ofJob
        ? json(403, { message: "Resource not accessible by integration" })
        : json(200, { id: token.user });
    }
    const one = new RegExp(`^/repos/${repository}/issues/comments/(\\d+)$`).exec(url.pathname)?.[1];
    if (token.pullRequests === "none" || one === undefined && url.pathname !== path) {
      return json(404, { message: "Not Found" });
    }
    return method === "GET" && one === undefined ? list(url) : write(token, method, one, text);
  }

  return server;
}

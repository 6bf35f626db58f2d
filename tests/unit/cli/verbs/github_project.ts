/**
 * As much of GitHub's API as `respond` needs, in process, with one repository in it. Where each shape is from:
 * - comments: GitHub, "REST API endpoints for issue comments", https://docs.github.com/en/rest/issues/comments; "… for pull request review
 *   comments", https://docs.github.com/en/rest/pulls/comments
 * - rights: "REST API endpoints for collaborators", https://docs.github.com/en/rest/collaborators/collaborators
 * - label events: "REST API endpoints for issue events", https://docs.github.com/en/rest/issues/events
 * - branches and rules: https://docs.github.com/en/rest/branches/branches, https://docs.github.com/en/rest/repos/rules
 * - reactions, statuses: https://docs.github.com/en/rest/reactions/reactions, https://docs.github.com/en/rest/commits/statuses
 * - files: "REST API endpoints for repository contents", https://docs.github.com/en/rest/repos/contents
 * - edits, titles, the viewer: GraphQL reference, https://docs.github.com/en/graphql/reference/objects
 */
import { isObject } from "../../../../lib/lookup.ts";
import { aNode, type Node } from "../../forge/github_forge.ts";
import { reachable, type Served } from "../../report/served.ts";

export const GITHUB_TOKEN = "ghs_0123456789abcdefghijklmnopqrstuvwxyz";
const BOT = { id: 41898282, login: "github-actions[bot]", type: "Bot" };

interface Comment {
  id: number;
  node_id: string;
  body: string;
  user: { id: number; login: string; type: string } | null;
  created_at: string;
  updated_at: string;
  html_url: string;
  issue_url?: string;
  pull_request_url?: string;
  path?: string;
  line?: number | null;
  original_line?: number;
  diff_hunk?: string;
  performed_via_github_app: Record<string, unknown> | null;
  lastEditedAt: string | null;
}

export interface GithubProject extends Served {
  /** By login. */
  permissions: Map<string, { id: number; permission: string; type: string }>;
  comments: Comment[];
  /** By number, as GraphQL shows them. */
  threads: Map<number, Record<string, unknown>>;
  events: Map<
    number,
    { event: string; login: string; label: string; created_at: string; performed_via_github_app?: object }[]
  >;
  branches: Map<string, { protected: boolean; rules: string[] }>;
  /** Branches that have another name now. Source: "REST API endpoints for branches", `Get a branch`, 301. */
  renamed: Map<string, string>;
  reactions: string[];
  statuses: string[];
  /** Files of the default branch, by path. */
  files: Map<string, string>;
  /** The header of a classic token; null for one of a job. Source: https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps */
  scopes: string | null;
  isPrivate: boolean;
  say(number: number, login: string, body: string, more?: Partial<Comment>): Comment;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

const json = (status: number, body: unknown) =>
  new Response(status === 204 ? null : JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json" },
  });

/** Makes one: pull request 7 from `feature`, issue 8. @param now The time that the server has. */
export function githubProject(now: () => string): GithubProject {
  let next = 1000;
  const repository = "/repos/acme/api";
  const kim = { __typename: "User", login: "kim", databaseId: 1 };
  const text = {
    ...{ body: "They are red.", author: kim, createdAt: "2026-01-01T00:00:00Z", state: "OPEN" },
    userContentEdits: null,
    timelineItems: { totalCount: 0, nodes: [] },
  };
  const server: GithubProject = {
    api: "https://api.github.com",
    requests: [],
    received: [],
    faults: [],
    permissions: new Map([
      ["kim", { id: 1, permission: "admin", type: "User" }],
      ["lee", { id: 2, permission: "write", type: "User" }],
      ["rae", { id: 3, permission: "read", type: "User" }],
      ["renovate[bot]", { id: 78, permission: "write", type: "Bot" }],
    ]),
    comments: [],
    threads: new Map<number, Record<string, unknown>>([
      [7, {
        ...text,
        ...{ __typename: "PullRequest", number: 7, url: "https://github.com/acme/api/pull/7", title: "Make it green" },
        ...{
          headRefName: "feature",
          headRefOid: "c0ffee".padEnd(40, "0"),
          baseRefName: "main",
          isCrossRepository: false,
        },
      }],
      [8, {
        ...text,
        ...{ __typename: "Issue", number: 8, url: "https://github.com/acme/api/issues/8", title: "Tests are flaky" },
      }],
    ]),
    events: new Map(),
    branches: new Map([
      ["main", { protected: true, rules: [] }],
      ["feature", { protected: false, rules: ["non_fast_forward"] }],
    ]),
    renamed: new Map(),
    reactions: [],
    statuses: [],
    files: new Map(),
    scopes: null,
    isPrivate: true,
    say(number, login, body, more = {}) {
      const known = server.permissions.get(login);
      const user = login === BOT.login ? BOT : { id: known?.id ?? 66, login, type: known?.type ?? "User" };
      const part = server.threads.get(number)?.__typename === "Issue" ? "issues" : "pull";
      const id = next++;
      const comment: Comment = {
        ...{ id, node_id: `C_${id}`, body, user, created_at: now(), updated_at: now(), lastEditedAt: null },
        html_url: `https://github.com/acme/api/${part}/${number}#issuecomment-${id}`,
        issue_url: `https://api.github.com/repos/acme/api/issues/${number}`,
        performed_via_github_app: null,
        ...more,
      };
      server.comments.push(comment);
      return comment;
    },
    ...reachable(() => server, answer),
  };
  const isReview = ({ pull_request_url: url }: Comment) => url !== undefined;
  const below = (area: string, number: string) =>
    server.comments.filter((comment) =>
      isReview(comment) === (area === "pulls") &&
      (comment.pull_request_url ?? comment.issue_url ?? "").endsWith(`/${number}`)
    );
  const shown = ({ lastEditedAt: _, ...comment }: Comment) => comment;

  function answer(method: string, url: URL, headers: Headers, body: string): Response {
    const parsed: unknown = body === "" ? {} : JSON.parse(body);
    const fields = isObject(parsed) ? parsed : {};
    if (headers.get("authorization") !== `Bearer ${GITHUB_TOKEN}`) return json(401, { message: "Bad credentials" });
    if (url.pathname === "/graphql") return graphql(fields);
    if (url.pathname === "/user") return json(403, { message: "Resource not accessible by integration" });
    const page = Number(url.searchParams.get("page") ?? "1");
    const listed = (rows: unknown[]) => json(200, rows.slice((page - 1) * 100, page * 100));
    const none = () => json(404, { message: "Not Found" });
    if (!url.pathname.startsWith(repository)) return none();
    const rest = url.pathname.slice(repository.length);
    if (rest === "") {
      const answered = json(200, { id: 5, full_name: "acme/api", default_branch: "main", private: server.isPrivate });
      if (server.scopes !== null) answered.headers.set("X-OAuth-Scopes", server.scopes);
      return answered;
    }
    const path = /^\/contents\/(.+)$/.exec(rest)?.[1];
    if (path !== undefined) return contents(decodeURIComponent(path)) ?? none();
    const login = /^\/collaborators\/([^/]+)\/permission$/.exec(rest)?.[1];
    if (login !== undefined) {
      const found = server.permissions.get(decodeURIComponent(login));
      // Anybody may read a public repository.
      const { id = 66, permission = "read", type = "User" } = found ?? {};
      return json(200, { permission, user: { id, login, type } });
    }
    const [, rules, name] = /^\/(rules\/)?branches\/(.+)$/.exec(rest) ?? [];
    if (name !== undefined) {
      const now = server.renamed.get(decodeURIComponent(name));
      if (now !== undefined) {
        const location = `${server.api}${url.pathname.replace(name, now)}`;
        return new Response(null, { status: 301, headers: { location } });
      }
      const branch = server.branches.get(decodeURIComponent(name));
      if (rules !== undefined) return json(200, (branch?.rules ?? []).map((type) => ({ type })));
      const commit = { sha: "beef".padEnd(40, "0") };
      return branch ? json(200, { name: decodeURIComponent(name), protected: branch.protected, commit }) : none();
    }
    if (rest.endsWith("/reactions")) {
      server.reactions.push(`${rest.split("/").at(-2)} ${fields.content}`);
      return json(201, {});
    }
    if (rest.startsWith("/statuses/")) {
      server.statuses.push(`${rest.slice(10)} ${fields.state} ${fields.context} ${fields.target_url}`);
      return json(201, {});
    }
    const [, area = "", number = "", what = ""] = /^\/(issues|pulls)\/(\d+)\/(comments|events)$/.exec(rest) ?? [];
    if (what === "events") {
      return listed((server.events.get(Number(number)) ?? []).map(({ login, label, ...more }, index) => ({
        ...more,
        ...{ id: 500 + index, label: { name: label } },
        actor: { id: server.permissions.get(login)?.id ?? 66, login, type: "User" },
      })));
    }
    if (what === "comments" && method === "POST") {
      return json(201, shown(server.say(Number(number), BOT.login, String(fields.body))));
    }
    if (what === "comments") return listed(below(area, number).map(shown));
    const [, kind = "", id] = /^\/(issues|pulls)\/comments(?:\/(\d+))?$/.exec(rest) ?? [];
    if (rest === "/issues") return listed([]);
    // Source: https://docs.github.com/en/rest/pulls/pulls#list-pull-requests
    if (rest === "/pulls") {
      const [owner, branch] = url.searchParams.get("head")?.split(":") ?? [];
      const rows = [...server.threads.values()].filter((each) => each.headRefName === branch && owner === "acme");
      const repo = (isFork: unknown) => ({ id: isFork === true ? 6 : 5 });
      return listed(rows.map(({ number, headRefName, baseRefName, isCrossRepository }) => ({
        number,
        head: { ref: headRefName, repo: repo(isCrossRepository) },
        base: { ref: baseRefName, repo: repo(false) },
      })));
    }
    if (kind === "") return none();
    const all = server.comments.filter((comment) => isReview(comment) === (kind === "pulls"));
    if (id === undefined) return listed(all.map(shown));
    const comment = all.find((each) => each.id === Number(id));
    if (comment === undefined) return none();
    if (method === "PATCH") comment.body = String(fields.body);
    if (method === "DELETE") {
      server.comments = server.comments.filter((each) => each !== comment);
      return json(204, null);
    }
    return json(200, shown(comment));
  }

  /** A file with its content in lines of base64, or the rows of a folder, without contents. */
  function contents(path: string): Response | undefined {
    const row = (each: string) => ({ type: "file", name: each.split("/").at(-1), path: each, size: 1 });
    const text = server.files.get(path);
    if (text !== undefined) {
      const content = Buffer.from(text).toString("base64").replace(/.{60}/g, "$&\n");
      return json(200, { ...row(path), content, encoding: "base64" });
    }
    const below = [...server.files.keys()].filter((each) => each.startsWith(`${path}/`));
    return below.length === 0 ? undefined : json(200, below.map(row));
  }

  function graphql({ query, variables }: Record<string, unknown>): Response {
    const given = isObject(variables) ? variables : {};
    const problem = problemOf(String(query));
    if (problem !== undefined) return json(200, { errors: [{ message: problem }] });
    if (String(query).includes("query { viewer {")) {
      return json(200, { data: { viewer: { __typename: "User", login: BOT.login, databaseId: BOT.id } } });
    }
    const shownOf = ({ number, url, headRefName, isCrossRepository, createdAt, mergeable = "MERGEABLE" }: Node) =>
      aNode({ number, url, headRefName, isCrossRepository, createdAt, mergeable });
    if (String(query).includes("headRefName: $b")) {
      const nodes = [...server.threads.values()].filter((each) => each.headRefName === given.b).map(shownOf);
      return json(200, { data: { p0: { pullRequests: { nodes } } } });
    }
    if (String(query).includes("pullRequest(number: $i0)")) {
      return json(200, { data: { p0: { pullRequest: shownOf(server.threads.get(Number(given.i0)) ?? {}) } } });
    }
    if (String(query).includes("node(id:")) {
      const comment = server.comments.find(({ node_id: id }) => id === given.id);
      return json(200, { data: { node: comment === undefined ? null : { lastEditedAt: comment.lastEditedAt } } });
    }
    const thread = server.threads.get(Number(given.i));
    const { state, ...rest } = thread ?? {};
    const named = { ...rest, [rest.__typename === "Issue" ? "issueState" : "pullState"]: state };
    return json(200, { data: { repository: { issueOrPullRequest: thread === undefined ? null : named } } });
  }

  return server;
}

/**
 * Why GitHub would refuse a query. Source: GitHub, public schema, `viewer: User!`, `IssueState`, `PullRequestState`; GraphQL specification,
 * "Fragment Spread Is Possible" and "Field Selection Merging".
 */
function problemOf(query: string): string | undefined {
  if (/\bviewer \{[^}]*\.\.\. on Bot/.test(query)) return "Fragment on Bot can't be spread inside User";
  if ([...query.matchAll(/\.\.\. on (?:Issue|PullRequest) \{ state /g)].length > 1) {
    return "Field 'state' has a conflict";
  }
  return undefined;
}

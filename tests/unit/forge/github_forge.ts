/**
 * As much of GitHub's GraphQL API as reading pull requests needs, in process. Where each shape is from:
 * - names and types of fields: GitHub, "GraphQL reference", objects `PullRequest`, `Commit`, `StatusCheckRollup`, enums `MergeableState`,
 *   `PullRequestReviewDecision`, `StatusState`
 * - a part that is missing (`data` beside `errors` with `type` and `path`; `Could not resolve to a Repository with the name …`): the messages of
 *   the program `gh`, whose errors name the path `repository.pullRequest`
 * - limits (200 with `RATE_LIMITED`; 403 with `retry-after`): GitHub, "Rate limits and query limits for the GraphQL API"
 */

/** A pull request as the API shows it. */
export type Node = Record<string, unknown>;

export interface GithubForge {
  host: string;
  /** Pull requests, by `owner/name#number`. Null: this token may not see it. */
  pulls: Map<string, Node | null>;
  /** Repositories that have another name now. */
  renamed: Map<string, string>;
  /** Errors beside the data, by `owner/name#number`: the path behind the alias, and what is there is null. */
  errors: Map<string, { type: string; path: (string | number)[] }[]>;
  /** What must be fixed, by `owner/name#number`: see `github_findings.ts`. */
  findings: Map<string, Node>;
  /** Commits, by their hash. */
  commits: Map<string, Node>;
  /** What the REST API answers, by its path with the query; 404 for everything else. A number is a status. */
  rest: Map<string, unknown>;
  /** What was sent to the REST API. */
  written: { path: string; body: unknown }[];
  /** User of the token. */
  viewer: { login: string; databaseId: number } | null;
  /** Takes the place of the next answers. */
  faults: (Response | "reset")[];
  /** Queries so far, with headers. */
  received: { query: string; variables: Record<string, unknown>; authorization: string | null; url: string }[];
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** A pull request that is open, green and approved. @param more Fields that differ. */
export function aNode(more: Node = {}): Node {
  return {
    number: 7,
    state: "OPEN",
    isDraft: false,
    createdAt: "2026-03-01T10:00:00Z",
    updatedAt: "2026-03-01T11:00:00Z",
    mergeable: "MERGEABLE",
    reviewDecision: "APPROVED",
    headRefName: "mogplex/replace-moment",
    headRefOid: "c0ffee".padEnd(40, "0"),
    isCrossRepository: false,
    mergeStateStatus: "CLEAN",
    isMergeQueueEnabled: false,
    additions: 12,
    deletions: 3,
    changedFiles: 2,
    headRef: { refUpdateRule: null },
    baseRepository: { databaseId: 4711, defaultBranchRef: { name: "main" } },
    assignees: { nodes: [] },
    reviewRequests: { totalCount: 0, nodes: [] },
    author: { __typename: "Bot", login: "mogplex", databaseId: 90 },
    baseRef: { refUpdateRule: null },
    ...reviews(aReview()),
    ...writers({ __typename: "User", login: "agent", databaseId: 91 }),
    ...rollup("SUCCESS"),
    ...more,
  };
}

/** The newest commit of {@linkcode aNode}. */
export const HEAD: string = "c0ffee".padEnd(40, "0");

/** A review of a user who can push: kim has approved the newest commit. @param more Fields that differ. */
export function aReview(more: Node = {}): Node {
  const author = { __typename: "User", login: "kim", databaseId: 7 };
  return { state: "APPROVED", submittedAt: "2026-03-01T10:30:00Z", author, commit: { oid: HEAD }, ...more };
}

export function reviews(...nodes: (Node | null)[]): Node {
  return { latestOpinionatedReviews: { totalCount: nodes.length, nodes } };
}

/** One commit by such a user, whose committer is GitHub. */
function writers(user: Node): Node {
  return { writers: { totalCount: 1, nodes: [{ commit: { author: { user }, committer: { user: null } } }] } };
}

/** The rollup of the newest commit; null for no checks. @param contexts Its check runs and statuses. */
export function rollup(state: string | null, ...contexts: Node[]): Node {
  const shown = { state, contexts: { totalCount: contexts.length, nodes: contexts } };
  return { commits: { nodes: [{ commit: { statusCheckRollup: state === null ? null : shown } }] } };
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
}

/** An answer of something between, which is no API. */
export function html(status = 200): Response {
  const text = "<!doctype html><title>Sign in</title>";
  return new Response(text, { status, headers: { "content-type": "text/html" } });
}

/** Sets the value at a path to null. */
function blank(value: unknown, path: readonly (string | number)[]): void {
  const [key = "", ...rest] = path;
  if (typeof value !== "object" || value === null) return;
  const object = value as Record<string, unknown>;
  if (rest.length === 0) object[key] = null;
  else blank(object[key], rest);
}

export function githubForge(host = "github.com"): GithubForge {
  const forge: GithubForge = {
    host,
    pulls: new Map(),
    renamed: new Map(),
    errors: new Map(),
    findings: new Map(),
    commits: new Map(),
    rest: new Map(),
    written: [],
    viewer: { login: "github-actions[bot]", databaseId: 41898282 },
    faults: [],
    received: [],
    // deno-lint-ignore require-await
    async fetch(url, init) {
      if (!url.endsWith("/graphql")) {
        const { pathname, search } = new URL(url);
        if (init.method === "POST") {
          forge.written.push({ path: pathname, body: JSON.parse(String(init.body)) });
          return json(201, {});
        }
        const found = forge.rest.get(pathname + search) ?? 404;
        return typeof found === "number" ? json(found, { message: "" }) : json(200, found);
      }
      const { query, variables } = JSON.parse(String(init.body));
      forge.received.push({ query, variables, authorization: new Headers(init.headers).get("authorization"), url });
      const fault = forge.faults.shift();
      if (fault === "reset") throw new TypeError("fetch failed");
      return fault ?? answer(query, variables);
    },
  };

  function one(name: string, number: number, path: (string | number)[], data: Node, errors: unknown[]): void {
    const now = forge.renamed.get(name) ?? name;
    const key = `${now}#${number}`;
    const alias = String(path[0]);
    if (![...forge.pulls.keys()].some((each) => each.startsWith(`${now}#`))) {
      errors.push({ type: "NOT_FOUND", path, message: `Could not resolve to a Repository with the name '${name}'.` });
      data[alias] = null;
      return;
    }
    const node = forge.pulls.get(key);
    if (node === null || node === undefined) {
      const type = node === null ? "FORBIDDEN" : "NOT_FOUND";
      const message = `Could not resolve to a PullRequest with the number of ${number}.`;
      errors.push({ type, path: [...path, "pullRequest"], message });
      data[alias] = { pullRequest: null };
      return;
    }
    const shown = structuredClone({ url: `https://${host}/${now}/pull/${number}`, ...node, number });
    data[alias] = { pullRequest: shown };
    for (const error of forge.errors.get(key) ?? []) {
      errors.push({
        type: error.type,
        path: [alias, "pullRequest", ...error.path],
        message: "Resource not accessible",
      });
      if (error.path.length === 0) data[alias] = { pullRequest: null };
      else blank(shown, error.path);
    }
  }

  function answer(query: string, variables: Record<string, unknown>): Response {
    const data: Node = {};
    const errors: unknown[] = [];
    for (
      const [, alias = "", o = "", n = "", i = ""] of query.matchAll(
        /(p\d+): repository\(owner: \$(\w+), name: \$(\w+)\) \{ pullRequest\(number: \$(\w+)\)/g,
      )
    ) one(`${variables[o]}/${variables[n]}`, Number(variables[i]), [alias], data, errors);
    if (/repository\(owner: \$o, name: \$n\) \{ pullRequest/.test(query)) {
      const pullRequest = forge.findings.get(`${variables.o}/${variables.n}#${variables.i}`) ?? null;
      data.repository = { pullRequest };
    }
    if (query.includes("viewer {")) data.viewer = forge.viewer && { __typename: "User", ...forge.viewer };
    if (query.includes("object(oid: $c)")) {
      const commit = forge.commits.get(String(variables.c));
      data.p0 = { object: commit === undefined ? null : commit };
    }
    if (query.includes("headRefName: $b")) {
      const name = `${variables.o}/${variables.n}`;
      const found = [...forge.pulls].filter(([key, node]) =>
        key.startsWith(`${name}#`) && node?.headRefName === variables.b
      );
      const nodes = found.map(([key, node]) => ({
        url: `https://${host}/${key.replace("#", "/pull/")}`,
        createdAt: node?.createdAt,
        isCrossRepository: node?.isCrossRepository ?? false,
      }));
      data.p0 = { pullRequests: { nodes } };
    }
    return json(200, { data, ...(errors.length > 0 && { errors }) });
  }

  return forge;
}

/**
 * A GitHub whose pull requests can be changed, in process: what it takes stays. Routes and answers as its description of the REST API has them
 * (npm `@octokit/openapi` 23.0.2: `pulls/get`, `pulls/request-reviewers`, `issues/add-labels`, `issues/create-comment`, `pulls/update`).
 */
import { type GithubForge, githubForge, json, type Node } from "../forge/github_forge.ts";

export interface PullState {
  state: "open" | "closed";
  merged: boolean;
  reviewers: string[];
  teams: string[];
  labels: string[];
  comments: string[];
}

export interface WritingForge extends GithubForge {
  /** By `owner/name#number`. */
  state: Map<string, PullState>;
  /** Writes so far: method, path and body. */
  writes: unknown[][];
  /** Answers for the next writes, in the place of the usual ones. `lost`: it is carried out, and no answer comes. */
  writeFaults: (Response | "lost" | "unsent" | null)[];
  /** Whether its list of comments lags behind. */
  hidesComments: boolean;
  /** Called before each write. */
  beforeWrite: (() => void | Promise<void>) | undefined;
  add(name: string, node: Node): PullState;
}

export const AUTHOR = "mogplex-bot";

export function writingForge(): WritingForge {
  const inner = githubForge();
  const forge: WritingForge = Object.assign(inner, {
    state: new Map<string, PullState>(),
    writes: [] as unknown[][],
    writeFaults: [] as WritingForge["writeFaults"],
    hidesComments: false,
    beforeWrite: undefined,
    add(name: string, node: Node) {
      forge.pulls.set(`${name}#7`, node);
      const state: PullState = { state: "open", merged: false, reviewers: [], teams: [], labels: [], comments: [] };
      forge.state.set(`${name}#7`, state);
      return state;
    },
  });
  const graphql = inner.fetch;

  function show(pull: PullState) {
    return {
      ...{
        state: pull.state,
        merged: pull.merged,
        draft: false,
        merge_commit_sha: null,
        user: { id: 1, login: AUTHOR },
      },
      requested_reviewers: pull.reviewers.map((login) => ({ login })),
      requested_teams: pull.teams.map((slug) => ({ slug })),
      labels: pull.labels.map((name) => ({ name })),
    };
  }

  function carryOut(route: string, pull: PullState, body: Record<string, string[] & string>): Response {
    switch (route) {
      case "POST requested_reviewers":
        if (body.reviewers?.includes(AUTHOR)) {
          return json(422, { message: "Review cannot be requested from pull request author." });
        }
        if (body.reviewers?.includes("nobody")) {
          return json(422, { message: "Reviews may only be requested from collaborators." });
        }
        pull.reviewers.push(...body.reviewers ?? []);
        pull.teams.push(...body.team_reviewers ?? []);
        return json(201, show(pull));
      case "POST labels":
        pull.labels.push(...body.labels ?? []);
        return json(200, []);
      case "POST comments":
        pull.comments.push(body.body ?? "");
        return json(201, { id: pull.comments.length, body: body.body });
      case "PATCH ":
        pull.state = body.state as unknown as PullState["state"];
        return json(200, show(pull));
      default:
        throw new Error(`this forge does not know ${route}`);
    }
  }

  forge.fetch = async (url, init) => {
    const { pathname } = new URL(url);
    if (pathname === "/graphql") {
      const { query } = JSON.parse(String(init.body));
      if (query.startsWith("query { viewer")) return json(200, { data: { viewer: { login: "kim", databaseId: 6 } } });
      return await graphql(url, init);
    }
    if (pathname === "/user") return json(200, { id: 6, login: "kim" });
    const [, name, number, part = ""] =
      /^\/repos\/([^/]+\/[^/]+)\/(?:pulls|issues)\/(\d+)(?:\/(.*))?$/.exec(pathname) ?? [];
    const pull = forge.state.get(`${name}#${number}`);
    if (pull === undefined) return json(404, { message: "Not Found" });
    const method = init.method ?? "GET";
    if (method === "GET" && part === "") return json(200, show(pull));
    if (method === "GET" && part === "comments") {
      const rows = (forge.hidesComments ? [] : pull.comments).map((body, index) => ({
        id: index + 1,
        body,
        user: { id: 6, type: "User" },
      }));
      return json(200, rows);
    }
    const body = JSON.parse(String(init.body));
    forge.writes.push([`${method} ${pathname}`, body]);
    await forge.beforeWrite?.();
    const fault = forge.writeFaults.shift();
    if (fault === "unsent") throw Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNREFUSED" } });
    if (fault !== undefined && fault !== "lost" && fault !== null) return fault;
    const answer = carryOut(`${method} ${part}`, pull, body);
    if (fault === "lost") throw new TypeError("fetch failed");
    return answer;
  };
  return forge;
}

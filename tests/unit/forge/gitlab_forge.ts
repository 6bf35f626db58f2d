/**
 * As much of GitLab's REST API as reading merge requests needs, in process. Where each shape is from:
 * - a merge request: GitLab, "Merge requests API", "Get single MR", the response and the table of its attributes
 * - approvals: "Merge request approvals API", "Get configuration" of a merge request; `approved_at`: GitLab, `lib/api/entities/approvals.rb`
 * - versions: "Merge requests API", "List merge request diff versions"
 * - who wrote it: "GraphQL API resources", `MergeRequest.commits` and `.committers`
 * - statuses: "Commits API", "List the statuses of a commit"
 * - the note of an approval: "Notes API", a system note
 * - reviewers with their state: "Merge requests API", "Get single merge request reviewers"
 * - a branch: "Branches API", "Get single repository branch"
 * - external status checks: "External status checks API", "List status checks for a merge request"
 * - a project that was moved (301 to its new path): "Project repository and path redirects"
 * - 401, 403, 404 and 429: "REST API troubleshooting", status codes; "Rate limits", `Retry-After`
 */
import { HEAD, json } from "./github_forge.ts";

/** A merge request as the API shows it, with its two further parts. */
export interface Request {
  fields: Record<string, unknown>;
  approvals?: Response | Record<string, unknown>;
  /** Its branch; not shown by default. */
  branch?: { protected: boolean; default?: boolean };
  reviewers?: Response | { user: { id: number; username: string }; state: string }[];
  versions?: Response | Record<string, unknown>[];
  notes?: Record<string, unknown>[];
  /** Of its pipeline. */
  statuses?: Record<string, unknown>[];
  diffs?: Response | Record<string, unknown>[];
  /** Answers of GraphQL. */
  writers?: Response | Record<string, unknown>;
  status_checks?: Response | { status: string }[];
}

export interface GitlabForge {
  host: string;
  /** Merge requests, by `group/project!iid`. A number is the status with which it is refused. */
  requests: Map<string, Request | number>;
  /** Projects that were moved. */
  moved: Map<string, string>;
  /** Everything else, by path and query; 404 without an entry. A number is a status. */
  others: Map<string, unknown>;
  faults: (Response | "reset")[];
  received: { path: string; token: string | null; url: string }[];
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** A merge request that is open, green and approved. @param more Fields that differ. */
export function aRequest(more: Record<string, unknown> = {}, rest: Partial<Request> = {}): Request {
  return {
    fields: {
      state: "opened",
      draft: false,
      created_at: "2026-03-01T10:00:00.000Z",
      updated_at: "2026-03-01T11:00:00.000Z",
      source_branch: "mogplex/replace-moment",
      source_project_id: 3,
      target_project_id: 3,
      sha: HEAD,
      changes_count: "2",
      merge_status: "can_be_merged",
      detailed_merge_status: "mergeable",
      has_conflicts: false,
      head_pipeline: { id: 1, status: "success", source: "merge_request_event" },
      author: { id: 91, username: "agent" },
      assignees: [],
      reviewers: [],
      ...more,
    },
    approvals: { approvals_required: 1, approvals_left: 0, approved_by: [approval()] },
    versions: [
      { id: 2, head_commit_sha: HEAD, created_at: "2026-03-01T10:20:00.000Z" },
      { id: 1, head_commit_sha: "0".repeat(40), created_at: "2026-03-01T10:00:00.000Z" },
    ],
    writers: writers({ id: 91, username: "agent" }),
    ...rest,
  };
}

export const KIM = { id: 7, username: "kim" };

/** An approval by kim, of the newest version. @param more Fields that differ. */
export function approval(more: Record<string, unknown> = {}): Record<string, unknown> {
  return { user: KIM, approved_at: "2026-03-01T10:30:00.000Z", ...more };
}

/** What GraphQL shows of one commit by a user. */
export function writers({ id, username }: { id: number; username: string }): Record<string, unknown> {
  const user = { id: `gid://gitlab/User/${id}`, username, bot: false };
  const pageInfo = { hasNextPage: false };
  const mergeRequest = { commits: { nodes: [{ author: user }], pageInfo }, committers: { nodes: [user], pageInfo } };
  return { data: { project: { mergeRequest } } };
}

/** No approvals, and one is needed. */
export const UNAPPROVED = { approvals: { approvals_required: 1, approvals_left: 1, approved_by: [] } };

export function gitlabForge(host = "gitlab.com"): GitlabForge {
  const forge: GitlabForge = {
    host,
    requests: new Map(),
    moved: new Map(),
    others: new Map(),
    faults: [],
    received: [],
    // deno-lint-ignore require-await
    async fetch(url, init) {
      const { pathname, search } = new URL(url);
      const path = pathname.replace("/api/v4", "");
      forge.received.push({ path: path + search, token: new Headers(init.headers).get("private-token"), url });
      const fault = forge.faults.shift();
      if (fault === "reset") throw new TypeError("fetch failed");
      return fault ??
        (path === "/api/graphql" ? graphql(JSON.parse(String(init.body)).variables) : answer(path, search));
    },
  };

  function graphql({ p, i }: { p: string; i: string }): Response {
    const request = forge.requests.get(`${p}!${i}`);
    const value = typeof request === "object" ? request.writers ?? {} : {};
    return value instanceof Response ? value.clone() : json(200, value);
  }

  function answer(path: string, search: string): Response {
    const other = forge.others.get(path + search);
    if (other !== undefined) return typeof other === "number" ? json(other, {}) : json(200, other);
    const [, sha] = /^\/projects\/[^/]+\/repository\/commits\/([0-9a-f]+)\/statuses$/.exec(path) ?? [];
    if (sha !== undefined) {
      const request = [...forge.requests.values()].find((each) => typeof each !== "number" && each.fields.sha === sha);
      const statuses = typeof request === "object" ? request.statuses : undefined;
      return statuses === undefined ? json(403, {}) : json(200, statuses);
    }
    const [, at = "", name] = /^\/projects\/([^/]+)\/repository\/branches\/([^/]+)$/.exec(path) ?? [];
    if (name !== undefined) {
      const found = [...forge.requests].find(([key, each]) =>
        key.startsWith(`${decodeURIComponent(at)}!`) && typeof each !== "number" &&
        each.fields.source_branch === decodeURIComponent(name)
      )?.[1];
      const branch = typeof found === "object" ? found.branch : undefined;
      return branch === undefined ? json(404, { message: "404 Branch Not Found" }) : json(200, branch);
    }
    const match = /^\/projects\/([^/]+)\/merge_requests(?:\/(\d+))?(?:\/(\w+))?$/.exec(path);
    if (match === null) return json(404, { message: "404 Not Found" });
    const [, encoded = "", iid, part] = match;
    const project = decodeURIComponent(encoded);
    const moved = forge.moved.get(project);
    if (moved !== undefined) {
      const location = `https://${host}/api/v4${path.replace(encoded, encodeURIComponent(moved))}${search}`;
      return new Response("", { status: 301, headers: { location } });
    }
    if (iid === undefined) {
      const branch = new URLSearchParams(search).get("source_branch");
      const found = [...forge.requests].filter(([key, each]) =>
        key.startsWith(`${project}!`) && typeof each !== "number" && each.fields.source_branch === branch
      );
      return json(
        200,
        found.map(([key, each]) => ({
          web_url: webUrl(key),
          source_project_id: 3,
          target_project_id: 3,
          ...(typeof each === "number" ? {} : each.fields),
        })),
      );
    }
    const request = forge.requests.get(`${project}!${iid}`) ?? 404;
    if (typeof request === "number") return json(request, { message: `${request}` });
    if (part === undefined) {
      return json(200, { iid: Number(iid), web_url: webUrl(`${project}!${iid}`), ...request.fields });
    }
    const parts: Record<string, unknown> = {
      approvals: request.approvals,
      status_checks: request.status_checks ?? json(404, {}),
      reviewers: request.reviewers ?? [],
      versions: request.versions,
      notes: request.notes ?? [],
      diffs: request.diffs,
    };
    const value = parts[part];
    return value instanceof Response ? value.clone() : json(200, value);
  }

  const webUrl = (key: string) => `https://${host}/${key.replace("!", "/-/merge_requests/")}`;
  return forge;
}

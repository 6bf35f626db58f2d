/**
 * Notes on a merge request of GitLab.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { Answer } from "../http/answer.ts";
import type { ReadEnv } from "../platforms/platform.ts";
import { apiOf, explainSender, linkedQuery, type NotePlace, property } from "./note_place.ts";

/** A merge request, and the API through which it is reached. */
export interface MergeRequest extends Pick<NotePlace, "api" | "host"> {
  /** Id of the project that it targets. */
  project: string;
  /** Its number in that project. */
  iid: string;
}

/** Requirements of the token, for messages. Source: GitLab, "Personal access tokens", scopes; "Roles and permissions", merge requests. */
export const TOKEN_NEEDS = `the scope "api" and at least the role Reporter in the project of the merge request`;

/** Most characters of a note. Source: gitlabhq, lib/gitlab/database.rb, `MAX_TEXT_SIZE_LIMIT`. */
export const MAX_NOTE_CHARACTERS = 1_000_000;

const API_VARIABLE = "CI_API_V4_URL";

/**
 * The merge request of the pipeline; undefined if the pipeline has none.
 *
 * In a pipeline of a fork `CI_PROJECT_ID` is the fork, while the merge request belongs to the target project.
 * Source: GitLab, "Predefined CI/CD variables", those of merge request pipelines.
 *
 * @param env Reads the environment.
 * @throws {UsageError} when the value of a variable cannot come from GitLab.
 */
export function mergeRequestOf(env: ReadEnv): MergeRequest | undefined {
  const iid = env("CI_MERGE_REQUEST_IID") ?? "";
  if (iid === "") return undefined;
  const project = env("CI_MERGE_REQUEST_PROJECT_ID") || env("CI_PROJECT_ID") || "";
  for (const [name, value] of [["CI_MERGE_REQUEST_IID", iid], ["CI_MERGE_REQUEST_PROJECT_ID", project]] as const) {
    if (!/^\d{1,18}$/.test(value)) {
      const attempted = "find the merge request";
      throw new UsageError({ attempted, why: `${name} must be a number`, value: JSON.stringify(value) });
    }
  }
  const api = apiOf(env(API_VARIABLE) ?? "");
  if (api !== undefined) return { ...api, project, iid };
  throw new UsageError({
    attempted: "find the API of GitLab",
    why: `${API_VARIABLE} must be an http(s) URL without user, query and fragment`,
  });
}

function explain({ status }: Answer, token: string): string {
  if (status === 401) return `GitLab refuses ${token}, which is unknown, expired or revoked`;
  if (status === 403) return `${token} may not do this, it needs ${TOKEN_NEEDS}`;
  if (status === 404) return `GitLab does not show the merge request to ${token}, which needs ${TOKEN_NEEDS}`;
  if (status === 429) return "GitLab wants fewer requests, for longer than we may wait";
  return explainSender("GitLab", status, API_VARIABLE) ?? "GitLab refuses the request";
}

/** The notes of a merge request. */
export function gitlabNotes({ api, host, project, iid }: MergeRequest): NotePlace {
  const path = `/projects/${project}/merge_requests/${iid}/notes`;
  const query = new URLSearchParams({
    sort: "asc",
    order_by: "created_at",
    activity_filter: "only_comments",
    // Source: GitLab, "Pagination": 100 is the most.
    per_page: "100",
  });
  return {
    system: "GitLab",
    note: `the note on merge request !${iid}`,
    where: `merge request !${iid}`,
    api,
    host,
    agent: "gitlab",
    // Source: GitLab, "REST API authentication".
    tokenHeader: "PRIVATE-TOKEN",
    path,
    query: `?${query}`,
    maxCharacters: MAX_NOTE_CHARACTERS,
    updateMethod: "PUT",
    pathOf: (id) => `${path}/${id}`,
    readNote(value) {
      const [id, body, system] = ["id", "body", "system"].map((name) => property(value, name));
      if (typeof id !== "number" || typeof body !== "string") return undefined;
      const author = property(property(value, "author"), "id");
      return { id, body, system: system === true, author, byProgram: false };
    },
    // Source: GitLab, "Pagination": `x-next-page` is empty on the last page; keyset pagination has `Link` only.
    nextQuery(answer, present) {
      const page = answer.headers.get("x-next-page");
      if (page === null) return linkedQuery(answer);
      if (!/^\d+$/.test(page)) return undefined;
      const next = new URLSearchParams(present);
      next.set("page", page);
      return `?${next}`;
    },
    // Where the token may not read its own user, the marker alone identifies a note.
    isOwn: ({ author }, user) => user === null || author === user,
    isLimit: ({ status }) => status === 429,
    explain,
  };
}

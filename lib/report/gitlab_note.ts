/**
 * Notes on a merge request of GitLab.
 *
 * @module
 */
import type { ReadEnv } from "../ci/platform.ts";
import { UsageError } from "../errors.ts";
import { apiOf, type NotePlace } from "./note.ts";

/** A merge request, and the API through which it is reached. */
interface MergeRequest extends Pick<NotePlace, "api"> {
  /** Id of the project that it targets. */
  project: string;
  /** Its number in that project. */
  iid: string;
}

/** Requirements of the token, for messages. Source: GitLab, "Personal access tokens", scopes; "Roles and permissions", merge requests. */
export const TOKEN_NEEDS = `the scope "api" and at least the role Reporter in the project of the merge request`;

/** Name of the variable that holds the token of a job's GitLab. */
export function tokenVariableOf(env: ReadEnv): string {
  return env("MOGPLEX_NOTE_TOKEN_VARIABLE")?.trim() || "GITLAB_TOKEN";
}

const SYSTEM = "GitLab";
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
  return { api: apiOf(env, SYSTEM, API_VARIABLE), project, iid };
}

function meaning(status: number, token: string): string | undefined {
  if (status === 403) return `${token} may not do this, it needs ${TOKEN_NEEDS}`;
  if (status === 404) return `GitLab does not show the merge request to ${token}, which needs ${TOKEN_NEEDS}`;
  return undefined;
}

/** The notes of a merge request, or of an issue. */
export function gitlabNotes({ api, project, iid }: MergeRequest, kind: "issue" | "pull" = "pull"): NotePlace {
  const path = `/projects/${project}/${kind === "issue" ? "issues" : "merge_requests"}/${iid}/notes`;
  return {
    system: SYSTEM,
    noun: "note",
    where: kind === "issue" ? `issue #${iid}` : `merge request !${iid}`,
    api,
    apiVariable: API_VARIABLE,
    // Source: GitLab, "REST API authentication".
    tokenHeader: "PRIVATE-TOKEN",
    path,
    // Source: GitLab, "Pagination": 100 is the most.
    query: "?sort=asc&order_by=created_at&activity_filter=only_comments&per_page=100",
    updateMethod: "PUT",
    // A webhook for comments starts a pipeline for each of them.
    maxEdits: 5,
    notePath: path,
    authorKey: "author",
    reason: meaning,
  };
}

/**
 * Notes on a merge request of GitLab.
 *
 * @module
 */
import * as z from "zod/mini";
import type { ReadEnv } from "../ci/platform.ts";
import { UsageError } from "../errors.ts";
import { apiOf } from "./api_of.ts";
import type { ForgeClient } from "./forge.ts";
import type { NotePlace } from "./note.ts";
import { readList, type ThreadPlace } from "./threads.ts";

/** A merge request, and the API through which it is reached. */
interface MergeRequest {
  /** Base of the API, without a slash at its end. */
  api: string;
  /** Id of the project that it targets. */
  project: string;
  /** Its number in that project. */
  number: number;
}

/** Requirements of the token, for messages. Source: GitLab, "Personal access tokens", scopes; "Roles and permissions", merge requests. */
export const TOKEN_NEEDS = `the scope "api" and at least the role Reporter in the project of the merge request`;

/** Name of the variable that holds the token of a job's GitLab. */
export function tokenVariableOf(env: ReadEnv): string {
  return env("MOGPLEX_NOTE_TOKEN_VARIABLE")?.trim() || "GITLAB_TOKEN";
}

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
  return { api: apiOf(env, "GitLab", "CI_API_V4_URL"), project, number: Number(iid) };
}

function meaning(status: number, token: string): string | undefined {
  if (status === 403) return `${token} may not do this, it needs ${TOKEN_NEEDS}`;
  if (status === 404) return `GitLab does not show the merge request to ${token}, which needs ${TOKEN_NEEDS}`;
  return undefined;
}

// Source: GitLab, "Notes API", https://docs.gitlab.com/api/notes/
const rowSchema = z.lazy(() =>
  z.object({ id: z.int(), body: z.string(), system: z.boolean(), author: z.nullish(z.object({ id: z.int() })) })
);

/** The notes of a merge request, or of an issue. @param project Id of the project, or its path with all groups. */
export function gitlabNotes(client: ForgeClient, project: string, { kind, number }: ThreadPlace): NotePlace {
  const part = kind === "issue" ? "issues" : "merge_requests";
  const path = `/projects/${encodeURIComponent(project)}/${part}/${number}/notes`;
  const list = `${path}?sort=asc&order_by=created_at&activity_filter=only_comments`;
  return {
    client,
    noun: "note",
    where: kind === "issue" ? `issue #${number}` : `merge request !${number}`,
    find: (each, what, isEnough) =>
      readList(each, what, list, rowSchema, (rows) => {
        // Authors have no type there: where the token may not ask for its user, the marker alone decides.
        const notes = rows.filter(({ system }) => !system).map(({ id, body, author }) => ({
          ...{ id, text: body, author: author?.id ?? null, mayBeProgram: true },
        }));
        return isEnough(notes);
      }),
    userPath: "/user",
    path,
    pathOf: (id) => `${path}/${id}`,
    updateMethod: "PUT",
    // A webhook for comments starts a pipeline for each of them.
    maxEdits: 5,
    reason: meaning,
  };
}

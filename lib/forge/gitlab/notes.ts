import * as z from "zod/mini";
import type { ForgeClient } from "../client.ts";
import type { ForgeNotes } from "../forge.ts";
import type { NotePlace } from "../note.ts";
import { readList } from "../pages.ts";
import { type ThreadPlace, wordsOf } from "../threads.ts";

/** Source: GitLab, "Personal access tokens", scopes; "Roles and permissions", merge requests. */
export const GITLAB_TOKEN_NEEDS = `the "api" scope and at least the Reporter role in the project of the merge request`;

function meaning(status: number, token: string): string | undefined {
  if (status === 403) return `${token} lacks a permission: it needs ${GITLAB_TOKEN_NEEDS}`;
  if (status === 404) return `GitLab does not show the merge request to ${token}, which needs ${GITLAB_TOKEN_NEEDS}`;
  return undefined;
}

// Source: GitLab, "Notes API", https://docs.gitlab.com/api/notes/
const rowSchema = z.lazy(() =>
  z.object({ id: z.int(), body: z.string(), system: z.boolean(), author: z.nullish(z.object({ id: z.int() })) })
);

const nameOf = (thread: ThreadPlace) => wordsOf(thread, "merge request !");

export const GITLAB_NOTES: ForgeNotes = { noun: "note", nameOf, open: gitlabNotes };

function gitlabNotes(client: ForgeClient, project: string, { kind, number }: ThreadPlace): NotePlace {
  const part = kind === "issue" ? "issues" : "merge_requests";
  const path = `/projects/${encodeURIComponent(project)}/${part}/${number}/notes`;
  const list = `${path}?sort=asc&order_by=created_at&activity_filter=only_comments`;
  return {
    client,
    noun: GITLAB_NOTES.noun,
    where: nameOf({ kind, number }),
    find: (each, what, isEnough) =>
      readList(each, what, list, rowSchema, (rows) => {
        // GitLab does not show the type of an author. If the token is not allowed to read its user, only the marker identifies the note.
        const notes = rows.filter(({ system }) => !system).map(({ id, body, author }) => ({
          ...{ id, text: body, author: author?.id ?? null, mayBeProgram: true },
        }));
        return isEnough(notes);
      }),
    userPath: "/user",
    path,
    pathOf: (id) => `${path}/${id}`,
    updateMethod: "PUT",
    // A webhook for comments starts a pipeline after each edit.
    maxEdits: 5,
    reason: meaning,
  };
}

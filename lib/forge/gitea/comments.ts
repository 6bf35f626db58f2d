import * as z from "zod/mini";
import { BodyTooLargeError } from "../../errors.ts";
import type { ForgeClient } from "../client.ts";
import { githubNotes } from "../github/notes.ts";
import type { ForgeNotes } from "../forge.ts";
import type { NotePlace } from "../note.ts";
import { readPages, wholeList } from "../pages.ts";
import { type ThreadPlace, wordsOf } from "../threads.ts";

// Source: Gitea, API reference, https://docs.gitea.com/api/1.24, `User`, `Comment` and `TimelineComment`.
export const userSchema = z.lazy(() => z.object({ id: z.int(), login: z.string() }));
export const commentSchema = z.lazy(() =>
  z.object({
    id: z.int(),
    body: z.string(),
    user: z.nullish(userSchema),
    created_at: z.string(),
    updated_at: z.string(),
    issue_url: z.nullish(z.string()),
    pull_request_url: z.nullish(z.string()),
    path: z.nullish(z.string()),
    position: z.nullish(z.int()),
    original_position: z.nullish(z.int()),
    diff_hunk: z.nullish(z.string()),
  })
);
export type Comment = z.output<typeof commentSchema>;
const noteSchema = z.lazy(() =>
  z.object({ id: z.int(), body: z.string(), user: z.nullish(z.object({ id: z.int() })) })
);
// `null` for a reference in a deleted comment. Anyone can create such a reference.
const eventSchema = z.lazy(() =>
  z.nullable(z.object({
    id: z.int(),
    type: z.string(),
    body: z.nullish(z.string()),
    user: z.nullish(userSchema),
    created_at: z.string(),
    updated_at: z.string(),
    label: z.nullish(z.object({ name: z.string() })),
  }))
);
export type Events = Awaited<ReturnType<typeof readPages<NonNullable<z.output<typeof eventSchema>>>>>;

/** A server may be configured to return fewer rows. */
const PAGE = 50;

/** An empty list may be `null`. */
export async function rowsOf<T extends z.core.$ZodType>(
  client: ForgeClient,
  what: string,
  path: string,
  schema: T,
): Promise<readonly z.output<T>[]> {
  const read = (value: unknown) => z.safeParse(z.array(schema), value ?? []).data;
  return await client.call({ what, path, read });
}

export function listOf<T extends z.core.$ZodType>(client: ForgeClient, what: string, path: string, schema: T) {
  const query = path.includes("?") ? "&" : "?";
  const read = (page: number, size: number) =>
    rowsOf(client, what, `${path}${query}limit=${size}&page=${page}`, schema);
  // The server first splits a list into pages, and then removes the rows that the token cannot see.
  return readPages(read, { size: PAGE, last: "empty" });
}

export async function timelineOf(client: ForgeClient, repository: string, place: ThreadPlace): Promise<Events> {
  const path = `${repository}/issues/${place.number}/timeline`;
  const { list, isWhole } = await listOf(client, `read the timeline of ${wordsOf(place)}`, path, eventSchema);
  return { list: list.filter((each) => each !== null), isWhole };
}

/**
 * Leaves out comments on lines of code.
 * @param repository Path of the repository below the API.
 */
export async function commentsOn<T extends z.core.$ZodType>(
  client: ForgeClient,
  repository: string,
  thread: ThreadPlace,
  what: string,
  schema: T,
): Promise<readonly z.output<T>[]> {
  try {
    // This list is not paginated.
    return await rowsOf(client, what, `${repository}/issues/${thread.number}/comments`, schema);
  } catch (error) {
    if (!(error instanceof BodyTooLargeError)) throw error;
  }
  // Users can write comments that are too long for one response. The timeline is paginated, so read the timeline instead.
  const list = await wholeList(what, timelineOf(client, repository, thread));
  return list.filter(({ type }) => type === "comment")
    .map((each) => z.parse(schema, { ...each, body: each.body ?? "" }));
}

/** Source: Gitea, "API Usage", "Scoped Tokens". */
export const GITEA_TOKEN_NEEDS = "the read:user, write:issue and read:repository scopes";

function meaning(status: number, token: string): string | undefined {
  if (status === 403) return `${token} cannot comment: it needs ${GITEA_TOKEN_NEEDS}, or the conversation is locked`;
  if (status === 404) {
    return `the conversation was deleted, or ${token} cannot see it: it needs ${GITEA_TOKEN_NEEDS}`;
  }
  return undefined;
}

export const GITEA_NOTES: ForgeNotes = { noun: "comment", nameOf: wordsOf, open: giteaNotes };

function giteaNotes(client: ForgeClient, repository: string, thread: ThreadPlace): NotePlace {
  return {
    ...githubNotes(client, repository, thread),
    async find(each, what, isEnough) {
      const rows = await commentsOn(each, `/repos/${repository}`, thread, what, noteSchema);
      await isEnough(rows.map(({ id, body, user }) => ({
        ...{ id, text: body, author: user?.id ?? null, mayBeProgram: false },
      })));
      return { isWhole: true };
    },
    reason: meaning,
  };
}

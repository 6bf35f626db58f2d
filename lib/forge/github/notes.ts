/**
 * GitHub treats a pull request as an issue, so comments on a pull request are issue comments.
 *
 * @module
 */
import * as z from "zod/mini";
import type { ForgeClient } from "../client.ts";
import type { ForgeNotes } from "../forge.ts";
import type { NotePlace, NoteRow } from "../note.ts";
import { shortenMarkdown } from "../shorten.ts";
import { restOf } from "./address.ts";
import { readList } from "../pages.ts";
import { type ThreadPlace, wordsOf } from "../threads.ts";

/** Source: GitHub, "Permissions required for fine-grained personal access tokens". */
export const GITHUB_TOKEN_NEEDS = 'the permission "pull-requests: write"';

/** GitHub rejects a longer comment with 422, "Body is too long (maximum is 65536 characters)". */
const MAX_COMMENT_CHARACTERS = 65_536;

// Reserved for the marker, the name of the job, and the text that `shortenMarkdown` adds.
const ROOM = 2_000;

function meaning(status: number, token: string, noun: "issue" | "pull request"): string | undefined {
  const needs = noun === "issue" ? 'the permission "issues: write"' : GITHUB_TOKEN_NEEDS;
  const forks = noun === "issue" ? "" : " (in a pull request from a fork, it can only read)";
  if (status === 403) return `${token} cannot comment: it needs ${needs}${forks}, or the conversation is locked`;
  if (status === 404) {
    return `the ${noun} does not exist, or ${token} cannot see it: it needs ${needs}`;
  }
  if (status === 422) return `GitHub does not accept the comment: the ${noun} may be locked or have too many comments`;
  return undefined;
}

// Source: GitHub, "REST API endpoints for issue comments", https://docs.github.com/en/rest/issues/comments
const rowSchema = z.lazy(() =>
  z.object({
    id: z.int(),
    body: z.nullish(z.string()),
    user: z.nullish(z.object({ id: z.int(), type: z.nullish(z.string()) })),
  })
);
type Row = z.output<typeof rowSchema>;

const toRow = ({ id, body, user }: Row): NoteRow => ({
  id,
  text: body ?? "",
  author: user?.id ?? null,
  mayBeProgram: user?.type === "Bot",
});

export const GITHUB_NOTES: ForgeNotes = { noun: "comment", nameOf: wordsOf, open: githubNotes };

export function githubNotes(client: ForgeClient, repository: string, { kind, number }: ThreadPlace): NotePlace {
  const rest = restOf(client.api);
  const issues = `${rest}/repos/${repository}/issues`;
  const noun = kind === "issue" ? "issue" : "pull request";
  const path = `${issues}/${number}/comments`;
  return {
    client,
    noun: GITHUB_NOTES.noun,
    where: wordsOf({ kind, number }),
    find: (each, what, isEnough) => readList(each, what, path, rowSchema, (rows) => isEnough(rows.map(toRow))),
    userPath: `${rest}/user`,
    shorten: (summary) => shortenMarkdown(summary, MAX_COMMENT_CHARACTERS - ROOM),
    path,
    pathOf: (id) => `${issues}/comments/${id}`,
    updateMethod: "PATCH",
    reason: (status, token) => meaning(status, token, noun),
  };
}

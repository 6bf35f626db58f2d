/**
 * Comments on a pull request of GitHub. A pull request is an issue there, and its comments are those of the issue.
 *
 * @module
 */
import * as z from "zod/mini";
import type { ReadEnv } from "../ci/platform.ts";
import { UsageError } from "../errors.ts";
import { apiOf } from "./api_of.ts";
import type { ForgeClient } from "./forge.ts";
import { githubApi } from "./github.ts";
import type { NotePlace, NoteRow } from "./note.ts";
import { shortenMarkdown } from "./shorten.ts";
import { readList, type ThreadPlace } from "./threads.ts";

/** Requirements of the token, for messages. Source: GitHub, "Permissions required for fine-grained personal access tokens". */
export const GITHUB_TOKEN_NEEDS = 'the permission "pull-requests: write"';

/** Most characters of a comment: GitHub answers 422 to a longer one, "Body is too long (maximum is 65536 characters)". */
const MAX_COMMENT_CHARACTERS = 65_536;

// For the marker, the name of the job, and what `shortenMarkdown` adds.
const ROOM = 2_000;

/** Origin of the server of a workflow. @throws {UsageError} when the variable cannot come from the runner. */
export function serverOf(env: ReadEnv): string {
  const name = "GITHUB_SERVER_URL";
  const text = env(name) ?? "";
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text).origin;
  throw new UsageError({
    attempted: "find the server",
    why: `${name} must be an http(s) URL`,
    value: JSON.stringify(text),
  });
}

/**
 * Base of the API that the runner names: that of GraphQL, which the REST API of a server of one's own is below.
 *
 * @throws {UsageError} when it cannot come from GitHub.
 */
export function githubApiOf(env: ReadEnv): string {
  const name = "GITHUB_API_URL";
  if (env(name)) return apiOf(env, "GitHub", name).replace(/\/v3$/, "");
  const origin = serverOf(env);
  return githubApi(origin, new URL(origin).host);
}

/** The repository of a workflow. @throws {UsageError} when the variable cannot come from the runner. */
export function repositoryOf(env: ReadEnv): string {
  const repository = env("GITHUB_REPOSITORY") ?? "";
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository) || /(?:^|\/)\.{1,2}(?:\/|$)/.test(repository)) {
    const value = JSON.stringify(repository);
    throw new UsageError({
      attempted: "find the repository",
      why: "GITHUB_REPOSITORY must be an owner and a name",
      value,
    });
  }
  return repository;
}

function meaning(status: number, token: string, noun: "issue" | "pull request"): string | undefined {
  const needs = noun === "issue" ? 'the permission "issues: write"' : GITHUB_TOKEN_NEEDS;
  const forks = noun === "issue" ? "" : " (in a pull request of a fork it may only read)";
  if (status === 403) return `${token} may not comment, it needs ${needs}${forks}, or the conversation is locked`;
  if (status === 404) {
    return `GitHub does not show the ${noun} to ${token}, which needs ${needs}, or there is none of that number`;
  }
  if (status === 422) return `GitHub does not accept the comment, the ${noun} may be locked or have too many`;
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

/**
 * The comments of a pull request, or of an issue.
 *
 * @param rest Path of the REST API below that of the client; see `restOf`.
 */
export function githubNotes(
  client: ForgeClient,
  { repository, rest = "" }: { repository: string; rest?: string | undefined },
  { kind, number }: ThreadPlace,
): NotePlace {
  const issues = `${rest}/repos/${repository}/issues`;
  const noun = kind === "issue" ? "issue" : "pull request";
  const path = `${issues}/${number}/comments`;
  return {
    client,
    noun: "comment",
    where: `${noun} #${number}`,
    // By ascending id.
    find: (each, what, isEnough) => readList(each, what, path, rowSchema, (rows) => isEnough(rows.map(toRow))),
    userPath: `${rest}/user`,
    shorten: (summary) => shortenMarkdown(summary, MAX_COMMENT_CHARACTERS - ROOM),
    path,
    pathOf: (id) => `${issues}/comments/${id}`,
    updateMethod: "PATCH",
    reason: (status, token) => meaning(status, token, noun),
  };
}

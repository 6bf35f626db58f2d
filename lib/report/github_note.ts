/**
 * Comments on a pull request of GitHub. A pull request is an issue there, and its comments are those of the issue.
 *
 * @module
 */
import type { ReadEnv } from "../ci/platform.ts";
import { UsageError } from "../errors.ts";
import type { Answer } from "../service/answer.ts";
import { apiOf, type NotePlace, shortenMarkdown } from "./note.ts";

/** A pull request or an issue, and the API through which it is reached. */
export interface RepositoryPlace extends Pick<NotePlace, "api"> {
  /** Owner and name of the repository that it targets. */
  repository: string;
  /** Its number in that repository. */
  number: string;
}

/** Requirements of the token, for messages. Source: GitHub, "Permissions required for fine-grained personal access tokens". */
export const GITHUB_TOKEN_NEEDS = 'the permission "pull-requests: write"';

/** Most characters of a comment: GitHub answers 422 to a longer one, "Body is too long (maximum is 65536 characters)". */
const MAX_COMMENT_CHARACTERS = 65_536;

// For the marker, the name of the job, and what `shortenMarkdown` adds.
const ROOM = 2_000;

const SYSTEM = "GitHub";
const API_VARIABLE = "GITHUB_API_URL";

/**
 * A pull request of the repository of the workflow.
 *
 * @param env Reads the environment. The API is the one that the runner names, and no other.
 * @param number Number of the pull request.
 * @throws {UsageError} when it is not a number, or the value of a variable cannot come from GitHub.
 */
export function pullRequestOf(env: ReadEnv, number: string): RepositoryPlace {
  const attempted = "find the pull request";
  if (!/^[1-9]\d{0,17}$/.test(number)) {
    throw new UsageError({
      attempted,
      why: "the number must be digits",
      value: JSON.stringify(number),
    });
  }
  return { api: apiOf(env, SYSTEM, API_VARIABLE), repository: repositoryOf(env), number };
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

/** Source: GitHub, "Rate limits for the REST API": 403 and 429, the first limit by `x-ratelimit-remaining`, the second by `retry-after`. */
function isLimit({ status, headers, retryAfterMs }: Answer): boolean {
  return status === 403 && (retryAfterMs !== null || headers.get("x-ratelimit-remaining") === "0");
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

/** The comments of a pull request, or of an issue. */
export function githubComments(
  { api, repository, number }: RepositoryPlace,
  kind: "issue" | "pull" = "pull",
): NotePlace {
  const issues = `/repos/${repository}/issues`;
  const noun = kind === "issue" ? "issue" : "pull request";
  return {
    system: SYSTEM,
    noun: "comment",
    where: `${noun} #${number}`,
    api,
    apiVariable: API_VARIABLE,
    path: `${issues}/${number}/comments`,
    // Source: GitHub, "REST API endpoints for issue comments": by ascending id, and 100 is the most.
    query: "?per_page=100",
    shorten: (summary) => shortenMarkdown(summary, MAX_COMMENT_CHARACTERS - ROOM),
    updateMethod: "PATCH",
    notePath: `${issues}/comments`,
    authorKey: "user",
    programType: "Bot",
    isLimit,
    reason: (status, token) => meaning(status, token, noun),
  };
}

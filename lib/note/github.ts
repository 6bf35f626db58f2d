/**
 * Comments on a pull request of GitHub. A pull request is an issue there, and its comments are those of the issue.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { Answer } from "../http/answer.ts";
import type { ReadEnv } from "../platforms/platform.ts";
import { apiOf, explainSender, linkedQuery, type NotePlace, property } from "./note_place.ts";

/** A pull request, and the API through which it is reached. */
export interface PullRequest extends Pick<NotePlace, "api" | "host"> {
  /** Owner and name of the repository that it targets. */
  repository: string;
  /** Its number in that repository. */
  number: string;
}

/** Requirements of the token, for messages. Source: GitHub, "Permissions required for fine-grained personal access tokens". */
export const GITHUB_TOKEN_NEEDS = 'the permission "pull-requests: write"';

/** Most characters of a comment: GitHub answers 422 to a longer one, "Body is too long (maximum is 65536 characters)". */
export const MAX_COMMENT_CHARACTERS = 65_536;

const API_VARIABLE = "GITHUB_API_URL";

/**
 * A pull request of the repository of the workflow.
 *
 * @param env Reads the environment. The API is the one that the runner names, and no other.
 * @param number Number of the pull request.
 * @throws {UsageError} when the number is none, or the value of a variable cannot come from GitHub.
 */
export function pullRequestOf(env: ReadEnv, number: string): PullRequest {
  const attempted = "find the pull request";
  if (!/^[1-9]\d{0,17}$/.test(number)) {
    throw new UsageError({
      attempted,
      why: "its number has something else than digits",
      value: JSON.stringify(number),
    });
  }
  const repository = env("GITHUB_REPOSITORY") ?? "";
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository) || /(?:^|\/)\.{1,2}(?:\/|$)/.test(repository)) {
    const value = JSON.stringify(repository);
    throw new UsageError({ attempted, why: "GITHUB_REPOSITORY must be an owner and a name", value });
  }
  const api = apiOf(env(API_VARIABLE) ?? "");
  if (api !== undefined) return { ...api, repository, number };
  throw new UsageError({
    attempted: "find the API of GitHub",
    why: `${API_VARIABLE} must be an http(s) URL without user, query and fragment`,
  });
}

/** Source: GitHub, "Rate limits for the REST API": 403 and 429, the first limit by `x-ratelimit-remaining`, the second by `retry-after`. */
function isLimit({ status, headers, retryAfterMs }: Answer): boolean {
  if (status === 429) return true;
  return status === 403 && (retryAfterMs !== null || headers.get("x-ratelimit-remaining") === "0");
}

function explain(answer: Answer, token: string): string {
  const { status } = answer;
  if (isLimit(answer)) return "GitHub wants fewer requests, for longer than we may wait";
  if (status === 401) return `GitHub refuses ${token}, which is unknown, expired or revoked`;
  if (status === 403) {
    return `${token} may not comment, it needs ${GITHUB_TOKEN_NEEDS} (in a pull request of a fork it may only read), ` +
      "or the conversation is locked";
  }
  if (status === 404) {
    return `GitHub does not show the pull request to ${token}, which needs ${GITHUB_TOKEN_NEEDS}, or there is none of that number`;
  }
  if (status === 422) return "GitHub does not accept the comment, the pull request may be locked or have too many";
  return explainSender("GitHub", status, API_VARIABLE) ?? "GitHub refuses the request";
}

/** The comments of a pull request. */
export function githubComments({ api, host, repository, number }: PullRequest): NotePlace {
  const issues = `/repos/${repository}/issues`;
  return {
    system: "GitHub",
    note: `the comment on pull request #${number}`,
    where: `pull request #${number}`,
    api,
    host,
    agent: "github",
    path: `${issues}/${number}/comments`,
    // Source: GitHub, "REST API endpoints for issue comments": by ascending id, and 100 is the most.
    query: "?per_page=100",
    maxCharacters: MAX_COMMENT_CHARACTERS,
    updateMethod: "PATCH",
    pathOf: (id) => `${issues}/comments/${id}`,
    readNote(value) {
      const [id, body, user] = ["id", "body", "user"].map((name) => property(value, name));
      if (typeof id !== "number" || typeof body !== "string") return undefined;
      return { id, body, system: false, author: property(user, "id"), byProgram: property(user, "type") === "Bot" };
    },
    nextQuery: linkedQuery,
    // The job's own token may not read its user, which is a program then. People can write a comment with our marker, too.
    isOwn: ({ author, byProgram }, user) => user === null ? byProgram : author === user,
    isLimit,
    explain,
  };
}

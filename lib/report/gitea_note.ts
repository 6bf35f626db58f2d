/**
 * Comments on an issue or a pull request of Gitea or Forgejo, whose API for them is that of GitHub.
 *
 * @module
 */
import type { ReadEnv } from "../ci/platform.ts";
import { githubComments, type RepositoryPlace } from "./github_note.ts";
import { apiOf, type NotePlace } from "./note.ts";

/** Requirements of the token, for messages. Source: Gitea, "API Usage", "Scoped Tokens". */
export const GITEA_TOKEN_NEEDS = "the scopes read:user, write:issue and write:repository";

const SYSTEM = "Gitea";

/** Base of the API that the runner names. @throws {UsageError} when it cannot come from Gitea. */
export function giteaApiOf(env: ReadEnv): string {
  return apiOf(env, SYSTEM, "GITHUB_API_URL");
}

function meaning(status: number, token: string): string | undefined {
  if (status === 403) return `${token} may not comment, it needs ${GITEA_TOKEN_NEEDS}, or the conversation is locked`;
  if (status === 404) return `Gitea does not show it to ${token}, which needs ${GITEA_TOKEN_NEEDS}, or it is gone`;
  return undefined;
}

/** The comments of a thread. @param where It, for messages: `issue #7`. */
export function giteaComments(place: RepositoryPlace, where: string): NotePlace {
  return { ...githubComments(place), system: SYSTEM, where, query: "", reason: meaning };
}

/**
 * What the systems that hold the note of a job have in common: where it is, and what differs in their APIs. `gitlab.ts` and `github.ts`
 * make one each.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { Answer } from "../http/answer.ts";
import type { ReadEnv } from "../platforms/platform.ts";

/** A merge request or a pull request, and the API through which its notes are reached. */
export interface NotePlace {
  /** Name of the system, for messages and the `User-Agent`: `GitLab`. */
  readonly system: string;
  /** What a note is called there: `note`. */
  readonly noun: string;
  /** Where it is, for messages: `merge request !7`. */
  readonly where: string;
  /** Base URL of the API, without a slash at its end. It may have a path. */
  readonly api: string;
  /** Variable that the API's URL comes from, for messages. */
  readonly apiVariable: string;
  /** Header that carries the bare token. @default {undefined} (`Authorization: Bearer …`) */
  readonly tokenHeader?: string;
  /** Path of the notes below the API. A POST there makes one. */
  readonly path: string;
  /** Query of the first page of notes, the oldest first, with its question mark. */
  readonly query: string;
  /** Method that changes a note. */
  readonly updateMethod: "PUT" | "PATCH";
  /** Makes a summary short enough, with room for the rest of the note. @default every summary is */
  shorten?(summary: string): string;
  /** Path below the API that the id of a note is appended to, with a slash before it, to change that note. */
  readonly notePath: string;
  /** Property of a note that describes who wrote it, with an `id`. */
  readonly authorKey: string;
  /** The `type` of an author that is a program. @default {undefined} (authors have no type there) */
  readonly programType?: string;
  /** Whether an answer asks for fewer requests. @default only 429 does */
  isLimit?(answer: Answer): boolean;
  /**
   * What a status above 401 means to this system, as a clause; undefined if it has no meaning of its own.
   *
   * @param token The token for messages: `the token in variable GITLAB_TOKEN`.
   */
  reason(status: number, token: string): string | undefined;
}

/**
 * The API that the CI system names.
 *
 * @param name Variable with its URL: http or https, without user, query and fragment.
 * @returns Base URL without a slash at its end.
 * @throws {UsageError} when it is something else.
 */
export function apiOf(env: ReadEnv, system: string, name: string): string {
  const text = env(name) ?? "";
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && !/[?#@]/.test(text)) {
    return url.origin + url.pathname.replace(/\/+$/, "");
  }
  throw new UsageError({
    attempted: `find the API of ${system}`,
    why: `${name} must be an http(s) URL without user, query and fragment`,
  });
}

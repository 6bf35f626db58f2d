/**
 * What the systems that hold the note of a job have in common: where it is, and what differs in their APIs. `gitlab.ts` and `github.ts`
 * make one each.
 *
 * @module
 */
import type { Answer } from "../http/answer.ts";

/** A note as a system shows it. */
export interface Note {
  /** Its id. */
  id: number;
  /** Its text in Markdown. */
  body: string;
  /** Whether the system wrote it by itself, as a remark on a change. */
  system: boolean;
  /** Id of the user who wrote it; undefined if the answer does not say it. */
  author: unknown;
  /** Whether that user is a program. */
  byProgram: boolean;
}

/** A merge request or a pull request, and the API through which its notes are reached. */
export interface NotePlace {
  /** Name of the system, for messages: `GitLab`. */
  readonly system: string;
  /** The note and where it is, for messages, after "find": `the note on merge request !7`. */
  readonly note: string;
  /** Where it is, for messages: `merge request !7`. */
  readonly where: string;
  /** Base URL of the API, without a slash at its end. It may have a path. */
  readonly api: string;
  /** Host of the API, with the port if it is not the default one. */
  readonly host: string;
  /** Name of the CI system in the `User-Agent`. */
  readonly agent: string;
  /** Header that carries the bare token. @default {undefined} (`Authorization: Bearer …`) */
  readonly tokenHeader?: string;
  /** Path of the notes below the API. A POST there makes one. */
  readonly path: string;
  /** Query of the first page of notes, the oldest first, with its question mark. */
  readonly query: string;
  /** Most characters of a note. */
  readonly maxCharacters: number;
  /** Method that changes a note. */
  readonly updateMethod: "PUT" | "PATCH";
  /** Path of one note below the API. */
  pathOf(id: number): string;
  /** Reads a note from the value of an answer; undefined if it is none. */
  readNote(value: unknown): Note | undefined;
  /** Query of the page after the one that this query asked for; undefined after the last one. */
  nextQuery(answer: Answer, query: string): string | undefined;
  /**
   * Whether the token's user wrote a note. Anybody can copy our marker, but we must only update notes of our own.
   *
   * @param user Id of that user; null if the token may not read it.
   */
  isOwn(note: Note, user: number | null): boolean;
  /** Whether an answer asks for fewer requests. */
  isLimit(answer: Answer): boolean;
  /**
   * Why a request failed, as a clause.
   *
   * @param token The token for messages: `the token in variable GITLAB_TOKEN`.
   */
  explain(answer: Answer, token: string): string;
}

/** A property of a value that came from outside; undefined if it has none. */
export function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/**
 * Query of the next page by the header `Link`. Only its query is used: behind a proxy the host may be wrong, and the token must not be sent
 * elsewhere. Source: RFC 8288; GitLab, "Pagination"; GitHub, "Using pagination in the REST API".
 */
export function linkedQuery({ headers }: Answer): string | undefined {
  const link = /<([^<>]*)>[^,<]*;\s*rel="?next\b/.exec(headers.get("link") ?? "")?.[1] ?? "";
  return URL.canParse(link) ? new URL(link).search : undefined;
}

/**
 * Base of an API by the URL that the CI system has given.
 *
 * @param text The URL: http or https, without user, query and fragment.
 * @returns Base URL without a slash at its end, and its host; undefined when it is something else.
 */
export function apiOf(text: string): Pick<NotePlace, "api" | "host"> | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || /[?#@]/.test(text)) return undefined;
  return { api: url.origin + url.pathname.replace(/\/+$/, ""), host: url.host };
}

/** What an answer says of the sender rather than of the request; undefined for anything else. */
export function explainSender(system: string, status: number, apiVariable: string): string | undefined {
  if (status >= 500) return `${system} is in trouble`;
  if (status >= 300 && status < 400) return "the answer is a redirect, which would lose the token";
  if (status < 300) return `the answer is not that of ${system}'s API, check ${apiVariable} and what lies between`;
  return undefined;
}

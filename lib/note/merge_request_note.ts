/**
 * The note on the merge request of a GitLab pipeline. Each job has one note: it is found by a hidden marker and updated in place.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { ApiError, MogplexError, NetworkError } from "../errors.ts";
import type { Answer } from "../http/answer.ts";
import { TimedOut, withLimit } from "../http/attempt.ts";
import type { Fetch } from "../http/transport.ts";
import { sha256Hex } from "../sha256.ts";
import { createGitlabApi, type GitlabApi, type MergeRequest } from "./gitlab_api.ts";

/** Most characters of a note. Source: gitlabhq, lib/gitlab/database.rb, `MAX_TEXT_SIZE_LIMIT`. */
export const MAX_NOTE_CHARACTERS = 1_000_000;

/** Longest time for the whole note, in milliseconds: the end of the job waits for it. */
export const NOTE_MS = 15_000;

const ATTEMPT_MS = 5_000;
// Pages times size is the most comments that a merge request can have.
// Source: GitLab, "Application limits": 5,000; "Pagination": 100 a page.
const PAGE_SIZE = 100;
const MAX_PAGES = 50;
// Most posts with an unknown outcome, and the wait before we look for the note, in milliseconds, times the number of the post.
const MAX_ROUNDS = 3;
const ROUND_MS = 1_000;

/** Options of {@linkcode writeNote}. */
export interface NoteOptions {
  /** Access token of GitLab. */
  token: string;
  /** Name of the variable that holds it, for messages. */
  tokenVariable: string;
  /** Sends requests. @default the global `fetch` */
  fetch?: Fetch | undefined;
  /** Time. */
  clock: Clock;
  /** Random numbers from 0 up to 1, for jitter. @default {Math.random} */
  random?: (() => number) | undefined;
}

/** A note that was written. GitLab's API does not return its URL. */
export interface WrittenNote {
  /** Id of the note. */
  id: number;
  /** Whether it existed before. */
  updated: boolean;
}

interface Note {
  id: number;
  body: string;
  system: boolean;
  author: unknown;
}

interface Page {
  notes: Note[];
  /** Query of the next page; undefined on the last one. */
  next: string | undefined;
}

/** A post failed, but GitLab may have made the note. */
class Unknown extends Error {}

/**
 * The first line of a job's note, by which it is found again: an HTML comment, which readers do not see. It contains a hash of the
 * job's name, since a name may contain any text.
 *
 * @param job Name of the job.
 * @param node Node of a matrix or of parallel copies; an empty string if there is none.
 */
export async function noteMarker(job: string, node: string): Promise<string> {
  return `<!-- mogplex:${(await sha256Hex(JSON.stringify([job, node]))).slice(0, 40)} -->`;
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function readNote(value: unknown): Note | undefined {
  const [id, body, system] = ["id", "body", "system"].map((name) => property(value, name));
  if (typeof id !== "number" || typeof body !== "string") return undefined;
  return { id, body, system: system === true, author: property(property(value, "author"), "id") };
}

/**
 * Query of the next page. Only the query of a `Link` is used: behind a proxy its host may be wrong.
 * Source: GitLab, "Pagination": `x-next-page` is empty on the last page; keyset pagination has `Link` only.
 */
function nextQuery({ headers }: Answer, query: string): string | undefined {
  const page = headers.get("x-next-page");
  if (page !== null) {
    if (!/^\d+$/.test(page)) return undefined;
    const next = new URLSearchParams(query);
    next.set("page", page);
    return `?${next}`;
  }
  const link = /<([^<>]*)>[^,<]*;\s*rel="?next\b/.exec(headers.get("link") ?? "")?.[1] ?? "";
  return URL.canParse(link) ? new URL(link).search : undefined;
}

class NoteWriter {
  readonly #api: GitlabApi;
  readonly #path: string;
  readonly #name: string;
  #author: Promise<number | null> | undefined;

  constructor(api: GitlabApi, { project, iid }: MergeRequest) {
    this.#api = api;
    this.#path = `/projects/${project}/merge_requests/${iid}/notes`;
    this.#name = `the note on merge request !${iid}`;
  }

  /** Id of our oldest note with the marker; undefined if there is none. */
  async find(marker: string): Promise<number | undefined> {
    let query: string | undefined = `?${new URLSearchParams({
      sort: "asc",
      order_by: "created_at",
      activity_filter: "only_comments",
      per_page: String(PAGE_SIZE),
    })}`;
    for (let page = 1; query !== undefined; page++) {
      if (page > MAX_PAGES) {
        const most = MAX_PAGES * PAGE_SIZE;
        const problem = { attempted: `find ${this.#name}`, why: `the merge request has more than ${most} notes` };
        throw new MogplexError(problem, "unavailable");
      }
      const { notes, next }: Page = await this.#page(query);
      for (const note of notes) {
        if (!note.system && note.body.startsWith(marker) && await this.#isOwn(note)) return note.id;
      }
      query = next;
    }
    return undefined;
  }

  #page(query: string): Promise<Page> {
    return this.#api.call({
      what: `find ${this.#name}`,
      method: "GET",
      path: this.#path + query,
      read: (value, answer) =>
        Array.isArray(value)
          ? { notes: value.map(readNote).filter((note) => note !== undefined), next: nextQuery(answer, query) }
          : undefined,
    });
  }

  /** Whether the token's user wrote a note. Anybody can copy our marker, but we must only update notes of our own. */
  async #isOwn({ author }: Note): Promise<boolean> {
    this.#author ??= this.#whoAmI();
    const me = await this.#author;
    return me === null || author === me;
  }

  /** Id of the token's user; null if the token may not read it. Then the marker alone identifies a note. */
  async #whoAmI(): Promise<number | null> {
    try {
      return await this.#api.call({
        what: `find ${this.#name}`,
        method: "GET",
        path: "/user",
        read(value) {
          const id = property(value, "id");
          return typeof id === "number" ? id : undefined;
        },
      });
    } catch (error) {
      if (error instanceof ApiError && [403, 404].includes(error.status)) return null;
      throw error;
    }
  }

  async update(id: number, body: string): Promise<WrittenNote> {
    const what = `update ${this.#name}`;
    await this.#api.call({ what, method: "PUT", path: `${this.#path}/${id}`, body: { body }, read: readNote });
    return { id, updated: true };
  }

  /** @throws {Unknown} when GitLab may have made the note although the request failed. */
  async create(body: string): Promise<WrittenNote> {
    const { id } = await this.#api.call({
      what: `create ${this.#name}`,
      method: "POST",
      path: this.#path,
      body: { body },
      read: readNote,
      onFailure(error) {
        const refused = error instanceof ApiError && error.status >= 300 && error.status < 500 && error.status !== 408;
        return refused ? Promise.resolve() : Promise.reject(new Unknown(error.message, { cause: error }));
      },
    });
    return { id, updated: false };
  }
}

/** Posting is not idempotent: after a post with an unknown outcome, look for the note before posting again. */
async function writeOnce(writer: NoteWriter, marker: string, body: string, wait: (ms: number) => Promise<void>) {
  for (let round = 1;; round++) {
    const id = await writer.find(marker);
    if (id !== undefined) return await writer.update(id, body);
    try {
      return await writer.create(body);
    } catch (error) {
      if (!(error instanceof Unknown)) throw error;
      if (round === MAX_ROUNDS) throw error.cause;
    }
    await wait(ROUND_MS * round);
  }
}

/**
 * Writes the note of a job: updates our oldest note that begins with the marker, or makes one. Takes at most 15 seconds.
 *
 * @param marker Result of {@linkcode noteMarker}.
 * @param text Markdown in which untrusted text is harmless; with the marker at most {@linkcode MAX_NOTE_CHARACTERS}.
 * @returns What was written.
 * @throws {MogplexError} when the note could not be written in time, or GitLab refuses it.
 */
export async function writeNote(
  place: MergeRequest,
  marker: string,
  text: string,
  options: NoteOptions,
): Promise<WrittenNote> {
  const { clock } = options;
  const deadline = clock.now() + NOTE_MS;
  try {
    return await withLimit(
      (signal) => {
        const limits = { signal, deadline, requestTimeoutMs: ATTEMPT_MS };
        const writer = new NoteWriter(createGitlabApi(place.api, { ...options, limits }), place);
        return writeOnce(writer, marker, `${marker}\n\n${text}`, (ms) => clock.sleep(ms, { signal }));
      },
      { clock, limitMs: NOTE_MS, signal: undefined },
    );
  } catch (error) {
    if (!(error instanceof TimedOut)) throw error;
    throw new NetworkError({
      attempted: `write the note on merge request !${place.iid}`,
      why: `GitLab took longer than ${NOTE_MS / 1000} seconds`,
    });
  }
}

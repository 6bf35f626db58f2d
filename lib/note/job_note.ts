/**
 * The note of a job on a merge request or a pull request. Each job has one note: it is found by a hidden marker and updated in place.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { ApiError, MogplexError, NetworkError } from "../errors.ts";
import type { Answer } from "../http/answer.ts";
import { TimedOut, withLimit } from "../http/attempt.ts";
import type { Fetch } from "../http/transport.ts";
import { sha256Hex } from "../sha256.ts";
import { createNoteClient, type NoteClient } from "./note_client.ts";
import type { NotePlace } from "./note_place.ts";

/** Longest time for the whole note, in milliseconds: the end of the job waits for it. */
export const NOTE_MS = 15_000;

const ATTEMPT_MS = 5_000;
// Pages of 100. Source: GitLab, "Application limits": a merge request can have 5,000 comments; GitHub names 2,500 for an issue.
const MAX_PAGES = 50;
// Most posts with an unknown outcome, and the wait before we look for the note, in milliseconds, times the number of the post.
const MAX_ROUNDS = 3;
const ROUND_MS = 1_000;

/** Options of {@linkcode writeNote}. */
export interface NoteOptions {
  /** Access token of the system. */
  token: string;
  /** Where it was found, for messages: `variable GITLAB_TOKEN`. */
  tokenPlace: string;
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
  /** Whether the system wrote it by itself, as a remark on a change. */
  system: boolean;
  /** Who wrote it. */
  author: unknown;
}

interface Page {
  notes: Note[];
  /** Query of the next page; undefined on the last one. */
  next: string | undefined;
}

/** A property of a value that came from outside; undefined if it has none. */
function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/**
 * Query of the page after the one that this query asked for; undefined after the last one. Of `Link` only the query is used: behind a proxy the
 * host may be wrong, and the token must not be sent elsewhere. Source: RFC 8288; GitLab, "Pagination": `x-next-page` is empty on the last page,
 * keyset pagination has `Link` only; GitHub, "Using pagination in the REST API": `Link`.
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

/** A post failed, but the system may have made the note. */
class Unknown extends Error {}

/**
 * The first line of a job's note, by which it is found again: an HTML comment, which readers do not see. It contains a hash of the
 * job's name, since a name may contain any text.
 *
 * @param job Name of the job.
 * @param node Node of a matrix or of parallel copies; an empty string if there is none.
 */
export function noteMarker(job: string, node: string): string {
  return `<!-- mogplex:${sha256Hex(JSON.stringify([job, node])).slice(0, 40)} -->`;
}

class NoteWriter {
  readonly #client: NoteClient;
  readonly #place: NotePlace;
  #user: Promise<number | null> | undefined;

  constructor(client: NoteClient, place: NotePlace) {
    this.#client = client;
    this.#place = place;
  }

  /** Id of our oldest note with the marker; undefined if there is none. */
  async find(marker: string): Promise<number | undefined> {
    const { where } = this.#place;
    let query: string | undefined = this.#place.query;
    for (let page = 1; query !== undefined; page++) {
      if (page > MAX_PAGES) {
        const why = `${where} has more than ${MAX_PAGES * 100} comments`;
        throw new MogplexError({ attempted: `find the ${this.#place.noun} on ${where}`, why }, "unavailable");
      }
      const { notes, next }: Page = await this.#page(query);
      for (const each of notes) {
        if (!each.system && each.body.startsWith(marker) && await this.#isOwn(each)) return each.id;
      }
      query = next;
    }
    return undefined;
  }

  readonly #read = (value: unknown): Note | undefined => {
    const [id, body, system, author] = ["id", "body", "system", this.#place.authorKey].map((name) =>
      property(value, name)
    );
    if (typeof id !== "number" || typeof body !== "string") return undefined;
    return { id, body, system: system === true, author };
  };

  #page(query: string): Promise<Page> {
    const { path } = this.#place;
    return this.#client.call({
      verb: "find",
      method: "GET",
      path: path + query,
      read: (value, answer) =>
        Array.isArray(value)
          ? { notes: value.map(this.#read).filter((each) => each !== undefined), next: nextQuery(answer, query) }
          : undefined,
    });
  }

  /** Whether the token's user wrote a note. Anybody can copy our marker, but we must only update notes of our own. */
  async #isOwn({ author }: Note): Promise<boolean> {
    this.#user ??= this.#whoAmI();
    const user = await this.#user;
    // The token of a GitHub job may not read its user, which is a program then.
    return user === null ? property(author, "type") === this.#place.programType : property(author, "id") === user;
  }

  /** Id of the token's user; null if the token may not read it. */
  async #whoAmI(): Promise<number | null> {
    try {
      return await this.#client.call({
        verb: "find",
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
    const { notePath, updateMethod: method } = this.#place;
    await this.#client.call({ verb: "update", method, path: `${notePath}/${id}`, body: { body }, read: this.#read });
    return { id, updated: true };
  }

  /** @throws {Unknown} when the system may have made the note although the request failed. */
  async create(body: string): Promise<WrittenNote> {
    const { id } = await this.#client.call({
      verb: "create",
      method: "POST",
      path: this.#place.path,
      body: { body },
      read: this.#read,
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
 * @param text Markdown in which untrusted text is harmless; with the marker not too long for the place.
 * @returns What was written.
 * @throws {MogplexError} when the note could not be written in time, or the system refuses it.
 */
export async function writeNote(
  place: NotePlace,
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
        const writer = new NoteWriter(createNoteClient(place, { ...options, limits }), place);
        return writeOnce(writer, marker, `${marker}\n\n${text}`, (ms) => clock.sleep(ms, { signal }));
      },
      { clock, limitMs: NOTE_MS, signal: undefined },
    );
  } catch (error) {
    if (!(error instanceof TimedOut)) throw error;
    const why = `${place.system} took longer than ${NOTE_MS / 1000} seconds`;
    throw new NetworkError({ attempted: `write the ${place.noun} on ${place.where}`, why });
  }
}

/**
 * The note of a job on a merge request or a pull request. Each job has one note: it is found by a hidden marker and updated in place.
 *
 * @module
 */
import type { ReadEnv } from "../ci/platform.ts";
import type { Clock } from "../clock.ts";
import {
  ApiError,
  BodyTooLargeError,
  MogplexError,
  NetworkError,
  RateLimitedError,
  UnavailableError,
  UsageError,
} from "../errors.ts";
import { parseJson } from "../lookup.ts";
import { type Answer, describeAnswer, factsOf, TimedOut, withLimit } from "../service/answer.ts";
import { type CallOptions, callWithin } from "../service/retry.ts";
import { newTokenMemory } from "../service/memory.ts";
import { createTransport, type Fetch, userAgent, type Verdict } from "../service/transport.ts";
import { sha256Hex } from "../sha256.ts";
import { markdownBlock } from "../text/escape.ts";
import { cutText } from "../text/plain_text.ts";
import type { Redactor } from "../text/redact.ts";

// What the systems that hold the note of a job have in common: where it is, and what differs in their APIs.
// `gitlab_note.ts` and `github_note.ts` make one each.

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
  /** Finds our oldest note with a marker where a page of notes is too large for one answer. @default it is not found then */
  readonly findInParts?: (marker: string) => Promise<FoundNote | undefined>;
  /** Method that changes a note. */
  readonly updateMethod: "PUT" | "PATCH";
  /** Most times that a note about one run is changed, in all jobs of that run: where each change starts a pipeline. @default any number */
  readonly maxEdits?: number;
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

// Calls the API of the system that holds a note: sends, judges and repeats.

/** Options of {@linkcode createNoteClient}. */
interface NoteClientOptions {
  /** Access token of the system. It is sent to the host of the API and nowhere else. */
  token: string;
  /** Where the token was found, for messages: `variable GITLAB_TOKEN`. */
  tokenPlace: string;
  /** Sends requests. @default the global `fetch` */
  fetch?: Fetch | undefined;
  clock: Clock;
  /** Limits of every call. */
  limits: CallOptions;
  /** Random numbers from 0 up to 1, for jitter. @default {Math.random} */
  random?: (() => number) | undefined;
}

interface NoteCall<T> {
  /** What is done to the note, for messages. */
  verb: "find" | "update" | "create";
  /** `GET`, `PUT`, `PATCH` or `POST`. */
  method: string;
  /** Path and query below the API, with a slash at its start. */
  path: string;
  /** Body, sent as JSON. @default {undefined} (no body) */
  body?: unknown;
  /** Reads the value from the JSON of a 2xx answer; undefined if it is not an answer of the API. */
  read(value: unknown, answer: Answer): T | undefined;
  /** Called after each failed attempt. If it throws, the call ends with that error. */
  onFailure?: (error: MogplexError) => Promise<void>;
}

/** Calls one server. */
interface NoteClient {
  /**
   * Sends a request, and repeats it as long as that can help.
   *
   * @throws {ApiError | NetworkError | BodyTooLargeError} when the last attempt failed; `signal.reason` if the signal in the limits
   * aborts.
   */
  call<T>(call: NoteCall<T>): Promise<T>;
}

/** Why a request failed, as a clause, and the class by which `failureOf` decides on a retry. A 401 is not retried: there is little time. */
function meaningOf(place: NotePlace, answer: Answer, token: string): [why: string, errorClass: typeof ApiError] {
  const { system, apiVariable } = place;
  const { status } = answer;
  if (status === 429 || place.isLimit?.(answer)) {
    return [`${system} wants fewer requests, for longer than we may wait`, RateLimitedError];
  }
  if (status >= 500) return [`${system} is in trouble`, UnavailableError];
  if (status < 300) {
    return [`the answer is not that of ${system}'s API, check ${apiVariable} and what lies between`, UnavailableError];
  }
  if (status < 400) return ["the answer is a redirect, which would lose the token", ApiError];
  if (status === 401) return [`${system} refuses ${token}, which is unknown, expired or revoked`, ApiError];
  const passes = status === 408 || status === 425;
  return [place.reason(status, token) ?? `${system} refuses the request`, passes ? UnavailableError : ApiError];
}

/** Makes the client of a place's API. */
function createNoteClient(place: NotePlace, options: NoteClientOptions): NoteClient {
  const { token, tokenPlace, fetch, clock, limits, random = Math.random } = options;
  const { api, system, tokenHeader } = place;
  const transport = createTransport({
    token,
    tokenHeader,
    origin: new URL(api).origin,
    fetch,
    clock,
    userAgent: userAgent(system.toLowerCase()),
  });
  const world = { clock, onNotice: undefined, random, memory: newTokenMemory() };

  function judge<T>({ verb, read }: NoteCall<T>, answer: Answer, redact: Redactor): Verdict<T> {
    const good = answer.status >= 200 && answer.status < 300;
    const value = good ? read(parseJson(answer.text), answer) : undefined;
    if (value !== undefined) return { ok: true, value };
    const facts = factsOf(answer, null, redact);
    const [reason, errorClass] = meaningOf(place, answer, `the token in ${tokenPlace}`);
    const why = `${reason} (${describeAnswer(answer, facts, redact)})`;
    const error = new errorClass(
      { attempted: `${verb} the ${place.noun} on ${place.where}`, why },
      "unavailable",
      facts,
    );
    return { ok: false, error };
  }

  return {
    call(call) {
      const what = `${call.verb} the ${place.noun} on ${place.where}`;
      return callWithin(world, { what, options: limits, onFailure: call.onFailure }, (each) =>
        transport.call({
          what,
          send: (send) =>
            send(api + call.path, {
              method: call.method,
              // Close each connection: Deno repeats a request, even a POST, if a reused connection is lost (measured on 2.9).
              headers: { Connection: "close", ...(call.body !== undefined && { "Content-Type": "application/json" }) },
              body: call.body === undefined ? null : JSON.stringify(call.body),
            }),
          judge: (answer) => judge(call, answer, transport.redact),
        }, each));
    },
  };
}

/** Longest time for the whole note, in milliseconds: the end of the job waits for it. */
const NOTE_MS = 15_000;

/** Shortest time between two changes of a note while its job goes on, in milliseconds. */
const EDIT_MS = 60_000;

/**
 * Counts a change of a note.
 *
 * @param before How often it was changed about the same run, as it says itself; null when there is none, undefined where it is not looked for.
 * @returns How often it was changed then; null when it is to stay as it is.
 */
export type CountEdit = (before: number | null | undefined) => number | null;

/**
 * A note that is written when its job begins, is changed while that goes on, and says at the end what came of it. Where each change starts a
 * pipeline there are few changes, those of earlier attempts of the job among them; the last one is never left out.
 */
export class LivingNote<T> {
  readonly #write: (content: T, count: CountEdit) => Promise<WrittenNote>;
  readonly #clock: Clock;
  readonly #maxEdits: number;
  #writing: Promise<WrittenNote | undefined> = Promise.resolve(undefined);
  /** How often the note was changed about this run; undefined until it was looked for. */
  #edits: number | undefined;
  #editedAt = -Infinity;
  #isBegun = false;
  #isEnded = false;

  constructor(
    place: Pick<NotePlace, "maxEdits">,
    clock: Clock,
    write: (content: T, count: CountEdit) => Promise<WrittenNote>,
  ) {
    this.#write = write;
    this.#clock = clock;
    this.#maxEdits = place.maxEdits ?? Infinity;
  }

  get isBegun(): boolean {
    return this.#isBegun;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Writes the first text. @throws what writing it throws. */
  async begin(content: T): Promise<WrittenNote> {
    this.#isBegun = true;
    this.#editedAt = this.#clock.now();
    const written = this.#write(content, (before) => this.#count(before));
    this.#writing = written.catch(() => undefined);
    return await written;
  }

  #count(before: number | null | undefined, isEnd = false): number | null {
    this.#edits ??= before ?? 0;
    // It is made, and not changed.
    if (before === null) return this.#edits;
    // The end has to remain possible.
    return isEnd || this.#edits + 1 < this.#maxEdits ? ++this.#edits : null;
  }

  /**
   * Changes the text, unless that was done a moment ago or often enough.
   *
   * @param matters It holds what others have to find.
   * @returns whether the text is being changed.
   */
  change(content: () => T, matters = false): boolean {
    if (this.#isEnded) return false;
    const now = this.#clock.now();
    if ((this.#edits ?? 0) + 1 >= this.#maxEdits || !matters && now - this.#editedAt < EDIT_MS) return false;
    this.#editedAt = now;
    // What fails here is written again at the end, which tells of it.
    const write = () => this.#write(content(), (before) => this.#count(before));
    this.#writing = this.#writing.then(write).catch(() => undefined);
    return true;
  }

  /** Writes the last text, behind whatever is being written. @throws what writing it throws. */
  async end(content: T): Promise<WrittenNote> {
    this.#isEnded = true;
    await this.#writing;
    return await this.#write(content, (before) => this.#count(before, true));
  }
}

const ATTEMPT_MS = 5_000;
// Pages of 100. Source: GitLab, "Application limits": a merge request can have 5,000 comments; GitHub names 2,500 for an issue.
const MAX_PAGES = 50;
// Most posts with an unknown outcome, and the wait before we look for the note, in milliseconds, times the number of the post.
const MAX_ROUNDS = 3;
const ROUND_MS = 1_000;

/** Options of {@linkcode writeNote}. */
interface NoteOptions {
  /** Access token of the system. */
  token: string;
  /** Where it was found, for messages: `variable GITLAB_TOKEN`. */
  tokenPlace: string;
  /** Sends requests. @default the global `fetch` */
  fetch?: Fetch | undefined;
  clock: Clock;
  /** Random numbers from 0 up to 1, for jitter. @default {Math.random} */
  random?: (() => number) | undefined;
  /** Id of the note, where it was written before: it is not looked for. @default {undefined} */
  id?: number | undefined;
  /** Whether it is the last text: where the note has been deleted meanwhile, another one is looked for, and else made. @default {false} */
  isEnd?: boolean | undefined;
  /** Most time for all of it, in milliseconds. @default {15_000} */
  limitMs?: number | undefined;
}

/** A note of ours as it stands there. */
export interface FoundNote {
  id: number;
  body: string;
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

  /** Our oldest note with the marker; undefined if there is none. */
  async find(marker: string): Promise<FoundNote | undefined> {
    const { findInParts } = this.#place;
    try {
      return await this.#findInPages(marker);
    } catch (error) {
      if (!(error instanceof BodyTooLargeError) || findInParts === undefined) throw error;
      return await findInParts(marker);
    }
  }

  async #findInPages(marker: string): Promise<FoundNote | undefined> {
    const { where } = this.#place;
    let query: string | undefined = this.#place.query;
    for (let page = 1; query !== undefined; page++) {
      if (page > MAX_PAGES) {
        const why = `${where} has more than ${MAX_PAGES * 100} comments`;
        throw new MogplexError({ attempted: `find the ${this.#place.noun} on ${where}`, why }, "unavailable");
      }
      const { notes, next }: Page = await this.#page(query);
      for (const each of notes) {
        if (!each.system && each.body.startsWith(marker) && await this.#isOwn(each)) return each;
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

  /** Whether the token's user wrote a note. Any user can copy our marker, and we must update only our own notes. */
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

/**
 * Makes the text of a note.
 *
 * @param before The note as it is; null when there is none, undefined where it is not looked for.
 * @returns Null to leave the note as it is.
 */
export type NoteText = (before: string | null | undefined) => string | null;

const bodyOf = (marker: string, text: string) => `${marker}\n\n${text}`;

async function updateNote(writer: NoteWriter, id: number, marker: string, text: string | null): Promise<WrittenNote> {
  return text === null ? { id, updated: true } : await writer.update(id, bodyOf(marker, text));
}

/** Posting is not idempotent: after a post with an unknown outcome, look for the note before posting again. */
async function writeOnce(writer: NoteWriter, marker: string, text: NoteText, wait: (ms: number) => Promise<void>) {
  for (let round = 1;; round++) {
    const found = await writer.find(marker);
    if (found !== undefined) return await updateNote(writer, found.id, marker, text(found.body));
    try {
      return await writer.create(bodyOf(marker, text(null) ?? ""));
    } catch (error) {
      if (!(error instanceof Unknown)) throw error;
      if (round === MAX_ROUNDS) throw error.cause;
    }
    await wait(ROUND_MS * round);
  }
}

/**
 * Writes the note of a job: updates our oldest note that begins with the marker, or makes one. Takes no longer than the limit.
 *
 * @param marker Result of {@linkcode noteMarker}.
 * @param text Makes Markdown in which untrusted text is harmless; with the marker not too long for the place.
 * @returns What was written.
 * @throws {MogplexError} when the note could not be written in time, or the system refuses it.
 */
export async function writeNote(
  place: NotePlace,
  marker: string,
  text: NoteText,
  options: NoteOptions,
): Promise<WrittenNote> {
  const { clock, limitMs = NOTE_MS } = options;
  const deadline = clock.now() + limitMs;
  try {
    return await withLimit(
      (signal) => {
        const limits = { signal, deadline, requestTimeoutMs: ATTEMPT_MS };
        const writer = new NoteWriter(createNoteClient(place, { ...options, limits }), place);
        const { id, isEnd = false } = options;
        const wait = (ms: number) => clock.sleep(ms, { signal });
        if (id === undefined) return writeOnce(writer, marker, text, wait);
        const known = text(undefined);
        return updateNote(writer, id, marker, known).catch((error) => {
          const isGone = error instanceof ApiError && error.status === 404;
          if (isEnd && isGone) return writeOnce(writer, marker, () => known, wait);
          throw error;
        });
      },
      { clock, limitMs, signal: undefined },
    );
  } catch (error) {
    if (!(error instanceof TimedOut)) throw error;
    const why = `${place.system} took longer than ${limitMs / 1000} seconds`;
    throw new NetworkError({ attempted: `write the ${place.noun} on ${place.where}`, why });
  }
}

// Shortens a summary for a system whose notes are small. Untrusted text is code in a summary, and must still be code in what is left: text
// is cut inside of blocks of code alone, and everything else is kept or left out by whole lines.

/** Most UTF-16 units of each block of code: the first size with which the summary fits. */
const BLOCK_SIZES = [20_000, 2_000, 500];

/** A line, or the text of a block of code. */
type Part = string | { code: string };

/** Characters as the strictest system counts them: code points, and two for a line break. */
function lengthOf(text: string): number {
  return [...text].length + text.split("\n").length;
}

/** Takes apart what `markdownBlock` has put together. */
function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  let block: { end: string; lines: string[] } | undefined;
  for (const line of text.split("\n")) {
    const fence = /^ (`{3,})text$/.exec(line)?.[1];
    if (block === undefined && fence !== undefined) block = { end: ` ${fence}`, lines: [] };
    else if (block === undefined) parts.push(line);
    else if (line !== block.end) block.lines.push(line.slice(1));
    else {
      parts.push({ code: block.lines.join("\n") });
      block = undefined;
    }
  }
  return parts;
}

/** The first texts that fit. */
function firstOf(texts: readonly string[], limit: number): string[] {
  let left = limit;
  const end = texts.findIndex((text) => (left -= lengthOf(text) + 1) < 0);
  return [...texts.slice(0, end), "", "…", ""];
}

/**
 * Shortens Markdown that has untrusted text in code alone: in blocks of `markdownBlock`, and in spans that end on their line. A text that
 * fits stays as it is. Otherwise long blocks are cut, and if that is not enough, the end is left out, which a line with `…` shows.
 *
 * @param limit Most characters, where a line break counts for two. The line with `…` comes on top.
 */
export function shortenMarkdown(text: string, limit: number): string {
  if (lengthOf(text) <= limit) return text;
  const parts = partsOf(text);
  let texts: string[] = [];
  for (const size of BLOCK_SIZES) {
    texts = parts.map((part) => typeof part === "string" ? part : markdownBlock(cutText(part.code, size)));
    const short = texts.join("\n");
    if (lengthOf(short) <= limit) return short;
  }
  return firstOf(texts, limit).join("\n");
}

import * as z from "zod/mini";
import type { Clock } from "../clock.ts";
import { ApiError, MogplexError, NetworkError } from "../errors.ts";
import { TimedOut, withLimit } from "../service/answer.ts";
import { sha256Hex } from "../sha256.ts";
import { type ForgeClient, isLost } from "./client.ts";

export interface NoteRow {
  id: number;
  text: string;
  author: number | null;
  /** Whether the author can be a bot whose token cannot read its own user. */
  mayBeProgram: boolean;
}

export interface NotePlace {
  readonly client: ForgeClient;
  readonly noun: string;
  readonly where: string;
  /** Reads comments, oldest first, until `isEnough` returns `true`. */
  find(
    client: ForgeClient,
    what: string,
    isEnough: (rows: readonly NoteRow[]) => Promise<boolean>,
  ): Promise<{ readonly isWhole: boolean }>;
  readonly userPath: string;
  readonly path: string;
  pathOf(id: number): string;
  readonly updateMethod: "PUT" | "PATCH";
  /** Maximum number of edits of a note about one run, counted over all jobs of that run. Set if each edit starts a pipeline. */
  readonly maxEdits?: number;
  shorten?(summary: string): string;
  reason(status: number, token: string): string | undefined;
}

const EDIT_MS = 60_000;

/**
 * Counts an edit of a note.
 * @param before Number of earlier edits about the same run, read from the note; `null` if there is no note; `undefined` if the note is not read.
 * @param isKept Whether the note stays unchanged, regardless of the number.
 * @returns The new number of edits; `null` to leave the note unchanged.
 */
export type CountEdit = (before: number | null | undefined, isKept?: boolean) => number | null;

/** The limit on edits includes edits by earlier attempts of the job. The final edit is always made. */
export class LivingNote<T> {
  readonly #write: (content: T, count: CountEdit) => Promise<WrittenNote>;
  readonly #clock: Clock;
  readonly #maxEdits: number;
  #writing: Promise<WrittenNote | undefined> = Promise.resolve(undefined);
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

  async begin(content: T): Promise<WrittenNote> {
    this.#isBegun = true;
    this.#editedAt = this.#clock.now();
    const written = this.#write(content, (before, isKept) => this.#count(before, { isKept }));
    this.#writing = written.catch(() => undefined);
    return await written;
  }

  #count(before: number | null | undefined, { isEnd = false, isKept = false } = {}): number | null {
    this.#edits ??= before ?? 0;
    if (isKept) return null;
    // A note that does not exist yet is created, not edited.
    if (before === null) return this.#edits;
    // Reserve one edit for the final text.
    return isEnd || this.#edits + 1 < this.#maxEdits ? ++this.#edits : null;
  }

  /** @param matters Whether the text contains data that other programs need to find. */
  change(content: () => T, matters = false): boolean {
    if (this.#isEnded) return false;
    const now = this.#clock.now();
    if ((this.#edits ?? 0) + 1 >= this.#maxEdits || !matters && now - this.#editedAt < EDIT_MS) return false;
    this.#editedAt = now;
    // A failure is reported at the end, when the note is written again.
    const write = () => this.#write(content(), (before) => this.#count(before));
    this.#writing = this.#writing.then(write).catch(() => undefined);
    return true;
  }

  /** Resets the number of edits, because the note is now about another run. */
  renew(): void {
    this.#edits = 0;
  }

  async end(content: T): Promise<WrittenNote> {
    this.#isEnded = true;
    await this.#writing;
    return await this.#write(content, (before) => this.#count(before, { isEnd: true }));
  }
}

const NOTE_MS = 15_000;

const ATTEMPT_MS = 5_000;
const MAX_ROUNDS = 3;
const ROUND_MS = 1_000;

interface NoteOptions {
  clock: Clock;
  id?: number | undefined;
  isEnd?: boolean | undefined;
  limitMs?: number | undefined;
}

/** There is no URL, because GitLab's API does not return the URL of a note. */
export interface WrittenNote {
  id: number;
  updated: boolean;
}

class Unknown extends Error {}

/**
 * The line that identifies a job's note. It contains a hash of the job's name, because a name may contain any text.
 * @param node Node of a matrix or of parallel copies; an empty string for other jobs.
 */
export function noteMarker(job: string, node: string): string {
  return `<!-- mogplex:${sha256Hex(JSON.stringify([job, node])).slice(0, 40)} -->`;
}

const noteSchema = z.lazy(() => z.object({ id: z.int(), body: z.string() }));
const userSchema = z.lazy(() => z.object({ id: z.int() }));

class NoteWriter {
  readonly #client: ForgeClient;
  readonly #place: NotePlace;
  #user: Promise<number | null> | undefined;

  constructor(client: ForgeClient, place: NotePlace) {
    this.#client = client;
    this.#place = place;
  }

  #what(verb: "look for" | "update" | "create"): string {
    return `${verb} ${verb === "look for" ? "an earlier" : "the"} ${this.#place.noun} on ${this.#place.where}`;
  }

  async find(marker: string): Promise<NoteRow | undefined> {
    const what = this.#what("look for");
    let note: NoteRow | undefined;
    const { isWhole } = await this.#place.find(this.#client, what, async (rows) => {
      for (const row of rows) {
        if (row.text.startsWith(marker) && await this.#isOwn(row)) note = row;
        if (note !== undefined) return true;
      }
      return false;
    });
    if (note !== undefined || isWhole) return note;
    throw new MogplexError({ attempted: what, why: `${this.#place.where} has too many comments` }, "unavailable");
  }

  /** Any user can copy the marker, but only our own notes may be updated. */
  async #isOwn({ author, mayBeProgram }: NoteRow): Promise<boolean> {
    this.#user ??= this.#whoAmI();
    const user = await this.#user;
    // The token of a GitHub job is not allowed to read its own user, which is always a bot.
    return user === null ? mayBeProgram : author === user;
  }

  async #whoAmI(): Promise<number | null> {
    return (await this.#client.getShown(this.#what("look for"), this.#place.userPath, userSchema))?.id ?? null;
  }

  async update(id: number, body: string): Promise<WrittenNote> {
    const { updateMethod: method } = this.#place;
    const read = (value: unknown) => z.safeParse(noteSchema, value).data;
    await this.#client.call({ what: this.#what("update"), method, path: this.#place.pathOf(id), body: { body }, read });
    return { id, updated: true };
  }

  async post(body: string): Promise<void> {
    await this.#client.send(this.#what("create"), this.#place.path, { body: { body }, write: "once" });
  }

  async create(body: string): Promise<WrittenNote> {
    const { id } = await this.#client.call({
      what: this.#what("create"),
      path: this.#place.path,
      body: { body },
      read: (value) => z.safeParse(noteSchema, value).data,
      onFailure(error) {
        const refused = error instanceof ApiError && error.status >= 300 && error.status < 500 && error.status !== 408;
        return refused ? Promise.resolve() : Promise.reject(new Unknown(error.message, { cause: error }));
      },
    });
    return { id, updated: false };
  }
}

/** The forge's list of comments may be outdated. */
const LOOK_MS = [1_000, 5_000, 15_000];

/**
 * Never posts the comment twice. After a lost response, the comment is only searched for.
 * @throws {MogplexError} that `isLost` recognizes, if the comment was not found after a lost response.
 */
export async function postComment(place: NotePlace, marker: string, text: string): Promise<void> {
  const { client, reason } = place;
  const writer = new NoteWriter(client.within({ limits: {}, reason }), place);
  if (await writer.find(marker) !== undefined) return;
  try {
    await writer.post(bodyOf(marker, text));
  } catch (error) {
    if (!isLost(error)) throw error;
    for (const ms of LOOK_MS) {
      await client.wait(ms);
      if (await writer.find(marker) !== undefined) return;
    }
    throw error;
  }
}

/**
 * @param before Current text of the note; `null` if there is no note; `undefined` if the note is not read.
 * @returns `null` to leave the note unchanged.
 */
export type NoteText = (before: string | null | undefined) => string | null;

const bodyOf = (marker: string, text: string) => `${marker}\n\n${text}`;

async function updateNote(writer: NoteWriter, id: number, marker: string, text: string | null): Promise<WrittenNote> {
  return text === null ? { id, updated: true } : await writer.update(id, bodyOf(marker, text));
}

/** A POST request is not idempotent. If its outcome is unknown, search for the note before the next POST request. */
async function writeOnce(writer: NoteWriter, marker: string, text: NoteText, wait: (ms: number) => Promise<void>) {
  for (let round = 1;; round++) {
    const note = await writer.find(marker);
    if (note !== undefined) return await updateNote(writer, note.id, marker, text(note.text));
    try {
      return await writer.create(bodyOf(marker, text(null) ?? ""));
    } catch (error) {
      if (!(error instanceof Unknown)) throw error;
      if (round === MAX_ROUNDS) throw error.cause;
    }
    await wait(ROUND_MS * round);
  }
}

/** @param text Returns Markdown in which untrusted text is safe. Together with the marker, the Markdown must fit into a note. */
export async function writeNote(
  place: NotePlace,
  marker: string,
  text: NoteText,
  options: NoteOptions,
): Promise<WrittenNote> {
  const { clock, id, isEnd = false } = options;
  return await withWriter(place, options, (writer, signal) => {
    const wait = (ms: number) => clock.sleep(ms, { signal });
    if (id === undefined) return writeOnce(writer, marker, text, wait);
    const content = text(undefined);
    return updateNote(writer, id, marker, content).catch((error) => {
      const isGone = error instanceof ApiError && error.status === 404;
      if (isEnd && isGone) return writeOnce(writer, marker, () => content, wait);
      throw error;
    });
  });
}

export async function changeNote(
  place: NotePlace,
  marker: string,
  text: (before: string) => string | null,
  options: Pick<NoteOptions, "clock">,
): Promise<WrittenNote | undefined> {
  return await withWriter(place, options, async (writer) => {
    const note = await writer.find(marker);
    const content = note === undefined ? null : text(note.text);
    return note === undefined || content === null ? undefined : await updateNote(writer, note.id, marker, content);
  });
}

async function withWriter<T>(
  place: NotePlace,
  { clock, limitMs = NOTE_MS }: Pick<NoteOptions, "clock" | "limitMs">,
  work: (writer: NoteWriter, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = clock.now() + limitMs;
  try {
    return await withLimit(
      (signal) => {
        const { client, reason } = place;
        const limits = { signal, deadline, requestTimeoutMs: ATTEMPT_MS };
        return work(new NoteWriter(client.within({ limits, reason }), place), signal);
      },
      { clock, limitMs, signal: undefined },
    );
  } catch (error) {
    if (!(error instanceof TimedOut)) throw error;
    const why = `${place.client.system} took longer than ${limitMs / 1000} seconds`;
    throw new NetworkError({ attempted: `write the ${place.noun} on ${place.where}`, why });
  }
}

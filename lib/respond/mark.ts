/**
 * The mark in the program's own notes, which contains the request and its result. Marks are the only memory of `respond`. They are only read from
 * notes of the token's user, because any user can write the same line. Other users may edit these notes: on Gitea, everyone with write access to
 * issues can do so. A mark therefore ends with a code that only a holder of the Mogplex token can create. A mark without the right code only shows
 * that there was an answer.
 *
 * @module
 */
import type { ForgeUser } from "../forge/findings.ts";
import type { CommentPlace, News, ThreadComment, ThreadPlace } from "../forge/threads.ts";
import { hmacSha256, sha256Hex } from "../sha256.ts";

/** The source of a request: a comment, or the event that added the label. */
export interface AskId {
  readonly kind: CommentPlace["kind"] | "label";
  readonly id: number;
}

/**
 * `starting`: it is unknown whether a run was started. `none`: there is no run, for the reason in the note. `stop`: requests before that time, in
 * milliseconds since 1970, do not start. `isOpen`: the note does not report the end of the run yet. `isUnwanted`: the run must be cancelled, but
 * could not be cancelled yet.
 */
export type MarkState = "starting" | "none" | `stop ${number}` | {
  readonly runId: string;
  readonly isOpen: boolean;
  readonly isUnwanted?: boolean;
};

export interface Mark {
  readonly ask: AskId;
  /** The request that contains the task: for `again`, an earlier request; otherwise, the request itself. */
  readonly of: AskId;
  readonly state: MarkState;
  /** Whether a `starting` request certainly has no run yet, because no sandbox was free. @default {false} */
  readonly lacksSandbox?: boolean;
}

/** Creates the code of a mark from the words of the mark. */
export type MarkSeal = (words: string) => string;

/** Purpose and version. With them, a code that was created from the same token for another purpose does not match. */
const PURPOSE = "mogplex-ci/respond/mark/1";

/**
 * Creates the codes for one thread. The code of a mark that was copied to another thread does not match. If the token changes, no earlier code
 * matches.
 * @param token Mogplex's token. It has at least 140 bits of entropy, so the code reveals nothing about it.
 */
export function markSeal(
  { token, origin, repository, thread: { kind, number } }: {
    token: string;
    origin: string;
    repository: number;
    thread: ThreadPlace;
  },
): MarkSeal {
  return (words) => hmacSha256(token, JSON.stringify([PURPOSE, origin, repository, kind, number, words])).slice(0, 32);
}

/** The word for a `starting` request without a sandbox. */
const LACKS_SANDBOX = "no sandbox";
const ASK = "(comment|review|label) (\\d{1,18})";
const FORM = new RegExp(
  `^<!-- mogplex-respond (${ASK} of ${ASK} (?:(starting|${LACKS_SANDBOX}|none|stop \\d{1,15})|([0-9a-f-]{36}) (at work|to be cancelled|ended))) ([0-9a-f]{32}) -->$`,
);

function endWord({ isOpen, isUnwanted = false }: Exclude<MarkState, string>): string {
  return isUnwanted ? "to be cancelled" : isOpen ? "at work" : "ended";
}

/** The line below the marker of a note. It contains no untrusted text. */
export function markLine({ ask, of, state, lacksSandbox = false }: Mark, seal: MarkSeal): string {
  const word = state === "starting" && lacksSandbox ? LACKS_SANDBOX : state;
  const what = typeof word === "string" ? word : `${word.runId} ${endWord(word)}`;
  const words = `${ask.kind} ${ask.id} of ${of.kind} ${of.id} ${what}`;
  return `<!-- mogplex-respond ${words} ${seal(words)} -->`;
}

/** A mark as it was read. `changed`: the mark was edited, or was written with another token. */
type FoundMark = Omit<Mark, "state"> & { readonly state: MarkState | "changed" };

/** Whether a text has the form of a note, with or without a mark. */
export function isNote(text: string): boolean {
  return /^<!-- mogplex:[0-9a-f]{40} -->\r?\n/.test(text);
}

/**
 * Reads the mark of a note; null if there is no mark. Only the third line is read, because text by the agent may follow.
 * @param seal Undefined to accept every code.
 */
function readMark(text: string, seal: MarkSeal | undefined): FoundMark | null {
  const [, blank = "", line = ""] = text.replaceAll("\r\n", "\n").split("\n", 3);
  if (!isNote(text) || blank !== "") return null;
  const [, words, kind, id, ofKind, ofId, word, runId = "", end, code] = FORM.exec(line) ?? [];
  if (words === undefined) return null;
  const isSealed = seal === undefined || seal(words) === code;
  const lacksSandbox = isSealed && word === LACKS_SANDBOX;
  const state = word === undefined ? runStateOf(runId, end) : lacksSandbox ? "starting" : word as MarkState;
  return {
    ask: { kind: kind as AskId["kind"], id: Number(id) },
    of: { kind: ofKind as AskId["kind"], id: Number(ofId) },
    state: isSealed ? state : "changed",
    ...(lacksSandbox && { lacksSandbox }),
  };
}

function runStateOf(runId: string, end: string | undefined): MarkState {
  return { runId, isOpen: end !== "ended", ...(end === "to be cancelled" && { isUnwanted: true }) };
}

export interface MarkedNote<T extends ThreadComment = ThreadComment> {
  readonly mark: FoundMark;
  readonly note: T;
}

/**
 * All of the program's own notes among the comments, oldest first. A list can contain a note twice if other users delete comments while the list is
 * read.
 */
function allMarks<T extends ThreadComment>(
  comments: readonly T[],
  me: ForgeUser,
  seal: MarkSeal | undefined,
): MarkedNote<T>[] {
  return comments.flatMap((note) => {
    const mark = note.author.id === me.id ? readMark(note.text, seal) : null;
    return mark === null ? [] : [{ mark, note }];
  }).sort((a, b) => a.note.id - b.note.id).filter(({ note }, index, all) => note.id !== all[index - 1]?.note.id);
}

function isDouble({ mark }: MarkedNote, index: number, all: readonly MarkedNote[]): boolean {
  return all.findIndex((each) => isSameAsk(each.mark.ask, mark.ask)) < index;
}

/**
 * The program's own notes among the comments, oldest first, one for each request. If several jobs began a note at the same moment, the oldest note is
 * valid.
 * @param seal Seal of the thread; undefined to ignore the codes.
 */
export function marksOf<T extends ThreadComment>(
  comments: readonly T[],
  me: ForgeUser,
  seal: MarkSeal | undefined,
): MarkedNote<T>[] {
  return allMarks(comments, me, seal).filter((...each) => !isDouble(...each));
}

/** The program's own notes for requests that have an older note. The older note is the valid one. */
export function doublesOf<T extends ThreadComment>(comments: readonly T[], me: ForgeUser, seal: MarkSeal): T[] {
  return allMarks(comments, me, seal).filter(({ mark }) => mark.state !== "changed").filter(isDouble)
    .map(({ note }) => note);
}

/**
 * Whether another user of the forge has answered a request with the same Mogplex token. This happens if the forge's token now belongs to a new user,
 * or if two jobs answer to the same name. Any user can copy such a note. The note was true when it was written, but it proves nothing else.
 */
export function isAnsweredByOther(
  comments: readonly ThreadComment[],
  me: ForgeUser,
  seal: MarkSeal,
  ask: AskId,
): boolean {
  return comments.some(({ author, text }) => {
    const mark = author.id === me.id ? null : readMark(text, seal);
    return mark !== null && isSameAsk(mark.ask, ask) && mark.state !== "changed" && mark.state !== "starting";
  });
}

/** Requests made before this time, in milliseconds since 1970, are withdrawn; null if this mark is not a stop. */
export function stopOf({ mark: { state } }: MarkedNote): number | null {
  return typeof state === "string" && state.startsWith("stop ") ? Number(state.slice("stop ".length)) : null;
}

/** Whether a mark's request started a run, or may have started one. This is also true if other users have changed the mark. */
export function mayHaveRun(marked: MarkedNote): boolean {
  return marked.mark.state !== "none" && stopOf(marked) === null;
}

export function isSameAsk(a: AskId, b: AskId): boolean {
  return a.kind === b.kind && a.id === b.id;
}

/** The job names for the note of a request: see `noteMarker`. */
export function jobOfAsk(ask: AskId): readonly [job: string, node: string] {
  return [JSON.stringify(["mogplex-ci respond", ask.kind, ask.id]), ""];
}

/** The idempotency key of a request. Every process that answers the request sends the same key, so that only one run is started. */
export function keyOfAsk(
  { origin, repository, thread, ask, repoId }: {
    origin: string;
    repository: number;
    thread: ThreadPlace;
    ask: AskId;
    /** The repository at the service, by name or id. */
    repoId: string;
  },
): string {
  const { kind, number } = thread;
  const parts = ["mogplex-ci/respond/1", origin, repository, repoId.toLowerCase(), kind, number, ask.kind, ask.id];
  return `rs1-${sha256Hex(JSON.stringify(parts)).slice(0, 40)}`;
}

export function newsOf(thread: ThreadPlace, ask: AskId): News {
  return { thread, comment: ask.kind === "label" ? null : { kind: ask.kind, id: ask.id }, text: null };
}

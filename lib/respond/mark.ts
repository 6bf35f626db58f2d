/**
 * The mark in our own notes: what was asked, and what came of it. It is the only memory of `respond`, and is read from notes of the token's user
 * alone: any user can write the same line. Others may change these notes, on Gitea all who may write to issues. So a mark ends with a code that
 * only a holder of the token of Mogplex can make, and a mark without the right one says nothing but that there was an answer.
 *
 * @module
 */
import type { ForgeUser } from "../forge/findings.ts";
import type { CommentPlace, News, ThreadComment, ThreadPlace } from "../forge/threads.ts";
import { hmacSha256, sha256Hex } from "../sha256.ts";

/** What asked for a run: a comment, or an event that has set the label. */
export interface AskId {
  readonly kind: CommentPlace["kind"] | "label";
  readonly id: number;
}

/**
 * `starting`: whether a run was started is not known. `none`: there is no run, for the reason that the note gives. `stop`: what was asked
 * for before that time, in milliseconds since 1970, starts no more. `isOpen`: the note does not have the end of the run yet. `isUnwanted`: the
 * run must be cancelled, and that was not possible yet.
 */
export type MarkState = "starting" | "none" | `stop ${number}` | {
  readonly runId: string;
  readonly isOpen: boolean;
  readonly isUnwanted?: boolean;
};

export interface Mark {
  readonly ask: AskId;
  /** Whose task it is: the ask itself, or for `again` the one that had the task. */
  readonly of: AskId;
  readonly state: MarkState;
}

/** Makes the code of a mark, by its words. */
export type MarkSeal = (words: string) => string;

/** Purpose and version: a code that was made with the same token for anything else does not fit. */
const PURPOSE = "mogplex-ci/respond/mark/1";

/**
 * Makes the codes of one thread: a mark that was copied to another one does not fit. With another token none of the earlier ones fits.
 *
 * @param token That of Mogplex: it has 140 bits or more, and the code says nothing about it.
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

const ASK = "(comment|review|label) (\\d{1,18})";
const FORM = new RegExp(
  `^<!-- mogplex-respond (${ASK} of ${ASK} (?:(starting|none|stop \\d{1,15})|([0-9a-f-]{36}) (at work|to be cancelled|ended))) ([0-9a-f]{32}) -->$`,
);

function endWord({ isOpen, isUnwanted = false }: Exclude<MarkState, string>): string {
  return isUnwanted ? "to be cancelled" : isOpen ? "at work" : "ended";
}

/** The line that a note has below the marker by which it is found. Nothing of it comes from others. */
export function markLine({ ask, of, state }: Mark, seal: MarkSeal): string {
  const what = typeof state === "string" ? state : `${state.runId} ${endWord(state)}`;
  const words = `${ask.kind} ${ask.id} of ${of.kind} ${of.id} ${what}`;
  return `<!-- mogplex-respond ${words} ${seal(words)} -->`;
}

/** A mark as it was found. `changed`: it is not as we have written it, or was written with another token. */
type FoundMark = Omit<Mark, "state"> & { readonly state: MarkState | "changed" };

/**
 * The mark of a note; null when it has none. Only its third line counts: what the agent wrote stands further below.
 *
 * @param seal Undefined to take every code.
 */
function readMark(text: string, seal: MarkSeal | undefined): FoundMark | null {
  const [marker = "", blank = "", line = ""] = text.replaceAll("\r\n", "\n").split("\n", 3);
  if (!/^<!-- mogplex:[0-9a-f]{40} -->$/.test(marker) || blank !== "") return null;
  const [, words, kind, id, ofKind, ofId, word, runId = "", end, code] = FORM.exec(line) ?? [];
  if (words === undefined) return null;
  const state = word === undefined ? runStateOf(runId, end) : word as MarkState;
  return {
    ask: { kind: kind as AskId["kind"], id: Number(id) },
    of: { kind: ofKind as AskId["kind"], id: Number(ofId) },
    state: seal === undefined || seal(words) === code ? state : "changed",
  };
}

function runStateOf(runId: string, end: string | undefined): MarkState {
  return { runId, isOpen: end !== "ended", ...(end === "to be cancelled" && { isUnwanted: true }) };
}

export interface MarkedNote<T extends ThreadComment = ThreadComment> {
  readonly mark: FoundMark;
  readonly note: T;
}

/** All our own notes among comments, the oldest first. A list can show a note twice when others remove comments while it is read. */
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
 * Our own notes among comments, the oldest first, one for each ask: of those that jobs have begun at the same moment the oldest counts.
 *
 * @param seal That of the thread; undefined to count notes alone, whatever their code.
 */
export function marksOf<T extends ThreadComment>(
  comments: readonly T[],
  me: ForgeUser,
  seal: MarkSeal | undefined,
): MarkedNote<T>[] {
  return allMarks(comments, me, seal).filter((...each) => !isDouble(...each));
}

/** Our own notes that say nothing, since an older one is about the same ask. */
export function doublesOf<T extends ThreadComment>(comments: readonly T[], me: ForgeUser, seal: MarkSeal): T[] {
  return allMarks(comments, me, seal).filter(({ mark }) => mark.state !== "changed").filter(isDouble)
    .map(({ note }) => note);
}

/**
 * Whether another user of the forge has answered an ask with the same token of Mogplex: the token at the forge was replaced by one of a new user, or
 * two jobs listen to one name. Any user can copy such a note, and it was true when it was written: so it counts for no more than this.
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

/** Until when a stop holds, in milliseconds since 1970; null for a mark that is none of a stop. */
export function stopOf({ mark: { state } }: MarkedNote): number | null {
  return typeof state === "string" && state.startsWith("stop ") ? Number(state.slice("stop ".length)) : null;
}

/** Whether a mark stands for an ask that started a run, or may have: also one that others have changed. */
export function mayHaveRun(marked: MarkedNote): boolean {
  return marked.mark.state !== "none" && stopOf(marked) === null;
}

export function isSameAsk(a: AskId, b: AskId): boolean {
  return a.kind === b.kind && a.id === b.id;
}

/** The job by which the note of an ask is found again: see `noteMarker`. */
export function jobOfAsk(ask: AskId): readonly [job: string, node: string] {
  return [JSON.stringify(["mogplex-ci respond", ask.kind, ask.id]), ""];
}

/** The idempotency key of an ask: every process that answers it sends the same key, so that one run is started. */
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

/** The news that led to an ask. */
export function newsOf(thread: ThreadPlace, ask: AskId): News {
  return { thread, comment: ask.kind === "label" ? null : { kind: ask.kind, id: ask.id }, text: null };
}

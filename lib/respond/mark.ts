/**
 * Reads and writes the mark in the program's notes. A mark contains the request and its result. Marks are the only memory of `respond`. Because any
 * user can write the same line, marks are read only from notes by the token's user. On Gitea, everyone with write access to issues can edit these
 * notes. A mark therefore ends with a code that only a holder of the Mogplex token can create. A mark with a wrong code only shows that the request
 * was answered.
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
  /** The request that contains the task. For `again`, this is an earlier request; otherwise, it is the same as `ask`. */
  readonly of: AskId;
  readonly state: MarkState;
  /** For `starting`: the job of the note has ended, and no agent has started, because no sandbox was free. */
  readonly lacksSandbox?: boolean;
  /** For `starting`: the job of the note has ended, and no start can have reached the service. */
  readonly isUnsent?: boolean;
  /** For `starting`: no sandbox was free, and the next start is not sent before this time, in milliseconds since 1970. */
  readonly nextStartMs?: number | undefined;
}

export type MarkSeal = (words: string) => string;

/** Purpose and version. A code that was created from the same token for another purpose does not match. */
const PURPOSE = "mogplex-ci/respond/mark/1";

/**
 * Creates the codes for one thread, so a mark that was copied to another thread does not match. If the token changes, earlier codes no longer match.
 * @param token The Mogplex token. It has at least 140 bits of entropy, so the code reveals nothing about it.
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

const LACKS_SANDBOX = "no sandbox";
const UNSENT = "not started";
const ASK = "(comment|review|label) (\\d{1,18})";
const FORM = new RegExp(
  `^<!-- mogplex-respond (${ASK} of ${ASK} (?:(?:(starting|${LACKS_SANDBOX}|${UNSENT})(?: next (\\d{1,15}))?|(none|stop \\d{1,15}))|([0-9a-f-]{36}) (at work|to be cancelled|ended))) ([0-9a-f]{32}) -->$`,
);

function endWord({ isOpen, isUnwanted = false }: Exclude<MarkState, string>): string {
  return isUnwanted ? "to be cancelled" : isOpen ? "at work" : "ended";
}

/** Contains no untrusted text. */
export function markLine(
  { ask, of, state, lacksSandbox = false, isUnsent = false, nextStartMs }: Mark,
  seal: MarkSeal,
): string {
  const next = nextStartMs === undefined ? "" : ` next ${Math.round(nextStartMs)}`;
  const what = state === "starting"
    ? `${lacksSandbox ? LACKS_SANDBOX : isUnsent ? UNSENT : state}${next}`
    : typeof state === "string"
    ? state
    : `${state.runId} ${endWord(state)}`;
  const words = `${ask.kind} ${ask.id} of ${of.kind} ${of.id} ${what}`;
  return `<!-- mogplex-respond ${words} ${seal(words)} -->`;
}

type FoundMark = Omit<Mark, "state"> & {
  readonly state: MarkState | "changed";
  /** The state in a mark that another user has changed. Untrusted: it can prevent a start, but its run must never be cancelled or shown. */
  readonly claimed?: MarkState;
};

export function isNote(text: string): boolean {
  return /^<!-- mogplex:[0-9a-f]{40} -->\r?\n/.test(text);
}

/**
 * The mark is accepted only on the third line, because later lines may contain text from the agent.
 * @param seal `undefined` to accept every code.
 */
function readMark(text: string, seal: MarkSeal | undefined): FoundMark | null {
  const [, blank = "", line = ""] = text.replaceAll("\r\n", "\n").split("\n", 3);
  if (!isNote(text) || blank !== "") return null;
  const [, words, kind, id, ofKind, ofId, start, next, word, runId = "", end, code] = FORM.exec(line) ?? [];
  if (words === undefined) return null;
  const isSealed = seal === undefined || seal(words) === code;
  const lacksSandbox = start === LACKS_SANDBOX;
  const state = start !== undefined ? "starting" : word === undefined ? runStateOf(runId, end) : word as MarkState;
  return {
    ask: { kind: kind as AskId["kind"], id: Number(id) },
    of: { kind: ofKind as AskId["kind"], id: Number(ofId) },
    state: isSealed ? state : "changed",
    ...(isSealed && lacksSandbox && { lacksSandbox }),
    ...(isSealed && start === UNSENT && { isUnsent: true }),
    ...(isSealed && next !== undefined && { nextStartMs: Number(next) }),
    ...(!isSealed && { claimed: state }),
  };
}

/** False once the job has given up without a run. */
export function isBegun(text: string, ask: AskId, seal: MarkSeal): boolean {
  const mark = readMark(text, seal);
  if (mark === null || hasGivenUp(mark) || !isSameAsk(mark.ask, ask)) return false;
  return mark.state === "starting" || typeof mark.state !== "string";
}

function runStateOf(runId: string, end: string | undefined): MarkState {
  return { runId, isOpen: end !== "ended", ...(end === "to be cancelled" && { isUnwanted: true }) };
}

export interface MarkedNote<T extends ThreadComment = ThreadComment> {
  readonly mark: FoundMark;
  readonly note: T;
}

/** Oldest first. A list can contain a note twice if other users delete comments while the list is read. */
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
 * Returns one note for each request, oldest first. If several jobs wrote a note for the same request, the oldest note is valid.
 * @param seal `undefined` to accept every code.
 */
export function marksOf<T extends ThreadComment>(
  comments: readonly T[],
  me: ForgeUser,
  seal: MarkSeal | undefined,
): MarkedNote<T>[] {
  return allMarks(comments, me, seal).filter((...each) => !isDouble(...each));
}

export function doublesOf<T extends ThreadComment>(comments: readonly T[], me: ForgeUser, seal: MarkSeal): T[] {
  return allMarks(comments, me, seal).filter(({ mark }) => mark.state !== "changed").filter(isDouble)
    .map(({ note }) => note);
}

/**
 * Whether another user of the forge has answered a request with the same Mogplex token. This happens if the forge's token was replaced by the token
 * of another user, or if two jobs answer to the same name. Any user can copy such a note, so a match only proves that the note was written once.
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

/** Requests before this time, in milliseconds since 1970, are withdrawn; `null` if the mark is not a stop. */
export function stopOf({ mark: { state } }: MarkedNote): number | null {
  return typeof state === "string" && state.startsWith("stop ") ? Number(state.slice("stop ".length)) : null;
}

/** This is also true if other users have changed the mark. */
export function mayHaveRun(marked: MarkedNote): boolean {
  return marked.mark.state !== "none" && stopOf(marked) === null;
}

/** Whether the job of the note has ended without a run, so no agent can have started. */
export function hasGivenUp({ lacksSandbox = false, isUnsent = false }: FoundMark): boolean {
  return lacksSandbox || isUnsent;
}

/** Whether no agent can have started: the job has ended without a run, or is waiting for a sandbox. */
export function hasNoAgent(mark: FoundMark, nowMs: number): boolean {
  return hasGivenUp(mark) || nowMs < (mark.nextStartMs ?? 0);
}

export function isSameAsk(a: AskId, b: AskId): boolean {
  return a.kind === b.kind && a.id === b.id;
}

export function jobOfAsk(ask: AskId): readonly [job: string, node: string] {
  return [JSON.stringify(["mogplex-ci respond", ask.kind, ask.id]), ""];
}

/** Every process that answers the request sends the same idempotency key, so that only one run is started. */
export function keyOfAsk(
  { origin, repository, thread, ask, repoId }: {
    origin: string;
    repository: number;
    thread: ThreadPlace;
    ask: AskId;
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

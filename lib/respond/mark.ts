/**
 * The mark in our own notes: what was asked, and what came of it. It is the only memory of `respond`, and is read from notes of the token's user
 * alone: any user can write the same line.
 *
 * @module
 */
import type { CommentPlace, ForgeUser, News, ThreadComment, ThreadPlace } from "../forge/threads.ts";
import { sha256Hex } from "../sha256.ts";

/** What asked for a run: a comment, or an event that has set the label. */
export interface AskId {
  readonly kind: CommentPlace["kind"] | "label";
  readonly id: number;
}

/** `starting`: whether a run was started is not known. `none`: there is no run, for the reason that the note gives. */
export type MarkState = "starting" | "none" | { readonly runId: string };

export interface Mark {
  readonly ask: AskId;
  /** Whose task it is: the ask itself, or for `again` the one that had the task. */
  readonly of: AskId;
  readonly state: MarkState;
}

const ASK = "(comment|review|label) (\\d{1,18})";
const FORM = new RegExp(`^<!-- mogplex-respond ${ASK} of ${ASK} (starting|none|[0-9a-f-]{36}) -->$`);

/** The line that a note has below the marker by which it is found. Nothing of it comes from others. */
export function markLine({ ask, of, state }: Mark): string {
  const words = typeof state === "string" ? state : state.runId;
  return `<!-- mogplex-respond ${ask.kind} ${ask.id} of ${of.kind} ${of.id} ${words} -->`;
}

/** The mark of a note; null when it has none. Only its third line counts: what the agent wrote stands further below. */
function readMark(text: string): Mark | null {
  const [marker = "", blank = "", line = ""] = text.replaceAll("\r\n", "\n").split("\n", 3);
  if (!/^<!-- mogplex:[0-9a-f]{40} -->$/.test(marker) || blank !== "") return null;
  const [, kind, id, ofKind, ofId, words = ""] = FORM.exec(line) ?? [];
  if (kind === undefined || ofKind === undefined) return null;
  const state = words === "starting" || words === "none" ? words : { runId: words };
  return {
    ask: { kind: kind as AskId["kind"], id: Number(id) },
    of: { kind: ofKind as AskId["kind"], id: Number(ofId) },
    state,
  };
}

/** A note of ours with its mark. */
export interface MarkedNote {
  readonly mark: Mark;
  readonly note: ThreadComment;
}

/** Our own notes among comments, the oldest first. */
export function marksOf(comments: readonly ThreadComment[], me: ForgeUser): MarkedNote[] {
  return comments.flatMap((note) => {
    const mark = note.author.id === me.id ? readMark(note.text) : null;
    return mark === null ? [] : [{ mark, note }];
  }).sort((a, b) => a.note.id - b.note.id);
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

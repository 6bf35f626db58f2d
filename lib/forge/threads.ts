/**
 * In this file, a GitLab merge request is called a pull request.
 *
 * @module
 */
import { ApiError, MogplexError, UnavailableError } from "../errors.ts";
import { type Findings, type FindingsOf, type ForgeUser, placeOf } from "./findings.ts";
import type { PullRequestFacts, PullRequestOutcome } from "./model.ts";

export interface ThreadPlace {
  readonly kind: "issue" | "pull";
  readonly number: number;
}

/** `review`: a comment on a line of code, on a forge where these comments have their own ids. */
export interface CommentPlace {
  readonly kind: "comment" | "review";
  readonly id: number;
}

interface TextChange {
  readonly by: ForgeUser | null;
  readonly at: string;
}

export interface Thread extends ThreadPlace {
  readonly url: string;
  readonly isOpen: boolean;
  readonly isMerged?: boolean | undefined;
  readonly title: string;
  readonly text: string;
  readonly author: ForgeUser;
  readonly createdAt: string;
  /** Time at which the thread was moved from another project, with its history. */
  readonly movedAt?: string | undefined;
  /** Whether only members can see the thread, for example a confidential issue on GitLab. @default {false} */
  readonly isInternal?: boolean;
  /** All changes to the title and the description, oldest first; `null` if the forge does not show them. */
  readonly changes: readonly TextChange[] | null;
  readonly pull: {
    readonly source: string;
    readonly isForeign: boolean;
    readonly target: string;
    readonly commit: string | null;
  } | null;
}

export function closedWord(thread: Pick<Thread, "isMerged"> | null): "merged" | "closed" {
  return thread?.isMerged === true ? "merged" : "closed";
}

export interface CodeLine {
  readonly place: string;
  readonly hunk: string | null;
}

export interface ThreadComment extends CommentPlace {
  readonly text: string;
  readonly author: ForgeUser;
  readonly createdAt: string;
  /**
   * Time of the last edit; `null` if the text was never edited. In a list, this value may be `null` although {@linkcode Threads.comment} returns a
   * time.
   */
  readonly editedAt: string | null;
  /**
   * Whether a user who cannot push may have edited the text although `editedAt` is `null`. Gitea stores times in whole seconds, so an edit in the
   * same second as the comment is invisible. @default {false}
   */
  readonly isEditHidden?: boolean;
  readonly isInternal: boolean;
  /** Whether the forge itself wrote the text, as a record of an action. Lists do not contain these texts. @default {false} */
  readonly isSystem?: boolean;
  readonly line?: CodeLine | undefined;
}

export interface PlacedComment extends ThreadComment {
  readonly thread: ThreadPlace;
}

/** A possible request for a run: a comment, or a label on the thread if `comment` is `null`. */
export interface News {
  readonly thread: ThreadPlace;
  readonly comment: CommentPlace | null;
  readonly text: string | null;
  readonly author?: ForgeUser;
  /** The comment's original text, from the event. This text can stop a run, but cannot start one. */
  readonly written?: string;
}

/** `nothing`: the event is not a request, so no run starts. `unreadable`: the event cannot be used, so new requests are read from the forge. */
export type AskEvent =
  | { kind: "ask"; news: News }
  | { kind: "nothing"; reason: string }
  | { kind: "unreadable" };

export type Reaction = "seen" | "done" | "failed";

export interface ForgeSetup {
  readonly webhook: "none" | "no-comments" | "no-issues" | "complete" | null;
  readonly mayHaveVariables: boolean | null;
  readonly polls: readonly string[] | null;
}

export interface WorkflowWanted {
  /** As on the forge, only the first existing folder is used. */
  readonly folders: readonly string[];
  readonly first: RegExp;
  isIt(text: string): boolean;
}

export interface WorkflowSearch {
  readonly found: { readonly path: string; readonly text: string } | null;
  readonly files: number;
  readonly unread: number;
}

export type PullNoun = "pull request" | "merge request";

export interface Threads {
  readonly forge: string;
  readonly system: string;
  readonly pullNoun: PullNoun;
  readonly anchor: string;
  readonly lineAnchor?: string;
  readonly origin: string;
  readonly requests: number;
  me(): Promise<ForgeUser>;
  repository(): Promise<{ readonly id: number; readonly name: string; readonly defaultBranch: string }>;
  thread(place: ThreadPlace): Promise<Thread | null>;
  comment(thread: ThreadPlace, comment: CommentPlace): Promise<ThreadComment | null>;
  /** Oldest first, without comments by the forge itself. */
  comments(thread: ThreadPlace): Promise<{ readonly list: readonly ThreadComment[]; readonly isWhole: boolean }>;
  /** Whether the forge reports that a user can push now. If the token cannot see this, the method returns the error instead of throwing it. */
  mayPush(user: ForgeUser): Promise<boolean | MogplexError>;
  /**
   * Why the token cannot see other users' permissions; `null` if the token can see them. Absent if a request for the token's own permission shows the
   * same.
   */
  hidesRights?(): Promise<MogplexError | null>;
  /**
   * Whether the token can write notes, as described in docs/ask.md, or commit statuses. `null` if the forge does not show this to the token. Absent
   * if this kind of forge never shows this.
   */
  mayWrite?(what: "notes" | "statuses"): Promise<boolean | null>;
  user(name: string): Promise<ForgeUser | null>;
  hasLabel(label: string): Promise<boolean>;
  labelled(
    thread: ThreadPlace,
    label: string,
  ): Promise<{ readonly id: number; readonly by: ForgeUser; readonly at: string } | null>;
  branch(name: string): Promise<{ readonly isProtected: boolean; readonly commit: string | null } | null>;
  setup?(): Promise<ForgeSetup>;
  workflow?(wanted: WorkflowWanted): Promise<WorkflowSearch>;
  facts(number: number): Promise<Pick<PullRequestFacts, "checks" | "review" | "conflict">>;
  findings(number: number, of: FindingsOf): Promise<Findings>;
  news(since: string, label: string): Promise<readonly News[]>;
  commentsOf(user: ForgeUser, since: string): Promise<readonly PlacedComment[]>;
  /** Numbers of the open pull requests whose source branch is in this repository. */
  pullsFrom(branch: string): Promise<readonly number[]>;
  /**
   * Whether the token's user has added a reaction since the given time that marks the comment as answered. If `comment` is `null`, the reaction is on
   * the thread. No other user can remove the reaction. Absent if only users who can push can remove our notes.
   */
  isAnswered?(
    thread: ThreadPlace,
    comment: CommentPlace | null,
    by: { readonly me: ForgeUser; readonly since: string },
  ): Promise<boolean>;
  remove(thread: ThreadPlace, comment: CommentPlace): Promise<void>;
  react(thread: ThreadPlace, comment: CommentPlace | null, reaction: Reaction): Promise<void>;
  /** Whether a successful run sets the commit status by default. True only if the status alone cannot cause a merge. */
  readonly setsStatus: boolean;
  /** `text` is trusted and has at most 100 characters. */
  setStatus(commit: string, status: { readonly url: string; readonly text: string }): Promise<void>;
}

export function isGone(error: unknown): error is ApiError {
  return error instanceof ApiError && !(error instanceof UnavailableError) && error.status === 404;
}

export function lineOf(
  path: string | null | undefined,
  line: number | null | undefined,
  hunk: string | null | undefined,
): CodeLine | undefined {
  const place = placeOf(path, line);
  return place === null ? undefined : { place, hunk: hunk || null };
}

export async function orNull<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

export function factsOf(name: string, outcome: PullRequestOutcome | undefined): PullRequestFacts {
  if (outcome?.ok === true) return outcome.facts;
  throw new MogplexError(
    { attempted: `read ${name}`, why: outcome?.reason ?? "no result was returned" },
    "unavailable",
  );
}

export function wordsOf({ kind, number }: ThreadPlace, pull = "pull request #"): string {
  return kind === "issue" ? `issue #${number}` : `${pull}${number}`;
}

export function remembered<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => {
    answer ??= ask().catch((error) => {
      answer = undefined;
      throw error;
    });
    return answer;
  };
}

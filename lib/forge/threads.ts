/**
 * The forge operations behind mentions: issues and pull requests with their comments, who can push, and which branches are protected. Each forge has
 * its own class that implements them. A merge request is called a pull request here. If the forge cannot be read, every method throws the error of
 * the client, with exit code 69. A missing object is an answer, not an error.
 *
 * @module
 */
import { ApiError, MogplexError, UnavailableError } from "../errors.ts";
import { type Findings, type FindingsOf, type ForgeUser, placeOf } from "./findings.ts";
import type { PullRequestFacts, PullRequestOutcome } from "./model.ts";

export interface ThreadPlace {
  readonly kind: "issue" | "pull";
  /** `iid` on GitLab. */
  readonly number: number;
}

/** `review`: a comment on a line of code, on a forge where such comments have their own ids. */
export interface CommentPlace {
  readonly kind: "comment" | "review";
  readonly id: number;
}

interface TextChange {
  /** Null if the forge does not show the user. */
  readonly by: ForgeUser | null;
  readonly at: string;
}

export interface Thread extends ThreadPlace {
  readonly url: string;
  readonly isOpen: boolean;
  /** Whether the thread is a merged pull request. @default {false} */
  readonly isMerged?: boolean | undefined;
  readonly title: string;
  readonly text: string;
  readonly author: ForgeUser;
  readonly createdAt: string;
  /** When the thread was moved from another project with its history; absent if it was not moved. */
  readonly movedAt?: string | undefined;
  /** Whether only members can see the thread, such as a confidential issue on GitLab. @default {false} */
  readonly isInternal?: boolean;
  /** All changes of title and description, oldest first; null if the forge does not show them. */
  readonly changes: readonly TextChange[] | null;
  /** Null for an issue. */
  readonly pull: {
    readonly source: string;
    /** Whether the source branch is not in this repository: it is in a fork, or does not exist, as for Gitea's `refs/for`. */
    readonly isForeign: boolean;
    readonly target: string;
    /** Newest commit of the source branch; null if the forge does not show it. */
    readonly commit: string | null;
  } | null;
}

/** What happened to a thread that is not open. */
export function closedWord(thread: Pick<Thread, "isMerged"> | null): "merged" | "closed" {
  return thread?.isMerged === true ? "merged" : "closed";
}

export interface CodeLine {
  /** `file:line`, or only the file. */
  readonly place: string;
  /** The part of the change that ends with the line; null if the forge does not show it. */
  readonly hunk: string | null;
}

export interface ThreadComment extends CommentPlace {
  readonly text: string;
  readonly author: ForgeUser;
  readonly createdAt: string;
  /** When the text was last edited; null if never. In a list, this may be null although {@linkcode Threads.comment} has a time. */
  readonly editedAt: string | null;
  /**
   * Whether a user who cannot push may have edited the text although `editedAt` is null. Gitea's times have whole seconds, so Gitea does not show an
   * edit in the same second in which the comment was written. @default {false}
   */
  readonly isEditHidden?: boolean;
  /** Whether only members can see the comment, such as an internal note on GitLab. */
  readonly isInternal: boolean;
  /** The line of code that the comment is on; absent for any other comment. */
  readonly line?: CodeLine | undefined;
}

export interface PlacedComment extends ThreadComment {
  readonly thread: ThreadPlace;
}

/** A possible request for a run: a comment or, if `comment` is null, the thread itself through its label. */
export interface News {
  readonly thread: ThreadPlace;
  readonly comment: CommentPlace | null;
  /** Text of the comment, so that not every comment has to be read; null for a label. */
  readonly text: string | null;
  /** The comment's author, if the list shows it. */
  readonly author?: ForgeUser;
  /** Original text of the comment, from the event. It is compared with the forge's text, and can stop a run, but not start one. Absent if unknown. */
  readonly written?: string;
}

/**
 * What the event of a job is about. `nothing`: something else, so there is no run. `unreadable`: the event is not usable, so news is requested from
 * the forge.
 */
export type AskEvent =
  | { kind: "ask"; news: News }
  | { kind: "nothing"; reason: string }
  | { kind: "unreadable" };

/** `seen`: 👀, once the request was read. The others show the result. Each forge uses its own emoji. */
export type Reaction = "seen" | "done" | "failed";

/** A setting is null if this token cannot see it. */
export interface ForgeSetup {
  /** Whether a webhook starts a pipeline, and which of its events are missing. */
  readonly webhook: "none" | "no-comments" | "no-issues" | "complete" | null;
  /** Whether any user may pass variables to a pipeline. */
  readonly mayHaveVariables: boolean | null;
  /** Cron patterns of the active schedules that look for mentions. */
  readonly polls: readonly string[] | null;
}

export interface WorkflowWanted {
  /** The first folder that exists is used, as the forge does. */
  readonly folders: readonly string[];
  /** Files with a matching name are read first. */
  readonly first: RegExp;
  isIt(text: string): boolean;
}

export interface WorkflowSearch {
  /** The first match; null if none of the files that were read matches. */
  readonly found: { readonly path: string; readonly text: string } | null;
  /** Number of files, and number of unread files. */
  readonly files: number;
  readonly unread: number;
}

/** The forge's word for a pull request, for people and agents. */
export type PullNoun = "pull request" | "merge request";

/** The issues and pull requests of one repository, as the token's user sees them. */
export interface Threads {
  readonly forge: string;
  readonly system: string;
  readonly pullNoun: PullNoun;
  /** The text between "#" and the id in the address of a comment. */
  readonly anchor: string;
  /** The same text for a comment on a line of code, if it differs. */
  readonly lineAnchor?: string;
  readonly origin: string;
  readonly requests: number;
  me(): Promise<ForgeUser>;
  repository(): Promise<{ readonly id: number; readonly name: string; readonly defaultBranch: string }>;
  /** Null if there is no such issue or pull request. */
  thread(place: ThreadPlace): Promise<Thread | null>;
  /** One comment, with the time of its last edit; null if the thread has no comment with that id. */
  comment(thread: ThreadPlace, comment: CommentPlace): Promise<ThreadComment | null>;
  /** Comments of a thread, oldest first, without comments by the forge itself. `isWhole`: whether these are all. */
  comments(thread: ThreadPlace): Promise<{ readonly list: readonly ThreadComment[]; readonly isWhole: boolean }>;
  /**
   * Whether a user can push to the repository now, according to the forge. If the forge does not show this to the token, an error is returned, not
   * thrown.
   */
  mayPush(user: ForgeUser): Promise<boolean | MogplexError>;
  /** Why this token cannot see other users' rights; null if it can. Absent if a request for the token's own right shows the same. */
  hidesRights?(): Promise<MogplexError | null>;
  /**
   * Whether this token can write notes as in docs/ask.md, or the statuses of commits; null if the forge does not show that to this token. Absent if
   * this kind of forge never does.
   */
  mayWrite?(what: "notes" | "statuses"): Promise<boolean | null>;
  /** The account with a name, for `doctor`; null if no account has it. */
  user(name: string): Promise<ForgeUser | null>;
  /** For `doctor`. */
  hasLabel(label: string): Promise<boolean>;
  /** The user who last added a label that the thread has now, the time, and the id of that event; null if the thread does not have the label. */
  labelled(
    thread: ThreadPlace,
    label: string,
  ): Promise<{ readonly id: number; readonly by: ForgeUser; readonly at: string } | null>;
  /** Null if there is no such branch. */
  branch(name: string): Promise<{ readonly isProtected: boolean; readonly commit: string | null } | null>;
  setup?(): Promise<ForgeSetup>;
  /** Looks for a workflow file on the default branch, for `doctor`; absent if jobs have none. */
  workflow?(wanted: WorkflowWanted): Promise<WorkflowSearch>;
  facts(number: number): Promise<Pick<PullRequestFacts, "checks" | "review" | "conflict">>;
  findings(number: number, of: FindingsOf): Promise<Findings>;
  /** New comments, and changed open threads with the label, since a time (ISO 8601), oldest first. */
  news(since: string, label: string): Promise<readonly News[]>;
  /** All comments by a user in the repository since a time, with their current text. */
  commentsOf(user: ForgeUser, since: string): Promise<readonly PlacedComment[]>;
  /** Numbers of the open pull requests from a branch of the repository itself. */
  pullsFrom(branch: string): Promise<readonly number[]>;
  /**
   * Whether a reaction by the token's user since a given time marks a comment as answered, or the thread itself if `comment` is null. Nobody else can
   * remove such a reaction. Absent if only users who can push can remove our notes.
   */
  isAnswered?(
    thread: ThreadPlace,
    comment: CommentPlace | null,
    by: { readonly me: ForgeUser; readonly since: string },
  ): Promise<boolean>;
  /** Removes a comment of the token's user. A comment that no longer exists is not an error. */
  remove(thread: ThreadPlace, comment: CommentPlace): Promise<void>;
  react(thread: ThreadPlace, comment: CommentPlace | null, reaction: Reaction): Promise<void>;
  /** Whether a successful run sets the commit status by default: only if the status alone merges nothing. */
  readonly setsStatus: boolean;
  /** Sets the commit status `mogplex` to success. @param text At most 100 trusted characters. */
  setStatus(commit: string, status: { readonly url: string; readonly text: string }): Promise<void>;
}

/** True if the object does not exist, or is not shown to this token. */
export function isGone(error: unknown): error is ApiError {
  return error instanceof ApiError && !(error instanceof UnavailableError) && error.status === 404;
}

/** Undefined without a file. */
export function lineOf(
  path: string | null | undefined,
  line: number | null | undefined,
  hunk: string | null | undefined,
): CodeLine | undefined {
  const place = placeOf(path, line);
  return place === null ? undefined : { place, hunk: hunk || null };
}

/** Null if the forge reports that the object does not exist. */
export async function orNull<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** @param name Name of the pull request, for the message. @throws {MogplexError} with exit code 69 if the pull request was not read. */
export function factsOf(name: string, outcome: PullRequestOutcome | undefined): PullRequestFacts {
  if (outcome?.ok === true) return outcome.facts;
  throw new MogplexError({ attempted: `read ${name}`, why: outcome?.reason ?? "it was not read" }, "unavailable");
}

/** For messages. @param pull The forge's word for a pull request, with its sign. */
export function wordsOf({ kind, number }: ThreadPlace, pull = "pull request #"): string {
  return kind === "issue" ? `issue #${number}` : `${pull}${number}`;
}

/** After a failure, the next call tries again. */
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

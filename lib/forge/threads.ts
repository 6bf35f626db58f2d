/**
 * What a forge is asked, and told, where a mention becomes a run: issues and pull requests with their comments, who may push, which branches
 * are guarded. Each forge has a class of its own that answers in these words. A merge request is a pull request here.
 *
 * Every method throws what the client throws, with exit code 69, when the forge could not be asked. That something is not there is an answer.
 *
 * @module
 */
import { ApiError, MogplexError, UnavailableError } from "../errors.ts";
import { type Findings, type FindingsOf, type ForgeUser, placeOf } from "./findings.ts";
import type { PullRequestFacts, PullRequestOutcome } from "./model.ts";

/** An issue or a pull request of the repository. */
export interface ThreadPlace {
  readonly kind: "issue" | "pull";
  /** Its number in the repository; `iid` on GitLab. */
  readonly number: number;
}

/** A comment. `review`: one on a line of code, where these have ids of their own. */
export interface CommentPlace {
  readonly kind: "comment" | "review";
  readonly id: number;
}

/** A change of title or description. */
interface TextChange {
  /** Who made it; null where the forge does not show that. */
  readonly by: ForgeUser | null;
  /** ISO 8601. */
  readonly at: string;
}

/** What its title and its description say, and who wrote them. */
export interface Thread extends ThreadPlace {
  readonly url: string;
  readonly isOpen: boolean;
  readonly title: string;
  readonly text: string;
  readonly author: ForgeUser;
  readonly createdAt: string;
  /** When it came from another project with all that was written there; absent where it did not. */
  readonly movedAt?: string | undefined;
  /** Whether only members see it, as a confidential issue on GitLab. @default {false} */
  readonly isInternal?: boolean;
  /** All changes of title and description, the oldest first; null where the forge does not show whether there are any. */
  readonly changes: readonly TextChange[] | null;
  /** What only a pull request has; null for an issue. */
  readonly pull: {
    /** Branch that it comes from. */
    readonly source: string;
    /** Whether that branch is none of this repository: one of a fork, or none at all, as Gitea has them by `refs/for`. */
    readonly isForeign: boolean;
    readonly target: string;
    /** Newest commit of the source; null when it is not shown. */
    readonly commit: string | null;
  } | null;
}

/** A line of code of a pull request. */
export interface CodeLine {
  /** `file:line`, or the file alone. */
  readonly place: string;
  /** The part of the change that ends with the line; null where the forge does not show it. */
  readonly hunk: string | null;
}

export interface ThreadComment extends CommentPlace {
  readonly text: string;
  readonly author: ForgeUser;
  readonly createdAt: string;
  /**
   * When its text was last changed after it was written; null when never. A list may say null where only {@linkcode Threads.comment} asks.
   */
  readonly editedAt: string | null;
  /**
   * Whether somebody who may not push can have changed its text although `editedAt` is null. Gitea has whole seconds only, so that it does not
   * show a change in the second in which the comment was written. @default {false}
   */
  readonly isEditHidden?: boolean;
  /** Whether only members see it, as an internal note on GitLab. */
  readonly isInternal: boolean;
  /** The line of code that it is on; absent for any other comment. */
  readonly line?: CodeLine | undefined;
}

/** A comment, and where it stands. */
export interface PlacedComment extends ThreadComment {
  readonly thread: ThreadPlace;
}

/** Something that may ask for a run: a comment, or with null the thread itself, by its label. */
export interface News {
  readonly thread: ThreadPlace;
  readonly comment: CommentPlace | null;
  /** What the comment says, so that not every comment has to be read; null for a label. */
  readonly text: string | null;
  /** Who wrote the comment, where the list shows it. */
  readonly author?: ForgeUser;
  /** What the event says that the comment said when it was written. It is compared with what the forge shows, and can stop, not start; absent where it is not known. */
  readonly written?: string;
}

/**
 * What the event of a job is about. `nothing`: it is about something else, and there is no run. `unreadable`: it says nothing, so the forge is
 * asked for what is new.
 */
export type AskEvent =
  | { kind: "ask"; news: News }
  | { kind: "nothing"; reason: string }
  | { kind: "unreadable" };

/** 👀 when it was read, then how it ended. Each forge takes what it has. */
export type Reaction = "seen" | "done" | "failed";

/** Settings of a project; null for what is not shown to this token. */
export interface ForgeSetup {
  /** Whether a webhook starts a pipeline, and which of its events are missing. */
  readonly webhook: "none" | "no-comments" | "no-issues" | "complete" | null;
  /** Whether any user may pass variables to a pipeline. */
  readonly mayHaveVariables: boolean | null;
}

/** Which workflow is looked for. */
export interface WorkflowWanted {
  /** The first one that is there counts, as for the forge. */
  readonly folders: readonly string[];
  /** Files with such a name are read first. */
  readonly first: RegExp;
  isIt(text: string): boolean;
}

export interface WorkflowSearch {
  /** The first file that is looked for; null when none of those that were read is it. */
  readonly found: { readonly path: string; readonly text: string } | null;
  /** How many files there are, and how many of them were not read. */
  readonly files: number;
  readonly unread: number;
}

/** The issues and pull requests of one repository, for the user of the token. */
export interface Threads {
  readonly forge: string;
  /** Name of the forge, for messages: `GitLab`. */
  readonly system: string;
  /** What is before the id of a comment in its address, behind the "#". */
  readonly anchor: string;
  /** Scheme, host and port. */
  readonly origin: string;
  /** Requests that were sent so far. */
  readonly requests: number;
  /** The user of the token. */
  me(): Promise<ForgeUser>;
  repository(): Promise<{ readonly id: number; readonly name: string; readonly defaultBranch: string }>;
  /** Null when there is no such issue or pull request. */
  thread(place: ThreadPlace): Promise<Thread | null>;
  /** One comment, with when it was edited; null when the thread has no comment of that id. */
  comment(thread: ThreadPlace, comment: CommentPlace): Promise<ThreadComment | null>;
  /** Comments of a thread without remarks of the forge itself, the oldest first. `isWhole`: whether these are all. */
  comments(thread: ThreadPlace): Promise<{ readonly list: readonly ThreadComment[]; readonly isWhole: boolean }>;
  /**
   * Whether a user may push to the repository. It is the forge that says so, about this repository, now. An error, not thrown, when the forge does
   * not show it to this token.
   */
  mayPush(user: ForgeUser): Promise<boolean | MogplexError>;
  /** Why the right of others cannot be known with this token; null when it can. Absent where asking for the own right says the same. */
  hidesRights?(): Promise<MogplexError | null>;
  /** Whether this token has the rights to write that docs/ask.md names, as far as the forge tells them; null when it does not. Absent where no forge of the kind does. */
  mayWrite?(): Promise<boolean | null>;
  /** The account of a name, for `doctor`; null if there is none. */
  user(name: string): Promise<ForgeUser | null>;
  /** Whether the repository has a label, for `doctor`. */
  hasLabel(label: string): Promise<boolean>;
  /** Who has last set a label that the thread has now, when, and the id of that event; null when it does not have it. */
  labelled(
    thread: ThreadPlace,
    label: string,
  ): Promise<{ readonly id: number; readonly by: ForgeUser; readonly at: string } | null>;
  /** Whether a branch is protected, and its newest commit; null when there is no such branch. */
  branch(name: string): Promise<{ readonly isProtected: boolean; readonly commit: string | null } | null>;
  /** How the project is set up, for `doctor`; absent where the forge has nothing of that kind. */
  setup?(): Promise<ForgeSetup>;
  /** Looks for a workflow file on the default branch, for `doctor`; absent where jobs have none. */
  workflow?(wanted: WorkflowWanted): Promise<WorkflowSearch>;
  facts(number: number): Promise<Pick<PullRequestFacts, "checks" | "review" | "conflict">>;
  /** The failed checks, or the open remarks, of a pull request. */
  findings(number: number, of: FindingsOf): Promise<Findings>;
  /** Comments that were written, and open threads with the label that were changed, since a time (ISO 8601), the oldest first. */
  news(since: string, label: string): Promise<readonly News[]>;
  /** All comments that a user has written in the repository since a time, with what they say now. */
  commentsOf(user: ForgeUser, since: string): Promise<readonly PlacedComment[]>;
  /** Numbers of the open pull requests that come from a branch of the repository itself. */
  pullsFrom(branch: string): Promise<readonly number[]>;
  /**
   * Whether a reaction that the user of the token has given since a time says that a comment, or with null the thread itself, was answered: nobody else
   * can remove it. Absent where nobody who may not push can remove our notes.
   */
  isAnswered?(
    thread: ThreadPlace,
    comment: CommentPlace | null,
    by: { readonly me: ForgeUser; readonly since: string },
  ): Promise<boolean>;
  /** Removes a comment of the user of the token. One that is gone is no failure. */
  remove(thread: ThreadPlace, comment: CommentPlace): Promise<void>;
  /** Adds a reaction to a comment, or to the thread itself. */
  react(thread: ThreadPlace, comment: CommentPlace | null, reaction: Reaction): Promise<void>;
  /** Whether a run that succeeded sets the commit status unless somebody says otherwise: only where the status alone merges nothing. */
  readonly setsStatus: boolean;
  /** Sets the commit status `mogplex` to success. @param text At most 100 characters of our own. */
  setStatus(commit: string, status: { readonly url: string; readonly text: string }): Promise<void>;
}

/** Whether an error says that what was asked for is not there, or not shown to this token. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && !(error instanceof UnavailableError) && error.status === 404;
}

/** The line of code of a comment; undefined without a file. */
export function lineOf(
  path: string | null | undefined,
  line: number | null | undefined,
  hunk: string | null | undefined,
): CodeLine | undefined {
  const place = placeOf(path, line);
  return place === null ? undefined : { place, hunk: hunk || null };
}

/** The value, or null when the forge says that it does not exist. */
export async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** What was read of a pull request. @param name The pull request, for the message. @throws {MogplexError} with exit code 69 when it was not read. */
export function factsOf(name: string, outcome: PullRequestOutcome | undefined): PullRequestFacts {
  if (outcome?.ok === true) return outcome.facts;
  throw new MogplexError({ attempted: `read ${name}`, why: outcome?.reason ?? "it was not read" }, "unavailable");
}

/** An issue or a pull request, for messages. @param pull What the forge calls a pull request, with its sign. */
export function wordsOf({ kind, number }: ThreadPlace, pull = "pull request #"): string {
  return kind === "issue" ? `issue #${number}` : `${pull}${number}`;
}

/** Asks once, and remembers the answer. After a failure the next call asks again. */
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

import { MogplexError } from "../errors.ts";
import { type Findings, type ForgeUser, NO_FINDINGS, type Remark } from "../forge/findings.ts";
import {
  closedWord,
  type CodeLine,
  type CommentPlace,
  type News,
  type PullNoun,
  type Thread,
  type ThreadComment,
  type ThreadPlace,
  type Threads,
} from "../forge/threads.ts";
import type { Redact } from "../run/clean.ts";
import { formatCount } from "../text/duration.ts";
import { findingsFor, findingsQuote, type Fix, fixPrompt, lineQuote, ofMembers, withQuote } from "../run/fix.ts";
import { checksText, completerText, startAfresh } from "./checks.ts";
import {
  type AskId,
  doublesOf,
  hasNoAgent,
  isAnsweredByOther,
  isNote,
  isSameAsk,
  type Mark,
  type MarkedNote,
  type MarkSeal,
  marksOf,
  mayHaveRun,
  newsOf,
  stopOf,
} from "./mark.ts";
import { type Ask, hasMoreThanStop, isOnlyCommand, mayMention, readMention, wantsRun } from "./mention.ts";
import { lastTaskQuote, leftOutOf, MAX_TASK, NOTES_UNSEEN, promptOf, type Told, whoMayAsk } from "./prompt.ts";
import { Rights } from "./rights.ts";
import {
  isStarting,
  ofRun,
  type Refusal,
  Rivals,
  rivalsOf,
  type RivalsWorld,
  STARTING_MS,
  UNVERIFIED,
  unverifiedIn,
} from "./rivals.ts";
import { type Place, placeNow } from "./where.ts";

export interface Wanted {
  readonly kind: "start";
  readonly ask: AskId;
  readonly at: string;
  readonly of: AskId;
  /** The mention's note, if another job or an earlier attempt of this job has tried to start the run. */
  readonly earlier: MarkedNote | undefined;
  readonly asker: ForgeUser;
  readonly thread: Thread;
  readonly task: string;
  readonly prompt: string;
  readonly written: (CommentPlace & { readonly text: string }) | undefined;
  readonly leftOut: string | undefined;
  readonly place: Extract<Place, { kind: "branch" }>;
}

export interface Stop {
  readonly kind: "stop";
  readonly ask: AskId;
  readonly at: string;
  readonly asker: ForgeUser;
  readonly thread: Thread;
  readonly word: string | undefined;
  readonly hasMore: boolean;
}

export interface StoppedRun {
  readonly id: string;
  readonly isWaiting: boolean;
}

export interface Reply {
  readonly kind: "reply";
  readonly ask: AskId;
  readonly asker: ForgeUser;
  readonly thread: Thread;
  /** Trusted Markdown. */
  readonly text: string;
}

export interface Attach {
  readonly kind: "attach";
  readonly marked: MarkedNote;
  readonly runId: string;
  readonly thread: Thread;
}

/** `none`: no run starts. If `tell` is set, a note gives the reason to the user who asked. */
export type Decision =
  | Wanted
  | Stop
  | Attach
  | Reply
  | { kind: "none"; reason: string; tell: Answer | null };

interface Answer {
  readonly ask: AskId;
  readonly asker: ForgeUser;
  readonly thread: Thread;
  readonly text: string;
  readonly isTried: boolean;
}

const DAY_MS = 86_400_000;
export const MAX_POLL_MS = 7 * DAY_MS;
const MAX_LEFT = 5;
const MAX_UNVERIFIED = 3;
/** Maximum number of tasks without a note that a status counts, because each of them requires a request to the forge. */
const MAX_WAITING = 20;
const LATE_MS = 60 * 60_000;
/** Maximum number of users in a thread whose permission is checked. Comments by all other users are left out. */
const MAX_USERS = 30;
/** Like {@linkcode MAX_USERS}, for users who requested a stop. The limit is high so that many stops by strangers cannot hide a member's stop. */
const MAX_STOPPERS = 300;

const NO_EARLIER_RUN = "there is no earlier run in this thread";
const NEW_TASK = "If you meant a new task, describe it in full";
const CONFIDENTIAL = "this thread is confidential, but job logs in this project are not";
export const STOPPED = "the task was stopped before its run started";
export const MAYBE_STARTED = "An earlier attempt may have started its run";

function quiet(reason: string): Decision {
  return { kind: "none", reason, tell: null };
}

interface DecidingWorld extends RivalsWorld {
  /**
   * Masks secrets in the quote that is sent with a task. Every job must mask the same text, because the prompt for an idempotency key must not
   * change.
   */
  redact: Redact;
  isOfPipeline(note: string): boolean;
}

/** Create a new object for each request, because the object caches the forge's responses. */
export class Decider {
  readonly #world: DecidingWorld;
  readonly #open: MarkedNote[] = [];
  readonly #doubles: CommentPlace[] = [];
  readonly #rights: Rights;
  readonly #rivals: Rivals;
  #written: Wanted["written"];

  constructor(world: DecidingWorld) {
    this.#world = world;
    this.#rights = new Rights(world.threads, world.settings);
    this.#rivals = new Rivals(world);
  }

  /** Notes that do not report the end of their run. Available after `decide`. */
  get open(): readonly MarkedNote[] {
    return this.#open;
  }

  get doubles(): readonly CommentPlace[] {
    return this.#doubles;
  }

  async decide({ thread: place, comment, written }: News, since?: string): Promise<Decision> {
    this.#written = comment === null || written === undefined ? undefined : { ...comment, text: written };
    // Run the cheapest checks first: every comment in the repository can be an event.
    const me = await this.#world.threads.me();
    const request = comment === null ? await this.#askOfLabel(place) : await this.#askOfComment(place, comment, me);
    if ("reason" in request && request.refused === null) {
      const run = request.isGone === true && comment !== null ? await this.#runOf(place, comment, me) : undefined;
      const advice = request.isGone === true && comment === null ? await this.#adviceOnDescription(place) : "";
      return run ?? quiet(request.reason + advice);
    }
    const thread = await this.#world.threads.thread(place);
    if (thread === null) {
      return quiet(`the forge does not show ${this.#nounOf(place)} ${place.number} to this token`);
    }
    const isStop = !("reason" in request) && request.what?.kind === "stop";
    // A stop in a closed thread is valid, because the thread's run may still be active.
    if (!thread.isOpen && !isStop) {
      const { ask } = "reason" in request ? request.refused : request;
      const run = await this.#runOf(thread, ask, me);
      if (run !== undefined) return run;
    }
    const { ask, asker, at } = "reason" in request ? request.refused : request;
    // Renaming a label also renames it in old events, so label events that are older than a day are ignored.
    const firstMs = Math.max(Date.parse(since ?? "1970-01-01"), ask.kind === "label" ? this.#world.nowMs - DAY_MS : 0);
    if (Date.parse(at) < firstMs) return quiet(`the request was made before ${new Date(firstMs).toISOString()}`);
    if (Date.parse(at) <= Date.parse(thread.movedAt ?? "")) {
      return quiet("the request was made before the thread was moved to this project");
    }
    const right = await this.#rights.of(asker);
    if (right instanceof MogplexError) throw right;
    if (!right) return quiet(this.#rights.refusal(asker));
    const comments = await this.#world.threads.comments(place);
    const seal = await this.#world.sealOf(place);
    const marks = marksOf(comments.list, me, seal);
    const open = marks.filter(({ mark: { state } }) => typeof state !== "string" && state.isOpen);
    this.#open.push(...open.slice(-MAX_LEFT));
    this.#doubles.push(...doublesOf(comments.list, me, seal));
    const ownMark = marks.find(({ mark }) => isSameAsk(mark.ask, ask));
    const what = "reason" in request ? null : request.what;
    const { word } = what?.kind === "stop" ? what : {};
    const hasMore = !("reason" in request) && hasMoreThanStop(request.text, this.#world.settings.name);
    const stop: Stop = { kind: "stop", ask, at, asker, thread, word, hasMore };
    if (ownMark !== undefined && ownMark.mark.state !== "starting") {
      // When the note about the stop was written, a run may have been unknown, because its job could neither write a note nor check for the stop.
      const isLeft = isStop && stopOf(ownMark) !== null &&
        (await this.#rivals.openRuns(marksBefore(marks, comments.list, stop))).running.length > 0;
      if (isLeft) return stop;
      const isRecent = this.#world.nowMs - Date.parse(ownMark.note.createdAt) < STARTING_MS;
      if (ownMark.mark.claimed === "starting" && !isRecent) {
        const reason = `the earlier note of this task ${UNVERIFIED}, so the start is not repeated`;
        const text = `${reason}. ${MAYBE_STARTED}: check the app before you write the task again`;
        return { kind: "none", reason, tell: { ask, asker, thread, text, isTried: false } };
      }
      return typeof ownMark.mark.state === "string"
        ? quiet("this mention has already been answered")
        : this.#attachTo(ownMark, thread) ?? quiet("this comment has already started a run");
    }
    if (!comments.isWhole && ownMark === undefined) {
      return quiet("there are too many comments to check whether this mention has been answered");
    }
    // Each bot must answer a stop for its own runs.
    if (ownMark === undefined && !isStop && isAnsweredByOther(comments.list, me, seal, ask)) {
      return quiet("another bot has answered this mention");
    }
    // All labels of a thread share one reaction, which may belong to an earlier label whose run has finished.
    const isShared = ask.kind === "label" && marks.some(({ mark }) => mark.ask.kind === "label");
    if (
      ownMark === undefined && !isShared && await this.#world.threads.isAnswered?.(place, comment, { me, since: at })
    ) {
      return quiet("this mention has already been answered or stopped, but has no note");
    }
    const tell = (reason: string, text = reason): Decision => ({
      kind: "none",
      reason,
      tell: {
        ask,
        asker,
        thread,
        text: ownMark === undefined || hasNoAgent(ownMark.mark, this.#world.nowMs) ? text : `${text}. ${MAYBE_STARTED}`,
        isTried: ownMark !== undefined,
      },
    });
    const obstacle = this.#obstacleOf(thread);
    // The job that wrote the note may be about to add its run. If that job was killed, a poll completes the note.
    if (obstacle !== null && ownMark !== undefined && !isStop) return quiet(obstacle.reason);
    if ("reason" in request) {
      if (obstacle !== null) return tell(obstacle.reason, obstacle.text);
      return tell(
        request.reason,
        `${request.reason}. Write a new comment that begins with \`@${this.#world.settings.name}\``,
      );
    }
    const { line } = request;
    if (what?.kind === "stop") return stop;
    if (what?.kind === "help") return { kind: "reply", ask, asker, thread, text: helpText(thread, this.#world) };
    if (what?.kind === "status") {
      const waiting = thread.isOpen ? await this.#waitingText(thread, comments.list, marks, { ask, at, me, seal }) : [];
      return { kind: "reply", ask, asker, thread, text: await this.#statusText(thread, marks, waiting) };
    }
    if (await this.#stopOf(comments.list, marks, { ask, at, me }) !== null) {
      return tell(ownMark === undefined ? STOPPED : "the task was stopped");
    }
    if (thread.isInternal === true && this.#world.settings.isPublic) {
      return tell(CONFIDENTIAL, `${CONFIDENTIAL}. Write the task in a thread that is not confidential`);
    }
    if (obstacle !== null) return tell(obstacle.reason, obstacle.text);
    const task = await this.#taskOf(thread, what, { ask, at, line, me, marks });
    if ("reason" in task) return tell(task.reason);
    const where = await placeNow(this.#world.threads, thread);
    if (where.kind === "none") return tell(where.reason);
    if (ownMark === undefined) {
      const no = await this.#rivals.refusal(thread, where, { marks, rivals: rivalsOf(thread, task.of, marks), me });
      if (no !== null) return tell(no.reason, no.text);
    }
    const content = await this.#told(thread, comments.list, { me, at, ask });
    const { template } = this.#world.settings;
    const prompt = promptOf(withQuote(task.text, task.quote), content, {
      redact: this.#world.redact,
      pull: this.#world.threads.pullNoun,
      template,
    });
    // Commands and labels do not refer to earlier answers.
    const mayNeedNotes = isSameAsk(task.of, ask) && askIn(thread, what, line)?.kind === "task";
    const notes = mayNeedNotes ? this.#earlierNotes(marks, { ask, at }) : [];
    const unseen = { reviewComments: task.outsiders ?? 0, hasNotes: notes.length > 0 };
    const leftOut = leftOutOf(content, unseen, this.#world.settings);
    const wanted = {
      ask,
      at,
      of: task.of,
      earlier: ownMark,
      asker,
      thread,
      task: task.shown ?? task.text,
      prompt,
      written: this.#written,
      leftOut,
    };
    return { kind: "start", ...wanted, place: where };
  }

  #obstacleOf(thread: Thread): Refusal | null {
    const { pullNoun } = this.#world.threads;
    if (!thread.isOpen) {
      const reason = `the ${this.#nounOf(thread)} is ${closedWord(thread)}`;
      return { reason, text: `${reason}. Write the task in an open issue or ${pullNoun}` };
    }
    if (thread.pull?.isForeign !== true) return null;
    const reason = `the branch of the ${pullNoun} is not in this repository`;
    const instead = `push the branch to this repository, open a ${pullNoun} from it, and write the task there`;
    return { reason, text: `${reason}, so the agent cannot push to it. To get a run, ${instead}` };
  }

  #nounOf({ kind }: ThreadPlace): string {
    return kind === "issue" ? "issue" : this.#world.threads.pullNoun;
  }

  #attachTo(marked: MarkedNote | undefined, thread: Thread): Attach | undefined {
    const state = marked?.mark.state;
    if (marked === undefined || state === undefined || typeof state === "string") return undefined;
    return this.#world.isOfPipeline(marked.note.text)
      ? { kind: "attach", marked, runId: state.runId, thread }
      : undefined;
  }

  async #runOf(place: ThreadPlace, ask: AskId, me: ForgeUser): Promise<Attach | undefined> {
    const thread = await this.#world.threads.thread(place);
    if (thread === null) return undefined;
    const { list } = await this.#world.threads.comments(place);
    const marks = marksOf(list, me, await this.#world.sealOf(place));
    return this.#attachTo(marks.find(({ mark }) => isSameAsk(mark.ask, ask)), thread);
  }

  /**
   * Runs that are waiting for an answer are included, because no job follows them. Call this method again for each check, because a job may be about
   * to start a run.
   */
  async toStop(
    { thread, ask, at }: Stop,
  ): Promise<{
    runs: readonly StoppedRun[];
    starting: readonly MarkedNote[];
    waiting: readonly CommentPlace[];
    /** Sentences about notes that may name an active run. */
    unverified: readonly string[];
  }> {
    const me = await this.#world.threads.me();
    const seal = await this.#world.sealOf(thread);
    const { list } = await this.#world.threads.comments(thread);
    // When the job of a stop starts, a later request may already have a run. The stop does not apply to that run.
    const marks = marksBefore(marksOf(list, me, seal), list, { ask, at });
    const starting = marks.filter(({ mark }) => mark.state === "starting");
    // Polls ignore older requests, so no job will start them.
    const firstMs = Date.parse(at) - MAX_POLL_MS;
    const waiting = await this.#withoutNote(list, marks, { ask, at, me, seal, firstMs });
    const { running: runs } = await this.#rivals.openRuns(marks);
    return { runs, starting, waiting, unverified: this.#unverified(thread, marks) };
  }

  async #withoutNote(
    comments: readonly ThreadComment[],
    marks: readonly MarkedNote[],
    { ask, at, me, seal, firstMs }: { ask: AskId; at: string; me: ForgeUser; seal: MarkSeal; firstMs: number },
  ): Promise<readonly ThreadComment[]> {
    const hasRight = this.#rights.crowd(MAX_USERS);
    const mentions: ThreadComment[] = [];
    for (const comment of comments.filter(({ createdAt }) => Date.parse(createdAt) >= firstMs)) {
      if (isLater(comment, { ask, at }) || marks.some(({ mark }) => isSameAsk(mark.ask, comment))) continue;
      if (!wantsRun(readMention(comment.text, this.#world.settings.name)) || !await hasRight(comment.author)) continue;
      if (!isAnsweredByOther(comments, me, seal, comment)) mentions.push(comment);
    }
    return mentions;
  }

  /** A sentence about tasks whose jobs have written no note, for example because the Mogplex token was missing. */
  async #waitingText(
    thread: Thread,
    comments: readonly ThreadComment[],
    marks: readonly MarkedNote[],
    { ask, at, me, seal }: { ask: AskId; at: string; me: ForgeUser; seal: MarkSeal },
  ): Promise<string[]> {
    const { threads, settings: { checks } } = this.#world;
    const firstMs = Math.max(this.#world.nowMs - checks.sinceMs, Date.parse(thread.movedAt ?? "") || 0);
    let count = 0;
    for (const each of await this.#withoutNote(comments, marks, { ask, at, me, seal, firstMs })) {
      if (count === MAX_WAITING || each.editedAt !== null || each.isInternal) continue;
      const { createdAt } = each;
      if (await this.#stopOf(comments, marks, { ask: each, at: createdAt, me }) !== null) continue;
      if (!await threads.isAnswered?.(thread, each, { me, since: createdAt })) count++;
    }
    if (count === 0) return [];
    const [verb, task] = count === 1 ? ["has", "the task"] : ["have", "the tasks"];
    const advice = checksText(
      checks,
      (check, span) => `If no job is about to start, ${check} starts ${task} up to ${span} after the comment.`,
      `If no job is about to start, write ${task} again.`,
    );
    return [`${formatCount(count, "task")} ${verb} no note yet. ${advice}`];
  }

  /**
   * The program's own note about a stop remains valid after the comment with the stop is edited or deleted. `by` is `null` if that comment no longer
   * exists.
   */
  async #stopOf(
    comments: readonly ThreadComment[],
    marks: readonly MarkedNote[],
    { ask, at, me }: { ask: AskId; at: string; me: ForgeUser },
  ): Promise<{ readonly by: string | null } | null> {
    const isAfter = (marked: MarkedNote) => {
      const ms = stopOf(marked);
      return ms !== null && isLater({ ...marked.mark.ask, createdAt: new Date(ms).toISOString() }, { ask, at });
    };
    const stop = marks.find(isAfter);
    if (stop !== undefined) {
      return { by: comments.find((each) => isSameAsk(each, stop.mark.ask))?.author.name ?? null };
    }
    const hasRight = this.#rights.crowd(MAX_STOPPERS);
    for (const comment of comments) {
      if (comment.author.id === me.id || !isLater(comment, { ask, at })) continue;
      if (readMention(comment.text, this.#world.settings.name)?.kind !== "stop") continue;
      if (comment.editedAt !== null || comment.isInternal || !await hasRight(comment.author)) continue;
      return { by: comment.author.name };
    }
    return null;
  }

  /** Check this again after the start, because a job may retry the start for a long time while the service is down. */
  async isStopped({ thread, ask, at }: Pick<Wanted, "thread" | "ask" | "at">): Promise<boolean> {
    const me = await this.#world.threads.me();
    const { list } = await this.#world.threads.comments(thread);
    return await this.#stopOf(list, marksOf(list, me, await this.#world.sealOf(thread)), { ask, at, me }) !== null;
  }

  async stopper(thread: ThreadPlace, ask: AskId): Promise<string | null> {
    const me = await this.#world.threads.me();
    const { list } = await this.#world.threads.comments(thread);
    const marks = marksOf(list, me, await this.#world.sealOf(thread));
    const request = list.find((each) => isSameAsk(each, ask)) ??
      marks.find(({ mark }) => isSameAsk(mark.ask, ask))?.note;
    if (request === undefined) return null;
    return (await this.#stopOf(list, marks, { ask, at: request.createdAt, me }))?.by ?? null;
  }

  /** Why a run must not start after all; `null` if the run may start. Check this right before the start, with a new `Decider` for each attempt. */
  async changed(wanted: Wanted): Promise<string | null> {
    const { thread: before, place, ask, of, written } = wanted;
    this.#written = written;
    const now = await this.#world.threads.thread(before);
    if (now === null || !now.isOpen) return `the ${this.#nounOf(before)} has been ${closedWord(now)}`;
    if (now.isInternal === true && this.#world.settings.isPublic) return CONFIDENTIAL;
    if (await this.isStopped(wanted)) return STOPPED;
    const me = await this.#world.threads.me();
    for (const each of isSameAsk(ask, of) ? [ask] : [ask, of]) {
      const reason = await this.#askWithdrawn(now, each, me);
      if (reason !== null) return reason;
    }
    const again = await placeNow(this.#world.threads, now);
    return JSON.stringify(again) === JSON.stringify(place)
      ? null
      : "the source or target branch has changed, or is now protected";
  }

  /** Many users expect a mention in a description to start a run. */
  async #adviceOnDescription(place: ThreadPlace): Promise<string> {
    const thread = await this.#world.threads.thread(place);
    if (thread === null || !mayMention(thread.text, this.#world.settings.name)) return "";
    return ". A mention in a description is not read: write a comment, or add the label";
  }

  async #askWithdrawn(thread: Thread, ask: AskId, me: ForgeUser): Promise<string | null> {
    const request = await this.#askAt(thread, ask, me);
    if ("reason" in request) return request.reason;
    if (!isSameAsk(request.ask, ask)) return "the label was set again";
    const right = await this.#rights.of(request.asker);
    if (right instanceof MogplexError) throw right;
    if (!right) return `the user who asked ${this.#rights.lackNow(" to the repository")}`;
    const isChanged = ask.kind === "label" && await this.#rights.ownsText(thread, request.at) !== "yes";
    return isChanged ? "the title or description was changed" : null;
  }

  /** Why the task of a note with an unknown start will not start; `null` while polls still try to start the task. */
  async withdrawn(place: ThreadPlace, ask: AskId): Promise<string | null> {
    const thread = await this.#world.threads.thread(place);
    if (thread === null || !thread.isOpen) return `the ${this.#nounOf(place)} has been ${closedWord(thread)}`;
    return await this.#askWithdrawn(thread, ask, await this.#world.threads.me());
  }

  async askerOf(place: ThreadPlace, ask: AskId): Promise<ForgeUser | undefined> {
    const request = await this.#askAt(place, ask, await this.#world.threads.me());
    const by = "reason" in request ? request.refused : request;
    return by !== null && isSameAsk(by.ask, ask) ? by.asker : undefined;
  }

  async taskOf(place: ThreadPlace, { of }: Pick<Mark, "of">): Promise<string | undefined> {
    const me = await this.#world.threads.me();
    const thread = await this.#world.threads.thread(place);
    const request = thread === null ? null : await this.#askAt(place, of, me);
    if (thread === null || request === null || "reason" in request || !isSameAsk(request.ask, of)) return undefined;
    const { at, line } = request;
    const what = askIn(thread, request.what, line);
    if (what?.kind === "fix") return thread.pull === null ? undefined : shownFix(what.fix, what.explanation);
    if (what !== null && what.kind !== "task") return undefined;
    const task = await this.#taskOf(thread, what, { ask: of, at, line, me, marks: [] });
    return "reason" in task ? undefined : task.text;
  }

  rival(wanted: Wanted, notes: readonly MarkedNote[], noteId: number): Promise<Refusal | null> {
    return this.#rivals.rival(wanted, notes, noteId);
  }

  busy(wanted: Wanted, notes: readonly MarkedNote[]): Promise<Refusal | null> {
    return this.#rivals.busy(wanted, notes);
  }

  async #askAt(thread: ThreadPlace, ask: AskId, me: ForgeUser): Promise<FoundAsk> {
    const { comment } = newsOf(thread, ask);
    return comment === null ? await this.#askOfLabel(thread) : await this.#askOfComment(thread, comment, me);
  }

  async #askOfComment(thread: ThreadPlace, place: CommentPlace, me: ForgeUser): Promise<FoundAsk> {
    const comment = await this.#world.threads.comment(thread, place);
    if (comment === null) return { ...no("the comment no longer exists"), isGone: true };
    if (comment.isSystem === true) return no("this is not a comment, but the forge's record of an action");
    if (comment.author.id === me.id) return no("the token's own user wrote the comment");
    if (comment.author.isBot === true) return no("a bot wrote the comment");
    const { kind, id, author: asker, createdAt: at, line } = comment;
    const { name } = this.#world.settings;
    const written = this.#written?.kind === kind && this.#written.id === id ? this.#written.text : undefined;
    const first = written === undefined ? null : readMention(written, name);
    // A stop remains valid after its comment is edited: ignoring a stop is worse than stopping a run by mistake.
    const what = first?.kind === "stop" ? first : readMention(comment.text, name);
    if (what === null) return no(`no line starts with \`@${name}\``);
    if (comment.isInternal) return no("the comment is internal, but the note would be public");
    const by: Asker = { ask: { kind, id }, asker, at };
    if (what === first) return { ...by, what, line, text: written ?? "" };
    const refusal = (reason: string) => ({ reason, refused: by });
    if (comment.editedAt !== null) return refusal("the comment was edited");
    if (what.kind === "unsure") {
      const why = what.isFormatted === true
        ? "the mention is in bold or italics"
        : what.isInside === true
        ? "the mention is not at the beginning of a line"
        : "the mention may be part of a quote, a list, code or HTML";
      return refusal(what.isHidden === true ? "the mention contains invisible characters" : why);
    }
    if (comment.isEditHidden !== true || written === comment.text || what.kind === "stop") {
      return { ...by, what, line, text: comment.text };
    }
    const reason = "the forge does not show whether a user without push access has changed the comment";
    // In the first hour, the job for the comment's event may still start. That job has the original text and can decide whether to start a run.
    return written === undefined && this.#world.nowMs - Date.parse(at) < LATE_MS ? no(reason) : refusal(reason);
  }

  async #askOfLabel(thread: ThreadPlace): Promise<FoundAsk> {
    const { label } = this.#world.settings;
    const set = await this.#world.threads.labelled(thread, label);
    if (set === null) {
      return { ...no(`the ${this.#nounOf(thread)} does not have the label ${JSON.stringify(label)}`), isGone: true };
    }
    if (set.by.isBot === true) return no("a bot set the label");
    return { ask: { kind: "label", id: set.id }, asker: set.by, at: set.at, what: null, line: undefined, text: "" };
  }

  async #taskOf(
    thread: Thread,
    asked: Ask | null,
    { ask, at, line, me, marks }: {
      ask: AskId;
      at: string;
      line: CodeLine | undefined;
      me: ForgeUser;
      marks: readonly MarkedNote[];
    },
  ): Promise<Task | { reason: string }> {
    const what = askIn(thread, asked, line);
    if (what?.kind === "fix") return await this.#fixOf(thread, what, ask);
    if (what?.kind === "again") return await this.#lastTask(thread, ask, me, marks);
    if (what?.kind === "task") {
      const task = checkedTask(what.task, ask, this.#world.settings.name);
      if ("reason" in task) return task;
      const { threads: { pullNoun }, redact } = this.#world;
      const quotes = line === undefined ? [] : [lineQuote(line, pullNoun, redact)];
      if (what.isAfterLast === true) {
        const last = await this.#changedTask(thread, { ask, at }, me, marks);
        if (last !== null && "reason" in last) return last;
        if (last === null && what.needsLast === true) return { reason: `${NO_EARLIER_RUN}. ${NEW_TASK}` };
        if (last !== null) quotes.push(lastTaskQuote(last.text, last.quote, redact));
      }
      return { ...task, quote: quotes.length === 0 ? null : quotes.join("\n\n") };
    }
    if (what !== null) return { reason: "there is nothing to start" };
    const owned = await this.#rights.ownsText(thread, at);
    const instead = `Write a comment \`@${this.#world.settings.name} <task>\` to start a run`;
    if (owned === "others") {
      return { reason: `a user who ${this.#rights.lack()} wrote or changed the title or description. ${instead}` };
    }
    if (owned === "unknown") {
      return {
        reason: `the forge does not show that only users who ${
          whoMayAsk(this.#world.settings)
        } have changed the title and description. ${instead}`,
      };
    }
    if (owned === "changed") {
      return { reason: `somebody changed the title or description after the label was set. ${instead}` };
    }
    return checkedTask(`${thread.title}\n\n${thread.text}`.trim(), ask, this.#world.settings.name);
  }

  async #fixOf(
    { pull, number }: Thread,
    { fix, task, explanation }: Extract<Ask, { kind: "fix" }>,
    ask: AskId,
  ): Promise<Task | { reason: string }> {
    if (pull === null) {
      const noun = this.#world.threads.pullNoun;
      const instead = `Write the command on a ${noun}, or describe the task`;
      return { reason: `this is not a ${noun}, so it has no ${fix} to fix. ${instead}` };
    }
    const { threads, redact } = this.#world;
    const hasRight = this.#rights.crowd(MAX_USERS);
    const facts = await threads.facts(number);
    let outsiders = 0;
    const findings = await membersFindings(threads, number, fix, async ({ author }) => {
      const may = await hasRight(author);
      if (!may) outsiders++;
      return may;
    });
    const reason = nothingToFix(fix, facts, threads.pullNoun, findings, whoMayAsk(this.#world.settings));
    const other = task === undefined ? "" : ". If you meant something else, describe it in more detail";
    if (reason !== null) return { reason: `${reason}${other}` };
    const quote = findingsQuote(findings, redact);
    const prompt = fixPrompt(fix, pull.target, threads.pullNoun);
    const text = explanation === undefined ? prompt : `${prompt}\n\n${explanation}`;
    return {
      ...checkedTask(text, ask, this.#world.settings.name),
      quote,
      outsiders,
      shown: shownFix(fix, explanation),
    };
  }

  async #changedTask(
    thread: Thread,
    { ask, at }: { ask: AskId; at: string },
    me: ForgeUser,
    marks: readonly MarkedNote[],
  ): Promise<Task | { reason: string } | null> {
    // A retried job must send the same prompt, so tasks after the request are left out.
    const earlier = marks.filter(({ note }) => isUntil(note, at));
    if (!earlier.some((each) => !isSameAsk(each.mark.ask, ask) && mayHaveRun(each))) return null;
    const last = await this.#lastTask(thread, ask, me, earlier);
    return "reason" in last ? { reason: `${last.reason}. ${NEW_TASK}` } : last;
  }

  /**
   * Finds the task of the thread's last run, or of a request that polls no longer try to start. The author's permission and the text of the task are
   * checked again.
   */
  async #lastTask(
    thread: Thread,
    ask: AskId,
    me: ForgeUser,
    marks: readonly MarkedNote[],
  ): Promise<Task | { reason: string }> {
    const others = marks.filter(({ mark }) => !isSameAsk(mark.ask, ask));
    const newest = others.findLast(mayHaveRun);
    const isUnknown = newest?.mark.state === "starting";
    if (isUnknown && isStarting([newest], this.#world.nowMs, DAY_MS)) {
      return { reason: this.#rivals.pendingReason(newest) };
    }
    const last = isUnknown ? newest : others.findLast(({ mark }) => typeof mark.state !== "string");
    if (last === undefined) {
      const isUnreadable = others.some(({ mark }) => mark.state === "changed");
      return {
        reason: isUnreadable
          ? "the notes of earlier runs in this thread cannot be verified: they were edited, or written with another `MOGPLEX_API_KEY`. Write the task again"
          : `${NO_EARLIER_RUN}. Write the task in full`,
      };
    }
    const { of } = last.mark;
    const request = await this.#askAt(thread, of, me);
    if ("reason" in request) return { reason: `the last task cannot be repeated because ${request.reason}` };
    const isTask = request.what === null || ["task", "fix"].includes(request.what.kind);
    if (!isTask || !isSameAsk(request.ask, of)) {
      return { reason: "the last task no longer exists" };
    }
    const right = await this.#rights.of(request.asker);
    if (right instanceof MogplexError) {
      return { reason: "the forge does not show whether the user who gave the last task can push" };
    }
    if (!right) return { reason: `the user who gave the last task ${this.#rights.lackNow()}` };
    // Use only earlier requests, because the last task may itself change the task before it.
    const before = marks.slice(0, Math.max(0, marks.findIndex(({ mark }) => isSameAsk(mark.ask, of))));
    const { what, at, line } = request;
    const task = await this.#taskOf(thread, what, { ask: of, at, line, me, marks: before });
    return "reason" in task ? task : { ...task, of };
  }

  /** The claimed runs are not read: their ids are untrusted, so a run that has finished proves nothing. */
  #unverified({ url }: Thread, marks: readonly MarkedNote[]): string[] {
    const { threads: { anchor } } = this.#world;
    return unverifiedIn(marks).slice(-MAX_UNVERIFIED).map(({ note }) =>
      `[A note in this thread](${url}#${anchor}${note.id}) ${UNVERIFIED}. If its run is still active, cancel it in the app.`
    );
  }

  async #statusText(thread: Thread, marks: readonly MarkedNote[], waiting: readonly string[]): Promise<string> {
    const { threads: { anchor }, settings: { name, checks: { schedule } } } = this.#world;
    const link = (note: ThreadComment | undefined) =>
      note === undefined ? "" : ` ([its note](${thread.url}#${anchor}${note.id}))`;
    const linkOf = (id: string) => link(ofRun(marks, id)?.note);
    // Without a schedule, only a job that is still running can start the task.
    const advice = schedule === "none" ? ` If its job has ended, ${startAfresh(name)}` : "";
    const open = await this.#rivals.openRuns(marks);
    const running = open.running.map(({ id, isWaiting }) =>
      `Run \`${id}\` is ${isWaiting ? "waiting for an answer in the app" : "running"}${linkOf(id)}.`
    );
    const ended = open.ended.map((id) =>
      `Run \`${id}\` has finished${linkOf(id)}. If its job was killed, ${
        completerText(schedule)
      } adds its result to the note.`
    );
    const forgotten = open.forgotten.map((id) => `The service no longer has run \`${id}\`${linkOf(id)}.`);
    const starting = marks.filter((each) => isStarting([each], this.#world.nowMs, DAY_MS))
      .map(({ note }) => `A task is waiting to start${link(note)}.${advice}`);
    const unverified = this.#unverified(thread, marks);
    const facts = [...running, ...starting, ...waiting, ...ended, ...forgotten];
    const none = `No run is ${
      unverified.length === 0 ? "active" : "known to be active"
    } in this thread, and no task is waiting to start.`;
    return [...facts.length === 0 ? [none] : facts, ...unverified].join("\n\n");
  }

  async #told(
    thread: Thread,
    comments: readonly ThreadComment[],
    { me, at, ask }: { me: ForgeUser; at: string; ask: AskId },
  ): Promise<Told> {
    const isOurs = ({ author, text }: ThreadComment) => author.id === me.id && isNote(text);
    const earlier = comments.filter((comment) =>
      !isOurs(comment) && !isSameAsk(comment, ask) && isUntil(comment, at) &&
      !isOnlyCommand(comment.text, this.#world.settings.name)
    );
    const allowedComments: ThreadComment[] = [];
    const hasRight = this.#rights.crowd(MAX_USERS);
    // Start with the newest comments, because only the first `MAX_USERS` users are checked.
    for (const comment of earlier.toReversed()) {
      // The editor of a comment might not be its author. On Gitea, everyone with write access to issues can edit comments.
      if (comment.isInternal || comment.editedAt !== null || comment.isEditHidden === true) continue;
      if (await hasRight(comment.author)) allowedComments.unshift(comment);
    }
    const isTask = ask.kind === "label";
    const ownsText = await this.#rights.ownsText(thread, at);
    const internal = earlier.filter(({ isInternal }) => isInternal).length;
    return {
      thread,
      isTask,
      ownsText,
      comments: allowedComments,
      leftOut: earlier.length - allowedComments.length,
      internal,
    };
  }

  /**
   * Notes about earlier runs. Prompts do not quote these notes. Empty if a note in the thread has already informed users that prompts leave out
   * notes, because one notice per thread is enough.
   */
  #earlierNotes(marks: readonly MarkedNote[], { ask, at }: { ask: AskId; at: string }): readonly MarkedNote[] {
    const notes = marks.filter((each) => !isSameAsk(each.mark.ask, ask) && isUntil(each.note, at) && mayHaveRun(each));
    return notes.some(({ note }) => note.text.includes(NOTES_UNSEEN)) ? [] : notes;
  }
}

/** On an issue or a line of code, `fix the build` is an ordinary task, not a command. */
function askIn({ pull }: Thread, ask: Ask | null, line: CodeLine | undefined): Ask | null {
  const isOrdinary = pull === null || line !== undefined;
  return isOrdinary && ask?.kind === "fix" && ask.task !== undefined ? { kind: "task", task: ask.task } : ask;
}

function isUntil({ createdAt }: Pick<ThreadComment, "createdAt">, at: string): boolean {
  return Date.parse(createdAt) <= Date.parse(at);
}

/** Some forges store times in whole seconds. If the times are equal, the ids are compared, and a comment of another kind is treated as later. */
function isLater(
  comment: AskId & Pick<ThreadComment, "createdAt">,
  { ask, at }: { ask: AskId; at: string },
): boolean {
  const ms = Date.parse(comment.createdAt) - Date.parse(at);
  return ms > 0 || ms === 0 && !(comment.kind === ask.kind && comment.id <= ask.id);
}

function marksBefore(
  marks: readonly MarkedNote[],
  comments: readonly ThreadComment[],
  stop: Pick<Stop, "ask" | "at">,
): readonly MarkedNote[] {
  return marks.filter(({ mark, note }) => !isLater(comments.find((each) => isSameAsk(each, mark.ask)) ?? note, stop));
}

interface Asker {
  readonly ask: AskId;
  readonly asker: ForgeUser;
  readonly at: string;
}

type FoundAsk =
  | (Asker & { what: Ask | null; line: CodeLine | undefined; text: string })
  | { reason: string; refused: Asker }
  | { reason: string; refused: null; isGone?: true };

const no = (reason: string) => ({ reason, refused: null });

interface Task {
  readonly text: string;
  readonly of: AskId;
  readonly quote: string | null;
  readonly shown?: string;
  readonly outsiders?: number;
}

/** The note shows the command, because the user who asked does not know the prompt. */
function shownFix(fix: Fix, explanation: string | undefined): string {
  return explanation === undefined ? `fix ${fix}` : `fix ${fix}: ${explanation}`;
}

function checkedTask(text: string, of: AskId, name: string): Task | { reason: string } {
  if (text === "") return { reason: `there is no task. Write \`@${name} <task>\`` };
  if (text.length > MAX_TASK) return { reason: `the task has more than ${MAX_TASK} characters. Write a shorter one` };
  return { text, of, quote: null };
}

const CHECKS = {
  green: "all checks are green",
  pending: "some checks have not finished",
  none: "there are no checks",
} as const;

export async function membersFindings(
  threads: Pick<Threads, "findings">,
  number: number,
  fix: Fix,
  may?: (remark: Remark) => Promise<boolean>,
): Promise<Findings> {
  const of = findingsFor(fix);
  return of === null ? NO_FINDINGS : await ofMembers(await threads.findings(number, of), may);
}

export function nothingToFix(
  fix: Fix,
  facts: Awaited<ReturnType<Threads["facts"]>>,
  pull: PullNoun,
  { remarks }: Pick<Findings, "remarks">,
  who = "can push",
): string | null {
  if (fix === "checks") {
    if (facts.checks === null) return "the forge does not show which checks failed";
    return facts.checks === "red" ? null : `no check failed (${CHECKS[facts.checks]})`;
  }
  if (fix === "review") {
    // A review may consist only of comments. In that case, its open threads are the requested changes.
    if (facts.review === "changes-requested" || remarks.length > 0) return null;
    return facts.review === null
      ? "the forge does not show the reviews"
      : `no review of this ${pull} requests changes, and there is no open review thread by users who ${who}`;
  }
  if (facts.conflict === true) return null;
  return facts.conflict === null
    ? `the forge does not show whether this ${pull} has a conflict`
    : `this ${pull} has no conflict with its target branch`;
}

function helpText({ pull }: Thread, { settings, threads: { pullNoun } }: DecidingWorld): string {
  const { name } = settings;
  const where = pull === null ? `on a ${pullNoun}, ` : "";
  return [
    `- \`@${name} <task or question>\`: an agent does the task or answers the question`,
    `- ${where}\`@${name} fix checks\`, \`fix review\` or \`fix conflict\`: fixes the failed checks, the requested changes or the conflict`,
    `- \`@${name} again\`: repeats the last task in this thread`,
    `- \`@${name} stop\`: cancels the runs in this thread`,
    `- \`@${name} status\`: shows what is running here`,
    "",
    `Only users who ${whoMayAsk(settings)} can ask.`,
  ].join("\n");
}

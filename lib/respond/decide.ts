/**
 * Whether something that happened at a forge becomes a run: who asked for what, where, and whether it was answered before. Nothing is started
 * and nothing is written here.
 *
 * @module
 */
import { MogplexError } from "../errors.ts";
import type { ForgeUser } from "../forge/findings.ts";
import type {
  CodeLine,
  CommentPlace,
  News,
  PlacedComment,
  Thread,
  ThreadComment,
  ThreadPlace,
  Threads,
} from "../forge/threads.ts";
import type { Redact } from "../run/clean.ts";
import { findingsFor, findingsQuote, type Fix, fixPrompt, lineQuote, ofMembers, withQuote } from "../run/fix.ts";
import { formatCount } from "../text/duration.ts";
import {
  type AskId,
  doublesOf,
  isAnsweredByOther,
  isSameAsk,
  type Mark,
  type MarkedNote,
  type MarkSeal,
  marksOf,
  mayHaveRun,
  newsOf,
  stopOf,
} from "./mark.ts";
import { type Ask, readMention } from "./mention.ts";
import { leftOutOf, MAX_TASK, promptOf, type Told, whoMayAsk } from "./prompt.ts";
import { type Place, placeNow } from "./where.ts";

/** What a user of the toolkit has decided. */
export interface RespondSettings {
  /** What the agent is called, without `@`. */
  readonly name: string;
  readonly label: string;
  /** Names of the users who may ask, in lower case, as `kim` or `kim=12` with the number of the account; null: those who may push. */
  readonly allowUsers: readonly string[] | null;
  /** Most runs of 24 hours in the repository. */
  readonly limit: number;
  readonly template: string | undefined;
  /** Whether more people than the members may see the log of the job. */
  readonly isPublic: boolean;
}

/** A run that is to be started, or may have been. */
export interface Wanted {
  readonly kind: "start";
  readonly ask: AskId;
  /** When it was asked for. */
  readonly at: string;
  readonly of: AskId;
  /** Whether a job has tried to start it before, or does so now. */
  readonly isTried: boolean;
  readonly asker: ForgeUser;
  readonly thread: Thread;
  readonly task: string;
  readonly prompt: string;
  /** The comment of the event, as it was written; undefined where it is not known. */
  readonly written: (CommentPlace & { readonly text: string }) | undefined;
  /** What of the thread the agent does not get, for the asker; undefined when it gets all. */
  readonly leftOut: string | undefined;
  readonly place: Extract<Place, { kind: "branch" }>;
}

/** A stop of the runs of a thread. */
export interface Stop {
  readonly kind: "stop";
  readonly ask: AskId;
  /** When it was asked for. */
  readonly at: string;
  readonly asker: ForgeUser;
  readonly thread: Thread;
  /** A word that people may mean otherwise, as `pause`; undefined for `stop` itself and its like. */
  readonly word: string | undefined;
}

/** An answer to a question, which starts nothing. */
export interface Reply {
  readonly kind: "reply";
  readonly ask: AskId;
  /** Markdown of our own. */
  readonly text: string;
}

/** The run of a mention whose note names it, for a job that is tried again. */
export interface Attach {
  readonly kind: "attach";
  readonly marked: MarkedNote;
  readonly runId: string;
  readonly thread: Thread;
}

/** What is to be done. `none`: there is no run; a reason that the asker should read becomes a note with the mark. */
export type Decision =
  | Wanted
  | Stop
  | Attach
  | Reply
  | { kind: "none"; reason: string; tell: Answer | null };

/** What the asker is told, and whether a job has tried to start the run before, or does so now. */
interface Answer {
  readonly ask: AskId;
  readonly thread: Thread;
  readonly text: string;
  readonly isTried: boolean;
}

/** What of the service has to be known. */
export interface RunsAtWork {
  /** The working branch of a run that has not ended; null for one that has, or is not shown. */
  branchOf(runId: string): Promise<string | null>;
}

const DAY_MS = 86_400_000;
/** How far back a poll looks at most. */
export const MAX_POLL_MS = 7 * DAY_MS;
/** Most notes of a thread that get the end of their run at once. */
const MAX_LEFT = 5;
/** Most runs of other threads whose branch is asked for. */
const MAX_OTHER_RUNS = 20;
/** Most other pull requests of one branch whose notes are read. */
const MAX_OTHER_PULLS = 5;
/** How long another ask counts as one that starts a run, in milliseconds: its job may have died. */
export const STARTING_MS = 10 * 60_000;
/** From when on the job of a comment's event counts as lost, in milliseconds. */
const LATE_MS = 60 * 60_000;
/** Most users whose right is asked for because they have written in a thread. Comments of others are left out. */
const MAX_USERS = 30;
/** Most of them who have asked for a stop: strangers must not hide that of a member. */
const MAX_STOPPERS = 300;

const BUSY = "another run is at work here";
const BUSY_BRANCH = "a run of another thread is at work on this branch";
const CONFIDENTIAL = "it is confidential, and the log of a job in this project is not";
/** Why a run that was stopped before it had started does not start. */
export const STOPPED = "it was stopped before a run had started";
/** What is added to a reason where a start was tried before. */
export const MAYBE_STARTED = "An earlier try may have started its run: that is not known";

function quiet(reason: string): Decision {
  return { kind: "none", reason, tell: null };
}

/** Whether a user may ask; an error if the forge does not show it. */
export async function mayAsk(
  settings: Pick<RespondSettings, "allowUsers">,
  threads: Pick<Threads, "mayPush">,
  user: ForgeUser,
): Promise<boolean | MogplexError> {
  return rightByName(settings, user) ?? await threads.mayPush(user);
}

/** Whether a user may ask, where that is known without the forge; undefined where it is not. */
function rightByName({ allowUsers }: Pick<RespondSettings, "allowUsers">, user: ForgeUser): boolean | undefined {
  if (user.id <= 0 || user.isBot === true) return false;
  return allowUsers?.some((allowed) =>
    [`${user.name}`, `${user.name}=${user.id}`].some((each) => each.toLowerCase() === allowed)
  );
}

/** Decides on one ask. One object for each: it remembers what the forge has said. */
export class Decider {
  readonly #threads: Threads;
  readonly #settings: RespondSettings;
  readonly #runs: RunsAtWork;
  readonly #nowMs: number;
  readonly #sealOf: (thread: ThreadPlace) => Promise<MarkSeal>;
  readonly #redact: Redact;
  readonly #isOfPipeline: (note: string) => boolean;
  readonly #open: MarkedNote[] = [];
  readonly #doubles: CommentPlace[] = [];
  readonly #rights = new Map<number, boolean | MogplexError>();
  /** The comment of the event, as it was written. */
  #written: Wanted["written"];

  constructor(
    { threads, settings, runs, nowMs, sealOf, redact, isOfPipeline }: {
      threads: Threads;
      settings: RespondSettings;
      runs: RunsAtWork;
      /** Wall time in milliseconds since 1970. */
      nowMs: number;
      /** Makes the codes of the marks of a thread. */
      sealOf(thread: ThreadPlace): Promise<MarkSeal>;
      /** Masks secrets in what goes along with a task: the same in each job, since the prompt of one key must not change. */
      redact: Redact;
      /** Whether a note was written by the pipeline of this job: a job of it that is tried again follows the run that the note names. */
      isOfPipeline(note: string): boolean;
    },
  ) {
    this.#threads = threads;
    this.#settings = settings;
    this.#runs = runs;
    this.#nowMs = nowMs;
    this.#sealOf = sealOf;
    this.#redact = redact;
    this.#isOfPipeline = isOfPipeline;
  }

  /** Notes of the thread that do not tell the end of their run: it goes on, or their job has died. Known once it was decided. */
  get open(): readonly MarkedNote[] {
    return this.#open;
  }

  /** Notes that jobs of the same ask have left beside the one that counts. Known once it was decided. */
  get doubles(): readonly CommentPlace[] {
    return this.#doubles;
  }

  /**
   * Decides.
   *
   * @param since What was asked for before that time (ISO 8601) is not answered. @default {undefined} (everything is)
   * @throws {MogplexError} with exit code 69 when the forge or the service could not be asked: nothing was decided.
   */
  async decide({ thread: place, comment, written }: News, since?: string): Promise<Decision> {
    this.#written = comment === null || written === undefined ? undefined : { ...comment, text: written };
    // The cheapest questions come first: every comment of the repository may be an event.
    const me = await this.#threads.me();
    const asked = comment === null ? await this.#askOfLabel(place) : await this.#askOfComment(place, comment, me);
    if ("reason" in asked && asked.refused === null) return quiet(asked.reason);
    const thread = await this.#threads.thread(place);
    if (thread === null) {
      const noun = place.kind === "issue" ? "issue" : "pull request";
      return quiet(`the forge shows no ${noun} ${place.number} to this token`);
    }
    const isStop = !("reason" in asked) && asked.what?.kind === "stop";
    // A stop is often written while the thread is closed, and its run goes on behind that.
    if (!thread.isOpen && !isStop) return await this.#runInClosed(thread, asked, me) ?? quiet("it is closed");
    if (thread.pull?.isForeign === true) return quiet("the pull request comes from no branch of this repository");
    const { ask, asker, at } = "reason" in asked ? asked.refused : asked;
    // Where labels are renamed, one that was set long ago has another name now: its age is what the forge shows of it.
    const firstMs = Math.max(Date.parse(since ?? "1970-01-01"), ask.kind === "label" ? this.#nowMs - DAY_MS : 0);
    if (Date.parse(at) < firstMs) return quiet(`it was asked for before ${new Date(firstMs).toISOString()}`);
    if (Date.parse(at) <= Date.parse(thread.movedAt ?? "")) {
      return quiet("it was asked for before it came to this project");
    }
    const right = await this.#rightOf(asker);
    if (right instanceof MogplexError) throw right;
    if (!right) return quiet(`the user who asked ${this.#lack(" to the repository")}`);
    const found = await this.#threads.comments(place);
    const seal = await this.#sealOf(place);
    const marks = marksOf(found.list, me, seal);
    const open = marks.filter(({ mark: { state } }) => typeof state !== "string" && state.isOpen);
    this.#open.push(...open.slice(-MAX_LEFT));
    this.#doubles.push(...doublesOf(found.list, me, seal));
    const own = marks.find(({ mark }) => isSameAsk(mark.ask, ask));
    const word = !("reason" in asked) && asked.what?.kind === "stop" ? asked.what.word : undefined;
    const stop: Stop = { kind: "stop", ask, at, asker, thread, word };
    if (own !== undefined && own.mark.state !== "starting") {
      // Its run was not known then: the job could not write its note, or look for the stop.
      const isLeft = isStop && stopOf(own) !== null &&
        (await this.#runsAtWork(marksBefore(marks, found.list, stop))).length > 0;
      if (isLeft) return stop;
      return typeof own.mark.state === "string"
        ? quiet("it was answered")
        : this.#attachTo(own, thread) ?? quiet("its run was started");
    }
    if (!found.isWhole && own === undefined) {
      return quiet("there are too many comments to see whether it was answered");
    }
    // Of a stop each bot answers for its own runs.
    if (own === undefined && !isStop && isAnsweredByOther(found.list, me, seal, ask)) {
      return quiet("another bot has answered it");
    }
    // One reaction on a thread stands for all labels: it may be about an earlier one, whose run has ended since.
    const isShared = ask.kind === "label" && marks.some(({ mark }) => mark.ask.kind === "label");
    if (own === undefined && !isShared && await this.#threads.isAnswered?.(place, comment, { me, since: at })) {
      return quiet("it was answered or stopped, and has no note of its own");
    }
    const tell = (reason: string, text = reason): Decision => ({
      kind: "none",
      reason,
      tell: { ask, thread, text: own === undefined ? text : `${text}. ${MAYBE_STARTED}`, isTried: own !== undefined },
    });
    if ("reason" in asked) return tell(asked.reason, `${asked.reason}: write it anew, at the beginning of a comment`);
    const { what, line } = asked;
    if (what?.kind === "stop") return stop;
    if (what?.kind === "help") return { kind: "reply", ask, text: helpText(this.#settings.name) };
    if (what?.kind === "status") return { kind: "reply", ask, text: await this.#statusText(thread, marks) };
    if (await this.#isStopped(found.list, marks, { ask, at, me })) {
      return tell(own === undefined ? STOPPED : "it was stopped");
    }
    if (thread.isInternal === true && this.#settings.isPublic) {
      return tell(CONFIDENTIAL);
    }
    const task = await this.#taskOf(thread, what, { ask, at, line, me, marks });
    if ("reason" in task) return tell(task.reason);
    const where = await placeNow(this.#threads, thread);
    if (where.kind === "none") return tell(where.reason);
    if (own === undefined) {
      const no = await this.#refusal(thread, where, { marks, rivals: rivalsOf(thread, task.of, marks), me });
      if (no !== null) return tell(no.reason, no.text);
    }
    const told = await this.#told(thread, found.list, { me, at, ask });
    const { template } = this.#settings;
    const prompt = promptOf(withQuote(task.text, task.quote), told, { redact: this.#redact, template });
    const leftOut = leftOutOf(told, this.#settings);
    const wanted = {
      ask,
      at,
      of: task.of,
      isTried: own !== undefined,
      asker,
      thread,
      task: task.text,
      prompt,
      written: this.#written,
      leftOut,
    };
    return { kind: "start", ...wanted, place: where };
  }

  #attachTo(marked: MarkedNote | undefined, thread: Thread): Attach | undefined {
    const state = marked?.mark.state;
    if (marked === undefined || state === undefined || typeof state === "string") return undefined;
    return this.#isOfPipeline(marked.note.text) ? { kind: "attach", marked, runId: state.runId, thread } : undefined;
  }

  /** The run of an ask in a thread that was closed since. */
  async #runInClosed(thread: Thread, asked: FoundAsk, me: ForgeUser): Promise<Attach | undefined> {
    const ask = "reason" in asked ? asked.refused?.ask : asked.ask;
    if (ask === undefined) return undefined;
    const { list } = await this.#threads.comments(thread);
    const marks = marksOf(list, me, await this.#sealOf(thread));
    return this.#attachTo(marks.find(({ mark }) => isSameAsk(mark.ask, ask)), thread);
  }

  /**
   * What a stop is about, of all that was asked for before it: runs of the thread that have not ended, notes of asks whose start is not known, and
   * asks without a note. Asked anew each time: a job may be about to start its run.
   */
  async toStop(
    { thread, ask, at }: Stop,
  ): Promise<{ runs: readonly string[]; starting: readonly MarkedNote[]; waiting: readonly CommentPlace[] }> {
    const me = await this.#threads.me();
    const seal = await this.#sealOf(thread);
    const { list } = await this.#threads.comments(thread);
    // The job of a stop may come when a later ask has its run.
    const marks = marksBefore(marksOf(list, me, seal), list, { ask, at });
    const starting = marks.filter(({ mark }) => mark.state === "starting");
    const hasRight = this.#crowd(MAX_USERS);
    const waiting: CommentPlace[] = [];
    // No poll takes up what is older: whatever became of it was not stopped.
    const firstMs = Date.parse(at) - MAX_POLL_MS;
    for (const comment of list.filter(({ createdAt }) => Date.parse(createdAt) >= firstMs)) {
      if (isLater(comment, { ask, at }) || marks.some(({ mark }) => isSameAsk(mark.ask, comment))) continue;
      const kind = readMention(comment.text, this.#settings.name)?.kind ?? "unsure";
      if (!["task", "fix", "again"].includes(kind) || !await hasRight(comment.author)) continue;
      if (!isAnsweredByOther(list, me, seal, comment)) waiting.push(comment);
    }
    return { runs: await this.#runsAtWork(marks), starting, waiting };
  }

  /** Whether somebody with the right has asked for a stop after an ask. Our note of it lasts when others change or remove the comment. */
  async #isStopped(
    comments: readonly ThreadComment[],
    marks: readonly MarkedNote[],
    { ask, at, me }: { ask: AskId; at: string; me: ForgeUser },
  ): Promise<boolean> {
    const isAfter = (marked: MarkedNote) => {
      const ms = stopOf(marked);
      return ms !== null && isLater({ ...marked.mark.ask, createdAt: new Date(ms).toISOString() }, { ask, at });
    };
    if (marks.some(isAfter)) return true;
    const hasRight = this.#crowd(MAX_STOPPERS);
    for (const comment of comments) {
      if (comment.author.id === me.id || !isLater(comment, { ask, at })) continue;
      if (readMention(comment.text, this.#settings.name)?.kind !== "stop") continue;
      if (comment.editedAt === null && !comment.isInternal && await hasRight(comment.author)) return true;
    }
    return false;
  }

  /** Whether an ask is stopped by now. Asked again after the start, which may have been tried for as long as the service was down. */
  async isStopped({ thread, ask, at }: Pick<Wanted, "thread" | "ask" | "at">): Promise<boolean> {
    const me = await this.#threads.me();
    const { list } = await this.#threads.comments(thread);
    return await this.#isStopped(list, marksOf(list, me, await this.#sealOf(thread)), { ask, at, me });
  }

  /**
   * Why a run that was decided on must not be started any more; null when it may be. Asked right before the start, and of a new decider before
   * each attempt that repeats it.
   */
  async changed(wanted: Wanted): Promise<string | null> {
    const { thread: before, place, ask, of, written } = wanted;
    this.#written = written;
    const now = await this.#threads.thread(before);
    if (now === null || !now.isOpen) return "it was closed meanwhile";
    if (now.isInternal === true && this.#settings.isPublic) return CONFIDENTIAL;
    if (await this.isStopped(wanted)) return STOPPED;
    const me = await this.#threads.me();
    for (const each of isSameAsk(ask, of) ? [ask] : [ask, of]) {
      const reason = await this.#askWithdrawn(now, each, me);
      if (reason !== null) return reason;
    }
    const again = await placeNow(this.#threads, now);
    return JSON.stringify(again) === JSON.stringify(place)
      ? null
      : "source or target branch is another one now, or was protected";
  }

  /** Why an ask is not valid any more, whatever else holds; null while it is. */
  async #askWithdrawn(thread: Thread, ask: AskId, me: ForgeUser): Promise<string | null> {
    const found = await this.#askAt(thread, ask, me);
    if ("reason" in found) return found.reason;
    if (!isSameAsk(found.ask, ask)) return "the label was set again";
    const right = await this.#rightOf(found.asker);
    if (right instanceof MogplexError) throw right;
    if (!right) return `the user who asked ${this.#lack(" to the repository")} any more`;
    const isChanged = ask.kind === "label" && await this.#ownsText(thread, found.at) !== "yes";
    return isChanged ? "title or description were changed" : null;
  }

  /** Why the task of a note, whose start is not known, starts no more; null while polls repeat it. */
  async withdrawn(place: ThreadPlace, ask: AskId): Promise<string | null> {
    const thread = await this.#threads.thread(place);
    if (thread === null || !thread.isOpen) return "it was closed meanwhile";
    return await this.#askWithdrawn(thread, ask, await this.#threads.me());
  }

  /** The task that a mark names, for its note; undefined when the thread does not show it any more as it was. */
  async taskOf(place: ThreadPlace, { of }: Pick<Mark, "of">): Promise<string | undefined> {
    const me = await this.#threads.me();
    const thread = await this.#threads.thread(place);
    const found = thread === null ? null : await this.#askAt(place, of, me);
    if (thread === null || found === null || "reason" in found || !isSameAsk(found.ask, of)) return undefined;
    const { what, at, line } = found;
    if (what?.kind === "fix") return thread.pull === null ? undefined : fixPrompt(what.fix, thread.pull.target);
    if (what !== null && what.kind !== "task") return undefined;
    const task = await this.#taskOf(thread, what, { ask: of, at, line, me, marks: [] });
    return "reason" in task ? undefined : task.text;
  }

  /**
   * Why a run must not be started although its note is written: another ask came first on the same pull request or branch, or others that came
   * first have used up the limit; null when neither is so. Whose note is older came first, on all threads.
   *
   * @param noteId Id of the note of this ask.
   */
  async rival(
    { thread, ask, of, place }: Wanted,
    notes: readonly MarkedNote[],
    noteId: number,
  ): Promise<string | null> {
    const today = (await this.#marksOfToday(await this.#threads.me())).filter(({ note }) => note.id < noteId);
    if (this.#isBeyondLimit(today)) return this.#limitReason;
    const others = rivalsOf(thread, of, notes).filter(({ mark }) => !isSameAsk(mark.ask, ask));
    const earlier = others.filter(({ note }) => note.id < noteId);
    // The clock of this machine may be some minutes off: the forge has just dated the own note.
    const nowMs = Date.parse(notes.find(({ note }) => note.id === noteId)?.note.createdAt ?? "") || this.#nowMs;
    const starting = earlier.find((each) => isStarting([each], nowMs));
    if (starting !== undefined) return this.#busyText(BUSY, thread, starting.note);
    // Also that of a later task, where this one could not be started for so long.
    const [busy] = await this.#runsAtWork(others);
    if (busy !== undefined) return this.#busyText(BUSY, thread, ofRun(others, busy)?.note);
    // Its job has ended, or has tried for so long; a poll may do so at any time.
    if (isStarting(earlier, nowMs, DAY_MS)) return this.#pendingReason;
    const other = await this.#busyOnBranch(place, today, notes) ??
      await this.#takenBranch(thread, place, { noteId, nowMs });
    return other === undefined ? null : await this.#busyBranchText(other);
  }

  /** What an ask is told while another run is at work. @param thread Where the note about that run is. */
  #busyText(reason: string, thread: Thread | null, note: ThreadComment | undefined): string {
    const link = thread === null || note === undefined
      ? ""
      : `. Its note: ${thread.url}#${this.#threads.anchor}${note.id}`;
    return `${reason}: write the task anew when that has ended${link}`;
  }

  /** What an ask is told while the run of another thread is at work on its branch. */
  async #busyBranchText(note: PlacedComment): Promise<string> {
    return this.#busyText(BUSY_BRANCH, await this.#threads.thread(note.thread), note);
  }

  /** The earlier note on another pull request of the same branch about a run that is being started, or is at work there. */
  async #takenBranch(
    { number }: Thread,
    { workingBranch }: Wanted["place"],
    { noteId, nowMs }: { noteId: number; nowMs: number },
  ): Promise<PlacedComment | undefined> {
    if (workingBranch === undefined) return undefined;
    const me = await this.#threads.me();
    const pulls = (await this.#threads.pullsFrom(workingBranch)).filter((each) => each !== number);
    for (const other of pulls.slice(0, MAX_OTHER_PULLS)) {
      const place: ThreadPlace = { kind: "pull", number: other };
      const { list } = await this.#threads.comments(place);
      const earlier = marksOf(list, me, await this.#sealOf(place)).filter(({ note }) => note.id < noteId);
      const found = earlier.find((each) => isStarting([each], nowMs)) ?? await this.#runOn(workingBranch, earlier);
      if (found !== undefined) return { ...found.note, thread: place };
    }
    return undefined;
  }

  /** An ask as the forge shows it now. */
  async #askAt(thread: ThreadPlace, ask: AskId, me: ForgeUser): Promise<FoundAsk> {
    const { comment } = newsOf(thread, ask);
    return comment === null ? await this.#askOfLabel(thread) : await this.#askOfComment(thread, comment, me);
  }

  async #askOfComment(thread: ThreadPlace, place: CommentPlace, me: ForgeUser): Promise<FoundAsk> {
    const comment = await this.#threads.comment(thread, place);
    if (comment === null) return no("the comment is gone");
    if (comment.author.id === me.id) return no("the comment is one of our own");
    if (comment.author.isBot === true) return no("a program wrote the comment");
    const { kind, id, author: asker, createdAt: at, line } = comment;
    const { name } = this.#settings;
    const written = this.#written?.kind === kind && this.#written.id === id ? this.#written.text : undefined;
    const first = written === undefined ? null : readMention(written, name);
    // A stop holds whatever became of its comment: it is the safe side.
    const what = first?.kind === "stop" ? first : readMention(comment.text, name);
    if (what === null) return no(`nothing asks \`@${name}\` for anything at the beginning of a line`);
    if (comment.isInternal) return no("the comment is internal, and a note would show it");
    const by: Asker = { ask: { kind, id }, asker, at };
    if (what === first) return { ...by, what, line };
    const told = (reason: string) => ({ reason, refused: by });
    if (comment.editedAt !== null) return told("the comment was changed after it was written");
    if (what.kind === "unsure") {
      const why = what.isInside === true
        ? "the mention is not at the beginning of a line"
        : "the mention may be a part of a quote, of code or of HTML";
      return told(what.isHidden === true ? "there are characters at the mention that are not seen" : why);
    }
    if (comment.isEditHidden !== true || written === comment.text || what.kind === "stop") {
      return { ...by, what, line };
    }
    const reason = "the forge does not show whether somebody who may not push has changed the comment";
    // Until then the job of its event, which can tell, may still come.
    return written === undefined && this.#nowMs - Date.parse(at) < LATE_MS ? no(reason) : told(reason);
  }

  async #askOfLabel(thread: ThreadPlace): Promise<FoundAsk> {
    const { label } = this.#settings;
    const set = await this.#threads.labelled(thread, label);
    if (set === null) return no(`it does not have the label ${JSON.stringify(label)}`);
    if (set.by.isBot === true) return no("a program has set the label");
    return { ask: { kind: "label", id: set.id }, asker: set.by, at: set.at, what: null, line: undefined };
  }

  /** What a user who may not ask lacks, as the end of a clause. @param where Behind the right to push. */
  #lack(where = ""): string {
    return this.#settings.allowUsers === null ? `may not push${where}` : "is not in --allow-users";
  }

  /** Whether a user may ask; an error when the forge does not show it. */
  async #rightOf(user: ForgeUser): Promise<boolean | MogplexError> {
    const known = rightByName(this.#settings, user) ?? this.#rights.get(user.id);
    if (known !== undefined) return known;
    const right = await this.#threads.mayPush(user);
    this.#rights.set(user.id, right);
    return right;
  }

  /**
   * Tells whether the forge says that a user may ask, of those who have written in a thread. What others write must not keep a member from asking:
   * what is not shown is a no here.
   *
   * @param most Users whose right may be asked for: everybody may write. Of more it is a no.
   */
  #crowd(most: number): (user: ForgeUser) => Promise<boolean> {
    const known = this.#rights.size;
    return async (user) =>
      (this.#rights.has(user.id) || this.#rights.size - known < most) && await this.#rightOf(user) === true;
  }

  /**
   * Whether persons with the right alone have written title and description, and have not changed them since a time. `unknown`: the forge does
   * not show who has changed them, or whether that user has the right.
   */
  async #ownsText({ author, changes }: Thread, before: string): Promise<"yes" | "others" | "unknown" | "changed"> {
    const rights: (boolean | MogplexError | null)[] = [await this.#rightOf(author)];
    for (const { by } of changes ?? [{ by: null }]) rights.push(by === null ? null : await this.#rightOf(by));
    if (rights.includes(false)) return "others";
    if (!rights.every((right) => right === true)) return "unknown";
    return changes?.some(({ at }) => !(Date.parse(at) <= Date.parse(before))) ? "changed" : "yes";
  }

  /** The task of an ask, with the ask that had it; or why it has no task. */
  async #taskOf(
    thread: Thread,
    what: Ask | null,
    { ask, at, line, me, marks }: {
      ask: AskId;
      at: string;
      line: CodeLine | undefined;
      me: ForgeUser;
      marks: readonly MarkedNote[];
    },
  ): Promise<Task | { reason: string }> {
    if (what?.kind === "fix") return await this.#fixOf(thread, what.fix, ask);
    if (what?.kind === "again") return await this.#lastTask(thread, ask, me, marks);
    if (what?.kind === "task") {
      const task = checkedTask(what.task, ask, this.#settings.name);
      return "reason" in task || line === undefined ? task : { ...task, quote: lineQuote(line, this.#redact) };
    }
    if (what !== null) return { reason: "there is nothing to start" };
    const owned = await this.#ownsText(thread, at);
    const instead = `write a comment \`@${this.#settings.name} <task>\` to start a run`;
    if (owned === "others") {
      return { reason: `a user who ${this.#lack()} wrote or changed title or description: ${instead}` };
    }
    if (owned === "unknown") {
      return {
        reason: `the forge does not show that only users who ${
          whoMayAsk(this.#settings.allowUsers)
        } have changed title and description: ${instead}`,
      };
    }
    if (owned === "changed") {
      return { reason: `somebody changed title or description after the label was set: ${instead}` };
    }
    return checkedTask(`${thread.title}\n\n${thread.text}`.trim(), ask, this.#settings.name);
  }

  async #fixOf({ pull, number }: Thread, fix: Fix, ask: AskId): Promise<Task | { reason: string }> {
    if (pull === null) return { reason: `this is no pull request, so it has no ${fix} to fix` };
    const reason = nothingToFix(fix, await this.#threads.facts(number));
    if (reason !== null) return { reason };
    const of = findingsFor(fix);
    const findings = of === null ? null : await this.#threads.findings(number, of);
    const hasRight = this.#crowd(MAX_USERS);
    const quote = findings === null
      ? null
      : findingsQuote(await ofMembers(findings, ({ author }) => hasRight(author)), this.#redact);
    return { text: fixPrompt(fix, pull.target), of: ask, quote };
  }

  /** The task of the last run of the thread, or of one whose start no poll tries any more. Its text is judged anew: who wrote it, and whether it was changed. */
  async #lastTask(
    thread: Thread,
    ask: AskId,
    me: ForgeUser,
    marks: readonly MarkedNote[],
  ): Promise<Task | { reason: string }> {
    const others = marks.filter(({ mark }) => !isSameAsk(mark.ask, ask));
    const newest = others.findLast(mayHaveRun);
    const isUnknown = newest?.mark.state === "starting";
    if (isUnknown && isStarting([newest], this.#nowMs, DAY_MS)) return { reason: this.#pendingReason };
    const last = isUnknown ? newest : others.findLast(({ mark }) => typeof mark.state !== "string");
    if (last === undefined) return { reason: "there was no run here that could be started again" };
    const { of } = last.mark;
    const found = await this.#askAt(thread, of, me);
    if ("reason" in found) return { reason: `the last task cannot be taken again: ${found.reason}` };
    const isTask = found.what === null || ["task", "fix"].includes(found.what.kind);
    if (!isTask || !isSameAsk(found.ask, of)) {
      return { reason: "the last task is not there any more" };
    }
    const right = await this.#rightOf(found.asker);
    if (right instanceof MogplexError) {
      return { reason: "the forge does not show whether the user who gave the last task may push" };
    }
    if (!right) return { reason: `the user who gave the last task ${this.#lack()} any more` };
    const task = await this.#taskOf(thread, found.what, { ask: of, at: found.at, line: found.line, me, marks });
    return "reason" in task ? task : { ...task, of };
  }

  /** What runs in a thread, and what waits for its start. */
  async #statusText(thread: Thread, marks: readonly MarkedNote[]): Promise<string> {
    const link = (note: ThreadComment) => `${thread.url}#${this.#threads.anchor}${note.id}`;
    const running = (await this.#runsAtWork(marks)).map((id) => {
      const note = ofRun(marks, id)?.note;
      return `Run \`${id}\` is running${note === undefined ? "" : `: ${link(note)}`}`;
    });
    const starting = marks.filter((each) => isStarting([each], this.#nowMs, DAY_MS))
      .map(({ note }) => `A task waits for its start: ${link(note)}`);
    const lines = [...running, ...starting];
    return lines.length === 0
      ? "No run of this thread is running, and no task waits for its start."
      : lines.join("\n\n");
  }

  /** Runs of a thread that have not ended. Of an issue there may be many: each task has a branch of its own. */
  async #runsAtWork(marks: readonly MarkedNote[]): Promise<string[]> {
    const found: string[] = [];
    for (const id of openRuns(marks)) if (await this.#runs.branchOf(id) !== null) found.push(id);
    return found;
  }

  /**
   * The note about a run of the last 24 hours that another thread has asked for, and that works on the branch of a pull request: two of them can
   * come from one branch. The service says so, whoever may have changed our note.
   */
  async #busyOnBranch(
    { workingBranch }: Wanted["place"],
    today: readonly MarkedNote<PlacedComment>[],
    ofThread: readonly MarkedNote[],
  ): Promise<PlacedComment | undefined> {
    if (workingBranch === undefined) return undefined;
    const others = today.filter(({ note }) => !ofThread.some((each) => each.note.id === note.id));
    return (await this.#runOn(workingBranch, others))?.note;
  }

  /** The note about a run that has not ended and works on a branch. */
  async #runOn<T extends ThreadComment>(
    branch: string,
    marks: readonly MarkedNote<T>[],
  ): Promise<MarkedNote<T> | undefined> {
    for (const id of openRuns(marks).slice(-MAX_OTHER_RUNS)) {
      if (await this.#runs.branchOf(id) === branch) return ofRun(marks, id);
    }
    return undefined;
  }

  /** Why there is no run although everything else permits it; null when there may be one. */
  async #refusal(
    thread: Thread,
    place: Wanted["place"],
    { marks, rivals, me }: {
      marks: readonly MarkedNote[];
      /** Those whose runs keep another one from being started. */
      rivals: readonly MarkedNote[];
      me: ForgeUser;
    },
  ): Promise<{ reason: string; text: string } | null> {
    const [busy] = await this.#runsAtWork(rivals);
    if (busy !== undefined) return { reason: BUSY, text: this.#busyText(BUSY, thread, ofRun(marks, busy)?.note) };
    const today = await this.#marksOfToday(me);
    const other = await this.#busyOnBranch(place, today, marks);
    if (other !== undefined) return { reason: BUSY_BRANCH, text: await this.#busyBranchText(other) };
    return this.#isBeyondLimit(today)
      ? { reason: this.#limitReason, text: `${this.#limitReason}: write the task anew later` }
      : null;
  }

  get #pendingReason(): string {
    return `the last task is not started yet: polls try it for 24 hours, \`@${this.#settings.name} stop\` withdraws it`;
  }

  get #limitReason(): string {
    return `the limit of ${formatCount(this.#settings.limit, "run")} a day is reached`;
  }

  /** Our notes of the last 24 hours in all threads. Their codes are not looked at: a changed note counts, too. */
  async #marksOfToday(me: ForgeUser): Promise<MarkedNote<PlacedComment>[]> {
    const since = new Date(this.#nowMs - DAY_MS).toISOString();
    return marksOf(await this.#threads.commentsOf(me, since), me, undefined);
  }

  /** Whether notes name as many runs as there may be in 24 hours. */
  #isBeyondLimit(today: readonly MarkedNote[]): boolean {
    return today.filter(mayHaveRun).length >= this.#settings.limit;
  }

  /** What of the thread goes along with a task. */
  async #told(
    thread: Thread,
    comments: readonly ThreadComment[],
    { me, at, ask }: { me: ForgeUser; at: string; ask: AskId },
  ): Promise<Told> {
    const isOurs = (comment: ThreadComment) => marksOf([comment], me, undefined).length > 0;
    const earlier = comments.filter((comment) =>
      !isOurs(comment) && !isSameAsk(comment, ask) && Date.parse(comment.createdAt) <= Date.parse(at)
    );
    const own: ThreadComment[] = [];
    const hasRight = this.#crowd(MAX_USERS);
    // The newest first: the right of so many users is asked for, and of no more.
    for (const comment of earlier.toReversed()) {
      // Where a list shows an edit, another user than the author may have made it: on Gitea any user who may write to issues.
      if (comment.isInternal || comment.editedAt !== null || comment.isEditHidden === true) continue;
      if (await hasRight(comment.author)) own.unshift(comment);
    }
    const isTask = ask.kind === "label";
    const hasText = !isTask && await this.#ownsText(thread, at) === "yes";
    const internal = earlier.filter(({ isInternal }) => isInternal).length;
    return { thread, isTask, hasText, comments: own, leftOut: earlier.length - own.length, internal };
  }
}

/** Notes of a thread whose runs keep another one from being started. On an issue each task has a branch of its own: the same one may not be at work twice. */
function rivalsOf({ pull }: Thread, of: AskId, marks: readonly MarkedNote[]): readonly MarkedNote[] {
  return pull !== null ? marks : marks.filter(({ mark }) => isSameAsk(mark.of, of));
}

/** Runs of which the notes do not tell the end. */
function openRuns(marks: readonly MarkedNote[]): string[] {
  const ids = marks.flatMap(({ mark: { state } }) => typeof state !== "string" && state.isOpen ? [state.runId] : []);
  return [...new Set(ids)];
}

/** Whether a job is about to start a run. @param withinMs How long ago it has begun its note at most. */
function isStarting(notes: readonly MarkedNote[], nowMs: number, withinMs = STARTING_MS): boolean {
  return notes.some(({ mark, note }) => mark.state === "starting" && nowMs - Date.parse(note.createdAt) < withinMs);
}

/** What our notes say about a run. */
function ofRun<T extends ThreadComment>(marks: readonly MarkedNote<T>[], runId: string): MarkedNote<T> | undefined {
  return marks.find(({ mark: { state } }) => typeof state !== "string" && state.runId === runId);
}

/** Whether a comment was written after an ask. Some forges have whole seconds only: then the ids count, or it is later. */
function isLater(
  comment: AskId & Pick<ThreadComment, "createdAt">,
  { ask, at }: { ask: AskId; at: string },
): boolean {
  const ms = Date.parse(comment.createdAt) - Date.parse(at);
  return ms > 0 || ms === 0 && !(comment.kind === ask.kind && comment.id <= ask.id);
}

/** Notes about what was asked for before a stop. */
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

/** Who asks for what, or why that counts as nothing. `refused`: who has to read that in a note. */
type FoundAsk =
  | (Asker & { what: Ask | null; line: CodeLine | undefined })
  | { reason: string; refused: Asker }
  | { reason: string; refused: null };

const no = (reason: string) => ({ reason, refused: null });

/** What is to be done, whose task it is, and what the forge shows of it, as a quote. */
interface Task {
  readonly text: string;
  readonly of: AskId;
  readonly quote: string | null;
}

function checkedTask(text: string, of: AskId, name: string): Task | { reason: string } {
  if (text === "") return { reason: `there is no task: write \`@${name} <task>\`` };
  if (text.length > MAX_TASK) return { reason: `the task has more than ${MAX_TASK} characters: write a shorter one` };
  return { text, of, quote: null };
}

/** What the forge shows of checks that are not red. */
const CHECKS = {
  green: "they are green",
  pending: "they are not finished",
  none: "it has none",
  unknown: "the forge does not show them",
} as const;

/** Why there is nothing to fix, as a clause; null when there is. */
export function nothingToFix(fix: Fix, facts: Awaited<ReturnType<Threads["facts"]>>): string | null {
  if (fix === "checks") {
    return facts.checks === "red"
      ? null
      : `no check of this pull request is red (${CHECKS[facts.checks ?? "unknown"]})`;
  }
  if (fix === "review") {
    return facts.review === "changes-requested" ? null : `no review asks for changes (${facts.review ?? "not shown"})`;
  }
  return facts.conflict === true ? null : "the forge shows no conflict with its target";
}

/** What can be written to the agent. */
function helpText(name: string): string {
  return [
    `- \`@${name} <task>\`: an agent does the task`,
    `- \`@${name} fix checks\`, \`fix review\` or \`fix conflict\`: it fixes what the forge shows`,
    `- \`@${name} again\`: the last task of this thread once more`,
    `- \`@${name} stop\`: the runs of this thread are cancelled`,
    `- \`@${name} status\`: what is running here`,
  ].join("\n");
}

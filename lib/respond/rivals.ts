import { MogplexError } from "../errors.ts";
import type { ForgeUser } from "../forge/findings.ts";
import type { PlacedComment, Thread, ThreadComment, ThreadPlace, Threads } from "../forge/threads.ts";
import { MAX_STARTS } from "../run/no_sandbox.ts";
import { utcText } from "../run/result.ts";
import { formatCount } from "../text/duration.ts";
import { capital } from "../text/plain_text.ts";
import { checksText, startAfresh } from "./checks.ts";
import { type AskId, isSameAsk, type MarkedNote, type MarkSeal, marksOf, mayHaveRun } from "./mark.ts";
import type { RespondSettings } from "./rights.ts";
import type { Place } from "./where.ts";

export interface RunsAtWork {
  /** `null` if the run has finished; `undefined` if the service no longer knows the run. */
  workOf(runId: string): Promise<RunAtWork | null | undefined>;
}

export interface RunAtWork {
  readonly branch: string;
  /** Users cannot give the answer in the thread. */
  readonly isWaiting: boolean;
}

/** Why a run must not start, as a clause without a period. `reason` is text for the log. `text` is trusted Markdown for the user who asked. */
export interface Refusal {
  readonly reason: string;
  readonly text: string;
}

interface BranchRun {
  readonly note: PlacedComment;
  readonly isWaiting: boolean;
}

type BranchPlace = Extract<Place, { kind: "branch" }>;

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const MAX_OTHER_RUNS = 20;
const MAX_OTHER_PULLS = 5;
/** How long another request is assumed to be starting its run. After this time, its job may have been killed. */
export const STARTING_MS = 10 * 60_000;

export const UP_TO = `, up to ${MAX_STARTS} starts in all`;

export const UNVERIFIED = "cannot be verified: it was edited, or written with another `MOGPLEX_API_KEY`";

const IN_THREAD = { noun: "another run", place: "in this thread", where: "" };
const ON_BRANCH = { noun: "a run from another thread", place: "on this branch", where: " there" };

export interface RivalsWorld {
  threads: Threads;
  settings: RespondSettings;
  runs: RunsAtWork;
  nowMs: number;
  sealOf(thread: ThreadPlace): Promise<MarkSeal>;
}

export class Rivals {
  readonly #world: RivalsWorld;

  constructor(world: RivalsWorld) {
    this.#world = world;
  }

  /**
   * Checked after the note was written. If two requests compete, the request with the older note takes precedence, across all threads.
   * @param noteId Id of the note of this request.
   */
  async rival(
    { thread, ask, of, place }: { thread: Thread; ask: AskId; of: AskId; place: BranchPlace },
    notes: readonly MarkedNote[],
    noteId: number,
  ): Promise<Refusal | null> {
    const today = (await this.#marksOfToday(await this.#world.threads.me())).filter(({ note }) => note.id < noteId);
    const limit = this.#limitRefusal(today);
    if (limit !== null) return limit;
    const { marks, others } = othersOf({ thread, ask, of }, notes);
    const earlier = others.filter(({ note }) => note.id < noteId);
    // Use the time that the forge has just given to the note, because the clock of this machine may be a few minutes off.
    const nowMs = Date.parse(notes.find(({ note }) => note.id === noteId)?.note.createdAt ?? "") || this.#world.nowMs;
    const starting = earlier.find((each) => isStarting([each], nowMs));
    if (starting !== undefined) return this.#busy(IN_THREAD, thread, starting);
    // This check also finds the run of a later request, because the start of this request may have been delayed for a long time.
    const busy = await this.#busyInThread(thread, marks, others);
    if (busy !== null) return busy;
    // The job of the earlier request has ended, or has retried for a long time. A poll may retry the start at any time.
    const pending = earlier.find((each) => isStarting([each], nowMs, DAY_MS));
    if (pending !== undefined) {
      const reason = this.pendingReason(pending);
      return { reason, text: reason };
    }
    const other = await this.#busyOnBranch(place, today, notes) ??
      await this.#takenBranch(thread, place, { noteId, nowMs });
    return other === undefined ? null : await this.#busyBranch(other);
  }

  /**
   * Why an active run in the thread or on its branch blocks this request, regardless of the age of the notes; `null` if no run blocks the request.
   */
  async busy(
    { thread, ask, of, place }: { thread: Thread; ask: AskId; of: AskId; place: BranchPlace },
    notes: readonly MarkedNote[],
  ): Promise<Refusal | null> {
    const { marks, others } = othersOf({ thread, ask, of }, notes);
    const busy = await this.#busyInThread(thread, marks, others);
    if (busy !== null) return busy;
    const other = await this.#busyOnBranch(place, await this.#marksOfToday(await this.#world.threads.me()), notes);
    return other === undefined ? null : await this.#busyBranch(other);
  }

  /**
   * A run that is waiting for an answer blocks all tasks. Users often mean a new comment as the answer, but the comment does not reach the agent.
   * @param rivals The notes whose runs block another run.
   */
  async #busyInThread(
    thread: Thread,
    marks: readonly MarkedNote[],
    rivals: readonly MarkedNote[],
  ): Promise<Refusal | null> {
    const { running } = await this.openRuns(marks);
    const busy = running.find(({ isWaiting }) => isWaiting) ??
      running.find(({ id }) => ofRun(rivals, id) !== undefined);
    const note = busy === undefined ? undefined : ofRun(marks, busy.id)?.note;
    return busy === undefined || note === undefined
      ? await this.#busyUnverified(thread, marks)
      : this.#busy(IN_THREAD, thread, { note, isWaiting: busy.isWaiting });
  }

  /** A claimed run blocks all tasks in the thread, because the mark may also name a wrong task. */
  async #busyUnverified({ url }: Thread, marks: readonly MarkedNote[]): Promise<Refusal | null> {
    const { threads: { anchor } } = this.#world;
    for (const { runId, note } of unverifiedIn(marks).slice(-MAX_OTHER_RUNS)) {
      if (!await this.#isActive(runId)) continue;
      const { noun, place } = IN_THREAD;
      return {
        reason: `${noun} is active ${place}, but its note cannot be verified`,
        text: `[${noun}](${url}#${anchor}${note.id}) is active ${place}, but its note ${UNVERIFIED}. ` +
          "Write the task again when the run has finished, or cancel the run in the app",
      };
    }
    return null;
  }

  async #isActive(runId: string): Promise<boolean> {
    try {
      return await this.#world.runs.workOf(runId) != null;
    } catch (error) {
      // With an invalid token, the start fails as well, and the note reports the reason.
      if (error instanceof MogplexError && error.exit === "unauthorized") return false;
      throw error;
    }
  }

  #busy(
    { noun, place, where }: typeof IN_THREAD,
    thread: Thread | null,
    { note, isWaiting = false }: { note: ThreadComment; isWaiting?: boolean },
  ): Refusal {
    const { threads: { anchor }, settings: { name } } = this.#world;
    const run = thread === null ? noun : `[${noun}](${thread.url}#${anchor}${note.id})`;
    const stop = `\`@${name} stop\`${where}`;
    if (isWaiting) {
      return {
        reason: `${noun} ${place} is waiting for an answer`,
        text: `${run} ${place} is waiting for an answer, and a comment does not reach its agent. ` +
          `Answer it in the app, or write ${stop} and then the task again`,
      };
    }
    return {
      reason: `${noun} is active ${place}`,
      text: `${run} is active ${place}. Write the task again when it has finished, or stop it with ${stop}`,
    };
  }

  async #busyBranch(other: BranchRun): Promise<Refusal> {
    return this.#busy(ON_BRANCH, await this.#world.threads.thread(other.note.thread), other);
  }

  async #takenBranch(
    { number }: Thread,
    { workingBranch }: BranchPlace,
    { noteId, nowMs }: { noteId: number; nowMs: number },
  ): Promise<BranchRun | undefined> {
    if (workingBranch === undefined) return undefined;
    const me = await this.#world.threads.me();
    const pulls = (await this.#world.threads.pullsFrom(workingBranch)).filter((each) => each !== number);
    for (const other of pulls.slice(0, MAX_OTHER_PULLS)) {
      const place: ThreadPlace = { kind: "pull", number: other };
      const { list } = await this.#world.threads.comments(place);
      const earlier = marksOf(list, me, await this.#world.sealOf(place)).filter(({ note }) => note.id < noteId);
      const starting = earlier.find((each) => isStarting([each], nowMs));
      const rival = starting === undefined
        ? await this.#runOn(workingBranch, earlier)
        : { note: starting.note, isWaiting: false };
      if (rival !== undefined) return { ...rival, note: { ...rival.note, thread: place } };
    }
    return undefined;
  }

  /**
   * Returns the runs whose notes do not report that the run has ended. An issue may have several runs, because each task has its own branch. `ended`:
   * runs that have finished. `forgotten`: runs that the service no longer knows.
   */
  async openRuns(
    marks: readonly MarkedNote[],
  ): Promise<{
    running: readonly (RunAtWork & { readonly id: string })[];
    ended: readonly string[];
    forgotten: readonly string[];
  }> {
    const running: (RunAtWork & { id: string })[] = [];
    const ended: string[] = [];
    const forgotten: string[] = [];
    for (const id of openRuns(marks)) {
      const work = await this.#world.runs.workOf(id);
      if (work === undefined) forgotten.push(id);
      else if (work === null) ended.push(id);
      else running.push({ ...work, id });
    }
    return { running, ended, forgotten };
  }

  /** Two pull requests can have the same branch. The service's data about the run takes precedence, even if another user has changed the note. */
  async #busyOnBranch(
    { workingBranch }: BranchPlace,
    today: readonly MarkedNote<PlacedComment>[],
    ofThread: readonly MarkedNote[],
  ): Promise<BranchRun | undefined> {
    if (workingBranch === undefined) return undefined;
    const others = today.filter(({ note }) => !ofThread.some((each) => each.note.id === note.id));
    return await this.#runOn(workingBranch, others);
  }

  async #runOn<T extends ThreadComment>(
    branch: string,
    marks: readonly MarkedNote<T>[],
  ): Promise<{ note: T; isWaiting: boolean } | undefined> {
    for (const id of openRuns(marks).slice(-MAX_OTHER_RUNS)) {
      const work = await this.#world.runs.workOf(id);
      const note = work?.branch === branch ? ofRun(marks, id)?.note : undefined;
      if (note !== undefined) return { note, isWaiting: work?.isWaiting === true };
    }
    return undefined;
  }

  async refusal(
    thread: Thread,
    place: BranchPlace,
    { marks, rivals, me }: {
      marks: readonly MarkedNote[];
      rivals: readonly MarkedNote[];
      me: ForgeUser;
    },
  ): Promise<Refusal | null> {
    const busy = await this.#busyInThread(thread, marks, rivals);
    if (busy !== null) return busy;
    const today = await this.#marksOfToday(me);
    const other = await this.#busyOnBranch(place, today, marks);
    if (other !== undefined) return await this.#busyBranch(other);
    return this.#limitRefusal(today);
  }

  pendingReason({ mark: { lacksSandbox = false, nextStartMs } }: MarkedNote): string {
    const { name, checks } = this.#world.settings;
    const retried = (check: string, span: string) =>
      `${capital(check)} retries it for ${span}${
        lacksSandbox || nextStartMs !== undefined ? UP_TO : ""
      }; \`@${name} stop\` withdraws it.`;
    const text = checksText(checks, retried, capital(startAfresh(name)));
    return `the last task has not started yet. ${text.slice(0, -1)}`;
  }

  #limitRefusal(today: readonly MarkedNote[]): Refusal | null {
    const { limit, limitFrom } = this.#world.settings;
    const times = today.filter(mayHaveRun).map(({ note }) => Date.parse(note.createdAt)).sort((a, b) => a - b);
    if (times.length < limit) return null;
    if (limit === 0) {
      const reason = `mentions are turned off in this repository (${limitFrom} is 0/day)`;
      return { reason, text: `${reason}. Write the task again when they are turned on` };
    }
    const reason = `the limit of ${formatCount(limit, "run")} a day (${limitFrom}) has been reached`;
    const next = utcText((times.at(-limit) ?? this.#world.nowMs) + DAY_MS + MINUTE_MS);
    return { reason, text: `${reason}. Write the task again at ${next} or later` };
  }

  /** The program's notes of the last 24 hours in all threads. The codes of the marks are ignored, so changed notes also count toward the limit. */
  async #marksOfToday(me: ForgeUser): Promise<MarkedNote<PlacedComment>[]> {
    const since = new Date(this.#world.nowMs - DAY_MS).toISOString();
    return marksOf(await this.#world.threads.commentsOf(me, since), me, undefined);
  }
}

/** On an issue, each task has its own branch, so only runs of the same task block each other. */
export function rivalsOf({ pull }: Thread, of: AskId, marks: readonly MarkedNote[]): readonly MarkedNote[] {
  return pull !== null ? marks : marks.filter(({ mark }) => isSameAsk(mark.of, of));
}

function othersOf(
  { thread, ask, of }: { thread: Thread; ask: AskId; of: AskId },
  notes: readonly MarkedNote[],
): { marks: readonly MarkedNote[]; others: readonly MarkedNote[] } {
  const marks = notes.filter(({ mark }) => !isSameAsk(mark.ask, ask));
  return { marks, others: rivalsOf(thread, of, marks) };
}

function openRuns(marks: readonly MarkedNote[]): string[] {
  const ids = marks.flatMap(({ mark: { state } }) => typeof state !== "string" && state.isOpen ? [state.runId] : []);
  return [...new Set(ids)];
}

/** Notes with an unfinished run and a mark that cannot be verified. Untrusted. */
export function unverifiedIn(marks: readonly MarkedNote[]): (MarkedNote & { readonly runId: string })[] {
  return marks.flatMap((marked) => {
    const { claimed } = marked.mark;
    return typeof claimed === "object" && claimed.isOpen ? [{ ...marked, runId: claimed.runId }] : [];
  });
}

export function isStarting(notes: readonly MarkedNote[], nowMs: number, withinMs = STARTING_MS): boolean {
  return notes.some(({ mark, note }) => mark.state === "starting" && nowMs - Date.parse(note.createdAt) < withinMs);
}

export function ofRun<T extends ThreadComment>(
  marks: readonly MarkedNote<T>[],
  runId: string,
): MarkedNote<T> | undefined {
  return marks.find(({ mark: { state } }) => typeof state !== "string" && state.runId === runId);
}

/**
 * What keeps a run from being started although it was asked for rightly: another run on the same pull request or branch, and the limit of a day.
 *
 * @module
 */
import type { ForgeUser } from "../forge/findings.ts";
import type { PlacedComment, Thread, ThreadComment, ThreadPlace, Threads } from "../forge/threads.ts";
import { formatCount } from "../text/duration.ts";
import { type AskId, isSameAsk, type MarkedNote, type MarkSeal, marksOf, mayHaveRun } from "./mark.ts";
import type { RespondSettings } from "./rights.ts";
import type { Place } from "./where.ts";

/** What of the service has to be known. */
export interface RunsAtWork {
  /** The working branch of a run that has not ended; null for one that has, or is not shown. */
  branchOf(runId: string): Promise<string | null>;
}

type BranchPlace = Extract<Place, { kind: "branch" }>;

const DAY_MS = 86_400_000;
/** Most runs of other threads whose branch is asked for. */
const MAX_OTHER_RUNS = 20;
/** Most other pull requests of one branch whose notes are read. */
const MAX_OTHER_PULLS = 5;
/** How long another ask counts as one that starts a run, in milliseconds: its job may have died. */
export const STARTING_MS = 10 * 60_000;

const BUSY = "another run is running here";
const BUSY_BRANCH = "a run of another thread is running on this branch";

/** Looks for runs that keep another one from being started, by our own notes and by what the service says of runs. */
export class Rivals {
  readonly #threads: Threads;
  readonly #settings: RespondSettings;
  readonly #runs: RunsAtWork;
  readonly #nowMs: number;
  readonly #sealOf: (thread: ThreadPlace) => Promise<MarkSeal>;

  constructor(
    { threads, settings, runs, nowMs, sealOf }: {
      threads: Threads;
      settings: RespondSettings;
      runs: RunsAtWork;
      /** Wall time in milliseconds since 1970. */
      nowMs: number;
      /** Makes the codes of the marks of a thread. */
      sealOf(thread: ThreadPlace): Promise<MarkSeal>;
    },
  ) {
    this.#threads = threads;
    this.#settings = settings;
    this.#runs = runs;
    this.#nowMs = nowMs;
    this.#sealOf = sealOf;
  }

  /**
   * Why a run must not be started although its note is written: another ask came first on the same pull request or branch, or others that came
   * first have used up the limit; null when neither is so. Whose note is older came first, on all threads.
   *
   * @param noteId Id of the note of this ask.
   */
  async rival(
    { thread, ask, of, place }: { thread: Thread; ask: AskId; of: AskId; place: BranchPlace },
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
    const [busy] = await this.runsAtWork(others);
    if (busy !== undefined) return this.#busyText(BUSY, thread, ofRun(others, busy)?.note);
    // Its job has ended, or has tried for so long; a poll may do so at any time.
    if (isStarting(earlier, nowMs, DAY_MS)) return this.pendingReason;
    const other = await this.#busyOnBranch(place, today, notes) ??
      await this.#takenBranch(thread, place, { noteId, nowMs });
    return other === undefined ? null : await this.#busyBranchText(other);
  }

  /** What an ask is told while another run is at work. @param thread Where the note about that run is. */
  #busyText(reason: string, thread: Thread | null, note: ThreadComment | undefined): string {
    const link = thread === null || note === undefined
      ? ""
      : `. Its note: ${thread.url}#${this.#threads.anchor}${note.id}`;
    return `${reason}: write the task again when that has ended${link}`;
  }

  /** What an ask is told while the run of another thread is at work on its branch. */
  async #busyBranchText(note: PlacedComment): Promise<string> {
    return this.#busyText(BUSY_BRANCH, await this.#threads.thread(note.thread), note);
  }

  /** The earlier note on another pull request of the same branch about a run that is being started, or is at work there. */
  async #takenBranch(
    { number }: Thread,
    { workingBranch }: BranchPlace,
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

  /** Runs of a thread that have not ended. Of an issue there may be many: each task has a branch of its own. */
  async runsAtWork(marks: readonly MarkedNote[]): Promise<string[]> {
    const found: string[] = [];
    for (const id of openRuns(marks)) if (await this.#runs.branchOf(id) !== null) found.push(id);
    return found;
  }

  /**
   * The note about a run of the last 24 hours that another thread has asked for, and that works on the branch of a pull request: two of them can
   * come from one branch. The service says so, whoever may have changed our note.
   */
  async #busyOnBranch(
    { workingBranch }: BranchPlace,
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
  async refusal(
    thread: Thread,
    place: BranchPlace,
    { marks, rivals, me }: {
      marks: readonly MarkedNote[];
      /** Those whose runs keep another one from being started. */
      rivals: readonly MarkedNote[];
      me: ForgeUser;
    },
  ): Promise<{ reason: string; text: string } | null> {
    const [busy] = await this.runsAtWork(rivals);
    if (busy !== undefined) return { reason: BUSY, text: this.#busyText(BUSY, thread, ofRun(marks, busy)?.note) };
    const today = await this.#marksOfToday(me);
    const other = await this.#busyOnBranch(place, today, marks);
    if (other !== undefined) return { reason: BUSY_BRANCH, text: await this.#busyBranchText(other) };
    return this.#isBeyondLimit(today)
      ? { reason: this.#limitReason, text: `${this.#limitReason}: write the task again later` }
      : null;
  }

  get pendingReason(): string {
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
}

/** Notes of a thread whose runs keep another one from being started. On an issue each task has a branch of its own: the same one may not be at work twice. */
export function rivalsOf({ pull }: Thread, of: AskId, marks: readonly MarkedNote[]): readonly MarkedNote[] {
  return pull !== null ? marks : marks.filter(({ mark }) => isSameAsk(mark.of, of));
}

/** Runs of which the notes do not tell the end. */
function openRuns(marks: readonly MarkedNote[]): string[] {
  const ids = marks.flatMap(({ mark: { state } }) => typeof state !== "string" && state.isOpen ? [state.runId] : []);
  return [...new Set(ids)];
}

/** Whether a job is about to start a run. @param withinMs How long ago it has begun its note at most. */
export function isStarting(notes: readonly MarkedNote[], nowMs: number, withinMs = STARTING_MS): boolean {
  return notes.some(({ mark, note }) => mark.state === "starting" && nowMs - Date.parse(note.createdAt) < withinMs);
}

/** What our notes say about a run. */
export function ofRun<T extends ThreadComment>(
  marks: readonly MarkedNote<T>[],
  runId: string,
): MarkedNote<T> | undefined {
  return marks.find(({ mark: { state } }) => typeof state !== "string" && state.runId === runId);
}

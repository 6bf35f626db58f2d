/**
 * Reasons against starting a valid request: another run on the same pull request or branch, and the daily limit.
 * @module
 */
import type { ForgeUser } from "../forge/findings.ts";
import type { PlacedComment, Thread, ThreadComment, ThreadPlace, Threads } from "../forge/threads.ts";
import { formatCount } from "../text/duration.ts";
import { type AskId, isSameAsk, type MarkedNote, type MarkSeal, marksOf, mayHaveRun } from "./mark.ts";
import type { RespondSettings } from "./rights.ts";
import type { Place } from "./where.ts";

/** Facts from the service. */
export interface RunsAtWork {
  /** The working branch of an unfinished run; null if it has finished, undefined if the service no longer knows it. */
  branchOf(runId: string): Promise<string | null | undefined>;
}

type BranchPlace = Extract<Place, { kind: "branch" }>;

const DAY_MS = 86_400_000;
/** Most runs of other threads whose branch is read. */
const MAX_OTHER_RUNS = 20;
/** Most other pull requests of one branch whose notes are read. */
const MAX_OTHER_PULLS = 5;
/** How long another request is treated as starting its run, in milliseconds: its job may have died. */
export const STARTING_MS = 10 * 60_000;

const BUSY = "another run is active in this thread";
const BUSY_BRANCH = "a run from another thread is active on this branch";

export interface RivalsWorld {
  threads: Threads;
  settings: RespondSettings;
  runs: RunsAtWork;
  /** Wall time in milliseconds since 1970. */
  nowMs: number;
  /** Makes the codes of the marks of a thread. */
  sealOf(thread: ThreadPlace): Promise<MarkSeal>;
}

/** Looks for runs that block another one, from our own notes and the runs at the service. */
export class Rivals {
  readonly #world: RivalsWorld;

  constructor(world: RivalsWorld) {
    this.#world = world;
  }

  /**
   * Why a run must not be started although its note is written: another request came first on the same pull request or branch, or earlier requests
   * have used up the limit; null otherwise. The older note came first, across all threads.
   * @param noteId Id of the note of this request.
   */
  async rival(
    { thread, ask, of, place }: { thread: Thread; ask: AskId; of: AskId; place: BranchPlace },
    notes: readonly MarkedNote[],
    noteId: number,
  ): Promise<string | null> {
    const today = (await this.#marksOfToday(await this.#world.threads.me())).filter(({ note }) => note.id < noteId);
    if (this.#isBeyondLimit(today)) return this.#limitReason;
    const others = rivalsOf(thread, of, notes).filter(({ mark }) => !isSameAsk(mark.ask, ask));
    const earlier = others.filter(({ note }) => note.id < noteId);
    // The clock of this machine may be some minutes off, but the forge has just dated our note.
    const nowMs = Date.parse(notes.find(({ note }) => note.id === noteId)?.note.createdAt ?? "") || this.#world.nowMs;
    const starting = earlier.find((each) => isStarting([each], nowMs));
    if (starting !== undefined) return this.#busyText(BUSY, thread, starting.note);
    // Includes the run of a later task, if this one could not be started for so long.
    const [busy] = await this.runsAtWork(others);
    if (busy !== undefined) return this.#busyText(BUSY, thread, ofRun(others, busy)?.note);
    // Its job has ended, or has tried for so long; a poll may retry at any time.
    if (isStarting(earlier, nowMs, DAY_MS)) return this.pendingReason;
    const other = await this.#busyOnBranch(place, today, notes) ??
      await this.#takenBranch(thread, place, { noteId, nowMs });
    return other === undefined ? null : await this.#busyBranchText(other);
  }

  /** The reply while another run is going. @param thread Where the note about that run is. */
  #busyText(reason: string, thread: Thread | null, note: ThreadComment | undefined): string {
    const link = thread === null || note === undefined
      ? ""
      : `. Its note: ${thread.url}#${this.#world.threads.anchor}${note.id}`;
    return `${reason}. Write the task again when it has finished${link}`;
  }

  /** The reply while the run of another thread is working on its branch. */
  async #busyBranchText(note: PlacedComment): Promise<string> {
    return this.#busyText(BUSY_BRANCH, await this.#world.threads.thread(note.thread), note);
  }

  /** The earlier note on another pull request of the same branch, about a run that is starting or going there. */
  async #takenBranch(
    { number }: Thread,
    { workingBranch }: BranchPlace,
    { noteId, nowMs }: { noteId: number; nowMs: number },
  ): Promise<PlacedComment | undefined> {
    if (workingBranch === undefined) return undefined;
    const me = await this.#world.threads.me();
    const pulls = (await this.#world.threads.pullsFrom(workingBranch)).filter((each) => each !== number);
    for (const other of pulls.slice(0, MAX_OTHER_PULLS)) {
      const place: ThreadPlace = { kind: "pull", number: other };
      const { list } = await this.#world.threads.comments(place);
      const earlier = marksOf(list, me, await this.#world.sealOf(place)).filter(({ note }) => note.id < noteId);
      const rival = earlier.find((each) => isStarting([each], nowMs)) ?? await this.#runOn(workingBranch, earlier);
      if (rival !== undefined) return { ...rival.note, thread: place };
    }
    return undefined;
  }

  /** Unfinished runs of a thread. An issue may have many: each task has its own branch. */
  async runsAtWork(marks: readonly MarkedNote[]): Promise<readonly string[]> {
    return (await this.openRuns(marks)).running;
  }

  /** The runs of a thread whose notes do not have the end. `forgotten`: runs that the service no longer knows. */
  async openRuns(marks: readonly MarkedNote[]): Promise<{ running: readonly string[]; forgotten: readonly string[] }> {
    const running: string[] = [];
    const forgotten: string[] = [];
    for (const id of openRuns(marks)) {
      const branch = await this.#world.runs.branchOf(id);
      if (branch === undefined) forgotten.push(id);
      else if (branch !== null) running.push(id);
    }
    return { running, forgotten };
  }

  /**
   * The note about another thread's run of the last 24 hours on the branch of a pull request: two pull requests can come from one branch. The service
   * decides it, even if somebody has changed our note.
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

  /** The note about an unfinished run on a branch. */
  async #runOn<T extends ThreadComment>(
    branch: string,
    marks: readonly MarkedNote<T>[],
  ): Promise<MarkedNote<T> | undefined> {
    for (const id of openRuns(marks).slice(-MAX_OTHER_RUNS)) {
      if (await this.#world.runs.branchOf(id) === branch) return ofRun(marks, id);
    }
    return undefined;
  }

  /** Why there is no run although everything else permits it; null if there may be one. */
  async refusal(
    thread: Thread,
    place: BranchPlace,
    { marks, rivals, me }: {
      marks: readonly MarkedNote[];
      /** Notes whose runs block another one. */
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
      ? {
        reason: this.#limitReason,
        text: `${this.#limitReason}. ${
          this.#world.settings.limit === 0
            ? "Write the task again when they are turned on"
            : "Write the task again later"
        }`,
      }
      : null;
  }

  get pendingReason(): string {
    return `the last task has not started yet. The scheduled check retries it for 24 hours; \`@${this.#world.settings.name} stop\` withdraws it`;
  }

  get #limitReason(): string {
    const { limit, limitFrom } = this.#world.settings;
    if (limit === 0) return `mentions are turned off in this repository (${limitFrom} is 0/day)`;
    return `the limit of ${formatCount(limit, "run")} a day (${limitFrom}) has been reached`;
  }

  /** Our notes of the last 24 hours in all threads. Their codes are ignored: a changed note is counted, too. */
  async #marksOfToday(me: ForgeUser): Promise<MarkedNote<PlacedComment>[]> {
    const since = new Date(this.#world.nowMs - DAY_MS).toISOString();
    return marksOf(await this.#world.threads.commentsOf(me, since), me, undefined);
  }

  /** Whether notes name as many runs as are allowed in 24 hours. */
  #isBeyondLimit(today: readonly MarkedNote[]): boolean {
    return today.filter(mayHaveRun).length >= this.#world.settings.limit;
  }
}

/** Notes of a thread whose runs block another one. On an issue each task has its own branch; only the same task must not run twice. */
export function rivalsOf({ pull }: Thread, of: AskId, marks: readonly MarkedNote[]): readonly MarkedNote[] {
  return pull !== null ? marks : marks.filter(({ mark }) => isSameAsk(mark.of, of));
}

/** Runs whose notes do not have the end. */
function openRuns(marks: readonly MarkedNote[]): string[] {
  const ids = marks.flatMap(({ mark: { state } }) => typeof state !== "string" && state.isOpen ? [state.runId] : []);
  return [...new Set(ids)];
}

/** Whether a job is about to start a run. @param withinMs Greatest age of its note. */
export function isStarting(notes: readonly MarkedNote[], nowMs: number, withinMs = STARTING_MS): boolean {
  return notes.some(({ mark, note }) => mark.state === "starting" && nowMs - Date.parse(note.createdAt) < withinMs);
}

export function ofRun<T extends ThreadComment>(
  marks: readonly MarkedNote<T>[],
  runId: string,
): MarkedNote<T> | undefined {
  return marks.find(({ mark: { state } }) => typeof state !== "string" && state.runId === runId);
}

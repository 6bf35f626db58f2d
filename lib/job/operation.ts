/**
 * What the engine needs of a kind of remote work: a run, the run of an automation, a campaign.
 *
 * @module
 */
import type { EndOutcome } from "../result/ends.ts";

/** One thing that following an operation yields. The engine looks at ends; everything else goes to the caller as it is. */
export type JobItem = { type: "end"; outcome: EndOutcome } | { type: string };

/** How far an operation is followed. */
export type Look =
  /** Until it ends. */
  | { kind: "all" }
  /** A single time. */
  | { kind: "once" }
  /** What is left to be told of an operation that {@linkcode Operation.stop} found ended. */
  | { kind: "rest"; outcome: EndOutcome; limitMs?: number | undefined; signal?: AbortSignal | undefined };

/** Why an operation is stopped. */
export type StopCause =
  /** The job's deadline passed, and the user wants the operation cancelled then. */
  | { kind: "deadline"; limitMs: number }
  /** A signal came. `cancels` tells whether it cancels an operation that this job owns, or does not own. */
  | { kind: "signal"; limitMs: number; cancels: (owned: boolean) => boolean };

/** What became of an attempt to stop an operation. */
export interface Stopped {
  /** Whether the service answered with the state of the operation. */
  answered: boolean;
  /** How it ended; undefined while it goes on, and when nothing was heard of it. */
  outcome?: EndOutcome | undefined;
  /** Whether it ended by itself, before it was cancelled. */
  byItself?: boolean | undefined;
  /** What was done, as a clause for messages: `the run was cancelled`. */
  text: string;
}

/** How a job ended, for the result. */
export interface Ending {
  /** Our verdict. */
  outcome: EndOutcome | "deadline" | "interrupted" | "started" | "error";
  /** Exit code that belongs to it. */
  exitCode: number;
  /** Why; null to take it from what the service said. */
  reason: string | null;
  /** What stopped us without a verdict of the service; undefined when there is one. */
  error: unknown;
}

/** How the process parts from an operation: it goes on without us, or nothing is left to do. */
export type Parting = "detached" | "ended";

/** A long-running piece of remote work that a job brings to a verdict. */
export interface Operation<I extends JobItem, R> {
  /** How messages call it: `run "…"`. */
  readonly label: string;
  /** Whether it exists, or may exist although the answer to its start was lost. */
  readonly mayExist: boolean;
  /** Whether {@linkcode start} found something that no longer goes on by itself. @default {false} */
  readonly foundEnded?: boolean;
  /** Starts it, or finds what an earlier attempt started. Not called when a job attaches to something that exists. */
  start(): Promise<void>;
  /**
   * Follows it. The last item of one that has ended is its end.
   *
   * @throws {DeadlineError} when the job's deadline passes first.
   */
  items(look: Look): AsyncGenerator<I, unknown, void>;
  /**
   * Cancels it, or lets it go on where the cause says so. Its first request is sent before it returns to the event loop. Never throws
   * for what the service or the network does.
   */
  stop(cause: StopCause): Promise<Stopped>;
  /** Everything that is known of it now. */
  result(ending: Ending): R;
  /** Records for later steps of the CI job how the process parts from it, where there is a place for that. */
  part?(parting: Parting): void;
}

/**
 * The interface that a kind of remote work implements for the engine: a run, the run of an automation.
 *
 * @module
 */
import type { EndOutcome } from "../result/ends.ts";

/** An item that following an operation yields. The engine reads `end` items and passes all items to the caller. */
export type JobItem = { type: "end"; outcome: EndOutcome } | { type: string };

/** How far an operation is followed. */
export type Look =
  /** Until it ends. */
  | { kind: "all" }
  /** With a single read. */
  | { kind: "once" }
  /** The remaining items of an operation that {@linkcode Operation.stop} found ended, within `limitMs`. */
  | { kind: "rest"; outcome: EndOutcome; limitMs?: number | undefined; signal?: AbortSignal | undefined };

/** Why an operation is stopped. */
export type StopCause =
  /** The job's deadline passed, and the user asked to cancel at the deadline. `limitMs`: time for all of it. */
  | { kind: "deadline"; limitMs: number }
  /** A signal came. `cancels(owned)` says whether to cancel an operation that this job owns, or does not own. */
  | { kind: "signal"; limitMs: number; cancels: (owned: boolean) => boolean };

/** Outcome of an attempt to stop an operation. */
export interface Stopped {
  /** Whether the service answered with the state of the operation. */
  answered: boolean;
  /** How it ended; undefined if it goes on, or is not known to have ended. */
  outcome?: EndOutcome | undefined;
  /** Whether it ended before the cancel reached it. */
  byItself?: boolean | undefined;
  /** What happened, as a clause for messages: `the run was cancelled`. */
  text: string;
}

/** The end of a job, from which {@linkcode Operation.result} builds the result. */
export interface Ending {
  /** The job's verdict. */
  outcome: EndOutcome | "deadline" | "interrupted" | "started" | "error";
  /** Exit code that belongs to it. */
  exitCode: number;
  /** Why; null to take the reason from the service. */
  reason: string | null;
  /** The error that ended the job without a verdict of the service; undefined if there is a verdict. */
  error: unknown;
}

/** How the process leaves an operation: `detached`, it goes on; `ended`, nothing is left to do. */
export type Parting = "detached" | "ended";

/** A long-running piece of remote work that a job brings to a verdict. */
export interface Operation<I extends JobItem, R> {
  /** Its name in messages: `run "…"`. */
  readonly label: string;
  /** Whether it exists, or may exist because the answer to its start was lost. False if nothing was started. */
  readonly mayExist: boolean;
  /** Whether {@linkcode start} found something that no longer goes on by itself. @default {false} */
  readonly foundEnded?: boolean;
  /**
   * Starts it, or finds the operation that an earlier attempt of the job started. Not called by `Job.attach`.
   *
   * @throws {MogplexError} when nothing was started or found; `signal.reason` if the session's signal aborts.
   */
  start(): Promise<void>;
  /**
   * Follows it. Once it has ended, the last item is its `end`.
   *
   * @throws {DeadlineError} if the job's deadline passes first and the last read works.
   * @throws {MogplexError} that a retry cannot mend; `signal.reason` if the session's signal aborts.
   */
  items(look: Look): AsyncGenerator<I, unknown, void>;
  /**
   * Cancels it, or lets it go on if the cause says so. Sends its first request before control returns to the event loop. Never
   * rejects because of the service or the network.
   */
  stop(cause: StopCause): Promise<Stopped>;
  /** Builds the result from everything that is known now. */
  result(ending: Ending): R;
  /** Records for later steps of the CI job, such as `cleanup`, how the process leaves it. */
  part?(parting: Parting): void;
}

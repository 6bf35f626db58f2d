/**
 * Everything that the parts of one emulator share.
 *
 * @module
 */
import type { RequestLimiter, StartLimiter } from "./limiter.ts";
import type { Revision } from "./revision.ts";
import type { AutomationRow, JobRow, Pull, RepoRow, RunRow } from "./rows.ts";
import type { EventFeed } from "./event_feed.ts";
import type { ServerClock } from "./server_clock.ts";
import type { Store } from "./store.ts";

/** How the sandbox provider answers when a running command is to be killed. */
export type SandboxMode = "ok" | "gone" | "nocommand" | "killfail";

/** State of the job queue and of the sandbox provider, which control actions can spoil. */
export interface Surroundings {
  /** Whether the session gate stands in front of the API. */
  gate: boolean;
  /** How many jobs the queue is going to refuse. */
  queueFailures: number;
  /** With which words. */
  queueMessage: string;
  /** Whether the queue accepts jobs without giving a handle. */
  queueWithoutHandle: boolean;
  /** How many calls of the start limiter are going to fail. */
  limiterFailures: number;
  /** Whether streams cannot be opened, since nothing listens to the database. */
  listenerDown: boolean;
  /** See {@linkcode SandboxMode}. */
  sandboxMode: SandboxMode;
}

/** What works on the runs: a script, a real command, or nothing. */
export interface Driver {
  /** A job for this run was queued. @throws to refuse it. */
  queued(run: RunRow): void;
  /** Brings a run to where it should be by now. Called before every look at it. */
  catchUp(run: RunRow): void;
  /** When something is going to happen to a run by itself, on the world's clock; absent, or undefined, when nothing is. */
  due?(run: RunRow): number | undefined;
  /** The command of a run is to be killed. */
  kill(run: RunRow): void;
  /** Everything was reset. */
  reset(): void;
  /** Ends everything that is still going on. */
  close(): Promise<void>;
}

/** A trigger of an automation. */
export interface JobTrigger {
  /** What was triggered. */
  automation: AutomationRow;
  /** For which repository. */
  repo: RepoRow;
  /** Under which key. */
  key: string;
}

/** What works on the runs of automations: a script, or nothing. */
export interface JobDriver {
  /** Why a trigger starts nothing; undefined when it does. */
  suppresses(trigger: JobTrigger): string | undefined;
  /** Whether a job has to wait for a slot although there is one. */
  holds(trigger: JobTrigger): boolean;
  /** A job waits for a slot. */
  waits(job: JobRow, trigger: JobTrigger): void;
  /** A job was started. */
  begins(job: JobRow, trigger: JobTrigger): void;
  /** Brings every job to where it should be by now. Called before every look at one. */
  catchUp(): void;
  /** Everything was reset. */
  reset(): void;
}

/** Everything that the parts of one emulator share. */
export interface World {
  readonly store: Store;
  readonly clock: ServerClock;
  /** Tells streams of new events. */
  readonly feed: EventFeed;
  readonly requests: RequestLimiter;
  readonly starts: StartLimiter;
  readonly revision: Revision;
  readonly around: Surroundings;
  /** `user` makes all tokens of a user share one start quota, as the documentation says. @default {"token"} */
  readonly startLimitScope: "token" | "user";
  /** Pull requests, of all repositories. */
  readonly pulls: Pull[];
  /** Where the emulator is served, without a slash at the end. */
  origin: string;
  /** Set once the driver is made, which needs the world itself. */
  driver: Driver;
  /** The same for runs of automations. */
  jobs: JobDriver;
}

/** The surroundings of a healthy service. */
export function healthySurroundings(): Surroundings {
  return {
    gate: true,
    queueFailures: 0,
    queueMessage: "queue is full",
    queueWithoutHandle: false,
    limiterFailures: 0,
    listenerDown: false,
    sandboxMode: "ok",
  };
}

/** A driver that leaves every run where it is. */
export const idleDriver: Driver = {
  queued: () => {},
  catchUp: () => {},
  kill: () => {},
  reset: () => {},
  close: () => Promise.resolve(),
};

/** A driver that leaves every run of an automation where it is. */
export const idleJobDriver: JobDriver = {
  suppresses: () => undefined,
  holds: () => false,
  waits: () => {},
  begins: () => {},
  catchUp: () => {},
  reset: () => {},
};

/** Error of a job queue that refuses a job. */
export class QueueError extends Error {
  override name = "QueueError";
}

/**
 * Puts a job into the queue.
 *
 * @returns Its handle.
 * @throws {QueueError} if the queue refuses it.
 */
export function queueJob(around: Surroundings): string | null {
  if (around.queueFailures > 0) {
    around.queueFailures--;
    throw new QueueError(around.queueMessage);
  }
  if (around.queueWithoutHandle) return null;
  return `run_${crypto.randomUUID().replaceAll("-", "").slice(0, 21)}`;
}

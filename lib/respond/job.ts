/**
 * What `respond` needs of the program that calls it: the forge of the job, a log, the service, and what runs a job.
 *
 * @module
 */
import type { Platform } from "../ci/platform.ts";
import type { OpenForge } from "../forge/open.ts";
import type { News, ThreadPlace } from "../forge/threads.ts";
import type { Run } from "../model.ts";
import type { Notice } from "../notice.ts";
import type { NoteContext, PlannedNote } from "../report/job_note.ts";
import type { JobEnd } from "../run/job.ts";
import type { RunRequest } from "../run/request.ts";
import type { RunResult } from "../run/result.ts";
import type { Session } from "../run/session.ts";
import type { SeriesHooks, StartedRun } from "../run/start.ts";
import type { CallOptions } from "../service/retry.ts";
import type { Redactor } from "../text/redact.ts";
import type { SafeLine } from "../text/safe_line.ts";
import type { RespondSettings } from "./rights.ts";
import type { MarkSeal } from "./mark.ts";
import { markSeal } from "./mark.ts";
import type { RememberedThreads } from "./remembered_threads.ts";

interface RespondLog {
  readonly redact: Redactor;
  untrusted(text: string): SafeLine;
  out(...lines: SafeLine[]): void;
  /** Prints a note on stderr. */
  note(text: string): void;
}

/** A job of `respond`: what stays the same for all mentions that it answers. */
export interface RespondJob extends NoteContext {
  readonly platform: Platform;
  readonly writer: RespondLog;
  /** Opens the forge of the job. Nothing that an earlier one was asked is remembered. @throws {UsageError} when there is no token. */
  openForge(): OpenForge;
  readonly settings: RespondSettings;
  /** Token of Mogplex: it seals the marks. */
  readonly token: string;
  /** The same part of every request. The repository is that of the forge unless another one is named. */
  readonly request: { readonly repo: string | undefined } & Pick<RunRequest, "harness" | "mode" | "rootDirectory">;
  /** Whether a note shows the task. */
  readonly showsTask: boolean;
  /** Whether a run that succeeded sets the commit status; undefined for the default of the forge. */
  readonly setsStatus: boolean | undefined;
  /** Opens the service for some calls. @param timeoutMs Longest time for all of them. @default {120_000} */
  openService(timeoutMs?: number): { session: Session; call: CallOptions };
  readonly run: RunAsked;
}

/** A run to start. */
export interface AskedStart {
  readonly request: RunRequest;
  readonly idempotencyKey: string;
  /** Asked before each attempt of the start that repeats one. */
  readonly mayRepeat: NonNullable<SeriesHooks["mayRepeat"]>;
  /** Called as soon as the run is started or found. */
  onStarted(started: StartedRun): void;
  /** Called with the end of the run. What it returns is published. */
  onEnd(end: JobEnd<RunResult>): Promise<JobEnd<RunResult>>;
}

/**
 * Runs one job: starts a run, or takes the one that an earlier attempt of the job has started; follows it, and publishes its end, in the note,
 * too.
 *
 * @returns The result, and the address of its page; `page` is undefined if there is none.
 * @throws {NoRun} what `onEnd` throws: nothing is published then.
 * @throws {MogplexError} when the job could not begin, or its settings are wrong.
 */
export type RunAsked = (
  what: AskedStart | { readonly run: Run },
  options: RunAskedOptions,
) => Promise<{ result: RunResult; page?: string }>;

export interface RunAskedOptions {
  readonly note: PlannedNote;
  /** Directory of the reports. */
  readonly out: string;
  /** Called before the start. */
  onSession(session: Pick<Session, "deadline" | "signal">): void;
  onNotice(notice: Notice): void;
}

/** Ends a job without a verdict, as there is no run. */
export class NoRun extends Error {
  /** Whether the note already has the answer of another job. */
  readonly isAnswered: boolean;

  /** @param reason A clause. */
  constructor(reason: string, isAnswered: boolean) {
    super(reason);
    this.isAnswered = isAnswered;
  }
}

/** One mention. */
export interface Asked {
  readonly news: News;
  /** Older ones are not answered; undefined for all. */
  readonly since?: string | undefined;
  /** Directory of the reports. */
  readonly out: string;
  readonly onStart?: (() => void) | undefined;
}

/** What a job has spent for all mentions together. */
export interface Spent {
  /** How often it has waited for other jobs. */
  waits: number;
  /** How often the service gave no answer about a run of another job. */
  failedLooks: number;
}

/** A job that answers mentions. */
export type Responding = RespondJob & {
  readonly forge: OpenForge;
  readonly spent: Spent;
  /** What a poll remembers of the forge; undefined for an event. */
  readonly remembered?: RememberedThreads | undefined;
};

/** Makes the codes of the marks of a thread. */
export async function sealFor({ forge, token }: Responding, thread: ThreadPlace): Promise<MarkSeal> {
  return markSeal({ token, origin: forge.threads.origin, repository: await forge.repositoryId(), thread });
}

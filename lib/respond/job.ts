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
  note(text: string): void;
}

export interface RespondJob extends NoteContext {
  readonly platform: Platform;
  readonly writer: RespondLog;
  /** The forge's responses are not cached. */
  openForge(): OpenForge;
  readonly settings: RespondSettings;
  readonly token: string;
  /** The default repository is the job's repository. */
  readonly request: { readonly repo: string | undefined } & Pick<RunRequest, "harness" | "mode" | "rootDirectory">;
  readonly showsTask: boolean;
  readonly setsStatus: boolean | undefined;
  /** @param timeoutMs Time limit for all calls together. */
  openService(timeoutMs?: number): { session: Session; call: CallOptions };
  readonly run: RunAsked;
}

export interface AskedStart {
  readonly request: RunRequest;
  readonly idempotencyKey: string;
  readonly waitsForSandbox: boolean;
  readonly mayRepeat: NonNullable<SeriesHooks["mayRepeat"]>;
  onStarted(started: Pick<StartedRun, "runId"> & { readonly run: Pick<Run, "status"> }): void;
  onEnd(end: JobEnd<RunResult>): Promise<JobEnd<RunResult>>;
}

/** @throws {NoRun} if `onEnd` throws this error. In that case, nothing is published. */
export type RunAsked = (
  what: AskedStart | { readonly run: Run },
  options: RunAskedOptions,
) => Promise<{ result: RunResult; page?: string }>;

export interface RunAskedOptions {
  readonly note: PlannedNote;
  readonly out: string;
  onSession(session: Pick<Session, "deadline" | "signal">): void;
  onNotice(notice: Notice): void;
}

/** Ends a job without a verdict, because there is no run. */
export class NoRun extends Error {
  readonly isAnswered: boolean;
  /** The reason for the user who asked, as trusted Markdown. */
  readonly text: string;

  constructor(reason: string, isAnswered: boolean, text: string = reason) {
    super(reason);
    this.isAnswered = isAnswered;
    this.text = text;
  }
}

export interface Asked {
  readonly news: News;
  readonly since?: string | undefined;
  readonly out: string;
  readonly onStart?: (() => void) | undefined;
  /** Called when the mention has a note. Polls read a mention without a note again. */
  readonly onNote?: (() => void) | undefined;
}

export interface Spent {
  waits: number;
  failedLooks: number;
}

export type Responding = RespondJob & {
  readonly forge: OpenForge;
  readonly spent: Spent;
  readonly remembered?: RememberedThreads | undefined;
};

export async function sealFor({ forge, token }: Responding, thread: ThreadPlace): Promise<MarkSeal> {
  return markSeal({ token, origin: forge.threads.origin, repository: await forge.repositoryId(), thread });
}

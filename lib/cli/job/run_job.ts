/**
 * A job on a run, from its start or its id to the exit code.
 *
 * @module
 */
import { exitCodeFor, UsageError } from "../../errors.ts";
import type { Io } from "../../io.ts";
import type { Notice, OnNotice } from "../../notice.ts";
import type { EventFile, EventSink } from "../../run/event_file.ts";
import type { FollowItem } from "../../run/follow.ts";
import { checkTargets } from "../../report/write.ts";
import type { JobEnd } from "../../run/job.ts";
import type { JobInternals } from "../../run/options.ts";
import { type AnyResult, reasonOf, resultError } from "../../run/result.ts";
import { type OpenInterrupts, openInterrupts } from "../../run/interrupts.ts";
import { openSession, type Session } from "../../run/session.ts";
import { preferSmallHeap } from "../../runtime.ts";
import { resolveOrigin } from "../../service/connection.ts";
import { LiveLog, type LogForm, noticeText } from "../log/live_log.ts";
import { isInteractive, logWidth } from "../log/writer.ts";
import { JSON_LINES } from "../options.ts";
import { type Places, readPlaces } from "../settings.ts";
import type { Context, Vocabulary } from "../verb.ts";
import { AT_END, eventFiles, prepare, type Prepared, type Published, WHEN_REFUSED } from "./publish.ts";

/** A job that ends with a verdict: opened, logged live, worked on under signals, published. It knows no kind of operation. */
export class CommandJob<R extends AnyResult> {
  readonly #context: Context;
  readonly #nothing: R;
  readonly #startedAt: number;
  #timeoutMs: number | undefined;
  #interrupts: OpenInterrupts | undefined;
  #session: Session | undefined;
  #places: Places | undefined;
  #files: EventFile[] = [];
  #live: LiveLog | undefined;
  #onNotice: ((notice: Notice) => void) | undefined;
  #published: Published | undefined;
  #publish: Prepared<R> | undefined;

  /**
   * @param nothing A result of the job's kind about which nothing is known.
   * @throws {UsageError} when files of the checkout cannot be trusted. No report is written then.
   */
  constructor(context: Context, nothing: R) {
    context.guard();
    this.#context = context;
    this.#nothing = nothing;
    this.#startedAt = context.clock.now();
  }

  /** Sets the longest time of the whole job, in milliseconds; undefined for the usual one. Call it before the session is opened. */
  limitTo(timeoutMs: number | undefined): void {
    this.#timeoutMs = timeoutMs;
  }

  /**
   * The session, which is opened at the first call. From then on signals are handled.
   *
   * @throws {UnauthorizedError | UsageError} See {@linkcode Context.connection}.
   */
  get session(): Session {
    if (this.#session !== undefined) return this.#session;
    const { io, clock, fetch, platform, writer } = this.#context;
    // Its notices are printed once there is a log.
    const connection = { ...this.#context.connection(), notices: [] };
    const interrupts = this.#interrupts = openInterrupts({ io: this.#closingIo(), clock });
    const onNotice: OnNotice = (notice) => {
      if (this.#live === undefined) writer.note(noticeText(notice));
      else this.#tell(notice);
    };
    return this.#session = openSession(
      { env: io.env, clock, fetch, signal: interrupts.signal, timeoutMs: this.#timeoutMs, onNotice },
      { connection, platform, onRequest: (request) => this.#published?.extra?.onRequest(request) },
    );
  }

  /** The process, with a log that is closed properly even when the process has to end at once. */
  #closingIo(): Pick<Io, "onSignal" | "isTerminal" | "exitNow"> {
    const { io, platform } = this.#context;
    return {
      onSignal: (handler) => io.onSignal(handler),
      isTerminal: (stream) => isInteractive({ io, platform }, stream),
      exitNow: (code) => {
        this.#live?.leave();
        io.exitNow(code);
      },
    };
  }

  #tell(notice: Notice): void {
    this.#published?.extra?.onNotice(notice);
    this.#onNotice?.(notice);
    this.#live?.notice(notice);
  }

  /**
   * Finds out where the files go, and removes the reports of an earlier job.
   *
   * @param out Directory of the reports. @default the one that flags and variables name
   * @throws {UsageError} when the reports cannot be written.
   */
  openPlaces(out?: string): Places {
    const context = this.#context;
    const places = readPlaces(context, out);
    const ignore = context.laptop?.ignoringFolder(context, places);
    checkTargets(places.targets, context.io);
    ignore?.();
    return this.#places = places;
  }

  /**
   * Opens log, trace and history of the job. Call it last before the work.
   *
   * @param log Events in the log; null shows none.
   * @param onNotice Gets what the log is told about the work. @default {undefined} (nobody but the log is told)
   * @throws {MogplexError} when token, service or a setting is wrong.
   */
  async open(
    log: LogForm | null,
    { exists = false, hasEvents = false, onNotice }: {
      exists?: boolean;
      hasEvents?: boolean;
      onNotice?: (notice: Notice) => void;
    } = {},
  ): Promise<OpenedJob> {
    this.#onNotice = onNotice;
    const context = this.#context;
    const { io, flags, writer, clock, platform } = context;
    const places = this.#places ?? this.openPlaces();
    const { notices } = context.connection();
    const extra = await context.extras?.open(context);
    this.#files = hasEvents ? eventFiles(context, places) : [];
    this.#published = { places, log, eventFiles: this.#files, extra };
    const publish = this.#publish = prepare(AT_END, context, this.#published);
    preferSmallHeap();
    const json = flags.has(JSON_LINES);
    if (!json) writer.beginLog();
    const { session } = this;
    const live = this.#live = new LiveLog({
      ...{ writer, platform, clock, form: log, json, width: logWidth(io) },
      interactive: isInteractive(context),
      times: !platform.stampsLines(io.env),
      timeoutMs: log === null ? undefined : session.deadline - session.startedAt,
    });
    if (exists) live.open();
    for (const message of notices) this.#tell({ kind: "text", message });
    extra?.onSession(session);
    live.countRequests(session.requests);
    return {
      live,
      started: (runId) => publish.started(runId),
      item(item) {
        live.item(item);
        publish.item(item);
      },
      internals: { session, platform, interrupts: this.#interrupts },
      sink: { add: (event) => this.#files.forEach((file) => file.add(event)) },
    };
  }

  /**
   * Waits for the work, and makes its end known.
   *
   * @returns The exit code.
   * @throws what the work throws.
   */
  async end(work: Promise<JobEnd<R>>): Promise<number> {
    const context = this.#context;
    if (this.#publish === undefined || this.#published === undefined) {
      throw new Error("Cannot end a job before it is open");
    }
    try {
      const { result: found, error } = await this.#ended(work);
      const result = inWords(found, context.vocabulary);
      if (error instanceof UsageError && result.runId === null) {
        await prepare(WHEN_REFUSED, context, this.#published).ended({ result, error });
        context.writer.error(context.vocabulary.words(error.message));
      } else await this.#publish.ended({ result, error });
      return result.exitCode;
    } finally {
      context.writer.unfence();
    }
  }

  async #ended(work: Promise<JobEnd<R>>): Promise<JobEnd<R>> {
    try {
      return await work;
    } finally {
      this.#close();
    }
  }

  #close(): void {
    this.#files.forEach((file) => file.close());
    this.#interrupts?.close();
    this.#live?.close();
  }

  /**
   * Writes the reports of a job that ended before there was a run. Without them the reports of an earlier job would be taken for those of this
   * one.
   *
   * @throws the error; {@linkcode UsageError} when the reports cannot be written.
   */
  async refuse(error: unknown): Promise<never> {
    const context = this.#context;
    this.#interrupts?.close();
    const places = this.#places ?? this.openPlaces();
    try {
      // The reports must not show the token.
      context.connection();
    } catch {
      // The refusal may be about a missing token. The known secrets are masked in any case.
    }
    // What is wrong with its own settings must not hide the error.
    const extra = await context.extras?.open(context).catch(() => undefined);
    const result = inWords({
      ...this.#nothing,
      exitCode: exitCodeFor(error),
      reason: reasonOf(error),
      error: resultError(error),
      mayExist: this.#nothing.runId !== null,
      requests: this.#session?.requests() ?? 0,
      durationMs: Math.round(context.clock.now() - this.#startedAt),
      origin: originOf(context),
    }, context.vocabulary);
    await prepare(WHEN_REFUSED, context, { places, log: null, extra }).ended({ result, error });
    throw error;
  }
}

/** What the work of a {@linkcode CommandJob} gets. */
interface OpenedJob {
  /** The log, to be opened once the operation is known. */
  live: LiveLog;
  /** Publishes the id, once it is known. */
  started(runId: string): void;
  /** Logs and publishes an item of a run. */
  item(item: FollowItem): void;
  /** Session, signals and CI system. */
  internals: JobInternals;
  sink: EventSink;
}

/** A result with what the program has in the place of what a script has. */
function inWords<R extends AnyResult>(result: R, { resume, words }: Vocabulary): R {
  const { reason, error } = result;
  return {
    ...result,
    reason: reason && words(reason),
    error: error && { ...error, advice: error.advice && words(error.advice) },
    resume: resume(result),
  };
}

function originOf({ io }: Context): string {
  try {
    return resolveOrigin({ env: io.env }).origin;
  } catch {
    // The address may be what is wrong, and can hold a password.
    return "";
  }
}

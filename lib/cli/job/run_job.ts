/**
 * A job on a run, from its start or its id to the exit code.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import { exitCodeFor, UsageError } from "../../errors.ts";
import type { Io } from "../../io.ts";
import type { Notice, OnNotice } from "../../notice.ts";
import type { EventFile, EventSink } from "../../run/event_file.ts";
import type { FollowItem } from "../../run/follow.ts";
import type { Setting } from "../../report/run_page.ts";
import { checkTargets, plainPath, writeReports } from "../../report/write.ts";
import type { JobEnd } from "../../run/job.ts";
import type { JobInternals } from "../../run/options.ts";
import { readResult } from "../../run/read_result.ts";
import { type AnyResult, reasonOf, resultError } from "../../run/result.ts";
import { verdictWords } from "../../run/result_view.ts";
import {
  type ConnectOptions,
  type OpenInterrupts,
  openInterrupts,
  openSession,
  type Session,
} from "../../run/session.ts";
import { preferSmallHeap } from "../../runtime.ts";
import { type CallOptions, clientFor, type MogplexApi } from "../../service/client.ts";
import { type Connection, type ConnectionOptions, resolveConnection, resolveOrigin } from "../../service/connection.ts";
import { userAgent } from "../../service/transport.ts";
import { createRedactor } from "../../text/redact.ts";
import { own } from "../../text/safe_line.ts";
import { LiveLog, type LogForm, noticeText } from "../log/live_log.ts";
import { isInteractive, logWidth } from "../log/writer.ts";
import { JSON_LINES, OPEN, REPORT } from "../options.ts";
import { optionReader, type Places, readPlaces } from "../settings.ts";
import { guardCheckout } from "../start_request.ts";
import type { Context, MainOptions, ReadOption, Vocabulary } from "../verb.ts";
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

// Opens what a verb works with: its context, and for the drop-in verbs the service.

/** One call of a program: its flags and surroundings. */
interface Call extends
  Pick<
    Context,
    | "io"
    | "platform"
    | "systems"
    | "writer"
    | "flags"
    | "vocabulary"
    | "verbs"
    | "notes"
    | "openForge"
    | "extras"
    | "laptop"
  > {
  /** Whether to read only the variables that the documented command reads. */
  dropIn: boolean;
  /** A token that was not given by a variable, and where, for messages. @default {undefined} (the environment has it) */
  given?: Pick<ConnectionOptions, "token" | "tokenPlace"> | undefined;
  /** Reads an option. @default from the flags, else the variables */
  option?: ReadOption;
}

/** Calls `work` once and remembers its value. If it throws, the next call tries again. */
function once<T>(work: () => T): () => T {
  let done: { value: T } | undefined;
  return () => (done ??= { value: work() }).value;
}

/**
 * The context of a verb: the one place where guard, token, origin and redaction come together.
 *
 * The token is not registered with the CI system's own masking (`::add-mask::`): that would print it, and what is printed can be piped into
 * a file.
 */
export function openContext(call: Call, options: MainOptions): Context {
  const { clock = systemClock, fetch, files, processes, programFile } = options;
  const { io, platform, systems, writer, flags, vocabulary, verbs, dropIn, notes, openForge, extras, laptop } = call;
  const guard = once(() => guardCheckout({ io, platform, systems }));
  const connection = once((): Connection => {
    guard();
    const found = resolveConnection({ ...call.given, env: io.env, readFile: io.readFile, dropIn });
    const { token } = found;
    const secrets = () => [notes, extras].flatMap((each) => each?.secrets(io.env) ?? []);
    writer.redactWith(createRedactor(dropIn ? { token } : { token, env: io.env, secrets: secrets() }));
    return found;
  });
  const settings = new Map<string, Setting>();
  return {
    io,
    platform,
    systems,
    writer,
    flags,
    vocabulary,
    verbs,
    clock,
    fetch,
    machine: { files, processes, programFile },
    option: call.option ?? optionReader(flags, io.env, settings),
    settings,
    guard,
    connection,
    notes,
    openForge,
    extras,
    laptop,
  };
}

/** How long a drop-in verb waits for a busy service, in milliseconds. Source: design, "Command line". */
const DROP_IN_MS = 10_000;

/** The service, for a drop-in verb. */
interface DropInSession {
  /** Client with the caller's token. */
  client: MogplexApi;
  /** Limits of one-shot calls: one deadline for the whole verb. */
  call: CallOptions;
}

/**
 * Opens the service for a drop-in verb, and announces an unusual origin on stderr.
 *
 * @throws {UnauthorizedError | UsageError} See {@linkcode Context.connection}.
 */
export function openDropIn(context: Context): DropInSession {
  const { writer, clock, fetch, platform } = context;
  const connection = context.connection();
  for (const notice of connection.notices) writer.note(notice);
  const client = clientFor({
    ...connection,
    clock,
    fetch,
    userAgent: userAgent(platform.name),
    onNotice: (notice) => writer.note(noticeText(notice)),
  });
  return { client, call: { deadline: clock.now() + DROP_IN_MS, overrun: true } };
}

// Opens the service for toolkit verbs that send one request and print the answer.

/** How long such a verb waits for a busy service, in milliseconds: the token's limit names 60 s. */
export const ONE_SHOT_MS = 120_000;

/** Environment, time and notices of a verb; notices go to stderr. */
export function connectOptions({ io, writer, clock, fetch }: Context): ConnectOptions {
  return { env: io.env, clock, fetch, onNotice: (notice) => writer.note(noticeText(notice)) };
}

/**
 * Opens a session with one deadline for the whole verb, or for a part of it.
 *
 * @throws {UnauthorizedError | UsageError} See {@linkcode Context.connection}.
 */
export function openOneShot(context: Context, timeoutMs = ONE_SHOT_MS): { session: Session; call: CallOptions } {
  const { platform } = context;
  const options = { ...connectOptions(context), timeoutMs };
  const session = openSession(options, { connection: context.connection(), platform });
  return { session, call: { deadline: session.deadline } };
}

// `report --from`: reports from the files of an earlier job, without any request.

/** Largest file that is read: the events of a very long run. */
const MAX_BYTES = 2 ** 26;

function textOf({ io }: Context, path: string): string {
  const text = io.readFile(path, MAX_BYTES, "follow");
  if (text === undefined) throw new UsageError({ attempted: `read "${path}"`, why: "there is no such file" });
  return text;
}

/**
 * Reads the files, and writes the reports that were asked for; the page alone when none was.
 *
 * @param paths `result.json`, `events.ndjson`, or both.
 * @returns The exit code of the result that was read.
 * @throws {UsageError} when a file is neither a result nor events, or when a report would replace it.
 */
export async function reportFrom(context: Context, paths: readonly string[]): Promise<number> {
  const { io, flags, option, writer, laptop, vocabulary } = context;
  context.guard();
  try {
    // The token is masked in what is written. None is needed.
    context.connection();
  } catch {
    // Known secrets are masked in any case.
  }
  const { targets: all } = readPlaces(context);
  const isChosen = flags.all(REPORT).length > 0 || option(REPORT) !== undefined;
  const targets = isChosen ? all : all.filter(({ format }) => format === "html");
  const source = targets.find(({ path }) => paths.some((each) => plainPath(each) === plainPath(path)));
  if (source !== undefined) {
    const why = "it is read at the same time";
    throw new UsageError({ attempted: `write report "${source.format}"`, why, value: JSON.stringify(source.path) });
  }
  const result = readResult(paths.map((path) => ({ path, text: textOf(context, path) })));
  checkTargets(targets, io);
  const problems = writeReports(result, targets, io, writer.redact, {
    redactToken: (text) => writer.redact.token(text),
    program: laptop && vocabulary.program,
  });
  if (problems.length > 0) throw new UsageError(problems.map(({ message }) => message).join("; "));
  const { runId, status, outcome, exitCode } = result;
  if (flags.has(JSON_LINES)) writer.json(writer.clean({ runId, status, outcome, exitCode }));
  else {
    writer.out(
      own`verdict of that job: ${writer.untrusted(verdictWords(result).word)} (exit code ${exitCode})`,
      ...targets.map(({ path }) => writer.untrusted(`wrote ${path}`)),
    );
  }
  const page = targets.find(({ format }) => format === "html")?.path;
  if (page !== undefined && flags.has(OPEN) && isInteractive(context)) await laptop?.openPage(context, page);
  return exitCode;
}

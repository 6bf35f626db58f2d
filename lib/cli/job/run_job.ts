/**
 * A job on a run, from its start or its id to the exit code.
 *
 * @module
 */
import type { ReadEnv } from "../../ci/platform.ts";
import { type Clock, systemClock } from "../../clock.ts";
import { exitCodeFor, UsageError } from "../../errors.ts";
import type { Io } from "../../io.ts";
import type { RunEvent } from "../../model.ts";
import type { OnNotice } from "../../notice.ts";
import type { Setting } from "../../report/run_page.ts";
import { checkTargets, plainPath, writeReports } from "../../report/write.ts";
import type { FollowItem } from "../../run/follow.ts";
import type { JobEnd } from "../../run/job.ts";
import type { JobInternals } from "../../run/options.ts";
import { readResult } from "../../run/read_result.ts";
import type { StartedRun } from "../../run/request.ts";
import { emptyRunResult, reasonOf, resultError, type RunResult } from "../../run/result.ts";
import { verdictWords } from "../../run/result_view.ts";
import type { JobOptions, RunOptions } from "../../run/run.ts";
import { type ConnectOptions, interruptible, openSession, type Session } from "../../run/session.ts";
import { preferSmallHeap } from "../../runtime.ts";
import { type CallOptions, clientFor, type MogplexClient } from "../../service/client.ts";
import { type Connection, type ConnectionOptions, resolveConnection, resolveOrigin } from "../../service/connection.ts";
import { givenName } from "../../service/repository.ts";
import { type Fetch, userAgent } from "../../service/transport.ts";
import { createRedactor } from "../../text/redact.ts";
import { own } from "../../text/safe_line.ts";
import { LiveLog, noticeText } from "../log/live_log.ts";
import { isInteractive, logWidth } from "../log/writer.ts";
import { OPEN, optionReader, type Places, readPlaces, REPORT } from "../options.ts";
import { guardCheckout } from "../start_request.ts";
import type { Asked, MainOptions, ReadOption, VerbContext } from "../verb.ts";
import { AT_END, eventFiles, type JobResult, prepare, type Prepared, type Published, WHEN_REFUSED } from "./publish.ts";

// A job that ends with a verdict: open, log live, work under signals, publish. It knows no kind of operation.

/** What the work of a job gets. */
interface Wiring<I> {
  /** Options that every kind of operation takes. */
  options: {
    env: ReadEnv;
    clock: Clock;
    fetch: Fetch | undefined;
    onNotice: OnNotice;
    onItem: (item: I) => void;
  };
  /** Signals, connection and CI system. */
  internals: JobInternals;
  /** The log, to be opened once the operation is known. */
  live: LiveLog;
  /** Publishes the id, once it is known. */
  publish: Pick<Prepared<JobResult>, "started">;
}

/** What a verb adds. */
interface WholeJob<I, R extends JobResult> extends Published {
  /** Whether the operation exists already, so that the log is opened at once. @default {false} */
  exists?: boolean | undefined;
  /** Prints an item. */
  show(live: LiveLog, item: I): void;
  /** Starts or finds the operation, and follows it. */
  work(wiring: Wiring<I>): Promise<JobEnd<R>>;
}

/** The process, with a log that is closed properly even when the process has to end at once. */
function closingLog({ io, platform }: VerbContext, live: LiveLog): Pick<Io, "onSignal" | "isTerminal" | "exitNow"> {
  return {
    onSignal: (handler) => io.onSignal(handler),
    isTerminal: (stream) => isInteractive({ io, platform }, stream),
    exitNow(code) {
      live.leave();
      io.exitNow(code);
    },
  };
}

/**
 * Does a job and ends with its verdict.
 *
 * @returns The exit code.
 * @throws {MogplexError} when the job could not be opened: token, service or a setting is wrong, or the state file cannot be written.
 */
export async function endWithVerdict<I, R extends JobResult>(
  context: VerbContext,
  job: WholeJob<I, R>,
): Promise<number> {
  const { io, flags, writer, clock, fetch, platform, vocabulary } = context;
  const connection = context.connection();
  const extra = await context.extras?.open(context);
  const published = { ...job, extra };
  const publish = prepare(AT_END, context, published);
  preferSmallHeap();
  const json = flags.has("json");
  const times = !platform.stampsLines(io.env);
  const interactive = isInteractive(context);
  if (!json) writer.beginLog();
  const { log: form, timeoutMs } = job;
  const width = logWidth(io);
  const live = new LiveLog({ writer, platform, clock, form, json, interactive, times, timeoutMs, width });
  if (job.exists) live.open();
  const options: Wiring<I>["options"] = {
    env: io.env,
    clock,
    fetch,
    onNotice(notice) {
      extra?.onNotice(notice);
      live.notice(notice);
    },
    onItem: (item) => job.show(live, item),
  };
  const more: JobInternals = {
    connection,
    platform,
    onSession(session) {
      extra?.onSession(session);
      live.countRequests(session.requests);
    },
    onRequest: extra && ((request) => extra.onRequest(request)),
  };
  try {
    const { result: found, error } = await interruptible({ io: closingLog(context, live), clock }, (interrupts) => {
      return job.work({ options, internals: { ...more, interrupts }, live, publish });
    }).finally(() => live.close());
    const result = { ...found, resume: vocabulary.resume(found) };
    if (error instanceof UsageError && result.runId === null) {
      await prepare(WHEN_REFUSED, context, published).ended({ result, error });
      writer.error(error.message);
    } else await publish.ended({ result, error });
    return result.exitCode;
  } finally {
    writer.unfence();
  }
}

/** What a verb adds. */
interface RunJob extends Published {
  /** What is asked for, when the run is to be started. */
  asked?: Asked | undefined;
  /** The run, when it exists already. */
  runId?: string | undefined;
  /** Starts or finds the run, and follows it. */
  work(options: RunOptions, more: JobOptions): Promise<JobEnd<RunResult>>;
}

function announce(
  { flags, io, writer }: VerbContext,
  { log, asked }: RunJob,
  { run, replayed, idempotencyKey }: StartedRun,
): void {
  if (flags.has("json")) return writer.json({ type: "run", ...run });
  const { working, base, createBranch } = run.branch;
  const lines = [
    `${replayed ? "attached to" : "started"} run ${run.runId} (${run.status})`,
    `repository ${givenName(asked?.repository) ?? run.repoId}, ${run.harness}, branch ${working} (base ${base}${
      createBranch ? ", created" : ""
    })`,
    // The state file has it, and so has the block at the end where it is needed to go on.
    ...(log === "full" ? [`key ${idempotencyKey}`] : []),
  ];
  const hang = { cells: io.isTerminal("stdout") ? logWidth(io) : Infinity, indent: 2 };
  writer.out(...lines.flatMap((line) => writer.untrustedLines(writer.untrusted(line), Infinity, hang)));
}

/** Does the job. See {@linkcode endWithVerdict}. */
export async function runWholeJob(context: VerbContext, job: RunJob): Promise<number> {
  const { places, log, runId, timeoutMs } = job;
  const files = eventFiles(context, places);
  return await endWithVerdict<FollowItem, RunResult>(context, {
    places,
    log,
    timeoutMs,
    eventFiles: files,
    exists: runId !== undefined,
    show: (live, item) => live.item(item),
    work: ({ options, internals, live, publish }) => {
      const onStarted = (started: StartedRun) => {
        announce(context, job, started);
        if (job.asked !== undefined) context.laptop?.rememberStart(context, started, places.out, job.asked);
        publish.started(started.runId);
        live.open(started.run.status);
      };
      const sink = { add: (event: RunEvent) => files.forEach((file) => file.add(event)) };
      return job.work({ ...options, onStarted }, { ...internals, files: context.io, sink })
        .finally(() => files.forEach((file) => file.close()));
    },
  });
}

// Opens what a verb works with: its context, and for the drop-in verbs the service.

/** One call of a program: its flags and surroundings. */
interface Call extends
  Pick<
    VerbContext,
    "io" | "platform" | "systems" | "writer" | "flags" | "vocabulary" | "verbs" | "notes" | "extras" | "laptop"
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
export function openContext(call: Call, options: MainOptions): VerbContext {
  const { clock = systemClock, fetch, files, processes, programFile } = options;
  const { io, platform, systems, writer, flags, vocabulary, verbs, dropIn, notes, extras, laptop } = call;
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
    extras,
    laptop,
  };
}

/** How long a drop-in verb waits for a busy service, in milliseconds. Source: design, "Command line". */
const DROP_IN_MS = 10_000;

/** The service, for a drop-in verb. */
interface DropInSession {
  /** Client with the caller's token. */
  client: MogplexClient;
  /** Limits of one-shot calls: one deadline for the whole verb. */
  call: CallOptions;
}

/**
 * Opens the service for a drop-in verb, and announces an unusual origin on stderr.
 *
 * @throws {UnauthorizedError | UsageError} See {@linkcode VerbContext.connection}.
 */
export function openDropIn(context: VerbContext): DropInSession {
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
export function connectOptions({ io, writer, clock, fetch }: VerbContext): ConnectOptions {
  return { env: io.env, clock, fetch, onNotice: (notice) => writer.note(noticeText(notice)) };
}

/**
 * Opens a session with one deadline for the whole verb.
 *
 * @throws {UnauthorizedError | UsageError} See {@linkcode VerbContext.connection}.
 */
export function openOneShot(context: VerbContext): { session: Session; call: CallOptions } {
  const { platform } = context;
  const session = openSession(connectOptions(context), { connection: context.connection(), platform });
  return { session, call: { deadline: session.startedAt + ONE_SHOT_MS } };
}

// Reports of a job that ended before there was a run. Without them the reports of an earlier job would be taken for those of this one.

function originOf({ io }: VerbContext): string {
  try {
    return resolveOrigin({ env: io.env }).origin;
  } catch {
    // The address may be what is wrong, and can hold a password.
    return "";
  }
}

function refused<R extends JobResult>(empty: R, context: VerbContext, error: unknown, startedAt: number): R {
  return {
    ...empty,
    exitCode: exitCodeFor(error),
    reason: reasonOf(error),
    error: resultError(error),
    durationMs: Math.round(context.clock.now() - startedAt),
    origin: originOf(context),
  };
}

async function publishRefusal(context: VerbContext, places: Places, result: JobResult, error: unknown): Promise<void> {
  try {
    // The reports must not show the token.
    context.connection();
  } catch {
    // The refusal may be about a missing token. The known secrets are masked in any case.
  }
  // What is wrong with its own settings must not hide the error.
  const extra = await context.extras?.open(context).catch(() => undefined);
  await prepare(WHEN_REFUSED, context, { places, log: null, extra }).ended({ result, error });
}

/**
 * Removes the reports of an earlier job, does the work, and writes reports when it throws: with outcome `error`, the reason and
 * the exit code.
 *
 * @param work Gets the places for files; writes the reports itself unless it throws.
 * @param empty A result of the job's kind about which nothing is known. @default that of a run
 * @param out Directory of the reports. @default the one that flags and variables name
 * @throws what `work` throws.
 * @throws {UsageError} when files of the checkout cannot be trusted, or the reports cannot be written. No report is written then.
 */
export async function withReports(
  context: VerbContext,
  work: (places: Places) => Promise<number>,
  empty: JobResult = emptyRunResult(),
  out?: string,
): Promise<number> {
  const startedAt = context.clock.now();
  context.guard();
  const places = readPlaces(context, out);
  const ignore = context.laptop?.ignoringFolder(context, places);
  checkTargets(places.targets, context.io);
  ignore?.();
  try {
    return await work(places);
  } catch (error) {
    await publishRefusal(context, places, refused(empty, context, error, startedAt), error);
    throw error;
  }
}

// `report --from`: reports from the files of an earlier job, without any request.

/** Largest file that is read: the events of a very long run. */
const MAX_BYTES = 2 ** 26;

function textOf({ io }: VerbContext, path: string): string {
  const text = io.readFile(path, MAX_BYTES, "follow");
  if (text === undefined) throw new UsageError({ attempted: `read "${path}"`, why: "there is no such file" });
  return text;
}

/**
 * Reads the files, and writes the reports that were asked for; the page alone when none was.
 *
 * @param paths `result.json`, `events.ndjson`, or both.
 * @returns The exit code of the result that was read.
 * @throws {UsageError} when a file is no result and no events, or when a report would replace it.
 */
export async function reportFrom(context: VerbContext, paths: readonly string[]): Promise<number> {
  const { io, flags, option, writer, laptop, vocabulary } = context;
  context.guard();
  try {
    // The token is masked in what is written. None is needed.
    context.connection();
  } catch {
    // Known secrets are masked in any case.
  }
  const { targets: all } = readPlaces(context);
  const isChosen = flags.all(REPORT.name).length > 0 || option(REPORT) !== undefined;
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
  if (flags.has("json")) writer.json(writer.clean({ runId, status, outcome, exitCode }));
  else {
    writer.out(
      own`verdict of that job: ${writer.untrusted(verdictWords(result).word)} (exit code ${exitCode})`,
      ...targets.map(({ path }) => writer.untrusted(`wrote ${path}`)),
    );
  }
  const page = targets.find(({ format }) => format === "html")?.path;
  if (page !== undefined && flags.has(OPEN.name) && isInteractive(context)) await laptop?.openPage(context, page);
  return exitCode;
}

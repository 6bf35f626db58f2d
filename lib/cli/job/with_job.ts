/**
 * A job of the command line: its request, session and signals, places of the files, log and publishers, the work, its end.
 * @module
 */
import { messageOf } from "../../error_sentence.ts";
import { exitCodeFor, MogplexError, NetworkError, UsageError } from "../../errors.ts";
import type { Io } from "../../io.ts";
import { isObject, parseJson, valueOr } from "../../lookup.ts";
import type { Notice } from "../../notice.ts";
import { checkTargets, proveReplaceable } from "../../report/write.ts";
import type { EventFile, EventSink } from "../../run/event_file.ts";
import type { FollowItem } from "../../run/follow.ts";
import { RETRY_LATER } from "../../run/no_sandbox.ts";
import { type OpenInterrupts, openInterrupts } from "../../run/interrupts.ts";
import type { JobEnd } from "../../run/job.ts";
import { type AskedJob, completeJob, type JobOptions } from "../../run/options.ts";
import { type AnyResult, reasonOf, resultError } from "../../run/result.ts";
import { mayHaveStarted } from "../../run/result_view.ts";
import { openSession, type Session } from "../../run/session.ts";
import { isNotPermitted, preferSmallHeap, thisMachine } from "../../runtime.ts";
import { networkFix, withNetworkFix } from "../../service/check_way.ts";
import { resolveOrigin } from "../../service/connection.ts";
import type { RequestReport } from "../../service/transport.ts";
import { shellWord } from "../../text/escape.ts";
import { maskToken } from "../context.ts";
import { markExplained } from "../explain.ts";
import { LiveLog, type LogForm, noticeText } from "../log/live_log.ts";
import { isInteractive, logWidth } from "../log/writer.ts";
import { JSON_LINES, OUT, STATE } from "../options.ts";
import { isLaptop, outDirectory, type Places, readPlaces, type WaitSettings } from "../settings.ts";
import type { Context, JobExtra, RunFolder } from "../verb.ts";
import { AT_END, eventFiles, isTogether, prepare, type Prepared, WHEN_LEFT, WHEN_REFUSED } from "./publish.ts";

export interface JobAsked extends Partial<WaitSettings> {
  /** Time limit of the whole job, in milliseconds; undefined for the default. */
  timeoutMs: number | undefined;
  /** The form of the log; null shows no log. */
  log: LogForm | null;
  /** The result file that the job asks for: the copy of an earlier job is removed. @default none */
  wanted?: object | undefined;
}

/** `A` is the request of the job, `F` the place of its files. */
interface JobPlan<R, A, F> {
  /** A result of the job's kind before anything is known. */
  nothing: R;
  read(): A | Promise<A>;
  /** What the request names, for the report of a job that ends before its work. @default nothing */
  named?(asked: A): Partial<R>;
  /** Chooses the directory of the reports. @default from flags and variables */
  place?(asked: A, session: Session): Promise<F>;
  /** Whether the followed operation exists before the job. @default {false} */
  exists?: boolean;
  /** Gets the notices about the work. */
  onNotice?(notice: Notice): void;
  /** Whether an error is a mistake of the caller. If so, no reports are written. */
  passes?(error: unknown): boolean;
}

export interface OpenJob<A, F> {
  asked: A;
  folder: F;
  places: Places;
  session: Session;
  /** Open it once the operation is known. */
  live: LiveLog;
  /** Publishes the id; call it once the id is known. */
  started(runId: string): void;
  item(item: FollowItem): void;
  /** The options of the operation: the job's, and what the work adds. */
  complete<I, S>(more: Omit<AskedJob<I, S>, "openSession">): JobOptions<I, S>;
}

/**
 * Runs a job, and publishes its end. In CI an error before there is a result becomes a report as well: otherwise the reports of an earlier job would
 * be mistaken for files of this job. Outside CI a job without a folder writes no reports, and keeps the reports of the last job. A job that
 * started nothing in a folder with reports keeps them, too.
 * @returns The result in the words of the program, and where the reports are.
 * @throws {UsageError} if files of the checkout cannot be trusted: then no report is written.
 * @throws what a step throws.
 */
export async function withJob<R extends AnyResult, A extends JobAsked, F extends RunFolder = RunFolder>(
  context: Context,
  plan: JobPlan<R, A, F>,
  work: (job: OpenJob<A, F>) => Promise<JobEnd<R>>,
): Promise<{ result: R; places: Places }> {
  context.guard();
  const startedAt = context.clock.now();
  let nothing = plan.nothing;
  /** @param open What is open if the step fails. */
  async function step<T>(open: Refusable, body: () => T | Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      if (plan.passes?.(error)) {
        open.close();
        throw error;
      }
      return await refuse(context, nothing, { ...open, startedAt }, error);
    }
  }
  const unopened: Refusable = { close() {} };
  const request = await step(unopened, () => plan.read());
  nothing = await step(unopened, () => ({ ...nothing, ...plan.named?.(request) }));
  const { session, interrupts, listeners } = await step(unopened, () => openSignals(context, request));
  const connected = { session, close: () => interrupts.close() };
  // Without a choice, `F` is what every folder has.
  const folder = await step(
    connected,
    async () => await plan.place?.(request, session) ?? { out: outDirectory(context) } as F,
  );
  const inFolder = {
    ...connected,
    close() {
      connected.close();
      folder.claim?.writer.release();
    },
  };
  const openExtra = async () => await context.extras?.open(context);
  // Before the old reports are removed: wrong settings must leave them alone.
  const early = await step(
    inFolder,
    async () => earlierFiles(context, readPlaces(context)).length > 0 ? await openExtra() : undefined,
  );
  const opened = await step(inFolder, () => openPlaces(context, { ...request, ...plan }, folder));
  const { places } = opened;
  const placed = { ...inFolder, opened };
  const published = await step(placed, async () => {
    // The folder of the reports exists only now, and the history may be in it.
    const extra = early ?? await openExtra();
    const files = plan.nothing.kind === "run" ? eventFiles(context, places) : [];
    return { places, log: request.log, eventFiles: files, extra };
  });
  return await step(placed, async () => {
    const publish = prepare(AT_END, context, published);
    const live = openLog(context, plan, { asked: request, session, listeners, extra: published.extra });
    const job = openWork({ asked: request, folder, places, session, live }, {
      publish: {
        ...publish,
        started(runId) {
          opened.replace();
          publish.started(runId);
        },
      },
      interrupts,
      files: published.eventFiles,
    });
    try {
      const { result: end, error, stopped } = await finished(() => work(job), () => {
        published.eventFiles.forEach((file) => file.close());
        interrupts.close();
        live.close();
      });
      const result = inWords(context, advised(context, end, error, isUnanswered(session)));
      if (interrupts.terminal) showLeft(context, result);
      const isLeft = opened.keeps && result.runId === null && !mayHaveStarted(result);
      if (isLeft) noteEarlier(context, opened.earlier);
      else opened.replace();
      if (error instanceof UsageError && result.runId === null) {
        const { isShown } = await prepare(WHEN_REFUSED, context, published).ended({ result, error, isLeft });
        if (!isShown || !isTogether(context)) context.writer.error(context.vocabulary.words(error.message));
      } else {
        await publish.ended({ result, error, isLeft, stopped: stopped && context.vocabulary.words(stopped) });
      }
      return { result, places };
    } finally {
      context.writer.unfence();
    }
  });
}

/** Shows what Ctrl-C did to the run where the log is not on screen: `tee` ends at the same Ctrl-C. */
function showLeft(context: Context, { outcome, reason, resume }: AnyResult): void {
  const { io, writer } = context;
  const isOnScreen = io.isTerminal("stdout") || io.isTerminal("stderr");
  if (outcome !== "interrupted" || isOnScreen) return;
  const lines = [reason, resume === null ? null : `To follow it again: ${resume}`].filter((line) => line !== null);
  io.writeTerminal(lines.map((line) => `${writer.redact.token(writer.untrusted(line))}\n`).join(""));
}

/** Waits for the work, and always closes what was opened for it. */
async function finished<T>(work: () => Promise<T>, close: () => void): Promise<T> {
  try {
    return await work();
  } finally {
    close();
  }
}

function openWork<A extends JobAsked, F>(
  parts: Pick<OpenJob<A, F>, "asked" | "folder" | "places" | "session" | "live">,
  { publish, interrupts, files }: {
    publish: Pick<Prepared<never>, "started" | "item">;
    interrupts: OpenInterrupts;
    files: readonly EventFile[];
  },
): OpenJob<A, F> {
  const { asked: { tokenShare, cancelOn, onInterrupt }, session, live } = parts;
  const sink: EventSink = { add: (event) => files.forEach((file) => file.add(event)) };
  return {
    ...parts,
    started: (runId) => publish.started(runId),
    item(item) {
      live.item(item);
      publish.item(item);
    },
    complete: (more) =>
      completeJob({ tokenShare, cancelOn, onInterrupt, interrupts, sink, ...more, openSession: () => session }),
  };
}

/** Until there is a log, notices are printed as notes. */
interface Listeners {
  notice(notice: Notice): void;
  request(request: RequestReport): void;
  /** Called before the process ends at once. */
  exit(): void;
}

/** How long a job waits for the first answer to any of its requests, in milliseconds. */
const ANSWER_MS = 300_000;

/** Opens the session and starts handling signals. @throws {UnauthorizedError | UsageError} See {@linkcode Context.connection}. */
function openSignals(
  context: Context,
  { timeoutMs }: JobAsked,
): { session: Session; interrupts: OpenInterrupts; listeners: Listeners } {
  const { io, clock, fetch, platform, writer } = context;
  const listeners: Listeners = {
    notice: (notice) => writer.note(noticeText(notice)),
    request() {},
    exit() {},
  };
  // Its notices are printed once there is a log.
  const connection = { ...context.connection(), notices: [] };
  const closingIo: Pick<Io, "onSignal" | "isTerminal" | "exitNow"> = {
    onSignal: (handler, inJob) => io.onSignal(handler, inJob),
    isTerminal: (stream) => isInteractive({ io, platform }, stream),
    exitNow: (code) => {
      listeners.exit();
      io.exitNow(code);
    },
  };
  const interrupts = openInterrupts({ io: closingIo, clock, inJob: platform.isCi });
  const session = openSession(
    {
      ...{ env: io.env, clock, fetch, signal: interrupts.signal, timeoutMs },
      onNotice: (notice) => listeners.notice(notice),
    },
    { connection, platform, onRequest: (request) => listeners.request(request) },
  );
  session.memory.answerBy = session.startedAt + ANSWER_MS;
  return { session, interrupts, listeners };
}

/** The places of a job's files, and what an earlier job has left there. */
interface OpenPlaces {
  places: Places;
  /** Whether the folder still has the reports of an earlier run, until the run of this job is known. */
  keeps: boolean;
  /** See {@linkcode earlierFiles}. */
  earlier: readonly string[];
  /** Removes the files of an earlier job that have stayed. Further calls do nothing. */
  replace(): void;
}

/**
 * Determines the places of the files. The files of an earlier job are removed: they would be mistaken for files of this one. Outside CI they stay
 * until a run is known, because a start that is refused must not replace them.
 * @param job Whether its run exists before it, and whether it wants a value.
 * @throws {UsageError} if the files cannot be written.
 */
function openPlaces(
  context: Context,
  { exists = false, wanted }: { exists?: boolean | undefined; wanted?: object | undefined } = {},
  { out, isNew = false, claim }: Partial<RunFolder> = {},
): OpenPlaces {
  const { io } = context;
  const places = readPlaces(context, out);
  const { targets, outdated, value } = places;
  const ignore = context.laptop?.ignoringFolder(context, { ...places, isNew });
  const files = [...targets.map(({ path }) => path), ...outdated, ...(wanted === undefined ? [] : [value])];
  const earlier = exists ? [] : earlierFiles(context, places);
  const keeps = earlier.length > 0 || claim?.writer.hasEarlier === true;
  checkTargets(targets, io, earlier);
  if (wanted !== undefined) proveValue(context, value, earlier.includes(value));
  if (!keeps) removeAll(context, outdated);
  ignore?.();
  let isReplaced = !keeps;
  function replace(): void {
    // The folder never mixes files of two runs.
    if (!isReplaced) removeAll(context, files);
    isReplaced = true;
  }
  return { places, keeps, earlier, replace };
}

/**
 * The files of an earlier run that a start must not replace; empty in CI, where each job has its own reports, and if the reports are about a start that
 * was refused.
 */
function earlierFiles(context: Context, { targets, outdated, value }: Places): string[] {
  const { io } = context;
  if (!isLaptop(context)) return [];
  const path = targets.find(({ format }) => format === "json")?.path;
  const report = path === undefined ? undefined : valueOr(() => parseJson(io.readFile(path) ?? ""), undefined);
  if (isObject(report) && report.runId === null && report.mayExist === false) return [];
  // Deno might not be allowed to read them.
  return [...targets.map((target) => target.path), ...outdated, value]
    .filter((each) => valueOr(() => io.realPath(each) !== undefined, false));
}

function removeAll({ io }: Context, paths: readonly string[]): void {
  for (const path of paths) io.removeFile(path);
}

/** @param stays Whether the value of an earlier job stays. @throws {UsageError} if the value cannot be written. */
function proveValue({ io }: Context, path: string, stays: boolean): void {
  try {
    if (stays || io.realPath(path) !== undefined) proveReplaceable(io, path, stays);
  } catch (cause) {
    throw new UsageError({ attempted: `write "${path}"`, why: messageOf(cause) }, { cause });
  }
}

/** @param earlier Files that stay, which the reader could mistake for files of this job. */
function noteEarlier({ writer }: Context, [first]: readonly string[]): void {
  if (first === undefined) return;
  const folder = first.replace(/\/[^/]*$/, "");
  writer.note(`${JSON.stringify(folder)} still has the reports of an earlier command`);
}

/** Opens the log. After that, notices are lines of the log. */
function openLog<R, A extends JobAsked, F>(
  context: Context,
  { exists, onNotice }: JobPlan<R, A, F>,
  { asked: { log }, session, listeners, extra }: {
    asked: A;
    session: Session;
    listeners: Listeners;
    extra: JobExtra | undefined;
  },
): LiveLog {
  const { io, flags, writer, clock, platform } = context;
  preferSmallHeap();
  const json = flags.has(JSON_LINES);
  if (!json) writer.beginLog();
  const live = new LiveLog({
    ...{ writer, platform, clock, form: log, json, width: logWidth(io) },
    status: !exists ? "starting" : log === null ? "reading" : "attaching",
    interactive: isInteractive(context),
    times: !platform.stampsLines(io.env),
    timeoutMs: log === null ? undefined : session.deadline - session.startedAt,
  });
  listeners.notice = (notice) => {
    extra?.onNotice(notice);
    onNotice?.(notice);
    live.notice(notice);
  };
  listeners.request = (request) => extra?.onRequest(request);
  listeners.exit = () => live.leave();
  if (exists) live.open();
  for (const message of context.connection().notices) listeners.notice({ kind: "text", message });
  extra?.onSession(session);
  live.countRequests(session.requests);
  return live;
}

/** What is open if a job is refused. */
interface Refusable {
  /** Absent if nothing was opened. */
  opened?: OpenPlaces;
  /** Undefined before it is open. */
  session?: Session;
  close(): void;
}

/** Ends a job that has no result, and writes reports if they are wanted. @throws the error; {@linkcode UsageError} if they cannot be written. */
async function refuse<R extends AnyResult>(
  context: Context,
  nothing: R,
  { opened, session, close, startedAt }: Refusable & { startedAt: number },
  error: unknown,
): Promise<never> {
  close();
  const requests = session?.requests() ?? 0;
  const isLeft = opened?.keeps ?? isLaptop(context);
  const places = opened?.places ?? (isLeft ? readPlaces(context) : openPlaces(context).places);
  if (isLeft) checkAccess(context, places);
  maskToken(context);
  // Wrong settings of the extras must not hide the error.
  const extra = await context.extras?.open(context).catch(() => undefined);
  const end = {
    ...nothing,
    exitCode: exitCodeFor(error),
    reason: reasonOf(error),
    error: resultError(error),
    mayExist: nothing.runId !== null,
    requests,
    durationMs: Math.round(context.clock.now() - startedAt),
    origin: originOf(context),
  };
  const isUnreached = session !== undefined && isUnanswered(session);
  const result = inWords(context, advised(context, end, error, isUnreached));
  if (!context.flags.has(JSON_LINES)) context.writer.fence();
  const publishers = isLeft ? WHEN_LEFT : WHEN_REFUSED;
  try {
    const { isShown } = await prepare(publishers, context, { places, log: null, extra }).ended({ result, error });
    // A command that sent nothing has not tried to start a run.
    if (isLeft && requests > 0) noteEarlier(context, opened?.earlier ?? earlierFiles(context, places));
    if (isShown && isTogether(context) && error instanceof MogplexError) markExplained(error);
  } finally {
    context.writer.unfence();
  }
  // In CI, the block has the advice.
  throw isUnreached && isLaptop(context) ? withNetworkFix(error, context.io.env) : error;
}

/** Whether the service answered none of the requests. */
function isUnanswered({ memory, requests }: Session): boolean {
  return requests() > 0 && !memory.answered;
}

/** Adds an advice to the result of a job that has seen no run because something was unavailable: the one of `doctor` if that was the service. */
function advised<R extends AnyResult>({ io }: Context, result: R, thrown: unknown, isUnanswered: boolean): R {
  const { error, status } = result;
  if (error === null || error.advice !== null || status !== null) return result;
  if (!(thrown instanceof MogplexError) || thrown.exit !== "unavailable") return result;
  const advice = isUnanswered && thrown instanceof NetworkError
    ? networkFix(thrown, resolveOrigin({ env: io.env }), io.env, thisMachine())
    : RETRY_LATER;
  return { ...result, error: { ...error, advice } };
}

/**
 * On Deno without permissions every setting looks unset, so an error that names a setting would mislead.
 * @throws {UsageError} if Deno is not allowed to read the folder of the reports.
 */
function checkAccess({ io }: Context, { out }: Places): void {
  try {
    io.realPath(out);
  } catch (error) {
    if (isNotPermitted(error)) {
      throw new UsageError({ attempted: "read the reports", why: messageOf(error) }, { cause: error });
    }
  }
}

/** Replaces the words for scripts in a result with the program's. */
function inWords<R extends AnyResult>(context: Context, result: R): R {
  const { resume, words } = context.vocabulary;
  const { reason, error } = result;
  const continuation = resume(result);
  const isCommand = continuation !== null && "command" in continuation;
  return {
    ...result,
    reason: reason && words(reason),
    error: error && { ...error, advice: error.advice && words(error.advice) },
    resume: isCommand ? withPlaces(context, continuation.command) : continuation?.instruction ?? null,
    resumeIsCommand: isCommand,
  };
}

/**
 * Adds the flags that say where the files of a run are, so that the command which continues the run finds and updates them. In CI another machine runs that
 * command.
 */
function withPlaces(context: Context, command: string): string {
  if (!isLaptop(context)) return command;
  const places = [OUT, STATE].map((option) => {
    const value = context.flags.get(option);
    return value === undefined ? "" : ` --${option.name} ${shellWord(value)}`;
  }).join("");
  // Deno's permissions depend on these places.
  return command.replace(/ permissions\)/, () => ` permissions${places})`) + places;
}

function originOf({ io }: Context): string {
  // The address may be the mistake, and can contain a password.
  return valueOr(() => resolveOrigin({ env: io.env }).origin, "");
}

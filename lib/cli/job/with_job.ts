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
import { isStillRunning, mayHaveStarted, waitLonger } from "../../run/result_view.ts";
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
  timeoutMs: number | undefined;
  log: LogForm | null;
  /** If this is set, the copy of an earlier job's result file is removed. */
  wanted?: object | undefined;
}

interface JobPlan<R, A, F> {
  nothing: R;
  read(): A | Promise<A>;
  /** Fields for the report of a job that ends before its work starts. */
  named?(asked: A): Partial<R>;
  place?(asked: A, session: Session): Promise<F>;
  exists?: boolean;
  onNotice?(notice: Notice): void;
  /** Whether to throw the error without writing reports. */
  passes?(error: unknown): boolean;
}

export interface OpenJob<A, F> {
  asked: A;
  folder: F;
  places: Places;
  session: Session;
  live: LiveLog;
  started(runId: string): void;
  item(item: FollowItem): void;
  complete<I, S>(more: Omit<AskedJob<I, S>, "openSession">): JobOptions<I, S>;
}

/**
 * In CI, an error that occurs before there is a result is also reported. Otherwise, users could mistake the reports of an earlier job for reports of
 * this job. If files in the checkout cannot be trusted, no report is written. Outside CI, a job that ends before it has a folder writes no reports.
 * The reports of an earlier job stay until this job has a run, or might have started one.
 */
export async function withJob<R extends AnyResult, A extends JobAsked, F extends RunFolder = RunFolder>(
  context: Context,
  plan: JobPlan<R, A, F>,
  work: (job: OpenJob<A, F>) => Promise<JobEnd<R>>,
): Promise<{ result: R; places: Places }> {
  context.guard();
  const startedAt = context.clock.now();
  let nothing = plan.nothing;
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
  // The extras are opened before old reports are removed, so that an invalid setting does not cost the user these reports.
  const early = await step(
    inFolder,
    async () => earlierFiles(context, readPlaces(context)).length > 0 ? await openExtra() : undefined,
  );
  const opened = await step(inFolder, () => openPlaces(context, { ...request, ...plan }, folder));
  const { places } = opened;
  const placed = { ...inFolder, opened };
  const published = await step(placed, async () => {
    // The history may be in the folder of the reports, which might not have existed until now.
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

/** Prints what Ctrl-C did to the run if the log is piped, because the same Ctrl-C ends `tee`. */
function showLeft(context: Context, { outcome, reason, resume }: AnyResult): void {
  const { io, writer } = context;
  const isOnScreen = io.isTerminal("stdout") || io.isTerminal("stderr");
  if (outcome !== "interrupted" || isOnScreen) return;
  const lines = [reason, resume === null ? null : `To follow it again: ${resume}`].filter((line) => line !== null);
  io.writeTerminal(lines.map((line) => `${writer.redact.token(writer.untrusted(line))}\n`).join(""));
}

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

/** Before the log is open, notices are printed as notes, and the other functions do nothing. */
interface Listeners {
  notice(notice: Notice): void;
  request(request: RequestReport): void;
  exit(): void;
}

const ANSWER_MS = 300_000;

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
  // The notices of the connection are printed once there is a log.
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

interface OpenPlaces {
  places: Places;
  /** Whether the folder keeps the reports of an earlier run until the run of this job is known. */
  keeps: boolean;
  earlier: readonly string[];
  replace(): void;
}

/**
 * Removes files of an earlier job, which users could mistake for files of this job. Outside CI, these files stay until a run is known, because a
 * rejected start must not remove them.
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
    // The folder never contains files of two runs.
    if (!isReplaced) removeAll(context, files);
    isReplaced = true;
  }
  return { places, keeps, earlier, replace };
}

/**
 * The files of an earlier run that a start must not replace. Empty in CI, where each job has its own reports. Also empty if the reports are about a
 * rejected start.
 */
function earlierFiles(context: Context, { targets, outdated, value }: Places): string[] {
  const { io } = context;
  if (!isLaptop(context)) return [];
  const path = targets.find(({ format }) => format === "json")?.path;
  const report = path === undefined ? undefined : valueOr(() => parseJson(io.readFile(path) ?? ""), undefined);
  if (isObject(report) && report.runId === null && report.mayExist === false) return [];
  // Deno might not be allowed to read the files.
  return [...targets.map((target) => target.path), ...outdated, value]
    .filter((each) => valueOr(() => io.realPath(each) !== undefined, false));
}

function removeAll({ io }: Context, paths: readonly string[]): void {
  for (const path of paths) io.removeFile(path);
}

function proveValue({ io }: Context, path: string, stays: boolean): void {
  try {
    if (stays || io.realPath(path) !== undefined) proveReplaceable(io, path, stays);
  } catch (cause) {
    throw new UsageError({ attempted: `write "${path}"`, why: messageOf(cause) }, { cause });
  }
}

function noteEarlier({ writer }: Context, [first]: readonly string[]): void {
  if (first === undefined) return;
  const folder = first.replace(/\/[^/]*$/, "");
  writer.note(`${JSON.stringify(folder)} still has the reports of an earlier command`);
}

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
    skewMs: () => session.client.clockSkewMs,
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

interface Refusable {
  opened?: OpenPlaces;
  session?: Session;
  close(): void;
}

/** Publishes and rethrows the error. Reports are written unless the folder may hold reports of an earlier job. */
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
  // An invalid setting of the extras must not hide the error.
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
    // A command that sent no request has not tried to start a run.
    if (isLeft && requests > 0) noteEarlier(context, opened?.earlier ?? earlierFiles(context, places));
    if (isShown && isTogether(context) && error instanceof MogplexError) markExplained(error);
  } finally {
    context.writer.unfence();
  }
  throw isUnreached ? withNetworkFix(error, context.io.env) : error;
}

function isUnanswered({ memory, requests }: Session): boolean {
  return requests() > 0 && !memory.answered;
}

function advised<R extends AnyResult>({ io }: Context, result: R, thrown: unknown, isUnanswered: boolean): R {
  const { error, status } = result;
  if (error === null || error.advice !== null || status !== null) return result;
  if (!(thrown instanceof MogplexError) || thrown.exit !== "unavailable") return result;
  const advice = isUnanswered && thrown instanceof NetworkError
    ? networkFix(thrown, resolveOrigin({ env: io.env }), io.env, thisMachine())
    : RETRY_LATER;
  return { ...result, error: { ...error, advice } };
}

/** On Deno without permissions, every setting looks unset, so an error that names a setting would be misleading. */
function checkAccess({ io }: Context, { out }: Places): void {
  try {
    io.realPath(out);
  } catch (error) {
    if (isNotPermitted(error)) {
      throw new UsageError({ attempted: "read the reports", why: messageOf(error) }, { cause: error });
    }
  }
}

function inWords<R extends AnyResult>(context: Context, result: R): R {
  const { resume, timeLimit, words } = context.vocabulary;
  const { reason, error, outcome } = result;
  const continuation = resume(result);
  const isCommand = continuation !== null && "command" in continuation;
  const isLate = outcome === "deadline" && !isCommand && !isStillRunning(result);
  const advice = error?.advice ?? (isLate ? waitLonger(timeLimit) : null);
  return {
    ...result,
    reason: reason && words(reason),
    error: error && { ...error, advice: advice && words(advice) },
    resume: isCommand ? withPlaces(context, continuation.command) : continuation?.instruction ?? null,
    resumeIsCommand: isCommand,
  };
}

/**
 * Adds flags for the places of a run's files, so that the command that continues the run finds and updates these files. In CI, another machine may
 * run the command, so no flags are added.
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
  // The address itself may be invalid, and it can contain a password.
  return valueOr(() => resolveOrigin({ env: io.env }).origin, "");
}

/**
 * Starts a run and follows it to its end in one call: for scripts, and with state file and signals for the command line.
 *
 * @module
 */
import { ConflictError, MogplexError, NotFoundError, UsageError } from "../errors.ts";
import type { ExitName } from "../exit_codes.ts";
import type { CancelResult, Run, StartRequest, StartResult } from "../model.ts";
import { givenName } from "../service/repository.ts";
import { checkUuid } from "../service/validate.ts";
import { createRedactor } from "../text/redact.ts";
import { cancelWith } from "./cancel.ts";
import { guardResult } from "./clean.ts";
import { type EventFile, type EventSink, openEventsFile } from "./event_file.ts";
import { type FollowItem, type FollowOptions, RunFollower, type RunHandleItem } from "./follow.ts";
import {
  type Ending,
  Job,
  type JobEnd,
  type Look,
  type Operation,
  type Parting,
  type StopCause,
  type Stopped,
} from "./job.ts";
import { isComplete, jobOf, LAST_SUFFIX, splitSuffix } from "./key.ts";
import { AgentWatch, lackedSandbox, noSandbox, SANDBOX_WAITS_MS } from "./no_sandbox.ts";
import { checkTokenShare, checkWatch, type JobInternals } from "./options.ts";
import {
  isLater,
  type LaterRequest,
  planLater,
  planStart,
  resumePlan,
  type RunRequest,
  runSeries,
  type StartOptions,
  type StartPlan,
} from "./request.ts";
import {
  emptyRunResult,
  endOfRun,
  finalMessageOf,
  hasEnded,
  noFacts,
  type Outcome,
  phasesOf,
  resultError,
  type RunResult,
} from "./result.ts";
import { type CancelCause, endingSignal, type OnInterrupt } from "./interrupts.ts";
import { type ConnectOptions, openSession, type Session, type VerbOptions } from "./session.ts";
import { RepositoryName } from "./repository_name.ts";
import { keysUsedUp, type SeriesHooks, type StartedRun, type StartSeries } from "./start.ts";
import { readState, type RunState, type StateFiles, type StateSeal, stateSeal, StateWriter } from "./state.ts";

/** Options of {@linkcode Mogplex.attach}. */
export interface AttachOptions extends FollowOptions {
  /**
   * Whether to throw every end but a success. If false, the result of a run that exists is returned, however it ended: look at
   * `outcome`, which can then also be `deadline` or `error`. With `error`, only the exit codes 69 and 75 are worth another try. An id that
   * the service does not know, and a token that it refuses, count as the end of the run that was to be followed. Always thrown are errors of
   * a start that came before there was a run, a wrong option, and the error when `signal` aborts.
   * @default {true}
   */
  throwOnFailure?: boolean | undefined;
  /**
   * What cancels the run: `timeout`, when `timeoutMs` passes; `abort`, when `signal` aborts, which takes a few seconds at most. A start that
   * is on its way is found and cancelled too. @default {[]} (the run continues)
   */
  cancelOn?: readonly CancelCause[] | undefined;
  /**
   * Called with each item as it comes: those that a loop gets. Not waited for; a failure, also of its promise, is a notice.
   * @default {undefined}
   */
  onItem?: ((item: RunHandleItem) => unknown) | undefined;
}

/** Options of {@linkcode Mogplex.run}. */
export interface RunOptions extends StartOptions, AttachOptions {}

/** The options of a job, with the connection. It tells its items itself, before there is a result. */
export interface JobSettings extends Omit<RunOptions, "onItem">, Omit<ConnectOptions, keyof VerbOptions> {
  /** Called with each item as it comes. What it throws ends the job. @default {undefined} */
  onItem?: ((item: FollowItem) => unknown) | undefined;
}

// The jobs of the command line, with state file and signals.

/**
 * Starts a run and follows it, with state file and signals: the job of `run --follow`.
 *
 * @returns How the job ended. An error that came after the session was opened is in `error`.
 * @throws {UnauthorizedError | UsageError} when there is no usable token, an option is out of range, or the state file cannot
 * be written.
 */
export async function runJob(
  request: RunRequest | LaterRequest,
  options: JobSettings,
  more: JobOptions,
): Promise<JobEnd<RunResult>> {
  // The service is not asked for a name that the caller gave.
  const opened = open(options, {
    ...more,
    repository: more.repository ?? (isLater(request) ? undefined : givenName(request.repo)),
  });
  try {
    const resumed = readResumed(opened, { request, options, more });
    // What an earlier attempt left stays until its run is found, or another start begins: the service may not answer now.
    if (resumed?.asked == null) opened.settings.state?.clear();
    const { maxEndAgeMs, byTask, mayRepeat } = more;
    return await opened.job({ request, options, resumed, maxEndAgeMs, byTask, mayRepeat }).start();
  } finally {
    opened.file?.close();
  }
}

/** Follows an existing run: the job of `follow`. See {@linkcode runJob}. */
export async function attachJob(
  runId: string,
  options: JobSettings,
  more: JobOptions,
): Promise<JobEnd<RunResult>> {
  const id = checkUuid(runId, "run id");
  const opened = open(options, more);
  try {
    recordFollowing(opened, id, options);
    return await opened.job(id).attach();
  } finally {
    opened.file?.close();
  }
}

/** Default time for a single read, retries included, in milliseconds. */
export const LOOK_MS = 60_000;

/** Reads a run once: the job of `report`. The outcome is `deadline` if the run has not ended. See {@linkcode runJob}. */
export async function lookJob(runId: string, options: JobSettings, more: JobOptions): Promise<JobEnd<RunResult>> {
  const id = checkUuid(runId, "run id");
  const opened = open({ ...options, timeoutMs: options.timeoutMs ?? LOOK_MS }, more);
  try {
    return await opened.job(id).attach(true);
  } finally {
    opened.file?.close();
  }
}

/** Options of a run that only the command line sets. */
export interface JobOptions extends JobInternals {
  /** Gets every event, in place of `eventsFile`. @default {undefined} */
  sink?: EventSink | undefined;
  /** Whether the job ends as soon as the run is started or found. @default {false} */
  startOnly?: boolean | undefined;
  /** Whether the result has the task. @default {true} */
  showTask?: boolean | undefined;
  /** Name of the repository, `owner/name`, if the caller knows it: the service is not asked then. @default {undefined} */
  repository?: string | undefined;
  /** Called with that name where it was asked for, once it has come. @default {undefined} */
  onRepository?: ((name: string) => void) | undefined;
  /** Makes the request a part of a derived key: see {@linkcode RunStart.byTask}. @default {undefined} */
  byTask?: RunStart["byTask"];
  /** See {@linkcode SeriesHooks.mayRepeat}. @default {undefined} (attempts are repeated) */
  mayRepeat?: SeriesHooks["mayRepeat"];
  /**
   * Access to state files. They are sealed with the token, so pass `token` as well if you pass a `client`.
   * @default {undefined} (no state file)
   */
  files?: StateFiles | undefined;
  /** Path of the state file. @default {undefined} (none) */
  statePath?: string | undefined;
  /** State file of an earlier attempt. Its key is used again if the request is the same. @default {undefined} */
  resumePath?: string | undefined;
  /** See {@linkcode RunStart.maxEndAgeMs}. */
  maxEndAgeMs?: number | undefined;
}

/** A job with checked options, ready to start or attach. */
interface OpenJob {
  session: Session;
  settings: OperationSettings;
  /** Seals and checks state files; undefined without a token or without files. */
  seal: StateSeal | undefined;
  job(target: RunStart | string): Job<FollowItem, RunResult>;
  /** The file of `eventsFile`; undefined without that option. */
  file: EventFile | undefined;
}

/** Checks the options and opens the session. @throws {UnauthorizedError | UsageError} */
function open(options: JobSettings, more: JobOptions): OpenJob {
  const { files, statePath, startOnly, showTask = true, repository, onRepository } = more;
  const tokenShare = checkTokenShare(options.tokenShare);
  const watch = checkWatch(options, more);
  const session = openSession({ ...options, signal: endingSignal(options.signal, more.interrupts) }, more);
  const token = session.token ?? options.token;
  const seal = files !== undefined && token !== undefined ? stateSeal(token) : undefined;
  const state = files === undefined || statePath === undefined || seal === undefined
    ? undefined
    : new StateWriter(files, statePath, seal, session.notify);
  const { stream = true, onItem, eventsFile } = options;
  const file = eventsFile === undefined ? undefined : openEventsFile(eventsFile, session, options.token);
  const sink = more.sink ?? file;
  const settings = {
    tokenShare,
    stream,
    onInterrupt: watch.onInterrupt,
    state,
    sink,
    showTask,
    repository,
    onRepository,
  };
  const job = (target: RunStart | string) =>
    new Job(session, new RunOperation(session, settings, target), { ...watch, startOnly, onItem });
  return { session, settings, seal, job, file };
}

/**
 * Reads the state of an earlier attempt: where the caller says it is; for a request that is not made yet also where this job is going to write
 * its own, as no key finds the run of another request.
 *
 * @throws {UsageError} when the file that the caller names is missing: a mistyped path must not start a second agent.
 */
function readResumed(
  { session, seal }: OpenJob,
  { request, options, more }: { request: RunRequest | LaterRequest; options: JobSettings; more: JobOptions },
): RunState | undefined {
  const { files, resumePath, statePath } = more;
  const { notify, clock, memory } = session;
  const job = jobOf(session, options);
  const { idempotencyKey, keyScope = "pipeline" } = options;
  const isPipelines = keyScope === "pipeline" && idempotencyKey === undefined;
  // Outside CI the state of the folder is looked at before. A job that is not told apart from those of other pipelines starts a run each time.
  const findsOwn = isLater(request) && isPipelines && job !== null && isComplete(job);
  const path = resumePath ?? (findsOwn ? statePath : undefined);
  if (files === undefined || path === undefined || seal === undefined) return undefined;
  const required = resumePath !== undefined;
  const stored = readState(files, path, {
    job,
    execution: false,
    required,
    // In its own place a file of an earlier job is nothing odd.
    tellsOfOthers: required,
    nowMs: clock.wallTime(),
    notify,
  });
  const state = stored?.proven(seal);
  // Only a token that the service has accepted has a run.
  memory.workedBefore ||= typeof state?.runId === "string";
  return state;
}

/** Records for `cleanup` that a run is followed. A failure to record it is not an error. */
function recordFollowing({ session, settings }: OpenJob, runId: string, options: JobSettings): void {
  const { state, onInterrupt } = settings;
  const startedAt = new Date(session.clock.wallTime()).toISOString();
  const job = jobOf(session, options);
  const unknown = { idempotencyKey: null, requestHash: null, asked: null, request: null };
  try {
    state?.clear();
    // This job did not start the run, so a signal cancels it only with `onInterrupt: "cancel"`.
    state?.begin({ ...unknown, owned: false, startedAt, onInterrupt, job, runId });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    session.notify({ kind: "text", message: `${error.message}; cleanup will not know this run` });
  }
}

// A run as an operation for the engine: starts, follows and stops it, and keeps its state file up to date.

/** Settings of a {@linkcode RunOperation}. */
interface OperationSettings {
  /** Jobs that use the token at the same time, at least 1. */
  tokenShare: number;
  /** Whether to use the event stream if the service has one. */
  stream: boolean;
  /** What a signal does to the run. The state file passes it on to `cleanup`. */
  onInterrupt: OnInterrupt;
  /** Writes the state file; undefined in the library. */
  state: StateWriter | undefined;
  sink: EventSink | undefined;
  /** Whether the result has the task. */
  showTask: boolean;
  /** Name of the repository, `owner/name`; undefined to ask the service for it. */
  repository: string | undefined;
  /** See {@linkcode JobOptions.onRepository}. */
  onRepository: JobOptions["onRepository"];
}

/** A run to start. */
interface RunStart {
  request: RunRequest | LaterRequest;
  /** Options of its key, and `onStarted`. */
  options: StartOptions;
  /** State of an earlier attempt, whose key is used again; undefined for none. */
  resumed: RunState | undefined;
  /** How long ago the run of that key may have ended, in milliseconds; undefined: as long as it likes. @default {undefined} */
  maxEndAgeMs?: number | undefined;
  /** Makes the request a part of the key (see {@linkcode planStart}); called once the run is started or found. @default {undefined} */
  byTask?: ((session: Session, plan: StartPlan, started: StartedRun) => void) | undefined;
  mayRepeat?: SeriesHooks["mayRepeat"];
}

/** Shortest time between two writes of an event to the state file, in milliseconds. */
const STATE_MS = 5_000;

/** One run, which is to be started or exists already. */
class RunOperation implements Operation<FollowItem, RunResult> {
  readonly #session: Session;
  readonly #settings: OperationSettings;
  readonly #target: RunStart | string;
  #plan: StartPlan | undefined;
  #series: StartSeries<StartResult> | undefined;
  #started: StartedRun | undefined;
  #follower: RunFollower | undefined;
  readonly #name: RepositoryName;
  /** The run as the cancel returned it. */
  #stopped: Run | undefined;
  #stateAt = -Infinity;
  /** How many starts have followed one that found no sandbox. */
  #lacks = 0;
  /** Whether the last run got no sandbox. */
  #lacked = false;

  /** @param target What to start, or the id of a run that exists. */
  constructor(session: Session, settings: OperationSettings, target: RunStart | string) {
    this.#session = session;
    this.#settings = settings;
    this.#target = target;
    this.#name = new RepositoryName(session, settings.repository, settings.onRepository);
  }

  get #runId(): string | undefined {
    return typeof this.#target === "string" ? this.#target : this.#started?.runId;
  }

  /** The request, where it is made only for a start. */
  get #later(): LaterRequest | undefined {
    return typeof this.#target !== "string" && isLater(this.#target.request) ? this.#target.request : undefined;
  }

  get label(): string {
    return `run "${this.#runId ?? ""}"`;
  }

  get mayExist(): boolean {
    return this.#runId !== undefined || this.#series?.mayExist === true;
  }

  get isSeen(): boolean {
    return (this.#follower?.run ?? this.#started) !== undefined;
  }

  get foundEnded(): boolean {
    return this.#started !== undefined && hasEnded(this.#started.run.status);
  }

  async start(): Promise<void> {
    if (typeof this.#target === "string") throw new Error("Cannot start a run that exists");
    const { request, options, byTask, mayRepeat } = this.#target;
    const left = isLater(request) ? this.#leftBy(request, this.#target) : undefined;
    if (left !== undefined && await this.#attachTo(left, options)) return;
    const plan = await this.#planOf(this.#target, left);
    this.#plan = plan;
    const { onStarting } = options;
    this.#series = runSeries(this.#session, plan, {
      onStarting,
      onKey: (key) => this.#begin(plan, key),
      mayRepeat,
    });
    const started = await this.#series.start().catch((error) => {
      if (isLater(request) && error instanceof ConflictError) {
        const message =
          "an earlier attempt or step of this job has a run of this key: its log names it; with --resume and the state " +
          "file of that attempt, the job attaches to it";
        this.#session.notify({ kind: "text", message });
      }
      throw error;
    });
    byTask?.(this.#session, plan, started);
    this.#announce(started);
  }

  async #planOf(target: RunStart, left: RunState | undefined): Promise<StartPlan> {
    const { request, options, resumed, maxEndAgeMs, byTask } = target;
    if (isLater(request)) return await planLater(this.#session, request, options, left);
    const plan = await planStart(this.#session, request, options, byTask !== undefined);
    return resumePlan(this.#session, plan, resumed, maxEndAgeMs);
  }

  /** The state that an earlier attempt with the same request left. Its request may have said something else: the forge has changed since. */
  #leftBy({ asked }: LaterRequest, { resumed, options: { idempotencyKey } }: RunStart): RunState | undefined {
    if (resumed === undefined) return undefined;
    const isSame = resumed.asked === asked && [undefined, resumed.idempotencyKey].includes(idempotencyKey);
    if (!isSame) {
      this.#session.notify({ kind: "text", message: "the state file is of another request, so its run is not taken" });
    }
    return isSame ? resumed : undefined;
  }

  /**
   * Takes the run of an earlier attempt.
   *
   * @param options Of the start: a failed run of a key that the caller gives is taken, too.
   * @returns Whether it was taken: it goes on, has ended well, or no further key starts another one.
   */
  async #attachTo(
    { runId, idempotencyKey, owned, requestHash, asked }: RunState,
    options: StartOptions,
  ): Promise<boolean> {
    const { client, deadline, signal, clock, notify } = this.#session;
    if (runId === null || idempotencyKey === null) return false;
    const run = await client.getRun(runId, { deadline, signal }).catch((error) => {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    });
    if (run === undefined) {
      notify({
        kind: "text",
        message: `run "${runId}" of an earlier attempt is gone: the forge is asked for a new start`,
      });
      return false;
    }
    const end = endOfRun(run.status);
    if (end === "failed" || end === "cancelled") {
      const { idempotencyKey: given, keyScope = "pipeline" } = options;
      const isLast = keyScope === "pipeline" && splitSuffix(idempotencyKey).suffix >= LAST_SUFFIX;
      if (given === undefined && !isLast) {
        const message = `run "${runId}" of an earlier attempt has ${end === "failed" ? "failed" : "been cancelled"}: ` +
          "the forge is asked for a new start";
        notify({ kind: "text", message });
        return false;
      }
      if (isLast) notify({ kind: "text", message: keysUsedUp(run.status) });
    }
    const { state, onInterrupt } = this.#settings;
    // Its own `cleanup` has to know the state.
    const job = jobOf(this.#session, options);
    const startedAt = new Date(clock.wallTime()).toISOString();
    state?.begin({ idempotencyKey, owned, startedAt, onInterrupt, requestHash, asked, request: null, job, runId });
    const found = { ...run, replayed: true };
    this.#announce({ runId, run: found, replayed: true, idempotencyKey, keyScope: "given", owned: owned === true });
    return true;
  }

  async *items(look: Look): AsyncGenerator<FollowItem, void, void> {
    for (;;) {
      const items = this.#itemsOf(look);
      if (items === undefined) return;
      const agent = new AgentWatch();
      let lacking: Run | undefined;
      for await (const item of items) {
        this.#record(item);
        if (item.type === "event") agent.take(item.event);
        const isOwn = typeof this.#target !== "string" && look.kind === "all";
        if (item.type === "end" && isOwn && lackedSandbox(item.run) && !agent.hasBegun) lacking = item.run;
        else yield item;
      }
      if (lacking === undefined) return;
      await this.#startAgain(lacking);
    }
  }

  /**
   * Starts once more after a run that got no sandbox, a while later: no agent has begun, so nothing is done twice.
   *
   * @throws {MogplexError} with exit code 75 when there is no time or no key for another start.
   */
  async #startAgain(run: Run): Promise<void> {
    const { clock, startedAt, deadline, notify } = this.#session;
    const series = this.#series;
    const waitMs = SANDBOX_WAITS_MS[this.#lacks];
    const why = series === undefined
      ? "it is the run of an earlier attempt"
      : !series.hasNext
      ? "a key that was given starts one run"
      : waitMs === undefined
      ? "four starts have found none"
      : clock.now() + waitMs >= deadline
      ? "the deadline comes before another start makes sense"
      : undefined;
    this.#lacked = true;
    if (why !== undefined || series === undefined || waitMs === undefined) {
      throw noSandbox(run, clock.now() - startedAt, why ?? "nothing was started");
    }
    const minutes = waitMs / 60_000;
    notify({
      kind: "text",
      message:
        `no sandbox was free for run "${run.runId}", and no agent has begun: another start in ${minutes} minutes`,
    });
    const pacer = this.#session.pacer();
    pacer.status = "waiting for a sandbox";
    await pacer.pause(waitMs);
    this.#lacks++;
    this.#started = undefined;
    this.#announce(await series.startNext());
    this.#lacked = false;
  }

  #itemsOf(look: Look): AsyncGenerator<FollowItem, Run, void> | undefined {
    if (look.kind === "rest") {
      const run = this.#stopped;
      // The follower reads the run once more, and its state is then newer than this one.
      this.#stopped = undefined;
      return run === undefined ? undefined : this.#follower?.conclude(run, look.outcome, look);
    }
    const runId = this.#runId;
    if (runId === undefined) throw new Error("Cannot follow a run before it is started");
    const { tokenShare, stream, sink } = this.#settings;
    this.#follower = new RunFollower(this.#session, runId, { tokenShare, stream, sink });
    // A single look has no time for a request after it.
    if (look.kind === "once") this.#name.ask();
    return look.kind === "once" ? this.#follower.once() : this.#follower.items();
  }

  async stop(cause: StopCause): Promise<Stopped> {
    const runId = this.#runId;
    const { run, ...stopped } = await stopRun({
      session: this.#session,
      cause,
      state: this.#settings.state,
      known: runId === undefined ? undefined : { runId, owned: this.#started?.owned ?? false },
      series: this.#series,
      onFound: (started) => this.#announce(started),
    });
    this.#stopped = run;
    return stopped;
  }

  part(parting: Parting): void {
    // A run that got no sandbox has ended, although that is not a verdict.
    this.#settings.state?.update({ parting: this.#lacked ? "ended" : parting });
  }

  result({ outcome, exitCode, reason, error }: Ending): RunResult {
    return buildResult({
      session: this.#session,
      outcome,
      exitCode,
      reason,
      error,
      request: this.#plan?.request,
      task: this.#later?.task,
      showTask: this.#settings.showTask,
      repository: this.#name.take((this.#follower?.run ?? this.#started?.run)?.repoId),
      idempotencyKey: this.#series?.key,
      mayExist: this.mayExist,
      started: this.#started,
      follower: this.#follower,
      runId: this.#runId,
      run: this.#stopped,
    });
  }

  #begin({ hash, request, job, key }: StartPlan, idempotencyKey: string): void {
    const { state, onInterrupt } = this.#settings;
    // Other jobs may use the same key: only the answer shows who owns the run.
    const owned = key.scope === "given" || key.scope === "day" ? null : true;
    const startedAt = new Date(this.#session.clock.wallTime()).toISOString();
    const asked = this.#later?.asked ?? null;
    state?.begin({
      idempotencyKey,
      owned,
      startedAt,
      onInterrupt,
      requestHash: hash,
      asked,
      request,
      job,
      runId: null,
    });
  }

  #announce(started: StartedRun): void {
    if (this.#started !== undefined || typeof this.#target === "string") return;
    this.#started = started;
    this.#name.ask(started.run.repoId);
    const { runId, owned, run } = started;
    this.#settings.state?.update({ runId, owned, status: run.status });
    this.#target.options.onStarted?.(started);
  }

  #record(item: FollowItem): void {
    if (item.type === "gap") return;
    if (item.type === "status") this.#name.ask(item.run.repoId);
    const now = this.#session.clock.now();
    if (item.type === "event" && now - this.#stateAt < STATE_MS) return;
    this.#stateAt = now;
    const lastEventId = this.#follower?.lastEventId ?? null;
    this.#settings.state?.update({ lastEventId, ...(item.type === "status" && { status: item.status }) });
  }
}

// Stops a run at a signal or at the deadline: cancels it or lets it go on, finding it first if the answer to its start is missing.

/** Parts of {@linkcode stopRun}. */
interface StopParts {
  session: Session;
  /** Why to stop, and the time for it. */
  cause: StopCause;
  /** Writes the state file; undefined without one. */
  state: StateWriter | undefined;
  /** The run; undefined if no answer named it yet. */
  known: { runId: string; owned: boolean } | undefined;
  /** The start; undefined if there was none. */
  series: StartSeries<StartResult> | undefined;
  /** Called with the run that a repeated start found. */
  onFound: (started: StartedRun) => void;
}

/** {@linkcode Stopped}, with the run as the cancel returned it. */
interface StoppedRun extends Stopped {
  /** Undefined if nothing was cancelled, or no answer came. */
  run?: Run | undefined;
}

/** Time limit of one repeated start, in milliseconds: a second one and the cancel must fit as well. */
const RESEND_MS = 1_500;

/** Cancels the run, or lets it go on. Never rejects: if there is not enough time, `cleanup` cancels the run later. */
async function stopRun(parts: StopParts): Promise<StoppedRun> {
  const { session: { client, clock, signal }, cause, state, known, series, onFound } = parts;
  const deadline = clock.now() + cause.limitMs;
  const cancels = (owned: boolean) => cause.kind === "deadline" || cause.cancels(owned);

  function none(): StoppedRun {
    state?.update({ parting: "ended" });
    return { answered: false, text: "no run was started" };
  }
  function goesOn(text: string): StoppedRun {
    state?.update({ parting: "detached" });
    return { answered: false, text };
  }

  if (known === undefined && series?.mayExist !== true) return none();
  if (!cancels(known?.owned ?? true)) return goesOn("the run goes on");
  // A later step has to know that the deadline cancels it, whatever a signal would have done.
  const late = cause.kind === "deadline" && known === undefined;
  state?.update({ parting: "cancelling", ...(late && { onInterrupt: "cancel" as const }) });
  try {
    const run = known ?? await series?.find({ deadline, requestTimeoutMs: RESEND_MS });
    if (run === undefined) return none();
    if (known === undefined) onFound(run as StartedRun);
    if (!cancels(run.owned)) return goesOn("the run goes on, since another job started it");
    // At a signal the session's own signal has aborted, and must not end the cancel. No later step may get to repeat it.
    const signalled = cause.kind === "signal";
    const limits = { deadline, signal: signalled ? undefined : signal, untilAnswered: signalled };
    return cancelled(await cancelWith(client, clock, run.runId, limits), state);
  } catch (error) {
    const why = error instanceof MogplexError ? error.message : String(error);
    return { answered: false, text: `the run may go on, as it could not be cancelled: ${why}` };
  }
}

function cancelled({ run, alreadyTerminal }: CancelResult, state: StateWriter | undefined): StoppedRun {
  const { status } = run;
  const outcome = endOfRun(status);
  state?.update({ status, ...(outcome !== undefined && { parting: "ended" }) });
  const byItself = outcome !== undefined && (outcome !== "cancelled" || alreadyTerminal);
  const after = outcome === undefined ? " after its cancellation" : "";
  const text = outcome === "cancelled" && !alreadyTerminal
    ? "the run was cancelled"
    : `the run is ${JSON.stringify(status)}${after}`;
  return { run, answered: true, outcome, byItself, text };
}

// Builds the result of a run from the start, the follower and the end of the job.

/** The parts of {@linkcode buildResult}. */
interface ResultParts {
  /** Service, requests, waits, time. */
  session: Session;
  outcome: Outcome;
  /** Exit code that belongs to it. */
  exitCode: number;
  /** Why; null to take the reason from the run and its events. */
  reason: string | null;
  /** The error that ended the job; ignored if the outcome is a verdict of the service. @default {undefined} */
  error?: unknown;
  /** The request; undefined if the job attached to a run by its id. */
  request?: StartRequest | undefined;
  /** The task, where the request is not known. @default {null} */
  task?: string | null | undefined;
  /** Whether the result has the task. @default {true} */
  showTask?: boolean | undefined;
  /** Name of the repository; undefined when it is not known. */
  repository?: string | undefined;
  /** Key of the start; undefined if nothing was started. */
  idempotencyKey?: string | undefined;
  /** Whether the run exists, or may exist although no answer named it. */
  mayExist: boolean;
  /** The start's answer; undefined if there was none. */
  started?: StartedRun | undefined;
  /** The follower with what it saw; undefined if the run was not followed. */
  follower?: RunFollower | undefined;
  /** Id of the run that the job attached to. */
  runId?: string | undefined;
  /** The run as a cancel returned it, which is newer than what the follower saw. */
  run?: Run | undefined;
}

/** Command that follows a run again. */
function resumeCommand(runId: string): string {
  return `mogplex-ci follow ${runId}`;
}

function buildResult(parts: ResultParts): RunResult {
  const { session, outcome, exitCode, started, follower, request, showTask = true } = parts;
  const run = parts.run ?? follower?.run ?? started?.run;
  const runId = run?.runId ?? parts.runId ?? null;
  const { seen = 0, events = [] } = follower?.kept ?? {};
  const facts = follower?.facts ?? noFacts();
  const end = run === undefined ? undefined : endOfRun(run.status);
  const terminal = end !== undefined && end !== "awaiting_input";
  const failure = run?.status === "failed" ? run.error ?? facts.failureError ?? facts.failureMessage : null;
  return {
    ...emptyRunResult(),
    runId,
    repoId: run?.repoId ?? request?.repoId ?? null,
    repository: parts.repository ?? null,
    task: showTask ? request?.prompt ?? parts.task ?? null : null,
    harness: run?.harness ?? request?.harness ?? null,
    status: run?.status ?? null,
    outcome,
    exitCode,
    reason: parts.reason ?? failure,
    error: parts.error === undefined || hasEnded(outcome) ? null : resultError(parts.error),
    failureCode: facts.failureCode,
    replayed: started?.replayed ?? null,
    idempotencyKey: started?.idempotencyKey ?? parts.idempotencyKey ?? null,
    mayExist: runId !== null || parts.mayExist,
    branch: { base: run?.branch.base ?? null, requested: run?.branch.working ?? null, pushed: facts.pushedBranch },
    pullRequest: facts.pullRequest,
    changed: facts.changed,
    files: facts.files,
    finalMessage: finalMessageOf(facts),
    createdAt: run?.createdAt ?? null,
    updatedAt: run?.updatedAt ?? null,
    phases: phasesOf(follower?.milestones, { createdAt: run?.createdAt, endedAt: terminal ? run?.updatedAt : null }),
    eventCount: {
      seen,
      missed: follower?.window.missed ?? false,
      windowFull: follower?.window.full ?? false,
    },
    requests: session.requests(),
    waits: session.waits(),
    durationMs: Math.round(session.clock.now() - session.startedAt),
    origin: session.client.origin,
    resume: terminal || runId === null ? null : resumeCommand(runId),
    eventsOmitted: seen - events.length,
    events,
  };
}

// The errors that {@linkcode run} throws when a run did not end in success.

/** Base of the errors for a verdict that is not a success. */
export class RunVerdictError extends MogplexError {
  /** @internal */
  static override readonly kind: string = "RunVerdictError";

  /**
   * @param message The whole message.
   * @param exit Row of the table of exit codes.
   * @param result The result of the run. From now on, printing it masks secrets.
   */
  constructor(message: string, exit: ExitName, result: RunResult) {
    super(message, exit, { code: `RUN_${exit.replace(/[A-Z]/g, "_$&").toUpperCase()}` });
    const { runId, idempotencyKey } = result;
    MogplexError.tellRun(this, { runId, idempotencyKey, result: guardResult(result, createRedactor()) });
  }

  /** The result of the run. */
  override get result(): RunResult {
    return super.result as RunResult;
  }
}

/** The run ended `failed`. Exit code 1. */
export class RunFailedError extends RunVerdictError {
  /** @internal */
  static override readonly kind: string = "RunFailedError";
  constructor(result: RunResult) {
    super(`Run "${result.runId}" failed; see 'result.reason'`, "failed", result);
  }
}

/** The run ended `cancelled`. Exit code 3. */
export class RunCancelledError extends RunVerdictError {
  /** @internal */
  static override readonly kind: string = "RunCancelledError";
  constructor(result: RunResult) {
    super(`Run "${result.runId}" was cancelled`, "cancelled", result);
  }
}

/** The run waits for a person, who has to answer in the app: the API has no call for it. Exit code 4. */
export class AwaitingInputError extends RunVerdictError {
  /** @internal */
  static override readonly kind: string = "AwaitingInputError";
  constructor(result: RunResult) {
    super(`Run "${result.runId}" waits for a person: answer it in the app, or cancel it`, "awaitingInput", result);
  }
}

/** The error for a verdict that is not a success; undefined for a success, and for an outcome that is not a verdict of the service. */
export function verdictErrorOf(result: RunResult): RunVerdictError | undefined {
  if (result.outcome === "failed") return new RunFailedError(result);
  if (result.outcome === "cancelled") return new RunCancelledError(result);
  return result.outcome === "awaiting_input" ? new AwaitingInputError(result) : undefined;
}

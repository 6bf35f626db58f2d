import { detected } from "../ci/detect.ts";
import { isObject, ownFields } from "../lookup.ts";
import { AbortedError, MogplexError, UsageError } from "../errors.ts";
import type { KeyOptions } from "../run/key.ts";
import { hookCaller } from "../hook.ts";
import {
  attachAutomationJob,
  automationVerdictErrorOf,
  runAutomationJob,
  runAutomationKeys,
  type RunAutomationOptions,
} from "../run/automation.ts";
import { checkTriggerKeys, type TriggeredRun, type TriggerRequest } from "../run/automation_request.ts";
import { cancel } from "../run/cancel.ts";
import type { FollowItem, RunHandleItem } from "../run/follow.ts";
import {
  attachAutomationKeys,
  type AttachAutomationOptions,
  type AutomationHandleItem,
  type AutomationItem,
  type MissedItems,
} from "../run/follow_automation.ts";
import { guarded, type JobEnd, settle } from "../run/job.ts";
import { endingSignal } from "../run/interrupts.ts";
import { abortInterrupts, type AskedJob, completeJob, type OpenFiles } from "../run/options.ts";
import { checkResultRequest, type StandardSchema } from "../result/wanted_result.ts";
import { originOf } from "../service/repository.ts";
import { openEventsFile } from "../run/event_file.ts";
import { checkUuid } from "../service/validate.ts";
import { attachKeys, plannedResult, runKeys, type RunRequest } from "../run/request.ts";
import type { StartedRun } from "../run/start.ts";
import type { AnyResult, AutomationResult, RunResult } from "../run/result.ts";
import { attachJob, type AttachOptions, type RunJob, runJob, type RunOptions, verdictErrorOf } from "../run/run.ts";
import type { CancelCause } from "../run/interrupts.ts";
import { checkFollowTimeout, type ConnectOptions, openSession, type Session } from "../run/session.ts";
import { checkOptions, checkRequestKeys, type Keys } from "../service/validate.ts";
import { cutText, plainText } from "../text/plain_text.ts";
import { type Connect, overlay } from "./connect.ts";

/** Maximum length of a reason in a log line. The reason can be untrusted text from the agent. */
const MAX_REASON = 500;

/**
 * The method that `await using` calls, if the compiler knows its name. Like leaving the loop, it stops following, and the work continues at
 * the service. The conditional type lets projects with an older `lib` compile.
 */
export type AsyncDisposing = SymbolConstructor extends { readonly asyncDispose: infer S extends symbol }
  ? { [K in S]: () => Promise<void> }
  : Record<never, never>;

/**
 * Work that started when the handle was created. Await it for the result, loop over it for events, or do both, as often as you like. Every
 * loop gets every item from the start. The newest 1,000 items are kept, or 10,000 for a loop that has not read them yet. A `gap`
 * replaces dropped items.
 *
 * A handle that is not awaited does not raise an `unhandledRejection`. Following stops when the last loop is left and nothing awaits the
 * handle. Awaiting it later rejects with an `AbortedError`, and another loop gets the items so far, without an `end`.
 *
 * `I` is the type of its items, `R` of its result, and `S` of what was started. Items and the result contain the service's texts unchanged.
 */
export interface WorkHandle<I, R, S> extends Promise<R>, AsyncIterable<I>, AsyncDisposing {
  /**
   * Resolves as soon as the work is started or found; rejects with the error of the start. If more starts follow because no sandbox was free,
   * `started` still resolves to the first run, and the result is about the newest run.
   */
  readonly started: Promise<S>;
  /**
   * Stops the work at the service, and resolves once the service has answered. The handle then ends with the outcome of the work. If a start was
   * sent and has no answer yet, `cancel()` waits for the answer.
   */
  cancel(): Promise<void>;
}

/** A {@linkcode WorkHandle} of a run, with its current id and status. */
export interface RunWorkHandle<I, R, S> extends WorkHandle<I, R, S> {
  /** UUID of the run, or of the newest run if more starts followed because no sandbox was free; `null` until it is known. */
  readonly runId: string | null;
  /** The run's status, in the service's words; `null` until it is known. */
  readonly status: string | null;
}

export interface HandleWork<I, R, S, E> {
  begin(hooks: { signal: AbortSignal; onItem(item: I): void; onStarted(started: S): void }): Promise<E>;
  /** @throws the error for a caller who awaits the handle. */
  settle(end: E, signal: AbortSignal): R;
  /** The last item; `undefined` if a loop throws the error of {@linkcode HandleWork.settle} instead. */
  last(end: E, signal: AbortSignal): I | undefined;
  cancel(started: S): Promise<void>;
  /** The caller's signal. The signal that `begin` receives also aborts when the last loop is left. */
  readonly signal?: AbortSignal | undefined;
  readonly missed: I;
}

const MAX_KEPT = 1_000;
const MAX_UNREAD = 10_000;

const MISSED: MissedItems = { type: "gap", cause: "events_missed" };

const ignore = () => {};

class LeftHandle extends DOMException {
  constructor() {
    super("The handle is no longer used", "AbortError");
  }
}

export function leftSentence(reason: unknown): string | undefined {
  if (!(reason instanceof LeftHandle)) return undefined;
  return "Following stopped when the last loop ended, or at the end of `await using`";
}

interface Loop {
  next: number;
  isOver: boolean;
}

class LoggedHandle<I, R, S, E> implements WorkHandle<I, R, S> {
  readonly [Symbol.toStringTag] = "Handle";
  readonly #work: HandleWork<I, R, S, E>;
  readonly #leave = new AbortController();
  readonly #signal: AbortSignal;
  readonly #end: Promise<E>;
  readonly #result: Promise<R>;
  readonly #started: Promise<S>;
  readonly #log: I[] = [];
  #oldest = 0;
  readonly #loops = new Set<Loop>();
  readonly #waiting = new Set<() => void>();
  #hasEnded = false;
  #isAwaited = false;

  constructor(work: HandleWork<I, R, S, E>) {
    this.#work = work;
    const leave = this.#leave.signal;
    const signal = this.#signal = work.signal === undefined ? leave : AbortSignal.any([work.signal, leave]);
    let onStarted: (started: S) => void = ignore;
    let notStarted: (error: unknown) => void = ignore;
    this.#started = new Promise((resolve, reject) => {
      onStarted = resolve;
      notStarted = reject;
    });
    this.#started.catch(ignore);
    this.#end = work.begin({ signal, onItem: (item) => this.#keep(item), onStarted });
    this.#end.then(ignore, ignore).then(() => {
      this.#hasEnded = true;
      this.#wake();
    });
    this.#result = this.#end.then((end) => work.settle(end, signal)).catch((error) => {
      const sentence = leftSentence(error);
      throw sentence === undefined ? error : new AbortedError(`${sentence}; nothing was started`, error);
    });
    // This handler also prevents an `unhandledRejection` for a handle that is not awaited.
    this.#result.then(
      () => notStarted(new MogplexError("The work ended before it was started", "internal")),
      (error) => notStarted(error),
    );
  }

  #keep(item: I): void {
    const log = this.#log;
    log.push(item);
    const unread = Math.min(...[...this.#loops].map(({ next }) => next));
    while (log.length > MAX_UNREAD || log.length > MAX_KEPT && this.#oldest < unread) {
      log.shift();
      this.#oldest++;
    }
    this.#wake();
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  get started(): Promise<S> {
    return this.#started;
  }

  async cancel(): Promise<void> {
    await this.#work.cancel(await this.started);
  }

  /** Once this getter has been read, leaving the last loop no longer stops following. */
  get #awaited(): Promise<R> {
    this.#isAwaited = true;
    return this.#result;
  }

  then<A = R, B = never>(
    onResult?: ((result: R) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#awaited.then(onResult, onError);
  }

  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<R | B> {
    return this.#awaited.catch(onError);
  }

  finally(onEnd?: (() => void) | null): Promise<R> {
    return this.#awaited.finally(onEnd);
  }

  [Symbol.asyncIterator](): AsyncIterator<I, undefined, void> {
    const loop: Loop = { next: 0, isOver: false };
    this.#loops.add(loop);
    return {
      next: () => this.#next(loop),
      return: () => {
        const wasLast = this.#over(loop) && this.#loops.size === 0;
        if (wasLast && !this.#isAwaited) this.#goAway();
        this.#wake();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  #over(loop: Loop): boolean {
    loop.isOver = true;
    return this.#loops.delete(loop);
  }

  async #next(loop: Loop): Promise<IteratorResult<I, undefined>> {
    for (;;) {
      if (loop.isOver) return { done: true, value: undefined };
      if (loop.next < this.#oldest) {
        loop.next = this.#oldest;
        return { done: false, value: this.#work.missed };
      }
      const index = loop.next - this.#oldest;
      if (index < this.#log.length) {
        loop.next++;
        return { done: false, value: this.#log[index] as I };
      }
      if (this.#leave.signal.aborted) this.#over(loop);
      else if (this.#hasEnded) return await this.#last(loop);
      else await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async #last(loop: Loop): Promise<IteratorResult<I, undefined>> {
    this.#over(loop);
    const end = await this.#end;
    const last = this.#work.last(end, this.#signal);
    if (last !== undefined) return { done: false, value: last };
    this.#work.settle(end, this.#signal);
    return { done: true, value: undefined };
  }

  #goAway(): void {
    if (!this.#hasEnded) this.#leave.abort(new LeftHandle());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#goAway();
    this.#wake();
    await this.#result.catch(ignore);
  }
}

/** The options have not been checked yet. A later check refuses a value that is not a signal. */
export function signalIn(options: unknown): AbortSignal | undefined {
  const signal = (options as { signal?: unknown } | null | undefined)?.signal;
  return signal instanceof AbortSignal ? signal : undefined;
}

export function handleOf<I, R, S, E>(work: HandleWork<I, R, S, E>): WorkHandle<I, R, S> {
  return new LoggedHandle(work);
}

function runHandleOf<I, R, S, E>(work: HandleWork<I, R, S, E>, known: KnownOfRun): RunWorkHandle<I, R, S> {
  return Object.defineProperties(handleOf(work), {
    runId: { get: () => known.runId },
    status: { get: () => known.status },
  }) as RunWorkHandle<I, R, S>;
}

interface KnownOfRun {
  runId: string | null;
  status: string | null;
}

interface End<R extends AnyResult> {
  type: "end";
  outcome: R["outcome"];
  exitCode: number;
  result: R;
}

interface FollowedOptions<I> {
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
  cancelOn?: readonly CancelCause[] | undefined;
  throwOnFailure?: boolean | undefined;
  onItem?: ((item: I) => unknown) | undefined;
}

/** A loop throws the error instead if there is no run, if the signal aborted, or if the error is a bug. */
function endsAsItem({ result: { runId }, error }: JobEnd<AnyResult>, signal: AbortSignal): boolean {
  if (error === undefined) return true;
  return error instanceof MogplexError && runId !== null && !(signal.aborted && error === signal.reason);
}

type HandleItem<J, R extends AnyResult> = Exclude<J, { type: "end" }> | MissedItems | End<R>;

type Connecting<O, J, S> = Omit<O, "onItem"> & ConnectOptions & AskedJob<J, S>;

interface HandledJob<O, J, R extends AnyResult, S> {
  options: O & FollowedOptions<HandleItem<J, R>>;
  check(): void;
  begin(all: Connecting<O, J, S> & { onStarted(started: S): void }): Promise<JobEnd<R>>;
  verdictError: (result: R) => MogplexError | undefined;
  cancel(started: S): Promise<void>;
}

function jobHandle<O extends object, J extends { type: string }, R extends AnyResult, S extends { runId: string }>(
  connect: Connect,
  { options: given, check, begin, verdictError, cancel }: HandledJob<O, J, R, S>,
): RunWorkHandle<HandleItem<J, R>, R, S> {
  const options = ownFields(given);
  const facts: KnownOfRun = { runId: null, status: null };
  const cancelled = new AbortController();
  const last = (end: JobEnd<R>, signal: AbortSignal): End<R> | undefined => {
    const { result } = end;
    const { outcome, exitCode } = result;
    return endsAsItem(end, signal) ? { type: "end", outcome, exitCode, result } : undefined;
  };
  const learn = ({ runId, status }: Partial<KnownOfRun>) => {
    facts.runId = runId ?? facts.runId;
    facts.status = status ?? facts.status;
  };
  const work: HandleWork<HandleItem<J, R>, R, S, JobEnd<R>> = {
    signal: signalIn(options),
    async begin({ signal, onItem, onStarted: tellStarted }) {
      check();
      checkFollowTimeout(options.timeoutMs);
      const connected = await connect(overlay(options, { signal }));
      const tell = hookCaller("onItem", options.onItem, connected);
      let unannounced: string | undefined;
      const announce = () => {
        if (unannounced !== undefined) connected.onProgress?.(unannounced);
        unannounced = undefined;
      };
      // The handle emits its own `end` item.
      const take = (item: J) => {
        if (item.type === "status") {
          announce();
          learn(item as Partial<KnownOfRun>);
        }
        if (item.type === "end") return;
        onItem(item as Exclude<J, { type: "end" }>);
        tell(item as Exclude<J, { type: "end" }>);
      };
      const onStarted = (
        started: S & { replayed?: boolean; status?: string | null; run?: { status: string } },
      ) => {
        const status = started.run?.status ?? started.status ?? null;
        unannounced = `${started.replayed === false ? "started" : "attached to"} run ${started.runId}`;
        // The id of an attached run may be unknown to the service. The first status shows that the run exists.
        if (status !== null) announce();
        learn({ runId: started.runId, status });
        tellStarted(started);
      };
      let session: Session | undefined;
      const watch = abortInterrupts({ signal: options.signal, cancelOn: options.cancelOn });
      const open = (): Session => {
        const ending = endingSignal(connected.signal, watch.interrupts);
        return session = openSession(overlay(connected, { signal: ending }), detected(connected));
      };
      const end = await begin(
        overlay(connected, { ...watch, onItem: take, onStarted, openSession: open, cancelled: cancelled.signal }),
      );
      learn(end.result);
      const { runId, outcome, reason } = end.result;
      const why = outcome === "success" || reason === null
        ? ""
        : ` (${cutText(plainText(reason).replace(/\s+/g, " "), MAX_REASON)})`;
      if (runId !== null) connected.onProgress?.(`run ${runId}: ${outcome}${why}`);
      guarded(end.result, session);
      const item = last(end, signal);
      if (item !== undefined) tell(item);
      return end;
    },
    settle(end, signal) {
      const { throwOnFailure } = options;
      return settle(end, { throwOnFailure, signal, ending: leftSentence(signal.reason) }, verdictError);
    },
    last,
    async cancel(started) {
      cancelled.abort();
      // The job may have started another run after `started` resolved.
      await cancel({ ...started, runId: facts.runId ?? started.runId });
    },
    missed: MISSED,
  };
  return runHandleOf(work, facts);
}

/** A handle to a run that was started or found: await it, loop over it, or do both. `V` is the type of the value in its result file. */
export type RunHandle<V = unknown> = RunWorkHandle<RunHandleItem, RunResult<V>, StartedRun>;

/** A handle to an existing run, identified by its id. */
export type AttachedRun = RunWorkHandle<RunHandleItem, RunResult, { runId: string }>;

function runHandle<S extends { runId: string }>(
  attempted: string,
  connect: Connect,
  options: RunOptions,
  keys: Keys<AttachOptions>,
  begin: HandledJob<RunOptions, FollowItem, RunResult, S>["begin"],
): RunWorkHandle<RunHandleItem, RunResult, S> {
  return jobHandle<RunOptions, FollowItem, RunResult, S>(connect, {
    options,
    check: () => checkOptions(attempted, options, keys),
    begin,
    verdictError: verdictErrorOf,
    cancel: async ({ runId }) => void await cancel(runId, await connect({})),
  });
}

async function withEventsFile(
  all: Connecting<RunOptions, FollowItem, StartedRun>,
  work: (options: RunJob) => Promise<JobEnd<RunResult>>,
): Promise<JobEnd<RunResult>> {
  const completed = completeJob(all);
  const openFiles: OpenFiles = async (wanted) => {
    const { filesOfScript } = await import("./files_of_script.ts");
    return await filesOfScript(completed.session, all.fetch, wanted);
  };
  const options = { ...completed, openFiles };
  const file = all.eventsFile === undefined ? undefined : openEventsFile(all.eventsFile, options.session, all.token);
  try {
    return await work({ ...options, sink: file });
  } finally {
    file?.close();
  }
}

/** Adds the JSON Schema of the result if only zod can generate it. */
async function withJsonSchema(request: RunRequest): Promise<RunRequest> {
  const { result } = request;
  if (result?.jsonSchema !== undefined || !isObject(result?.schema) || !("_zod" in result.schema)) return request;
  const { "~standard": standard } = result.schema as Partial<StandardSchema>;
  if (standard === undefined || standard.jsonSchema !== undefined) return request;
  const { jsonSchemaOfZod } = await import("./zod_schema.ts");
  return overlay(request, { result: overlay(result, { jsonSchema: jsonSchemaOfZod(result.schema, standard.vendor) }) });
}

export function startHandle<V>(connect: Connect, request: RunRequest, options: RunOptions): RunHandle<V> {
  const handle: RunHandle = runHandle<StartedRun>("start run", connect, options, runKeys(), (all) => {
    checkRequestKeys(request);
    const tell = hookCaller("onStarted", options.onStarted, all);
    const onStarted = (run: StartedRun) => {
      all.onStarted(run);
      tell(run);
    };
    const repositoryOrigin = originOf(request.repo);
    const more = { onStarted, byTask: true, repositoryOrigin };
    return withEventsFile(overlay(all, more), async (complete) => runJob(await withJsonSchema(request), complete));
  });
  // The validator has checked the value.
  return handle as RunHandle<V>;
}

export function attachHandle(
  connect: Connect,
  runId: string,
  options: AttachOptions,
  known?: { request: RunRequest; key: string },
): AttachedRun {
  return runHandle<{ runId: string }>("attach to run", connect, options, attachKeys(), async (all) => {
    const id = checkUuid(runId, "run id");
    const request = known?.request && await withJsonSchema(known.request);
    const resultFile = request?.result && plannedResult(checkResultRequest(request.result), known?.key ?? "");
    const more = { resultFile, repositoryOrigin: originOf(request?.repo) };
    const end = withEventsFile(overlay(all, more), (complete) => attachJob(id, complete));
    all.onStarted({ runId });
    return await end;
  });
}

export function resumeHandle(
  connect: Connect,
  known: { request: RunRequest; runId?: string | null | undefined; key: string },
  options: Omit<RunOptions, keyof KeyOptions>,
): AttachedRun {
  const { request, runId, key } = known ?? {};
  if (typeof runId === "string") {
    const { onStarted: _, ...rest } = options;
    return attachHandle(connect, runId, rest, { request, key });
  }
  if (typeof key === "string") return startHandle(connect, request, { ...options, idempotencyKey: key });
  const why =
    "the first argument must have the 'request' and the 'key' of the start, and the 'runId' if there was a run";
  const error = new UsageError({ attempted: "resume run", why });
  return attachHandle(() => Promise.reject(error), "", {});
}

/** A handle to an automation run: await it, loop over it, or do both. `cancel()` requires a later revision of the service. */
export type AutomationHandle = RunWorkHandle<AutomationHandleItem, AutomationResult, TriggeredRun>;

/** A handle to an existing automation run, identified by its id. `cancel()` requires a later revision of the service. */
export type AttachedAutomationRun = RunWorkHandle<AutomationHandleItem, AutomationResult, { runId: string }>;

function automationRunHandle<S extends { runId: string }>(
  connect: Connect,
  automationId: string,
  options: RunAutomationOptions,
  { check, begin }: Pick<HandledJob<RunAutomationOptions, AutomationItem, AutomationResult, S>, "check" | "begin">,
): RunWorkHandle<AutomationHandleItem, AutomationResult, S> {
  return jobHandle<RunAutomationOptions, AutomationItem, AutomationResult, S>(connect, {
    options,
    check,
    begin,
    verdictError: automationVerdictErrorOf,
    async cancel({ runId }) {
      const { client } = await connect({});
      await client?.cancelAutomationRun(automationId, runId);
    },
  });
}

export function automationHandle(
  connect: Connect,
  automationId: string,
  request: TriggerRequest,
  options: RunAutomationOptions,
): AutomationHandle {
  return automationRunHandle<TriggeredRun>(connect, automationId, options, {
    check() {
      checkOptions("trigger automation", options, runAutomationKeys());
      checkTriggerKeys(request);
    },
    begin(all) {
      const tell = hookCaller("onTriggered", options.onTriggered, all);
      const onStarted = (run: TriggeredRun) => {
        all.onStarted(run);
        tell(run);
      };
      const id = checkUuid(automationId, "automation id");
      return runAutomationJob(id, request, completeJob(overlay(all, { onStarted })));
    },
  });
}

export function attachAutomationHandle(
  connect: Connect,
  automationId: string,
  runId: string,
  options: AttachAutomationOptions,
): AttachedAutomationRun {
  return automationRunHandle<{ runId: string }>(connect, automationId, options, {
    check: () => checkOptions("attach to automation run", options, attachAutomationKeys()),
    async begin(all) {
      const id = checkUuid(runId, "automation run id");
      const end = attachAutomationJob(checkUuid(automationId, "automation id"), id, completeJob(all));
      all.onStarted({ runId });
      return await end;
    },
  });
}

import { hookCaller } from "../hook.ts";
import type { Automation, CancelResult } from "../model.ts";
import { type RunAutomationOptions, triggerAutomation } from "../run/automation.ts";
import { type TriggeredRun, triggerKeys, type TriggerOptions, type TriggerRequest } from "../run/automation_request.ts";
import { cancel, cancelKeys, type CancelOptions } from "../run/cancel.ts";
import { attachAutomationKeys, type AttachAutomationOptions } from "../run/follow_automation.ts";
import { listAutomations, listAutomationsKeys, type ListAutomationsOptions } from "../run/list_automations.ts";
import { attachKeys, runKeys, type RunRequest, start, startKeys, type StartOptions } from "../run/request.ts";
import type { ResultValue } from "../result/wanted_result.ts";
import type { AttachOptions, RunOptions } from "../run/run.ts";
import type { ConnectOptions } from "../run/session.ts";
import type { KeyOptions } from "../run/key.ts";
import type { StartedRun } from "../run/start.ts";
import type { MogplexApi } from "../service/methods.ts";
import { checkOptions, type Keys, type Kind } from "../service/validate.ts";
import { apart, Connector, type DerivedOptions, type MogplexOptions, overlay } from "./connect.ts";
import {
  attachAutomationHandle,
  type AttachedAutomationRun,
  type AttachedRun,
  attachHandle,
  type AutomationHandle,
  automationHandle,
  resumeHandle,
  type RunHandle,
  startHandle,
} from "./handle.ts";

/** The verbs for the automations of a service. */
export interface MogplexAutomations {
  /**
   * Lists all automations, newest first. It requests a page only when the loop needs it.
   *
   * If a page after the first cannot be read, the list ends there, and `onIncomplete` and `onNotice` are called: some revisions of the
   * service cannot return a second page. The same happens if the service returns the same cursor twice, and after 1,000 pages.
   *
   * @param options See {@linkcode ListAutomationsOptions}.
   * @throws {UnauthorizedError | ForbiddenError | RateLimitedError | UnavailableError | NetworkError}
   * @throws {UsageError} when an option is invalid.
   * @throws `signal.reason` if `signal` aborts.
   * @example Find an automation by its name
   * ```ts ignore
   * for await (const { id, name } of mogplex.automations.list()) if (name === "nightly") return id;
   * ```
   */
  list(options?: ListAutomationsOptions): AsyncGenerator<Automation, void, void>;
  /**
   * Triggers an automation, or finds the run that was triggered with the same key.
   *
   * The returned run might not be active yet: with `status: "pending"`, it is waiting for a slot, and with `replayed: true`, it already existed. If the
   * service accepts the trigger but starts nothing, the promise rejects. After a 429, a 5xx or a network failure, the method waits and tries again as
   * long as `timeoutMs` permits. Every attempt sends the same key and the same bytes. If a derived key finds a run that is `failed` or
   * `cancelled`, the next key of its series is tried.
   *
   * @param id UUID of the automation: see {@linkcode MogplexAutomations.list}.
   * @param request Repository and input.
   * @param options See {@linkcode TriggerOptions}; all durations in milliseconds.
   * @throws {AutomationSuppressedError} when too many runs are active: nothing was started, and the key is still unused.
   * @throws {UsageError} when the request or an option is invalid; nothing was sent.
   * @throws {StartUnknownError} when it is unknown whether the automation was triggered; the error contains the key.
   * @throws {ConflictError} when the automation is not published or not active, or when the key belongs to a run with another repository or
   * input.
   * @throws {UnauthorizedError | ForbiddenError | NotFoundError | RateLimitedError | UnavailableError}
   * @throws {AbortedError} if `signal` aborts after the trigger was sent; the error contains the key. An earlier abort throws
   * `signal.reason`.
   * @example Trigger an automation, and show whether its run is waiting
   * ```ts ignore
   * const { runId, status } = await mogplex.automations.trigger(id, { repo: "acme/web", input: { depth: "full" } });
   * console.log(runId, status === "pending" ? "waiting for a slot" : status);
   * ```
   */
  trigger(id: string, request: TriggerRequest, options?: TriggerOptions): Promise<TriggeredRun>;
  /**
   * Triggers an automation and follows its run to its end. It repeats a suppressed trigger, and waits for a run that has no slot yet, as
   * long as `timeoutMs` permits.
   *
   * @param id UUID of the automation: see {@linkcode MogplexAutomations.list}.
   * @param request Repository and input.
   * @param options See {@linkcode RunAutomationOptions}; all durations in milliseconds.
   * @returns A handle whose work has already begun. Await it for the result, loop over it for events, or do both.
   * @throws {AutomationVerdictError} when the run did not succeed, unless `throwOnFailure` is false. The error contains the result.
   * @throws {DeadlineError} if `timeoutMs` passes first. The run continues, unless `cancelOn` has `timeout`.
   * @throws {AbortedError} if `signal` aborts after the trigger was sent. The run continues, unless `cancelOn` has `abort`.
   * @throws what {@linkcode MogplexAutomations.trigger} throws.
   * @example Trigger and wait
   * ```ts ignore
   * const request = { repo: "acme/web" };
   * const { outcome, reason } = await mogplex.automations.run(id, request, { throwOnFailure: false });
   * ```
   */
  run(id: string, request: TriggerRequest, options?: RunAutomationOptions): AutomationHandle;
  /**
   * Follows an existing automation run to its end.
   *
   * Its items are a `status` at the start and at each change, a `waiting` each time the number of waits changes, and an `end` when the
   * run has ended or following has stopped. After a 429, a 5xx or a network failure, the method waits and tries again as long as `timeoutMs`
   * permits. An unknown status is treated as unfinished.
   *
   * @param id UUID of the automation.
   * @param runId UUID of its run: from {@linkcode MogplexAutomations.trigger}.
   * @param options See {@linkcode AttachAutomationOptions}; all durations in milliseconds.
   * @returns A handle whose work has already begun. Await it for the result, loop over it for events, or do both.
   * @throws {AutomationVerdictError} when the run did not succeed, unless `throwOnFailure` is false. The error contains the result.
   * @throws {DeadlineError} if `timeoutMs` passes first. The run continues, or stays in the queue, unless `cancelOn` has
   * `timeout`. To resume, call this method again.
   * @throws {UnauthorizedError | ForbiddenError | NotFoundError} when the service refuses the request for good.
   * @throws {RateLimitedError | UnavailableError | NetworkError} when even the last read, at the deadline, failed.
   * @throws {UsageError} when an option or an id is invalid.
   * @throws {AbortedError} if `signal` aborts. The run continues, unless `cancelOn` has `abort`.
   * @example Continue with a run that another process triggered
   * ```ts ignore
   * for await (const item of mogplex.automations.attach(id, runId)) {
   *   if (item.type === "waiting") console.log(`waiting for ${item.count}`);
   *   if (item.type === "end") process.exitCode = item.exitCode;
   * }
   * ```
   */
  attach(id: string, runId: string, options?: AttachAutomationOptions): AttachedAutomationRun;
}

/** What a process has stored about a run, for {@linkcode Mogplex.resume}. */
export interface KnownRunRequest {
  /** What to do, and where: exactly as in the original start. */
  request: RunRequest;
  /** UUID of the run; `null` or `undefined` if none was stored. */
  runId?: string | null | undefined;
  /** Idempotency key of the start: the value of the option `idempotencyKey`, or the key that `onStarting` received. */
  key: string;
}

/** A client for one service and one token. Its methods are the verbs. */
export interface Mogplex {
  /**
   * Methods that call the routes of the service directly.
   *
   * @throws {UnauthorizedError | UsageError} when there is no token, or the address is invalid.
   */
  readonly api: MogplexApi;
  /**
   * Starts a run and follows it to its end. In CI, the key of the start is derived from the job and the request. A job with two tasks starts two
   * runs. When the job is retried, it finds both runs again, in any order. Keep times and build numbers out of the prompt, because they turn every
   * attempt into a new task. To do the same task twice, set `keyPart`.
   *
   * If a run fails before its agent begins, because no sandbox was free, the next key of the series starts another run 10 minutes later. The next run
   * follows 20 minutes after that, and the last one another 40 minutes later, as long as `timeoutMs` permits: see `onStarting` and `onStarted`. If
   * you pass an `idempotencyKey`, only one run is started.
   *
   * @param request What to do, and where. A repository given by name is looked up first.
   * @param options See {@linkcode RunOptions}; all durations in milliseconds. With `request.result`, the run writes a result file, which is checked
   * against a schema; the `value` of the result is its content. Such a run always pushes a branch and opens a pull request that contains the file.
   * Nothing is started if the file already exists, or if this process cannot read the repository.
   *
   * @returns A handle whose work has already begun. Await it for the result, loop over it for events, or do both. The result does not keep all events
   * of a long run: use `eventsFile` or `onItem` to get them.
   * @throws {InvalidResultError} when the run succeeded, but its result file is missing or not valid.
   * @throws {RunFailedError | RunCancelledError | AwaitingInputError} when the run did not succeed, unless `throwOnFailure` is false. The error
   * contains the result.
   * @throws {DeadlineError} if `timeoutMs` passes first. The run continues, unless `cancelOn` has `timeout`.
   * @throws {MogplexError} with the code `NO_SANDBOX` and the exit code 75 when no sandbox was free in time. In that case, no run is in progress.
   * @throws {AbortedError} if `signal` aborts after the start was sent. The run continues, unless `cancelOn` has `abort`.
   * @throws what {@linkcode Mogplex.start} and {@linkcode Mogplex.attach} throw.
   * @example Run, and check the outcome
   * ```ts ignore
   * const request = { repo: "acme/web", prompt: "Fix the flaky tests" };
   * const result = await mogplex.run(request, { timeoutMs: 20 * 60_000, throwOnFailure: false });
   * console.log(result.outcome, result.pullRequest.url);
   * ```
   * @example Show what happens
   * ```ts ignore
   * for await (const item of mogplex.run(request)) {
   *   if (item.type === "event") console.log(line(item.event.message ?? ""));
   *   if (item.type === "end") process.exitCode = item.exitCode;
   * }
   * ```
   * @example A checked answer
   * ```ts ignore
   * const schema = z.object({ ok: z.boolean(), findings: z.array(z.string()) });
   * const result = { path: ".mogplex/result-{id}.json", schema };
   * const { value } = await mogplex.run({ repo: "acme/web", prompt: "Review the last release", result });
   * if (!value.ok) console.log(value.findings.length);
   * ```
   */
  run<S extends object = object, F extends boolean = true>(
    request: RunRequest<S>,
    options?: RunOptions & { throwOnFailure?: F | undefined },
  ): RunHandle<ResultValue<S, F>>;
  /**
   * Starts a run, or finds the run that was started with the same key. It does not follow the run. The key is derived as for
   * {@linkcode Mogplex.run}.
   *
   * After a 429, a 5xx or a network failure, the method waits and tries again as long as `timeoutMs` permits. Every attempt sends the same key and
   * the same bytes. If a derived key finds a run that is `failed` or `cancelled`, the next key of its series is tried.
   *
   * @param request What to do, and where. A repository given by name is looked up first.
   * @param options See {@linkcode StartOptions}; all durations in milliseconds.
   * @throws {UsageError} when the request or an option is invalid; nothing was sent.
   * @throws {StartUnknownError} when it is unknown whether the run was started; the error contains the key.
   * @throws {RateLimitedError} when the limits do not permit a start in time; the message says when they would.
   * @throws {ConflictError} when the key belongs to another request.
   * @throws {UnauthorizedError | ForbiddenError | NotFoundError | UnavailableError}
   * @throws {AbortedError} if `signal` aborts after the start was sent; the error contains the key. An earlier abort throws
   * `signal.reason`.
   * @example Start and print the id
   * ```ts ignore
   * const { runId } = await mogplex.start({ repo: "acme/web", prompt: "Fix the flaky tests" });
   * ```
   */
  start(request: RunRequest, options?: StartOptions): Promise<StartedRun>;
  /**
   * Follows an existing run to its end.
   *
   * After a 429, a 5xx or a network failure, the method waits and tries again as long as `timeoutMs` permits. An unknown status is treated as
   * unfinished.
   *
   * @param runId UUID of the run.
   * @param options See {@linkcode AttachOptions}; all durations in milliseconds.
   * @returns A handle whose work has already begun. Await it for the result, loop over it for events, or do both.
   * @throws {RunFailedError | RunCancelledError | AwaitingInputError} when the run did not succeed, unless `throwOnFailure` is false. The
   * error contains the result.
   * @throws {DeadlineError} if `timeoutMs` passes first. The run continues, unless `cancelOn` has `timeout`. To resume, attach again.
   * @throws {UnauthorizedError | ForbiddenError | NotFoundError} when the service refuses the request for good.
   * @throws {RateLimitedError | UnavailableError | NetworkError} when even the last read, at the deadline, failed.
   * @throws {UsageError} when an option or the id is invalid, or `eventsFile` cannot be written.
   * @example Follow a run that another process started
   * ```ts ignore
   * const { outcome } = await mogplex.attach(runId, { throwOnFailure: false });
   * ```
   */
  attach(runId: string, options?: AttachOptions): AttachedRun;
  /**
   * Continues the work of a process that has died. It attaches to the run if its id is known. Otherwise, it sends the request with the
   * stored key, which finds the run or starts it once.
   *
   * @param known What the process has stored: the request and its key, and the id of the run once there was one.
   * @param options See {@linkcode RunOptions}, without the options for the key, because `known` contains the key.
   * @returns A handle, like the one that {@linkcode Mogplex.run} returns.
   * @throws what {@linkcode Mogplex.run} and {@linkcode Mogplex.attach} throw.
   * @example Jobs in a database
   * ```ts ignore
   * for (const { request, runId, key } of await database.openJobs()) void mogplex.resume({ request, runId, key });
   * ```
   */
  resume(known: KnownRunRequest, options?: Omit<RunOptions, keyof KeyOptions>): AttachedRun;
  /**
   * Cancels a run. It is not an error if the run has already ended.
   *
   * Check the `status` of the answer: it can be `success` if the run ended at the same moment, even with `alreadyTerminal: false`.
   * Cancelling also makes the service correct a status that is stuck although the work has ended.
   *
   * @param runId UUID of the run.
   * @param options See {@linkcode CancelOptions}; all durations in milliseconds.
   * @throws {ConflictError} when the run cannot be cancelled in its current state.
   * @throws {UnauthorizedError | ForbiddenError | NotFoundError | RateLimitedError | UnavailableError | NetworkError}
   * @throws {UsageError} when an option or the id is invalid.
   * @throws `signal.reason` if `signal` aborts.
   * @example Cancel a run and print its status
   * ```ts ignore
   * console.log((await mogplex.cancel(runId)).status);
   * ```
   */
  cancel(runId: string, options?: CancelOptions): Promise<CancelResult>;
  /** Automations. */
  readonly automations: MogplexAutomations;
  /**
   * Returns a client with other options on the same connection. Both clients share the token, its state and its request budget. `secrets`
   * are added to this client's secrets; every other option replaces this client's option.
   *
   * @param options See {@linkcode DerivedOptions}.
   * @throws {UsageError} for an option of the connection, such as `token` or `url`. Create another client for that.
   * @example A client for one job of a server
   * ```ts ignore
   * const ofJob = mogplex.withOptions({ timeoutMs: 3_600_000, onNotice: ({ message }) => jobLog.info(message) });
   * ```
   */
  withOptions(options: DerivedOptions): Mogplex;
}

/**
 * Creates a client. Each of its methods is a verb, such as `run` or `cancel`. Nothing is read or sent until the first verb is called, so a
 * missing token is an error from that verb.
 *
 * A handle starts its work at once. Await it for the result, loop over it for events, or do both. A loop never throws because of how a run
 * ended: its last item has the outcome, the exit code and the result. Leaving the loop stops following, but does not affect the run. To stop
 * the run, call `cancel()`, or pass a `signal` with `cancelOn: ["abort"]`.
 *
 * @param options See {@linkcode MogplexOptions}.
 * @throws {UsageError} when an option is invalid.
 * @example Run, and show what happens
 * ```ts
 * import { createLogText, createMogplex, main } from "@mogplex/ci";
 *
 * async function work(signal: AbortSignal): Promise<number> {
 *   const { line } = createLogText();
 *   const request = { repoId: "8f3a2b1c-1234-4abc-9def-1234567890ab", prompt: "Fix the flaky tests" };
 *   for await (const item of createMogplex().run(request, { signal, cancelOn: ["abort"] })) {
 *     if (item.type === "event") console.log(line(item.event.message ?? ""));
 *     if (item.type === "end") return item.exitCode;
 *   }
 *   return 70;
 * }
 * console.log(typeof main, typeof work);
 * ```
 */
export function createMogplex(options: MogplexOptions = {}): Mogplex {
  return mogplexOf(new Connector(options));
}

function mogplexOf(connector: Connector): Mogplex {
  const { connectVerb: connect } = connector;
  async function all<O extends object>(
    attempted: string,
    given: O = {} as O,
    keys: Keys<O>,
    other?: { keys: Readonly<Record<string, Kind>>; advice: string },
  ): Promise<ConnectOptions & O> {
    const options = checkOptions(attempted, given, keys, undefined, other);
    return await connect(options);
  }
  async function* listed(more?: ListAutomationsOptions): AsyncGenerator<Automation, void, void> {
    yield* listAutomations(await all("list automations", more, listAutomationsKeys()));
  }
  const ofFollowing = { keys: attachKeys(), advice: "only run() and attach(), which follow the run, accept it" };
  return connector.on({
    get api() {
      return connector.api;
    },
    withOptions: (more) => mogplexOf(connector.derive(more)),
    run: <S extends object, F extends boolean>(request: RunRequest<S>, more: RunOptions = {}) =>
      startHandle<ResultValue<S, F>>(connect, request, more),
    async start(request, more) {
      const allOptions = await all<StartOptions>("start run", more, startKeys(), ofFollowing);
      const onStarted = hookCaller("onStarted", allOptions.onStarted, allOptions);
      return await start(request, overlay(allOptions, { onStarted }));
    },
    attach: (runId, more = {}) => attachHandle(connect, runId, more),
    resume: (known, more = {}) => resumeHandle(connect, known, more),
    cancel: async (runId, more) =>
      await cancel(runId, await all<CancelOptions>("cancel run", more, cancelKeys(), ofFollowing)),
    automations: {
      list: listed,
      async trigger(id, request, more) {
        const other = {
          keys: attachAutomationKeys(),
          advice: "only run() and attach(), which follow the run, accept it",
        };
        const allOptions = await all<TriggerOptions>("trigger automation", more, triggerKeys(), other);
        const onTriggered = hookCaller("onTriggered", allOptions.onTriggered, allOptions);
        return await triggerAutomation(id, request, overlay(allOptions, { onTriggered }));
      },
      run: (id, request, more = {}) => automationHandle(connect, id, request, more),
      attach: (id, runId, more = {}) => attachAutomationHandle(connect, id, runId, more),
    },
  });
}

/**
 * Starts a run and follows it to its end, like {@linkcode Mogplex.run}, with a client that exists only for this call.
 *
 * @param request What to do, and where.
 * @param options The options of {@linkcode createMogplex} and of {@linkcode Mogplex.run}; all durations in milliseconds.
 * @returns A handle whose work has already begun. Await it for the result, loop over it for events, or do both.
 * @throws what {@linkcode createMogplex} and {@linkcode Mogplex.run} throw.
 * @example Run, and check the outcome
 * ```ts ignore
 * const request = { repo: "acme/web", prompt: "Fix the flaky tests" };
 * const result = await run(request, { timeoutMs: 20 * 60_000, throwOnFailure: false });
 * console.log(result.outcome, result.pullRequest.url);
 * ```
 */
export function run<S extends object = object, F extends boolean = true>(
  request: RunRequest<S>,
  options: MogplexOptions & RunOptions & { throwOnFailure?: F | undefined } = {},
): RunHandle<ResultValue<S, F>> {
  const { connect, rest } = apart("start run", options, runKeys());
  return startHandle(connect, request, rest);
}

/**
 * Follows an existing run to its end, like {@linkcode Mogplex.attach} with `throwOnFailure: false`: it does not throw because of how the run
 * ended. The outcome can also be `deadline` or `error`. To follow the run further, call this function again. Leaving the loop does not affect
 * the run.
 *
 * @param runId UUID of the run.
 * @param options The options of {@linkcode createMogplex} and of {@linkcode Mogplex.attach}; all durations in milliseconds.
 * @returns A handle whose work has already begun. Await it for the result, loop over it for events, or do both.
 * @throws {UsageError} when an option or the id is invalid, or `eventsFile` cannot be written.
 * @throws {UnauthorizedError | UsageError} when there is no usable token.
 * @throws `signal.reason` or an {@linkcode AbortedError} if `signal` aborts.
 * @example Print events as they arrive
 * ```ts ignore
 * const { line } = createLogText();
 * for await (const item of follow("5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11")) {
 *   if (item.type === "event") console.error(line(item.event.message ?? ""));
 *   if (item.type === "end") process.exitCode = item.exitCode;
 * }
 * ```
 */
export function follow(
  runId: string,
  options: MogplexOptions & Omit<AttachOptions, "throwOnFailure"> = {},
): AttachedRun {
  const advice = "follow() does not throw if the run failed: remove the option";
  const other = { keys: { throwOnFailure: "boolean" as const }, advice };
  const { connect, rest } = apart("follow run", options, followKeys(), other);
  return attachHandle(connect, runId, { ...rest, throwOnFailure: false });
}

function followKeys() {
  const { throwOnFailure: _, ...keys } = attachKeys();
  return keys;
}

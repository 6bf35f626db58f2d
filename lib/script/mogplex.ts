/**
 * `createMogplex()`: one service and one token, with everything that one can do there.
 *
 * @module
 */
import type { Automation, AutomationRun, CancelResult, Run } from "../model.ts";
import type { ReportTarget } from "../report/write.ts";
import { type RunAutomationOptions, triggerAutomation } from "../run/automation.ts";
import type { TriggeredRun, TriggerOptions, TriggerRequest } from "../run/automation_request.ts";
import { cancel, type CancelOptions } from "../run/cancel.ts";
import { follow, type FollowItem, type FollowOptions } from "../run/follow.ts";
import { type AutomationItem, type FollowAutomationOptions, followAutomationRun } from "../run/follow_automation.ts";
import { listAutomations, type ListAutomationsOptions } from "../run/list_automations.ts";
import { start, type StartOptions } from "../run/request.ts";
import type { StartedRun } from "../run/start.ts";
import type { AnyResult } from "../run/result.ts";
import type { RunOptions } from "../run/run.ts";
import type { ConnectOptions } from "../run/session.ts";
import type { MogplexClient } from "../service/client.ts";
import { checkObject } from "../service/contract.ts";
import { Connector, type MogplexOptions, type VerbOptions } from "./connect.ts";
import {
  type AttachedRun,
  attachHandle,
  type AutomationHandle,
  automationHandle,
  type RunHandle,
  type RunTask,
  startHandle,
} from "./handle.ts";
import { report, type ReportOptions } from "./report.ts";

/** The automations of a service. */
export interface MogplexAutomations {
  /** {@linkcode listAutomations} */
  list(options?: VerbOptions<ListAutomationsOptions>): AsyncGenerator<Automation, void, void>;
  /** {@linkcode triggerAutomation} */
  trigger(id: string, request: TriggerRequest, options?: VerbOptions<TriggerOptions>): Promise<TriggeredRun>;
  /** {@linkcode runAutomation}, as a handle. */
  run(id: string, request: TriggerRequest, options?: VerbOptions<RunAutomationOptions>): AutomationHandle;
  /** {@linkcode followAutomationRun} */
  follow(
    id: string,
    runId: string,
    options?: VerbOptions<FollowAutomationOptions>,
  ): AsyncGenerator<AutomationItem, AutomationRun, void>;
}

/** One service and one token, with everything that one can do there. */
export interface Mogplex {
  /** One method for each route of the service. @throws {UnauthorizedError | UsageError} when there is no token, or a wrong address. */
  readonly api: MogplexClient;
  /** {@linkcode run}, as a handle: it starts at once. */
  run(request: RunTask, options?: VerbOptions<RunOptions>): RunHandle;
  /** {@linkcode start} */
  start(request: RunTask, options?: VerbOptions<StartOptions>): Promise<StartedRun>;
  /** {@linkcode attach}, as a handle. */
  attach(runId: string, options?: VerbOptions<RunOptions>): AttachedRun;
  /** {@linkcode follow} */
  follow(runId: string, options?: VerbOptions<FollowOptions>): AsyncGenerator<FollowItem, Run, void>;
  /** {@linkcode cancel} */
  cancel(runId: string, options?: VerbOptions<CancelOptions>): Promise<CancelResult>;
  /** {@linkcode report}, with the token of this client masked. */
  report(
    result: AnyResult,
    targets: readonly ReportTarget[],
    options?: Omit<ReportOptions, "token" | "env">,
  ): Promise<void>;
  /** Automations. */
  readonly automations: MogplexAutomations;
}

/**
 * Makes a client with the verbs on it. Nothing is read or sent before the first verb is called: a missing token is an error of that verb.
 *
 * Its handles begin at once. Await one for its result, loop over it for what happens meanwhile, or both. A loop never throws for the way a
 * run ends: its last item has outcome, exit code and result. Leaving the loop stops following and leaves the run alone; `cancel()`, and
 * `signal` with `onAbort: "cancel"`, stop it.
 *
 * @param options See {@linkcode MogplexOptions}.
 * @throws {UsageError} when an option is wrong.
 * @example Run, and show what happens
 * ```ts
 * import { createLogText, createMogplex, main } from "@mogplex/ci";
 *
 * async function work(signal: AbortSignal): Promise<number> {
 *   const { line } = createLogText();
 *   const request = { repoId: "8f3a2b1c-1234-4abc-9def-1234567890ab", prompt: "Fix the flaky tests" };
 *   for await (const item of createMogplex().run(request, { signal, onAbort: "cancel" })) {
 *     if (item.type === "event") console.log(line(item.event.message ?? ""));
 *     if (item.type === "end") return item.exitCode;
 *   }
 *   return 70;
 * }
 * console.log(typeof main, typeof work);
 * ```
 */
export function createMogplex(options: MogplexOptions = {}): Mogplex {
  const connector = new Connector(options);
  const { connect } = connector;
  /** The options of a verb with the connection. */
  async function all<O extends object>(attempted: string, more: O | undefined): Promise<ConnectOptions & O> {
    if (more !== undefined) checkObject(attempted, more);
    return { ...await connect(), ...more as O };
  }

  async function* followed(
    runId: string,
    more?: VerbOptions<FollowOptions>,
  ): AsyncGenerator<FollowItem, Run, void> {
    return yield* follow(runId, await all("follow run", more));
  }
  async function* listed(more?: VerbOptions<ListAutomationsOptions>): AsyncGenerator<Automation, void, void> {
    yield* listAutomations(await all("list automations", more));
  }
  async function* followedAutomation(
    id: string,
    runId: string,
    more?: VerbOptions<FollowAutomationOptions>,
  ): AsyncGenerator<AutomationItem, AutomationRun, void> {
    return yield* followAutomationRun(id, runId, await all("follow automation run", more));
  }

  return connector.on({
    get api() {
      return connector.client;
    },
    run: (request, more = {}) => startHandle(connect, request, more),
    start: async (request, more) => await start(request, await all("start run", more)),
    attach: (runId, more = {}) => attachHandle(connect, runId, more),
    follow: followed,
    cancel: async (runId, more) => await cancel(runId, await all("cancel run", more)),
    async report(result, targets, more) {
      if (more !== undefined) checkObject("write report", more);
      await report(result, targets, { ...more, token: connector.token, env: connector.env });
    },
    automations: {
      list: listed,
      trigger: async (id, request, more) => await triggerAutomation(id, request, await all("trigger automation", more)),
      run: (id, request, more = {}) => automationHandle(connect, id, request, more),
      follow: followedAutomation,
    },
  });
}

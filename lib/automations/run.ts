/**
 * Triggers an automation and follows its run to its end, in one call.
 *
 * @module
 */
import { checkOptions, checkSources, type Keys } from "../api/option_check.ts";
import { checkUuid } from "../api/validate.ts";
import { detected } from "../job/detected.ts";
import { endingSignal, type OnTimeout } from "../job/interrupt.ts";
import { Job, type JobEnd } from "../job/job.ts";
import { abortInternals, checkWait, checkWatch, type JobInternals } from "../job/options.ts";
import { openSession, type Session } from "../job/session.ts";
import { guarded, settle } from "../job/settle.ts";
import type { AutomationResult } from "../result/automation_result.ts";
import { AutomationOperation } from "./automation_operation.ts";
import { verdictErrorOf } from "./errors.ts";
import type { AutomationItem } from "./follow.ts";
import { checkTriggerKeys, triggerKeys, type TriggerOptions, type TriggerRequest } from "./plan.ts";

/** Options of {@linkcode runAutomation}. */
export interface RunAutomationOptions extends TriggerOptions {
  /** How many jobs use the token at the same time: a whole number from 1 to 1 000. @default {1} */
  tokenShare?: number | undefined;
  /**
   * What to do with the run when `timeoutMs` passes: `detach` lets it go on, `cancel` cancels it if the service's revision can.
   * @default {"detach"}
   */
  onTimeout?: OnTimeout | undefined;
  /**
   * What to do with the run when `signal` aborts: `detach` lets it go on, `cancel` cancels it if the service's revision can.
   * @default {"detach"}
   */
  onAbort?: OnTimeout | undefined;
  /** Called with each item as it comes; must not throw. @default {undefined} */
  onItem?: ((item: AutomationItem) => void) | undefined;
  /**
   * Whether to throw every end but a success. If false, the result of a run that exists is returned, however it ended: look at
   * `outcome`, which can then also be `deadline` or `error`. Errors that came before there was a run are always thrown, and so is
   * the error when `signal` aborts.
   * @default {true}
   */
  throwOnFailure?: boolean | undefined;
}

/** The names and types of {@linkcode RunAutomationOptions}. */
export function runAutomationKeys(): Keys<RunAutomationOptions> {
  return {
    ...triggerKeys(),
    tokenShare: "number",
    throwOnFailure: "boolean",
    onTimeout: "string",
    onAbort: "string",
    onItem: "function",
  };
}

/**
 * {@linkcode runAutomation} for the command line, with signals.
 *
 * @returns How the job ended. An error that came after the session was opened is in `error`.
 * @throws {UnauthorizedError | UsageError} when there is no usable token, or an option or an id is out of range.
 */
export async function runAutomationJob(
  automationId: string,
  request: TriggerRequest,
  options: RunAutomationOptions,
  more: JobInternals,
): Promise<JobEnd<AutomationResult>> {
  const id = checkUuid(automationId, "automation id");
  const wait = checkWait(options);
  const watch = checkWatch(options, more);
  const session = openSession({ ...options, signal: endingSignal(options.signal, more.interrupts) }, more);
  const target = { automationId: id, request, options, tokenShare: wait.tokenShare };
  const operation = new AutomationOperation(session, target);
  return await new Job(session, operation, { ...wait, ...watch, onItem: options.onItem }).start();
}

/**
 * Triggers an automation and follows its run to its end.
 *
 * Repeats a suppressed trigger, and waits for a run that has no slot yet, as long as `timeoutMs` permits.
 *
 * @param automationId UUID of the automation: see {@linkcode listAutomations}.
 * @param request Repository and input.
 * @param options See {@linkcode RunAutomationOptions}; all durations in milliseconds.
 * @returns The result, for {@linkcode report}.
 * @throws {AutomationVerdictError} when the run did not end in success, with the result, unless `throwOnFailure` is false.
 * @throws {DeadlineError} if `timeoutMs` passes first. The run goes on, unless `onTimeout` is `cancel`.
 * @throws {AbortedError} if `signal` aborts after the trigger was sent. The run goes on, unless `onAbort` is `cancel`.
 * @throws what {@linkcode triggerAutomation} and {@linkcode followAutomationRun} throw.
 * @example Trigger and wait
 * ```ts
 * import { runAutomation } from "@mogplex/ci";
 *
 * async function nightly(): Promise<number> {
 *   const request = { repoId: "8f3a2b1c-1234-4abc-9def-1234567890ab" };
 *   const options = { timeoutMs: 40 * 60_000, throwOnFailure: false };
 *   const result = await runAutomation("3d0f3a52-7c55-4d0e-9c43-0e5a6a1b2c3d", request, options);
 *   console.log(result.outcome, result.reason);
 *   return result.exitCode;
 * }
 * console.log(typeof nightly);
 * ```
 */
export async function runAutomation(
  automationId: string,
  request: TriggerRequest,
  options: RunAutomationOptions = {},
): Promise<AutomationResult> {
  options = checkOptions("trigger automation", options, runAutomationKeys());
  checkSources("trigger automation", options);
  checkTriggerKeys(request);
  let session: Session | undefined;
  const more = abortInternals(options, { ...detected(options), onSession: (opened) => session = opened });
  const end = await runAutomationJob(automationId, request, options, more);
  guarded(end.result, session);
  return settle(end, options, verdictErrorOf);
}

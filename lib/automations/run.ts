/**
 * Triggering an automation and following its run, as one call.
 *
 * @module
 */
import { checkUuid } from "../api/validate.ts";
import { endingSignal, type OnTimeout } from "../job/interrupt.ts";
import { Job, type JobEnd } from "../job/job.ts";
import { checkWait, checkWatch, type JobInternals } from "../job/options.ts";
import { openSession } from "../job/session.ts";
import { settle } from "../job/settle.ts";
import type { AutomationResult } from "../result/automation_result.ts";
import { AutomationOperation } from "./automation_operation.ts";
import { verdictErrorOf } from "./errors.ts";
import type { AutomationItem } from "./follow.ts";
import type { TriggerOptions, TriggerRequest } from "./plan.ts";

/** Options of {@linkcode runAutomation}. */
export interface RunAutomationOptions extends TriggerOptions {
  /** How many jobs use the token at the same time: a whole number from 1 to 1 000. @default {1} */
  tokenShare?: number | undefined;
  /**
   * What becomes of the run when `timeoutMs` passes: `detach` lets it go on, `cancel` stops it, where the service's revision can.
   * @default {"detach"}
   */
  onTimeout?: OnTimeout | undefined;
  /** Gets each item of the follower as it comes; must not throw. @default nobody */
  onItem?: ((item: AutomationItem) => void) | undefined;
  /**
   * Whether everything but a success is thrown. If not, the result of a run that exists is returned whatever became of it: look
   * at `outcome`, which can then also be `deadline` or `error`. What went wrong before there was a run is always thrown, as is
   * `signal.reason`.
   * @default {true}
   */
  throwOnFailure?: boolean | undefined;
}

/**
 * {@linkcode runAutomation} for the command line, with signals; whatever it met once the session was open is in what it returns.
 *
 * @throws {UnauthorizedError | UsageError} when there is no usable token, or an option or an id is out of range.
 */
export async function runAutomationJob(
  automationId: string,
  request: TriggerRequest,
  options: RunAutomationOptions,
  more: JobInternals = {},
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
 * A trigger that is suppressed is repeated, and a run that waits for a slot is waited for, as long as `timeoutMs` permits.
 *
 * @param automationId UUID of the automation: see {@linkcode listAutomations}.
 * @param request What to trigger it with.
 * @param options See {@linkcode RunAutomationOptions}; all durations in milliseconds.
 * @returns Everything that is known of the run.
 * @throws {AutomationVerdictError} by the run's verdict, with the result, unless `throwOnFailure` is false.
 * @throws {DeadlineError} if `timeoutMs` passes first. The run goes on, unless `onTimeout` says otherwise.
 * @throws everything that {@linkcode triggerAutomation} and {@linkcode followAutomationRun} throw.
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
  return settle(await runAutomationJob(automationId, request, options), options, verdictErrorOf);
}

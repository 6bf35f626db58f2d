/**
 * Triggering an automation and following its run, as one call.
 *
 * @module
 */
import { checkUuid } from "../api/validate.ts";
import { MogplexError } from "../errors.ts";
import type { AutomationItem } from "./follow.ts";
import { AutomationJob, type AutomationJobEnd } from "./automation_operation.ts";
import type { TriggerOptions, TriggerRequest } from "./plan.ts";
import type { AutomationResult } from "../result/automation_result.ts";
import { AutomationVerdictError } from "../runs/errors.ts";
import { checkFollowing } from "../runs/follow.ts";
import {
  endingSignal,
  type Interrupts,
  ON_INTERRUPT,
  ON_TIMEOUT,
  type OnInterrupt,
  type OnTimeout,
} from "../job/interrupt.ts";
import { checkWord } from "../runs/run.ts";
import { openSession, type SessionInternals } from "../job/session.ts";

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
   * Whether everything but a success is thrown. If not, the result is returned whatever came out: look at `outcome`. What was
   * wrong with the request or an option is always thrown, as is `signal.reason`.
   * @default {true}
   */
  throwOnFailure?: boolean | undefined;
}

/** What the command line adds to {@linkcode RunAutomationOptions}. */
export interface AutomationJobOptions extends SessionInternals {
  /** The signals, from `interruptible`. @default {undefined} (not handled) */
  interrupts?: Interrupts | undefined;
  /** What a signal does to the run. @default {"auto"} */
  onInterrupt?: OnInterrupt | undefined;
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
  more: AutomationJobOptions = {},
): Promise<AutomationJobEnd> {
  const id = checkUuid(automationId, "automation id");
  const { onTimeout = "detach", onItem } = options;
  const { interrupts, onInterrupt = "auto" } = more;
  const settings = {
    tokenShare: checkFollowing(options).tokenShare,
    onTimeout: checkWord("onTimeout", onTimeout, ON_TIMEOUT),
    onInterrupt: checkWord("onInterrupt", onInterrupt, ON_INTERRUPT),
    interrupts,
    onItem,
  };
  const signal = endingSignal(options.signal, interrupts);
  return await new AutomationJob(openSession({ ...options, signal }, more), id, settings).run(request, options);
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
  const { result, error } = await runAutomationJob(automationId, request, options);
  const { throwOnFailure = true, signal } = options;
  const usage = error instanceof MogplexError && error.exit === "usage";
  // The caller's reason may be one of our own errors, and is theirs to see all the same.
  const aborted = signal?.aborted === true && error === signal.reason;
  if (error !== undefined && (throwOnFailure || usage || aborted || !(error instanceof MogplexError))) throw error;
  const { outcome } = result;
  if (throwOnFailure && (outcome === "failed" || outcome === "cancelled")) {
    throw new AutomationVerdictError(outcome, result);
  }
  return result;
}

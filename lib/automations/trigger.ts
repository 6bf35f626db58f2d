/**
 * Triggers an automation without following its run.
 *
 * @module
 */
import { unawaited } from "../hook.ts";
import type { CallOptions } from "../api/client.ts";
import { checkOptions, checkSources } from "../api/option_check.ts";
import { UnavailableError } from "../errors.ts";
import type { TriggerResult } from "../model.ts";
import {
  checkTriggerKeys,
  planTrigger,
  type TriggeredRun,
  triggerKeys,
  type TriggerOptions,
  type TriggerPlan,
  type TriggerRequest,
} from "./plan.ts";
import { AutomationReader } from "./reader.ts";
import { checkReplay } from "./replay.ts";
import { AutomationSuppressedError } from "./errors.ts";
import { detected } from "../job/detected.ts";
import { openSession, type Session, type SessionInternals } from "../job/session.ts";
import { startError } from "../job/settle.ts";
import type { Found, Startable } from "../job/started.ts";
import { Starter } from "../job/starter.ts";

/** The run that a trigger started or found, as {@linkcode Starter} reads it. */
interface FoundAutomationRun extends Found {
  reason: string | null;
}

/** A {@linkcode Starter} of an automation. */
export type TriggerStarter = Starter<FoundAutomationRun>;

/**
 * Turns a trigger's answer into a run; undefined if the answer has none. A run that existed before is read, since the oldest revision
 * answers with neither status nor time.
 */
async function found(
  { client }: Session,
  plan: TriggerPlan,
  result: TriggerResult,
  idempotencyKey: string,
  call: CallOptions,
): Promise<FoundAutomationRun | undefined> {
  const { jobRunId, outcome, reason, status } = result;
  if (jobRunId === null) return undefined;
  const runId = jobRunId.toLowerCase();
  if (outcome === "queued") {
    return { runId, status: status ?? "pending", replayed: false, createdAt: null, updatedAt: null, reason };
  }
  const run = await new AutomationReader(client, plan.automationId, runId).read(call);
  checkReplay(plan, result, run, idempotencyKey);
  const { created_at: createdAt, completed_at: updatedAt } = run;
  return { runId, status: run.status, replayed: true, createdAt, updatedAt, reason: null };
}

function startable(session: Session, plan: TriggerPlan): Startable<FoundAutomationRun> {
  const { automationId, request, key, job, deadline } = plan;
  return {
    what: `trigger automation "${automationId}"`,
    key,
    job,
    deadline,
    takesSlot: false,
    async send(idempotencyKey, call) {
      const result = await session.client.triggerAutomation(automationId, request, { idempotencyKey }, call);
      const run = await found(session, plan, result, idempotencyKey, call);
      if (run !== undefined) return run;
      if (result.outcome === "suppressed") throw new AutomationSuppressedError(automationId, result.reason);
      const facts = { status: 202, code: null, requestId: null, retryAfterMs: null };
      const why = `the answer breaks the API's contract: outcome ${JSON.stringify(result.outcome)} without a run`;
      const attempted = `trigger automation "${automationId}"`;
      throw new UnavailableError({ attempted, why }, "unavailable", facts);
    },
  };
}

/** Makes the starter of a plan, which sends the trigger and retries. */
export function triggerStarter(
  session: Session,
  plan: TriggerPlan,
  { onStarting }: Pick<TriggerOptions, "onStarting">,
): TriggerStarter {
  return new Starter(
    session,
    startable(session, plan),
    (idempotencyKey) => unawaited(onStarting?.({ idempotencyKey })),
  );
}

/** Triggers with a starter. @throws what {@linkcode triggerAutomation} throws. */
export async function triggerWith(starter: TriggerStarter, { automationId }: TriggerPlan): Promise<TriggeredRun> {
  const { run, runId, replayed, idempotencyKey, keyScope, owned } = await starter.start();
  const { status, reason } = run;
  return { automationId, runId, status, replayed, reason, idempotencyKey, keyScope, owned };
}

/**
 * {@linkcode triggerAutomation} with the options that only the command line sets.
 *
 * @param errorOf Makes the error to throw from the one that ended the start. @default the same
 */
export async function triggerJob(
  automationId: string,
  request: TriggerRequest,
  options: TriggerOptions,
  internals: SessionInternals,
  errorOf?: (error: unknown, starter: TriggerStarter) => unknown,
): Promise<TriggeredRun> {
  const session = openSession(options, internals);
  const plan = await planTrigger(session, automationId, request, options);
  const starter = triggerStarter(session, plan, options);
  try {
    const triggered = await triggerWith(starter, plan);
    unawaited(options.onTriggered?.(triggered));
    return triggered;
  } catch (error) {
    throw errorOf === undefined ? error : errorOf(error, starter);
  }
}

/**
 * Triggers an automation, or finds the run that was triggered with the same key.
 *
 * A run that is returned need not be at work: with `status: "pending"` it waits for a slot, and with `replayed` it existed before. If
 * the service accepts the trigger but starts nothing, that is thrown. After a 429, a 5xx or a network failure it waits and tries
 * again as long as `timeoutMs` permits; every attempt sends the same key and the same bytes. If a derived key finds a run that is
 * `failed` or `cancelled`, the next key of its series is tried.
 *
 * @param automationId UUID of the automation: see {@linkcode listAutomations}.
 * @param request Repository and input.
 * @param options See {@linkcode TriggerOptions}.
 * @throws {AutomationSuppressedError} when too many runs are active: nothing was started, and the key is still free.
 * @throws {UsageError} when something breaks a rule; nothing was sent.
 * @throws {StartUnknownError} when it is unknown whether the automation was triggered; carries the key.
 * @throws {ConflictError} when it is not published or not active, or when the key belongs to a run of another repository or input.
 * @throws {UnauthorizedError | ForbiddenError | NotFoundError | RateLimitedError | UnavailableError}
 * @throws {AbortedError} if `signal` aborts after the trigger was sent; carries the key. Before that, `signal.reason`.
 * @example Trigger, and see whether it runs
 * ```ts
 * import { triggerAutomation } from "@mogplex/ci";
 *
 * async function nightly(): Promise<void> {
 *   const request = { repoId: "8f3a2b1c-1234-4abc-9def-1234567890ab", input: { depth: "full" } };
 *   const { runId, status, replayed } = await triggerAutomation("3d0f3a52-7c55-4d0e-9c43-0e5a6a1b2c3d", request);
 *   console.log(runId, status === "pending" ? "waits for a slot" : status, replayed ? "(found)" : "(new)");
 * }
 * console.log(typeof nightly);
 * ```
 */
export async function triggerAutomation(
  automationId: string,
  request: TriggerRequest,
  options: TriggerOptions = {},
): Promise<TriggeredRun> {
  options = checkOptions("trigger automation", options, triggerKeys());
  checkSources("trigger automation", options);
  checkTriggerKeys(request);
  const errorOf = (error: unknown, starter: TriggerStarter) => startError(error, starter, options.signal);
  return await triggerJob(automationId, request, options, detected(options), errorOf);
}

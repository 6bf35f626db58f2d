/**
 * Cancels the run of an automation, if the revision of the service can.
 *
 * @module
 */
import { isMissingRoute } from "../api/errors.ts";
import { ConflictError, MogplexError } from "../errors.ts";
import type { Stopped } from "../job/operation.ts";
import type { Session } from "../job/session.ts";
import { endOfAutomationRun } from "../result/ends.ts";

/** {@linkcode Stopped}, with the status that the service answered. */
export interface StoppedAutomationRun extends Stopped {
  /** Undefined if the service did not answer with one. */
  status?: string | undefined;
}

/**
 * Cancels a run. Never rejects because of the service or the network: a run that has ended, and a service that cannot cancel, are
 * not errors either.
 *
 * @param cause.limitMs Time for everything, in milliseconds.
 */
export async function stopAutomationRun(
  { client, clock, signal }: Session,
  automationId: string,
  runId: string,
  { limitMs, kind }: { limitMs: number; kind: "deadline" | "signal" },
): Promise<StoppedAutomationRun> {
  // At a signal the session's own signal has aborted, and must not end the cancel.
  const ending = kind === "deadline" ? signal : undefined;
  const call = { deadline: clock.now() + limitMs, requestTimeoutMs: limitMs, signal: ending };
  let ended = false;
  try {
    const { status } = await client.cancelAutomationRun(automationId, runId, call);
    ended = endOfAutomationRun(status ?? "") !== undefined && status !== "cancelled";
    if (!ended) return answer(status ?? undefined, false, "the automation run was cancelled");
  } catch (error) {
    // Only later revisions of the service can cancel these runs. Source: contract 3.11.
    if (isMissingRoute(error)) {
      const text = "the automation run goes on, as this revision of the service cannot cancel runs of automations";
      return { answered: false, text };
    }
    if (!(error instanceof ConflictError)) {
      const why = error instanceof MogplexError ? error.message : String(error);
      return { answered: false, text: `the automation run may go on, as it could not be cancelled: ${why}` };
    }
  }
  // The run has ended or is about to. Read it: only its status gives a verdict.
  const run = await client.getAutomationRun(automationId, runId, call).catch(() => undefined);
  if (run === undefined) {
    const text = ended
      ? "the automation run has ended, but its end could not be read"
      : "the automation run could not be cancelled in its present state";
    return { answered: ended, text };
  }
  const is = `is ${JSON.stringify(run.status)}`;
  const text = ended ? `the automation run ${is}` : `the automation run could not be cancelled, as it ${is}`;
  return answer(run.status, true, text);
}

function answer(status: string | undefined, hadEnded: boolean, text: string): StoppedAutomationRun {
  const outcome = status === undefined ? undefined : endOfAutomationRun(status);
  const byItself = outcome !== undefined && (hadEnded || outcome !== "cancelled");
  return { answered: true, status, outcome, byItself, text };
}

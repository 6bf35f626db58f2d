/**
 * Stopping the run of an automation, where the service can do that.
 *
 * @module
 */
import { ConflictError, MogplexError, UnavailableError } from "../errors.ts";
import type { Session } from "../job/session.ts";

/** What became of an attempt to stop a run. */
export interface AutomationStop {
  /** The service's last word; undefined when it said none. */
  status?: string | undefined;
  /** In words. */
  words: string;
}

/** Whether there is no such route: only later revisions of the service can cancel these runs. Source: contract 3.11. */
function isMissing(error: unknown): boolean {
  return error instanceof UnavailableError && error.code === null && (error.status === 404 || error.status === 405);
}

/**
 * Cancels a run; one that has ended, and a service that cannot, are no errors.
 *
 * @param limitMs Milliseconds for all of it.
 */
export async function stopAutomationRun(
  { client, clock }: Session,
  automationId: string,
  runId: string,
  limitMs: number,
): Promise<AutomationStop> {
  const call = { deadline: clock.now() + limitMs, requestTimeoutMs: limitMs };
  try {
    const { status } = await client.cancelAutomationRun(automationId, runId, call);
    return { status: status ?? undefined, words: "it was cancelled" };
  } catch (error) {
    if (isMissing(error)) {
      return { words: "it goes on, as this revision of the service cannot cancel runs of automations" };
    }
    if (!(error instanceof MogplexError)) throw error;
    if (!(error instanceof ConflictError)) {
      return { words: `it may go on, as it could not be cancelled: ${error.message}` };
    }
  }
  // It has ended, or is about to.
  const run = await client.getAutomationRun(automationId, runId, call).catch(() => undefined);
  if (run === undefined) return { words: "it could not be cancelled in its present state" };
  return { status: run.status, words: `it could not be cancelled, as it is ${JSON.stringify(run.status)}` };
}

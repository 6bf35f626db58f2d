/**
 * Runs that failed since no sandbox was free: no agent has begun, and another start may find one.
 *
 * @module
 */
import { MogplexError } from "../errors.ts";
import type { Run, RunEvent } from "../model.ts";
import { formatDuration } from "../text/duration.ts";

/**
 * The errors of a run that got no sandbox: all are limits of the user. The whole error must be one of them, since an error can also quote
 * what an agent wrote. Source: contract 2.2 and section 13.
 */
const NO_SANDBOX =
  /^(?:too many active sandboxes|sandbox boot rate limit exceeded|daily sandbox boot quota exceeded)\.?$/i;

/** Whether a run failed for want of a sandbox. */
export function lackedSandbox({ status, error }: Pick<Run, "status" | "error">): boolean {
  return status === "failed" && error !== null && NO_SANDBOX.test(error.trim());
}

/** Waits before each further start, in milliseconds: the service frees sandboxes 10 to 35 minutes after their runs. */
export const SANDBOX_WAITS_MS: readonly number[] = [10, 20, 40].map((minutes) => minutes * 60_000);

/** Tells whether an agent has begun: a run that gets no sandbox has the event of its acceptance, and that of its end. */
export class AgentWatch {
  #accepted = 0;
  #others = 0;

  /** Takes an event of the run. */
  take({ type }: Pick<RunEvent, "type">): void {
    if (type === "started") this.#accepted++;
    else if (type !== "failed") this.#others++;
  }

  /** Whether an event of an agent came. */
  get hasBegun(): boolean {
    return this.#accepted > 1 || this.#others > 0;
  }
}

/**
 * The error when no further start is made. Exit code 75.
 *
 * @param waitedMs How long a sandbox was waited for, in milliseconds.
 * @param why Why there is no further start, as a clause.
 */
export function noSandbox({ runId, error }: Pick<Run, "runId" | "error">, waitedMs: number, why: string): MogplexError {
  const waited = waitedMs === 0 ? "" : ` within ${formatDuration(waitedMs)}`;
  return new MogplexError(
    {
      attempted: `begin run "${runId}"`,
      why: `no sandbox was free${waited} (${error ?? "the service says no more"}), and ${why}`,
      advice: "a sandbox is free 10 to 35 minutes after its run: start it again later, or give it more time",
    },
    "rateLimited",
    { code: "NO_SANDBOX" },
  );
}

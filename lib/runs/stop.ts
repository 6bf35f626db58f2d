/**
 * Stops a run at a signal or at the deadline: cancels it or lets it go on, finding it first if the answer to its start is missing.
 *
 * @module
 */
import { MogplexError } from "../errors.ts";
import type { StopCause, Stopped } from "../job/operation.ts";
import type { Session } from "../job/session.ts";
import type { Started } from "../job/started.ts";
import type { Starter } from "../job/starter.ts";
import type { CancelResult, Run, StartResult } from "../model.ts";
import { endOfRun } from "../result/ends.ts";
import { cancelWith } from "./cancel.ts";
import type { StateWriter } from "./state_writer.ts";

/** Parts of {@linkcode stopRun}. */
export interface StopParts {
  /** Service and time. */
  session: Session;
  /** Why to stop, and the time for it. */
  cause: StopCause;
  /** Writes the state file; undefined without one. */
  state: StateWriter | undefined;
  /** The run; undefined if no answer named it yet. */
  known: { runId: string; owned: boolean } | undefined;
  /** The start; undefined if there was none. */
  starter: Starter<StartResult> | undefined;
  /** Called with the run that a repeated start found. */
  onFound: (started: Started<StartResult>) => void;
}

/** {@linkcode Stopped}, with the run as the cancel returned it. */
export interface StoppedRun extends Stopped {
  /** Undefined if nothing was cancelled, or no answer came. */
  run?: Run | undefined;
}

/** Time limit of one repeated start, in milliseconds: a second one and the cancel must fit as well. */
const RESEND_MS = 1_500;

/** Cancels the run, or lets it go on. Never rejects: if there is not enough time, `cleanup` cancels the run later. */
export async function stopRun(parts: StopParts): Promise<StoppedRun> {
  const { session: { client, clock, signal }, cause, state, known, starter, onFound } = parts;
  const deadline = clock.now() + cause.limitMs;
  const cancels = (owned: boolean) => cause.kind === "deadline" || cause.cancels(owned);

  function none(): StoppedRun {
    state?.update({ parting: "ended" });
    return { answered: false, text: "no run was started" };
  }
  function goesOn(text: string): StoppedRun {
    state?.update({ parting: "detached" });
    return { answered: false, text };
  }

  if (known === undefined && starter?.mayExist !== true) return none();
  if (!cancels(known?.owned ?? true)) return goesOn("the run goes on");
  // A later step has to know that the deadline cancels it, whatever a signal would have done.
  const late = cause.kind === "deadline" && known === undefined;
  state?.update({ parting: "cancelling", ...(late && { onInterrupt: "cancel" as const }) });
  try {
    const run = known ?? await starter?.find({ deadline, requestTimeoutMs: RESEND_MS });
    if (run === undefined) return none();
    if (known === undefined) onFound(run as Started<StartResult>);
    if (!cancels(run.owned)) return goesOn("the run goes on, since another job started it");
    // At a signal the session's own signal has aborted, and must not end the cancel. No later step may get to repeat it.
    const signalled = cause.kind === "signal";
    const limits = { deadline, signal: signalled ? undefined : signal, untilAnswered: signalled };
    return cancelled(await cancelWith(client, clock, run.runId, limits), state);
  } catch (error) {
    const why = error instanceof MogplexError ? error.message : String(error);
    return { answered: false, text: `the run may go on, as it could not be cancelled: ${why}` };
  }
}

function cancelled({ run, alreadyTerminal }: CancelResult, state: StateWriter | undefined): StoppedRun {
  const { status } = run;
  const outcome = endOfRun(status);
  state?.update({ status, ...(outcome !== undefined && { parting: "ended" }) });
  const byItself = outcome !== undefined && (outcome !== "cancelled" || alreadyTerminal);
  const after = outcome === undefined ? " after its cancellation" : "";
  const text = outcome === "cancelled" && !alreadyTerminal
    ? "the run was cancelled"
    : `the run is ${JSON.stringify(status)}${after}`;
  return { run, answered: true, outcome, byItself, text };
}

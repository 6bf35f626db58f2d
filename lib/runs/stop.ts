/**
 * What a signal does to the run: cancel it at once, or let it go on.
 *
 * @module
 */
import { MogplexError } from "../errors.ts";
import type { Run } from "../model.ts";
import { cancelWith } from "./cancel.ts";
import { endOfRun } from "../result/ends.ts";
import { cancelsOnInterrupt, INTERRUPT_MS, type OnInterrupt } from "../job/interrupt.ts";
import type { Session } from "../job/session.ts";
import type { StartedRun, StartPlan } from "./start_plan.ts";
import type { Starter } from "../job/starter.ts";
import type { StateWriter } from "./state.ts";

/** What was under way when the signal came. */
export interface StopParts {
  /** Service and time. */
  session: Session;
  /** What the user wants. */
  onInterrupt: OnInterrupt;
  /** Whether a person sits at a terminal. */
  terminal: boolean;
  /** State file. */
  state: StateWriter | undefined;
  /** The run, when it is known. */
  run: { runId: string; owned: boolean } | undefined;
  /** The start, when there was one. */
  starting: { plan: StartPlan; starter: Starter } | undefined;
  /** Gets the run that a repeated start found. */
  onFound: (started: StartedRun) => void;
}

/** How a signal was answered. */
export interface Stop {
  /** The run as it then was; undefined when nothing was heard of it. */
  run?: Run;
  /** Point on the clock until which more may be done. */
  deadline: number;
  /** What was done, in words. */
  words: string;
}

/** Limit of one repeated start, in milliseconds: a second one has to fit, and the cancel. */
const RESEND_MS = 1_500;

/**
 * Finds the run of a start whose answer was lost, by sending the same key and the same bytes again.
 *
 * @returns Undefined when all that is there is the dead run of an earlier attempt of the job.
 */
async function findRun(parts: StopParts, deadline: number): Promise<StartedRun | undefined> {
  const { starting, session: { client } } = parts;
  if (starting === undefined) return undefined;
  const { plan, starter } = starting;
  starter.abandon();
  const call = { deadline, requestTimeoutMs: RESEND_MS };
  const run = await client.startRun(plan.request, { idempotencyKey: starter.key }, call);
  if (starter.isStale(run)) return undefined;
  const started = starter.started(run);
  parts.onFound(started);
  return started;
}

/** Answers a signal within 4 s; what does not work is left to `cleanup`. */
export async function stopRun(parts: StopParts): Promise<Stop> {
  const { session: { client, clock }, onInterrupt, terminal, state } = parts;
  const deadline = clock.now() + INTERRUPT_MS;
  const wanted = (owned: boolean) => cancelsOnInterrupt(onInterrupt, owned, terminal);
  const none = (): Stop => {
    state?.update({ left: "ended" });
    return { deadline, words: "no run was started" };
  };
  if (parts.run === undefined && parts.starting?.starter.mayExist !== true) return none();
  if (!wanted(parts.run?.owned ?? true)) {
    state?.update({ left: "detached" });
    return { deadline, words: "the run goes on" };
  }
  state?.update({ left: "cancelling" });
  try {
    const run = parts.run ?? await findRun(parts, deadline);
    if (run === undefined) return none();
    if (!wanted(run.owned)) {
      state?.update({ left: "detached" });
      return { deadline, words: "the run goes on, since another job started it" };
    }
    const result = await cancelWith(client, clock, run.runId, { deadline });
    const end = endOfRun(result.status);
    state?.update({ status: result.status, ...(end !== undefined && { left: "ended" }) });
    const words = end === "cancelled" && !result.alreadyTerminal
      ? "the run was cancelled"
      : `the run is ${JSON.stringify(result.status)}`;
    return { run: result.run, deadline, words };
  } catch (error) {
    const why = error instanceof MogplexError ? error.message : String(error);
    return { deadline, words: `the run may go on, as it could not be cancelled: ${why}` };
  }
}

/**
 * What outcomes and causes are called in reports for people; also the lists of both.
 *
 * @module
 */
import type { WaitCause } from "../notice.ts";
import { factsFromEvents } from "./run_facts.ts";
import type { Outcome, RunResult } from "./run_result.ts";

/** A verdict in words. */
export interface OutcomeWords {
  /** Emoji before it, where there is room for one. */
  readonly mark: string;
  /** The verdict. */
  readonly words: string;
}

/** All outcomes. */
export const OUTCOMES: Readonly<Record<Outcome, OutcomeWords>> = {
  success: { mark: "✅", words: "Mogplex run succeeded" },
  failed: { mark: "❌", words: "Mogplex run failed" },
  cancelled: { mark: "🚫", words: "Mogplex run was cancelled" },
  awaiting_input: { mark: "⏳", words: "Mogplex run waits for a person" },
  deadline: { mark: "⏳", words: "Mogplex run did not end in time" },
  interrupted: { mark: "🚫", words: "Following the Mogplex run was interrupted" },
  started: { mark: "🚀", words: "Mogplex run started, not followed" },
  error: { mark: "❌", words: "The verdict on the Mogplex run is not known" },
};

/**
 * What is known of the branch.
 *
 * @param show Makes a name fit for the place it is shown in. @default {as it is}
 */
export function branchWords(result: RunResult, show: (name: string) => string = (name) => name): string {
  const { branch: { pushed, requested }, changed, events } = result;
  if (pushed !== null) return show(pushed);
  if (changed === false) return "nothing to push";
  const { workingBranch } = factsFromEvents(events);
  if (workingBranch !== null) return `${show(workingBranch)} (the agent worked on it; not seen to be pushed)`;
  return requested === null ? "unknown" : `unknown (asked for ${show(requested)})`;
}

/** All causes of waits. */
export const WAIT_CAUSES: Readonly<Record<WaitCause, string>> = {
  rate_limit: "rate limit of the token",
  start_limit: "limit of run starts",
  unavailable: "service unavailable",
  network: "network",
  invalid_answer: "answer that is not the API's",
  unauthorized: "token refused for a moment",
};

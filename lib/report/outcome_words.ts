/**
 * Headlines and logs use the longer words in `run/result_view.ts`.
 *
 * @module
 */
import { isNotStarted, type ResultView } from "../run/result_view.ts";
import type { Tone } from "./page.ts";

interface OutcomeWords {
  readonly tone: Tone;
  /** The word on pages. Readers filter lists by this word, so outcomes that require the same action share a word. */
  readonly state: string;
  /** A note shows only one run, so its words can be more exact. */
  readonly note: readonly [sign: string, word: string];
  readonly past: string;
}

export const OUTCOME_WORDS: Readonly<Record<ResultView["outcome"] | "not_started", OutcomeWords>> = {
  success: { tone: "good", state: "succeeded", note: ["✅", "Succeeded"], past: "succeeded" },
  failed: { tone: "bad", state: "failed", note: ["❌", "Failed"], past: "failed" },
  cancelled: { tone: "skipped", state: "cancelled", note: ["🚫", "Cancelled"], past: "was cancelled" },
  awaiting_input: {
    tone: "warn",
    state: "needs an answer",
    note: ["⚠️", "Needs attention"],
    past: "needed an answer",
  },
  deadline: {
    tone: "warn",
    state: "no verdict",
    note: ["⚠️", "Did not finish in time"],
    past: "did not finish in time",
  },
  interrupted: { tone: "warn", state: "no verdict", note: ["🚫", "Interrupted"], past: "was interrupted" },
  started: { tone: "run", state: "running", note: ["🚀", "Started"], past: "was started" },
  suppressed: { tone: "warn", state: "not started", note: ["⚠️", "Not started"], past: "was not started" },
  error: { tone: "warn", state: "no verdict", note: ["⚠️", "No verdict"], past: "had no verdict" },
  // An error without a run, or without a sandbox for the run.
  not_started: { tone: "bad", state: "not started", note: ["❌", "Not started"], past: "was not started" },
};

const STILL_RUNNING: OutcomeWords = {
  ...OUTCOME_WORDS.started,
  note: ["⏳", "Still running"],
  past: "was still running",
};

export function outcomeWords({ outcome, verdict }: Pick<ResultView, "outcome" | "verdict">): OutcomeWords {
  if (verdict.word === "still running") return STILL_RUNNING;
  return isNotStarted({ verdict }) ? OUTCOME_WORDS.not_started : OUTCOME_WORDS[outcome];
}

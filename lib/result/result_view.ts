/**
 * A result as reports and the log show it. Runs and automation runs have the same view, so that a renderer need not know the kind.
 *
 * @module
 */
import type { RunEvent } from "../model.ts";
import type { AnyResult } from "./any_result.ts";
import { nextStep } from "./next_step.ts";
import { type ResultError, resultSentence } from "./result_error.ts";
import type { Phase, RunResult } from "./run_result.ts";
import { type KindWords, kindWords, type VerdictWords, verdictWords } from "./words.ts";

/** What the agent of a run did to the repository, and the events that say so. */
export type GitFacts = Pick<RunResult, "branch" | "changed" | "events" | "files" | "pullRequest">;

/** When the service worked on an automation run. */
export interface AutomationTimes {
  /** When it began, in ISO 8601; null while it waits for a slot. */
  startedAt: string | null;
  /** When it ended, in ISO 8601; null while it goes on. */
  completedAt: string | null;
  /** Milliseconds that it took, as the service says. */
  durationMs: number | null;
}

/** The fields that mean the same in both kinds of results. */
type Common = Pick<
  AnyResult,
  | "runId"
  | "repoId"
  | "repository"
  | "status"
  | "outcome"
  | "exitCode"
  | "replayed"
  | "idempotencyKey"
  | "createdAt"
  | "requests"
  | "waits"
  | "durationMs"
  | "origin"
  | "resume"
>;

/** What reports and the log read of a result. Null and empty fields are not shown. */
export interface ResultView extends Common {
  /** What the result is about. */
  kind: KindWords;
  /** The verdict. */
  verdict: VerdictWords;
  /** What went wrong and why, without {@linkcode ResultView.advice}; untrusted text. */
  reason: string | null;
  /** What the reader can do, as the error says; untrusted text. */
  advice: string | null;
  /** What the reader can do after such an end, in our own words; null when the error says it, or nothing is to be done. */
  nextStep: string | null;
  /** The task; null when it is not known, or not to be shown. Untrusted text. */
  task: string | null;
  /** What the agent said last; null for an automation run. Untrusted text. */
  finalMessage: string | null;
  /** UUID of the automation; null for a run. */
  automationId: string | null;
  /** Times of an automation run; null for a run, which has phases. */
  times: AutomationTimes | null;
  /** Agent; null for an automation run. */
  harness: string | null;
  /** `failure_code` of the last `failed` event; null for an automation run. */
  failureCode: string | null;
  /** Branch, changes and pull request; null for an automation run, for which the service does not report them. */
  git: GitFacts | null;
  /** Phases in order; empty for an automation run. */
  phases: readonly Phase[];
  /** Events that were kept, oldest first; empty for an automation run, which has none. */
  events: readonly RunEvent[];
  /** How many events were seen and not kept. */
  eventsOmitted: number;
  /** How many events were seen; null for an automation run. */
  eventCount: RunResult["eventCount"] | null;
}

/**
 * The reason apart from the advice. A reason that says more than the error, such as what became of the run after a signal,
 * stays whole.
 */
function explain(reason: string | null, error: ResultError | null): Pick<ResultView, "reason" | "advice"> {
  if (error === null || error.advice === null) return { reason, advice: null };
  const { advice } = error;
  if (reason === null || reason === resultSentence(error)) {
    return { reason: resultSentence({ ...error, advice: null }), advice };
  }
  return { reason, advice: reason.includes(advice) ? null : advice };
}

const NOTHING_OF_A_RUN = {
  task: null,
  finalMessage: null,
  harness: null,
  failureCode: null,
  git: null,
  phases: [],
  events: [],
  eventsOmitted: 0,
  eventCount: null,
};

/** The view of a result of either kind. */
export function viewOf(result: AnyResult): ResultView {
  const explained = explain(result.reason, result.error ?? null);
  const named = {
    kind: kindWords(result),
    verdict: verdictWords(result),
    // Results of older versions have no `error` and no names.
    ...explained,
    nextStep: result.error?.advice ? null : nextStep(result),
    repository: result.repository ?? null,
  };
  if (result.kind !== "automation-run") {
    // Results of older versions have all events.
    const { eventsOmitted = 0, task = null, finalMessage = null }: Partial<RunResult> = result;
    return { ...result, ...named, automationId: null, times: null, git: result, eventsOmitted, task, finalMessage };
  }
  const { automationId, startedAt, completedAt, runDurationMs } = result;
  return {
    ...result,
    ...NOTHING_OF_A_RUN,
    ...named,
    automationId: automationId || null,
    times: { startedAt, completedAt, durationMs: runDurationMs },
  };
}

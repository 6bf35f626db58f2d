/**
 * The words of logs and reports for kinds of results, verdicts, branches and causes of waits.
 *
 * @module
 */
import { EXIT } from "../exit_codes.ts";
import { lookup } from "../lookup.ts";
import type { WaitCause } from "../notice.ts";
import type { AnyResult } from "./any_result.ts";
import type { AutomationOutcome } from "./automation_result.ts";
import { factsFromEvents } from "./run_facts.ts";
import type { Outcome, RunResult } from "./run_result.ts";

/** The words for a run or an automation run. */
export interface KindWords {
  /** Its name in the middle of a sentence. */
  readonly noun: "run" | "automation run";
  /** What a job starts, as the subject of a sentence. */
  readonly started: "Mogplex run" | "automation";
  /** What a job did to start it. */
  readonly begun: "started" | "triggered";
  /** All outcomes that a result of the kind can have. */
  readonly outcomes: readonly (Outcome | AutomationOutcome)[];
}

/** A verdict in words. */
export interface VerdictWords {
  /** Emoji before the headline, where there is room for one. */
  readonly mark: string;
  /** In the block at the end of a log, after "verdict". */
  readonly word: string;
  /** As a heading, a title or the first line of a failure. */
  readonly headline: string;
}

interface VerdictRow {
  readonly mark: string;
  readonly word: string;
  readonly headline: (kind: KindWords) => string;
}

const VERDICTS: Readonly<Record<Outcome | AutomationOutcome | "not_started", VerdictRow>> = {
  success: { mark: "✅", word: "success", headline: ({ noun }) => `Mogplex ${noun} succeeded` },
  failed: { mark: "❌", word: "failed", headline: ({ noun }) => `Mogplex ${noun} failed` },
  cancelled: { mark: "🚫", word: "cancelled", headline: ({ noun }) => `Mogplex ${noun} was cancelled` },
  awaiting_input: {
    mark: "⏳",
    word: "waits for a person",
    headline: ({ noun }) => `Mogplex ${noun} waits for a person`,
  },
  deadline: { mark: "⏳", word: "did not end in time", headline: ({ noun }) => `Mogplex ${noun} did not end in time` },
  interrupted: {
    mark: "🚫",
    word: "interrupted",
    headline: ({ noun }) => `Following the Mogplex ${noun} was interrupted`,
  },
  started: {
    mark: "🚀",
    word: "started, not followed",
    headline: ({ noun }) => `Mogplex ${noun} started, not followed`,
  },
  suppressed: {
    mark: "⏳",
    word: "nothing was started",
    headline: ({ started }) => `The ${started} was not started`,
  },
  not_started: { mark: "❌", word: "not started", headline: ({ started }) => `The ${started} was not started` },
  error: {
    mark: "❌",
    word: "not known",
    headline: ({ noun }) => `The verdict on the Mogplex ${noun} is not known`,
  },
};

const RUN: KindWords = {
  noun: "run",
  started: "Mogplex run",
  begun: "started",
  outcomes: ["success", "failed", "cancelled", "awaiting_input", "deadline", "interrupted", "started", "error"],
};

const AUTOMATION_RUN: KindWords = {
  noun: "automation run",
  started: "automation",
  begun: "triggered",
  outcomes: ["success", "failed", "cancelled", "deadline", "suppressed", "interrupted", "error"],
};

const KINDS: Readonly<Record<AnyResult["kind"], KindWords>> = { run: RUN, "automation-run": AUTOMATION_RUN };

/** The words for what a result is about. A result without a `kind` is a run's, from an older version. */
export function kindWords({ kind }: AnyResult): KindWords {
  return lookup(KINDS, kind) ?? RUN;
}

// After any other error the run may have been started, since a request can arrive although its answer does not.
const REFUSALS: readonly number[] = [EXIT.usage, EXIT.unauthorized, EXIT.forbidden, EXIT.rateLimited];

function isRefused({ outcome, runId, idempotencyKey, exitCode }: AnyResult): boolean {
  return outcome === "error" && runId === null && (idempotencyKey === null || REFUSALS.includes(exitCode));
}

/** Whether something may have been started although no answer says so. */
export function mayHaveStarted(result: AnyResult): boolean {
  return result.runId === null && result.idempotencyKey !== null && !isRefused(result);
}

/** The verdict of a result in words. A start that was refused or never sent has its own words. */
export function verdictWords(result: AnyResult): VerdictWords {
  const { mark, word, headline } = VERDICTS[isRefused(result) ? "not_started" : result.outcome];
  return { mark, word, headline: headline(kindWords(result)) };
}

/**
 * Where the work of the agent is, as far as that is known.
 *
 * @param show Makes a name fit for the place it is shown in. @default {as it is}
 */
export function branchWords(
  { branch: { pushed, requested }, changed, events }: Pick<RunResult, "branch" | "changed" | "events">,
  show: (name: string) => string = (name) => name,
): string {
  if (pushed !== null) return show(pushed);
  if (changed === false) return "nothing to push";
  const { workingBranch } = factsFromEvents(events);
  if (workingBranch !== null) return `${show(workingBranch)} (the agent worked on it; no push was seen)`;
  return requested === null ? "unknown" : `unknown (asked for ${show(requested)})`;
}

/** The phases of a run, after "failed in". */
export const PHASE_WORDS: Readonly<Record<string, string>> = {
  queue: "boot",
  prepare: "preparation",
  agent: "the agent's work",
  deliver: "delivery",
};

/** The causes of waits, in words. */
export const WAIT_CAUSES: Readonly<Record<WaitCause, string>> = {
  rate_limit: "rate limit of the token",
  start_limit: "limit of run starts",
  unavailable: "service unavailable",
  network: "network",
  invalid_answer: "answer that is not the API's",
  unauthorized: "token refused for a moment",
};

/**
 * The result of a run. Reports render this or an `AutomationResult`, and nothing else.
 *
 * @module
 */
import { EXIT } from "../exit_codes.ts";
import type { RunEvent, RunStatus } from "../model.ts";
import type { WaitCause } from "../notice.ts";
import type { ResultError } from "./result_error.ts";

/**
 * Our verdict. `success`, `failed` and `cancelled` are the service's verdicts. `awaiting_input`: the run waits for a person, which
 * is an end for CI. `deadline`: it did not end in time. `interrupted`: a signal stopped us. `started`: we were asked to start it
 * only. `error`: there is no verdict; `error`, `reason` and `exitCode` say why.
 */
export type Outcome =
  | "success"
  | "failed"
  | "cancelled"
  | "awaiting_input"
  | "deadline"
  | "interrupted"
  | "started"
  | "error";

/** A phase of a run, as far as its events show it. */
export interface Phase {
  /** `queue` (accepted to sandbox ready), `prepare` (to agent process), `agent` (to its end), `deliver` (to the run's end). */
  name: string;
  /** When it began, in ISO 8601. */
  startedAt: string;
  /** Milliseconds; null while it goes on, or when its end was not seen. */
  durationMs: number | null;
}

/** All waits of one cause. */
export interface WaitTotal {
  /** What the requests waited for. */
  cause: WaitCause;
  /** How many waits there were. */
  count: number;
  /** Sum of their lengths in milliseconds. */
  totalMs: number;
}

/** Everything that is known of a run. Its texts are untrusted and not yet redacted. */
export interface RunResult {
  /** Version of this form. It changes when a field changes its meaning or goes away. */
  schemaVersion: 1;
  /** Tells this result from that of an automation run. */
  kind: "run";
  /** UUID of the run; null when none was started. */
  runId: string | null;
  /** UUID of the repository. */
  repoId: string | null;
  /** Name of the repository, `owner/name`; null when the service did not say it in time. */
  repository: string | null;
  /** The task, as it was sent; null when only the id of the run is known, or when the task is not to be shown. */
  task: string | null;
  /** Agent, such as `codex` or `claude-code`. */
  harness: string | null;
  /** Last status that the service reported; null when it reported none. */
  status: RunStatus | null;
  /** Our verdict. */
  outcome: Outcome;
  /** Exit code that belongs to the verdict. */
  exitCode: number;
  /** Why it ended so, in one or more lines; null when there is nothing to say. */
  reason: string | null;
  /** What stopped us before the service gave a verdict, in parts; null when it gave one. */
  error: ResultError | null;
  /** `failure_code` of the last `failed` event. */
  failureCode: string | null;
  /** True when the start found an existing run; null when we attached by id. */
  replayed: boolean | null;
  /** Key that finds the run again. */
  idempotencyKey: string | null;
  /** Branches; `pushed` comes from the events and is null when they did not say. */
  branch: { base: string | null; requested: string | null; pushed: string | null };
  /** `none` only when the service said so; `unknown` when the events that would say it were not seen. */
  pullRequest: { state: "open" | "none" | "unknown"; url: string | null };
  /** Whether the agent changed anything; null when unknown. */
  changed: boolean | null;
  /**
   * Paths that the delivery event names, at most 25: changes that the service committed. Those that the agent committed itself are not
   * among them. Null when no such event was seen.
   */
  files: string[] | null;
  /** What the agent said last, at most 20 000 UTF-16 units; null when it said nothing, or the service does not report it. */
  finalMessage: string | null;
  /** When the service created the run, in ISO 8601. */
  createdAt: string | null;
  /** When the service last changed the run, in ISO 8601. */
  updatedAt: string | null;
  /** Phases, in order. */
  phases: Phase[];
  /** Number of events seen; whether some were missed; whether the feed was full, so that later ones cannot be seen. */
  eventCount: { seen: number; missed: boolean; windowFull: boolean };
  /** HTTP requests sent, retries included. */
  requests: number;
  /** Waits by cause. */
  waits: WaitTotal[];
  /** Milliseconds from the beginning of the job to its end. */
  durationMs: number;
  /** Origin of the service; empty when there is none that we may send requests to. */
  origin: string;
  /** How to look at the run again: a command, or what to do in a GitLab component. Null when it has ended. */
  resume: string | null;
  /**
   * How many of the events seen are not in `events`. All of them are in the report `ndjson` of the command, and in the option
   * `eventsFile` of a script; `onItem` gets each one. @default {0}
   */
  eventsOmitted: number;
  /**
   * Events, oldest first: the newest 200, and of earlier ones those that tell of a phase, a branch, the pull request or the end. A
   * run may report more than fits into memory, so very large ones are missing as well. `result.json` has no events.
   */
  events: RunEvent[];
}

/** A result about which nothing is known yet. Every other one is made from it. */
export function emptyRunResult(): RunResult {
  return {
    schemaVersion: 1,
    kind: "run",
    runId: null,
    repoId: null,
    repository: null,
    task: null,
    harness: null,
    status: null,
    outcome: "error",
    exitCode: EXIT.internal,
    reason: null,
    error: null,
    failureCode: null,
    replayed: null,
    idempotencyKey: null,
    branch: { base: null, requested: null, pushed: null },
    pullRequest: { state: "unknown", url: null },
    changed: null,
    files: null,
    finalMessage: null,
    createdAt: null,
    updatedAt: null,
    phases: [],
    eventCount: { seen: 0, missed: false, windowFull: false },
    requests: 0,
    waits: [],
    durationMs: 0,
    origin: "",
    resume: null,
    eventsOmitted: 0,
    events: [],
  };
}

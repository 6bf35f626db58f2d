/**
 * The result of an automation run. Reports render this or a `RunResult`, and nothing else.
 *
 * @module
 */
import { EXIT } from "../exit_codes.ts";
import type { ResultError } from "./result_error.ts";
import type { WaitTotal } from "./run_result.ts";

/**
 * Our verdict. `success`, `failed` and `cancelled` are the service's verdicts. `deadline`: it did not end in time, or was still
 * waiting for a slot. `suppressed`: nothing was started, since too many runs are active. `interrupted`: a signal stopped us.
 * `error`: there is no verdict; `error`, `reason` and `exitCode` say why.
 */
export type AutomationOutcome =
  | "success"
  | "failed"
  | "cancelled"
  | "deadline"
  | "suppressed"
  | "interrupted"
  | "error";

/** Everything that is known of an automation run. Its texts are untrusted and not yet redacted. */
export interface AutomationResult {
  /** Version of this form. It changes when a field changes its meaning or goes away. */
  schemaVersion: 1;
  /** Tells this result from that of a run. */
  kind: "automation-run";
  /** UUID of the automation; empty when none was named. */
  automationId: string;
  /** UUID of the automation run; null when none is known. */
  runId: string | null;
  /** UUID of the repository; null when it is not known. */
  repoId: string | null;
  /** Name of the repository, `owner/name`; null when the service did not say it in time. */
  repository: string | null;
  /** Last status that the service reported; null when it reported none. */
  status: string | null;
  /** Our verdict. */
  outcome: AutomationOutcome;
  /** Exit code that belongs to the verdict. */
  exitCode: number;
  /** Why it ended so, in one or more lines; null when there is nothing to say. */
  reason: string | null;
  /** What stopped us before the service gave a verdict, in parts; null when it gave one. */
  error: ResultError | null;
  /** Whether the key was known, so that nothing was started now; null when no trigger was answered. */
  replayed: boolean | null;
  /** Key that finds the run again. */
  idempotencyKey: string | null;
  /** When the service created it, in ISO 8601. */
  createdAt: string | null;
  /** When it began, in ISO 8601; null while it waits for a slot. */
  startedAt: string | null;
  /** When it ended, in ISO 8601; null while it goes on. */
  completedAt: string | null;
  /** Milliseconds that the run took, as the service says. */
  runDurationMs: number | null;
  /** HTTP requests sent, retries included. */
  requests: number;
  /** Waits by cause. */
  waits: WaitTotal[];
  /** Milliseconds from the beginning of the job to its end. */
  durationMs: number;
  /** Origin of the service; empty when there is none that we may send requests to. */
  origin: string;
  /** How to look at the run again; null when it has ended. */
  resume: string | null;
}

/** A result about which nothing is known yet. Every other one is made from it. */
export function emptyAutomationResult(): AutomationResult {
  return {
    schemaVersion: 1,
    kind: "automation-run",
    automationId: "",
    runId: null,
    repoId: null,
    repository: null,
    status: null,
    outcome: "error",
    exitCode: EXIT.internal,
    reason: null,
    error: null,
    replayed: null,
    idempotencyKey: null,
    createdAt: null,
    startedAt: null,
    completedAt: null,
    runDurationMs: null,
    requests: 0,
    waits: [],
    durationMs: 0,
    origin: "",
    resume: null,
  };
}

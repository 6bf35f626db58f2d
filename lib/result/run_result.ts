/**
 * The result of a run as every report tells it. Reports render this and nothing else.
 *
 * @module
 */
import { EXIT } from "../exit_codes.ts";
import type { RunEvent, RunStatus } from "../model.ts";
import type { WaitCause } from "../notice.ts";
import type { ResultError } from "./result_error.ts";

/**
 * Our verdict. `success`, `failed` and `cancelled` are the server's; `awaiting_input` is an end for CI; `deadline`: not finished in
 * time; `interrupted`: we were told to stop; `started`: we were asked to start it and no more; `error`: the verdict could not be
 * learned (see `reason` and `exitCode`).
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

/** A stretch of a run, as far as its events show it. */
export interface Phase {
  /** `queue` (accepted to sandbox ready), `prepare` (to agent process), `agent` (to its end), `deliver` (to the run's end). */
  name: string;
  /** ISO 8601. */
  startedAt: string;
  /** Milliseconds; null while it goes on, or when its end was not seen. */
  durationMs: number | null;
}

/** Waits of one cause, added up. */
export interface WaitTotal {
  /** Why. */
  cause: WaitCause;
  /** How many. */
  count: number;
  /** Milliseconds in all. */
  totalMs: number;
}

/** A run's verdict with everything that explains it. */
export interface RunResult {
  /** Version of this form. It changes when a field changes its meaning or goes away. */
  schemaVersion: 1;
  /** Tells this result from that of an automation run. */
  kind: "run";
  /** UUID of the run; null when none was started. */
  runId: string | null;
  /** UUID of the repository. */
  repoId: string | null;
  /** Agent. */
  harness: string | null;
  /** The server's last word; null when it was never heard. */
  status: RunStatus | null;
  /** Our verdict. */
  outcome: Outcome;
  /** Exit code that belongs to the verdict. */
  exitCode: number;
  /** Why it ended so, in one or more lines; untrusted text. Null when there is nothing to say. */
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
  /** ISO 8601, of the service. */
  createdAt: string | null;
  /** ISO 8601, of the service. */
  updatedAt: string | null;
  /** Phases in order. */
  phases: Phase[];
  /** How many events were seen; whether some went by unseen; whether the feed was full, so that later ones cannot be seen. */
  eventCount: { seen: number; missed: boolean; windowFull: boolean };
  /** HTTP requests sent. */
  requests: number;
  /** Waits by cause. */
  waits: WaitTotal[];
  /** Milliseconds that we spent. */
  durationMs: number;
  /** Origin of the service; empty when there was none that may be spoken to. */
  origin: string;
  /** How to look at the run again: a command, or what to do in a GitLab component, which has none. */
  resume: string | null;
  /** All events seen, oldest first. Not part of `result.json`: they have a file of their own. */
  events: RunEvent[];
}

/** A result about which nothing is known yet. Every other one is made from it. */
export function emptyRunResult(): RunResult {
  return {
    schemaVersion: 1,
    kind: "run",
    runId: null,
    repoId: null,
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
    createdAt: null,
    updatedAt: null,
    phases: [],
    eventCount: { seen: 0, missed: false, windowFull: false },
    requests: 0,
    waits: [],
    durationMs: 0,
    origin: "",
    resume: null,
    events: [],
  };
}

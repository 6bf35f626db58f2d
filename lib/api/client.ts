/**
 * The service, one method a route. Answers are checked against the contract; everything else is thrown as one of the classes
 * in `errors.ts`.
 *
 * @module
 */
import type {
  Automation,
  AutomationRun,
  CancelResult,
  PrReviewRerun,
  Repo,
  Run,
  RunEvents,
  Sandbox,
  StartRequest,
  StartResult,
  TriggerResult,
} from "../model.ts";

/** How long and how often one call may try. */
export interface CallOptions {
  /** Ends the call; it then rejects with `signal.reason`. @default {undefined} */
  signal?: AbortSignal | undefined;
  /**
   * Point on the client's clock (`clock.now()`) until which the call may wait and try again. What does not fit is not waited
   * for: the last error is thrown at once. @default now + 120 000 ms
   */
  deadline?: number | undefined;
  /** Attempts in all, the first included; 1 turns retrying off. @default {Infinity} (the deadline bounds it) */
  maxAttempts?: number | undefined;
  /** Limit of one attempt in milliseconds, headers and body together. @default {30_000} */
  requestTimeoutMs?: number | undefined;
}

/** A client of the service. */
export interface MogplexClient {
  /** Origin that it speaks to. */
  readonly origin: string;
  /** HTTP requests sent so far, retries included. */
  readonly requests: number;
  /** Repositories that the token reaches; hidden ones are not listed. `limit` is 1 to 200. */
  listRepos(query?: { q?: string; id?: string; limit?: number }, call?: CallOptions): Promise<Repo[]>;
  /** Sandboxes, most recently active first. `limit` is 1 to 200. */
  listSandboxes(query?: { repoId?: string; status?: string; limit?: number }, call?: CallOptions): Promise<Sandbox[]>;
  /**
   * Starts a run, or finds the one that the key started. Every attempt sends the same key and the same bytes.
   *
   * @throws {UsageError} when a field breaks a rule of the service; nothing was sent.
   * @throws {StartUnknownError} when no attempt got an answer that tells whether the run exists.
   */
  startRun(request: StartRequest, key: { idempotencyKey: string }, call?: CallOptions): Promise<StartResult>;
  /** One run. */
  getRun(runId: string, call?: CallOptions): Promise<Run>;
  /** A run and at most `limit` (1 to 200, default 200) of its events. */
  getRunEvents(runId: string, query?: { limit?: number }, call?: CallOptions): Promise<RunEvents>;
  /** Cancels a run; a run that has ended is no error. */
  cancelRun(runId: string, call?: CallOptions): Promise<CancelResult>;
  /** Automations, newest first. `limit` is 1 to 100. */
  listAutomations(
    query?: { limit?: number; cursor?: string },
    call?: CallOptions,
  ): Promise<{ automations: Automation[]; nextCursor: string | null }>;
  /** One automation. */
  getAutomation(automationId: string, call?: CallOptions): Promise<Automation>;
  /** Triggers an automation. Being accepted does not mean that work started: look at the result. */
  triggerAutomation(
    automationId: string,
    request: { repoId: string; input?: Record<string, unknown> },
    key: { idempotencyKey: string },
    call?: CallOptions,
  ): Promise<TriggerResult>;
  /** Runs of an automation, newest first. `limit` is 1 to 50. */
  listAutomationRuns(automationId: string, query?: { limit?: number }, call?: CallOptions): Promise<AutomationRun[]>;
  /** One run of an automation. */
  getAutomationRun(automationId: string, runId: string, call?: CallOptions): Promise<AutomationRun>;
  /** Runs a review again. Not protected by a key: each call that arrives queues another attempt, so it is never retried. */
  rerunPrReview(request: { repoId: string; prNumber: number }, call?: CallOptions): Promise<PrReviewRerun>;
}

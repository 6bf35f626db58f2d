/**
 * What a client of the service can do: one method a route.
 *
 * @module
 */
import type { CallOptions } from "../retry/call_options.ts";
import type {
  Automation,
  AutomationDetail,
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
import type { RunEventStream } from "./stream.ts";

/** A client of the service. */
export interface MogplexClient {
  /** Origin that it speaks to. */
  readonly origin: string;
  /** HTTP requests sent so far, retries included. */
  readonly requests: number;
  /** Milliseconds by which this machine's wall time is ahead of the service's, by the `Date` of its last answer. @default 0 */
  readonly clockSkewMs?: number;
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
  /**
   * Opens the stream of a run's events, which later revisions of the service have: first the run, then at most `limit` (1 to
   * 200, default 200) of its newest events, or all after `lastEventId`, then each as it comes. The service closes it after an
   * event that ends a run, and after 800 s at the latest; closing does not mean that the run has ended. The limits are those of
   * the opening; the signal also ends the stream.
   *
   * @throws {UnavailableError} with status 404, 405 or 200 where there is no such route.
   */
  openRunEvents(
    runId: string,
    query?: { limit?: number; lastEventId?: string | undefined },
    call?: CallOptions,
  ): Promise<RunEventStream>;
  /** Cancels a run; a run that has ended is no error. */
  cancelRun(runId: string, call?: CallOptions): Promise<CancelResult>;
  /** Automations, newest first. `limit` is 1 to 100. */
  listAutomations(
    query?: { limit?: number; cursor?: string },
    call?: CallOptions,
  ): Promise<{ automations: Automation[]; nextCursor: string | null }>;
  /** One automation, with the version that runs and a summary of its runs. */
  getAutomation(automationId: string, call?: CallOptions): Promise<AutomationDetail>;
  /**
   * Triggers an automation. Being accepted does not mean that work started: look at the result. The key is sent as it is; older
   * revisions of the service share all keys among all users and compare no bodies, so begin it with something of your own.
   */
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
  /**
   * Cancels a run of an automation, which later revisions of the service can. Its status is told as far as the answer does.
   *
   * @throws {UnavailableError} with status 404 or 405 where there is no such route.
   * @throws {ConflictError} when the run has ended.
   */
  cancelAutomationRun(automationId: string, runId: string, call?: CallOptions): Promise<{ status: string | null }>;
  /** Runs a review again. Not protected by a key: each call that arrives queues another attempt, so it is never retried. */
  rerunPrReview(request: { repoId: string; prNumber: number }, call?: CallOptions): Promise<PrReviewRerun>;
}

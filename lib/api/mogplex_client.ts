/**
 * The interface of a client of the service: one method for each route.
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

/** A client of the service. Every method retries as its {@linkcode CallOptions} allow. */
export interface MogplexClient {
  /** Origin of the service. */
  readonly origin: string;
  /** HTTP requests sent so far, retries included. */
  readonly requests: number;
  /** By how many milliseconds this machine's wall time is ahead of the `Date` in the service's last answer. @default unknown */
  readonly clockSkewMs?: number | undefined;
  /** Lists the repositories that the token can use, without hidden ones. `limit` is 1 to 200. */
  listRepos(
    query?: { q?: string | undefined; id?: string | undefined; limit?: number | undefined },
    call?: CallOptions,
  ): Promise<Repo[]>;
  /** Lists sandboxes, most recently active first. `limit` is 1 to 200. */
  listSandboxes(
    query?: { repoId?: string | undefined; status?: string | undefined; limit?: number | undefined },
    call?: CallOptions,
  ): Promise<Sandbox[]>;
  /**
   * Starts a run, or returns the one that the same key started. Every attempt sends the same key and the same bytes.
   *
   * @throws {UsageError} when a field breaks a rule of the service; nothing was sent.
   * @throws {StartUnknownError} when no attempt got an answer that shows whether the run exists.
   */
  startRun(request: StartRequest, key: { idempotencyKey: string }, call?: CallOptions): Promise<StartResult>;
  /**
   * Asks whether the token may start runs, without effect: it sends a start without a key, which the service refuses, and takes no
   * start slot.
   *
   * @throws {ForbiddenError} when the token may not; its `code` is `AUTOMATION_REQUIRED` when it may trigger automations only.
   */
  checkStartAccess(call?: CallOptions): Promise<void>;
  /** Gets a run. */
  getRun(runId: string, call?: CallOptions): Promise<Run>;
  /** Gets a run and at most `limit` (1 to 200, default 200) of its events. */
  getRunEvents(runId: string, query?: { limit?: number | undefined }, call?: CallOptions): Promise<RunEvents>;
  /**
   * Opens the stream of a run's events, a route of later revisions of the service. It yields the run first, then at most `limit`
   * (1 to 200, default 200) of its newest events, or all events after `lastEventId`, then each new event. The service closes the
   * stream after an event that ends a run, and after 800 s at the latest; a closed stream does not mean that the run has ended.
   * The time limits of `call` apply to opening the stream; its signal also ends the stream.
   *
   * @throws {UnavailableError} with status 404, 405 or 200 when the service does not have the route.
   */
  openRunEvents(
    runId: string,
    query?: { limit?: number | undefined; lastEventId?: string | undefined },
    call?: CallOptions,
  ): Promise<RunEventStream>;
  /** Cancels a run. A run that has already ended is not an error. */
  cancelRun(runId: string, call?: CallOptions): Promise<CancelResult>;
  /** Lists automations, newest first. `limit` is 1 to 100; `cursor` is the `nextCursor` of the page before. */
  listAutomations(
    query?: { limit?: number | undefined; cursor?: string | undefined },
    call?: CallOptions,
  ): Promise<{ automations: Automation[]; nextCursor: string | null }>;
  /** Gets an automation with its published version and a summary of its runs. */
  getAutomation(automationId: string, call?: CallOptions): Promise<AutomationDetail>;
  /**
   * Triggers an automation. An accepted trigger may not have started any work: check the result. The key is sent unchanged. Older
   * revisions of the service share keys between all users and do not compare bodies, so begin the key with a prefix of your own.
   */
  triggerAutomation(
    automationId: string,
    request: { repoId: string; input?: Record<string, unknown> | undefined },
    key: { idempotencyKey: string },
    call?: CallOptions,
  ): Promise<TriggerResult>;
  /** Lists the runs of an automation, newest first. `limit` is 1 to 50. */
  listAutomationRuns(
    automationId: string,
    query?: { limit?: number | undefined },
    call?: CallOptions,
  ): Promise<AutomationRun[]>;
  /** Gets a run of an automation. */
  getAutomationRun(automationId: string, runId: string, call?: CallOptions): Promise<AutomationRun>;
  /**
   * Cancels a run of an automation, a route of later revisions of the service. `status` is null when the answer has none.
   *
   * @throws {UnavailableError} with status 404 or 405 when the service does not have the route.
   * @throws {ConflictError} when the run has ended.
   */
  cancelAutomationRun(automationId: string, runId: string, call?: CallOptions): Promise<{ status: string | null }>;
  /** Reruns a review of a pull request. Never retried: no key protects it, so every call that arrives queues another attempt. */
  rerunPrReview(request: { repoId: string; prNumber: number }, call?: CallOptions): Promise<PrReviewRerun>;
}

/** The client's methods that read a run. */
export type RunReads = Pick<MogplexClient, "getRun" | "getRunEvents" | "openRunEvents">;

import type {
  Automation,
  AutomationDetail,
  AutomationRun,
  CancelResult,
  Repo,
  Run,
  RunEvents,
  Sandbox,
  StartRequest,
  StartResult,
  TriggerResult,
} from "../model.ts";
import type { CallOptions as ServiceCallOptions } from "./retry.ts";
import type { RunEventStream } from "./stream.ts";

/** Options of every call of {@linkcode MogplexApi}. */
export interface CallOptions {
  /** Ends the call, which then rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /**
   * Maximum time for the call, including all attempts, in milliseconds: more than 0, at most 30 days. @default the client's option, otherwise
   * 120,000
   */
  timeoutMs?: number | undefined;
  /** Maximum number of attempts, including the first; with 1, nothing is repeated. @default the client's option, otherwise unlimited */
  maxAttempts?: number | undefined;
}

/** Options for {@linkcode MogplexApi.request}. */
export interface RequestOptions extends CallOptions {
  /** Query parameters. Values that are `undefined` are left out. @default {{}} */
  query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  /** Body, sent as JSON. @default none */
  body?: unknown;
  /** Makes the request safe to repeat, if the route supports keys. @default none; only GET requests are repeated */
  idempotencyKey?: string | undefined;
}

/** A list. Await it for its first page, or loop over it for all entries. Nothing is requested twice if you do both. */
export interface ListCall<P, T> extends Promise<P>, AsyncIterable<T> {}

/**
 * Methods that call the routes of the service for repositories, sandboxes, runs and automations; {@linkcode MogplexApi.request} calls any
 * other route. After a 429, a 5xx or a network failure, they wait and try again, as long as their {@linkcode CallOptions} permit.
 */
export interface MogplexApi {
  /** Origin of the service. */
  readonly origin: string;
  /** Number of HTTP requests that the client has sent so far, including retries. */
  readonly requests: number;
  /** Number of milliseconds by which this machine's wall time is ahead of the `Date` in the service's last answer. @default unknown */
  readonly clockSkewMs?: number | undefined;
  /** Lists the repositories that the token can use, except hidden ones. `limit` is 1 to 200. */
  listRepos(
    query?: { q?: string | undefined; id?: string | undefined; limit?: number | undefined },
    options?: CallOptions,
  ): ListCall<Repo[], Repo>;
  /** Lists sandboxes, most recently active first. `limit` is 1 to 200. */
  listSandboxes(
    query?: { repoId?: string | undefined; status?: string | undefined; limit?: number | undefined },
    options?: CallOptions,
  ): ListCall<Sandbox[], Sandbox>;
  /**
   * Starts a run, or returns the run that was started with the same key. Every attempt sends the same key and the same bytes.
   *
   * @throws {UsageError} if a field violates a rule of the service (nothing was sent), or if the service answers 503 because the token cannot access
   * the repository.
   * @throws {StartUnknownError} if an attempt may have started the run, but its answer was lost or unclear.
   */
  startRun(request: StartRequest, key: { idempotencyKey: string }, options?: CallOptions): Promise<StartResult>;
  /**
   * Checks whether the token can start runs, without starting one. The check sends a start without a key. The service refuses this start, and does
   * not count it against the start limit.
   *
   * @throws {ForbiddenError} if the token cannot start runs. The error's `code` is `AUTOMATION_REQUIRED` if the token can only trigger automations.
   */
  checkStartAccess(options?: CallOptions): Promise<void>;
  /** Gets a run. */
  getRun(runId: string, options?: CallOptions): Promise<Run>;
  /** Gets a run and at most `limit` (1 to 200, default 200) of its events. */
  getRunEvents(runId: string, query?: { limit?: number | undefined }, options?: CallOptions): Promise<RunEvents>;
  /**
   * Opens the stream of a run's events. Only later revisions of the service have this route. The stream yields the run first, then at most `limit` (1
   * to 200, default 200) of its newest events, or all events after `lastEventId`, then each new event. The service closes the stream after an event
   * that ends a run, and after 800 s at the latest. A closed stream does not mean that the run has ended. The limits in `options` apply to opening
   * the stream; `signal` also ends the stream.
   *
   * @throws {UnavailableError} with status 404, 405 or 200 if the service does not have the route.
   */
  openRunEvents(
    runId: string,
    query?: { limit?: number | undefined; lastEventId?: string | undefined },
    options?: CallOptions,
  ): Promise<RunEventStream>;
  /** Cancels a run. It is not an error if the run has already ended. */
  cancelRun(runId: string, options?: CallOptions): Promise<CancelResult>;
  /** Lists automations, newest first. `limit` is 1 to 100; `cursor` is the `nextCursor` of the previous page. */
  listAutomations(
    query?: { limit?: number | undefined; cursor?: string | undefined },
    options?: CallOptions,
  ): ListCall<{ automations: Automation[]; nextCursor: string | null }, Automation>;
  /** Gets an automation with its published version and a summary of its runs. */
  getAutomation(automationId: string, options?: CallOptions): Promise<AutomationDetail>;
  /**
   * Triggers an automation. An accepted trigger might not have started any work: check the result. The key is sent unchanged. Older
   * revisions of the service share keys between all users and do not compare bodies, so begin the key with a prefix of your own.
   */
  triggerAutomation(
    automationId: string,
    request: { repoId: string; input?: Record<string, unknown> | undefined },
    key: { idempotencyKey: string },
    options?: CallOptions,
  ): Promise<TriggerResult>;
  /** Lists the runs of an automation, newest first. `limit` is 1 to 50. */
  listAutomationRuns(
    automationId: string,
    query?: { limit?: number | undefined },
    options?: CallOptions,
  ): ListCall<AutomationRun[], AutomationRun>;
  /** Gets an automation run. */
  getAutomationRun(automationId: string, runId: string, options?: CallOptions): Promise<AutomationRun>;
  /**
   * Cancels an automation run. Only later revisions of the service have this route. `status` is `null` if the answer has none.
   *
   * @throws {UnavailableError} with status 404 or 405 if the service does not have the route.
   * @throws {ConflictError} if the run has ended.
   */
  cancelAutomationRun(automationId: string, runId: string, options?: CallOptions): Promise<{ status: string | null }>;
  /**
   * Sends a request, with the client's token, to a route that has no method here. Only GET requests, and requests with an `idempotencyKey`,
   * are repeated.
   *
   * @param route Method and path below the API, such as `GET /runs`. The path begins with one slash. Percent-encode special characters.
   * @returns The `data` of the answer, unchecked.
   * @throws {UsageError} for a path that leaves the API; nothing was sent.
   * @example A route that has no method yet
   * ```ts ignore
   * const usage = await mogplex.api.request("GET /usage", { query: { days: 7 } });
   * ```
   */
  request(route: string, options?: RequestOptions): Promise<unknown>;
}

export type Methods = Omit<MogplexApi, "origin" | "requests" | "clockSkewMs" | "request">;

type Arguments<A extends readonly unknown[]> = {
  [I in keyof A]: "maxAttempts" extends keyof NonNullable<A[I]> ? ServiceCallOptions : A[I];
};

/** The internal client. It has the methods of {@linkcode MogplexApi}, and each call retries as its options allow. */
export type ServiceClient =
  & Pick<MogplexApi, "origin" | "requests" | "clockSkewMs">
  & { [M in keyof Methods]: (...given: Arguments<Parameters<Methods[M]>>) => Promise<Awaited<ReturnType<Methods[M]>>> };

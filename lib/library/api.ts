/**
 * `mogplex.api`: the methods of the service, as scripts call them.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { checkOptions, type Keys, type Kind } from "../check_options.ts";
import type { Clock } from "../clock.ts";
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
import { callHook } from "../hook.ts";
import type { Notice, OnNotice } from "../notice.ts";
import { checkTimeout } from "../run/session.ts";
import {
  allCalls,
  type CallOptions as ServiceCallOptions,
  type ClientFacts,
  ownClient,
  type ServiceClient,
} from "../service/client.ts";
import { requestCall, type SendRequest } from "../service/request.ts";
import type { RunEventStream } from "../service/stream.ts";

/** How long and how often a call of {@linkcode MogplexApi} may try. */
export interface CallOptions {
  /** Ends the call, which then rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** Longest time of the call with all its attempts, in milliseconds: more than 0, at most 30 days. @default the client's option, otherwise 120 000 */
  timeoutMs?: number | undefined;
  /** Most attempts, the first one included; 1 never repeats. @default the client's option, otherwise unlimited */
  maxAttempts?: number | undefined;
}

/** Options of {@linkcode MogplexApi.request}. */
export interface RequestOptions extends CallOptions {
  /** Values of the query; those that are undefined are left out. @default {{}} */
  query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  /** Body, which is sent as JSON. @default none */
  body?: unknown;
  /** Makes the request safe to repeat, where the route knows keys. @default only a GET is repeated */
  idempotencyKey?: string | undefined;
}

/** A list: await it for its first page, or loop over it for all entries. Nothing is requested twice if you do both. */
export interface ListCall<P, T> extends Promise<P>, AsyncIterable<T> {}

/**
 * The methods of the service: one for each route. After a 429, a 5xx or a network failure they wait and try again as their
 * {@linkcode CallOptions} permit.
 */
export interface MogplexApi {
  /** Origin of the service. */
  readonly origin: string;
  /** HTTP requests that the client has sent so far, retries included. */
  readonly requests: number;
  /** By how many milliseconds this machine's wall time is ahead of the `Date` in the service's last answer. @default unknown */
  readonly clockSkewMs?: number | undefined;
  /** Lists the repositories that the token can use, without hidden ones. `limit` is 1 to 200. */
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
   * Starts a run, or returns the one that the same key started. Every attempt sends the same key and the same bytes.
   *
   * @throws {UsageError} when a field breaks a rule of the service; nothing was sent.
   * @throws {StartUnknownError} when no attempt got an answer that shows whether the run exists.
   */
  startRun(request: StartRequest, key: { idempotencyKey: string }, options?: CallOptions): Promise<StartResult>;
  /**
   * Asks whether the token can start runs, without effect: it sends a start without a key, which the service refuses, and takes no start slot.
   *
   * @throws {ForbiddenError} when the token may not; its `code` is `AUTOMATION_REQUIRED` when it may trigger automations only.
   */
  checkStartAccess(options?: CallOptions): Promise<void>;
  /** Gets a run. */
  getRun(runId: string, options?: CallOptions): Promise<Run>;
  /** Gets a run and at most `limit` (1 to 200, default 200) of its events. */
  getRunEvents(runId: string, query?: { limit?: number | undefined }, options?: CallOptions): Promise<RunEvents>;
  /**
   * Opens the stream of a run's events, a route of later revisions of the service. It yields the run first, then at most `limit` (1 to 200,
   * default 200) of its newest events, or all events after `lastEventId`, then each new event. The service closes the stream after an event
   * that ends a run, and after 800 s at the latest; a closed stream does not mean that the run has ended. The limits of `options` apply to
   * opening the stream; its signal also ends the stream.
   *
   * @throws {UnavailableError} with status 404, 405 or 200 when the service does not have the route.
   */
  openRunEvents(
    runId: string,
    query?: { limit?: number | undefined; lastEventId?: string | undefined },
    options?: CallOptions,
  ): Promise<RunEventStream>;
  /** Cancels a run. A run that has already ended is not an error. */
  cancelRun(runId: string, options?: CallOptions): Promise<CancelResult>;
  /** Lists automations, newest first. `limit` is 1 to 100; `cursor` is the `nextCursor` of the page before. */
  listAutomations(
    query?: { limit?: number | undefined; cursor?: string | undefined },
    options?: CallOptions,
  ): ListCall<{ automations: Automation[]; nextCursor: string | null }, Automation>;
  /** Gets an automation with its published version and a summary of its runs. */
  getAutomation(automationId: string, options?: CallOptions): Promise<AutomationDetail>;
  /**
   * Triggers an automation. An accepted trigger may not have started any work: check the result. The key is sent unchanged. Older revisions of
   * the service share keys between all users and do not compare bodies, so begin the key with a prefix of your own.
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
  /** Gets a run of an automation. */
  getAutomationRun(automationId: string, runId: string, options?: CallOptions): Promise<AutomationRun>;
  /**
   * Cancels a run of an automation, a route of later revisions of the service. `status` is null when the answer has none.
   *
   * @throws {UnavailableError} with status 404 or 405 when the service does not have the route.
   * @throws {ConflictError} when the run has ended.
   */
  cancelAutomationRun(automationId: string, runId: string, options?: CallOptions): Promise<{ status: string | null }>;
  /**
   * Sends a request for a route that has no method here yet, with the token of the client. Only a GET, and a request with an
   * `idempotencyKey`, is repeated.
   *
   * @param route Method and path below the API, such as `GET /runs`. The path begins with one slash, and its parts are encoded.
   * @returns The `data` of the answer, unchecked.
   * @throws {UsageError} for a path that leaves the API; nothing was sent.
   * @example A route of next month
   * ```ts ignore
   * const usage = await mogplex.api.request("GET /usage", { query: { days: 7 } });
   * ```
   */
  request(route: string, options?: RequestOptions): Promise<unknown>;
}

/** What the calls of one client have in common. */
interface ApiDefaults {
  clock: Clock;
  timeoutMs: number | undefined;
  maxAttempts: number | undefined;
  onNotice: OnNotice | undefined;
}

/** The methods with arguments. */
type Methods = Omit<MogplexApi, "origin" | "requests" | "clockSkewMs" | "request">;

/** The keys of each argument that is an object; null for an id. The last one has the options. */
type Arguments<A extends readonly unknown[]> = {
  readonly [I in keyof A]: A[I] extends string ? null : Keys<NonNullable<A[I]>>;
};

function callKeys(): Keys<CallOptions> {
  return { signal: "signal", timeoutMs: "number", maxAttempts: "number" };
}

function argumentKeys(): { readonly [M in keyof Methods]: Arguments<Required<Parameters<Methods[M]>>> } {
  const call = callKeys();
  const key = { idempotencyKey: "any" } as const;
  const limit = { limit: "any" } as const;
  return {
    listRepos: [{ q: "any", id: "any", ...limit }, call],
    listSandboxes: [{ repoId: "any", status: "any", ...limit }, call],
    startRun: [
      {
        ...{ repoId: "any", prompt: "any", harness: "any", baseBranch: "any", workingBranch: "any" },
        ...{ createBranch: "any", rootDirectory: "any", mode: "any" },
      },
      key,
      call,
    ],
    checkStartAccess: [call],
    getRun: [null, call],
    getRunEvents: [null, limit, call],
    openRunEvents: [null, { lastEventId: "any", ...limit }, call],
    cancelRun: [null, call],
    listAutomations: [{ cursor: "any", ...limit }, call],
    getAutomation: [null, call],
    triggerAutomation: [null, { repoId: "any", input: "any" }, key, call],
    listAutomationRuns: [null, limit, call],
    getAutomationRun: [null, null, call],
    cancelAutomationRun: [null, null, call],
  };
}

/** @throws {UsageError} when a number of attempts is out of range. */
export function checkAttempts(attempted: string, maxAttempts: number | undefined): void {
  if (maxAttempts === undefined || maxAttempts === Infinity || Number.isInteger(maxAttempts) && maxAttempts >= 1) {
    return;
  }
  throw new UsageError({
    attempted,
    why: "'maxAttempts' must be a whole number of at least 1",
    value: String(maxAttempts),
  });
}

/** What the options of a call mean for the client below. @throws {UsageError} when one is out of range. */
function limitsOf(attempted: string, options: CallOptions, defaults: ApiDefaults): ServiceCallOptions {
  const { signal, timeoutMs = defaults.timeoutMs, maxAttempts = defaults.maxAttempts } = options;
  checkAttempts(attempted, maxAttempts);
  if (timeoutMs === undefined) return { signal, maxAttempts };
  const deadline = defaults.clock.now() + checkTimeout(timeoutMs);
  // An attempt at the deadline would get a little more time.
  return { signal, maxAttempts, deadline, requestTimeoutMs: Math.min(REQUEST_MS, timeoutMs) };
}

/** Longest time of one attempt, in milliseconds. */
const REQUEST_MS = 30_000;

/** A list whose first page is requested when it is called, as every other method requests. */
class List<P, T> implements ListCall<P, T> {
  readonly [Symbol.toStringTag] = "List";
  readonly #page: Promise<P>;
  readonly #entries: (page: P) => AsyncIterable<T> | Iterable<T>;

  constructor(page: Promise<P>, entries: (page: P) => AsyncIterable<T> | Iterable<T>) {
    this.#page = page;
    this.#entries = entries;
    // A loop may meet the error later.
    page.catch(() => {});
  }

  then<A = P, B = never>(
    onPage?: ((page: P) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#page.then(onPage, onError);
  }

  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<P | B> {
    return this.#page.catch(onError);
  }

  finally(onEnd?: (() => void) | null): Promise<P> {
    return this.#page.finally(onEnd);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T, undefined, void> {
    yield* this.#entries(await this.#page);
    return undefined;
  }
}

/** Most pages of a list. A service that always names another page would never end. */
const MAX_PAGES = 1_000;

type AutomationPage = Awaited<ReturnType<MogplexApi["listAutomations"]>>;

/** The entries of a page and of all that follow it. @param next Requests the page of a cursor. */
async function* entriesFrom(
  page: AutomationPage,
  next: (cursor: string) => Promise<AutomationPage>,
): AsyncGenerator<Automation, void, void> {
  const cursors = new Set<string>();
  for (let current = page;;) {
    yield* current.automations;
    const { nextCursor } = current;
    if (nextCursor === null || cursors.has(nextCursor) || cursors.size >= MAX_PAGES) return;
    cursors.add(nextCursor);
    current = await next(nextCursor);
  }
}

/** The methods of a client without checks, and that for any route. */
type Calls = ReturnType<typeof allCalls> & { request: SendRequest };

/** Makes the methods of a client for scripts. They refuse names and types that they do not have before anything is sent. */
export function apiOf(client: ServiceClient, defaults: ApiDefaults): MogplexApi {
  const hooks = { onNotice: (notice: Notice) => callHook(defaults.onNotice, notice), random: Math.random };
  const calls = ownClient(
    client as Calls & ClientFacts,
    (caller, redact): Calls => ({ ...allCalls(caller, redact), request: requestCall(caller, redact, client.origin) }),
    hooks,
  );
  const methods = Object.entries(argumentKeys()).map(([name, keys]) => {
    const method = calls[name as keyof Methods] as (...given: unknown[]) => Promise<unknown>;
    const attempted = `call '${name}'`;
    const last = keys.length - 1;
    // Async: a mistake rejects, as it does in the method.
    const call = async (...given: unknown[]) => {
      for (const [index, known] of (keys as readonly (Readonly<Record<string, Kind>> | null)[]).entries()) {
        const value = given[index];
        if (known === null || value === undefined) continue;
        checkOptions(attempted, value, known, index === last ? "options" : "requests");
      }
      const limits = limitsOf(attempted, given[last] as CallOptions | undefined ?? {}, defaults);
      return await method(...Array.from({ length: last }, (_, index) => given[index]), limits);
    };
    return [name, call];
  });
  const checked = Object.fromEntries(methods) as {
    [M in keyof Methods]: (...given: Parameters<Methods[M]>) => Promise<Awaited<ReturnType<Methods[M]>>>;
  };
  const { listAutomations } = checked;
  return {
    ...checked,
    get origin() {
      return client.origin;
    },
    get requests() {
      return client.requests;
    },
    get clockSkewMs() {
      return client.clockSkewMs;
    },
    listRepos: (...given) => new List(checked.listRepos(...given), (page) => page),
    listSandboxes: (...given) => new List(checked.listSandboxes(...given), (page) => page),
    listAutomationRuns: (...given) => new List(checked.listAutomationRuns(...given), (page) => page),
    listAutomations: (query, options) =>
      new List(
        listAutomations(query, options),
        (page) => entriesFrom(page, (cursor) => listAutomations({ ...query, cursor }, options)),
      ),
    async request(route, options = {}) {
      const attempted = "send request";
      const keys: Keys<RequestOptions> = { ...callKeys(), query: "object", body: "any", idempotencyKey: "string" };
      const { query, body, idempotencyKey, ...call } = checkOptions(attempted, options, keys);
      return await calls.request(route, { query, body, idempotencyKey }, limitsOf(attempted, call, defaults));
    },
  };
}

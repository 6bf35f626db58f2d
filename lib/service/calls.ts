/**
 * The interface of a client of the service: one method for each route.
 *
 * @module
 */
import { hc } from "hono/client";
import {
  ApiError,
  ConflictError,
  MogplexError,
  NotFoundError,
  StartUnknownError,
  UnavailableError,
  UsageError,
} from "../errors.ts";
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
import type { Redactor } from "../text/redact.ts";
import * as schemas from "./contract.ts";
import {
  type Api,
  type AutomationRunRecord,
  type FailureEnvelope,
  isUuid,
  MAX_EVENTS,
  type Schema,
  type Success,
} from "./contract.ts";
import { type Attempted, isMissingRoute, judge, refuse } from "./errors.ts";
import { type CallOptions, callWithin, type CallWorld, isAmbiguous, type StandAloneCall } from "./retry.ts";
import { readRunEvents, type RunEventStream } from "./stream.ts";
import type { EventStream, Transport } from "./transport.ts";
import { checkIdempotencyKey, checkOptional, checkTriggerInput, checkUuid, validateStartRequest } from "./validate.ts";

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

// The routes of the service, by `hono/client`. Nothing else calls it.

/** The routes of the service, by their types. */
type ApiRoutes = ReturnType<typeof hc<Api>>["api"]["v1"]["mogplex"];

/** Second argument of each call: our `fetch`. */
type How = NonNullable<Parameters<typeof hc>[1]>;

/** The routes of the service at an origin. A call sends one request with the `fetch` of its second argument, and returns its answer. */
export function routesAt(origin: string): ApiRoutes {
  return hc<Api>(origin).api.v1.mogplex;
}

// Sends the requests of the client: limits, retries and judging, the same for all of them.

/** An answer whose data is `D`. The compiler compares `D` with the schema that reads it. */
type Answering<D> = Promise<{ json(): Promise<Success<D> | FailureEnvelope> }>;
type Extras = Pick<StandAloneCall, "starts" | "backoffBaseMs" | "onFailure">;

/**
 * Longest backoff after the first failed start, in milliseconds. Each start counts against 10 a minute and 30 an hour.
 *
 * Source: API reference, "Rate limits".
 */
export const START_BACKOFF_MS = 4_000;

/** Checks a limit, since the service silently replaces one that is out of range. @throws {UsageError} when it is not from 1 to `max`. */
function limitOf(limit: number | undefined, max: number): string | undefined {
  if (limit === undefined || (Number.isInteger(limit) && limit >= 1 && limit <= max)) return limit?.toString();
  throw new UsageError({
    attempted: "list",
    why: `'limit' must be a whole number from 1 to ${max}`,
    value: String(limit),
  });
}

/** Sends requests for the methods of the client. */
export interface Caller {
  /** The routes. */
  readonly api: ApiRoutes;
  /** Sends a request, retries as long as that can help, and reads the answer with a schema. */
  send<D>(
    attempted: Attempted,
    schema: Schema<D>,
    limits: CallOptions | undefined,
    ask: (how: How) => Answering<D>,
    extras?: Extras,
  ): Promise<D>;
  /** Opens an event stream, and retries as long as that can help. */
  open(
    attempted: Attempted,
    limits: CallOptions | undefined,
    ask: (how: How) => Promise<unknown>,
  ): Promise<EventStream>;
  /** {@linkcode Caller.send} for a request that needs only the scope `read`. */
  read<D>(what: string, schema: Schema<D>, call: CallOptions | undefined, ask: (how: How) => Answering<D>): Promise<D>;
}

/** Parts of {@linkcode createCaller}. */
interface CallerParts {
  /** The routes. */
  api: ApiRoutes;
  /** Sends one request. */
  transport: Transport;
  /** State that all calls of the client share. */
  world: CallWorld;
  /** See {@linkcode Attempted.tokenPlace}. */
  tokenPlace?: string | undefined;
  /** See {@linkcode Attempted.addressPlace}. */
  addressPlace?: string | undefined;
}

/** Makes the caller of a client. */
export function createCaller({ api, transport, world, tokenPlace, addressPlace }: CallerParts): Caller {
  const places = { tokenPlace, addressPlace };
  function send<D>(
    attempted: Attempted,
    schema: Schema<D>,
    limits: CallOptions | undefined,
    ask: (how: How) => Answering<D>,
    extras: Extras = {},
  ): Promise<D> {
    const { what, recent } = attempted;
    const lasts = recent ? isMissingRoute : undefined;
    return callWithin(world, { what, limits, lasts, ...extras }, (limitMs, attempt) =>
      transport.call({
        what,
        send: (fetch) => ask({ fetch: fetch as typeof globalThis.fetch }) as Promise<Response>,
        judge: (answer) => judge({ ...places, ...attempted }, answer, schema, transport.redact),
      }, { limitMs, signal: limits?.signal, attempt }));
  }
  function read<D>(what: string, schema: Schema<D>, call: CallOptions | undefined, ask: (how: How) => Answering<D>) {
    return send({ what, scope: "read" }, schema, call, ask);
  }
  function open(
    attempted: Attempted,
    limits: CallOptions | undefined,
    ask: (how: How) => Promise<unknown>,
  ): Promise<EventStream> {
    const { what } = attempted;
    return callWithin(world, { what, limits, lasts: hasNoStream }, (limitMs, attempt) =>
      transport.open({
        what,
        send: (fetch) => ask({ fetch: fetch as typeof globalThis.fetch }) as Promise<Response>,
        refuse: (answer) => refuse({ ...places, ...attempted }, answer, transport.redact),
      }, { limitMs, signal: limits?.signal, attempt }));
  }

  return { api, send, read, open };
}

/** Whether there is no event stream here: the route is missing, or a 2xx is not a stream. A retry does not help. */
function hasNoStream(error: unknown): boolean {
  return isMissingRoute(error) || error instanceof UnavailableError && error.status < 300;
}

// The client's methods for repositories and sandboxes.

/** The client's methods for repositories and sandboxes. */
type ListCalls = Pick<MogplexClient, "listRepos" | "listSandboxes">;

/** Makes the methods. */
export function listCalls({ api, read }: Caller): ListCalls {
  return {
    async listRepos({ q, id, limit } = {}, call) {
      const query = {
        q: checkOptional(q, "query"),
        id: checkOptional(id, "repository id"),
        limit: limitOf(limit, 200),
      };
      const ask = (how: How) => api.repos.$get({ query }, how);
      return (await read("list repositories", schemas.reposSchema, call, ask)).repos;
    },
    async listSandboxes({ repoId, status, limit } = {}, call) {
      const repo_id = repoId === undefined ? undefined : checkUuid(repoId, "repository id");
      const query = { repo_id, status: checkOptional(status, "status"), limit: limitOf(limit, 200) };
      const ask = (how: How) => api.sandboxes.$get({ query }, how);
      return (await read("list sandboxes", schemas.sandboxesSchema, call, ask)).sandboxes;
    },
  };
}

// The client's methods that read a run.

/** Most runs whose repository is remembered: a process can follow any number of runs. */
const MAX_KNOWN = 1_000;

/** Remembers the repository of each run, from the first answer that names it. No later answer may name another one. */
export class KnownRepos {
  readonly #repos = new Map<string, string>();

  /** What is attempted with a run, and what its answer must be about. @param runId UUID, in lower case. */
  attempted(what: string, scope: Attempted["scope"], runId: string): Attempted {
    return { what, scope, runId, repoId: this.#repos.get(runId) };
  }

  /** Remembers the repository that an answer names. @returns Whether it is the one that is known, if one is. */
  learn(run: Pick<Run, "runId" | "repoId">): boolean {
    const [runId, repoId] = [run.runId.toLowerCase(), run.repoId.toLowerCase()];
    const known = this.#repos.get(runId);
    if (known !== undefined) return known === repoId;
    if (!isUuid(runId) || !isUuid(repoId)) return true;
    const [oldest] = this.#repos.keys();
    if (this.#repos.size >= MAX_KNOWN && oldest !== undefined) this.#repos.delete(oldest);
    this.#repos.set(runId, repoId);
    return true;
  }
}

/**
 * Makes the methods.
 *
 * @param repos The repositories of runs, which all methods of a client have in common.
 */
export function runReads({ api, send, open }: Caller, repos: KnownRepos): RunReads {
  return {
    async getRun(id, call) {
      const runId = checkUuid(id, "run id");
      const ask = (how: How) => api.runs[":runId"].$get({ param: { runId } }, how);
      const attempted = repos.attempted(`read run "${runId}"`, "read", runId);
      const { run } = await send(attempted, schemas.runDataSchema, call, ask);
      repos.learn(run);
      return run;
    },
    async getRunEvents(id, { limit = MAX_EVENTS } = {}, call) {
      const runId = checkUuid(id, "run id");
      const input = { param: { runId }, query: { limit: limitOf(limit, MAX_EVENTS) } };
      const ask = (how: How) => api.runs[":runId"].events.$get(input, how);
      const attempted = repos.attempted(`read events of run "${runId}"`, "read", runId);
      const { run, events } = await send(attempted, schemas.runEventsSchema, call, ask);
      repos.learn(run);
      // An answer with more events than requested is not the service's, and could have any number of them.
      return { run, events: events.slice(-limit) };
    },
    async openRunEvents(id, { limit = MAX_EVENTS, lastEventId } = {}, call) {
      const runId = checkUuid(id, "run id");
      const header = lastEventId === undefined ? {} : { "Last-Event-ID": checkUuid(lastEventId, "last event id") };
      const input = { param: { runId }, query: { limit: limitOf(limit, MAX_EVENTS) }, header };
      const ask = (how: How): Promise<unknown> => api.runs[":runId"].events.stream.$get(input, how);
      const attempted: Attempted = { what: `open the event stream of run "${runId}"`, scope: "read" };
      const isSame = (run: Run) => run.runId.toLowerCase() === runId && repos.learn(run);
      return readRunEvents(await open(attempted, call, ask), isSame);
    },
  };
}

// Two special failures of a start: a 503 that means a wrong repository id, and an attempt whose outcome is unknown.

/** Options of {@linkcode guardStart}. */
interface StartGuard {
  /** Idempotency key. */
  key: string;
  /** UUID of the repository. */
  repoId: string;
  /** Asks the service whether the token reaches the repository. May reject. */
  reaches: () => Promise<boolean>;
  /** Masks the token. */
  redact: Redactor;
}

/**
 * Makes a start, and turns its two special failures into errors that the user can act on.
 *
 * @param start The start. It must call the given function after each failed attempt.
 * @throws {UsageError} when the service answers 503 because the token does not reach the repository.
 * @throws {StartUnknownError} when an attempt may have started the run, and no later attempt gave an answer.
 * @throws what else `start` throws.
 */
async function guardStart<T>(
  guard: StartGuard,
  start: (onFailure: (error: MogplexError) => Promise<void>) => Promise<T>,
): Promise<T> {
  const { key, repoId, reaches, redact } = guard;
  let unsure = false;
  let probed = false;

  async function onFailure(error: MogplexError): Promise<void> {
    unsure ||= isAmbiguous(error);
    // The service's rate limiter answers 503 for a repository that does not exist. A 503 of the host has no error code.
    if (probed || !(error instanceof ApiError) || error.status !== 503 || error.code === null) return;
    probed = true;
    if (await reaches().catch(() => true)) return;
    throw new UsageError({
      attempted: "start run",
      why: `the token reaches no repository "${repoId}"`,
      advice: 'correct the id ("repos list" shows them), or unhide the repository in the app (hidden ' +
        "repositories are not listed)",
    }, { cause: error });
  }

  try {
    return await start(onFailure);
  } catch (error) {
    // After these an earlier attempt may still have started the run; any other answer is definite.
    const open = error instanceof MogplexError && (error.exit === "unavailable" || error.exit === "rateLimited");
    throw open && unsure ? startUnknown(error, key, redact.token(key)) : error;
  }
}

/**
 * The error for a start whose outcome is unknown.
 *
 * @param last Error of the last attempt.
 * @param shownKey The key with secrets masked, for the message. @default the key
 */
export function startUnknown(last: MogplexError, key: string, shownKey = key): StartUnknownError {
  return new StartUnknownError(
    {
      attempted: "tell whether the run was started",
      why: last.attempted === null ? last.message : withAdvice(last),
      advice:
        `repeat the start with idempotency key ${JSON.stringify(shownKey)} and the same inputs: it finds the run, ` +
        "or starts it once",
    },
    key,
    { cause: last },
  );
}

function withAdvice({ why, advice }: MogplexError): string {
  return advice === null ? why : `${why}; ${advice}`;
}

// The client's methods for runs.

/** The client's methods for runs. */
type RunCalls = Pick<
  MogplexClient,
  "startRun" | "checkStartAccess" | "cancelRun" | keyof RunReads
>;

/** Makes a function that checks whether the token reaches a repository, and remembers each one that it does. */
function repositoryCheck(caller: Caller): (id: string, call: CallOptions | undefined) => Promise<boolean> {
  const { listRepos } = listCalls(caller);
  const reached = new Set<string>();
  return async (id, call) => {
    if (reached.has(id)) return true;
    const repos = await listRepos({ id, limit: 1 }, { ...call, maxAttempts: 1 });
    if (repos.length > 0) reached.add(id);
    return repos.length > 0;
  };
}

/** The error for a key that found a run of another repository: the service should have refused the start. */
function otherRepository({ runId }: StartResult, key: string): ConflictError {
  const why = `the idempotency key ${JSON.stringify(key)} belongs to run "${runId}" of another repository`;
  const advice = "a key cannot be used again, so give another idempotency key, or a key part for each of the jobs";
  const facts = { status: 202, code: null, requestId: null, retryAfterMs: null };
  return new ConflictError({ attempted: "start run", why, advice }, "usage", facts);
}

/**
 * Makes the methods.
 *
 * @param redact Masks secrets.
 */
export function runCalls(caller: Caller, redact: Redactor): RunCalls {
  const { api, send } = caller;
  const reaches = repositoryCheck(caller);
  const repos = new KnownRepos();
  return {
    ...runReads(caller, repos),
    async startRun(request, { idempotencyKey }, call) {
      const json = validateStartRequest(request);
      const key = checkIdempotencyKey(idempotencyKey, redact.token);
      const attempted: Attempted = { what: "start run", scope: "write", key };
      const ask = (how: How) => api.runs.$post({ header: { "Idempotency-Key": key }, json }, how);
      const { repoId } = json;
      const guard = { key, repoId, reaches: () => reaches(repoId, call), redact };
      const started = await guardStart(guard, (onFailure) => {
        const extras = { onFailure, starts: true, backoffBaseMs: START_BACKOFF_MS };
        return send(attempted, schemas.startResultSchema, call, ask, extras);
      });
      if (started.repoId.toLowerCase() !== repoId) throw otherRepository(started, redact.token(key));
      repos.learn(started);
      return started;
    },
    async checkStartAccess(call) {
      // No header and no body, which the type of the route does not permit: the service checks the scope before both.
      const ask = (how: How) => api.runs.$post({} as Parameters<typeof api.runs.$post>[0], how);
      try {
        await send({ what: "check the token", scope: "write" }, schemas.startResultSchema, call, ask);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 400) throw error;
      }
    },
    async cancelRun(id, call) {
      const runId = checkUuid(id, "run id");
      const ask = (how: How) => api.runs[":runId"].cancel.$post({ param: { runId } }, how);
      const attempted = repos.attempted(`cancel run "${runId}"`, "write", runId);
      const cancelled = await send(attempted, schemas.cancelResultSchema, call, ask);
      repos.learn(cancelled.run);
      return cancelled;
    },
  };
}

// What runs of automations were triggered with. It is kept beside them, since callers print what the client returns.

/** What a run of an automation was triggered with, as far as its record shows it. */
export type TriggerFacts = Required<Pick<AutomationRunRecord, "repo" | "metadata">>;

const facts = new WeakMap<AutomationRun, TriggerFacts>();

/** A record as callers get it. */
function withoutFacts({ repo = null, metadata = null, ...run }: AutomationRunRecord): AutomationRun {
  facts.set(run, { repo, metadata });
  return run;
}

/** What a run that the client returned was triggered with. */
export function triggerFactsOf(run: AutomationRun): TriggerFacts {
  return facts.get(run) ?? { repo: null, metadata: null };
}

// The client's methods for automations and reviews.

/** The client's methods for automations and reviews. */
type AutomationCalls = Pick<
  MogplexClient,
  | "listAutomations"
  | "getAutomation"
  | "triggerAutomation"
  | "listAutomationRuns"
  | "getAutomationRun"
  | "cancelAutomationRun"
  | "rerunPrReview"
>;

/**
 * Makes the methods.
 *
 * @param redact Masks secrets.
 */
export function automationCalls({ api, read, send }: Caller, redact: Redactor): AutomationCalls {
  return {
    async listAutomations({ limit, cursor } = {}, call) {
      const query = { limit: limitOf(limit, 100), cursor: checkOptional(cursor, "cursor") };
      const ask = (how: How) => api.automations.$get({ query }, how);
      return await read("list automations", schemas.automationsSchema, call, ask);
    },
    async getAutomation(id, call) {
      const automationId = checkUuid(id, "automation id");
      const ask = (how: How) => api.automations[":automationId"].$get({ param: { automationId } }, how);
      return (await read(`read automation "${automationId}"`, schemas.automationSchema, call, ask)).automation;
    },
    async triggerAutomation(id, { repoId, input }, { idempotencyKey }, call) {
      const automationId = checkUuid(id, "automation id");
      const key = checkIdempotencyKey(idempotencyKey, redact.token);
      const json = {
        repoId: checkUuid(repoId, "repository id"),
        ...(input === undefined ? {} : { input: checkTriggerInput(input) }),
      };
      const args = { param: { automationId }, header: { "Idempotency-Key": key }, json };
      const ask = (how: How) => api.automations[":automationId"].trigger.$post(args, how);
      const attempted: Attempted = { what: `trigger automation "${automationId}"`, scope: "write", key, trigger: true };
      return (await send(attempted, schemas.triggerSchema, call, ask, { backoffBaseMs: START_BACKOFF_MS })).run;
    },
    async listAutomationRuns(id, { limit } = {}, call) {
      const automationId = checkUuid(id, "automation id");
      const args = { param: { automationId }, query: { limit: limitOf(limit, 50) } };
      const ask = (how: How) => api.automations[":automationId"].runs.$get(args, how);
      const what = `list runs of automation "${automationId}"`;
      return (await read(what, schemas.automationRunsSchema, call, ask)).runs.map(withoutFacts);
    },
    async getAutomationRun(automation, id, call) {
      const automationId = checkUuid(automation, "automation id");
      const runId = checkUuid(id, "run id");
      const ask = (how: How) =>
        api.automations[":automationId"].runs[":runId"].$get({ param: { automationId, runId } }, how);
      const what = `read automation run "${runId}"`;
      const { run } = await send({ what, scope: "read", runId }, schemas.automationRunDataSchema, call, ask);
      if (run !== null) return withoutFacts(run);
      // The documentation permits null, although the known revisions answer 404.
      const facts = { status: 200, code: null, requestId: null, retryAfterMs: null };
      const why = "the service does not find it (HTTP 200 without a run)";
      throw new NotFoundError({ attempted: what, why }, "usage", facts);
    },
    async cancelAutomationRun(automation, id, call) {
      const param = { automationId: checkUuid(automation, "automation id"), runId: checkUuid(id, "run id") };
      const ask = (how: How) => api.automations[":automationId"].runs[":runId"].cancel.$post({ param }, how);
      const attempted: Attempted = { what: `cancel automation run "${param.runId}"`, scope: "write", recent: true };
      return await send(attempted, schemas.automationCancelSchema, call, ask);
    },
    async rerunPrReview({ repoId, prNumber }, call) {
      if (!Number.isSafeInteger(prNumber) || prNumber < 1) {
        throw new UsageError({
          attempted: "rerun review",
          why: "the pull request number must be 1 or more",
          value: String(prNumber),
        });
      }
      const json = { repoId: checkUuid(repoId, "repository id"), prNumber };
      const attempted: Attempted = { what: `rerun review of pull request ${prNumber}`, scope: "write", recent: true };
      const ask = (how: How) => api["pr-reviews"].rerun.$post({ json }, how);
      return await send(attempted, schemas.prReviewRerunSchema, { ...call, maxAttempts: 1 }, ask);
    },
  };
}

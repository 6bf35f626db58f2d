import { hc } from "hono/client";
import { ApiError, ConflictError, NotFoundError, UnavailableError, UsageError } from "../errors.ts";
import type { Run, StartResult } from "../model.ts";
import type { Redactor } from "../text/redact.ts";
import * as schemas from "./contract.ts";
import { type Api, type FailureEnvelope, isUuid, MAX_EVENTS, type Schema, type Success } from "./contract.ts";
import { type Attempted, isMissingRoute, judge, OTHER_KEY, refuse } from "./errors.ts";
import { PROCESS } from "./memory.ts";
import type { ServiceClient } from "./methods.ts";
import { CallLimits, type CallOptions, callWithin, type CallWorld, type StandAloneCall } from "./retry.ts";
import { runToStart, Start, type StartClient, startFailureOf } from "./start.ts";
import { readRunEvents } from "./stream.ts";
import type { EventStream } from "./event_stream.ts";
import type { RequestLimits, Transport } from "./transport.ts";
import { checkIdempotencyKey, checkOptional, checkTriggerInput, checkUuid, validateStartRequest } from "./validate.ts";

export type RunReads = Pick<ServiceClient, "getRun" | "getRunEvents" | "openRunEvents">;

type ApiRoutes = ReturnType<typeof hc<Api>>["api"]["v1"]["mogplex"];

type CallInit = NonNullable<Parameters<typeof hc>[1]>;

/** Each call sends one request with the `fetch` of its second argument. */
export function routesAt(origin: string): ApiRoutes {
  return hc<Api>(origin).api.v1.mogplex;
}

/** The compiler compares `D` with the schema that reads the answer. */
type Ask<D> = (init: CallInit) => Promise<{ json(): Promise<Success<D> | FailureEnvelope> }>;

interface CallerParts {
  api: ApiRoutes;
  transport: Transport;
  world: CallWorld;
  tokenPlace?: string | undefined;
  addressPlace?: string | undefined;
}

export type Caller = ReturnType<typeof createCaller>;

export function createCaller({ api, transport, world, tokenPlace, addressPlace }: CallerParts) {
  const places = { tokenPlace, addressPlace };

  function attempt<D>(attempted: Attempted, schema: Schema<D>, limits: RequestLimits, ask: Ask<D>): Promise<D> {
    return transport.call({
      what: attempted.what,
      send: (fetch) => ask({ fetch: fetch as typeof globalThis.fetch }) as Promise<Response>,
      judge: (answer) => judge({ ...places, ...attempted }, answer, schema, transport.redact, transport.cutMasker),
    }, limits);
  }
  function send<D>(
    attempted: Attempted,
    schema: Schema<D>,
    options: CallOptions | undefined,
    ask: Ask<D>,
    judge?: StandAloneCall["judge"],
  ): Promise<D> {
    const lasts = attempted.recent ? isMissingRoute : undefined;
    return callWithin(
      world,
      { what: attempted.what, options, judge, lasts },
      (limits) => attempt(attempted, schema, limits, ask),
    );
  }
  function read<D>(what: string, schema: Schema<D>, call: CallOptions | undefined, ask: Ask<D>): Promise<D> {
    return send({ what, scope: "read" }, schema, call, ask);
  }
  function open(
    attempted: Attempted,
    options: CallOptions | undefined,
    ask: (init: CallInit) => Promise<unknown>,
  ): Promise<EventStream> {
    const { what } = attempted;
    return callWithin(world, { what, options, lasts: hasNoStream }, (limits) =>
      transport.open({
        what,
        send: (fetch) => ask({ fetch: fetch as typeof globalThis.fetch }) as Promise<Response>,
        refuse: (answer) => refuse({ ...places, ...attempted }, answer, transport.redact),
      }, limits));
  }

  return { api, world, attempt, send, read, open, cutMasker: transport.cutMasker };
}

/** The route is missing, or a 2xx answer is not a stream. A retry does not help. */
function hasNoStream(error: unknown): boolean {
  return isMissingRoute(error) || error instanceof UnavailableError && error.status < 300;
}

/** The service silently replaces a limit that is out of range, so the limit is checked here. */
function limitOf(limit: number | undefined, max: number): string | undefined {
  if (limit === undefined || (Number.isInteger(limit) && limit >= 1 && limit <= max)) return limit?.toString();
  throw new UsageError({
    attempted: "list",
    why: `'limit' must be a whole number from 1 to ${max}`,
    value: String(limit),
  });
}

export function listCalls({ api, read }: Caller): Pick<ServiceClient, "listRepos" | "listSandboxes"> {
  return {
    async listRepos({ q, id, limit } = {}, call) {
      const query = {
        q: checkOptional(q, "query"),
        id: checkOptional(id, "repository id"),
        limit: limitOf(limit, 200),
      };
      const ask = (init: CallInit) => api.repos.$get({ query }, init);
      return (await read("list repositories", schemas.reposSchema, call, ask)).repos;
    },
    async listSandboxes({ repoId, status, limit } = {}, call) {
      const repo_id = repoId === undefined ? undefined : checkUuid(repoId, "repository id");
      const query = { repo_id, status: checkOptional(status, "status"), limit: limitOf(limit, 200) };
      const ask = (init: CallInit) => api.sandboxes.$get({ query }, init);
      return (await read("list sandboxes", schemas.sandboxesSchema, call, ask)).sandboxes;
    },
  };
}

const MAX_KNOWN = 1_000;

/** Remembers the repository of each run from the first answer that contains the repository. Later answers must name the same repository. */
export class KnownRepos {
  readonly #repos = new Map<string, string>();

  attempted(what: string, scope: Attempted["scope"], runId: string): Attempted {
    return { what, scope, runId, repoId: this.#repos.get(runId) };
  }

  learn(run: Pick<Run, "runId" | "repoId">): boolean {
    const [runId, repoId] = [run.runId.toLowerCase(), run.repoId.toLowerCase()];
    const repoOfRun = this.#repos.get(runId);
    if (repoOfRun !== undefined) return repoOfRun === repoId;
    if (!isUuid(runId) || !isUuid(repoId)) return true;
    const [oldest] = this.#repos.keys();
    if (this.#repos.size >= MAX_KNOWN && oldest !== undefined) this.#repos.delete(oldest);
    this.#repos.set(runId, repoId);
    return true;
  }
}

export function runReads({ api, send, open, cutMasker }: Caller, repos: KnownRepos): RunReads {
  const one = api.runs[":runId"];
  return {
    async getRun(id, call) {
      const runId = checkUuid(id, "run id");
      const ask = (init: CallInit) => one.$get({ param: { runId } }, init);
      const attempted = repos.attempted(`read run "${runId}"`, "read", runId);
      const { run } = await send(attempted, schemas.runDataSchema, call, ask);
      repos.learn(run);
      return run;
    },
    async getRunEvents(id, { limit = MAX_EVENTS } = {}, call) {
      const runId = checkUuid(id, "run id");
      const input = { param: { runId }, query: { limit: limitOf(limit, MAX_EVENTS) } };
      const ask = (init: CallInit) => one.events.$get(input, init);
      const attempted = repos.attempted(`read events of run "${runId}"`, "read", runId);
      const { run, events } = await send(attempted, schemas.runEventsSchema, call, ask);
      repos.learn(run);
      // A server other than the service could send any number of events.
      return { run, events: events.slice(-limit) };
    },
    async openRunEvents(id, { limit = MAX_EVENTS, lastEventId } = {}, call) {
      const runId = checkUuid(id, "run id");
      const header = lastEventId === undefined ? {} : { "Last-Event-ID": checkUuid(lastEventId, "last event id") };
      const input = { param: { runId }, query: { limit: limitOf(limit, MAX_EVENTS) }, header };
      const ask = (init: CallInit): Promise<unknown> => one.events.stream.$get(input, init);
      const attempted: Attempted = { what: `open the event stream of run "${runId}"`, scope: "read" };
      const isSame = (run: Run) => run.runId.toLowerCase() === runId && repos.learn(run);
      return readRunEvents(await open(attempted, call, ask), isSame, cutMasker);
    },
  };
}

type RunCalls = RunReads & Pick<ServiceClient, "startRun" | "checkStartAccess" | "cancelRun">;

/** The key belongs to a run for another repository. The service should have refused the start. */
function otherRepository({ runId }: StartResult, key: string): ConflictError {
  const why = `the idempotency key ${JSON.stringify(key)} belongs to run "${runId}" of another repository`;
  const facts = { status: 202, code: null, requestId: null, retryAfterMs: null };
  return new ConflictError({ attempted: "start run", why, advice: OTHER_KEY }, "usage", facts);
}

export function runCalls(caller: Caller, redact: Redactor): RunCalls & Required<StartClient> {
  const { api, world, attempt, send } = caller;
  const { listRepos } = listCalls(caller);
  const reached = new Set<string>();
  const repos = new KnownRepos();

  const starting: Required<StartClient> = {
    async attemptStart(request, { idempotencyKey }, call) {
      const json = validateStartRequest(request);
      const key = checkIdempotencyKey(idempotencyKey, redact.token);
      const attempted: Attempted = { what: "start run", scope: "write", key };
      const ask = (init: CallInit) => api.runs.$post({ header: { "Idempotency-Key": key }, json }, init);
      const limits = new CallLimits(world, attempted.what, call).ofAttempt(1);
      const started = await attempt(attempted, schemas.startResultSchema, limits, ask);
      if (started.repoId.toLowerCase() !== json.repoId) throw otherRepository(started, redact.token(key));
      repos.learn(started);
      return started;
    },
    async reachesRepository(id, call) {
      if (reached.has(id)) return true;
      const rows = await listRepos({ id, limit: 1 }, { ...call, maxAttempts: 1 });
      if (rows.length > 0) reached.add(id);
      return rows.length > 0;
    },
    async startRun(request, { idempotencyKey: key }, call) {
      const limits = new CallLimits(world, "start run", call);
      return await new Start(runToStart(starting, request), {
        key,
        shownKey: redact.token(key),
        memory: world.memory,
        call: { ...call, deadline: limits.deadline },
        wait: (failure, count) => limits.wait(failure, count),
      }).send();
    },
  };
  return {
    ...runReads(caller, repos),
    ...starting,
    async checkStartAccess(call) {
      // Neither header nor body is sent, although the type requires them. The service checks the scope before both.
      const ask = (init: CallInit) => api.runs.$post({} as Parameters<typeof api.runs.$post>[0], init);
      try {
        await send({ what: "check the token", scope: "write" }, schemas.startResultSchema, call, ask);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 400) throw error;
      }
    },
    async cancelRun(id, call) {
      const runId = checkUuid(id, "run id");
      const ask = (init: CallInit) => api.runs[":runId"].cancel.$post({ param: { runId } }, init);
      const attempted = repos.attempted(`cancel run "${runId}"`, "write", runId);
      const cancelled = await send(attempted, schemas.cancelResultSchema, call, ask);
      repos.learn(cancelled.run);
      return cancelled;
    },
  };
}

type AutomationCalls = Pick<ServiceClient, Extract<keyof ServiceClient, `${string}Automation${string}`>>;

export function automationCalls({ api, world, read, send }: Caller, redact: Redactor): AutomationCalls {
  return {
    async listAutomations({ limit, cursor } = {}, call) {
      const query = { limit: limitOf(limit, 100), cursor: checkOptional(cursor, "cursor") };
      const ask = (init: CallInit) => api.automations.$get({ query }, init);
      return await read("list automations", schemas.automationsSchema, call, ask);
    },
    async getAutomation(id, call) {
      const automationId = checkUuid(id, "automation id");
      const ask = (init: CallInit) => api.automations[":automationId"].$get({ param: { automationId } }, init);
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
      const ask = (init: CallInit) => api.automations[":automationId"].trigger.$post(args, init);
      const attempted: Attempted = {
        what: `trigger automation "${automationId}"`,
        scope: "write",
        key,
        automationId,
      };
      const judge = (error: unknown) => startFailureOf(error, world.memory, false);
      return (await send(attempted, schemas.triggerSchema, call, ask, judge)).run;
    },
    async listAutomationRuns(id, { limit } = {}, call) {
      const automationId = checkUuid(id, "automation id");
      const args = { param: { automationId }, query: { limit: limitOf(limit, 50) } };
      const ask = (init: CallInit) => api.automations[":automationId"].runs.$get(args, init);
      const what = `list runs of automation "${automationId}"`;
      return (await read(what, schemas.automationRunsSchema, call, ask)).runs.map((run) => PROCESS.keepTrigger(run));
    },
    async getAutomationRun(automation, id, call) {
      const automationId = checkUuid(automation, "automation id");
      const runId = checkUuid(id, "run id");
      const ask = (init: CallInit) =>
        api.automations[":automationId"].runs[":runId"].$get({ param: { automationId, runId } }, init);
      const what = `read automation run "${runId}"`;
      const { run } = await send({ what, scope: "read", runId }, schemas.automationRunDataSchema, call, ask);
      if (run !== null) return PROCESS.keepTrigger(run);
      // The documentation permits `null`, although the known revisions answer 404.
      const facts = { status: 200, code: null, requestId: null, retryAfterMs: null };
      const why = "not found (HTTP 200 without a run)";
      throw new NotFoundError({ attempted: what, why }, "usage", facts);
    },
    async cancelAutomationRun(automation, id, call) {
      const param = { automationId: checkUuid(automation, "automation id"), runId: checkUuid(id, "run id") };
      const ask = (init: CallInit) => api.automations[":automationId"].runs[":runId"].cancel.$post({ param }, init);
      const attempted: Attempted = { what: `cancel automation run "${param.runId}"`, scope: "write", recent: true };
      return await send(attempted, schemas.automationCancelSchema, call, ask);
    },
  };
}

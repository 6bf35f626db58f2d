/**
 * The service, one method a route. Answers are checked against the contract; everything else is thrown as one of the classes
 * in `errors.ts`.
 *
 * @module
 */
import { hc } from "hono/client";
import type { Clock } from "../clock.ts";
import type { CallOptions } from "../http/call_options.ts";
import { createTransport, type Fetch, type TransportOptions } from "../http/transport.ts";
import { userAgent } from "../http/user_agent.ts";
import type { OnNotice } from "../notice.ts";
import { detectPlatform } from "../platforms/detect.ts";
import { environmentVariable } from "../runtime.ts";
import { automationCalls } from "./calls/automation_calls.ts";
import { createCaller, type How, limitOf, START_BACKOFF_MS } from "./caller.ts";
import { resolveConnection } from "./connection/connection.ts";
import type { Api } from "./contract/routes.ts";
import { MAX_EVENTS } from "./contract/rules.ts";
import * as schemas from "./contract/schemas.ts";
import { type Attempted, refuse } from "./errors.ts";
import type { MogplexClient } from "./mogplex_client.ts";
import { guardStart } from "./calls/start_guard.ts";
import { readRunEvents } from "./stream.ts";
import { shareMemory } from "./stream_memory.ts";
import { checkIdempotencyKey, checkUuid, validateStartRequest } from "./validate.ts";

export type { CallOptions, MogplexClient };

/** Options of {@linkcode createClient}. */
export interface ClientOptions {
  /** Access token. @default the variable `MOGPLEX_API_KEY` */
  token?: string | undefined;
  /** Origin of the service. @default the variable `MOGPLEX_URL`, else `https://mogplex.com` */
  url?: string | undefined;
  /** Reads an environment variable. @default the environment of the process */
  env?: ((name: string) => string | undefined) | undefined;
  /** Sends requests. @default {globalThis.fetch} */
  fetch?: Fetch | undefined;
  /** Source of time. @default {systemClock} */
  clock?: Clock | undefined;
  /** Hears of every wait, and of an origin that is not the default. @default nobody */
  onNotice?: OnNotice | undefined;
}

/**
 * Makes a client.
 *
 * @param options See {@linkcode ClientOptions}.
 * @throws {UnauthorizedError} when there is no token, or one that cannot be a token.
 * @throws {UsageError} when the origin is not permitted: plain HTTP needs `MOGPLEX_DEV=1` and this machine.
 * @example List repositories
 * ```ts ignore
 * const client = createClient();
 * for (const repo of await client.listRepos()) console.log(repo.id, repo.full_name);
 * ```
 */
export function createClient(options: ClientOptions = {}): MogplexClient {
  const { token, url, env = environmentVariable, fetch, clock, onNotice } = options;
  const connection = resolveConnection({ env, token, url });
  for (const message of connection.notices) onNotice?.({ kind: "text", message });
  return clientFor({ ...connection, fetch, clock, onNotice, userAgent: userAgent(detectPlatform(env).name) });
}

/** A connection that has been checked: see `resolveConnection`. */
export interface CheckedConnection extends TransportOptions {
  /** Where the token comes from, for messages. @default {"variable MOGPLEX_API_KEY"} */
  tokenPlace?: string | undefined;
}

/** Makes a client for a connection. */
export function clientFor(options: CheckedConnection): MogplexClient {
  const { origin, tokenPlace } = options;
  const transport = createTransport(options);
  const api = hc<Api>(origin).api.v1.mogplex;
  const caller = createCaller(api, transport, tokenPlace);
  const { read, send } = caller;
  const reached = new Set<string>();

  async function reaches(id: string, call: CallOptions | undefined): Promise<boolean> {
    if (reached.has(id)) return true;
    const repos = await client.listRepos({ id, limit: 1 }, { ...call, maxAttempts: 1 });
    if (repos.length > 0) reached.add(id);
    return repos.length > 0;
  }

  const client: MogplexClient = {
    origin,
    get requests() {
      return transport.requests;
    },
    get clockSkewMs() {
      return transport.clockSkewMs;
    },
    async listRepos({ q, id, limit } = {}, call) {
      const query = { q, id, limit: limitOf(limit, 200) };
      return (await read("list repositories", schemas.reposSchema, call, (how) => api.repos.$get({ query }, how)))
        .repos;
    },
    async listSandboxes({ repoId, status, limit } = {}, call) {
      const repo_id = repoId === undefined ? undefined : checkUuid(repoId, "repository id");
      const query = { repo_id, status, limit: limitOf(limit, 200) };
      const ask = (how: How) => api.sandboxes.$get({ query }, how);
      return (await read("list sandboxes", schemas.sandboxesSchema, call, ask)).sandboxes;
    },
    async startRun(request, { idempotencyKey }, call) {
      const json = validateStartRequest(request);
      const key = checkIdempotencyKey(idempotencyKey);
      const attempted: Attempted = { what: "start run", scope: "write", key, starts: true };
      const ask = (how: How) => api.runs.$post({ header: { "Idempotency-Key": key }, json }, how);
      const { repoId } = json;
      const guard = { key, repoId, reaches: () => reaches(repoId, call), redact: transport.redact };
      return await guardStart(guard, (onFailure) => {
        const extras = { onFailure, backoffBaseMs: START_BACKOFF_MS };
        return send(attempted, schemas.startResultSchema, call, ask, extras);
      });
    },
    async getRun(id, call) {
      const runId = checkUuid(id, "run id");
      const ask = (how: How) => api.runs[":runId"].$get({ param: { runId } }, how);
      return (await send({ what: `read run "${runId}"`, scope: "read", runId }, schemas.runDataSchema, call, ask)).run;
    },
    async getRunEvents(id, { limit = MAX_EVENTS } = {}, call) {
      const runId = checkUuid(id, "run id");
      const input = { param: { runId }, query: { limit: limitOf(limit, MAX_EVENTS) } };
      const ask = (how: How) => api.runs[":runId"].events.$get(input, how);
      const attempted: Attempted = { what: `read events of run "${runId}"`, scope: "read", runId };
      const { run, events } = await send(attempted, schemas.runEventsSchema, call, ask);
      // More than was asked for is not the service's doing, and could be any number.
      return { run, events: events.slice(-limit) };
    },
    async openRunEvents(id, { limit = MAX_EVENTS, lastEventId } = {}, call) {
      const runId = checkUuid(id, "run id");
      const header = lastEventId === undefined ? {} : { "Last-Event-ID": checkUuid(lastEventId, "last event id") };
      const input = { param: { runId }, query: { limit: limitOf(limit, MAX_EVENTS) }, header };
      const ask = (how: How): Promise<unknown> => api.runs[":runId"].events.stream.$get(input, how);
      const attempted: Attempted = { what: `open the event stream of run "${runId}"`, scope: "read", tokenPlace };
      const stream = await transport.open({
        what: attempted.what,
        retry: true,
        limits: call,
        send: (fetch) => ask({ fetch: fetch as typeof globalThis.fetch }) as Promise<Response>,
        refuse: (answer) => refuse(attempted, answer, transport.redact),
      });
      return readRunEvents(stream);
    },
    async cancelRun(id, call) {
      const runId = checkUuid(id, "run id");
      const ask = (how: How) => api.runs[":runId"].cancel.$post({ param: { runId } }, how);
      const attempted: Attempted = { what: `cancel run "${runId}"`, scope: "write", runId };
      return await send(attempted, schemas.cancelResultSchema, call, ask);
    },
    ...automationCalls(caller),
  };
  shareMemory(client, origin, options.fetch);
  return client;
}

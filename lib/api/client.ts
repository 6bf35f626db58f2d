/**
 * The client of the service, with one method for each route. Answers are checked against the contract; any other answer is thrown as
 * an error of a class in `lib/errors.ts`.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import { createTransport, type Fetch, type TransportOptions } from "../http/transport.ts";
import { userAgent } from "../http/user_agent.ts";
import type { OnNotice } from "../notice.ts";
import { detectPlatform } from "../platforms/detect.ts";
import type { CallOptions } from "../retry/call_options.ts";
import { newTokenMemory, shareTokenMemory } from "../retry/token_memory.ts";
import { environmentVariable } from "../runtime.ts";
import { createCaller } from "./caller.ts";
import { automationCalls } from "./calls/automation_calls.ts";
import { listCalls } from "./calls/list_calls.ts";
import { runCalls } from "./calls/run_calls.ts";
import { resolveConnection } from "./connection/connection.ts";
import type { MogplexClient } from "./mogplex_client.ts";
import { routesAt } from "./routes_at.ts";
import { shareMemory } from "./stream_memory.ts";

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
  /** Called before every wait, and for an origin that is not the default. @default {undefined} */
  onNotice?: OnNotice | undefined;
}

/**
 * Makes a client.
 *
 * @param options See {@linkcode ClientOptions}.
 * @throws {UnauthorizedError} when there is no token, or its value cannot be a token.
 * @throws {UsageError} when the origin is not permitted: plain HTTP needs `MOGPLEX_DEV=1` and an address of this machine.
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

/** A connection that `resolveConnection` has checked. */
export interface CheckedConnection extends TransportOptions {
  /** Called before every wait. @default {undefined} */
  onNotice?: OnNotice | undefined;
  /** Random numbers from 0 up to 1, for jitter. @default {Math.random} */
  random?: (() => number) | undefined;
  /** Where the token comes from, for messages. @default {"variable MOGPLEX_API_KEY"} */
  tokenPlace?: string | undefined;
}

/** Makes a client for a checked connection. */
export function clientFor(options: CheckedConnection): MogplexClient {
  const { origin, tokenPlace, clock = systemClock, onNotice, random = Math.random } = options;
  const transport = createTransport(options);
  const memory = newTokenMemory();
  const world = { clock, onNotice, random, memory };
  const caller = createCaller({ api: routesAt(origin), transport, world, tokenPlace });
  const client: MogplexClient = {
    origin,
    get requests() {
      return transport.requests;
    },
    get clockSkewMs() {
      return transport.clockSkewMs;
    },
    ...listCalls(caller),
    ...runCalls(caller, transport.redact),
    ...automationCalls(caller, transport.redact),
  };
  shareTokenMemory(client, memory);
  shareMemory(client, origin, options.fetch);
  return client;
}

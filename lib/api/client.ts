/**
 * The client of the service, with one method for each route. Answers are checked against the contract; any other answer is thrown as
 * an error of a class in `lib/errors.ts`.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import { createTransport, type Fetch, type TransportOptions } from "../http/transport.ts";
import { userAgent } from "../http/user_agent.ts";
import type { Notice, OnNotice } from "../notice.ts";
import { detectPlatform } from "../platforms/detect.ts";
import type { CallOptions } from "../retry/call_options.ts";
import { newTokenMemory, shareTokenMemory, type TokenMemory } from "../retry/token_memory.ts";
import { paceOf } from "../retry/token_pace.ts";
import { environmentVariable } from "../runtime.ts";
import { checkOptions, type Keys } from "./option_check.ts";
import { createCaller } from "./caller.ts";
import { automationCalls } from "./calls/automation_calls.ts";
import { listCalls } from "./calls/list_calls.ts";
import { runCalls } from "./calls/run_calls.ts";
import { resolveConnection } from "./connection/connection.ts";
import type { KeptToken } from "./connection/token_source.ts";
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
  const keys = { token: "string", url: "string", env: "function", fetch: "function", clock: "object" } as const;
  checkOptions("create client", options, { ...keys, onNotice: "function" } satisfies Keys<ClientOptions>);
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
  /** Where the address comes from, for messages. @default {"MOGPLEX_URL"} */
  addressPlace?: string | undefined;
}

/** What we know of a client that we made. */
interface Made {
  options: CheckedConnection;
  memory: TokenMemory;
  /** Counts a request of a client that was made from this one. */
  count(): void;
}

const made = new WeakMap<object, Made>();

/**
 * A client of the same service, token and memory, whose requests and waits are counted for one call alone.
 *
 * @returns The client itself if we did not make it.
 */
export function ownClient(
  client: MogplexClient,
  own: { onNotice: (notice: Notice, quietly: boolean) => void; random: () => number },
): MogplexClient {
  const { options, memory, count } = made.get(client) ?? {};
  if (options === undefined) return client;
  const tell: OnNotice = (notice) => {
    options.onNotice?.(notice);
    // It is told once: the caller may have given both the same function.
    own.onNotice(notice, options.onNotice !== undefined);
  };
  return clientFor({ random: own.random, ...options, onNotice: tell, onSend: count }, memory);
}

/** The token of a client; undefined if we did not make it, or no token was needed so far. */
export function tokenOf(client: MogplexClient): string | undefined {
  const token = made.get(client)?.options.token;
  return typeof token === "object" ? (token as KeptToken).last : token;
}

/**
 * Makes a client for a checked connection.
 *
 * @param memory What the process has learned about the token. @default nothing
 */
export function clientFor(options: CheckedConnection, memory?: TokenMemory): MogplexClient {
  const { origin, tokenPlace, addressPlace, clock = systemClock, onNotice, random = Math.random } = options;
  const known = memory ?? newTokenMemory(paceOf(clock, options.token, origin));
  let more = 0;
  const transport = createTransport({
    ...options,
    onSend() {
      known.pace.sent(clock.now());
      options.onSend?.();
    },
  });
  const world = { clock, onNotice, random, memory: known };
  const api = routesAt(origin);
  const caller = createCaller({ api, transport, world, tokenPlace, addressPlace });
  const client: MogplexClient = {
    origin,
    get requests() {
      return transport.requests + more;
    },
    get clockSkewMs() {
      return transport.clockSkewMs;
    },
    ...listCalls(caller),
    ...runCalls(caller, transport.redact),
    ...automationCalls(caller, transport.redact),
  };
  made.set(client, {
    options,
    memory: known,
    count() {
      more++;
      options.onSend?.();
    },
  });
  shareTokenMemory(client, known);
  shareMemory(client, origin, options.fetch);
  return client;
}

/**
 * The client of the service, with one method for each route. Answers are checked against the contract; any other answer is thrown as
 * an error of a class in `lib/errors.ts`.
 *
 * @module
 */
import { unawaited } from "../hook.ts";
import type { Clock } from "../clock.ts";
import type { Fetch } from "../http/transport.ts";
import { userAgent } from "../http/user_agent.ts";
import type { OnNotice } from "../notice.ts";
import { systemName } from "../platforms/marks.ts";
import type { CallOptions } from "../retry/call_options.ts";
import { environmentVariable } from "../runtime.ts";
import type { Redactor } from "../text/redact.ts";
import { checkOptions, type Keys } from "./option_check.ts";
import type { Caller } from "./caller.ts";
import { automationCalls } from "./calls/automation_calls.ts";
import { type Calls, checkedCalls } from "./calls/checked_calls.ts";
import { listCalls } from "./calls/list_calls.ts";
import { runCalls } from "./calls/run_calls.ts";
import { type CheckedConnection, connectedClient } from "./connected_client.ts";
import { resolveConnection } from "./connection/connection.ts";
import type { MogplexClient } from "./mogplex_client.ts";

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
  for (const message of connection.notices) unawaited(onNotice?.({ kind: "text", message }));
  return scriptClientFor({ ...connection, fetch, clock, onNotice, userAgent: userAgent(systemName(env)) });
}

/** All methods of a client. @internal */
export function allCalls(caller: Caller, redact: Redactor): Calls {
  return { ...listCalls(caller), ...runCalls(caller, redact), ...automationCalls(caller, redact) };
}

/** {@linkcode clientFor} for scripts: its methods check names and types of what they get. */
export function scriptClientFor(options: CheckedConnection): MogplexClient {
  return connectedClient(options, (caller, redact) => checkedCalls(allCalls(caller, redact)));
}

/** Makes a client with all methods for a checked connection. */
export function clientFor(options: CheckedConnection): MogplexClient {
  return connectedClient(options, allCalls);
}

import { systemClock } from "../clock.ts";
import { callHook } from "../hook.ts";
import type { Notice, OnNotice } from "../notice.ts";
import type { Redactor } from "../text/redact.ts";
import { automationCalls, type Caller, createCaller, listCalls, routesAt, runCalls } from "./calls.ts";
import type { KeptToken } from "./connection.ts";
import { type ClientMemory, newTokenMemory, PROCESS, type TokenMemory } from "./memory.ts";
import type { ServiceClient } from "./methods.ts";
import { refusePlainProxy } from "./proxies.ts";
import type { CallOptions } from "./retry.ts";
import { createTransport, type TransportOptions } from "./transport.ts";

// A client contains only the methods that its user needs, so a bundle that only follows runs has no methods for starting. Exports with `@internal`
// are left out of the declarations, which must not refer to types of a package.

interface CheckedConnection extends TransportOptions {
  onNotice?: OnNotice | undefined;
  random?: (() => number) | undefined;
  tokenPlace?: string | undefined;
  addressPlace?: string | undefined;
}

export type ClientFacts = Pick<ServiceClient, "origin" | "requests" | "clockSkewMs">;

/** @internal */
export type MakeCalls<C> = (caller: Caller, redact: Redactor) => C;

interface ClientSource {
  options: CheckedConnection;
  count(): void;
}

/**
 * Creates a client with the same service, token and memory that counts the requests and waits of one call only.
 * @returns The client itself if this library did not create it.
 * @internal
 */
export function ownClient<C extends object>(
  client: C & ClientFacts,
  calls: MakeCalls<C>,
  own: { onNotice: (notice: Notice, quietly: boolean) => void; random: () => number },
): C & ClientFacts {
  const { made, token } = PROCESS.ofClient(client) as ClientMemory<ClientSource>;
  if (made === undefined) return client;
  const { options, count } = made;
  const tell: OnNotice = (notice) => {
    callHook(options.onNotice, notice);
    // The caller may have passed the same function to the client and to this call, so the second notice is marked as a repetition.
    own.onNotice(notice, options.onNotice !== undefined);
  };
  return connectedClient({ random: own.random, ...options, onNotice: tell, onSend: count }, calls, token);
}

export function tokenOf(client: object): string | undefined {
  const token = (PROCESS.ofClient(client) as ClientMemory<ClientSource>).made?.options.token;
  return typeof token === "object" ? (token as KeptToken).last : token;
}

/** @internal */
export function connectedClient<C extends object>(
  options: CheckedConnection,
  calls: MakeCalls<C>,
  memory?: TokenMemory,
): C & ClientFacts {
  const { origin, tokenPlace, addressPlace, clock = systemClock, onNotice, random = Math.random } = options;
  const tokenMemory = memory ?? newTokenMemory(
    PROCESS.paceOf(clock, options.token, origin),
    typeof options.token === "object",
  );
  let more = 0;
  // A custom `fetch` may use its own proxies.
  if (options.fetch === undefined) refusePlainProxy(origin);
  const transport = createTransport({
    ...options,
    onSend() {
      tokenMemory.pace.sent(clock.now());
      options.onSend?.();
    },
  });
  const world = { clock, onNotice, random, memory: tokenMemory };
  const caller = createCaller({ api: routesAt(origin), transport, world, tokenPlace, addressPlace });
  const client = {
    origin,
    get requests() {
      return transport.requests + more;
    },
    get clockSkewMs() {
      return transport.clockSkewMs;
    },
    ...calls(caller, transport.redact),
  };
  function count(): void {
    more++;
    options.onSend?.();
  }
  const made: ClientSource = { options, count };
  PROCESS.keepClient(client, { token: tokenMemory, streams: PROCESS.streamsOf(origin, options.fetch), made });
  return client;
}

export type { CallOptions, ServiceClient };

/** @internal */
export function allCalls(caller: Caller, redact: Redactor): Omit<ServiceClient, keyof ClientFacts> {
  return { ...listCalls(caller), ...runCalls(caller, redact), ...automationCalls(caller, redact) };
}

export function clientFor(options: CheckedConnection, memory?: TokenMemory): ServiceClient {
  return connectedClient(options, allCalls, memory);
}

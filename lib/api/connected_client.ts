/**
 * A client on a checked connection, with the methods that its user needs: whoever follows a run does not carry the methods that start one.
 * What is marked as internal is left out of the declarations, which must lead to no types of a package.
 *
 * @module
 */
import { unawaited } from "../hook.ts";
import { systemClock } from "../clock.ts";
import { createTransport, type TransportOptions } from "../http/transport.ts";
import type { Notice, OnNotice } from "../notice.ts";
import { newTokenMemory, shareTokenMemory, type TokenMemory } from "../retry/token_memory.ts";
import { paceOf } from "../retry/token_pace.ts";
import type { Redactor } from "../text/redact.ts";
import { type Caller, createCaller } from "./caller.ts";
import type { KeptToken } from "./connection/token_source.ts";
import type { MogplexClient } from "./mogplex_client.ts";
import { routesAt } from "./routes_at.ts";
import { shareMemory } from "./stream_memory.ts";

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

/** What every client has besides its methods. */
export type ClientFacts = Pick<MogplexClient, "origin" | "requests" | "clockSkewMs">;

/** Makes the methods of a client. The redactor masks secrets. @internal */
export type MakeCalls<C> = (caller: Caller, redact: Redactor) => C;

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
 * @param calls The methods that the call needs.
 * @returns The client itself if we did not make it.
 * @internal
 */
export function ownClient<C extends object>(
  client: C & ClientFacts,
  calls: MakeCalls<C>,
  own: { onNotice: (notice: Notice, quietly: boolean) => void; random: () => number },
): C & ClientFacts {
  const { options, memory, count } = made.get(client) ?? {};
  if (options === undefined) return client;
  const tell: OnNotice = (notice) => {
    unawaited(options.onNotice?.(notice));
    // It is told once: the caller may have given both the same function.
    own.onNotice(notice, options.onNotice !== undefined);
  };
  return connectedClient({ random: own.random, ...options, onNotice: tell, onSend: count }, calls, memory);
}

/** The token of a client; undefined if we did not make it, or no token was needed so far. */
export function tokenOf(client: object): string | undefined {
  const token = made.get(client)?.options.token;
  return typeof token === "object" ? (token as KeptToken).last : token;
}

/**
 * Makes a client for a checked connection.
 *
 * @param calls The client's methods.
 * @param memory What the process has learned about the token. @default nothing
 * @internal
 */
export function connectedClient<C extends object>(
  options: CheckedConnection,
  calls: MakeCalls<C>,
  memory?: TokenMemory,
): C & ClientFacts {
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

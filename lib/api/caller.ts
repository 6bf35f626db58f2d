/**
 * Sends the requests of the client: limits, retries and judging, the same for all of them.
 *
 * @module
 */
import { UnavailableError, UsageError } from "../errors.ts";
import type { EventStream } from "../http/stream.ts";
import type { CallOptions } from "../retry/call_options.ts";
import type { Transport } from "../http/transport.ts";
import { callWithin, type CallWorld, type StandAloneCall } from "../retry/calls.ts";
import type { Success } from "./contract/routes.ts";
import type { FailureEnvelope, Schema } from "./contract/schemas.ts";
import { type Attempted, isMissingRoute, judge, refuse } from "./errors.ts";
import type { ApiRoutes, How } from "./routes_at.ts";

/** An answer whose data is `D`. The compiler compares `D` with the schema that reads it. */
export type Answering<D> = Promise<{ json(): Promise<Success<D> | FailureEnvelope> }>;
type Extras = Pick<StandAloneCall, "starts" | "backoffBaseMs" | "onFailure">;

/**
 * Longest backoff after the first failed start, in milliseconds. Each start counts against 10 a minute and 30 an hour.
 *
 * Source: API reference, "Rate limits".
 */
export const START_BACKOFF_MS = 4_000;

/** Checks a limit, since the service silently replaces one that is out of range. @throws {UsageError} when it is not from 1 to `max`. */
export function limitOf(limit: number | undefined, max: number): string | undefined {
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
export interface CallerParts {
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

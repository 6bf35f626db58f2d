/**
 * Sends the requests of the client: one place for what all of them have in common.
 *
 * @module
 */
import type { hc } from "hono/client";
import { UnavailableError, UsageError } from "../errors.ts";
import type { EventStream } from "../http/stream.ts";
import type { CallOptions } from "../retry/call_options.ts";
import type { Transport } from "../http/transport.ts";
import { callWithin, type CallWorld, type StandAloneCall } from "../retry/calls.ts";
import type { Api, Success } from "./contract/routes.ts";
import type { FailureEnvelope, Lazy } from "./contract/schemas.ts";
import { type Attempted, isMissingRoute, judge, refuse } from "./errors.ts";

/** An answer whose good form is `D`: the compiler compares it with the schema that reads it. */
export type Answering<D> = Promise<{ json(): Promise<Success<D> | FailureEnvelope> }>;
/** What is given to each call beside its arguments. */
export type How = NonNullable<Parameters<typeof hc>[1]>;
type Extras = Pick<StandAloneCall, "starts" | "backoffBaseMs" | "onFailure">;

/**
 * Base of the delay between repeated starts, in milliseconds: each costs one of 10 a minute and 30 an hour.
 *
 * Source: API reference, "Rate limits".
 */
export const START_BACKOFF_MS = 4_000;

/** The service takes what is out of range for something else without a word. */
export function limitOf(limit: number | undefined, max: number): string | undefined {
  if (limit === undefined || (Number.isInteger(limit) && limit >= 1 && limit <= max)) return limit?.toString();
  throw new UsageError({
    attempted: "list",
    why: `'limit' must be a whole number from 1 to ${max}`,
    value: String(limit),
  });
}

/** The routes of the service, by their types. */
export type ApiRoutes = ReturnType<typeof hc<Api>>["api"]["v1"]["mogplex"];

/** Sends the requests that the methods of the client consist of. */
export interface Caller {
  /** The routes. */
  readonly api: ApiRoutes;
  /** Sends a request and reads its answer by a schema. */
  send<D>(
    attempted: Attempted,
    schema: Lazy<D>,
    limits: CallOptions | undefined,
    ask: (how: How) => Answering<D>,
    extras?: Extras,
  ): Promise<D>;
  /** Opens a stream of events. */
  open(
    attempted: Attempted,
    limits: CallOptions | undefined,
    ask: (how: How) => Promise<unknown>,
  ): Promise<EventStream>;
  /** The same, for what only reads. */
  read<D>(what: string, schema: Lazy<D>, call: CallOptions | undefined, ask: (how: How) => Answering<D>): Promise<D>;
}

/** What {@linkcode createCaller} needs. */
export interface CallerParts {
  /** The routes. */
  api: ApiRoutes;
  /** Sends one request. */
  transport: Transport;
  /** What the calls of a client share. */
  world: CallWorld;
  /** See {@linkcode Attempted.tokenPlace}. */
  tokenPlace?: string | undefined;
}

/** Makes the caller of a client. */
export function createCaller({ api, transport, world, tokenPlace }: CallerParts): Caller {
  function send<D>(
    attempted: Attempted,
    schema: Lazy<D>,
    limits: CallOptions | undefined,
    ask: (how: How) => Answering<D>,
    extras: Extras = {},
  ): Promise<D> {
    const { what, recent } = attempted;
    const lasts = recent ? isMissingRoute : undefined;
    return callWithin(world, { what, limits, lasts, ...extras }, (limitMs) =>
      transport.call({
        what,
        send: (fetch) => ask({ fetch: fetch as typeof globalThis.fetch }) as Promise<Response>,
        judge: (answer) => judge({ tokenPlace, ...attempted }, answer, schema, transport.redact),
      }, { limitMs, signal: limits?.signal }));
  }
  function read<D>(what: string, schema: Lazy<D>, call: CallOptions | undefined, ask: (how: How) => Answering<D>) {
    return send({ what, scope: "read" }, schema, call, ask);
  }
  function open(
    attempted: Attempted,
    limits: CallOptions | undefined,
    ask: (how: How) => Promise<unknown>,
  ): Promise<EventStream> {
    const { what } = attempted;
    return callWithin(world, { what, limits, lasts: hasNoStream }, (limitMs) =>
      transport.open({
        what,
        send: (fetch) => ask({ fetch: fetch as typeof globalThis.fetch }) as Promise<Response>,
        refuse: (answer) => refuse({ tokenPlace, ...attempted }, answer, transport.redact),
      }, { limitMs, signal: limits?.signal }));
  }

  return { api, send, read, open };
}

/** A good answer that is not a stream means that there is none here, however often it is asked for. */
function hasNoStream(error: unknown): boolean {
  return isMissingRoute(error) || error instanceof UnavailableError && error.status < 300;
}

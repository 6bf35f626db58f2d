/**
 * Sends the requests of the client: one place for what all of them have in common.
 *
 * @module
 */
import type { hc } from "hono/client";
import { UsageError } from "../errors.ts";
import type { CallOptions } from "../http/call_options.ts";
import type { Call, Transport } from "../http/transport.ts";
import type { Api, Success } from "./contract/routes.ts";
import type { FailureEnvelope, Lazy } from "./contract/schemas.ts";
import { type Attempted, judge } from "./errors.ts";

/** An answer whose good form is `D`: the compiler compares it with the schema that reads it. */
export type Answering<D> = Promise<{ json(): Promise<Success<D> | FailureEnvelope> }>;
/** What is given to each call beside its arguments. */
export type How = NonNullable<Parameters<typeof hc>[1]>;
type Extras = Partial<Pick<Call<unknown>, "retry" | "backoffBaseMs" | "onFailure">>;

/**
 * Base of the delay between repeated starts, in milliseconds: each costs one of 10 a minute and 30 an hour.
 *
 * Source: API reference, "Rate limits".
 */
export const START_BACKOFF_MS = 4_000;

/** The service takes what is out of range for something else without a word. */
export function limitOf(limit: number | undefined, max: number): string | undefined {
  if (limit === undefined || (Number.isInteger(limit) && limit >= 1 && limit <= max)) return limit?.toString();
  throw new UsageError(`Cannot list as 'limit' must be a whole number from 1 to ${max}: current value is ${limit}`);
}

/** The routes of the service, by their types. */
export type ApiRoutes = ReturnType<typeof hc<Api>>["api"]["v1"]["mogplex"];

/** What the methods of the client are made of. */
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
  /** The same, for what only reads. */
  read<D>(what: string, schema: Lazy<D>, call: CallOptions | undefined, ask: (how: How) => Answering<D>): Promise<D>;
}

/** Makes a caller. @param tokenPlace See {@linkcode Attempted.tokenPlace}. */
export function createCaller(api: ApiRoutes, transport: Transport, tokenPlace?: string): Caller {
  function send<D>(
    attempted: Attempted,
    schema: Lazy<D>,
    limits: CallOptions | undefined,
    ask: (how: How) => Answering<D>,
    extras: Extras = {},
  ): Promise<D> {
    return transport.call({
      what: attempted.what,
      retry: true,
      ...extras,
      limits,
      send: (fetch) => ask({ fetch: fetch as typeof globalThis.fetch }) as Promise<Response>,
      judge: (answer) => judge({ tokenPlace, ...attempted }, answer, schema, transport.redact),
    });
  }
  function read<D>(what: string, schema: Lazy<D>, call: CallOptions | undefined, ask: (how: How) => Answering<D>) {
    return send({ what, scope: "read" }, schema, call, ask);
  }

  return { api, send, read };
}

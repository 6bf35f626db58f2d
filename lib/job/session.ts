/**
 * A session: client, clock, notices and counters that everything in one call of the library shares.
 *
 * @module
 */
import { unawaited } from "../hook.ts";
import { allCalls, type MogplexClient } from "../api/client.ts";
import { type ClientFacts, connectedClient, type MakeCalls, ownClient, tokenOf } from "../api/connected_client.ts";
import type { Keys } from "../api/option_check.ts";
import { type Connection, resolveConnection } from "../api/connection/connection.ts";
import { type Clock, systemClock } from "../clock.ts";
import { UsageError } from "../errors.ts";
import type { Fetch, RequestReport } from "../http/transport.ts";
import { userAgent } from "../http/user_agent.ts";
import type { Notice, OnNotice } from "../notice.ts";
import type { Platform, ReadEnv } from "../platforms/platform.ts";
import type { WaitTotal } from "../result/run_result.ts";
import { Pacer } from "../retry/pacer.ts";
import { type TokenMemory, tokenMemoryOf } from "../retry/token_memory.ts";
import { environmentVariable } from "../runtime.ts";

/** Which service to use, and replacements for environment, network and time. */
export interface ConnectOptions {
  /** Access token (`mog_…`). @default the variable `MOGPLEX_API_KEY` */
  token?: string | undefined;
  /** Origin of the service. @default the variable `MOGPLEX_URL`, else `https://mogplex.com` */
  url?: string | undefined;
  /** Client to use instead of one made from `token` and `url`, which must not be given then. @default {undefined} */
  client?: MogplexClient | undefined;
  /** Reads an environment variable. @default the environment of the process */
  env?: ReadEnv | undefined;
  /** Sends requests. @default {globalThis.fetch} */
  fetch?: Fetch | undefined;
  /** Time. @default {systemClock} */
  clock?: Clock | undefined;
  /**
   * Ends the call. It then rejects with `signal.reason`, or with an {@linkcode AbortedError} once a start was sent. The run itself goes
   * on. @default {undefined}
   */
  signal?: AbortSignal | undefined;
  /** Called for waits, retries and everything else worth a log line. @default {undefined} */
  onNotice?: OnNotice | undefined;
}

/** The names and types of {@linkcode ConnectOptions}. */
export function connectKeys(): Keys<ConnectOptions> {
  return {
    token: "string",
    url: "string",
    client: "object",
    env: "function",
    fetch: "function",
    clock: "object",
    signal: "object",
    onNotice: "function",
  };
}

/** Resolved {@linkcode ConnectOptions}, with the counters of one call. `C` has the methods of the client that the call needs. */
export interface Connected<C = unknown> {
  /** The service. */
  readonly client: C & ClientFacts;
  /** Time. */
  readonly clock: Clock;
  /** Access token; undefined if the caller passed a client that we did not make. */
  readonly token: string | undefined;
  /** Reads the environment. */
  readonly env: ReadEnv;
  /** The caller's signal. */
  readonly signal: AbortSignal | undefined;
  /** Counts a notice about a wait, and passes every notice to `onNotice` unless `quietly`. */
  readonly notify: (notice: Notice, quietly?: boolean) => void;
  /** Waits so far, by cause. */
  readonly waits: () => WaitTotal[];
  /** Requests sent since the session was opened. */
  readonly requests: () => number;
  /** Point on the clock at which it was opened. */
  readonly startedAt: number;
  /** Random numbers from 0 up to 1, for jitter. */
  readonly random: () => number;
  /** What the process has learned about the token. */
  readonly memory: TokenMemory;
  /**
   * Makes a pacer, which waits at most until the deadline.
   *
   * @param deadline Point on the clock, in milliseconds.
   * @param signal Ends every wait. @default {@linkcode Connected.signal}
   */
  pacer(deadline: number, signal?: AbortSignal): Pacer;
}

/** What a whole job shares: a client with all methods, and the CI system. */
export interface Session extends Connected<MogplexClient> {
  /** The CI system. */
  readonly platform: Platform;
}

/** Options of a session that only tests and the command line set. */
export interface SessionInternals {
  /** See {@linkcode Connected.random}. @default {Math.random} */
  random?: (() => number) | undefined;
  /** Reads the file of `MOGPLEX_API_KEY_FILE`. @default {undefined} (it cannot be read) */
  readFile?: ((path: string) => string | undefined) | undefined;
  /** Service and token, if the caller has resolved them. @default {undefined} (resolved from the options) */
  connection?: Connection | undefined;
  /** The CI system. */
  platform: Platform;
  /** Called with the session as soon as it is open. @default {undefined} */
  onSession?: ((session: Session) => void) | undefined;
  /** Called after each request, unless the caller passed a client. @default {undefined} */
  onRequest?: ((request: RequestReport) => void) | undefined;
}

/**
 * Connects to the service.
 *
 * @param system Name of the CI system, for the service's log.
 * @param calls The methods that the client needs.
 * @throws {UnauthorizedError} when there is no token, or its value cannot be a token.
 * @throws {UsageError} when the origin is not permitted.
 * @internal
 */
export function connectWith<C extends object>(
  options: Omit<ConnectOptions, "client"> & { client?: (C & ClientFacts) | undefined },
  internals: Omit<SessionInternals, "platform">,
  system: string,
  calls: MakeCalls<C>,
): Connected<C> {
  const { env = environmentVariable, clock = systemClock, signal, onNotice } = options;
  const { random = Math.random } = internals;
  const waits = new Map<string, WaitTotal>();

  function notify(notice: Notice, quietly = false): void {
    if (notice.kind === "wait") {
      const total = waits.get(notice.cause) ?? { cause: notice.cause, count: 0, totalMs: 0 };
      waits.set(notice.cause, { ...total, count: total.count + 1, totalMs: total.totalMs + notice.delayMs });
    }
    if (!quietly) unawaited(onNotice?.(notice));
  }

  function connect(): { client: C & ClientFacts; token?: string } {
    const { token, url, fetch } = options;
    const { notices, ...connection } = internals.connection ??
      resolveConnection({ env, token, url, readFile: internals.readFile });
    for (const message of notices) notify({ kind: "text", message });
    const agent = userAgent(system);
    const { onRequest } = internals;
    const client = connectedClient(
      { ...connection, fetch, clock, onNotice: notify, random, userAgent: agent, onRequest },
      calls,
    );
    return { client, token: connection.token };
  }

  function shared(given: C & ClientFacts): { client: C & ClientFacts; token: string | undefined } {
    return { client: ownClient(given, calls, { onNotice: notify, random }), token: tokenOf(given) };
  }

  const { client, token } = options.client === undefined ? connect() : shared(options.client);
  const before = client.requests;
  const connected: Connected<C> = {
    client,
    clock,
    token,
    env,
    signal,
    notify,
    waits: () => [...waits.values()],
    requests: () => client.requests - before,
    startedAt: clock.now(),
    random,
    memory: tokenMemoryOf(client),
    pacer: (deadline, waitSignal = signal) =>
      new Pacer({
        clock,
        deadline,
        startedAt: connected.startedAt,
        signal: waitSignal,
        notify,
        requests: connected.requests,
        random,
      }),
  };
  return connected;
}

/** Opens a session. @throws what {@linkcode connectWith} throws. */
export function openSession(options: ConnectOptions, internals: SessionInternals): Session {
  const { platform } = internals;
  const session = { ...connectWith(options, internals, platform.name, allCalls), platform };
  internals.onSession?.(session);
  return session;
}

/** Longest wait that {@linkcode checkTimeout} accepts, in milliseconds: 30 days. */
export const MAX_TIMEOUT_MS = 30 * 86_400_000;

/**
 * Checks the longest time of a whole job, and returns it.
 *
 * @param timeoutMs Milliseconds, more than 0, at most 30 days.
 * @throws {UsageError} when it is out of range.
 */
export function checkTimeout(timeoutMs: number): number {
  if (timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS) return timeoutMs;
  const why = `'timeoutMs' must be more than 0 and at most ${MAX_TIMEOUT_MS} milliseconds`;
  throw new UsageError({ attempted: "wait", why, value: String(timeoutMs) });
}

/** Default longest time of a whole job, in milliseconds: 30 minutes. Source: CLI reference, `--timeout`. */
export const DEFAULT_TIMEOUT_MS = 1_800_000;

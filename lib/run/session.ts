import type { Platform, ReadEnv } from "../ci/platform.ts";
import { type Clock, systemClock } from "../clock.ts";
import { UsageError } from "../errors.ts";
import { callHook } from "../hook.ts";
import type { NoticeFacts, OnNotice } from "../notice.ts";
import { withMessage } from "../text/notice_text.ts";
import { environmentVariable } from "../runtime.ts";
import {
  allCalls,
  type ClientFacts,
  connectedClient,
  type MakeCalls,
  ownClient,
  type ServiceClient,
  tokenOf,
} from "../service/client.ts";
import { type Connection, resolveConnection } from "../service/connection.ts";
import { Pacer } from "../service/pacer.ts";
import { PROCESS, type TokenMemory } from "../service/memory.ts";
import { type Fetch, type RequestReport, userAgent } from "../service/transport.ts";
import type { Keys } from "../service/validate.ts";
import { createRedactor, type Redactor } from "../text/redact.ts";
import type { WaitTotal } from "./result.ts";

interface SessionOptions extends ConnectOptions {
  timeoutMs?: number | undefined;
}

export function openSession(options: SessionOptions, internals: SessionInternals): Session {
  const { platform } = internals;
  const session = { ...connectWith(options, internals, platform.name, allCalls), platform };
  internals.onSession?.(session);
  return session;
}

/**
 * @param system Name of the CI system, for the service's log.
 * @internal
 */
export function connectWith<C extends object>(
  options: Omit<SessionOptions, "client"> & { client?: (C & ClientFacts) | undefined },
  internals: Omit<SessionInternals, "platform">,
  system: string,
  calls: MakeCalls<C>,
): Connected<C> {
  const { env = environmentVariable, clock = systemClock, signal, onNotice, secrets } = options;
  const { random = Math.random } = internals;
  const startedAt = clock.now();
  const deadline = startedAt + checkTimeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const waits = new Map<string, WaitTotal>();

  function notify(notice: NoticeFacts, quietly = false): void {
    if (notice.kind === "wait") {
      const total = waits.get(notice.cause) ?? { cause: notice.cause, count: 0, totalMs: 0 };
      waits.set(notice.cause, { ...total, count: total.count + 1, totalMs: total.totalMs + notice.delayMs });
    }
    if (!quietly) callHook(onNotice, withMessage(notice));
  }

  function connect(): { client: C & ClientFacts; token?: string } {
    const { token, url, fetch } = options;
    const { notices, ...connection } = internals.connection ??
      resolveConnection({ env, token, url, readFile: internals.readFile });
    for (const message of notices) notify({ kind: "text", message });
    const agent = userAgent(system);
    const { onRequest } = internals;
    const client = connectedClient(
      { ...connection, env, secrets, fetch, clock, onNotice: notify, random, userAgent: agent, onRequest },
      calls,
    );
    return { client, token: connection.token };
  }

  function shared(given: C & ClientFacts): { client: C & ClientFacts; token: string | undefined } {
    return { client: ownClient(given, calls, { onNotice: notify, random }), token: tokenOf(given) };
  }

  const { client, token } = options.client === undefined ? connect() : shared(options.client);
  const before = client.requests;
  let redactor: Redactor | undefined;
  const connected: Connected<C> = {
    client,
    clock,
    token,
    env,
    signal,
    notify,
    redactor: () => redactor ??= createRedactor({ token, env, secrets }),
    waits: () => [...waits.values()],
    requests: () => client.requests - before,
    startedAt,
    deadline,
    random,
    memory: PROCESS.ofClient(client).token,
    pacer: (waitSignal = signal) =>
      new Pacer({
        clock,
        deadline,
        startedAt,
        signal: waitSignal,
        notify,
        requests: connected.requests,
        random,
      }),
  };
  return connected;
}

export const MAX_TIMEOUT_MS = 30 * 86_400_000;

export function checkTimeout(timeoutMs: number): number {
  if (timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS) return timeoutMs;
  const why = `'timeoutMs' must be more than 0 and at most ${MAX_TIMEOUT_MS} milliseconds`;
  throw new UsageError({ attempted: "wait", why, value: String(timeoutMs) });
}

/** Minimum time for following a run. A smaller value was probably meant as seconds or minutes, and would abandon a run that costs money. */
const MIN_FOLLOW_MS = 1_000;

export function checkFollowTimeout(timeoutMs: number | undefined): void {
  if (timeoutMs === undefined || checkTimeout(timeoutMs) >= MIN_FOLLOW_MS) return;
  const why = `'timeoutMs' is in milliseconds, and must be at least ${MIN_FOLLOW_MS} to follow a run`;
  throw new UsageError({ attempted: "wait", why, value: String(timeoutMs) });
}

/** Source: CLI reference, `--timeout`. */
export const DEFAULT_TIMEOUT_MS = 1_800_000;

export interface Connected<C = unknown> {
  readonly client: C & ClientFacts;
  readonly clock: Clock;
  readonly token: string | undefined;
  readonly env: ReadEnv;
  readonly signal: AbortSignal | undefined;
  /** Waits are counted even if `quietly` is set. In that case, `onNotice` is not called. */
  readonly notify: (notice: NoticeFacts, quietly?: boolean) => void;
  readonly redactor: () => Redactor;
  readonly waits: () => WaitTotal[];
  readonly requests: () => number;
  readonly startedAt: number;
  readonly deadline: number;
  readonly random: () => number;
  readonly memory: TokenMemory;
  pacer(signal?: AbortSignal): Pacer;
}

export interface Session extends Connected<ServiceClient> {
  readonly platform: Platform;
}

/** Options for every verb. */
export interface VerbOptions {
  /**
   * Ends the call, which then rejects with `signal.reason`. Once a start has been sent, or if the call follows an existing run, the call rejects with
   * an {@linkcode AbortedError} instead. The run itself continues, unless the call has `cancelOn` with `abort`.
   */
  signal?: AbortSignal | undefined;
  /** Called for everything worth a log line. {@linkcode Notice} lists the kinds of notices, and explains which waits are reported. */
  onNotice?: OnNotice | undefined;
}

export function verbKeys(): Keys<VerbOptions> {
  return { signal: "signal", onNotice: "function" };
}

export interface ConnectOptions extends VerbOptions {
  token?: string | undefined;
  secrets?: readonly string[] | undefined;
  /** Origin of the service. @default the variable `MOGPLEX_URL`, otherwise `https://mogplex.com` */
  url?: string | undefined;
  /** A client cannot be combined with `token` or `url`. */
  client?: ServiceClient | undefined;
  env?: ReadEnv | undefined;
  fetch?: Fetch | undefined;
  clock?: Clock | undefined;
}

export interface SessionInternals {
  random?: (() => number) | undefined;
  readFile?: ((path: string) => string | undefined) | undefined;
  /** If this is set, the session options are ignored. */
  session?: Session | undefined;
  connection?: Connection | undefined;
  platform: Platform;
  onSession?: ((session: Session) => void) | undefined;
  /** Called after each request, unless the caller passed a client. */
  onRequest?: ((request: RequestReport) => void) | undefined;
}

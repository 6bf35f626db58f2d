/**
 * A session: client, clock, notices and counters that everything in one call of the library shares.
 *
 * @module
 */
import type { Platform, ReadEnv } from "../ci/platform.ts";
import { type Clock, OVER, systemClock } from "../clock.ts";
import { InterruptedError, UsageError } from "../errors.ts";
import { callHook } from "../hook.ts";
import type { Io } from "../io.ts";
import type { Repo } from "../model.ts";
import type { Notice, OnNotice } from "../notice.ts";
import { environmentVariable } from "../runtime.ts";
import {
  allCalls,
  type ClientFacts,
  connectedClient,
  type MakeCalls,
  type MogplexApi,
  ownClient,
  tokenOf,
} from "../service/client.ts";
import { type Connection, resolveConnection } from "../service/connection.ts";
import { Pacer } from "../service/pacer.ts";
import { type NameRequest, PROCESS, type TokenMemory } from "../service/memory.ts";
import { type Fetch, type RequestReport, userAgent } from "../service/transport.ts";
import type { Keys } from "../service/validate.ts";
import { createRedactor, type Redactor } from "../text/redact.ts";
import type { WaitTotal } from "./result.ts";

/** Options of {@linkcode openSession}. */
interface SessionOptions extends ConnectOptions {
  /** Longest time of the whole call, in milliseconds: more than 0, at most 30 days. @default {1_800_000} */
  timeoutMs?: number | undefined;
}

/** Opens a session. @throws what {@linkcode connectWith} throws. */
export function openSession(options: SessionOptions, internals: SessionInternals): Session {
  if (internals.session !== undefined) return internals.session;
  const { platform } = internals;
  const session = { ...connectWith(options, internals, platform.name, allCalls), platform };
  internals.onSession?.(session);
  return session;
}

/**
 * Connects to the service.
 *
 * @param system Name of the CI system, for the service's log.
 * @param calls The methods that the client needs.
 * @throws {UnauthorizedError} when there is no token, or its value cannot be a token.
 * @throws {UsageError} when the origin is not permitted, or `timeoutMs` is out of range.
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

  function notify(notice: Notice, quietly = false): void {
    if (notice.kind === "wait") {
      const total = waits.get(notice.cause) ?? { cause: notice.cause, count: 0, totalMs: 0 };
      waits.set(notice.cause, { ...total, count: total.count + 1, totalMs: total.totalMs + notice.delayMs });
    }
    if (!quietly) callHook(onNotice, notice);
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

/** Longest wait that {@linkcode checkTimeout} accepts, in milliseconds: 30 days. */
export const MAX_TIMEOUT_MS = 30 * 86_400_000;

/** @throws {UsageError} when the longest time of a whole job is out of range. */
export function checkTimeout(timeoutMs: number): number {
  if (timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS) return timeoutMs;
  const why = `'timeoutMs' must be more than 0 and at most ${MAX_TIMEOUT_MS} milliseconds`;
  throw new UsageError({ attempted: "wait", why, value: String(timeoutMs) });
}

/** Shortest time for following, in milliseconds. Whoever gives less has meant seconds or minutes, and would pay for a run and give it up. */
const MIN_FOLLOW_MS = 1_000;

/** Refuses a time that is too short to follow anything. @throws {UsageError} */
export function checkFollowTimeout(timeoutMs: number | undefined): void {
  if (timeoutMs === undefined || checkTimeout(timeoutMs) >= MIN_FOLLOW_MS) return;
  const why = `'timeoutMs' is in milliseconds, and must be at least ${MIN_FOLLOW_MS} to follow anything`;
  throw new UsageError({ attempted: "wait", why, value: String(timeoutMs) });
}

/** Default longest time of a whole job, in milliseconds: 30 minutes. Source: CLI reference, `--timeout`. */
export const DEFAULT_TIMEOUT_MS = 1_800_000;

/** Resolved {@linkcode ConnectOptions}, with the counters of one call. `C` has the methods of the client that the call needs. */
export interface Connected<C = unknown> {
  readonly client: C & ClientFacts;
  readonly clock: Clock;
  /** Access token; undefined if the caller passed a client that we did not make. */
  readonly token: string | undefined;
  readonly env: ReadEnv;
  readonly signal: AbortSignal | undefined;
  /** Counts a notice about a wait, and passes every notice to `onNotice` unless `quietly`. */
  readonly notify: (notice: Notice, quietly?: boolean) => void;
  /** Masks the token, the secrets that were given, and those in the environment. Its patterns are made once for the whole call. */
  readonly redactor: () => Redactor;
  /** Waits so far, by cause. */
  readonly waits: () => WaitTotal[];
  /** Requests sent since the session was opened. */
  readonly requests: () => number;
  /** Point on the clock at which it was opened. */
  readonly startedAt: number;
  /** Point on the clock until which the whole call may take. */
  readonly deadline: number;
  /** Random numbers from 0 up to 1, for jitter. */
  readonly random: () => number;
  /** What the process has learned about the token. */
  readonly memory: TokenMemory;
  /**
   * Makes a pacer, which waits at most until the deadline.
   *
   * @param signal Ends every wait. @default {@linkcode Connected.signal}
   */
  pacer(signal?: AbortSignal): Pacer;
}

/** What a whole job shares: a client with all methods, and the CI system. */
export interface Session extends Connected<MogplexApi> {
  readonly platform: Platform;
}

/** What every verb takes. */
export interface VerbOptions {
  /**
   * Ends the call. It then rejects with `signal.reason`, or with an {@linkcode AbortedError} once a start was sent, and in any case where a
   * run is followed by its id. The run itself goes on. @default {undefined}
   */
  signal?: AbortSignal | undefined;
  /** Called for everything worth a log line: see {@linkcode Notice}, also for which waits are told. @default {undefined} */
  onNotice?: OnNotice | undefined;
}

/** The names and types of {@linkcode VerbOptions}. */
export function verbKeys(): Keys<VerbOptions> {
  return { signal: "signal", onNotice: "function" };
}

/** Which service to use, and replacements for environment, network and time. */
export interface ConnectOptions extends VerbOptions {
  /** Access token (`mog_…`). @default the variable `MOGPLEX_API_KEY` */
  token?: string | undefined;
  /** Further secrets to mask. @default {[]} */
  secrets?: readonly string[] | undefined;
  /** Origin of the service. @default the variable `MOGPLEX_URL`, else `https://mogplex.com` */
  url?: string | undefined;
  /** Client to use instead of one made from `token` and `url`, which must not be given then. @default {undefined} */
  client?: MogplexApi | undefined;
  /** Reads an environment variable. @default the environment of the process */
  env?: ReadEnv | undefined;
  /** Sends requests. @default {globalThis.fetch} */
  fetch?: Fetch | undefined;
  /** Time. @default the real clock */
  clock?: Clock | undefined;
}

/** Options of a session that only tests and the command line set. */
export interface SessionInternals {
  /** See {@linkcode Connected.random}. @default {Math.random} */
  random?: (() => number) | undefined;
  /** Reads the file of `MOGPLEX_API_KEY_FILE`. @default {undefined} (it cannot be read) */
  readFile?: ((path: string) => string | undefined) | undefined;
  /** The session, if the caller has opened it: then the options of a session do not count. @default {undefined} (it is opened) */
  session?: Session | undefined;
  /** Service and token, if the caller has resolved them. @default {undefined} (resolved from the options) */
  connection?: Connection | undefined;
  platform: Platform;
  /** Called with the session as soon as it is open. @default {undefined} */
  onSession?: ((session: Session) => void) | undefined;
  /** Called after each request, unless the caller passed a client. @default {undefined} */
  onRequest?: ((request: RequestReport) => void) | undefined;
}

// Signals: SIGINT and SIGTERM end a job before its operation ends, and may cancel the operation.

/**
 * What a signal (SIGINT, SIGTERM) does to the run. `auto`: cancels it if this job owns it and no person watches at a terminal;
 * `cancel`: always cancels it; `detach`: lets it go on.
 */
export type OnInterrupt = "auto" | "cancel" | "detach";

/** All values of {@linkcode OnInterrupt}, for checks and for the help. */
export const ON_INTERRUPT: readonly OnInterrupt[] = ["auto", "cancel", "detach"];

/** What the command can do to the run at the deadline. */
export const ON_TIMEOUT = ["detach", "cancel"] as const;

/** What may cancel a run that is followed: `timeout`, the end of `timeoutMs`; `abort`, the caller's `signal`. */
export type CancelCause = "timeout" | "abort";

/** All values of {@linkcode CancelCause}, for checks. */
export const CANCEL_CAUSES: readonly CancelCause[] = ["timeout", "abort"];

/** Signals of the process, for a job. */
export interface Interrupts {
  /** Aborts at the first signal, with an {@linkcode InterruptedError} as its reason. */
  readonly signal: AbortSignal;
  /** Whether a person sits at a terminal. */
  readonly terminal: boolean;
}

/** What a job does with its operation at the deadline and at a signal. */
export interface WatchSettings {
  /** What cancels it; otherwise it continues. The deadline of the job is `timeout`. */
  cancelOn: readonly CancelCause[];
  /** See {@linkcode OnInterrupt}. */
  onInterrupt: OnInterrupt;
  /** Signals of the process; undefined in the library, which does not handle them. */
  interrupts: Interrupts | undefined;
}

/** Combines the caller's signal and those of the process; undefined when there is neither. */
export function endingSignal(signal: AbortSignal | undefined, interrupts?: Interrupts): AbortSignal | undefined {
  const signals = [signal, interrupts?.signal].filter((each) => each !== undefined);
  return signals.length > 1 ? AbortSignal.any(signals) : signals[0];
}

/**
 * The `reason` in the result of a job that a signal ended.
 *
 * @param text What became of its operation, as a clause: `the run goes on`.
 */
export function interruptReason(interrupts: Interrupts | undefined, text: string): string {
  const error = interrupts?.signal.reason;
  return `${error instanceof InterruptedError ? error.message : "Stopped"}; ${text}`;
}

/** Options of {@linkcode interruptible}. */
interface InterruptibleOptions {
  io: Pick<Io, "onSignal" | "exitNow" | "isTerminal">;
  clock: Clock;
}

/**
 * Time from a signal until the last request for the reports must have ended, in milliseconds. The cancel itself has
 * `Platform.interruptMs`. Source: design, "Signals"; some runners kill after 5 s.
 */
export const INTERRUPT_MS = 4_000;

/**
 * Signals within this time, in milliseconds, count as one: `deno task`, `bun run` and `npm exec` deliver up to three.
 * Source: measured on Node 20.20, Bun 1.4, Deno 2.9.
 */
const SAME_SIGNAL_MS = 1_500;

/** Whether a signal cancels the run. `terminal`: whether a person watches at a terminal. */
export function cancelsOnInterrupt(what: OnInterrupt, owned: boolean, terminal: boolean): boolean {
  return what === "cancel" || what === "auto" && owned && !terminal;
}

/** Signals of the process, and the end of listening to them. */
export interface OpenInterrupts extends Interrupts {
  /** Stops listening, unless a signal has come: a repetition may come while reports are written. */
  close(): void;
}

/**
 * Handles SIGINT and SIGTERM: the first one aborts {@linkcode Interrupts.signal}; further ones within 1.5 s are ignored as repetitions; a
 * later one ends the process at once.
 */
export function openInterrupts({ io, clock }: InterruptibleOptions): OpenInterrupts {
  const controller = new AbortController();
  const terminal = io.isTerminal("stdout") || io.isTerminal("stderr");
  let firstAt: number | undefined;
  const stop = io.onSignal((signal) => {
    if (firstAt === undefined) {
      firstAt = clock.now();
      // Who sits at a terminal has pressed keys, and knows no signals.
      controller.abort(
        new InterruptedError(signal, `Stopped by ${terminal && signal === "SIGINT" ? "Ctrl-C" : signal}`),
      );
    } else if (clock.now() - firstAt >= SAME_SIGNAL_MS) {
      io.exitNow(new InterruptedError(signal).exitCode);
    }
  });
  return {
    signal: controller.signal,
    terminal,
    close() {
      if (firstAt === undefined) stop();
    },
  };
}

/** Runs `body` and handles signals meanwhile: see {@linkcode openInterrupts}. */
export async function interruptible<T>(
  options: InterruptibleOptions,
  body: (interrupts: Interrupts) => Promise<T>,
): Promise<T> {
  const interrupts = openInterrupts(options);
  try {
    return await body(interrupts);
  } finally {
    interrupts.close();
  }
}

// The name of a repository, for reports: people do not know its id.

/** Longest time of the request, in milliseconds. */
const ASK_MS = 10_000;
/** Most repositories of one answer. Source: API reference, "List repositories". */
const MAX_REPOS = 200;

/**
 * Asks for a name, beside everything else: nothing waits for the answer, and without it reports show the id. Jobs of one client that want the
 * same share a request, since the token has few.
 */
export class RepositoryName {
  readonly #session: Session;
  readonly #known: string | undefined;
  readonly #onName: ((name: string) => void) | undefined;
  #leave: (() => void) | undefined;
  #repos: readonly Repo[] = [];

  /**
   * @param name The name, if it is known; then nothing is asked.
   * @param onName Called with the name of the repository that was asked for, once it has come.
   */
  constructor(session: Session, name?: string, onName?: (name: string) => void) {
    this.#session = session;
    this.#known = name;
    this.#onName = onName;
  }

  /**
   * Asks, the first time that it is called. Never throws.
   *
   * @param repoId UUID of the repository. @default all repositories, for a caller that does not know the id yet
   */
  ask(repoId?: string): void {
    if (this.#leave !== undefined || this.#known !== undefined) return;
    const { nameRequests } = this.#session.memory;
    const key = repoId ?? "";
    const request = nameRequests.get(key) ?? this.#send(repoId);
    request.jobs++;
    nameRequests.set(key, request);
    const forget = () => {
      if (nameRequests.get(key) === request) nameRequests.delete(key);
    };
    let isOver = false;
    request.answer.then((repos) => {
      this.#repos = repos;
      const name = this.#nameOf(repoId);
      if (name !== undefined && !isOver) this.#onName?.(name);
    }, forget);
    this.#leave = () => {
      isOver = true;
      if (--request.jobs > 0) return;
      forget();
      request.controller.abort(OVER);
    };
  }

  /** The name of a repository, if it has come. The request ends with the last job that wants it, so that it keeps no process alive. */
  take(repoId: string | undefined): string | undefined {
    this.#leave?.();
    this.#leave = () => {};
    return this.#known ?? this.#nameOf(repoId);
  }

  #nameOf(repoId: string | undefined): string | undefined {
    return this.#repos.find(({ id }) => id === repoId)?.full_name;
  }

  #send(id: string | undefined): NameRequest {
    const controller = new AbortController();
    const limits = { signal: controller.signal, maxAttempts: 1, requestTimeoutMs: ASK_MS };
    const list = async () =>
      await this.#session.client.listRepos({ id, limit: id === undefined ? MAX_REPOS : 1 }, limits);
    return { jobs: 0, controller, answer: list() };
  }
}

/**
 * Sends one request: adds the token, limits the time, reads the answer. Nothing else calls `fetch`, and nothing here retries.
 *
 * @module
 */
import { unawaited } from "../hook.ts";
import { type Clock, systemClock } from "../clock.ts";
import { BodyTooLargeError, type MogplexError, NetworkError, UsageError } from "../errors.ts";
import { createRedactor, type Redactor } from "../text/redact.ts";
import { isNotPermitted } from "../runtime.ts";
import { type Answer, excerpt, MAX_BODY_BYTES, readAnswer, requestIdOf, TooLarge } from "./answer.ts";
import { explainLoss, Lost, TimedOut, withLimit } from "./attempt.ts";
import { networkAdvice } from "./network_hint.ts";
import { type EventStream, isEventStream, readEventStream } from "./stream.ts";
import { userAgent } from "./user_agent.ts";

/** What we pass to `fetch`. */
export interface FetchInit {
  /** `GET` or `POST`. */
  method?: string;
  /** All headers. */
  headers: Record<string, string>;
  /** JSON; absent without a body. */
  body?: string;
  /** A redirect is an answer: one that is followed drops the token or sends it to another host. */
  redirect: "manual";
  /** Ends the request. */
  signal: AbortSignal;
}

/** What we need of an answer. */
export interface FetchAnswer {
  /** HTTP status. */
  readonly status: number;
  /** Whether the status is from 200 to 299. */
  readonly ok: boolean;
  /** The headers. */
  readonly headers: { get(name: string): string | null };
  /** The body; null when there is none. */
  readonly body: unknown;
}

/** The part of `fetch` that we use. The global `fetch` has this type, and so has that of the package undici. */
export type Fetch = (url: string, init: FetchInit) => FetchAnswer | Promise<FetchAnswer>;

/** One request, for a hook. It has no header, no query, no body and no token. */
export interface RequestReport {
  /** `GET` or `POST`. */
  method: string;
  /** Path of the address, without its query. */
  path: string;
  /** HTTP status; null when there was no answer. */
  status: number | null;
  /** Number of the attempt, from 1, where the call is repeated after a failure. */
  attempt: number;
  /** Milliseconds until the headers came, or the request failed. */
  durationMs: number;
  /** Id of the request, as the service's host names it; null when the answer had none. */
  requestId: string | null;
}

/** Gives the access token of each request. */
export interface TokenSource {
  /** The token to send. @throws {MogplexError} when there is none. */
  get(): string | Promise<string>;
  /** The service answered 401 to this token: the next request asks for another one. */
  refused(token: string): void;
  /** Masks every token that was given lately. */
  readonly redact: Redactor;
}

/** Options of {@linkcode createTransport}. */
export interface TransportOptions {
  /** Access token, or what gives it. It is sent to `origin` and nowhere else. */
  token: string | TokenSource;
  /** Header that carries the bare token. @default {undefined} (`Authorization: Bearer …`) */
  tokenHeader?: string | undefined;
  /** Origin of the service, already checked by `parseOrigin`. */
  origin: string;
  /** Sends requests. @default the global `fetch` at the time of each request */
  fetch?: Fetch | undefined;
  /** Source of time. @default {systemClock} */
  clock?: Clock | undefined;
  /** `User-Agent`. @default {userAgent()} */
  userAgent?: string | undefined;
  /** Further headers of each request, by name; checked. @default {} */
  headers?: Readonly<Record<string, string>> | undefined;
  /** Called after each request. @default {undefined} */
  onRequest?: ((request: RequestReport) => void) | undefined;
  /** Called before each request is sent. @default {undefined} */
  onSend?: (() => void) | undefined;
  /** Largest body of an answer, in bytes. @default {33_554_432} */
  maxBodyBytes?: number | undefined;
}

/** What an answer means. */
export type Verdict<T> = { ok: true; value: T } | { ok: false; error: MogplexError };

/** A request and how to judge its answer. */
export interface Call<T> {
  /** What is attempted, after "Cannot": `read run "…"`. */
  what: string;
  /** Makes the request. Must call the given `fetch` exactly once. */
  send(fetch: (url: string | URL | Request, init?: RequestInit) => Promise<Response>): Promise<Response>;
  /** Turns the answer into a value or an error. */
  judge(answer: Answer): Verdict<T>;
}

/** A request that expects an event stream. */
export interface StreamCall extends Omit<Call<never>, "judge"> {
  /** Turns an answer that is not an event stream into an error. The body of a 2xx is not read: `text` is empty. */
  refuse(answer: Answer): Verdict<never>;
}

/** Limits of one request. */
export interface RequestLimits {
  /** Longest time for headers and body together, in milliseconds. */
  limitMs: number;
  /** Ends the request, which then rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** Number of the attempt, for `onRequest`. @default {1} */
  attempt?: number | undefined;
}

/** Sends requests. */
export interface Transport {
  /** HTTP requests sent so far. */
  readonly requests: number;
  /** Milliseconds by which our wall time is ahead of the service's, from the `Date` of its last answer; undefined if none had one. */
  readonly clockSkewMs: number | undefined;
  /** Masks the token and texts that look like a secret. */
  readonly redact: Redactor;
  /**
   * Sends a request once.
   *
   * @throws the error that `judge` returns.
   * @throws {NetworkError} when no complete answer came within the limit.
   * @throws {BodyTooLargeError} when the answer is larger than `maxBodyBytes`.
   * @throws {UsageError} when Deno may not reach the origin; nothing was sent.
   * @throws `signal.reason` if the signal aborts.
   */
  call<T>(call: Call<T>, limits: RequestLimits): Promise<T>;
  /**
   * Opens an event stream. The limit applies until the headers have come; the signal also ends the open stream.
   *
   * @throws as {@linkcode Transport.call} does.
   */
  open(call: StreamCall, limits: RequestLimits): Promise<EventStream>;
}

/** Makes a transport for one token and one origin. The runtime's `fetch` keeps the connections. */
export function createTransport(options: TransportOptions): Transport {
  const { token, tokenHeader, origin, clock = systemClock, maxBodyBytes = MAX_BODY_BYTES } = options;
  const agent = options.userAgent ?? userAgent();
  const source: TokenSource | undefined = typeof token === "string" ? undefined : token;
  const redact = source?.redact ?? createRedactor({ token: token as string });
  let requests = 0;
  let skewMs: number | undefined;

  async function fetchOnce(
    url: string,
    init: RequestInit,
    signal: AbortSignal,
    attempt = 1,
    accept = "application/json",
  ): Promise<Response> {
    const { origin: target, pathname: path } = new URL(url);
    if (target !== origin) throw new Error("Cannot send the token to another origin");
    const sent = source === undefined ? token as string : await source.get();
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(options.headers ?? {})) headers.set(name, value);
    if (tokenHeader === undefined) headers.set("Authorization", `Bearer ${sent}`);
    else headers.set(tokenHeader, sent);
    headers.set("Accept", accept);
    headers.set("User-Agent", agent);
    requests++;
    options.onSend?.();
    const sentAt = clock.now();
    const tell = (status: number | null, requestId: string | null = null) => {
      const durationMs = Math.round(clock.now() - sentAt);
      unawaited(options.onRequest?.({ method: init.method ?? "GET", path, status, attempt, durationMs, requestId }));
    };
    let answer: Response;
    try {
      const send = options.fetch ?? fetch;
      const how = { ...init, headers: Object.fromEntries(headers), redirect: "manual", signal } as FetchInit;
      answer = await send(url, how) as Response;
    } catch (cause) {
      tell(null);
      throw new Lost(cause);
    }
    if (answer.status === 401) source?.refused(sent);
    if (options.onRequest !== undefined) tell(answer.status, requestIdOf(answer.headers, redact));
    return answer;
  }

  async function read(response: Response): Promise<Answer> {
    try {
      const answer = await readAnswer(response, maxBodyBytes, clock.wallTime());
      if (answer.dateMs !== null) skewMs = clock.wallTime() - answer.dateMs;
      return answer;
    } catch (cause) {
      throw cause instanceof TooLarge ? cause : new Lost(cause);
    }
  }

  async function answerOf<T>(call: Call<T>, signal: AbortSignal, attempt?: number): Promise<Verdict<T>> {
    return call.judge(await read(await call.send((url, init = {}) => fetchOnce(String(url), init, signal, attempt))));
  }

  async function streamOf(
    call: StreamCall,
    signal: AbortSignal,
    { signal: callerSignal, attempt }: RequestLimits,
  ): Promise<Verdict<EventStream>> {
    // The limit for opening must not end the stream later.
    const life = new AbortController();
    const abort = () => life.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const accept = "text/event-stream";
    const response = await call.send((url, init = {}) => fetchOnce(String(url), init, life.signal, attempt, accept));
    if (isEventStream(response)) {
      signal.removeEventListener("abort", abort);
      return { ok: true, value: readEventStream(response, { clock, life, signal: callerSignal, redact }) };
    }
    // Never read the body of a 2xx that is not an event stream: it may be endless.
    if (response.ok) response.body?.cancel().catch(() => {});
    const { status, headers } = response;
    return call.refuse(await read(response.ok ? new Response(null, { status, headers }) : response));
  }

  function networkError(attempted: string, why: string, cause?: unknown): NetworkError {
    // A `fetch` from the caller may use other proxies and certificates.
    const advice = options.fetch === undefined ? networkAdvice(origin, why) : undefined;
    return new NetworkError({ attempted, why, advice }, { cause });
  }

  /** Deno denied the request, and would deny every further one. */
  function notPermitted(attempted: string, cause: unknown): UsageError {
    const { host } = new URL(origin);
    const advice = `start it with --allow-net=${host}, the verb permissions prints all flags`;
    return new UsageError({ attempted, why: `Deno may not reach ${host}`, advice }, { cause });
  }

  function errorOf(attempted: string, limitMs: number, thrown: unknown): unknown {
    if (thrown instanceof TimedOut) {
      return networkError(attempted, `no complete answer within ${Math.round(limitMs / 100) / 10} seconds`);
    }
    if (thrown instanceof Lost) {
      if (isNotPermitted(thrown.cause)) return notPermitted(attempted, thrown.cause);
      const { detail, cause } = explainLoss(thrown, redact);
      return networkError(attempted, `the network failed: ${excerpt(detail, redact, 300)}`, cause);
    }
    if (thrown instanceof TooLarge) {
      return new BodyTooLargeError({ attempted, why: thrown.message });
    }
    return thrown;
  }

  async function once<T>(
    what: string,
    { limitMs, signal }: RequestLimits,
    ask: (signal: AbortSignal) => Promise<Verdict<T>>,
  ): Promise<T> {
    let verdict: Verdict<T>;
    try {
      verdict = await withLimit(ask, { clock, limitMs, signal });
    } catch (thrown) {
      throw errorOf(what, limitMs, thrown);
    }
    if (!verdict.ok) throw verdict.error;
    return verdict.value;
  }

  return {
    get requests() {
      return requests;
    },
    get clockSkewMs() {
      return skewMs;
    },
    redact,
    call: (call, limits) => once(call.what, limits, (signal) => answerOf(call, signal, limits.attempt)),
    open: (call, limits) => once(call.what, limits, (signal) => streamOf(call, signal, limits)),
  };
}

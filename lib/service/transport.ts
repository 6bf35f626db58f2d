import { type Clock, systemClock } from "../clock.ts";
import { BodyTooLargeError, DeadlineError, type MogplexError, NetworkError, UsageError } from "../errors.ts";
import { awaitHook, callHook, type HookLimits } from "../hook.ts";
import { isNotPermitted, runtimeName } from "../runtime.ts";
import { createRedactor, joinRedactors, type Redactor } from "../text/redact.ts";
import { VERSION } from "../version.ts";
import {
  type Answer,
  excerpt,
  explainLoss,
  MAX_BODY_BYTES,
  NetworkFailure,
  readAnswer,
  requestIdOf,
  TimedOut,
  TimeLimit,
  TooLarge,
} from "./answer.ts";
import { type EventStream, isEventStream, readEventStream } from "./event_stream.ts";
import { networkAdvice } from "./proxies.ts";

export function userAgent(ci = "none"): string {
  return `mogplex-ci/${VERSION} (${runtimeName()}; ${ci.replace(/[^A-Za-z0-9._-]/g, "_") || "none"})`;
}

/** What the toolkit passes to `fetch`. */
export interface FetchInit {
  /** `GET` or `POST`. */
  method?: string;
  /** All headers. */
  headers: Record<string, string>;
  /** JSON body; absent if the request has none. */
  body?: string;
  /** Redirects are not followed. A redirect would drop the token or send it to another host. */
  redirect: "manual";
  /** Aborts the request. */
  signal: AbortSignal;
}

/** The part of an answer that the toolkit uses. */
export interface FetchAnswer {
  /** HTTP status. */
  readonly status: number;
  /** Whether the status is between 200 and 299. */
  readonly ok: boolean;
  /** The headers. */
  readonly headers: { get(name: string): string | null };
  /** The body; `null` if the answer has none. */
  readonly body: unknown;
}

/** The part of `fetch` that the toolkit uses. The global `fetch` has this type, and so does the `fetch` function of the undici package. */
export type Fetch = (url: string, init: FetchInit) => FetchAnswer | Promise<FetchAnswer>;

/** Report about one request, for a hook. It contains no headers, query, body or token. */
export interface RequestReport {
  /** `GET` or `POST`. */
  method: string;
  /** Path of the address, without its query. */
  path: string;
  /** HTTP status; `null` if there was no answer. */
  status: number | null;
  /** Number of the attempt, starting at 1. It increases when a call is repeated after a failure. */
  attempt: number;
  /** Milliseconds until the headers arrived, or the request failed. */
  durationMs: number;
  /** Id of the request, as assigned by the service's host; `null` if the answer has none. */
  requestId: string | null;
}

/** A request that is about to be sent. */
export interface OutgoingRequest {
  /** `GET` or `POST`. */
  readonly method: string;
  /** The full URL. */
  readonly url: string;
  /** The body; `null` if the request has none. */
  readonly body: string | null;
  /** Number of the attempt, starting at 1. It increases when a call is repeated after a failure. */
  readonly attempt: number;
  /**
   * Additional headers, in a plain object that you can change or replace, as in `headers["x-signature"] = "…"`. At first, the object contains
   * the headers from the option `headers`. It contains neither the token nor any other header that the toolkit sets.
   */
  headers: Record<string, string>;
}

export interface TokenSource {
  get(limits: Omit<HookLimits, "redact">): Promise<string>;
  /** Must be called after the service answered 401 to this token, so that the next request gets another token. */
  refused(token: string): void;
  readonly redact: Redactor;
}

export interface TransportOptions {
  /** Access token or its source. An empty string sends no token. The token is sent only to `origin`. */
  token: string | TokenSource;
  /** If `token` is a source, its `redact` must mask these secrets too. */
  secrets?: readonly string[] | undefined;
  env?: ((name: string) => string | undefined) | undefined;
  /** Name of the header that contains the token, without `Bearer`. @default `Authorization: Bearer …` */
  tokenHeader?: string | undefined;
  origin: string;
  fetch?: Fetch | undefined;
  clock?: Clock | undefined;
  userAgent?: string | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  /** Called and awaited before each request. This function must check the headers that it changes. */
  onBeforeRequest?: ((request: OutgoingRequest) => unknown) | undefined;
  onRequest?: ((request: RequestReport) => void) | undefined;
  onSend?: (() => void) | undefined;
  maxBodyBytes?: number | undefined;
}

export type Verdict<T> = { ok: true; value: T } | { ok: false; error: MogplexError };

interface Call<T> {
  what: string;
  /** Must call `fetch` exactly once. */
  send(fetch: (url: string | URL | Request, init?: RequestInit) => Promise<Response>): Promise<Response>;
  judge(answer: Answer): Verdict<T>;
}

interface StreamCall extends Omit<Call<never>, "judge"> {
  /** The body of a 2xx answer is not read, so `text` is empty. */
  refuse(answer: Answer): Verdict<never>;
}

export interface RequestLimits {
  limitMs: number;
  signal?: AbortSignal | undefined;
  attempt?: number | undefined;
}

interface Sending {
  readonly attempt: number | undefined;
  /** A timeout while a hook runs is reported as a failure of the hook. */
  inHook?: { readonly attempted: string; readonly name: string } | undefined;
}

export interface Transport {
  readonly requests: number;
  readonly clockSkewMs: number | undefined;
  readonly redact: Redactor;
  readonly cutMasker: () => Redactor;
  call<T>(call: Call<T>, limits: RequestLimits): Promise<T>;
  /** The limit applies until the headers have arrived. The signal also ends the open stream. */
  open(call: StreamCall, limits: RequestLimits): Promise<EventStream>;
}

export function createTransport(options: TransportOptions): Transport {
  const { token, tokenHeader, origin, clock = systemClock, maxBodyBytes = MAX_BODY_BYTES } = options;
  const agent = options.userAgent ?? userAgent();
  const source: TokenSource | undefined = typeof token === "string" ? undefined : token;
  const redact = source?.redact ?? createRedactor({ token: token as string, secrets: options.secrets });
  let cutRedactor: Redactor | undefined;
  let requests = 0;
  let skewMs: number | undefined;

  async function tokenOf(signal: AbortSignal, sending: Sending): Promise<string> {
    if (source === undefined) return token as string;
    sending.inHook = { attempted: "read token", name: "token" };
    const freshToken = await source.get({ clock, signal });
    sending.inHook = undefined;
    return freshToken;
  }

  async function fetchOnce(
    url: string,
    init: RequestInit,
    signal: AbortSignal,
    sending: Sending,
    accept = "application/json",
  ): Promise<Response> {
    const { attempt = 1 } = sending;
    const { origin: target, pathname: path } = new URL(url);
    if (target !== origin) throw new Error("Cannot send the token to another origin");
    const headers = new Headers(init.headers);
    const { method = "GET", body } = init;
    const sent = await tokenOf(signal, sending);
    const request = {
      method,
      url,
      body: typeof body === "string" ? body : null,
      attempt,
      headers: { ...options.headers },
    };
    const { onBeforeRequest } = options;
    if (onBeforeRequest !== undefined) {
      const { attempted, name } = sending.inHook = { attempted: `send ${method} ${path}`, name: "onBeforeRequest" };
      await awaitHook(attempted, name, onBeforeRequest, request, { clock, signal, redact });
      sending.inHook = undefined;
    }
    for (const [name, value] of Object.entries(request.headers)) headers.set(name, value);
    if (sent !== "") headers.set(tokenHeader ?? "Authorization", tokenHeader === undefined ? `Bearer ${sent}` : sent);
    headers.set("Accept", accept);
    headers.set("User-Agent", agent);
    requests++;
    options.onSend?.();
    const sentAt = clock.now();
    const tell = (status: number | null, requestId: string | null = null) => {
      const durationMs = Math.round(clock.now() - sentAt);
      callHook(options.onRequest, { method, path, status, attempt, durationMs, requestId });
    };
    let answer: Response;
    try {
      const send = options.fetch ?? fetch;
      const how = { ...init, headers: Object.fromEntries(headers), redirect: "manual", signal } as FetchInit;
      answer = await send(url, how) as Response;
    } catch (cause) {
      tell(null);
      throw new NetworkFailure(cause);
    }
    if (!isResponse(answer)) {
      const why = "'fetch' did not return a Response";
      throw new UsageError({
        attempted: `send ${method} ${path}`,
        why,
        value: answer === null ? "null" : typeof answer,
      });
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
      throw cause instanceof TooLarge ? cause : new NetworkFailure(cause);
    }
  }

  async function answerOf<T>(call: Call<T>, signal: AbortSignal, sending: Sending): Promise<Verdict<T>> {
    return call.judge(await read(await call.send((url, init = {}) => fetchOnce(String(url), init, signal, sending))));
  }

  async function streamOf(
    call: StreamCall,
    signal: AbortSignal,
    callerSignal: AbortSignal | undefined,
    sending: Sending,
  ): Promise<Verdict<EventStream>> {
    // The time limit applies only until the headers arrive. It must not end the open stream.
    const life = new AbortController();
    const abort = () => life.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const accept = "text/event-stream";
    const response = await call.send((url, init = {}) => fetchOnce(String(url), init, life.signal, sending, accept));
    if (isEventStream(response)) {
      signal.removeEventListener("abort", abort);
      return { ok: true, value: readEventStream(response, { clock, life, signal: callerSignal, redact }) };
    }
    // The body of a 2xx answer that is not an event stream is not read, because it may be endless.
    if (response.ok) response.body?.cancel().catch(() => {});
    const { status, headers } = response;
    return call.refuse(await read(response.ok ? new Response(null, { status, headers }) : response));
  }

  async function valueOf<T>(
    what: string,
    limitMs: number,
    sending: Sending,
    verdict: Promise<Verdict<T>>,
  ): Promise<T> {
    const outcome = await verdict.catch((thrown) => {
      throw sendingError(thrown, {
        attempted: what,
        limitMs,
        sending,
        origin,
        redact,
        ownFetch: options.fetch !== undefined,
      });
    });
    if (!outcome.ok) throw outcome.error;
    return outcome.value;
  }

  return {
    get requests() {
      return requests;
    },
    get clockSkewMs() {
      return skewMs;
    },
    redact,
    cutMasker() {
      const { env, secrets } = options;
      return cutRedactor ??= joinRedactors(redact, createRedactor({ env, secrets }));
    },
    async call(call, { limitMs, signal, attempt }) {
      const limit = new TimeLimit({ clock, limitMs, signal });
      const sending: Sending = { attempt };
      return await valueOf(call.what, limitMs, sending, limit.until(answerOf(call, limit.signal, sending)));
    },
    async open(call, { limitMs, signal, attempt }) {
      const limit = new TimeLimit({ clock, limitMs, signal });
      const sending: Sending = { attempt };
      return await valueOf(call.what, limitMs, sending, limit.until(streamOf(call, limit.signal, signal, sending)));
    },
  };
}

interface FailedRequest {
  attempted: string;
  limitMs: number;
  sending: Sending;
  origin: string;
  redact: Redactor;
  /** A custom `fetch` may use other proxies and certificates, so the error gives no advice about them. */
  ownFetch: boolean;
}

function sendingError(thrown: unknown, request: FailedRequest): unknown {
  const { attempted, limitMs, sending: { inHook }, origin, redact, ownFetch } = request;
  const networkError = (why: string, cause?: unknown) =>
    new NetworkError({ attempted, why, advice: ownFetch ? undefined : networkAdvice(origin, why) }, { cause });
  if (thrown instanceof TimedOut) {
    return inHook === undefined
      ? networkError(`no complete response within ${Math.round(limitMs / 100) / 10} seconds`)
      : new DeadlineError({ attempted: inHook.attempted, why: `'${inHook.name}' did not finish in time` });
  }
  if (thrown instanceof TooLarge) return new BodyTooLargeError({ attempted, why: thrown.message });
  if (!(thrown instanceof NetworkFailure)) return thrown;
  if (isNotPermitted(thrown.cause)) {
    const { host } = new URL(origin);
    const advice = `start Deno with --allow-net=${host}; the permissions command prints all flags`;
    return new UsageError({ attempted, why: `Deno is not allowed to reach ${host}`, advice }, { cause: thrown.cause });
  }
  const { detail, cause } = explainLoss(thrown, redact);
  if (detail.endsWith("bad port")) {
    // Node.js throws "bad port" for these ports, and a retry would not help. Source: Fetch Standard, "Port blocking".
    const { port } = new URL(origin);
    const advice = "run the service on another port, or use a proxy";
    return new UsageError({ attempted, why: `the runtime blocks port ${port}`, advice }, { cause });
  }
  return networkError(`the network failed: ${excerpt(detail, redact, 300)}`, cause);
}

function isResponse(answer: unknown): boolean {
  const { status, headers } = (answer ?? {}) as { status?: unknown; headers?: { get?: unknown } | null };
  return typeof status === "number" && typeof headers?.get === "function";
}

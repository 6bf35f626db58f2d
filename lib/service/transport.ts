/**
 * Sends one request: adds the token, limits the time, reads the answer. Beside it only `post.ts` and `probe.ts` call
 * `fetch`, and nothing here retries.
 *
 * @module
 */
import { createParser } from "eventsource-parser";
import { type Clock, OVER, systemClock } from "../clock.ts";
import { BodyTooLargeError, DeadlineError, type MogplexError, NetworkError, UsageError } from "../errors.ts";
import { awaitHook, callHook, type HookLimits } from "../hook.ts";
import { environmentVariable, isNotPermitted, runtimeArgs, runtimeName } from "../runtime.ts";
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
import { PROCESS } from "./memory.ts";

// Advice for a network that fails because of this machine: the runtime does not use the proxy, or does not know the certificate
// authority.

/** A proxy that the environment sets for the service. */
interface ProxySetting {
  /** Name of the variable. */
  variable: string;
  /** How to make this runtime use it; null when it already does. */
  advice: string | null;
}

/** The process as {@linkcode proxySetting} sees it; tests pass their own. */
export interface ProxyWorld {
  /** Reads the environment of the process, since that is where the runtime looks for its proxy. */
  env(name: string): string | undefined;
  /** As `runtimeName()` gives it. */
  runtime: string;
  /** Arguments of the runtime itself. */
  args: readonly string[];
}

function thisProcess(): ProxyWorld {
  return { env: environmentVariable, runtime: runtimeName(), args: runtimeArgs() };
}

/** Whether `NO_PROXY` exempts a host: by its name, by the end of its name, or by `*`. */
function isExempt(hostname: string, list: string): boolean {
  const entries = list.split(/[\s,]+/).filter((entry) => entry !== "").map((entry) =>
    entry.replace(/:\d+$/, "").replace(/^\*?\.(?=.)/, "")
  );
  return entries.some((entry) => entry === "*" || hostname === entry || hostname.endsWith(`.${entry}`));
}

/**
 * The proxy that the environment sets for the service, and whether this runtime uses it; null when there is none, or `NO_PROXY`
 * exempts the host.
 *
 * Deno and Bun use `HTTPS_PROXY` and `ALL_PROXY`. Node uses only `HTTPS_PROXY`, and only with `NODE_USE_ENV_PROXY=1` or
 * `--use-env-proxy`, from 22.21.0 and 24.0.0 on.
 * Source: Node.js, "Enterprise Network Configuration"; `tests/matrix/runtimes/proxies.test.ts` tries it.
 *
 * @param origin Origin of the service. For plain HTTP see {@linkcode refusePlainProxy}.
 */
export function proxySetting(origin: string, world: ProxyWorld = thisProcess()): ProxySetting | null {
  const { protocol, hostname } = new URL(origin);
  const { env, runtime } = world;
  const [name = "", version = ""] = runtime.split("/");
  const all = name === "node" ? [] : ["ALL_PROXY", "all_proxy"];
  const variable = ["HTTPS_PROXY", "https_proxy", ...all].find((each) => env(each));
  if (protocol !== "https:" || variable === undefined) return null;
  if (isExempt(hostname, env("NO_PROXY") || env("no_proxy") || "")) return null;
  if (name !== "node") return { variable, advice: null };
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < 22 || major === 22 && minor < 21 || major === 23) {
    return { variable, advice: "use Node 24 or later with NODE_USE_ENV_PROXY=1, Deno or Bun" };
  }
  return { variable, advice: usesProxies(world) ? null : "set NODE_USE_ENV_PROXY=1" };
}

/** Variables whose proxy gets plain HTTP. Measured on Bun 1.4 and Deno 2.9; Node has the first two, and only if it is asked. */
const PLAIN_PROXIES = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/** Whether a runtime passes the proxy by for plain HTTP to a host. In doubt it does not: the token would be sent to the proxy. */
function isExemptPlain({ hostname, host }: URL, { env, runtime }: ProxyWorld): boolean {
  const isDeno = runtime.startsWith("deno/");
  // Each ignores the other name if its own one is set.
  const list = isDeno ? env("NO_PROXY") ?? env("no_proxy") : env("no_proxy") || env("NO_PROXY");
  return (list ?? "").split(/[\s,]+/).some((entry) => {
    if (entry === "*") return !isDeno;
    if (entry === "127.0.0.0/8") return /^127\./.test(hostname);
    return entry === hostname || entry === host && !isDeno;
  });
}

/**
 * Refuses to send the token through a proxy, unencrypted: plain HTTP is permitted to this machine or one host alone. Bun and Deno send it to
 * the proxy of the environment, and Node does if it is asked to use one.
 *
 * @param origin Origin of the service.
 * @throws {UsageError} when the environment names a proxy for it, and does not exempt the host.
 */
export function refusePlainProxy(origin: string, world: ProxyWorld = thisProcess()): void {
  const url = new URL(origin);
  if (url.protocol !== "http:") return;
  const variable = PLAIN_PROXIES.find((name) => world.env(name));
  if (variable === undefined || isExemptPlain(url, world) || world.runtime.startsWith("node/") && !usesProxies(world)) {
    return;
  }
  throw new UsageError({
    attempted: `send the token to ${origin}`,
    why: `${variable} is set, so it would go to the proxy, unencrypted`,
    advice: `set NO_PROXY and no_proxy to ${url.hostname}`,
  });
}

/** Whether Node was asked to use the proxy of the environment. */
function usesProxies({ env, args }: ProxyWorld): boolean {
  return env("NODE_USE_ENV_PROXY") === "1" || args.includes("--use-env-proxy") ||
    (env("NODE_OPTIONS") ?? "").includes("--use-env-proxy");
}

/** Name of the variable that adds a certificate authority; `runtime` is as `runtimeName()` gives it. */
export function authorityVariable(runtime: string): string {
  return runtime.startsWith("deno/") ? "DENO_CERT" : "NODE_EXTRA_CA_CERTS";
}

/** Whether a network failure is about an unknown certificate authority: OpenSSL's codes, or rustls. */
function isUnknownAuthority(detail: string): boolean {
  return /UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT)|SELF_SIGNED_CERT|UnknownIssuer/.test(detail);
}

/**
 * What the reader can do about a network failure; undefined when no advice is known.
 *
 * @param origin Origin of the service.
 * @param detail The runtime's message. It only selects the advice; it never decides whether this is a network failure.
 */
export function networkAdvice(
  origin: string,
  detail: string,
  world: ProxyWorld = thisProcess(),
): string | undefined {
  if (isUnknownAuthority(detail)) {
    const variable = authorityVariable(world.runtime);
    return `the authority of its certificate is not known here: name its PEM file in ${variable}`;
  }
  // Deno and Bun use their proxy, and on Deno reading a variable may ask the user for a permission.
  const proxy = world.runtime.startsWith("node/") ? proxySetting(origin, world) : null;
  if (proxy === null || proxy.advice === null) return undefined;
  return `${proxy.variable} is set, but ${world.runtime.replace("node/", "Node ")} does not use it: ${proxy.advice}`;
}

// Reads server-sent events from an answer that may never end.

/** A message of a stream. */
export interface StreamMessage {
  /** Its `event:`; undefined when it has none. */
  event?: string | undefined;
  /** Its `id:`; undefined when it has none. */
  id?: string | undefined;
  /** Its lines of `data:`. */
  data: string;
}

/** The outcome of one wait for a stream. */
export type StreamStep<Message> =
  /** Bytes came. The list is empty if they were a comment or only a part of a message. */
  | { kind: "messages"; messages: Message[] }
  /** Nothing came in time. The stream is still open. */
  | { kind: "silent" }
  /** The stream has ended: the service, the network, a limit of the runtime, or we ended it. */
  | {
    kind: "closed";
    /** Why it ended, in a few words with secrets masked; null for an orderly end. */
    detail: string | null;
    /** Whether a message was longer than 524 288 characters. The same message would end the next stream as well. */
    tooLarge: boolean;
  };

export interface EventStream {
  /**
   * Waits for the next messages. One call at a time.
   *
   * @param limitMs Longest wait in milliseconds. @default {Infinity}
   * @param isBeside Whether the caller waits for something else as well, such as a heartbeat, by which a virtual clock moves. @default {false}
   */
  next(limitMs?: number, isBeside?: boolean): Promise<StreamStep<StreamMessage>>;
  /** Ends the stream and its connection. */
  close(): void;
}

/** Options of {@linkcode readEventStream}. */
interface EventStreamOptions {
  clock: Clock;
  /** Aborts the request when the stream ends. */
  life: AbortController;
  signal: AbortSignal | undefined;
  redact: Redactor;
}

/**
 * Most characters of one message, so that a message without an end cannot fill the memory. It is many times the largest event of the
 * service, whose payload has at most 20 000 characters. Source: contract 4.4.
 */
const MAX_MESSAGE_LENGTH = 512 * 1024;

/** Whether an answer is an event stream: status 200 and `text/event-stream`. */
function isEventStream(response: Response): boolean {
  const type = response.headers.get("content-type") ?? "";
  return response.status === 200 && /^\s*text\/event-stream\s*(?:;|$)/i.test(type);
}

/** Reads messages. Unknown fields are ignored, and so is an unfinished message at the end of the stream. */
function readEventStream(response: Response, options: EventStreamOptions): EventStream {
  const { clock, life, signal, redact } = options;
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  /** Bytes that came and are not parsed yet. */
  let chunk: Uint8Array | undefined;
  let messages: StreamMessage[] = [];
  let tooLarge = false;
  let closed: StreamStep<never> | undefined;
  let pending: Promise<void> | undefined;
  let over: AbortController | undefined;
  /** Whether the last piece ended with a carriage return: a line feed that follows belongs to it. */
  let returned = false;

  const parser = createParser({
    maxBufferSize: MAX_MESSAGE_LENGTH,
    onEvent: (message) => messages.push(message),
    onError: ({ type }) => tooLarge ||= type === "max-buffer-size-exceeded",
  });

  function end(detail: string | null): void {
    if (closed !== undefined) return;
    closed = { kind: "closed", detail, tooLarge };
    signal?.removeEventListener("abort", close);
    over?.abort(OVER);
    // Do not await: a sender that never stops may never confirm.
    reader?.cancel().catch(() => {});
    life.abort(OVER);
  }

  function close(): void {
    end("closed by us");
  }

  /**
   * Makes each end of a line a line feed. The time of the parser grows with the square of carriage returns in a piece (version 3.1.1: 6
   * seconds for 512 KiB of them), in which no deadline and no signal is heard; and it waits for what follows one.
   */
  function withLineFeeds(piece: string): string {
    if (piece === "") return piece;
    const text = returned && piece.startsWith("\n") ? piece.slice(1) : piece;
    returned = piece.endsWith("\r");
    return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
  }

  /** Waits for one chunk. Never rejects. */
  async function pull(): Promise<void> {
    try {
      const piece = await reader?.read();
      if (closed !== undefined) return;
      chunk = piece?.value;
      if (chunk === undefined) end(null);
    } catch (cause) {
      end(excerpt(explainLoss(new NetworkFailure(cause), redact).detail, redact, 300));
    }
  }

  /** Feeds the parser with the chunk that came. */
  function take(): void {
    const bytes = chunk;
    chunk = undefined;
    if (closed !== undefined || bytes === undefined) return;
    parser.feed(withLineFeeds(decoder.decode(bytes, { stream: true })));
    if (tooLarge) end(`a message is larger than ${MAX_MESSAGE_LENGTH} characters`);
  }

  async function next(limitMs = Infinity, isBeside = false): Promise<StreamStep<StreamMessage>> {
    let late = false;
    if (closed === undefined && chunk === undefined) {
      pending ??= pull().finally(() => pending = undefined);
      over = new AbortController();
      const timeUp = limitMs === Infinity
        ? []
        : [clock.sleep(limitMs, { signal: over.signal, limit: !isBeside, background: isBeside })];
      late = await Promise.race([
        pending.then(() => false),
        ...timeUp.map((sleep) => sleep.then(() => true, () => false)),
      ]);
      over.abort(OVER);
    }
    if (chunk !== undefined) {
      await PROCESS.turn(clock);
      take();
    }
    const fresh = messages;
    messages = [];
    // Deliver messages that came before the end first.
    if (fresh.length === 0 && closed !== undefined) return closed;
    return late && fresh.length === 0 ? { kind: "silent" } : { kind: "messages", messages: fresh };
  }

  if (signal?.aborted) close();
  else signal?.addEventListener("abort", close, { once: true });
  return { next, close };
}

/** Whether a `fetch` gave what we need of a `Response`: a function of a test that gives nothing is a mistake, and no failure of the network. */
function isResponse(answer: unknown): boolean {
  const { status, headers } = (answer ?? {}) as { status?: unknown; headers?: { get?: unknown } | null };
  return typeof status === "number" && typeof headers?.get === "function";
}

// The `User-Agent` header.

/**
 * The value of the header: `mogplex-ci/<version> (<runtime>; <CI system>)`.
 *
 * @param ci Name of the CI system; `none` outside CI.
 */
export function userAgent(ci = "none"): string {
  return `mogplex-ci/${VERSION} (${runtimeName()}; ${ci.replace(/[^A-Za-z0-9._-]/g, "_") || "none"})`;
}

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

/** A request that is about to be sent. */
export interface OutgoingRequest {
  /** `GET` or `POST`. */
  readonly method: string;
  /** The whole address. */
  readonly url: string;
  /** The body; null for none. */
  readonly body: string | null;
  /** Number of the attempt, from 1, where the call is repeated after a failure. */
  readonly attempt: number;
  /**
   * Further headers: a plain object by name, to be changed or replaced, as in `headers["x-signature"] = "…"`. At first those of the option
   * `headers`. Neither the token nor what else the toolkit sets is among them.
   */
  headers: Record<string, string>;
}

/** Gives the access token of each request. */
export interface TokenSource {
  /** The token to send. @throws {MogplexError} when there is none. @throws what {@linkcode waitForHook} throws. */
  get(limits: Omit<HookLimits, "redact">): Promise<string>;
  /** The service answered 401 to this token: the next request asks for another one. */
  refused(token: string): void;
  /** Masks every token that was given lately. */
  readonly redact: Redactor;
}

/** Options of {@linkcode createTransport}. */
export interface TransportOptions {
  /** Access token, or what gives it. It is sent to `origin` and nowhere else. */
  token: string | TokenSource;
  /** Further secrets to mask; a source of tokens masks its own. @default {[]} */
  secrets?: readonly string[] | undefined;
  /** Reads the environment, for the secrets in it that a long text may have. @default none is read */
  env?: ((name: string) => string | undefined) | undefined;
  /** Header that carries the bare token. @default `Authorization: Bearer …` */
  tokenHeader?: string | undefined;
  /** Origin of the service, already checked by `parseOrigin`. */
  origin: string;
  /** Sends requests. @default the global `fetch` at the time of each request */
  fetch?: Fetch | undefined;
  /** Source of time. @default the real clock */
  clock?: Clock | undefined;
  /** `User-Agent`. @default {userAgent()} */
  userAgent?: string | undefined;
  /** Further headers of each request, by name; checked. @default {} */
  headers?: Readonly<Record<string, string>> | undefined;
  /** Called before each request, and awaited; it may change the headers, and checks them. */
  onBeforeRequest?: ((request: OutgoingRequest) => unknown) | undefined;
  /** Called after each request. */
  onRequest?: ((request: RequestReport) => void) | undefined;
  /** Called before each request is sent. */
  onSend?: (() => void) | undefined;
  /** Largest body of an answer, in bytes. @default {33_554_432} */
  maxBodyBytes?: number | undefined;
}

/** What an answer means. */
export type Verdict<T> = { ok: true; value: T } | { ok: false; error: MogplexError };

/** A request and how to judge its answer. */
interface Call<T> {
  /** What is attempted, after "Cannot": `read run "…"`. */
  what: string;
  /** Makes the request. Must call the given `fetch` exactly once. */
  send(fetch: (url: string | URL | Request, init?: RequestInit) => Promise<Response>): Promise<Response>;
  /** Turns the answer into a value or an error. */
  judge(answer: Answer): Verdict<T>;
}

/** A request that expects an event stream. */
interface StreamCall extends Omit<Call<never>, "judge"> {
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

/** A request that is being sent. */
interface Sending {
  /** Number of the attempt. */
  readonly attempt: number | undefined;
  /** The hook that keeps it from being sent, and what that is; undefined when no hook is at work. */
  inHook?: { readonly attempted: string; readonly name: string } | undefined;
}

export interface Transport {
  /** HTTP requests sent so far. */
  readonly requests: number;
  /** Milliseconds by which our wall time is ahead of the service's, from the `Date` of its last answer; undefined if none had one. */
  readonly clockSkewMs: number | undefined;
  /** Masks the token and texts that look like a secret. */
  readonly redact: Redactor;
  /** Makes what masks these and the secrets in the environment: for long texts, which are cut when an answer is read. */
  readonly cutMasker: () => Redactor;
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
  const redact = source?.redact ?? createRedactor({ token: token as string, secrets: options.secrets });
  let cutRedactor: Redactor | undefined;
  let requests = 0;
  let skewMs: number | undefined;

  async function tokenOf(signal: AbortSignal, sending: Sending): Promise<string> {
    if (source === undefined) return token as string;
    sending.inHook = { attempted: "read token", name: "token" };
    const given = await source.get({ clock, signal });
    sending.inHook = undefined;
    return given;
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
    if (tokenHeader === undefined) headers.set("Authorization", `Bearer ${sent}`);
    else headers.set(tokenHeader, sent);
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
      const why = "'fetch' gave no Response";
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
    // The limit for opening must not end the stream later.
    const life = new AbortController();
    const abort = () => life.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const accept = "text/event-stream";
    const response = await call.send((url, init = {}) => fetchOnce(String(url), init, life.signal, sending, accept));
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

  function errorOf(attempted: string, limitMs: number, sending: Sending, thrown: unknown): unknown {
    if (thrown instanceof TimedOut && sending.inHook !== undefined) {
      const { attempted, name } = sending.inHook;
      return new DeadlineError({ attempted, why: `'${name}' has not ended in time` });
    }
    if (thrown instanceof TimedOut) {
      return networkError(attempted, `no complete answer within ${Math.round(limitMs / 100) / 10} seconds`);
    }
    if (thrown instanceof NetworkFailure) {
      if (isNotPermitted(thrown.cause)) return notPermitted(attempted, thrown.cause);
      const { detail, cause } = explainLoss(thrown, redact);
      return networkError(attempted, `the network failed: ${excerpt(detail, redact, 300)}`, cause);
    }
    if (thrown instanceof TooLarge) {
      return new BodyTooLargeError({ attempted, why: thrown.message });
    }
    return thrown;
  }

  async function valueOf<T>(
    what: string,
    limitMs: number,
    sending: Sending,
    verdict: Promise<Verdict<T>>,
  ): Promise<T> {
    const known = await verdict.catch((thrown) => {
      throw errorOf(what, limitMs, sending, thrown);
    });
    if (!known.ok) throw known.error;
    return known.value;
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

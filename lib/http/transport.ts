/**
 * The only caller of `fetch`: it adds the token, limits each attempt, and decides what is tried again and when.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import { ApiError, BodyTooLargeError, type MogplexError, NetworkError, UsageError } from "../errors.ts";
import type { OnNotice, WaitCause } from "../notice.ts";
import { createRedactor, type Redactor } from "../text/redact.ts";
import { isNotPermitted } from "../runtime.ts";
import { type Answer, excerpt, MAX_BODY_BYTES, readAnswer, TooLarge } from "./answer.ts";
import { explainLoss, Lost, TimedOut, withLimit } from "./attempt.ts";
import { backoffMs } from "../retry/backoff.ts";
import type { CallOptions } from "./call_options.ts";
import { networkHint } from "./network_hint.ts";
import { type EventStream, isEventStream, readEventStream } from "./stream.ts";
import { userAgent } from "./user_agent.ts";

/** As much of `fetch` as is needed; the real one fits. */
export type Fetch = (url: string, init: RequestInit) => Response | Promise<Response>;

/** Options of {@linkcode createTransport}. */
export interface TransportOptions {
  /** Access token; goes to `origin` and nowhere else. */
  token: string;
  /** Header that carries the bare token, for a service that does not take `Authorization: Bearer …`. @default {undefined} */
  tokenHeader?: string | undefined;
  /** Checked origin of the service: see `parseOrigin`. */
  origin: string;
  /** Sends requests. @default the global `fetch`, looked up at each request */
  fetch?: Fetch | undefined;
  /** Source of time. @default the machine's */
  clock?: Clock | undefined;
  /** Hears of every wait. @default nobody */
  onNotice?: OnNotice | undefined;
  /** Jitter: numbers in [0, 1). @default {Math.random} */
  random?: (() => number) | undefined;
  /** `User-Agent`. @default version and runtime, outside CI */
  userAgent?: string | undefined;
  /** Largest body of an answer, in bytes. @default {33_554_432} */
  maxBodyBytes?: number | undefined;
}

/** What an answer came to. */
export type Verdict<T> =
  | { ok: true; value: T }
  /** `cause` replaces the one that follows from the status; null means that trying again is no use. */
  | { ok: false; error: MogplexError; cause?: WaitCause | null | undefined };

/** One logical request. */
export interface Call<T> {
  /** What is attempted, after "Cannot": `read run "…"`. */
  what: string;
  /** Whether a second attempt does no harm: reading, a POST with an idempotency key, cancelling. */
  retry: boolean;
  /** Makes the request by calling the `fetch` that it is given, once. */
  send(fetch: (url: string | URL | Request, init?: RequestInit) => Promise<Response>): Promise<Response>;
  /** Tells a good answer from a bad one; a bad one with a status of 2xx counts as damaged on its way. */
  judge(answer: Answer): Verdict<T>;
  /** Called after each failed attempt, before anything else is decided; what it throws ends the call. */
  onFailure?: ((error: MogplexError) => Promise<void>) | undefined;
  /** Longest own delay after the first attempt, in milliseconds. @default {1_000} */
  backoffBaseMs?: number | undefined;
  /** How long and how often to try. */
  limits?: CallOptions | undefined;
}

/** A request whose good answer is a stream of events. */
export interface StreamCall extends Omit<Call<never>, "judge"> {
  /** What an answer that is no stream of events means. Of one with a status of 2xx the body is not read. */
  refuse(answer: Answer): Verdict<never>;
}

/** Sends requests. */
export interface Transport {
  /** HTTP requests sent so far, retries included. */
  readonly requests: number;
  /** Milliseconds by which our wall time is ahead of the service's, by the `Date` of its last answer; 0 when it told none. */
  readonly clockSkewMs: number;
  /** Masks our own token and what looks like a secret. */
  readonly redact: Redactor;
  /**
   * Sends a request until it gets a good answer, or one that no further attempt can better, or its deadline is near.
   *
   * @throws what `judge` made of the last answer, {@linkcode NetworkError}, {@linkcode BodyTooLargeError}, or `signal.reason`.
   * @throws {UsageError} when Deno may not reach the origin; nothing was sent.
   */
  call<T>(call: Call<T>): Promise<T>;
  /**
   * Opens a stream of events. The limits are those of the opening; the signal also ends the stream.
   *
   * @throws as {@linkcode Transport.call} does.
   */
  open(call: StreamCall): Promise<EventStream>;
}

// A 401 can be trouble of the service's database: a token that has worked gets two more chances.
const MAX_UNAUTHORIZED_RETRIES = 2;
const DEFAULT_REQUEST_TIMEOUT_MS = 30_000;
const DEFAULT_TIMEOUT_MS = 120_000;
const DEFAULT_BACKOFF_MS = 1_000;
const MIN_FIRST_ATTEMPT_MS = 2_000;

/** Why an answer may be better next time; null when it will not. */
function waitCause(status: number): WaitCause | null {
  if (status >= 200 && status < 300) return "invalid_answer";
  if (status === 401) return "unauthorized";
  if (status === 429) return "rate_limit";
  if (status === 408 || status === 425) return "unavailable";
  return status >= 500 && status !== 501 && status !== 505 ? "unavailable" : null;
}

interface Answered<T> {
  answer: Answer;
  verdict: Verdict<T>;
}

type Outcome<T> =
  | { ok: true; value: T }
  | { ok: false; error: MogplexError; cause: WaitCause | null; detail: string; retryAfterMs: number };

/** Makes a transport for one token and one origin. Connections are kept by the runtime's `fetch`. */
export function createTransport(options: TransportOptions): Transport {
  const { token, tokenHeader, origin, clock = systemClock, onNotice } = options;
  const { random = Math.random, maxBodyBytes = MAX_BODY_BYTES } = options;
  const agent = options.userAgent ?? userAgent();
  const redact = createRedactor({ token });
  let requests = 0;
  let tokenWorked = false;
  let hinted = false;
  let skewMs = 0;

  async function fetchOnce(
    url: string,
    init: RequestInit,
    signal: AbortSignal,
    accept = "application/json",
  ): Promise<Response> {
    if (new URL(url).origin !== origin) throw new Error("Cannot send the token to another origin");
    const headers = new Headers(init.headers);
    if (tokenHeader === undefined) headers.set("Authorization", `Bearer ${token}`);
    else headers.set(tokenHeader, token);
    headers.set("Accept", accept);
    headers.set("User-Agent", agent);
    requests++;
    try {
      // A followed redirect loses the token, or shows it to another host.
      const send = options.fetch ?? fetch;
      return await send(url, { ...init, headers, redirect: "manual", signal });
    } catch (cause) {
      throw new Lost(cause);
    }
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

  async function answerOf<T>(call: Call<T>, signal: AbortSignal): Promise<Answered<T>> {
    const answer = await read(await call.send((url, init = {}) => fetchOnce(String(url), init, signal)));
    return { answer, verdict: call.judge(answer) };
  }

  async function streamOf(call: StreamCall, signal: AbortSignal): Promise<Answered<EventStream>> {
    // The limit of the opening must not end the stream later on.
    const life = new AbortController();
    const abort = () => life.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const accept = "text/event-stream";
    const response = await call.send((url, init = {}) => fetchOnce(String(url), init, life.signal, accept));
    if (isEventStream(response)) {
      signal.removeEventListener("abort", abort);
      const answer = { status: response.status, headers: response.headers, text: "", retryAfterMs: null, dateMs: null };
      const value = readEventStream(response, { clock, life, signal: call.limits?.signal, redact });
      return { answer, verdict: { ok: true, value } };
    }
    // Of something that may be a film, a log or a page nothing is wanted.
    if (response.ok) response.body?.cancel().catch(() => {});
    const { status, headers } = response;
    const answer = await read(response.ok ? new Response(null, { status, headers }) : response);
    return { answer, verdict: call.refuse(answer) };
  }

  function networkFailure(what: string, detail: string, cause?: unknown): Outcome<never> {
    // A `fetch` of the caller's has proxies and certificates of its own. A wait tells the advice once, the error always.
    const hint = options.fetch === undefined ? networkHint(origin, detail) : "";
    const told = hinted ? detail : `${detail}${hint}`;
    hinted = true;
    const error = new NetworkError(`Cannot ${what}: ${detail}${hint}`, { cause });
    return { ok: false, retryAfterMs: 0, error, cause: "network", detail: told };
  }

  /** Nothing was sent, and nothing will be however often it is tried. */
  function notPermitted(what: string, cause: unknown): Outcome<never> {
    const { host } = new URL(origin);
    const detail = `Deno may not reach ${host}`;
    const error = new UsageError(
      `Cannot ${what}: ${detail}; start it with --allow-net=${host}, the verb permissions prints all flags`,
      { cause },
    );
    return { ok: false, retryAfterMs: 0, error, cause: null, detail };
  }

  async function attempt<T>(
    call: Omit<Call<T>, "judge">,
    ask: (signal: AbortSignal) => Promise<Answered<T>>,
    limitMs: number,
  ): Promise<Outcome<T>> {
    let answered: Answered<T>;
    try {
      answered = await withLimit(ask, { clock, limitMs, signal: call.limits?.signal });
    } catch (thrown) {
      if (thrown instanceof TimedOut) {
        return networkFailure(call.what, `no complete answer within ${Math.round(limitMs / 100) / 10} seconds`);
      }
      if (thrown instanceof Lost) {
        if (isNotPermitted(thrown.cause)) return notPermitted(call.what, thrown.cause);
        const { detail, cause } = explainLoss(thrown, redact);
        return networkFailure(call.what, `the network failed: ${excerpt(detail, redact, 300)}`, cause);
      }
      if (thrown instanceof TooLarge) {
        const detail = `the answer is larger than ${maxBodyBytes} bytes`;
        const error = new BodyTooLargeError(`Cannot ${call.what}: ${detail}`);
        return { ok: false, retryAfterMs: 0, error, cause: null, detail };
      }
      throw thrown;
    }
    const { answer, verdict } = answered;
    if (verdict.ok) {
      tokenWorked = true;
      return verdict;
    }
    const { error, cause = waitCause(answer.status) } = verdict;
    const code = error instanceof ApiError && error.code !== null ? ` ${error.code}` : "";
    const detail = excerpt(`HTTP ${answer.status}${code}`, redact);
    return { ok: false, error, cause, detail, retryAfterMs: answer.retryAfterMs ?? 0 };
  }

  async function run<T>(
    call: Omit<Call<T>, "judge">,
    ask: (signal: AbortSignal) => Promise<Answered<T>>,
  ): Promise<T> {
    const { signal, maxAttempts = Infinity, requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS, overrun = false } =
      call.limits ?? {};
    const deadline = call.limits?.deadline ?? clock.now() + DEFAULT_TIMEOUT_MS;
    let unauthorized = 0;
    for (let count = 1;; count++) {
      const left = Math.max(deadline - clock.now(), count === 1 ? MIN_FIRST_ATTEMPT_MS : 0);
      const outcome = await attempt(call, ask, overrun ? requestTimeoutMs : Math.min(requestTimeoutMs, left));
      if (outcome.ok) return outcome.value;
      const { error, cause, detail, retryAfterMs } = outcome;
      await call.onFailure?.(error);
      if (!call.retry || cause === null || count >= maxAttempts) throw error;
      if (cause === "unauthorized" && (!tokenWorked || ++unauthorized > MAX_UNAUTHORIZED_RETRIES)) throw error;
      // What the service names is obeyed as it is; a zero would be a tight loop.
      const named = retryAfterMs > 0;
      const delayMs = named ? retryAfterMs : backoffMs(count, call.backoffBaseMs ?? DEFAULT_BACKOFF_MS, random());
      if (clock.now() + delayMs >= deadline) throw error;
      const untilMs = clock.wallTime() + delayMs;
      onNotice?.({ kind: "wait", what: call.what, cause, detail, attempt: count, delayMs, named, untilMs });
      await clock.sleep(delayMs, { signal });
    }
  }

  return {
    get requests() {
      return requests;
    },
    get clockSkewMs() {
      return skewMs;
    },
    redact,
    call: (call) => run(call, (signal) => answerOf(call, signal)),
    open: (call) => run<EventStream>(call, (signal) => streamOf(call, signal)),
  };
}

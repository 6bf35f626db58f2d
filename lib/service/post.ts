/**
 * Sends requests without the access token, to servers other than the service.
 * @module
 */
import type { Clock } from "../clock.ts";
import { MogplexError, NetworkError } from "../errors.ts";
import { isNotPermitted } from "../runtime.ts";
import { createRedactor } from "../text/redact.ts";
import {
  type Answer,
  excerpt,
  explainLoss,
  NetworkFailure,
  parseRetryAfter,
  readAnswer,
  TimedOut,
  TooLarge,
  withLimit,
} from "./answer.ts";
import { type Fetch, type FetchInit, userAgent } from "./transport.ts";

interface PostRequest {
  what: string;
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string | Uint8Array;
  maxBytes: number;
}

interface PostOptions {
  fetch?: Fetch | undefined;
  clock: Clock;
  limitMs: number;
  redact?: ((text: string) => string) | undefined;
}

export function post(request: PostRequest, options: PostOptions): Promise<Answer> {
  const { headers, body } = request;
  // The type of a custom `fetch` permits only texts, but every `fetch` accepts bytes.
  return sendOnce(request, { method: "POST", headers, body: body as string, redirect: "manual" }, options);
}

/** Follows redirects, because the request contains no secret. */
export function readPublicFile(
  { what, url, maxBytes }: Omit<PostRequest, "body" | "headers">,
  options: PostOptions,
): Promise<Answer> {
  const headers = { "User-Agent": userAgent(), Connection: "close" };
  return sendOnce({ what, url, maxBytes }, { method: "GET", headers, redirect: "follow" }, options);
}

async function sendOnce(
  { what, url, maxBytes }: Pick<PostRequest, "what" | "url" | "maxBytes">,
  fields: Omit<RequestInit, "signal">,
  { fetch: send, clock, limitMs, redact }: PostOptions,
): Promise<Answer> {
  async function ask(signal: AbortSignal): Promise<Answer> {
    try {
      const init = { ...fields, signal };
      return await readAnswer(await (send ?? fetch)(url, init as FetchInit) as Response, maxBytes, clock.wallTime());
    } catch (cause) {
      throw cause instanceof TooLarge ? cause : new NetworkFailure(cause);
    }
  }
  try {
    return await withLimit(ask, { clock, limitMs, signal: undefined });
  } catch (thrown) {
    if (thrown instanceof MogplexError) throw thrown;
    const redactor = redact ?? createRedactor();
    // Deno's message contains the address, whose query may contain a key.
    const mask = (text: string) => redactor(text.replaceAll(url, new URL(url).origin));
    if (thrown instanceof NetworkFailure) {
      const { detail, cause } = explainLoss(thrown, mask);
      const why = `the network failed: ${excerpt(detail, mask, 300)}`;
      throw new NetworkError({ attempted: what, why }, { cause });
    }
    const late = `no complete response within ${Math.round(limitMs / 100) / 10} seconds`;
    const why = thrown instanceof TimedOut ? late : thrown instanceof Error ? thrown.message : String(thrown);
    throw new NetworkError({ attempted: what, why });
  }
}

// The address of a webhook is a secret, and error messages of runtimes contain addresses. Messages of runtimes are therefore not passed on.

interface WebhookOptions {
  fetch?: Fetch | undefined;
  clock: Clock;
  limitMs: number;
  wholeMs: number;
  random?: (() => number) | undefined;
  signal?: AbortSignal | undefined;
}

/** A random part of up to half of each wait is removed. */
const WAITS_MS: readonly number[] = [3_000, 9_000];

interface Failure {
  why: string;
  again: boolean;
  retryAfterMs: number | null;
}

async function tryOnce(url: string, body: string, options: WebhookOptions): Promise<Failure | null> {
  const { fetch: send, clock, limitMs, signal } = options;
  async function ask(signal: AbortSignal): Promise<Failure | null> {
    const answer = await (send ?? fetch)(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", "User-Agent": userAgent(), Connection: "close" },
      body,
      redirect: "manual",
      signal,
    });
    // The body is not needed, and may be endless.
    (answer as Response).body?.cancel().catch(() => {});
    const { status, headers } = answer;
    if (status >= 200 && status < 300) return null;
    // Some runtimes report status 0 for a redirect that is not followed.
    const isRedirect = status === 0 || status >= 300 && status < 400;
    return {
      why: isRedirect ? "it answered with a redirect, which is not followed" : `it answered with HTTP ${status}`,
      again: status >= 500 || [408, 425, 429].includes(status),
      retryAfterMs: parseRetryAfter(headers.get("retry-after"), clock.wallTime()),
    };
  }
  try {
    return await withLimit(ask, { clock, limitMs, signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof TimedOut) {
      return {
        why: `there was no answer within ${Math.ceil(limitMs / 100) / 10} seconds`,
        again: true,
        retryAfterMs: null,
      };
    }
    return isNotPermitted(error)
      ? { why: "Deno is not allowed to reach its host: see --allow-net", again: false, retryAfterMs: null }
      : { why: "the network failed", again: true, retryAfterMs: null };
  }
}

/** @returns Why the call failed, as a clause without the address; `null` if it succeeded. */
export async function callWebhook(url: string, value: unknown, options: WebhookOptions): Promise<string | null> {
  const { clock, limitMs, wholeMs, random = Math.random, signal } = options;
  const body = JSON.stringify(value);
  const until = clock.now() + wholeMs;
  for (let tried = 0;; tried++) {
    const failure = await tryOnce(url, body, { ...options, limitMs: Math.min(limitMs, until - clock.now()) });
    if (failure === null) return null;
    const { why, again, retryAfterMs } = failure;
    const longest = WAITS_MS[tried];
    if (!again || longest === undefined) return why;
    const waitMs = Math.max(longest * (1 + random()) / 2, retryAfterMs ?? 0);
    if (clock.now() + waitMs >= until) return why;
    await clock.sleep(waitMs, { signal });
  }
}

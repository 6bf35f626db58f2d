/**
 * Sends one message to a webhook. Its address is a secret, so no text of a failure is passed on: runtimes put addresses into them.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { isNotPermitted } from "../runtime.ts";
import { TimedOut, withLimit } from "./attempt.ts";
import type { Fetch } from "./transport.ts";
import { userAgent } from "./user_agent.ts";

/** Options of {@linkcode callWebhook}. */
export interface WebhookOptions {
  /** Sends the request. @default {globalThis.fetch} */
  fetch?: Fetch | undefined;
  /** Time. */
  clock: Clock;
  /** Longest time of the call, in milliseconds. */
  limitMs: number;
  /** Ends the call. @default {undefined} */
  signal?: AbortSignal | undefined;
}

/**
 * Sends a value as JSON by `POST`, once. Redirects are not followed, and no answer is read: a 2xx is all that matters.
 *
 * @param url Address, already checked.
 * @returns Why it failed, as a clause without the address; null when it did not.
 * @throws `signal.reason` if the signal aborts.
 */
export async function callWebhook(url: string, value: unknown, options: WebhookOptions): Promise<string | null> {
  const { fetch: send, clock, limitMs, signal } = options;
  async function ask(signal: AbortSignal): Promise<number> {
    const answer = await (send ?? fetch)(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", "User-Agent": userAgent(), Connection: "close" },
      body: JSON.stringify(value),
      redirect: "manual",
      signal,
    });
    // What it says is of no use, and may be endless.
    (answer as Response).body?.cancel().catch(() => {});
    return answer.status;
  }
  try {
    const status = await withLimit(ask, { clock, limitMs, signal });
    if (status >= 200 && status < 300) return null;
    // Some runtimes show a redirect that is not followed as status 0.
    const isRedirect = status === 0 || status >= 300 && status < 400;
    return isRedirect ? "it answered with a redirect, which is not followed" : `it answered with HTTP ${status}`;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof TimedOut) return `there was no answer within ${limitMs / 1_000} seconds`;
    return isNotPermitted(error) ? "Deno may not reach its host: see --allow-net" : "the network failed";
  }
}

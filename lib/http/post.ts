/**
 * Sends one `POST` without our token: for servers that are not the service.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { MogplexError, NetworkError } from "../errors.ts";
import { createRedactor } from "../text/redact.ts";
import { type Answer, excerpt, readAnswer, TooLarge } from "./answer.ts";
import { explainLoss, Lost, TimedOut, withLimit } from "./attempt.ts";
import type { Fetch, FetchInit } from "./transport.ts";

/** A request. */
export interface PostRequest {
  /** What is attempted, after "Cannot". */
  what: string;
  /** Address. */
  url: string;
  /** All headers. */
  headers: Readonly<Record<string, string>>;
  /** Body. */
  body: string | Uint8Array;
  /** Largest body of an answer, in bytes. */
  maxBytes: number;
}

/** How to send it. */
export interface PostOptions {
  /** Sends requests. @default {globalThis.fetch} */
  fetch?: Fetch | undefined;
  /** Time. */
  clock: Clock;
  /** Longest time of headers and body together, in milliseconds. */
  limitMs: number;
  /** Removes secrets from the message of a failure. @default {what looks like a secret} */
  redact?: ((text: string) => string) | undefined;
}

/**
 * Sends a request once, without following redirects.
 *
 * @returns The answer, whatever its status is.
 * @throws {NetworkError} when there is none within the limit, or it is too large.
 */
export async function post(
  request: PostRequest,
  { fetch: send, clock, limitMs, redact }: PostOptions,
): Promise<Answer> {
  const { what, url, headers, body, maxBytes } = request;
  async function ask(signal: AbortSignal): Promise<Answer> {
    try {
      // The type of a caller's `fetch` knows texts alone; all take bytes.
      const init = {
        method: "POST",
        headers: { ...headers },
        body: body as string,
        redirect: "manual",
        signal,
      } as const;
      return await readAnswer(await (send ?? fetch)(url, init as FetchInit) as Response, maxBytes, clock.wallTime());
    } catch (cause) {
      throw cause instanceof TooLarge ? cause : new Lost(cause);
    }
  }
  try {
    return await withLimit(ask, { clock, limitMs, signal: undefined });
  } catch (thrown) {
    if (thrown instanceof MogplexError) throw thrown;
    const known = redact ?? createRedactor();
    // Deno names the address, whose query may hold a key.
    const mask = (text: string) => known(text.replaceAll(url, new URL(url).origin));
    if (thrown instanceof Lost) {
      const { detail, cause } = explainLoss(thrown, mask);
      const why = `the network failed: ${excerpt(detail, mask, 300)}`;
      throw new NetworkError({ attempted: what, why }, { cause });
    }
    const late = `no complete answer within ${Math.round(limitMs / 100) / 10} seconds`;
    const why = thrown instanceof TimedOut ? late : thrown instanceof Error ? thrown.message : String(thrown);
    throw new NetworkError({ attempted: what, why });
  }
}

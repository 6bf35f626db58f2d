/**
 * Sends one request without the token, and determines which kind of server answers, or at which step the request failed.
 * @module
 */
import type { Clock } from "../clock.ts";
import { NetworkError } from "../errors.ts";
import { createRedactor } from "../text/redact.ts";
import { type Answer, excerpt, explainLoss, NetworkFailure, readAnswer, TimedOut, withLimit } from "./answer.ts";
import { type Fetch, userAgent } from "./transport.ts";

interface ProbeOptions {
  fetch?: Fetch | undefined;
  clock: Clock;
  limitMs: number;
}

export async function probe(url: string, { fetch: send, clock, limitMs }: ProbeOptions): Promise<Answer> {
  async function ask(signal: AbortSignal): Promise<Answer> {
    try {
      const answered = await (send ?? fetch)(url, {
        method: "GET",
        headers: { Accept: "application/json", "User-Agent": userAgent() },
        redirect: "manual",
        signal,
      });
      const response = answered as Response;
      // The body of a 2xx answer is never read. Without a token, the answer does not come from the API, and its body may be endless.
      if (response.ok) response.body?.cancel().catch(() => {});
      const { status, headers } = response;
      return await readAnswer(response.ok ? new Response(null, { status, headers }) : response, 0, clock.wallTime());
    } catch (cause) {
      throw new NetworkFailure(cause);
    }
  }
  try {
    return await withLimit(ask, { clock, limitMs, signal: undefined });
  } catch (thrown) {
    if (thrown instanceof TimedOut) {
      throw new NetworkError({ attempted: "reach the service", why: `no answer within ${limitMs / 1_000} seconds` });
    }
    if (!(thrown instanceof NetworkFailure)) throw thrown;
    const { detail, cause } = explainLoss(thrown, createRedactor());
    throw new NetworkError(`Cannot reach the service: ${excerpt(detail, createRedactor(), 300)}`, { cause });
  }
}

export type NetworkTrouble =
  | "permission"
  | "proxy"
  | "name"
  | "refused"
  | "expired"
  | "wrong_name"
  | "issuer"
  | "no_tls"
  | "timeout"
  | "reset"
  | "unknown";

// Messages of Node 20, Bun 1.4 and Deno 2.9 for the same failures (measured), and of undici, Node's fetch, for proxies. The first match wins.
const TROUBLES: readonly (readonly [NetworkTrouble, RegExp])[] = [
  ["permission", /--allow-net\b/],
  ["proxy", /ERR_PROXY_TUNNEL|proxy authentication|unsuccessful tunnel|HTTP Tunneling/i],
  ["name", /ENOTFOUND|EAI_AGAIN|dns error/],
  ["refused", /ECONNREFUSED|connection refused/i],
  ["expired", /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|certificate (?:has )?expired|not valid (?:yet|before)/],
  ["wrong_name", /ALTNAME|altnames|not valid for name/],
  ["issuer", /SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)|self.signed|peer certificate|unknown certificate/],
  ["no_tls", /EPROTO|ERR_SSL|wrong version number|InvalidContentType/],
  ["timeout", /no answer within|ETIMEDOUT|CONNECT_TIMEOUT|timed out|UNREACH|unreachable/i],
  ["reset", /ECONNRESET|EPIPE|connection reset|closed/i],
];

/** Runtimes change their messages, so use the step only for advice, never to decide an outcome or a retry. */
export function troubleOf({ message }: NetworkError): NetworkTrouble {
  // An address in the message could contain any word.
  const text = message.replace(/\bhttps?:\/\/[^\s)]+/g, "");
  return TROUBLES.find(([, pattern]) => pattern.test(text))?.[0] ?? "unknown";
}

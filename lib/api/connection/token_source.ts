/**
 * Tokens that a function gives, from a vault for example: asked for when needed, kept until the service refuses one.
 *
 * @module
 */
import { MogplexError, UnauthorizedError } from "../../errors.ts";
import type { TokenSource } from "../../http/transport.ts";
import { createRedactor, type Redactor, redactorOf } from "../../text/redact.ts";
import { checkToken } from "./token.ts";

/** Number of tokens that are masked, the newest ones: they are replaced every hour or day. */
const MAX_MASKED = 5;

/** A {@linkcode TokenSource} that knows the token which it gave last. */
export interface KeptToken extends TokenSource {
  /** The last token; undefined before the first one. */
  readonly last: string | undefined;
}

/**
 * Asks `give` for a token at the first request, and again after the service has refused one.
 *
 * @param give The caller's function. What it throws is the cause of an {@linkcode UnauthorizedError}; its message is not shown, as it may
 * contain a secret.
 */
export function keptToken(give: () => string | Promise<string>): KeptToken {
  let current: Promise<string> | undefined;
  let last: string | undefined;
  const masked: Redactor[] = [createRedactor()];

  async function ask(): Promise<string> {
    let text: unknown;
    try {
      text = await give();
    } catch (cause) {
      if (cause instanceof MogplexError) throw cause;
      throw new UnauthorizedError({ attempted: "read token", why: "the function of the option token failed" }, {
        cause,
      });
    }
    if (typeof text !== "string") {
      throw new UnauthorizedError({ attempted: "read token", why: "the function of the option token gave no text" });
    }
    const token = checkToken(text, "the option token");
    if (token !== last) masked.splice(0, masked.length >= MAX_MASKED ? 1 : 0, createRedactor({ token }));
    return last = token;
  }

  const mask = (text: string) => masked.reduce((masking, redact) => redact(masking), text);
  const maskTokens = (text: string) => masked.reduce((masking, redact) => redact.token(masking), text);
  return {
    get last() {
      return last;
    },
    get() {
      if (current !== undefined) return current;
      const asked = current = ask();
      // A failure is not kept: the next request asks again.
      asked.catch(() => current = undefined);
      return asked;
    },
    refused(token) {
      if (token === last) current = undefined;
    },
    redact: redactorOf({
      mask,
      token: maskTokens,
      longest: () => Math.max(0, ...masked.map(({ longest }) => longest)),
    }),
  };
}

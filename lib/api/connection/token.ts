/**
 * Checks an access token before it is sent.
 *
 * @module
 */
import { UnauthorizedError, UsageError } from "../../errors.ts";

/** Why a configured variable can be absent in a CI job. Source: GitLab, "Protect a CI/CD variable"; GitHub, "Using secrets". */
export const WHY_ABSENT =
  "(protected variables are absent on unprotected refs, and merge or pull requests from forks get no secrets)";

/**
 * Checks the name of the variable that holds a token.
 *
 * @param attempted What is attempted, after "Cannot".
 * @param setting Variable that contains the name.
 * @throws {UsageError} when it is not a name. The message does not show it, since users put the token itself there.
 */
export function checkTokenVariable(name: string, attempted: string, setting: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  throw new UsageError({
    attempted,
    why: `${setting} must be the name of a variable (letters, digits, underscores), not a token`,
  });
}

/**
 * Checks a token and trims it: `fetch` throws on blanks and line breaks around it.
 *
 * Does not check its length, on which documentation and service disagree. Accepts tokens without the prefix `mog_`, which can be
 * OAuth tokens.
 *
 * @param source Where it was found, for messages: `CI/CD variable MOGPLEX_API_KEY`.
 * @throws {UnauthorizedError} when it is empty or cannot be a token. The message does not show it.
 */
export function checkToken(text: string, source: string): string {
  const token = text.trim();
  const attempted = `use the token in ${source}`;
  if (token === "") throw new UnauthorizedError({ attempted: "read token", why: `${source} is empty ${WHY_ABSENT}` });
  if (/^\$|^%.*%$/.test(token)) {
    throw new UnauthorizedError({
      attempted,
      why: "it refers to a variable that was not expanded",
      advice: "set that variable, or put the token itself there",
    });
  }
  if (/^bearer\s/i.test(token)) {
    throw new UnauthorizedError({ attempted, why: 'it starts with the word "Bearer"', advice: "remove that word" });
  }
  if (/^["'].*["']$/s.test(token)) {
    throw new UnauthorizedError({ attempted, why: "it is in quotation marks", advice: "remove them" });
  }
  // Source: RFC 6750, section 2.1 (b64token), for OAuth; API reference, "Authentication", for `mog_`.
  const form = token.startsWith("mog_") ? /^mog_[A-Za-z0-9]+$/ : /^[A-Za-z0-9._~+/-]+=*$/;
  if (!form.test(token)) {
    throw new UnauthorizedError({
      attempted,
      why: "it has characters that no token has, or is several lines long",
      advice: 'copy the token again: it is "mog_" followed by letters and digits',
    });
  }
  return token;
}

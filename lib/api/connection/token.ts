/**
 * The form of an access token, checked before it is sent.
 *
 * @module
 */
import { UnauthorizedError, UsageError } from "../../errors.ts";

/** Why a variable that people did set can be absent in CI. Source: GitLab, "Protect a CI/CD variable"; GitHub, "Using secrets". */
export const WHY_ABSENT =
  "(protected variables are absent on unprotected refs, and merge or pull requests from forks get no secrets)";

/**
 * Checks what is to be the name of the variable that holds a token.
 *
 * @param attempt What is attempted, after "Cannot".
 * @param setting Variable that gives the name.
 * @throws {UsageError} when it is no name; the message never holds it, since it may well be the token itself.
 */
export function checkTokenVariable(name: string, attempt: string, setting: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  throw new UsageError(
    `Cannot ${attempt}: ${setting} must be the name of a variable (letters, digits, underscores), not a token`,
  );
}

/**
 * Checks a token and takes off the blanks and line breaks around it, with which `fetch` would throw.
 *
 * Its length is not checked: documents and service disagree on it. Tokens without the prefix `mog_` are let through as those
 * of OAuth.
 *
 * @param text The token.
 * @param source Where it comes from, for messages: `CI/CD variable MOGPLEX_API_KEY`.
 * @throws {UnauthorizedError} when it is empty or cannot be a token; the message never holds it.
 */
export function checkToken(text: string, source: string): string {
  const token = text.trim();
  const cannot = `Cannot use the token in ${source}:`;
  if (token === "") {
    throw new UnauthorizedError(`Cannot read token: ${source} is empty ${WHY_ABSENT}`);
  }
  if (/^\$|^%.*%$/.test(token)) {
    throw new UnauthorizedError(`${cannot} it is the name of a variable that was not expanded, as that one is not set`);
  }
  if (/^bearer\s/i.test(token)) throw new UnauthorizedError(`${cannot} it starts with the word "Bearer", remove it`);
  if (/^["'].*["']$/s.test(token)) throw new UnauthorizedError(`${cannot} it is in quotation marks, remove them`);
  // Source: RFC 6750, section 2.1 (b64token), for OAuth; API reference, "Authentication", for `mog_`.
  const form = token.startsWith("mog_") ? /^mog_[A-Za-z0-9]+$/ : /^[A-Za-z0-9._~+/-]+=*$/;
  if (!form.test(token)) {
    throw new UnauthorizedError(
      `${cannot} it has characters that no token has, or is several lines long; a token is "mog_" and letters and digits`,
    );
  }
  return token;
}

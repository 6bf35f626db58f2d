import type { ReadEnv } from "../ci/platform.ts";
import { UsageError } from "../errors.ts";

/**
 * Reads the address of an API from a variable of the CI system.
 * @param name Name of the variable. Its value must be an HTTP or HTTPS URL without user name, query or fragment.
 * @returns Base URL without a trailing slash.
 * @throws {UsageError} for any other value.
 */
export function apiOf(env: ReadEnv, system: string, name: string): string {
  const text = env(name) ?? "";
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && !/[?#@]/.test(text)) {
    return url.origin + url.pathname.replace(/\/+$/, "");
  }
  throw new UsageError({
    attempted: `find the API of ${system}`,
    why: `${name} must be an http(s) URL without user, query and fragment`,
  });
}

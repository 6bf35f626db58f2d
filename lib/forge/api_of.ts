import type { ReadEnv } from "../ci/platform.ts";
import { UsageError } from "../errors.ts";

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

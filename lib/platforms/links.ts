/**
 * Addresses on the CI system, put together from its variables.
 *
 * @module
 */
import { webUrl } from "../text/escape/url.ts";
import type { ReadEnv } from "./platform.ts";

const PLACE = /\{([A-Za-z0-9_]+)\}/g;

/** Names of the variables of a template. */
export function linkVariables(template: string): string[] {
  return [...template.matchAll(PLACE)].map((match) => match[1] as string);
}

/**
 * Fills a template such as `{CI_PROJECT_URL}/-/commit/{CI_COMMIT_SHA}`. A variable that it begins with is an address and
 * loses its last slash where something follows; others are encoded.
 *
 * @returns Undefined when a variable is not set, or the whole is no address that may be shown (see `webUrl`).
 */
export function fillLink(template: string, env: ReadEnv): string | undefined {
  let complete = true;
  const text = template.replace(PLACE, (place, name: string, at: number) => {
    const value = env(name) ?? "";
    complete &&= value !== "";
    if (place === template) return value;
    return at === 0 ? value.replace(/\/+$/, "") : encodeURI(value.replace(/\p{Cs}/gu, "\ufffd"));
  });
  return complete ? webUrl(text) : undefined;
}

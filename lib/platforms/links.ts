/**
 * Addresses on the CI system, built from its variables.
 *
 * @module
 */
import { webUrl } from "../text/escape/url.ts";
import type { ReadEnv } from "./platform.ts";

const PLACEHOLDER = /\{([A-Za-z0-9_]+)\}/g;

/** Names of the variables in a template. */
export function linkVariables(template: string): string[] {
  return [...template.matchAll(PLACEHOLDER)].map((match) => match[1] as string);
}

/**
 * Fills a template such as `{CI_PROJECT_URL}/-/commit/{CI_COMMIT_SHA}`. A variable at its start is an address and loses slashes
 * at its end when more text follows; all other values are percent-encoded.
 *
 * @returns The address, or undefined when a variable is not set or `webUrl` refuses the result.
 */
export function fillLink(template: string, env: ReadEnv): string | undefined {
  return webUrl(fillText(template, env) ?? "");
}

/** Fills a template as {@linkcode fillLink} does, for an address that need not be one of the web. */
export function fillText(template: string, env: ReadEnv): string | undefined {
  let complete = true;
  const text = template.replace(PLACEHOLDER, (placeholder, name: string, at: number) => {
    const value = env(name) ?? "";
    complete &&= value !== "";
    if (placeholder === template) return value;
    return at === 0 ? value.replace(/\/+$/, "") : encodeURI(value.replace(/\p{Cs}/gu, "\ufffd"));
  });
  return complete ? text : undefined;
}

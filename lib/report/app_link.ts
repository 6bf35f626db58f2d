/**
 * The addresses at which users see a run and answer its questions.
 *
 * @module
 */
import { isLoopback } from "../loopback.ts";
import { webUrl } from "../text/escape.ts";

/**
 * Returns the page of a run on a local Mogplex; `undefined` elsewhere, because the service does not document an address for a run.
 * @param origin Origin of the service. Untrusted text.
 */
export function runAddress(origin: string, runId: string): string | undefined {
  const address = webUrl(origin);
  if (address === undefined || !isLoopback(new URL(address).host)) return undefined;
  return new URL(`/__runs/${encodeURIComponent(runId)}`, address).href;
}

/**
 * Returns the page of a run, otherwise the front page of the app.
 * @param origin Origin of the service. Untrusted text.
 * @returns `undefined` if the origin is not a web address.
 */
export function appAddress(origin: string, runId: string | null): string | undefined {
  return (runId === null ? undefined : runAddress(origin, runId)) ?? webUrl(origin);
}

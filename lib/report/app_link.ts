import { isLoopback } from "../loopback.ts";
import { webUrl } from "../text/escape.ts";

/**
 * `undefined` except for a local Mogplex, because the service does not document an address for a run.
 *
 * @param origin Untrusted text.
 */
export function runAddress(origin: string, runId: string): string | undefined {
  const address = webUrl(origin);
  if (address === undefined || !isLoopback(new URL(address).host)) return undefined;
  return new URL(`/__runs/${encodeURIComponent(runId)}`, address).href;
}

/** @param origin Untrusted text. */
export function appAddress(origin: string, runId: string | null): string | undefined {
  return (runId === null ? undefined : runAddress(origin, runId)) ?? webUrl(origin);
}

/**
 * Canonical JSON, request hashes and the branch names derived from them. They are part of the contract: a generated branch is
 * the same on every server.
 *
 * @module
 */
import { sha256Hex } from "../../sha256.ts";

/** JSON with keys sorted by code unit and without blanks. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const fields = Object.entries(value).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
  return `{${fields.map(([key, nested]) => `${JSON.stringify(key)}:${canonicalJson(nested)}`).join(",")}}`;
}

/**
 * Name of the working branch when one is to be created and none was named.
 *
 * @param key The idempotency key.
 * @param requestHash Hash of the normalised request without its working branch.
 */
export async function generatedBranch(key: string, requestHash: string): Promise<string> {
  return `mogplex/external/${(await sha256Hex(key)).slice(0, 8)}-${requestHash.slice(0, 8)}`;
}

/** Branch that the agent works on when it may not use the one that was asked for. */
export function fallbackBranch(callId: string): string {
  return `mogplex/agent-${callId.replaceAll("-", "").slice(0, 12)}`;
}

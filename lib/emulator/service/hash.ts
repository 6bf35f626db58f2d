/**
 * The canonical JSON and the generated branch names are part of the contract.
 *
 * @module
 */
import { sha256Hex } from "../../sha256.ts";

export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const fields = Object.entries(value).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
  return `{${fields.map(([key, nested]) => `${JSON.stringify(key)}:${canonicalJson(nested)}`).join(",")}}`;
}

/** @param requestHash Hash of the normalized request without its working branch. */
export function generatedBranch(key: string, requestHash: string): string {
  return `mogplex/external/${sha256Hex(key).slice(0, 8)}-${requestHash.slice(0, 8)}`;
}

export function fallbackBranch(callId: string): string {
  return `mogplex/agent-${callId.replaceAll("-", "").slice(0, 12)}`;
}

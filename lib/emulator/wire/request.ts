/**
 * Reading of requests: limits, search parameters, idempotency keys and bodies, as tolerant as the service is.
 *
 * @module
 */
import { DEFAULT_EVENTS, MAX_EVENTS, MAX_KEY_LENGTH } from "../../api/contract/rules.ts";
import { trimmedOrNull } from "../service/start_request.ts";
import { fail, type Failure } from "./reply.ts";
import type { World } from "../state/world.ts";

// The gate hands on this much of a body and no more. Source: conformance, "Origin of the results".
const GATE_BODY_BYTES = 10 * 1024 * 1024;

/**
 * Reads a `limit`: the leading whole number, clamped; never an error.
 *
 * @param value The parameter, or null when it is missing.
 * @param fallback For a missing or unreadable one. @default {100}
 * @param most Largest. @default {200}
 */
export function parseLimit(value: string | null, fallback = DEFAULT_EVENTS, most = MAX_EVENTS): number {
  const parsed = Number.parseInt(value ?? "", 10);
  return Number.isFinite(parsed) ? Math.min(most, Math.max(1, parsed)) : fallback;
}

/** The parameters behind the `?` of a URL. */
export function searchParams(request: Request): URLSearchParams {
  const at = request.url.indexOf("?");
  return new URLSearchParams(at < 0 ? "" : request.url.slice(at + 1));
}

/** The idempotency key of a request, or the answer that refuses it. */
export function readKey(request: Request): { ok: true; key: string } | { ok: false; reply: Failure } {
  const key = trimmedOrNull(request.headers.get("idempotency-key"));
  if (key === null) return { ok: false, reply: fail(400, "BAD_REQUEST", "Idempotency-Key is required") };
  if (key.length > MAX_KEY_LENGTH) {
    const message = `Idempotency-Key exceeds maximum length of ${MAX_KEY_LENGTH} characters`;
    return { ok: false, reply: fail(400, "BAD_REQUEST", message) };
  }
  return { ok: true, key };
}

/** Outcome of {@linkcode readJson}. */
export type ParsedBody = { ok: true; value: unknown } | { ok: false };

/**
 * Parses a body as JSON, whatever its content type. A byte order mark is skipped and invalid UTF-8 replaced. Behind the gate a
 * body is cut at 10 MiB, so that a longer one does not parse.
 */
export async function readJson(world: World, request: Request): Promise<ParsedBody> {
  const bytes = new Uint8Array(await request.arrayBuffer());
  const seen = world.around.gate ? bytes.subarray(0, GATE_BODY_BYTES) : bytes;
  try {
    return { ok: true, value: JSON.parse(new TextDecoder().decode(seen)) };
  } catch {
    return { ok: false };
  }
}

/**
 * Reads requests: limits, search parameters, idempotency keys and bodies, as tolerantly as the service does.
 *
 * @module
 */
import { DEFAULT_EVENTS, MAX_EVENTS, MAX_KEY_LENGTH } from "../../api/contract/rules.ts";
import { trimmedOrNull } from "../service/start_request.ts";
import { Refusal } from "../service/refusal.ts";
import type { World } from "../state/world.ts";

/**
 * Largest body that the emulator reads, in bytes. The service's host has a limit of its own, which is not documented; this one is
 * far above every recorded body.
 */
export const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** A body is larger than {@linkcode MAX_BODY_BYTES}. The answer is 413. */
export class BodyTooLarge extends Error {
  override name = "BodyTooLarge";
}

// The gate passes this much of a body on and drops the rest. Source: conformance, "Origin of the results".
const GATE_BODY_BYTES = 10 * 1024 * 1024;

/**
 * Reads a `limit`: the leading whole number, clamped to 1..`max`. Never an error.
 *
 * @param value The parameter; null when it is missing.
 * @param fallback Result for a missing or unreadable parameter. @default {100}
 * @param max Largest result. @default {200}
 */
export function parseLimit(value: string | null, fallback = DEFAULT_EVENTS, max = MAX_EVENTS): number {
  const parsed = Number.parseInt(value ?? "", 10);
  return Number.isFinite(parsed) ? Math.min(max, Math.max(1, parsed)) : fallback;
}

/** The parameters behind the `?` of a URL. */
export function searchParams(request: Request): URLSearchParams {
  const at = request.url.indexOf("?");
  return new URLSearchParams(at < 0 ? "" : request.url.slice(at + 1));
}

/**
 * The idempotency key of a request.
 *
 * @throws {Refusal} 400 for a missing or too long key.
 */
export function readKey(request: Request): string {
  const key = trimmedOrNull(request.headers.get("idempotency-key"));
  if (key === null) throw new Refusal(400, "BAD_REQUEST", "Idempotency-Key is required");
  if (key.length > MAX_KEY_LENGTH) {
    const message = `Idempotency-Key exceeds maximum length of ${MAX_KEY_LENGTH} characters`;
    throw new Refusal(400, "BAD_REQUEST", message);
  }
  return key;
}

/**
 * Reads a body.
 *
 * @throws {BodyTooLarge} as soon as more than {@linkcode MAX_BODY_BYTES} are announced or received.
 */
export async function readBody(request: Request): Promise<Uint8Array> {
  const announced = request.headers.get("content-length");
  if (announced !== null) {
    if (Number(announced) > MAX_BODY_BYTES) throw new BodyTooLarge();
    return new Uint8Array(await request.arrayBuffer());
  }
  const reader = request.body?.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let next = await reader?.read(); next?.value !== undefined; next = await reader?.read()) {
    length += next.value.length;
    if (length > MAX_BODY_BYTES) {
      // Not awaited: an endless body need not notice.
      reader?.cancel().catch(() => {});
      throw new BodyTooLarge();
    }
    chunks.push(next.value);
  }
  return Buffer.concat(chunks);
}

/** Outcome of {@linkcode readJson}. */
export type ParsedBody = { ok: true; value: unknown } | { ok: false };

/**
 * Parses a body as JSON, whatever its content type. A byte order mark is skipped, and invalid UTF-8 is replaced. The gate cuts a
 * body off at 10 MiB, so that a longer one does not parse.
 */
export async function readJson(world: World, request: Request): Promise<ParsedBody> {
  const bytes = await readBody(request);
  const seen = world.around.gate ? bytes.subarray(0, GATE_BODY_BYTES) : bytes;
  try {
    return { ok: true, value: JSON.parse(new TextDecoder().decode(seen)) };
  } catch {
    return { ok: false };
  }
}

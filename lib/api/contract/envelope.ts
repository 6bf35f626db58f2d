/**
 * Reading what the service answers, by the schemas: what is in the envelope, and nothing that is nested too deeply.
 *
 * @module
 */
import * as z from "zod/mini";
import { type FailureEnvelope, failureSchema, type Lazy } from "./schemas.ts";

// Deeper than anything the service sends (its own limit for payloads is 4), and far from the end of the stack.
const MAX_DEPTH = 32;

/** Cuts off what is nested too deeply: whoever walks through it later would run out of stack, and lose a verdict. */
function limitDepth(value: unknown, depth = 1): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth > MAX_DEPTH) return "[nested too deeply]";
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record)) {
    const inner = record[key];
    if (typeof inner === "object" && inner !== null) record[key] = limitDepth(inner, depth + 1);
  }
  return value;
}

/** Outcome of {@linkcode readData}. */
export type ReadResult<T> = { ok: true; data: T } | { ok: false; problem: string };

/**
 * Reads `data` out of a success envelope.
 *
 * @param body Parsed JSON of the answer; what is nested too deeply in it is cut off.
 * @param schema Schema of `data`.
 * @returns The data, or the path and kind of the first disagreement; never the value that disagreed.
 */
export function readData<T>(body: unknown, schema: Lazy<T>): ReadResult<T> {
  const envelope = z.safeParse(z.looseObject({ ok: z.literal(true), data: schema() }), limitDepth(body));
  if (envelope.success) return { ok: true, data: envelope.data.data as T };
  const issue = envelope.error.issues[0];
  const path = issue?.path.map(String).join(".") || "(root)";
  return { ok: false, problem: `${path}: ${issue?.code ?? "invalid"}` };
}

/** What a parsed value is by a schema, cut off where it is nested too deeply; undefined when it is something else. */
export function readValue<T>(value: unknown, schema: Lazy<T>): T | undefined {
  const result = z.safeParse(schema(), limitDepth(value));
  return result.success ? result.data : undefined;
}

/** The failure envelope in a parsed body, or undefined when it is something else. */
export function readFailure(body: unknown): FailureEnvelope["error"] | undefined {
  const failure = z.safeParse(failureSchema(), body);
  return failure.success ? failure.data.error : undefined;
}

/**
 * Decodes answers of the service: checks the envelope and its data against the schemas, and cuts off deep nesting.
 *
 * @module
 */
import * as z from "zod/mini";
import { type FailureEnvelope, failureSchema, type Lazy } from "./schemas.ts";

// Deeper than anything the service sends (it limits payloads to 4 levels), and far from overflowing the stack.
const MAX_DEPTH = 32;

/** Stands in for a value that is nested too deeply. */
export const TOO_DEEP = "[nested too deeply]";

/** Cuts off values that are nested too deeply: code that walks through them would overflow the stack, and lose the verdict. */
function limitDepth(value: unknown, depth = 1): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth > MAX_DEPTH) return TOO_DEEP;
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
 * Reads `data` from a success envelope.
 *
 * @param body Parsed JSON of the answer; deep nesting in it is cut off in place.
 * @param schema Schema of `data`.
 * @returns The data, or path and kind of the first mismatch; never the mismatching value.
 */
export function readData<T>(body: unknown, schema: Lazy<T>): ReadResult<T> {
  const envelope = z.safeParse(z.looseObject({ ok: z.literal(true), data: schema() }), limitDepth(body));
  if (envelope.success) return { ok: true, data: envelope.data.data as T };
  const issue = envelope.error.issues[0];
  const path = issue?.path.map(String).join(".") || "(root)";
  return { ok: false, problem: `${path}: ${issue?.code ?? "invalid"}` };
}

/** Decodes a parsed value by a schema and cuts off deep nesting in it; undefined when it does not match. */
export function readValue<T>(value: unknown, schema: Lazy<T>): T | undefined {
  const result = z.safeParse(schema(), limitDepth(value));
  return result.success ? result.data : undefined;
}

/** The error of a failure envelope; undefined when the parsed body is not one. */
export function readFailure(body: unknown): FailureEnvelope["error"] | undefined {
  const failure = z.safeParse(failureSchema(), body);
  return failure.success ? failure.data.error : undefined;
}

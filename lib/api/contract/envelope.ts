/**
 * Decodes answers of the service: checks the envelope and its data against the schemas, and cuts off deep nesting and long texts.
 *
 * @module
 */
import * as z from "zod/mini";
import { ownCopy } from "../../text/own_copy.ts";
import { cutText } from "../../text/plain_text.ts";
import { type FailureEnvelope, failureSchema, type Schema, successSchema } from "./schemas.ts";

// Deeper than anything the service sends (it limits payloads to 4 levels), and far from overflowing the stack.
const MAX_DEPTH = 32;

/** Stands in for a value that is nested too deeply. */
export const TOO_DEEP = "[nested too deeply]";

/**
 * Most UTF-16 units of a text; the service takes half a million at most. Masking a text that is made for it takes 50 times its size.
 */
const MAX_TEXT_LENGTH = 1024 * 1024;

/**
 * Cuts off values that are nested too deeply, in place: code that walks through them would overflow the stack, and lose the verdict. Texts
 * that are too long are cut.
 */
function limitValue(value: unknown, depth = 1): unknown {
  if (typeof value === "string") {
    return value.length > MAX_TEXT_LENGTH ? ownCopy(cutText(value, MAX_TEXT_LENGTH)) : value;
  }
  if (typeof value !== "object" || value === null) return value;
  if (depth > MAX_DEPTH) return TOO_DEEP;
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record)) {
    const inner = record[key];
    const limited = limitValue(inner, depth + 1);
    if (limited !== inner) record[key] = limited;
  }
  return value;
}

/** Outcome of {@linkcode readData}. */
export type ReadResult<T> = { ok: true; data: T } | { ok: false; problem: string };

/** Reads a value. @param place Where it stands in the answer. */
function read<T>(schema: Schema<T>, value: unknown, place: readonly string[] = []): ReadResult<T> {
  const { success, data, error } = z.safeParse(schema, value);
  if (success) return { ok: true, data };
  const [issue] = error.issues;
  const path = [...place, ...issue?.path ?? []].map(String).join(".") || "(root)";
  // Only the schemas' own rules have words of ours.
  return { ok: false, problem: `${path}: ${issue?.code === "custom" ? issue.message : issue?.code}` };
}

/**
 * Reads `data` from a success envelope.
 *
 * @param body Parsed JSON of the answer; deep nesting and long texts in it are cut off in place.
 * @param schema Schema of `data`.
 * @returns The data, or path and kind of the first mismatch; never the mismatching value.
 */
export function readData<T>(body: unknown, schema: Schema<T>): ReadResult<T> {
  const envelope = read(successSchema, limitValue(body));
  return envelope.ok ? read(schema, envelope.data.data, ["data"]) : envelope;
}

/** Decodes a parsed value by a schema and cuts off deep nesting and long texts in it; undefined when it does not match. */
export function readValue<T>(value: unknown, schema: Schema<T>): T | undefined {
  return z.safeParse(schema, limitValue(value)).data;
}

/** The error of a failure envelope; undefined when the parsed body is not one. */
export function readFailure(body: unknown): FailureEnvelope["error"] | undefined {
  return z.safeParse(failureSchema, body).data?.error;
}

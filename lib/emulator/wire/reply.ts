/**
 * Answers with the service's envelopes, typed so that `hono/client` knows what a route returns.
 *
 * @module
 */
import type { TypedResponse } from "hono";
import type { FailureStatus, Success } from "../../api/contract/routes.ts";
import type { FailureEnvelope } from "../../api/contract/schemas.ts";
import { Refusal } from "../service/refusal.ts";

/** A JSON answer whose type Hono infers. */
export type Reply<T, Status extends 200 | 202 | FailureStatus> = Response & TypedResponse<T, Status, "json">;
/** A failure. */
export type Failure = Reply<FailureEnvelope, FailureStatus>;

// The service sends no charset. Source: conformance scenario "http/success-envelope".
const JSON_TYPE = "application/json";

/** A JSON answer from text that is JSON already. */
export function jsonReply(text: string, status: number, headers: Record<string, string> = {}): Response {
  return new Response(text, { status, headers: { "content-type": JSON_TYPE, ...headers } });
}

/** 200 with `data`. */
export function succeed<T>(data: T): Reply<Success<T>, 200> {
  return jsonReply(JSON.stringify({ ok: true, data }), 200) as Reply<Success<T>, 200>;
}

/** 202 with `data`. */
export function accept<T>(data: T): Reply<Success<T>, 202> {
  return jsonReply(JSON.stringify({ ok: true, data }), 202) as Reply<Success<T>, 202>;
}

/** A failure with the envelope. */
export function fail(
  status: FailureStatus,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): Failure {
  return jsonReply(JSON.stringify({ ok: false, error: { code, message } }), status, headers) as Failure;
}

/**
 * Turns what a handler threw into its answer: a {@linkcode Refusal} speaks for itself, anything else is a 500.
 *
 * @param error What was thrown.
 * @param message Text of the 500.
 */
export function refuse(error: unknown, message: string): Failure {
  if (error instanceof Refusal) return fail(error.status, error.code, error.message);
  return fail(500, "INTERNAL_ERROR", message);
}

/** An answer of the framework: a status and nothing else. */
export function bare(status: number, headers: Record<string, string> = {}): Response {
  return new Response(null, { status, headers });
}

/** The site's page for paths that do not exist. */
export function notFoundPage(): Response {
  const page = "<!DOCTYPE html><html><head><title>404: This page could not be found.</title></head>" +
    "<body><h1>404</h1><h2>This page could not be found.</h2></body></html>";
  return new Response(page, { status: 404, headers: { "content-type": "text/html; charset=utf-8" } });
}

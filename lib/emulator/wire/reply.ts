/**
 * Answers in the service's envelopes, typed so that `hono/client` knows the result of a route.
 *
 * @module
 */
import type { TypedResponse } from "hono";
import type { FailureStatus, Success } from "../../api/contract/routes.ts";
import type { FailureEnvelope } from "../../api/contract/schemas.ts";
import { BodyTooLarge } from "./request.ts";
import { Refusal } from "../service/refusal.ts";

/** A JSON answer with a type that Hono infers. */
export type Reply<T, Status extends 200 | 202 | FailureStatus> = Response & TypedResponse<T, Status, "json">;
/** A failure. */
export type Failure = Reply<FailureEnvelope, FailureStatus>;

// The service sends no charset. Source: conformance scenario "http/success-envelope".
const JSON_TYPE = "application/json";

/** A JSON answer. @param text JSON. */
export function jsonReply(text: string, status: number, headers: Record<string, string> = {}): Response {
  return new Response(text, { status, headers: { "content-type": JSON_TYPE, ...headers } });
}

/** A good answer: `data` in the envelope. */
export function respond<T, Status extends 200 | 202>(data: T, status: Status): Reply<Success<T>, Status> {
  return jsonReply(JSON.stringify({ ok: true, data }), status) as Reply<Success<T>, Status>;
}

/** A failure in the envelope. */
export function fail(
  status: FailureStatus,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): Failure {
  return jsonReply(JSON.stringify({ ok: false, error: { code, message } }), status, headers) as Failure;
}

/**
 * Answers an error that a handler threw: a {@linkcode Refusal} as it says, any other error with a 500.
 *
 * @param message Message of the 500.
 */
export function refuse(error: unknown, message: string): Failure {
  if (error instanceof Refusal) return fail(error.status, error.code, error.message);
  if (error instanceof BodyTooLarge) return bare(413) as Failure;
  return fail(500, "INTERNAL_ERROR", message);
}

/** An answer of the framework: a status without a body. */
export function bare(status: number, headers: Record<string, string> = {}): Response {
  return new Response(null, { status, headers });
}

/** The site's page for an unknown path. */
export function notFoundPage(): Response {
  const page = "<!DOCTYPE html><html><head><title>404: This page could not be found.</title></head>" +
    "<body><h1>404</h1><h2>This page could not be found.</h2></body></html>";
  return new Response(page, { status: 404, headers: { "content-type": "text/html; charset=utf-8" } });
}

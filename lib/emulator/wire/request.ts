import type { MiddlewareHandler, TypedResponse } from "hono";
import {
  API_PREFIX,
  DEFAULT_EVENTS,
  type FailureEnvelope,
  type FailureStatus,
  MAX_EVENTS,
  MAX_KEY_LENGTH,
  REQUEST_WINDOW_MS,
  type Success,
} from "../../service/contract.ts";
import type { Caller, Scope } from "../service/caller.ts";
import { Refusal } from "../service/refusal.ts";
import { trimmedOrNull } from "../service/runs.ts";
import { DatabaseError } from "../state/postgres.ts";
import type { World } from "../state/world.ts";
import { valueOr } from "../../lookup.ts";

export function parseLimit(value: string | null, fallback = DEFAULT_EVENTS, max = MAX_EVENTS): number {
  const parsed = Number.parseInt(value ?? "", 10);
  return Number.isFinite(parsed) ? Math.min(max, Math.max(1, parsed)) : fallback;
}

export function searchParams(request: Request): URLSearchParams {
  const at = request.url.indexOf("?");
  return new URLSearchParams(at < 0 ? "" : request.url.slice(at + 1));
}

export function readKey(request: Request): string {
  const key = trimmedOrNull(request.headers.get("idempotency-key"));
  if (key === null) throw new Refusal(400, "BAD_REQUEST", "Idempotency-Key is required");
  if (key.length > MAX_KEY_LENGTH) {
    const message = `Idempotency-Key exceeds maximum length of ${MAX_KEY_LENGTH} characters`;
    throw new Refusal(400, "BAD_REQUEST", message);
  }
  return key;
}

type ParsedBody = { ok: true; value: unknown } | { ok: false };

// The gate forwards this many bytes of a body and drops the rest. Source: conformance, "Origin of the results".
const GATE_BODY_BYTES = 10 * 1024 * 1024;

/** Ignores the content type, skips a byte order mark, and replaces invalid UTF-8. A JSON body that the gate truncates cannot be parsed. */
export async function readJson(world: World, request: Request): Promise<ParsedBody> {
  const bytes = await readBody(request);
  const seen = world.around.gate ? bytes.subarray(0, GATE_BODY_BYTES) : bytes;
  return valueOr(() => ({ ok: true, value: JSON.parse(new TextDecoder().decode(seen)) }), { ok: false });
}

/** The limit of the service's host is not documented. This limit is far above the size of every recorded body. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

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
      // Do not await this promise, because the sender of an endless body might never react.
      reader?.cancel().catch(() => {});
      throw new BodyTooLarge();
    }
    chunks.push(next.value);
  }
  return Buffer.concat(chunks);
}

export class BodyTooLarge extends Error {
  override name = "BodyTooLarge";
}

export type Reply<T, Status extends 200 | 202 | FailureStatus> = Response & TypedResponse<T, Status, "json">;

export function respond<T, Status extends 200 | 202>(data: T, status: Status): Reply<Success<T>, Status> {
  return jsonReply(JSON.stringify({ ok: true, data }), status) as Reply<Success<T>, Status>;
}

// The service sends no charset. Source: conformance scenario "http/success-envelope".
const JSON_TYPE = "application/json";

export function jsonReply(text: string, status: number, headers: Record<string, string> = {}): Response {
  return new Response(text, { status, headers: { "content-type": JSON_TYPE, ...headers } });
}

export type Failure = Reply<FailureEnvelope, FailureStatus>;

export function refuse(error: unknown, message: string): Failure {
  if (error instanceof Refusal) return fail(error.status, error.code, error.message);
  if (error instanceof BodyTooLarge) return bare(413) as Failure;
  return fail(500, "INTERNAL_ERROR", message);
}

export function fail(
  status: FailureStatus,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): Failure {
  return jsonReply(JSON.stringify({ ok: false, error: { code, message } }), status, headers) as Failure;
}

export function bare(status: number, headers: Record<string, string> = {}): Response {
  return new Response(null, { status, headers });
}

export function notFoundPage(): Response {
  const page = "<!DOCTYPE html><html><head><title>404: This page could not be found.</title></head>" +
    "<body><h1>404</h1><h2>This page could not be found.</h2></body></html>";
  return new Response(page, { status: 404, headers: { "content-type": "text/html; charset=utf-8" } });
}

const PULL = /^\/[\w.-]+\/[\w.-]+\/pull\/\d+$/;

const IMAGE = /\.(?:svg|png|jpg|jpeg|gif|webp)$/;
const OPEN_PATHS = ["/__control/", "/__runs/", "/.well-known/", "/login"];

export function passGate(world: World, request: Request): Response | undefined {
  const { host: addressed, path, query } = splitUrl(request.url);
  if (PULL.test(path) || OPEN_PATHS.some((prefix) => path.startsWith(prefix))) return undefined;
  const host = request.headers.get("host") ?? addressed;
  const tail = query === "" ? "" : `?${query}`;
  if (host.startsWith("www.")) return redirect(308, `${new URL(request.url).protocol}//${host.slice(4)}${path}${tail}`);
  const tidy = path.replace(/[\\/]+/g, "/");
  if (tidy !== path) return redirect(308, `${tidy}${tail}`);
  if (path.length > 1 && path.endsWith("/")) return redirect(308, `${path.slice(0, -1)}${tail}`);
  if (!world.around.gate || IMAGE.test(path) || path === `${API_PREFIX}/mcp`) return undefined;
  const bearer = /^Bearer (?=.)/.test(request.headers.get("authorization") ?? "");
  if (bearer && (path === API_PREFIX || path.startsWith(`${API_PREFIX}/`))) return undefined;
  return loginRedirect(path, query);
}

/** Returns the parts exactly as they were sent. `URL` would change them. */
export function splitUrl(url: string): { host: string; path: string; query: string } {
  const hostAt = url.indexOf("://") + 3;
  const start = url.indexOf("/", hostAt);
  const host = url.slice(hostAt, start < 0 ? undefined : start);
  const target = start < 0 ? "/" : url.slice(start);
  const at = target.indexOf("?");
  return at < 0 ? { host, path: target, query: "" } : { host, path: target.slice(0, at), query: target.slice(at + 1) };
}

// The body is sent as bytes, because a string would get a content type.
function redirect(status: 307 | 308, location: string): Response {
  return new Response(new TextEncoder().encode(location), { status, headers: { location } });
}

export function loginRedirect(path: string, query: string): Response {
  // The framework encodes the query before it becomes part of `next`, which encodes it again. Source: conformance scenario
  // "auth/post-without-token/gate-on".
  const search = query === "" ? "" : `?${new URLSearchParams(query)}`;
  const next = new URLSearchParams({ next: `${path}${search}` });
  return redirect(307, `/login?${next}`);
}

export interface LoggedRequest {
  atMs: number;
  method: string;
  target: string;
  status: number | null;
  /** Milliseconds until the headers of the answer. */
  tookMs: number;
  fault: string | undefined;
}

const MAX_TARGET = 200;

/** For example, `02:56:05  202  POST /runs  3 ms`. Contains only printable ASCII characters, because the request is untrusted. */
export function requestLine({ atMs, method, target, status, tookMs, fault }: LoggedRequest): string {
  const time = new Date(atMs).toISOString().slice(11, 19);
  const short = target.startsWith(`${API_PREFIX}/`) ? target.slice(API_PREFIX.length) : target;
  const requestText = `${method} ${short.length > MAX_TARGET ? `${short.slice(0, MAX_TARGET)}...` : short}`;
  const how = fault === undefined ? "" : `  (fault ${fault})`;
  return `${time}  ${status ?? "---"}  ${requestText.replace(/[^\x20-\x7e]/g, "?")}  ${Math.round(tookMs)} ms${how}`;
}

export function logRequests(
  { clock }: World,
  tell: (request: LoggedRequest) => void,
  faults: WeakMap<Request, string>,
): MiddlewareHandler {
  return async (c, next) => {
    const { raw } = c.req;
    const atMs = clock.wallMs();
    const { path, query } = splitUrl(raw.url);
    const target = query === "" ? path : `${path}?${query}`;
    const done = (status: number | null) =>
      tell({ atMs, method: raw.method, target, status, tookMs: clock.wallMs() - atMs, fault: faults.get(raw) });
    try {
      await next();
    } catch (error) {
      done(null);
      throw error;
    }
    done(faults.get(raw)?.startsWith("reset") ? null : c.res.status);
  };
}

// The checks are in the service's order: bearer header, token tables, request limit, scope.

type Authentication = { ok: true; caller: Caller } | { ok: false; reply: Failure };

const PAT_PREFIX = "mog_";
/** Path of the OAuth metadata that a 401 points to. Source: API reference, "What 401 and 403 look like". */
export const METADATA_PATH = "/.well-known/oauth-protected-resource/api/v1/mogplex/mcp";

export function unauthorized(request: Request): Failure {
  const url = new URL(request.url);
  return fail(401, "UNAUTHORIZED", "Unauthorized", {
    "www-authenticate": `Bearer resource_metadata="${url.protocol}//${url.host}${METADATA_PATH}"`,
  });
}

/** A request whose token lacks the scope counts toward the request limit. A request with an invalid token does not. */
export function authenticate(world: World, request: Request, scope?: Scope): Authentication {
  const header = request.headers.get("authorization");
  if (header === null || !header.startsWith("Bearer ")) return { ok: false, reply: unauthorized(request) };
  const token = header.slice("Bearer ".length);
  const caller = token.startsWith(PAT_PREFIX) ? patCaller(world, token) : oauthCaller(world, token);
  if (caller === "unknown") return { ok: false, reply: unauthorized(request) };
  if (caller === "over budget") {
    const seconds = REQUEST_WINDOW_MS / 1_000;
    return {
      ok: false,
      reply: fail(429, "RATE_LIMITED", `Rate limit exceeded. Retry after ${seconds}s.`, {
        "retry-after": String(seconds),
      }),
    };
  }
  if (scope !== undefined && !caller.scopes.includes(scope)) {
    const message =
      `Missing required scope: ${scope}. Issue a new token with the '${scope}' scope at /settings/api-keys.`;
    return { ok: false, reply: fail(403, "FORBIDDEN", message) };
  }
  return { ok: true, caller };
}

function patCaller(world: World, token: string): Caller | "unknown" | "over budget" {
  try {
    world.store.guard("select", "user_api_keys");
  } catch (error) {
    // A database error is treated as an invalid token. Source: API reference, "Personal access tokens".
    if (error instanceof DatabaseError) return "unknown";
    throw error;
  }
  const row = world.store.tokens.get(token);
  if (row === undefined || row.revokedAt !== null || expired(world, row.expiresAt)) return "unknown";
  if (!world.requests.admit(row.id, world.clock.nowMs())) return "over budget";
  const { userId, id, key, scopes, automationsOnly } = row;
  return { userId, keyId: id, credential: "api_key", label: key, scopes, automationsOnly };
}

function expired(world: World, expiresAt: number | null): boolean {
  return expiresAt !== null && expiresAt / 1_000 < world.clock.wallMs();
}

function oauthCaller(world: World, token: string): Caller | "unknown" {
  const row = token.trim().startsWith(PAT_PREFIX) ? undefined : world.store.oauthTokens.get(token);
  if (row === undefined || row.scopes.length === 0 || expired(world, row.expiresAt)) return "unknown";
  const { userId, clientId, key, scopes } = row;
  return { userId, keyId: clientId, credential: "oauth", label: key, scopes, automationsOnly: false };
}

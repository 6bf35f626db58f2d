/**
 * Authenticates requests: the bearer header, the token tables, the request limit and the scopes, in the service's order.
 *
 * @module
 */
import { REQUEST_WINDOW_MS } from "../../api/contract/rules.ts";
import { DatabaseError } from "../state/postgres.ts";
import type { Caller, Scope } from "../service/caller.ts";
import { fail, type Failure } from "./reply.ts";
import type { World } from "../state/world.ts";

/** A caller, or the answer that ends the request. */
export type Authentication = { ok: true; caller: Caller } | { ok: false; reply: Failure };

const PAT_PREFIX = "mog_";
/** Path of the OAuth metadata that a 401 points to. Source: API reference, "What 401 and 403 look like". */
export const METADATA_PATH = "/.well-known/oauth-protected-resource/api/v1/mogplex/mcp";

/** The 401. @param request Its host is part of the `WWW-Authenticate` header. */
export function unauthorized(request: Request): Failure {
  const url = new URL(request.url);
  return fail(401, "UNAUTHORIZED", "Unauthorized", {
    "www-authenticate": `Bearer resource_metadata="${url.protocol}//${url.host}${METADATA_PATH}"`,
  });
}

function expired(world: World, expiresAt: number | null): boolean {
  return expiresAt !== null && expiresAt / 1_000 < world.clock.wallMs();
}

function patCaller(world: World, token: string): Caller | "unknown" | "over budget" {
  try {
    world.store.guard("select", "user_api_keys");
  } catch (error) {
    // A database error looks like a bad token. Source: API reference, "Personal access tokens".
    if (error instanceof DatabaseError) return "unknown";
    throw error;
  }
  const row = world.store.tokens.get(token);
  if (row === undefined || row.revokedAt !== null || expired(world, row.expiresAt)) return "unknown";
  if (!world.requests.admit(row.id, world.clock.nowMs())) return "over budget";
  const { userId, id, key, scopes, automationsOnly } = row;
  return { userId, keyId: id, credential: "api_key", label: key, scopes, automationsOnly };
}

function oauthCaller(world: World, token: string): Caller | "unknown" {
  const row = token.trim().startsWith(PAT_PREFIX) ? undefined : world.store.oauthTokens.get(token);
  if (row === undefined || row.scopes.length === 0 || expired(world, row.expiresAt)) return "unknown";
  const { userId, clientId, key, scopes } = row;
  return { userId, keyId: clientId, credential: "oauth", label: key, scopes, automationsOnly: false };
}

/**
 * Authenticates a request and checks its scope.
 *
 * A request without the scope counts against the request limit; a request with a bad token does not.
 *
 * @param scope Scope that the token needs. @default {undefined} (any)
 */
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

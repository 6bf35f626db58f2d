/**
 * Pages outside the API that need no token: the OAuth metadata and the emulator's pull requests.
 *
 * @module
 */
import type { Hono } from "hono";
import { API_PREFIX } from "../../api/contract/rules.ts";
import { isLoopback } from "../../loopback.ts";
import { METADATA_PATH } from "./auth.ts";
import { bare, fail, jsonReply, notFoundPage } from "./reply.ts";
import { pullPage } from "../service/pulls.ts";
import type { World } from "../state/world.ts";

/** Host and port that a request was sent to, by its `Host` header. */
export function hostOf(request: Request): string {
  return request.headers.get("host") ?? new URL(request.url).host;
}

/** The document that a 401 points to. Source: RFC 9728, "Protected Resource Metadata". */
function metadataOf(request: Request): string {
  const { protocol, host } = new URL(request.url);
  const origin = `${protocol}//${host}`;
  return JSON.stringify({
    resource: `${origin}${API_PREFIX}/mcp`,
    authorization_servers: [origin],
    scopes_supported: ["read", "write"],
    bearer_methods_supported: ["header"],
  });
}

/**
 * Adds the public pages.
 *
 * An emulator on loopback shows pull requests under loopback names only. Otherwise a page in a browser on this machine could read
 * them through a host name of its own that resolves to loopback.
 */
export function addPublicRoutes(app: Hono, world: World): void {
  app.get(METADATA_PATH, (c) => jsonReply(metadataOf(c.req.raw), 200));
  app.options(METADATA_PATH, () => bare(204, { allow: "GET, HEAD, OPTIONS" }));
  app.all(METADATA_PATH, () => bare(405));
  app.get("/__pulls/:owner/:name/:number", (c) => {
    if (isLoopback(new URL(world.origin).host) && !isLoopback(hostOf(c.req.raw))) {
      return fail(403, "FORBIDDEN", "Pull requests are shown over loopback");
    }
    const page = pullPage(world, `${c.req.param("owner")}/${c.req.param("name")}`, c.req.param("number"));
    return page === undefined ? notFoundPage() : c.html(page);
  });
}

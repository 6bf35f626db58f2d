/**
 * Pages outside the API that need no token: the OAuth metadata, and what the emulator shows of its runs and pull requests.
 *
 * @module
 */
import type { Context, Hono } from "hono";
import { API_PREFIX } from "../../api/contract/rules.ts";
import { isLoopback } from "../../loopback.ts";
import { METADATA_PATH } from "./auth.ts";
import { bare, fail, jsonReply, notFoundPage } from "./reply.ts";
import { homePage, pageHeaders, pullPage, runPage } from "../pages/pages.ts";
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
 * Shows a page.
 *
 * An emulator on loopback does so under loopback names only. Otherwise a page in a browser on this machine could read it through a host
 * name of its own that resolves to loopback.
 *
 * @param render Undefined if there is no such page.
 */
function show(world: World, c: Context, render: () => string | undefined): Response {
  if (isLoopback(new URL(world.origin).host) && !isLoopback(hostOf(c.req.raw))) {
    return fail(403, "FORBIDDEN", "Pages are shown over loopback");
  }
  world.driver.catchUp();
  const text = render();
  return text === undefined ? notFoundPage() : new Response(text, { headers: pageHeaders() });
}

/** Adds the public pages. */
export function addPublicRoutes(app: Hono, world: World): void {
  app.get(METADATA_PATH, (c) => jsonReply(metadataOf(c.req.raw), 200));
  app.options(METADATA_PATH, () => bare(204, { allow: "GET, HEAD, OPTIONS" }));
  app.all(METADATA_PATH, () => bare(405));
  app.get("/", (c) => show(world, c, () => homePage(world)));
  app.get("/__runs/:id", (c) => show(world, c, () => runPage(world, c.req.param("id"))));
  app.get("/:owner/:name/pull/:number", (c) => {
    const { owner, name, number } = c.req.param();
    return show(world, c, () => pullPage(world, `${owner}/${name}`, number));
  });
}

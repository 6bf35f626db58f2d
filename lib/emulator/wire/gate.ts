/**
 * The layers in front of the handlers: the host name, the framework's clean-up of paths, and the session gate.
 *
 * @module
 */
import { API_PREFIX } from "../../api/contract/rules.ts";
import type { World } from "../state/world.ts";

const IMAGE = /\.(?:svg|png|jpg|jpeg|gif|webp)$/;
const OPEN_PATHS = ["/__control/", "/__runs/", "/.well-known/", "/login"];

/** Page of a pull request. */
const PULL = /^\/[\w.-]+\/[\w.-]+\/pull\/\d+$/;

/** Path and query of a URL, exactly as they were sent. */
export function splitUrl(url: string): { path: string; query: string } {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const target = start < 0 ? "/" : url.slice(start);
  const at = target.indexOf("?");
  return at < 0 ? { path: target, query: "" } : { path: target.slice(0, at), query: target.slice(at + 1) };
}

// The body is bytes, since a string would get a content type.
function redirect(status: 307 | 308, location: string): Response {
  return new Response(new TextEncoder().encode(location), { status, headers: { location } });
}

/** The redirect to the login page: the answer to a request without a bearer token. */
export function loginRedirect(path: string, query: string): Response {
  // The framework encodes the query anew before it quotes it. Source: conformance scenario "auth/post-without-token/gate-on".
  const search = query === "" ? "" : `?${new URLSearchParams(query)}`;
  const next = new URLSearchParams({ next: `${path}${search}` });
  return redirect(307, `/login?${next}`);
}

/**
 * Answers a request that does not reach a handler.
 *
 * @returns Undefined for a request that does.
 */
export function passGate(world: World, request: Request): Response | undefined {
  const { path, query } = splitUrl(request.url);
  if (PULL.test(path) || OPEN_PATHS.some((prefix) => path.startsWith(prefix))) return undefined;
  const host = request.headers.get("host") ?? new URL(request.url).host;
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

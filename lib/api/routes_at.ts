/**
 * Requests by the types of the routes: hono's client, as far as our routes need it, in a few lines.
 *
 * @module
 */
import type { hc } from "hono/client";
import type { Api } from "./contract/routes.ts";

/** The routes of the service, by their types. */
export type ApiRoutes = ReturnType<typeof hc<Api>>["api"]["v1"]["mogplex"];

/** The parts of an input: those of the routes in `contract/routes.ts`. */
interface Input {
  param?: Record<string, string>;
  query?: Record<string, string | undefined>;
  header?: Record<string, string>;
  json?: unknown;
}

/** Sends the request of one route. @param path Below the origin, with `:name` for each parameter. */
function request(path: string, method: string, input: Input, how: { fetch: typeof globalThis.fetch }): unknown {
  const { param = {}, query = {}, header, json } = input;
  const filled = path.replace(/\/:(\w+)/g, (_, name: string) => `/${encodeURIComponent(param[name] ?? "")}`);
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const search = new URLSearchParams(given).toString();
  const body = json === undefined ? undefined : JSON.stringify(json);
  const headers = new Headers(header);
  if (body !== undefined) headers.set("content-type", "application/json");
  return how.fetch(`${filled}${search === "" ? "" : `?${search}`}`, { method, headers, body });
}

/** Each property is a segment of the path; a method such as `$get` sends. */
function routesBelow(path: string): unknown {
  return new Proxy({}, {
    get: (_, name) =>
      typeof name === "string" && name.startsWith("$")
        ? (input: Input, how: { fetch: typeof globalThis.fetch }) =>
          request(path, name.slice(1).toUpperCase(), input, how)
        : routesBelow(`${path}/${String(name)}`),
  });
}

/** The routes of the service at an origin. A call sends one request with the `fetch` of its second argument, and returns its answer. */
export function routesAt(origin: string): ApiRoutes {
  return routesBelow(`${origin}/api/v1/mogplex`) as ApiRoutes;
}

/**
 * The routes of the service, by `hono/client`. Nothing else calls it.
 *
 * @module
 */
import { hc } from "hono/client";
import type { Api } from "./contract/routes.ts";

/** The routes of the service, by their types. */
export type ApiRoutes = ReturnType<typeof hc<Api>>["api"]["v1"]["mogplex"];

/** Second argument of each call: our `fetch`. */
export type How = NonNullable<Parameters<typeof hc>[1]>;

/** The routes of the service at an origin. A call sends one request with the `fetch` of its second argument, and returns its answer. */
export function routesAt(origin: string): ApiRoutes {
  return hc<Api>(origin).api.v1.mogplex;
}

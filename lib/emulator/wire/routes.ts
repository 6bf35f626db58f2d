/**
 * The public routes as a Hono application. Its inferred type is compared with the contract below, so that a route does not
 * compile if client and emulator disagree on it.
 *
 * @module
 */
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { API_PREFIX, type Uuid } from "../../api/contract/rules.ts";
import type { KeyHeader, ResumeHeader, Routes } from "../../api/contract/routes.ts";
import type { StartRequest } from "../../model.ts";
import {
  getAutomation,
  getAutomationRun,
  getAutomationRuns,
  getAutomations,
  postAutomationRunCancel,
  postPrReviewRerun,
  postTrigger,
} from "./automation_routes.ts";
import { getEventStream } from "./event_stream.ts";
import { getAgents, getMcpServers, getModels, getRepos, getSandboxes, getSandboxLogs } from "./listing_routes.ts";
import { postAutomation, postMcp, postSandbox, readOutside, writeOutside } from "./outside_routes.ts";
import { splitUrl } from "./gate.ts";
import { bare, notFoundPage } from "./reply.ts";
import { getEvents, getRun, postCancel, postRun } from "./run_routes.ts";
import type { Revision } from "../state/revision.ts";
import type { World } from "../state/world.ts";

/**
 * Declares the input of a route, for `hono/client`. It checks nothing: the handlers do, since the order of their checks is part
 * of the contract.
 */
function takes<Input extends object>(): MiddlewareHandler<object, string, { in: Input; out: Input }> {
  return (_, next) => next();
}

interface Listing {
  query: { limit?: string };
}
interface OfRun {
  param: { runId: Uuid };
}
interface OfAutomation {
  param: { automationId: Uuid };
}
interface OfAutomationRun {
  param: { automationId: Uuid; runId: Uuid };
}

function apiRoutes(world: World) {
  return new Hono().basePath(API_PREFIX)
    .get("/repos", takes<{ query: { q?: string; id?: string; limit?: string } }>(), (c) => getRepos(world, c))
    .get(
      "/sandboxes",
      takes<{ query: { repo_id?: string; status?: string; limit?: string } }>(),
      (c) => getSandboxes(world, c),
    )
    .post("/sandboxes", (c) => postSandbox(world, c))
    .get("/sandboxes/:sandboxId/logs", (c) => getSandboxLogs(world, c))
    .post("/runs", takes<{ header: KeyHeader; json: StartRequest }>(), (c) => postRun(world, c))
    .get("/runs/:runId", takes<OfRun>(), (c) => getRun(world, c))
    .get("/runs/:runId/events", takes<OfRun & Listing>(), (c) => getEvents(world, c))
    .get(
      "/runs/:runId/events/stream",
      takes<OfRun & Listing & { header: ResumeHeader }>(),
      (c) => getEventStream(world, c),
    )
    .post("/runs/:runId/cancel", takes<OfRun>(), (c) => postCancel(world, c))
    .get("/agents", (c) => getAgents(world, c))
    .get("/models", (c) => getModels(world, c))
    .get("/automations", takes<{ query: { limit?: string; cursor?: string } }>(), (c) => getAutomations(world, c))
    .post("/automations", (c) => postAutomation(world, c))
    .get("/automations/:automationId", takes<OfAutomation>(), (c) => getAutomation(world, c))
    .put("/automations/:automationId", (c) => writeOutside(world, c))
    .post("/automations/:automationId/publish", (c) => writeOutside(world, c))
    .put("/automations/:automationId/model", (c) => writeOutside(world, c))
    .post(
      "/automations/:automationId/trigger",
      takes<OfAutomation & { header: KeyHeader; json: { repoId: string; input?: Record<string, unknown> } }>(),
      (c) => postTrigger(world, c),
    )
    .get("/automations/:automationId/runs", takes<OfAutomation & Listing>(), (c) => getAutomationRuns(world, c))
    .get("/automations/:automationId/runs/:runId", takes<OfAutomationRun>(), (c) => getAutomationRun(world, c))
    .post(
      "/automations/:automationId/runs/:runId/cancel",
      takes<OfAutomationRun>(),
      (c) => postAutomationRunCancel(world, c),
    )
    .post(
      "/pr-reviews/rerun",
      takes<{ json: { repoId: string; prNumber: number } }>(),
      (c) => postPrReviewRerun(world, c),
    )
    .get("/repos/:repoId/env-vars", (c) => readOutside(world, c))
    .post("/repos/:repoId/env-vars", (c) => writeOutside(world, c))
    .delete("/repos/:repoId/env-vars", (c) => writeOutside(world, c))
    .post("/mcp", (c) => postMcp(world, c))
    .get("/mcp/servers", (c) => getMcpServers(world, c));
}

type Built = ReturnType<typeof apiRoutes> extends Hono<infer _Env, infer Schema, infer _Base> ? Schema : never;
type Same<Ours, Theirs> = [Ours] extends [Theirs] ? true : { ours: Ours; theirs: Theirs };
type Agreement = {
  [Path in keyof Routes]: {
    [Method in keyof Routes[Path]]: Path extends keyof Built
      ? Method extends keyof Built[Path] ? Same<Built[Path][Method], Routes[Path][Method]> : "method is missing"
      : "route is missing";
  };
};
type Agreed = { [Path in keyof Routes]: { [Method in keyof Routes[Path]]: true } };
// Does not compile if the answer of a route differs from the contract.
const agreement = <T extends Agreed>(): T | undefined => undefined;
agreement<Agreement>();

const FRAMEWORK_METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"];

/** The framework's answer to a method that a route does not have. */
function otherMethods(allowed: ReadonlySet<string>) {
  const allow = [...allowed].sort().join(", ");
  return (c: Context) => {
    if (!FRAMEWORK_METHODS.includes(c.req.method)) return bare(400);
    return c.req.method === "OPTIONS" ? bare(204, { allow }) : bare(405);
  };
}

/** Whether the framework's router can decode every parameter of a path. */
function isDecodable(pattern: string, path: string): boolean {
  const segments = path.split("/");
  return pattern.split("/").every((name, index) => {
    if (!name.startsWith(":")) return true;
    try {
      return decodeURIComponent(segments[index] ?? "") !== undefined;
    } catch {
      return false;
    }
  });
}

/** The framework's last answer: its router failed, and so did the page for that. Source: Next.js, `RenderResult.fromStatic`. */
function undecodable(): Response {
  return new Response("Internal Server Error", { status: 500, headers: { "content-type": "text/plain" } });
}

/** Routes of later revisions, each with its switch. */
const LATER_ROUTES: readonly (readonly [string, keyof Revision])[] = [
  ["/runs/:runId/events/stream", "stream"],
  ["/automations/:automationId/runs/:runId/cancel", "automationRunCancel"],
  ["/pr-reviews/rerun", "prReviews"],
];

/**
 * Adds the API's routes, their 405s and `OPTIONS`, and the HTML 404 of every other path.
 *
 * @param app Application that they are added to.
 */
export function addRoutes(app: Hono, world: World): void {
  for (const [path, name] of LATER_ROUTES) {
    app.use(`${API_PREFIX}${path}`, async (_, next) => world.revision[name] ? await next() : notFoundPage());
  }
  const api = apiRoutes(world);
  for (const path of new Set(api.routes.map((route) => route.path))) {
    if (path.includes(":")) {
      app.use(path, async (c, next) => isDecodable(path, splitUrl(c.req.url).path) ? await next() : undecodable());
    }
  }
  const methods = new Map<string, Set<string>>();
  for (const { path, method } of api.routes) {
    const known = methods.get(path) ?? new Set(["OPTIONS"]);
    if (method !== "ALL") known.add(method);
    if (method === "GET") known.add("HEAD");
    methods.set(path, known);
  }
  app.route("/", api);
  for (const [path, allowed] of methods) app.all(path, otherMethods(allowed));
  app.notFound(() => notFoundPage());
}

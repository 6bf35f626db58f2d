/**
 * The public routes as a Hono application. Its inferred type is compared with the contract below: a route on which client and
 * emulator disagree does not compile.
 *
 * @module
 */
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { API_PREFIX } from "../../api/contract/rules.ts";
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
import {
  getAgents,
  getMcpServers,
  getModels,
  getRepos,
  getSandboxes,
  getSandboxLogs,
  outsideRoute,
  postAutomation,
  postMcp,
  postSandbox,
} from "./listing_routes.ts";
import { bare, notFoundPage } from "./reply.ts";
import { getEventStream } from "./event_stream.ts";
import { getEvents, getRun, postCancel, postRun } from "./run_routes.ts";
import type { World } from "../state/world.ts";

/**
 * Says what a route takes, for `hono/client`. It looks at nothing: the handlers read requests themselves, since what they
 * check, and in which order, is part of the contract.
 */
function takes<Input extends object>(): MiddlewareHandler<object, string, { in: Input; out: Input }> {
  return (_, next) => next();
}

interface Listing {
  query: { limit?: string };
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
    .get("/runs/:runId", (c) => getRun(world, c))
    .get("/runs/:runId/events", takes<Listing>(), (c) => getEvents(world, c))
    .get(
      "/runs/:runId/events/stream",
      takes<{ query: { limit?: string }; header: ResumeHeader }>(),
      (c) => getEventStream(world, c),
    )
    .post("/runs/:runId/cancel", (c) => postCancel(world, c))
    .get("/agents", (c) => getAgents(world, c))
    .get("/models", (c) => getModels(world, c))
    .get("/automations", takes<{ query: { limit?: string; cursor?: string } }>(), (c) => getAutomations(world, c))
    .post("/automations", (c) => postAutomation(world, c))
    .get("/automations/:automationId", (c) => getAutomation(world, c))
    .put("/automations/:automationId", (c) => outsideRoute(world, c, "write"))
    .post("/automations/:automationId/publish", (c) => outsideRoute(world, c, "write"))
    .put("/automations/:automationId/model", (c) => outsideRoute(world, c, "write"))
    .post(
      "/automations/:automationId/trigger",
      takes<{ header: KeyHeader; json: { repoId: string; input?: Record<string, unknown> } }>(),
      (c) => postTrigger(world, c),
    )
    .get("/automations/:automationId/runs", takes<Listing>(), (c) => getAutomationRuns(world, c))
    .get("/automations/:automationId/runs/:runId", (c) => getAutomationRun(world, c))
    .post("/automations/:automationId/runs/:runId/cancel", (c) => postAutomationRunCancel(world, c))
    .post(
      "/pr-reviews/rerun",
      takes<{ json: { repoId: string; prNumber: number } }>(),
      (c) => postPrReviewRerun(world, c),
    )
    .get("/repos/:repoId/env-vars", (c) => outsideRoute(world, c, "read"))
    .post("/repos/:repoId/env-vars", (c) => outsideRoute(world, c, "write"))
    .delete("/repos/:repoId/env-vars", (c) => outsideRoute(world, c, "write"))
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
// Does not compile when a route answers something else than the contract says.
const agreement = <T extends Agreed>(): T | undefined => undefined;
agreement<Agreement>();

const METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"];

/** What the framework answers on a path that exists, for methods that its route does not have. */
function otherMethods(allowed: ReadonlySet<string>) {
  const allow = [...allowed].sort().join(", ");
  return (c: Context) => {
    if (!METHODS.includes(c.req.method)) return bare(400);
    return c.req.method === "OPTIONS" ? bare(204, { allow }) : bare(405);
  };
}

/**
 * Adds the API's routes, their 405s and `OPTIONS`, and the HTML 404.
 *
 * @param app Application that they are added to.
 * @param world State of the emulator.
 */
export function addRoutes(app: Hono, world: World): void {
  const api = apiRoutes(world);
  const methods = new Map<string, Set<string>>();
  for (const { path, method } of api.routes) {
    const known = methods.get(path) ?? new Set(["OPTIONS"]);
    if (method !== "ALL") known.add(method);
    if (method === "GET") known.add("HEAD");
    methods.set(path, known);
  }
  const absent = (path: string) =>
    (!world.revision.stream && path.endsWith("/events/stream")) ||
    (!world.revision.prReviews && path.endsWith("/pr-reviews/rerun")) ||
    (!world.revision.automationRunCancel && path.endsWith("/runs/:runId/cancel") && path.includes("automations"));
  app.route("/", api);
  for (const [path, allowed] of methods) {
    app.all(path, absent(path) ? () => notFoundPage() : otherMethods(allowed));
  }
  app.notFound(() => notFoundPage());
}

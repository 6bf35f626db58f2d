import { type Context, Hono, type MiddlewareHandler } from "hono";
import { messageOf } from "../../error_sentence.ts";
import { isLoopback } from "../../loopback.ts";
import type { AutomationDetail, RunEvents, StartRequest, StartResult, TriggerResult } from "../../model.ts";
import {
  API_PREFIX,
  isUuid,
  type KeyHeader,
  type ResumeHeader,
  type Routes,
  type Success,
  type Uuid,
} from "../../service/contract.ts";
import { homePage, pageHeaders, pullPage, runPage } from "./pages.ts";
import {
  automationRunDetail,
  cancelAutomationRun,
  findAutomation,
  listAutomationRuns,
  listAutomations,
  parseCursor,
  presentAutomation,
  triggerAutomation,
} from "../service/automations.ts";
import type { Caller } from "../service/caller.ts";
import type { ControlArguments, ControlResult } from "../service/control.ts";
import { listAgents, listModels, listRepos, listSandboxes, sandboxLogs } from "../service/listings.ts";
import { Refusal } from "../service/refusal.ts";
import {
  type Body,
  cancelRun,
  eventsBody,
  findRun,
  presentRun,
  repairRun,
  startRun,
  trimmedOrNull,
} from "../service/runs.ts";
import { DatabaseError, parseUuid } from "../state/postgres.ts";
import type { Revision, RunRow } from "../state/store.ts";
import { queueWork, type World } from "../state/world.ts";
import { getEventStream } from "./event_stream.ts";
import {
  bare,
  BodyTooLarge,
  fail,
  type Failure,
  jsonReply,
  METADATA_PATH,
  notFoundPage,
  parseLimit,
  readBody,
  readJson,
  readKey,
  type Reply,
  splitUrl,
} from "./request.ts";
import { type Call, route } from "./route.ts";
import { valueOr } from "../../lookup.ts";

const bad = (message: string) => new Refusal(400, "BAD_REQUEST", message);

const getAutomations = route(
  { scope: "read", failed: "Failed to list automations" },
  ({ world, caller, query }) => {
    const cursor = parseCursor(query.get("cursor"));
    if (cursor === undefined) throw bad("Invalid cursor");
    return listAutomations(world, caller.userId, parseLimit(query.get("limit"), 50, 100), cursor);
  },
);

const getAutomation = route(
  { scope: "read", failed: "Failed to load automation" },
  ({ world, caller, param }) => {
    const automation = presentAutomation(findAutomation(world, caller.userId, param("automationId")));
    // Unlike an entry of the list, this answer has no `publishedVersionId`. A client takes the id from `publishedVersion`.
    return { automation: automation as unknown as AutomationDetail };
  },
);

const postTrigger = route<{ run: TriggerResult }, 202>(
  { scope: "write", failed: "Failed to trigger automation", status: 202 },
  async ({ world, caller, request, param }) => {
    const key = readKey(request);
    const parsed = await readJson(world, request);
    const body = (parsed.ok && parsed.value ? parsed.value : {}) as { repoId?: unknown; input?: unknown };
    const repoId = trimmedOrNull(body.repoId);
    if (repoId === null) throw bad("repoId is required");
    const { input = {} } = body;
    if (input === null || typeof input !== "object" || Array.isArray(input)) throw bad("input must be an object");
    const trigger = { automationId: param("automationId"), repoId, key, input: { ...input } };
    return { run: triggerAutomation(world, caller, trigger) };
  },
);

const getAutomationRuns = route(
  { scope: "read", failed: "Failed to list automation runs" },
  ({ world, caller, query, param }) => ({
    runs: listAutomationRuns(world, caller.userId, param("automationId"), parseLimit(query.get("limit"), 20, 50)),
  }),
);

const getAutomationRun = route(
  { scope: "read", failed: "Failed to load automation run logs" },
  ({ world, caller, param }) => ({
    run: automationRunDetail(world, caller.userId, param("automationId"), param("runId")),
  }),
);

const postAutomationRunCancel = route(
  { scope: "write", failed: "Failed to cancel automation run" },
  ({ world, caller, param }) => {
    const [automationId, runId] = [param("automationId"), param("runId")];
    if (!isUuid(automationId) || !isUuid(runId)) throw bad("automationId and runId must be UUIDs");
    const run = cancelAutomationRun(world, caller.userId, automationId, runId);
    return { runId: run.id, status: run.status };
  },
);

const postPrReviewRerun = route(
  { scope: "write", failed: "Failed to rerun pull request review" },
  async ({ world, caller, request }) => {
    const parsed = await readJson(world, request);
    if (!parsed.ok || parsed.value === null || typeof parsed.value !== "object") throw bad("Invalid JSON body");
    const body = parsed.value as { repoId?: unknown; prNumber?: unknown };
    const repoId = trimmedOrNull(body.repoId);
    if (repoId === null) throw bad("repoId must be a non-empty string");
    const { prNumber } = body;
    if (typeof prNumber !== "number" || !Number.isInteger(prNumber) || prNumber < 1) {
      throw bad("prNumber must be a positive integer");
    }
    const repo = world.store.repos.get(repoId.toLowerCase());
    if (repo === undefined || repo.userId !== caller.userId) {
      throw new Refusal(404, "NOT_FOUND", "Repository not found");
    }
    const runtimeRunId = queueWork(world.around);
    return {
      queued: true,
      jobRunId: crypto.randomUUID(),
      prNumber,
      repoId: repo.id,
      started: true,
      deferred: false,
      reason: null,
      status: "running",
      runtimeProvider: "trigger",
      runtimeRunId,
      workflowRunId: null,
      versionFallbackUsed: false,
    };
  },
);

const getRepos = route({ failed: "Failed to list repos" }, ({ world, caller, query }) => ({
  repos: listRepos(world, caller.userId, {
    query: trimmedOrNull(query.get("q")),
    id: trimmedOrNull(query.get("id")),
    limit: parseLimit(query.get("limit")),
  }),
}));

const getSandboxes = route({ failed: "Failed to list sandboxes" }, ({ world, caller, query }) => ({
  sandboxes: listSandboxes(world, caller.userId, {
    repoId: trimmedOrNull(query.get("repo_id")),
    status: trimmedOrNull(query.get("status")),
    limit: parseLimit(query.get("limit")),
  }),
}));

const getSandboxLogs = route(
  { scope: "read", failed: "Failed to load sandbox logs" },
  ({ world, caller, param }) => {
    const logs = sandboxLogs(world, caller.userId, param("sandboxId"));
    if (logs === undefined) throw new Refusal(404, "NOT_FOUND", "Sandbox not found");
    return logs;
  },
);

const getAgents = route({ scope: "read", failed: "Failed to list agents" }, ({ world, caller }) => ({
  agents: listAgents(world, caller.userId),
}));

const getModels = route({ scope: "read", failed: "Failed to list models" }, ({ world, caller }) => ({
  models: listModels(world, caller.userId),
}));

const getMcpServers = route({ scope: "read", failed: "Failed to list MCP servers" }, () => ({
  servers: [] as unknown[],
}));

// The order of the checks in the handlers of `/runs` is part of the contract.

const LIMITER_UNAVAILABLE = "External Mogplex run rate limit unavailable";

/**
 * The limiter passes the id of the repository to the database before the id is checked. Therefore, the answer to a malformed or unknown id is 503, as
 * for a failure of the limiter. Source: API reference, "Run-start limits".
 */
function claimStart(world: World, caller: Caller, repoId: unknown): Failure | undefined {
  try {
    if (world.around.limiterFailures > 0) {
      world.around.limiterFailures--;
      throw new DatabaseError("injected failure of the limiter");
    }
    if (typeof repoId === "string" && !world.store.repos.has(parseUuid(repoId.trim()))) {
      throw new DatabaseError("insert violates foreign key constraint");
    }
  } catch {
    return fail(503, "SERVICE_UNAVAILABLE", LIMITER_UNAVAILABLE, { "retry-after": "60" });
  }
  const key = world.startLimitScope === "user" ? caller.userId : `${caller.userId} ${caller.keyId}`;
  const decision = world.starts.claim(key, world.clock.nowMs());
  if (decision.allowed) return undefined;
  return fail(429, "RATE_LIMITED", decision.message, { "retry-after": String(decision.retryAfterSeconds) });
}

function refuseRestricted({ world, caller }: Call): void {
  if (!world.revision.automationsOnly || !caller.automationsOnly) return;
  const message =
    "This API key can only trigger automations. Use POST /api/v1/mogplex/automations/{automationId}/trigger.";
  throw new Refusal(403, "AUTOMATION_REQUIRED", message);
}

function requestedRun({ world, caller, param }: Call): RunRow {
  const run = findRun(world, caller.userId, param("runId"));
  if (run === undefined) throw new Refusal(404, "NOT_FOUND", "Run not found");
  return run;
}

const postRun = route<StartResult, 202>(
  { scope: "write", failed: "Failed to start run", status: 202 },
  async (call) => {
    const { world, caller, request } = call;
    refuseRestricted(call);
    const key = readKey(request);
    const parsed = await readJson(world, request);
    if (!parsed.ok) throw new Refusal(400, "BAD_REQUEST", "Invalid JSON body");
    // A body of `null` crashes the service's handler outside its error handling.
    if (parsed.value === null) return bare(500) as Failure;
    const body = (typeof parsed.value === "object" ? parsed.value : {}) as Body;
    return claimStart(world, caller, body.repoId) ?? startRun(world, caller, key, body);
  },
);

const getRun = route({ failed: "Failed to load run" }, (call) => {
  const run = requestedRun(call);
  repairRun(call.world, run);
  return { run: presentRun(call.world, run) };
});

const getEvents = route<RunEvents>({ failed: "Failed to list events" }, (call) => {
  const run = requestedRun(call);
  const text = eventsBody(call.world, run, parseLimit(call.query.get("limit")));
  return jsonReply(text, 200) as Reply<Success<RunEvents>, 200>;
});

const postCancel = route({ scope: "write", failed: "Failed to cancel run" }, ({ world, caller, param }) => {
  const result = cancelRun(world, caller.userId, param("runId"));
  if (result === undefined) throw new Refusal(404, "NOT_FOUND", "Run not found");
  return result;
});

// A CI client does not need the following routes. They check requests as the service does, but do nothing.

const FAILED = "Internal server error";

function outside(): Failure {
  return fail(501, "SERVICE_UNAVAILABLE", "The emulator does not implement this route");
}

const readOutside = route<never>({ scope: "read", failed: FAILED }, outside);

const writeOutside = route<never>({ scope: "write", failed: FAILED }, outside);

const postMcp = route({ failed: FAILED }, () => {
  const error = { code: -32601, message: "Method not found: the emulator has no MCP tools" };
  return jsonReply(JSON.stringify({ jsonrpc: "2.0", id: null, error }), 200) as Reply<Success<never>, 200>;
});

const postSandbox = route<never>({ scope: "write", failed: FAILED }, async (call) => {
  refuseRestricted(call);
  const parsed = await readJson(call.world, call.request);
  const body = parsed.ok && parsed.value !== null && typeof parsed.value === "object" ? parsed.value : {};
  const repoId = trimmedOrNull("repoId" in body ? body.repoId : null);
  if (repoId === null) throw new Refusal(400, "BAD_REQUEST", "repoId is required");
  return outside();
});

const postAutomation = route<never>({ scope: "write", failed: FAILED }, async ({ world, request }) => {
  const parsed = await readJson(world, request);
  if (!parsed.ok || !parsed.value) throw new Refusal(400, "BAD_REQUEST", "Invalid JSON body");
  const { installationId } = parsed.value as { installationId?: unknown };
  if (typeof installationId !== "number" || !Number.isSafeInteger(installationId) || installationId <= 0) {
    throw new Refusal(400, "BAD_REQUEST", "installationId must be a positive integer");
  }
  return outside();
});

/**
 * Declares the input of a route for `hono/client`. Nothing is checked here, because the order of the checks in the handlers is part of the contract.
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
// This assignment does not compile if the answer of a route differs from the contract.
const agreement = <T extends Agreed>(): T | undefined => undefined;
agreement<Agreement>();

const FRAMEWORK_METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"];

/** The framework's answer to a method that the route does not support. */
function otherMethods(allowed: ReadonlySet<string>) {
  const allow = [...allowed].sort().join(", ");
  return (c: Context) => {
    if (!FRAMEWORK_METHODS.includes(c.req.method)) return bare(400);
    return c.req.method === "OPTIONS" ? bare(204, { allow }) : bare(405);
  };
}

function isDecodable(pattern: string, path: string): boolean {
  const segments = path.split("/");
  return pattern.split("/").every((name, index) => {
    if (!name.startsWith(":")) return true;
    return valueOr(() => decodeURIComponent(segments[index] ?? "") !== undefined, false);
  });
}

/** The framework's answer if both its router and its error page fail. Source: Next.js, `RenderResult.fromStatic`. */
function undecodable(): Response {
  return new Response("Internal Server Error", { status: 500, headers: { "content-type": "text/plain" } });
}

const LATER_ROUTES: readonly (readonly [string, keyof Revision])[] = [
  ["/runs/:runId/events/stream", "stream"],
  ["/automations/:automationId/runs/:runId/cancel", "automationRunCancel"],
  ["/pr-reviews/rerun", "prReviews"],
];

export function addRoutes(app: Hono, world: World): string[] {
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
    const pathMethods = methods.get(path) ?? new Set(["OPTIONS"]);
    if (method !== "ALL") pathMethods.add(method);
    if (method === "GET") pathMethods.add("HEAD");
    methods.set(path, pathMethods);
  }
  app.route("/", api);
  for (const [path, allowed] of methods) app.all(path, otherMethods(allowed));
  app.notFound(() => notFoundPage());
  return [
    ...new Set(
      api.routes.map(({ method, path }) => `${method} ${path.slice(API_PREFIX.length).replace(/:[^/]+/g, "*")}`),
    ),
  ];
}

function hostOf(request: Request): string {
  return request.headers.get("host") ?? new URL(request.url).host;
}

/** A 401 points to this document. Source: RFC 9728, "Protected Resource Metadata". */
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
 * An emulator on a loopback address shows pages only under loopback host names. Otherwise, a website that is open in a browser on this machine could
 * read the pages through a host name that resolves to loopback.
 */
function show(world: World, c: Context, render: () => string | undefined): Response {
  if (hasForeignHost(world, c.req.raw)) {
    return fail(403, "FORBIDDEN", "Pages are shown only over loopback");
  }
  world.driver.catchUp();
  const text = render();
  return text === undefined ? notFoundPage() : new Response(text, { headers: pageHeaders() });
}

export function hasForeignHost(world: World, request: Request): boolean {
  return isLoopback(new URL(world.origin).host) && !isLoopback(hostOf(request));
}

/**
 * Call this before adding routes: it protects only routes that are added later. It has an effect only if runs execute a command on the owner's
 * machine.
 */
export function refuseForeignHosts(app: Hono, world: World): void {
  app.use(async (c, next) => {
    if (world.runsCommands && hasForeignHost(world, c.req.raw)) {
      return fail(
        403,
        "FORBIDDEN",
        "Requests must come over loopback because this emulator runs a command as the agent",
      );
    }
    await next();
  });
}

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

export function addControlRoute(
  app: Hono,
  control: (action: string, args: ControlArguments) => ControlResult,
): void {
  app.post("/__control/:action", async (c) => {
    const problem = controlProblem(c.req.raw);
    if (problem !== undefined) return fail(403, "FORBIDDEN", problem);
    try {
      const body = new TextDecoder().decode(await readBody(c.req.raw));
      const answer = control(c.req.param("action"), body === "" ? {} : JSON.parse(body));
      return jsonReply(JSON.stringify({ ok: true, ...answer }), 200);
    } catch (error) {
      if (error instanceof BodyTooLarge) return bare(413);
      return jsonReply(JSON.stringify({ ok: false, error: messageOf(error) }), 400);
    }
  });
}

/**
 * A website that is open in a browser on this machine must not be able to send control requests, neither directly nor through a host name that
 * resolves to loopback.
 */
function controlProblem(request: Request): string | undefined {
  const { headers } = request;
  if (headers.has("origin") || headers.has("sec-fetch-site")) return "Control requests must not come from a browser";
  return isLoopback(hostOf(request)) ? undefined : "Control requests must come over loopback";
}

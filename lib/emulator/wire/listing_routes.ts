/**
 * Handlers of the read-only routes, and of the routes that exist outside what a CI client needs: those refuse as the service
 * does, and say plainly where the emulator ends.
 *
 * @module
 */
import type { Context } from "hono";
import type { Success } from "../../api/contract/routes.ts";
import type { Repo, Sandbox } from "../../model.ts";
import type { Scope } from "../service/caller.ts";
import { authenticate, unauthorized } from "./auth.ts";
import {
  listAgents,
  listModels,
  listRepos,
  listSandboxes,
  type PresentedAgent,
  type PresentedModel,
} from "../service/listings.ts";
import { type SandboxLogs, sandboxLogs } from "../service/listings.ts";
import { fail, type Failure, jsonReply, refuse, type Reply, succeed } from "./reply.ts";
import { trimmedOrNull } from "../service/start_request.ts";
import { parseLimit, readJson, searchParams } from "./request.ts";
import { restricted } from "./run_routes.ts";
import type { World } from "../state/world.ts";

type Found<T> = Reply<Success<T>, 200> | Failure;

/** `GET /repos`. */
export function getRepos(world: World, c: Context): Found<{ repos: Repo[] }> {
  const auth = authenticate(world, c.req.raw);
  if (!auth.ok) return auth.reply;
  const query = searchParams(c.req.raw);
  try {
    const repos = listRepos(world, auth.caller.userId, {
      query: trimmedOrNull(query.get("q")),
      id: trimmedOrNull(query.get("id")),
      limit: parseLimit(query.get("limit")),
    });
    return succeed({ repos });
  } catch (error) {
    return refuse(error, "Failed to list repos");
  }
}

/** `GET /sandboxes`. */
export function getSandboxes(world: World, c: Context): Found<{ sandboxes: Sandbox[] }> {
  const auth = authenticate(world, c.req.raw);
  if (!auth.ok) return auth.reply;
  const query = searchParams(c.req.raw);
  try {
    const sandboxes = listSandboxes(world, auth.caller.userId, {
      repoId: trimmedOrNull(query.get("repo_id")),
      status: trimmedOrNull(query.get("status")),
      limit: parseLimit(query.get("limit")),
    });
    return succeed({ sandboxes });
  } catch (error) {
    return refuse(error, "Failed to list sandboxes");
  }
}

/** `GET /sandboxes/{sandboxId}/logs`. */
export function getSandboxLogs(world: World, c: Context): Found<SandboxLogs> {
  const auth = authenticate(world, c.req.raw, "read");
  if (!auth.ok) return auth.reply;
  try {
    const logs = sandboxLogs(world, auth.caller.userId, c.req.param("sandboxId") ?? "");
    return logs === undefined ? fail(404, "NOT_FOUND", "Sandbox not found") : succeed(logs);
  } catch (error) {
    return refuse(error, "Failed to load sandbox logs");
  }
}

/** `GET /agents`. */
export function getAgents(world: World, c: Context): Found<{ agents: PresentedAgent[] }> {
  const auth = authenticate(world, c.req.raw, "read");
  if (!auth.ok) return auth.reply;
  try {
    return succeed({ agents: listAgents(world, auth.caller.userId) });
  } catch (error) {
    return refuse(error, "Failed to list agents");
  }
}

/** `GET /models`. */
export function getModels(world: World, c: Context): Found<{ models: PresentedModel[] }> {
  const auth = authenticate(world, c.req.raw, "read");
  if (!auth.ok) return auth.reply;
  try {
    return succeed({ models: listModels(world, auth.caller.userId) });
  } catch (error) {
    return refuse(error, "Failed to list models");
  }
}

/** `GET /mcp/servers`: no user of a fixture has any. */
export function getMcpServers(world: World, c: Context): Found<{ servers: unknown[] }> {
  const auth = authenticate(world, c.req.raw, "read");
  return auth.ok ? succeed({ servers: [] }) : auth.reply;
}

/** `POST /mcp`: authenticates, and offers no method. */
export function postMcp(world: World, c: Context): Response {
  const header = c.req.header("authorization");
  if (header === undefined || !header.startsWith("Bearer ")) return unauthorized(c.req.raw);
  const auth = authenticate(world, c.req.raw);
  if (!auth.ok) return auth.reply;
  const error = { code: -32601, message: "Method not found: the emulator has no MCP tools" };
  return jsonReply(JSON.stringify({ jsonrpc: "2.0", id: null, error }), 200);
}

/** `POST /sandboxes`: refuses as the service does; starting one is outside the emulator. */
export async function postSandbox(world: World, c: Context): Promise<Failure> {
  const auth = authenticate(world, c.req.raw, "write");
  if (!auth.ok) return auth.reply;
  const refused = restricted(world, auth.caller);
  if (refused !== undefined) return refused;
  const parsed = await readJson(world, c.req.raw);
  const body = parsed.ok && parsed.value !== null && typeof parsed.value === "object" ? parsed.value : {};
  const repoId = trimmedOrNull("repoId" in body ? body.repoId : null);
  if (repoId === null) return fail(400, "BAD_REQUEST", "repoId is required");
  return outside();
}

/** `POST /automations`: refuses as the service does; creating one is outside the emulator. */
export async function postAutomation(world: World, c: Context): Promise<Failure> {
  const auth = authenticate(world, c.req.raw, "write");
  if (!auth.ok) return auth.reply;
  const parsed = await readJson(world, c.req.raw);
  if (!parsed.ok || !parsed.value) return fail(400, "BAD_REQUEST", "Invalid JSON body");
  const { installationId } = parsed.value as { installationId?: unknown };
  if (typeof installationId !== "number" || !Number.isSafeInteger(installationId) || installationId <= 0) {
    return fail(400, "BAD_REQUEST", "installationId must be a positive integer");
  }
  return outside();
}

/** A route that exists in the service and needs more than the emulator has. */
export function outsideRoute(world: World, c: Context, scope: Scope): Failure {
  const auth = authenticate(world, c.req.raw, scope);
  return auth.ok ? outside() : auth.reply;
}

function outside(): Failure {
  return fail(501, "SERVICE_UNAVAILABLE", "This route is outside the emulator");
}

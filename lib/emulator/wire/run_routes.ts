/**
 * Handlers of `/runs`: the order of their checks is part of the contract.
 *
 * @module
 */
import type { Context } from "hono";
import type { FailureStatus, Success } from "../../api/contract/routes.ts";
import type { CancelResult, Run, RunEvents, StartResult } from "../../model.ts";
import type { Caller } from "../service/caller.ts";
import { authenticate } from "./auth.ts";
import { cancelRun } from "../service/cancel.ts";
import { DatabaseError, parseUuid } from "../state/postgres.ts";
import { accept, bare, fail, type Failure, jsonReply, refuse, type Reply, succeed } from "./reply.ts";
import { parseLimit, readJson, readKey, searchParams } from "./request.ts";
import { eventsBody, findRun, presentRun, startRun } from "../service/runs.ts";
import type { Body } from "../service/start_request.ts";
import type { World } from "../state/world.ts";

/** An answer with data, or a failure. */
export type Answer<T, Status extends 200 | 202 = 200> = Promise<
  Reply<Success<T>, Status> | Reply<Failing, FailureStatus>
>;
type Failing = { ok: false; error: { code: string; message: string } };

const UNAVAILABLE = "External Mogplex run rate limit unavailable";

/**
 * Takes a start slot.
 *
 * The id reaches the database before anything looks at it, so a malformed or unknown one is trouble of the limiter: 503.
 * Source: API reference, "Run-start limits".
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
    return fail(503, "SERVICE_UNAVAILABLE", UNAVAILABLE, { "retry-after": "60" });
  }
  const key = world.startLimitScope === "user" ? caller.userId : `${caller.userId} ${caller.keyId}`;
  const decision = world.starts.claim(key, world.clock.nowMs());
  if (decision.allowed) return undefined;
  return fail(429, "RATE_LIMITED", decision.message, { "retry-after": String(decision.retryAfterSeconds) });
}

/** 403 for a token that may only trigger automations, in later revisions. */
export function restricted(world: World, caller: Caller): Failure | undefined {
  if (!world.revision.automationsOnly || !caller.automationsOnly) return undefined;
  const message =
    "This API key can only trigger automations. Use POST /api/v1/mogplex/automations/{automationId}/trigger.";
  return fail(403, "AUTOMATION_REQUIRED", message);
}

/** `POST /runs`. */
export async function postRun(world: World, c: Context): Answer<StartResult, 202> {
  const auth = authenticate(world, c.req.raw, "write");
  if (!auth.ok) return auth.reply;
  const refused = restricted(world, auth.caller);
  if (refused !== undefined) return refused;
  const key = readKey(c.req.raw);
  if (!key.ok) return key.reply;
  const parsed = await readJson(world, c.req.raw);
  if (!parsed.ok) return fail(400, "BAD_REQUEST", "Invalid JSON body");
  // A body of null breaks the handler where nothing catches it.
  if (parsed.value === null) return bare(500) as Failure;
  const body = (typeof parsed.value === "object" ? parsed.value : {}) as Body;
  const limited = claimStart(world, auth.caller, body.repoId);
  if (limited !== undefined) return limited;
  try {
    return accept(await startRun(world, auth.caller, key.key, body));
  } catch (error) {
    return refuse(error, "Failed to start run");
  }
}

/** `GET /runs/{runId}`. */
export function getRun(world: World, c: Context): Reply<Success<{ run: Run }>, 200> | Failure {
  const auth = authenticate(world, c.req.raw);
  if (!auth.ok) return auth.reply;
  try {
    const row = findRun(world, auth.caller.userId, c.req.param("runId") ?? "");
    if (row === undefined) return fail(404, "NOT_FOUND", "Run not found");
    return succeed({ run: presentRun(world, row) });
  } catch (error) {
    return refuse(error, "Failed to load run");
  }
}

/** `GET /runs/{runId}/events`. */
export function getEvents(world: World, c: Context): Reply<Success<RunEvents>, 200> | Failure {
  const auth = authenticate(world, c.req.raw);
  if (!auth.ok) return auth.reply;
  try {
    const row = findRun(world, auth.caller.userId, c.req.param("runId") ?? "");
    if (row === undefined) return fail(404, "NOT_FOUND", "Run not found");
    const limit = parseLimit(searchParams(c.req.raw).get("limit"));
    return jsonReply(eventsBody(world, row, limit), 200) as Reply<Success<RunEvents>, 200>;
  } catch (error) {
    return refuse(error, "Failed to list events");
  }
}

/** `POST /runs/{runId}/cancel`. */
export function postCancel(world: World, c: Context): Reply<Success<CancelResult>, 200> | Failure {
  const auth = authenticate(world, c.req.raw, "write");
  if (!auth.ok) return auth.reply;
  try {
    const result = cancelRun(world, auth.caller.userId, c.req.param("runId") ?? "");
    return result === undefined ? fail(404, "NOT_FOUND", "Run not found") : succeed(result);
  } catch (error) {
    return refuse(error, "Failed to cancel run");
  }
}

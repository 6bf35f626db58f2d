/**
 * Handlers of `/runs`. The order of their checks is part of the contract.
 *
 * @module
 */
import type { RunEvents, StartResult } from "../../model.ts";
import { bare, fail, type Failure, jsonReply, type Reply } from "./reply.ts";
import { parseLimit, readJson, readKey } from "./request.ts";
import { type Call, route } from "./route.ts";
import type { Success } from "../../api/contract/routes.ts";
import type { Caller } from "../service/caller.ts";
import { cancelRun } from "../service/cancel.ts";
import { Refusal } from "../service/refusal.ts";
import { repairRun } from "../service/run_repair.ts";
import { eventsBody, findRun, presentRun, startRun } from "../service/runs.ts";
import type { Body } from "../service/start_request.ts";
import { DatabaseError, parseUuid } from "../state/postgres.ts";
import type { RunRow } from "../state/rows.ts";
import type { World } from "../state/world.ts";

const LIMITER_UNAVAILABLE = "External Mogplex run rate limit unavailable";

/**
 * Takes a start slot.
 *
 * The limiter hands the id to the database before anything checks it. A malformed or unknown id is therefore a failure of the
 * limiter: 503. Source: API reference, "Run-start limits".
 *
 * @returns The answer that refuses the start, if there is no slot.
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

/** @throws {Refusal} 403 for a token that may only trigger automations, in later revisions. */
export function refuseRestricted({ world, caller }: Call): void {
  if (!world.revision.automationsOnly || !caller.automationsOnly) return;
  const message =
    "This API key can only trigger automations. Use POST /api/v1/mogplex/automations/{automationId}/trigger.";
  throw new Refusal(403, "AUTOMATION_REQUIRED", message);
}

/** @throws {Refusal} 404 if the caller has no such run. */
function requestedRun({ world, caller, param }: Call): RunRow {
  const run = findRun(world, caller.userId, param("runId"));
  if (run === undefined) throw new Refusal(404, "NOT_FOUND", "Run not found");
  return run;
}

/** `POST /runs`. */
export const postRun = route<StartResult, 202>(
  { scope: "write", failed: "Failed to start run", status: 202 },
  async (call) => {
    const { world, caller, request } = call;
    refuseRestricted(call);
    const key = readKey(request);
    const parsed = await readJson(world, request);
    if (!parsed.ok) throw new Refusal(400, "BAD_REQUEST", "Invalid JSON body");
    // A body of null crashes the service's handler outside its error mapping.
    if (parsed.value === null) return bare(500) as Failure;
    const body = (typeof parsed.value === "object" ? parsed.value : {}) as Body;
    return claimStart(world, caller, body.repoId) ?? startRun(world, caller, key, body);
  },
);

/** `GET /runs/{runId}`. */
export const getRun = route({ failed: "Failed to load run" }, (call) => {
  const run = requestedRun(call);
  repairRun(call.world, run);
  return { run: presentRun(call.world, run) };
});

/** `GET /runs/{runId}/events`. */
export const getEvents = route<RunEvents>({ failed: "Failed to list events" }, (call) => {
  const run = requestedRun(call);
  const text = eventsBody(call.world, run, parseLimit(call.query.get("limit")));
  return jsonReply(text, 200) as Reply<Success<RunEvents>, 200>;
});

/** `POST /runs/{runId}/cancel`. */
export const postCancel = route({ scope: "write", failed: "Failed to cancel run" }, ({ world, caller, param }) => {
  const result = cancelRun(world, caller.userId, param("runId"));
  if (result === undefined) throw new Refusal(404, "NOT_FOUND", "Run not found");
  return result;
});

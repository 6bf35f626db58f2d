/**
 * Handlers of `/automations` and of `/pr-reviews`.
 *
 * @module
 */
import type { Context } from "hono";
import { isUuid } from "../../api/contract/rules.ts";
import type { Success } from "../../api/contract/routes.ts";
import type { Automation, AutomationDetail, AutomationRun, PrReviewRerun, TriggerResult } from "../../model.ts";
import { authenticate } from "./auth.ts";
import { findAutomation, listAutomations, parseCursor, presentAutomation } from "../service/automations.ts";
import { findJob, jobDetail, listJobs, triggerAutomation } from "../service/automation_runs.ts";
import { fail, type Failure, refuse, type Reply, succeed } from "./reply.ts";
import { accept, notFoundPage } from "./reply.ts";
import { parseLimit, readJson, readKey, searchParams } from "./request.ts";
import type { Answer } from "./run_routes.ts";
import { queueJob, type World } from "../state/world.ts";

type Found<T> = Reply<Success<T>, 200> | Failure;

const automationId = (c: Context) => c.req.param("automationId") ?? "";

/** `GET /automations`. */
export function getAutomations(
  world: World,
  c: Context,
): Found<{ automations: Automation[]; nextCursor: string | null }> {
  const auth = authenticate(world, c.req.raw, "read");
  if (!auth.ok) return auth.reply;
  const query = searchParams(c.req.raw);
  const cursor = parseCursor(query.get("cursor"));
  if (cursor === undefined) return fail(400, "BAD_REQUEST", "Invalid cursor");
  try {
    return succeed(listAutomations(world, auth.caller.userId, parseLimit(query.get("limit"), 50, 100), cursor));
  } catch (error) {
    return refuse(error, "Failed to list automations");
  }
}

/** `GET /automations/{automationId}`. */
export function getAutomation(world: World, c: Context): Found<{ automation: AutomationDetail }> {
  const auth = authenticate(world, c.req.raw, "read");
  if (!auth.ok) return auth.reply;
  try {
    const automation = presentAutomation(findAutomation(world, auth.caller.userId, automationId(c)));
    // The list's `publishedVersionId` is missing here: a client takes it out of `publishedVersion`.
    return succeed({ automation: automation as unknown as AutomationDetail });
  } catch (error) {
    return refuse(error, "Failed to load automation");
  }
}

/** `POST /automations/{automationId}/trigger`. */
export async function postTrigger(world: World, c: Context): Answer<{ run: TriggerResult }, 202> {
  const auth = authenticate(world, c.req.raw, "write");
  if (!auth.ok) return auth.reply;
  const key = readKey(c.req.raw);
  if (!key.ok) return key.reply;
  const parsed = await readJson(world, c.req.raw);
  const { repoId, input } = (parsed.ok && parsed.value ? parsed.value : {}) as { repoId?: unknown; input?: unknown };
  if (typeof repoId !== "string" || repoId.trim() === "") return fail(400, "BAD_REQUEST", "repoId is required");
  if (input !== undefined && (input === null || typeof input !== "object" || Array.isArray(input))) {
    return fail(400, "BAD_REQUEST", "input must be an object");
  }
  try {
    const fields = { ...input } as Record<string, unknown>;
    const run = triggerAutomation(world, auth.caller.userId, automationId(c), repoId.trim(), key.key, fields);
    return accept({ run });
  } catch (error) {
    return refuse(error, "Failed to trigger automation");
  }
}

/** `GET /automations/{automationId}/runs`. */
export function getAutomationRuns(world: World, c: Context): Found<{ runs: AutomationRun[] }> {
  const auth = authenticate(world, c.req.raw, "read");
  if (!auth.ok) return auth.reply;
  try {
    const limit = parseLimit(searchParams(c.req.raw).get("limit"), 20, 50);
    return succeed({ runs: listJobs(world, auth.caller.userId, automationId(c), limit) });
  } catch (error) {
    return refuse(error, "Failed to list automation runs");
  }
}

/** `GET /automations/{automationId}/runs/{runId}`. */
export function getAutomationRun(world: World, c: Context): Found<{ run: AutomationRun | null }> {
  const auth = authenticate(world, c.req.raw, "read");
  if (!auth.ok) return auth.reply;
  try {
    return succeed({ run: jobDetail(world, auth.caller.userId, automationId(c), c.req.param("runId") ?? "") });
  } catch (error) {
    return refuse(error, "Failed to load automation run logs");
  }
}

/** `POST /automations/{automationId}/runs/{runId}/cancel`, in later revisions. */
export function postAutomationRunCancel(world: World, c: Context): Found<{ status: string | null }> {
  if (!world.revision.automationRunCancel) return notFoundPage() as Failure;
  const auth = authenticate(world, c.req.raw, "write");
  if (!auth.ok) return auth.reply;
  const runId = c.req.param("runId") ?? "";
  if (!isUuid(automationId(c)) || !isUuid(runId)) {
    return fail(400, "BAD_REQUEST", "automationId and runId must be UUIDs");
  }
  try {
    const job = findJob(world, auth.caller.userId, automationId(c), runId);
    if (job.status !== "pending" && job.status !== "running") {
      return fail(409, "CONFLICT", "Automation run is not cancelable");
    }
    const now = world.clock.stamp();
    const status = "cancelled";
    Object.assign(job, { status, cancel_requested_at: now, cancelled_at: now, completed_at: now, waits: [] });
    return succeed({ runId: job.id, status });
  } catch (error) {
    return refuse(error, "Failed to cancel automation run");
  }
}

/** `POST /pr-reviews/rerun`, in later revisions. */
export async function postPrReviewRerun(world: World, c: Context): Promise<Found<PrReviewRerun>> {
  if (!world.revision.prReviews) return notFoundPage() as Failure;
  const auth = authenticate(world, c.req.raw, "write");
  if (!auth.ok) return auth.reply;
  const parsed = await readJson(world, c.req.raw);
  if (!parsed.ok || parsed.value === null || typeof parsed.value !== "object") {
    return fail(400, "BAD_REQUEST", "Invalid JSON body");
  }
  const { repoId, prNumber } = parsed.value as { repoId?: unknown; prNumber?: unknown };
  if (typeof repoId !== "string" || repoId.trim() === "") {
    return fail(400, "BAD_REQUEST", "repoId must be a non-empty string");
  }
  if (typeof prNumber !== "number" || !Number.isInteger(prNumber) || prNumber < 1) {
    return fail(400, "BAD_REQUEST", "prNumber must be a positive integer");
  }
  const repo = world.store.repos.get(repoId.trim().toLowerCase());
  if (repo === undefined || repo.userId !== auth.caller.userId) {
    return fail(404, "NOT_FOUND", "Repository not found");
  }
  try {
    const runtimeRunId = queueJob(world.around);
    const later = { runtimeProvider: "trigger", runtimeRunId, workflowRunId: null, versionFallbackUsed: false };
    return succeed({
      queued: true,
      jobRunId: crypto.randomUUID(),
      prNumber,
      repoId: repo.id,
      started: true,
      deferred: false,
      reason: null,
      status: "running",
      ...later,
    });
  } catch (error) {
    return refuse(error, "Failed to rerun pull request review");
  }
}

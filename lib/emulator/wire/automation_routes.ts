/**
 * Handlers of `/automations` and of `/pr-reviews`.
 *
 * @module
 */
import { isUuid } from "../../api/contract/rules.ts";
import type { AutomationDetail, PrReviewRerun, TriggerResult } from "../../model.ts";
import { parseLimit, readJson, readKey } from "./request.ts";
import { route } from "./route.ts";
import { automationRunDetail, cancelAutomationRun, listAutomationRuns } from "../service/automations/runs.ts";
import { triggerAutomation } from "../service/automations/triggers.ts";
import { findAutomation, listAutomations, parseCursor, presentAutomation } from "../service/automations/automations.ts";
import { Refusal } from "../service/refusal.ts";
import { trimmedOrNull } from "../service/start_request.ts";
import { queueWork } from "../state/world.ts";

const bad = (message: string) => new Refusal(400, "BAD_REQUEST", message);

/** `GET /automations`. */
export const getAutomations = route(
  { scope: "read", failed: "Failed to list automations" },
  ({ world, caller, query }) => {
    const cursor = parseCursor(query.get("cursor"));
    if (cursor === undefined) throw bad("Invalid cursor");
    return listAutomations(world, caller.userId, parseLimit(query.get("limit"), 50, 100), cursor);
  },
);

/** `GET /automations/{automationId}`. */
export const getAutomation = route(
  { scope: "read", failed: "Failed to load automation" },
  ({ world, caller, param }) => {
    const automation = presentAutomation(findAutomation(world, caller.userId, param("automationId")));
    // The answer has no `publishedVersionId`, unlike the list. A client takes the id from `publishedVersion`.
    return { automation: automation as unknown as AutomationDetail };
  },
);

/** `POST /automations/{automationId}/trigger`. */
export const postTrigger = route<{ run: TriggerResult }, 202>(
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

/** `GET /automations/{automationId}/runs`. */
export const getAutomationRuns = route(
  { scope: "read", failed: "Failed to list automation runs" },
  ({ world, caller, query, param }) => ({
    runs: listAutomationRuns(world, caller.userId, param("automationId"), parseLimit(query.get("limit"), 20, 50)),
  }),
);

/** `GET /automations/{automationId}/runs/{runId}`. */
export const getAutomationRun = route(
  { scope: "read", failed: "Failed to load automation run logs" },
  ({ world, caller, param }) => ({
    run: automationRunDetail(world, caller.userId, param("automationId"), param("runId")),
  }),
);

/** `POST /automations/{automationId}/runs/{runId}/cancel`, in later revisions. */
export const postAutomationRunCancel = route(
  { scope: "write", failed: "Failed to cancel automation run" },
  ({ world, caller, param }) => {
    const [automationId, runId] = [param("automationId"), param("runId")];
    if (!isUuid(automationId) || !isUuid(runId)) throw bad("automationId and runId must be UUIDs");
    const run = cancelAutomationRun(world, caller.userId, automationId, runId);
    return { runId: run.id, status: run.status };
  },
);

/** `POST /pr-reviews/rerun`, in later revisions. */
export const postPrReviewRerun = route<PrReviewRerun>(
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
    const result: PrReviewRerun = {
      queued: true,
      jobRunId: crypto.randomUUID(),
      prNumber,
      repoId: repo.id,
      started: true,
      deferred: false,
      reason: null,
      status: "running",
    };
    return { ...result, runtimeProvider: "trigger", runtimeRunId, workflowRunId: null, versionFallbackUsed: false };
  },
);

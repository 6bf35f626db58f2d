/**
 * Runs of automations: triggers, the list, the detail, and cancelling.
 *
 * @module
 */
import type { AutomationRun, TriggerResult } from "../../model.ts";
import { dispatchesOf, presentAutomationRun, presentDispatch, presentWait } from "./automation_run_view.ts";
import {
  activeRuns,
  MAX_ACTIVE_PER_INSTALLATION,
  MAX_ACTIVE_PER_REPO,
  recordDispatch,
  startAutomationRun,
} from "./automation_slots.ts";
import { findAutomation } from "./automations.ts";
import { canonicalJson } from "./hash.ts";
import { Refusal } from "./refusal.ts";
import { parseUuid, storeJson, storeText } from "../state/postgres.ts";
import type { AutomationRow, AutomationRunRow, RepoRow } from "../state/rows.ts";
import type { World } from "../state/world.ts";

type Version = NonNullable<AutomationRow["publishedVersion"]>;

/** A checked trigger. */
interface Order {
  row: AutomationRow;
  version: Version;
  repo: RepoRow;
  /** Key as it is stored. */
  key: string;
  input: Record<string, unknown>;
}

/** Outcome of {@linkcode enqueue}. A reason means that nothing was queued. */
interface Queued {
  run: AutomationRunRow | null;
  reason: string | null;
}

function runMetadata({ row, version, repo, input }: Order): Record<string, unknown> {
  return storeJson({
    ...input,
    source: "mcp",
    source_type: row.startEvent,
    dispatch_source: "mcp",
    flow_id: row.id,
    flow_version_id: version.id,
    repo_id: repo.id,
    repo_full_name: repo.full_name,
    installation_id: repo.installation_id,
    default_branch: repo.default_branch,
  }) as Record<string, unknown>;
}

/** Queues a run, unless the key is known or too many runs are active. */
function enqueue(world: World, order: Order): Queued {
  const { row, version, repo, key } = order;
  world.store.guard("rpc", "enqueue_automation_job_run");
  const metadata = runMetadata(order);
  storeText(key);
  const active = ["pending", "running"];
  const suppress = (run: AutomationRunRow | null, reason: string): Queued => {
    recordDispatch(world, run, { event_kind: "enqueue", outcome: "suppressed", reason, metadata });
    return { run, reason };
  };
  const known = world.store.automationRuns.get(world.store.automationRunKeys.get(key) ?? "");
  if (known !== undefined) return suppress(known, "IDEMPOTENT_DUPLICATE");
  const scripted = world.automationDriver.suppresses({ automation: row, repo, key });
  if (scripted !== undefined) return suppress(null, scripted);
  if (activeRuns(world, "repo_id", repo.id, active) >= MAX_ACTIVE_PER_REPO) return suppress(null, "REPO_PENDING_LIMIT");
  if (activeRuns(world, "installation_id", repo.installation_id, active) >= MAX_ACTIVE_PER_INSTALLATION) {
    return suppress(null, "INSTALLATION_PENDING_LIMIT");
  }
  const run: AutomationRunRow = {
    id: crypto.randomUUID(),
    userId: row.userId,
    idempotency_key: key,
    flow_id: row.id,
    flow_version_id: version.id,
    runtime_provider: null,
    runtime_run_id: null,
    status: "pending",
    created_at: world.clock.stamp(),
    started_at: null,
    completed_at: null,
    input_tokens: null,
    output_tokens: null,
    duration_ms: null,
    error: null,
    start_attempts: 0,
    last_start_attempt_at: null,
    last_start_error: null,
    last_start_source: null,
    cancel_requested_at: null,
    cancelled_at: null,
    cancel_reason: null,
    cancel_error: null,
    waits: [],
    metadata,
  };
  world.store.automationRuns.set(run.id, run);
  world.store.automationRunKeys.set(key, run.id);
  // One transaction inserts both, so they carry the same time.
  recordDispatch(world, run, { event_kind: "enqueue", outcome: "queued", reason: null, metadata }, run.created_at);
  return { run, reason: null };
}

/** Checks a trigger in the service's order. */
function checkTrigger(
  world: World,
  userId: string,
  id: string,
  repoId: string,
): Pick<Order, "row" | "version" | "repo"> {
  const row = findAutomation(world, userId, id);
  const conflict = (message: string) => new Refusal(409, "CONFLICT", message);
  if (row.publishedVersion === null) throw conflict("Publish the automation before triggering it");
  if (row.status !== "active") throw conflict("Activate the automation before triggering it");
  world.store.guard("select", "repos");
  const repo = world.store.repos.get(parseUuid(repoId));
  if (repo === undefined || repo.userId !== userId) throw new Refusal(404, "NOT_FOUND", "Repository not found");
  if (repo.installation_id !== row.installationId) {
    throw new Refusal(400, "BAD_REQUEST", "Repository is outside this automation's GitHub installation");
  }
  return { row, version: row.publishedVersion, repo };
}

/** Answer to a repeated key in later revisions: the run as it is now. */
function replayed(order: Order, run: AutomationRunRow) {
  if (canonicalJson(runMetadata(order)) !== canonicalJson(run.metadata)) {
    throw new Refusal(409, "IDEMPOTENCY_CONFLICT", "Idempotency key already used for a different request");
  }
  const runtime = { provider: run.runtime_provider, runId: run.runtime_run_id };
  return { outcome: "replayed", reason: null, started: false, status: run.status, runtime };
}

/**
 * Triggers an automation.
 *
 * @param id Automation, as in the path.
 * @param input Becomes metadata of the run. Reserved names in it are overwritten.
 * @throws {Refusal} if the API refuses the trigger.
 * @throws {DatabaseError | QueueError} for a 500. A run that the queue refuses stays pending for ever.
 */
export function triggerAutomation(
  world: World,
  userId: string,
  id: string,
  repoId: string,
  key: string,
  input: Record<string, unknown>,
): TriggerResult {
  world.automationDriver.catchUp();
  const checked = checkTrigger(world, userId, id, repoId);
  const { row, version, repo } = checked;
  const { comparedTriggers } = world.revision;
  const order: Order = { ...checked, input, key: comparedTriggers ? `${userId} ${row.id} ${key}` : key };
  const { run, reason } = enqueue(world, order);
  const answer = { automationId: row.id, jobRunId: run?.id ?? null };
  const versions = { versionId: version.id, versionNumber: version.versionNumber, workingBranch: null };
  const later = comparedTriggers ? { replayed: reason !== null && run !== null, ...versions } : {};
  if (run === null || reason !== null) {
    if (comparedTriggers && run !== null) return { ...answer, ...replayed(order, run), ...later };
    return { ...answer, outcome: "suppressed", reason, started: false, status: "suppressed", runtime: null, ...later };
  }
  const trigger = { automation: row, repo, key: order.key };
  const start = startAutomationRun(world, run, world.automationDriver.holds(trigger));
  if (start.started) world.automationDriver.begins(run, trigger);
  else if (start.reason === "INSTALLATION_CONCURRENCY_LIMIT") world.automationDriver.waits(run, trigger);
  return { ...answer, outcome: "queued", ...start, ...later };
}

/** Runs of a user's automation, newest first. */
export function listAutomationRuns(world: World, userId: string, id: string, limit: number): AutomationRun[] {
  world.automationDriver.catchUp();
  const row = findAutomation(world, userId, id);
  world.store.guard("select", "job_runs");
  const runs = [...world.store.automationRuns.values()].filter((run) => run.flow_id === row.id);
  runs.sort((a, b) => b.created_at - a.created_at);
  if (runs.length > 0) world.store.guard("select", "repos");
  return runs.slice(0, limit).map((run) => presentAutomationRun(world, run, dispatchesOf(world, run)));
}

/** @throws {Refusal} 404 for an unknown automation or run. */
function findAutomationRun(world: World, userId: string, id: string, runId: string): AutomationRunRow {
  world.automationDriver.catchUp();
  const row = findAutomation(world, userId, id);
  world.store.guard("select", "job_runs");
  const run = world.store.automationRuns.get(parseUuid(runId));
  if (run === undefined || run.flow_id !== row.id) throw new Refusal(404, "NOT_FOUND", "Run not found");
  return run;
}

/**
 * The detail of a run of a user's automation.
 *
 * @throws {Refusal} 404 for an unknown automation or run.
 */
export function automationRunDetail(world: World, userId: string, id: string, runId: string): AutomationRun {
  const run = findAutomationRun(world, userId, id, runId);
  world.store.guard("select", "repos");
  world.store.guard("select", "ai_calls");
  const events = dispatchesOf(world, run);
  const lists = {
    dispatch_events: events.map(presentDispatch),
    ai_calls: [],
    review_findings: [],
    waits: run.waits.map(presentWait),
  };
  return { ...presentAutomationRun(world, run, events), ...lists };
}

/**
 * Cancels a run of a user's automation, in later revisions.
 *
 * @throws {Refusal} 404 for an unknown automation or run, 409 for a run that has ended.
 */
export function cancelAutomationRun(world: World, userId: string, id: string, runId: string): AutomationRunRow {
  const run = findAutomationRun(world, userId, id, runId);
  if (run.status !== "pending" && run.status !== "running") {
    throw new Refusal(409, "CONFLICT", "Automation run is not cancelable");
  }
  const now = world.clock.stamp();
  Object.assign(run, {
    status: "cancelled",
    cancel_requested_at: now,
    cancelled_at: now,
    completed_at: now,
    waits: [],
  });
  return run;
}

/**
 * Starts runs of automations: slots, the queue, and the dispatch events about them.
 *
 * @module
 */
import { messageOf } from "../../../error_sentence.ts";
import type { TriggerResult } from "../../../model.ts";
import { DatabaseError, storeJson } from "../../state/postgres.ts";
import type { AutomationRunRow, DispatchRow } from "../../state/rows.ts";
import { queueWork, type World } from "../../state/world.ts";

// Source: API reference, "Other limits": 25 active per repository, 100 per installation, 8 running per installation.
/** Maximum number of pending and running runs of one repository. */
export const MAX_ACTIVE_PER_REPO = 25;
/** Maximum number of pending and running runs of one installation. */
export const MAX_ACTIVE_PER_INSTALLATION = 100;
const MAX_RUNNING_PER_INSTALLATION = 8;

/**
 * Stores a dispatch event.
 *
 * @param run Null for a trigger that started no run.
 * @param createdAt Microseconds since 1970. @default now
 */
export function recordDispatch(
  world: World,
  run: AutomationRunRow | null,
  event: Omit<DispatchRow, "id" | "job_run_id" | "created_at">,
  createdAt = world.clock.stamp(),
): void {
  world.store.dispatches.push({
    id: crypto.randomUUID(),
    job_run_id: run?.id ?? null,
    created_at: createdAt,
    ...event,
  });
}

function recordStart(world: World, run: AutomationRunRow, outcome: string, reason: string | null, extra = {}): void {
  const metadata = { flow_id: run.flow_id, flow_version_id: run.flow_version_id, start_source: "api", ...extra };
  recordDispatch(world, run, { event_kind: "start", outcome, reason, metadata: storeJson(metadata) });
}

/** Number of runs of a repository or of an installation that have one of these statuses. */
export function activeRuns(
  world: World,
  field: "repo_id" | "installation_id",
  value: unknown,
  statuses: string[],
): number {
  return [...world.store.automationRuns.values()].filter((run) =>
    statuses.includes(run.status) && run.metadata[field] === value
  )
    .length;
}

function backToPending(run: AutomationRunRow, error: string): void {
  Object.assign(run, { status: "pending", started_at: null, runtime_provider: null, runtime_run_id: null });
  run.last_start_error = error;
}

type Start = Pick<TriggerResult, "started" | "status" | "reason" | "runtime">;

/** Whether a slot is free in the installation of a run. */
export function hasSlot(world: World, run: AutomationRunRow): boolean {
  return activeRuns(world, "installation_id", run.metadata.installation_id, ["running"]) < MAX_RUNNING_PER_INSTALLATION;
}

/** Starts a run that waited for a slot, as the service does by itself. @returns Whether the queue accepted it. */
export function startWaiting(world: World, run: AutomationRunRow): boolean {
  run.start_attempts++;
  run.last_start_attempt_at = world.clock.stamp();
  let handle: string | null;
  try {
    handle = queueWork(world.around);
  } catch (error) {
    backToPending(run, messageOf(error));
    return false;
  }
  Object.assign(run, { status: "running", started_at: run.last_start_attempt_at, last_start_error: null });
  Object.assign(run, { runtime_provider: "trigger", runtime_run_id: handle });
  recordStart(world, run, "started", null);
  return true;
}

/** Starts a queued run, or leaves it waiting for a slot. @param held Whether it waits although a slot is free. */
export function startAutomationRun(world: World, run: AutomationRunRow, held: boolean): Start {
  const idle = { provider: null, runId: null };
  world.store.guard("select", "job_runs");
  run.start_attempts++;
  run.last_start_attempt_at = world.clock.stamp();
  run.last_start_source = "api";
  if (held || !hasSlot(world, run)) {
    world.store.guard("update", "job_runs");
    run.last_start_error = "Installation concurrency limit reached";
    recordStart(world, run, "deferred", "INSTALLATION_CONCURRENCY_LIMIT");
    return { started: false, status: "pending", reason: "INSTALLATION_CONCURRENCY_LIMIT", runtime: idle };
  }
  run.status = "running";
  run.started_at = run.last_start_attempt_at;
  let handle: string | null;
  try {
    handle = queueWork(world.around);
  } catch (error) {
    const message = messageOf(error);
    backToPending(run, message);
    recordStart(world, run, "start_failed", message);
    throw error;
  }
  try {
    world.store.guard("update", "job_runs");
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    const reason = "RUNTIME_HANDLE_PERSIST_FAILED";
    backToPending(run, reason);
    recordStart(world, run, "start_failed", reason, {
      runtime_provider: "trigger",
      runtime_run_id: handle,
      persist_error: error.message,
      cancel_error: null,
    });
    return { started: false, status: "pending", reason, runtime: idle };
  }
  Object.assign(run, { runtime_provider: "trigger", runtime_run_id: handle, last_start_error: null });
  recordStart(world, run, "started", null);
  return { started: true, status: "running", reason: null, runtime: { provider: "trigger", runId: handle } };
}

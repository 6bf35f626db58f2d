/**
 * Starting runs of automations: slots, the queue, and what is written down about it.
 *
 * @module
 */
import type { TriggerResult } from "../../model.ts";
import { DatabaseError, storeJson } from "../state/postgres.ts";
import type { DispatchRow, JobRow } from "../state/rows.ts";
import { queueJob, type World } from "../state/world.ts";

// Source: API reference, "Other limits": 25 active per repository, 100 per installation, 8 running per installation.
/** Most runs of one repository that are at work or wait. */
export const MAX_ACTIVE_PER_REPO = 25;
/** Most runs of one installation that are at work or wait. */
export const MAX_ACTIVE_PER_INSTALLATION = 100;
const MAX_RUNNING_PER_INSTALLATION = 8;

/** Writes down what happened to a job, or to a trigger that made none. */
export function record(
  world: World,
  job: JobRow | null,
  event: Omit<DispatchRow, "id" | "job_run_id" | "created_at">,
): void {
  world.store.dispatches.push({
    id: crypto.randomUUID(),
    job_run_id: job?.id ?? null,
    created_at: world.clock.stamp(),
    ...event,
  });
}

function recordStart(world: World, job: JobRow, outcome: string, reason: string | null, extra = {}): void {
  const metadata = { flow_id: job.flow_id, flow_version_id: job.flow_version_id, start_source: "api", ...extra };
  record(world, job, { event_kind: "start", outcome, reason, metadata: storeJson(metadata) });
}

/** How many jobs of a repository or of an installation have one of these statuses. */
export function activeJobs(
  world: World,
  field: "repo_id" | "installation_id",
  value: unknown,
  statuses: string[],
): number {
  return [...world.store.jobs.values()].filter((job) => statuses.includes(job.status) && job.metadata[field] === value)
    .length;
}

function backToPending(job: JobRow, error: string): void {
  Object.assign(job, { status: "pending", started_at: null, runtime_provider: null, runtime_run_id: null });
  job.last_start_error = error;
}

type Start = Pick<TriggerResult, "started" | "status" | "reason" | "runtime">;

/** Whether the installation of a job has a free slot. */
export function hasSlot(world: World, job: JobRow): boolean {
  return activeJobs(world, "installation_id", job.metadata.installation_id, ["running"]) < MAX_RUNNING_PER_INSTALLATION;
}

/** A slot has become free for a job that waits: the service starts it by itself. @returns Whether the queue took it. */
export function startWaiting(world: World, job: JobRow): boolean {
  job.start_attempts++;
  job.last_start_attempt_at = world.clock.stamp();
  let handle: string | null;
  try {
    handle = queueJob(world.around);
  } catch (error) {
    backToPending(job, error instanceof Error ? error.message : String(error));
    return false;
  }
  Object.assign(job, { status: "running", started_at: job.last_start_attempt_at, last_start_error: null });
  Object.assign(job, { runtime_provider: "trigger", runtime_run_id: handle });
  recordStart(world, job, "started", null);
  return true;
}

/** Starts a queued job, or leaves it waiting for a slot. @param held Whether it waits although there is one. */
export function startJob(world: World, job: JobRow, held: boolean): Start {
  const idle = { provider: null, runId: null };
  world.store.guard("select", "job_runs");
  job.start_attempts++;
  job.last_start_attempt_at = world.clock.stamp();
  job.last_start_source = "api";
  if (held || !hasSlot(world, job)) {
    world.store.guard("update", "job_runs");
    job.last_start_error = "Installation concurrency limit reached";
    recordStart(world, job, "deferred", "INSTALLATION_CONCURRENCY_LIMIT");
    return { started: false, status: "pending", reason: "INSTALLATION_CONCURRENCY_LIMIT", runtime: idle };
  }
  job.status = "running";
  job.started_at = job.last_start_attempt_at;
  let handle: string | null;
  try {
    handle = queueJob(world.around);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    backToPending(job, message);
    recordStart(world, job, "start_failed", message);
    throw error;
  }
  try {
    world.store.guard("update", "job_runs");
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    const reason = "RUNTIME_HANDLE_PERSIST_FAILED";
    backToPending(job, reason);
    recordStart(world, job, "start_failed", reason, {
      runtime_provider: "trigger",
      runtime_run_id: handle,
      persist_error: error.message,
      cancel_error: null,
    });
    return { started: false, status: "pending", reason, runtime: idle };
  }
  Object.assign(job, { runtime_provider: "trigger", runtime_run_id: handle, last_start_error: null });
  recordStart(world, job, "started", null);
  return { started: true, status: "running", reason: null, runtime: { provider: "trigger", runId: handle } };
}

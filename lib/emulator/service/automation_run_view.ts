/**
 * How runs of automations look in the API.
 *
 * @module
 */
import { formatTimestamp } from "../state/postgres.ts";
import type { DispatchRow, JobRow, WaitRow } from "../state/rows.ts";
import type { World } from "../state/world.ts";

// A job that waits for longer may be pushed by its owner.
const STALE_PENDING_MS = 5 * 60_000;

const time = (micros: number | null) => micros === null ? null : formatTimestamp(micros);

/** What happened when a job was queued or started. */
export function presentDispatch(event: DispatchRow) {
  const { id, event_kind, outcome, reason, metadata } = event;
  return { id, event_kind, outcome, reason, metadata, created_at: formatTimestamp(event.created_at) };
}

/** A wait, with its token: the service hides nothing here. */
export function presentWait({ created_at, ...wait }: WaitRow) {
  return { ...wait, created_at: formatTimestamp(created_at) };
}

/** A job as the list shows it. @param events What happened to it, in order of time. */
export function presentJob(world: World, job: JobRow, events: DispatchRow[]) {
  const text = (value: unknown) => typeof value === "string" ? value : null;
  const repoId = text(job.metadata.repo_id);
  const repo = world.store.repos.get(repoId ?? "");
  const latest = events.at(-1);
  const open = job.cancel_requested_at === null && job.cancelled_at === null;
  const waitsSince = (job.last_start_attempt_at ?? job.created_at) / 1_000;
  return {
    id: job.id,
    assignment_id: null,
    trigger_id: null,
    flow_id: job.flow_id,
    flow_version_id: job.flow_version_id,
    runtime_provider: job.runtime_provider,
    runtime_run_id: job.runtime_run_id,
    workflow_run_id: null,
    retry_of_job_run_id: null,
    status: job.status,
    created_at: formatTimestamp(job.created_at),
    started_at: time(job.started_at),
    completed_at: time(job.completed_at),
    input_tokens: job.input_tokens,
    output_tokens: job.output_tokens,
    duration_ms: job.duration_ms,
    error: job.error,
    start_attempts: job.start_attempts,
    last_start_attempt_at: time(job.last_start_attempt_at),
    last_start_error: job.last_start_error,
    last_start_source: job.last_start_source,
    cancel_requested_at: time(job.cancel_requested_at),
    cancelled_at: time(job.cancelled_at),
    cancel_reason: job.cancel_reason,
    cancel_error: job.cancel_error,
    metadata: job.metadata,
    source_kind: "flow",
    source_type: text(job.metadata.source_type) ?? "flow",
    repo: { id: repo?.id ?? repoId, full_name: repo?.full_name ?? text(job.metadata.repo_full_name) },
    agent: { id: null, name: null, slug: null },
    cost_usd: null,
    latest_ai_call: null,
    repairable: job.status === "pending" && world.clock.wallMs() - waitsSince >= STALE_PENDING_MS,
    requeueable: job.status === "failed",
    cancelable: open && (job.status === "pending" || job.status === "running"),
    active_wait_count: job.waits.filter((wait) => wait.status === "waiting").length,
    latest_dispatch_event: latest === undefined ? null : presentDispatch(latest),
    node_runs: [],
  };
}

/** What happened to a job, in order of time. */
export function dispatchesOf(world: World, job: JobRow): DispatchRow[] {
  return world.store.dispatches.filter((event) => event.job_run_id === job.id);
}

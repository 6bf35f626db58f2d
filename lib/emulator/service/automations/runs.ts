/**
 * Runs of automations: the list, the detail, and cancelling.
 *
 * @module
 */
import type { AutomationRun } from "../../../model.ts";
import { findAutomation } from "./automations.ts";
import { Refusal } from "../refusal.ts";
import { formatTimestamp, parseUuid } from "../../state/postgres.ts";
import type { AutomationRunRow, DispatchRow, WaitRow } from "../../state/rows.ts";
import type { World } from "../../state/world.ts";

// The owner may restart a run that has been pending for longer.
const REPAIRABLE_AFTER_MS = 5 * 60_000;

const time = (micros: number | null) => micros === null ? null : formatTimestamp(micros);

/** A dispatch event in the form of the API. */
function presentDispatch(event: DispatchRow) {
  const { id, event_kind, outcome, reason, metadata } = event;
  return { id, event_kind, outcome, reason, metadata, created_at: formatTimestamp(event.created_at) };
}

/** A pause in the form of the API. The service does not hide the resume token. */
function presentWait({ created_at, ...wait }: WaitRow) {
  return { ...wait, created_at: formatTimestamp(created_at) };
}

/** A run in the form of the list. @param events Its dispatch events, oldest first. */
function presentAutomationRun(world: World, run: AutomationRunRow, events: DispatchRow[]) {
  const text = (value: unknown) => typeof value === "string" ? value : null;
  const repoId = text(run.metadata.repo_id);
  const repo = world.store.repos.get(repoId ?? "");
  const latest = events.at(-1);
  const open = run.cancel_requested_at === null && run.cancelled_at === null;
  const waitsSince = (run.last_start_attempt_at ?? run.created_at) / 1_000;
  return {
    id: run.id,
    assignment_id: null,
    trigger_id: null,
    flow_id: run.flow_id,
    flow_version_id: run.flow_version_id,
    runtime_provider: run.runtime_provider,
    runtime_run_id: run.runtime_run_id,
    workflow_run_id: null,
    retry_of_job_run_id: null,
    status: run.status,
    created_at: formatTimestamp(run.created_at),
    started_at: time(run.started_at),
    completed_at: time(run.completed_at),
    input_tokens: run.input_tokens,
    output_tokens: run.output_tokens,
    duration_ms: run.duration_ms,
    error: run.error,
    start_attempts: run.start_attempts,
    last_start_attempt_at: time(run.last_start_attempt_at),
    last_start_error: run.last_start_error,
    last_start_source: run.last_start_source,
    cancel_requested_at: time(run.cancel_requested_at),
    cancelled_at: time(run.cancelled_at),
    cancel_reason: run.cancel_reason,
    cancel_error: run.cancel_error,
    metadata: run.metadata,
    source_kind: "flow",
    source_type: text(run.metadata.source_type) ?? "flow",
    repo: { id: repo?.id ?? repoId, full_name: repo?.full_name ?? text(run.metadata.repo_full_name) },
    agent: { id: null, name: null, slug: null },
    cost_usd: null,
    latest_ai_call: null,
    repairable: run.status === "pending" && world.clock.wallMs() - waitsSince >= REPAIRABLE_AFTER_MS,
    requeueable: run.status === "failed",
    cancelable: open && (run.status === "pending" || run.status === "running"),
    active_wait_count: run.waits.filter((wait) => wait.status === "waiting").length,
    latest_dispatch_event: latest === undefined ? null : presentDispatch(latest),
    node_runs: [],
  };
}

/** Dispatch events of a run, oldest first. */
function dispatchesOf(world: World, run: AutomationRunRow): DispatchRow[] {
  return world.store.dispatches.filter((event) => event.job_run_id === run.id);
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

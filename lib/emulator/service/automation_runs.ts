/**
 * Runs of automations: queueing, listing, and the detail.
 *
 * @module
 */
import type { AutomationRun, TriggerResult } from "../../model.ts";
import { findAutomation } from "./automations.ts";
import { canonicalJson } from "./hash.ts";
import { activeJobs, MAX_ACTIVE_PER_INSTALLATION, MAX_ACTIVE_PER_REPO, record, startJob } from "./automation_slots.ts";
import { dispatchesOf, presentDispatch, presentJob, presentWait } from "./automation_run_view.ts";
import { parseUuid, storeJson, storeText } from "../state/postgres.ts";
import { Refusal } from "./refusal.ts";
import type { AutomationRow, JobRow, RepoRow } from "../state/rows.ts";
import type { World } from "../state/world.ts";

type Outcome = { job: JobRow | null; reason: string | null };

function jobMetadata(row: AutomationRow, versionId: string, repo: RepoRow, input: Record<string, unknown>) {
  return storeJson({
    ...input,
    source: "mcp",
    source_type: row.startEvent,
    dispatch_source: "mcp",
    flow_id: row.id,
    flow_version_id: versionId,
    repo_id: repo.id,
    repo_full_name: repo.full_name,
    installation_id: repo.installation_id,
    default_branch: repo.default_branch,
  }) as Record<string, unknown>;
}

/** Queues a job unless its key is known or too many are active. */
function enqueue(
  world: World,
  row: AutomationRow,
  versionId: string,
  repo: RepoRow,
  key: string,
  input: Record<string, unknown>,
): Outcome {
  world.store.guard("rpc", "enqueue_automation_job_run");
  const metadata = jobMetadata(row, versionId, repo, input);
  storeText(key);
  const active = ["pending", "running"];
  const known = world.store.jobs.get(world.store.jobKeys.get(key) ?? "");
  const suppress = (job: JobRow | null, reason: string): Outcome => {
    record(world, job, { event_kind: "enqueue", outcome: "suppressed", reason, metadata });
    return { job, reason };
  };
  if (known !== undefined) return suppress(known, "IDEMPOTENT_DUPLICATE");
  const told = world.jobs.suppresses({ automation: row, repo, key });
  if (told !== undefined) return suppress(null, told);
  if (activeJobs(world, "repo_id", repo.id, active) >= MAX_ACTIVE_PER_REPO) return suppress(null, "REPO_PENDING_LIMIT");
  if (activeJobs(world, "installation_id", repo.installation_id, active) >= MAX_ACTIVE_PER_INSTALLATION) {
    return suppress(null, "INSTALLATION_PENDING_LIMIT");
  }
  const job: JobRow = {
    id: crypto.randomUUID(),
    userId: row.userId,
    idempotency_key: key,
    flow_id: row.id,
    flow_version_id: versionId,
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
  world.store.jobs.set(job.id, job);
  world.store.jobKeys.set(key, job.id);
  record(world, job, { event_kind: "enqueue", outcome: "queued", reason: null, metadata });
  return { job, reason: null };
}

/**
 * Triggers an automation.
 *
 * @param id Automation, as it stands in the path.
 * @param input Becomes metadata of the run; reserved names in it are overwritten.
 * @throws {Refusal} for what the API refuses.
 * @throws {DatabaseError | QueueError} for what ends as a 500; a queue that refuses leaves the run pending for ever.
 */
export function triggerAutomation(
  world: World,
  userId: string,
  id: string,
  repoId: string,
  key: string,
  input: Record<string, unknown>,
): TriggerResult {
  world.jobs.catchUp();
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
  const { comparedTriggers } = world.revision;
  const stored = comparedTriggers ? `${userId} ${row.id} ${key}` : key;
  const { job, reason } = enqueue(world, row, row.publishedVersion.id, repo, stored, input);
  const answer = { automationId: row.id, jobRunId: job?.id ?? null };
  const later = comparedTriggers
    ? {
      replayed: false,
      versionId: row.publishedVersion.id,
      versionNumber: row.publishedVersion.versionNumber,
      workingBranch: null,
    }
    : {};
  if (reason !== null || job === null) {
    if (comparedTriggers && job !== null) {
      const wanted = canonicalJson(jobMetadata(row, row.publishedVersion.id, repo, input));
      if (wanted !== canonicalJson(job.metadata)) {
        throw new Refusal(409, "IDEMPOTENCY_CONFLICT", "Idempotency key already used for a different request");
      }
      const runtime = { provider: job.runtime_provider, runId: job.runtime_run_id };
      return {
        ...answer,
        outcome: "replayed",
        reason: null,
        started: false,
        status: job.status,
        runtime,
        ...later,
        ...{ replayed: true },
      };
    }
    return { ...answer, outcome: "suppressed", reason, started: false, status: "suppressed", runtime: null, ...later };
  }
  const trigger = { automation: row, repo, key: stored };
  const started = startJob(world, job, world.jobs.holds(trigger));
  if (started.started) world.jobs.begins(job, trigger);
  else if (started.reason === "INSTALLATION_CONCURRENCY_LIMIT") world.jobs.waits(job, trigger);
  return { ...answer, outcome: "queued", ...started, ...later };
}

/** Runs of a user's automation, newest first. */
export function listJobs(world: World, userId: string, id: string, limit: number): AutomationRun[] {
  world.jobs.catchUp();
  const row = findAutomation(world, userId, id);
  world.store.guard("select", "job_runs");
  const jobs = [...world.store.jobs.values()].filter((job) => job.flow_id === row.id);
  jobs.sort((a, b) => b.created_at - a.created_at);
  if (jobs.length > 0) world.store.guard("select", "repos");
  return jobs.slice(0, limit).map((job) => presentJob(world, job, dispatchesOf(world, job)));
}

/**
 * One run of a user's automation.
 *
 * @throws {Refusal} 404 for an unknown automation or run.
 */
export function findJob(world: World, userId: string, id: string, runId: string): JobRow {
  world.jobs.catchUp();
  const row = findAutomation(world, userId, id);
  world.store.guard("select", "job_runs");
  const job = world.store.jobs.get(parseUuid(runId));
  if (job === undefined || job.flow_id !== row.id) throw new Refusal(404, "NOT_FOUND", "Run not found");
  return job;
}

/** The detail of a run of a user's automation. */
export function jobDetail(world: World, userId: string, id: string, runId: string): AutomationRun {
  const job = findJob(world, userId, id, runId);
  world.store.guard("select", "repos");
  world.store.guard("select", "ai_calls");
  const events = dispatchesOf(world, job);
  return {
    ...presentJob(world, job, events),
    ...{
      dispatch_events: events.map(presentDispatch),
      ai_calls: [],
      review_findings: [],
      waits: job.waits.map(presentWait),
    },
  };
}

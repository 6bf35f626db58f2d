/**
 * Triggers of automations: the checks, the key, and the run that they queue.
 *
 * @module
 */
import type { TriggerResult } from "../../../model.ts";
import { sha256Hex } from "../../../sha256.ts";
import { acceptInput, hasApiTrigger, type TriggerInput } from "./inputs.ts";
import {
  activeRuns,
  MAX_ACTIVE_PER_INSTALLATION,
  MAX_ACTIVE_PER_REPO,
  recordDispatch,
  startAutomationRun,
} from "./slots.ts";
import { findAutomation } from "./automations.ts";
import type { Caller } from "../caller.ts";
import { canonicalJson } from "../hash.ts";
import { Refusal } from "../refusal.ts";
import { parseUuid, storeJson, storeText } from "../../state/postgres.ts";
import type { AutomationRow, AutomationRunRow, RepoRow } from "../../state/rows.ts";
import type { World } from "../../state/world.ts";

/** A trigger as it was sent. */
export interface TriggerRequest {
  /** Automation, as in the path. */
  automationId: string;
  /** Repository, in any spelling of a UUID. */
  repoId: string;
  /** Idempotency key. */
  key: string;
  /** Becomes metadata of the run. Reserved names in it are overwritten. */
  input: TriggerInput;
}

/** A checked trigger. */
interface Order {
  caller: Caller;
  row: AutomationRow;
  version: NonNullable<AutomationRow["publishedVersion"]>;
  repo: RepoRow;
  /** Key as it is stored. */
  key: string;
  input: TriggerInput;
  /** Working branch of the run, where the trigger decides it. */
  branch: string | null;
}

/** Outcome of {@linkcode enqueue}. A reason means that nothing was queued. */
interface Queued {
  run: AutomationRunRow | null;
  reason: string | null;
}

/** Metadata of the run, without the fields of later revisions. */
function baseMetadata({ row, version, repo, input }: Order): Record<string, unknown> {
  return {
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
  };
}

function metadataOf(world: World, order: Order): Record<string, unknown> {
  const { caller, version, input, branch } = order;
  const branchField = branch === null ? {} : { working_branch: branch };
  if (!world.revision.triggerMetadata) return { ...baseMetadata(order), ...branchField };
  return {
    ...baseMetadata(order),
    ...branchField,
    input,
    input_hash: sha256Hex(canonicalJson(input)),
    flow_version_number: version.versionNumber,
    trigger: { credential: caller.credential, key_id: caller.keyId, label: caller.label },
    team_id: null,
  };
}

/** Queues a run, unless the key is known or too many runs are active. */
function enqueue(world: World, order: Order, fields: Record<string, unknown>): Queued {
  const { row, version, repo, key, input } = order;
  world.store.guard("rpc", "enqueue_automation_job_run");
  const metadata = storeJson(fields) as Record<string, unknown>;
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
    input,
    metadata,
  };
  world.store.automationRuns.set(run.id, run);
  world.store.automationRunKeys.set(key, run.id);
  // One transaction inserts both, so they carry the same time.
  recordDispatch(world, run, { event_kind: "enqueue", outcome: "queued", reason: null, metadata }, run.created_at);
  return { run, reason: null };
}

/** Checks a trigger in the service's order. */
function checkTrigger(world: World, caller: Caller, request: TriggerRequest): Order {
  const { revision } = world;
  const row = findAutomation(world, caller.userId, request.automationId);
  const conflict = (message: string) => new Refusal(409, "CONFLICT", message);
  if (row.publishedVersion === null) throw conflict("Publish the automation before triggering it");
  if (row.status !== "active") throw conflict("Activate the automation before triggering it");
  if (revision.automationsOnly && caller.automationsOnly && !hasApiTrigger(row)) {
    throw new Refusal(
      403,
      "AUTOMATION_REQUIRED",
      "This API key can only trigger automations that have an API trigger.",
    );
  }
  world.store.guard("select", "repos");
  const repo = world.store.repos.get(parseUuid(request.repoId));
  if (repo === undefined || repo.userId !== caller.userId) {
    throw new Refusal(404, "NOT_FOUND", "Repository not found");
  }
  if (repo.installation_id !== row.installationId) {
    throw new Refusal(400, "BAD_REQUEST", "Repository is outside this automation's GitHub installation");
  }
  if (revision.permittedRepos && row.permittedRepoIds?.includes(repo.id) === false) {
    throw new Refusal(403, "FORBIDDEN", "This automation may not be triggered for this repository");
  }
  const input = acceptInput(revision, row, request.input);
  const key = revision.comparedTriggers ? `${caller.userId} ${row.id} ${request.key}` : request.key;
  const order = { caller, row, version: row.publishedVersion, repo, key, input, branch: null };
  if (!revision.automationBranch || !hasApiTrigger(row)) return order;
  const hash = sha256Hex(`${caller.userId}:${row.id}:${request.key}`);
  return { ...order, branch: `mogplex/automation-${hash.slice(0, 16)}` };
}

/** Answer to a repeated key in later revisions: the run as it is now. The repository is not compared. */
function replay(world: World, order: Order, run: AutomationRunRow) {
  if (canonicalJson(order.input) !== canonicalJson(run.input)) {
    throw new Refusal(409, "IDEMPOTENCY_CONFLICT", "Idempotency key already used for a different request");
  }
  const runtime = { provider: run.runtime_provider, runId: run.runtime_run_id };
  return world.revision.replayReason
    ? { outcome: "replayed", reason: "IDEMPOTENT_DUPLICATE", started: false, status: run.status, runtime: null }
    : { outcome: "replayed", reason: null, started: false, status: run.status, runtime };
}

/**
 * Triggers an automation.
 *
 * @throws {Refusal} if the API refuses the trigger.
 * @throws {DatabaseError | QueueError} for a 500. A run that the queue refuses stays pending for ever.
 */
export function triggerAutomation(world: World, caller: Caller, request: TriggerRequest): TriggerResult {
  world.automationDriver.catchUp();
  const order = checkTrigger(world, caller, request);
  const { row, version, repo, branch } = order;
  const { comparedTriggers } = world.revision;
  const { run, reason } = enqueue(world, order, metadataOf(world, order));
  const answer = { automationId: row.id, jobRunId: run?.id ?? null };
  const versions = { versionId: version.id, versionNumber: version.versionNumber, workingBranch: branch };
  const later = comparedTriggers ? { replayed: reason !== null && run !== null, ...versions } : {};
  if (run === null || reason !== null) {
    if (comparedTriggers && run !== null) return { ...answer, ...replay(world, order, run), ...later };
    return { ...answer, outcome: "suppressed", reason, started: false, status: "suppressed", runtime: null, ...later };
  }
  const trigger = { automation: row, repo, key: order.key };
  const start = startAutomationRun(world, run, world.automationDriver.holds(trigger));
  if (start.started) world.automationDriver.begins(run, trigger);
  else if (start.reason === "INSTALLATION_CONCURRENCY_LIMIT") world.automationDriver.waits(run, trigger);
  return { ...answer, outcome: "queued", ...start, ...later };
}

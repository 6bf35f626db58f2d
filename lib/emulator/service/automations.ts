import { messageOf } from "../../error_sentence.ts";
import type { Automation, AutomationRun, TriggerResult } from "../../model.ts";
import { sha256Hex } from "../../sha256.ts";
import { DatabaseError, formatTimestamp, parseTimestamp, parseUuid, storeJson, storeText } from "../state/postgres.ts";
import type { AutomationRow, AutomationRunRow, DispatchRow, RepoRow, Revision, WaitRow } from "../state/store.ts";
import { queueWork, type World } from "../state/world.ts";
import type { Caller } from "./caller.ts";
import { canonicalJson } from "./hash.ts";
import { Refusal } from "./refusal.ts";

interface Cursor {
  createdAt: number;
  id: string;
}

const CURSOR_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;
const CURSOR_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** @returns `null` if there is no cursor, `undefined` if the cursor is invalid. */
export function parseCursor(text: string | null): Cursor | null | undefined {
  if (text === null || text === "") return null;
  try {
    const { createdAt, id } = JSON.parse(decodeBase64(text)) as { createdAt?: unknown; id?: unknown };
    const valid = typeof createdAt === "string" && CURSOR_TIME.test(createdAt) &&
      !Number.isNaN(Date.parse(createdAt)) &&
      typeof id === "string" && CURSOR_ID.test(id);
    return valid ? { createdAt: parseTimestamp(createdAt), id: id.toLowerCase() } : undefined;
  } catch {
    return undefined;
  }
}

/** Accepts both base64 alphabets, with or without padding. Skips other characters, as the service's decoder does. */
function decodeBase64(text: string): string {
  const plain = (text.split("=")[0] ?? "").replaceAll("-", "+").replaceAll("_", "/").replace(/[^A-Za-z0-9+/]/g, "");
  const whole = plain.length % 4 === 1 ? plain.slice(0, -1) : plain;
  return new TextDecoder().decode(Uint8Array.from(atob(whole), (character) => character.charCodeAt(0)));
}

/** In the base revision, every page after the first fails. Source: contract notes of November 2026. */
export function listAutomations(
  world: World,
  userId: string,
  limit: number,
  cursor: Cursor | null,
): { automations: Automation[]; nextCursor: string | null } {
  world.store.guard("select", "flows");
  if (cursor !== null && !world.revision.pagesAutomations && !world.around.cursorFixed) {
    throw new DatabaseError("the storage adapter of the base cannot read a cursor");
  }
  const rows = [...world.store.automations.values()].filter((row) =>
    row.userId === userId && (cursor === null || row.createdAt < cursor.createdAt ||
      (row.createdAt === cursor.createdAt && row.id < cursor.id))
  );
  rows.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    automations: page.map(presentSummary),
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor(last) : null,
  };
}

function presentSummary(row: AutomationRow): Automation {
  return {
    id: row.id,
    installationId: row.installationId,
    name: row.name,
    description: row.description,
    status: row.status,
    publishedVersionId: row.publishedVersion?.id ?? null,
    createdAt: formatTimestamp(row.createdAt),
    updatedAt: formatTimestamp(row.updatedAt),
  };
}

function encodeCursor(row: AutomationRow): string {
  const json = JSON.stringify({ createdAt: formatTimestamp(row.createdAt), id: row.id });
  return btoa(json).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export function findAutomation(world: World, userId: string, id: string): AutomationRow {
  world.store.guard("select", "flows");
  const row = world.store.automations.get(parseUuid(id));
  if (row === undefined || row.userId !== userId) throw new Refusal(404, "NOT_FOUND", "Automation not found");
  return row;
}

export function presentAutomation(row: AutomationRow) {
  const { publishedVersionId: _, ...summary } = presentSummary(row);
  return {
    ...summary,
    notes: row.notes,
    draftGraph: normalizeGraph(graphOf(row)),
    publishedVersion: row.publishedVersion === null ? null : {
      ...row.publishedVersion,
      graph: normalizeGraph(graphOf(row)),
      createdAt: formatTimestamp(row.updatedAt),
    },
    // The service never fills in this summary.
    runSummary: { lastRunId: null, lastRunStatus: null, runningCount: 0, pendingCount: 0, failed24h: 0 },
  };
}

interface Graph {
  nodes: { id: string; type: string; position: { x: number; y: number }; data: Record<string, unknown> }[];
  edges: { id: string; source: string; target: string }[];
  viewport: { x: number; y: number; zoom: number };
}

function normalizeGraph({ nodes, edges, viewport }: Graph): unknown {
  return {
    nodes: nodes.map((node) => node.type === "start" ? { ...node, data: { isDefault: false, ...node.data } } : node),
    edges: edges.map((edge) => ({ sourceHandle: null, targetHandle: null, ...edge })),
    viewport,
  };
}

function graphOf(row: AutomationRow): Graph {
  return {
    nodes: [
      { id: "start", type: "start", position: { x: 0, y: 0 }, data: { label: "Start", event: row.startEvent } },
      { id: "end", type: "end", position: { x: 200, y: 0 }, data: { label: "End" } },
    ],
    edges: [{ id: "start-end", source: "start", target: "end" }],
    viewport: { x: 0, y: 0, zoom: 1 },
  };
}

type TriggerInput = Record<string, unknown>;
type AutomationInput = AutomationRow["inputs"][number];

// Source: contract notes of November 2026, typed inputs: 2,000 characters by default, 64 KiB of JSON for one input, 512 KiB for all inputs.
const DEFAULT_MAX_LENGTH = 2_000;
const MAX_JSON_BYTES = 64 * 1_024;
const MAX_INPUT_BYTES = 512 * 1_024;

// Automations without an API trigger drop inputs with these names or prefixes. Source: contract notes of November 2026.
const DROPPED_PREFIXES = ["flow_", "repo_", "sandbox_", "source", "dispatch_", "trigger", "input"];
const DROPPED_NAMES = [
  "working_branch",
  "installation_id",
  "team_id",
  "default_branch",
  "webhook",
  "slack",
  "schedule",
];

function hasApiTrigger({ startEvent }: Pick<AutomationRow, "startEvent">): boolean {
  return startEvent === "api";
}

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length;

function textProblem({ pattern, maxLength }: AutomationInput, text: string): string | undefined {
  const max = maxLength ?? DEFAULT_MAX_LENGTH;
  if (text.length > max) return `must be at most ${max} characters`;
  if (pattern !== null && !new RegExp(pattern, "u").test(text)) return `must match ${pattern}`;
  return undefined;
}

function valueProblem(input: AutomationInput, value: unknown): string | undefined {
  if (input.type === "string" && typeof value !== "string") return "must be a string";
  if (input.type === "integer" && !Number.isSafeInteger(value)) return "must be an integer";
  if (input.type === "boolean" && typeof value !== "boolean") return "must be a boolean";
  if (input.type === "json" && bytesOf(value) > MAX_JSON_BYTES) {
    return `must be at most ${MAX_JSON_BYTES} bytes of JSON`;
  }
  if (input.enum !== null && !input.enum.includes(value)) return `must be one of ${input.enum.join(", ")}`;
  return typeof value === "string" && input.type === "string" ? textProblem(input, value) : undefined;
}

function checkInputs({ inputs }: AutomationRow, triggerInput: TriggerInput): void {
  const bad = (message: string) => new Refusal(400, "BAD_REQUEST", message);
  if (bytesOf(triggerInput) > MAX_INPUT_BYTES) throw bad(`input must be at most ${MAX_INPUT_BYTES} bytes of JSON`);
  for (const [name, value] of Object.entries(triggerInput)) {
    const declared = inputs.find((input) => input.name === name);
    if (declared === undefined) throw bad(`Unknown input: ${name}`);
    const problem = valueProblem(declared, value);
    if (problem !== undefined) throw bad(`Input ${name} ${problem}`);
  }
  const missing = inputs.find(({ name, required }) => required && !Object.hasOwn(triggerInput, name));
  if (missing !== undefined) throw bad(`Input ${missing.name} is required`);
}

function isDropped(name: string): boolean {
  return DROPPED_NAMES.includes(name) || DROPPED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

function acceptInput(revision: Revision, automation: AutomationRow, triggerInput: TriggerInput): TriggerInput {
  if (hasApiTrigger(automation)) {
    if (revision.typedInputs) checkInputs(automation, triggerInput);
    return triggerInput;
  }
  if (!revision.dropsInputs) return triggerInput;
  return Object.fromEntries(Object.entries(triggerInput).filter(([name]) => !isDropped(name)));
}

// Active runs are pending or running. Source: API reference, "Other limits": 25 active per repository, 100 per installation, 8 running per
// installation.
const MAX_ACTIVE_PER_REPO = 25;
const MAX_ACTIVE_PER_INSTALLATION = 100;
const MAX_RUNNING_PER_INSTALLATION = 8;

export function hasSlot(world: World, run: AutomationRunRow): boolean {
  return activeRuns(world, "installation_id", run.metadata.installation_id, ["running"]) < MAX_RUNNING_PER_INSTALLATION;
}

function activeRuns(
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

function backToPending(run: AutomationRunRow, error: string): void {
  Object.assign(run, { status: "pending", started_at: null, runtime_provider: null, runtime_run_id: null });
  run.last_start_error = error;
}

function recordStart(world: World, run: AutomationRunRow, outcome: string, reason: string | null, extra = {}): void {
  const metadata = { flow_id: run.flow_id, flow_version_id: run.flow_version_id, start_source: "api", ...extra };
  recordDispatch(world, run, { event_kind: "start", outcome, reason, metadata: storeJson(metadata) });
}

function recordDispatch(
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

type Start = Pick<TriggerResult, "started" | "status" | "reason" | "runtime">;

function startAutomationRun(world: World, run: AutomationRunRow, held: boolean): Start {
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

interface TriggerRequest {
  automationId: string;
  repoId: string;
  key: string;
  /** The input becomes part of the run's metadata. The service's own fields overwrite inputs with the same name. */
  input: TriggerInput;
}

/** If the queue refuses the run, the run stays pending forever. */
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

interface Order {
  caller: Caller;
  row: AutomationRow;
  version: NonNullable<AutomationRow["publishedVersion"]>;
  repo: RepoRow;
  key: string;
  input: TriggerInput;
  branch: string | null;
}

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

interface Queued {
  run: AutomationRunRow | null;
  reason: string | null;
}

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
  const duplicate = world.store.automationRuns.get(world.store.automationRunKeys.get(key) ?? "");
  if (duplicate !== undefined) return suppress(duplicate, "IDEMPOTENT_DUPLICATE");
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
  // The service inserts both records in one transaction, so they have the same time.
  recordDispatch(world, run, { event_kind: "enqueue", outcome: "queued", reason: null, metadata }, run.created_at);
  return { run, reason: null };
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

/** The service compares only the input of a repeated key, not the repository. */
function replay(world: World, order: Order, run: AutomationRunRow) {
  if (canonicalJson(order.input) !== canonicalJson(run.input)) {
    throw new Refusal(409, "IDEMPOTENCY_CONFLICT", "Idempotency key already used for a different request");
  }
  const runtime = { provider: run.runtime_provider, runId: run.runtime_run_id };
  return world.revision.replayReason
    ? { outcome: "replayed", reason: "IDEMPOTENT_DUPLICATE", started: false, status: run.status, runtime: null }
    : { outcome: "replayed", reason: null, started: false, status: run.status, runtime };
}

export function listAutomationRuns(world: World, userId: string, id: string, limit: number): AutomationRun[] {
  world.automationDriver.catchUp();
  const row = findAutomation(world, userId, id);
  world.store.guard("select", "job_runs");
  const runs = [...world.store.automationRuns.values()].filter((run) => run.flow_id === row.id);
  runs.sort((a, b) => b.created_at - a.created_at);
  if (runs.length > 0) world.store.guard("select", "repos");
  return runs.slice(0, limit).map((run) => presentAutomationRun(world, run, dispatchesOf(world, run)));
}

const REPAIRABLE_AFTER_MS = 5 * 60_000;

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

const time = (micros: number | null) => micros === null ? null : formatTimestamp(micros);

function presentDispatch(event: DispatchRow) {
  const { id, event_kind, outcome, reason, metadata } = event;
  return { id, event_kind, outcome, reason, metadata, created_at: formatTimestamp(event.created_at) };
}

function dispatchesOf(world: World, run: AutomationRunRow): DispatchRow[] {
  return world.store.dispatches.filter((event) => event.job_run_id === run.id);
}

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

function findAutomationRun(world: World, userId: string, id: string, runId: string): AutomationRunRow {
  world.automationDriver.catchUp();
  const row = findAutomation(world, userId, id);
  world.store.guard("select", "job_runs");
  const run = world.store.automationRuns.get(parseUuid(runId));
  if (run === undefined || run.flow_id !== row.id) throw new Refusal(404, "NOT_FOUND", "Run not found");
  return run;
}

/** The service does not hide the resume token. */
function presentWait({ created_at, ...wait }: WaitRow) {
  return { ...wait, created_at: formatTimestamp(created_at) };
}

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

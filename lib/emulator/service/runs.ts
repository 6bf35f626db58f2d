import { messageOf } from "../../error_sentence.ts";
import type { CancelResult, Run, RunEvent, StartResult } from "../../model.ts";
import {
  BASE_HARNESSES,
  branchProblem,
  HARNESSES,
  isTerminal,
  isUuid,
  MAX_PROMPT_LENGTH,
  MODES,
  normalizeRoot,
} from "../../service/contract.ts";
import { sha256Hex } from "../../sha256.ts";
import { DatabaseError, formatTimestamp, parseUuid, storeJson, storeText } from "../state/postgres.ts";
import type { CallRow, EventRow, RepoRow, Revision, RunRow, SandboxRow } from "../state/store.ts";
import { queueWork, type World } from "../state/world.ts";
import type { Caller } from "./caller.ts";
import { canonicalJson, generatedBranch } from "./hash.ts";
import { Refusal } from "./refusal.ts";
import { holdSandbox, liveSandboxes, releaseSandbox } from "./sandboxes.ts";
import { cleanForReading, cleanForStorage } from "./sanitise.ts";

/** Source: API reference, "Event types". */
export const EVENT_TYPES = [
  "started",
  "status_changed",
  "tool_started",
  "tool_finished",
  "cancel_requested",
  "cancelled",
  "finished",
  "failed",
  "log",
] as const;

export function isTerminalEvent({ event_type }: Pick<EventRow, "event_type">): boolean {
  return event_type === "finished" || event_type === "failed" || event_type === "cancelled";
}

export interface NewEvent {
  type: string;
  toolName?: string | null | undefined;
  message?: string | null | undefined;
  payload?: unknown;
  /** Microseconds since 1970. @default now */
  createdAt?: number | undefined;
}

export function writeEvent(world: World, callId: string, event: NewEvent): void {
  try {
    insertEvent(world, callId, { ...event, payload: cleanForStorage(event.payload) });
  } catch {
    // The service logs the failure and continues. Source: conformance, action "failStore" on "ai_call_events".
  }
}

export function insertEvent(world: World, callId: string, event: NewEvent): EventRow {
  world.store.guard("insert", "ai_call_events");
  const row = {
    id: crypto.randomUUID(),
    call_id: callId,
    event_type: event.type,
    tool_name: storeText(event.toolName ?? null),
    message: storeText(event.message ?? null),
    payload: storeJson(event.payload ?? {}),
    created_at: event.createdAt ?? world.clock.stamp(),
  };
  const stored: EventRow = { ...row, json: JSON.stringify(present(row)) };
  const rows = world.store.events.get(callId) ?? [];
  let at = rows.length;
  while (at > 0 && (rows[at - 1]?.created_at ?? 0) > row.created_at) at--;
  // A new array each time, because the array's identity is part of the cache key of `eventsBody()`.
  world.store.events.set(callId, [...rows.slice(0, at), stored, ...rows.slice(at)]);
  world.feed.publish(stored);
  return stored;
}

function present(row: Omit<EventRow, "json">): RunEvent {
  return {
    id: row.id,
    type: row.event_type,
    toolName: row.tool_name,
    message: row.message,
    payload: cleanForReading(row.payload),
    createdAt: formatTimestamp(row.created_at),
  };
}

function eventWindow(world: World, callId: string, limit: number): readonly EventRow[] {
  const rows = world.store.events.get(callId) ?? [];
  return world.revision.tailWindow ? rows.slice(-limit) : rows.slice(0, limit);
}

export function findRun(world: World, userId: string, id: string): RunRow | undefined {
  world.store.guard("select", "external_agent_runs");
  const row = world.store.runs.get(parseUuid(id));
  if (row === undefined || row.user_id !== userId) return undefined;
  world.driver.catchUp();
  return row;
}

export type Body = Record<string, unknown>;

export function startRun(world: World, caller: Caller, key: string, body: Body): StartResult {
  const { userId } = caller;
  const repoId = trimmedOrNull(body.repoId);
  if (repoId === null) throw new Refusal(400, "BAD_REQUEST", "repoId is required");
  // The database and the start limiter accept more spellings of a UUID than this check.
  if (!isUuid(repoId)) throw new Refusal(404, "NOT_FOUND", "Repo not found");
  world.store.guard("select", "repos");
  const repo = world.store.repos.get(parseUuid(repoId));
  if (repo === undefined || repo.userId !== userId) throw new Refusal(404, "NOT_FOUND", "Repo not found");
  const { start, requestHash } = normalizeStart(body, repo, key, world.revision);

  const existing = findByKey(world, userId, key);
  if (existing !== undefined) return replay(world, existing, requestHash);
  const sandbox = findLiveSandbox(world, userId, repo.id, start);
  const call = insertCall(world, userId, start);
  let row: RunRow;
  try {
    row = insertRun(world, {
      id: crypto.randomUUID(),
      user_id: userId,
      repo_id: repo.id,
      ai_call_id: call.id,
      sandbox_record_id: sandbox?.id ?? null,
      sandbox_id: sandbox?.sandbox_id ?? null,
      idempotency_key: key,
      request_hash: requestHash,
      harness: start.harness,
      status: "pending",
      prompt: start.prompt,
      base_branch: start.baseBranch,
      working_branch: start.workingBranch,
      create_branch: start.createBranch,
      root_directory: start.rootDirectory,
      mode: start.mode,
      worktree_id: start.worktreeId,
      agent_id: start.agentId,
      terminal_commit_sha: null,
      runtime_provider: null,
      runtime_run_id: null,
      error: null,
    });
  } catch (error) {
    call.status = "failed";
    call.error = messageOf(error);
    const raced = findByKey(world, userId, key);
    if (raced !== undefined) return replay(world, raced, requestHash);
    throw error;
  }
  if (sandbox !== undefined) holdSandbox(world, row, sandbox);
  writeEvent(world, call.id, {
    type: "started",
    message: "External Mogplex run accepted",
    payload: { external_run_id: row.id, harness_id: row.harness, working_branch: row.working_branch },
  });
  queueRun(world, row);
  return { ...presentRun(world, row), replayed: false };
}

export function trimmedOrNull(value: unknown): string | null {
  if (typeof value !== "string") return null;
  const trimmed = value.trim();
  return trimmed === "" ? null : trimmed;
}

interface NormalizedStart {
  /** The id as the client sent it, because the spelling of the id affects the hash. */
  repoId: string;
  prompt: string;
  harness: string;
  baseBranch: string;
  workingBranch: string;
  createBranch: boolean;
  rootDirectory: string | null;
  conversationId: string | null;
  workspaceSessionId: string | null;
  mode: string | null;
  worktreeId: string | null;
  agentId: string | null;
}

/** The contract defines the order of the checks, the defaults, and the values that are treated as absent. */
function normalizeStart(
  body: Body,
  repo: RepoRow,
  key: string,
  revision: Revision,
): { start: NormalizedStart; requestHash: string } {
  const prompt = trimmedOrNull(body.prompt);
  if (prompt === null) throw bad("Prompt is required");
  if (prompt.length > MAX_PROMPT_LENGTH) throw bad("Prompt is too long");
  const harness = readHarness(body, revision);
  const baseBranch = readBranch(
    trimmedOrNull(body.baseBranch) ?? trimmedOrNull(repo.default_branch) ?? "main",
    "base branch",
  );
  const createBranch = body.createBranch === true;
  const hashed = {
    repoId: trimmedOrNull(body.repoId) ?? "",
    prompt,
    harness,
    baseBranch,
    createBranch,
    rootDirectory: readRoot(body.rootDirectory, repo.root_directory),
    conversationId: trimmedOrNull(body.conversationId),
    workspaceSessionId: trimmedOrNull(body.workspaceSessionId),
    mode: readMode(body.mode, revision),
    ...(revision.extraRunFields ? { worktreeId: trimmedOrNull(body.worktreeId) } : {}),
  };
  const branchName = trimmedOrNull(body.workingBranch) ??
    (createBranch ? generatedBranch(key, sha256Hex(canonicalJson(hashed))) : baseBranch);
  const workingBranch = readBranch(branchName, "working branch");
  if (createBranch && workingBranch === baseBranch) {
    throw bad("Working branch must differ from base branch when createBranch is true");
  }
  return {
    start: {
      ...hashed,
      workingBranch,
      worktreeId: trimmedOrNull(body.worktreeId),
      agentId: trimmedOrNull(body.agentId),
    },
    requestHash: sha256Hex(canonicalJson({ ...hashed, workingBranch })),
  };
}

const bad = (message: string) => new Refusal(400, "BAD_REQUEST", message);

function readHarness(body: Body, revision: Revision): string {
  const harness = trimmedOrNull(body.harness) ?? "codex";
  const harnesses: readonly string[] = revision.mogplexHarness ? HARNESSES : BASE_HARNESSES;
  if (!harnesses.includes(harness)) throw bad("Invalid harness");
  const isOwnBranch = body.createBranch === true && body.mode === undefined && body.worktreeId === undefined;
  if (harness === "mogplex" && !isOwnBranch) throw bad("Invalid harness");
  return harness;
}

function readBranch(name: string, label: string): string {
  if (name === "@" || branchProblem(name) !== undefined) throw bad(`Invalid ${label}`);
  return name;
}

function readRoot(value: unknown, stored: string | null): string | null {
  if (value === undefined) return stored;
  if (value === null) return null;
  const result = typeof value === "string" ? normalizeRoot(value) : undefined;
  if (!result?.ok) throw bad("Invalid root directory");
  return result.root;
}

// Modes that older clients send. Source: API reference, "Start request" of later revisions.
const LEGACY_MODES = ["single", "multi_agent", "council", "review", "test", "repair"];

function readMode(value: unknown, revision: Revision): string | null {
  const mode = trimmedOrNull(value);
  if (!revision.checksMode || value === undefined || value === null || (mode === null && value === "")) return mode;
  if (mode === null && typeof value === "string") return null;
  const upper = mode?.toUpperCase() ?? "";
  if ((MODES as readonly string[]).includes(upper)) return upper;
  if (mode !== null && LEGACY_MODES.includes(mode)) return mode;
  throw bad(`mode must be one of ${MODES.join(", ")} (got ${JSON.stringify(value)})`);
}

function findByKey(world: World, userId: string, key: string): RunRow | undefined {
  world.store.guard("select", "external_agent_runs");
  world.driver.catchUp();
  return world.store.runs.get(world.store.runKeys.get(`${userId} ${key}`) ?? "");
}

function replay(world: World, row: RunRow, requestHash: string): StartResult {
  if (row.request_hash !== requestHash) {
    throw new Refusal(409, "IDEMPOTENCY_CONFLICT", "Idempotency key already used for a different request");
  }
  return { ...presentRun(world, row), replayed: true };
}

export function presentRun(world: World, row: RunRow): Run {
  const extra = world.revision.extraRunFields
    ? {
      worktreeId: row.worktree_id,
      agentId: row.agent_id,
      mode: row.mode,
      terminalCommitSha: row.terminal_commit_sha,
    }
    : {};
  return {
    runId: row.id,
    aiCallId: row.ai_call_id,
    sandboxRecordId: row.sandbox_record_id,
    sandboxId: row.sandbox_id,
    repoId: row.repo_id,
    harness: row.harness,
    status: row.status,
    branch: { base: row.base_branch, working: row.working_branch, createBranch: row.create_branch },
    rootDirectory: row.root_directory,
    eventsUrl: `/api/v1/mogplex/runs/${row.id}/events`,
    cancelUrl: `/api/v1/mogplex/runs/${row.id}/cancel`,
    createdAt: formatTimestamp(row.created_at),
    updatedAt: formatTimestamp(row.updated_at),
    error: row.error,
    runtime: { provider: row.runtime_provider, runId: row.runtime_run_id },
    ...extra,
  };
}

function findLiveSandbox(world: World, userId: string, repoId: string, start: NormalizedStart): SandboxRow | undefined {
  world.store.guard("select", "sandboxes");
  const fitting = liveSandboxes(world, userId).filter((sandbox) =>
    sandbox.repo_id === repoId && sandbox.working_branch === start.workingBranch &&
    sandbox.root_directory === start.rootDirectory
  );
  return fitting.sort((a, b) => b.created_at - a.created_at)[0];
}

function insertCall(world: World, userId: string, start: NormalizedStart): CallRow {
  world.store.guard("insert", "ai_calls");
  for (const text of [start.conversationId, start.workspaceSessionId]) storeText(text);
  if (start.rootDirectory?.isWellFormed() === false) throw new DatabaseError("invalid input syntax for type json");
  const call: CallRow = {
    id: crypto.randomUUID(),
    user_id: userId,
    status: "pending",
    error: null,
    runtime_command_id: null,
    control_state: "active",
    cancel_requested_at: null,
  };
  world.store.calls.set(call.id, call);
  return call;
}

function insertRun(world: World, row: Omit<RunRow, "created_at" | "updated_at" | "version">): RunRow {
  world.store.guard("insert", "external_agent_runs");
  for (const text of [row.prompt, row.mode, row.worktree_id, row.agent_id]) storeText(text);
  const key = `${row.user_id} ${row.idempotency_key}`;
  if (world.store.runKeys.has(key)) throw new DatabaseError("duplicate key value violates unique constraint");
  const now = world.clock.stamp();
  const stored: RunRow = { ...row, created_at: now, updated_at: now, version: 0 };
  world.store.runs.set(stored.id, stored);
  world.store.runKeys.set(key, stored.id);
  return stored;
}

function queueRun(world: World, row: RunRow): void {
  let handle: string | null;
  try {
    handle = queueWork(world.around);
    world.driver.queued(row);
  } catch (error) {
    // The caller gets a 500, but the run stays in the database as failed.
    updateRun(world, row, { status: "failed", error: messageOf(error) });
    throw error;
  }
  updateRun(world, row, { runtime_provider: "trigger", runtime_run_id: handle });
}

export function updateRun(world: World, row: RunRow, change: Partial<RunRow>): void {
  world.store.guard("update", "external_agent_runs");
  Object.assign(row, change, { updated_at: world.clock.stamp(), version: row.version + 1 });
  if (isTerminal(row.status)) releaseSandbox(world, row);
}

const answers = new WeakMap<RunRow, Map<number, CachedEvents>>();

interface CachedEvents {
  version: number;
  rows: unknown;
  text: string;
}

/** Cached for each state of a run, because many followers read the same few runs. */
export function eventsBody(world: World, row: RunRow, limit: number): string {
  world.store.guard("select", "ai_call_events");
  const rows = world.store.events.get(row.ai_call_id);
  const cache = answers.get(row) ?? new Map<number, CachedEvents>();
  answers.set(row, cache);
  const cached = cache.get(limit);
  if (cached !== undefined && cached.version === row.version && cached.rows === rows) return cached.text;
  const events = eventWindow(world, row.ai_call_id, limit).map((event) => event.json).join(",");
  const text = `{"ok":true,"data":{"run":${JSON.stringify(presentRun(world, row))},"events":[${events}]}}`;
  cache.set(limit, { version: row.version, rows, text });
  return text;
}

const EVENT_OF: ReadonlyMap<string, string> = new Map([["success", "finished"], ["cancelled", "cancelled"]]);

/** Later revisions end a run whose worker died. Source: API reference, "Event types". */
export function repairRun(world: World, run: RunRow): void {
  if (!world.revision.repairsRuns || !isOrphaned(world, run)) return;
  const end = endOf(world, run);
  const call = world.store.calls.get(run.ai_call_id);
  if (call !== undefined && !isTerminal(call.status)) Object.assign(call, { ...end, runtime_command_id: null });
  updateRun(world, run, end);
  writeEvent(world, run.ai_call_id, {
    type: EVENT_OF.get(end.status) ?? "failed",
    message: "Agent worker completion reconciled",
    payload: { external_run_id: run.id, runtime_run_id: run.runtime_run_id, error: end.error },
  });
}

// A live worker sends a heartbeat at least every 15 minutes. Source: API reference, "Event types", "Worker heartbeat".
const MAX_SILENCE_MICROS = 15 * 60_000_000;

function isOrphaned(world: World, run: RunRow): boolean {
  if (isTerminal(run.status) || run.status === "awaiting_input") return false;
  const worker = world.driver.worker?.(run);
  if (worker === "working") return false;
  const call = world.store.calls.get(run.ai_call_id);
  if (call !== undefined && isTerminal(call.status)) return true;
  return worker === "dead" && run.status === "streaming" && silenceOf(world, run) >= MAX_SILENCE_MICROS;
}

function silenceOf(world: World, run: RunRow): number {
  const last = world.store.events.get(run.ai_call_id)?.at(-1)?.created_at ?? 0;
  return world.clock.wallMs() * 1_000 - Math.max(run.updated_at, last);
}

const DEAD = "The agent worker stopped before the run was finished";

function endOf(world: World, run: RunRow): { status: string; error: string | null } {
  const call = world.store.calls.get(run.ai_call_id);
  if (call !== undefined && isTerminal(call.status)) return { status: call.status, error: call.error };
  const last = (world.store.events.get(run.ai_call_id) ?? []).findLast(isTerminalEvent);
  if (last?.event_type === "finished") return { status: "success", error: null };
  if (last?.event_type === "cancelled") return { status: "cancelled", error: null };
  return { status: "failed", error: DEAD };
}

// Cancellation executes the same sequence of database statements as the service. If a statement fails, the run stays partly cancelled.

export function cancelRun(world: World, userId: string, id: string): CancelResult | undefined {
  const run = findRun(world, userId, id);
  if (run === undefined) return undefined;
  const result = (alreadyTerminal: boolean): CancelResult => ({
    run: presentRun(world, run),
    status: run.status,
    alreadyTerminal,
  });
  if (isTerminal(run.status)) return result(true);

  const call = findCall(world, run);
  if (call === undefined) throw conflict(409, "Run state is inconsistent");
  if (!isActive(call.status) && run.status !== "awaiting_input") {
    syncRun(world, run, call);
    return result(true);
  }
  if (run.status === "awaiting_input") {
    call.status = "pending";
    call.control_state = "active";
  }
  const requested = call.control_state !== "active";
  const command = call.runtime_command_id;
  const payload = { external_run_id: run.id, runtime_command_id: command };
  if (!requested) {
    const at = new Date(world.clock.wallMs()).toISOString();
    if (!requestCancellation(world, call, call.cancel_requested_at ?? at)) {
      throw conflict(409, "Run is no longer active");
    }
    writeEvent(world, call.id, { type: "cancel_requested", message: "Cancellation requested", payload });
  }
  if (command !== null) {
    try {
      killCommand(world, run);
    } catch (error) {
      if (!world.revision.ignoresKillFailures) throw error;
    }
  }
  finaliseCall(world, call);
  if (isTerminal(call.status)) syncRun(world, run, call);
  if (call.status === "cancelled" && run.status === "cancelled") {
    writeEvent(world, call.id, { type: "cancelled", message: "External Mogplex run cancelled", payload });
  }
  return result(false);
}

function findCall(world: World, run: RunRow): CallRow | undefined {
  world.store.guard("select", "ai_calls");
  return world.store.calls.get(run.ai_call_id);
}

const conflict = (status: 403 | 404 | 409 | 500, message: string) => new Refusal(status, "CONFLICT", message);

const isActive = (status: string) => status === "pending" || status === "streaming" || status === "awaiting_input";

function syncRun(world: World, run: RunRow, call: CallRow): void {
  if (isActive(run.status)) updateRun(world, run, { status: call.status, error: call.error });
  else world.store.guard("update", "external_agent_runs");
}

function requestCancellation(world: World, call: CallRow, at: string): boolean {
  world.store.guard("update", "ai_calls");
  if (!isActive(call.status)) return false;
  call.control_state = "cancel_requested";
  call.cancel_requested_at = at;
  return true;
}

const NO_ACCESS =
  "Hosted sandbox compute requires a positive billing balance. Add funds or choose a plan in Settings > Billing.";

function killCommand(world: World, run: RunRow): void {
  if (run.sandbox_record_id === null) throw new Refusal(400, "BAD_REQUEST", "Run has no sandbox metadata");
  const sandbox = findSandbox(world, run);
  if (sandbox === undefined) throw conflict(404, "Not found");
  if (!world.store.users.get(run.user_id)?.hostedSandboxAccess) throw conflict(403, NO_ACCESS);
  if (sandbox.sandbox_id === "pending") throw conflict(409, "Sandbox is not ready");
  switch (world.around.sandboxMode) {
    case "gone":
      throw conflict(500, "provider: sandbox VM is gone");
    case "nocommand":
      throw new Error("provider: command not found");
    case "killfail":
      throw new Error("provider: kill failed");
    case "ok":
      world.driver.kill(run);
  }
}

/** If the database fails, the sandbox is treated as missing, as in the service. */
function findSandbox(world: World, run: RunRow): SandboxRow | undefined {
  try {
    world.store.guard("select", "sandboxes");
    const sandbox = world.store.sandboxes.get(parseUuid(run.sandbox_record_id ?? ""));
    return sandbox?.userId === run.user_id ? sandbox : undefined;
  } catch {
    return undefined;
  }
}

function finaliseCall(world: World, call: CallRow): void {
  world.store.guard("update", "ai_calls");
  if (!isActive(call.status) || call.control_state === "cancelled") {
    world.store.guard("select", "ai_calls");
    return;
  }
  call.status = "cancelled";
  call.error = null;
  call.control_state = "cancelled";
}

/**
 * The run table: starts a run, looks one up, and reads its events.
 *
 * @module
 */
import { messageOf } from "../../error_sentence.ts";
import { isTerminal, isUuid } from "../../api/contract/rules.ts";
import type { Run, StartResult } from "../../model.ts";
import type { Caller } from "./caller.ts";
import { eventWindow, writeEvent } from "./events.ts";
import { DatabaseError, formatTimestamp, parseUuid, storeText } from "../state/postgres.ts";
import { Refusal } from "./refusal.ts";
import { holdSandbox, liveSandboxes, releaseSandbox } from "./sandboxes.ts";
import type { CallRow, RunRow, SandboxRow } from "../state/rows.ts";
import { type Body, type NormalisedStart, normaliseStart, trimmedOrNull } from "./start_request.ts";
import { queueWork, type World } from "../state/world.ts";

/** The run in the form of the API. */
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

/** Changes the record of a run, and its `updatedAt`. A run that has ended gives up its sandbox. */
export function updateRun(world: World, row: RunRow, change: Partial<RunRow>): void {
  world.store.guard("update", "external_agent_runs");
  Object.assign(row, change, { updated_at: world.clock.stamp(), version: row.version + 1 });
  if (isTerminal(row.status)) releaseSandbox(world, row);
}

/**
 * Finds a run of a user and brings it to its state of this moment.
 *
 * @returns Undefined if there is no such run, or if it belongs to another user.
 * @throws {DatabaseError} for an id that is not a UUID, or an injected failure.
 */
export function findRun(world: World, userId: string, id: string): RunRow | undefined {
  world.store.guard("select", "external_agent_runs");
  const row = world.store.runs.get(parseUuid(id));
  if (row === undefined || row.user_id !== userId) return undefined;
  world.driver.catchUp();
  return row;
}

function findByKey(world: World, userId: string, key: string): RunRow | undefined {
  world.store.guard("select", "external_agent_runs");
  world.driver.catchUp();
  return world.store.runs.get(world.store.runKeys.get(`${userId} ${key}`) ?? "");
}

function findLiveSandbox(world: World, userId: string, repoId: string, start: NormalisedStart): SandboxRow | undefined {
  world.store.guard("select", "sandboxes");
  const fitting = liveSandboxes(world, userId).filter((sandbox) =>
    sandbox.repo_id === repoId && sandbox.working_branch === start.workingBranch &&
    sandbox.root_directory === start.rootDirectory
  );
  return fitting.sort((a, b) => b.created_at - a.created_at)[0];
}

function replay(world: World, row: RunRow, requestHash: string): StartResult {
  if (row.request_hash !== requestHash) {
    throw new Refusal(409, "IDEMPOTENCY_CONFLICT", "Idempotency key already used for a different request");
  }
  return { ...presentRun(world, row), replayed: true };
}

function insertCall(world: World, userId: string, start: NormalisedStart): CallRow {
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
    // The caller gets a 500, and the failed run stays behind.
    updateRun(world, row, { status: "failed", error: messageOf(error) });
    throw error;
  }
  updateRun(world, row, { runtime_provider: "trigger", runtime_run_id: handle });
}

/**
 * Starts a run, or returns the run that has the same key.
 *
 * @param body Parsed JSON.
 * @throws {Refusal} if the API refuses the request.
 * @throws {DatabaseError | QueueError} for a 500, which may leave a run behind.
 */
export function startRun(world: World, caller: Caller, key: string, body: Body): StartResult {
  const { userId } = caller;
  const repoId = trimmedOrNull(body.repoId);
  if (repoId === null) throw new Refusal(400, "BAD_REQUEST", "repoId is required");
  // The database takes further spellings of an id, so the limiter lets them pass. This check does not.
  if (!isUuid(repoId)) throw new Refusal(404, "NOT_FOUND", "Repo not found");
  world.store.guard("select", "repos");
  const repo = world.store.repos.get(parseUuid(repoId));
  if (repo === undefined || repo.userId !== userId) throw new Refusal(404, "NOT_FOUND", "Repo not found");
  const { start, requestHash } = normaliseStart(body, repo, key, world.revision);

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

interface CachedEvents {
  version: number;
  rows: unknown;
  text: string;
}

const answers = new WeakMap<RunRow, Map<number, CachedEvents>>();

/**
 * Body of the events answer. It is made once for each state of a run, since many followers ask for the same few runs.
 *
 * @param limit 1 to 200.
 */
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

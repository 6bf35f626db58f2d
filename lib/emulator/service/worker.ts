/**
 * The steps of the service's worker, which every agent of the emulator takes: sandbox up, events, the end of a call and of a run.
 *
 * @module
 */
import { isTerminal } from "../../service/contract.ts";
import type { CallRow, RunRow } from "../state/store.ts";
import type { World } from "../state/world.ts";
import { fallbackBranch } from "./hash.ts";
import { insertEvent, type NewEvent, updateRun, writeEvent } from "./runs.ts";
import { bootSandbox } from "./sandboxes.ts";

/** The inner call of a run; undefined if a control action deleted it. */
export function callOf(world: World, run: RunRow): CallRow | undefined {
  return world.store.calls.get(run.ai_call_id);
}

/** Writes an event as the worker does: with its payload cleaned. */
export function report(world: World, run: RunRow, event: NewEvent): void {
  const isNative = world.revision.nativeEvents && run.harness === "mogplex";
  const written = isNative ? nativeEvent(event) : event;
  if (written !== undefined) writeEvent(world, run.ai_call_id, written);
}

export function reportVerbatim(world: World, run: RunRow, event: NewEvent): void {
  insertEvent(world, run.ai_call_id, event);
}

/** Ends a run as failed: first the row, then the last event. */
export function failRun(world: World, run: RunRow, error: string): void {
  updateRun(world, run, { status: "failed", error });
  report(world, run, { type: "failed", message: "External Mogplex run failed", payload: { error } });
}

export function setStatus(world: World, run: RunRow, status: string, error: string | null): void {
  updateRun(world, run, { status, error });
}

export function closeCall(world: World, run: RunRow, status: string, error: string | null): void {
  const call = callOf(world, run);
  if (call === undefined || isTerminal(call.status)) return;
  Object.assign(call, { status, error, runtime_command_id: null });
}

/** Continues a paused run: it gets a new inner call, and with it an empty list of events. */
export function resumeRun(world: World, run: RunRow): void {
  const before = callOf(world, run);
  if (before === undefined) return;
  const call: CallRow = {
    ...before,
    id: crypto.randomUUID(),
    status: "pending",
    error: null,
    runtime_command_id: null,
  };
  world.store.calls.set(call.id, call);
  updateRun(world, run, { ai_call_id: call.id, status: "streaming", error: null });
}

export function startCommand(world: World, run: RunRow, commandId: string): void {
  const call = callOf(world, run);
  if (call !== undefined) Object.assign(call, { status: "streaming", runtime_command_id: commandId });
}

// Source: API reference, "Other limits".
const TOO_MANY_SANDBOXES = "Too many active sandboxes";

/**
 * Records that the sandbox of a run is up. A run that got none, since its user had too many, fails instead.
 *
 * In the base the worker does not read the row: it revives a run that was cancelled while its sandbox booted, and then fails it,
 * since its call has ended. Source: API reference, "Statuses and transitions".
 *
 * @returns Whether the agent can start.
 */
export function sandboxUp(world: World, run: RunRow, sandboxId: string): boolean {
  if (isTerminal(run.status) && (run.status !== "cancelled" || world.revision.keepsCancelled)) return false;
  const record = bootSandbox(world, run, sandboxId);
  if (record === undefined) {
    closeCall(world, run, "failed", TOO_MANY_SANDBOXES);
    failRun(world, run, TOO_MANY_SANDBOXES);
    return false;
  }
  const fields = { sandbox_record_id: record.id, sandbox_id: record.sandbox_id, status: "streaming", error: null };
  updateRun(world, run, fields);
  if (callOf(world, run)?.status === "pending") return true;
  failRun(world, run, "ai_call is not pending");
  return false;
}

/**
 * Branch that the agent really works on: never the base branch, and never a branch that should exist and does not.
 *
 * @param exists Whether the repository has a branch. @default a repository without branches
 */
export function agentBranch(run: RunRow, exists: (branch: string) => boolean = () => false): string {
  const usable = run.working_branch !== run.base_branch && (run.create_branch || exists(run.working_branch));
  return usable ? run.working_branch : fallbackBranch(run.ai_call_id);
}

/** The file that a prompt asks for as the result of the run; undefined if it asks for none. The words are the client's. */
export function resultPathIn(prompt: string): string | undefined {
  return [...prompt.matchAll(/as JSON to the file "([^"\n]+)"/g)].at(-1)?.[1];
}

/**
 * Turns an event of another harness into the one that the harness `mogplex` writes in its place.
 *
 * @returns Undefined for an event that it does not write.
 * Source: contract notes of November 2026, harness `mogplex`.
 */
function nativeEvent(event: NewEvent): NewEvent | undefined {
  const payload = isRecord(event.payload) ? event.payload : {};
  const isHarness = event.message?.startsWith("Harness ") === true;
  switch (event.type) {
    case "started":
      return isHarness ? { ...event, message: "Mogplex agent run started" } : event;
    case "finished":
      return { ...event, payload: {} };
    case "failed":
      return isHarness ? { ...event, message: errorOf(payload) ?? event.message } : event;
    case "tool_started":
    case "tool_finished": {
      const { kind: _kind, state: _state, ...rest } = payload;
      return { ...event, payload: rest };
    }
    case "log":
      if (payload.stage === "git_delivery") return undefined;
      return payload.kind === "assistant_delta" ? { ...event, payload: { ...payload, kind: "run_progress" } } : event;
    default:
      return event;
  }
}

function errorOf(payload: Record<string, unknown>): string | undefined {
  if (typeof payload.error === "string") return payload.error;
  return typeof payload.exit_code === "number" ? `Agent run exited with code ${payload.exit_code}.` : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

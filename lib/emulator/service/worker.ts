import { isTerminal } from "../../service/contract.ts";
import type { CallRow, RunRow } from "../state/store.ts";
import type { World } from "../state/world.ts";
import { fallbackBranch } from "./hash.ts";
import { insertEvent, type NewEvent, updateRun, writeEvent } from "./runs.ts";
import { bootSandbox } from "./sandboxes.ts";

/** `undefined` if a control action deleted the inner call. */
export function callOf(world: World, run: RunRow): CallRow | undefined {
  return world.store.calls.get(run.ai_call_id);
}

export function report(world: World, run: RunRow, event: NewEvent): void {
  const isNative = world.revision.nativeEvents && run.harness === "mogplex";
  const written = isNative ? nativeEvent(event) : event;
  if (written !== undefined) writeEvent(world, run.ai_call_id, written);
}

export function reportVerbatim(world: World, run: RunRow, event: NewEvent): void {
  insertEvent(world, run.ai_call_id, event);
}

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
 * In the base revision, the worker does not check whether the run was cancelled while its sandbox booted. The worker sets the run to `streaming`, and
 * then fails the run because its call has ended. Source: API reference, "Statuses and transitions".
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

export function agentBranch(run: RunRow, exists: (branch: string) => boolean = () => false): string {
  const usable = run.working_branch !== run.base_branch && (run.create_branch || exists(run.working_branch));
  return usable ? run.working_branch : fallbackBranch(run.ai_call_id);
}

/** The client writes this phrase into prompts: see `lib/result/task.ts`. */
export function resultPathIn(prompt: string): string | undefined {
  return [...prompt.matchAll(/as JSON to the file "([^"\n]+)"/g)].at(-1)?.[1];
}

/** The harness `mogplex` does not write the same events as the other harnesses. Source: contract notes of November 2026, harness `mogplex`. */
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

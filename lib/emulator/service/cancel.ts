/**
 * Cancels a run, statement by statement as the service does. Any statement can fail and then leaves the run half cancelled.
 *
 * @module
 */
import { isTerminal } from "../../api/contract/rules.ts";
import type { CancelResult } from "../../model.ts";
import { writeEvent } from "./events.ts";
import { parseUuid } from "../state/postgres.ts";
import { Refusal } from "./refusal.ts";
import type { CallRow, RunRow, SandboxRow } from "../state/rows.ts";
import { findRun, presentRun, updateRun } from "./runs.ts";
import type { World } from "../state/world.ts";

const NO_ACCESS =
  "Hosted sandbox compute requires a positive billing balance. Add funds or choose a plan in Settings > Billing.";

const isActive = (status: string) => status === "pending" || status === "streaming" || status === "awaiting_input";

const conflict = (status: 403 | 404 | 409 | 500, message: string) => new Refusal(status, "CONFLICT", message);

function findCall(world: World, run: RunRow): CallRow | undefined {
  world.store.guard("select", "ai_calls");
  return world.store.calls.get(run.ai_call_id);
}

/** The sandbox record of a run. A database error looks like a missing record. */
function findSandbox(world: World, run: RunRow): SandboxRow | undefined {
  try {
    world.store.guard("select", "sandboxes");
    const sandbox = world.store.sandboxes.get(parseUuid(run.sandbox_record_id ?? ""));
    return sandbox?.userId === run.user_id ? sandbox : undefined;
  } catch {
    return undefined;
  }
}

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

/** Copies the status of a finished call into the run, unless the run has ended as well. */
function syncRun(world: World, run: RunRow, call: CallRow): void {
  if (isActive(run.status)) updateRun(world, run, { status: call.status, error: call.error });
  else world.store.guard("update", "external_agent_runs");
}

/** Marks the call as to be cancelled. @returns Whether it was still active. */
function requestCancellation(world: World, call: CallRow, at: string): boolean {
  world.store.guard("update", "ai_calls");
  if (!isActive(call.status)) return false;
  call.control_state = "cancel_requested";
  call.cancel_requested_at = at;
  return true;
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

/**
 * Cancels a run of a user.
 *
 * @returns Undefined if the user has no such run.
 * @throws {Refusal} with the service's status and code.
 * @throws any other error for a 500. The request for cancellation may stand all the same.
 */
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

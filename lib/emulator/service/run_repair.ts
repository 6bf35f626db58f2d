/**
 * Repairs a run whose worker died, in later revisions.
 *
 * @module
 */
import { isTerminal } from "../../api/contract/rules.ts";
import { isTerminalEvent, writeEvent } from "./events.ts";
import { updateRun } from "./runs.ts";
import type { RunRow } from "../state/rows.ts";
import type { World } from "../state/world.ts";

const DEAD = "The agent worker stopped before the run was finished";

// A worker that lives says so after 15 minutes at the latest. Source: API reference, "Event types", "Worker heartbeat".
const MAX_SILENCE_MICROS = 15 * 60_000_000;

/** Microseconds since the last sign of life of a run: a change of its record, or an event. */
function silenceOf(world: World, run: RunRow): number {
  const last = world.store.events.get(run.ai_call_id)?.at(-1)?.created_at ?? 0;
  return world.clock.wallMs() * 1_000 - Math.max(run.updated_at, last);
}

/**
 * Whether nothing works on a run any more although it has not ended: its inner call has ended, or its worker died and has been
 * silent for too long.
 */
function isOrphaned(world: World, run: RunRow): boolean {
  if (isTerminal(run.status) || run.status === "awaiting_input") return false;
  const worker = world.driver.worker?.(run);
  if (worker === "working") return false;
  const call = world.store.calls.get(run.ai_call_id);
  if (call !== undefined && isTerminal(call.status)) return true;
  return worker === "dead" && run.status === "streaming" && silenceOf(world, run) >= MAX_SILENCE_MICROS;
}

/** How a run ended, by its inner call or else by its last terminal event. A run without either has failed. */
function endOf(world: World, run: RunRow): { status: string; error: string | null } {
  const call = world.store.calls.get(run.ai_call_id);
  if (call !== undefined && isTerminal(call.status)) return { status: call.status, error: call.error };
  const last = (world.store.events.get(run.ai_call_id) ?? []).findLast(isTerminalEvent);
  if (last?.event_type === "finished") return { status: "success", error: null };
  if (last?.event_type === "cancelled") return { status: "cancelled", error: null };
  return { status: "failed", error: DEAD };
}

const EVENT_OF: ReadonlyMap<string, string> = new Map([["success", "finished"], ["cancelled", "cancelled"]]);

/** Closes a run whose worker died, as the service's supervisor does. Source: API reference, "Event types". */
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

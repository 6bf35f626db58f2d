/**
 * Chooses the driver of a run (the command of its harness, else the scenarios), and when a run gets to it.
 *
 * @module
 */
import { isTerminal } from "../../service/contract.ts";
import { fallbackBranch } from "../service/hash.ts";
import { insertEvent, type NewEvent, updateRun, writeEvent } from "../service/runs.ts";
import { bootSandbox } from "../service/sandboxes.ts";
import type { CallRow, RunRow } from "../state/store.ts";
import type { Driver, World } from "../state/world.ts";
import { nativeEvent } from "./native_events.ts";

// A command ends by itself, so that the moment of its end is not known.
const LOOK_AGAIN_MS = 250;

/**
 * Joins drivers into one.
 *
 * @param exec Drivers by harness. They take precedence.
 * @param script Driver of every other run.
 */
export function joinDrivers(exec: ReadonlyMap<string, Driver>, script: Driver): Driver {
  const of = (run: RunRow) => exec.get(run.harness) ?? script;
  const all = [...new Set([...exec.values(), script])];
  return {
    queued: (run) => of(run).queued(run),
    catchUp: () => all.forEach((driver) => driver.catchUp()),
    due: (run) => of(run).due?.(run),
    worker: (run) => of(run).worker?.(run),
    kill: (run) => of(run).kill(run),
    reset: () => all.forEach((driver) => driver.reset()),
    async close() {
      await Promise.all(all.map((driver) => driver.close()));
    },
  };
}

/**
 * Lets a user's runs wait, `pending`, while as many as the plan permits are worked on.
 *
 * @param slots Number of slots of each user; undefined for no limit.
 */
export function withRunSlots(world: World, driver: Driver, slots: number | undefined): Driver {
  return slots === undefined ? driver : slotDriver(world, driver, slots);
}

function slotDriver(world: World, driver: Driver, slots: number): Driver {
  const waiting = new Set<RunRow>();
  const working = new Set<RunRow>();
  const workingOf = (user: string) => [...working].filter((run) => run.user_id === user);

  function begin(run: RunRow): void {
    driver.queued(run);
    working.add(run);
  }

  /** Takes waiting runs, the oldest first. @returns Whether it took any. */
  function fill(): boolean {
    for (const run of [...waiting, ...working]) {
      if (isTerminal(run.status)) waiting.delete(run) || working.delete(run);
    }
    const next = [...waiting].filter((run) => workingOf(run.user_id).length < slots).at(0);
    if (next === undefined) return false;
    waiting.delete(next);
    begin(next);
    return true;
  }

  return {
    ...driver,
    queued(run) {
      while (fill());
      if (workingOf(run.user_id).length < slots) begin(run);
      else waiting.add(run);
    },
    catchUp() {
      do driver.catchUp(); while (fill());
    },
    due(run) {
      if (!waiting.has(run)) return driver.due?.(run);
      const ends = workingOf(run.user_id).map((each) => driver.due?.(each)).filter((at) => at !== undefined);
      return Math.min(world.clock.nowMs() + LOOK_AGAIN_MS, ...ends);
    },
    reset() {
      waiting.clear();
      working.clear();
      driver.reset();
    },
  };
}

// The steps of the service's worker. The script driver and the exec driver both use them.

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

/** Stores an event unchanged. */
export function reportVerbatim(world: World, run: RunRow, event: NewEvent): void {
  insertEvent(world, run.ai_call_id, event);
}

/** Ends a run as failed: first the row, then the last event. */
export function failRun(world: World, run: RunRow, error: string): void {
  updateRun(world, run, { status: "failed", error });
  report(world, run, { type: "failed", message: "External Mogplex run failed", payload: { error } });
}

/** Changes the status of the row. */
export function setStatus(world: World, run: RunRow, status: string, error: string | null): void {
  updateRun(world, run, { status, error });
}

/** Ends the inner call, unless it has ended. */
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

/** Records the process that runs for the call. */
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

/**
 * Control actions: things that happen behind the API. Names and arguments are those of `tests/conformance/FORMAT.md`.
 *
 * @module
 */
import { EVENT_TYPES, insertEvent, writeEvent } from "./service/events.ts";
import { InputError } from "./state/fixture.ts";
import { parseTimestamp, storeJson } from "./state/postgres.ts";
import type { CallRow, RunRow, StoreOperation } from "./state/rows.ts";
import { updateRun } from "./service/runs.ts";
import { isTerminal } from "../api/contract/rules.ts";
import { healthySurroundings, type SandboxMode, type World } from "./state/world.ts";

/** Arguments of a control action. */
export type ControlArguments = Record<string, unknown>;

type Action = (world: World, args: ControlArguments) => void;

function text(args: ControlArguments, name: string): string {
  const value = args[name];
  if (typeof value !== "string") throw new InputError(`Cannot run control action: "${name}" must be a text`);
  return value;
}

function count(args: ControlArguments, name: string): number {
  const value = args[name] ?? 1;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new InputError(`Cannot run control action: "${name}" must be a number`);
}

function fields(value: unknown, name: string): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new InputError(`Cannot run control action: "${name}" must be an object`);
}

const enabled = (args: ControlArguments) => args.enabled !== false;

const TIME_FIELD = /(?:_at|At)$/;

/** Overwrites fields of a record; texts in time fields are read as times. */
function overwrite(record: object, set: Record<string, unknown>): void {
  const known = Object.keys(record);
  const alias = (name: string) => {
    if (known.includes(name)) return name;
    const camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    return known.includes(camel) ? camel : name;
  };
  for (const [name, value] of Object.entries(set)) {
    const field = alias(name);
    const isTime = TIME_FIELD.test(field) && typeof value === "string";
    Object.assign(record, { [field]: isTime ? parseTimestamp(value) : value });
  }
}

/** Goes back to the fixture. */
function resetWorld(world: World): void {
  world.driver.reset();
  world.jobs.reset();
  world.feed.close();
  world.store.reset();
  world.requests.reset();
  world.starts.reset();
  Object.assign(world.around, healthySurroundings());
}

function setRun(world: World, args: ControlArguments): void {
  const run = world.store.anyRun(text(args, "runId"));
  const call = world.store.calls.get(run.ai_call_id);
  if (args.run !== undefined) {
    Object.assign(run, fields(args.run, "run"), { updated_at: world.clock.stamp(), version: run.version + 1 });
  }
  if (call !== undefined) Object.assign(call, fields(args.call, "call"));
  if (args.deleteCall === true) world.store.calls.delete(run.ai_call_id);
}

interface ScriptEvent {
  type?: string;
  toolName?: string | null;
  message?: string | null;
  payload?: unknown;
  createdAt?: string;
}

function eventList(value: unknown): ScriptEvent[] {
  if (!Array.isArray(value)) throw new InputError(`Cannot run control action: "events" must be a list`);
  return value.map((event) => fields(event, "events") as ScriptEvent);
}

function appendEvents(world: World, args: ControlArguments): void {
  const run = world.store.anyRun(text(args, "runId"));
  let last = world.clock.stamp() - 1_000;
  for (const { type = "log", createdAt, ...event } of eventList(args.events)) {
    if (!(EVENT_TYPES as readonly string[]).includes(type)) {
      throw new InputError(`Cannot append event: unknown type "${type}"`);
    }
    last = Math.max(world.clock.stamp(), last + 1_000);
    const at = createdAt === undefined ? last : parseTimestamp(createdAt);
    if (args.via === "writer") writeEvent(world, run.ai_call_id, { type, ...event, createdAt: at });
    else insertEvent(world, run.ai_call_id, { type, ...event, createdAt: at });
  }
}

function fail(world: World, run: RunRow, message: string): void {
  updateRun(world, run, { status: "failed", error: message });
  writeEvent(world, run.ai_call_id, {
    type: "failed",
    message: "External Mogplex run failed",
    payload: { error: message },
  });
}

/** Lets the worker run a job to its end at once. */
function execute(world: World, args: ControlArguments): void {
  const run = world.store.anyRun(text(args, "runId"));
  if (isTerminal(run.status)) return;
  const script = fields(args.script, "script");
  if (typeof script.launchError === "string") return fail(world, run, script.launchError);
  updateRun(world, run, {
    sandbox_record_id: script.sandboxRecordId as string ?? null,
    sandbox_id: script.sandboxId as string ?? null,
    status: "streaming",
    error: null,
  });
  for (const { type = "log", ...event } of eventList(script.events ?? [])) {
    writeEvent(world, run.ai_call_id, { type, ...event, createdAt: undefined });
  }
  if (typeof script.harnessError === "string") return fail(world, run, script.harnessError);
  const call: CallRow | undefined = world.store.calls.get(run.ai_call_id);
  if (call !== undefined && typeof script.finish === "string") call.status = script.finish;
  updateRun(world, run, { status: call?.status ?? "failed", error: call?.error ?? null });
}

const SECOND = 1_000_000;

function bulk(world: World, args: ControlArguments): void {
  const what = text(args, "what");
  const userId = world.store.userId(text(args, "user"));
  const start = parseTimestamp("2026-01-01T00:00:00+00:00");
  const { store } = world;
  const repo = [...store.repos.values()].find((candidate) => candidate.userId === userId);
  for (let index = 0; index < count(args, "count"); index++) {
    const number = String(index).padStart(3, "0");
    const id = crypto.randomUUID();
    const at = start + index * SECOND;
    switch (what) {
      case "repos":
        store.repos.set(id, {
          id,
          key: id,
          userId,
          full_name: `bulk/repo-${number}`,
          installation_id: 101,
          default_branch: "main",
          root_directory: null,
          hidden: false,
        });
        break;
      case "sandboxes":
        store.sandboxes.set(id, {
          id,
          key: id,
          userId,
          sandbox_id: `sbx_bulk_${number}`,
          repo_id: repo?.id ?? "",
          status: "stopped",
          base_branch: "main",
          working_branch: "main",
          root_directory: null,
          preview_url: null,
          created_at: start,
          last_active_at: at,
          error: null,
          install_log: null,
          dev_log: null,
        });
        break;
      case "automations":
        store.automations.set(id, {
          id,
          key: id,
          userId,
          installationId: 101,
          name: `Bulk ${number}`,
          description: null,
          notes: null,
          status: "inactive",
          publishedVersion: null,
          startEvent: "push",
          createdAt: at,
          updatedAt: at,
        });
        break;
      case "lifecycleEvents":
        store.lifecycle.push({
          id,
          userId,
          sandboxId: text(args, "sandboxId"),
          event_type: "tab_attached",
          decision_code: null,
          worker_run_id: null,
          payload: storeJson({ n: index }),
          created_at: at,
        });
        break;
      default:
        throw new InputError(`Cannot add records: unknown kind "${what}"`);
    }
  }
}

function required<T>(record: T | undefined, id: string): T {
  if (record === undefined) throw new InputError(`Cannot overwrite record: nothing has the id "${id}"`);
  return record;
}

/** Every action but those that concern faults. */
export const ACTIONS: Readonly<Record<string, Action>> = {
  reset: resetWorld,
  gate(world, args) {
    world.around.gate = enabled(args);
  },
  advanceClock(world, args) {
    world.clock.advance(count(args, "seconds") * 1_000);
  },
  setRun,
  appendEvents,
  execute,
  failStore(world, args) {
    const table = text(args, "table");
    world.store.failNext(text(args, "op") as StoreOperation, table, count(args, "times"));
  },
  failLimiter(world, args) {
    world.around.limiterFailures = count(args, "times");
  },
  failQueue(world, args) {
    world.around.queueFailures = count(args, "times");
    if (args.message !== undefined) world.around.queueMessage = text(args, "message");
  },
  queueNullId(world, args) {
    world.around.queueWithoutHandle = enabled(args);
  },
  failListener(world, args) {
    world.around.listenerDown = enabled(args);
  },
  sandboxMode(world, args) {
    world.around.sandboxMode = text(args, "mode") as SandboxMode;
  },
  setToken(world, args) {
    overwrite(world.store.tokenByKey(text(args, "token")), fields(args.set, "set"));
  },
  setRepo(world, args) {
    const id = text(args, "id");
    overwrite(required(world.store.repos.get(id), id), fields(args.set, "set"));
  },
  setSandbox(world, args) {
    const id = text(args, "id");
    overwrite(required(world.store.sandboxes.get(id), id), fields(args.set, "set"));
  },
  setAutomationRun(world, args) {
    const id = text(args, "id");
    overwrite(required(world.store.jobs.get(id), id), fields(args.set, "set"));
  },
  bulk,
  // The emulator pages as the code intends; there is nothing to repair.
  cursorFix: () => {},
};

/**
 * Control actions: changes of the emulator's state from outside the API. `tests/conformance/FORMAT.md` describes names and
 * arguments.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { lookup } from "../../lookup.ts";
import { nearest } from "../../nearest.ts";
import { checkOptions } from "../../check_options.ts";
import { isTerminal } from "../../service/contract.ts";
import { storedFile } from "../state/contents.ts";
import { randomToken } from "../state/fixture.ts";
import { parseTimestamp } from "../state/postgres.ts";
import { addBulk, type RepoRow, splitScopes, type StoreOperation } from "../state/store.ts";
import { type FilesMode, healthySurroundings, type SandboxMode, scriptedContents, type World } from "../state/world.ts";
import { EVENT_TYPES, insertEvent, updateRun, writeEvent } from "./runs.ts";
import { releaseSandbox } from "./sandboxes.ts";
import { failRun } from "./worker.ts";

export type ControlArguments = Record<string, unknown>;

/** What a control action made: `{ token }` for `addToken`. */
export type ControlResult = Readonly<Record<string, unknown>>;

type Action = (world: World, args: ControlArguments) => ControlResult | void;

/** Every action but those about faults, which the emulator itself keeps. */
const ACTIONS: Readonly<Record<string, Action>> = {
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
  filesMode(world, args) {
    world.around.files = text(args, "mode") as FilesMode;
  },
  commitFile(world, args) {
    const branch = text(args, "branch");
    const files = { [text(args, "path")]: storedFile(text(args, "text")) };
    scriptedContents(world, repoNamed(world, text(args, "repo"))).commit(branch, branch, files);
  },
  deleteBranch(world, args) {
    scriptedContents(world, repoNamed(world, text(args, "repo"))).deleteBranch(text(args, "branch"));
  },
  setToken(world, args) {
    overwrite(world.store.anyToken(text(args, "token")), tokenFields(fields(args.set, "set")));
  },
  setRepo(world, args) {
    overwrite(world.store.anyRepo(text(args, "id")), fields(args.set, "set"));
  },
  removeRepo(world, args) {
    removeRepo(world, world.store.anyRepo(text(args, "id")).id);
  },
  addToken,
  setSandbox(world, args) {
    const id = text(args, "id");
    const sandbox = required(world.store.sandboxes.get(id), id);
    const set = fields(args.set, "set");
    // The end of its run may have planned another status.
    if ("status" in set) sandbox.free_at = null;
    world.store.addSandbox(sandbox);
    overwrite(sandbox, set);
  },
  setAutomationRun(world, args) {
    const id = text(args, "id");
    overwrite(required(world.store.automationRuns.get(id), id), fields(args.set, "set"));
  },
  bulk,
  cursorFix(world, args) {
    world.around.cursorFixed = enabled(args);
  },
};

const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  gate: ["enabled"],
  advanceClock: ["seconds"],
  setRun: ["runId", "run", "call", "deleteCall"],
  appendEvents: ["runId", "events", "via"],
  execute: ["runId", "script"],
  failStore: ["op", "table", "times"],
  failLimiter: ["times"],
  failQueue: ["times", "message"],
  queueNullId: ["enabled"],
  failListener: ["enabled"],
  sandboxMode: ["mode"],
  filesMode: ["mode"],
  commitFile: ["repo", "branch", "path", "text"],
  deleteBranch: ["repo", "branch"],
  setToken: ["token", "set"],
  setRepo: ["id", "set"],
  removeRepo: ["id"],
  addToken: ["user", "scopes", "token"],
  setSandbox: ["id", "set"],
  setAutomationRun: ["id", "set"],
  bulk: ["what", "user", "count", "sandboxId"],
  cursorFix: ["enabled"],
};

/** Runs an action. @throws {UsageError} for an unknown action, an unknown argument, or a bad one. */
export function runAction(world: World, action: string, args: ControlArguments): ControlResult {
  const run = lookup(ACTIONS, action);
  if (run === undefined) {
    const actions = ["fault", "clearFaults", ...Object.keys(ACTIONS)];
    const near = nearest(action, actions);
    const advice = near === undefined ? `there are ${actions.join(", ")}` : `did you mean '${near}'?`;
    throw badArgument(`unknown action "${action}"`, advice);
  }
  const names = lookup(ARGUMENTS, action) ?? [];
  const keys = Object.fromEntries(names.map((name) => [name, "any" as const]));
  return run(world, checkOptions(`run control action "${action}"`, args, keys, "arguments")) ?? {};
}

function badArgument(why: string, advice?: string): UsageError {
  return new UsageError({ attempted: "run control action", why, advice });
}

function text(args: ControlArguments, name: string): string {
  const value = args[name];
  if (typeof value !== "string") throw badArgument(`"${name}" must be a text`);
  return value;
}

function count(args: ControlArguments, name: string): number {
  const value = args[name] ?? 1;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw badArgument(`"${name}" must be a number`);
}

function fields(value: unknown, name: string): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
  throw badArgument(`"${name}" must be an object`);
}

const enabled = (args: ControlArguments) => args.enabled !== false;

const TIME_FIELD = /(?:_at|At)$/;

/** Overwrites fields of a record. A text in a time field is read as a time. */
function overwrite(record: object, set: Record<string, unknown>): void {
  const fieldNames = Object.keys(record);
  const alias = (name: string) => {
    if (fieldNames.includes(name)) return name;
    const camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    return fieldNames.includes(camel) ? camel : name;
  };
  for (const [name, value] of Object.entries(set)) {
    const field = alias(name);
    const isTime = TIME_FIELD.test(field) && typeof value === "string";
    Object.assign(record, { [field]: isTime ? parseTimestamp(value) : value });
  }
}

/** Fields of a token. The fixture writes the scopes of an OAuth token as one text. */
function tokenFields(set: Record<string, unknown>): Record<string, unknown> {
  return typeof set.scopes === "string" ? { ...set, scopes: splitScopes(set.scopes) } : set;
}

function resetWorld(world: World): void {
  world.driver.reset();
  world.automationDriver.reset();
  world.feed.close();
  world.store.reset();
  world.contents.clear();
  world.requests.reset();
  world.starts.reset();
  Object.assign(world.around, healthySurroundings());
}

function setRun(world: World, args: ControlArguments): void {
  // What is due by now comes first: a run that ends before its sandbox is up keeps the claim of its boot.
  world.driver.catchUp();
  const run = world.store.anyRun(text(args, "runId"));
  const call = world.store.calls.get(run.ai_call_id);
  if (args.run !== undefined) {
    Object.assign(run, fields(args.run, "run"), { updated_at: world.clock.stamp(), version: run.version + 1 });
  }
  if (call !== undefined) Object.assign(call, fields(args.call, "call"));
  if (args.deleteCall === true) world.store.calls.delete(run.ai_call_id);
  if (isTerminal(run.status)) releaseSandbox(world, run);
}

/** Adds a token, and its user when no user has that key. */
function addToken({ store }: World, args: ControlArguments): ControlResult {
  const user = text(args, "user");
  const { scopes = ["read", "write"], token = randomToken() } = args;
  const isList = Array.isArray(scopes) && scopes.every((scope) => typeof scope === "string");
  if (!isList) throw badArgument('"scopes" must be a list of texts');
  if (typeof token !== "string" || !token.startsWith("mog_")) throw badArgument('"token" must start with "mog_"');
  if (store.tokens.has(token)) throw badArgument('there is a token with the text of "token" already');
  const existingUser = [...store.users.values()].find(({ key }) => key === user);
  const row = existingUser ??
    { key: user, id: crypto.randomUUID(), providerKeys: [], defaultModel: null, hostedSandboxAccess: true };
  store.users.set(row.id, row);
  const key = crypto.randomUUID();
  const times = { expiresAt: null, revokedAt: null };
  store.tokens.set(token, { id: key, key, userId: row.id, token, scopes, automationsOnly: false, ...times });
  return { token };
}

/** Removes a repository with everything that is kept for it. The keys of its runs are free again. Source: API reference. */
function removeRepo({ store, driver }: World, id: string): void {
  for (const run of [...store.runs.values()].filter((each) => each.repo_id === id)) {
    // The worker has to stop.
    if (!isTerminal(run.status)) driver.kill(run);
    run.status = "failed";
    store.removeRun(run);
  }
  for (const sandbox of [...store.sandboxes.values()]) if (sandbox.repo_id === id) store.removeSandbox(sandbox);
  store.repos.delete(id);
}

interface ScriptEvent {
  type?: string;
  toolName?: string | null;
  message?: string | null;
  payload?: unknown;
  createdAt?: string;
}

function eventList(value: unknown): ScriptEvent[] {
  if (!Array.isArray(value)) throw badArgument(`"events" must be a list`);
  return value.map((event) => fields(event, "events") as ScriptEvent);
}

function appendEvents(world: World, args: ControlArguments): void {
  const run = world.store.anyRun(text(args, "runId"));
  let last = world.clock.stamp() - 1_000;
  for (const { type = "log", createdAt, ...event } of eventList(args.events)) {
    if (!(EVENT_TYPES as readonly string[]).includes(type)) {
      throw new UsageError({
        attempted: "append event",
        why: `unknown type "${type}"`,
        advice: `there are ${EVENT_TYPES.join(", ")}`,
      });
    }
    last = Math.max(world.clock.stamp(), last + 1_000);
    const at = createdAt === undefined ? last : parseTimestamp(createdAt);
    if (args.via === "writer") writeEvent(world, run.ai_call_id, { type, ...event, createdAt: at });
    else insertEvent(world, run.ai_call_id, { type, ...event, createdAt: at });
  }
}

/** Plays the worker's whole run at once. */
function execute(world: World, args: ControlArguments): void {
  const run = world.store.anyRun(text(args, "runId"));
  if (isTerminal(run.status)) return;
  const script = fields(args.script, "script");
  if (typeof script.launchError === "string") return failRun(world, run, script.launchError);
  updateRun(world, run, {
    sandbox_record_id: script.sandboxRecordId as string ?? null,
    sandbox_id: script.sandboxId as string ?? null,
    status: "streaming",
    error: null,
  });
  for (const { type = "log", ...event } of eventList(script.events ?? [])) {
    writeEvent(world, run.ai_call_id, { type, ...event, createdAt: undefined });
  }
  if (typeof script.harnessError === "string") return failRun(world, run, script.harnessError);
  const call = world.store.calls.get(run.ai_call_id);
  if (call !== undefined && typeof script.finish === "string") call.status = script.finish;
  updateRun(world, run, { status: call?.status ?? "failed", error: call?.error ?? null });
}

function bulk({ store }: World, args: ControlArguments): void {
  const what = text(args, "what");
  const sandboxId = what === "lifecycleEvents" ? text(args, "sandboxId") : "";
  addBulk(store, { what, userId: store.userId(text(args, "user")), count: count(args, "count"), sandboxId });
}

/** @param name `owner/name`. */
function repoNamed({ store }: World, name: string): RepoRow {
  const repo = [...store.repos.values()].find(({ full_name }) => full_name === name);
  if (repo === undefined) throw badArgument(`no repository is called "${name}"`);
  return repo;
}

function required<T>(record: T | undefined, id: string): T {
  if (record === undefined) {
    throw new UsageError({ attempted: "overwrite record", why: `no record has the id "${id}"` });
  }
  return record;
}

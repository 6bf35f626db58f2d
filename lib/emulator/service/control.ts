/**
 * Control actions. `tests/conformance/FORMAT.md` and `lib/emulator/README.md` describe their names and arguments.
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
import { healthySurroundings, scriptedContents, type World } from "../state/world.ts";
import { EVENT_TYPES, insertEvent, updateRun, writeEvent } from "./runs.ts";
import { releaseSandbox } from "./sandboxes.ts";
import { failRun } from "./worker.ts";

export type ControlArguments = Record<string, unknown>;

export type ControlResult = Readonly<Record<string, unknown>>;

interface Action {
  readonly names: readonly string[];
  run(world: World, args: ControlArguments): ControlResult | void;
}

const action = (names: readonly string[], run: Action["run"]): Action => ({ names, run });

function setter<Name extends keyof World["around"]>(
  name: Name,
  argument: string,
  read: (args: ControlArguments, name: string) => unknown,
): Action {
  return action([argument], ({ around }, args) => {
    around[name] = read(args, argument) as World["around"][Name];
  });
}

/** All actions except `fault` and `clearFaults`, which `makeEmulator()` handles. */
const ACTIONS: Readonly<Record<string, Action>> = {
  reset: action([], resetWorld),
  gate: setter("gate", "enabled", enabled),
  advanceClock: action(["seconds"], ({ clock }, args) => clock.advance(count(args, "seconds") * 1_000)),
  setRun: action(["runId", "run", "call", "deleteCall"], setRun),
  appendEvents: action(["runId", "events", "via"], appendEvents),
  execute: action(["runId", "script"], execute),
  failStore: action(["op", "table", "times"], ({ store }, args) => {
    store.failNext(text(args, "op") as StoreOperation, text(args, "table"), count(args, "times"));
  }),
  failLimiter: setter("limiterFailures", "times", count),
  failQueue: action(["times", "message"], ({ around }, args) => {
    around.queueFailures = count(args, "times");
    if (args.message !== undefined) around.queueMessage = text(args, "message");
  }),
  queueNullId: setter("queueWithoutHandle", "enabled", enabled),
  failListener: setter("listenerDown", "enabled", enabled),
  sandboxMode: setter("sandboxMode", "mode", text),
  filesMode: setter("files", "mode", text),
  commitFile: action(["repo", "branch", "path", "text"], (world, args) => {
    const branch = text(args, "branch");
    const files = { [text(args, "path")]: storedFile(text(args, "text")) };
    scriptedContents(world, repoNamed(world, text(args, "repo"))).commit(branch, branch, files);
  }),
  deleteBranch: action(["repo", "branch"], (world, args) => {
    scriptedContents(world, repoNamed(world, text(args, "repo"))).deleteBranch(text(args, "branch"));
  }),
  setToken: action(["token", "set"], ({ store }, args) => {
    overwrite(store.anyToken(text(args, "token")), tokenFields(fields(args.set, "set")));
  }),
  setRepo: action(["id", "set"], ({ store }, args) => {
    overwrite(store.anyRepo(text(args, "id")), fields(args.set, "set"));
  }),
  removeRepo: action(["id"], (world, args) => removeRepo(world, world.store.anyRepo(text(args, "id")).id)),
  addToken: action(["user", "scopes", "token"], addToken),
  setSandbox: action(["id", "set"], ({ store }, args) => {
    const id = text(args, "id");
    const sandbox = required(store.sandboxes.get(id), id);
    const set = fields(args.set, "set");
    // Otherwise, the sandbox would still stop at this time.
    if ("status" in set) sandbox.free_at = null;
    store.addSandbox(sandbox);
    overwrite(sandbox, set);
  }),
  setAutomationRun: action(["id", "set"], ({ store }, args) => {
    const id = text(args, "id");
    overwrite(required(store.automationRuns.get(id), id), fields(args.set, "set"));
  }),
  bulk: action(["what", "user", "count", "sandboxId"], bulk),
  cursorFix: setter("cursorFixed", "enabled", enabled),
};

export function runAction(world: World, name: string, args: ControlArguments): ControlResult {
  const entry = lookup(ACTIONS, name);
  if (entry === undefined) {
    const names = ["fault", "clearFaults", ...Object.keys(ACTIONS)];
    const near = nearest(name, names);
    throw badArgument(
      `unknown action "${name}"`,
      near === undefined ? `use one of ${names.join(", ")}` : `did you mean '${near}'?`,
    );
  }
  const keys = Object.fromEntries(entry.names.map((each) => [each, "any" as const]));
  return entry.run(world, checkOptions(`run control action "${name}"`, args, keys, "arguments")) ?? {};
}

function badArgument(why: string, advice?: string): UsageError {
  return new UsageError({ attempted: "run control action", why, advice });
}

function text(args: ControlArguments, name: string): string {
  const value = args[name];
  if (typeof value !== "string") throw badArgument(`"${name}" must be text`);
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

function enabled(args: ControlArguments): boolean {
  return args.enabled !== false;
}

const TIME_FIELD = /(?:_at|At)$/;

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

/** Like the fixture, `setToken` accepts the scopes of an OAuth token as one string. */
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
  // A run that ends before its sandbox is running keeps its claim. Play the steps that are already due first, so that no claim is kept by mistake.
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

function addToken({ store }: World, args: ControlArguments): ControlResult {
  const user = text(args, "user");
  const { scopes = ["read", "write"], token = randomToken() } = args;
  const isList = Array.isArray(scopes) && scopes.every((scope) => typeof scope === "string");
  if (!isList) throw badArgument('"scopes" must be a list of strings');
  if (typeof token !== "string" || !token.startsWith("mog_")) throw badArgument('"token" must start with "mog_"');
  if (store.tokens.has(token)) throw badArgument('the value of "token" is already in use');
  const existingUser = [...store.users.values()].find(({ key }) => key === user);
  const row = existingUser ??
    { key: user, id: crypto.randomUUID(), providerKeys: [], defaultModel: null, hostedSandboxAccess: true };
  store.users.set(row.id, row);
  const key = crypto.randomUUID();
  const times = { expiresAt: null, revokedAt: null };
  store.tokens.set(token, { id: key, key, userId: row.id, token, scopes, automationsOnly: false, ...times });
  return { token };
}

/** As on the service, the idempotency keys of the removed runs can be used again. Source: API reference. */
function removeRepo({ store, driver }: World, id: string): void {
  for (const run of [...store.runs.values()].filter((each) => each.repo_id === id)) {
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
        advice: `use one of ${EVENT_TYPES.join(", ")}`,
      });
    }
    last = Math.max(world.clock.stamp(), last + 1_000);
    const at = createdAt === undefined ? last : parseTimestamp(createdAt);
    if (args.via === "writer") writeEvent(world, run.ai_call_id, { type, ...event, createdAt: at });
    else insertEvent(world, run.ai_call_id, { type, ...event, createdAt: at });
  }
}

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

function repoNamed({ store }: World, name: string): RepoRow {
  const repo = [...store.repos.values()].find(({ full_name }) => full_name === name);
  if (repo === undefined) throw badArgument(`no repository has the name "${name}"`);
  return repo;
}

function required<T>(record: T | undefined, id: string): T {
  if (record === undefined) {
    throw new UsageError({ attempted: "overwrite record", why: `no record has the id "${id}"` });
  }
  return record;
}

/**
 * The emulated database: tables in memory, filled from a fixture, that fail on demand.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import type { Fixture } from "./fixture.ts";
import { DatabaseError, parseTimestamp, parseUuid, storeJson } from "./postgres.ts";
import type {
  AgentRow,
  AutomationRow,
  AutomationRunRow,
  CallRow,
  DispatchRow,
  EventRow,
  LifecycleRow,
  ModelRow,
  OAuthTokenRow,
  PreferenceRow,
  RepoRow,
  RunRow,
  SandboxRow,
  StoreOperation,
  TokenRow,
  UserRow,
} from "./rows.ts";

/** The id that belongs to a key. @throws {UsageError} if there is none. */
function idOf(ids: ReadonlyMap<string, string>, key: string): string {
  const id = ids.get(key);
  if (id === undefined) throw new UsageError({ attempted: "read fixture", why: `no record has the key "${key}"` });
  return id;
}

const timeOrNull = (text: string | null) => text === null ? null : parseTimestamp(text);

/** Scopes of an OAuth token, written as one text. Unknown ones are dropped. */
export function splitScopes(text: string): string[] {
  return text.split(/\s+/).filter((scope) => scope === "read" || scope === "write");
}

/** All tables of one emulator. */
export class Store {
  /** By id. */
  readonly users = new Map<string, UserRow>();
  /** By the token itself. */
  readonly tokens = new Map<string, TokenRow>();
  /** By the token itself. */
  readonly oauthTokens = new Map<string, OAuthTokenRow>();
  /** By id. */
  readonly repos = new Map<string, RepoRow>();
  /** By id. */
  readonly sandboxes = new Map<string, SandboxRow>();
  /** Those that may be active: all but the ones of runs that have ended, so that a start does not look at every run before it. */
  readonly currentSandboxes = new Set<SandboxRow>();
  /** Sandboxes that runs booted, by run id. */
  readonly bootedSandboxes = new Map<string, SandboxRow>();
  /** Boots whose sandbox has no row yet, by run id: of whom, and since when in microseconds since 1970. */
  readonly sandboxClaims = new Map<string, { userId: string; at: number }>();
  /** Ids of the runs that hold a sandbox, by its id. */
  readonly sandboxHolders = new Map<string, Set<string>>();
  /** In order of arrival. */
  readonly lifecycle: LifecycleRow[] = [];
  /** By id. */
  readonly automations = new Map<string, AutomationRow>();
  /** Users' own agents. */
  readonly agents: AgentRow[] = [];
  /** Catalogue of all users. */
  readonly models: ModelRow[] = [];
  /** Models that users turned on or off. */
  readonly preferences: PreferenceRow[] = [];
  /** By id. */
  readonly runs = new Map<string, RunRow>();
  /** Run ids by user and idempotency key. A key never expires. */
  readonly runKeys = new Map<string, string>();
  /** By id. */
  readonly calls = new Map<string, CallRow>();
  /** By call id, in order of time. */
  readonly events = new Map<string, EventRow[]>();
  /** By id. */
  readonly automationRuns = new Map<string, AutomationRunRow>();
  /** Ids of automation runs by idempotency key. */
  readonly automationRunKeys = new Map<string, string>();
  /** In order of time. */
  readonly dispatches: DispatchRow[] = [];

  /** How many times repositories were listed. */
  repoLists = 0;

  readonly #fixture: Fixture;
  readonly #failures = new Map<string, number>();

  /** @param fixture State that {@linkcode Store.reset} restores. */
  constructor(fixture: Fixture) {
    this.#fixture = fixture;
    this.reset();
  }

  /** Makes the next `times` statements of a kind on a table fail. */
  failNext(operation: StoreOperation, table: string, times: number): void {
    this.#failures.set(`${operation} ${table}`, times);
  }

  /**
   * Fails if a failure is planned for this kind of statement. Called before every statement.
   *
   * @throws {DatabaseError} for a planned failure.
   */
  guard(operation: StoreOperation, table: string): void {
    const key = `${operation} ${table}`;
    const remaining = this.#failures.get(key) ?? 0;
    if (remaining <= 0) return;
    this.#failures.set(key, remaining - 1);
    throw new DatabaseError(`injected failure: ${key}`);
  }

  /** Restores the fixture and forgets everything else. */
  reset(): void {
    this.#failures.clear();
    const maps = [
      this.users,
      this.tokens,
      this.oauthTokens,
      this.repos,
      this.sandboxes,
      this.bootedSandboxes,
      this.sandboxClaims,
      this.sandboxHolders,
      this.automations,
      this.runs,
      this.runKeys,
      this.calls,
      this.events,
      this.automationRuns,
      this.automationRunKeys,
    ];
    for (const map of maps) map.clear();
    this.currentSandboxes.clear();
    for (const list of [this.lifecycle, this.agents, this.models, this.preferences, this.dispatches]) list.length = 0;
    this.#load(this.#fixture);
  }

  /** Adds a sandbox. */
  addSandbox(sandbox: SandboxRow): void {
    this.sandboxes.set(sandbox.id, sandbox);
    this.currentSandboxes.add(sandbox);
  }

  /** Removes a run with its key, its inner call and its events. */
  removeRun({ id, user_id, idempotency_key, ai_call_id }: RunRow): void {
    this.runs.delete(id);
    this.runKeys.delete(`${user_id} ${idempotency_key}`);
    this.calls.delete(ai_call_id);
    this.events.delete(ai_call_id);
    this.bootedSandboxes.delete(id);
    this.sandboxClaims.delete(id);
    for (const holders of this.sandboxHolders.values()) holders.delete(id);
  }

  /** Removes a sandbox. */
  removeSandbox(sandbox: SandboxRow): void {
    this.sandboxes.delete(sandbox.id);
    this.currentSandboxes.delete(sandbox);
    this.sandboxHolders.delete(sandbox.id);
  }

  /** Id of the user with this key. @throws {UsageError} if there is none. */
  userId(key: string): string {
    for (const user of this.users.values()) if (user.key === key) return user.id;
    throw new UsageError({ attempted: "find user", why: `no user has the key "${key}"` });
  }

  /** The token with this key or this text, an OAuth token included. @throws {UsageError} if there is none. */
  anyToken(name: string): TokenRow | OAuthTokenRow {
    for (const token of [...this.tokens.values(), ...this.oauthTokens.values()]) {
      if (token.key === name || token.token === name) return token;
    }
    // Not quoted: it may be a token of the real service.
    throw new UsageError({ attempted: "find token", why: "no token has this key or text" });
  }

  /** The repository with this id or this name, of any user. @throws {UsageError} if there is none. */
  anyRepo(name: string): RepoRow {
    const repo = this.repos.get(name) ?? [...this.repos.values()].find((each) => each.full_name === name);
    if (repo === undefined) throw new UsageError({ attempted: "find repository", why: `none is called "${name}"` });
    return repo;
  }

  /** The run with this id, of any user. @throws {UsageError} if there is none. */
  anyRun(id: string): RunRow {
    const run = this.runs.get(parseUuid(id));
    if (run === undefined) throw new UsageError({ attempted: "find run", why: `no run has the id "${id}"` });
    return run;
  }

  #load(fixture: Fixture): void {
    for (const user of fixture.users) this.users.set(user.id, { ...user });
    for (const token of fixture.tokens) {
      this.tokens.set(token.token, {
        ...token,
        id: token.key,
        userId: this.userId(token.user),
        expiresAt: timeOrNull(token.expiresAt),
        revokedAt: timeOrNull(token.revokedAt),
      });
    }
    for (const token of fixture.oauthTokens) {
      this.oauthTokens.set(token.token, {
        ...token,
        userId: this.userId(token.user),
        scopes: splitScopes(token.scopes),
        expiresAt: timeOrNull(token.expiresAt),
      });
    }
    for (const repo of fixture.repos) this.repos.set(repo.id, { ...repo, userId: this.userId(repo.user) });
    const repoIds = new Map(fixture.repos.map((repo) => [repo.key, repo.id]));
    this.#loadSandboxes(fixture);
    for (const { permittedRepos, ...automation } of fixture.automations) {
      this.automations.set(automation.id, {
        ...automation,
        permittedRepoIds: permittedRepos?.map((key) => idOf(repoIds, key)) ?? null,
        userId: this.userId(automation.user),
        createdAt: parseTimestamp(automation.createdAt),
        updatedAt: parseTimestamp(automation.updatedAt),
      });
    }
    for (const agent of fixture.agents) this.agents.push({ ...agent, userId: this.userId(agent.user) });
    for (const model of fixture.models) this.models.push({ ...model });
    for (const choice of fixture.modelPreferences) {
      this.preferences.push({ ...choice, userId: this.userId(choice.user) });
    }
  }

  #loadSandboxes(fixture: Fixture): void {
    const repoIds = new Map(fixture.repos.map((repo) => [repo.key, repo.id]));
    const sandboxIds = new Map(fixture.sandboxes.map((sandbox) => [sandbox.key, sandbox.id]));
    for (const sandbox of fixture.sandboxes) {
      this.addSandbox({
        ...sandbox,
        userId: this.userId(sandbox.user),
        repo_id: idOf(repoIds, sandbox.repo),
        created_at: parseTimestamp(sandbox.created_at),
        last_active_at: timeOrNull(sandbox.last_active_at),
        free_at: null,
      });
    }
    for (const event of fixture.sandboxLifecycleEvents) {
      this.lifecycle.push({
        ...event,
        userId: this.userId(event.user),
        sandboxId: idOf(sandboxIds, event.sandbox),
        payload: storeJson(event.payload),
        created_at: parseTimestamp(event.created_at),
      });
    }
  }
}

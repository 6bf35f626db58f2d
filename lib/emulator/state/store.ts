import { UsageError } from "../../errors.ts";
import type { Fixture } from "./fixture.ts";
import { DatabaseError, parseTimestamp, parseUuid, storeJson } from "./postgres.ts";

// Most field names are column names of the service's database, because control actions and some routes expose them. Numeric times are in microseconds
// since 1970.

export type StoreOperation = "select" | "insert" | "update" | "rpc";

type Stored<Row, Times extends keyof Row = never> =
  & Omit<Row, "user" | Times>
  & { userId: string }
  & { [Name in Times]: null extends Row[Name] ? number | null : number };
type FixtureRows = { [List in keyof Fixture]: Fixture[List][number] };

type UserRow = FixtureRows["users"];
type TokenRow = Stored<FixtureRows["tokens"], "expiresAt" | "revokedAt"> & { id: string };
type OAuthTokenRow = Stored<Omit<FixtureRows["oauthTokens"], "scopes">, "expiresAt"> & { scopes: string[] };
export type RepoRow = Stored<FixtureRows["repos"]>;

export type SandboxRow = Stored<Omit<FixtureRows["sandboxes"], "repo">, "created_at" | "last_active_at"> & {
  repo_id: string;
  /** Time at which the sandbox stops after its last run; `null` while a run uses the sandbox, or if no run booted it. */
  free_at: number | null;
};

type LifecycleRow = Stored<Omit<FixtureRows["sandboxLifecycleEvents"], "sandbox" | "payload">, "created_at"> & {
  sandboxId: string;
  payload: unknown;
};

export type AutomationRow =
  & Stored<Omit<FixtureRows["automations"], "permittedRepos" | "status">, "createdAt" | "updatedAt">
  & {
    status: string;
    permittedRepoIds: string[] | null;
  };

type AgentRow = Stored<FixtureRows["agents"]>;
type ModelRow = FixtureRows["models"];
type PreferenceRow = Stored<FixtureRows["modelPreferences"]>;

export interface RunRow {
  id: string;
  user_id: string;
  repo_id: string;
  ai_call_id: string;
  sandbox_record_id: string | null;
  sandbox_id: string | null;
  idempotency_key: string;
  request_hash: string;
  harness: string;
  status: string;
  prompt: string;
  base_branch: string;
  working_branch: string;
  create_branch: boolean;
  root_directory: string | null;
  mode: string | null;
  worktree_id: string | null;
  agent_id: string | null;
  terminal_commit_sha: string | null;
  runtime_provider: string | null;
  runtime_run_id: string | null;
  error: string | null;
  created_at: number;
  updated_at: number;
  /** Part of the cache key of `eventsBody()`, so every change must increment it. */
  version: number;
}

/** The call that does the work of a run. A resumed run gets a new call. */
export interface CallRow {
  id: string;
  user_id: string;
  status: string;
  error: string | null;
  runtime_command_id: string | null;
  control_state: string;
  cancel_requested_at: string | null;
}

export interface EventRow {
  id: string;
  call_id: string;
  event_type: string;
  tool_name: string | null;
  message: string | null;
  payload: unknown;
  created_at: number;
  /** The event in the API's format. Serialized once, because an event never changes and is read often. */
  json: string;
}

export interface AutomationRunRow {
  id: string;
  userId: string;
  idempotency_key: string;
  flow_id: string;
  flow_version_id: string;
  runtime_provider: string | null;
  runtime_run_id: string | null;
  status: string;
  created_at: number;
  started_at: number | null;
  completed_at: number | null;
  input_tokens: number | null;
  output_tokens: number | null;
  duration_ms: number | null;
  error: string | null;
  start_attempts: number;
  last_start_attempt_at: number | null;
  last_start_error: string | null;
  last_start_source: string | null;
  cancel_requested_at: number | null;
  cancelled_at: number | null;
  cancel_reason: string | null;
  cancel_error: string | null;
  waits: WaitRow[];
  input: Record<string, unknown>;
  metadata: Record<string, unknown>;
}

export interface WaitRow {
  id: string;
  status: string;
  /** Secret: anyone with this token can continue the run. */
  resume_token: string;
  created_at: number;
}

export interface DispatchRow {
  id: string;
  job_run_id: string | null;
  event_kind: string;
  outcome: string;
  reason: string | null;
  metadata: unknown;
  created_at: number;
}

export interface Pull {
  number: number;
  /** `owner/name`. */
  repo: string;
  title: string;
  base: string;
  branch: string;
  diff: string;
}

function idOf(ids: ReadonlyMap<string, string>, key: string): string {
  const id = ids.get(key);
  if (id === undefined) throw new UsageError({ attempted: "read fixture", why: `no record has the key "${key}"` });
  return id;
}

const timeOrNull = (text: string | null) => text === null ? null : parseTimestamp(text);

export function splitScopes(text: string): string[] {
  return text.split(/\s+/).filter((scope) => scope === "read" || scope === "write");
}

export class Store {
  readonly users = new Map<string, UserRow>();
  readonly tokens = new Map<string, TokenRow>();
  readonly oauthTokens = new Map<string, OAuthTokenRow>();
  readonly repos = new Map<string, RepoRow>();
  readonly sandboxes = new Map<string, SandboxRow>();
  /** Sandboxes that might be active. Stopped sandboxes of ended runs are removed, so that a start does not have to check all sandboxes. */
  readonly currentSandboxes = new Set<SandboxRow>();
  readonly bootedSandboxes = new Map<string, SandboxRow>();
  /** Claims of runs whose sandbox has no row yet, by run id. `at` is in microseconds since 1970. */
  readonly sandboxClaims = new Map<string, { userId: string; at: number }>();
  readonly sandboxHolders = new Map<string, Set<string>>();
  readonly lifecycle: LifecycleRow[] = [];
  readonly automations = new Map<string, AutomationRow>();
  readonly agents: AgentRow[] = [];
  readonly models: ModelRow[] = [];
  readonly preferences: PreferenceRow[] = [];
  readonly runs = new Map<string, RunRow>();
  /** By user and idempotency key. A key never expires. */
  readonly runKeys = new Map<string, string>();
  readonly calls = new Map<string, CallRow>();
  /** Events by call id, in chronological order. */
  readonly events = new Map<string, EventRow[]>();
  readonly automationRuns = new Map<string, AutomationRunRow>();
  readonly automationRunKeys = new Map<string, string>();
  readonly dispatches: DispatchRow[] = [];

  repoLists = 0;

  readonly #fixture: Fixture;
  readonly #failures = new Map<string, number>();

  constructor(fixture: Fixture) {
    this.#fixture = fixture;
    this.reset();
  }

  failNext(operation: StoreOperation, table: string, times: number): void {
    this.#failures.set(`${operation} ${table}`, times);
  }

  guard(operation: StoreOperation, table: string): void {
    const key = `${operation} ${table}`;
    const remaining = this.#failures.get(key) ?? 0;
    if (remaining <= 0) return;
    this.#failures.set(key, remaining - 1);
    throw new DatabaseError(`injected failure: ${key}`);
  }

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

  addSandbox(sandbox: SandboxRow): void {
    this.sandboxes.set(sandbox.id, sandbox);
    this.currentSandboxes.add(sandbox);
  }

  removeRun({ id, user_id, idempotency_key, ai_call_id }: RunRow): void {
    this.runs.delete(id);
    this.runKeys.delete(`${user_id} ${idempotency_key}`);
    this.calls.delete(ai_call_id);
    this.events.delete(ai_call_id);
    this.bootedSandboxes.delete(id);
    this.sandboxClaims.delete(id);
    for (const holders of this.sandboxHolders.values()) holders.delete(id);
  }

  removeSandbox(sandbox: SandboxRow): void {
    this.sandboxes.delete(sandbox.id);
    this.currentSandboxes.delete(sandbox);
    this.sandboxHolders.delete(sandbox.id);
  }

  userId(key: string): string {
    for (const user of this.users.values()) if (user.key === key) return user.id;
    throw new UsageError({ attempted: "find user", why: `no user has the key "${key}"` });
  }

  anyToken(name: string): TokenRow | OAuthTokenRow {
    for (const token of [...this.tokens.values(), ...this.oauthTokens.values()]) {
      if (token.key === name || token.token === name) return token;
    }
    // The name is not quoted, because it may be a token of the real service.
    throw new UsageError({ attempted: "find token", why: "no token has this key or value" });
  }

  anyRepo(name: string): RepoRow {
    const repo = this.repos.get(name) ?? [...this.repos.values()].find((each) => each.full_name === name);
    if (repo === undefined) throw new UsageError({ attempted: "find repository", why: `there is no "${name}"` });
    return repo;
  }

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

// Numbered records for tests of long lists. The control action `bulk` in `tests/conformance/FORMAT.md` defines the values.

const BULK_INSTALLATION = 101;
const SECOND_MICROS = 1_000_000;

const BULK_KINDS = ["repos", "sandboxes", "automations", "lifecycleEvents"] as const;

interface Bulk {
  what: string;
  userId: string;
  count: number;
  sandboxId: string;
}

export function addBulk(store: Store, { what, userId, count, sandboxId }: Bulk): void {
  const start = parseTimestamp("2026-01-01T00:00:00+00:00");
  const repo = [...store.repos.values()].find((candidate) => candidate.userId === userId);
  for (let index = 0; index < count; index++) {
    const number = String(index).padStart(3, "0");
    const id = crypto.randomUUID();
    const at = start + index * SECOND_MICROS;
    switch (what) {
      case "repos":
        store.repos.set(id, {
          id,
          key: id,
          userId,
          full_name: `bulk/repo-${number}`,
          installation_id: BULK_INSTALLATION,
          default_branch: "main",
          root_directory: null,
          hidden: false,
        });
        break;
      case "sandboxes":
        store.addSandbox({
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
          free_at: null,
        });
        break;
      case "automations":
        store.automations.set(id, {
          id,
          key: id,
          userId,
          installationId: BULK_INSTALLATION,
          name: `Bulk ${number}`,
          description: null,
          notes: null,
          status: "inactive",
          publishedVersion: null,
          startEvent: "push",
          inputs: [],
          permittedRepoIds: null,
          createdAt: at,
          updatedAt: start,
        });
        break;
      case "lifecycleEvents":
        store.lifecycle.push({
          id,
          userId,
          sandboxId,
          event_type: "tab_attached",
          decision_code: null,
          worker_run_id: null,
          payload: storeJson({ n: index }),
          created_at: at,
        });
        break;
      default:
        throw new UsageError({
          attempted: "add records",
          why: `unknown kind "${what}"`,
          advice: `use one of ${BULK_KINDS.join(", ")}`,
        });
    }
  }
}

// The documentation describes the base revision of the service. Each later behavior has its own switch, because a deployed server can have any
// combination of these behaviors.

/** `lib/emulator/README.md` describes each switch. All switches are off in the base revision. */
export const SWITCHES = [
  "tailWindow",
  "keepsCancelled",
  "ignoresKillFailures",
  "checksMode",
  "mogplexHarness",
  "extraRunFields",
  "automationsOnly",
  "comparedTriggers",
  "pagesAutomations",
  "prReviews",
  "automationRunCancel",
  "stream",
  "typedInputs",
  "dropsInputs",
  "replayReason",
  "triggerMetadata",
  "permittedRepos",
  "automationBranch",
  "repairsRuns",
  "nativeEvents",
  "stopsSandboxes",
  "agentOutput",
] as const;
export type Revision = Record<typeof SWITCHES[number], boolean>;

export function createRevision(name: "base" | "later" = "base", switches: Partial<Revision> = {}): Revision {
  const all = Object.fromEntries(SWITCHES.map((key) => [key, name === "later"])) as Revision;
  return { ...all, ...switches };
}

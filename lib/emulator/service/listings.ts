import type { Repo, Sandbox } from "../../model.ts";
import { isUuid } from "../../service/contract.ts";
import { formatTimestamp, likeFinder, parseUuid, storeText } from "../state/postgres.ts";
import type { SandboxRow } from "../state/store.ts";
import type { World } from "../state/world.ts";
import { sandboxStatus } from "./sandboxes.ts";

export function listRepos(
  world: World,
  userId: string,
  { query, id, limit }: { query: string | null; id: string | null; limit: number },
): Repo[] {
  if (id !== null && !isUuid(id)) return [];
  world.store.guard("select", "repos");
  const lowerId = id?.toLowerCase();
  const fits = query === null ? () => true : likeFinder(storeText(query));
  const rows = [...world.store.repos.values()].filter((repo) => {
    if (repo.userId !== userId || repo.hidden) return false;
    return lowerId === undefined ? fits(repo.full_name) : repo.id === lowerId;
  });
  // A repository and its sub-projects share a name, and the service does not define their order. Alternating the order exposes callers that rely on it.
  const turn = world.store.repoLists++ % 2 === 0 ? 1 : -1;
  const order = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0;
  rows.sort((a, b) => order(a.full_name, b.full_name) || turn * order(a.id, b.id));
  return rows.slice(0, limit).map((repo) => ({
    id: repo.id,
    full_name: repo.full_name,
    installation_id: repo.installation_id,
    default_branch: repo.default_branch,
    root_directory: repo.root_directory,
  }));
}

export function listSandboxes(
  world: World,
  userId: string,
  { repoId, status, limit }: { repoId: string | null; status: string | null; limit: number },
): Sandbox[] {
  world.store.guard("select", "sandboxes");
  const repoUuid = repoId === null ? null : parseUuid(repoId);
  storeText(status);
  world.driver.catchUp();
  const rows = [...world.store.sandboxes.values()].filter((row) =>
    row.userId === userId && (repoUuid === null || row.repo_id === repoUuid) &&
    (status === null || sandboxStatus(world, row) === status)
  );
  const activity = (row: SandboxRow) => row.last_active_at ?? Number.POSITIVE_INFINITY;
  rows.sort((a, b) => activity(b) - activity(a));
  return rows.slice(0, limit).map((row) => presentSandbox(world, row));
}

function presentSandbox(world: World, row: SandboxRow): Sandbox {
  return {
    id: row.id,
    sandbox_id: row.sandbox_id,
    repo_id: row.repo_id,
    status: sandboxStatus(world, row),
    base_branch: row.base_branch,
    working_branch: row.working_branch,
    root_directory: row.root_directory,
    preview_url: row.preview_url,
    created_at: formatTimestamp(row.created_at),
    last_active_at: row.last_active_at === null ? null : formatTimestamp(row.last_active_at),
    error: row.error,
  };
}

// Source: API reference, "Get sandbox logs".
const MAX_LIFECYCLE_EVENTS = 200;
const MAX_AGENTS = 200;

/** The service does not mask secrets in logs. */
export function sandboxLogs(world: World, userId: string, id: string) {
  world.store.guard("select", "sandboxes");
  world.driver.catchUp();
  const row = world.store.sandboxes.get(parseUuid(id));
  if (row === undefined || row.userId !== userId) return undefined;
  world.store.guard("select", "sandbox_lifecycle_events");
  const events = world.store.lifecycle.filter((event) => event.sandboxId === row.id && event.userId === userId);
  events.sort((a, b) => a.created_at - b.created_at);
  return {
    sandbox: { ...presentSandbox(world, row), install_log: row.install_log, dev_log: row.dev_log },
    lifecycle_events: events.slice(0, MAX_LIFECYCLE_EVENTS).map((event) => ({
      id: event.id,
      event_type: event.event_type,
      decision_code: event.decision_code,
      worker_run_id: event.worker_run_id,
      payload: event.payload,
      created_at: formatTimestamp(event.created_at),
    })),
  };
}

// The contract defines the format of built-in agents, but does not list the agents.
const PRESETS = [
  { name: "Code Reviewer", description: "Reads a change and comments on it", category: "Review" },
  { name: "Test Writer", description: "Adds missing tests", category: "Quality" },
  { name: "Dependency Updater", description: "Updates dependencies", category: "Maintenance" },
];
const PRESET_MODEL = "openai/gpt-mini";

export function listAgents(world: World, userId: string) {
  world.store.guard("select", "agents");
  const rows = world.store.agents.filter((agent) => agent.userId === userId);
  rows.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  const userAgents = rows.slice(0, MAX_AGENTS);
  const copied = new Set(userAgents.map((agent) => agent.source_template));
  const model = world.store.users.get(userId)?.defaultModel ?? PRESET_MODEL;
  const presets = PRESETS.filter(({ name }) => !copied.has(name))
    .map((preset) => ({ id: `preset:${preset.name}`, slug: null, model, ...preset, preset: true }));
  const agents = userAgents.map(({ id, name, slug, model, description, category }) => {
    return { id, name, slug, model, description, category, preset: false };
  });
  return [...presets, ...agents];
}

// Models of these providers are also available with the provider's own key.
const DIRECT_PROVIDERS = ["openai", "anthropic"];

export function listModels(world: World, userId: string) {
  world.store.guard("select", "ai_models");
  const keys = world.store.users.get(userId)?.providerKeys ?? [];
  const choices = new Map(
    world.store.preferences.filter((choice) => choice.userId === userId).map((choice) => [
      choice.model_id,
      choice.is_enabled,
    ]),
  );
  const reachable = (id: string) => {
    const provider = id.split("/")[0] ?? "";
    if (provider === "openrouter") return keys.includes("openrouter");
    return keys.includes("ai_gateway") || (DIRECT_PROVIDERS.includes(provider) && keys.includes(provider));
  };
  const models = world.store.models.filter((model) =>
    !model.is_hidden && model.is_available && (choices.get(model.id) ?? true) && reachable(model.id)
  );
  models.sort((a, b) => a.provider < b.provider ? -1 : a.provider > b.provider ? 1 : 0);
  return models.map((model) => ({
    id: model.id,
    provider: model.provider,
    name: model.name,
    contextLength: model.context_length,
    capabilities: model.capabilities ?? [],
    pricing: { input: model.pricing_input, output: model.pricing_output },
  }));
}

export interface Account {
  token: string;
  readOnlyToken: string | null;
  repos: { id: string; full_name: string }[];
}

export function firstAccount(world: World): Account | undefined {
  const tokens = [...world.store.tokens.values()].filter((token) =>
    token.revokedAt === null && (token.expiresAt === null || token.expiresAt / 1_000 > world.clock.wallMs())
  );
  const full = tokens.find((token) => token.scopes.includes("read") && token.scopes.includes("write"));
  if (full === undefined) return undefined;
  const reading = tokens.find((token) => token.userId === full.userId && token.scopes.join() === "read");
  const repos = [...world.store.repos.values()].filter((repo) => repo.userId === full.userId);
  return {
    token: full.token,
    readOnlyToken: reading?.token ?? null,
    repos: repos.map(({ id, full_name }) => ({ id, full_name })),
  };
}

// Source: API reference, "Branches and pull requests".
const MAX_TITLE_LENGTH = 72;

export function firstLine(prompt: string, most: number): string {
  const line = prompt.split("\n", 1)[0] ?? "";
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}

export function openPull(
  world: World,
  pull: { repo: string; prompt: string; base: string; branch: string; diff: string },
): string {
  const { repo, base, branch, diff } = pull;
  const title = firstLine(pull.prompt, MAX_TITLE_LENGTH);
  const pulls = world.pulls.get(repo) ?? [];
  world.pulls.set(repo, pulls);
  const openPull = pulls.find((candidate) => candidate.branch === branch);
  const number = openPull?.number ?? pulls.length + 1;
  if (openPull !== undefined) Object.assign(openPull, { title, base, diff });
  else pulls.push({ number, repo, title, base, branch, diff });
  return `${world.origin}/${repo}/pull/${number}`;
}

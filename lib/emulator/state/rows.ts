/**
 * Records of the emulated database. Field names are the service's columns, because control actions and some routes show
 * them; times are microseconds since 1970.
 *
 * @module
 */

/** Kinds of statement that a control action can make fail. */
export type StoreOperation = "select" | "insert" | "update" | "rpc";

/** A user. */
export interface UserRow {
  key: string;
  id: string;
  providerKeys: string[];
  defaultModel: string | null;
  hostedSandboxAccess: boolean;
}

/** A personal access token. */
export interface TokenRow {
  id: string;
  key: string;
  userId: string;
  token: string;
  scopes: string[];
  expiresAt: number | null;
  revokedAt: number | null;
  /** Later revisions: the token may only read and trigger automations. */
  automationsOnly: boolean;
}

/** An OAuth access token. */
export interface OAuthTokenRow {
  userId: string;
  token: string;
  clientId: string;
  scopes: string[];
  expiresAt: number | null;
}

/** A repository. */
export interface RepoRow {
  id: string;
  key: string;
  userId: string;
  full_name: string;
  installation_id: number | null;
  default_branch: string | null;
  root_directory: string | null;
  hidden: boolean;
}

/** A sandbox. */
export interface SandboxRow {
  id: string;
  key: string;
  userId: string;
  sandbox_id: string | null;
  repo_id: string;
  status: string;
  base_branch: string;
  working_branch: string;
  root_directory: string | null;
  preview_url: string | null;
  created_at: number;
  last_active_at: number | null;
  error: string | null;
  install_log: string | null;
  dev_log: string | null;
}

/** An entry of a sandbox's history. */
export interface LifecycleRow {
  id: string;
  sandboxId: string;
  userId: string;
  event_type: string;
  decision_code: string | null;
  worker_run_id: string | null;
  payload: unknown;
  created_at: number;
}

/** An automation. */
export interface AutomationRow {
  id: string;
  key: string;
  userId: string;
  installationId: number;
  name: string;
  description: string | null;
  notes: string | null;
  status: string;
  publishedVersion: { id: string; versionNumber: number } | null;
  startEvent: string;
  createdAt: number;
  updatedAt: number;
}

/** A user's own agent. */
export interface AgentRow {
  id: string;
  userId: string;
  name: string;
  slug: string | null;
  model: string;
  description: string | null;
  category: string | null;
  source_template: string | null;
}

/** A model of the catalogue. */
export interface ModelRow {
  id: string;
  provider: string;
  name: string;
  context_length: number | null;
  pricing_input: number | null;
  pricing_output: number | null;
  capabilities: string[] | null;
  is_available: boolean;
  is_hidden: boolean;
}

/** A user's choice about a model. */
export interface PreferenceRow {
  userId: string;
  model_id: string;
  is_enabled: boolean;
}

/** A run. */
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
  /** Grows with every change of the record; answers are cached by it. */
  version: number;
}

/** The inner call behind a run: the thing that really works. */
export interface CallRow {
  id: string;
  user_id: string;
  status: string;
  error: string | null;
  runtime_command_id: string | null;
  control_state: string;
  cancel_requested_at: string | null;
}

/** An event of a call. */
export interface EventRow {
  id: string;
  call_id: string;
  event_type: string;
  tool_name: string | null;
  message: string | null;
  payload: unknown;
  created_at: number;
  /** The event as the API shows it, made once: readers are many, events never change. */
  json: string;
}

/** A run of an automation. */
export interface JobRow {
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
  /** What it waits for in the middle of its work. */
  waits: WaitRow[];
  metadata: Record<string, unknown>;
}

/** A wait of a job for a person or an event. */
export interface WaitRow {
  id: string;
  status: string;
  /** Whoever has it can make the job go on. */
  resume_token: string;
  created_at: number;
}

/** What happened when a job was queued or started. */
export interface DispatchRow {
  id: string;
  job_run_id: string | null;
  event_kind: string;
  outcome: string;
  reason: string | null;
  metadata: unknown;
  created_at: number;
}

/** A pull request. */
export interface Pull {
  /** Number within its repository, from 1. */
  number: number;
  /** `owner/name`. */
  repo: string;
  /** First line of the prompt, at most 72 characters. */
  title: string;
  base: string;
  branch: string;
  /** The change as `git diff` prints it; empty for a scripted run. */
  diff: string;
}

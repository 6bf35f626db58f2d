/**
 * Records of the emulated database. Field names are the service's columns, since control actions and some routes show them.
 * Times are microseconds since 1970.
 *
 * @module
 */

/** Kinds of statements that the control action `failStore` can break. */
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
  key: string;
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
  /** When it is free again after its last run; null while a run holds it, and for a sandbox that no run booted. */
  free_at: number | null;
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

/** An input that an automation with an API trigger declares. */
export interface AutomationInput {
  name: string;
  type: "string" | "integer" | "boolean" | "json";
  required: boolean;
  /** Permitted values; null for any. */
  enum: unknown[] | null;
  /** Regular expression that a string has to match; null for any. */
  pattern: string | null;
  /** Maximum length of a string in UTF-16 units; null for the default. */
  maxLength: number | null;
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
  /** Event that starts it. `api` is the API trigger of later revisions. */
  startEvent: string;
  /** Inputs of the API trigger. */
  inputs: AutomationInput[];
  /** Ids of the repositories that it may be triggered for; null for all. */
  permittedRepoIds: string[] | null;
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

/** A model in the catalogue. */
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

/** Whether a user turned a model on or off. */
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
  /** Number of changes of the record. Answers are cached by it. */
  version: number;
}

/** The inner call behind a run, which does the work. */
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
  /** The event as the API shows it. Made once, since an event is read many times and never changes. */
  json: string;
}

/** A run of an automation. */
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
  /** Its pauses for a person or an event. */
  waits: WaitRow[];
  /** Input of its trigger, without dropped names. */
  input: Record<string, unknown>;
  metadata: Record<string, unknown>;
}

/** A pause of an automation run, for a person or an event. */
export interface WaitRow {
  id: string;
  status: string;
  /** Secret that lets its holder continue the run. */
  resume_token: string;
  created_at: number;
}

/** An attempt to queue or to start an automation run, and its outcome. */
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
  /** The change in the format of `git diff`; empty for a scripted run. */
  diff: string;
}

/**
 * These are plain types, so that no schema library appears in a public signature. The compiler checks that the schemas in `lib/service/contract.ts`
 * produce exactly these types.
 *
 * @module
 */

/** Run statuses in the base revision of the service. Source: API reference, "Run life cycle". */
export type KnownRunStatus = "pending" | "streaming" | "success" | "failed" | "cancelled" | "awaiting_input";

/** Status of a run as the service reports it. A status that is not in {@linkcode KnownRunStatus} means "not finished". */
export type RunStatus = KnownRunStatus | (string & Record<never, never>);

/** A word that the service sends: one of the known words, or a later one. */
export type OpenWord<Known extends string> = Known | (string & Record<never, never>);

/** Agents that a start can request. Each revision of the service supports at least `codex` and `claude-code`. */
export type Harness = "codex" | "claude-code" | "mogplex";

/** How freely an agent can act. */
export type Mode = "SAFE" | "AUTO" | "YOLO";

/** Kinds of events that the known revisions of the service send. */
export type KnownEventType =
  | "started"
  | "status_changed"
  | "log"
  | "tool_started"
  | "tool_finished"
  | "cancel_requested"
  | "cancelled"
  | "failed"
  | "finished";

/** Requested branch names of a run. The pushed branch can differ: see the {@linkcode RunEvent} of stage `git_delivery`. */
export interface RunBranch {
  /** Branch that the agent starts from. */
  base: string;
  /** Requested working branch. The service does not update it when the agent has to use another branch. */
  working: string;
  /** Whether the service was asked to create the working branch. */
  createBranch: boolean;
}

/** One hosted agent run as the service reports it. Unknown fields of later revisions are kept. */
export interface Run {
  /** UUID of the run. */
  runId: string;
  /** UUID of the inner call. It changes when a paused run is resumed. */
  aiCallId: string | null;
  /** UUID of the sandbox's record; `null` until there is a sandbox. */
  sandboxRecordId: string | null;
  /** Provider's id of the sandbox, or the literal `pending`. */
  sandboxId: string | null;
  /** UUID of the repository. */
  repoId: string;
  /** Agent: `codex`, `claude-code`, or a later one. */
  harness: OpenWord<Harness>;
  /** Status; any unknown word means "not finished". */
  status: RunStatus;
  /** Requested branches. */
  branch: RunBranch;
  /** Directory inside the repository, or `null` for its root. */
  rootDirectory: string | null;
  /** Path of the events route, without the origin. */
  eventsUrl: string;
  /** Path of the cancel route, without the origin. */
  cancelUrl: string;
  /** ISO 8601 with offset `+00:00` and up to six fractional digits: parse it, do not compare it as text. */
  createdAt: string;
  /** Time of the last change to the record. It is not a heartbeat: it does not change while the agent works. */
  updatedAt: string;
  /** Error text from the service or from Git. It is untrusted and unmasked, and can span several lines. */
  error: string | null;
  /** Provider of the service's queue, and the id of the run in that queue; both are `null` until the run is queued. */
  runtime: { provider: string | null; runId: string | null } | null;
}

/** Answer to a start request: the run, and whether an earlier request with the same key had started it. */
export interface StartResult extends Run {
  /** Whether the service already knew the idempotency key. If so, it started nothing, and returned the existing run in its current state. */
  replayed: boolean;
}

/** One record in a run's feed. Every text in it is untrusted. */
export interface RunEvent {
  /** UUID; the only field that identifies an event. */
  id: string;
  /** Kind of event. The known revisions send one of nine words, but any text is possible. */
  type: OpenWord<KnownEventType>;
  /** Tool that the event is about. */
  toolName: string | null;
  /** Human-readable text of the event. */
  message: string | null;
  /** Additional fields. The service truncates and masks them, but do not rely on that. */
  payload: Record<string, unknown>;
  /** When the event was created, in ISO 8601 with offset. */
  createdAt: string;
}

/** Answer from the events route. The run is as it was just before its events were read. */
export interface RunEvents {
  /** The run. */
  run: Run;
  /** At most 200 events, oldest first. Depending on the server's revision, these are the first or the newest events of the run. */
  events: RunEvent[];
}

/** Answer from the cancel route. */
export interface CancelResult {
  /** The run after the call. */
  run: Run;
  /** Status of the run; `success` is possible even with `alreadyTerminal: false`. */
  status: RunStatus;
  /** True when the run had ended before the call. */
  alreadyTerminal: boolean;
}

/** A repository that the token can access. */
export interface Repo {
  /** UUID. */
  id: string;
  /** `owner/name`. */
  full_name: string;
  /** Id of the installation of the Git host's app; `null` if unknown. */
  installation_id: number | null;
  /** Branch for starts that do not name one. */
  default_branch: string | null;
  /** Directory for starts that do not name one. */
  root_directory: string | null;
}

/** A sandbox (hosted development environment). */
export interface Sandbox {
  /** UUID of the record. */
  id: string;
  /** Provider's id, or the literal `pending`. */
  sandbox_id: string | null;
  /** UUID of the repository. */
  repo_id: string;
  /** What the sandbox is doing. */
  status: OpenWord<"creating" | "installing" | "running" | "pausing" | "paused" | "stopped" | "error">;
  /** Branch that the sandbox started from. */
  base_branch: string | null;
  /** Branch that the sandbox works on. */
  working_branch: string | null;
  /** Directory inside the repository. */
  root_directory: string | null;
  /** Address of the preview. */
  preview_url: string | null;
  /** When the sandbox was created, in ISO 8601 with offset. */
  created_at: string;
  /** When the sandbox was last active, in ISO 8601 with offset. */
  last_active_at: string | null;
  /** Last error; `null` if there was none. */
  error: string | null;
}

/** An automation, as the list of automations shows it. */
export interface Automation {
  /** UUID. */
  id: string;
  /** Installation that the automation belongs to. */
  installationId: number | null;
  /** Human-readable name. */
  name: string;
  /** Description of the automation. */
  description: string | null;
  /** Whether the automation is active. An inactive automation cannot be triggered. */
  status: OpenWord<"active" | "inactive">;
  /** UUID of the published version; `null` means that the automation cannot be triggered. */
  publishedVersionId: string | null;
  /** When the automation was created, in ISO 8601 with offset. */
  createdAt: string;
  /** When the automation was last changed, in ISO 8601 with offset. */
  updatedAt: string;
}

/** An automation with its published version and a summary of its runs. */
export interface AutomationDetail extends Automation {
  /** The published version; `null` means that the automation cannot be triggered. Its other fields, such as the graph, are kept unchanged. */
  publishedVersion: { id: string; versionNumber: number | null } | null;
  /** Summary of the automation's runs; `null` if the service sends none. */
  runSummary: AutomationRunSummary | null;
}

/** Summary of the runs of an automation; a field is `null` if the service does not send it. */
export interface AutomationRunSummary {
  /** UUID of the automation's newest run. */
  lastRunId: string | null;
  /** Status of the automation's newest run. */
  lastRunStatus: string | null;
  /** Number of runs in progress. */
  runningCount: number | null;
  /** Number of runs that are waiting for a slot. */
  pendingCount: number | null;
  /** Number of runs that failed in the last 24 hours. */
  failed24h: number | null;
}

/** Answer to a trigger. An accepted trigger (202) does not mean that work started: check `outcome` and `started`. */
export interface TriggerResult {
  /** UUID of the automation. */
  automationId: string;
  /** UUID of the automation run; `null` if a limit suppressed the work. */
  jobRunId: string | null;
  /** Result of the trigger; `replayed` in later revisions. */
  outcome: OpenWord<"queued" | "suppressed" | "replayed">;
  /** Why the run did not start at once. */
  reason: string | null;
  /** Whether the run is running now. */
  started: boolean;
  /** `pending`, `running`, `suppressed`, or the final status of a replayed run. */
  status: string | null;
  /** Provider of the service's queue, and the id of the run in that queue; `null` if the answer names neither. */
  runtime: { provider: string | null; runId: string | null } | null;
}

/**
 * An automation run. Its statuses are `pending`, `running`, `success`, `failed` and `cancelled`, and differ from those of a
 * {@linkcode Run}. The client drops all other fields of the service's record, because they contain resume tokens and raw call records.
 */
export interface AutomationRun {
  /** UUID. */
  id: string;
  /** Status. */
  status: OpenWord<"pending" | "running" | "success" | "failed" | "cancelled">;
  /** When the run was created, in ISO 8601 with offset. */
  created_at: string | null;
  /** When the run began, in ISO 8601 with offset; `null` while it is waiting for a slot. */
  started_at: string | null;
  /** When the run ended, in ISO 8601 with offset; `null` until then. */
  completed_at: string | null;
  /** How long the run took, in milliseconds. */
  duration_ms: number | null;
  /** Error text; untrusted. */
  error: string | null;
  /** Why the last attempt to start the run failed. Set while the run waits for the next attempt. Untrusted text. */
  last_start_error: string | null;
  /** Number of people or events that the run is waiting for. The status of a waiting run stays `running`. */
  active_wait_count: number | null;
}

/** Body of `POST /runs`. The service uses the repository's stored defaults for absent fields. */
export interface StartRequest {
  /** UUID of the repository. */
  repoId: string;
  /** Task for the agent; 1 to 100,000 UTF-16 units after trimming. */
  prompt: string;
  /**
   * Agent to use. A name that the toolkit does not know is sent unchanged, with a notice, because a later revision of the service might know
   * it. @default {"codex"} (chosen by the service)
   */
  harness?: OpenWord<Harness> | undefined;
  /** Branch to start from. @default the repository's default branch */
  baseBranch?: string | undefined;
  /** Branch to work on. @default generated with `createBranch`, otherwise the base branch */
  workingBranch?: string | undefined;
  /** Whether to create the working branch. @default {false} */
  createBranch?: boolean | undefined;
  /** Directory inside the repository; `null` selects the repository's root. @default the repository's stored root */
  rootDirectory?: string | null | undefined;
  /** How freely the agent can act: `SAFE`, `AUTO` or `YOLO`. @default chosen by the service */
  mode?: Mode | undefined;
}

/**
 * The words of the service that callers meet: runs, events, repositories, sandboxes.
 *
 * Plain types on purpose: no schema library appears in a public signature. `lib/api/contract` proves at compile time that
 * its schemas produce exactly these.
 *
 * @module
 */

/** Statuses of a run that the base of the service knows. Source: API reference, "Run life cycle". */
export type KnownRunStatus = "pending" | "streaming" | "success" | "failed" | "cancelled" | "awaiting_input";

/** The server's word for where a run is. A word that is not in {@linkcode KnownRunStatus} means "not finished". */
export type RunStatus = KnownRunStatus | (string & Record<never, never>);

/** Requested branch names of a run. The branch that is really pushed can differ: see {@linkcode RunEvent} of stage `git_delivery`. */
export interface RunBranch {
  /** Branch that the work starts from. */
  base: string;
  /** Requested working branch; not updated by the service when the agent has to use another one. */
  working: string;
  /** Whether the working branch was to be created. */
  createBranch: boolean;
}

/** One hosted agent run as the service reports it. Unknown fields of later revisions are kept. */
export interface Run {
  /** UUID of the run. */
  runId: string;
  /** UUID of the inner call; changes when a paused run is resumed. */
  aiCallId: string | null;
  /** Record id of the sandbox, once there is one. */
  sandboxRecordId: string | null;
  /** Provider's id of the sandbox; can be the literal `pending`. */
  sandboxId: string | null;
  /** UUID of the repository. */
  repoId: string;
  /** Agent that works: `codex`, `claude-code`, or a later one. */
  harness: string;
  /** Where the run is. */
  status: RunStatus;
  /** Requested branches. */
  branch: RunBranch;
  /** Directory inside the repository, or null for its root. */
  rootDirectory: string | null;
  /** Path of the events route, without origin. */
  eventsUrl: string;
  /** Path of the cancel route, without origin. */
  cancelUrl: string;
  /** ISO 8601 with offset `+00:00` and up to six fractional digits: parse it, never compare it as text. */
  createdAt: string;
  /** Time of the last change of the record. Not a heartbeat: it stands still for as long as the agent works. */
  updatedAt: string;
  /** Free text of the service or of Git; hostile, unmasked, possibly of several lines. */
  error: string | null;
  /** Queue handle; both parts are null until the run is queued. */
  runtime: { provider: string | null; runId: string | null } | null;
}

/** What the service answers to a start: the run, and whether it existed before under the same key. */
export interface StartResult extends Run {
  /** True when the idempotency key was known: nothing was started, and the run is shown as it is now. */
  replayed: boolean;
}

/** One record of a run's feed. Every text in it is untrusted. */
export interface RunEvent {
  /** UUID; the only safe key to tell events apart. */
  id: string;
  /** One of nine words in the known revisions; any text is possible. */
  type: string;
  /** Tool that the event speaks of. */
  toolName: string | null;
  /** Text for people. */
  message: string | null;
  /** Further fields; already cut and masked by the service, not by a standard that we would trust. */
  payload: Record<string, unknown>;
  /** ISO 8601 with offset. */
  createdAt: string;
}

/** Answer of the events route: the run, read just before its events. */
export interface RunEvents {
  /** The run. */
  run: Run;
  /** At most 200 events, oldest first; the first or the newest ones, depending on the server's revision. */
  events: RunEvent[];
}

/** Answer of the cancel route. */
export interface CancelResult {
  /** The run after the call. */
  run: Run;
  /** Status of the run; `success` is possible even with `alreadyTerminal: false`. */
  status: RunStatus;
  /** True when the run had ended before the call. */
  alreadyTerminal: boolean;
}

/** A repository that the token reaches. */
export interface Repo {
  /** UUID. */
  id: string;
  /** `owner/name`. */
  full_name: string;
  /** Installation of the Git host's app, when known. */
  installation_id: number | null;
  /** Branch used when a start names none. */
  default_branch: string | null;
  /** Directory used when a start names none. */
  root_directory: string | null;
}

/** A sandbox (hosted development environment). */
export interface Sandbox {
  /** UUID of the record. */
  id: string;
  /** Provider's id; can be the literal `pending`. */
  sandbox_id: string | null;
  /** UUID of the repository. */
  repo_id: string;
  /** `creating installing running pausing paused stopped error`. */
  status: string;
  /** Branch it started from. */
  base_branch: string | null;
  /** Branch it works on. */
  working_branch: string | null;
  /** Directory inside the repository. */
  root_directory: string | null;
  /** Address of the preview. */
  preview_url: string | null;
  /** ISO 8601 with offset. */
  created_at: string;
  /** ISO 8601 with offset. */
  last_active_at: string | null;
  /** Last error. */
  error: string | null;
}

/** An automation as the list shows it. */
export interface Automation {
  /** UUID. */
  id: string;
  /** Installation it belongs to. */
  installationId: number | null;
  /** Name for people. */
  name: string;
  /** Text for people. */
  description: string | null;
  /** `active` or `inactive`. */
  status: string;
  /** UUID of the published version; null means that it cannot be triggered. */
  publishedVersionId: string | null;
  /** ISO 8601 with offset. */
  createdAt: string;
  /** ISO 8601 with offset. */
  updatedAt: string;
}

/** What an automation's own record says on top of the list. */
export interface AutomationDetail extends Automation {
  /** The version that runs; null means that it cannot be triggered. Its graph is kept as it comes. */
  publishedVersion: { id: string; versionNumber: number | null } | null;
  /** What became of its runs; null where the service does not tell. */
  runSummary: AutomationRunSummary | null;
}

/** What became of the runs of an automation; a field is null where the service does not tell. */
export interface AutomationRunSummary {
  /** UUID of its newest run. */
  lastRunId: string | null;
  /** Where that run is. */
  lastRunStatus: string | null;
  /** Runs at work. */
  runningCount: number | null;
  /** Runs that wait for a slot. */
  pendingCount: number | null;
  /** Runs that failed in the last 24 hours. */
  failed24h: number | null;
}

/** Answer to a trigger. Being accepted (202) does not mean that work started: look at `outcome` and `started`. */
export interface TriggerResult {
  /** UUID of the automation. */
  automationId: string;
  /** UUID of the automation run; null when the work was suppressed by a limit. */
  jobRunId: string | null;
  /** `queued`, `suppressed`, or `replayed` in later revisions. */
  outcome: string;
  /** Why it did not start at once. */
  reason: string | null;
  /** Whether it runs now. */
  started: boolean;
  /** `pending`, `running`, `suppressed`, or a final status for a replay. */
  status: string | null;
  /** Queue handle. */
  runtime: { provider: string | null; runId: string | null } | null;
}

/**
 * A run of an automation. Its statuses are `pending running success failed cancelled`: not those of {@linkcode Run}. Only
 * what is safe to print is kept of the service's record, which holds resume tokens and raw records of calls.
 */
export interface AutomationRun {
  /** UUID. */
  id: string;
  /** Where it is. */
  status: string;
  /** ISO 8601 with offset. */
  created_at: string | null;
  /** ISO 8601 with offset. */
  started_at: string | null;
  /** ISO 8601 with offset. */
  completed_at: string | null;
  /** Milliseconds. */
  duration_ms: number | null;
  /** Error text; untrusted. */
  error: string | null;
  /** Why it could not be started the last time, when it waits for that; untrusted. */
  last_start_error: string | null;
  /** For how many people or events it waits in the middle of its work; its status stays `running`. */
  active_wait_count: number | null;
}

/** Answer to `POST /pr-reviews/rerun`. */
export interface PrReviewRerun {
  /** Always true on success. */
  queued: boolean;
  /** UUID of the automation run. */
  jobRunId: string;
  /** Number of the pull request. */
  prNumber: number;
  /** UUID of the repository. */
  repoId: string;
  /** Whether it runs now. */
  started: boolean;
  /** Whether it waits for a slot. */
  deferred: boolean;
  /** Why it waits. */
  reason: string | null;
  /** Where it is. */
  status: string | null;
}

/** Body of `POST /runs`. Fields that are absent take the repository's stored defaults. */
export interface StartRequest {
  /** UUID of the repository. */
  repoId: string;
  /** Task for the agent; 1 to 100 000 UTF-16 units after trimming. */
  prompt: string;
  /** Agent. @default {"codex"} (the server's) */
  harness?: string | undefined;
  /** Branch to start from. @default the repository's default branch */
  baseBranch?: string | undefined;
  /** Branch to work on. @default generated with `createBranch`, else the base branch */
  workingBranch?: string | undefined;
  /** Create the working branch. @default {false} */
  createBranch?: boolean | undefined;
  /** Directory inside the repository; null forces the repository's root. @default the repository's stored root */
  rootDirectory?: string | null | undefined;
  /** How freely the agent may act: `SAFE`, `AUTO` or `YOLO`. @default the server's */
  mode?: string | undefined;
}

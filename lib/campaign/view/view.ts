import type { ChecksState, PullRequestStatus, ReviewState } from "../../forge/model.ts";
import type { CampaignLimit } from "../pace/next_starts.ts";
import type { CampaignState, ItemState } from "./verdicts.ts";

/** The last known state of a pull request on its forge. A field is `null` if it could not be read. Text from the forge is untrusted. */
export interface PullRequestView {
  /** State of the pull request. `unreadable` means that the forge did not return the pull request, which might still be open. */
  state: PullRequestStatus | "unreadable";
  /** Whether the pull request is a draft. */
  draft: boolean;
  /** State of the pull request's checks. */
  checks: ChecksState | null;
  /** State of the pull request's review. On GitLab and Gitea, also `null` if the pull request is not open. */
  review: ReviewState | null;
  /** Whether the pull request conflicts with its base branch; `null` if the forge does not know yet. */
  conflict: boolean | null;
  /** Assignee, or the requested reviewer if there is no assignee; `null` if there is neither. */
  owner: string | null;
  /** When the pull request was opened, in ISO 8601, by the forge's clock. */
  createdAt: string | null;
  /** When the last activity occurred, in ISO 8601, by the forge's clock. */
  updatedAt: string | null;
  /** Why the pull request could not be read completely; `null` if everything was read. */
  reason: string | null;
  /**
   * Newest commit of the pull request's branch. All other fields refer to this commit. `null` if the forge did not return it. Absent from records of
   * older versions.
   */
  commit?: string | null | undefined;
  /** Why the pull request does not, or might not, belong to the item's run; `null` if it does. Absent from records of older versions. */
  foreign?: string | null | undefined;
  /** Whether the pull request's branch is the default branch or a protected branch; `null` if unknown. Absent from records of older versions. */
  guarded?: boolean | null | undefined;
  /** Whether the pull request's branch is behind the base branch. Absent from records of older versions. */
  behind?: boolean | undefined;
  /** Whether the base branch has a merge queue. Absent from records of older versions. */
  queue?: boolean | undefined;
  /** The forge's own id for the repository; `null` if the forge did not return it. Absent from records of older versions. */
  repositoryId?: string | null | undefined;
  /** Number of files that the pull request changes; `null` if unknown. Absent from records of older versions. */
  files?: number | null | undefined;
  /** Number of lines that the pull request adds; `null` if unknown. Absent from records of older versions. */
  additions?: number | null | undefined;
  /** Number of lines that the pull request removes; `null` if unknown. Absent from records of older versions. */
  deletions?: number | null | undefined;
}

/** Why a pull request needs attention, most urgent first. */
export type PullRequestTrouble =
  /** The pull request was closed without being merged. */
  | "closed-unmerged"
  /** The pull request conflicts with its base branch. */
  | "conflict"
  /** The pull request's checks failed. */
  | "failed-checks"
  /** A review requests changes. */
  | "changes-requested"
  /** No review was requested. */
  | "no-reviewer"
  /** The pull request has had no activity for several days. */
  | "inactive"
  /** The run succeeded and changed something, but there is no pull request. */
  | "no-pull-request"
  /** The forge did not return the pull request. */
  | "unreadable";

/** The result file that an item's task requires. Text from the file is untrusted. */
export interface ItemResult {
  /** Path of the file in the repository. */
  path: string;
  /** Why there is no value: the file is missing, is not JSON, or does not match the schema; `null` if the file is valid. */
  cause: "result-missing" | "result-not-json" | "result-invalid" | null;
  /** Commit from which the file was read; `null` if no file was read. */
  commit: string | null;
  /** Git blob id of the file; `null` if there is no file. */
  blob: string | null;
  /** SHA-256 of the file's content, as 64 hex digits; `null` if there is no file. */
  sha256: string | null;
  /** Errors in the file, one line each. The lines never contain any part of the value. */
  mistakes: readonly string[];
  /** Value of the file. Absent if no value was read, or if it is larger than 16 KB. */
  value?: unknown;
  /** Values of the top-level scalar fields that the schema names, by field name. */
  outputs: Readonly<Record<string, string | number | boolean>>;
}

/** How close a pull request is to being merged, based on its last known state on the forge. */
export type MergeStage =
  /** The pull request is merged. */
  | "merged"
  /** The merge was requested, but the forge has not merged the pull request yet. */
  | "queued"
  /** The pull request is approved, and its checks passed. */
  | "ready"
  /** The pull request is waiting for an approval. */
  | "review"
  /** The pull request's checks have not finished. */
  | "checks"
  /** Something else blocks the pull request, and someone must act. */
  | "blocked";

/** Pull requests in the same stage. */
export interface MergeGroup {
  /** Stage of the pull requests. */
  stage: MergeStage;
  /** People who must act. Those with the most pull requests come first. */
  owners: readonly {
    /** Assignee or reviewer of the pull requests. If there is neither, the owner of the repositories. */
    owner: string;
    /** Names of the items. */
    items: readonly string[];
    /** When the oldest of the pull requests was opened, in ISO 8601; `null` if unknown. */
    since: string | null;
  }[];
}

/** An item, as shown on screens and in reports. Text from the service is untrusted. */
export interface CampaignItem {
  /** Name of the item in the lock and the journal. */
  id: string;
  /** Full name of the repository. */
  repository: string;
  /** Current full name of the repository in the service, if it was renamed. @default the same as `repository` */
  renamed?: string | undefined;
  /** Base branch. */
  baseBranch: string;
  /** Root directory; `null` for the repository's root. */
  root: string | null;
  /** The item's verdict or state. */
  verdict: ItemState;
  /** Whether the item has ended. An item whose run is waiting for a person (`needs-input`) has not ended. */
  isFinal: boolean;
  /** Why the item has this verdict or state, in one line; `null` if there is nothing to report. */
  reason: string | null;
  /**
   * The last lines of the agent's log, if the item did not succeed: at most three lines of at most 200 characters. Absent if the log has no lines, or
   * if `--show-task false` hides them.
   */
  lastLines?: readonly string[] | undefined;
  /** Who skipped the item while its run was still running, without cancelling the run. Absent in all other cases. */
  skippedBy?: string | undefined;
  /** Number of starts that were sent, of any kind. */
  starts: number;
  /** Number of starts that used up an attempt. */
  attempts: number;
  /** UUID of the item's newest run. */
  runId: string | null;
  /** Branch with the agent's changes. */
  branch: string | null;
  /** Address of the pull request. */
  pullRequest: string | null;
  /** State of the pull request on its forge; `null` if it was not read. */
  pullRequestState: PullRequestView | null;
  /**
   * Minimum number of files that the run changed, according to its events. These are the files that the service committed; files that the agent
   * committed itself are not included. Absent if the events name no files.
   */
  files?: number | undefined;
  /** The result file that the item's task requires. Absent if the task requires no result file, or if no run has succeeded. */
  result?: ItemResult | undefined;
  /** Present if a pull request is required, but was not checked on its forge. */
  unchecked?: boolean | undefined;
  /**
   * How close the item's pull request is to being merged, and why it is blocked. `reason` is `null` if nothing blocks it. Absent if there is no pull
   * request, if the pull request is closed or was not read, or if the item was skipped.
   */
  merge?: { stage: MergeStage; reason: string | null } | undefined;
  /** Why the pull request needs attention; `null` if it does not, or if the item did not succeed. */
  stuck: PullRequestTrouble | null;
  /**
   * When the item's newest run was started, in ISO 8601, by the service's clock. If a later start found an existing run, this is still the original
   * time.
   */
  startedAt: string | null;
  /** When the item's newest run ended, in ISO 8601, by the service's clock. */
  endedAt: string | null;
  /** Whether the item belongs to the canary. */
  canary: boolean;
}

/** What a pull request is waiting for after all runs of its campaign have ended. */
export type PendingReason =
  /** A later wave will merge the pull request, or set its reviewers and labels. */
  | "wave"
  /** A later wave will start a run that fixes the failed checks. */
  | "repair"
  /** The merge was requested, but the forge has not merged the pull request yet. */
  | "queue"
  /** The pull request's checks have not finished. */
  | "checks"
  /** The pull request is merged, but the checks of its target branch have not finished. */
  | "target"
  /** Nobody has approved the pull request yet. */
  | "review"
  /** A review requests changes. */
  | "changes"
  /** The pull request's checks failed, and no run will fix them. */
  | "failed-checks"
  /** The pull request conflicts with its target branch. */
  | "conflict"
  /** Something else blocks the pull request, and someone must act. */
  | "blocked"
  /** The forge did not return the pull request or its checks. */
  | "unread";

/** Pull requests that still need waves after all runs of a campaign have ended. */
export interface PendingPulls {
  /** Whether the campaign file has the key `merge`. */
  merges: boolean;
  /**
   * Why waves merge nothing: a person stopped the campaign, the campaign is waiting for approval after too many failures, or earlier merges broke
   * their target branches. Absent if waves merge as usual.
   */
  hold?: "stopped" | "gate" | "merge-gate" | undefined;
  /** Pull requests grouped by reason. Reasons that a wave handles come first; reasons that people must handle come last. */
  groups: readonly {
    reason: PendingReason;
    /** Names of the items. */
    items: readonly string[];
  }[];
}

/** Items that have the same cause. */
export interface CauseGroup {
  /** Verdict or state of the items. */
  verdict: ItemState;
  /** The common reason, without parts that differ, such as numbers and ids. Empty if there is no reason. */
  cause: string;
  /** Short word for `retry --cause`, unique in the campaign. */
  word: string;
  /** Why the pull requests need attention; `null` if the items did not succeed. */
  stuck: PullRequestTrouble | null;
  /**
   * Owners of the pull requests, without duplicates. If a pull request has no owner, the owner of its repository is used. Empty if the items did not
   * succeed.
   */
  owners: readonly string[];
  /** Names of the items. */
  items: readonly string[];
}

/** Usage of the start quotas and sandboxes. */
export interface QuotaView {
  /** Starts in the last minute, and the limit. `limit` is `null` if a local Mogplex does not limit starts. */
  minute: { used: number; limit: number | null };
  /** Starts in the last hour, and the limit. */
  hour: { used: number; limit: number | null };
  /** Starts in the last 24 hours, and the limit. */
  day: { used: number; limit: number | null };
  /**
   * Sandboxes in use, and the limit. `used` is `null` if the sandboxes were not read. `ended` is the number of sandboxes that belong to ended runs of
   * the campaign; it is absent if there are no such sandboxes.
   */
  sandboxes: { used: number | null; limit: number; ended?: number };
}

/** A person's approval that opened a gate. */
export interface GateApproval {
  /** The gate that was opened. */
  gate: "canary" | "threshold" | "merge";
  /** Who last opened the gate: the user of the CI system, or the name that was given. */
  by: string;
  /** When the gate was opened, in ISO 8601, by the clock of the machine that recorded it. */
  at: string;
  /** Note on the approval; `null` if there is no note. */
  note: string | null;
}

/** A decision that a person or a gate made about a campaign. Its text is untrusted. */
export interface CampaignDecision {
  /** When the decision was made, in ISO 8601, by the clock of the machine that recorded it. */
  at: string;
  /** What was decided, in a few words, such as `Approved the canary`. */
  what: string;
  /** The person who made the decision; `null` if a gate or the plan made it. */
  by: string | null;
  /** Why the decision was made; `null` if no reason was given. */
  reason: string | null;
}

/** Facts about the plan and the journal of a campaign. */
export interface CampaignAbout {
  /**
   * Title of the task, before variables are replaced by their values. The title is also the title of the pull requests. If the campaign has no title,
   * this is the first line of the task, which the service then uses as the title of pull requests. @default unknown
   */
  title?: string | undefined;
  /** Harness of the newest task. @default unknown */
  agent?: string | undefined;
  /** Path of the campaign file in the most recent command. @default unknown */
  file?: string | undefined;
  /** SHA-256 of the campaign file and the files that it references, as 64 hex digits, when the campaign was planned. */
  fileHash: string;
  /** When the campaign was last planned, in ISO 8601, by the clock of the machine that planned it. */
  plannedAt: string;
  /** Origin of the service. */
  origin: string;
  /** Limits from the campaign file. Times are in milliseconds. `null` means that there is no limit. */
  limits: {
    parallel: number;
    attempts: number;
    runTimeoutMs: number;
    /** The limit as written in the file: a number, or a percentage such as `10%`. */
    stopAfterFailures: string | null;
    openPullRequests: number | null;
  };
  /** Number of windows in which runs can start; 0 if runs can start at any time. */
  windows: number;
  /** Gates that people have opened. */
  approvals: readonly GateApproval[];
  /** The last 200 decisions of people and gates, oldest first. Absent if none are known. */
  decisions?: readonly CampaignDecision[] | undefined;
  /** Number of records in the journal. */
  records: number;
  /** When the last record was written, in ISO 8601, by the clock of the machine that wrote it; `null` if there are no records. */
  lastRecordAt: string | null;
}

/** A canary's closed gate. */
export interface CanaryGate {
  /** `automatic`: the gate opens as soon as all canary items have succeeded. `manual`: a person must approve. */
  gate: "automatic" | "manual";
  /** Number of canary items that are queued or running again. The gate waits for their results. */
  retried: number;
}

/** A campaign, as shown on screens and in reports. */
export interface CampaignView {
  /** Version of this format. */
  schema: 1;
  /** Name of the campaign. */
  campaign: string;
  /** Round of the campaign. */
  round: string;
  /** State of the campaign. */
  state: CampaignState;
  /**
   * Why the campaign is `gated`, `stopping` or `stopped`, or why it merges nothing. If a person stopped the campaign, this field says who did even if
   * the campaign is waiting only for answers, or is done and some items did not succeed. Otherwise `null`.
   */
  stateReason: string | null;
  /**
   * When the campaign began to wait for approval, in ISO 8601, by the clock of the machine that closed the gate. Absent if the campaign is not
   * waiting for approval.
   */
  gatedAt?: string | undefined;
  /**
   * Why a gate is closed if a person has also stopped the campaign. The campaign then needs `resume` first, and `approve` after that. Absent in all
   * other cases.
   */
  gateReason?: string | undefined;
  /** The canary's gate. Absent if the campaign has no such gate, if the gate is open, or if all runs have ended. */
  canaryGate?: CanaryGate | undefined;
  /** Why nothing is merged until a person approves: earlier merges broke their target branches. Absent if merges are not stopped. */
  mergesStopped?: string | undefined;
  /** Number of items by verdict or state, including zeros. */
  counts: Readonly<Record<ItemState, number>>;
  /** The campaign's items. The canary comes first, followed by the other items in the order of the campaign file. */
  items: readonly CampaignItem[];
  /** Items that did not succeed, grouped by cause, with the largest group first. Items whose pull requests are stuck follow. */
  causes: readonly CauseGroup[];
  /** Pull requests, grouped by how close they are to being merged. Absent if no item has the field `merge`. */
  merging?: readonly MergeGroup[] | undefined;
  /** Pull requests that still need waves. Absent if the state is not `merging`. */
  pending?: PendingPulls | undefined;
  /** Usage of the start quotas and sandboxes. */
  quota: QuotaView;
  /** Number of runs that the next wave will cancel because a person requested it. Absent if the number is 0. */
  pendingCancels?: number | undefined;
  /** Number of waves that have begun. */
  waves: number;
  /** The error that stopped the last wave; `null` if the last wave was not stopped. */
  lastError: string | null;
  /** Short description of the other process that has the campaign open for writing; `null` if no process has. */
  writer: string | null;
  /**
   * When the next wave is due, in ISO 8601. The time is in the past if the wave is late. `null` if all runs have ended, or if the campaign cannot
   * continue until a person acts.
   */
  nextWaveAt: string | null;
  /** What the next start is waiting for. `nothing` means that no item is ready to start. `null` if a start can be sent now, or if all runs have ended. */
  waitingFor: CampaignLimit | null;
  /**
   * Earliest end of the campaign, in ISO 8601, if the remaining runs take as long as the finished runs did. Until a run has finished, a mean duration
   * is assumed. Unless one process runs the whole campaign, the end is never before the next wave. `null` if all runs have ended, or if the end
   * cannot be estimated.
   */
  endsAt: string | null;
  /**
   * Earliest end of the campaign if it were approved now, in ISO 8601. Absent if the campaign is not waiting for approval, or if the end cannot be
   * estimated.
   */
  endsAtIfApproved?: string | undefined;
  /**
   * Current exit code; 0 while the campaign continues. After `run()`, this is the exit code of `run()`: 4 if a person must act, 75 if the next call
   * continues the campaign.
   */
  exitCode: number;
  /** When this view was computed, in ISO 8601. */
  at: string;
  /** Facts about the campaign's plan and journal. Optional in views that are passed to a report function. */
  about?: CampaignAbout | undefined;
}

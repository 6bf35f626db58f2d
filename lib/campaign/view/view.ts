/**
 * What a campaign looks like now: plain data for screens and reports, computed from lock and journal.
 *
 * @module
 */
import type { ChecksState, PullRequestStatus, ReviewState } from "../../forge/model.ts";
import type { CampaignLimit } from "../pace/next_starts.ts";
import type { CampaignState, ItemState } from "./verdicts.ts";

/** A pull request as its forge last showed it. Values that could not be read are null. Its texts from the forge are untrusted. */
export interface PullRequestView {
  /** `unreadable`: the forge does not show it. It may be open. */
  state: PullRequestStatus | "unreadable";
  /** Whether the pull request is a draft. */
  draft: boolean;
  /** State of its checks. */
  checks: ChecksState | null;
  /** State of its review; also null when the pull request is not open. */
  review: ReviewState | null;
  /** Whether the pull request conflicts with its base branch; null when the forge does not know yet. */
  conflict: boolean | null;
  /** Assignee, or the requested reviewer if there is no assignee; null if there is neither. */
  owner: string | null;
  /** When the pull request was opened, in ISO 8601, by the forge's clock. */
  createdAt: string | null;
  /** When there was last activity, in ISO 8601, by the forge's clock. */
  updatedAt: string | null;
  /** Why all or part of the pull request could not be read; null when everything was read. */
  reason: string | null;
  /**
   * Newest commit of the pull request's branch. All other fields refer to this commit. Null when the forge did not show it. @default absent from
   * older records
   */
  commit?: string | null | undefined;
  /** Why the pull request does not, or might not, belong to the item's run; null when it does. @default absent from older records */
  foreign?: string | null | undefined;
  /**
   * Whether the pull request's branch is the default branch or a protected branch; null when the forge did not show that. @default absent from older
   * records
   */
  guarded?: boolean | null | undefined;
  /** Whether the pull request's branch needs newer commits from the base branch. @default absent from older records */
  behind?: boolean | undefined;
  /** Whether the base branch has a merge queue. @default absent from older records */
  queue?: boolean | undefined;
  /** The forge's own id for the repository; null when the forge did not show it. @default absent from older records */
  repositoryId?: string | null | undefined;
  /** Number of files that the pull request changes; null when the forge did not show it. @default absent from older records */
  files?: number | null | undefined;
  /** Number of lines that the pull request adds; null when the forge did not show it. @default absent from older records */
  additions?: number | null | undefined;
  /** Number of lines that the pull request removes; null when the forge did not show it. @default absent from older records */
  deletions?: number | null | undefined;
}

/** Why a pull request needs attention, most urgent first. */
export type PullRequestTrouble =
  /** It was closed without being merged. */
  | "closed-unmerged"
  /** It conflicts with its base branch. */
  | "conflict"
  /** Its checks are red. */
  | "failed-checks"
  /** A review requests changes. */
  | "changes-requested"
  /** No review was asked for. */
  | "no-reviewer"
  /** Nothing has happened to it for some days. */
  | "inactive"
  /** The run succeeded and changed something, but there is no pull request. */
  | "no-pull-request"
  /** The forge does not show it. */
  | "unreadable";

/** The result file that an item's task asks for. Its texts are untrusted. */
export interface ItemResult {
  /** Path in the repository. */
  path: string;
  /** Why there is no value: the file is missing, is not JSON, or does not match the schema; null for a valid file. */
  cause: "result-missing" | "result-not-json" | "result-invalid" | null;
  /** Commit from which the file was read; null if no file was read. */
  commit: string | null;
  /** Git blob of the file; null if there is no file. */
  blob: string | null;
  /** SHA-256 of the file's content, as 64 hex digits; null if there is no file. */
  sha256: string | null;
  /** What is wrong with the file, one line for each mistake. The lines never contain part of the value. */
  mistakes: readonly string[];
  /** Value of the file. @default no value was read, or it is larger than 16 KB */
  value?: unknown;
  /** Top-level scalars that the schema names, by name. */
  outputs: Readonly<Record<string, string | number | boolean>>;
}

/** How far a pull request is from being merged, according to what its forge last showed. */
export type MergeStage =
  /** It is merged. */
  | "merged"
  /** The forge was asked to merge it, but has not done so yet. */
  | "queued"
  /** It is approved and green. */
  | "ready"
  /** It waits for an approval. */
  | "review"
  /** Its checks have not finished. */
  | "checks"
  /** Something else blocks it, and somebody has to act. */
  | "blocked";

/** Pull requests in one stage. */
export interface MergeGroup {
  /** Stage of these pull requests. */
  stage: MergeStage;
  /** People who have to act, those with the most pull requests first. */
  owners: readonly {
    /** Assignee or reviewer of the pull requests, otherwise the owner of the repositories. */
    owner: string;
    /** Names of the items. */
    items: readonly string[];
    /** When the oldest of the pull requests was opened, in ISO 8601; null if unknown. */
    since: string | null;
  }[];
}

/** An item, as screens and reports show it. Its texts from the service are untrusted. */
export interface CampaignItem {
  /** Name of the item in the lock and the journal. */
  id: string;
  /** Full name of the repository. */
  repository: string;
  /** Current full name of the repository in the service, if it was renamed. @default the same as `repository` */
  renamed?: string | undefined;
  /** Base branch. */
  baseBranch: string;
  /** Root directory; null for the repository's root. */
  root: string | null;
  /** Its verdict or state. */
  verdict: ItemState;
  /** Whether the item has ended. An item whose run is waiting for a person (`needs-input`) has not ended. */
  isFinal: boolean;
  /** Why it has this verdict or state, in one line; null when there is nothing to report. */
  reason: string | null;
  /**
   * The last lines of the agent's log, if the item did not succeed: at most three lines of at most 200 characters. @default the log
   * has no lines, or `--show-task false` left them out
   */
  lastLines?: readonly string[] | undefined;
  /** Who skipped the item while its run was still running, without cancelling the run. @default nobody */
  skippedBy?: string | undefined;
  /** Number of starts that were sent, of any kind. */
  starts: number;
  /** Number of starts that used up an attempt. */
  attempts: number;
  /** UUID of its newest run. */
  runId: string | null;
  /** Branch with the agent's changes. */
  branch: string | null;
  /** Address of the pull request. */
  pullRequest: string | null;
  /** What the forge shows about the pull request; null when it was not read. */
  pullRequestState: PullRequestView | null;
  /**
   * Minimum number of files that the run changed: the files that the service committed, according to the events. Files that the agent
   * committed itself are not included. @default the events name none
   */
  files?: number | undefined;
  /** The file that its task asks for. @default the task asks for none, or no run has succeeded */
  result?: ItemResult | undefined;
  /** Whether a pull request is required, but no forge was asked about it. @default a forge was asked, or no pull request is required */
  unchecked?: boolean | undefined;
  /**
   * How far its pull request is from being merged, and why it is blocked; `reason` is null if nothing blocks it. @default there is no
   * pull request, it is closed or was not read, or the item was skipped
   */
  merge?: { stage: MergeStage; reason: string | null } | undefined;
  /** What its pull request is waiting for; null when it is waiting for nothing, or the item did not succeed. */
  stuck: PullRequestTrouble | null;
  /**
   * When its newest run was started, in ISO 8601, by the service's clock. If a later start found the run, this is still the original time.
   */
  startedAt: string | null;
  /** When its newest run ended, in ISO 8601, by the service's clock. */
  endedAt: string | null;
  /** Whether the item belongs to the canary. */
  canary: boolean;
}

/** What a pull request is waiting for after all runs of its campaign have ended. */
export type PendingReason =
  /** A later wave merges it, or sets its reviewers and labels. */
  | "wave"
  /** A later wave starts a run that fixes its checks. */
  | "repair"
  /** The forge was asked to merge it, but has not done so yet. */
  | "queue"
  /** Its checks have not finished. */
  | "checks"
  /** It is merged, and the checks of its target branch have not finished. */
  | "target"
  /** Nobody has approved it yet. */
  | "review"
  /** A review requests changes. */
  | "changes"
  /** Its checks failed, and no run will fix them. */
  | "failed-checks"
  /** It conflicts with its target branch. */
  | "conflict"
  /** Something else blocks it, and somebody has to act. */
  | "blocked"
  /** The forge did not show it, or its checks. */
  | "unread";

/** Pull requests that still need waves after all runs of a campaign have ended. */
export interface PendingPulls {
  /** Whether the campaign file has the key `merge`. */
  merges: boolean;
  /**
   * What keeps waves from merging: a person stopped the campaign, the campaign is waiting for approval after too many failures, or merges have broken
   * their target branches. @default nothing does
   */
  hold?: "stopped" | "gate" | "merge-gate" | undefined;
  /** The pull requests by reason. Reasons that a wave handles come first; reasons that people must handle come last. */
  groups: readonly {
    reason: PendingReason;
    /** Names of the items. */
    items: readonly string[];
  }[];
}

/** Items with the same cause. */
export interface CauseGroup {
  /** Their verdict or state. */
  verdict: ItemState;
  /** The common reason, without parts that differ, such as numbers and ids; empty if there is no reason. */
  cause: string;
  /** Short word for `retry --cause`: unique in the campaign. */
  word: string;
  /** What their pull requests are waiting for; null when the items did not succeed. */
  stuck: PullRequestTrouble | null;
  /** Owners of the pull requests, otherwise of the repositories, without duplicates; empty for items that did not succeed. */
  owners: readonly string[];
  /** Names of the items. */
  items: readonly string[];
}

/** Use of the start quotas. */
export interface QuotaView {
  /** Starts in the last minute, and the limit; `limit` is null for a local Mogplex that does not limit starts. */
  minute: { used: number; limit: number | null };
  /** Starts in the last hour, and the limit. */
  hour: { used: number; limit: number | null };
  /** Starts in the last 24 hours, and the limit. */
  day: { used: number; limit: number | null };
  /**
   * Sandboxes in use, if they were read, and the limit. `ended` is the number of them that belong to ended runs of the campaign; it is
   * absent if no such run has one.
   */
  sandboxes: { used: number | null; limit: number; ended?: number };
}

/** A gate that a person has opened. */
export interface GateApproval {
  /** The gate that was opened. */
  gate: "canary" | "threshold" | "merge";
  /** Who opened it last: the user of the CI system, or the name that was given. */
  by: string;
  /** Time, in ISO 8601, by the clock of the machine that recorded it. */
  at: string;
  /** Note on the approval; null without a note. */
  note: string | null;
}

/** A decision by a person or a gate about a campaign. Its texts are untrusted. */
export interface CampaignDecision {
  /** Time, in ISO 8601, by the clock of the machine that recorded it. */
  at: string;
  /** What was decided, in a few words, such as `Approved the canary`. */
  what: string;
  /** Who decided; null for a gate or the plan. */
  by: string | null;
  /** Why it was decided; null if no reason was given. */
  reason: string | null;
}

/** Facts about the plan and the journal of a campaign. */
export interface CampaignAbout {
  /**
   * Title of the task, with variables not replaced by their values. It is also the title of the pull requests. If the campaign has no title, this
   * is the first line of the task, which the service then uses as the title of pull requests. @default unknown
   */
  title?: string | undefined;
  /** The harness of the newest task. @default unknown */
  agent?: string | undefined;
  /** Path of the campaign file, as the last command named it. @default unknown */
  file?: string | undefined;
  /** SHA-256 of the campaign file and the files that it names, as 64 hex digits, at the time of the plan. */
  fileHash: string;
  /** When the campaign was last planned, in ISO 8601, by the clock of the machine that planned it. */
  plannedAt: string;
  /** Origin of the service. */
  origin: string;
  /** Limits from the campaign file. Times are in milliseconds; null means no limit. */
  limits: {
    parallel: number;
    attempts: number;
    runTimeoutMs: number;
    /** As in the file: a number, or a share such as `10%`. */
    stopAfterFailures: string | null;
    openPullRequests: number | null;
  };
  /** Number of windows in which runs can start; 0 if they can always start. */
  windows: number;
  /** Gates that people have opened. */
  approvals: readonly GateApproval[];
  /** The last 200 decisions of people and gates, oldest first. @default none are known */
  decisions?: readonly CampaignDecision[] | undefined;
  /** Number of records in the journal. */
  records: number;
  /** When the last record was written, in ISO 8601, by the clock of the machine that wrote it; null before the first record. */
  lastRecordAt: string | null;
}

/** The closed gate of a canary. */
export interface CanaryGate {
  /** `automatic`: it opens as soon as all canary items have succeeded. `manual`: somebody must approve. */
  gate: "automatic" | "manual";
  /** Number of canary items that are queued or running again. The gate waits for their results. */
  retried: number;
}

/** A campaign, as screens and reports show it. */
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
   * Why the campaign is `gated`, `stopping` or `stopped`, or why it merges nothing. If the campaign is done, was stopped before, and some items did
   * not succeed, this says who stopped it. Null otherwise.
   */
  stateReason: string | null;
  /**
   * When the campaign began to wait for approval, in ISO 8601, by the clock of the machine that closed the gate. @default the campaign is not waiting
   * for approval
   */
  gatedAt?: string | undefined;
  /**
   * Why a gate is closed, if a person has stopped the campaign as well. The campaign then needs `resume` first and `approve` after that. @default no
   * such gate is closed
   */
  gateReason?: string | undefined;
  /** The canary's gate, from the time it closes until it opens. @default the canary's gate is not closed */
  canaryGate?: CanaryGate | undefined;
  /** Why nothing is merged until somebody approves: merges have broken their target branches. @default merges are not stopped */
  mergesStopped?: string | undefined;
  /** Number of items by verdict or state, including zeros. */
  counts: Readonly<Record<ItemState, number>>;
  /** The campaign's items: the canary first, then the others in the order of the file. */
  items: readonly CampaignItem[];
  /** Items that did not succeed, grouped by identical cause, largest group first; then items whose pull requests are stuck. */
  causes: readonly CauseGroup[];
  /** Pull requests, grouped by how far they are from being merged. @default none were read */
  merging?: readonly MergeGroup[] | undefined;
  /** Pull requests that still need waves. @default the state is not `merging` */
  pending?: PendingPulls | undefined;
  /** Use of the start quotas and sandboxes. */
  quota: QuotaView;
  /** Number of runs that the next wave will cancel because a person asked for it. @default none */
  pendingCancels?: number | undefined;
  /** Number of waves so far. */
  waves: number;
  /** The error that stopped the last wave; null if none did. */
  lastError: string | null;
  /** Which other process has the campaign open for writing now, in a few words; null if no other process has. */
  writer: string | null;
  /**
   * When the next wave is due, in ISO 8601; in the past when it is late; null when all runs have ended, or the campaign cannot continue until a
   * person acts.
   */
  nextWaveAt: string | null;
  /** What the next start is waiting for: `nothing` when no item is ready to start, null when a start can be sent now. */
  waitingFor: CampaignLimit | null;
  /**
   * Earliest end, in ISO 8601, if the remaining runs take as long as the runs so far. Until a run has finished, a mean duration is assumed. The
   * end is not before the next wave, unless one process runs the whole campaign. Null when all runs have ended, or the end cannot be estimated.
   */
  endsAt: string | null;
  /**
   * Earliest end if the campaign were approved now, in ISO 8601. @default the campaign is not waiting for approval, or the end cannot be estimated
   */
  endsAtIfApproved?: string | undefined;
  /**
   * Current exit code: 0 while the campaign continues. After `run()`, it is the exit code of `run()`: 4 when a person must act, 75 when the
   * next call continues the campaign.
   */
  exitCode: number;
  /** When this was computed, in ISO 8601. */
  at: string;
  /** The campaign's plan and journal. @default absent from a view that is only displayed */
  about?: CampaignAbout | undefined;
}

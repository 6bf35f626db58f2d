/**
 * What a campaign looks like now: plain data for screens and reports, computed from lock and journal.
 *
 * @module
 */
import type { ChecksState, PullRequestStatus, ReviewState } from "../../forge/model.ts";
import type { CampaignLimit } from "../pace/next_starts.ts";
import type { CampaignState, ItemState } from "./verdicts.ts";

/** A pull request as its forge showed it last. What could not be read is null. Texts of the forge in it are untrusted. */
export interface PullRequestView {
  /** `unreadable`: the forge does not show it. It may be open. */
  state: PullRequestStatus | "unreadable";
  /** Whether it is a draft. */
  draft: boolean;
  /** What its checks say. */
  checks: ChecksState | null;
  /** Where its review is; also null when it is not open. */
  review: ReviewState | null;
  /** Whether it conflicts with its base branch; null when the forge has not found out. */
  conflict: boolean | null;
  /** Assignee, otherwise requested reviewer; null without both. */
  owner: string | null;
  /** When it was opened, in ISO 8601, by the forge's clock. */
  createdAt: string | null;
  /** When something happened to it last, in ISO 8601, by the forge's clock. */
  updatedAt: string | null;
  /** Why it, or a part of it, could not be read; null when it could be. */
  reason: string | null;
  /** Newest commit of its branch, which the rest is about; null when the forge did not show it. @default an older record */
  commit?: string | null | undefined;
  /** Why it does not, or might not, belong to the item's run; null when it does. @default an older record */
  foreign?: string | null | undefined;
  /** Whether its branch is the default branch, or protected; null when that was not shown. @default an older record */
  guarded?: boolean | null | undefined;
  /** Whether it must take in newer commits of its base branch. @default an older record */
  behind?: boolean | undefined;
  /** Whether its base branch has a merge queue. @default an older record */
  queue?: boolean | undefined;
  /** The forge's own id of its repository; null when that was not shown. @default an older record */
  repositoryId?: string | null | undefined;
  /** How many files it changes; null when that was not shown. @default an older record */
  files?: number | null | undefined;
  /** How many lines it adds; null when that was not shown. @default an older record */
  additions?: number | null | undefined;
  /** How many lines it removes; null when that was not shown. @default an older record */
  deletions?: number | null | undefined;
}

/** What a pull request waits for that needs a person, most urgent first. */
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
  /** The run succeeded and changed something, and there is no pull request. */
  | "no-pull-request"
  /** The forge does not show it. */
  | "unreadable";

/** The file that the task of an item asks for. Its texts are untrusted. */
export interface ItemResult {
  /** Path in the repository. */
  path: string;
  /** Why there is no value: the file is not there, is not JSON, or breaks the schema; null for a good file. */
  cause: "result-missing" | "result-not-json" | "result-invalid" | null;
  /** From which it was read; null without one. */
  commit: string | null;
  /** Its Git blob; null without a file. */
  blob: string | null;
  /** SHA-256 of its content, as 64 hex digits; null without a file. */
  sha256: string | null;
  /** What is wrong with it, one line each; never a part of its value. */
  mistakes: readonly string[];
  /** Its value. @default there is none, or it has more than 16 KB */
  value?: unknown;
  /** The scalars of the top level that the schema names, by name. */
  outputs: Readonly<Record<string, string | number | boolean>>;
}

/** How far a pull request is from being merged, by what its forge showed last. */
export type MergeStage =
  /** It is merged. */
  | "merged"
  /** The forge was asked to merge it, and has not yet. */
  | "queued"
  /** It is approved and green. */
  | "ready"
  /** It waits for an approval. */
  | "review"
  /** Its checks have not finished. */
  | "checks"
  /** Somebody has to do something else about it. */
  | "blocked";

/** Pull requests in one stage. */
export interface MergeGroup {
  /** Their stage. */
  stage: MergeStage;
  /** Who has to act, most pull requests first. */
  owners: readonly {
    /** Assignee or reviewer of the pull requests, otherwise the owner of the repositories. */
    owner: string;
    /** Names of the items. */
    items: readonly string[];
    /** When the oldest of the pull requests was opened, in ISO 8601; null when that is not known. */
    since: string | null;
  }[];
}

/** An item, as screens and reports show it. Texts of the service in it are untrusted. */
export interface CampaignItem {
  /** Name of the item in lock and journal. */
  id: string;
  /** Full name of the repository. */
  repository: string;
  /** Full name that the service has for the repository now. @default the same */
  renamed?: string | undefined;
  /** Base branch. */
  baseBranch: string;
  /** Root directory; null for the repository's root. */
  root: string | null;
  /** Its verdict or state. */
  verdict: ItemState;
  /** Whether it has ended. A run that waits for a person (`needs-input`) has not. */
  isFinal: boolean;
  /** Why, in one line; null when there is nothing to say. */
  reason: string | null;
  /**
   * The last lines of its agent's log, at most three of at most 200 characters, where it did not succeed. @default there are none, or
   * `--show-task false` left them out
   */
  lastLines?: readonly string[] | undefined;
  /** Who skipped it although its run is still running, and without cancelling that. @default nobody */
  skippedBy?: string | undefined;
  /** Starts that were sent, of any kind. */
  starts: number;
  /** Starts that used up an attempt. */
  attempts: number;
  /** UUID of its newest run. */
  runId: string | null;
  /** Branch with the agent's changes. */
  branch: string | null;
  /** Address of the pull request. */
  pullRequest: string | null;
  /** What its forge says of the pull request; null when it was not read. */
  pullRequestState: PullRequestView | null;
  /**
   * How many files its run changed at least: those that the service committed, by the events. What the agent committed itself is not among
   * them. @default the events name none
   */
  files?: number | undefined;
  /** The file that its task asks for. @default the task asks for none, or no run has succeeded */
  result?: ItemResult | undefined;
  /** Whether a pull request is required, but no forge was asked about it. @default it was, or none is required */
  unchecked?: boolean | undefined;
  /**
   * How far its pull request is from being merged, and why it is blocked; null for no reason. @default there is none, it is closed or was not
   * read, or the item was skipped
   */
  merge?: { stage: MergeStage; reason: string | null } | undefined;
  /** What its pull request waits for; null when it waits for nothing, or the item did not succeed. */
  stuck: PullRequestTrouble | null;
  /** When its newest run was started, also where a later start found it, in ISO 8601, by the service's clock. */
  startedAt: string | null;
  /** When its newest run ended, in ISO 8601, by the service's clock. */
  endedAt: string | null;
  /** Whether it belongs to the canary. */
  canary: boolean;
}

/** Items with the same cause. */
export interface CauseGroup {
  /** Their verdict or state. */
  verdict: ItemState;
  /** The common reason, without the parts that differ (numbers, ids); empty without a reason. */
  cause: string;
  /** Short word for `retry --cause`: unique in the campaign. */
  word: string;
  /** What their pull requests wait for; null when the items did not succeed. */
  stuck: PullRequestTrouble | null;
  /** Owners of the pull requests, otherwise of the repositories; each once, empty for items that did not succeed. */
  owners: readonly string[];
  /** Names of the items. */
  items: readonly string[];
}

/** Use of the quotas of starts. */
export interface QuotaView {
  /** Starts in the last minute, with the limit; null for a local Mogplex that limits no starts. */
  minute: { used: number; limit: number | null };
  /** Starts in the last hour, with the limit. */
  hour: { used: number; limit: number | null };
  /** Starts in the last 24 hours, with the limit. */
  day: { used: number; limit: number | null };
  /** Sandboxes in use, where they were read, and the limit. `ended`: how many of them are of ended runs of the campaign; absent for none. */
  sandboxes: { used: number | null; limit: number; ended?: number };
}

/** A gate that a person has opened. */
export interface GateApproval {
  /** Which one. */
  gate: "canary" | "threshold" | "merge";
  /** Who opened it last: the user of the CI system, or the name that was given. */
  by: string;
  /** When, in ISO 8601, by the clock of that machine. */
  at: string;
  /** What was said about it; null for nothing. */
  note: string | null;
}

/** A decision about a campaign, of a person or of a gate. Its texts are untrusted. */
export interface CampaignDecision {
  /** When, in ISO 8601, by the clock of that machine. */
  at: string;
  /** What was decided, in our words: `Approved the canary`. */
  what: string;
  /** Who decided; null for a gate, and for the plan. */
  by: string | null;
  /** Why; null if nothing was said. */
  reason: string | null;
}

/** The plan of a campaign, and its journal. */
export interface CampaignAbout {
  /**
   * Title of the task, with the names of its variables: pull requests have it, too. Without one, the first line of the task, by which the
   * service names them. @default it is not known
   */
  title?: string | undefined;
  /** The harness of the newest task. @default it is not known */
  agent?: string | undefined;
  /** Path of the campaign file, as the last command named it. @default it is not known */
  file?: string | undefined;
  /** SHA-256 of the campaign file with the files that it names, as 64 hex digits: of the plan. */
  fileHash: string;
  /** When it was planned last, in ISO 8601, by the clock of that machine. */
  plannedAt: string;
  /** Origin of the service. */
  origin: string;
  /** Limits of the file. Times in milliseconds; null where there is no limit. */
  limits: {
    parallel: number;
    attempts: number;
    runTimeoutMs: number;
    /** As in the file: a number, or a share such as `10%`. */
    stopAfterFailures: string | null;
    openPullRequests: number | null;
  };
  /** Number of windows in which runs can start; 0 for always. */
  windows: number;
  /** Gates that people have opened. */
  approvals: readonly GateApproval[];
  /** Decisions of people and gates, oldest first, the last 200. @default none is known */
  decisions?: readonly CampaignDecision[] | undefined;
  /** Records in the journal. */
  records: number;
  /** When the last one was written, in ISO 8601, by the clock of its machine; null without any. */
  lastRecordAt: string | null;
}

/** The closed gate of a canary. */
export interface CanaryGate {
  /** `automatic`: it opens as soon as all items of the canary have succeeded. `manual`: somebody must approve. */
  gate: "automatic" | "manual";
  /** Number of items of the canary that are queued or running again. The gate waits for their results. */
  retried: number;
}

/** A campaign, as screens and reports show it. */
export interface CampaignView {
  /** Version of this form. */
  schema: 1;
  /** Name of the campaign. */
  campaign: string;
  /** Its round. */
  round: string;
  /** Where it is. */
  state: CampaignState;
  /** Why it is `gated`, `stopping` or `stopped`, or who stopped it before its last run ended; null otherwise. */
  stateReason: string | null;
  /** Since when it waits for approval, in ISO 8601, by the clock of the machine that closed the gate. @default it does not */
  gatedAt?: string | undefined;
  /** Why a gate is closed although a person has stopped it as well: it needs `resume`, then `approve`. @default no such gate is closed */
  gateReason?: string | undefined;
  /** The canary's gate, from the time it closes until it opens. @default the canary's gate is not closed */
  canaryGate?: CanaryGate | undefined;
  /** Why nothing is merged until somebody approves: merges have broken their targets. @default merges are not stopped */
  mergesStopped?: string | undefined;
  /** Number of items by verdict or state; those with none are 0. */
  counts: Readonly<Record<ItemState, number>>;
  /** Items, canary first, then in the order of the file. */
  items: readonly CampaignItem[];
  /** Items that did not succeed, grouped by identical cause, largest group first; then those whose pull request is stuck. */
  causes: readonly CauseGroup[];
  /** Pull requests by how far they are from being merged. @default none was read */
  merging?: readonly MergeGroup[] | undefined;
  /** Use of the quotas. */
  quota: QuotaView;
  /** Number of runs that the next wave cancels because a person asked for it. @default none */
  pendingCancels?: number | undefined;
  /** Number of waves so far. */
  waves: number;
  /** The error that stopped the last wave; null if none did. */
  lastError: string | null;
  /** Which other process has the campaign open for writing now, in a few words; null if no process has. */
  writer: string | null;
  /** When the next wave is due, in ISO 8601; in the past when it is late; null when the campaign is done or needs a person to continue. */
  nextWaveAt: string | null;
  /** What the next start waits for: `nothing` when no item is ready for one, null when one can be sent now. */
  waitingFor: CampaignLimit | null;
  /**
   * Earliest end, in ISO 8601, if the remaining runs take as long as the runs so far; at an assumed mean time until a run has finished; not before the next wave, unless a process stays. Null when it is done, or the end cannot
   * be estimated.
   */
  endsAt: string | null;
  /** Earliest end if it were approved now, in ISO 8601. @default it does not wait for approval, or the end cannot be estimated */
  endsAtIfApproved?: string | undefined;
  /**
   * Exit code that belongs to it now: 0 while it continues. After `run()`, the code of `run()`: 4 when it needs a person, 75 when it continues
   * without us.
   */
  exitCode: number;
  /** When this was computed, in ISO 8601. */
  at: string;
  /** Its plan and its journal. @default a view that is only drawn */
  about?: CampaignAbout | undefined;
}

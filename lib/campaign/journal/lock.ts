/**
 * The lock: the frozen list of a campaign. `plan` writes it, and every later step reads it instead of the file.
 *
 * @module
 */
import type { CampaignFile } from "../file/campaign_file.ts";

/** An item of a campaign: a repository with its base branch and root directory. */
export interface LockItem {
  /** Stable name of the item in the journal: `owner/name@branch` or `owner/name@branch:root`. Unique in the lock. */
  id: string;
  /** Full name; the UUID when the repository is hidden. */
  repository: string;
  /** UUID, in lower case. */
  repositoryId: string;
  /** Base branch; sent with every start. Empty for `invalid` items. */
  baseBranch: string;
  /** Root directory; null for the repository's root. Sent with every start. */
  root: string | null;
  /** Variables of this item alone. */
  variables: Readonly<Record<string, string>>;
  /** SHA-256 over prompt text with its variables, agent and branch, as 64 hex digits. Empty for `invalid` items. */
  requestHash: string;
  /** Index of its task in {@linkcode Lock.tasks}. */
  task: number;
  /** Whether it belongs to the canary. */
  canary: boolean;
  /** Why it cannot be started, or is not to be; null for an ordinary item. */
  excluded: { as: "invalid" | "skipped"; reason: string } | null;
}

/** The parts of a request that items share. There is more than one when a later plan brought another prompt. */
export type LockTask = Pick<CampaignFile, "title" | "prompt" | "variables" | "agent" | "branch">;

/** The frozen list. */
export interface Lock {
  /** Version of this form. */
  schema: 1;
  /** Name of the campaign. */
  campaign: string;
  /** Its round; empty by default. */
  round: string;
  /** This machine's time of the plan, in ISO 8601. */
  plannedAt: string;
  /** Origin of the service. */
  origin: string;
  /**
   * SHA-256 over everything else in the lock: see `sealLock`. The journal carries it. @default {undefined} (an earlier version has written
   * the lock)
   */
  hash?: string | undefined;
  /** SHA-256 of the file with its includes, as 64 hex digits: tells whether the file has changed since. */
  fileHash: string;
  /** Tasks, by index. */
  tasks: readonly LockTask[];
  /** What counts as a success. */
  success: CampaignFile["success"];
  /** Limits, canary and windows of the file. */
  limits: CampaignFile["limits"];
  canary: CampaignFile["canary"];
  /** What is done about red checks of pull requests; null for nothing. */
  onFailedChecks: CampaignFile["onFailedChecks"];
  windows: CampaignFile["windows"];
  /** Items, canary first, then in the order of the file. */
  items: readonly LockItem[];
}

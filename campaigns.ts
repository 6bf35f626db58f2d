/**
 * Campaigns: one task in many repositories, run in waves within the service's quotas, with a client from `createMogplex()`.
 *
 * @example Follow a campaign until it ends
 * ```ts
 * import { createMogplex } from "@mogplex/ci";
 * import { createCampaigns } from "@mogplex/ci/campaigns";
 *
 * async function follow(path: string): Promise<number> {
 *   for await (const event of createCampaigns(createMogplex()).of(path).run()) {
 *     if (event.type === "item") console.log(event.item.repository, event.item.verdict);
 *     if (event.type === "end") return event.exitCode;
 *   }
 *   return 70;
 * }
 * console.log(typeof follow);
 * ```
 *
 * @module
 */
export {
  type Campaign,
  type CampaignHandle,
  type CampaignMerge,
  type CampaignMergeOptions,
  type CampaignPlanOptions,
  type CampaignReadOptions,
  type CampaignRunOptions,
  type Campaigns,
  type CampaignSettings,
  CampaignVerdictError,
  type CampaignWaveOptions,
  createCampaigns,
} from "./lib/library/campaigns.ts";
export type {
  CampaignEnd,
  CampaignEvent,
  CampaignForge,
  CampaignNotification,
  CampaignPlan,
  CampaignProgress,
  Notifier,
  WavesForecast,
} from "./lib/campaign/campaign_options.ts";
export type { NotifyEvent, NotifyFormat } from "./lib/campaign/file/campaign_file.ts";
export { CampaignFileError, type Mistake } from "./lib/campaign/file/mistakes.ts";
export type { CampaignDefinition, CampaignRepository } from "./lib/campaign/file/object.ts";
export { type MemoryHome, memoryHome } from "./lib/campaign/journal/memory_home.ts";
export type { MergeWord } from "./lib/campaign/journal/record.ts";
export type { MergeLine, MergeLineWord } from "./lib/campaign/merge/round.ts";
export type { CampaignLimit } from "./lib/campaign/pace/next_starts.ts";
export { RepositoriesError } from "./lib/campaign/plan/plan_campaign.ts";
export type { LockChanges } from "./lib/campaign/plan/make_lock.ts";
export type { CampaignState, ItemState, ItemVerdict, OpenState } from "./lib/campaign/view/verdicts.ts";
export type {
  CampaignAbout,
  CampaignDecision,
  CampaignItem,
  CampaignView,
  CanaryGate,
  CauseGroup,
  GateApproval,
  ItemResult,
  MergeGroup,
  MergeStage,
  PendingPulls,
  PendingReason,
  PullRequestTrouble,
  PullRequestView,
  QuotaView,
} from "./lib/campaign/view/view.ts";
export type { ChecksState, PullRequestStatus, ReviewState } from "./lib/forge/model.ts";

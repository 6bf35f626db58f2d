/**
 * Campaigns: one task over many repositories, in waves that the quotas of the service allow, with the client of `createMogplex()`.
 *
 * @example Follow a campaign to its end
 * ```ts
 * import { createMogplex } from "@mogplex/ci";
 * import { createCampaigns } from "@mogplex/ci/campaigns";
 *
 * async function follow(path: string): Promise<number> {
 *   for await (const event of createCampaigns(createMogplex()).run(path)) {
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
  type CampaignEnd,
  type CampaignHandle,
  type CampaignHandleItem,
  type Campaigns,
  createCampaigns,
} from "./lib/script/campaigns.ts";
export type { CampaignEvent } from "./lib/campaign/campaign_options.ts";
export type {
  AdvanceCampaignOptions,
  CampaignForge,
  CampaignOptions,
  CampaignPlan,
  PlanCampaignOptions,
  RunCampaignOptions,
  WavesForecast,
} from "./lib/campaign/campaign_options.ts";
export type { CampaignLimit } from "./lib/campaign/pace/next_starts.ts";
export type { LockChanges } from "./lib/campaign/plan/make_lock.ts";
export type { CampaignState, ItemState, ItemVerdict, OpenState } from "./lib/campaign/verdicts.ts";
export type {
  CampaignAbout,
  CampaignItem,
  CampaignView,
  CauseGroup,
  OpenedGate,
  PullRequestTrouble,
  PullRequestView,
  QuotaView,
} from "./lib/campaign/view.ts";
export type { ChecksState, PullRequestStatus, ReviewState } from "./lib/forge/forge.ts";

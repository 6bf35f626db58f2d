/**
 * What a webhook is to be told, and what it was told: the journal remembers it, for all machines.
 *
 * @module
 */
import type { NotifyEvent } from "../file/campaign_file.ts";
import type { CampaignMemory } from "../journal/memory.ts";
import { campaignState } from "../progress.ts";

/** What there is to tell of a campaign now; null for nothing. */
export function eventOf(memory: CampaignMemory): NotifyEvent | null {
  const { state } = campaignState(memory);
  if (state === "done") return "done";
  if (state === "gated" || memory.gates.threshold.closed) return "gated";
  const { running, starting, waiting, quota, service } = memory.counts;
  const isOpen = running + starting + waiting + quota + service > 0;
  return state === "waiting" && !isOpen ? "stuck" : null;
}

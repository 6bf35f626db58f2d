/**
 * Opens the gates of a campaign.
 *
 * @module
 */
import type { CampaignMemory } from "../journal/memory.ts";
import type { Store } from "./store.ts";

/** A gate. */
export type GateName = keyof CampaignMemory["gates"];

/** The gates that are closed. */
export function closedGates({ memory: { gates } }: Store): GateName[] {
  return (["canary", "threshold"] as const).filter((gate) => gates[gate].closed);
}

/**
 * Opens every gate that is closed.
 *
 * @param by Who opens it.
 * @param note Why; null for no reason.
 * @throws what the journal throws.
 */
export async function approveAll(store: Store, by: string, note: string | null): Promise<void> {
  for (const gate of closedGates(store)) await store.record({ type: "approved", gate, by, note });
}

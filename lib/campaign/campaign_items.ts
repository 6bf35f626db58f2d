/**
 * What following a campaign yields.
 *
 * @module
 */
import type { EndOutcome } from "../result/ends.ts";
import type { Bound } from "./pace/pace.ts";
import type { ItemState } from "./verdicts.ts";
import type { CampaignView, ItemView } from "./view.ts";

/** An item that following a campaign yields. */
export type CampaignItem =
  /** A wave begins. */
  | { type: "wave"; wave: number }
  /** A repository's verdict or state has changed. */
  | { type: "item"; item: ItemView; before: ItemState }
  /** Nothing is started any more until somebody approves. */
  | { type: "gate"; gate: "canary" | "threshold"; reason: string }
  /** What the next start waits for; comes when that changes. */
  | { type: "waits"; because: Bound; nextAt: string | null }
  /** The end: the last item. */
  | { type: "end"; outcome: EndOutcome; view: CampaignView };

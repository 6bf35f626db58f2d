/**
 * The words for what became of an item and of a campaign.
 *
 * @module
 */

/** Verdicts of an item: nothing more happens to it by itself. The order is the order of tables: what needs a person comes first. */
export const ITEM_VERDICTS: readonly ItemVerdict[] = [
  "needs-input",
  "unknown",
  "conflict",
  "failed",
  "overdue",
  "cancelled",
  "invalid",
  "skipped",
  "succeeded",
  "unchanged",
];

/** Verdicts with which nothing is left to do, and nothing went wrong. */
export const GOOD_VERDICTS: readonly ItemState[] = ["skipped", "succeeded", "unchanged"];

/**
 * What became of an item. `succeeded`: the run succeeded and met the requirement. `unchanged`: no change was needed. `failed`: the agent
 * failed, or the requirement was not met. `unknown`: the run succeeded, and whether it met the requirement cannot be seen. `cancelled`: by
 * somebody else. `needs-input`: the run waits for a person. `overdue`: it took longer than `run-timeout`, and we cancelled it. `conflict`:
 * its key belongs to another request. `invalid`: the service refuses the request, or does not know the repository. `skipped`: a person
 * decided so, or it left the list before it was started.
 */
export type ItemVerdict =
  | "needs-input"
  | "unknown"
  | "conflict"
  | "failed"
  | "overdue"
  | "cancelled"
  | "invalid"
  | "skipped"
  | "succeeded"
  | "unchanged";

/** States of an item that is still to get a verdict, in the order of tables. */
export const OPEN_STATES: readonly OpenState[] = ["running", "starting", "quota", "service", "waiting"];

/**
 * Where an item without a verdict is. `waiting`: it has not been started, or is to be started again. `starting`: its start was sent, and the
 * answer is not recorded. `running`: its run has not ended. `quota`: its last start was refused by a limit. `service`: its last start failed
 * because of the service or the network.
 */
export type OpenState = "running" | "starting" | "quota" | "service" | "waiting";

/** Verdict or open state of an item. */
export type ItemState = ItemVerdict | OpenState;

/** Whether an item has its verdict. `needs-input` is one that can still change: a person may answer. */
export function hasVerdict(state: ItemState): state is ItemVerdict {
  return (ITEM_VERDICTS as readonly string[]).includes(state);
}

/** States of a campaign. */
export const CAMPAIGN_STATES: readonly CampaignState[] = [
  "planned",
  "running",
  "waiting",
  "gated",
  "stopping",
  "stopped",
  "done",
];

/**
 * Where a campaign is. `planned`: no wave was made. `running`: runs are at work. `waiting`: nothing is at work, the next start waits for a
 * quota, a window, a sandbox or the next wave. `gated`: nothing is started until somebody approves. `stopping`: nothing is started any more,
 * and runs are still at work. `stopped`: the same, and none is. `done`: every item has its verdict.
 */
export type CampaignState = "planned" | "running" | "waiting" | "gated" | "stopping" | "stopped" | "done";

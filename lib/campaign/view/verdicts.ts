/**
 * The verdict of an item, the state of a campaign, and what a verdict means for its item. `docs/campaigns.md`, "Words", explains them for users.
 *
 * @module
 */

/** Verdicts of an item, in the order of tables: what needs attention comes first. An item with a verdict does not continue without a person. */
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

/** Verdicts that `retry --failed` selects. */
export const FAILED_VERDICTS: readonly ItemState[] = ["failed", "overdue"];

/** Verdicts of items for which nothing is left to do and nothing went wrong. */
export const GOOD_VERDICTS: readonly ItemState[] = ["skipped", "succeeded", "unchanged"];

/**
 * The result of an item. `succeeded`: the run succeeded and met the requirement. `unchanged`: no change was needed. `failed`: the agent
 * failed, or the requirement was not met. `unknown`: the run succeeded, but nothing shows whether it met the requirement. `cancelled`:
 * another person cancelled the run. `needs-input`: the run is waiting for a person. `overdue`: the run took longer than `run-timeout`, and
 * the campaign cancelled it. `conflict`: the item's key belongs to another request. `invalid`: the service refuses the request, or does not
 * know the repository. `skipped`: a person skipped the item, or it left the list before it was started.
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

/** States of an item without a verdict, in the order of tables. */
export const OPEN_STATES: readonly OpenState[] = ["running", "starting", "quota", "service", "waiting"];

/**
 * The state of an item without a verdict. `waiting`: the item has not been started, or will be started again. `starting`: its start was
 * sent, but no answer is recorded, so an agent may be running. `running`: its run has not ended. `quota`: its last start was refused by a
 * limit. `service`: its last start failed because of the service or the network, and did not begin a run.
 */
export type OpenState = "running" | "starting" | "quota" | "service" | "waiting";

/** Verdict of an item, or the state of an item without a verdict. */
export type ItemState = ItemVerdict | OpenState;

/** Whether an item has a verdict. The verdict `needs-input` can still change; see {@linkcode isFinal}. */
export function hasVerdict(state: ItemState): state is ItemVerdict {
  return (ITEM_VERDICTS as readonly string[]).includes(state);
}

/** Whether an item has ended. A run that is waiting for a person continues when the person answers. */
export function isFinal(state: ItemState): boolean {
  return hasVerdict(state) && state !== "needs-input";
}

/** Number of items of a campaign, by what their states mean. */
export interface ItemTotals {
  items: number;
  /** Items that have ended: the sum of `good`, `skipped` and `bad`. */
  ended: number;
  /** Items that succeeded, or that needed no change. */
  good: number;
  skipped: number;
  /** Items that ended without success. */
  bad: number;
  /** Items with a run that is waiting for a person. They have not ended. */
  asking: number;
  /** Items with a run that has not ended and is not waiting for a person. */
  running: number;
}

/** Reason of an item that failed because its run changed nothing. */
export const NO_CHANGE = "no change";

/**
 * Counts the items by what their states mean. This is the only place that decides which items are open, finished or failed. @param counts Number of
 * items by state. A missing state counts as 0.
 */
export function totalsOf(counts: Readonly<Partial<Record<ItemState, number>>>): ItemTotals {
  const sum = (states: readonly ItemState[]) => states.reduce((total, state) => total + (counts[state] ?? 0), 0);
  const { skipped = 0, running = 0, "needs-input": asking = 0 } = counts;
  const ended = sum(ITEM_VERDICTS.filter(isFinal));
  const good = sum(GOOD_VERDICTS) - skipped;
  return {
    items: ended + asking + sum(OPEN_STATES),
    ended,
    good,
    skipped,
    bad: ended - good - skipped,
    asking,
    running,
  };
}

const OUTCOMES: ReadonlyMap<string, ItemOutcome> = new Map([
  ["succeeded", "success"],
  ["unchanged", "success"],
  ["failed", "failed"],
  ["cancelled", "cancelled"],
  ["needs-input", "awaiting_input"],
  ["overdue", "deadline"],
  ["unknown", "error"],
  ["conflict", "error"],
  ["invalid", "error"],
]);

/** The outcome of a single run that ended as the run of an item did. */
export type ItemOutcome = "success" | "failed" | "cancelled" | "awaiting_input" | "deadline" | "error";

/** The outcome of the newest run of an item with this verdict; undefined if the item is skipped or has no verdict, or if the verdict is unknown. */
export function outcomeOf(verdict: string): ItemOutcome | undefined {
  return OUTCOMES.get(verdict);
}

export const CAMPAIGN_STATES: readonly CampaignState[] = [
  "planned",
  "running",
  "waiting",
  "gated",
  "stopping",
  "stopped",
  "merging",
  "done",
];

/**
 * The state of a campaign. `planned`: no wave has run yet. `running`: runs are open. `waiting`: nothing runs, and the next start waits for
 * a quota, a window, a sandbox or the next wave. `gated`: nothing is started until a person approves. `stopping`: nothing more is started,
 * and runs are still open. `stopped`: nothing runs and nothing will start. `merging`: every item has its final verdict, and pull requests are
 * left for later waves, which merge or fix them as the keys of the file say. `done`: no wave will do anything more.
 */
export type CampaignState =
  | "planned"
  | "running"
  | "waiting"
  | "gated"
  | "stopping"
  | "stopped"
  | "merging"
  | "done";

/** Whether all runs of a campaign have ended. Nothing more is started without a person, but pull requests may still need waves. */
export function areRunsOver(state: CampaignState): boolean {
  return state === "merging" || state === "done";
}

const STATE_WORDS = {
  planned: ["queued", "not started"],
  running: ["run", "running"],
  waiting: ["queued", "waiting"],
  gated: ["warn", "needs approval"],
  stopping: ["warn", "stopping"],
  stopped: ["warn", "stopped"],
  merging: ["queued", "merging"],
  done: ["good", "done"],
} as const satisfies Record<CampaignState, readonly [tone: string, word: string]>;

/** The icon and the word for the state of a campaign on pages. @param bad Number of items that ended without success. */
export function stateWords(
  state: CampaignState,
  bad: number,
): readonly [tone: typeof STATE_WORDS[CampaignState][0] | "bad", word: string] {
  return areRunsOver(state) && bad > 0 ? ["bad", `${state}, ${bad} did not succeed`] : STATE_WORDS[state];
}

/** The verdict that the end of a start gives to its item: the field `as` of an `ended` record in the journal. */
export type StartVerdict = Exclude<ItemVerdict, "skipped"> | "quota" | "service";

/** What follows from a verdict. */
export interface VerdictRule {
  /** Whether the start uses up an attempt of its item. */
  attempt: boolean;
  /** Whether the verdict is a failure, which makes the campaign end with exit code 1. */
  failure: boolean;
  /** Whether the item is one of the ended items, to which the share in `stop-after-failures` applies. */
  ended: boolean;
  /** Whether the item is started again automatically. `attempts`: while it has attempts left. `free`: without using one up. */
  again: "never" | "attempts" | "free";
}

const GOOD: VerdictRule = { attempt: true, failure: false, ended: true, again: "never" };
const FAILED: VerdictRule = { attempt: true, failure: true, ended: true, again: "attempts" };
const REFUSED: VerdictRule = { attempt: false, failure: true, ended: true, again: "never" };
const OPEN: VerdictRule = { attempt: true, failure: false, ended: false, again: "never" };
const HELD: VerdictRule = { attempt: false, failure: false, ended: false, again: "free" };

export const VERDICT_RULES: Readonly<Record<StartVerdict, VerdictRule>> = {
  succeeded: GOOD,
  unchanged: GOOD,
  failed: FAILED,
  overdue: FAILED,
  cancelled: { ...FAILED, again: "never" },
  conflict: REFUSED,
  invalid: REFUSED,
  unknown: OPEN,
  "needs-input": OPEN,
  quota: HELD,
  service: HELD,
};

/**
 * The rule of `cancelled` after `campaign stop --cancel`. Too many failures must not stop a campaign because a person has cancelled its runs.
 */
export const CANCELLED_BY_STOP: VerdictRule = OPEN;

/** Number of consecutive starts that fail because of the service or the network after which the item has failed. Source: specification, section 7. */
export const MAX_SERVICE_FAILURES = 5;

/** Number of consecutive runs without a free sandbox after which the item has failed. This is not a failure of the task. */
export const MAX_WITHOUT_SANDBOX = 12;

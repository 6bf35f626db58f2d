/** In the order of tables: verdicts that need attention come first. An item with a verdict does not continue without a person. */
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

export const FAILED_VERDICTS: readonly ItemState[] = ["failed", "overdue"];

export const GOOD_VERDICTS: readonly ItemState[] = ["skipped", "succeeded", "unchanged"];

/**
 * The result of an item:
 *
 * - `succeeded`: the run succeeded and met the requirement.
 * - `unchanged`: no change was needed.
 * - `failed`: the agent failed, or the requirement was not met.
 * - `unknown`: nothing shows whether the run met the requirement, or whether the start began a run.
 * - `cancelled`: the run was cancelled, for example with `campaign stop --cancel`.
 * - `needs-input`: the run is waiting for a person.
 * - `overdue`: the run took longer than `run-timeout`, and the campaign cancelled it.
 * - `conflict`: the item's key belongs to another request.
 * - `invalid`: the service refuses the request, or does not know the repository or the run.
 * - `skipped`: a person skipped the item, or it was removed from the list before it was started.
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

export const OPEN_STATES: readonly OpenState[] = ["running", "starting", "quota", "service", "waiting"];

/**
 * The state of an item without a verdict:
 *
 * - `waiting`: the item has not been started, or will be started again.
 * - `starting`: its start was sent, but no response is recorded, so an agent may be running.
 * - `running`: its run has not ended.
 * - `quota`: its last start was refused because of a limit, or its run got no sandbox.
 * - `service`: its last start failed because of the service or the network, and no agent was started.
 */
export type OpenState = "running" | "starting" | "quota" | "service" | "waiting";

/** The verdict of an item, or its state if it has no verdict. */
export type ItemState = ItemVerdict | OpenState;

export function hasVerdict(state: ItemState): state is ItemVerdict {
  return (ITEM_VERDICTS as readonly string[]).includes(state);
}

/** A run with the verdict `needs-input` continues after a person answers, so its item has not finished. */
export function isFinal(state: ItemState): boolean {
  return hasVerdict(state) && state !== "needs-input";
}

export interface ItemTotals {
  items: number;
  ended: number;
  good: number;
  skipped: number;
  bad: number;
  asking: number;
  running: number;
}

export const NO_CHANGE = "no change";

/** Only this function decides which items are treated as good, failed or unfinished. */
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

export type ItemOutcome = "success" | "failed" | "cancelled" | "awaiting_input" | "deadline" | "error";

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
 * The state of a campaign:
 *
 * - `planned`: no wave has run yet.
 * - `running`: runs are active.
 * - `waiting`: no run is active. The next start waits for a quota, a window, a sandbox or the next wave, or a run needs an answer.
 * - `gated`: nothing is started until a person approves.
 * - `stopping`: nothing more is started, but runs are still open.
 * - `stopped`: nothing is running, and nothing will start.
 * - `merging`: every item has its final verdict, but later waves will merge or fix pull requests, as specified in the campaign file.
 * - `done`: no wave will do anything more.
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

/** Pull requests may still need waves, which can also start runs that fix failed checks. */
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

export function stateWords(
  state: CampaignState,
  bad: number,
): readonly [tone: typeof STATE_WORDS[CampaignState][0] | "bad", word: string] {
  return areRunsOver(state) && bad > 0 ? ["bad", `${state}, ${bad} did not succeed`] : STATE_WORDS[state];
}

export type StartVerdict = Exclude<ItemVerdict, "skipped"> | "quota" | "service";

export interface VerdictRule {
  attempt: boolean;
  /** Whether `stop-after-failures` counts the verdict as a failure. */
  failure: boolean;
  /** Whether the item is finished. A percentage in `stop-after-failures` refers to finished items. */
  ended: boolean;
  /**
   * Whether the item is started again automatically. `attempts` means that the item is started again if it has attempts left; `free` means that the
   * start does not use up an attempt.
   */
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

/** Runs that a person cancelled with `campaign stop --cancel` must not count as failures. */
export const CANCELLED_BY_STOP: VerdictRule = OPEN;

/**
 * An item fails after this number of consecutive starts that fail because of the service or the network. Source: specification of campaigns, section
 * 7.
 */
export const MAX_SERVICE_FAILURES = 5;

/** An item fails after this number of consecutive starts that find no free sandbox. */
export const MAX_WITHOUT_SANDBOX = 12;

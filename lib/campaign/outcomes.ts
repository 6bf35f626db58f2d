/**
 * What counts as what: the one table of how a start ends, what becomes of its item, and whether that is an attempt and a failure.
 *
 * @module
 */
import type { StartEnd } from "./journal/record.ts";
import type { ItemState } from "./verdicts.ts";

/** A row of {@linkcode OUTCOMES}. */
interface Outcome {
  /** How the start ended, for people. In Markdown. */
  endedAs: string;
  /** The same in the journal: the field `as` of an `ended` record; null when no record is written. */
  as: StartEnd | null;
  /** State of the item from then on; null when it stays as it was. */
  item: ItemState | null;
  /** More about the item, for people; empty for nothing. */
  remark: string;
  /** Whether the start counts as an attempt of its item. */
  attempt: boolean;
  /** Whether it is a failure: it makes the campaign end with 1. */
  failure: boolean;
  /** Whether the item is one of those that have ended, of which `stop-after-failures` is a share. */
  ended: boolean;
  /** Whether the item is started again by itself: `attempts`, while it has attempts; `free`, without using one up. */
  again: "never" | "attempts" | "free";
}

/** Starts in a row that fail because of the service or the network until the item has failed. Source: specification, section 7. */
export const MAX_SERVICE_FAILURES = 5;

/** The table. Rows with the same `as` have the same consequences: a test compares them. */
export const OUTCOMES: readonly Outcome[] = [
  {
    endedAs: "`success`, the requirement is met",
    as: "succeeded",
    item: "succeeded",
    remark: "",
    attempt: true,
    failure: false,
    ended: true,
    again: "never",
  },
  {
    endedAs: "`success`, no change was needed",
    as: "unchanged",
    item: "unchanged",
    remark: "with `require: run`, or with `accept-unchanged`",
    attempt: true,
    failure: false,
    ended: true,
    again: "never",
  },
  {
    endedAs: "`success`, no change was needed, and one is required",
    as: "failed",
    item: "failed",
    remark: '"no change"',
    attempt: true,
    failure: true,
    ended: true,
    again: "attempts",
  },
  {
    endedAs: "`success`, the requirement is not met",
    as: "failed",
    item: "failed",
    remark: "",
    attempt: true,
    failure: true,
    ended: true,
    again: "attempts",
  },
  {
    endedAs: "`success`, and whether the requirement is met cannot be seen",
    as: "unknown",
    item: "unknown",
    remark: "settled by the forge, else by a person; the campaign ends with 1",
    attempt: true,
    failure: false,
    ended: false,
    again: "never",
  },
  {
    endedAs: "`failed`",
    as: "failed",
    item: "failed",
    remark: "",
    attempt: true,
    failure: true,
    ended: true,
    again: "attempts",
  },
  {
    endedAs: "`failed` for want of a sandbox; 429; no free start",
    as: "quota",
    item: "quota",
    remark: "waits",
    attempt: false,
    failure: false,
    ended: false,
    again: "free",
  },
  {
    endedAs: "5xx, network, outcome of the start unknown, refused by the queue",
    as: "service",
    item: "service",
    remark: `after ${MAX_SERVICE_FAILURES} in a row: \`failed\`, which is a failure and is not started again by itself`,
    attempt: false,
    failure: false,
    ended: false,
    again: "free",
  },
  {
    endedAs: "`cancelled` by others",
    as: "cancelled",
    item: "cancelled",
    remark: "",
    attempt: true,
    failure: true,
    ended: true,
    again: "never",
  },
  {
    endedAs: "`awaiting_input`",
    as: "needs-input",
    item: "needs-input",
    remark: "holds its sandbox; becomes its real end when a person answers; listed first",
    attempt: true,
    failure: false,
    ended: false,
    again: "never",
  },
  {
    endedAs: "longer than `run-timeout`",
    as: "overdue",
    item: "overdue",
    remark: "cancelled by us",
    attempt: true,
    failure: true,
    ended: true,
    again: "attempts",
  },
  {
    endedAs: "409, the key belongs to another request",
    as: "conflict",
    item: "conflict",
    remark: "a person decides (`retry`)",
    attempt: false,
    failure: true,
    ended: true,
    again: "never",
  },
  {
    endedAs: "400, or the repository is not known, also one that was removed while its run worked",
    as: "invalid",
    item: "invalid",
    remark: "",
    attempt: false,
    failure: true,
    ended: true,
    again: "never",
  },
  {
    endedAs: "401, 403",
    as: null,
    item: null,
    remark: "nothing more is started; exit code 64 or 65",
    attempt: false,
    failure: false,
    ended: false,
    again: "never",
  },
];

/** What follows when a start has ended so. */
export function outcomeOf(as: StartEnd): Outcome {
  const outcome = OUTCOMES.find((each) => each.as === as);
  if (outcome === undefined) throw new Error(`Cannot find how ${as} counts`);
  return outcome;
}

import { formatCount } from "../../text/duration.ts";
import type { PendingPulls, PendingReason } from "../view/view.ts";

export const PENDING_WORDS: Readonly<Record<PendingReason, string>> = {
  wave: "for a later wave",
  repair: "for a run that fixes the checks",
  queue: "in a queue",
  checks: "for checks",
  target: "for the checks of the target branch",
  review: "for a review",
  changes: "for requested changes",
  "failed-checks": "with failed checks",
  conflict: "with conflicts",
  blocked: "blocked",
  unread: "that could not be read",
};

export function pendingText({ merges, groups }: PendingPulls): string {
  const count = groups.reduce((sum, { items }) => sum + items.length, 0);
  const parts = groups.map(({ reason, items }) => `${items.length} ${PENDING_WORDS[reason]}`);
  return `${formatCount(count, "pull request")} ${count === 1 ? "is" : "are"} waiting${
    merges ? " to be merged" : ""
  }: ${parts.join(", ")}`;
}

export const NEEDS_PEOPLE: readonly PendingReason[] = [
  "review",
  "changes",
  "failed-checks",
  "conflict",
  "blocked",
  "unread",
];

export function isLeftToPeople({ hold, groups }: PendingPulls): boolean {
  return hold !== undefined || groups.every(({ reason }) => NEEDS_PEOPLE.includes(reason));
}

import { formatCount } from "../../text/duration.ts";
import type { GateName, JournalRecord } from "./record.ts";

export interface DecisionMemory {
  /** By the clock of the machine that recorded the decision. */
  readonly at: string;
  readonly what: string;
  readonly by: string | null;
  readonly reason: string | null;
}

export const MAX_DECISIONS = 200;

const GATES: Readonly<Record<GateName, { closed: string; opened: string; text: string }>> = {
  canary: { closed: "Canary finished: approval needed", opened: "Approved the canary", text: "after the canary" },
  threshold: {
    closed: "Stopped by too many failures",
    opened: "Approved after too many failures",
    text: "after too many failures",
  },
  merge: {
    closed: "Merging stopped: approval needed",
    opened: "Approved further merges",
    text: "after merges with red checks",
  },
};

export function gateText(gate: GateName): string {
  return GATES[gate].text;
}

export function decisionOf(record: JournalRecord, hasRuns: boolean): DecisionMemory | undefined {
  const said = "reason" in record && typeof record.reason === "string" ? record.reason : null;
  const reason = said ?? ("note" in record && typeof record.note === "string" ? record.note : null);
  const decision = (what: string, by: string | null = null) => ({ at: record.at, what, by, reason });
  switch (record.type) {
    case "gate":
      return decision(GATES[record.gate].closed);
    case "approved":
      return decision(GATES[record.gate].opened, record.by);
    case "planned":
      return record.canary ? decision("Added items to the canary", record.by) : undefined;
    case "retry":
      return decision(`Retried ${formatCount(record.items.length, "item")}`, record.by);
    case "skipped":
      return decision(`Skipped ${formatCount(record.items.length, "item")}`, record.by);
    case "stopped":
      return decision(
        record.cancel && hasRuns ? "Stopped the campaign and cancelled the active runs" : "Stopped the campaign",
        record.by,
      );
    case "resumed":
      return decision("Resumed the campaign", record.by);
    default:
      return undefined;
  }
}

import { Contradiction } from "./merge_memory.ts";
import type { JournalRecord, Person, WriteAct } from "./record.ts";

export interface WriteMemory {
  readonly url: string;
  readonly by: Person;
  /** In ISO 8601, by the clock of the machine that requested the change. */
  readonly at: string;
  /**
   * Number of the change among the changes of its kind that were carried out. The comment that a change leaves on the pull request contains a mark
   * with this number.
   */
  readonly number: number;
  readonly users: readonly string[];
  readonly teams: readonly string[];
  readonly labels: readonly string[];
  readonly why: string | null;
  readonly state: "open" | "done" | "refused" | "withdrawn";
  readonly reason: string | null;
}

type WriteRecord = Extract<JournalRecord, { type: "write-intent" | "write" }>;

interface WriteItem {
  pull: { state: string } | null;
  writes: Readonly<Partial<Record<WriteAct, WriteMemory>>>;
}

export function applyWrite(item: WriteItem, record: WriteRecord): void {
  const { act } = record;
  const last = item.writes[act];
  if (record.type === "write-intent") {
    if (last?.state === "open") throw new Contradiction(`an earlier change to its pull request (${act}) has no answer`);
    const { url, by, at, users = [], teams = [], labels = [], why = null } = record;
    // A change that was not carried out may already have its comment, so its number is used again.
    const number = last === undefined ? 1 : last.state === "done" ? last.number + 1 : last.number;
    const write = { url, by, at, number, users, teams, labels, why };
    item.writes = { ...item.writes, [act]: { ...write, state: "open", reason: null } };
    return;
  }
  if (last?.state !== "open") {
    throw new Contradiction(`no change to its pull request (${act}) is waiting for an answer`);
  }
  item.writes = { ...item.writes, [act]: { ...last, state: record.as, reason: record.reason } };
  if (act === "close" && record.as === "done" && item.pull?.state === "open") {
    item.pull = { ...item.pull, state: "closed" };
  }
}

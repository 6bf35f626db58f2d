/**
 * What a journal remembers of changes that a campaign makes to its pull requests: reviewers and labels of the file, requests for reviews, closing.
 *
 * @module
 */
import { Contradiction } from "./merge_memory.ts";
import type { JournalRecord, Person, WriteAct } from "./record.ts";

/** The last requested change of its kind. */
export interface WriteMemory {
  readonly url: string;
  readonly by: Person;
  /** When it was requested, by that machine's clock, in ISO 8601. */
  readonly at: string;
  /** Its number among the changes of its kind that were carried out: the comment of each has its own mark. */
  readonly number: number;
  readonly users: readonly string[];
  readonly teams: readonly string[];
  readonly labels: readonly string[];
  /** Why a pull request is closed; null for any other change. */
  readonly why: string | null;
  /** `open`: no answer is known. `withdrawn`: nothing was sent. */
  readonly state: "open" | "done" | "refused" | "withdrawn";
  /** Why the forge has refused it; null otherwise. */
  readonly reason: string | null;
}

type WriteRecord = Extract<JournalRecord, { type: "write-intent" | "write" }>;

interface WriteItem {
  pull: { state: string } | null;
  writes: Readonly<Partial<Record<WriteAct, WriteMemory>>>;
}

/** Takes a record into the memory of its item. @throws {Contradiction} */
export function applyWrite(item: WriteItem, record: WriteRecord): void {
  const { act } = record;
  const last = item.writes[act];
  if (record.type === "write-intent") {
    if (last?.state === "open") throw new Contradiction(`an earlier change of its pull request (${act}) has no answer`);
    const { url, by, at, users = [], teams = [], labels = [], why = null } = record;
    // One that was not carried out may have left its comment.
    const number = last === undefined ? 1 : last.state === "done" ? last.number + 1 : last.number;
    const write = { url, by, at, number, users, teams, labels, why };
    item.writes = { ...item.writes, [act]: { ...write, state: "open", reason: null } };
    return;
  }
  if (last?.state !== "open") throw new Contradiction(`no change of its pull request (${act}) waits for an answer`);
  item.writes = { ...item.writes, [act]: { ...last, state: record.as, reason: record.reason } };
  if (act === "close" && record.as === "done" && item.pull?.state === "open") {
    item.pull = { ...item.pull, state: "closed" };
  }
}

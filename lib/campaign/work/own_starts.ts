/**
 * The starts of this process that are missing from the journal because another machine wrote to the home first. Sending these starts again would use
 * slots of the quota. If a decision on another machine prevented the new starts, no journal would contain the runs.
 * @module
 */
import { UsageError } from "../../errors.ts";
import { hasRun, isOpenStart, type ItemMemory, nextStart } from "../journal/memory.ts";
import type { RecordBody } from "../journal/record.ts";
import type { Store } from "./store.ts";

type Of<T extends RecordBody["type"]> = Extract<RecordBody, { type: T }>;

export type Intent = Of<"intent">;

export interface OwnStart {
  intent: Intent;
  started: Of<"started">;
}

export interface OwnStarts {
  readonly accepted: Map<string, OwnStart>;
  /** Intents that other machines may have read but that have not started a run, by key. Their requests were not sent, or were refused. */
  readonly unsent: Map<string, Intent>;
}

export function noOwnStarts(): OwnStarts {
  return { accepted: new Map(), unsent: new Map() };
}

function missingRecords(item: ItemMemory, { intent, started }: OwnStart): RecordBody[] | null {
  const earlierStart = item.starts.find(({ key }) => key === intent.key);
  if (earlierStart === undefined) return hasRun(item) || nextStart(item) !== intent.start ? null : [intent, started];
  if (earlierStart.runId !== null) return earlierStart.runId === started.runId.toLowerCase() ? [] : null;
  if (item.starts.at(-1) !== earlierStart) return null;
  return isOpenStart(item) && earlierStart.end === null ? [started] : [intent, started];
}

function isLastWord({ starts, beforeIntent }: ItemMemory, { key, sentAt }: Intent): boolean {
  const last = starts.at(-1);
  return beforeIntent !== null && last?.key === key && last.sentAt === sentAt && last.openSlotMs !== null;
}

export async function withdrawIntents(store: Store, intents: Iterable<Intent>): Promise<void> {
  const bodies = [...intents].flatMap((intent): RecordBody[] => {
    const item = store.memory.items.get(intent.item);
    const isOurs = item !== undefined && isLastWord(item, intent);
    return isOurs ? [{ type: "withdrawn", item: intent.item, start: intent.start }] : [];
  });
  if (bodies.length > 0) await store.record(...bodies);
}

export async function recordOwnStarts(
  store: Store,
  starts: OwnStarts,
  tell: (message: string) => void,
): Promise<void> {
  await withdrawIntents(store, starts.unsent.values());
  for (const acceptedStart of starts.accepted.values()) {
    const item = store.memory.items.get(acceptedStart.started.item);
    const bodies = item === undefined ? null : missingRecords(item, acceptedStart);
    try {
      if (bodies !== null) {
        await store.record(...bodies);
        continue;
      }
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
    }
    tell(
      `run "${acceptedStart.started.runId}" of ${acceptedStart.started.item} was started by this job, but another job has changed the journal in ` +
        "the meantime: check the run in the app",
    );
  }
}

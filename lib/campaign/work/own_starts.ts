/**
 * The starts of this process, which a lost race for the home takes out of the journal. Sent again, each would take a slot of the quota; and
 * what another machine has decided meanwhile may keep it from being sent again at all, and its run would be in no journal.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { hasRun, isOpenStart, type ItemMemory, nextStart } from "../journal/memory.ts";
import type { RecordBody } from "../journal/record.ts";
import type { Store } from "./store.ts";

type Of<T extends RecordBody["type"]> = Extract<RecordBody, { type: T }>;

/** A start that the service has accepted, as the journal had it. */
export interface OwnStart {
  intent: Of<"intent">;
  started: Of<"started">;
}

export type OwnStarts = Map<string, OwnStart>;

/** Records of a start that the journal does not have; null when there is no place for it. */
function missingRecords(item: ItemMemory, { intent, started }: OwnStart): RecordBody[] | null {
  const known = item.starts.find(({ key }) => key === intent.key);
  if (known === undefined) return hasRun(item) || nextStart(item) !== intent.start ? null : [intent, started];
  if (known.runId !== null) return known.runId === started.runId.toLowerCase() ? [] : null;
  if (item.starts.at(-1) !== known) return null;
  return isOpenStart(item) && known.end === null ? [started] : [intent, started];
}

/**
 * Records the starts that this process has made and that the journal, read again, does not have.
 *
 * @param tell Hears of runs that cannot be recorded.
 * @throws what the journal throws.
 */
export async function recordOwnStarts(
  store: Store,
  starts: ReadonlyMap<string, OwnStart>,
  tell: (message: string) => void,
): Promise<void> {
  for (const own of starts.values()) {
    const item = store.memory.items.get(own.started.item);
    const bodies = item === undefined ? null : missingRecords(item, own);
    try {
      if (bodies !== null) {
        await store.record(...bodies);
        continue;
      }
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
    }
    tell(
      `run "${own.started.runId}" of ${own.started.item} was started by this job, and the journal of the other one has no ` +
        "place for it: look at it in the app",
    );
  }
}

/**
 * Claims a folder for a run outside CI, before a start is sent or a run is followed. If several processes find the folder free, only one process
 * claims it. The other processes then see the key or the run of that process.
 *
 * A state file can only be replaced as a whole. A lock therefore makes two steps atomic: checking that the file is unchanged, and replacing the file.
 * The lock is held only for a few calls that do not wait. If a process is killed while it holds the lock, the next process removes the lock after
 * seeing it unchanged for two seconds. This method does not compare the clocks of two machines. It also does not look up a process, which would
 * require another permission on Deno.
 * @module
 */
import type { Session } from "./session.ts";
import { readStateText, type StateFiles, stateSeal, StateWriter } from "./state.ts";

export interface Claim {
  key: string;
  writer: StateWriter;
}

type ClaimSession = Pick<Session, "clock" | "notify" | "signal">;

export type ClaimFor = { asked: string } | { runId: string };

/** A lock that stays unchanged for this long is assumed to belong to a dead process. */
const STALE_MS = 2_000;
const RETRY_MS = 20;
const MAX_LOCK_BYTES = 1_000;

/**
 * @param text Content of the state file when the folder was found free; `undefined` if there was no file.
 * @returns `undefined` if another process has changed the file since then. The file must then be read again.
 */
export async function claimState(
  session: ClaimSession & { token: string },
  files: StateFiles,
  path: string,
  purpose: ClaimFor,
  text: string | undefined,
): Promise<Claim | undefined> {
  const { token, clock, notify } = session;
  const lock = `${path}.lock`;
  await acquire(session, files, lock);
  try {
    if (readStateText(files, path) !== text) return undefined;
    const key = crypto.randomUUID();
    const writer = new StateWriter(files, path, stateSeal(token), notify, true);
    writer.begin({
      startedAt: new Date(clock.wallTime()).toISOString(),
      onInterrupt: "auto",
      request: null,
      result: null,
      job: null,
      ..."asked" in purpose
        ? { idempotencyKey: key, owned: true, requestHash: "", asked: purpose.asked, runId: null }
        : { idempotencyKey: null, owned: false, requestHash: null, asked: null, runId: purpose.runId },
    });
    return { key, writer };
  } finally {
    files.removeFile(lock);
  }
}

async function acquire({ clock, signal }: ClaimSession, files: StateFiles, lock: string): Promise<void> {
  const own = crypto.randomUUID();
  let holder: string | undefined;
  let seenAt = clock.now();
  while (!files.createFile(lock, own)) {
    const other = files.readFile(lock, MAX_LOCK_BYTES, "refuse", "replace");
    if (other !== holder) [holder, seenAt] = [other, clock.now()];
    else if (clock.now() - seenAt >= STALE_MS) files.removeFile(lock);
    await clock.sleep(RETRY_MS, { signal });
  }
}

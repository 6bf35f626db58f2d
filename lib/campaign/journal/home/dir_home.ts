/**
 * A home that is a directory: on a disk that stays, or in the artifact that one job of a pipeline hands to the next.
 *
 * @module
 */
import { messageOf } from "../../../error_sentence.ts";
import type { Clock } from "../../../clock.ts";
import { MogplexError } from "../../../errors.ts";
import type { DurableFiles } from "../../../files/durable_files.ts";
import type { Processes } from "../../../files/processes.ts";
import type { OnNotice } from "../../../notice.ts";
import { beginChain } from "../chain.ts";
import type { JournalRecord, RecordBody } from "../record.ts";
import type { Home, OnRecord } from "./home.ts";
import { type LockChecks, lockText, MAX_LOCK_BYTES, parseLock } from "../lock_file.ts";
import { diskError } from "./disk_error.ts";
import { openSegments, type Segments } from "./segments.ts";
import { takeDirectory, type Writer, writerAtWork } from "./writer.ts";

/** Options of {@linkcode openDirHome}. */
export interface DirHomeOptions {
  /** The disk. */
  files: DurableFiles;
  /** The processes of this machine; see `writer.json`. */
  processes: Processes;
  /** Its wall time is in the records, for people. */
  clock: Clock;
  /** Name of the campaign. */
  campaign: string;
  /** Its round; empty for none. */
  round: string;
  /**
   * `write`: this process is the only one that writes until {@linkcode Home.close}. `read`: it changes nothing, not even a file, and does
   * not wait for anybody.
   */
  access: "read" | "write";
  /** What messages call the directory. @default its path */
  shownAs?: string | undefined;
  /** See {@linkcode LockChecks.requestHash}. */
  requestHash?: LockChecks["requestHash"];
  /** Hears what was repaired or taken over. */
  onNotice: OnNotice;
}

/** What no artifact and no commit may contain. */
const IGNORED = "# Says which process is at work here, and is of no use anywhere else.\nwriter*.json\n*.tmp\n";

/**
 * Opens a directory with `lock.json`, `journal/`, and while somebody writes `writer.json`.
 *
 * @param directory Its path. It is created when it is opened for writing.
 * @throws {UsageError} when it is no directory, or is reached through a symbolic link.
 * @throws {MogplexError} with exit code 75 when another process is at work there, 69 when the disk cannot be used.
 */
export async function openDirHome(directory: string, options: DirHomeOptions): Promise<Home> {
  const { files, clock, campaign, round, access, onNotice, shownAs = directory } = options;
  const lockPath = `${directory}/lock.json`;
  let writer: Writer | undefined;
  if (access === "write") {
    try {
      files.makeDirectory(directory);
      files.create(`${directory}/.gitignore`, IGNORED);
    } catch (cause) {
      throw diskError(`write in ${JSON.stringify(directory)}`, cause);
    }
    writer = await takeDirectory(directory, options);
  }

  let segments: Segments | undefined;
  let failed: unknown;
  let last: Promise<unknown> = Promise.resolve();

  /** Lets calls that came at the same time have their turn one after the other. */
  function inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = last.then(act, act);
    last = result.catch(() => {});
    return result;
  }

  /** Proves that we may write. */
  function mayWrite(): void {
    if (writer === undefined) throw new Error("Cannot write: this home is open for reading, or closed");
    writer.check();
  }

  // deno-lint-ignore require-await
  async function readJournal(onRecord: OnRecord): Promise<Segments> {
    segments = undefined;
    const repair = writer !== undefined;
    if (repair) mayWrite();
    const read = openSegments(files, { directory, shownAs }, beginChain(campaign, round));
    const torn = read.read(onRecord, repair);
    segments = read;
    if (torn === undefined || !repair) return read;
    const what = torn.missing === "more" ? "removed the beginning of a line" : "completed the line feed of a line";
    const text = `a crash had cut the journal: ${what} at ${torn.place}`;
    onNotice({ kind: "text", message: text });
    for (const record of append(read, [{ type: "note", text }])) {
      onRecord(record, `${shownAs}/journal, record ${record.seq}`);
    }
    return read;
  }

  function append(to: Segments, bodies: readonly RecordBody[]): JournalRecord[] {
    mayWrite();
    try {
      return to.append(bodies, new Date(clock.wallTime()).toISOString());
    } catch (error) {
      // What is on the disk now is not sure.
      if (error instanceof MogplexError) failed = error;
      throw error;
    }
  }

  return {
    // deno-lint-ignore require-await
    async readLock() {
      let file;
      try {
        file = files.read(lockPath, MAX_LOCK_BYTES);
      } catch (cause) {
        throw diskError(`read lock ${JSON.stringify(lockPath)}`, cause);
      }
      if (file === undefined) return undefined;
      const { requestHash } = options;
      return parseLock(file.content, { path: `${shownAs}/lock.json`, campaign, round, requestHash });
    },
    // deno-lint-ignore require-await
    async writeLock(lock) {
      mayWrite();
      const text = lockText(lock);
      try {
        files.replace(lockPath, text);
      } catch (cause) {
        const advice = "when it can be written (is the disk full?), start the same command again: nothing is lost";
        const problem = { attempted: `write lock ${JSON.stringify(lockPath)}`, why: messageOf(cause), advice };
        throw new MogplexError(problem, "unavailable", { cause });
      }
    },
    readJournal: (onRecord) => inTurn(async () => void await readJournal(onRecord)),
    append: (bodies) =>
      inTurn(async () => {
        if (failed !== undefined) throw failed;
        return append(segments ?? await readJournal(() => {}), bodies);
      }),
    flush: () => Promise.resolve(),
    async atWork() {
      if (writer !== undefined) return null;
      try {
        return await writerAtWork(directory, options);
      } catch {
        return null;
      }
    },
    close: () =>
      inTurn(() => {
        writer?.release();
        writer = undefined;
        return Promise.resolve();
      }),
  };
}

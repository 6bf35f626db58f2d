import type { Clock } from "../../clock.ts";
import { messageOf } from "../../error_sentence.ts";
import { MogplexError, UsageError } from "../../errors.ts";
import type { DurableFiles, FileLine } from "../../files/disk.ts";
import type { Processes } from "../../files/processes.ts";
import type { OnNotice } from "../../notice.ts";
import { parseJson } from "../../lookup.ts";
import { recentRequests } from "../pace/poll_plan.ts";
import { beginChain, type Chain, type ChainProblem, MAX_LINE_BYTES } from "./chain.ts";
import { diskError, type Home, type OnRecord } from "./home.ts";
import { type LockChecks, lockText, MAX_LOCK_BYTES, parseLock } from "./lock.ts";
import type { JournalRecord, RecordBody } from "./record.ts";
import { readStops, removeStop, STOPS_FOLDER } from "./stop_request.ts";
import { takeDirectory, type Writer, writerAtWork } from "./writer.ts";

/** Source: specification of campaigns, section 5. */
const SEGMENT_RECORDS = 1000;

const RESTORE =
  "restore lock.json and journal from the previous wave (its artifact, commit or backup) and start again: " +
  "runs started since then are found by their keys";

const ADVICE: Readonly<Record<ChainProblem["kind"], string>> = {
  cut: RESTORE,
  damaged: RESTORE,
  newer: "use that version, or a later one",
  other: "use another directory, or the campaign that this directory belongs to",
};

interface TornLine {
  place: string;
  missing: "line feed" | "more";
}

interface Segments {
  /** The chain must not contain any records yet. With `repair`, an incomplete last line is completed or removed on the disk. */
  read(onRecord: OnRecord, repair: boolean): TornLine | undefined;
  /** Must be called after {@linkcode Segments.read}. */
  append(bodies: readonly RecordBody[], at: string): JournalRecord[];
}

export function segmentName(segment: number): string {
  return `${String(segment).padStart(6, "0")}.ndjson`;
}

function segmentOf(seq: number): number {
  return Math.floor((seq - 1) / SEGMENT_RECORDS) + 1;
}

function refused({ why, kind }: ChainProblem, place: string): UsageError {
  return new UsageError({ attempted: "read journal", why, value: JSON.stringify(place), advice: ADVICE[kind] });
}

function unwritable(what: string, cause: unknown): MogplexError {
  const advice = "check whether the disk is full, then run the same command again; nothing is lost";
  return new MogplexError({ attempted: `write ${what}`, why: messageOf(cause), advice }, "unavailable", { cause });
}

interface SegmentsPlace {
  directory: string;
  shownAs: string;
}

function openSegments(files: DurableFiles, { directory, shownAs }: SegmentsPlace, chain: Chain): Segments {
  const folder = `${directory}/journal`;
  const journalName = `${shownAs}/journal`;
  let bytes = 0;

  function numbers(): number[] {
    const names = attempt(folder, () => files.list(folder)) ?? [];
    const segments = names.filter((name) => /^\d{6}\.ndjson$/.test(name)).map((name) => Number.parseInt(name));
    const gap = segments.findIndex((number, index) => number !== index + 1);
    if (gap < 0) return segments;
    throw refused({ why: "a segment is missing", kind: "damaged" }, `${journalName}/${segmentName(gap + 1)}`);
  }

  function attempt<T>(path: string, read: () => T): T {
    try {
      return read();
    } catch (cause) {
      throw diskError(`read journal ${JSON.stringify(path)}`, cause, RESTORE);
    }
  }

  /** Does not wrap errors that `onLine` throws. */
  function eachLine(path: string, onLine: (line: FileLine) => void): void {
    let failure: { error: unknown } | undefined;
    attempt(path, () => {
      try {
        files.readLines(path, MAX_LINE_BYTES, (line) => {
          try {
            onLine(line);
          } catch (error) {
            failure = { error };
            throw error;
          }
        });
      } catch (error) {
        if (failure === undefined) throw error;
      }
    });
    if (failure !== undefined) throw failure.error;
  }

  function readSegment(
    segment: number,
    isLast: boolean,
    onRecord: OnRecord,
  ): (TornLine & { offset: number }) | undefined {
    const path = `${folder}/${segmentName(segment)}`;
    let number = 0;
    let torn: TornLine & { offset: number; problem: ChainProblem } | undefined;
    bytes = 0;
    eachLine(path, (line) => {
      const place = `${journalName}/${segmentName(segment)}:${++number}`;
      if (torn !== undefined) throw refused(torn.problem, torn.place);
      if (!line.ended && !isLast) throw refused({ why: "the segment is truncated", kind: "damaged" }, place);
      const result = chain.read(line.bytes);
      if (result.ok) {
        if (segmentOf(chain.seq) !== segment) {
          throw refused(
            { why: `the line belongs to segment ${segmentName(segmentOf(chain.seq))}`, kind: "damaged" },
            place,
          );
        }
        const problem: ChainProblem = { why: "the line is truncated", kind: "cut" };
        if (!line.ended) torn = { place, offset: line.offset, missing: "line feed", problem };
        bytes = line.offset + line.bytes.length + (line.ended ? 1 : 0);
        onRecord(result.record, place);
        return;
      }
      const { problem } = result;
      // A crash during a write leaves a line without a line feed, or text that is not JSON.
      const isCut = problem.kind === "cut" || !line.ended && problem.kind !== "newer";
      if (!isLast || !isCut) throw refused(problem, place);
      torn = { place, offset: line.offset, missing: "more", problem };
    });
    return torn;
  }

  function write(path: string, act: () => void): void {
    try {
      act();
    } catch (cause) {
      if (cause instanceof MogplexError) throw cause;
      throw unwritable(`journal ${JSON.stringify(path)}`, cause);
    }
  }

  return {
    read(onRecord, repair) {
      const all = numbers();
      let torn: (TornLine & { offset: number }) | undefined;
      for (const segment of all) torn = readSegment(segment, segment === all.length, onRecord);
      const path = `${folder}/${segmentName(all.length)}`;
      if (all.length > segmentOf(chain.seq + 1)) {
        const why = "records are missing from the previous segment";
        throw refused({ why, kind: "damaged" }, path);
      }
      if (torn === undefined) return undefined;
      const { place, missing, offset } = torn;
      if (repair && missing === "more") write(path, () => files.truncate(path, offset));
      if (repair && missing === "line feed") {
        write(path, () => files.append(path, "\n", bytes));
        bytes++;
      }
      return { place, missing };
    },
    append(bodies, at) {
      const mark = chain.mark();
      const made = chain.make(bodies, at);
      try {
        for (let from = 0; from < made.length;) {
          const segment = segmentOf(made[from]?.record.seq ?? 0);
          const path = `${folder}/${segmentName(segment)}`;
          const part = made.slice(from).filter(({ record }) => segmentOf(record.seq) === segment);
          const isNew = part[0]?.record.seq === (segment - 1) * SEGMENT_RECORDS + 1;
          const text = part.map(({ line }) => `${line}\n`).join("");
          write(path, () => {
            if (isNew) files.makeDirectory(folder);
            files.append(path, text, isNew ? 0 : bytes);
          });
          bytes = (isNew ? 0 : bytes) + new TextEncoder().encode(text).length;
          from += part.length;
        }
      } catch (error) {
        chain.reset(mark);
        throw error;
      }
      return made.map(({ record }) => record);
    },
  };
}

export interface DirHomeOptions {
  files: DurableFiles;
  processes: Processes;
  clock: Clock;
  campaign: string;
  round: string;
  access: "read" | "write";
  /** The directory as messages show it. @default its path */
  shownAs?: string | undefined;
  requestHash?: LockChecks["requestHash"];
  onNotice: OnNotice;
}

/** Maximum size in bytes. The file contains the times of the requests of the last minute, at most 60. */
const MAX_REQUESTS_BYTES = 4096;

function requestsPath(directory: string): string {
  return `${directory}/ci/writer-requests.json`;
}

function readSent(directory: string, { files, clock }: Pick<DirHomeOptions, "files" | "clock">): number[] {
  try {
    const file = files.read(requestsPath(directory), MAX_REQUESTS_BYTES);
    const times = file === undefined ? null : parseJson(new TextDecoder().decode(file.content));
    if (!Array.isArray(times)) return [];
    const offset = clock.now() - clock.wallTime();
    // A time in the future was written before the clock was set back.
    return recentRequests(times.filter((at) => Number.isFinite(at)).map((at: number) => at + offset), clock);
  } catch {
    return [];
  }
}

function writeSent(
  directory: string,
  sentAt: readonly number[],
  { files, clock }: Pick<DirHomeOptions, "files" | "clock">,
): void {
  const recent = recentRequests(sentAt, clock);
  if (recent.length === 0) return;
  const offset = clock.wallTime() - clock.now();
  try {
    files.makeDirectory(`${directory}/ci`);
    files.replace(requestsPath(directory), `${JSON.stringify(recent.map((at) => Math.round(at + offset)))}\n`);
  } catch {
    // Without this file, the next process only has to wait longer.
  }
}

function isEmpty(directory: string, files: DurableFiles): boolean {
  try {
    return files.facts(`${directory}/lock.json`) === undefined && files.list(`${directory}/journal`) === undefined;
  } catch {
    return false;
  }
}

function removeUnused(directory: string, files: DurableFiles): void {
  try {
    if (files.list(directory)?.some((name) => name !== IGNORE_FILE)) return;
    files.remove(`${directory}/${IGNORE_FILE}`);
    files.removeDirectory(directory);
  } catch {
    // An empty directory does no harm.
  }
}

const IGNORE_FILE = ".gitignore";

/** Files that must not be in artifacts and commits. */
const IGNORED =
  `# Files of the process that uses this directory. Useless on any other machine.\nwriter*.json\n${STOPS_FOLDER}/\n*.tmp\n`;

/** @param directory Created when it is opened for writing, and removed at the end if nothing was planned. */
// deno-lint-ignore require-await
export async function openDirHome(directory: string, options: DirHomeOptions): Promise<Home> {
  const { files, clock, campaign, round, access, onNotice, shownAs = directory } = options;
  const lockPath = `${directory}/lock.json`;
  let writer: Writer | undefined;
  let isNew = false;
  if (access === "write") {
    try {
      isNew = files.list(directory) === undefined;
      files.makeDirectory(directory);
      files.create(`${directory}/${IGNORE_FILE}`, IGNORED);
    } catch (cause) {
      throw diskError(`write in ${JSON.stringify(directory)}`, cause);
    }
    writer = takeDirectory(directory, options);
  }

  const sentAt = readSent(directory, options);
  const badStops = new Set<string>();
  let segments: Segments | undefined;
  let failed: unknown;
  let last: Promise<unknown> = Promise.resolve();

  function inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = last.then(act, act);
    last = result.catch(() => {});
    return result;
  }

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
    const what = torn.missing === "more" ? "removed an incomplete line" : "added a missing line feed";
    const text = `a crash truncated the journal: ${what} at ${torn.place}`;
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
      // After an error, the contents of the disk are unknown.
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
        throw unwritable(`lock ${JSON.stringify(lockPath)}`, cause);
      }
    },
    readJournal: (onRecord) => inTurn(async () => void await readJournal(onRecord)),
    append: (bodies) =>
      inTurn(async () => {
        if (failed !== undefined) throw failed;
        return append(segments ?? await readJournal(() => {}), bodies);
      }),
    flush: () => Promise.resolve(),
    isShared: false,
    checkUnmoved: () => Promise.resolve(),
    sentAt,
    stops: () =>
      readStops(directory, files, (path, why) => {
        if (badStops.has(path)) return;
        badStops.add(path);
        onNotice({ kind: "text", message: `${JSON.stringify(path)} is ignored: ${why}` });
      }),
    dropStop: (stop) => removeStop(directory, files, stop),
    // deno-lint-ignore require-await
    async writer() {
      if (writer !== undefined) return null;
      try {
        return writerAtWork(directory, options);
      } catch {
        return null;
      }
    },
    close: () =>
      inTurn(() => {
        const isUnused = isNew && isEmpty(directory, files);
        if (writer !== undefined && !isUnused) writeSent(directory, sentAt, options);
        writer?.release();
        if (writer !== undefined && isUnused) removeUnused(directory, files);
        writer = undefined;
        return Promise.resolve();
      }),
  };
}

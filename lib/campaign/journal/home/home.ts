/**
 * A home: where lock and journal of a campaign are between two waves.
 *
 * @module
 */
import type { Lock } from "../lock.ts";
import type { JournalRecord, RecordBody } from "../record.ts";

/**
 * Takes a record while a journal is read.
 *
 * @param place Where it stands, for messages: `mogplex-campaign/journal/000001.ndjson:17`.
 */
export type OnRecord = (record: JournalRecord, place: string) => void;

/** What a record says, and the hash of the lock when that has changed. */
export type SealedBody = RecordBody & { lock?: string | undefined };

/** Where lock and journal of a campaign are. One process at a time may write. */
export interface Home {
  /**
   * Reads the lock; undefined when nothing was planned.
   *
   * @throws {UsageError} when it cannot be read, was changed, or belongs to another campaign.
   */
  readLock(): Promise<Lock | undefined>;
  /**
   * Replaces the lock. It is durable on return.
   *
   * @throws {MogplexError} with exit code 69 when it cannot be written, 75 when another process has taken over.
   */
  writeLock(lock: Lock): Promise<void>;
  /**
   * Reads the journal record by record, so that only one is in memory. A last line that a crash has cut is removed, and a `note` says so;
   * a home that is open for reading passes over it.
   *
   * @param onRecord Called in the order of the journal; what it throws ends the reading, and is thrown. It may be called before a mistake
   * further down is found.
   * @throws {UsageError} when the journal was changed, has gaps, belongs to another campaign or was made by a newer version.
   */
  readJournal(onRecord: OnRecord): Promise<void>;
  /**
   * Appends records. They are durable on return: an `intent` is, before its request is sent.
   *
   * Texts are cut, and unfit ones become null, see `fitBody`; a body that names too many items becomes several records.
   *
   * @param bodies What they say; their reasons are masked.
   * @returns The records as they were written, for the memory.
   * @throws {MogplexError} with exit code 69 when not all can be written, 75 when another process has taken over. Nothing can be appended
   * by this home then.
   */
  append(bodies: readonly RecordBody[]): Promise<JournalRecord[]>;
  /**
   * Shares what was written with other machines: at the end of a wave, a plan or a decision. A directory shares nothing.
   *
   * @param onlyNews Whether records that only tell of a wave, and of what stopped it, are left out: a wave that refuses to go on must not get
   * in the way of one on another machine. @default {false}
   * @throws {LostRaceError} when another machine has written meanwhile. What this one wrote is lost then, and has to be decided anew.
   * @throws {MogplexError} with exit code 69 when the place is out of reach, 2 when it may not be written.
   */
  flush(onlyNews?: boolean): Promise<void>;
  /** Which other process is at work there, in a few words; null when none is, or it cannot be found out. Never throws. */
  atWork(): Promise<string | null>;
  /** Lets the next process in. Never throws. */
  close(): Promise<void>;
}

/**
 * Files that must be whole after a crash: what was written is on the disk when a function returns, and no reader sees half of a file.
 *
 * @module
 */
/** What is known of an ordinary file without reading it. */
export interface FileFacts {
  /** Its length. */
  bytes: number;
  /** When it was changed, in milliseconds since 1970 by the clock of its file system. */
  modifiedMs: number;
}

/** A file that was read whole. */
export interface FileContent {
  /** What is in it. */
  content: Uint8Array;
  /** When that was changed; see {@linkcode FileFacts}. */
  modifiedMs: number;
}

/** A line of a file. */
export interface FileLine {
  /** Its bytes without the line feed. They are overwritten after the call. */
  bytes: Uint8Array;
  /** Where it begins, in bytes from the beginning of the file. */
  offset: number;
  /** Whether a line feed ends it. Only the last line of a file may have none. */
  ended: boolean;
}

/**
 * Files of a directory that several processes may use at the same time. Every function refuses a path that `refuseLinks` of `lib/io.ts`
 * refuses, and whatever is not an ordinary file: it throws an `Error` whose message is a clause, `it is not an ordinary file`.
 */
export interface DurableFiles {
  /** Creates a directory with its parents. @throws when that is not possible. */
  makeDirectory(path: string): void;
  /** Names in a directory, sorted; undefined when there is no directory. @throws when it cannot be read. */
  list(directory: string): string[] | undefined;
  /** What is known of a file; undefined when there is none. */
  facts(path: string): FileFacts | undefined;
  /** Reads a file; undefined when there is none. @throws also when it has more than `maxBytes`. */
  read(path: string, maxBytes: number): FileContent | undefined;
  /**
   * Reads a file line by line, with no more of it in memory than the longest line.
   *
   * @param maxLineBytes Most bytes of a line.
   * @returns Whether there is such a file.
   * @throws also when a line is longer, and what `onLine` throws.
   */
  readLines(path: string, maxLineBytes: number, onLine: (line: FileLine) => void): boolean;
  /**
   * Appends a text, which is on the disk on return. Creates the file when `bytesBefore` is 0.
   *
   * @param bytesBefore Length that the file must have now.
   * @throws when it has another length, or when not all of the text can be written: no part of it is in the file then, as far as that
   * can be undone.
   */
  append(path: string, text: string, bytesBefore: number): void;
  /** Shortens a file, on the disk on return. @throws when that is not possible. */
  truncate(path: string, bytes: number): void;
  /** Writes a file under a temporary name and renames it; on the disk on return. @throws when it cannot be written. */
  replace(path: string, text: string): void;
  /**
   * Creates a file with its content in one step, so that of several processes exactly one succeeds; on the disk on
   * return, with all of its content.
   *
   * @returns False when there is something of this name.
   * @throws when it cannot be written.
   */
  create(path: string, text: string): boolean;
  /** Renames a file, in place of another one. @throws when there is no such file. */
  move(from: string, to: string): void;
  /** Removes a file if it exists. */
  remove(path: string): void;
  /** Sets a file's time of change to now. @throws when there is no such file. */
  touch(path: string): void;
  /** The time by the clock of a directory's file system, in milliseconds since 1970. @throws when the directory cannot be written. */
  timeIn(directory: string): number;
}

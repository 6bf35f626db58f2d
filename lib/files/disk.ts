/**
 * Files that stay complete after a crash. Written data is on disk when a function returns. On Deno, the functions need only `--allow-read` and
 * `--allow-write` for the directory.
 * @module
 */
import * as Files from "node:fs";
import * as fs from "node:fs";
import { makeDirectory, parentOf, refuseLinks } from "../io.ts";
import { isNotPermitted, NotRegularFileError } from "../runtime.ts";

/** Files of a directory that several processes may use at the same time. */
export interface DurableFiles {
  makeDirectory(path: string): void;
  removeDirectory(path: string): void;
  list(directory: string): string[] | undefined;
  facts(path: string): FileFacts | undefined;
  /** @throws if the file has more than `maxBytes`. */
  read(path: string, maxBytes: number): Pick<FileFacts, "modifiedMs"> & { content: Uint8Array } | undefined;
  /**
   * Reads a file line by line; memory holds only the longest line.
   * @returns Whether the file exists.
   * @throws if a line has more than `maxLineBytes`, and any error that `onLine` throws.
   */
  readLines(path: string, maxLineBytes: number, onLine: (line: FileLine) => void): boolean;
  /**
   * Appends a text durably. Creates the file if `bytesBefore` is 0.
   * @throws if the length of the file is not `bytesBefore`, or the text does not fit. In the second case, the part that was written is removed if
   * possible.
   */
  append(path: string, text: string, bytesBefore: number): void;
  truncate(path: string, bytes: number): void;
  /** Writes a file durably under a temporary name, and renames it. */
  replace(path: string, text: string): void;
  /**
   * Creates a file durably with its content in one step, so that exactly one of several processes succeeds.
   * @returns `false` if the name is taken.
   */
  create(path: string, text: string): boolean;
  move(from: string, to: string): void;
  remove(path: string): void;
  touch(path: string): void;
  /** Time by the clock of the directory's file system, in milliseconds since 1970. */
  timeIn(directory: string): number;
}

interface FileFacts {
  bytes: number;
  /** Modification time in milliseconds since 1970, by the clock of the file system. */
  modifiedMs: number;
}

export interface FileLine {
  /** The line without its line feed. The bytes are overwritten after the call. */
  bytes: Uint8Array;
  offset: number;
  /** Whether the line ends with a line feed. Only the last line of a file may have none. */
  ended: boolean;
}

const BUFFER_BYTES = 65_536;
const LINE_FEED = 10;

export function processDurableFiles(fs: typeof Files = Files): DurableFiles {
  const { O_RDONLY, O_RDWR, O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;

  /** If Deno permits access only to the directory itself, the directories above it are not checked. */
  function refuse(path: string): void {
    try {
      refuseLinks(fs, path);
    } catch (error) {
      if (!isNotPermitted(error)) throw error;
      const isLink = fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink();
      if (isLink) throw new Error(`its path contains the symbolic link ${JSON.stringify(path)}`);
    }
  }

  function look(path: string): Files.Stats | undefined {
    refuse(path);
    const facts = fs.lstatSync(path, { throwIfNoEntry: false });
    if (facts?.isFile() === false) throw new NotRegularFileError();
    return facts;
  }

  /** `O_NONBLOCK`, because opening a pipe would otherwise wait for its other end. */
  function withFile<T>(path: string, flags: number, use: (file: number, facts: Files.Stats) => T): T {
    const file = fs.openSync(path, flags | O_NOFOLLOW | O_NONBLOCK, 0o644);
    try {
      // Another process may have replaced the file since the check.
      const facts = fs.fstatSync(file);
      if (!facts.isFile()) throw new NotRegularFileError();
      return use(file, facts);
    } finally {
      fs.closeSync(file);
    }
  }

  function writeAll(file: number, text: string): void {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += fs.writeSync(file, bytes, at, bytes.length - at);
  }

  /** Makes the names in a directory durable. Does nothing on systems that cannot open directories, such as Windows. */
  function syncDirectory(directory: string): void {
    try {
      const file = fs.openSync(directory, O_RDONLY);
      try {
        fs.fsyncSync(file);
      } finally {
        fs.closeSync(file);
      }
    } catch (error) {
      // Deno does not permit this for directories that its flags do not name.
      if (isNotPermitted(error)) return;
      if (!hasCode(error, "EACCES", "EBADF", "EINVAL", "EISDIR", "ENOTSUP", "EPERM")) throw error;
    }
  }

  function withTemporary<T>(path: string, text: string, durable: boolean, use: (temporary: string) => T): T {
    const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
    try {
      withFile(temporary, O_WRONLY | O_CREAT | O_EXCL, (file) => {
        writeAll(file, text);
        if (durable) fs.fsyncSync(file);
      });
      return use(temporary);
    } finally {
      fs.rmSync(temporary, { force: true });
    }
  }

  function makeSyncedDirectory(path: string): void {
    const missing: string[] = [];
    for (let at = path; isMissing(at); at = parentOf(at)) missing.push(at);
    makeDirectory(fs, path);
    for (const made of missing.reverse()) syncDirectory(parentOf(made));
  }

  /** A path that Deno is not allowed to read is assumed to exist. */
  function isMissing(path: string): boolean {
    try {
      return fs.statSync(path, { throwIfNoEntry: false }) === undefined;
    } catch (error) {
      if (isNotPermitted(error)) return false;
      throw error;
    }
  }

  function readLines(path: string, maxLineBytes: number, onLine: (line: FileLine) => void): boolean {
    if (look(path) === undefined) return false;
    withFile(path, O_RDONLY, (file) => {
      let buffer = new Uint8Array(BUFFER_BYTES);
      // The bytes from `start` to `end` of the buffer have been read but not passed on yet. `origin` is the file offset of the start of the buffer.
      let [start, end, origin, number] = [0, 0, 0, 1];
      function handOn(until: number, ended: boolean) {
        if (until - start > maxLineBytes) throw new Error(`line ${number} is longer than ${maxLineBytes} bytes`);
        onLine({ bytes: buffer.subarray(start, until), offset: origin + start, ended });
        number++;
        start = until + 1;
      }
      while (true) {
        buffer.copyWithin(0, start, end);
        origin += start;
        end -= start;
        start = 0;
        if (end > maxLineBytes) handOn(end, false);
        if (end === buffer.length) {
          const larger = new Uint8Array(buffer.length * 2);
          larger.set(buffer);
          buffer = larger;
        }
        const count = fs.readSync(file, buffer, end, buffer.length - end, null);
        if (count === 0) break;
        const read = buffer.subarray(0, end + count);
        for (let cut = read.indexOf(LINE_FEED, end); cut >= 0; cut = read.indexOf(LINE_FEED, start)) handOn(cut, true);
        end += count;
      }
      if (end > start) handOn(end, false);
    });
    return true;
  }

  return {
    makeDirectory(path) {
      refuse(path);
      makeSyncedDirectory(path);
    },
    removeDirectory(path) {
      refuse(path);
      fs.rmdirSync(path);
      syncDirectory(parentOf(path));
    },
    list(directory) {
      refuse(directory);
      try {
        return fs.readdirSync(directory).sort();
      } catch (error) {
        if (hasCode(error, "ENOENT")) return undefined;
        throw error;
      }
    },
    facts(path) {
      const facts = look(path);
      return facts === undefined ? undefined : { bytes: facts.size, modifiedMs: facts.mtimeMs };
    },
    read(path, maxBytes) {
      try {
        if (look(path) === undefined) return undefined;
        return withFile(path, O_RDONLY, (file, { size, mtimeMs }) => {
          const bytes = new Uint8Array(Math.min(size, maxBytes) + 1);
          let end = 0;
          for (let count = 1; count > 0 && end < bytes.length; end += count) {
            count = fs.readSync(file, bytes, end, bytes.length - end, null);
          }
          if (end > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
          if (end > size) throw new Error("it grew while it was read");
          return { content: bytes.subarray(0, end), modifiedMs: mtimeMs };
        });
      } catch (error) {
        // Another process may have removed the file since the check.
        if (hasCode(error, "ENOENT")) return undefined;
        throw error;
      }
    },
    readLines,
    append(path, text, bytesBefore) {
      const isNew = look(path) === undefined && bytesBefore === 0;
      withFile(path, O_WRONLY | O_APPEND | (isNew ? O_CREAT | O_EXCL : 0), (file, { size }) => {
        if (size !== bytesBefore) throw new Error(`it has ${size} bytes instead of ${bytesBefore}`);
        try {
          writeAll(file, text);
          fs.fsyncSync(file);
        } catch (error) {
          fs.ftruncateSync(file, bytesBefore);
          throw error;
        }
      });
      if (isNew) syncDirectory(parentOf(path));
    },
    truncate(path, bytes) {
      look(path);
      withFile(path, O_RDWR, (file) => {
        fs.ftruncateSync(file, bytes);
        fs.fsyncSync(file);
      });
    },
    replace(path, text) {
      look(path);
      withTemporary(path, text, true, (temporary) => fs.renameSync(temporary, path));
      syncDirectory(parentOf(path));
    },
    create(path, text) {
      refuse(parentOf(path));
      const isNew = withTemporary(path, text, true, (temporary) => {
        try {
          fs.linkSync(temporary, path);
          return true;
        } catch (error) {
          // A network file system may repeat a request whose answer was lost. In that case, this call itself has created the name.
          if (hasCode(error, "EEXIST")) return fs.lstatSync(temporary).nlink > 1;
          if (hasCode(error, "ENOENT")) throw error;
        }
        // Not every file system has hard links. Without them, a reader may briefly see an empty file.
        try {
          withFile(path, O_WRONLY | O_CREAT | O_EXCL, (file) => {
            writeAll(file, text);
            fs.fsyncSync(file);
          });
          return true;
        } catch (error) {
          if (hasCode(error, "EEXIST")) return false;
          throw error;
        }
      });
      if (isNew) syncDirectory(parentOf(path));
      return isNew;
    },
    move(from, to) {
      look(from);
      look(to);
      fs.renameSync(from, to);
      syncDirectory(parentOf(to));
    },
    remove(path) {
      refuse(parentOf(path));
      fs.rmSync(path, { force: true });
    },
    touch(path) {
      look(path);
      withFile(path, O_RDWR, (file) => {
        // Write a byte, because the time must come from the file system's clock.
        const first = new Uint8Array(1);
        if (fs.readSync(file, first, 0, 1, 0) === 1) fs.writeSync(file, first, 0, 1, 0);
      });
    },
    timeIn(directory) {
      refuse(directory);
      return withTemporary(`${directory}/time`, "now", false, (temporary) => fs.lstatSync(temporary).mtimeMs);
    },
  };
}

function hasCode(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as { code?: string }).code ?? "");
}

export type ListDirectory = (path: string) => DirectoryEntry[] | undefined;

export interface DirectoryEntry {
  name: string;
  /** A symbolic link is always `other`. */
  kind: "file" | "folder" | "other";
}

export function directoryLister(): ListDirectory {
  return (path) => {
    let entries: fs.Dirent[];
    try {
      entries = fs.readdirSync(path, { withFileTypes: true });
    } catch {
      return undefined;
    }
    return entries.map((entry): DirectoryEntry => ({
      name: entry.name,
      kind: entry.isFile() ? "file" : entry.isDirectory() ? "folder" : "other",
    })).sort((a, b) => a.name < b.name ? -1 : 1);
  };
}

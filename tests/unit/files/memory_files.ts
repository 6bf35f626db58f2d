/** Files in memory behind the interface of durable files, with crashes, failures and other processes between any two steps. */
import type { Clock } from "../../../lib/clock.ts";
import type { DurableFiles } from "../../../lib/files/disk.ts";

export interface MemoryFiles extends DurableFiles {
  /** Called before each step with its name and its path; what it throws is what the step throws. */
  before: ((step: string, path: string) => void) | undefined;
  /** Text of a file; undefined when there is none. */
  text(path: string): string | undefined;
  /** Puts a file there, as a person would. */
  put(path: string, content: string | Uint8Array): void;
  /** Paths of all files, sorted. */
  paths(): string[];
}

/** Makes files in memory. Directories need not be created. */
export function memoryFiles(clock: Pick<Clock, "wallTime">): MemoryFiles {
  const store = new Map<string, { bytes: Uint8Array; modifiedMs: number }>();

  function step(name: string, path: string): void {
    files.before?.(name, path);
  }
  function found(path: string) {
    const file = store.get(path);
    if (file === undefined) throw new Error(`there is no file ${path}`);
    return file;
  }
  function write(path: string, bytes: Uint8Array): void {
    store.set(path, { bytes, modifiedMs: clock.wallTime() });
  }

  const encoder = new TextEncoder();
  const files: MemoryFiles = {
    before: undefined,
    text: (path) => {
      const file = store.get(path);
      return file === undefined ? undefined : new TextDecoder().decode(file.bytes);
    },
    put: (path, content) => write(path, typeof content === "string" ? encoder.encode(content) : content),
    paths: () => [...store.keys()].sort(),
    makeDirectory: (path) => step("makeDirectory", path),
    removeDirectory: (path) => step("removeDirectory", path),
    list(directory) {
      step("list", directory);
      const prefix = `${directory}/`;
      const names = files.paths().filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
      return names.length === 0 ? undefined : [...new Set(names.map((name) => name.split("/")[0] ?? ""))].sort();
    },
    facts(path) {
      step("facts", path);
      const file = store.get(path);
      return file && { bytes: file.bytes.length, modifiedMs: file.modifiedMs };
    },
    read(path, maxBytes) {
      step("read", path);
      const file = store.get(path);
      if (file !== undefined && file.bytes.length > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
      return file && { content: file.bytes, modifiedMs: file.modifiedMs };
    },
    readLines(path, maxLineBytes, onLine) {
      step("readLines", path);
      const bytes = store.get(path)?.bytes;
      if (bytes === undefined) return false;
      for (let start = 0, number = 1; start < bytes.length; number++) {
        const cut = bytes.indexOf(10, start);
        const end = cut < 0 ? bytes.length : cut;
        if (end - start > maxLineBytes) throw new Error(`line ${number} is longer than ${maxLineBytes} bytes`);
        onLine({ bytes: bytes.subarray(start, end), offset: start, ended: cut >= 0 });
        start = end + 1;
      }
      return true;
    },
    append(path, text, bytesBefore) {
      step("append", path);
      const before = store.get(path)?.bytes ?? new Uint8Array(0);
      if (before.length !== bytesBefore) throw new Error(`it has ${before.length} bytes instead of ${bytesBefore}`);
      const added = encoder.encode(text);
      const bytes = new Uint8Array(before.length + added.length);
      bytes.set(before);
      bytes.set(added, before.length);
      write(path, bytes);
    },
    truncate(path, bytes) {
      step("truncate", path);
      write(path, found(path).bytes.slice(0, bytes));
    },
    replace(path, text) {
      step("replace", path);
      write(path, encoder.encode(text));
    },
    create(path, text) {
      step("create", path);
      if (store.has(path)) return false;
      write(path, encoder.encode(text));
      return true;
    },
    move(from, to) {
      step("move", from);
      store.set(to, found(from));
      store.delete(from);
    },
    remove(path) {
      step("remove", path);
      store.delete(path);
    },
    touch(path) {
      step("touch", path);
      found(path).modifiedMs = clock.wallTime();
    },
    timeIn(directory) {
      step("timeIn", directory);
      return clock.wallTime();
    },
  };
  return files;
}

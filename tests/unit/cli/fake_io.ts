import type { InterruptSignal } from "../../../lib/errors.ts";
import type { Io, Stream } from "../../../lib/io.ts";

/** A world in memory. */
export interface FakeIo extends Io {
  /** What was written, by stream. */
  readonly text: Record<Stream, string>;
  /** What was shown on the terminal past the streams. */
  readonly shown: string[];
  /** Files by path. */
  readonly files: Map<string, string>;
  /** Names of variables that were read. */
  readonly read: Set<string>;
  /** Code of `exitNow`, if it was called. */
  exited: number | undefined;
  /** Sends a signal to all listeners. */
  signal(name: InterruptSignal): void;
}

/** Options of {@linkcode fakeIo}. */
export interface FakeIoOptions {
  env?: Record<string, string>;
  stdin?: string;
  files?: Record<string, string>;
  /** Symbolic links, by path; relative targets stand for a path below the working directory. */
  links?: Record<string, string>;
  /** Paths that cannot be written. */
  readOnly?: (path: string) => boolean;
  /** Which streams are a terminal: all, none, or only stdin. */
  terminal?: boolean | "stdin";
}

/** Makes a world in memory. */
export function fakeIo(options: FakeIoOptions = {}): FakeIo {
  const { env = {}, stdin = "", links = {}, readOnly = () => false, terminal = false } = options;
  const handlers = new Set<(signal: InterruptSignal) => void>();
  const files = new Map(Object.entries(options.files ?? {}));
  const text = { stdout: "", stderr: "" };
  const read = new Set<string>();
  const directories = new Set<string>();
  const makeParents = (path: string) => {
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) directories.add(path.slice(0, at));
  };
  for (const path of files.keys()) makeParents(path);
  const write = (path: string, content: string) => {
    if (readOnly(path)) throw new Error(`EACCES: permission denied, open '${path}'`);
    makeParents(path);
    files.set(path, content);
  };
  const shown: string[] = [];
  const io: FakeIo = {
    text,
    shown,
    files,
    read,
    exited: undefined,
    env(name) {
      read.add(name);
      return env[name];
    },
    write(stream, chunk) {
      text[stream] += chunk;
    },
    closed: () => false,
    isTerminal: (stream) => terminal === true || stream === terminal,
    writeTerminal: (line) => void shown.push(line),
    readStdin: () => Promise.resolve(stdin),
    readFile: (path) => files.get(path),
    folders: (path) => path === "." ? [...directories].filter((name) => !name.includes("/") && name !== "").sort() : [],
    realPath(path) {
      const target = links[path] ?? path;
      if (target === ".") return "/work";
      return files.has(path) || directories.has(path.replace(/\/$/, "")) || target !== path
        ? (target.startsWith("/") ? target : `/work/${target}`)
        : undefined;
    },
    writeFile: write,
    createFile(path, content) {
      if (files.has(path)) return false;
      write(path, content);
      return true;
    },
    growFile(path) {
      write(path, "");
      return { write: (content) => write(path, (files.get(path) ?? "") + content), close() {} };
    },
    appendFile: (path, content) => write(path, (files.get(path) ?? "") + content),
    removeFile: (path) => void files.delete(path),
    removeDirectory(path) {
      const isFull = [...files.keys(), ...directories].some((each) => each.startsWith(`${path}/`));
      if (isFull || !directories.delete(path)) throw new Error(`Cannot remove the directory ${path}`);
    },
    onSignal(handler) {
      handlers.add(handler);
      return () => void handlers.delete(handler);
    },
    exitNow(code) {
      io.exited = code;
    },
    signal(name) {
      for (const handler of [...handlers]) handler(name);
    },
  };
  return io;
}

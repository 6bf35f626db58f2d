/**
 * The world: streams, files, environment and signals of the process, behind one interface.
 *
 * @module
 */
import type * as Files from "node:fs";
import process from "node:process";
import type { InterruptSignal } from "./errors.ts";
import { environmentVariable } from "./runtime.ts";

/** Where a line goes. */
export type Stream = "stdout" | "stderr";

/** The world as the command line sees it. Tests pass their own. */
export interface Io {
  /** Value of an environment variable; undefined when unset or, on Deno, not permitted. */
  env(name: string): string | undefined;
  /** Writes text as it is. A closed pipe (`| head -1`) is not an error: see {@linkcode Io.closed}. */
  write(stream: Stream, text: string): void;
  /** Whether the reader of a stream went away. */
  closed(stream: Stream): boolean;
  /** Whether a stream is a terminal. */
  isTerminal(stream: Stream): boolean;
  /** Everything on standard input, as UTF-8. */
  readStdin(): Promise<string>;
  /**
   * Text of a file, or undefined when there is none.
   *
   * @param maxBytes For a file that the checkout may have planted: a link, a pipe, a device or a larger one is not opened.
   * @throws when it cannot be read, or is not opened.
   */
  readFile(path: string, maxBytes?: number): string | undefined;
  /** Where a path leads once every symbolic link is followed, or undefined when there is nothing. @throws when it cannot be told. */
  realPath(path: string): string | undefined;
  /**
   * Writes a file under a new name and renames it into place, so that a reader never sees half of it.
   * @throws when the directory cannot be made or written, when `path` or one of its relative parents is a symbolic link, or
   * when `path` is there and no ordinary file.
   */
  writeFile(path: string, text: string): void;
  /** Appends to a file of the CI system, which may well be a link. @throws when it cannot be written. */
  appendFile(path: string, text: string): void;
  /** Removes a file if it is there. */
  removeFile(path: string): void;
  /** Removes a directory. @throws when it is not there, or not empty. */
  removeDirectory(path: string): void;
  /** Calls `handler` for SIGINT and SIGTERM until the returned function is called. */
  onSignal(handler: (signal: InterruptSignal) => void): () => void;
  /** Ends the process at once. Only for a second signal: output that is still on its way may be lost. */
  exitNow(code: number): void;
}

function isLink(fs: typeof Files, path: string): boolean {
  return fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

function parentOf(path: string): string {
  const cut = path.replace(/\/+$/, "").lastIndexOf("/");
  return cut < 0 ? "." : path.slice(0, Math.max(cut, 1));
}

/** How many parts of a path are the caller's own choice: those down to the working directory, or to the last two. */
function trustedParts(parts: readonly string[]): number {
  if (parts[0] !== "") return 0;
  let here: string[] = [];
  try {
    here = process.cwd().split("/");
  } catch {
    // Deno without permission to read it, or a directory that is gone.
  }
  const below = here.length > 1 && here.every((part, index) => part === parts[index]);
  return Math.min(below ? here.length : Infinity, Math.max(parts.length - 2, 0));
}

/**
 * Throws when `path`, or a directory above it as far as it is relative or below the working directory, is a symbolic link: a
 * checkout can plant one to make us write elsewhere. Of other absolute paths only the last two parts are looked at.
 */
function refuseLinks(fs: typeof Files, path: string): void {
  // An empty part would ask for what a link leads to.
  const parts = path.split("/").filter((part, index) => part !== "" || index === 0);
  const from = trustedParts(parts) + 1;
  for (let count = from; count <= parts.length; count++) {
    const prefix = parts.slice(0, count).join("/");
    if (prefix !== "" && prefix !== "." && isLink(fs, prefix)) {
      throw new Error(`it is reached through the symbolic link ${JSON.stringify(prefix)}`);
    }
  }
}

/** Not `recursive`: Node 20 then tries for ever in a file system such as `/proc`, which refuses a directory as "not found". */
function makeDirectory(fs: typeof Files, path: string): void {
  if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = parentOf(path);
  if (parent !== path) makeDirectory(fs, parent);
  try {
    fs.mkdirSync(path);
  } catch (error) {
    // Another job may have been quicker.
    if ((error as { code?: string }).code !== "EEXIST") throw error;
  }
}

function writeFile(fs: typeof Files, path: string, text: string): void {
  refuseLinks(fs, path);
  // Renaming onto a device works for root: `/dev/null` would be an ordinary file from then on.
  if (fs.lstatSync(path, { throwIfNoEntry: false })?.isFile() === false) throw new Error("it is not an ordinary file");
  makeDirectory(fs, parentOf(path));
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    fs.writeFileSync(temporary, text, { flag: "wx", mode: 0o644 });
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

function readFile(fs: typeof Files, path: string, maxBytes?: number): string | undefined {
  if (maxBytes !== undefined) {
    const facts = fs.lstatSync(path, { throwIfNoEntry: false });
    if (facts === undefined) return undefined;
    if (!facts.isFile()) throw new Error("it is not an ordinary file");
    if (facts.size > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
  }
  try {
    return fs.readFileSync(path, "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

function realPath(fs: typeof Files, path: string): string | undefined {
  try {
    return fs.realpathSync(path);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

async function readStdin(): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  let size = 0;
  for (const chunk of chunks) size += chunk.length;
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return new TextDecoder().decode(all);
}

/** The real world. */
export async function processIo(): Promise<Io> {
  // Not a static import, which a bundler would move to the top of the file: it doubles the time that Deno takes to start.
  const fs = await import("node:fs");
  const closed: Record<Stream, boolean> = { stdout: false, stderr: false };
  const listening: Record<Stream, boolean> = { stdout: false, stderr: false };

  function output(stream: Stream) {
    const target = process[stream];
    if (!listening[stream]) {
      listening[stream] = true;
      // Without a listener the three runtimes end with 1 when the reader has gone (measured with `| head -1`).
      target.on("error", () => {
        closed[stream] = true;
      });
    }
    return target;
  }

  return {
    env: environmentVariable,
    write(stream, text) {
      if (!closed[stream]) output(stream).write(text);
    },
    closed: (stream) => closed[stream],
    isTerminal: (stream) => process[stream].isTTY === true,
    readStdin,
    readFile: (path, maxBytes) => readFile(fs, path, maxBytes),
    realPath: (path) => realPath(fs, path),
    writeFile: (path, text) => writeFile(fs, path, text),
    appendFile: (path, text) => fs.appendFileSync(path, text),
    removeFile: (path) => fs.rmSync(path, { force: true }),
    removeDirectory: (path) => fs.rmdirSync(path),
    onSignal(handler) {
      const signals: InterruptSignal[] = ["SIGINT", "SIGTERM"];
      const listeners = signals.map((signal) => [signal, () => handler(signal)] as const);
      for (const [signal, listener] of listeners) process.on(signal, listener);
      return () => {
        for (const [signal, listener] of listeners) process.off(signal, listener);
      };
    },
    exitNow(code) {
      process.exit(code);
    },
  };
}

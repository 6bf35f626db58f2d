/**
 * The one place that touches the process, its files and its environment; everything else gets an {@linkcode Io}.
 *
 * Nothing is read at import time, so that a script may import the library without any permission.
 *
 * @module
 */
import * as fs from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { InterruptSignal } from "./errors.ts";

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
  /** Text of a file, or undefined when there is none. @throws when it cannot be read. */
  readFile(path: string): string | undefined;
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
  /** Calls `handler` for SIGINT and SIGTERM until the returned function is called. */
  onSignal(handler: (signal: InterruptSignal) => void): () => void;
  /** Ends the process at once. Only for a second signal: output that is still on its way may be lost. */
  exitNow(code: number): void;
}

/** Name and version of the JavaScript runtime, as `node/20.11.0`. */
export function runtimeName(): string {
  const versions: Record<string, string | undefined> = process.versions;
  for (const name of ["bun", "deno"]) if (versions[name]) return `${name}/${versions[name]}`;
  return `node/${versions.node ?? "unknown"}`;
}

/** What `import.meta` holds, as far as {@linkcode isMain} looks at it. */
export interface ModuleMeta {
  /** True or false where the runtime knows; absent before Node 22.18 and 24.2. */
  main?: boolean;
  /** URL of the module. */
  url: string;
}

/**
 * Whether the module is the one that the runtime was started with.
 *
 * Takes the whole `import.meta`: bundlers rewrite the literal `import.meta.main`, and Node 20 does not have it.
 *
 * @param meta `import.meta` of the caller.
 * @param fileName When given, the module must also really be called so: a user's script that was bundled together with
 * ours has an `import.meta` of its own, and must not run our command.
 */
export function isMain(meta: ModuleMeta, fileName?: string): boolean {
  try {
    if (fileName !== undefined && new URL(meta.url).pathname.split("/").at(-1) !== fileName) return false;
    if (typeof meta.main === "boolean") return meta.main;
    const started = process.argv[1];
    if (started === undefined) return false;
    return fs.realpathSync(started) === fs.realpathSync(fileURLToPath(meta.url));
  } catch {
    return false;
  }
}

/** Sets the code that the process ends with once nothing is left to do. */
export function setExitCode(code: number): void {
  process.exitCode = code;
}

/** The arguments after the program's name. */
export function programArgs(): string[] {
  return process.argv.slice(2);
}

/** Arguments of the runtime itself, before the program's name. */
export function runtimeArgs(): string[] {
  return process.execArgv;
}

/** Value of an environment variable of this process; on Deno a variable that is not permitted counts as unset. */
export function environmentVariable(name: string): string | undefined {
  try {
    return process.env[name];
  } catch {
    return undefined;
  }
}

function isLink(path: string): boolean {
  return fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

function parentOf(path: string): string {
  const cut = path.replace(/\/+$/, "").lastIndexOf("/");
  return cut < 0 ? "." : path.slice(0, Math.max(cut, 1));
}

/**
 * Throws when `path`, or a directory above it as far as the path is relative, is a symbolic link: a checkout can plant one
 * to make us write elsewhere. Absolute paths are the caller's own choice, so only their last two parts are looked at.
 */
function refuseLinks(path: string): void {
  const parts = path.split("/");
  const from = path.startsWith("/") ? Math.max(parts.length - 1, 1) : 1;
  for (let count = from; count <= parts.length; count++) {
    const prefix = parts.slice(0, count).join("/");
    if (prefix !== "" && prefix !== "." && isLink(prefix)) {
      throw new Error(`it is reached through the symbolic link ${JSON.stringify(prefix)}`);
    }
  }
}

function writeFile(path: string, text: string): void {
  refuseLinks(path);
  // Renaming onto a device works for root: `/dev/null` would be an ordinary file from then on.
  if (fs.lstatSync(path, { throwIfNoEntry: false })?.isFile() === false) throw new Error("it is not an ordinary file");
  const directory = parentOf(path);
  fs.mkdirSync(directory, { recursive: true });
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    fs.writeFileSync(temporary, text, { flag: "wx", mode: 0o644 });
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

function readFile(path: string): string | undefined {
  try {
    return fs.readFileSync(path, "utf8");
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
export function processIo(): Io {
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
    readFile,
    writeFile,
    appendFile: (path, text) => fs.appendFileSync(path, text),
    removeFile: (path) => fs.rmSync(path, { force: true }),
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

import * as fs from "node:fs";
import process from "node:process";
import { isatty } from "node:tty";
import { OVER, systemClock } from "./clock.ts";
import { messageOf } from "./error_sentence.ts";
import { type InterruptSignal, UsageError } from "./errors.ts";
import { EXIT } from "./exit_codes.ts";
import { decodeUtf8, environmentVariable, isNotPermitted, NotRegularFileError, workingDirectory } from "./runtime.ts";

export type Stream = "stdout" | "stderr";

/** A checkout can contain a link that points anywhere. */
type LinkRule = "refuse" | "follow";

/** Use `replace` only for text that is searched and never sent. */
type DecodeRule = "refuse" | "replace";

/** The largest text that the service accepts is about half a million bytes. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

export interface GrowingFile {
  /** Appends the whole text, or throws and appends nothing. */
  write(text: string): void;
  close(): void;
}

export interface Io {
  env(name: string): string | undefined;
  /** Never throws: see {@linkcode Io.closed}. */
  write(stream: Stream, text: string): void;
  /** Whether the reader has closed the stream (`| head -1`), or the stream cannot be written. */
  closed(stream: Stream): boolean;
  /** Whether `stderr` is written to `stdout`. */
  isOneStream?: boolean;
  /**
   * Whether a stream is a terminal. With `process`, whether this process has a terminal, even if all its streams are redirected. On Deno, this
   * requires `--allow-all`.
   */
  isTerminal(stream: Stream | "stdin" | "process"): boolean;
  /**
   * Writes to the terminal of this process, even if the streams are redirected. Does nothing if there is no terminal, or if Deno does not permit
   * writing to it.
   */
  writeTerminal(text: string): void;
  readStdin(): Promise<string>;
  /** @param links By default, `refuse` with `maxBytes`, otherwise `follow`. */
  readFile(path: string, maxBytes?: number, links?: LinkRule, decoding?: DecodeRule): string | undefined;
  /** Symbolic links are left out. */
  folders(path: string): string[];
  realPath(path: string): string | undefined;
  writeFile(path: string, text: string, always?: boolean): void;
  /** If several processes try at the same time, exactly one succeeds. A reader may see an empty file for a moment. */
  createFile(path: string, text: string): boolean;
  growFile(path: string): GrowingFile;
  appendFile(path: string, text: string, links?: LinkRule): void;
  removeFile(path: string): void;
  removeDirectory(path: string): void;
  /** @param inJob If `true`, `handler` is also called with SIGTERM when the job's shell has ended. */
  onSignal(handler: (signal: InterruptSignal) => void, inJob?: boolean): () => void;
  /** Use this only for a second signal, because output that is not yet written may be lost. */
  exitNow(code: number): void;
}

export function parentOf(path: string): string {
  const cut = path.replace(/\/+$/, "").lastIndexOf("/");
  return cut < 0 ? "." : path.slice(0, Math.max(cut, 1));
}

/**
 * Number of leading parts of a path that a checkout cannot control. For a relative path, this is 0. For an absolute path below the working directory,
 * this is the number of parts of the working directory. For any other absolute path, this is the number of all parts except the last two. The last
 * two parts are never included.
 */
function trustedParts(parts: readonly string[]): number {
  if (parts[0] !== "") return 0;
  const here = workingDirectory()?.split("/") ?? [];
  const below = here.length > 1 && here.every((part, index) => part === parts[index]);
  return Math.min(below ? here.length : Infinity, Math.max(parts.length - 2, 0));
}

/** Replaces the type from `node:fs`, so that our declarations do not need Node's types. */
type LinkFacts = (path: string, options: { throwIfNoEntry: false }) => { isSymbolicLink(): boolean } | undefined;

/** Throws if `path`, or a directory above it that a checkout may control, is a symbolic link. Such a link would make us write somewhere else. */
export function refuseLinks(fs: { lstatSync: LinkFacts }, path: string): void {
  // A prefix with an empty last part would end in `/`, and `lstat` would follow a link before the `/`.
  const parts = path.split("/").filter((part, index) => part !== "" || index === 0);
  const from = trustedParts(parts) + 1;
  for (let count = from; count <= parts.length; count++) {
    const prefix = parts.slice(0, count).join("/");
    if (prefix !== "" && prefix !== "." && fs.lstatSync(prefix, { throwIfNoEntry: false })?.isSymbolicLink()) {
      throw new Error(`its path contains the symbolic link ${JSON.stringify(prefix)}`);
    }
  }
}

type DirectoryFiles = Pick<typeof fs, "statSync" | "mkdirSync">;

/**
 * Does not use `recursive`: with that option, Node 20 never returns if `mkdir` answers "not found", as it does in `/proc` and in a working directory
 * that was deleted.
 */
export function makeDirectory(files: DirectoryFiles, path: string): void {
  if (files.statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  try {
    const parent = parentOf(path);
    if (parent !== path) makeDirectory(files, parent);
    files.mkdirSync(path);
  } catch (error) {
    // With `recursive`, Deno creates the parents of a permitted path without a permission for them.
    if (isNotPermitted(error)) files.mkdirSync(path, { recursive: true });
    // Another job may have created the directory in the meantime.
    else if (!files.statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}

function overwrite(path: string, text: string): void {
  const before = fs.readFileSync(path);
  const file = fs.openSync(path, fs.constants.O_WRONLY | (fs.constants.O_NOFOLLOW ?? 0));
  const put = (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length;) at += fs.writeSync(file, bytes, at, bytes.length - at, at);
    fs.ftruncateSync(file, bytes.length);
  };
  try {
    put(new TextEncoder().encode(text));
  } catch (error) {
    put(before);
    throw error;
  } finally {
    fs.closeSync(file);
  }
}

export function isFull(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT"].includes((error as { code?: string } | null)?.code ?? "");
}

/** A text about as long as the reports of a short run. An empty file would prove nothing, because even a full disk has room for it. */
const PROBE = " ".repeat(65_536);

export function proveWritable(io: Pick<Io, "writeFile" | "removeFile">, path: string): void {
  io.writeFile(path, PROBE);
  io.removeFile(path);
}

function writeFile(path: string, text: string, always = false): void {
  refuseLinks(fs, path);
  // The superuser can rename a file onto a device, which would turn `/dev/null` into a regular file.
  if (fs.lstatSync(path, { throwIfNoEntry: false })?.isFile() === false) throw new NotRegularFileError();
  makeDirectory(fs, parentOf(path));
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    fs.writeFileSync(temporary, text, { flag: "wx", mode: 0o644 });
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    if (!always || !isFull(error) || !fs.existsSync(path)) throw error;
    overwrite(path, text);
  }
}

function createFile(path: string, text: string): boolean {
  refuseLinks(fs, path);
  makeDirectory(fs, parentOf(path));
  try {
    fs.writeFileSync(path, text, { flag: "wx", mode: 0o644 });
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") return false;
    throw error;
  }
}

function growFile(path: string): GrowingFile {
  writeFile(path, "");
  const file = fs.openSync(path, "a");
  return {
    write(text) {
      const { size } = fs.fstatSync(file);
      try {
        fs.appendFileSync(file, text);
      } catch (error) {
        fs.ftruncateSync(file, size);
        throw error;
      }
    },
    close: () => fs.closeSync(file),
  };
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function unlessAbsent<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

function readRegularFile(path: string, maxBytes: number, links: LinkRule): Uint8Array | undefined {
  function check(facts: fs.Stats): void {
    if (!facts.isFile()) throw new NotRegularFileError();
    if (facts.size > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
  }

  const facts = (links === "follow" ? fs.statSync : fs.lstatSync)(path, { throwIfNoEntry: false });
  if (facts === undefined) return undefined;
  // Check the facts before opening, too: opening a pipe waits for a writer, and opening a device may have an effect.
  check(facts);
  const { O_RDONLY, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = fs.constants;
  const file = fs.openSync(path, O_RDONLY | O_NONBLOCK | (links === "follow" ? 0 : O_NOFOLLOW));
  try {
    // Another process may have replaced the file, and a file may grow while it is read.
    check(fs.fstatSync(file));
    const bytes = new Uint8Array(Math.min(maxBytes + 1, 65_536));
    const chunks: Uint8Array[] = [];
    let size = 0;
    for (let count = 1; count > 0;) {
      count = fs.readSync(file, bytes, 0, bytes.length, null);
      chunks.push(bytes.slice(0, count));
      size += count;
      if (size > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
    }
    return joined(chunks);
  } finally {
    fs.closeSync(file);
  }
}

function readFile(
  path: string,
  maxBytes?: number,
  links: LinkRule = maxBytes === undefined ? "follow" : "refuse",
  decoding: DecodeRule = "refuse",
): string | undefined {
  const limit = maxBytes ?? (decoding === "replace" ? Infinity : MAX_TEXT_BYTES);
  const bytes = unlessAbsent(() => readRegularFile(path, limit, links));
  if (bytes === undefined) return undefined;
  return decoding === "replace" ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes) : decodeUtf8(bytes);
}

function folders(path: string): string[] {
  try {
    return fs.readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory())
      .map(({ name }) => name).sort();
  } catch {
    // The directory is absent, or Deno is not allowed to read it.
    return [];
  }
}

async function readStdin(): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    size += chunk.length;
    if (size > MAX_TEXT_BYTES) {
      throw new UsageError(`Cannot read standard input: it is larger than ${MAX_TEXT_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  try {
    return decodeUtf8(joined(chunks)).replace(/^\ufeff/, "");
  } catch (cause) {
    const why = messageOf(cause);
    throw new UsageError({ attempted: "read standard input", why }, { cause });
  }
}

// Detects that the shell of a job has ended. GitLab's shell executor with `--user` runs the shell below `su`. A cancelled job loses its shell, and no
// signal reaches the program. Source: util-linux, su-common.c.

const LOOK_MS = 1_000;
const SHELL = /^(?:[abdkz]|ba|da|mk)?sh$|^busybox$/;
const MAX_PARENTS = 8;

/** `undefined` if the facts cannot be read, such as on systems other than Linux, or on Deno without all permissions. */
function processFacts(pid: number): { name: string; parent: number } | undefined {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name may have spaces and parentheses. Source: proc_pid_stat(5).
    const end = text.lastIndexOf(")");
    return { name: text.slice(text.indexOf("(") + 1, end), parent: Number(text.slice(end + 2).split(" ")[1]) };
  } catch {
    return undefined;
  }
}

/**
 * GitLab Runner runs each script in a subshell, which outlives the shell of the job, so the parents of the shells above this process are checked as
 * well.
 */
function onParentGone(parent: number, gone: () => void): () => void {
  const shells: (readonly [pid: number, parent: number])[] = [];
  for (let pid = parent; shells.length < MAX_PARENTS;) {
    const facts = processFacts(pid);
    if (facts === undefined || !SHELL.test(facts.name)) break;
    shells.push([pid, facts.parent]);
    pid = facts.parent;
  }
  const hasGone = () =>
    process.ppid !== parent || shells.some(([pid, before]) => (processFacts(pid)?.parent ?? before) !== before);
  const over = new AbortController();
  async function watch(): Promise<void> {
    while (!hasGone()) await systemClock.sleep(LOOK_MS, { signal: over.signal, background: true });
    gone();
  }
  watch().catch(() => {});
  return () => over.abort(OVER);
}

function isClosedPipe({ code, name }: { code?: string; name?: string }): boolean {
  return code === "EPIPE" || name === "BrokenPipe";
}

export function unwrittenLine(error: unknown): string {
  return `Cannot write to standard output: ${messageOf(error)}; the output is incomplete\n`;
}

function writeTerminal(text: string): boolean {
  try {
    const { O_WRONLY, O_NOCTTY = 0 } = fs.constants;
    const terminal = fs.openSync("/dev/tty", O_WRONLY | O_NOCTTY);
    if (text !== "") fs.writeSync(terminal, text);
    fs.closeSync(terminal);
    return true;
  } catch {
    return false;
  }
}

/** The process exits with 69 instead of 0 if stdout could not be written. */
export function processIo(): Io & { setExitCode(code: number): void } {
  const closed: Record<Stream, boolean> = { stdout: false, stderr: false };
  const listening: Record<Stream, boolean> = { stdout: false, stderr: false };
  const parent = process.ppid;
  let isLost = false;
  let exitCode: number | undefined;

  function setExitCode(code: number): void {
    exitCode = code;
    process.exitCode = isLost && code === EXIT.success ? EXIT.unavailable : code;
  }

  function lose(stream: Stream, error: unknown): void {
    closed[stream] = true;
    if (stream === "stderr" || isLost || isClosedPipe(error as Error)) return;
    isLost = true;
    write("stderr", unwrittenLine(error));
    if (exitCode !== undefined) setExitCode(exitCode);
  }

  function output(stream: Stream) {
    const target = process[stream];
    if (!listening[stream]) {
      listening[stream] = true;
      // Without a listener, all three runtimes exit with 1 when the reader closes the pipe (measured with `| head -1`).
      target.on("error", (error) => lose(stream, error));
    }
    return target;
  }

  function write(stream: Stream, text: string): void {
    if (closed[stream]) return;
    try {
      output(stream).write(text);
    } catch (error) {
      // When the output is a file, Deno throws if a write fails.
      lose(stream, error);
    }
  }

  return {
    setExitCode,
    env: environmentVariable,
    write,
    closed: (stream) => closed[stream],
    // Reading `process.stdin` would open it.
    isTerminal: (stream) => {
      if (stream === "process") return writeTerminal("");
      return stream === "stdin" ? isatty(0) : process[stream].isTTY === true;
    },
    writeTerminal: (text) => void writeTerminal(text),
    readStdin,
    readFile: (path, maxBytes, links, decoding) => readFile(path, maxBytes, links, decoding),
    realPath: (path) => unlessAbsent(() => fs.realpathSync(path)),
    writeFile: (path, text, always) => writeFile(path, text, always),
    createFile: (path, text) => createFile(path, text),
    growFile: (path) => growFile(path),
    appendFile(path, text, links = "follow") {
      if (links === "refuse") refuseLinks(fs, path);
      const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK = 0 } = fs.constants;
      // Opening a pipe that has no reader would wait for one, and signals would not be handled in the meantime. With this flag, opening fails.
      fs.closeSync(fs.openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK));
      fs.appendFileSync(path, text);
    },
    folders,
    removeFile: (path) => fs.rmSync(path, { force: true }),
    removeDirectory: (path) => fs.rmdirSync(path),
    onSignal(handler, inJob = false) {
      const signals: InterruptSignal[] = ["SIGHUP", "SIGINT", "SIGTERM"];
      const forget = inJob ? onParentGone(parent, () => handler("SIGTERM")) : () => {};
      const heard = (signal: InterruptSignal) => {
        forget();
        handler(signal);
      };
      const listeners = signals.map((signal) => [signal, () => heard(signal)] as const);
      for (const [signal, listener] of listeners) process.on(signal, listener);
      return () => {
        forget();
        for (const [signal, listener] of listeners) process.off(signal, listener);
      };
    },
    exitNow: (code) => process.exit(code),
  };
}

/**
 * Nothing is read at import time, so a script can import the library without any permission.
 *
 * @module
 */
// Import the namespace. If single names were imported, a name that only a program uses would stay in the files of the library.
import * as fs from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { valueOr } from "./lookup.ts";

export function runtimeName(): string {
  const { bun, deno, node = "unknown" }: { bun?: string; deno?: string; node?: string } = process.versions;
  return bun ? `bun/${bun}` : deno ? `deno/${deno}` : `node/${node}`;
}

/**
 * Makes Node collect garbage before it requests more memory. By default, V8 lets the heap grow by up to 256 MB first, but the container of a CI job
 * might have no more memory. Call this only in our own process, never in a script's. Deno and Bun have no such setting.
 */
export function preferSmallHeap(): void {
  if (runtimeName().startsWith("node/")) setFlagsFromString("--optimize-for-size");
}

interface ModuleMeta {
  /** Absent in Node before 22.18 and 24.2. */
  main?: boolean;
  url: string;
}

/**
 * Takes the whole `import.meta`, because bundlers rewrite the literal `import.meta.main`, and Node 20 does not have it.
 *
 * @param fileName Required name of the module's file. A user's script that was bundled with this library has its own `import.meta`, and must not run
 * our command.
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

/**
 * Prints the whole output of a program that prints nothing else. `Io.write` would open a stream, which takes 10 ms on Bun. A closed pipe is not an
 * error.
 */
export function printText(text: string): void {
  const bytes = new TextEncoder().encode(text);
  let written = 0;
  try {
    while (written < bytes.length) written += fs.writeSync(1, bytes, written);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EPIPE") return;
    // A nonblocking pipe is full.
    if (code !== "EAGAIN") throw error;
    // deno-lint-ignore no-console
    console.log(new TextDecoder().decode(bytes.subarray(written)).replace(/\n$/, ""));
  }
}

export function setExitCode(code: number): void {
  process.exitCode = code;
}

export interface TerminalSize {
  columns: number;
  rows: number;
}

export function terminalSize(): TerminalSize | undefined {
  const { isTTY, columns, rows } = process.stdout;
  // Some pseudo-terminals report 0 by 0.
  return isTTY && columns > 0 && rows > 0 ? { columns, rows } : undefined;
}

export function programArgs(): string[] {
  return process.argv.slice(2);
}

interface Started {
  file: string;
  cwd: string | undefined;
  runtime: string;
  /** Deno does not reveal them. */
  flags?: readonly string[];
}

/**
 * The command with which a user would call the program again. A link or wrapper on the PATH, whose name has no extension, is called by name. Any
 * other file is passed to its runtime, with the runtime's flags: `node mogplex.mjs`.
 */
export function callOf({ file, cwd, runtime, flags = [] }: Started, fallback: string): string {
  const name = file.split(/[\\/]/).at(-1) ?? "";
  if (/^[\w-]+$/.test(name)) return name;
  if (!/^[\w./:@+-]+\.m?[jt]s$/.test(file) || file.includes("/node_modules/")) return fallback;
  const path = cwd !== undefined && file.startsWith(`${cwd}/`) ? file.slice(cwd.length + 1) : file;
  if (runtime === "deno") {
    // Deno does not reveal its flags. By default, it reads the configuration and lock file of the checkout, and grants no permissions. The program
    // prints the permissions that it needs.
    const deno = "deno run --no-config --no-lock --no-prompt";
    return `${deno} $(${deno} --allow-env ${path} permissions) ${path}`;
  }
  const plainFlags = flags.every((flag) => /^[\w./:@=+-]+$/.test(flag)) ? flags : [];
  return [runtime, ...plainFlags, path].join(" ");
}

export function programFile(): string {
  return process.argv[1] ?? "";
}

/** `undefined` if Deno is not allowed to read the working directory, or if the directory was removed. */
export function workingDirectory(): string | undefined {
  return valueOr(() => process.cwd(), undefined);
}

export function programCall(fallback: string): string {
  const cwd = workingDirectory();
  return callOf(
    { file: programFile(), cwd, runtime: runtimeName().split("/")[0] as string, flags: runtimeArgs() },
    fallback,
  );
}

export function runtimeArgs(): string[] {
  return process.execArgv;
}

/** `undefined` if the variable is unset or, on Deno, not permitted. */
export function environmentVariable(name: string): string | undefined {
  return valueOr(() => process.env[name], undefined);
}

export function isVariableRefused(name: string): boolean {
  return valueOr(() => process.env[name] === null, true);
}

/** Deno documents the name `NotCapable`. */
export function isNotPermitted(error: unknown): error is Error {
  return error instanceof Error && error.name === "NotCapable";
}

/** `undefined` on Deno without the permission to read every variable. */
function variableNames(): string[] | undefined {
  return valueOr(() => Object.keys(process.env), undefined);
}

const UTF16 = "it is UTF-16: save it as UTF-8";

/** Whether every second byte at the start is NUL, as in Latin text in UTF-16 without a byte order mark. */
function looksLikeUtf16(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 256);
  return [0, 1].some((from) => head.length >= 4 && head.every((byte, index) => index % 2 !== from || byte === 0));
}

/**
 * Decodes UTF-8, and keeps a byte order mark. Throws for any other input, because a task must not be sent with U+FFFD or NUL in place of its
 * characters. The message is a clause: `it is UTF-16: save it as UTF-8`.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe || first === 0xfe && second === 0xff) throw new Error(UTF16);
  if (bytes.includes(0)) throw new Error(looksLikeUtf16(bytes) ? UTF16 : "it contains NUL bytes, so it is not text");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Error("it is not UTF-8: save it as UTF-8");
  }
}

const MAX_BYTES = 65_536;

export class NotRegularFileError extends Error {
  constructor() {
    super("it is not a regular file");
  }
}

/** The function is synchronous, because the token file is read while a client is created. */
export function readFileNow(path: string): string {
  const facts = fs.statSync(path);
  if (!facts.isFile()) throw new NotRegularFileError();
  if (facts.size > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
  return decodeUtf8(fs.readFileSync(path));
}

export interface Machine {
  runtime: string;
  args: readonly string[];
  names: readonly string[] | undefined;
  refuses(name: string): boolean;
}

export function thisMachine(): Machine {
  return { runtime: runtimeName(), args: runtimeArgs(), names: variableNames(), refuses: isVariableRefused };
}

export function runtimeParts({ runtime }: Machine): { name: string; version: string } {
  const [name = "", version = ""] = runtime.split("/");
  return { name, version };
}

export function isAtLeast(version: string, oldest: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldMajor = 0, oldMinor = 0] = oldest.split(".").map(Number);
  return major > oldMajor || (major === oldMajor && minor >= oldMinor);
}

/**
 * What is known of the process without touching a file or opening a stream: all that a start of the program costs.
 *
 * Only this module and `io.ts` touch the process; everything else gets an `Io`. Nothing is read at import time, so that a script may
 * import the library without any permission.
 *
 * @module
 */
import process from "node:process";

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
export async function isMain(meta: ModuleMeta, fileName?: string): Promise<boolean> {
  try {
    if (fileName !== undefined && new URL(meta.url).pathname.split("/").at(-1) !== fileName) return false;
    if (typeof meta.main === "boolean") return meta.main;
    const started = process.argv[1];
    if (started === undefined) return false;
    const [fs, { fileURLToPath }] = await Promise.all([import("node:fs"), import("node:url")]);
    return fs.realpathSync(started) === fs.realpathSync(fileURLToPath(meta.url));
  } catch {
    return false;
  }
}

/**
 * Prints a text that is all that a program has to say. Cheaper than `Io.write`, which opens a stream: that alone costs 10 ms
 * on Bun. A reader that went away is no error here on any runtime.
 */
export function printText(text: string): void {
  // deno-lint-ignore no-console
  console.log(text.replace(/\n$/, ""));
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

/** Whether the runtime keeps a variable from us: on Deno, one that is not permitted. */
export function isVariableRefused(name: string): boolean {
  try {
    return process.env[name] === null;
  } catch {
    return true;
  }
}

/** Whether something failed because Deno may not do it: only its own error has this name, which it documents. */
export function isNotPermitted(error: unknown): boolean {
  return error instanceof Error && error.name === "NotCapable";
}

/** Names of all environment variables; undefined where they may not be listed: on Deno without permission for every one. */
export function variableNames(): string[] | undefined {
  try {
    return Object.keys(process.env);
  } catch {
    return undefined;
  }
}

/**
 * Text of a file, for the one place that has to read one before it may wait.
 *
 * @throws when it cannot be read, and on Node before 20.16, which cannot load `node:fs` there.
 */
export function readFileNow(path: string): string {
  return process.getBuiltinModule("node:fs").readFileSync(path, "utf8");
}
